//! The CSV writer.

use std::io::Write;

use arrow::array::Array;
use arrow::datatypes::SchemaRef;
use uuid::fmt::Hyphenated;

use crate::error::{Error, Result};
use crate::feature::FeatureBatch;
use crate::format::cells::{Cells, Head, absolute, damaged, heads, label};
use crate::format::number::{push_date, push_f64, push_i64, push_instant};
use crate::format::text::{NoText, Style, push_geometry};
use crate::format::{FeatureWriter, SourceNames, WriteOptions};

/// The last column of every file.
pub(super) const GEOMETRY_COLUMN: &str = "Geometry (WKT)";

/// Writes CSV as RFC 4180 has it: UTF-8, lines ending in CR LF, a header, quotes where needed.
///
/// The identifier comes first, then the attributes in the order of the schema, last `Geometry (WKT)`. Null is an empty
/// cell, dates are `YYYY-MM-DD`, instants RFC 3339 in UTC. The elements of an array are joined with `;`; where that could not be
/// read back (an element that holds `;` or begins or ends with white space, an empty array) the cell is a JSON array.
///
/// The data source of a value is its name, in a column `<attribute>_ds` behind the attributes.
///
/// Values are written exactly as they are. A text that begins with `=`, `+`, `-` or `@` is not altered, because
/// a file must give back what the inventory holds: import such a file into a spreadsheet as text.
///
/// ```
/// use cabd_core::{FeatureQuery, Geometry, Operation, Uuid};
/// use cabd_core::format::{FeatureWriter, WriteOptions, csv::CsvWriter, write_features};
/// # use cabd_core::{ChangeHead, memory::MemoryStore, store::*, catalog::Manifest};
/// # let toml = "[type]\nid='sites'\nname.en='Sites'\n[geometry]\nkind='point'\n[[attributes]]\nid='cabd_id'\ntype='uuid'\nname.en='Identifier'\n[[attributes]]\nid='geometry'\ntype='geometry(point)'\nname.en='Place'\n[[attributes]]\nid='name'\ntype='text'\nname.en='Name'\n";
/// # futures::FutureExt::now_or_never(async {
/// # let store = MemoryStore::new();
/// # store.change_catalog(&Manifest::from_toml("t", toml)?).await?;
/// # let op = Operation::insert_feature("sites", Uuid::from_u128(1))
/// #     .set("name", "Mill, \"Old\"").set("geometry", Geometry::point(-75.5, 45.4));
/// # store.apply_all(&ChangeHead::default(), vec![op]).await?;
/// let answer = store.features(&FeatureQuery::of("sites")).await?;
/// let mut out = vec![];
/// let mut writer = CsvWriter::new(&answer.schema, &mut out, WriteOptions::default())?;
/// write_features(answer.batches, &mut writer).await?;
/// drop(writer);
/// assert_eq!(String::from_utf8(out).unwrap(), concat!("cabd_id,name,Geometry (WKT)\r\n",
///     "00000000-0000-0000-0000-000000000001,\"Mill, \"\"Old\"\"\",POINT (-75.5 45.4)\r\n"));
/// # Ok::<(), cabd_core::Error>(())
/// # }).unwrap().unwrap();
/// ```
pub struct CsvWriter<W: Write> {
    out: ::csv::Writer<W>,
    heads: Vec<Head>,
    geometry: Option<usize>,
    service_root: Option<String>,
    sources: SourceNames,
    cell: Vec<u8>,
}

impl<W: Write + Send> CsvWriter<W> {
    /// A writer; the header goes out at once, so that an answer without rows still names its columns.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn new(schema: &SchemaRef, out: W, options: WriteOptions) -> Result<Self> {
        let (heads, geometry) = heads(schema);
        let mut out = ::csv::WriterBuilder::new()
            .terminator(::csv::Terminator::CRLF)
            .buffer_capacity(64 * 1024)
            .from_writer(out);
        let names = heads.iter().map(|h| h.name.as_str());
        out.write_record(names.chain(geometry.map(|_| GEOMETRY_COLUMN)))
            .map_err(failed)?;
        Ok(Self {
            out,
            heads,
            geometry,
            service_root: options.service_root,
            sources: options.sources,
            cell: vec![],
        })
    }
}

fn failed(e: ::csv::Error) -> Error {
    match e.into_kind() {
        ::csv::ErrorKind::Io(io) => io.into(),
        _ => Error::internal("a row of another length than the header"),
    }
}

impl<W: Write + Send> FeatureWriter for CsvWriter<W> {
    fn batch(&mut self, batch: &FeatureBatch) -> Result<()> {
        let batch = &batch.batch;
        let columns = self
            .heads
            .iter()
            .map(|h| Ok((Cells::of(batch.column(h.index))?, h)))
            .collect::<Result<Vec<_>>>()?;
        let geometry = match self.geometry {
            Some(i) => Some(Cells::of(batch.column(i))?),
            None => None,
        };
        let root = self.service_root.as_deref();
        for row in 0..batch.num_rows() {
            let id = || match columns.first() {
                Some((Cells::Uuid(ids), _)) if ids.is_valid(row) => Some(ids.value(row)),
                _ => None,
            };
            for (cells, head) in &columns {
                self.cell.clear();
                match cells {
                    Cells::Uuid(ids) if head.source_of.is_some() && ids.is_valid(row) => {
                        let id = uuid::Uuid::from_slice(ids.value(row)).unwrap_or_default();
                        match self.sources.name(id) {
                            Some(name) => self.cell.extend_from_slice(name.as_bytes()),
                            None => {
                                push_cell(&mut self.cell, cells, row).map_err(|()| damaged(None))?
                            }
                        }
                    }
                    Cells::Text(texts) if head.is_link && texts.is_valid(row) => {
                        let link = absolute(root, texts.value(row));
                        self.cell.extend_from_slice(link.as_bytes());
                    }
                    _ => push_cell(&mut self.cell, cells, row).map_err(|()| damaged(id()))?,
                }
                self.out.write_field(&self.cell).map_err(failed)?;
            }
            if let Some(geometry) = &geometry {
                self.cell.clear();
                push_cell(&mut self.cell, geometry, row).map_err(|()| damaged(id()))?;
                self.out.write_field(&self.cell).map_err(failed)?;
            }
            self.out.write_record(None::<&[u8]>).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

/// The cell's text; nothing for null.
fn push_cell(out: &mut Vec<u8>, cells: &Cells<'_>, row: usize) -> Result<(), ()> {
    if cells.is_null(row) {
        return Ok(());
    }
    match cells {
        Cells::Bool(a) => out.extend_from_slice(if a.value(row) { b"true" } else { b"false" }),
        Cells::Int(a) => push_i64(out, a.value(row)),
        Cells::Double(a) => {
            if a.value(row).is_finite() {
                push_f64(out, a.value(row));
            }
        }
        Cells::Text(a) => out.extend_from_slice(a.value(row).as_bytes()),
        Cells::Uuid(a) => {
            let mut text = [0u8; Hyphenated::LENGTH];
            let id = uuid::Uuid::from_slice(a.value(row)).unwrap_or_default();
            id.hyphenated().encode_lower(&mut text);
            out.extend_from_slice(&text);
        }
        Cells::Date(a) => push_date(out, a.value(row)),
        Cells::Instant(a) => push_instant(out, a.value(row)),
        Cells::Label(keys, labels) => {
            out.extend_from_slice(label(keys, labels, row).unwrap_or_default().as_bytes());
        }
        Cells::Wkb(a) => match push_geometry(out, a.value(row), Style::Wkt) {
            Ok(()) | Err(NoText::NoPosition) => {}
            Err(NoText::Damaged) => return Err(()),
        },
        Cells::List(lists, values) => {
            let inner = Cells::of(values).map_err(|_| ())?;
            let offsets = lists.value_offsets();
            let at = |i: usize| {
                offsets
                    .get(i)
                    .and_then(|o| usize::try_from(*o).ok())
                    .unwrap_or(0)
            };
            push_list(out, &inner, at(row), at(row + 1))?;
        }
    }
    Ok(())
}

fn push_list(out: &mut Vec<u8>, inner: &Cells<'_>, from: usize, to: usize) -> Result<(), ()> {
    let survives = |i: usize| match inner {
        Cells::Text(a) => {
            a.is_valid(i) && {
                let t = a.value(i);
                !t.is_empty() && t.trim() == t && !t.contains(';') && !t.starts_with('[')
            }
        }
        _ => !inner.is_null(i),
    };
    if from < to && (from..to).all(survives) {
        for i in from..to {
            if i > from {
                out.push(b';');
            }
            push_cell(out, inner, i)?;
        }
        return Ok(());
    }
    out.push(b'[');
    for i in from..to {
        if i > from {
            out.push(b',');
        }
        let mut element = vec![];
        push_cell(&mut element, inner, i)?;
        match inner {
            _ if inner.is_null(i) => out.extend_from_slice(b"null"),
            Cells::Text(a) => {
                let quoted = serde_json::to_vec(a.value(i)).map_err(|_| ())?;
                out.extend_from_slice(&quoted);
            }
            _ => out.extend_from_slice(&element),
        }
    }
    out.push(b']');
    Ok(())
}
