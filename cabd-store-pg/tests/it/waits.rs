//! How long readers wait while the type of a column of a large table changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cabd_core::conformance::world::{ask, id, only, weirs};
use cabd_core::store::CatalogStore;
use cabd_core::{FeatureQuery, Value};
use cabd_store_pg::PgStore;

use crate::server;
use cabd_core::conformance::by_hand::comments_to;
use cabd_core::conformance::evolution::healthy;

/// Rows of the table; more, to measure.
fn rows() -> u128 {
    let set = std::env::var("CABD_TEST_WAIT_ROWS").ok();
    set.and_then(|n| n.parse().ok()).unwrap_or(60_000)
}

/// The longest wait of a reader, until it is told to stop.
async fn read_on(store: Arc<PgStore>, stop: Arc<AtomicBool>, rows: u128) -> (Duration, u32) {
    let (mut longest, mut read, mut n) = (Duration::ZERO, 0, 0);
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let mut q: FeatureQuery = only(weirs(), &["comments"]);
        q.ids = Some(vec![id(1 + n * 7919 % rows)]);
        let begin = Instant::now();
        let answer = ask(&*store, &q).await;
        longest = longest.max(begin.elapsed());
        assert_eq!(answer.rows(), 1);
        read += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (longest, read)
}

/// Changes of a program that knows nothing of locks: a text and a number that stay equal. Says how many.
async fn write_on(url: String, stop: Arc<AtomicBool>, rows: u128) -> u32 {
    let client = server::psql(&url).await;
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let row = 1 + u128::from(n) * 104_729 % rows;
        let value = match n % 10 {
            0 => "NULL".to_owned(),
            _ => format!("'{}'", n % 7),
        };
        let place = "'0101000020091200000000000000C052C00000000000804640'";
        let text = match n % 5 {
            0 => format!(
                "INSERT INTO weirs.weirs (comments, height_m, original_point) VALUES ({value}, {value}, {place})"
            ),
            _ => format!(
                "UPDATE weirs.weirs SET comments = {value}, height_m = {value} WHERE cabd_id = '{}'",
                id(row)
            ),
        };
        client.batch_execute(&text).await.unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    n
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_hardly_wait_while_a_type_of_many_rows_changes_and_changes_back() {
    let Some(url) = server::with_world().await else {
        return;
    };
    let n = rows();
    let store = PgStore::connect(&url).await.unwrap();
    let client = server::psql(&url).await;
    client
        .batch_execute(&format!(
            "SET cabd.unlogged = 'on'; INSERT INTO weirs.weirs (cabd_id, comments, height_m, original_point) \
             SELECT lpad(to_hex(n), 32, '0')::uuid, n::text, n, \
             ST_SetSRID(ST_MakePoint(-75 + n % 1000 / 1000.0, 45 + n / 1000 / 1000.0), 4617) \
             FROM generate_series(1, {n}) n; ANALYZE weirs.weirs"
        ))
        .await
        .unwrap();
    let second = Arc::new(PgStore::connect(&url).await.unwrap());
    for (to, back) in [("integer", false), ("text", true)] {
        let stop = Arc::new(AtomicBool::new(false));
        let reader = tokio::spawn(read_on(second.clone(), stop.clone(), n));
        let writer = tokio::spawn(write_on(url.clone(), stop.clone(), n / 2));
        let begin = Instant::now();
        let change = match back {
            false => comments_to(to),
            true => cabd_core::catalog::CatalogChange::undo(None),
        };
        store.evolve(&change).await.unwrap();
        let took = begin.elapsed();
        stop.store(true, Ordering::Relaxed);
        let (longest, read) = reader.await.unwrap();
        let written = writer.await.unwrap();
        let differ = "SELECT count(*) FROM weirs.weirs WHERE comments::text IS DISTINCT FROM height_m::bigint::text";
        let differ: i64 = client.query_one(differ, &[]).await.unwrap().get(0);
        assert_eq!(
            differ, 0,
            "what others wrote meanwhile is there ({written})"
        );
        let left = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'weirs.weirs'::regclass AND attname ~ '^filling'";
        let left: i64 = client.query_one(left, &[]).await.unwrap().get(0);
        assert_eq!(left, 0);
        println!("{n} rows to {to} in {took:.1?}: {read} reads, the longest waited {longest:.2?}");
        assert!(
            n > 100_000 || longest < Duration::from_secs(1),
            "{longest:?}"
        );
        let mut q = weirs();
        q.ids = Some(vec![id(n - 1)]);
        let value = ask(&*second, &q).await.of(n - 1, "comments");
        let number = (n - 1).to_string();
        let wanted = match back {
            false => Value::Int(number.parse().unwrap()),
            true => Value::from(number),
        };
        assert_eq!(value, wanted);
        healthy(&store).await;
    }
}
