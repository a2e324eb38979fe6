//! Retired codes: rows that have them keep them, new values are refused.

use std::sync::Arc;

use super::Row;
use crate::catalog::{Catalog, CodeKey, CodeList, Relation, Table};
use crate::error::{Error, Result};
use crate::value::Value;

/// The code lists with retired codes behind the columns of a table.
pub(super) struct Retired(Vec<(usize, Arc<CodeList>)>);

impl Retired {
    pub(super) fn of(catalog: &Catalog, table: &Table) -> Self {
        let columns = table.columns.iter().enumerate();
        Self(
            columns
                .filter_map(|(i, c)| match &c.references {
                    Some(Relation::Codes(list)) => Some((i, catalog.list(list)?.clone())),
                    _ => None,
                })
                .filter(|(_, list)| list.has_retired())
                .collect(),
        )
    }

    /// Refuses a new row with a retired code.
    pub(super) fn refuse(&self, table: &Table, row: &Row) -> Result<()> {
        self.0
            .iter()
            .try_for_each(|(column, _)| self.refuse_one(table, *column, &row[*column]))
    }

    /// Refuses a retired code as a new value; rows that have it keep it.
    pub(super) fn refuse_one(&self, table: &Table, column: usize, value: &Value) -> Result<()> {
        let list = self.0.iter().find(|(c, _)| *c == column);
        let Some((_, list)) = list else {
            return Ok(());
        };
        match CodeKey::of(value) {
            Some(code) if list.get(&code).is_some_and(|k| k.retired) => {
                let c = &table.columns[column];
                Err(Error::invalid(format!("a retired code of {}", list.id))
                    .field(c.attribute.as_deref().unwrap_or(&c.name))
                    .value(code)
                    .hint("rows that have it keep it; use another code for new values"))
            }
            _ => Ok(()),
        }
    }
}
