//! Feature batches: Arrow record batches with GeoArrow geometry and labels beside codes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Builder, Int32Array, ListBuilder,
    RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
};
use arrow::datatypes::{
    DataType as ArrowType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit,
};

use super::columns::{ColumnBuilder, value_at};
use crate::catalog::{CodeKey, CodeList};
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::lang::Lang;
use crate::page::Cursor;
use crate::value::{DataType, ElementType, Value};

/// Metadata of an answer's field that holds data sources: the attribute whose values come from them.
pub const SOURCE_OF: &str = "cabd:source_of";

/// How an output column is made of the physical columns a store reads.
#[derive(Debug, Clone)]
pub enum Output {
    /// The physical column as it is.
    Physical(usize),
    /// The label of a code, dictionary-encoded.
    Label(usize, Arc<CodeList>),
    /// The labels of an array of codes, sorted by code point.
    LabelList(usize, Arc<CodeList>),
    /// Latitude of a point column; null for other classes.
    Latitude(usize),
    /// Longitude of a point column; null for other classes.
    Longitude(usize),
    /// A path: the text before and after the identifier.
    Url(usize, String, String),
}

/// One output column.
#[derive(Debug, Clone)]
pub struct OutputColumn {
    /// The attribute.
    pub name: String,
    /// Its data type.
    pub data_type: DataType,
    /// Where it comes from.
    pub output: Output,
    /// Metadata of the Arrow field (`cabd:name`, `cabd:unit`, `cabd:label_of` …).
    pub metadata: HashMap<String, String>,
}

/// The shape of an answer: what a store reads, and what the caller gets.
#[derive(Debug)]
pub struct Layout {
    /// Types of the physical columns, in the order a store pushes them.
    pub physical: Vec<DataType>,
    /// The columns of the answer.
    pub outputs: Vec<OutputColumn>,
    /// The identifier's place among the physical columns.
    pub id: usize,
    /// The sort keys' places among the physical columns.
    pub keys: Vec<usize>,
    /// Language of labels.
    pub lang: Lang,
    schema: SchemaRef,
    labels: Vec<Option<ArrayRef>>,
}

/// The GeoArrow field metadata of a WKB column in EPSG:4617.
pub fn geoarrow_metadata() -> HashMap<String, String> {
    HashMap::from([
        ("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned()),
        (
            "ARROW:extension:metadata".to_owned(),
            r#"{"crs":"EPSG:4617","crs_type":"authority_code"}"#.to_owned(),
        ),
    ])
}

fn arrow_type(data_type: &DataType) -> ArrowType {
    let list = |t| ArrowType::List(Arc::new(Field::new("item", t, true)));
    match data_type {
        DataType::Boolean => ArrowType::Boolean,
        DataType::Integer => ArrowType::Int64,
        DataType::Double | DataType::Numeric => ArrowType::Float64,
        DataType::Text(_) | DataType::Url => ArrowType::Utf8,
        DataType::Uuid => ArrowType::FixedSizeBinary(16),
        DataType::Date => ArrowType::Date32,
        DataType::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Geometry(_) => ArrowType::Binary,
        DataType::Array(ElementType::Text) => list(ArrowType::Utf8),
        DataType::Array(ElementType::Integer) => list(ArrowType::Int64),
        DataType::Array(ElementType::Double) => list(ArrowType::Float64),
    }
}

impl Layout {
    /// A layout; the Arrow schema follows from the outputs.
    pub fn new(
        physical: Vec<DataType>,
        outputs: Vec<OutputColumn>,
        id: usize,
        keys: Vec<usize>,
        lang: Lang,
    ) -> Self {
        let mut labels = vec![];
        let fields: Vec<Field> = outputs
            .iter()
            .map(|o| {
                let (t, dictionary) = match &o.output {
                    Output::Label(_, list) => {
                        let values: StringArray = list
                            .codes
                            .iter()
                            .map(|c| Some(c.name.get(lang)).filter(|t| !t.is_empty()))
                            .collect();
                        let t = ArrowType::Dictionary(
                            Box::new(ArrowType::Int32),
                            Box::new(ArrowType::Utf8),
                        );
                        (t, Some(Arc::new(values) as ArrayRef))
                    }
                    _ => (arrow_type(&o.data_type), None),
                };
                labels.push(dictionary);
                let mut metadata = o.metadata.clone();
                metadata.insert("cabd:data_type".to_owned(), o.data_type.to_string());
                match o.data_type {
                    DataType::Geometry(_) => metadata.extend(geoarrow_metadata()),
                    DataType::Uuid => {
                        metadata.insert("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned());
                    }
                    _ => {}
                }
                Field::new(&o.name, t, true).with_metadata(metadata)
            })
            .collect();
        let schema = Arc::new(Schema::new(fields));
        Self {
            physical,
            outputs,
            id,
            keys,
            lang,
            schema,
            labels,
        }
    }

    /// The Arrow schema of the answer.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// A part of an answer: an Arrow record batch, and the place after its last row.
#[derive(Debug, Clone)]
pub struct FeatureBatch {
    /// The rows.
    pub batch: RecordBatch,
    /// The cursor that continues after the last row.
    pub next: Option<Cursor>,
    /// Where each row stands in the order of the answer.
    pub places: Places,
}

/// The places of rows in the order of an answer: their sort keys and identifiers.
#[derive(Debug, Clone, Default)]
pub struct Places {
    keys: Vec<ArrayRef>,
    ids: Option<ArrayRef>,
}

impl Places {
    /// The place of a row; `None` where the batch was made without places.
    pub fn at(&self, row: usize) -> Option<Cursor> {
        Some(Cursor {
            id: self.id(row)?,
            keys: self.keys.iter().map(|k| value_at(k, row)).collect(),
        })
    }

    /// The identifier of a row.
    pub fn id(&self, row: usize) -> Option<uuid::Uuid> {
        let ids = self.ids.as_ref().filter(|ids| row < ids.len())?;
        value_at(ids, row).as_uuid()
    }
}

impl FeatureBatch {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// One value by row and attribute; null where the answer has no such column.
    pub fn value(&self, row: usize, attribute: &str) -> Value {
        self.batch
            .column_by_name(attribute)
            .map_or(Value::Null, |c| value_at(c, row))
    }
}

/// Collects rows and makes batches. Stores push one physical row at a time.
#[derive(Debug)]
pub struct BatchBuilder {
    layout: Arc<Layout>,
    columns: Vec<ColumnBuilder>,
    rows: usize,
    capacity: usize,
}

impl BatchBuilder {
    /// A builder for batches of up to `capacity` rows.
    pub fn new(layout: Arc<Layout>, capacity: usize) -> Self {
        let columns = layout
            .physical
            .iter()
            .map(|t| ColumnBuilder::new(t, capacity))
            .collect();
        Self {
            layout,
            columns,
            rows: 0,
            capacity,
        }
    }

    /// The physical columns, to push one value each; then call [`BatchBuilder::end_row`].
    pub fn columns(&mut self) -> &mut [ColumnBuilder] {
        &mut self.columns
    }

    /// Counts the row; true when the batch is full.
    pub fn end_row(&mut self) -> bool {
        self.rows += 1;
        self.rows >= self.capacity
    }

    /// Pushes a whole physical row.
    pub fn push_row(&mut self, values: &[Value]) -> Result<bool> {
        for (c, v) in self.columns.iter_mut().zip(values) {
            c.push(v)?;
        }
        Ok(self.end_row())
    }

    /// Whether no row waits.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows so far; the builder is empty afterwards.
    pub fn take(&mut self) -> PhysicalRows {
        PhysicalRows {
            layout: self.layout.clone(),
            rows: std::mem::take(&mut self.rows),
            columns: self.columns.iter_mut().map(ColumnBuilder::finish).collect(),
        }
    }

    /// The batch of the rows so far; the builder is empty afterwards.
    pub fn finish(&mut self) -> Result<FeatureBatch> {
        self.take().finish()
    }
}

/// Rows of a builder on their way to a batch. What is derived from them can be made on another thread than the rows.
#[derive(Debug)]
pub struct PhysicalRows {
    layout: Arc<Layout>,
    rows: usize,
    columns: Vec<ArrayRef>,
}

impl PhysicalRows {
    /// The batch: the columns with labels, coordinates and links.
    pub fn finish(self) -> Result<FeatureBatch> {
        let Self {
            layout,
            rows,
            columns: physical,
        } = self;
        let arrays = layout
            .outputs
            .iter()
            .zip(&layout.labels)
            .map(|(o, labels)| output(o, labels.as_ref(), &physical, layout.lang))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(layout.schema.clone(), arrays, &options)?;
        let places = Places {
            keys: layout.keys.iter().map(|k| physical[*k].clone()).collect(),
            ids: Some(physical[layout.id].clone()),
        };
        let next = rows.checked_sub(1).and_then(|last| places.at(last));
        Ok(FeatureBatch {
            batch,
            next,
            places,
        })
    }
}

fn output(
    o: &OutputColumn,
    labels: Option<&ArrayRef>,
    physical: &[ArrayRef],
    lang: Lang,
) -> Result<ArrayRef> {
    Ok(match &o.output {
        Output::Physical(i) => physical[*i].clone(),
        Output::Label(i, list) => {
            let Some(values) = labels else {
                return Err(Error::internal("a label column without its dictionary"));
            };
            let keys = label_keys(&physical[*i], list, values);
            Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values.clone())?)
        }
        Output::LabelList(i, list) => label_lists(&physical[*i], list, lang),
        Output::Latitude(i) => coordinates(&physical[*i], |p| p.1),
        Output::Longitude(i) => coordinates(&physical[*i], |p| p.0),
        Output::Url(i, before, after) => {
            let ids = &physical[*i];
            let mut b = StringBuilder::with_capacity(ids.len(), ids.len() * (36 + before.len()));
            for row in 0..ids.len() {
                match value_at(ids, row) {
                    Value::Uuid(id) => b.append_value(format!("{before}{id}{after}")),
                    _ => b.append_null(),
                }
            }
            Arc::new(b.finish())
        }
    })
}

fn label_keys(codes: &ArrayRef, list: &CodeList, values: &ArrayRef) -> Int32Array {
    let key = |place: Option<usize>| {
        let place = place.filter(|p| !values.is_null(*p))?;
        i32::try_from(place).ok()
    };
    match codes.data_type() {
        ArrowType::Int64 => codes
            .as_primitive::<Int64Type>()
            .iter()
            .map(|v| key(list.position(&CodeKey::Int(v?))))
            .collect(),
        ArrowType::Utf8 => codes
            .as_string::<i32>()
            .iter()
            .map(|v| key(list.position_of_text(v?)))
            .collect(),
        _ => Int32Array::new_null(codes.len()),
    }
}

fn label_lists(codes: &ArrayRef, list: &CodeList, lang: Lang) -> ArrayRef {
    let mut out = ListBuilder::new(StringBuilder::new());
    for row in 0..codes.len() {
        let Value::List(items) = value_at(codes, row) else {
            out.append(false);
            continue;
        };
        for label in sorted_labels(&items, list, lang) {
            out.values().append_value(label);
        }
        out.append(true);
    }
    Arc::new(out.finish())
}

/// The labels of codes, sorted by code point, each once; codes without a label are left out.
pub(crate) fn sorted_labels<'a>(codes: &[Value], list: &'a CodeList, lang: Lang) -> Vec<&'a str> {
    let mut labels: Vec<&str> = codes
        .iter()
        .filter_map(CodeKey::of)
        .filter_map(|c| list.label(&c, lang))
        .collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

fn coordinates(geometry: &ArrayRef, pick: impl Fn((f64, f64)) -> f64) -> ArrayRef {
    let wkb = geometry.as_binary::<i32>();
    let mut out = Float64Builder::with_capacity(wkb.len());
    for v in wkb {
        out.append_option(
            v.and_then(|w| Geometry::from_trusted_wkb(w).as_point())
                .map(&pick),
        );
    }
    Arc::new(out.finish())
}
