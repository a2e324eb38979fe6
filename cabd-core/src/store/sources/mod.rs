//! Data sources: in questions by name, and where the values of an inventory come from.

mod shares;
mod values;

use std::borrow::Cow;

use async_trait::async_trait;
use uuid::Uuid;

pub use shares::{SourceShare, TypeSources};
pub use values::{
    SourceValue, SourceValueStream, source_value_batch, source_value_schema, source_values_csv,
};

use super::{FeatureStore, FeatureStoreExt, Record, RecordQuery, Store};
use crate::catalog::Relation;
use crate::error::{Error, Result};
use crate::format::SourceNames;
use crate::query::{FeatureQuery, unknown_source};
use crate::time::Date;
use crate::value::Value;

/// Names that an error shows.
const NAMED: usize = 3;

/// What a data source is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct DataSource {
    /// Its identifier.
    pub id: Uuid,
    /// Its short name.
    pub name: String,
    /// `spatial` or `non-spatial`.
    pub source_type: Option<String>,
    /// When the data was made or published.
    pub version_date: Option<Date>,
    /// The publisher's version.
    pub version_number: Option<String>,
}

impl DataSource {
    /// Of a row of `cabd.data_source`; none without an identifier.
    pub fn of(record: &Record) -> Option<Self> {
        let text = |column: &str| record.get(column).as_str().map(str::to_owned);
        Some(Self {
            id: record.get("id").as_uuid()?,
            name: text("name").unwrap_or_default(),
            source_type: text("source_type"),
            version_date: match record.get("version_date") {
                Value::Date(date) => Some(*date),
                _ => None,
            },
            version_number: text("version_number"),
        })
    }
}

/// The question with the identifiers of data sources where a filter names them. A store calls this before it plans.
///
/// A text is an identifier, a name, or a name in other letter case; several sources of one name are all meant. An identifier given
/// as [`Value::Uuid`], and one in a question about an earlier state, is taken as it is.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a data source that is not there.
pub async fn with_named_sources<'a, S>(
    store: &S,
    query: &'a FeatureQuery,
) -> Result<Cow<'a, FeatureQuery>>
where
    S: FeatureStore + ?Sized,
{
    if !query.filter.as_ref().is_some_and(|f| f.names_sources()) {
        return Ok(Cow::Borrowed(query));
    }
    let columns = RecordQuery::of(Relation::DataSource).only(&["id", "name"]);
    let records = store.all_records(&columns).await?;
    let known: Vec<(Uuid, &str)> = records
        .iter()
        .filter_map(|r| Some((r.get("id").as_uuid()?, r.get("name").as_str()?)))
        .collect();
    let mut query = query.clone();
    let of_then = query.as_of.is_some();
    if let Some(filter) = &mut query.filter {
        filter.name_sources(&mut |value| named(&known, value, of_then))?;
    }
    Ok(Cow::Owned(query))
}

/// Whether a text means a data source, told by identifier and name.
type Test<'a> = &'a dyn Fn(&(Uuid, &str)) -> bool;

/// The data sources that a text means.
fn named(known: &[(Uuid, &str)], value: &Value, of_then: bool) -> Result<Vec<Value>> {
    let text = value.as_str().unwrap_or_default().trim();
    let those = |test: Test<'_>| -> Vec<Value> {
        let found = known.iter().filter(|k| test(k));
        found.map(|(id, _)| Value::Uuid(*id)).collect()
    };
    let id: Option<Uuid> = text.parse().ok();
    let folded = text.to_lowercase();
    let tests: [Test<'_>; 3] = [
        &|(own, _)| Some(*own) == id,
        &|(_, name)| *name == text,
        &|(_, name)| name.trim().to_lowercase() == folded,
    ];
    for test in tests {
        let found = those(test);
        if !found.is_empty() {
            return Ok(found);
        }
    }
    if let Some(id) = id.filter(|_| of_then) {
        return Ok(vec![Value::Uuid(id)]);
    }
    let alike = known
        .iter()
        .map(|(_, name)| *name)
        .filter(|name| !folded.is_empty() && name.to_lowercase().contains(&folded));
    let alike: Vec<&str> = alike.take(NAMED).collect();
    let e = unknown_source(value);
    Err(match alike.is_empty() {
        true => e,
        false => e.hint(format!("there is {}", alike.join(", "))),
    })
}

/// Where the values of an inventory come from.
#[async_trait]
pub trait SourcesExt: Store {
    /// The data source that a text means: its identifier, its name, or its name in other letter case.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where there is none, [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a name
    /// that several have.
    async fn source_named(&self, text: &str) -> Result<Uuid> {
        let columns = RecordQuery::of(Relation::DataSource).only(&["id", "name"]);
        let records = self.all_records(&columns).await?;
        let known: Vec<(Uuid, &str)> = records
            .iter()
            .filter_map(|r| Some((r.get("id").as_uuid()?, r.get("name").as_str()?)))
            .collect();
        match named(&known, &Value::from(text), false).as_deref() {
            Ok([Value::Uuid(id)]) => Ok(*id),
            Ok(_) => Err(Error::invalid("several data sources have this name")
                .field("data_source")
                .value(text)
                .expected("its identifier")),
            Err(_) => Err(Error::not_found("no such data source")
                .field("data_source")
                .value(text)
                .expected("the name or the identifier of a data source")),
        }
    }

    /// The names of data sources, for a writer of answers that hold them.
    async fn source_names(&self) -> Result<SourceNames> {
        let columns = RecordQuery::of(Relation::DataSource).only(&["id", "name"]);
        let records = self.all_records(&columns).await?;
        let name = |r: &Record| Some((r.get("id").as_uuid()?, r.get("name").as_str()?.to_owned()));
        Ok(records.iter().filter_map(name).collect())
    }

    /// How much of each base type comes from which data source, of one type or super type or of all.
    ///
    /// One walk through the features of a type, without their places; flat in memory.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type.
    async fn source_shares(&self, feature_type: Option<&str>) -> Result<Vec<TypeSources>> {
        shares::shares(self, feature_type).await
    }

    /// Each value of a tracked attribute with its data source: a row for each feature and attribute that has a value or a source.
    /// The question says which features and attributes, also of an earlier state.
    ///
    /// # Errors
    /// As [`FeatureStore::features`]; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where no chosen attribute is tracked.
    async fn source_values(&self, query: &FeatureQuery) -> Result<SourceValueStream> {
        values::values(self, query).await
    }
}

impl<T: Store + ?Sized> SourcesExt for T {}
