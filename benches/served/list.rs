//! A list of about 100 dams by box with few attributes, against a bare handler that gives as many bytes.

use std::io::{Error, Result};
use std::time::Duration;

use crate::client::{Client, Load, load, quantile};
use crate::mix::Question;
use crate::service::Service;
use crate::{Options, bound};

const ROUNDS: usize = 3;
/// The middle of the boxes.
const MIDDLE: (f64, f64) = (-75.0, 46.0);

fn path(half: f64, (x, y): (f64, f64)) -> String {
    let (w, s, e, n) = (x - half, y - half, x + half, y + half);
    format!("/cabd-api/features/dams?bbox={w:.6},{s:.6},{e:.6},{n:.6}&attributes=simple")
}

/// Half the side of a box that holds between 90 and 110 features.
async fn hundred(client: &mut Client) -> Result<f64> {
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..40 {
        let half = (low + high) / 2.0;
        let got = client
            .get(&format!("{}&max-results=0", path(half, MIDDLE)))
            .await?;
        let total = got.range.rsplit('/').next();
        match total.and_then(|n| n.parse::<u64>().ok()) {
            Some(90..=110) => return Ok(half),
            Some(n) if n < 90 => low = half,
            _ => high = half,
        }
    }
    Err(Error::other("no box holds a hundred dams"))
}

/// The same box again and again, or boxes that hardly differ, each asked for once.
fn question(half: f64, always: bool, client: usize, step: usize) -> Question {
    let moved = |by: usize| if always { 0.0 } else { by as f64 * 1e-6 };
    let at = (
        MIDDLE.0 + moved(step % 1000),
        MIDDLE.1 + moved(client + step / 1000 * 1000),
    );
    Question {
        kind: 0,
        path: path(half, at),
    }
}

fn show(what: &str, size: usize, load: &Load) {
    let waits = load.sorted(None);
    let (half, most) = (quantile(&waits, 0.5), quantile(&waits, 0.99));
    println!(
        "{what}, {size} bytes: {:.0}/s, p50 {half:.2?}, p99 {most:.2?}",
        load.rate()
    );
}

pub async fn run(options: &Options) -> Result<bool> {
    let service = Service::of(&options.large()?)?;
    let mut client = Client::connect(&service.at).await?;
    let half = hundred(&mut client).await?;
    let size = client.get(&path(half, MIDDLE)).await?.bytes;
    let bare = Service::bare(size)?;
    let (clients, time) = (options.connections, Duration::from_secs(options.seconds));
    let again = move |n, step| question(half, true, n, step);
    let anew = move |n, step| question(half, false, n, step);
    for at in [&service.at, &bare.at] {
        load(at, again, clients, Duration::from_secs(1)).await;
    }
    let (mut shares, mut new_shares, mut errors) = (vec![], vec![], 0);
    for _ in 0..ROUNDS {
        let peer = load(&bare.at, again, clients, time).await;
        let ours = load(&service.at, again, clients, time).await;
        let new = load(&service.at, anew, clients, time).await;
        show("bare handler", size, &peer);
        show("list of 100 by box", size, &ours);
        show("the same of ever new boxes", size, &new);
        shares.push(ours.rate() / peer.rate());
        new_shares.push(new.rate() / peer.rate());
        errors += ours.failed() + new.failed();
    }
    shares.sort_by(f64::total_cmp);
    new_shares.sort_by(f64::total_cmp);
    println!(
        "ever new boxes against the bare handler: {:.3}",
        new_shares[ROUNDS / 2]
    );
    let share = shares[ROUNDS / 2];
    Ok(bound(
        "list against the bare handler",
        &format!("{share:.2}, {errors} errors"),
        "at least 0.5",
        share >= 0.5 && errors == 0,
    ))
}
