//! Each value of a tracked attribute with its data source.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Builder, FixedSizeBinaryBuilder, RecordBatch, StringBuilder,
    StringDictionaryBuilder,
};
use arrow::datatypes::{DataType as Arrow, Field, Int32Type, Schema, SchemaRef};
use futures::StreamExt;
use serde::Serialize;
use uuid::Uuid;

use super::DataSource;
use crate::catalog::{Computed, FeatureType, ID};
use crate::error::{Error, Result};
use crate::feature::{FeatureBatch, SOURCE_OF};
use crate::query::{FeatureQuery, Selection};
use crate::store::{BoxStream, Store, StoreExt};
use crate::time::days_from_epoch;
use crate::value::Value;

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceValue {
    /// The base type of the feature.
    pub feature_type: String,
    /// The feature.
    pub cabd_id: Uuid,
    /// The attribute.
    pub attribute: String,
    /// The value, as JSON has it.
    pub value: serde_json::Value,
    /// Its data source; none where it is not known.
    pub source: Option<DataSource>,
}

/// Rows of [`SourceValue`], some thousand at a time.
pub type SourceValueStream = BoxStream<Vec<SourceValue>>;

pub(super) async fn values<S>(store: &S, query: &FeatureQuery) -> Result<SourceValueStream>
where
    S: Store + ?Sized,
{
    let catalog = store.catalog().await?;
    let asked = catalog.feature_type(&query.feature_type)?.clone();
    let of_type = asked
        .attributes
        .iter()
        .find(|a| a.computed == Some(Computed::FeatureType));
    let of_type = of_type.map(|a| a.id.clone());
    let mut query = query.clone();
    query.sources = true;
    query.geometry = false;
    query.select = Selection::Attributes(chosen(&asked, &catalog, &query, of_type.as_deref())?);
    let known: HashMap<Uuid, DataSource> = store
        .data_sources()
        .await?
        .iter()
        .filter_map(DataSource::of)
        .map(|s| (s.id, s))
        .collect();
    let answer = store.features(&query).await?;
    let columns: Vec<(String, String)> = answer
        .schema
        .fields()
        .iter()
        .filter_map(|f| Some((f.metadata().get(SOURCE_OF)?.clone(), f.name().clone())))
        .collect();
    if columns.is_empty() {
        return Err(Error::invalid("no chosen attribute has a tracked source")
            .field("attributes")
            .value(asked.id())
            .hint("choose an attribute whose source is tracked, or another type"));
    }
    let rows = Rows {
        feature_type: asked.id().to_owned(),
        of_type,
        columns,
        known,
    };
    Ok(answer
        .batches
        .map(move |batch| batch.map(|b| rows.of(&b)))
        .boxed())
}

/// The chosen attributes, and the type's.
fn chosen(
    asked: &FeatureType,
    catalog: &crate::Catalog,
    query: &FeatureQuery,
    of_type: Option<&str>,
) -> Result<Vec<String>> {
    let mut names: Vec<String> = match &query.select {
        Selection::All => asked.attributes.iter().map(|a| a.id.clone()).collect(),
        Selection::Set(name) => {
            let set = asked.set(catalog.set_name(name)?);
            set.iter().map(|a| a.id.clone()).collect()
        }
        Selection::Attributes(names) => names.clone(),
    };
    names.extend(of_type.map(str::to_owned));
    Ok(names)
}

struct Rows {
    feature_type: String,
    of_type: Option<String>,
    columns: Vec<(String, String)>,
    known: HashMap<Uuid, DataSource>,
}

impl Rows {
    fn of(&self, batch: &FeatureBatch) -> Vec<SourceValue> {
        let mut out = vec![];
        for row in 0..batch.rows() {
            let Some(cabd_id) = batch.value(row, ID).as_uuid() else {
                continue;
            };
            let of_type = self.of_type.as_ref().map(|a| batch.value(row, a));
            let of_type = match of_type {
                Some(Value::Text(name)) => name,
                _ => self.feature_type.clone(),
            };
            for (attribute, column) in &self.columns {
                let value = batch.value(row, attribute);
                let source = batch.value(row, column).as_uuid();
                if value.is_null() && source.is_none() {
                    continue;
                }
                out.push(SourceValue {
                    feature_type: of_type.clone(),
                    cabd_id,
                    attribute: attribute.clone(),
                    value: value.to_json(),
                    source: source
                        .map(|id| self.known.get(&id).cloned().unwrap_or_else(|| gone(id))),
                });
            }
        }
        out
    }
}

/// A data source of an earlier state that has been deleted since.
fn gone(id: Uuid) -> DataSource {
    DataSource {
        id,
        name: String::new(),
        source_type: None,
        version_date: None,
        version_number: None,
    }
}

/// The columns of [`source_value_batch`].
pub fn source_value_schema() -> SchemaRef {
    let words = || Arrow::Dictionary(Box::new(Arrow::Int32), Box::new(Arrow::Utf8));
    let id = |name: &str, nullable| {
        let metadata =
            HashMap::from([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]);
        Field::new(name, Arrow::FixedSizeBinary(16), nullable).with_metadata(metadata)
    };
    Arc::new(Schema::new(vec![
        Field::new("type", words(), false),
        id(ID, false),
        Field::new("attribute", words(), false),
        Field::new("value", Arrow::Utf8, true),
        id("source_id", true),
        Field::new("source", words(), true),
        Field::new("source_type", words(), true),
        Field::new("version_date", Arrow::Date32, true),
        Field::new("version_number", words(), true),
    ]))
}

/// Values and their sources as an Arrow batch, a row each; `value` is a text.
///
/// ```
/// let batch = cabd_core::store::source_value_batch(&[])?;
/// assert_eq!((batch.num_rows(), batch.num_columns()), (0, 9));
/// # Ok::<(), cabd_core::Error>(())
/// ```
///
/// # Errors
/// When the columns do not fit together.
pub fn source_value_batch(values: &[SourceValue]) -> Result<RecordBatch> {
    let words = |of: &dyn Fn(&SourceValue) -> Option<String>| -> ArrayRef {
        let mut b = StringDictionaryBuilder::<Int32Type>::new();
        values.iter().for_each(|v| b.append_option(of(v)));
        Arc::new(b.finish())
    };
    let mut texts = StringBuilder::new();
    let mut ids = FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
    let mut sources = FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
    let mut dates = Date32Builder::new();
    for v in values {
        texts.append_option(v.text());
        ids.append_value(v.cabd_id.as_bytes())?;
        match &v.source {
            Some(source) => sources.append_value(source.id.as_bytes())?,
            None => sources.append_null(),
        }
        let date = v.source.as_ref().and_then(|s| s.version_date);
        dates.append_option(date.map(days_from_epoch));
    }
    let of = |get: fn(&DataSource) -> Option<String>| {
        words(&|v: &SourceValue| v.source.as_ref().and_then(get))
    };
    let columns: Vec<ArrayRef> = vec![
        words(&|v| Some(v.feature_type.clone())),
        Arc::new(ids.finish()),
        words(&|v| Some(v.attribute.clone())),
        Arc::new(texts.finish()),
        Arc::new(sources.finish()),
        of(|s| Some(s.name.clone())),
        of(|s| s.source_type.clone()),
        Arc::new(dates.finish()),
        of(|s| s.version_number.clone()),
    ];
    Ok(RecordBatch::try_new(source_value_schema(), columns)?)
}

/// The head of a CSV table of values and their sources, or its rows.
///
/// ```
/// let head = cabd_core::store::source_values_csv(None)?;
/// assert!(head.starts_with(b"type,cabd_id,attribute,value,source_id,source,"));
/// # Ok::<(), cabd_core::Error>(())
/// ```
///
/// # Errors
/// None that a caller can cause.
pub fn source_values_csv(values: Option<&[SourceValue]>) -> Result<Vec<u8>> {
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(vec![]);
    let failed = |e: csv::Error| Error::internal("a row of CSV cannot be written").because(e);
    match values {
        None => {
            let schema = source_value_schema();
            let names = schema.fields().iter().map(|f| f.name().as_str());
            out.write_record(names).map_err(failed)?;
        }
        Some(values) => {
            for v in values {
                let of =
                    |get: fn(&DataSource) -> String| v.source.as_ref().map(get).unwrap_or_default();
                out.write_record([
                    v.feature_type.clone(),
                    v.cabd_id.to_string(),
                    v.attribute.clone(),
                    v.text().unwrap_or_default(),
                    of(|s| s.id.to_string()),
                    of(|s| s.name.clone()),
                    of(|s| s.source_type.clone().unwrap_or_default()),
                    of(|s| s.version_date.map(|d| d.to_string()).unwrap_or_default()),
                    of(|s| s.version_number.clone().unwrap_or_default()),
                ])
                .map_err(failed)?;
            }
        }
    }
    out.into_inner()
        .map_err(|e| Error::internal("a row of CSV cannot be written").because(e.into_error()))
}

impl SourceValue {
    /// The value as a text; none where there is no value.
    pub fn text(&self) -> Option<String> {
        match &self.value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}
