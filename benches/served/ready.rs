//! From the start of the process to the first answer of `/health/ready`.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::service::Service;
use crate::{Options, bound};

const TRIES: usize = 5;

pub async fn run(options: &Options) -> Result<bool> {
    let path = options.large()?;
    let mut most = Duration::ZERO;
    for _ in 0..TRIES {
        let service = Service::of(&path)?;
        let begun = Instant::now();
        let got = Client::connect(&service.at)
            .await?
            .get("/health/ready")
            .await?;
        if got.status != 200 {
            return Err(Error::other(got.status.to_string()));
        }
        most = most.max(service.ready + begun.elapsed());
    }
    let found = format!("{:.0} ms at most of {TRIES}", most.as_secs_f64() * 1e3);
    let kept = most < Duration::from_millis(200);
    Ok(bound("start to ready", &found, "under 200 ms", kept))
}
