//! What becomes of identifiers: merge, split, withdraw and restore.

use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::error::{Error, ErrorKind, Result};
use crate::feature::{Action, Applied, ChangeHead, Operation};
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::store::{Fate, FeatureName, IdentityExt, Revert, RevertExt, Store};
use crate::value::Value;

fn named(feature_type: &str, n: u128) -> FeatureName {
    FeatureName::new(feature_type, id(n))
}

fn because(reason: &str) -> ChangeHead {
    ChangeHead {
        reason: Some(reason.into()),
        ..ChangeHead::default()
    }
}

async fn fate(store: &dyn Store, n: u128) -> Option<Fate> {
    store.fate(id(n)).await.unwrap()
}

async fn untouched<T: std::fmt::Debug>(
    store: &dyn Store,
    before: &Contents,
    done: Result<T>,
) -> Error {
    let e = done.unwrap_err();
    assert_eq!(&contents(store).await, before);
    e
}

/// Two weirs, one with a source of its own and a suggested update, and a site.
async fn people(store: &dyn Store) {
    furnish(store).await;
    let contact = Operation::new(Relation::Contact, Action::Insert)
        .set("id", id(40))
        .set("email", "a@example.org")
        .set("name", "A");
    let suggestion = Operation::new(Relation::FeatureUpdate, Action::Insert)
        .set("id", id(50))
        .set("contact_id", id(40))
        .set("cabd_id", id(1))
        .set("cabd_type", "weirs");
    write(
        store,
        vec![
            data_source(9, "a"),
            contact,
            weir(1).set("height_m", 1.5),
            weir(2),
            feature_source("weirs", 1, 9, "x"),
            feature_source("weirs", 1, 9, "y"),
            feature_source("weirs", 2, 9, "y"),
            site(3),
            structure(30, 3, true, 1),
            suggestion,
        ],
    )
    .await;
}

pub async fn a_merged_feature_leads_to_the_other_with_its_sources(store: &dyn Store) {
    people(store).await;
    let start = contents(store).await;
    let (from, into) = (named("weirs", 1), named("weirs", 2));
    let done: Applied = store
        .merge(&because("the same weir"), &from, &into)
        .await
        .unwrap();
    let commit = done.commit.unwrap();
    assert_eq!(found(store, &weirs()).await, [2]);
    assert_eq!(fate(store, 1).await, Some(Fate::Merged { into }));
    let sources = all(store, Relation::FeatureSource("weirs".into())).await;
    let keys: Vec<&Value> = sources
        .iter()
        .map(|r| r.get("datasource_feature_id"))
        .collect();
    assert_eq!(keys, [&Value::from("x"), &Value::from("y")]);
    assert!(sources.iter().all(|r| r.get("cabd_id") == &id(2).into()));
    let suggested = all(store, Relation::FeatureUpdate).await;
    assert_eq!(suggested[0].get("cabd_id"), &id(2).into());
    let acts = all(store, Relation::Identity).await;
    assert_eq!(acts.len(), 1);
    assert_eq!(acts[0].get("act"), &"merge".into());
    assert_eq!(acts[0].get("reason"), &"the same weir".into());
    let log = log_after(store, CommitNumber(commit.0 - 1)).await;
    assert!(
        log.iter()
            .any(|e| e.table == "feature_identity" && e.cabd_id == Some(id(1))),
        "the act is logged like any row"
    );
    // One merge after another leads to the feature of today.
    store
        .merge(&because("again"), &named("weirs", 2), &named("sites", 3))
        .await
        .unwrap();
    let into = named("sites", 3);
    assert_eq!(fate(store, 1).await, Some(Fate::Merged { into }));
    for back in [store.head().await.unwrap(), commit] {
        store
            .revert(&ChangeHead::default(), &Revert::of(back), Lang::En)
            .await
            .unwrap();
    }
    assert_eq!(contents(store).await.records, start.records);
}

pub async fn a_split_feature_names_its_parts(store: &dyn Store) {
    people(store).await;
    let start = contents(store).await.records;
    let into = [named("weirs", 11), named("weirs", 2)];
    let new = vec![weir(11).set("height_m", 2.0)];
    store
        .split(&because("two weirs"), &named("weirs", 1), &into, new)
        .await
        .unwrap();
    assert_eq!(found(store, &weirs()).await, [2, 11]);
    let Some(Fate::Split {
        into: parts,
        reason,
        datetime,
    }) = fate(store, 1).await
    else {
        panic!("it was split");
    };
    assert_eq!(parts, into);
    assert_eq!(reason.as_deref(), Some("two weirs"));
    assert!(datetime.is_some());
    let what = Revert::of(store.head().await.unwrap());
    store
        .revert(&ChangeHead::default(), &what, Lang::En)
        .await
        .unwrap();
    assert_eq!(contents(store).await.records, start);
}

pub async fn a_withdrawn_feature_says_why_and_comes_back_whole(store: &dyn Store) {
    people(store).await;
    let start = contents(store).await.records;
    for feature in [named("weirs", 1), named("sites", 3)] {
        store
            .withdraw(&because("never built"), &feature)
            .await
            .unwrap();
        let n = feature.id.as_u128();
        let Some(Fate::Withdrawn { reason, .. }) = fate(store, n).await else {
            panic!("it was withdrawn");
        };
        assert_eq!(reason.as_deref(), Some("never built"));
    }
    for feature in [named("weirs", 1), named("sites", 3)] {
        let done = store
            .restore(&because("it is there"), &feature)
            .await
            .unwrap();
        assert!(done.conflicts.is_empty());
    }
    assert_eq!(contents(store).await.records, start);
}

pub async fn a_deleted_feature_is_known_and_comes_back(store: &dyn Store) {
    people(store).await;
    let start = contents(store).await.records;
    assert_eq!(fate(store, 77).await, None);
    write(
        store,
        vec![delete(2), Operation::delete_feature("sites", id(3))],
    )
    .await;
    let commit = store.head().await.unwrap();
    match fate(store, 3).await {
        Some(Fate::Deleted { commit: of, .. }) => assert_eq!(of, commit),
        other => panic!("{other:?}"),
    }
    let head = ChangeHead::default();
    store.restore(&head, &named("sites", 3)).await.unwrap();
    assert_eq!(found(store, &weirs()).await, [1], "nothing else comes back");
    store.restore(&head, &named("weirs", 2)).await.unwrap();
    assert_eq!(contents(store).await.records, start);
    // Where a merge led to what is gone, that is told.
    store
        .merge(&head, &named("weirs", 1), &named("weirs", 2))
        .await
        .unwrap();
    store
        .withdraw(&because("neither"), &named("weirs", 2))
        .await
        .unwrap();
    assert!(matches!(fate(store, 1).await, Some(Fate::Withdrawn { .. })));
    write(store, vec![]).await;
}

pub async fn an_act_that_cannot_be_is_refused(store: &dyn Store) {
    people(store).await;
    let before = contents(store).await;
    let (head, weir1, gone) = (because("x"), named("weirs", 1), named("weirs", 77));
    let e = untouched(store, &before, store.merge(&head, &weir1, &weir1).await).await;
    assert_eq!(e.kind(), ErrorKind::Invalid);
    for (from, into) in [(&weir1, &gone), (&gone, &weir1)] {
        let e = untouched(store, &before, store.merge(&head, from, into).await).await;
        assert_eq!(
            (e.kind(), e.field_name()),
            (ErrorKind::NotFound, Some("cabd_id"))
        );
    }
    let one = [named("weirs", 2)];
    let e = untouched(
        store,
        &before,
        store.split(&head, &weir1, &one, vec![]).await,
    )
    .await;
    assert_eq!(e.kind(), ErrorKind::Invalid);
    let missing = [named("weirs", 2), named("weirs", 78)];
    let e = untouched(
        store,
        &before,
        store.split(&head, &weir1, &missing, vec![]).await,
    )
    .await;
    assert_eq!(e.kind(), ErrorKind::NotFound);
    let unsaid = ChangeHead::default();
    let e = untouched(store, &before, store.withdraw(&unsaid, &weir1).await).await;
    assert_eq!(
        (e.kind(), e.field_name()),
        (ErrorKind::Invalid, Some("reason"))
    );
    let e = untouched(store, &before, store.withdraw(&head, &gone).await).await;
    assert_eq!(e.kind(), ErrorKind::NotFound);
    let e = untouched(store, &before, store.restore(&head, &weir1).await).await;
    assert_eq!(e.kind(), ErrorKind::Conflict);
    let e = untouched(store, &before, store.restore(&head, &gone).await).await;
    assert_eq!(e.kind(), ErrorKind::NotFound);
}
