//! 55,000 dams with all attributes as GeoJSON, against the library's own export of the same file.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use cabd::FeatureQuery;
use cabd::format::{Format, WriteOptions, write_features};

use crate::client::Client;
use crate::service::Service;
use crate::{Options, bound};

const DAMS: u64 = 55_000;
const TRIES: usize = 5;

pub async fn run(options: &Options) -> Result<bool> {
    let path = options.inventory(DAMS)?;
    let service = Service::of(&path)?;
    let mut client = Client::connect(&service.at).await?;
    let (mut firsts, mut wholes) = (vec![], vec![]);
    for _ in 0..TRIES {
        let got = client.get("/cabd-api/features/dams?format=geojson").await?;
        if got.range != format!("features 0-{DAMS}/{DAMS}") {
            return Err(Error::other(got.range));
        }
        firsts.push(got.first);
        wholes.push(got.whole);
    }
    drop(service);
    let store = cabd::open(&path.to_string_lossy())
        .await
        .map_err(Error::other)?;
    let mut exports = vec![];
    for _ in 0..TRIES {
        let begun = Instant::now();
        let answer = store
            .features(&FeatureQuery::of("dams"))
            .await
            .map_err(Error::other)?;
        let mut sink = std::io::sink();
        let to = WriteOptions::default();
        let writer = Format::GeoJson.writer(&answer.schema, &mut sink, to);
        let mut writer = writer.map_err(Error::other)?;
        write_features(answer.batches, writer.as_mut())
            .await
            .map_err(Error::other)?;
        exports.push(begun.elapsed());
    }
    // The first answer also counts; the slowest tells.
    let first = firsts.iter().max().copied().unwrap_or_default();
    let soon = bound(
        "first byte of 55,000 dams, all attributes",
        &format!("{:.1} ms at most of {TRIES}", first.as_secs_f64() * 1e3),
        "under 50 ms",
        first < Duration::from_millis(50),
    );
    let rate = |time: Duration| DAMS as f64 / time.as_secs_f64();
    let (ours, export) = (rate(middle(wholes)), rate(middle(exports)));
    let share = ours / export;
    let kept = bound(
        "rows a second, served against exported",
        &format!("{ours:.0} against {export:.0}, {share:.2}"),
        "at least 0.8",
        share >= 0.8,
    );
    Ok(soon && kept)
}

fn middle(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}
