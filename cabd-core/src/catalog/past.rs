//! The tables as they were: what the log named then is found under the names and types of today.

use std::collections::{HashMap, HashSet};

use super::change::{CatalogCommit, Conversion, Renamed};
use super::feature_type::FeatureType;
use super::physical::{Relation, Table, tables_of};
use crate::value::{DataType, Value};

/// A column of an earlier time: its type then, and its name today unless it has gone.
#[derive(Debug, Clone, PartialEq)]
struct Was {
    data_type: DataType,
    today: Option<String>,
}

/// The columns of a table before a commit.
#[derive(Debug, Clone)]
struct Era {
    before: i64,
    columns: HashMap<String, Was>,
    /// What came with the change that ended it.
    added: HashSet<String>,
}

/// The name of today of a column that was there after these changes, the newest first.
fn today(later: &[Era], name: &str) -> Option<String> {
    match later.last() {
        Some(next) => next.columns.get(name).and_then(|w| w.today.clone()),
        None => Some(name.to_owned()),
    }
}

/// The name of today of a column that went before these changes and came again with one of them.
fn came_back(later: &[Era], name: &str) -> Option<String> {
    let at = later.iter().rposition(|e| e.added.contains(name))?;
    today(&later[..at], name)
}

/// The columns of tables before the changes of the catalogue.
///
/// ```
/// let past = cabd_core::catalog::Past::new(&[]);
/// assert_eq!(past.data_type("dams", "dams", "height_m", 3), None, "as today");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// By schema and table, newest first.
    eras: HashMap<(String, String), Vec<Era>>,
}

impl Past {
    /// From the changes of the catalogue.
    pub fn new(history: &[CatalogCommit]) -> Self {
        let mut past = Self::default();
        let mut newest_first: Vec<&CatalogCommit> = history.iter().collect();
        newest_first.sort_by_key(|c| std::cmp::Reverse(c.commit));
        for c in newest_first {
            for e in &c.types {
                let tables = |t: &Option<FeatureType>| {
                    let base = t.as_ref().filter(|t| !t.is_super());
                    base.map(tables_of).unwrap_or_default()
                };
                let (before, after) = (tables(&e.before), tables(&e.after));
                let id = e.before.as_ref().map(FeatureType::id);
                let renames: Vec<&Renamed> = c
                    .renames
                    .iter()
                    .filter(|r| Some(r.feature_type.as_str()) == id)
                    .collect();
                for table in &before {
                    let after = after.iter().find(|t| t.relation == table.relation);
                    past.add(c.commit, Some(table), after, &renames);
                }
                for table in &after {
                    if !before.iter().any(|t| t.relation == table.relation) {
                        past.add(c.commit, None, Some(table), &renames);
                    }
                }
            }
        }
        past
    }

    fn add(
        &mut self,
        commit: i64,
        before: Option<&Table>,
        after: Option<&Table>,
        renames: &[&Renamed],
    ) {
        let Some(table) = before.or(after) else {
            return;
        };
        let eras = self
            .eras
            .entry((table.schema.clone(), table.name.clone()))
            .or_default();
        let mut same = after.is_some();
        let mut columns = HashMap::new();
        let mut added: HashSet<&str> = after
            .into_iter()
            .flat_map(|t| t.columns.iter().map(|c| c.name.as_str()))
            .collect();
        for c in before.into_iter().flat_map(|t| &t.columns) {
            let next = after.and_then(|a| successor(table, a, &c.name, renames));
            same &= next.is_some_and(|n| n.name == c.name && n.data_type == c.data_type);
            if let Some(next) = next {
                added.remove(next.name.as_str());
            }
            let today = match next {
                Some(next) => today(eras, &next.name),
                None => came_back(eras, &c.name),
            };
            let was = Was {
                data_type: c.data_type.clone(),
                today,
            };
            columns.insert(c.name.clone(), was);
        }
        if !same || !added.is_empty() {
            let added = added.into_iter().map(str::to_owned).collect();
            eras.push(Era {
                before: commit,
                columns,
                added,
            });
        }
    }

    fn era(&self, schema: &str, table: &str, commit: i64) -> Option<&Era> {
        let eras = self.eras.get(&(schema.to_owned(), table.to_owned()))?;
        eras.iter().rev().find(|e| commit < e.before)
    }

    /// The type that a column had when a commit was made; `None` where it is as today.
    pub fn data_type(
        &self,
        schema: &str,
        table: &str,
        column: &str,
        commit: i64,
    ) -> Option<&DataType> {
        let era = self.era(schema, table, commit)?;
        era.columns.get(column).map(|w| &w.data_type)
    }

    /// The place of a column of that commit in the table of today, and the value as its type of today; null where it
    /// does not convert. `None` for a column that has gone.
    pub fn today(
        &self,
        table: &Table,
        column: &str,
        commit: i64,
        value: Value,
    ) -> Option<(usize, Value)> {
        let was = self
            .era(&table.schema, &table.name, commit)
            .and_then(|e| e.columns.get(column));
        let at = match was {
            Some(was) => table.position(was.today.as_deref()?)?,
            None => table.position(column)?,
        };
        let c = &table.columns[at];
        if was.is_none_or(|w| w.data_type == c.data_type) {
            return Some((at, value));
        }
        let conversion = Conversion {
            field: c.name.clone(),
            to: c.data_type.clone(),
            required: false,
            codes: None,
        };
        Some((at, conversion.convert(value).unwrap_or_default()))
    }
}

/// The column that holds the values after a change.
fn successor<'t>(
    before: &Table,
    after: &'t Table,
    name: &str,
    renames: &[&Renamed],
) -> Option<&'t super::Column> {
    let renamed = |id: &str| {
        let found = renames.iter().find(|r| r.from == id);
        found.map_or_else(|| id.to_owned(), |r| r.to.clone())
    };
    let column = &before.columns[before.position(name)?];
    if let Some(attribute) = &column.attribute {
        let to = renamed(attribute);
        let found = after
            .columns
            .iter()
            .find(|c| c.attribute.as_deref() == Some(&to));
        if found.is_some() {
            return found;
        }
    }
    let to = match (&before.relation, name.strip_suffix("_ds")) {
        (Relation::AttributeSource(_), Some(id)) => format!("{}_ds", renamed(id)),
        _ => name.to_owned(),
    };
    after.columns.iter().find(|c| c.name == to)
}
