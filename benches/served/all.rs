//! 55,000 dams with all attributes as GeoJSON, against the library's own export of the same file.
//!
//! What is served goes through a socket and is read by a client on the same processors. So does what is exported: its peer is
//! the export whose bytes somebody reads. The export into nothing is told as well.

use std::io::{Error, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use cabd::format::{Format, WriteOptions, write_features};
use cabd::{FeatureQuery, Store};

use crate::client::Client;
use crate::service::Service;
use crate::{Options, bound};

const DAMS: u64 = 55_000;
const TRIES: usize = 5;
const PATH: &str = "/cabd-api/features/dams?format=geojson";

pub async fn run(options: &Options) -> Result<bool> {
    let path = options.inventory(DAMS)?;
    let (mut firsts, mut wholes) = (vec![], vec![]);
    // The first answer after the start tells as well as the later ones.
    for _ in 0..2 {
        let service = Service::of(&path)?;
        let mut client = Client::connect(&service.at).await?;
        for _ in 0..TRIES {
            let got = client.get(PATH).await?;
            if got.range != format!("features 0-{DAMS}/{DAMS}") {
                return Err(Error::other(got.range));
            }
            firsts.push(got.first);
            wholes.push(got.whole);
        }
    }
    let store = cabd::open(&path.to_string_lossy())
        .await
        .map_err(Error::other)?;
    let (mut read, mut unread) = (vec![], vec![]);
    for _ in 0..TRIES {
        let begun = Instant::now();
        let (socket, reader) = reader()?;
        export(store.as_ref(), socket).await?;
        reader
            .join()
            .map_err(|_| Error::other("the reader ended"))??;
        read.push(begun.elapsed());
        let begun = Instant::now();
        export(store.as_ref(), std::io::sink()).await?;
        unread.push(begun.elapsed());
    }
    let ms = |t: Duration| t.as_secs_f64() * 1e3;
    println!(
        "first bytes, ms: {:.1?}",
        firsts.iter().copied().map(ms).collect::<Vec<_>>()
    );
    let first = firsts.iter().max().copied().unwrap_or_default();
    let soon = bound(
        "first byte of 55,000 dams, all attributes",
        &format!(
            "{:.1} ms at most of {}, each start's first one included",
            ms(first),
            firsts.len()
        ),
        "under 50 ms",
        first < Duration::from_millis(50),
    );
    let rate = |times| DAMS as f64 / middle(times).as_secs_f64();
    let (ours, read, unread) = (rate(wholes), rate(read), rate(unread));
    println!(
        "the export into nothing: {unread:.0} rows a second, served {:.2} of it",
        ours / unread
    );
    let share = ours / read;
    let kept = bound(
        "rows a second, served against exported to a reader",
        &format!("{ours:.0} against {read:.0}, {share:.2}"),
        "at least 0.8",
        share >= 0.8,
    );
    Ok(soon && kept)
}

/// A socket whose other end is read by a thread until it ends.
fn reader() -> Result<(TcpStream, std::thread::JoinHandle<Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let socket = TcpStream::connect(listener.local_addr()?)?;
    let (mut other, _) = listener.accept()?;
    let reading = std::thread::spawn(move || {
        let mut bytes = vec![0; 256 * 1024];
        while other.read(&mut bytes)? > 0 {}
        Ok(())
    });
    Ok((socket, reading))
}

async fn export(store: &dyn Store, to: impl Write + Send + 'static) -> Result<()> {
    let answer = store.features(&FeatureQuery::of("dams")).await;
    let answer = answer.map_err(Error::other)?;
    let writer = Format::GeoJson.writer(&answer.schema, to, WriteOptions::default());
    let mut writer = writer.map_err(Error::other)?;
    let written = write_features(answer.batches, writer.as_mut()).await;
    written.map(|_| ()).map_err(Error::other)
}

fn middle(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}
