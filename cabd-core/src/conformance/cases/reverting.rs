//! What was done is undone, and what others have done since stays.

use futures::TryStreamExt;
use serde_json::json;

use super::evolution::{done as evolved, nothing, retyped};
use crate::catalog::{CodeKey, Relation};
use crate::conformance::random;
use crate::conformance::world::*;
use crate::error::{Clash, Error, ErrorKind};
use crate::feature::{Action, ChangeHead, Operation};
use crate::geometry::Geometry;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::store::{Changeset, Record, Revert, RevertExt, Reverted, Store};
use crate::value::Value;

async fn undo(store: &dyn Store, what: &Revert) -> Reverted {
    let done = store.revert(&ChangeHead::default(), what, Lang::En).await;
    done.unwrap_or_else(|e| panic!("refused: {e:?}: {:?}", e.clashes()))
}

async fn preview(store: &dyn Store, what: &Revert) -> Reverted {
    let head = ChangeHead {
        dry_run: true,
        ..ChangeHead::default()
    };
    let before = contents(store).await;
    let shown = store.revert(&head, what, Lang::Fr).await.unwrap();
    assert_eq!(contents(store).await, before);
    shown
}

async fn refusal(store: &dyn Store, what: &Revert) -> Error {
    let before = contents(store).await;
    let done = store.revert(&ChangeHead::default(), what, Lang::En).await;
    assert_eq!(contents(store).await, before);
    done.unwrap_err()
}

async fn newest(store: &dyn Store) -> Revert {
    Revert::of(store.head().await.unwrap())
}

fn gone(feature_type: &str, n: u128) -> Operation {
    Operation::delete_feature(feature_type, id(n))
}

fn height_source(action: Action, source: impl Into<Value>) -> Operation {
    Operation::new(Relation::AttributeSource("weirs".into()), action)
        .set("cabd_id", id(1))
        .set("height_m_ds", source)
}

/// Features of several types, and rows around them.
async fn people(store: &dyn Store) -> CommitNumber {
    furnish(store).await;
    let place = Geometry::point(-75.25, 45.0);
    let all = vec![
        data_source(9, "a"),
        weir(1)
            .set("height_m", 0.1 + 0.2)
            .set("snapped_point", place),
        feature_source("weirs", 1, 9, "k, \"1\""),
        height_source(Action::Insert, id(9)),
        site(2),
        structure(20, 2, true, 1),
        structure(21, 2, false, 2),
        ladder(3),
        species(3, "eel", true),
    ];
    write(store, all).await;
    store.head().await.unwrap()
}

async fn structures(store: &dyn Store) -> usize {
    all(store, Relation::part("sites", "structures"))
        .await
        .len()
}

pub async fn random_changes_are_undone_in_random_order(store: &dyn Store) {
    random::back(store, 5, 6, 14).await;
}

pub async fn a_commit_is_undone_with_everything_around(store: &dyn Store) {
    let first = people(store).await;
    let start = contents(store).await.records;
    let part = Operation::new(Relation::part("sites", "structures"), Action::Update)
        .set("structure_id", id(20))
        .set("width_m", 3.0);
    let all_gone = vec![part, gone("weirs", 1), gone("ladders", 3), gone("sites", 2)];
    write(store, all_gone).await;
    let what = newest(store).await;
    let done = undo(store, &what).await;
    assert_eq!(contents(store).await.records, start);
    let commit = done.applied.commit.unwrap();
    assert_eq!(commit, store.head().await.unwrap());
    let parts = Relation::part("sites", "structures");
    assert_eq!(done.applied.of(&parts).inserted, 2);
    assert_eq!(done.rows.len(), 8, "{:?}", done.rows);
    // And what brought them: rows go with their feature.
    let done = undo(store, &Revert::of(first)).await;
    assert_eq!(done.applied.of(&parts).deleted, 2);
    assert_eq!(done.applied.of(&Relation::DataSource).deleted, 1);
    for table in store.catalog().await.unwrap().tables() {
        if !matches!(table.relation, Relation::Codes(_)) {
            let left = all(store, table.relation.clone()).await;
            assert_eq!(left, [], "{}", table.relation);
        }
    }
}

pub async fn a_preview_shows_labels_and_changes_nothing(store: &dyn Store) {
    furnish(store).await;
    let old = weir(1).set("size_code", 1).set("comments", "old");
    write(store, vec![old]).await;
    let new = update(1).set("size_code", 2).set("comments", Value::Null);
    write(store, vec![new]).await;
    let shown = preview(store, &newest(store).await).await;
    assert_eq!((shown.applied.commit, shown.rows.len()), (None, 1));
    let row = &shown.rows[0];
    assert_eq!((row.relation.as_str(), row.action), ("weirs", "update"));
    assert_eq!(row.cabd_id, Some(id(1)));
    let value = |name: &str| row.values.iter().find(|v| v.attribute == name).unwrap();
    let size = value("size_code");
    assert_eq!((&size.from, &size.to), (&json!(2), &json!(1)));
    let catalog = store.catalog().await.unwrap();
    let list = catalog.list("weirs.size_codes").unwrap();
    let label = |n: i64| list.label(&CodeKey::Int(n), Lang::Fr).map(str::to_owned);
    assert_eq!((&size.from_label, &size.to_label), (&label(2), &label(1)));
    assert!(size.to_label.is_some());
    let comments = value("comments");
    assert_eq!(
        (&comments.from, &comments.to),
        (&json!(null), &json!("old"))
    );
}

pub async fn what_has_changed_since_is_shown_and_left(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("height_m", 1.0), weir(2)]).await;
    let first = vec![
        update(1).set("height_m", 2.0).set("comments", "second"),
        update(2).set("height_m", 2.0),
    ];
    write(store, first).await;
    let mut what = newest(store).await;
    write(store, vec![update(1).set("height_m", 3.0)]).await;
    let expected = Clash {
        relation: "weirs".into(),
        key: vec![json!(id(1))],
        attribute: Some("height_m".into()),
        base: Some(json!(2.0)),
        theirs: Some(json!(3.0)),
        mine: Some(json!(1.0)),
        ..Clash::default()
    };
    let e = refusal(store, &what).await;
    assert_eq!(e.kind(), ErrorKind::Conflict);
    let told: Vec<&Clash> = e.each().filter_map(Error::clashes).collect();
    assert_eq!(told, [&expected]);
    assert!(e.next_step().is_some() && e.place().is_some());
    let shown = preview(store, &what).await;
    assert_eq!(shown.conflicts.len(), 1);
    assert_eq!(shown.rows.len(), 2, "what could go back is shown beside it");
    what.only_clean = true;
    let done = undo(store, &what).await;
    assert_eq!(done.conflicts.len(), 1);
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "height_m"), 3.0.into());
    assert_eq!(answer.of(1, "comments"), Value::Null);
    assert_eq!(answer.of(2, "height_m"), Value::Null);
    // What somebody has set back already is no conflict.
    write(store, vec![update(1).set("height_m", 1.0)]).await;
    what.only_clean = false;
    let done = undo(store, &what).await;
    assert_eq!((done.applied.commit, done.unchanged), (None, 2));
}

pub async fn one_attribute_goes_back_with_its_source(store: &dyn Store) {
    people(store).await;
    let sources = height_source(Action::Update, Value::Null).set("length_m_ds", id(9));
    let change = update(1).set("height_m", 7.0).set("length_m", 8.0);
    write(store, vec![change, sources]).await;
    let what = Revert {
        attributes: vec!["height_m".into()],
        ..newest(store).await
    };
    undo(store, &what).await;
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "height_m"), (0.1 + 0.2).into());
    assert_eq!(answer.of(1, "length_m"), 8.0.into());
    let rows: Vec<Record> = all(store, Relation::AttributeSource("weirs".into())).await;
    assert_eq!(rows[0].get("height_m_ds"), &id(9).into());
    assert_eq!(rows[0].get("length_m_ds"), &id(9).into());
    let what = Revert {
        attributes: vec!["built_year".into()],
        ..what
    };
    assert_eq!(refusal(store, &what).await.kind(), ErrorKind::Invalid);
}

pub async fn one_feature_of_a_commit_goes_back(store: &dyn Store) {
    people(store).await;
    write(store, vec![gone("weirs", 1), gone("sites", 2)]).await;
    let what = Revert {
        features: vec![id(2)],
        ..newest(store).await
    };
    let done = undo(store, &what).await;
    assert_eq!(done.rows.len(), 3);
    assert!(done.rows.iter().all(|r| r.cabd_id == Some(id(2))));
    assert_eq!(found(store, &weirs()).await, [] as [u128; 0]);
    assert_eq!(structures(store).await, 2);
}

pub async fn a_row_that_moved_to_another_feature_moves_back(store: &dyn Store) {
    people(store).await;
    write(store, vec![site(4)]).await;
    let part = Operation::new(Relation::part("sites", "structures"), Action::Update)
        .set("structure_id", id(20))
        .set("site_id", id(4));
    write(store, vec![part]).await;
    let whole = newest(store).await;
    for n in [4, 2] {
        let what = Revert {
            features: vec![id(n)],
            ..whole.clone()
        };
        // Whichever of the two the log tells it of.
        let _ = store.revert(&ChangeHead::default(), &what, Lang::En).await;
    }
    let rows = all(store, Relation::part("sites", "structures")).await;
    let sites: Vec<&Value> = rows.iter().map(|r| r.get("site_id")).collect();
    assert_eq!(sites, [&Value::from(id(2)), &Value::from(id(2))]);
}

pub async fn a_new_feature_that_others_have_added_to_stays(store: &dyn Store) {
    let first = people(store).await;
    write(store, vec![structure(22, 2, false, 3)]).await;
    let mut what = Revert::of(first);
    let e = refusal(store, &what).await;
    assert_eq!(e.each().count(), 1, "{e:?}");
    let relation = e.clashes().map(|c| c.relation.as_str());
    assert_eq!(relation, Some("sites.structures"));
    what.only_clean = true;
    let done = undo(store, &what).await;
    assert_eq!(done.conflicts.len(), 1);
    assert_eq!(structures(store).await, 3);
    assert_eq!(all(store, Relation::feature("sites")).await.len(), 1);
    assert_eq!(all(store, Relation::feature("weirs")).await, []);
}

pub async fn what_others_name_stays(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![data_source(9, "a"), weir(5)]).await;
    let mut what = newest(store).await;
    write(store, vec![weir(1), feature_source("weirs", 1, 9, "x")]).await;
    let e = refusal(store, &what).await;
    assert_eq!(e.kind(), ErrorKind::Conflict, "{e:?}");
    what.only_clean = true;
    let done = undo(store, &what).await;
    assert_eq!((done.rows.len(), done.conflicts.len()), (1, 1), "{done:?}");
    assert_eq!(found(store, &weirs()).await, [1]);
    // A row comes back only together with the one that it names.
    write(store, vec![delete(1)]).await;
    let deleted = newest(store).await;
    let source = Operation::new(Relation::DataSource, Action::Delete).set("id", id(9));
    write(store, vec![source]).await;
    let e = refusal(store, &deleted).await;
    let mut fields = e.each().map(Error::field_name);
    assert!(fields.any(|f| f == Some("datasource_id")), "{e:?}");
    let done = undo(
        store,
        &Revert {
            only_clean: true,
            ..deleted
        },
    )
    .await;
    assert_eq!(done.conflicts.len(), 1);
    assert_eq!(found(store, &weirs()).await, [1]);
}

pub async fn sources_and_codes_go_back(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![data_source(9, "a"), weir(1).set("size_code", 1)],
    )
    .await;
    let start = contents(store).await.records;
    let code = |action| Operation::new(Relation::Codes("weirs.size_codes".into()), action);
    let source = Operation::new(Relation::DataSource, Action::Update);
    write(
        store,
        vec![
            code(Action::Insert).set("code", 50).set("name_en", "Fifty"),
            code(Action::Update).set("code", 1).set("name_fr", "autre"),
            source.set("id", id(9)).set("name", "b").set("licence", "c"),
            update(1).set("size_code", 50),
        ],
    )
    .await;
    undo(store, &newest(store).await).await;
    assert_eq!(contents(store).await.records, start);
}

pub async fn an_undoing_is_undone(store: &dyn Store) {
    people(store).await;
    write(
        store,
        vec![update(1).set("height_m", 4.0), gone("sites", 2)],
    )
    .await;
    let end = contents(store).await.records;
    undo(store, &newest(store).await).await;
    assert_ne!(contents(store).await.records, end);
    undo(store, &newest(store).await).await;
    assert_eq!(contents(store).await.records, end);
    let sets = store.changesets(CommitNumber(0), None).await.unwrap();
    let sets: Vec<Changeset> = sets.try_collect().await.unwrap();
    let last = sets.last().unwrap();
    assert_eq!(last.kind, "revert");
    let reason = last.reason.clone().unwrap();
    assert!(
        reason.ends_with(&(last.commit.0 - 1).to_string()),
        "{reason}"
    );
}

pub async fn a_change_of_the_catalogue_between_is_followed(store: &dyn Store) {
    people(store).await;
    write(store, vec![update(1).set("weir_name_en", "Old")]).await;
    let sources = height_source(Action::Update, Value::Null);
    let values = update(1)
        .set("height_m", 4.0)
        .set("length_m", 5.0)
        .set("weir_name_en", "New");
    write(store, vec![values, sources]).await;
    let what = newest(store).await;
    evolved(store, &retyped("weirs", "weir_name_en", "varchar(80)")).await;
    evolved(store, &nothing().rename("weirs.height_m", "tallness_m")).await;
    undo(store, &what).await;
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "tallness_m"), (0.1 + 0.2).into());
    assert_eq!(answer.of(1, "length_m"), Value::Null);
    assert_eq!(answer.of(1, "weir_name_en"), "Old".into());
    let rows = all(store, Relation::AttributeSource("weirs".into())).await;
    assert_eq!(rows[0].get("tallness_m_ds"), &id(9).into());
}

pub async fn what_has_no_place_any_more_is_told(store: &dyn Store) {
    people(store).await;
    let values = update(1).set("height_m", 4.0).set("length_m", 5.0);
    write(store, vec![values]).await;
    let mut what = newest(store).await;
    evolved(store, &nothing().retire("weirs.height_m")).await;
    let e = refusal(store, &what).await;
    assert_eq!(
        (e.kind(), e.field_name()),
        (ErrorKind::Conflict, Some("height_m"))
    );
    what.only_clean = true;
    let done = undo(store, &what).await;
    assert_eq!(done.conflicts.len(), 1);
    assert_eq!(ask(store, &weirs()).await.of(1, "length_m"), Value::Null);
}

pub async fn what_cannot_be_undone_is_refused(store: &dyn Store) {
    people(store).await;
    for n in [999, 0] {
        let e = refusal(store, &Revert::of(CommitNumber(n))).await;
        assert_eq!(
            (e.kind(), e.field_name()),
            (ErrorKind::NotFound, Some("commit"))
        );
    }
    let e = refusal(store, &Revert::of(CommitNumber(1))).await;
    assert_eq!(
        (e.kind(), e.field_name()),
        (ErrorKind::Invalid, Some("commit"))
    );
    let elsewhere = Revert {
        features: vec![id(77)],
        ..newest(store).await
    };
    assert_eq!(refusal(store, &elsewhere).await.kind(), ErrorKind::Invalid);
}
