//! Readers see one moment; writers take turns.

use futures::{StreamExt, TryStreamExt, future};

use crate::conformance::world::*;
use crate::feature::ChangeHead;
use crate::store::{Store, operations};
use crate::value::Value;

pub async fn a_stream_shows_the_moment_it_was_opened(store: &dyn Store) {
    furnish(store).await;
    let rows = 3_000;
    write(
        store,
        (1..=rows)
            .map(|n| weir(n % 100 + n * 100).set("built_year", 1))
            .collect(),
    )
    .await;
    let mut q = weirs();
    q.batch_rows = 50;
    let mut stream = store.features(&q).await.unwrap();
    let first = stream.batches.next().await.unwrap().unwrap();
    let change = (1..=rows).map(|n| update(n % 100 + n * 100).set("built_year", 2));
    write(store, change.chain([weir(7)]).collect()).await;
    let mut seen = first.rows();
    while let Some(batch) = stream.batches.next().await {
        let batch = batch.unwrap();
        seen += batch.rows();
        for row in 0..batch.rows() {
            assert_eq!(
                batch.value(row, "built_year"),
                Value::from(1),
                "an old row of the old moment"
            );
        }
    }
    assert_eq!(seen as u128, rows);
    assert_eq!(
        found(store, &filtered("weirs", "built_year:eq:2"))
            .await
            .len() as u128,
        rows
    );
}

pub async fn an_unfinished_change_is_not_seen(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let before = contents(store).await;
    // The operations wait for a reader that looks at the store in the middle of the change.
    let (send, receive) = futures::channel::mpsc::unbounded();
    for n in 10..5_010 {
        send.unbounded_send(Ok(weir(n))).unwrap();
    }
    let head = ChangeHead::default();
    let applied = store.apply(&head, receive.boxed());
    let read = async {
        assert_eq!(found(store, &weirs()).await, [1]);
        assert_eq!(contents(store).await, before);
        send.unbounded_send(Ok(weir(2))).unwrap();
        drop(send);
    };
    let (applied, ()) = future::join(applied, read).await;
    applied.unwrap();
    assert_eq!(store.count(&weirs()).await.unwrap(), 5_002);
}

pub async fn two_changes_at_once_both_succeed(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    let head = ChangeHead::default();
    let changes = (1..=6u128).map(|k| {
        let ops = (0..50).map(|n| weir(k * 1_000 + n)).collect::<Vec<_>>();
        store.apply(&head, operations(ops))
    });
    let applied = future::join_all(changes).await;
    let mut commits: Vec<i64> = applied
        .into_iter()
        .map(|a| a.unwrap().commit.unwrap().0)
        .collect();
    commits.sort_unstable();
    let expected: Vec<i64> = (1..=6).map(|n| start.0 + n).collect();
    assert_eq!(commits, expected);
    assert_eq!(store.count(&weirs()).await.unwrap(), 300);
    let log = log_after(store, start).await;
    assert_eq!(log.len(), 300);
    assert!(log.is_sorted_by_key(|e| e.commit));
}

pub async fn many_readers_read_while_one_writes(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        (1..=200).map(|n| weir(n).set("height_m", 1.0)).collect(),
    )
    .await;
    let reader = async |_: u32| {
        for _ in 0..5 {
            let answer = ask(store, &only(weirs(), &["height_m"])).await;
            let heights = answer.column("height_m");
            assert_eq!(heights.len(), 200);
            assert!(
                heights.iter().all(|h| *h == heights[0]),
                "all of one moment"
            );
        }
    };
    let writer = async {
        for round in 2..=5 {
            write(
                store,
                (1..=200)
                    .map(|n| update(n).set("height_m", round))
                    .collect(),
            )
            .await;
        }
    };
    let readers = future::join_all((0..8).map(reader));
    future::join(writer, readers).await;
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "height_m"), Value::from(5.0));
}

pub async fn the_log_is_read_while_one_writes(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    write(store, (1..=300).map(weir).collect()).await;
    let mut log = store.changes_since(start).await.unwrap();
    let first = log.next().await.unwrap().unwrap();
    write(store, (301..=400).map(weir).collect()).await;
    let rest: Vec<_> = log.try_collect().await.unwrap();
    assert!(rest.len() >= 299, "{}", rest.len());
    assert!(rest[..299].iter().all(|e| e.commit == first.commit));
}
