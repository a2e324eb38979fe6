//! `make bench-served`, or `cargo bench -p cabd-benches --bench served -- [--only all,list,many,ready] [--features N] [--seconds N]`.
//!
//! Each part starts the release build of `cabd serve` as a process of its own and asks it as clients do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all;
mod bare;
mod client;
mod list;
mod many;
mod ready;

use std::path::PathBuf;
use std::time::Duration;

/// What the parts share.
pub struct Setup {
    folder: tempfile::TempDir,
    features: u64,
    /// How long a load lasts.
    pub time: Duration,
}

impl Setup {
    /// A file with so many dams, made once.
    pub fn store(&self, features: u64) -> PathBuf {
        let path = self.folder.path().join(format!("{features}.sqlite"));
        if !path.exists() {
            client::inventory(&path, features);
        }
        path
    }

    /// The large one.
    pub fn large(&self) -> PathBuf {
        self.store(self.features)
    }
}

/// Says whether a bound is kept.
pub fn bound(what: &str, found: &str, wanted: &str, kept: bool) -> bool {
    println!(
        "| {what} | {found} | {wanted}: {} |",
        if kept { "yes" } else { "NO" }
    );
    kept
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = args.iter().position(|a| a == name)?;
        args.get(at + 1).cloned()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Some(size) = value("--bare") {
        return runtime.block_on(bare::serve(size.parse().expect("--bare BYTES")));
    }
    let setup = Setup {
        folder: tempfile::tempdir().unwrap(),
        features: value("--features").map_or(1_000_000, |v| v.parse().expect("--features N")),
        time: Duration::from_secs(
            value("--seconds").map_or(60, |v| v.parse().expect("--seconds N")),
        ),
    };
    let only = value("--only").unwrap_or_else(|| "all,list,many,ready".to_owned());
    println!("| what | found | bound |\n|---|---|---|");
    let mut ok = true;
    for part in only.split(',') {
        ok &= match part {
            "all" => runtime.block_on(all::run(&setup)),
            "list" => runtime.block_on(list::run(&setup)),
            "many" => runtime.block_on(many::run(&setup)),
            "ready" => runtime.block_on(ready::run(&setup)),
            other => panic!("--only {other}: one of all, list, many, ready"),
        };
    }
    drop(setup);
    if !ok {
        std::process::exit(1);
    }
}
