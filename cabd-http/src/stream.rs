//! Features on their way to a client: a task reads batches and writes them, some pieces ahead of the client at most.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use cabd_core::format::{Format, WriteOptions};
use cabd_core::store::{DiffQuery, FeatureStream, HistoryExt};
use cabd_core::{Error, Result};
use futures::{StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::app::App;
use crate::urls::Urls;

/// Pieces that may wait for a slow client.
const AHEAD: usize = 2;
/// A larger piece is divided, so that the first part is on its way while the rest is packed.
const PIECE_BYTES: usize = 256 * 1024;

/// Where a writer writes; what it wrote is taken after each batch, in pieces: one growing buffer would be copied as it grows.
#[derive(Clone, Default)]
struct Tray(Arc<Mutex<Pieces>>);

#[derive(Default)]
struct Pieces {
    full: Vec<Bytes>,
    last: Vec<u8>,
}

impl Tray {
    /// What was written.
    fn take(&self) -> Vec<Bytes> {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = std::mem::take(&mut pieces.last);
        let mut all = std::mem::take(&mut pieces.full);
        if !last.is_empty() {
            all.push(last.into());
        }
        all
    }
}

impl Write for Tray {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = pieces.last.len();
        if held > 0 && held + bytes.len() > PIECE_BYTES {
            let full = std::mem::replace(&mut pieces.last, Vec::with_capacity(PIECE_BYTES));
            pieces.full.push(full.into());
        }
        if bytes.len() >= FULL_BYTES && pieces.last.capacity() == 0 {
            pieces.last.reserve(PIECE_BYTES);
        }
        pieces.last.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a writer writes at once when there is more to come.
const FULL_BYTES: usize = 64 * 1024;

type Sender = mpsc::Sender<Result<Bytes>>;

/// The body of an answer, which holds `place` until its end. It is returned when its first bytes are there, so that what fails before can still be told.
///
/// When the client goes, or reads nothing for `stalled`, the stream is dropped and with it the query. An error after the
/// first bytes ends the connection in the middle of the body: the client sees that it is not whole.
pub(crate) async fn body(
    answer: FeatureStream,
    format: Format,
    options: WriteOptions,
    urls: Urls,
    stalled: Duration,
    place: Option<OwnedSemaphorePermit>,
) -> Result<Body> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let _place = place;
        let written = write(answer, format, options, &urls, &sender, stalled).await;
        end(written, &sender, stalled).await;
    });
    handed_on(receiver).await
}

/// Tells what broke an answer off.
async fn end(written: Result<()>, sender: &Sender, stalled: Duration) {
    if let Err(e) = written {
        tracing::error!(error = ?e, "an answer broke off");
        let _ = tokio::time::timeout(stalled, sender.send(Err(e))).await;
    }
}

/// The body of the pieces, when the first is there.
async fn handed_on(mut receiver: mpsc::Receiver<Result<Bytes>>) -> Result<Body> {
    let first = match receiver.recv().await {
        Some(first) => first?,
        None => return Err(Error::internal("an answer ended before it began")),
    };
    let rest = stream::unfold(receiver, |mut r| async move {
        r.recv().await.map(|piece| (piece, r))
    });
    // Who packs the body asks once more after its end.
    let all = stream::once(async { Ok(first) }).chain(rest).fuse();
    Ok(Body::from_stream(all))
}

/// The differences between two states: a JSON object that begins with `frame` and ends its list, or lines without one. The
/// answer holds `place` until its end.
pub(crate) async fn differences(
    app: Arc<App>,
    query: DiffQuery,
    frame: Option<String>,
    place: OwnedSemaphorePermit,
) -> Result<Body> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let stalled = app.settings.stalled_time();
    tokio::spawn(async move {
        let _place = place;
        let written = write_differences(&app, query, frame, &sender, stalled).await;
        end(written, &sender, stalled).await;
    });
    handed_on(receiver).await
}

async fn write_differences(
    app: &App,
    query: DiffQuery,
    frame: Option<String>,
    sender: &Sender,
    stalled: Duration,
) -> Result<()> {
    let mut features = app.store.diff(query).await?;
    let listed = frame.is_some();
    let mut out = frame.unwrap_or_default().into_bytes();
    let mut first = true;
    loop {
        let feature = tokio::select! {
            biased;
            () = sender.closed() => return Ok(()),
            feature = features.next() => feature,
        };
        let Some(feature) = feature else { break };
        if listed && !std::mem::take(&mut first) {
            out.push(b',');
        }
        push_line(&mut out, &feature?)?;
        if out.len() >= PIECE_BYTES
            && !send(sender, std::mem::take(&mut out).into(), stalled).await?
        {
            return Ok(());
        }
    }
    if listed {
        out.extend_from_slice(b"]}\n");
    }
    if out.is_empty() {
        // What has no lines has begun as well.
        let _ = sender.send(Ok(Bytes::new())).await;
    }
    send(sender, out.into(), stalled).await?;
    Ok(())
}

/// Adds a value as a line of JSON.
pub(crate) fn push_line(out: &mut Vec<u8>, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, value)
        .map_err(|e| Error::internal("a value that does not fit into JSON").because(e))?;
    out.push(b'\n');
    Ok(())
}

/// Writes until the end, or until nobody reads any more.
async fn write(
    answer: FeatureStream,
    format: Format,
    options: WriteOptions,
    urls: &Urls,
    sender: &Sender,
    stalled: Duration,
) -> Result<()> {
    let tray = Tray::default();
    let schema = urls.schema(&answer.schema);
    let mut writer = format.writer(&schema, tray.clone(), options)?;
    let mut batches = answer.batches;
    loop {
        let batch = tokio::select! {
            biased;
            () = sender.closed() => return Ok(()),
            batch = batches.next() => batch,
        };
        let Some(batch) = batch else { break };
        writer.batch(&urls.add(batch?, &schema)?)?;
        for piece in tray.take() {
            if !send(sender, piece, stalled).await? {
                return Ok(());
            }
        }
    }
    writer.finish()?;
    drop(writer);
    for piece in tray.take() {
        if !send(sender, piece, stalled).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Hands a piece over; false when the client has gone.
async fn send(sender: &Sender, mut piece: Bytes, stalled: Duration) -> Result<bool> {
    while !piece.is_empty() {
        let part = piece.split_to(piece.len().min(PIECE_BYTES));
        match tokio::time::timeout(stalled, sender.send(Ok(part))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(false),
            Err(_) => return Err(Error::internal("the client stopped reading")),
        }
    }
    Ok(true)
}

/// A small answer, written whole.
pub(crate) async fn whole(
    answer: FeatureStream,
    format: Format,
    options: WriteOptions,
    urls: Option<Urls>,
) -> Result<(Vec<u8>, u64)> {
    let mut out = vec![];
    let schema = match &urls {
        Some(urls) => urls.schema(&answer.schema),
        None => answer.schema.clone(),
    };
    let mut writer = format.writer(&schema, &mut out, options)?;
    let mut rows = 0;
    let mut batches = answer.batches;
    while let Some(batch) = batches.next().await {
        let mut batch = batch?;
        if let Some(urls) = &urls {
            batch = urls.add(batch, &schema)?;
        }
        rows += batch.rows() as u64;
        writer.batch(&batch)?;
    }
    writer.finish()?;
    drop(writer);
    Ok((out, rows))
}
