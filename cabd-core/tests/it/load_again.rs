//! Loading what the inventory itself wrote, and what it has already.

use std::io::Cursor;

use cabd_core::format::{Format, write_features};
use cabd_core::load::{Input, Match, NoteKind};
use cabd_core::memory::MemoryStore;
use cabd_core::store::{AuditStore, CatalogStore, FeatureStore, FeatureStoreExt};
use cabd_core::synth::Synth;
use cabd_core::{ChangeHead, FeatureQuery, Geometry, Operation, Uuid, Value};

use crate::load::{inventory, loaded, of, plain, run, text};

async fn exported(store: &MemoryStore, feature_type: &str, format: Format) -> Input {
    let answer = store
        .features(&FeatureQuery::of(feature_type))
        .await
        .unwrap();
    let mut out = vec![];
    let mut writer = format
        .writer(&answer.schema, &mut out, Default::default())
        .unwrap();
    write_features(answer.batches, writer.as_mut())
        .await
        .unwrap();
    drop(writer);
    Input::new(format!("export.{}", format.extension()), Cursor::new(out))
}

async fn ids(store: &MemoryStore, feature_type: &str) -> Vec<Uuid> {
    let batches = store
        .collect(&FeatureQuery::of(feature_type))
        .await
        .unwrap();
    let of_batch = |b: &cabd_core::FeatureBatch| {
        (0..b.rows())
            .filter_map(|r| b.value(r, "cabd_id").as_uuid())
            .collect()
    };
    batches.iter().flat_map::<Vec<Uuid>, _>(of_batch).collect()
}

#[test]
fn an_export_of_every_type_loaded_again_changes_nothing_snapped_places_included() {
    run(async {
        let store = inventory().await;
        let catalog = store.catalog().await.unwrap();
        let types: Vec<_> = catalog.types().filter(|t| !t.is_super()).cloned().collect();
        let mut snapped = 0;
        for ft in &types {
            let synth = Synth::new(&catalog, ft.id(), 40, 3).unwrap();
            let (head, operations) = (ChangeHead::default(), synth.stream());
            store.apply(&head, operations).await.unwrap();
            let table = catalog
                .table(&cabd_core::catalog::Relation::feature(ft.id()))
                .unwrap();
            if table.effective.is_some() {
                let half = ids(&store, ft.id()).await.into_iter().take(20).enumerate();
                let moved = half.map(|(i, id)| {
                    let place = Geometry::point(-75.0 - i as f64 / 3.0, 45.1 + i as f64 / 7.0);
                    Operation::update_feature(ft.id(), id).set("snapped_point", place)
                });
                let moved = moved.collect();
                store.apply_all(&head, moved).await.unwrap();
                snapped += 1;
            }
        }
        assert!(snapped >= 3, "types with a snapped place: {snapped}");
        let before = store.head().await.unwrap();
        for ft in &types {
            for format in Format::ALL {
                let mut options = plain(ft.id());
                options.match_rule = Some(Match::CabdId);
                let file = exported(&store, ft.id(), format).await;
                let (report, rejected) = loaded(&store, vec![file], options).await.unwrap();
                let what = format!("{} {format}: {report:#?} {rejected:?}", ft.id());
                assert_eq!((report.unchanged, report.commit), (40, None), "{what}");
            }
        }
        assert_eq!(store.head().await.unwrap(), before);
    });
}

#[test]
fn a_place_that_is_not_the_shown_one_becomes_the_original() {
    run(async {
        let store = inventory().await;
        let id = Uuid::from_u128(1);
        let dam = Operation::insert_feature("dams", id)
            .set("geometry", Geometry::point(-75.5, 45.4))
            .set("snapped_point", Geometry::point(-75.25, 45.5));
        store
            .apply_all(&ChangeHead::default(), vec![dam])
            .await
            .unwrap();
        let csv = format!("cabd_id,longitude,latitude\n{id},-75.75,45.25\n");
        let (report, _) = loaded(&store, vec![text("d.csv", csv)], plain("dams"))
            .await
            .unwrap();
        assert_eq!(report.updated, 1);
        let rows = store
            .all_records(&cabd_core::store::RecordQuery::of(
                cabd_core::catalog::Relation::feature("dams"),
            ))
            .await
            .unwrap();
        let place = |name: &str| rows[0].get(name).clone();
        assert_eq!(
            place("original_point"),
            Value::from(Geometry::point(-75.75, 45.25))
        );
        assert_eq!(
            place("snapped_point"),
            Value::from(Geometry::point(-75.25, 45.5))
        );
    });
}

const DATED: &str = r#"
    type = "dams"
    [source]
    name = "Dams of Anywhere"
    id = ["id"]
    keep_newer = "construction_year"
    [point]
    crs = "EPSG:4617"
    x = "lon"
    y = "lat"
    [[fields]]
    to = "dam_name_en"
    from = ["name"]
    [[fields]]
    to = "construction_year"
    from = ["year"]
"#;

#[test]
fn a_row_older_than_what_its_source_gave_changes_nothing() {
    run(async {
        let store = inventory().await;
        let file = |rows: &str| vec![text("d.csv", format!("id,name,lon,lat,year\n{rows}"))];
        let first = "1,New,-75.5,45.4,2020\n2,Other,-75.6,45.4,2018\n3,None,-75.7,45.4,\n";
        loaded(&store, file(first), of(DATED)).await.unwrap();
        let older = "1,Old,-75,45,2019\n2,Newer,-75.6,45.4,2019\n3,Now,-75.7,45.4,1900\n4,Added,-75,45,1900\n";
        let (report, _) = loaded(&store, file(older), of(DATED)).await.unwrap();
        let counts = (
            report.inserted,
            report.updated,
            report.unchanged,
            report.older,
        );
        assert_eq!(counts, (1, 2, 1, 1), "{report:#?}");
        let note = report.notes.iter().find(|n| n.kind == NoteKind::OlderRow);
        let note = note.unwrap();
        assert_eq!((note.count, note.place.as_str()), (1, "d.csv:2"));
        assert!(note.first.contains("2019 is older than 2020"), "{note:?}");
        let names = store.collect(&FeatureQuery::of("dams")).await.unwrap();
        let mut names: Vec<_> = names
            .iter()
            .flat_map(|b| (0..b.rows()).map(|r| b.value(r, "dam_name_en").to_string()))
            .collect();
        names.sort();
        assert_eq!(names, ["Added", "New", "Newer", "Now"]);
        // The same rows again are not older.
        let (again, _) = loaded(&store, file(first), of(DATED)).await.unwrap();
        assert_eq!((again.older, again.updated), (1, 1), "{again:#?}");
        for wrong in ["height_m", "dam_name_en", "nothing"] {
            let toml = DATED.replace(
                "\"construction_year\"\n    [point]",
                &format!("{wrong:?}\n    [point]"),
            );
            let e = loaded(&store, file(first), of(&toml)).await.unwrap_err();
            assert_eq!(e.field_name(), Some("keep_newer"), "{e:?}");
        }
    });
}

const JOINING: &str = r#"
    type = "dams"
    [source]
    name = "Plants"
    id = ["id"]
    [match]
    rule = "near:500"
    [point]
    crs = "EPSG:4617"
    x = "lon"
    y = "lat"
    [[fields]]
    to = "owner"
    from = ["owner"]
    [[fields]]
    to = "facility_name_en"
    from = ["plant"]
    [[fields]]
    to = "use_analysis"
    constant = true
"#;

#[test]
fn a_feature_that_a_source_only_completed_is_not_overwritten_by_its_next_load() {
    run(async {
        let store = inventory().await;
        let place = || Geometry::point(-75.5, 45.4);
        let by_hand = Operation::insert_feature("dams", Uuid::from_u128(1))
            .set("owner", "Ann")
            .set("use_analysis", false)
            .set("geometry", place());
        store
            .apply_all(&ChangeHead::default(), vec![by_hand])
            .await
            .unwrap();
        let load = async |rows: &str| {
            let file = text("p.csv", format!("id,owner,plant,lon,lat\n{rows}"));
            loaded(&store, vec![file], of(JOINING)).await.unwrap().0
        };
        let first = load("7,Bob,Mill Plant,-75.501,45.4\n8,Cy,Far Plant,-70,45\n").await;
        assert_eq!((first.inserted, first.updated), (1, 1));
        let again = load("7,Bob,Mill Plant,-75.501,45.4\n8,Cy,Far Plant,-70,45\n").await;
        assert_eq!((again.unchanged, again.commit), (2, None), "{again:#?}");
        let newer = load("7,Eve,New Plant,-75.502,45.4\n8,Dan,Far Plant,-70.5,45\n").await;
        assert_eq!(newer.updated, 2);

        let all = store.collect(&FeatureQuery::of("dams")).await.unwrap();
        let of = |plant: &str, name: &str| {
            let rows = all.iter().flat_map(|b| (0..b.rows()).map(move |r| (b, r)));
            let mut found = rows.filter(|(b, r)| b.value(*r, "facility_name_en") == plant.into());
            let (batch, row) = found.next().unwrap();
            batch.value(row, name)
        };
        // What the source filled in follows it; what was there before does not, the place included.
        assert_eq!(of("New Plant", "owner"), Value::from("Ann"));
        assert_eq!(of("New Plant", "use_analysis"), Value::from(false));
        assert_eq!(of("New Plant", "geometry"), Value::from(place()));
        // What the source made follows it in everything.
        assert_eq!(of("Far Plant", "owner"), Value::from("Dan"));
        let moved = Value::from(Geometry::point(-70.5, 45.0));
        assert_eq!(of("Far Plant", "geometry"), moved);
    });
}
