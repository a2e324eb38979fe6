//! The log of changes: its entries, the changesets they belong to, and what is asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::catalog::{Catalog, Past, Relation, Table};
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::id::CommitNumber;
use crate::store::Row;
use crate::time::Timestamp;
use crate::value::{DataType, Value};

/// Values by the names that their columns had when they were logged.
pub type LogValues = BTreeMap<String, Value>;

/// One row of the audit log: what happened to one row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// Number of the entry: grows within a commit, promises no order between commits.
    pub revision: i64,
    /// The commit.
    pub commit: CommitNumber,
    /// When the row was written.
    pub datetime: Timestamp,
    /// Who: the author of the changeset; for a change of a foreign program the database's role, where it has roles.
    pub author: Option<String>,
    /// Schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// `INSERT`, `UPDATE` or `DELETE`. A change of a row's key is a deletion and an insertion.
    pub action: String,
    /// The feature, where the row belongs to one.
    pub cabd_id: Option<Uuid>,
    /// The data source, where the row is one or names one in its key.
    pub datasource_id: Option<Uuid>,
    /// The row's own identifier, where it has one.
    pub id_pk: Option<Uuid>,
    /// What of the row's key the identifiers do not hold, as text.
    pub row_key: Vec<String>,
    /// An update's changed values as they were; what a deleted row had, nulls left out.
    pub old: LogValues,
    /// An update's changed values as they became; what a new row had, nulls left out. Empty for a new row where the
    /// question left values out.
    pub new: LogValues,
}

impl LogEntry {
    /// The key of the row, as the table has it; `None` where the entry does not tell.
    pub fn key(&self, table: &Table) -> Option<Row> {
        let ids = table.log_ids();
        (0..table.key)
            .map(|column| {
                let text = ids.row_key.iter().position(|c| *c == column);
                if let Some(text) = text.and_then(|i| self.row_key.get(i)) {
                    let c = &table.columns[column];
                    return Value::from(text.as_str())
                        .coerce(&c.name, &c.data_type)
                        .ok();
                }
                let id = if ids.id_pk == Some(column) {
                    self.id_pk
                } else if ids.datasource_id == Some(column) {
                    self.datasource_id
                } else if ids.cabd_id == Some(column) {
                    self.cabd_id
                } else {
                    None
                };
                id.map(Value::from)
            })
            .collect()
    }
}

/// A question to the log.
///
/// ```
/// use cabd_core::{CommitNumber, store::ChangeQuery};
/// let q = ChangeQuery::since(CommitNumber(7));
/// assert!(q.values && q.features.is_none());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeQuery {
    /// Only commits after this one.
    pub after: CommitNumber,
    /// Only commits up to this one.
    pub until: Option<CommitNumber>,
    /// Only rows of these relations; all when empty.
    pub relations: Vec<Relation>,
    /// Only rows that belong to these features.
    pub features: Option<Vec<Uuid>>,
    /// Entries of this commit that were read already: those up to this revision are left out.
    pub read: Option<(CommitNumber, i64)>,
    /// At most so many entries.
    pub limit: Option<u64>,
    /// Whether the values of new rows are read. Those of a bulk load cost a look at the row and its later changes each.
    pub values: bool,
}

impl ChangeQuery {
    /// Every change after a commit.
    pub fn since(after: CommitNumber) -> Self {
        Self {
            after,
            until: None,
            relations: vec![],
            features: None,
            read: None,
            limit: None,
            values: true,
        }
    }
}

/// A changeset: who changed something, when and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changeset {
    /// Its commit number.
    pub commit: CommitNumber,
    /// When it was committed.
    pub datetime: Timestamp,
    /// The application's user, or the database's role.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What kind of change: a word of [`ChangeKind`](crate::feature::ChangeKind), `catalog` for a change of the catalogue,
    /// `external` for one of a foreign program.
    pub kind: String,
    /// The program.
    pub client: Option<String>,
    /// Who approved it.
    pub reviewer: Option<String>,
    /// The data source it was taken from.
    pub data_source: Option<Uuid>,
}

/// Reads the JSON of log rows: each value as the type that its column had when it was logged.
#[derive(Debug, Clone)]
pub struct LogReader {
    catalog: Arc<Catalog>,
    past: Arc<Past>,
}

impl LogReader {
    /// Over the catalogue of today and how it has become.
    pub fn new(catalog: Arc<Catalog>, past: Arc<Past>) -> Self {
        Self { catalog, past }
    }

    /// The catalogue.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Values of a row of `schema.table`, logged with `commit`. `geometry` reads what the store writes for one.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for what is no JSON object.
    pub fn values(
        &self,
        (schema, table): (&str, &str),
        commit: CommitNumber,
        json: &str,
        geometry: impl Fn(&str) -> Option<Geometry>,
    ) -> Result<LogValues> {
        let damaged = || {
            Error::corrupt("values in the log cannot be read")
                .value(json)
                .hint("run `cabd doctor`")
        };
        let read: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|e| damaged().because(e))?;
        let today = self.catalog.table_named(schema, table);
        let value = |name: &str, json: &serde_json::Value| {
            let was = self.past.data_type(schema, table, name, commit.0);
            let is = || Some(&today?.columns.get(today?.position(name)?)?.data_type);
            match (was.or_else(is), json) {
                // So the triggers of older stores wrote null.
                (Some(DataType::Geometry(_)), serde_json::Value::String(text))
                    if text.is_empty() =>
                {
                    Value::Null
                }
                (Some(DataType::Geometry(_)), serde_json::Value::String(text)) => {
                    geometry(text).map_or_else(|| untyped(json), Value::Geometry)
                }
                (Some(data_type), json) => {
                    Value::from_json(name, data_type, json).unwrap_or_else(|_| untyped(json))
                }
                (None, json) => untyped(json),
            }
        };
        Ok(read
            .iter()
            .map(|(name, json)| (name.clone(), value(name, json)))
            .collect())
    }
}

fn untyped(json: &serde_json::Value) -> Value {
    use serde_json::Value as J;
    match json {
        J::Null => Value::Null,
        J::Bool(b) => Value::Bool(*b),
        J::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(d)) => Value::Double(d),
            _ => Value::Text(n.to_string()),
        },
        J::String(s) => Value::Text(s.clone()),
        J::Array(items) => Value::List(items.iter().map(untyped).collect()),
        J::Object(_) => Value::Text(json.to_string()),
    }
}
