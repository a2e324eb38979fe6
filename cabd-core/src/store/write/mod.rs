//! The meaning of operations, the same over every store: values are read and checked, references and keys looked up,
//! rows compared, counted and handed to the store in batches, parents before children.

mod check;
mod checks;
mod read;
mod retired;
mod rows;
mod since;
mod updates;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;

use super::derive::{DeriveStream, Hooks, Position};
use super::{ChangeQuery, LogEntry, OperationStream};
use crate::catalog::{Catalog, CatalogCommit, Relation, Table};
use crate::error::{Error, Result};
use crate::feature::{Action, ChangeHead, ChangeKind, Counts};
use crate::id::{CommitNumber, Uuid};
use crate::time::{Timestamp, to_micros};
use crate::value::Value;
use checks::Checks;
use read::{Reader, Refused};
use rows::Writer;
use since::Since;
pub(in crate::store) use since::attribute;

/// A row: values in the order of the table's columns.
pub type Row = Vec<Value>;

/// A change of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowChange {
    /// The key's values.
    pub key: Row,
    /// Changed columns and their new values.
    pub set: Vec<(usize, Value)>,
}

/// What a store does inside one write transaction. Rows and keys are checked and complete.
#[async_trait]
pub trait WriteTransaction: Send {
    /// The rows with these keys, in the order of the keys.
    async fn fetch(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<Vec<Option<Row>>>;

    /// Which of these keys exist, in the order of the keys.
    async fn existing(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<Vec<bool>>;

    /// Adds rows. [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when a key exists.
    async fn insert(&mut self, table: &Arc<Table>, rows: Vec<Row>) -> Result<()>;

    /// Changes rows that exist.
    async fn update(&mut self, table: &Arc<Table>, changes: Vec<RowChange>) -> Result<()>;

    /// Removes rows that exist.
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when another row still names one: a data source, or a code of a list that is not open
    /// ([`Catalog::columns_naming`]).
    async fn delete(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<()>;

    /// Removes the rows whose column has one of the values; says how many.
    async fn delete_where(
        &mut self,
        table: &Arc<Table>,
        column: usize,
        values: &[Value],
    ) -> Result<u64>;

    /// The newest commit that touched each feature or rows around it, 0 for none. Nobody else changes these features until the
    /// transaction ends.
    async fn last_changes(&mut self, table: &Arc<Table>, ids: &[Uuid])
    -> Result<Vec<CommitNumber>>;

    /// Entries of the log as [`AuditStore::changes`](super::AuditStore::changes) gives them, read inside the transaction.
    async fn changes(&mut self, query: &ChangeQuery) -> Result<Vec<LogEntry>>;

    /// The changes of the catalogue, oldest first.
    async fn catalog_history(&mut self) -> Result<Vec<CatalogCommit>>;

    /// The polygons of a reference table that contain positions: for each such pair the place of the position and the
    /// row's values in `columns`, in any order. The boundary belongs to a polygon. `None` where the table has no polygon.
    async fn containing(
        &mut self,
        table: &Arc<Table>,
        columns: &[usize],
        positions: &[Position],
    ) -> Result<Option<Vec<(usize, Row)>>>;
}

/// Runs a stream of operations inside a transaction.
///
/// A store's `apply` begins a transaction, calls this, and commits, or rolls back on an error or a dry run. The next
/// batch is read and checked while the store writes the one before.
///
/// # Errors
/// What is wrong with the operations comes as one error that knows the others ([`Error::each`]): up to 100, found in
/// the batch of the first and in those that follow, some thousands of operations.
pub async fn apply_operations(
    catalog: &Catalog,
    transaction: &mut dyn WriteTransaction,
    hooks: &Hooks,
    head: &ChangeHead,
    mut operations: OperationStream,
) -> Result<BTreeMap<Relation, Counts>> {
    let (since, moved) = Since::read(catalog, transaction, head).await?;
    let mut reader = Reader::new(catalog);
    let mut writer = Writer::new(catalog, transaction, hooks);
    writer.since = since;
    writer.as_given = head.as_given;
    writer.restores = head.kind == ChangeKind::Revert;
    for (error, place) in moved {
        writer.wrong(error, &place);
    }
    let mut next = reader.batch(&mut operations).await?;
    let mut only_checked = 0;
    while let Some(batch) = next {
        let (written, following) =
            futures::join!(writer.write(batch), reader.batch(&mut operations));
        written?;
        next = following?;
        only_checked += usize::from(writer.checks.is_some());
        if only_checked > CHECKED_ON || writer.has_enough_errors() {
            break;
        }
    }
    match writer.checks.and_then(Checks::into_error) {
        Some(error) => Err(error),
        None => Ok(writer.counts),
    }
}

/// Computes the derived values of a stream of features inside a transaction, as [`apply_operations`] runs operations.
pub async fn derive_features(
    catalog: &Catalog,
    transaction: &mut dyn WriteTransaction,
    hooks: &Hooks,
    features: DeriveStream,
) -> Result<BTreeMap<Relation, Counts>> {
    let mut writer = Writer::new(catalog, transaction, hooks);
    let mut batches = features.try_chunks(read::BATCH);
    while let Some(batch) = batches.try_next().await.map_err(|e| e.1)? {
        writer.derive(batch).await?;
    }
    Ok(writer.counts)
}

/// Batches that are looked at after one with an error.
const CHECKED_ON: usize = 8;

/// What is written at once.
enum Batch {
    /// Rows by table, parents before children.
    Rows(Vec<(Arc<Table>, Vec<Step>)>, Refused),
    /// One row goes, and what belongs to it.
    Delete(Arc<Table>, Step),
}

/// One operation, read: the whole row, and the columns it names.
pub(super) struct Step {
    action: Action,
    pub(super) row: Row,
    pub(super) named: Arc<[usize]>,
    place: Option<Arc<str>>,
}

/// A key's values, with an order and a hash.
pub(crate) type Key = Vec<KeyPart>;

/// One value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum KeyPart {
    Uuid(uuid::Uuid),
    Int(i64),
    Text(String),
    Other(String),
}

/// The value as part of a key.
pub(crate) fn key_part(v: &Value) -> KeyPart {
    match v {
        Value::Uuid(u) => KeyPart::Uuid(*u),
        Value::Int(i) => KeyPart::Int(*i),
        Value::Text(t) => KeyPart::Text(t.clone()),
        other => KeyPart::Other(other.to_json().to_string()),
    }
}

/// The values as a key.
pub(crate) fn key_of(values: &[Value]) -> Key {
    values.iter().map(key_part).collect()
}

fn nullable(table: &Table, column: usize) -> bool {
    table.columns[column].nullable && !(table.spatial == Some(column) && is_feature(table))
}

fn is_feature(table: &Table) -> bool {
    matches!(table.relation, Relation::Feature(_))
}

/// The columns of a new row that have a default or must not be null.
fn needed(table: &Table) -> Vec<usize> {
    (table.key..table.columns.len())
        .filter(|i| table.columns[*i].default.is_some() || !nullable(table, *i))
        .collect()
}

/// Gives the needed columns of a new row their defaults; what stays null is missing.
fn complete(table: &Table, needed: &[usize], row: &mut Row) -> Vec<Error> {
    let mut missing = vec![];
    for i in needed {
        let c = &table.columns[*i];
        if !row[*i].is_null() {
            continue;
        }
        if let Some(default) = &c.default {
            row[*i].clone_from(default);
        } else if c.now {
            row[*i] = Value::Timestamp(to_micros(Timestamp::now()));
        } else if !nullable(table, *i) {
            let e = Error::invalid("a value is required").field(&c.name);
            missing.push(if table.spatial == Some(*i) {
                e.expected("a geometry")
                    .hint("a feature needs a place; give its geometry")
            } else {
                e.expected(c.data_type.to_string())
            });
        }
    }
    missing
}

/// The first value that is not null.
pub(super) fn first_of<'r>(columns: &[usize], value: impl Fn(usize) -> &'r Value) -> Value {
    columns
        .iter()
        .map(|c| value(*c))
        .find(|v| !v.is_null())
        .cloned()
        .unwrap_or_default()
}

pub(super) fn placed(e: Error, place: &Option<Arc<str>>) -> Error {
    match place {
        Some(p) => e.at(p.to_string()),
        None => e,
    }
}
