//! Tiles: kept ones against the bare handler, new ones by their time, and the largest of each zoom.

use std::io::Result;
use std::time::{Duration, Instant};

use crate::Options;
use crate::load::{Client, rate};
use crate::service::Service;

const ROUNDS: usize = 5;
/// Zooms of which every tile is asked for.
const DEEPEST: u32 = 9;
const MOST_BYTES: usize = 500_000;

/// Measures, prints, and says whether the bounds are kept.
pub async fn run(options: &Options) -> Result<bool> {
    let ours = Service::of(&options.large()?)?;
    println!("ready after {:.0} ms", ours.ready.as_secs_f64() * 1e3);
    measure(options, &ours).await
}

async fn measure(options: &Options, ours: &Service) -> Result<bool> {
    let mut kept = true;
    let mut client = Client::connect(&ours.at).await?;
    let begun = Instant::now();
    client.get(&path(0, 0, 0)).await?;
    println!(
        "first tile, places of {} features read: {:.0} ms; memory {} MB",
        options.features,
        begun.elapsed().as_secs_f64() * 1e3,
        ours.memory() / 1_000_000
    );
    println!("| zoom | tiles | largest, bytes | median, ms | slowest, ms |");
    println!("|---|---|---|---|---|");
    let mut tiles = vec![(0u32, 0u32)];
    let mut middling = (path(0, 0, 0), 0);
    for z in 0..=DEEPEST {
        let mut next = vec![];
        let (mut largest, mut times) = (0, vec![]);
        for (x, y) in &tiles {
            let begun = Instant::now();
            let (status, length) = client.get(&path(z, *x, *y)).await?;
            if status == 204 {
                continue;
            }
            times.push(begun.elapsed());
            largest = largest.max(length);
            // About the size of a tile in the middle of a map.
            if length.abs_diff(30_000) < middling.1.max(1_usize).abs_diff(30_000) {
                middling = (path(z, *x, *y), length);
            }
            for (dx, dy) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                next.push((x * 2 + dx, y * 2 + dy));
            }
        }
        kept &= largest <= MOST_BYTES;
        let (n, median, slowest) = times_of(times);
        println!("| {z} | {n} | {largest} | {median:.1} | {slowest:.1} |");
        tiles = next;
    }
    // Zoom 10, one after the other: each is made for the first time.
    let step = (tiles.len() / 400).max(1);
    let mut times = vec![];
    for (x, y) in tiles.iter().step_by(step) {
        let begun = Instant::now();
        if client.get(&path(10, *x, *y)).await?.0 == 200 {
            times.push(begun.elapsed());
        }
    }
    let (n, median, slowest) = times_of(times);
    println!(
        "new tile at zoom 10: {n} tiles, median {median:.1} ms, slowest {slowest:.1} ms (bound: median under 10 ms)"
    );
    kept &= median < 10.0;

    let (path, bytes) = middling;
    let bare = Service::bare(bytes)?;
    let mut ratios = vec![];
    let mut rates = vec![];
    for _ in 0..ROUNDS {
        let peer = rate(&bare.at, &path, options.connections, options.seconds).await?;
        let own = rate(&ours.at, &path, options.connections, options.seconds).await?;
        ratios.push(own / peer);
        rates.push((own, peer));
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ROUNDS / 2];
    for (own, peer) in rates {
        println!("kept tile of {bytes} bytes: {own:.0}/s, bare handler {peer:.0}/s");
    }
    println!("kept tile against the bare handler: {ratio:.2} (bound: 0.85)");
    println!("memory at the end: {} MB", ours.memory() / 1_000_000);
    Ok(kept && ratio >= 0.85)
}

fn path(z: u32, x: u32, y: u32) -> String {
    format!("/cabd-api/tiles/dams/{z}/{x}/{y}.mvt")
}

fn times_of(mut times: Vec<Duration>) -> (usize, f64, f64) {
    times.sort();
    let ms = |d: Option<&Duration>| d.map_or(0.0, |d| d.as_secs_f64() * 1e3);
    (
        times.len(),
        ms(times.get(times.len() / 2)),
        ms(times.last()),
    )
}
