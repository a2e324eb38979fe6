//! Rows of one relation, read as typed records.

use crate::catalog::Relation;
use crate::feature::Fields;
use crate::value::Value;

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
