//! The catalogue: plans, changes, codes. These cases begin with an empty store.

use crate::catalog::{AttributeSet, Code, CodeKey, Manifest, Relation};
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, Operation};
use crate::id::CommitNumber;
use crate::lang::Text;
use crate::query::FeatureQuery;
use crate::store::{Store, StoreExt};
use crate::value::{DataType, Value};

pub async fn a_fresh_store_is_empty_and_nobody_has_written_to_it(store: &dyn Store) {
    let catalog = store.catalog().await.unwrap();
    assert_eq!(catalog.types().count(), 0);
    assert_eq!(catalog.lists().count(), 0);
    assert!(catalog.sets().is_empty());
    assert_eq!(store.head().await.unwrap(), CommitNumber(0));
    assert!(log_after(store, CommitNumber(0)).await.is_empty());
    assert!(store.data_sources().await.unwrap().is_empty());
}

pub async fn a_plan_changes_nothing(store: &dyn Store) {
    let before = store.catalog().await.unwrap();
    let plan = store.plan_catalog(&manifest()).await.unwrap();
    assert!(plan.words().iter().any(|s| s.contains("weirs")), "{plan:?}");
    let after = store.catalog().await.unwrap();
    assert_eq!(before.version, after.version);
    assert_eq!(after.types().count(), 0);
}

pub async fn a_catalogue_is_read_back_as_it_was_declared(store: &dyn Store) {
    let plan = store.plan_catalog(&manifest()).await.unwrap();
    let done = store.change_catalog(&manifest()).await.unwrap();
    assert_eq!(plan.words(), done.words(), "the plan says what is done");
    let catalog = store.catalog().await.unwrap();
    for ft in &manifest().types {
        let read = catalog.feature_type(ft.id()).unwrap();
        assert_eq!(&**read, ft);
    }
    for list in &manifest().lists {
        let read = catalog.list(&list.id).unwrap();
        let by_code = |mut codes: Vec<Code>| {
            codes.sort_by(|a, b| a.code.cmp(&b.code));
            codes
        };
        assert_eq!(by_code(read.codes.clone()), by_code(list.codes.clone()));
        assert_eq!(**read, list.with_codes(read.codes.clone()));
    }
    assert_eq!(catalog.sets(), manifest().sets);
}

pub async fn attribute_sets_are_listed_by_name(store: &dyn Store) {
    let mut m = manifest();
    m.sets.reverse();
    store.change_catalog(&m).await.unwrap();
    let mut more = manifest();
    more.sets.push(AttributeSet {
        name: "brief".to_owned(),
        column: "vw_brief_order".to_owned(),
        aliases: vec![],
        registered: false,
    });
    store.change_catalog(&more).await.unwrap();
    let catalog = store.catalog().await.unwrap();
    let names: Vec<&str> = catalog.sets().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["all", "brief", "simple"]);
    let plan = store.plan_catalog(&more).await.unwrap();
    assert!(plan.steps.is_empty(), "{plan:?}");
}

pub async fn a_catalogue_applied_twice_changes_nothing_the_second_time(store: &dyn Store) {
    furnish(store).await;
    let version = store.catalog().await.unwrap().version;
    assert!(
        store
            .plan_catalog(&manifest())
            .await
            .unwrap()
            .steps
            .is_empty()
    );
    let again = store.change_catalog(&manifest()).await.unwrap();
    assert!(again.steps.is_empty(), "{again:?}");
    assert_eq!(store.catalog().await.unwrap().version, version);
}

pub async fn a_new_type_attribute_and_code_are_added_beside_what_is_there(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("height_m", 2.5).set("size_code", 1)],
    )
    .await;
    let version = store.catalog().await.unwrap().version;
    let mut more = manifest();
    more.merge(
        Manifest::from_toml(
            "ponds.toml",
            r#"
            [type]
            id = "ponds"
            name = { en = "Ponds", fr = "Étangs" }
            sources = "features"
            [geometry]
            kind = "point"
            [[attributes]]
            id = "cabd_id"
            type = "uuid"
            [[attributes]]
            id = "depth_m"
            type = "double"
            [[attributes]]
            id = "geometry"
            type = "geometry(point)"
            "#,
        )
        .unwrap(),
    );
    let weirs = more.types.iter_mut().find(|t| t.id() == "weirs").unwrap();
    let mut colour = weirs.attribute("comments").unwrap().clone();
    colour.id = "colour".to_owned();
    colour.name = Text::new("Colour", "Couleur");
    weirs.attributes.insert(5, colour);
    let sizes = more.lists.iter_mut().find(|l| l.id == "weirs.size_codes");
    let sizes = sizes.unwrap();
    let mut codes = sizes.codes.clone();
    codes.push(Code {
        code: CodeKey::Int(6),
        name: Text::new("Gigantic", "Gigantesque"),
        description: Text::default(),
        more: Default::default(),
        retired: false,
    });
    *sizes = sizes.with_codes(codes);

    let plan = store.change_catalog(&more).await.unwrap();
    assert_eq!(plan.steps.len(), 3, "{plan:?}");
    assert!(store.catalog().await.unwrap().version > version);
    let answer = ask(store, &weirs_of(1)).await;
    assert_eq!(answer.of(1, "height_m"), Value::from(2.5));
    assert_eq!(answer.of(1, "colour"), Value::Null);
    write(
        store,
        vec![
            update(1).set("colour", "red").set("size_code", 6),
            placed("ponds", 2, -60.0, 50.0).set("depth_m", 1.5),
            data_source(9, "new"),
            feature_source("ponds", 2, 9, "a"),
            Operation::new(Relation::AttributeSource("weirs".into()), Action::Insert)
                .set("cabd_id", id(1))
                .set("colour_ds", id(9)),
        ],
    )
    .await;
    let answer = ask(store, &weirs_of(1)).await;
    assert_eq!(answer.of(1, "colour"), Value::from("red"));
    assert_eq!(answer.of(1, "size"), Value::from("Gigantic"));
    assert_eq!(found(store, &FeatureQuery::of("ponds")).await, [2]);
}

fn weirs_of(n: u128) -> FeatureQuery {
    let mut q = weirs();
    q.ids = Some(vec![id(n)]);
    q
}

pub async fn labels_follow_a_newer_catalogue(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("size_code", 1)]).await;
    let mut newer = manifest();
    for list in &mut newer.lists {
        let mut codes = list.codes.clone();
        for c in &mut codes {
            if list.id == "weirs.size_codes" && c.code == CodeKey::Int(1) {
                c.name = Text::new("Tiny", "Minuscule");
            }
        }
        *list = list.with_codes(codes);
    }
    store.change_catalog(&newer).await.unwrap();
    assert_eq!(
        ask(store, &weirs()).await.of(1, "size"),
        Value::from("Tiny")
    );
    // A code written later must not bring the old label back.
    write(store, vec![size(7, "Other", "Autre")]).await;
    assert_eq!(
        ask(store, &weirs()).await.of(1, "size"),
        Value::from("Tiny")
    );
    let rows = all(store, Relation::Codes("weirs.size_codes".into())).await;
    let one = rows
        .iter()
        .find(|r| *r.get("code") == Value::Int(1))
        .unwrap();
    assert_eq!(one.get("name_fr"), &Value::from("Minuscule"));
}

fn size(code: i64, en: &str, fr: &str) -> Operation {
    Operation::new(Relation::Codes("weirs.size_codes".into()), Action::Put)
        .set("code", code)
        .set("name_en", en)
        .set("name_fr", fr)
}

pub async fn a_change_that_would_drop_or_narrow_a_column_is_refused(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("comments", "kept")]).await;
    let before = store.catalog().await.unwrap();
    let narrow: [fn(&mut Manifest); 4] = [
        |m| weirs_in(m).attributes.retain(|a| a.id != "comments"),
        |m| {
            let weirs = weirs_in(m);
            let a = weirs.attributes.iter_mut().find(|a| a.id == "comments");
            a.unwrap().data_type = DataType::Integer;
        },
        |m| {
            let weirs = weirs_in(m);
            let a = weirs.attributes.iter_mut().find(|a| a.id == "weir_name_en");
            a.unwrap().data_type = DataType::Text(Some(20));
        },
        |m| {
            let list = m.lists.iter_mut().find(|l| l.id == "cabd.species");
            list.unwrap().key_type = DataType::Text(Some(4));
        },
    ];
    for change in narrow {
        let mut m = manifest();
        change(&mut m);
        let error = store.change_catalog(&m).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Invalid),
            "{error:?}"
        );
        assert_eq!(store.catalog().await.unwrap().version, before.version);
    }
    assert_eq!(
        ask(store, &weirs()).await.of(1, "comments"),
        Value::from("kept")
    );
}

fn weirs_in(m: &mut Manifest) -> &mut crate::catalog::FeatureType {
    m.types.iter_mut().find(|t| t.id() == "weirs").unwrap()
}

pub async fn a_catalogue_with_a_mistake_is_refused_whole(store: &dyn Store) {
    let mut m = manifest();
    weirs_in(&mut m).attributes[7].label_of = Some("nothing".to_owned());
    let error = store.change_catalog(&m).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.place().is_some(), "{error:?}");
    let planned = store.plan_catalog(&m).await.unwrap_err();
    assert_eq!(planned.kind(), ErrorKind::Invalid);
    assert_eq!(store.catalog().await.unwrap().types().count(), 0);
    furnish(store).await;
}

pub async fn codes_written_as_rows_become_labels(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("size_code", 2)]).await;
    let before = store.catalog().await.unwrap();
    let applied = write(
        store,
        vec![size(2, "Middling", "Moyenne"), size(8, "Odd", "")],
    )
    .await;
    let counts = applied.of(&Relation::Codes("weirs.size_codes".into()));
    assert_eq!((counts.inserted, counts.updated), (1, 1));
    assert!(applied.commit.is_some());
    let after = store.catalog().await.unwrap();
    assert!(after.version > before.version);
    let list = after.list("weirs.size_codes").unwrap();
    assert_eq!(list.codes.len(), 7);
    write(store, vec![weir(2).set("size_code", 8)]).await;
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "size"), Value::from("Middling"));
    assert_eq!(answer.of(2, "size"), Value::from("Odd"));
    let french = ask(store, &in_french(weirs())).await;
    assert_eq!(french.of(1, "size"), Value::from("Moyenne"));
    assert_eq!(french.of(2, "size"), Value::from("Odd"));
    assert_eq!(
        found(store, &filtered("weirs", "size:eq:middling")).await,
        [1]
    );
    // What the list had besides is kept, also where the table is read.
    let rows = all(store, Relation::Codes("weirs.size_codes".into())).await;
    assert_eq!(rows[0].get("description_en"), &Value::from("Under 5 m."));
}

pub async fn a_code_is_used_in_the_change_that_adds_it(store: &dyn Store) {
    furnish(store).await;
    let shark = Operation::new(Relation::Codes("cabd.species".into()), Action::Insert)
        .set("id", "shark")
        .set("name_en", "Shark");
    let mut all = vec![size(8, "Odd", ""), weir(1).set("size_code", 8), shark];
    all.extend([ladder(3), species(3, "shark", true)]);
    // Enough between them that the code is written before its use is read.
    all.extend((100..5_000).map(weir));
    all.push(weir(2).set("size_code", 8));
    let applied = write(store, all).await;
    assert_eq!(applied.of(&Relation::feature("weirs")).inserted, 4_902);
    let answer = ask(store, &filtered("weirs", "size:eq:odd")).await;
    let mut ids = answer.ids();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    let used = ask(store, &FeatureQuery::of("ladders")).await;
    assert_eq!(
        used.of(3, "known_use"),
        Value::List(vec![Value::from("Shark")])
    );
    // Taken away and used in one change, it is none; and its use does not come before it.
    let gone =
        Operation::new(Relation::Codes("weirs.size_codes".into()), Action::Delete).set("code", 99);
    let ops = vec![gone, weir(3).set("size_code", 99)];
    refuse(store, ErrorKind::Invalid, ops).await;
    let ops = vec![weir(3).set("size_code", 9), size(9, "Late", "")];
    let e = refuse(store, ErrorKind::Invalid, ops).await;
    assert_eq!(e.field_name(), Some("size_code"), "{e:?}");
    assert!(e.next_step().is_some_and(|h| h.contains("before")), "{e:?}");
    write(store, vec![weir(3).set("size_code", 99)]).await;
}

pub async fn a_code_taken_away_is_no_code_any_more(store: &dyn Store) {
    furnish(store).await;
    let gone =
        Operation::new(Relation::Codes("weirs.size_codes".into()), Action::Delete).set("code", 99);
    write(store, vec![gone]).await;
    let list = store.catalog().await.unwrap();
    assert_eq!(list.list("weirs.size_codes").unwrap().codes.len(), 5);
    refuse(
        store,
        ErrorKind::Invalid,
        vec![weir(1).set("size_code", 99)],
    )
    .await;
}

pub async fn a_reference_table_is_filled_by_loading(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            fall(1).set("unit_id", "02AB000"),
            fall(2).set("unit_id", "09XX000"),
        ],
    )
    .await;
    let before = ask(store, &FeatureQuery::of("falls")).await;
    assert_eq!(before.of(1, "unit_name"), Value::from("Upper Water"));
    assert_eq!(before.of(2, "unit_name"), Value::Null);
    let extent = crate::Geometry::from_wkt("MULTIPOLYGON(((0 0,1 0,1 1,0 0)))").unwrap();
    let unit = Operation::new(Relation::Codes("cabd.water_units".into()), Action::Insert)
        .set("id", "09XX000")
        .set("name_en", "Lower Water")
        .set("name_fr", "Eau d’en bas")
        .set("sea", "Arctic")
        .set("geometry", extent.clone());
    write(store, vec![unit]).await;
    let after = ask(store, &in_french(FeatureQuery::of("falls"))).await;
    assert_eq!(after.of(2, "unit_name"), Value::from("Eau d’en bas"));
    let catalog = store.catalog().await.unwrap();
    let list = catalog.list("cabd.water_units").unwrap();
    let place = list.position(&CodeKey::Text("09XX000".to_owned())).unwrap();
    assert_eq!(list.codes[place].more["sea"], "Arctic");
    let rows = all(store, Relation::Codes("cabd.water_units".into())).await;
    assert_eq!(rows[1].get("geometry"), &Value::from(extent));
}

/// Real lists have such rows.
pub async fn a_row_without_a_name_does_not_stop_changes_of_the_catalogue(store: &dyn Store) {
    furnish(store).await;
    let unit = Operation::new(Relation::Codes("cabd.water_units".into()), Action::Insert)
        .set("id", "01GA000");
    write(store, vec![unit]).await;
    store.change_catalog(&manifest()).await.unwrap();
    let catalog = store.catalog().await.unwrap();
    let list = catalog.list("cabd.water_units").unwrap();
    assert!(
        list.position(&CodeKey::Text("01GA000".to_owned()))
            .is_some()
    );
}

pub async fn the_store_says_what_it_is_and_holds(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), weir(2), fall(3), data_source(4, "a")]).await;
    let info = store.info().await.unwrap();
    assert_eq!(info.store, store.name());
    assert!(!info.location.is_empty());
    assert_eq!(info.head, store.head().await.unwrap().0);
    assert_eq!(info.catalog_version, store.catalog().await.unwrap().version);
    assert_eq!(
        info.features.len(),
        7,
        "the base types: {:?}",
        info.features
    );
    assert_eq!(info.features["weirs"], 2);
    assert_eq!(info.features["falls"], 1);
    assert_eq!(info.features["basins"], 0);
    assert_eq!(info.data_sources, 1);
}

pub async fn the_doctor_finds_a_healthy_store_healthy(store: &dyn Store) {
    let healthy = async || {
        let findings = store.doctor().await.unwrap();
        let bad: Vec<_> = findings
            .iter()
            .filter(|f| f.severity >= crate::store::Severity::Warning)
            .collect();
        assert!(bad.is_empty(), "{bad:#?}");
    };
    healthy().await;
    furnish(store).await;
    healthy().await;
    write(
        store,
        vec![
            weir(1).set("size_code", 3).set("weir_name_en", "Long Weir"),
            fall(2).set("unit_id", "unknown"),
            ladder(3),
            species(3, "eel", true),
            site(4),
            structure(5, 4, true, 1),
            shape("basins", 6, "POLYGON((0 0,2 0,2 2,0 0))"),
            data_source(7, "a"),
            feature_source("weirs", 1, 7, "x"),
        ],
    )
    .await;
    write(
        store,
        vec![
            update(1).set("height_m", 3),
            Operation::delete_feature("sites", id(4)),
        ],
    )
    .await;
    healthy().await;
}
