//! Load and read against bare binary COPY.

use std::time::Instant;

use cabd_benches::{ratio, report, timed};
use futures::{SinkExt, StreamExt};
use tokio_postgres::NoTls;

const TABLES: [&str; 3] = [
    "dams.dams",
    "dams.dams_feature_source",
    "dams.dams_attribute_source",
];

pub async fn run(features: u64) -> bool {
    let url = new_database().await;
    let store = crate::inventory(&url).await;
    let ours = report(
        "PostGIS: load, indexes and log included",
        features,
        crate::load(&*store, features, 1).await,
    );
    let (n, time) = timed(crate::drain(&*store)).await;
    assert_eq!(n, features);
    let read = report("PostGIS: read to Arrow", features, time);

    let client = connect(&url).await;
    let peer = copied(&client, features).await;

    let start = Instant::now();
    let out = client
        .copy_out("COPY dams.dams TO STDOUT (FORMAT binary)")
        .await
        .unwrap();
    futures::pin_mut!(out);
    let mut bytes = 0;
    while let Some(chunk) = out.next().await {
        bytes += chunk.unwrap().len();
    }
    assert!(bytes > 0);
    let peer_read = report("COPY out of the same rows", features, start.elapsed());
    store.close().await.unwrap();
    drop(client);
    let kept = ratio(&ours, &peer, 1.0 / 3.0);
    let kept = ratio(&read, &peer_read, 0.5) && kept;
    drop_database().await;
    kept
}

/// The rows of the tables copied into tables without keys, indexes and triggers; only the copying in is timed.
pub async fn copied(client: &tokio_postgres::Client, features: u64) -> cabd_benches::Measured {
    let mut copies = vec![];
    for t in TABLES {
        let rows: Vec<_> = client
            .copy_out(&format!("COPY {t} TO STDOUT (FORMAT binary)"))
            .await
            .unwrap()
            .map(|b| b.unwrap())
            .collect()
            .await;
        client
            .batch_execute(&format!(
                "CREATE TABLE {t}_bare AS SELECT * FROM {t} WITH NO DATA"
            ))
            .await
            .unwrap();
        copies.push((t, rows));
    }
    let start = Instant::now();
    for (t, rows) in copies {
        let sink = client
            .copy_in(&format!("COPY {t}_bare FROM STDIN (FORMAT binary)"))
            .await
            .unwrap();
        futures::pin_mut!(sink);
        for chunk in rows {
            sink.feed(chunk).await.unwrap();
        }
        sink.close().await.unwrap();
    }
    report("COPY in of the same rows", features, start.elapsed())
}

fn server() -> String {
    std::env::var("CABD_TEST_PG").expect("CABD_TEST_PG names the server (make pg)")
}

/// An empty database of the bench's own.
pub async fn new_database() -> String {
    drop_database().await;
    let admin = connect(&server()).await;
    admin
        .batch_execute("CREATE DATABASE cabd_bench")
        .await
        .unwrap();
    database(&server(), "cabd_bench")
}

pub async fn drop_database() {
    let admin = connect(&server()).await;
    admin
        .batch_execute("DROP DATABASE IF EXISTS cabd_bench WITH (FORCE)")
        .await
        .unwrap();
}

pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The URL with another database.
fn database(url: &str, name: &str) -> String {
    let (head, query) = url
        .split_once('?')
        .map_or((url, String::new()), |(h, q)| (h, format!("?{q}")));
    let base = head
        .rsplit_once('/')
        .filter(|(b, _)| !b.ends_with('/'))
        .map_or(head, |(b, _)| b);
    format!("{base}/{name}{query}")
}
