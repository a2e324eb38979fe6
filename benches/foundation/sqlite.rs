//! Load and read against bare rusqlite.

use std::time::{Duration, Instant};

use cabd_benches::{ratio, report, timed};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

const TABLES: [&str; 3] = ["dams", "dams_feature_source", "dams_attribute_source"];

pub async fn run(features: u64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.sqlite");
    let store = crate::inventory(path.to_str().unwrap()).await;
    let ours = report(
        "SpatiaLite: load, spatial index and log included",
        features,
        crate::load(&*store, features, 1).await,
    );

    let (n, time) = timed(crate::drain(&*store)).await;
    assert_eq!(n, features);
    let read = report("SpatiaLite: read to Arrow", features, time);
    store.close().await.unwrap();
    println!(
        "| file, bytes a feature | | {} | |",
        std::fs::metadata(&path).unwrap().len() / features
    );

    let peer = bare_load(&path, &folder.path().join("bare.sqlite"), features);
    let peer_read = bare_read(&path, features);
    let kept = ratio(&ours, &peer, 0.25);
    ratio(&read, &peer_read, 0.5) && kept
}

/// The same rows, read from our file in chunks and inserted by prepared statements; only the inserts are timed.
pub fn bare_load(
    ours: &std::path::Path,
    bare: &std::path::Path,
    features: u64,
) -> cabd_benches::Measured {
    let from = Connection::open(ours).unwrap();
    let mut to = Connection::open(bare).unwrap();
    to.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF;",
    )
    .unwrap();
    let mut width = 0u64;
    for t in TABLES {
        let ddl: String = from
            .query_row("SELECT sql FROM sqlite_schema WHERE name = ?", [t], |r| {
                r.get(0)
            })
            .unwrap();
        to.execute_batch(&ddl).unwrap();
    }
    let mut time = Duration::ZERO;
    let tx = to.transaction().unwrap();
    for t in TABLES {
        let mut select = from.prepare(&format!("SELECT * FROM {t}")).unwrap();
        let columns = select.column_count();
        let marks = vec!["?"; columns].join(",");
        let mut insert = tx
            .prepare(&format!("INSERT INTO {t} VALUES ({marks})"))
            .unwrap();
        let mut rows = select.query([]).unwrap();
        loop {
            let mut chunk: Vec<Vec<Value>> = Vec::with_capacity(10_000);
            while chunk.len() < 10_000
                && let Some(r) = rows.next().unwrap()
            {
                chunk.push((0..columns).map(|i| r.get(i).unwrap()).collect());
            }
            if chunk.is_empty() {
                break;
            }
            width += chunk.iter().flatten().map(size).sum::<u64>();
            let start = Instant::now();
            for row in &chunk {
                insert.execute(params_from_iter(row)).unwrap();
            }
            time += start.elapsed();
        }
    }
    let start = Instant::now();
    tx.commit().unwrap();
    time += start.elapsed();
    println!(
        "| row width, source rows included, bytes | | {} | |",
        width / features
    );
    report(
        "rusqlite: prepared inserts of the same rows",
        features,
        time,
    )
}

fn size(v: &Value) -> u64 {
    match v {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 8,
        Value::Text(t) => t.len() as u64,
        Value::Blob(b) => b.len() as u64,
    }
}

/// The same SELECT (every stored column of the type's table), stepped, every value looked at.
fn bare_read(path: &std::path::Path, features: u64) -> cabd_benches::Measured {
    let conn = Connection::open(path).unwrap();
    let start = Instant::now();
    let mut s = conn.prepare("SELECT * FROM dams").unwrap();
    let columns = s.column_count();
    let mut rows = s.query([]).unwrap();
    let (mut n, mut nulls) = (0u64, 0u64);
    while let Some(r) = rows.next().unwrap() {
        for i in 0..columns {
            nulls += u64::from(matches!(
                r.get_ref(i).unwrap(),
                rusqlite::types::ValueRef::Null
            ));
        }
        n += 1;
    }
    assert!(n == features && nulls > 0);
    report("rusqlite: step the same rows", features, start.elapsed())
}
