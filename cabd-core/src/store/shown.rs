//! What a change does to rows, value by value, for people to look at before and after.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use serde::Serialize;
use uuid::Uuid;

use super::write::attribute;
use super::{Key, RecordQuery, Row, Store, key_of};
use crate::catalog::{Catalog, CodeKey, Relation, Table};
use crate::error::Result;
use crate::feature::{Action, Operation};
use crate::lang::Lang;
use crate::value::Value;

/// Keys in one question.
const KEYS: usize = 500;

/// A row that a change touches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownRow {
    /// The relation.
    pub relation: String,
    /// `insert`, `update` or `delete`.
    pub action: &'static str,
    /// The feature, where the row belongs to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cabd_id: Option<Uuid>,
    /// The row's key.
    pub key: Vec<serde_json::Value>,
    /// The values that become others; none of a row that goes.
    pub values: Vec<ShownValue>,
}

/// A value that becomes another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownValue {
    /// The attribute, or the column where no attribute shows it.
    pub attribute: String,
    /// Its name in the language asked for.
    pub name: String,
    /// What is there; null for a new row.
    pub from: serde_json::Value,
    /// What will be there.
    pub to: serde_json::Value,
    /// The label of the code that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_label: Option<String>,
    /// The label of the code that will be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_label: Option<String>,
}

/// Previews of changes.
#[async_trait]
pub trait PreviewExt: Store {
    /// What operations would do to the rows that are there now. What is wrong with them, and what is derived, only
    /// [`FeatureStore::apply`](super::FeatureStore::apply) can say.
    ///
    /// ```
    /// use cabd_core::memory::MemoryStore;
    /// use cabd_core::{Lang, store::PreviewExt};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let store = MemoryStore::new();
    /// assert_eq!(store.preview(&[], Lang::En).await?, []);
    /// # Ok::<(), cabd_core::Error>(()) })?;
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an operation on a relation that there is not.
    async fn preview(&self, operations: &[Operation], lang: Lang) -> Result<Vec<ShownRow>> {
        let catalog = self.catalog().await?;
        let shower = Shower::new(catalog.clone(), lang);
        let mut keys: BTreeMap<Relation, Vec<Value>> = BTreeMap::new();
        let mut rows = Vec::with_capacity(operations.len());
        for op in operations {
            let table = catalog.table(&op.relation)?.clone();
            let row = given(&catalog, &table, op);
            keys.entry(op.relation.clone())
                .or_default()
                .extend(row.get(&0).cloned());
            rows.push((table, row, op.action));
        }
        let mut now = Present::new();
        for (relation, keys) in keys {
            let table = catalog.table(&relation)?;
            fetch(self, table, 0, &keys, |_| true, &mut now).await?;
        }
        let mut out = vec![];
        for (table, row, action) in rows {
            let key: Option<Row> = (0..table.key).map(|c| row.get(&c).cloned()).collect();
            let Some(key) = key else {
                continue;
            };
            let place = (table.relation.clone(), key_of(&key));
            let before = now.get(&place);
            let feature = match &table.parent {
                _ if matches!(table.relation, Relation::Feature(_)) => key[0].as_uuid(),
                Some((c, _)) => row
                    .get(c)
                    .or_else(|| before.map(|b| &b[*c]))
                    .and_then(Value::as_uuid),
                None => None,
            };
            let word = match (action, before) {
                (Action::Delete, _) => "delete",
                (_, Some(_)) => "update",
                (_, None) => "insert",
            };
            let mut values = vec![];
            for (c, value) in row.iter().filter(|(c, _)| **c >= table.key) {
                let from = before.map(|b| &b[*c]);
                let same = from.map_or(value.is_null(), |from| from == value);
                if !same && word != "delete" {
                    values.push(shower.value(&table, *c, from, value));
                }
            }
            if word == "update" && values.is_empty() {
                continue;
            }
            let mut after = before.cloned();
            match (&mut after, word) {
                (_, "delete") => {
                    now.remove(&place);
                }
                (after, _) => {
                    let mut whole = after
                        .take()
                        .unwrap_or_else(|| vec![Value::Null; table.columns.len()]);
                    for (c, value) in row {
                        whole[c] = value;
                    }
                    now.insert(place, whole);
                }
            }
            out.push(ShownRow {
                relation: table.relation.to_string(),
                action: word,
                cabd_id: feature,
                key: key.iter().map(Value::to_json).collect(),
                values,
            });
        }
        Ok(out)
    }
}

impl<T: Store + ?Sized> PreviewExt for T {}

/// The values of an operation that fit, by column.
fn given(catalog: &Catalog, table: &Table, op: &Operation) -> BTreeMap<usize, Value> {
    let mut row = BTreeMap::new();
    for (field, value) in op.fields.iter().zip(&op.values) {
        let Ok(c) = catalog.column_of(table, field) else {
            continue;
        };
        if let Ok(value) = value.clone().coerce(field, &table.columns[c].data_type) {
            row.insert(c, value);
        }
    }
    row
}

/// Shows values with names and labels.
pub(super) struct Shower {
    catalog: Arc<Catalog>,
    lang: Lang,
}

impl Shower {
    pub fn new(catalog: Arc<Catalog>, lang: Lang) -> Self {
        Self { catalog, lang }
    }

    pub fn value(&self, table: &Table, c: usize, from: Option<&Value>, to: &Value) -> ShownValue {
        let null = Value::Null;
        let from = from.unwrap_or(&null);
        let attribute = attribute(table, c);
        ShownValue {
            name: self
                .name(table, &attribute)
                .unwrap_or_else(|| attribute.clone()),
            from_label: self.label(table, c, from),
            to_label: self.label(table, c, to),
            from: from.to_json(),
            to: to.to_json(),
            attribute,
        }
    }

    fn name(&self, table: &Table, attribute: &str) -> Option<String> {
        let ft = match &table.relation {
            Relation::Feature(t) | Relation::Part(t, _) | Relation::Link(t, _) => {
                self.catalog.feature_type(t).ok()?
            }
            _ => return None,
        };
        let name = ft.attribute(attribute)?.name.get(self.lang);
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn label(&self, table: &Table, c: usize, code: &Value) -> Option<String> {
        let Some(Relation::Codes(list)) = &table.columns[c].references else {
            return None;
        };
        let list = self.catalog.list(list)?;
        Some(list.label(&CodeKey::of(code)?, self.lang)?.to_owned())
    }
}

/// A row by relation and key.
pub(super) type Place = (Relation, Key);
/// Rows as they are now.
pub(super) type Present = HashMap<Place, Row>;

/// Adds the rows whose column has one of the values.
pub(super) async fn fetch<S: Store + ?Sized>(
    store: &S,
    table: &Table,
    column: usize,
    values: &[Value],
    wanted: impl Fn(&Place) -> bool + Send,
    out: &mut Present,
) -> Result<()> {
    let columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    for some in values.chunks(KEYS) {
        let query = RecordQuery::of(table.relation.clone())
            .only(&columns)
            .with(columns[column], some.iter().cloned());
        let mut found = store.records(&query).await?;
        while let Some(record) = found.try_next().await? {
            let place = (table.relation.clone(), key_of(&record.values[..table.key]));
            if wanted(&place) {
                out.insert(place, record.values);
            }
        }
    }
    Ok(())
}
