//! How much of each type comes from which data source.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, FixedSizeBinaryArray};
use futures::TryStreamExt;
use serde::Serialize;
use uuid::Uuid;

use super::DataSource;
use crate::catalog::{Catalog, FeatureType, Relation, Served};
use crate::error::Result;
use crate::feature::SOURCE_OF;
use crate::query::{FeatureQuery, Selection};
use crate::store::{RecordQuery, Store, StoreExt};
use crate::time::Date;

/// How much of a type comes from one data source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceShare {
    /// The data source; none for values of which none is known.
    pub source: Option<DataSource>,
    /// Features that are known to it.
    pub features: u64,
    /// Values of tracked attributes that come from it.
    pub values: u64,
    /// The same by attribute; those without any left out.
    pub attributes: BTreeMap<String, u64>,
}

/// Where the features of a base type and their values come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TypeSources {
    /// The base type.
    pub feature_type: String,
    /// All its features.
    pub features: u64,
    /// All values of tracked attributes.
    pub values: u64,
    /// The earliest date of the data sources.
    pub oldest: Option<Date>,
    /// The latest.
    pub newest: Option<Date>,
    /// By data source, most values first; what has none comes last.
    pub shares: Vec<SourceShare>,
}

/// What is counted of one data source.
#[derive(Default)]
struct Counted {
    features: u64,
    attributes: BTreeMap<String, u64>,
}

pub(super) async fn shares<S>(store: &S, feature_type: Option<&str>) -> Result<Vec<TypeSources>>
where
    S: Store + ?Sized,
{
    let catalog = store.catalog().await?;
    let types = match feature_type {
        Some(name) => catalog.base_types(catalog.feature_type(name)?)?,
        None => {
            let base = catalog.types().filter(|t| !t.is_super());
            base.cloned().collect()
        }
    };
    let records = store.data_sources().await?;
    let known: HashMap<Uuid, DataSource> = records
        .iter()
        .filter_map(DataSource::of)
        .map(|s| (s.id, s))
        .collect();
    let mut out = vec![];
    for ft in types {
        if ft.served == Served::Tables && ft.has_feature_source() {
            out.push(of_type(store, &catalog, &ft, &known).await?);
        }
    }
    Ok(out)
}

async fn of_type<S>(
    store: &S,
    catalog: &Catalog,
    ft: &FeatureType,
    known: &HashMap<Uuid, DataSource>,
) -> Result<TypeSources>
where
    S: Store + ?Sized,
{
    let mut counted: HashMap<Option<Uuid>, Counted> = HashMap::new();
    let relation = Relation::FeatureSource(ft.id().into());
    if catalog.table(&relation).is_ok() {
        let query = RecordQuery::of(relation).only(&["cabd_id", "datasource_id"]);
        let mut rows = store.records(&query).await?;
        let mut last = None;
        while let Some(row) = rows.try_next().await? {
            let key = (
                row.get("cabd_id").as_uuid(),
                row.get("datasource_id").as_uuid(),
            );
            // A source may know a feature under several identifiers.
            if last != Some(key) {
                counted.entry(key.1).or_default().features += 1;
                last = Some(key);
            }
        }
    }
    let features = walk(store, ft, &mut counted).await?;
    let mut shares: Vec<SourceShare> = counted
        .into_iter()
        .map(|(id, c)| SourceShare {
            source: id.and_then(|id| known.get(&id).cloned()),
            features: c.features,
            values: c.attributes.values().sum(),
            attributes: c.attributes,
        })
        .collect();
    shares.sort_by(|a, b| {
        let name = |s: &SourceShare| s.source.as_ref().map(|s| (s.name.clone(), s.id));
        (a.source.is_none(), b.values, b.features, name(a)).cmp(&(
            b.source.is_none(),
            a.values,
            a.features,
            name(b),
        ))
    });
    let dates = || {
        shares
            .iter()
            .filter_map(|s| s.source.as_ref()?.version_date)
    };
    Ok(TypeSources {
        feature_type: ft.id().to_owned(),
        features,
        values: shares.iter().map(|s| s.values).sum(),
        oldest: dates().min(),
        newest: dates().max(),
        shares,
    })
}

/// Counts the values of tracked attributes by source. Gives how many features there are.
async fn walk<S>(
    store: &S,
    ft: &FeatureType,
    counted: &mut HashMap<Option<Uuid>, Counted>,
) -> Result<u64>
where
    S: Store + ?Sized,
{
    let tracked: Vec<String> = match ft.has_attribute_source() {
        true => {
            let tracked = ft.attributes.iter().filter(|a| a.tracked);
            tracked.map(|a| a.id.clone()).collect()
        }
        false => vec![],
    };
    let mut query = FeatureQuery::of(ft.id());
    query.geometry = false;
    if tracked.is_empty() {
        return store.count(&query).await;
    }
    query.sources = true;
    query.select = Selection::Attributes(tracked);
    let answer = store.features(&query).await?;
    let columns: Vec<(String, usize, usize)> = answer
        .schema
        .fields()
        .iter()
        .enumerate()
        .filter_map(|(source, field)| {
            let of = field.metadata().get(SOURCE_OF)?;
            Some((of.clone(), answer.schema.index_of(of).ok()?, source))
        })
        .collect();
    let mut numbers: Vec<HashMap<Option<Uuid>, u64>> = vec![HashMap::new(); columns.len()];
    let mut features = 0;
    let mut batches = answer.batches;
    while let Some(batch) = batches.try_next().await? {
        features += batch.rows() as u64;
        for ((_, value, source), numbers) in columns.iter().zip(&mut numbers) {
            let values = batch.batch.column(*value);
            let sources = batch.batch.column(*source).as_any();
            let sources = sources.downcast_ref::<FixedSizeBinaryArray>();
            // Values that follow each other mostly come from one source.
            let mut run: (Option<Uuid>, u64) = (None, 0);
            for row in (0..batch.rows()).filter(|row| values.is_valid(*row)) {
                let source = sources
                    .filter(|s| s.is_valid(row))
                    .and_then(|s| Uuid::from_slice(s.value(row)).ok());
                if source != run.0 {
                    add(numbers, run);
                    run = (source, 0);
                }
                run.1 += 1;
            }
            add(numbers, run);
        }
    }
    for ((attribute, _, _), numbers) in columns.iter().zip(numbers) {
        for (source, n) in numbers {
            let counted = counted.entry(source).or_default();
            counted.attributes.insert(attribute.clone(), n);
        }
    }
    Ok(features)
}

fn add(numbers: &mut HashMap<Option<Uuid>, u64>, (source, n): (Option<Uuid>, u64)) {
    if n > 0 {
        *numbers.entry(source).or_default() += n;
    }
}
