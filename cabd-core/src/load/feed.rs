//! Files on their way in: read on a thread of their own, handed over in chunks, never far ahead of who takes them.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use futures::channel::mpsc::{Receiver, Sender, channel};

use crate::error::{Error, Result};
use crate::format::{
    ByteSource, Format, RawValue, ReadOptions, RowReader, SourceRow, TextEncoding,
};

/// Rows in a chunk, at most.
const CHUNK_ROWS: usize = 500;
/// Weight of a chunk in bytes, about: rows with large geometries come in smaller chunks.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A file to load.
pub struct Input {
    /// Its name, for reports and errors.
    pub name: String,
    /// Its bytes, packed with gzip or not.
    pub reader: Box<dyn Read + Send>,
    /// Size in bytes as stored, for progress.
    pub size: Option<u64>,
    /// Its format; told by the name where absent.
    pub format: Option<Format>,
}

impl Input {
    /// A file whose format its name tells.
    ///
    /// ```
    /// let input = cabd_core::load::Input::new("dams.csv", "cabd_id\n".as_bytes());
    /// assert_eq!(input.name, "dams.csv");
    /// ```
    pub fn new(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Self {
            name: name.into(),
            reader: Box::new(reader),
            size: None,
            format: None,
        }
    }

    /// The format that is given, or that the name tells.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when neither says one.
    pub fn format(&self) -> Result<Format> {
        self.format.or_else(|| Format::from_path(&self.name)).ok_or_else(|| {
            Error::invalid("the name does not tell the format of the file")
                .at(self.name.clone())
                .expected("a name that ends in .geojson, .json, .geojsonl, .csv or .tsv, .gz after it or not")
        })
    }
}

/// Rows of one file.
pub(super) struct Chunk {
    pub(super) input: usize,
    /// The columns, when they are new or there are more of them.
    pub(super) columns: Option<Arc<[Arc<str>]>>,
    pub(super) crs: Option<String>,
    pub(super) rows: Vec<SourceRow>,
    /// Bytes read of this file, as stored.
    pub(super) bytes: u64,
    pub(super) is_last: bool,
}

/// Begins to read; the thread ends when the receiver is dropped.
pub(super) fn start(
    inputs: Vec<Input>,
    encoding: TextEncoding,
    max_record_bytes: usize,
) -> Result<Receiver<Result<Chunk>>> {
    let (mut sender, receiver) = channel(1);
    let formats = inputs
        .iter()
        .map(Input::format)
        .collect::<Result<Vec<_>>>()?;
    let work = move || {
        for (index, (input, format)) in inputs.into_iter().zip(formats).enumerate() {
            let bytes = Arc::new(AtomicU64::new(0));
            let options = ReadOptions {
                name: input.name,
                encoding,
                max_record_bytes,
            };
            let counted: ByteSource = Box::new(Counted {
                inner: input.reader,
                bytes: bytes.clone(),
            });
            let done = format
                .reader(counted, options)
                .and_then(|mut reader| read(index, reader.as_mut(), &bytes, &mut sender));
            match done {
                Ok(true) => {}
                Ok(false) => return,
                Err(e) => {
                    send(&mut sender, Err(e));
                    return;
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("cabd-load".to_owned())
        .spawn(work)
        .map_err(Error::from)?;
    Ok(receiver)
}

/// Whether somebody still takes what is read.
fn read(
    input: usize,
    reader: &mut dyn RowReader,
    bytes: &AtomicU64,
    sender: &mut Sender<Result<Chunk>>,
) -> Result<bool> {
    let mut known = usize::MAX;
    loop {
        let mut rows = Vec::with_capacity(CHUNK_ROWS);
        let (mut weight, mut is_last) = (0, false);
        while rows.len() < CHUNK_ROWS && weight < CHUNK_BYTES {
            match reader.next_row()? {
                Some(row) => {
                    weight += row.geometry.as_ref().map_or(0, |g| g.with_wkb(<[u8]>::len));
                    weight += row.cells.iter().map(heavy).sum::<usize>();
                    rows.push(row);
                }
                None => {
                    is_last = true;
                    break;
                }
            }
        }
        let names = reader.columns().names();
        let columns = (names.len() != known).then(|| names.into());
        known = names.len();
        let chunk = Chunk {
            input,
            columns,
            crs: reader.crs().map(str::to_owned),
            rows,
            bytes: bytes.load(Ordering::Relaxed),
            is_last,
        };
        if !send(sender, Ok(chunk)) {
            return Ok(false);
        }
        if is_last {
            return Ok(true);
        }
    }
}

/// The weight of a value in bytes, about.
fn heavy(cell: &RawValue) -> usize {
    match cell {
        RawValue::Text(t) => t.len(),
        RawValue::Json(json) => nodes(json),
        _ => 0,
    }
}

fn nodes(json: &serde_json::Value) -> usize {
    64 + match json {
        serde_json::Value::String(t) => t.len(),
        serde_json::Value::Array(items) => items.iter().map(nodes).sum(),
        serde_json::Value::Object(members) => members.iter().map(|(k, v)| k.len() + nodes(v)).sum(),
        _ => 0,
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits until there is room; false when nobody listens any more.
fn send(sender: &mut Sender<Result<Chunk>>, item: Result<Chunk>) -> bool {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match sender.poll_ready(&mut context) {
            Poll::Ready(Ok(())) => return sender.start_send(item).is_ok(),
            Poll::Ready(Err(_)) => return false,
            Poll::Pending => std::thread::park(),
        }
    }
}

struct Counted {
    inner: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
