//! Which column a name means, and whether a value fits it.

use std::sync::Arc;

use crate::catalog::{Catalog, CodeKey, CodeList, GEOMETRY, Relation, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::value::Value;

impl Catalog {
    /// The column that a name in an operation means: an attribute's, or the column itself.
    pub(super) fn column_of(&self, table: &Table, field: &str) -> Result<usize> {
        if field == GEOMETRY
            && let Some(i) = table.geometry_input
        {
            return Ok(i);
        }
        let effective = table.effective.as_ref().map(|e| e.column);
        table
            .columns
            .iter()
            .enumerate()
            .filter(|(i, _)| Some(*i) != effective)
            .find(|(_, c)| c.name == field || c.attribute.as_deref() == Some(field))
            .map(|(i, _)| i)
            .ok_or_else(|| {
                Error::invalid(format!("{} stores no such value", table.relation))
                    .field(field)
                    .hint("labels, links and computed attributes follow from stored ones")
            })
    }

    /// Reads a value as the column's type and checks code lists.
    pub(crate) fn check_value(
        &self,
        table: &Table,
        column: usize,
        field: &str,
        value: Value,
    ) -> Result<Value> {
        let value = value.coerce(field, &table.columns[column].data_type)?;
        if let Some(list) = self.closed_list(table, column) {
            check_code(list, field, &value)?;
        }
        Ok(value)
    }

    /// The list that must hold the column's values.
    pub(super) fn closed_list(&self, table: &Table, column: usize) -> Option<&Arc<CodeList>> {
        match &table.columns[column].references {
            Some(Relation::Codes(list)) => self.list(list).filter(|l| !l.open),
            _ => None,
        }
    }
}

pub(super) fn check_code(list: &CodeList, field: &str, value: &Value) -> Result<()> {
    let place = match value {
        Value::Null => return Ok(()),
        Value::Text(t) => list.position_of_text(t),
        other => CodeKey::of(other).and_then(|k| list.position(&k)),
    };
    if place.is_some() {
        return Ok(());
    }
    let mut codes: Vec<String> = list
        .codes
        .iter()
        .take(30)
        .map(|k| k.code.to_string())
        .collect();
    if list.codes.len() > codes.len() {
        codes.push("…".to_owned());
    }
    Err(
        Error::new(ErrorKind::Invalid, format!("not a code of {}", list.id))
            .field(field)
            .value(value.to_json())
            .expected(codes.join(", ")),
    )
}
