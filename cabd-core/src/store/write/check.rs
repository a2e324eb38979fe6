//! Which column a name means, and whether a value fits it.

use std::collections::HashMap;
use std::sync::Arc;

use super::{KeyPart, key_part};
use crate::catalog::{Catalog, CodeKey, CodeList, Column, GEOMETRY, Relation, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::value::Value;

impl Catalog {
    /// The column that a name in an operation means: an attribute's, or the column itself.
    pub(in crate::store) fn column_of(&self, table: &Table, field: &str) -> Result<usize> {
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
            .map(|(i, c)| {
                if c.retired {
                    return Err(Error::invalid(format!(
                        "the attribute is retired in {}: it takes no new values",
                        table.relation
                    ))
                    .field(field)
                    .hint("take it out of [[retired]] in the type's manifest to use it again"));
                }
                Ok(i)
            })
            .transpose()?
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
            check_code(list, &ChangedCodes::new(), field, &value)?;
        }
        check_word(&table.columns[column], field, &value)?;
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

/// Codes, by list, that a change has added (true) or taken away (false): the catalogue does not know yet.
pub(super) type ChangedCodes = HashMap<(String, KeyPart), bool>;

/// Whether the column takes the word, where it takes only some.
pub(super) fn check_word(column: &Column, field: &str, value: &Value) -> Result<()> {
    match value.as_str() {
        Some(word) if !column.one_of.is_empty() && !column.one_of.contains(&word) => {
            Err(Error::invalid("not one of the words that the column takes")
                .field(field)
                .value(value)
                .expected(column.one_of.join(", ")))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_code(
    list: &CodeList,
    changed: &ChangedCodes,
    field: &str,
    value: &Value,
) -> Result<()> {
    if value.is_null() {
        return Ok(());
    }
    let own = match changed.is_empty() {
        true => None,
        false => changed.get(&(list.id.clone(), key_part(value))).copied(),
    };
    let known = own.unwrap_or_else(|| {
        let place = match value {
            Value::Text(t) => list.position_of_text(t),
            other => CodeKey::of(other).and_then(|k| list.position(&k)),
        };
        place.is_some()
    });
    if known {
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
            .value(value)
            .expected(codes.join(", "))
            .hint("add the code first; in one change, put it before its use"),
    )
}
