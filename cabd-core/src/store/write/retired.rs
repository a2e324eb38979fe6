//! Retired codes: rows that have them keep them, new values are refused.

use std::sync::Arc;

use super::Row;
use crate::catalog::{Catalog, CodeKey, CodeList, Relation, Table};
use crate::error::Error;
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

    /// What is wrong with a new row.
    pub(super) fn refused(&self, table: &Table, row: &Row) -> Vec<Error> {
        let columns = self.0.iter();
        columns
            .filter_map(|(column, _)| self.refusal(table, *column, &row[*column]))
            .collect()
    }

    /// Why a value cannot be new; rows that have it keep it.
    pub(super) fn refusal(&self, table: &Table, column: usize, value: &Value) -> Option<Error> {
        let (_, list) = self.0.iter().find(|(c, _)| *c == column)?;
        let code = CodeKey::of(value)?;
        if !list.get(&code).is_some_and(|k| k.retired) {
            return None;
        }
        let c = &table.columns[column];
        Some(
            Error::invalid(format!("a retired code of {}", list.id))
                .field(c.attribute.as_deref().unwrap_or(&c.name))
                .value(code)
                .hint("rows that have it keep it; use another code for new values"),
        )
    }
}
