//! 500 clients at once.

use std::io::Result;
use std::time::Duration;

use crate::client::load;
use crate::service::Service;
use crate::{Options, bound};

const CLIENTS: usize = 500;

pub async fn run(options: &Options) -> Result<bool> {
    let service = Service::of(&options.large()?)?;
    let time = Duration::from_secs(options.minute);
    let paths: Vec<String> = (0..200)
        .map(|n| {
            let (x, y) = (-110.0 + f64::from(n % 20) * 2.0, 44.0 + f64::from(n / 20));
            match n % 4 {
                0 => format!(
                    "features/dams?bbox={x},{y},{},{}&attributes=simple&max-results=100",
                    x + 0.2,
                    y + 0.2
                ),
                1 => format!("features/dams?point={x},{y}&max-results=5"),
                2 => format!(
                    "features/barriers?bbox={x},{y},{},{}&format=csv&max-results=20",
                    x + 0.1,
                    y + 0.1
                ),
                _ => "features/types/dams".to_owned(),
            }
        })
        .map(|path| format!("/cabd-api/{path}"))
        .collect();
    load(&service.at, &paths, CLIENTS, time / 6).await;
    let early = service.memory() as f64 / 1e6;
    let mut found = load(&service.at, &paths, CLIENTS, time).await;
    let late = service.memory() as f64 / 1e6;
    let (half, most) = (found.wait(0.5), found.wait(0.99));
    println!(
        "{CLIENTS} clients for {:.0?}: {:.0}/s, p50 {half:.0?}, p99 {most:.0?}, {:.1} MB/s",
        found.time,
        found.rate(),
        found.bytes as f64 / 1e6 / found.time.as_secs_f64()
    );
    let no_error = bound(
        &format!("{CLIENTS} clients"),
        &format!("{} errors", found.errors),
        "none",
        found.errors == 0,
    );
    let grown = late - early;
    let flat = bound(
        "memory",
        &format!("{early:.0} MB, then {late:.0} MB"),
        "flat: within 20 MB",
        grown < 20.0,
    );
    Ok(no_error && flat)
}
