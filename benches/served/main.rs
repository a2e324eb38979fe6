//! What the service gives, against the library, against a bare handler that returns bytes of the same size, and against
//! bounds, in one run.
//!
//! `make bench-served`, or `cargo bench -p cabd-benches --bench served -- [--only all,list,many,ready,tiles,retype] [--features N]
//! [--connections N] [--seconds N] [--minute N] [--store FILE] [--without KIND]`. Needs the command beside it: `cargo build --release -p cabd-cli`.
//! Exits with 1 when a bound is not kept.

mod all;
mod bare;
mod client;
mod list;
mod load;
mod many;
mod mix;
mod ready;
mod retype;
mod service;
mod tiles;

use std::io::{Error, Result};
use std::path::PathBuf;

/// What is measured.
pub struct Options {
    /// Features in the large store.
    pub features: u64,
    /// Connections at a time.
    pub connections: usize,
    /// Length of each round.
    pub seconds: u64,
    /// Length of the round with many clients.
    pub minute: u64,
    /// A large store that is there already; a new one of synthetic dams without it.
    pub store: Option<PathBuf>,
    /// A kind of question that the many clients do not ask.
    pub without: Option<String>,
    only: String,
    folder: tempfile::TempDir,
}

impl Options {
    fn read() -> Result<Self> {
        let mut options = Self {
            features: 1_000_000,
            connections: 64,
            seconds: 5,
            minute: 60,
            store: None,
            without: None,
            only: "all,list,many,ready,tiles,retype".to_owned(),
            folder: tempfile::tempdir()?,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            if name == "--bench" {
                continue;
            }
            let value = arguments.next();
            let value = value.ok_or_else(|| Error::other(format!("{name} needs a value")))?;
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| Error::other(format!("{name} needs a number")))
            };
            match name.as_str() {
                "--features" => options.features = number()?,
                "--connections" => options.connections = number()? as usize,
                "--seconds" => options.seconds = number()?,
                "--minute" => options.minute = number()?,
                "--store" => options.store = Some(PathBuf::from(value)),
                "--only" => options.only = value,
                "--without" => options.without = Some(value),
                "--bare" => {
                    bare::serve(number()? as usize);
                    std::process::exit(0);
                }
                _ => return Err(Error::other(format!("{name} is no option"))),
            }
        }
        Ok(options)
    }

    /// A file with so many dams, made once.
    pub fn inventory(&self, features: u64) -> Result<PathBuf> {
        let path = self.folder.path().join(format!("{features}.sqlite"));
        if !path.exists() {
            service::inventory(&path, features)?;
        }
        Ok(path)
    }

    /// The large file.
    pub fn large(&self) -> Result<PathBuf> {
        match &self.store {
            Some(file) => Ok(file.clone()),
            None => self.inventory(self.features),
        }
    }
}

/// Prints what was found and whether the bound is kept, and says so.
pub fn bound(what: &str, found: &str, wanted: &str, kept: bool) -> bool {
    let word = if kept { "yes" } else { "NO" };
    println!("{what}: {found} (bound: {wanted}: {word})");
    kept
}

async fn run(options: &Options) -> Result<bool> {
    let mut kept = true;
    for part in options.only.split(',') {
        println!("\n## {part}\n");
        kept &= match part {
            "all" => all::run(options).await?,
            "list" => list::run(options).await?,
            "many" => many::run(options).await?,
            "ready" => ready::run(options).await?,
            "tiles" => tiles::run(options).await?,
            "retype" => retype::run(options).await?,
            other => {
                return Err(Error::other(format!(
                    "--only {other}: one of all, list, many, ready, tiles, retype"
                )));
            }
        };
    }
    Ok(kept)
}

fn main() {
    let done = Options::read().and_then(|options| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(run(&options))
    });
    match done {
        Ok(true) => {}
        Ok(false) => std::process::exit(1),
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(2);
        }
    }
}
