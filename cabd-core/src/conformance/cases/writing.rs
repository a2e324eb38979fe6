//! Writing: insert, update, put, delete; all or nothing.

use futures::StreamExt;

use super::values::full;
use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::error::{Error, ErrorKind};
use crate::feature::{Action, ChangeHead, Operation};
use crate::geometry::{Bbox, Geometry};
use crate::query::FeatureQuery;
use crate::store::{RecordQuery, Store, operations};
use crate::value::Value;

pub async fn an_update_changes_the_named_values_only(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![full(1), full(2)]).await;
    let applied = write(
        store,
        vec![update(1).set("height_m", 1.0).set("comments", Value::Null)],
    )
    .await;
    let counts = applied.of(&Relation::feature("weirs"));
    assert_eq!(
        (counts.inserted, counts.updated, counts.unchanged),
        (0, 1, 0)
    );
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "height_m"), Value::from(1.0));
    assert_eq!(answer.of(1, "comments"), Value::Null);
    for a in [
        "weir_name_en",
        "region_code",
        "built_year",
        "tags",
        "owner_id",
        "assessed_at",
    ] {
        assert_eq!(answer.of(1, a), answer.of(2, a), "{a}");
    }
    assert_eq!(answer.of(2, "comments"), Value::from("a comment"));
}

pub async fn a_put_inserts_or_updates(store: &dyn Store) {
    furnish(store).await;
    let put = |n: u128, h: f64| {
        let mut op = weir(n).set("height_m", h);
        op.action = Action::Put;
        op
    };
    let first = write(store, vec![put(1, 1.0), put(2, 2.0)]).await;
    assert_eq!(first.of(&Relation::feature("weirs")).inserted, 2);
    let second = write(store, vec![put(1, 1.0), put(2, 3.0), put(3, 4.0)]).await;
    let counts = second.of(&Relation::feature("weirs"));
    assert_eq!(
        (counts.inserted, counts.updated, counts.unchanged),
        (1, 1, 1)
    );
    assert_eq!(
        ask(store, &weirs()).await.of(2, "height_m"),
        Value::from(3.0)
    );
}

pub async fn a_change_that_changes_nothing_is_no_commit(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![full(1)]).await;
    let before = contents(store).await;
    let mut same = full(1);
    same.action = Action::Put;
    let applied = write(store, vec![same, update(1).set("in_use", true), update(1)]).await;
    assert_eq!(applied.commit, None);
    assert_eq!(applied.of(&Relation::feature("weirs")).unchanged, 3);
    assert_eq!(contents(store).await, before);
    assert_eq!(write(store, vec![]).await.commit, None);
}

pub async fn a_dry_run_counts_and_leaves_the_store_as_it_was(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![full(1)]).await;
    let before = contents(store).await;
    let head = ChangeHead {
        dry_run: true,
        ..ChangeHead::default()
    };
    let ops = vec![
        weir(2),
        update(1).set("in_use", false),
        data_source(3, "a"),
        delete(1),
    ];
    let applied = store.apply(&head, operations(ops)).await.unwrap();
    assert_eq!(applied.commit, None);
    let counts = applied.of(&Relation::feature("weirs"));
    assert_eq!((counts.inserted, counts.updated, counts.deleted), (1, 1, 1));
    assert_eq!(contents(store).await, before);
    assert_eq!(found(store, &weirs()).await, [1]);
}

pub async fn a_bad_operation_undoes_the_good_ones_before_it(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let mut ops: Vec<Operation> = (10..5_000).map(weir).collect();
    ops.push(update(1).set("height_m", 5.0));
    ops.push(weir(1));
    refuse(store, ErrorKind::Conflict, ops).await;
    assert_eq!(found(store, &weirs()).await, [1]);
}

pub async fn an_error_in_the_stream_leaves_nothing(store: &dyn Store) {
    furnish(store).await;
    let before = contents(store).await;
    let good = futures::stream::iter((1..6_000u128).map(|n| Ok(weir(n))));
    let bad = futures::stream::iter([Err(Error::new(ErrorKind::Io, "the file ends in mid-row"))]);
    let error = store
        .apply(&ChangeHead::default(), good.chain(bad).boxed())
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Io,
        "the stream's own error comes out"
    );
    assert_eq!(contents(store).await, before);
    write(store, vec![weir(1)]).await;
}

pub async fn many_rows_are_one_commit(store: &dyn Store) {
    furnish(store).await;
    let head = store.head().await.unwrap();
    let ops = (1..=9_000u128).map(|n| {
        weir_at(
            n,
            -75.0 + (n % 100) as f64 / 64.0,
            45.0 + (n / 100) as f64 / 64.0,
        )
        .set("built_year", n as i64)
    });
    let applied = write(store, ops.collect()).await;
    assert_eq!(applied.of(&Relation::feature("weirs")).inserted, 9_000);
    assert_eq!(applied.commit.map(|c| c.0), Some(head.0 + 1));
    assert_eq!(store.count(&weirs()).await.unwrap(), 9_000);
    let all_ids = found(store, &only(weirs(), &["built_year"])).await;
    assert_eq!(all_ids, (1..=9_000).collect::<Vec<_>>());
}

pub async fn large_loads_one_after_another_are_logged_and_found_in_boxes(store: &dyn Store) {
    furnish(store).await;
    let row = |n: u128| {
        weir_at(
            n,
            -75.0 + (n % 50) as f64 / 8.0,
            45.0 + (n / 50) as f64 / 8.0,
        )
    };
    write(store, vec![row(1)]).await;
    for (first, last) in [(2, 400), (401, 1_000), (1_001, 1_001)] {
        let before = store.head().await.unwrap();
        let rows = (first..=last).map(row);
        let sources = (first..=last).map(|n| feature_source("weirs", n, 7, &n.to_string()));
        let all = std::iter::once(data_source(7, "large")).chain(rows.chain(sources));
        let mut all: Vec<_> = all.collect();
        all[0].action = Action::Put;
        write(store, all).await;
        let mut logged = log_after(store, before).await;
        logged.retain(|e| e.table.starts_with("weirs"));
        assert_eq!(logged.len() as u128, 2 * (last - first + 1));
        assert!(logged.iter().all(|e| e.cabd_id.is_some()));
    }
    let mut q = weirs();
    q.bbox = Some(Bbox::new(-74.0, 46.0, -73.0, 47.0).unwrap());
    let inside = |n: &u128| {
        let (x, y) = ((n % 50) as f64 / 8.0, (n / 50) as f64 / 8.0);
        (1.0..=2.0).contains(&x) && (1.0..=2.0).contains(&y)
    };
    let expected: Vec<u128> = (1..=1_001).filter(inside).collect();
    assert_eq!(found(store, &q).await, expected);
    assert_eq!(store.doctor().await.unwrap(), vec![]);
}

pub async fn children_may_come_before_their_parent_in_one_change(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            feature_source("weirs", 1, 9, "k"),
            structure(5, 4, true, 1),
            species(3, "eel", true),
            weir(1),
            site(4),
            ladder(3),
            data_source(9, "late"),
        ],
    )
    .await;
    assert_eq!(
        all(store, Relation::FeatureSource("weirs".into()))
            .await
            .len(),
        1
    );
    assert_eq!(
        all(store, Relation::part("sites", "structures"))
            .await
            .len(),
        1
    );
    assert_eq!(
        all(store, Relation::link("ladders", "species")).await.len(),
        1
    );
}

pub async fn a_child_long_before_its_parent_is_refused_with_the_next_step(store: &dyn Store) {
    furnish(store).await;
    let far = |first: Operation, last: Operation| {
        let between = (100..5_000).map(weir);
        [first].into_iter().chain(between).chain([last]).collect()
    };
    let child = structure(5, 4, true, 1).at("late.csv:1");
    let e = refuse(store, ErrorKind::Invalid, far(child.clone(), site(4))).await;
    assert_eq!(
        (e.field_name(), e.place()),
        (Some("site_id"), Some("late.csv:1"))
    );
    assert!(e.next_step().is_some_and(|h| h.contains("before")), "{e:?}");
    write(store, far(site(4), child)).await;
}

pub async fn a_row_may_change_several_times_in_one_change(store: &dyn Store) {
    furnish(store).await;
    let applied = write(
        store,
        vec![
            weir(1).set("height_m", 1.0),
            update(1).set("height_m", 2.0),
            update(1).set("comments", "x"),
            weir(2),
            delete(2),
            weir(2).set("comments", "again"),
        ],
    )
    .await;
    let counts = applied.of(&Relation::feature("weirs"));
    assert_eq!((counts.inserted, counts.updated, counts.deleted), (3, 2, 1));
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "height_m"), Value::from(2.0));
    assert_eq!(answer.of(1, "comments"), Value::from("x"));
    assert_eq!(answer.of(2, "comments"), Value::from("again"));
}

pub async fn a_deleted_feature_takes_its_rows_with_it(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            data_source(9, "a"),
            site(1),
            site(2),
            structure(11, 1, true, 1),
            structure(12, 1, false, 2),
            structure(21, 2, true, 1),
            feature_source("sites", 1, 9, "a"),
            feature_source("sites", 2, 9, "b"),
            ladder(3),
            species(3, "eel", true),
        ],
    )
    .await;
    let gone = vec![
        Operation::delete_feature("sites", id(1)),
        Operation::delete_feature("ladders", id(3)),
    ];
    let applied = write(store, gone).await;
    let structures = Relation::part("sites", "structures");
    assert_eq!(applied.of(&structures).deleted, 2);
    assert_eq!(
        applied.of(&Relation::FeatureSource("sites".into())).deleted,
        1
    );
    let left = all(store, structures).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].get("structure_id"), &Value::Uuid(id(21)));
    assert!(
        all(store, Relation::link("ladders", "species"))
            .await
            .is_empty()
    );
    assert_eq!(found(store, &FeatureQuery::of("sites")).await, [2]);
}

pub async fn the_effective_geometry_is_the_best_of_its_columns(store: &dyn Store) {
    furnish(store).await;
    let (first, better) = (Geometry::point(-75.0, 45.0), Geometry::point(-75.5, 45.5));
    write(
        store,
        vec![Operation::insert_feature("weirs", id(1)).set("original_point", first.clone())],
    )
    .await;
    let shown = async || {
        let answer = ask(store, &weirs()).await;
        (answer.of(1, "geometry"), answer.of(1, "is_snapped"))
    };
    assert_eq!(shown().await, (first.clone().into(), Value::from(false)));
    write(store, vec![update(1).set("snapped_point", better.clone())]).await;
    assert_eq!(shown().await, (better.clone().into(), Value::from(true)));
    // A geometry without a column's name is the original one.
    let moved = Geometry::point(-74.0, 44.0);
    write(store, vec![update(1).set("geometry", moved.clone())]).await;
    assert_eq!(shown().await.0, better.into());
    let mut put = Operation::update_feature("weirs", id(1)).set("snapped_point", Value::Null);
    put.action = Action::Put;
    write(store, vec![put]).await;
    assert_eq!(shown().await, (moved.clone().into(), Value::from(false)));
    write(store, vec![update(1).set("other_point", first)]).await;
    assert_eq!(shown().await.0, moved.into());
    refuse(
        store,
        ErrorKind::Invalid,
        vec![update(1).set("original_point", Value::Null)],
    )
    .await;
}

pub async fn sources_are_kept_by_feature_and_by_attribute(store: &dyn Store) {
    furnish(store).await;
    let source = data_source(8, "First")
        .set("version_date", "2020-02-02")
        .set("licence", "Open")
        .set("source_type", "spatial")
        .set(
            "province_territory_code",
            Value::List(vec!["qc".into(), "on".into()]),
        );
    let by_attribute = Operation::new(Relation::AttributeSource("weirs".into()), Action::Put)
        .set("cabd_id", id(1))
        .set("height_m_ds", id(8))
        .set("length_m_ds", id(9));
    write(
        store,
        vec![
            source,
            data_source(9, "Second"),
            weir(1),
            feature_source("weirs", 1, 8, "a"),
            feature_source("weirs", 1, 8, "b"),
            feature_source("weirs", 1, 9, "a"),
            by_attribute,
        ],
    )
    .await;
    let held = all(store, Relation::FeatureSource("weirs".into())).await;
    assert_eq!(held.len(), 3, "one feature may be twice in a source");
    let attributes = all(store, Relation::AttributeSource("weirs".into())).await;
    assert_eq!(attributes[0].get("height_m_ds"), &Value::Uuid(id(8)));
    assert_eq!(attributes[0].get("length_m_ds"), &Value::Uuid(id(9)));
    assert_eq!(attributes[0].get("built_year_ds"), &Value::Null);
    let sources = all(store, Relation::DataSource).await;
    assert_eq!(
        sources[0].get("version_date"),
        &Value::Date("2020-02-02".parse().unwrap())
    );
    let provinces = Value::List(vec!["qc".into(), "on".into()]);
    assert_eq!(sources[0].get("province_territory_code"), &provinces);
    let by_name = crate::store::StoreExt::data_source_by_name(store, "Second").await;
    assert_eq!(by_name.unwrap(), Some(id(9)));
}

pub async fn records_come_in_key_order_with_the_columns_asked_for(store: &dyn Store) {
    furnish(store).await;
    let ops = [3u128, 1, 2].map(|n| {
        weir(n)
            .set("built_year", 1900 + n as i64)
            .set("in_use", n > 1)
    });
    write(store, ops.into()).await;
    let q = RecordQuery::of(Relation::feature("weirs")).only(&["built_year", "length_metres"]);
    let records = asked(store, &q).await;
    let years: Vec<_> = records
        .iter()
        .map(|r| r.get("built_year").clone())
        .collect();
    assert_eq!(years, [1901.into(), 1902.into(), 1903.into()]);
    assert_eq!(records[0].fields.len(), 2);
    let q = RecordQuery::of(Relation::feature("weirs"))
        .with("cabd_id", [id(2).into(), id(3).into(), id(7).into()])
        .with("in_use", [true.into()]);
    assert_eq!(asked(store, &q).await.len(), 2);
    let mut q = q.with("built_year", [1903.into()]);
    assert_eq!(asked(store, &q).await.len(), 1);
    q.filter.clear();
    q.limit = Some(2);
    let two = asked(store, &q).await;
    assert_eq!(two.len(), 2);
    assert_eq!(two[1].get("cabd_id"), &Value::Uuid(id(2)));
    assert!(
        asked(
            store,
            &RecordQuery::of(Relation::feature("weirs")).with("cabd_id", [])
        )
        .await
        .is_empty()
    );
    let weirs = || RecordQuery::of(Relation::feature("weirs"));
    let read = weirs().with("built_year", ["1902".into(), Value::Null]);
    assert_eq!(asked(store, &read).await.len(), 1, "values are read");
    for (column, value) in [
        ("tags", Value::List(vec![])),
        ("geometry", Value::Null),
        ("built_year", "old".into()),
        ("nothing", 1.into()),
    ] {
        let error = store.records(&weirs().with(column, [value])).await.err();
        assert_eq!(error.expect(column).kind(), ErrorKind::Invalid);
    }
    let strange = weirs().only(&["nothing"]);
    let error = store.records(&strange).await.err().expect("no such column");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let strange = RecordQuery::of(Relation::feature("nothing"));
    let error = store
        .records(&strange)
        .await
        .err()
        .expect("no such relation");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

pub async fn contacts_and_codes_are_written_like_features(store: &dyn Store) {
    furnish(store).await;
    let contact = Operation::new(Relation::Contact, Action::Insert)
        .set("id", id(1))
        .set("email", "a@example.org")
        .set("name", "A")
        .set("mailing_list", true)
        .set("datasource_id", id(2));
    write(store, vec![contact, data_source(2, "a")]).await;
    let contacts = all(store, Relation::Contact).await;
    assert_eq!(contacts[0].get("email"), &Value::from("a@example.org"));
    assert_eq!(contacts[0].get("mailing_list"), &Value::from(true));
    let silent = Operation::new(Relation::Contact, Action::Put)
        .set("id", id(3))
        .set("email", "b@example.org")
        .set("name", "B");
    write(store, vec![silent]).await;
    let contacts = all(store, Relation::Contact).await;
    assert_eq!(
        contacts[1].get("mailing_list"),
        &Value::from(false),
        "unless they ask for it"
    );
    let codes = all(store, Relation::Codes("weirs.size_codes".into())).await;
    let keys: Vec<_> = codes
        .iter()
        .map(|r| r.get("code").as_i64().unwrap())
        .collect();
    assert_eq!(keys, [1, 2, 3, 4, 5, 99]);
    let species = all(store, Relation::Codes("cabd.species".into())).await;
    assert_eq!(species[0].get("id"), &Value::from("eel"));
    assert_eq!(species[0].get("family"), &Value::from("Anguillidae"));
    assert_eq!(species[3].get("name_fr"), &Value::Null);
}
