//! The log: one commit a change, one entry a row, in order.

use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::feature::{Action, ChangeHead, Operation};
use crate::id::CommitNumber;
use crate::store::{LogEntry, Store, operations};

/// Table, action and feature of each entry.
fn rows(log: &[LogEntry]) -> Vec<(String, String, Option<u128>)> {
    log.iter()
        .map(|e| {
            let table = format!("{}.{}", e.schema, e.table);
            (table, e.action.clone(), e.cabd_id.map(|i| i.as_u128()))
        })
        .collect()
}

fn entry(table: &str, action: &str, n: impl Into<Option<u128>>) -> (String, String, Option<u128>) {
    (table.to_owned(), action.to_owned(), n.into())
}

pub async fn each_change_that_writes_is_one_commit(store: &dyn Store) {
    furnish(store).await;
    let head = store.head().await.unwrap();
    for (n, ops) in [
        vec![weir(1), weir(2), data_source(3, "a")],
        vec![update(1).set("height_m", 1.0)],
        vec![delete(2), feature_source("weirs", 1, 3, "x")],
    ]
    .into_iter()
    .enumerate()
    {
        let commit = CommitNumber(head.0 + 1 + n as i64);
        assert_eq!(write(store, ops).await.commit, Some(commit));
        assert_eq!(store.head().await.unwrap(), commit);
    }
}

pub async fn a_change_that_writes_nothing_is_no_commit(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("height_m", 1.0)]).await;
    let before = contents(store).await;
    assert_eq!(
        write(store, vec![update(1).set("height_m", 1)])
            .await
            .commit,
        None
    );
    assert_eq!(write(store, vec![]).await.commit, None);
    let dry = ChangeHead {
        dry_run: true,
        ..ChangeHead::default()
    };
    assert_eq!(
        store
            .apply(&dry, operations(vec![weir(2)]))
            .await
            .unwrap()
            .commit,
        None
    );
    assert_eq!(contents(store).await, before);
    let next = write(store, vec![weir(2)]).await.commit;
    assert_eq!(
        next,
        Some(CommitNumber(before.head.0 + 1)),
        "no number is lost"
    );
}

pub async fn the_log_tells_each_row_and_whose_it_is(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    write(
        store,
        vec![
            data_source(9, "a"),
            site(1),
            structure(11, 1, true, 1),
            feature_source("sites", 1, 9, "k"),
            ladder(2),
            species(2, "eel", true),
        ],
    )
    .await;
    let mut first = rows(&log_after(store, start).await);
    first.sort();
    assert_eq!(
        first,
        [
            entry("cabd.data_source", "INSERT", None),
            entry("crossings.all_sites", "INSERT", 1),
            entry("crossings.sites_feature_source", "INSERT", 1),
            entry("crossings.structures", "INSERT", 1),
            entry("ladders.ladders", "INSERT", 2),
            entry("ladders.species_mapping", "INSERT", 2),
        ]
    );
    let second = store.head().await.unwrap();
    write(
        store,
        vec![
            Operation::update_feature("sites", id(1)).set("stream_name", "Brook"),
            Operation::new(Relation::part("sites", "structures"), Action::Update)
                .set("structure_id", id(11))
                .set("width_m", 2.0),
        ],
    )
    .await;
    let mut log = rows(&log_after(store, second).await);
    log.sort();
    assert_eq!(
        log,
        [
            entry("crossings.all_sites", "UPDATE", 1),
            entry("crossings.structures", "UPDATE", 1)
        ]
    );
}

pub async fn a_deletion_logs_the_children_that_went_along(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            site(1),
            structure(11, 1, true, 1),
            structure(12, 1, false, 2),
            data_source(9, "a"),
            feature_source("sites", 1, 9, "k"),
        ],
    )
    .await;
    let head = store.head().await.unwrap();
    write(store, vec![Operation::delete_feature("sites", id(1))]).await;
    let mut log = rows(&log_after(store, head).await);
    log.sort();
    assert_eq!(
        log,
        [
            entry("crossings.all_sites", "DELETE", 1),
            entry("crossings.sites_feature_source", "DELETE", 1),
            entry("crossings.structures", "DELETE", 1),
            entry("crossings.structures", "DELETE", 1),
        ]
    );
}

pub async fn the_log_is_read_from_any_commit_in_order(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    for n in 1..=5 {
        write(store, vec![weir(n), weir(n + 10)]).await;
    }
    let log = log_after(store, start).await;
    assert_eq!(log.len(), 10);
    assert!(log.is_sorted_by_key(|e| e.commit));
    for n in 0..=5 {
        let after = CommitNumber(start.0 + n);
        let later = log_after(store, after).await;
        assert_eq!(later.len() as i64, 10 - 2 * n);
        assert!(later.iter().all(|e| e.commit > after));
        assert_eq!(later, log[(2 * n) as usize..]);
    }
    assert!(
        log_after(store, CommitNumber(start.0 + 999))
            .await
            .is_empty()
    );
}

pub async fn the_log_says_who(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    let by = |author: &str| ChangeHead {
        author: Some(author.to_owned()),
        reason: Some("it's \"so\"".to_owned()),
        client: Some("suite".to_owned()),
        reviewer: Some("Émile".to_owned()),
        data_source: None,
        kind: crate::feature::ChangeKind::Review,
        ..ChangeHead::default()
    };
    store
        .apply(&by("Zoë O'Neil"), operations(vec![weir(1)]))
        .await
        .unwrap();
    store
        .apply(&ChangeHead::default(), operations(vec![weir(2)]))
        .await
        .unwrap();
    let log = log_after(store, start).await;
    assert_eq!(log[0].author.as_deref(), Some("Zoë O'Neil"));
    assert_ne!(
        log[1].author.as_deref(),
        Some("Zoë O'Neil"),
        "the author of one change is not the next one's"
    );
}

pub async fn an_unchanged_row_is_not_logged_beside_a_changed_one(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("height_m", 1.0), weir(2).set("height_m", 1.0)],
    )
    .await;
    let head = store.head().await.unwrap();
    write(
        store,
        vec![
            update(1).set("height_m", 1.0),
            update(2).set("height_m", 2.0),
        ],
    )
    .await;
    assert_eq!(
        rows(&log_after(store, head).await),
        [entry("weirs.weirs", "UPDATE", 2)]
    );
}

pub async fn codes_are_logged_like_other_rows(store: &dyn Store) {
    furnish(store).await;
    let head = store.head().await.unwrap();
    let code = Operation::new(Relation::Codes("weirs.size_codes".into()), Action::Insert)
        .set("code", 50)
        .set("name_en", "Fifty");
    write(store, vec![code]).await;
    assert_eq!(
        rows(&log_after(store, head).await),
        [entry("weirs.size_codes", "INSERT", None)]
    );
}
