//! An earlier state costs what the present one costs and a look at what has changed since.

use std::time::{Duration, Instant};

use cabd::catalog::{ID, Relation};
use cabd::feature::{Action, Operation};
use cabd::query::Selection;
use cabd::store::operations;
use cabd::{ChangeHead, CommitNumber, FeatureQuery, Store, Uuid, Value};
use futures::TryStreamExt;

pub async fn run(features: u64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("past.sqlite");
    let sqlite = crate::inventory(file.to_str().unwrap()).await;
    let kept = measure("SpatiaLite", &*sqlite, features).await;
    let postgis = crate::inventory(&crate::pg::new_database().await).await;
    let kept = measure("PostGIS", &*postgis, features).await && kept;
    crate::pg::drop_database().await;
    kept
}

/// A tenth of the features is changed afterwards, among them some that go.
async fn measure(name: &str, store: &dyn Store, features: u64) -> bool {
    crate::load(store, features, 1).await;
    let first = store.head().await.unwrap();
    let ids = ids(store).await;
    let changed: Vec<Uuid> = ids.iter().copied().step_by(10).collect();
    for (n, some) in changed.chunks(1_000).enumerate() {
        let change = |(i, id): (usize, &Uuid)| match i % 20 {
            0 => Operation::new(Relation::feature("dams"), Action::Delete).set(ID, *id),
            _ => Operation::update_feature("dams", *id).set("height_m", 100.0 + n as f64),
        };
        let all: Vec<_> = some.iter().enumerate().map(change).collect();
        store
            .apply(&ChangeHead::default(), operations(all))
            .await
            .unwrap();
    }
    let now = median(store, None).await;
    let then = median(store, Some(first)).await;
    let r = then.1.as_secs_f64() / now.1.as_secs_f64();
    let mut ok = r < 3.0 && then.0 == features;
    println!(
        "| {name}: {} features now {:.0} ms, {} as of {} changes ago {:.0} ms | | **{r:.2}** | less than 3: {} |",
        now.0,
        now.1.as_secs_f64() * 1e3,
        then.0,
        changed.len(),
        then.1.as_secs_f64() * 1e3,
        if ok { "yes" } else { "NO" }
    );
    let mut one = FeatureQuery::of("dams");
    one.ids = Some(vec![changed[1]]);
    one.as_of = Some(first);
    let mut times = vec![];
    for _ in 0..15 {
        let start = Instant::now();
        assert_eq!(rows(store, &one).await, 1);
        times.push(start.elapsed());
    }
    times.sort();
    let fast = times[times.len() / 2] < Duration::from_millis(50);
    ok &= fast;
    println!(
        "| {name}: one feature of then {:.2} ms | | | less than 50 ms: {} |",
        times[times.len() / 2].as_secs_f64() * 1e3,
        if fast { "yes" } else { "NO" }
    );
    store.close().await.unwrap();
    ok
}

async fn ids(store: &dyn Store) -> Vec<Uuid> {
    let mut q = FeatureQuery::of("dams");
    q.select = Selection::Attributes(vec![ID.to_owned()]);
    q.geometry = false;
    let stream = store.features(&q).await.unwrap();
    let mut ids = vec![];
    let mut batches = stream.batches;
    while let Some(b) = batches.try_next().await.unwrap() {
        ids.extend((0..b.rows()).filter_map(|r| match b.value(r, ID) {
            Value::Uuid(id) => Some(id),
            _ => None,
        }));
    }
    ids
}

async fn rows(store: &dyn Store, q: &FeatureQuery) -> u64 {
    let stream = store.features(q).await.unwrap();
    let all = stream.batches;
    all.try_fold(0, |n, b| async move { Ok(n + b.rows() as u64) })
        .await
        .unwrap()
}

/// Rows, and the median time, of every dam.
async fn median(store: &dyn Store, at: Option<CommitNumber>) -> (u64, Duration) {
    let mut q = FeatureQuery::of("dams");
    q.as_of = at;
    let mut times = vec![];
    let mut n = 0;
    for _ in 0..5 {
        let start = Instant::now();
        n = rows(store, &q).await;
        times.push(start.elapsed());
    }
    times.sort();
    (n, times[times.len() / 2])
}
