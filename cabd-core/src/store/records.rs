//! Rows of one relation, read as typed records.

use crate::catalog::{Relation, Table};
use crate::error::{Error, Result};
use crate::feature::Fields;
use crate::value::{DataType, Value};

/// Which rows of a relation to read.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordQuery {
    /// The relation.
    pub relation: Relation,
    /// Columns to read; all when empty.
    pub columns: Vec<String>,
    /// A column and the values it may have; columns are joined by and. Few, indexed columns.
    pub filter: Vec<(String, Vec<Value>)>,
    /// At most so many rows.
    pub limit: Option<u64>,
}

impl RecordQuery {
    /// Every row and column of a relation.
    pub fn of(relation: Relation) -> Self {
        Self {
            relation,
            columns: vec![],
            filter: vec![],
            limit: None,
        }
    }

    /// Only rows whose column has one of the values.
    #[must_use]
    pub fn with(mut self, column: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.filter
            .push((column.to_owned(), values.into_iter().collect()));
        self
    }

    /// Only these columns.
    #[must_use]
    pub fn only(mut self, columns: &[&str]) -> Self {
        self.columns = columns.iter().map(|c| (*c).to_owned()).collect();
        self
    }

    /// The places, in the table, of the columns to read.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a column that the table does not have.
    pub fn picked(&self, table: &Table) -> Result<Vec<usize>> {
        if self.columns.is_empty() {
            return Ok(table.shown());
        }
        self.columns.iter().map(|c| place(table, c)).collect()
    }

    /// The places of the filtered columns, each with its values read as the column's type. Null is never among them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a column that the table does not have, one of geometries
    /// or arrays, and a value of another type.
    pub fn conditions(&self, table: &Table) -> Result<Vec<(usize, Vec<Value>)>> {
        let condition = |(name, values): &(String, Vec<Value>)| {
            let at = place(table, name)?;
            let data_type = &table.columns[at].data_type;
            if matches!(data_type, DataType::Array(_) | DataType::Geometry(_)) {
                return Err(Error::invalid(format!(
                    "records are not looked up by type {data_type}"
                ))
                .field(name)
                .hint("look them up by another column"));
            }
            let typed = values.iter().map(|v| v.clone().coerce(name, data_type));
            let mut typed = typed.collect::<Result<Vec<_>>>()?;
            typed.retain(|v| !v.is_null());
            Ok((at, typed))
        };
        self.filter.iter().map(condition).collect()
    }
}

fn place(table: &Table, column: &str) -> Result<usize> {
    table.position(column).ok_or_else(|| {
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        Error::invalid(format!("{} has no such column", table.qualified()))
            .field("columns")
            .value(column)
            .expected(names.join(", "))
    })
}

/// One row: names shared with the other rows of the answer, and values.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Column names.
    pub fields: Fields,
    /// Values, in the same order.
    pub values: Vec<Value>,
}

impl Record {
    /// The value of a column; null when it was not read.
    pub fn get(&self, column: &str) -> &Value {
        const NULL: &Value = &Value::Null;
        self.fields
            .iter()
            .position(|f| f == column)
            .and_then(|i| self.values.get(i))
            .unwrap_or(NULL)
    }
}
