//! The GeoJSON writer: batches to text through one reused buffer.

use std::io::Write;

use arrow::array::{Array, StringArray};
use arrow::datatypes::SchemaRef;
use uuid::fmt::Hyphenated;

use crate::error::Result;
use crate::feature::FeatureBatch;
use crate::format::cells::{Cells, Head, absolute, damaged, heads, label};
use crate::format::number::{push_date, push_f64, push_i64, push_instant};
use crate::format::text::{NoText, Style, push_geometry};
use crate::format::{FeatureWriter, Metadata, SourceNames, WriteOptions};

/// Text gathered before it goes to the sink, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes a FeatureCollection, or one feature a line.
///
/// A feature has `type`, `geometry` (`null` where there is none) and `properties`, with the identifier first and then
/// the attributes in the order of the schema. Dates are `YYYY-MM-DD`, instants RFC 3339 in UTC, arrays JSON arrays.
/// A number that is not finite is written as `null`. Outer rings run counter-clockwise, whatever was stored. Where data sources
/// were asked for, they are a member `sources` beside: `{"height_m":{"id":…,"name":…}}`, without the values that have none.
///
/// A collection may begin with a member `metadata`; see [`Metadata`].
///
/// ```
/// use cabd_core::{FeatureQuery, Geometry, Operation, Uuid};
/// use cabd_core::format::{FeatureWriter, WriteOptions, geojson::GeoJsonWriter, write_features};
/// # use cabd_core::{ChangeHead, memory::MemoryStore, store::*, catalog::Manifest};
/// # let toml = "[type]\nid='sites'\nname.en='Sites'\n[geometry]\nkind='point'\n[[attributes]]\nid='cabd_id'\ntype='uuid'\nname.en='Identifier'\n[[attributes]]\nid='geometry'\ntype='geometry(point)'\nname.en='Place'\n[[attributes]]\nid='name'\ntype='text'\nname.en='Name'\n";
/// # futures::FutureExt::now_or_never(async {
/// # let store = MemoryStore::new();
/// # store.change_catalog(&Manifest::from_toml("t", toml)?).await?;
/// # let op = Operation::insert_feature("sites", Uuid::from_u128(1))
/// #     .set("name", "Mill \"Dam\"").set("geometry", Geometry::point(-75.5, 45.4));
/// # store.apply_all(&ChangeHead::default(), vec![op]).await?;
/// let answer = store.features(&FeatureQuery::of("sites")).await?;
/// let mut out = vec![];
/// let mut writer = GeoJsonWriter::sequence(&answer.schema, &mut out, WriteOptions::default())?;
/// write_features(answer.batches, &mut writer).await?;
/// drop(writer);
/// assert_eq!(String::from_utf8(out).unwrap(), concat!(
///     r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[-75.5,45.4]},"#,
///     r#""properties":{"cabd_id":"00000000-0000-0000-0000-000000000001","name":"Mill \"Dam\""}}"#, "\n"));
/// # Ok::<(), cabd_core::Error>(())
/// # }).unwrap().unwrap();
/// ```
pub struct GeoJsonWriter<W> {
    out: W,
    buffer: Vec<u8>,
    columns: Vec<(Head, Vec<u8>)>,
    labels: Vec<Option<Labels>>,
    /// Columns of data sources: place in the batch, and the attribute as a key.
    sources: Vec<(usize, Vec<u8>)>,
    names: SourceNames,
    geometry: Option<usize>,
    service_root: Option<String>,
    metadata: Option<Metadata>,
    collection: bool,
    feature_id: bool,
    rows: u64,
}

impl<W: Write + Send> GeoJsonWriter<W> {
    /// A writer of one FeatureCollection.
    ///
    /// # Errors
    /// None yet; the first bytes go out with the first batch.
    pub fn new(schema: &SchemaRef, out: W, options: WriteOptions) -> Result<Self> {
        let (mut heads, geometry) = heads(schema);
        let of_sources = heads.extract_if(.., |h| h.source_of.is_some());
        let sources = of_sources
            .map(|h| {
                let mut key = vec![];
                push_text(&mut key, h.source_of.as_deref().unwrap_or_default());
                key.push(b':');
                (h.index, key)
            })
            .collect();
        let columns = heads.into_iter().enumerate().map(|(i, head)| {
            let mut key = if i == 0 { vec![] } else { vec![b','] };
            push_text(&mut key, &head.name);
            key.push(b':');
            (head, key)
        });
        Ok(Self {
            out,
            buffer: Vec::with_capacity(BUFFER_BYTES + 4096),
            labels: vec![],
            columns: columns.collect(),
            sources,
            names: options.sources,
            geometry,
            service_root: options.service_root,
            metadata: options.metadata,
            collection: true,
            feature_id: options.feature_id,
            rows: 0,
        })
    }

    /// A writer of one feature a line (newline-delimited GeoJSON), without collection and metadata.
    ///
    /// # Errors
    /// None yet, as [`GeoJsonWriter::new`].
    pub fn sequence(schema: &SchemaRef, out: W, options: WriteOptions) -> Result<Self> {
        let mut writer = Self::new(schema, out, options)?;
        writer.collection = false;
        Ok(writer)
    }

    fn head(&mut self, empty: bool) {
        self.buffer
            .extend_from_slice(b"{\"type\":\"FeatureCollection\",");
        if let Some(metadata) = self.metadata.take() {
            push_metadata(&mut self.buffer, &metadata, empty);
        }
        self.buffer.extend_from_slice(b"\"features\":[");
    }
}

impl<W: Write + Send> FeatureWriter for GeoJsonWriter<W> {
    fn batch(&mut self, batch: &FeatureBatch) -> Result<()> {
        let batch = &batch.batch;
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        if self.collection && self.rows == 0 {
            self.head(false);
        }
        self.labels.resize_with(self.columns.len(), || None);
        let columns = self
            .columns
            .iter()
            .zip(&mut self.labels)
            .map(|((head, _), labels)| {
                let cells = Cells::of(batch.column(head.index))?;
                let root = self.service_root.as_deref();
                Ok(Prepared::new(cells, head, root, labels))
            })
            .collect::<Result<Vec<_>>>()?;
        let geometry = match self.geometry {
            Some(i) => Some(Cells::of(batch.column(i))?),
            None => None,
        };
        let sources = self
            .sources
            .iter()
            .map(|(index, key)| Ok((Cells::of(batch.column(*index))?, key.as_slice())))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..rows {
            let out = &mut self.buffer;
            if self.collection && self.rows > 0 {
                out.extend_from_slice(b",\n");
            }
            out.extend_from_slice(b"{\"type\":\"Feature\",");
            if let Some(id) = columns
                .first()
                .filter(|c| self.feature_id && c.id(row).is_some())
            {
                out.extend_from_slice(b"\"id\":");
                id.push(out, row).map_err(|()| damaged(None))?;
                out.push(b',');
            }
            out.extend_from_slice(b"\"geometry\":");
            match &geometry {
                Some(Cells::Wkb(wkb)) if wkb.is_valid(row) => {
                    push_geometry_or_null(out, wkb.value(row))
                        .map_err(|()| damaged(columns.first().and_then(|c| c.id(row))))?;
                }
                _ => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b",\"properties\":{");
            for (cells, (_, key)) in columns.iter().zip(&self.columns) {
                out.extend_from_slice(key);
                cells
                    .push(out, row)
                    .map_err(|()| damaged(columns.first().and_then(|c| c.id(row))))?;
            }
            out.push(b'}');
            if !sources.is_empty() {
                push_sources(out, &sources, &self.names, row);
            }
            out.extend_from_slice(if self.collection { b"}" } else { b"}\n" });
            self.rows += 1;
            if out.len() >= BUFFER_BYTES {
                self.out.write_all(out)?;
                out.clear();
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if self.collection {
            if self.rows == 0 {
                self.head(true);
            }
            self.buffer.extend_from_slice(b"]}\n");
        }
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()?;
        Ok(())
    }
}

/// The labels of a column as JSON; every batch of an answer has the same.
struct Labels {
    of: StringArray,
    json: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Labels {
    fn of(labels: &StringArray) -> Self {
        let mut json = vec![];
        let spans = (0..labels.len()).map(|i| {
            let from = json.len();
            if labels.is_valid(i) {
                push_text(&mut json, labels.value(i));
            } else {
                json.extend_from_slice(b"null");
            }
            (from, json.len())
        });
        let spans = spans.collect();
        Self {
            of: labels.clone(),
            json,
            spans,
        }
    }

    /// Whether it is the same array, by where its parts lie.
    fn is_of(&self, labels: &StringArray) -> bool {
        self.of.len() == labels.len()
            && self.of.value_data().as_ptr() == labels.value_data().as_ptr()
            && self.of.value_offsets().as_ptr() == labels.value_offsets().as_ptr()
    }
}

/// The data sources of a feature's values, by attribute; what has none is left out.
fn push_sources(
    out: &mut Vec<u8>,
    sources: &[(Cells<'_>, &[u8])],
    names: &SourceNames,
    row: usize,
) {
    out.extend_from_slice(b",\"sources\":{");
    let mut is_first = true;
    for (cells, key) in sources {
        let Cells::Uuid(ids) = cells else { continue };
        if ids.is_null(row) {
            continue;
        }
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        let id = ids.value(row);
        out.extend_from_slice(key);
        out.extend_from_slice(b"{\"id\":");
        push_uuid(out, id);
        out.extend_from_slice(b",\"name\":");
        match uuid::Uuid::from_slice(id)
            .ok()
            .and_then(|id| names.name(id))
        {
            Some(name) => push_text(out, name),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }
    out.push(b'}');
}

/// A column of the batch at hand; labels are JSON already.
enum Prepared<'a> {
    Cells(Cells<'a>),
    Link(&'a StringArray, Option<&'a str>),
    Label(&'a arrow::array::Int32Array, &'a Labels),
}

impl<'a> Prepared<'a> {
    fn new(
        cells: Cells<'a>,
        head: &Head,
        root: Option<&'a str>,
        known: &'a mut Option<Labels>,
    ) -> Self {
        match cells {
            Cells::Text(texts) if head.is_link => Self::Link(texts, root),
            Cells::Label(keys, labels) => {
                if known.as_ref().is_some_and(|known| !known.is_of(labels)) {
                    *known = None;
                }
                Self::Label(keys, known.get_or_insert_with(|| Labels::of(labels)))
            }
            cells => Self::Cells(cells),
        }
    }

    fn id(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Cells(Cells::Uuid(ids)) if ids.is_valid(row) => Some(ids.value(row)),
            _ => None,
        }
    }

    fn push(&self, out: &mut Vec<u8>, row: usize) -> Result<(), ()> {
        match self {
            Self::Cells(cells) => return push_cell(out, cells, row),
            Self::Link(texts, root) if texts.is_valid(row) => {
                push_text(out, &absolute(*root, texts.value(row)));
            }
            Self::Label(keys, labels) if keys.is_valid(row) => {
                let key = usize::try_from(keys.value(row)).ok();
                let span = key.and_then(|k| labels.spans.get(k));
                let text = span.and_then(|(from, to)| labels.json.get(*from..*to));
                out.extend_from_slice(text.unwrap_or(b"null"));
            }
            _ => out.extend_from_slice(b"null"),
        }
        Ok(())
    }
}

fn push_geometry_or_null(out: &mut Vec<u8>, wkb: &[u8]) -> Result<(), ()> {
    match push_geometry(out, wkb, Style::GeoJson) {
        Ok(()) => Ok(()),
        Err(NoText::NoPosition) => {
            out.extend_from_slice(b"null");
            Ok(())
        }
        Err(NoText::Damaged) => Err(()),
    }
}

fn push_cell(out: &mut Vec<u8>, cells: &Cells<'_>, row: usize) -> Result<(), ()> {
    if cells.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match cells {
        Cells::Bool(a) => out.extend_from_slice(if a.value(row) { b"true" } else { b"false" }),
        Cells::Int(a) => push_i64(out, a.value(row)),
        Cells::Double(a) => push_double(out, a.value(row)),
        Cells::Text(a) => push_text(out, a.value(row)),
        Cells::Uuid(a) => push_uuid(out, a.value(row)),
        Cells::Date(a) => {
            out.push(b'"');
            push_date(out, a.value(row));
            out.push(b'"');
        }
        Cells::Instant(a) => {
            out.push(b'"');
            push_instant(out, a.value(row));
            out.push(b'"');
        }
        Cells::Wkb(a) => return push_geometry_or_null(out, a.value(row)),
        Cells::Label(keys, labels) => match label(keys, labels, row) {
            Some(text) => push_text(out, text),
            None => out.extend_from_slice(b"null"),
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
            out.push(b'[');
            for (n, i) in (at(row)..at(row + 1)).enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                push_cell(out, &inner, i)?;
            }
            out.push(b']');
        }
    }
    Ok(())
}

fn push_double(out: &mut Vec<u8>, v: f64) {
    if v.is_finite() {
        push_f64(out, v);
    } else {
        out.extend_from_slice(b"null");
    }
}

fn push_uuid(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut text = [0u8; Hyphenated::LENGTH];
    let id = uuid::Uuid::from_slice(bytes).unwrap_or_default();
    id.hyphenated().encode_lower(&mut text);
    out.push(b'"');
    out.extend_from_slice(&text);
    out.push(b'"');
}

/// The byte after the backslash, or `u` for `\u00xx`, or 0 for a byte that stands for itself.
const ESCAPES: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 0x20 {
        table[i] = b'u';
        i += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0A] = b'n';
    table[0x0C] = b'f';
    table[0x0D] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// A JSON string.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut done = 0;
    for (i, b) in bytes.iter().enumerate() {
        let escape = ESCAPES[*b as usize];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[done..i]);
        done = i + 1;
        if escape == b'u' {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let (high, low) = (HEX[(b >> 4) as usize], HEX[(b & 15) as usize]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        } else {
            out.extend_from_slice(&[b'\\', escape]);
        }
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

fn push_metadata(out: &mut Vec<u8>, metadata: &Metadata, empty: bool) {
    out.extend_from_slice(b"\"metadata\":{");
    if let Some(t) = metadata.downloaded {
        out.extend_from_slice(b"\"download_datetime\":\"");
        push_instant(out, t.as_microsecond());
        out.extend_from_slice(b"\",");
    }
    if let Some(licence) = &metadata.licence {
        out.extend_from_slice(b"\"data_licence\":");
        push_text(out, licence);
        out.push(b',');
    }
    if let Some(state) = &metadata.state {
        out.extend_from_slice(b"\"as_of\":{\"commit\":");
        push_i64(out, state.commit.0);
        if let Some(t) = state.datetime {
            out.extend_from_slice(b",\"datetime\":\"");
            push_instant(out, t.as_microsecond());
            out.push(b'"');
        }
        if let Some(release) = &state.release {
            out.extend_from_slice(b",\"release\":");
            push_text(out, release);
        }
        out.extend_from_slice(b"},");
    }
    if !empty && !metadata.data_version.is_empty() {
        out.extend_from_slice(b"\"data_version\":{");
        for (i, (feature_type, version)) in metadata.data_version.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            push_text(out, feature_type);
            out.push(b':');
            push_text(out, version);
        }
        out.extend_from_slice(b"},");
    }
    out.extend_from_slice(b"\"data_srid\":");
    push_i64(out, metadata.srid.into());
    out.extend_from_slice(b"},");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_every_ascii_character_is_valid_json() {
        let all: String = (0u8..128)
            .map(char::from)
            .chain("é\u{2028}😀".chars())
            .collect();
        let mut out = vec![];
        push_text(&mut out, &all);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), all);
    }

    #[test]
    fn the_metadata_say_which_state_was_read() {
        let metadata = Metadata {
            state: Some(crate::format::Stamp {
                commit: crate::id::CommitNumber(12),
                datetime: Some("2026-11-22T01:02:03Z".parse().unwrap()),
                release: Some("v1".into()),
            }),
            ..Metadata::default()
        };
        let mut out = vec![];
        push_metadata(&mut out, &metadata, false);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#""metadata":{"as_of":{"commit":12,"datetime":"2026-11-22T01:02:03Z","release":"v1"},"data_srid":4617},"#
        );
    }

    #[test]
    fn the_metadata_of_an_empty_answer_has_no_version() {
        let metadata = Metadata {
            licence: Some("CC BY-SA 4.0".into()),
            data_version: [("dams".to_owned(), "1.0".to_owned())].into(),
            downloaded: Some("2026-11-22T01:02:03Z".parse().unwrap()),
            ..Metadata::default()
        };
        let mut out = vec![];
        push_metadata(&mut out, &metadata, true);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#""metadata":{"download_datetime":"2026-11-22T01:02:03Z","data_licence":"CC BY-SA 4.0","data_srid":4617},"#
        );
    }
}
