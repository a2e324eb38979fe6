//! Suggested updates: what a contact proposes for a feature, and how the feature shows it.

use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, Operation};
use crate::store::{RecordQuery, Store};
use crate::value::Value;

fn contact(n: u128) -> Operation {
    Operation::new(Relation::Contact, Action::Insert)
        .set("id", id(n))
        .set("email", format!("{n}@example.org"))
        .set("name", "A")
}

fn about(n: u128, contact: u128, feature_type: &str, feature: u128) -> Operation {
    Operation::new(Relation::FeatureUpdate, Action::Insert)
        .set("id", id(n))
        .set("contact_id", id(contact))
        .set("cabd_type", feature_type)
        .set("cabd_id", id(feature))
}

fn change(n: u128) -> Operation {
    Operation::new(Relation::FeatureUpdate, Action::Update).set("id", id(n))
}

fn gone(relation: Relation, n: u128) -> Operation {
    Operation::new(relation, Action::Delete).set("id", id(n))
}

async fn waiting(store: &dyn Store) -> Vec<u128> {
    let open = found(store, &filtered("weirs", "updates_pending:eq:true")).await;
    let answer = ask(store, &weirs()).await;
    let mut shown = answer.ids();
    shown.retain(|n| answer.of(*n, "updates_pending") == Value::from(true));
    shown.sort_unstable();
    assert_eq!(open, shown, "the filter and the answer agree");
    open
}

pub async fn a_suggested_update_marks_its_feature_until_it_is_done(store: &dyn Store) {
    furnish(store).await;
    // In any order, in one change.
    write(
        store,
        vec![
            about(20, 10, "weirs", 1),
            about(21, 10, "weirs", 1),
            about(22, 10, "falls", 3),
            contact(10),
            weir(1),
            weir(2),
            fall(3),
        ],
    )
    .await;
    assert_eq!(waiting(store).await, [1]);
    assert_eq!(found(store, &weirs()).await, [1, 2], "once each");
    write(store, vec![change(20).set("status", "done")]).await;
    assert_eq!(waiting(store).await, [1], "the other one waits still");
    write(store, vec![gone(Relation::FeatureUpdate, 21)]).await;
    assert!(waiting(store).await.is_empty());
    write(store, vec![change(20).set("status", "needs_review")]).await;
    assert_eq!(waiting(store).await, [1]);
    write(
        store,
        vec![change(20).set("cabd_id", id(2)).set("cabd_type", "weirs")],
    )
    .await;
    assert_eq!(waiting(store).await, [2]);
    let left = all(store, Relation::FeatureUpdate).await;
    assert_eq!(left.len(), 2);
}

pub async fn a_new_suggestion_has_its_instant_and_waits_for_review(store: &dyn Store) {
    furnish(store).await;
    let told = about(21, 10, "weirs", 1)
        .set("datetime", "2025-12-23")
        .set("user_description", "no dam here")
        .set("user_data_source", "imagery")
        .set("status", "done");
    let ops = vec![
        weir(1),
        contact(10),
        about(20, 10, "weirs", 1),
        told.clone(),
    ];
    write(store, ops).await;
    let rows = all(store, Relation::FeatureUpdate).await;
    assert_eq!(rows[0].get("status"), &Value::from("needs_review"));
    let now = jiff::Timestamp::now().as_second();
    match rows[0].get("datetime") {
        Value::Timestamp(t) => assert!((now - t.as_second()).abs() < 600, "{t}"),
        other => panic!("no instant: {other:?}"),
    }
    assert_eq!(
        rows[1].get("datetime").to_json(),
        serde_json::json!("2025-12-23T00:00:00Z")
    );
    assert_eq!(rows[1].get("user_description"), &Value::from("no dam here"));
    let query = RecordQuery::of(Relation::FeatureUpdate)
        .only(&["id", "status"])
        .with("cabd_id", [id(1).into()]);
    assert_eq!(asked(store, &query).await.len(), 2);
    let mut again = told;
    again.action = Action::Put;
    let applied = write_or_nothing(store, again).await;
    assert_eq!(applied, (0, 0, 1), "the same again changes nothing");
}

async fn write_or_nothing(store: &dyn Store, op: Operation) -> (u64, u64, u64) {
    let applied = write(store, vec![op]).await;
    let c = applied.of(&Relation::FeatureUpdate);
    (c.inserted, c.updated, c.unchanged)
}

pub async fn a_suggestion_names_a_contact_and_a_feature_that_are_there(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), contact(10), about(20, 10, "weirs", 1)]).await;
    let mut half = about(21, 10, "weirs", 1);
    half.fields = half.fields[..3].to_vec().into();
    half.values.truncate(3);
    for (op, field) in [
        (about(21, 11, "weirs", 1), "contact_id"),
        (about(21, 10, "weirs", 2), "cabd_id"),
        (about(21, 10, "falls", 1), "cabd_id"),
        (about(21, 10, "dragons", 1), "cabd_type"),
        (about(21, 10, "obstacles", 1), "cabd_type"),
        (about(21, 10, "weirs", 1).set("status", "later"), "status"),
        (half, "cabd_id"),
        (change(20).set("cabd_id", id(1)), "cabd_type"),
        (change(20).set("status", "DONE"), "status"),
        (change(20).set("status", Value::Null), "status"),
    ] {
        let e = refuse(store, ErrorKind::Invalid, vec![op]).await;
        assert_eq!(e.field_name(), Some(field), "{e:?}");
    }
    refuse(store, ErrorKind::NotFound, vec![change(21)]).await;
    let missing = vec![gone(Relation::FeatureUpdate, 21)];
    refuse(store, ErrorKind::NotFound, missing).await;
    let twice = vec![about(20, 10, "weirs", 1)];
    refuse(store, ErrorKind::Conflict, twice).await;
    // A contact stays as long as a suggestion names it.
    let contact = || vec![gone(Relation::Contact, 10)];
    refuse(store, ErrorKind::Conflict, contact()).await;
    write(store, vec![gone(Relation::FeatureUpdate, 20)]).await;
    write(store, contact()).await;
}

pub async fn suggestions_are_logged_with_their_feature(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), contact(10)]).await;
    let before = store.head().await.expect("the head is read");
    write(store, vec![about(20, 10, "weirs", 1)]).await;
    write(store, vec![change(20).set("status", "done")]).await;
    write(store, vec![gone(Relation::FeatureUpdate, 20)]).await;
    let log = log_after(store, before).await;
    let told: Vec<_> = log
        .iter()
        .map(|e| (e.table.as_str(), e.action.as_str(), e.cabd_id))
        .collect();
    let entry = |action| ("user_feature_updates", action, Some(id(1)));
    assert_eq!(told, [entry("INSERT"), entry("UPDATE"), entry("DELETE")]);
}
