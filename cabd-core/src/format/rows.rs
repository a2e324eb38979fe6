//! Rows of a foreign file, as every reader gives them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::TextEncoding;
use crate::error::Result;
use crate::geometry::Geometry;

/// The longest record a reader takes, in bytes, unless told otherwise: 8 MiB.
pub const MAX_RECORD_BYTES: usize = 8 * 1024 * 1024;

/// How to read a foreign file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Name of the file, for errors.
    pub name: String,
    /// Encoding.
    pub encoding: TextEncoding,
    /// Longest record in bytes. A longer one is an error, so that a broken file cannot fill the memory.
    pub max_record_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            name: "input".to_owned(),
            encoding: TextEncoding::Utf8,
            max_record_bytes: MAX_RECORD_BYTES,
        }
    }
}

/// A value as a file has it, before any type is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum RawValue {
    /// Nothing.
    #[default]
    Null,
    /// A JSON boolean.
    Bool(bool),
    /// A JSON integer.
    Int(i64),
    /// A JSON number with a fraction, an exponent, or beyond 64 bits.
    Double(f64),
    /// A text, as written.
    Text(String),
    /// A JSON array or object.
    Json(serde_json::Value),
}

impl RawValue {
    /// Whether it is null or only white space.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(t) => t.trim().is_empty(),
            _ => false,
        }
    }
}

impl From<&str> for RawValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl fmt::Display for RawValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::Double(d) => d.fmt(f),
            Self::Text(t) => f.write_str(t),
            Self::Json(j) => j.fmt(f),
        }
    }
}

/// The columns seen so far. A place, once given, stays; GeoJSON adds columns as features bring new ones.
///
/// ```
/// let mut columns = cabd_core::format::Columns::default();
/// assert_eq!((columns.add("name"), columns.add("height"), columns.add("name")), (0, 1, 0));
/// assert_eq!(columns.position("height"), Some(1));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Columns {
    names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, usize>,
}

impl Columns {
    /// The place of a column, a new one if need be.
    pub fn add(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.places.insert(name, self.names.len() - 1);
        self.names.len() - 1
    }

    /// The place of a column, trying `guess` first: most rows name their columns in one order.
    pub(super) fn add_near(&mut self, name: &str, guess: usize) -> usize {
        match self.names.get(guess) {
            Some(known) if **known == *name => guess,
            _ => self.add(name),
        }
    }

    /// The place of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The names, in the order of their places.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }
}

/// What is wrong with one row that does not spoil the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// The column; empty when it is the whole row.
    pub field: String,
    /// The value.
    pub value: String,
    /// Why it is refused.
    pub reason: String,
}

/// One row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceRow {
    /// Line on which it begins, from 1.
    pub line: u64,
    /// Values by the place of their column. Shorter than the columns where the row lacks the last ones.
    pub cells: Vec<RawValue>,
    /// The geometry, in the file's own system of coordinates.
    pub geometry: Option<Geometry>,
    /// Why the row cannot be used.
    pub fault: Option<RowFault>,
}

impl SourceRow {
    /// The value at a place; null where the row has none.
    pub fn cell(&self, place: usize) -> &RawValue {
        const NULL: &RawValue = &RawValue::Null;
        self.cells.get(place).unwrap_or(NULL)
    }

    /// The value of a column; null where the row has none.
    pub fn get(&self, columns: &Columns, name: &str) -> &RawValue {
        self.cell(columns.position(name).unwrap_or(usize::MAX))
    }
}

/// Gives the rows of a file, one after the other.
pub trait RowReader: Send {
    /// The next row; `None` after the last.
    ///
    /// # Errors
    /// For a fault of the file: it ends early, its bytes are not text of the encoding, it is not of the format. The
    /// error's place is `name:line` or `name:line:column`. What is wrong with one row only is its [`RowFault`].
    fn next_row(&mut self) -> Result<Option<SourceRow>>;

    /// The columns seen so far.
    fn columns(&self) -> &Columns;

    /// The system of coordinates that the file declares, as far as it was read, where it is not longitude and
    /// latitude in NAD83 or WGS 84: `EPSG:3005`.
    fn crs(&self) -> Option<&str> {
        None
    }
}
