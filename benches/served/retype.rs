//! A change of type of a whole column while clients read: how long the slowest waits, and whether any is refused.
//!
//! On a copy of the large file, or on the store that `--store` names (also a PostGIS address): the change is undone after it.

use std::io::{Error, Result};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::service::{Service, command};
use crate::{Options, bound};

const READERS: u32 = 8;
const ATTRIBUTE: &str = "construction_year";
/// The longest that a reader may wait.
const MOST: Duration = Duration::from_secs(2);

pub async fn run(options: &Options) -> Result<bool> {
    let store = match &options.store {
        Some(named) if named.to_string_lossy().contains("://") => named.clone(),
        _ => {
            let copy = options.folder.path().join("retyped.sqlite");
            std::fs::copy(options.large()?, &copy)?;
            copy
        }
    };
    let store = store.to_string_lossy().into_owned();
    let manifest = options.folder.path().join("dams.toml");
    let shown = cabd(&["type", "show", &store, "dams", "--toml"])?;
    std::fs::write(&manifest, as_text(&shown)?)?;
    let manifest = manifest.to_string_lossy().into_owned();
    let service = Service::of(store.as_ref())?;
    let mut kept = true;
    for (what, arguments) in [
        ("to text", vec!["type", "apply", &store, &manifest, "--yes"]),
        ("back", vec!["type", "undo", &store, "--yes"]),
    ] {
        let begun = Instant::now();
        let mut child = Command::new(command()?)
            .args(&arguments)
            .stdout(Stdio::null())
            .spawn()?;
        let mut readers = tokio::task::JoinSet::new();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        for n in 0..READERS {
            readers.spawn(read_on(service.at.clone(), n, stopped.clone()));
        }
        let status = tokio::task::spawn_blocking(move || child.wait()).await??;
        let took = begun.elapsed();
        stop.send_replace(true);
        let mut waits = vec![];
        let mut errors = 0;
        while let Some(done) = readers.join_next().await {
            let (more, failed) = done.map_err(Error::other)??;
            waits.extend(more);
            errors += failed;
        }
        if !status.success() {
            return Err(Error::other(format!("{arguments:?}: {status}")));
        }
        waits.sort_unstable();
        let longest = waits.last().copied().unwrap_or_default();
        let middle = waits.get(waits.len() / 2).copied().unwrap_or_default();
        kept &= bound(
            &format!(
                "{ATTRIBUTE} {what} in {took:.1?}, {} answers meanwhile",
                waits.len()
            ),
            &format!("median {middle:.1?}, longest {longest:.1?}, {errors} errors"),
            "no error, longest under 2 s",
            errors == 0 && longest < MOST,
        );
    }
    Ok(kept)
}

async fn read_on(
    at: String,
    n: u32,
    stopped: tokio::sync::watch::Receiver<bool>,
) -> Result<(Vec<Duration>, u64)> {
    let mut client = Client::connect(&at).await?;
    let (mut waits, mut errors, mut turn) = (vec![], 0, n);
    while !*stopped.borrow() {
        turn += READERS;
        // Another box each time: nothing is given again from memory.
        let (x, y) = (
            -110.0 + f64::from(turn % 997) * 0.04,
            44.0 + f64::from(turn % 89) * 0.1,
        );
        let path = format!(
            "/cabd-api/features/dams?bbox={x},{y},{},{}&max-results=20",
            x + 0.2,
            y + 0.2
        );
        let got = client.get(&path).await?;
        waits.push(got.whole);
        errors += u64::from(got.status != 200);
    }
    Ok((waits, errors))
}

fn cabd(arguments: &[&str]) -> Result<String> {
    let done = Command::new(command()?).args(arguments).output()?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => Err(Error::other(
            String::from_utf8_lossy(&done.stderr).into_owned(),
        )),
    }
}

/// The manifest with the attribute as text, which has no plausible range.
fn as_text(manifest: &str) -> Result<String> {
    let mut inside = false;
    let mut out = String::new();
    let mut found = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = false;
        }
        inside |= line == format!("id = \"{ATTRIBUTE}\"");
        match line.split(" = ").next() {
            Some("type") if inside => {
                out.push_str("type = \"text\"\n");
                found = true;
            }
            Some("plausible") if inside => {}
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    found
        .then_some(out)
        .ok_or_else(|| Error::other(format!("{ATTRIBUTE} is not in the manifest")))
}
