//! A box query costs what it returns: the same answer out of few and out of many features.

use std::time::{Duration, Instant};

use cabd::feature::Operation;
use cabd::synth::Synth;
use cabd::{Bbox, ChangeHead, FeatureQuery, Store, Value};
use futures::{StreamExt, TryStreamExt};

/// Half a degree round Montreal, and a smaller and a larger box.
const BOXES: [(f64, f64, f64, f64); 3] = [
    (-73.7, 45.4, -73.5, 45.6),
    (-74.0, 45.2, -73.0, 46.0),
    (-78.0, 44.0, -72.0, 48.0),
];

pub async fn run(features: u64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bbox.sqlite");
    let sqlite = crate::inventory(file.to_str().unwrap()).await;
    let kept = measure("SpatiaLite", &*sqlite, features).await;
    let postgis = crate::inventory(&crate::pg::new_database().await).await;
    let kept = measure("PostGIS", &*postgis, features).await && kept;
    crate::pg::drop_database().await;
    kept
}

async fn measure(name: &str, store: &dyn Store, features: u64) -> bool {
    let around = Bbox::new(-80.0, 43.0, -70.0, 49.0).unwrap();
    crate::load(store, features / 10, 1).await;
    let few = times(store).await;
    let catalog = store.catalog().await.unwrap();
    let wanted = features - features / 10;
    let more = Synth::new(&catalog, "dams", 2 * wanted, 2)
        .unwrap()
        .operations();
    // Only features outside the boxes, so that the answers stay the same.
    let outside = more
        .filter(move |op| is_feature_outside(op, &around))
        .take(usize::try_from(wanted).unwrap());
    store
        .apply(
            &ChangeHead::default(),
            futures::stream::iter(outside.map(Ok)).boxed(),
        )
        .await
        .unwrap();
    let total = store.count(&FeatureQuery::of("dams")).await.unwrap();
    let many = times(store).await;
    let mut ok = true;
    for (((n, a), (m, b)), box_) in few.iter().zip(&many).zip(BOXES) {
        assert_eq!(n, m);
        let r = b.as_secs_f64() / a.as_secs_f64();
        let kept = r <= 1.5;
        ok &= kept;
        println!(
            "| {name}: box {box_:?}, {n} rows: {:.2} ms of {}, {:.2} ms of {total} | | **{r:.2}** | at most 1.5: {} |",
            a.as_secs_f64() * 1e3,
            features / 10,
            b.as_secs_f64() * 1e3,
            if kept { "yes" } else { "NO" }
        );
    }
    store.close().await.unwrap();
    ok
}

fn is_feature_outside(op: &Operation, around: &Bbox) -> bool {
    if !matches!(op.relation, cabd::catalog::Relation::Feature(_)) {
        return false;
    }
    op.values.iter().any(|v| match v {
        Value::Geometry(g) => g.as_point().is_some_and(|(x, y)| !around.contains(x, y)),
        _ => false,
    })
}

/// Rows and the median time of each box.
async fn times(store: &dyn Store) -> Vec<(u64, Duration)> {
    let mut out = vec![];
    for (a, b, c, d) in BOXES {
        let mut q = FeatureQuery::of("dams");
        q.bbox = Some(Bbox::new(a, b, c, d).unwrap());
        let mut all = vec![];
        let mut rows = 0;
        for _ in 0..15 {
            let start = Instant::now();
            let stream = store.features(&q).await.unwrap();
            rows = stream
                .batches
                .try_fold(0, |n, b| async move { Ok(n + b.rows() as u64) })
                .await
                .unwrap();
            all.push(start.elapsed());
        }
        all.sort();
        out.push((rows, all[all.len() / 2]));
    }
    out
}
