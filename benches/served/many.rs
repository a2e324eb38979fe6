//! 500 clients at once, each asking what clients ask ([`crate::mix`]).

use std::io::Result;
use std::time::Duration;

use crate::client::{load, quantile};
use crate::mix::{KINDS, Mix};
use crate::service::Service;
use crate::{Options, bound};

const CLIENTS: usize = 500;
/// What is kept of answers and tiles is full before the memory is looked at.
const SMALL: [&str; 2] = ["tile_cache_mb=16", "answer_cache_mb=16"];

pub async fn run(options: &Options) -> Result<bool> {
    let service = Service::with(&options.large()?, &SMALL)?;
    let mix = Mix::of(&service.at, options.without.as_deref()).await?;
    let time = Duration::from_secs(options.minute);
    let before = mix.clone();
    load(
        &service.at,
        move |n, step| before.question(n + CLIENTS, step),
        CLIENTS,
        time / 3,
    )
    .await;
    let early = service.memory() as f64 / 1e6;
    let found = load(
        &service.at,
        move |n, step| mix.question(n, step),
        CLIENTS,
        time,
    )
    .await;
    let late = service.memory() as f64 / 1e6;
    println!("| of {CLIENTS} clients | answers | median, ms | p99, ms | slowest, ms |");
    println!("|---|---|---|---|---|");
    for kind in (0..KINDS.len()).map(Some).chain([None]) {
        let waits = found.sorted(kind);
        let ms = |share: f64| quantile(&waits, share).as_secs_f64() * 1e3;
        let name = kind.map_or("all", |k| KINDS[k].0);
        println!(
            "| {name} | {} | {:.1} | {:.1} | {:.1} |",
            waits.len(),
            ms(0.5),
            ms(0.99),
            ms(1.0)
        );
    }
    println!(
        "{:.0?}: {:.0} answers a second, {:.1} MB a second",
        found.time,
        found.rate(),
        found.bytes as f64 / 1e6 / found.time.as_secs_f64()
    );
    for (what, n) in &found.errors {
        println!("{n} times: {what}");
    }
    let no_error = bound(
        &format!("{CLIENTS} clients"),
        &format!("{} errors", found.failed()),
        "none",
        found.failed() == 0,
    );
    let flat = bound(
        "memory",
        &format!("{early:.0} MB, then {late:.0} MB"),
        "flat: within 20 MB",
        late - early < 20.0,
    );
    Ok(no_error && flat)
}
