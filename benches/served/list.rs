//! A list of about 100 dams by box with few attributes, against a bare handler that gives as many bytes.

use std::io::{Error, Result};
use std::time::Duration;

use crate::client::{Client, load};
use crate::service::Service;
use crate::{Options, bound};

const ROUNDS: usize = 3;

/// A list that holds between 90 and 110 features.
async fn hundred(client: &mut Client) -> Result<String> {
    let path = |half: f64| {
        let (w, s, e, n) = (-75.0 - half, 46.0 - half, -75.0 + half, 46.0 + half);
        format!("/cabd-api/features/dams?bbox={w:.5},{s:.5},{e:.5},{n:.5}&attributes=simple")
    };
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..40 {
        let half = (low + high) / 2.0;
        let got = client.get(&format!("{}&max-results=0", path(half))).await?;
        let total = got
            .range
            .rsplit('/')
            .next()
            .and_then(|n| n.parse::<u64>().ok());
        match total {
            Some(90..=110) => return Ok(path(half)),
            Some(n) if n < 90 => low = half,
            _ => high = half,
        }
    }
    Err(Error::other("no box holds a hundred dams"))
}

pub async fn run(options: &Options) -> Result<bool> {
    let service = Service::of(&options.large()?)?;
    let mut client = Client::connect(&service.at).await?;
    let path = hundred(&mut client).await?;
    let size = client.get(&path).await?.bytes;
    let paths = [path];
    let bare = Service::bare(size)?;
    let (clients, time) = (options.connections, Duration::from_secs(options.seconds));
    for at in [&service.at, &bare.at] {
        load(at, &paths, clients, Duration::from_secs(1)).await;
    }
    let (mut shares, mut errors) = (vec![], 0);
    for _ in 0..ROUNDS {
        let mut peer = load(&bare.at, &paths, clients, time).await;
        let mut ours = load(&service.at, &paths, clients, time).await;
        for (what, load) in [
            ("list of 100 by box", &mut ours),
            ("bare handler", &mut peer),
        ] {
            let (half, most) = (load.wait(0.5), load.wait(0.99));
            println!(
                "{what}, {size} bytes: {:.0}/s, p50 {half:.2?}, p99 {most:.2?}",
                load.rate()
            );
        }
        shares.push(ours.rate() / peer.rate());
        errors += ours.errors;
    }
    shares.sort_by(f64::total_cmp);
    let share = shares[ROUNDS / 2];
    let found = format!("{share:.2}, {errors} errors");
    Ok(bound(
        "list against the bare handler",
        &found,
        "at least 0.5",
        share >= 0.5 && errors == 0,
    ))
}
