//! Changes made from what was read a while ago, beside those of others since.

use serde_json::json;

use super::evolution::{done as evolved, nothing};
use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::error::{Clash, Error, ErrorKind, Result};
use crate::feature::{Action, Applied, Base, ChangeHead, Operation};
use crate::geometry::Geometry;
use crate::id::CommitNumber;
use crate::store::{RecordQuery, Store, operations};
use crate::value::Value;

fn read_at(feature_type: &str, n: u128, commit: CommitNumber) -> ChangeHead {
    ChangeHead {
        bases: vec![Base {
            feature_type: feature_type.into(),
            id: id(n),
            commit,
            exact: false,
            place: None,
        }],
        ..ChangeHead::default()
    }
}

async fn from(store: &dyn Store, head: &ChangeHead, all: Vec<Operation>) -> Result<Applied> {
    store.apply(head, operations(all)).await
}

/// The conflicts with which a change is refused; the store is as it was.
async fn clashes(store: &dyn Store, head: &ChangeHead, all: Vec<Operation>) -> Vec<Clash> {
    let before = contents(store).await;
    let e = from(store, head, all).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Conflict, "{e:?}");
    assert_eq!(contents(store).await, before);
    let told = |e: &Error| e.clashes().cloned();
    e.each().filter_map(told).collect()
}

pub async fn different_values_of_one_feature_go_together(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("height_m", 1.0), data_source(9, "a")],
    )
    .await;
    let read = read_at("weirs", 1, store.head().await.unwrap());
    write(store, vec![update(1).set("height_m", 2.0)]).await;
    write(store, vec![feature_source("weirs", 1, 9, "x")]).await;
    let mine = update(1).set("comments", "mine").set("built_year", 1950);
    from(store, &read, vec![mine]).await.unwrap();
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "height_m"), 2.0.into());
    assert_eq!(answer.of(1, "comments"), "mine".into());
    // What mine leaves as it was read, theirs stays.
    let whole = update(1).set("height_m", 1.0).set("comments", "again");
    from(
        store,
        &read_at("weirs", 1, read.bases[0].commit),
        vec![whole],
    )
    .await
    .unwrap_err();
    let whole = update(1).set("height_m", 1.0).set("size_code", 2);
    from(store, &read, vec![whole]).await.unwrap();
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "height_m"), 2.0.into());
    assert_eq!(answer.of(1, "size_code"), 2.into());
}

pub async fn the_same_edit_is_no_conflict(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), weir(2), data_source(9, "a")]).await;
    let read = store.head().await.unwrap();
    let mine = || {
        vec![
            update(1).set("height_m", 2.0).set("comments", "same"),
            feature_source("weirs", 1, 9, "x"),
        ]
    };
    write(store, mine()).await;
    let done = from(store, &read_at("weirs", 1, read), mine())
        .await
        .unwrap();
    assert_eq!(done.commit, None);
    assert_eq!(done.of(&Relation::feature("weirs")).unchanged, 1);
    write(store, vec![delete(2)]).await;
    let done = from(store, &read_at("weirs", 2, read), vec![delete(2)]).await;
    assert_eq!(done.unwrap().commit, None);
    // A value that was changed and changed back is as it was read.
    write(store, vec![update(1).set("size_code", 2)]).await;
    write(store, vec![update(1).set("size_code", Value::Null)]).await;
    let mine = update(1).set("size_code", 1);
    from(store, &read_at("weirs", 1, read), vec![mine])
        .await
        .unwrap();
}

pub async fn one_value_set_in_two_ways_is_told_with_all_three_states(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("height_m", 1.0).set("comments", "old")],
    )
    .await;
    let read = read_at("weirs", 1, store.head().await.unwrap());
    let theirs = update(1).set("height_m", 2.0).set("comments", Value::Null);
    write(store, vec![theirs]).await;
    let head = store.head().await.unwrap();
    let mine = update(1)
        .set("height_m", 3.0)
        .set("built_year", 1950)
        .set("comments", "new")
        .at("/operations/0");
    let found = clashes(store, &read, vec![mine.clone()]).await;
    let clash = |attribute: &str, base, theirs, mine| Clash {
        relation: "weirs".into(),
        key: vec![json!(id(1))],
        attribute: Some(attribute.into()),
        commit: head.0,
        base: Some(base),
        theirs: Some(theirs),
        mine: Some(mine),
    };
    let expected = [
        clash("height_m", json!(1.0), json!(2.0), json!(3.0)),
        clash("comments", json!("old"), json!(null), json!("new")),
    ];
    assert_eq!(found, expected);
    let e = from(store, &read, vec![mine]).await.unwrap_err();
    assert_eq!(
        (e.place(), e.field_name()),
        (Some("/operations/0"), Some("height_m"))
    );
    assert!(e.next_step().is_some());
    // From what is there now it goes.
    let now = read_at("weirs", 1, head);
    from(store, &now, vec![update(1).set("height_m", 3.0)])
        .await
        .unwrap();
}

pub async fn rows_around_a_feature_are_compared_by_value(store: &dyn Store) {
    furnish(store).await;
    let sources = || {
        Operation::new(Relation::AttributeSource("weirs".into()), Action::Put).set("cabd_id", id(1))
    };
    write(
        store,
        vec![
            data_source(8, "b"),
            data_source(9, "a"),
            weir(1),
            site(2),
            structure(20, 2, true, 1),
            ladder(3),
        ],
    )
    .await;
    let head = store.head().await.unwrap();
    write(
        store,
        vec![
            sources().set("height_m_ds", id(9)),
            Operation::new(Relation::part("sites", "structures"), Action::Update)
                .set("structure_id", id(20))
                .set("width_m", 4.0),
            species(3, "eel", true),
        ],
    )
    .await;
    // Theirs names the source of another attribute.
    let mine = sources().set("length_m_ds", id(8));
    from(store, &read_at("weirs", 1, head), vec![mine])
        .await
        .unwrap();
    let rows = asked(
        store,
        &RecordQuery::of(Relation::AttributeSource("weirs".into())),
    )
    .await;
    assert_eq!(rows[0].get("height_m_ds"), &id(9).into());
    assert_eq!(rows[0].get("length_m_ds"), &id(8).into());
    let found = clashes(
        store,
        &read_at("weirs", 1, head),
        vec![sources().set("height_m_ds", id(8))],
    )
    .await;
    assert_eq!(found[0].attribute.as_deref(), Some("height_m_ds"));
    assert_eq!(
        (&found[0].base, &found[0].theirs),
        (&None, &Some(json!(id(9))))
    );
    let wide = |m: f64| {
        Operation::new(Relation::part("sites", "structures"), Action::Update)
            .set("structure_id", id(20))
            .set("width_m", m)
    };
    let found = clashes(store, &read_at("sites", 2, head), vec![wide(5.0)]).await;
    assert_eq!(found[0].relation, "sites.structures");
    assert_eq!(found[0].key, [json!(id(20))]);
    assert_eq!(found[0].base, Some(json!(null)));
    from(store, &read_at("sites", 2, head), vec![wide(4.0)])
        .await
        .unwrap();
    // A row that both have added.
    from(
        store,
        &read_at("ladders", 3, head),
        vec![species(3, "eel", true)],
    )
    .await
    .unwrap();
    let found = clashes(
        store,
        &read_at("ladders", 3, head),
        vec![species(3, "eel", false)],
    )
    .await;
    assert_eq!(found[0].mine, Some(json!(false)));
}

pub async fn what_others_have_deleted_is_not_put_back_unseen(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir(1).set("height_m", 1.0),
            site(2),
            structure(20, 2, true, 1),
        ],
    )
    .await;
    let head = store.head().await.unwrap();
    let gone = Operation::new(Relation::part("sites", "structures"), Action::Delete)
        .set("structure_id", id(20));
    write(store, vec![delete(1), gone]).await;
    for mine in [
        update(1).set("height_m", 3.0),
        Operation {
            action: Action::Put,
            ..weir(1).set("height_m", 3.0)
        },
    ] {
        let found = clashes(store, &read_at("weirs", 1, head), vec![mine]).await;
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].attribute, &found[0].theirs), (&None, &None));
        let base = found[0].base.clone().unwrap();
        assert_eq!(base["height_m"], json!(1.0));
    }
    let mine = Operation::new(Relation::part("sites", "structures"), Action::Put)
        .set("structure_id", id(20))
        .set("site_id", id(2))
        .set("width_m", 3.0);
    let found = clashes(store, &read_at("sites", 2, head), vec![mine]).await;
    assert_eq!(found[0].relation, "sites.structures");
}

pub async fn what_others_have_changed_is_not_deleted_unseen(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir(1),
            site(2),
            site(4),
            structure(40, 4, true, 1),
            data_source(9, "a"),
        ],
    )
    .await;
    let head = store.head().await.unwrap();
    write(
        store,
        vec![
            update(1).set("height_m", 3.0),
            feature_source("weirs", 1, 9, "x"),
        ],
    )
    .await;
    let found = clashes(store, &read_at("weirs", 1, head), vec![delete(1)]).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|c| c.mine.is_none()));
    // Rows that went meanwhile do not hold up the end of their feature.
    let gone = Operation::new(Relation::part("sites", "structures"), Action::Delete)
        .set("structure_id", id(40));
    write(store, vec![gone]).await;
    let mine = Operation::delete_feature("sites", id(4));
    from(store, &read_at("sites", 4, head), vec![mine])
        .await
        .unwrap();
    assert_eq!(found_sites(store).await, [2]);
}

async fn found_sites(store: &dyn Store) -> Vec<u128> {
    found(store, &crate::query::FeatureQuery::of("sites")).await
}

pub async fn the_origins_of_a_place_are_compared_each(store: &dyn Store) {
    furnish(store).await;
    let at = |x: f64| Geometry::point(x, 45.0);
    write(store, vec![weir_at(1, -75.0, 45.0)]).await;
    let read = read_at("weirs", 1, store.head().await.unwrap());
    write(store, vec![update(1).set("snapped_point", at(-75.5))]).await;
    from(
        store,
        &read,
        vec![update(1).set("original_point", at(-74.0))],
    )
    .await
    .unwrap();
    let answer = ask(store, &weirs()).await;
    assert_eq!(
        answer.of(1, "geometry"),
        at(-75.5).into(),
        "the best of both origins"
    );
    let found = clashes(
        store,
        &read,
        vec![update(1).set("snapped_point", at(-75.25))],
    )
    .await;
    let named: Vec<_> = found.iter().map(|c| c.attribute.as_deref()).collect();
    assert_eq!(named, [Some("snapped_point")]);
}

pub async fn a_renamed_attribute_is_compared_under_its_name_of_today(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("comments", "old")]).await;
    let read = read_at("weirs", 1, store.head().await.unwrap());
    write(store, vec![update(1).set("comments", "theirs")]).await;
    evolved(store, &nothing().rename("weirs.comments", "notes")).await;
    let found = clashes(store, &read, vec![update(1).set("notes", "mine")]).await;
    assert_eq!(found[0].attribute.as_deref(), Some("notes"));
    assert_eq!(found[0].base, Some(json!("old")));
    from(store, &read, vec![update(1).set("notes", "theirs")])
        .await
        .unwrap();
    from(store, &read, vec![update(1).set("height_m", 2.0)])
        .await
        .unwrap();
}

pub async fn rows_of_no_feature_are_compared_where_they_were_read(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![data_source(9, "a"), data_source(8, "b")]).await;
    let head = ChangeHead {
        rows_read: Some((store.head().await.unwrap(), vec![Relation::DataSource])),
        ..ChangeHead::default()
    };
    let source = |n| Operation::new(Relation::DataSource, Action::Update).set("id", id(n));
    write(store, vec![source(9).set("licence", "theirs")]).await;
    let found = clashes(store, &head, vec![source(9).set("licence", "mine")]).await;
    assert_eq!(found[0].relation, "data_source");
    assert_eq!(found[0].theirs, Some(json!("theirs")));
    let mine = vec![source(9).set("name", "c"), source(8).set("licence", "mine")];
    from(store, &head, mine).await.unwrap();
    let rows = all(store, Relation::DataSource).await;
    let nine = rows.iter().find(|r| r.get("id") == &id(9).into()).unwrap();
    assert_eq!(nine.get("licence"), &"theirs".into());
    assert_eq!(nine.get("name"), &"c".into());
}

pub async fn an_exact_base_allows_of_no_other_change(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), data_source(9, "a")]).await;
    let mut read = read_at("weirs", 1, store.head().await.unwrap());
    read.bases[0].exact = true;
    read.bases[0].place = Some("If-Match".into());
    write(store, vec![update(1).set("height_m", 2.0)]).await;
    let mine = update(1).set("height_m", 3.0).set("comments", "mine");
    let e = from(store, &read, vec![mine]).await.unwrap_err();
    assert_eq!(
        (e.place(), e.field_name()),
        (Some("If-Match"), Some("cabd_id"))
    );
    let told: Vec<_> = e.each().filter_map(Error::clashes).collect();
    assert_eq!(told.len(), 1, "what clashes is told as well: {e:?}");
    assert_eq!(told[0].theirs, Some(json!(2.0)));
    let e = from(store, &read, vec![update(1).set("comments", "mine")])
        .await
        .unwrap_err();
    assert_eq!(e.each().count(), 1);
}
