//! Ratios against named peers, measured in one run. See README.md.

use std::time::{Duration, Instant};

/// A finished measurement.
pub struct Measured {
    /// What was done.
    pub what: String,
    /// How many rows.
    pub rows: u64,
    /// How long it took.
    pub time: Duration,
}

impl Measured {
    /// Rows in a second.
    pub fn rate(&self) -> f64 {
        self.rows as f64 / self.time.as_secs_f64()
    }
}

/// Prints a measurement and gives it back.
pub fn report(what: &str, rows: u64, time: Duration) -> Measured {
    let m = Measured {
        what: what.to_owned(),
        rows,
        time,
    };
    println!(
        "| {what} | {rows} | {:.2} s | {:.0} |",
        time.as_secs_f64(),
        m.rate()
    );
    m
}

/// Prints a ratio of rates and the bound it must keep; true when it does.
pub fn ratio(ours: &Measured, peer: &Measured, at_least: f64) -> bool {
    let r = ours.rate() / peer.rate();
    let ok = r >= at_least;
    println!(
        "| **{} / {}** | | **{r:.2}** | at least {at_least}: {} |",
        ours.what,
        peer.what,
        if ok { "yes" } else { "NO" }
    );
    ok
}

/// Times a piece of work.
pub async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let out = work.await;
    (out, start.elapsed())
}

/// Runs a program and gives its peak resident memory in MB.
pub fn peak_memory(command: &mut std::process::Command) -> std::io::Result<(bool, f64)> {
    let mut child = command.stdout(std::process::Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0f64;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|l| l.starts_with("VmHWM:"))
            && let Some(kb) = line
                .split_whitespace()
                .nth(1)
                .and_then(|n| n.parse::<f64>().ok())
        {
            peak = peak.max(kb / 1000.0);
        }
        if let Some(done) = child.try_wait()? {
            return Ok((done.success(), peak));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
