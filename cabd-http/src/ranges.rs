//! What type descriptions say about values: smallest and largest, and extents of codes. Computed once a commit.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::{DataType as ArrowType, Date32Type, Float64Type, Int64Type};
use cabd_core::catalog::{Attribute, Catalog, CodeKey, CodeList, FeatureType, Relation};
use cabd_core::query::Selection;
use cabd_core::store::RecordQuery;
use cabd_core::{Bbox, CommitNumber, DataType, FeatureQuery, Result, Store, Value, time};
use futures::TryStreamExt;

/// The smallest and the largest value of an attribute, null where it has none.
pub(crate) type Range = (serde_json::Value, serde_json::Value);

type Slot<K, V> = Arc<tokio::sync::Mutex<Option<(K, Arc<V>)>>>;
/// One slot a name.
type Slots<K, V> = Mutex<HashMap<String, Slot<K, V>>>;

/// What was computed, by type and by code list. Equal questions at the same time are answered by one computation.
#[derive(Default)]
pub(crate) struct Ranges {
    types: Slots<CommitNumber, BTreeMap<String, Range>>,
    extents: Slots<i64, HashMap<CodeKey, Bbox>>,
}

fn slot<K, V>(all: &Slots<K, V>, name: &str) -> Slot<K, V> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(name.to_owned()).or_default().clone()
}

/// Whether a description gives smallest and largest value.
pub(crate) fn has_range(a: &Attribute) -> bool {
    let number = matches!(
        a.data_type,
        DataType::Integer | DataType::Double | DataType::Numeric | DataType::Date
    );
    number && a.codes.is_none() && a.label_of.is_none()
}

impl Ranges {
    /// The ranges of a type's attributes at a commit. Where changes leave no commit (`None`) they are computed anew.
    pub(crate) async fn of_type(
        &self,
        store: &dyn Store,
        ft: &FeatureType,
        head: Option<CommitNumber>,
    ) -> Result<Arc<BTreeMap<String, Range>>> {
        let slot = slot(&self.types, ft.id());
        let mut kept = slot.lock().await;
        if let (Some(head), Some((of, ranges))) = (head, kept.as_ref())
            && *of == head
        {
            return Ok(ranges.clone());
        }
        let ranges = Arc::new(scan(store, ft).await?);
        *kept = head.map(|head| (head, ranges.clone()));
        Ok(ranges)
    }

    /// The extents of a list's codes, in the catalogue's present version.
    pub(crate) async fn extents(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
        list: &CodeList,
    ) -> Result<Arc<HashMap<CodeKey, Bbox>>> {
        if list.extent.is_none() {
            return Ok(Arc::default());
        }
        let slot = slot(&self.extents, &list.id);
        let mut kept = slot.lock().await;
        if let Some((of, extents)) = kept.as_ref()
            && *of == catalog.version
        {
            return Ok(extents.clone());
        }
        let query = RecordQuery::of(Relation::Codes(list.id.as_str().into()))
            .only(&[&list.key, "geometry"]);
        let mut found = HashMap::new();
        let mut records = store.records(&query).await?;
        while let Some(record) = records.try_next().await? {
            let (code, place) = (CodeKey::of(record.get(&list.key)), record.get("geometry"));
            if let (Some(code), Value::Geometry(g)) = (code, place)
                && let Some(bounds) = g.bounds()?
            {
                found.insert(code, bounds);
            }
        }
        let extents = Arc::new(found);
        *kept = Some((catalog.version, extents.clone()));
        Ok(extents)
    }
}

/// One walk over the type's rows.
async fn scan(store: &dyn Store, ft: &FeatureType) -> Result<BTreeMap<String, Range>> {
    let wanted = ft.attributes.iter().filter(|a| has_range(a));
    let names: Vec<String> = wanted.map(|a| a.id.clone()).collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut query = FeatureQuery::of(ft.id());
    query.select = Selection::Attributes(names.clone());
    query.geometry = false;
    let mut found: Vec<Bounds> = vec![Bounds::None; names.len()];
    let mut batches = store.features(&query).await?.batches;
    while let Some(batch) = batches.try_next().await? {
        for (name, bounds) in names.iter().zip(&mut found) {
            if let Some(column) = batch.batch.column_by_name(name) {
                bounds.add(column);
            }
        }
    }
    Ok(names
        .into_iter()
        .zip(found.iter().map(Bounds::range))
        .collect())
}

#[derive(Clone, Copy)]
enum Bounds {
    None,
    Int(i64, i64),
    Double(f64, f64),
    Date(i32, i32),
}

impl Bounds {
    fn add(&mut self, column: &arrow::array::ArrayRef) {
        let new = match column.data_type() {
            ArrowType::Int64 => {
                let a = column.as_primitive::<Int64Type>();
                min(a).zip(max(a)).map(|(a, b)| Bounds::Int(a, b))
            }
            ArrowType::Float64 => {
                let a = column.as_primitive::<Float64Type>();
                min(a).zip(max(a)).map(|(a, b)| Bounds::Double(a, b))
            }
            ArrowType::Date32 => {
                let a = column.as_primitive::<Date32Type>();
                min(a).zip(max(a)).map(|(a, b)| Bounds::Date(a, b))
            }
            _ => None,
        };
        *self = match (*self, new) {
            (old, None) => old,
            (Bounds::Int(a, b), Some(Bounds::Int(c, d))) => Bounds::Int(a.min(c), b.max(d)),
            (Bounds::Double(a, b), Some(Bounds::Double(c, d))) => {
                Bounds::Double(a.min(c), b.max(d))
            }
            (Bounds::Date(a, b), Some(Bounds::Date(c, d))) => Bounds::Date(a.min(c), b.max(d)),
            (_, Some(new)) => new,
        };
    }

    fn range(&self) -> Range {
        let date = |days| {
            time::date_from_days(days)
                .map_or(Value::Null, Value::Date)
                .to_json()
        };
        match *self {
            Bounds::None => Range::default(),
            Bounds::Int(a, b) => (a.into(), b.into()),
            Bounds::Double(a, b) => (a.into(), b.into()),
            Bounds::Date(a, b) => (date(a), date(b)),
        }
    }
}
