//! Changes as documents, made from what somebody has read.

use serde_json::json;

use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::edit::{self, Draft, Sourcing};
use crate::error::{Error, ErrorKind, Result};
use crate::feature::{Base, ChangeHead};
use crate::id::CommitNumber;
use crate::store::{RecordQuery, Store, operations};
use crate::value::Value;

async fn apply(store: &dyn Store, draft: Draft) -> Result<CommitNumber> {
    let applied = store
        .apply(&draft.head, operations(draft.operations))
        .await?;
    Ok(applied.commit.unwrap_or_default())
}

async fn sent(store: &dyn Store, document: serde_json::Value) -> Result<CommitNumber> {
    let catalog = store.catalog().await?;
    apply(store, edit::changeset(&catalog, &document)?).await
}

fn places(e: &Error) -> Vec<(String, String)> {
    let text = |t: Option<&str>| t.unwrap_or_default().to_owned();
    let all = e.each();
    all.map(|e| (text(e.place()), text(e.field_name())))
        .collect()
}

/// The source of each weir's height.
async fn height_source(store: &dyn Store, n: u128) -> Value {
    let query = RecordQuery::of(Relation::AttributeSource("weirs".into()));
    let rows = asked(store, &query).await;
    let row = rows.iter().find(|r| *r.get("cabd_id") == id(n).into());
    row.map(|r| r.get("height_m_ds").clone())
        .unwrap_or_default()
}

pub async fn a_feature_is_changed_only_where_nobody_has_changed_it_since(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), weir(2), data_source(1, "a")]).await;
    let read = store.last_change(id(1)).await.unwrap();
    assert_eq!(read, store.head().await.unwrap());
    write(store, vec![update(2).set("height_m", 9.0)]).await;
    assert_eq!(store.last_change(id(1)).await.unwrap(), read);
    let from = |commit: CommitNumber| ChangeHead {
        bases: vec![Base {
            feature_type: "weirs".into(),
            id: id(1),
            commit,
            exact: true,
            place: Some("/here".into()),
        }],
        ..ChangeHead::default()
    };
    let change = |height: f64| operations(vec![update(1).set("height_m", height)]);
    store.apply(&from(read), change(3.0)).await.unwrap();
    let before = contents(store).await;
    let e = store.apply(&from(read), change(4.0)).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Conflict);
    assert_eq!(
        (e.place(), e.field_name()),
        (Some("/here"), Some("cabd_id"))
    );
    assert!(e.next_step().is_some());
    assert_eq!(contents(store).await, before);
    // Rows around a feature are part of it.
    let now = store.last_change(id(1)).await.unwrap();
    write(store, vec![feature_source("weirs", 1, 1, "x")]).await;
    let e = store.apply(&from(now), change(4.0)).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Conflict);
    assert_eq!(store.last_change(id(77)).await.unwrap(), CommitNumber(0));
}

pub async fn of_two_who_change_what_they_read_one_is_told(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let commit = store.last_change(id(1)).await.unwrap();
    let head = ChangeHead {
        bases: vec![Base {
            feature_type: "weirs".into(),
            id: id(1),
            commit,
            exact: false,
            place: None,
        }],
        ..ChangeHead::default()
    };
    let change = |height: f64| {
        let ops = operations(vec![update(1).set("height_m", height)]);
        store.apply(&head, ops)
    };
    let (a, b) = futures::join!(change(3.0), change(4.0));
    let (lost, won) = match (a, b) {
        (Err(e), Ok(_)) => (e, 4.0),
        (Ok(_), Err(e)) => (e, 3.0),
        both => panic!("one of two must be refused: {both:?}"),
    };
    assert_eq!(lost.kind(), ErrorKind::Conflict);
    assert_eq!(ask(store, &weirs()).await.of(1, "height_m"), won.into());
}

pub async fn a_document_becomes_a_change_with_its_sources(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), data_source(1, "a")]).await;
    let read = store.last_change(id(1)).await.unwrap();
    let commit = sent(
        store,
        json!({
            "reason": "measured",
            "data_source": id(1),
            "operations": [
                {"action": "update", "relation": "weirs", "base": read.0, "values": {"cabd_id": id(1), "height_m": 4.25}},
                {"action": "insert", "relation": "WEIRS", "values": {
                    "cabd_id": id(2), "weir_name_en": "New", "geometry": {"type": "Point", "coordinates": [-75.0, 45.0]}}},
            ]
        }),
    )
    .await
    .unwrap();
    assert_eq!(commit, store.head().await.unwrap());
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "height_m"), 4.25.into());
    assert_eq!(answer.of(2, "weir_name_en"), "New".into());
    assert_eq!(height_source(store, 1).await, id(1).into());
    // Without a source of its own the old one is taken away; a value that goes takes its source along.
    let without = json!({"no_source": "seen from the road", "operations": [
        {"action": "update", "relation": "weirs", "values": {"cabd_id": id(1), "height_m": 5}}]});
    sent(store, without).await.unwrap();
    assert_eq!(height_source(store, 1).await, Value::Null);
    let unsaid = json!({"operations": [
        {"action": "update", "relation": "weirs", "values": {"cabd_id": id(1), "height_m": 6}}]});
    let e = sent(store, unsaid).await.unwrap_err();
    assert_eq!(
        places(&e),
        [("/operations/0".to_owned(), "data_source".to_owned())]
    );
    // Nor is it said by taking the source away.
    let taken = json!({"operations": [
        {"action": "update", "relation": "weirs", "values": {"cabd_id": id(1), "height_m": 6}},
        {"action": "put", "relation": "weirs_attribute_source", "values": {"cabd_id": id(1), "height_m_ds": null}}]});
    let e = sent(store, taken).await.unwrap_err();
    assert_eq!(
        places(&e),
        [("/operations/0".to_owned(), "data_source".to_owned())]
    );
    let unknown = json!({"data_source": id(9), "operations": [
        {"action": "update", "relation": "weirs", "values": {"cabd_id": id(1), "height_m": 6}}]});
    assert_eq!(
        sent(store, unknown).await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
    assert_eq!(
        ask(store, &weirs()).await.of(1, "height_m"),
        Value::Double(5.0)
    );
}

pub async fn a_document_of_another_shape_is_refused_with_every_place(store: &dyn Store) {
    furnish(store).await;
    let catalog = store.catalog().await.unwrap();
    let e = edit::changeset(
        &catalog,
        &json!({
            "why": "?", "data_source": "a book",
            "operations": [
                {"action": "paint", "relation": "weirs"},
                {"action": "update", "relation": "nothing", "values": {}},
                {"action": "update", "relation": "weirs", "values": []},
                {"action": "update", "relation": "weirs", "base": "x", "values": {}},
                7,
                {"action": "update", "relation": "weirs", "values": {"geometry": {"type": "Point"}}},
            ]
        }),
    )
    .unwrap_err();
    let said = places(&e);
    for (place, field) in [
        ("", "why"),
        ("", "data_source"),
        ("/operations/0", "action"),
        ("/operations/1", "relation"),
        ("/operations/2", "values"),
        ("/operations/3", "base"),
        ("/operations/4", ""),
        ("/operations/5", "geometry"),
    ] {
        assert!(
            said.contains(&(place.to_owned(), field.to_owned())),
            "{place} {field}: {said:?}"
        );
    }
    for whole in [json!([]), json!({}), json!({"operations": {}})] {
        assert!(edit::changeset(&catalog, &whole).is_err(), "{whole}");
    }
}

pub async fn a_feature_is_created_merged_and_replaced_by_geojson(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![data_source(1, "a")]).await;
    let catalog = store.catalog().await.unwrap();
    let from = Sourcing::Source(id(1));
    let point = json!({"type": "Point", "coordinates": [-75.0, 45.0]});
    let new = json!({"type": "Feature", "geometry": point,
        "properties": {"weir_name_en": "Mill", "height_m": 3.5, "built_year": 1968}});
    let draft = edit::create(&catalog, "weirs", id(1), &new, &from).unwrap();
    apply(store, draft).await.unwrap();
    let patch = json!({"properties": {"height_m": null, "comments": "low"}});
    let draft = edit::merge(&catalog, "weirs", id(1), &patch, &from).unwrap();
    apply(store, draft).await.unwrap();
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "height_m"), Value::Null);
    assert_eq!(answer.of(1, "built_year"), 1968.into());
    assert_eq!(answer.of(1, "comments"), "low".into());
    assert_eq!(height_source(store, 1).await, Value::Null);

    let served = json!({"properties": {"feature_type": "weirs", "weir_name_en": "Mill"}});
    let whole = json!({"type": "Feature", "geometry": point,
        "properties": {"cabd_id": id(1), "feature_type": "weirs", "weir_name_en": "Old Mill"}});
    let draft = edit::replace(&catalog, "weirs", id(1), &whole, &served, &from).unwrap();
    apply(store, draft).await.unwrap();
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "weir_name_en"), "Old Mill".into());
    assert_eq!(answer.of(1, "built_year"), Value::Null);
    assert_eq!(answer.of(1, "comments"), Value::Null);

    // What is computed cannot be set, and an identifier never changes.
    let computed = json!({"properties": {"feature_type": "falls"}});
    let draft = edit::replace(&catalog, "weirs", id(1), &computed, &served, &from).unwrap();
    let e = apply(store, draft).await.unwrap_err();
    assert!(
        places(&e).iter().any(|(_, field)| field == "feature_type"),
        "{e:?}"
    );
    let other = json!({"properties": {"cabd_id": id(2)}});
    let e = edit::merge(&catalog, "weirs", id(1), &other, &from).unwrap_err();
    assert_eq!(e.field_name(), Some("cabd_id"));
    let e = edit::create(&catalog, "nothing", id(1), &new, &from).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound);
}
