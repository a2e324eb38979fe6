//! 55,000 dams with all attributes as GeoJSON, against the library's own export of the same file.

use std::time::Duration;

use cabd::FeatureQuery;
use cabd::format::{Format, WriteOptions, write_features};
use cabd_benches::{ratio, report, timed};

use crate::client::{Client, Server};
use crate::{Setup, bound};

const DAMS: u64 = 55_000;
const TRIES: usize = 5;

pub async fn run(setup: &Setup) -> bool {
    let path = setup.store(DAMS);
    let server = Server::cabd(&path);
    let mut client = Client::connect(&server.at).await.unwrap();
    let (mut firsts, mut wholes) = (vec![], vec![]);
    for _ in 0..TRIES {
        let got = client
            .get("/cabd-api/features/dams?format=geojson")
            .await
            .unwrap();
        assert_eq!(got.range, format!("features 0-{DAMS}/{DAMS}"));
        firsts.push(got.first);
        wholes.push(got.whole);
    }
    drop(server);
    let store = cabd::open(&path.to_string_lossy()).await.unwrap();
    let mut exports = vec![];
    for _ in 0..TRIES {
        let export = async {
            let answer = store.features(&FeatureQuery::of("dams")).await.unwrap();
            let mut sink = std::io::sink();
            let options = WriteOptions::default();
            let mut writer = Format::GeoJson
                .writer(&answer.schema, &mut sink, options)
                .unwrap();
            write_features(answer.batches, writer.as_mut())
                .await
                .unwrap()
        };
        let (rows, time) = timed(export).await;
        assert_eq!(rows, DAMS);
        exports.push(time);
    }
    let middle = |mut all: Vec<Duration>| {
        all.sort_unstable();
        all[all.len() / 2]
    };
    // The first request also finds the count, which is kept; the slowest tells.
    let first = firsts.iter().max().copied().unwrap_or_default();
    let soon = bound(
        "first byte of 55,000 dams",
        &format!("{:.1} ms at most of {TRIES}", first.as_secs_f64() * 1e3),
        "under 50 ms",
        first < Duration::from_millis(50),
    );
    let ours = report("served GeoJSON", DAMS, middle(wholes));
    let peer = report("exported GeoJSON", DAMS, middle(exports));
    ratio(&ours, &peer, 0.8) && soon
}
