//! What happened to rows, in the words of today: attribute by attribute, with the labels of codes.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::catalog::{Catalog, CodeKey, FeatureType, Past, Relation, Table};
use crate::error::Result;
use crate::lang::Lang;
use crate::store::{CatalogStore, LogEntry, LogValues, Row};
use crate::value::Value;

/// What happened to one row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowAct {
    /// The relation: a type, one of its parts or links, `…_feature_source`, `…_attribute_source`, a code list.
    pub relation: String,
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub action: String,
    /// The row's key, where it is not the feature's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<serde_json::Value>,
    /// The label of the code in the key, of a link's row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_label: Option<String>,
    /// The values, in the order of the table.
    pub values: Vec<ValueAct>,
}

/// What happened to one value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueAct {
    /// The attribute, or the column where no attribute shows it, named as today.
    pub attribute: String,
    /// Its name in the language asked for.
    pub name: String,
    /// What was there; null for a new row.
    pub from: serde_json::Value,
    /// What is there since; null for a deleted row.
    pub to: serde_json::Value,
    /// The label of the old code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_label: Option<String>,
    /// The label of the new code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_label: Option<String>,
    /// Where the new value comes from, in the history of a feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ValueSource>,
}

/// The data source of a value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueSource {
    /// Its identifier.
    pub id: Uuid,
    /// Its name today; none where the source has gone.
    pub name: Option<String>,
}

/// Tells what happened to rows.
pub(super) struct Teller {
    pub catalog: Arc<Catalog>,
    past: Past,
    lang: Lang,
}

impl Teller {
    pub async fn new<S: CatalogStore + ?Sized>(store: &S, lang: Lang) -> Result<Self> {
        Ok(Self {
            catalog: store.catalog().await?,
            past: Past::new(&store.catalog_history().await?),
            lang,
        })
    }

    /// What an entry of the log says; `None` where its table has gone.
    pub fn entry(&self, e: &LogEntry) -> Option<RowAct> {
        let table = self.catalog.table_named(&e.schema, &e.table)?;
        let today = |values: &LogValues| {
            let mut row = vec![None; table.columns.len()];
            for (name, value) in values {
                let value = self.past.today(table, name, e.commit.0, value.clone());
                if let Some((at, value)) = value {
                    row[at] = Some(value);
                }
            }
            row
        };
        let key = e.key(table).unwrap_or_default();
        Some(self.act(table, &e.action, key, today(&e.old), today(&e.new)))
    }

    /// What leads from one state of a row to another; `None` where they are equal.
    pub fn between(&self, table: &Table, old: Option<&Row>, new: Option<&Row>) -> Option<RowAct> {
        let (action, some) = match (old, new) {
            (None, Some(new)) => ("INSERT", new),
            (Some(old), None) => ("DELETE", old),
            (Some(old), Some(new)) if old != new => ("UPDATE", new),
            _ => return None,
        };
        let value = |row: Option<&Row>, at: usize| row.map(|r| r[at].clone());
        let (mut was, mut is) = (vec![], vec![]);
        for at in 0..table.columns.len() {
            let (mut a, mut b) = (value(old, at), value(new, at));
            let silent = table.columns[at].follows
                || match (&a, &b) {
                    (Some(a), Some(b)) => a == b,
                    (Some(v), None) | (None, Some(v)) => v.is_null(),
                    (None, None) => true,
                };
            if silent {
                (a, b) = (None, None);
            }
            was.push(a);
            is.push(b);
        }
        let key = some[..table.key].to_vec();
        // What follows other changes is none alone.
        let nothing = action == "UPDATE" && was.iter().chain(&is).all(Option::is_none);
        (!nothing).then(|| self.act(table, action, key, was, is))
    }

    fn act(
        &self,
        table: &Table,
        action: &str,
        key: Row,
        old: Vec<Option<Value>>,
        new: Vec<Option<Value>>,
    ) -> RowAct {
        let ft = match &table.relation {
            Relation::Feature(t)
            | Relation::Part(t, _)
            | Relation::Link(t, _)
            | Relation::AttributeSource(t) => self.catalog.feature_type(t).ok(),
            _ => None,
        };
        let own = matches!(
            table.relation,
            Relation::Feature(_) | Relation::AttributeSource(_)
        );
        let mut values = vec![];
        for (at, (from, to)) in old.into_iter().zip(new).enumerate() {
            if at < table.key || (from.is_none() && to.is_none()) {
                continue;
            }
            let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
            let (attribute, name) = named(ft.map(|t| &**t), table, at, self.lang);
            values.push(ValueAct {
                attribute,
                name,
                from_label: self.label(table, at, &from),
                to_label: self.label(table, at, &to),
                from: from.to_json(),
                to: to.to_json(),
                source: None,
            });
        }
        let key_label = key
            .iter()
            .enumerate()
            .find_map(|(at, value)| self.label(table, at, value));
        RowAct {
            relation: table.relation.to_string(),
            action: action.to_owned(),
            key_label: key_label.filter(|_| !own),
            key: match own {
                true => vec![],
                false => key.iter().map(Value::to_json).collect(),
            },
            values,
        }
    }

    fn label(&self, table: &Table, at: usize, code: &Value) -> Option<String> {
        let Some(Relation::Codes(list)) = &table.columns[at].references else {
            return None;
        };
        let list = self.catalog.list(list)?;
        let label = list.label(&CodeKey::of(code)?, self.lang)?;
        Some(label.to_owned())
    }
}

/// The attribute that shows a column, and its name.
fn named(ft: Option<&FeatureType>, table: &Table, at: usize, lang: Lang) -> (String, String) {
    let column = &table.columns[at];
    let id = match (&table.relation, column.name.strip_suffix("_ds")) {
        (Relation::AttributeSource(_), Some(id)) => id,
        _ => column.attribute.as_deref().unwrap_or(&column.name),
    };
    let attributes = ft
        .into_iter()
        .flat_map(|t| t.attributes.iter().chain(&t.retired));
    let name = attributes
        .filter(|a| a.id == id)
        .map(|a| a.name.get(lang).to_owned())
        .find(|n| !n.is_empty());
    (id.to_owned(), name.unwrap_or_else(|| column.name.clone()))
}
