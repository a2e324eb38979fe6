//! The attribute `url` of listed features: the address of each.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use cabd_core::catalog::{Attribute, Computed, FeatureType, ID};
use cabd_core::query::Selection;
use cabd_core::{FeatureBatch, Result, Value};
use uuid::fmt::Hyphenated;

/// The attribute's name.
pub(crate) const URL: &str = "url";

/// Adds the addresses of features to batches.
#[derive(Debug, Clone)]
pub(crate) struct Urls {
    /// What stands before the type.
    features: String,
    /// The type of every row, or the column that says it.
    kind: Kind,
    /// A column that was read for the addresses alone.
    hidden: Option<String>,
}

#[derive(Debug, Clone)]
enum Kind {
    Of(String),
    Column(String),
    /// The super type does not say; the address without type finds it.
    Unknown,
}

/// The attribute that says each feature's type.
pub(crate) fn type_attribute(ft: &FeatureType) -> Option<&Attribute> {
    ft.attributes
        .iter()
        .find(|a| a.computed == Some(Computed::FeatureType))
}

impl Urls {
    /// For features of `ft`, of which `ids` are shown; changes the selection so that it tells the types.
    pub(crate) fn new(
        root: &str,
        ft: &FeatureType,
        selection: &mut Selection,
        shown: &[String],
    ) -> Self {
        let features = format!("{root}/features/");
        if !ft.is_super() {
            let kind = Kind::Of(ft.id().to_owned());
            return Self {
                features,
                kind,
                hidden: None,
            };
        }
        let Some(attribute) = type_attribute(ft) else {
            return Self {
                features,
                kind: Kind::Unknown,
                hidden: None,
            };
        };
        let kind = Kind::Column(attribute.id.clone());
        let is_shown = *selection == Selection::All || shown.contains(&attribute.id);
        if is_shown {
            return Self {
                features,
                kind,
                hidden: None,
            };
        }
        let all = shown.iter().chain([&attribute.id]).cloned();
        *selection = Selection::Attributes(all.collect());
        Self {
            features,
            kind,
            hidden: Some(attribute.id.clone()),
        }
    }

    /// The schema with the addresses.
    pub(crate) fn schema(&self, schema: &SchemaRef) -> SchemaRef {
        let kept = schema
            .fields()
            .iter()
            .filter(|f| self.keeps(f.name()))
            .cloned();
        let mut fields: Vec<Arc<Field>> = kept.collect();
        fields.push(Arc::new(Field::new(URL, DataType::Utf8, true)));
        Arc::new(Schema::new(fields))
    }

    fn keeps(&self, name: &str) -> bool {
        name != URL && self.hidden.as_deref() != Some(name)
    }

    /// The batch with the addresses; `schema` is that of [`Urls::schema`].
    pub(crate) fn add(&self, batch: FeatureBatch, schema: &SchemaRef) -> Result<FeatureBatch> {
        let rows = batch.rows();
        let mut urls = StringBuilder::with_capacity(rows, rows * (self.features.len() + 64));
        let ids = batch.batch.column_by_name(ID);
        let ids = ids.and_then(|c| c.as_fixed_size_binary_opt());
        let mut text = [0; Hyphenated::LENGTH];
        for row in 0..rows {
            let id = ids.filter(|ids| ids.is_valid(row));
            let id = id.and_then(|ids| uuid::Uuid::from_slice(ids.value(row)).ok());
            let Some(id) = id else {
                urls.append_null();
                continue;
            };
            let id = &*id.hyphenated().encode_lower(&mut text);
            let features = self.features.as_str();
            match &self.kind {
                Kind::Of(ft) => add(&mut urls, [features, ft, "/", id]),
                Kind::Unknown => add(&mut urls, [features, "", "", id]),
                Kind::Column(column) => match batch.value(row, column) {
                    Value::Text(ft) => add(&mut urls, [features, &ft, "/", id]),
                    _ => add(&mut urls, [features, "", "", id]),
                },
            }
        }
        let fields = batch.batch.schema();
        let kept = fields.fields().iter().zip(batch.batch.columns());
        let kept = kept
            .filter(|(f, _)| self.keeps(f.name()))
            .map(|(_, c)| c.clone());
        let mut columns: Vec<_> = kept.collect();
        columns.push(Arc::new(urls.finish()));
        Ok(FeatureBatch {
            batch: RecordBatch::try_new(schema.clone(), columns)?,
            next: batch.next,
            places: batch.places,
        })
    }
}

/// Adds a value of several parts.
fn add(values: &mut StringBuilder, parts: [&str; 4]) {
    for part in parts {
        // Writing to the builder cannot fail.
        let _ = values.write_str(part);
    }
    values.append_value("");
}
