//! A list of about 100 dams by box with few attributes, against a bare handler that gives as many bytes.

use std::time::Duration;

use crate::client::{Client, Server, load};
use crate::{Setup, bound};

const CLIENTS: usize = 16;
const TIME: Duration = Duration::from_secs(5);

/// A list that holds between 90 and 110 features.
async fn hundred(client: &mut Client) -> String {
    let path = |half: f64| {
        let (w, s, e, n) = (-75.0 - half, 46.0 - half, -75.0 + half, 46.0 + half);
        format!("/cabd-api/features/dams?bbox={w:.4},{s:.4},{e:.4},{n:.4}&attributes=simple")
    };
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..40 {
        let half = (low + high) / 2.0;
        let got = client
            .get(&format!("{}&max-results=0", path(half)))
            .await
            .unwrap();
        let total: u64 = got.range.rsplit('/').next().unwrap().parse().unwrap();
        match total {
            90..=110 => return path(half),
            n if n < 90 => low = half,
            _ => high = half,
        }
    }
    panic!("no box holds a hundred dams");
}

pub async fn run(setup: &Setup) -> bool {
    let server = Server::cabd(&setup.large());
    let mut client = Client::connect(&server.at).await.unwrap();
    let path = hundred(&mut client).await;
    let size = client.get(&path).await.unwrap().bytes.len();
    let paths = [path];
    load(&server.at, &paths, CLIENTS, Duration::from_secs(1)).await;
    let mut ours = load(&server.at, &paths, CLIENTS, TIME).await;
    drop(server);
    let bare = Server::bare(size);
    load(&bare.at, &paths, CLIENTS, Duration::from_secs(1)).await;
    let mut peer = load(&bare.at, &paths, CLIENTS, TIME).await;
    for (what, load) in [
        ("list of 100 by box", &mut ours),
        ("bare handler", &mut peer),
    ] {
        let (half, most) = (load.wait(0.5), load.wait(0.99));
        println!(
            "| {what}, {size} bytes | {:.0} requests/s, p50 {half:.2?}, p99 {most:.2?}, {} errors | |",
            load.rate(),
            load.errors
        );
    }
    let share = ours.rate() / peer.rate();
    bound(
        "**list of 100 / bare handler**",
        &format!("{share:.2}"),
        "at least 0.5",
        share >= 0.5 && ours.errors == 0,
    )
}
