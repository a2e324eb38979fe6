//! Formats: what features look like in a file, one folder each, reader and writer.
//!
//! A writer is a sink of the [`FeatureBatch`]es that a store answers with; a reader gives [`SourceRow`]s of a foreign
//! file, one after the other. Neither ever holds a whole file.

mod cells;
pub mod csv;
pub mod geojson;
mod input;
mod number;
mod rows;
mod sniff;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::str::FromStr;

use arrow::datatypes::SchemaRef;
use futures::{Stream, StreamExt};

pub use input::{ByteSource, TextEncoding, open_text};
pub use rows::{Columns, MAX_RECORD_BYTES, RawValue, ReadOptions, RowFault, RowReader, SourceRow};

use crate::error::{Error, Result};
use crate::feature::FeatureBatch;
use crate::geometry::SRID;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::time::Timestamp;

/// A sink of feature batches: bytes go out as batches come in.
///
/// All batches have the schema the writer was made with. [`FeatureWriter::finish`] is called exactly once, after the
/// last batch; without it the file is not complete.
pub trait FeatureWriter: Send {
    /// Writes the rows of a batch.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) or a finer kind when the sink fails, [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a stored
    /// geometry that cannot be read.
    fn batch(&mut self, batch: &FeatureBatch) -> Result<()>;

    /// Writes what closes the file, and flushes.
    fn finish(&mut self) -> Result<()>;
}

/// The state of an inventory: what a file was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The newest commit in it.
    pub commit: CommitNumber,
    /// When that was made.
    pub datetime: Option<Timestamp>,
    /// The name under which it was released.
    pub release: Option<String>,
}

/// Facts about the whole answer, for the head of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// Licence of the data: a name or, better, its address.
    pub licence: Option<String>,
    /// Version of the data by feature type. Left out of a file without rows.
    pub data_version: BTreeMap<String, String>,
    /// When the data was read.
    pub downloaded: Option<Timestamp>,
    /// The state that was read.
    pub state: Option<Stamp>,
    /// EPSG number of the coordinates, longitude first.
    pub srid: i32,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            licence: None,
            data_version: BTreeMap::new(),
            downloaded: None,
            state: None,
            srid: SRID,
        }
    }
}

/// What a writer needs to know beside the rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WriteOptions {
    /// Language of the labels, for the texts that a format adds itself.
    pub lang: Lang,
    /// Head of the file, where the format has a place for it.
    pub metadata: Option<Metadata>,
    /// Address of the service, put before the values of link attributes; they stay paths without it.
    pub service_root: Option<String>,
    /// Whether a GeoJSON feature has its identifier as the member `id` as well.
    pub feature_id: bool,
    /// Names of data sources, for answers to questions with [`FeatureQuery::sources`](crate::query::FeatureQuery::sources).
    pub sources: SourceNames,
}

/// Names of data sources by identifier.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceNames(std::sync::Arc<std::collections::HashMap<[u8; 16], String>>);

impl SourceNames {
    /// The name of a data source, where it is known.
    pub fn name(&self, id: uuid::Uuid) -> Option<&str> {
        self.0.get(id.as_bytes()).map(String::as_str)
    }
}

impl FromIterator<(uuid::Uuid, String)> for SourceNames {
    fn from_iter<I: IntoIterator<Item = (uuid::Uuid, String)>>(all: I) -> Self {
        let all = all.into_iter().map(|(id, name)| (id.into_bytes(), name));
        Self(std::sync::Arc::new(all.collect()))
    }
}

/// The formats that features are written in.
///
/// ```
/// use cabd_core::format::Format;
/// assert_eq!("geojson".parse::<Format>()?, Format::GeoJson);
/// assert_eq!(Format::from_path("out/dams.csv"), Some(Format::Csv));
/// assert_eq!(Format::Csv.media_type(), "text/csv; charset=utf-8; header=present");
/// assert!("dbase".parse::<Format>().is_err());
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A GeoJSON FeatureCollection (RFC 7946).
    GeoJson,
    /// One GeoJSON feature a line, without a collection around them.
    GeoJsonSeq,
    /// Comma-separated values (RFC 4180) in UTF-8, geometry as WKT.
    Csv,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 3] = [Self::GeoJson, Self::GeoJsonSeq, Self::Csv];

    /// The short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::GeoJson => "geojson",
            Self::GeoJsonSeq => "geojsonseq",
            Self::Csv => "csv",
        }
    }

    /// The media type of an answer in it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::GeoJson => "application/geo+json",
            Self::GeoJsonSeq => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// The file extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::GeoJson => "geojson",
            Self::GeoJsonSeq => "geojsonl",
            Self::Csv => "csv",
        }
    }

    /// The format that a file's name tells; `.gz` at the end does not matter.
    pub fn from_path(path: &str) -> Option<Format> {
        let lower = path.to_ascii_lowercase();
        let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
        let (_, extension) = plain.rsplit_once('.')?;
        match extension {
            "tsv" | "txt" => Some(Self::Csv),
            other => other.parse().ok(),
        }
    }

    /// A writer of rows of `schema`, the schema of the stream that will be written.
    ///
    /// # Errors
    /// When the sink fails.
    ///
    /// ```
    /// use cabd_core::FeatureQuery;
    /// use cabd_core::format::{Format, WriteOptions, write_features};
    /// # use cabd_core::{memory::MemoryStore, store::{CatalogStore, FeatureStore}, catalog::Manifest};
    /// # let toml = "[type]\nid='sites'\nname.en='Sites'\n[geometry]\nkind='point'\n[[attributes]]\nid='cabd_id'\ntype='uuid'\nname.en='Identifier'\n[[attributes]]\nid='geometry'\ntype='geometry(point)'\nname.en='Place'\n";
    /// # futures::FutureExt::now_or_never(async {
    /// # let store = MemoryStore::new();
    /// # store.change_catalog(&Manifest::from_toml("t", toml)?).await?;
    /// let answer = store.features(&FeatureQuery::of("sites")).await?;
    /// let mut out = vec![];
    /// let mut writer = Format::Csv.writer(&answer.schema, &mut out, WriteOptions::default())?;
    /// let rows = write_features(answer.batches, writer.as_mut()).await?;
    /// drop(writer);
    /// assert_eq!((rows, out.as_slice()), (0, b"cabd_id,Geometry (WKT)\r\n".as_slice()));
    /// # Ok::<(), cabd_core::Error>(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn writer<'a>(
        self,
        schema: &SchemaRef,
        out: impl Write + Send + 'a,
        options: WriteOptions,
    ) -> Result<Box<dyn FeatureWriter + 'a>> {
        Ok(match self {
            Self::GeoJson => Box::new(geojson::GeoJsonWriter::new(schema, out, options)?),
            Self::GeoJsonSeq => Box::new(geojson::GeoJsonWriter::sequence(schema, out, options)?),
            Self::Csv => Box::new(csv::CsvWriter::new(schema, out, options)?),
        })
    }

    /// A reader of foreign rows.
    ///
    /// `.gz` is unpacked where its first bytes say so.
    ///
    /// # Errors
    /// What [`RowReader::next_row`] answers, for the beginning of the file.
    ///
    /// ```
    /// use cabd_core::format::{Format, RawValue, ReadOptions};
    /// let text = "name;height\nMill Dam;4,2\n";
    /// let mut reader = Format::Csv.reader(Box::new(text.as_bytes()), ReadOptions::default())?;
    /// let row = reader.next_row()?.unwrap();
    /// assert_eq!((row.line, row.get(reader.columns(), "name")), (2, &RawValue::from("Mill Dam")));
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    pub fn reader(self, input: ByteSource, options: ReadOptions) -> Result<Box<dyn RowReader>> {
        Ok(match self {
            Self::GeoJson | Self::GeoJsonSeq => {
                Box::new(geojson::GeoJsonReader::new(input, options)?)
            }
            Self::Csv => Box::new(csv::CsvReader::new(input, options)?),
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s.to_ascii_lowercase().as_str() {
            "geojson" | "json" => Ok(Self::GeoJson),
            "geojsonseq" | "geojsonl" | "geojsons" | "ndjson" | "jsonl" => Ok(Self::GeoJsonSeq),
            "csv" => Ok(Self::Csv),
            _ => Err(Error::invalid("unknown format")
                .field("format")
                .value(s)
                .expected(Self::ALL.map(Self::name).join(", "))),
        }
    }
}

/// Writes every batch of an answer, finishes the file, and says how many rows it has.
///
/// # Errors
/// The first error of the stream or of the writer; what was written until then is not a complete file.
pub async fn write_features(
    mut batches: impl Stream<Item = Result<FeatureBatch>> + Unpin,
    writer: &mut dyn FeatureWriter,
) -> Result<u64> {
    let mut rows = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        writer.batch(&batch)?;
        rows += batch.rows() as u64;
    }
    writer.finish()?;
    Ok(rows)
}
