//! What the service gives a second, against a bare handler that returns bytes of the same size, in one run.
//!
//! `cargo bench -p cabd-benches --bench served -- [--features N] [--connections N] [--seconds N]`. Needs the command beside it:
//! `cargo build --release -p cabd-cli`. Exits with 1 when a bound is not kept.

mod bare;
mod load;
mod service;
mod tiles;

use std::path::PathBuf;

/// What is measured.
pub struct Options {
    /// Features in the store.
    pub features: u64,
    /// Connections at a time.
    pub connections: usize,
    /// Length of each round.
    pub seconds: u64,
    /// A store that is there already; a new one of synthetic dams without it.
    pub store: Option<PathBuf>,
}

fn main() {
    let mut options = Options {
        features: 1_000_000,
        connections: 64,
        seconds: 5,
        store: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(a) = arguments.next() {
        let mut number = || -> u64 {
            let value = arguments.next().and_then(|v| v.parse().ok());
            value.unwrap_or_else(|| {
                eprintln!("{a} needs a number");
                std::process::exit(2)
            })
        };
        match a.as_str() {
            "--bench" => {}
            "--features" => options.features = number(),
            "--connections" => options.connections = number() as usize,
            "--seconds" => options.seconds = number(),
            "--bare" => return bare::serve(number() as usize),
            "--store" => options.store = arguments.next().map(PathBuf::from),
            other => {
                eprintln!("{other} is no option: --features, --connections, --seconds, --store");
                std::process::exit(2);
            }
        }
    }
    match tiles::run(&options) {
        Ok(true) => {}
        Ok(false) => std::process::exit(1),
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(2);
        }
    }
}
