//! What a load did: counts, notes, rejected rows.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::feature::Counts;

/// A row that was not loaded, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The file.
    pub input: String,
    /// Line on which the row begins.
    pub line: u64,
    /// The attribute or column at fault; empty for the whole row.
    pub field: String,
    /// The value at fault.
    pub value: String,
    /// The reason.
    pub reason: String,
}

/// Takes rejected rows as they come.
pub trait RejectSink: Send {
    /// One rejected row.
    ///
    /// # Errors
    /// Whatever keeps the sink from taking it; the load ends then.
    fn reject(&mut self, row: &Rejected) -> Result<()>;

    /// Called once, after the last row.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Forgets them; the report still counts them and holds the first.
impl RejectSink for () {
    fn reject(&mut self, _: &Rejected) -> Result<()> {
        Ok(())
    }
}

impl RejectSink for std::sync::Arc<std::sync::Mutex<Vec<Rejected>>> {
    fn reject(&mut self, row: &Rejected) -> Result<()> {
        self.lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(row.clone());
        Ok(())
    }
}

/// Writes rejected rows as CSV: input, line, field, value, reason. The header comes with the first row, so that
/// a load without rejected rows leaves an empty file.
///
/// ```
/// use cabd_core::load::{CsvRejects, RejectSink, Rejected};
/// let mut out = vec![];
/// let mut sink = CsvRejects::new(&mut out);
/// sink.reject(&Rejected {
///     input: "dams.csv".into(), line: 7, field: "height_m".into(), value: "tall".into(), reason: "not a number".into(),
/// })?;
/// sink.finish()?;
/// drop(sink);
/// assert_eq!(out, b"input,line,field,value,reason\r\ndams.csv,7,height_m,tall,not a number\r\n");
/// # Ok::<(), cabd_core::Error>(())
/// ```
pub struct CsvRejects<W: Write> {
    out: ::csv::Writer<W>,
    any: bool,
}

impl<W: Write + Send> CsvRejects<W> {
    /// A sink over a file.
    pub fn new(out: W) -> Self {
        let out = ::csv::WriterBuilder::new()
            .terminator(::csv::Terminator::CRLF)
            .from_writer(out);
        Self { out, any: false }
    }
}

impl<W: Write + Send> RejectSink for CsvRejects<W> {
    fn reject(&mut self, row: &Rejected) -> Result<()> {
        let failed = |e: ::csv::Error| match e.into_kind() {
            ::csv::ErrorKind::Io(io) => Error::from(io),
            _ => Error::internal("a rejected row could not be written"),
        };
        if !self.any {
            self.any = true;
            let header = ["input", "line", "field", "value", "reason"];
            self.out.write_record(header).map_err(failed)?;
        }
        let line = row.line.to_string();
        let cells = [&row.input, &line, &row.field, &row.value, &row.reason];
        self.out.write_record(cells).map_err(failed)
    }

    fn finish(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoteKind {
    /// A column is neither used nor named under `ignore`.
    UnusedColumn,
    /// A column that the mapping names is not in the file; it counts as blank.
    MissingColumn,
    /// A value could not be read and was left out, as the mapping says.
    DroppedValue,
    /// A value was left alone, because another data source gave it.
    KeptValue,
    /// A row is older than what the same source gave before.
    OlderRow,
    /// The third coordinate of a geometry was left out.
    HeightDropped,
    /// The file declares another system of coordinates than longitude and latitude.
    DeclaredCrs,
    /// There were more kinds of notes than are kept.
    More,
}

/// Something worth knowing, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// The attribute or column.
    pub field: String,
    /// How often.
    pub count: u64,
    /// The first case: value and reason.
    pub first: String,
    /// Where the first case was, `file:line`; empty for the whole file.
    pub place: String,
}

/// Notes kept apart by kind and field.
const MOST_NOTES: usize = 1000;

/// Notes as they come.
#[derive(Debug, Default)]
pub(super) struct Notes(BTreeMap<(NoteKind, String), Note>);

impl Notes {
    pub(super) fn add(
        &mut self,
        kind: NoteKind,
        field: &str,
        first: impl FnOnce() -> (String, String),
    ) {
        if let Some(note) = self.0.get_mut(&(kind, field.to_owned())) {
            note.count += 1;
            return;
        }
        let (kind, field) = if self.0.len() >= MOST_NOTES {
            (NoteKind::More, "")
        } else {
            (kind, field)
        };
        let note = self.0.entry((kind, field.to_owned())).or_insert_with(|| {
            let (first, place) = first();
            Note {
                kind,
                field: field.to_owned(),
                count: 0,
                first,
                place,
            }
        });
        note.count += 1;
    }

    pub(super) fn into_vec(self) -> Vec<Note> {
        self.0.into_values().collect()
    }
}

/// Rows of one relation that a load touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Touched {
    /// New rows.
    pub inserted: u64,
    /// Rows whose values changed.
    pub updated: u64,
    /// Rows that were as the file has them already.
    pub unchanged: u64,
}

impl From<Counts> for Touched {
    fn from(c: Counts) -> Self {
        Self {
            inserted: c.inserted,
            updated: c.updated,
            unchanged: c.unchanged,
        }
    }
}

/// What a load did, or would do on a dry run.
///
/// `read = skipped + rejected + inserted + updated + unchanged`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// Rows of the files.
    pub read: u64,
    /// Rows that the mapping's `only` leaves out.
    pub skipped: u64,
    /// New features, or rows of the reference table.
    pub inserted: u64,
    /// Features whose own values changed. Rows around a feature are counted in `relations`.
    pub updated: u64,
    /// Features that were as the file has them already.
    pub unchanged: u64,
    /// Those of the unchanged whose row is older than what is stored.
    pub older: u64,
    /// Rows that could not be loaded.
    pub rejected: u64,
    /// Values that were left alone, because another data source gave them.
    pub kept: u64,
    /// The commit; none where nothing changed, and on a dry run.
    pub commit: Option<i64>,
    /// Every relation that was touched.
    pub relations: BTreeMap<String, Touched>,
    /// What is worth knowing.
    pub notes: Vec<Note>,
    /// The first rejected rows.
    pub first_rejected: Vec<Rejected>,
}

impl LoadReport {
    /// How many rejected rows the report itself holds.
    pub const FIRST_REJECTED: usize = 20;
}
