//! `make bench`, or `cargo bench -p cabd-benches -- [--features N] [--only sqlite,pg,export,bbox,audit,past,memory]`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod bbox;
mod export;
mod memory;
mod past;
mod pg;
mod sqlite;

use std::sync::Arc;

use cabd::synth::Synth;
use cabd::{ChangeHead, FeatureQuery, Store};
use futures::TryStreamExt;

/// A new store with the shipped catalogue.
pub async fn inventory(location: &str) -> Arc<dyn Store> {
    let store = cabd::create(location).await.unwrap();
    store
        .change_catalog(&cabd::shipped().unwrap())
        .await
        .unwrap();
    store
}

/// Fills a store with synthetic dams and their source rows; says how long it took.
pub async fn load(store: &dyn Store, features: u64, seed: u64) -> std::time::Duration {
    let catalog = store.catalog().await.unwrap();
    let synth = Synth::new(&catalog, "dams", features, seed).unwrap();
    let (applied, time) =
        cabd_benches::timed(store.apply(&ChangeHead::default(), synth.stream())).await;
    let applied = applied.unwrap();
    assert_eq!(
        applied
            .of(&cabd::catalog::Relation::feature("dams"))
            .inserted,
        features
    );
    time
}

/// Reads every dam with every attribute to Arrow; says how many.
pub async fn drain(store: &dyn Store) -> u64 {
    let stream = store.features(&FeatureQuery::of("dams")).await.unwrap();
    stream
        .batches
        .try_fold(0, |n, b| async move { Ok(n + b.rows() as u64) })
        .await
        .unwrap()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        args.iter()
            .position(|a| a == name)
            .and_then(|i| args.get(i + 1))
            .cloned()
    };
    let features: u64 = value("--features").map_or(1_000_000, |v| v.parse().expect("--features N"));
    let only =
        value("--only").unwrap_or_else(|| "sqlite,pg,export,bbox,audit,past,memory".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut ok = true;
    println!("| what | rows | time | rows/s |\n|---|---|---|---|");
    runtime.block_on(async {
        for part in only.split(',') {
            ok &= match part {
                "sqlite" => sqlite::run(features).await,
                "pg" => pg::run(features).await,
                "export" => export::run(features / 10).await,
                "bbox" => bbox::run(features).await,
                "audit" => audit::run(features).await,
                "past" => past::run(features / 10).await,
                "memory" => memory::run(features),
                other => {
                    panic!("--only {other}: one of sqlite, pg, export, bbox, audit, past, memory")
                }
            };
        }
    });
    if !ok {
        eprintln!("a bound was not kept");
        std::process::exit(1);
    }
}
