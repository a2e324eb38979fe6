//! What mappings can say beyond columns: look-ups, matches by name, conditions, forms of words, shared tables.

use cabd_core::catalog::Relation;
use cabd_core::load::{LoadOptions, Match, NoteKind, source_id};
use cabd_core::memory::MemoryStore;
use cabd_core::store::{AuditStore, FeatureStoreExt, RecordQuery, StoreExt};
use cabd_core::{FeatureQuery, Value};

use crate::load::{inventory, loaded, of, one, run, text};

const DAMS: &str = r#"
    type = "dams"
    [source]
    name = "Dams"
    id = ["id"]
    [point]
    crs = "EPSG:4617"
    x = "lon"
    y = "lat"
    [[fields]]
    to = "dam_name_en"
    from = ["name"]
    [[fields]]
    to = "dam_name_fr"
    from = ["nom"]
    [[fields]]
    to = "complete_level_code"
    constant = 1
"#;

const PLANTS: &str = r#"
    type = "dams"
    [source]
    name = "Plants"
    id = ["plant"]
    [match]
    rule = "near:500,name"
    names = ["plant"]
    otherwise = "reject"
    [point]
    crs = "EPSG:4617"
    x = "lon"
    y = "lat"
    [[fields]]
    to = "owner"
    from = ["owner"]
    [[fields]]
    to = "complete_level_code"
    constant = 1
"#;

async fn dams(store: &MemoryStore, csv: &str) {
    let (report, rejected) = loaded(store, vec![text("d.csv", csv)], of(DAMS))
        .await
        .unwrap();
    assert_eq!(report.rejected, 0, "{rejected:?}");
}

async fn owner(store: &MemoryStore, name: &str) -> Value {
    one(store, "dams", &format!("dam_name_en:eq:{name}"))
        .await
        .value(0, "owner")
}

#[test]
fn a_row_joins_the_near_feature_of_its_name_and_no_other() {
    run(async {
        let store = inventory().await;
        dams(
            &store,
            "id,name,nom,lon,lat\n\
             1,Mill Creek Dam,,-75.5,45.4\n\
             2,Ash River Dam,Barrage de la Cendre,-75.5001,45.4\n\
             3,Ash River Upper Dam,,-75.50005,45.4\n\
             4,Far Dam,,-75.6,45.4\n\
             5,Bench-2 Dam,,-75.5,45.4001\n",
        )
        .await;
        let csv = "plant,owner,lon,lat\n\
            Ash River Generating Station,A,-75.5,45.4\n\
            Centrale de la Cendre,B,-75.5,45.4\n\
            Far,C,-75.5,45.4\n\
            Bench-3,D,-75.5,45.4\n\
            Bench,E,-75.5,45.4\n\
            Mill Creek,F,,\n";
        let (report, rejected) = loaded(&store, vec![text("p.csv", csv)], of(PLANTS))
            .await
            .unwrap();
        assert_eq!((report.inserted, report.updated), (0, 2), "{report:#?}");
        let why: Vec<_> = rejected
            .iter()
            .map(|r| (r.line, r.field.as_str(), r.value.as_str()))
            .collect();
        let id = one(&store, "dams", "dam_name_en:eq:Ash River Dam")
            .await
            .value(0, "cabd_id")
            .as_uuid()
            .unwrap()
            .to_string();
        assert_eq!(
            why,
            [
                (3, "cabd_id", id.as_str()),
                (4, "match", "Far"),
                (5, "match", "Bench-3"),
                (7, "lon, lat", ""),
            ]
        );
        assert_eq!(owner(&store, "Ash River Dam").await, Value::from("A"));
        assert_eq!(owner(&store, "Ash River Upper Dam").await, Value::Null);
        assert_eq!(owner(&store, "Bench-2 Dam").await, Value::from("E"));
        let head = store.head().await.unwrap();
        let (again, _) = loaded(&store, vec![text("p.csv", csv)], of(PLANTS))
            .await
            .unwrap();
        assert_eq!((again.unchanged, again.rejected), (2, 4), "{again:#?}");
        assert_eq!(store.head().await.unwrap(), head);
    });
}

#[test]
fn the_rule_of_the_load_counts_before_that_of_the_mapping() {
    run(async {
        let store = inventory().await;
        dams(&store, "id,name,nom,lon,lat\n1,Mill Dam,,-75.5,45.4\n").await;
        let csv = "plant,owner,lon,lat\nOther,A,-75.5,45.4\n";
        let mut near = of(PLANTS);
        near.match_rule = Some(Match::Near(10.0));
        near.dry_run = true;
        let (report, _) = loaded(&store, vec![text("p.csv", csv)], near)
            .await
            .unwrap();
        assert_eq!(report.updated, 1);
        for (otherwise, counts) in [
            ("new", (1, 0, 0)),
            ("skip", (0, 1, 0)),
            ("reject", (0, 0, 1)),
        ] {
            let mut options = of(&PLANTS.replace("reject", otherwise));
            options.dry_run = true;
            let (report, _) = loaded(&store, vec![text("p.csv", csv)], options)
                .await
                .unwrap();
            let got = (report.inserted, report.skipped, report.rejected);
            assert_eq!(got, counts, "{otherwise}");
        }
    });
}

#[test]
fn without_name_columns_the_mapped_names_are_compared_and_without_any_the_mapping_is_refused() {
    run(async {
        let store = inventory().await;
        dams(&store, "id,name,nom,lon,lat\n1,Mill Dam,,-75.5,45.4\n").await;
        let mut other = of(&DAMS.replace("\"Dams\"", "\"Others\""));
        other.match_rule = Some("near:500,name".parse().unwrap());
        let csv = "id,name,nom,lon,lat\nx,Mill,Barrage du Moulin,-75.5,45.4\ny,Pond,,-75.5,45.4\n";
        let (report, _) = loaded(&store, vec![text("o.csv", csv)], other)
            .await
            .unwrap();
        assert_eq!((report.inserted, report.updated), (1, 1));
        let nameless = of(&PLANTS.replace("names = [\"plant\"]", ""));
        let e = loaded(&store, vec![text("p.csv", "plant\n")], nameless)
            .await
            .unwrap_err();
        assert_eq!(e.field_name(), Some("match"), "{e:?}");
        for wrong in ["near:500,owner", "near:,name", "near:-1,name", "near:5,"] {
            assert!(wrong.parse::<Match>().is_err(), "{wrong}");
        }
        assert_eq!(Match::NearName(2.5).to_string(), "near:2.5,name");
    });
}

const WAYS: &str = r#"
    type = "fishways"
    [source]
    name = "Ways"
    id = ["name"]
    [point]
    crs = "EPSG:4617"
    x = "lon"
    y = "lat"
    [[fields]]
    to = "structure_name_en"
    from = ["name"]
    [[fields]]
    to = "fishpass_type_code"
    constant = 1
    [[fields]]
    to = "dam_id"
    from = ["dam"]
    lookup = { type = "dams", source = "Dams" }
    unknown = "UNKNOWN"
    [[fields]]
    to = "complete_level_code"
    constant = 1
"#;

#[test]
fn an_identifier_is_looked_up_by_the_key_of_another_source() {
    run(async {
        let store = inventory().await;
        let csv = "name,dam,lon,lat\nA,7.0,-75.5,45.4\nB,8,-75.5,45.4\nC,,-75.5,45.4\n";
        let lenient = WAYS.replace("UNKNOWN", "null");
        let (report, _) = loaded(&store, vec![text("w.csv", csv)], of(&lenient))
            .await
            .unwrap();
        assert_eq!(report.inserted, 3);
        let note = report.notes.iter().find(|n| n.field == "dam_id").unwrap();
        assert_eq!((note.kind, note.count), (NoteKind::DroppedValue, 2));
        assert!(note.first.contains("\"Dams\""), "{note:?}");

        dams(&store, "id,name,nom,lon,lat\n7,Mill Dam,,-75.5,45.4\n").await;
        let strict = of(&WAYS.replace("UNKNOWN", "reject"));
        let (report, rejected) = loaded(&store, vec![text("w.csv", csv)], strict)
            .await
            .unwrap();
        assert_eq!((report.updated, report.unchanged), (1, 1), "{report:#?}");
        assert_eq!(
            (rejected[0].field.as_str(), rejected[0].value.as_str()),
            ("dam_id", "8")
        );
        let dam = one(&store, "dams", "dam_name_en:eq:Mill Dam").await;
        let way = one(&store, "fishways", "structure_name_en:eq:A").await;
        assert_eq!(way.value(0, "dam_id"), dam.value(0, "cabd_id"));
        let rows = RecordQuery::of(Relation::AttributeSource("fishways".into()))
            .with("cabd_id", [way.value(0, "cabd_id")]);
        let rows = store.all_records(&rows).await.unwrap();
        assert_eq!(rows[0].get("dam_id_ds"), &source_id("Ways").into());
    });
}

#[test]
fn rules_that_cannot_work_are_refused_with_the_field() {
    run(async {
        let store = inventory().await;
        let ways = WAYS.replace("UNKNOWN", "null");
        for (wrong, field) in [
            (
                ways.replace("to = \"dam_id\"", "to = \"comments_fr\""),
                "mapping",
            ),
            (
                ways.replace("type = \"dams\", source", "type = \"ponds\", source"),
                "dam_id",
            ),
            (
                ways.replace("type = \"dams\", source", "type = \"barriers\", source"),
                "dam_id",
            ),
            (
                ways.replace("to = \"dam_id\"", "to = \"river_name_en\""),
                "river_name_en",
            ),
            (
                "type = \"dams\"\n[[fields]]\nto = \"height_m\"\nfrom = [\"a\"]\nprefix = \"x\""
                    .to_owned(),
                "height_m",
            ),
        ] {
            let e = loaded(&store, vec![text("w.csv", "name\nA\n")], of(&wrong))
                .await
                .unwrap_err();
            assert_eq!(e.field_name(), Some(field), "{e:?}");
        }
    });
}

#[test]
fn words_have_forms_and_fields_have_conditions_and_prefixes() {
    const MAPPING: &str = r#"
        type = "dams"
        [point]
        crs = "EPSG:4617"
        x = "lon"
        y = "lat"
        [[fields]]
        to = "dam_name_en"
        from = ["name"]
        only = { lang = ["en", "EN-CA"] }
        [[fields]]
        to = "dam_name_fr"
        from = ["name"]
        only = { lang = ["fr"] }
        [[fields]]
        to = "comments"
        from = ["no"]
        prefix = "Dam "
        [[fields]]
        to = "use_electricity_code"
        from = ["uses"]
        words = { h = 1, "h*" = 2, "*h*" = 3, "*" = "" }
        [[fields]]
        to = "complete_level_code"
        constant = 1
    "#;
    run(async {
        let store = inventory().await;
        let csv = "name,lang,no,uses,lon,lat\n\
            A,en,7.0,H,-75.5,45.4\n\
            B,fr,x,HR,-75.5,45.4\n\
            C,en-ca,,RHI,-75.5,45.4\n\
            D,de,9,R,-75.5,45.4\n";
        let (report, rejected) = loaded(&store, vec![text("d.csv", csv)], of(MAPPING))
            .await
            .unwrap();
        assert_eq!(report.inserted, 4, "{rejected:?}");
        assert!(report.notes.is_empty(), "{:?}", report.notes);
        let mut q = FeatureQuery::of("dams");
        q.sort = vec![];
        let mut seen = vec![];
        for batch in store.collect(&q).await.unwrap() {
            for row in 0..batch.rows() {
                let names = [
                    "dam_name_en",
                    "dam_name_fr",
                    "comments",
                    "use_electricity_code",
                ];
                seen.push(names.map(|n| batch.value(row, n)));
            }
        }
        seen.sort_by_key(|row| format!("{row:?}"));
        let mut expected = [
            ["A".into(), Value::Null, "Dam 7.0".into(), Value::Int(1)],
            [Value::Null, "B".into(), "Dam x".into(), Value::Int(2)],
            ["C".into(), Value::Null, Value::Null, Value::Int(3)],
            [Value::Null, Value::Null, "Dam 9".into(), Value::Null],
        ];
        expected.sort_by_key(|row| format!("{row:?}"));
        assert_eq!(seen, expected);
    });
}

#[test]
fn data_sources_are_filled_by_name_and_keep_their_identifiers() {
    const SOURCES: &str = r#"
        table = "cabd.data_source"
        [[fields]]
        to = "name"
        from = ["name"]
        [[fields]]
        to = "full_name"
        from = ["long"]
    "#;
    run(async {
        let store = inventory().await;
        dams(&store, "id,name,nom,lon,lat\n7,Mill Dam,,-75.5,45.4\n").await;
        let csv = "name,long\nDams,All the dams\nNew,Something new\n,Nameless\nNew,Again\n";
        let (report, rejected) = loaded(&store, vec![text("s.csv", csv)], of(SOURCES))
            .await
            .unwrap();
        assert_eq!((report.inserted, report.updated), (1, 1), "{report:#?}");
        assert_eq!(rejected.len(), 2, "{rejected:?}");
        let known = store.data_source_by_name("Dams").await.unwrap();
        assert_eq!(known, Some(source_id("Dams")));
        let sources = store.data_sources().await.unwrap();
        assert_eq!(sources.len(), 2);
        assert!(
            sources
                .iter()
                .any(|s| s.get("full_name") == &Value::from("All the dams"))
        );
        let plain = LoadOptions {
            table: Some("cabd.data_source".into()),
            ..LoadOptions::default()
        };
        let csv = "name,comments\nNew,By hand\n";
        let (report, _) = loaded(&store, vec![text("s.csv", csv)], plain)
            .await
            .unwrap();
        assert_eq!(report.updated, 1, "columns named alike need no mapping");
    });
}

#[test]
fn a_code_of_a_reference_table_is_told_by_its_label() {
    const SPECIES: &str = "table = \"cabd.fish_species\"\n[[fields]]\nto = \"id\"\nfrom = [\"fish\"]\nlabels = true\n\
        [[fields]]\nto = \"common_name\"\nfrom = [\"common\"]\n";
    run(async {
        let store = inventory().await;
        let csv =
            "fish,common\nGaspareau,Gasper\nalosa_sapidissima,American shad\nUnicorn,Unicorn\n";
        let (report, rejected) = loaded(&store, vec![text("f.csv", csv)], of(SPECIES))
            .await
            .unwrap();
        assert_eq!(
            (report.inserted, report.updated, report.unchanged),
            (0, 1, 1)
        );
        assert_eq!(rejected.len(), 1, "{rejected:?}");
    });
}
