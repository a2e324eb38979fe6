//! From the start of the process to the first answer of `/health/ready`.

use std::time::{Duration, Instant};

use crate::client::{Client, Server};
use crate::{Setup, bound};

pub async fn run(setup: &Setup) -> bool {
    let path = setup.large();
    let mut times = vec![];
    for _ in 0..5 {
        let server = Server::cabd(&path);
        let begun = Instant::now();
        let mut client = Client::connect(&server.at).await.unwrap();
        let got = client.get("/health/ready").await.unwrap();
        assert_eq!(got.status, 200);
        times.push(server.started + begun.elapsed());
    }
    let most = times.iter().max().copied().unwrap_or_default();
    bound(
        "start to ready, a million features",
        &format!(
            "{:.0} ms at most of {}",
            most.as_secs_f64() * 1e3,
            times.len()
        ),
        "under 200 ms",
        most < Duration::from_millis(200),
    )
}
