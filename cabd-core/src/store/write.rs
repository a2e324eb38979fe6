//! The meaning of operations, the same over every store: values are read and checked, references and keys looked up,
//! rows compared, counted and handed to the store in batches, parents before children.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;

use super::OperationStream;
use crate::catalog::{Catalog, CodeKey, CodeList, GEOMETRY, Relation, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::feature::{Action, Counts, Fields, Operation};
use crate::value::Value;

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

    /// Adds rows. [`ErrorKind::Conflict`] when a key exists.
    async fn insert(&mut self, table: &Arc<Table>, rows: Vec<Row>) -> Result<()>;

    /// Changes rows that exist.
    async fn update(&mut self, table: &Arc<Table>, changes: Vec<RowChange>) -> Result<()>;

    /// Removes rows that exist.
    ///
    /// [`ErrorKind::Conflict`] when another row still names one: a data source, or a code of a list that is not open
    /// ([`Catalog::columns_naming`]).
    async fn delete(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<()>;

    /// Removes the rows whose column has one of the values; says how many.
    async fn delete_where(
        &mut self,
        table: &Arc<Table>,
        column: usize,
        values: &[Value],
    ) -> Result<u64>;
}

/// Operations gathered before they are written.
const BATCH: usize = 4096;

/// Runs a stream of operations inside a transaction.
///
/// A store's `apply` begins a transaction, calls this, and commits, or rolls back on an error or a dry run.
pub async fn apply_operations(
    catalog: &Catalog,
    transaction: &mut dyn WriteTransaction,
    mut operations: OperationStream,
) -> Result<BTreeMap<Relation, Counts>> {
    let mut engine = Engine {
        catalog,
        transaction,
        tables: BTreeMap::new(),
        pending: 0,
        counts: BTreeMap::new(),
    };
    while let Some(next) = operations.next().await {
        engine.take(next?).await?;
    }
    engine.flush().await?;
    Ok(engine.counts)
}

/// One operation, read: the whole row, and the columns it names.
struct Step {
    action: Action,
    row: Row,
    named: Arc<[usize]>,
    place: Option<Arc<str>>,
}

/// What waits to be written to one table.
struct Pending {
    table: Arc<Table>,
    shapes: Vec<(Fields, Arc<[usize]>)>,
    known: HashSet<Key>,
    steps: Vec<Step>,
    keys: HashSet<Key>,
}

impl Pending {
    fn new(table: Arc<Table>) -> Self {
        Self {
            table,
            shapes: vec![],
            known: HashSet::new(),
            steps: vec![],
            keys: HashSet::new(),
        }
    }
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

/// How many keys of other relations are remembered as existing.
const REMEMBERED_KEYS: usize = 50_000;

struct Engine<'a> {
    catalog: &'a Catalog,
    transaction: &'a mut dyn WriteTransaction,
    tables: BTreeMap<(u8, Relation), Pending>,
    pending: usize,
    counts: BTreeMap<Relation, Counts>,
}

impl Engine<'_> {
    async fn take(&mut self, op: Operation) -> Result<()> {
        let slot = (op.relation.rank(), op.relation.clone());
        if !self.tables.contains_key(&slot) {
            let table = self
                .catalog
                .table(&op.relation)
                .map_err(|e| placed(e, &op.place))?
                .clone();
            self.tables.insert(slot.clone(), Pending::new(table));
        }
        let place = op.place.clone();
        let step = self.read(&slot, op).map_err(|e| placed(e, &place))?;
        let Some(pending) = self.tables.get_mut(&slot) else {
            return Ok(());
        };
        let key = key_of(&step.row[..pending.table.key]);
        if step.action == Action::Delete || pending.keys.contains(&key) {
            self.flush().await?;
        }
        if step.action == Action::Delete {
            return self.delete(&slot, step).await;
        }
        let Some(pending) = self.tables.get_mut(&slot) else {
            return Ok(());
        };
        pending.keys.insert(key);
        pending.steps.push(step);
        self.pending += 1;
        if self.pending >= BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    /// The operation's values as a row of the table, checked; and which columns were named.
    fn read(&mut self, slot: &(u8, Relation), op: Operation) -> Result<Step> {
        let Some(pending) = self.tables.get_mut(slot) else {
            return Err(Error::internal("no such relation"));
        };
        let table = pending.table.clone();
        if op.fields.len() != op.values.len() {
            return Err(Error::invalid(format!(
                "{} names for {} values",
                op.fields.len(),
                op.values.len()
            )));
        }
        let columns = match pending
            .shapes
            .iter()
            .find(|(f, _)| Arc::ptr_eq(f, &op.fields))
        {
            Some((_, columns)) => columns.clone(),
            None => {
                let columns: Arc<[usize]> = op
                    .fields
                    .iter()
                    .map(|f| self.catalog.column_of(&table, f))
                    .collect::<Result<_>>()?;
                if let Some(twice) =
                    (1..columns.len()).find(|i| columns[..*i].contains(&columns[*i]))
                {
                    return Err(Error::invalid("the value is given twice")
                        .field(&op.fields[twice])
                        .value(op.values[twice].to_json()));
                }
                if pending.shapes.len() >= 16 {
                    pending.shapes.clear();
                }
                pending.shapes.push((op.fields.clone(), columns.clone()));
                columns
            }
        };
        let mut row: Row = vec![Value::Null; table.columns.len()];
        for ((column, value), field) in columns.iter().zip(op.values).zip(op.fields.iter()) {
            row[*column] = self.catalog.check_value(&table, *column, field, value)?;
        }
        for (i, c) in table.columns.iter().enumerate().take(table.key) {
            if row[i].is_null() {
                return Err(Error::invalid("the key is missing")
                    .field(&c.name)
                    .expected(c.data_type.to_string()));
            }
        }
        let mut named = columns;
        if let Some(e) = &table.effective
            && op.action != Action::Delete
        {
            let touched = e.from.iter().any(|c| named.contains(c));
            if op.action == Action::Insert || touched {
                row[e.column] = e
                    .from
                    .iter()
                    .map(|c| &row[*c])
                    .find(|v| !v.is_null())
                    .cloned()
                    .unwrap_or_default();
                if !named.contains(&e.column) {
                    named = named.iter().copied().chain([e.column]).collect();
                }
            }
        }
        if matches!(op.action, Action::Insert) {
            fill_in(&table, &mut row);
            required(&table, &row)?;
        }
        Ok(Step {
            action: op.action,
            row,
            named,
            place: op.place,
        })
    }

    async fn flush(&mut self) -> Result<()> {
        self.pending = 0;
        let slots: Vec<(u8, Relation)> = self.tables.keys().cloned().collect();
        for slot in slots {
            let Some(pending) = self.tables.get_mut(&slot) else {
                continue;
            };
            let steps = std::mem::take(&mut pending.steps);
            pending.keys.clear();
            if steps.is_empty() {
                continue;
            }
            let table = pending.table.clone();
            self.references(&table, &steps).await?;
            self.write(&slot.1, &table, steps).await?;
        }
        Ok(())
    }

    /// Every value that names another relation's row must name one that exists.
    async fn references(&mut self, table: &Arc<Table>, steps: &[Step]) -> Result<()> {
        let mut wanted: Vec<(usize, Relation)> = table
            .columns
            .iter()
            .enumerate()
            .filter_map(|(i, c)| match &c.references {
                Some(Relation::Codes(_)) | None => None,
                Some(r) => Some((i, r.clone())),
            })
            .collect();
        wanted.extend(table.parent.clone());
        // One look-up per referenced relation, however many columns point there.
        let mut by_relation: BTreeMap<Relation, HashMap<Key, (Value, usize, usize)>> =
            BTreeMap::new();
        for (column, relation) in wanted {
            let slot = (relation.rank(), relation.clone());
            let known = self.tables.get(&slot).map(|p| &p.known);
            let keys = by_relation.entry(relation).or_default();
            let mut before = &Value::Null;
            for (n, step) in steps.iter().enumerate() {
                let v = &step.row[column];
                // Loads name one source again and again.
                if v.is_null() || v == before {
                    continue;
                }
                before = v;
                let key = vec![key_part(v)];
                if known.is_some_and(|k| k.contains(&key)) || keys.contains_key(&key) {
                    continue;
                }
                keys.insert(key, (v.clone(), column, n));
            }
        }
        for (relation, keys) in by_relation {
            if keys.is_empty() {
                continue;
            }
            let other = self.catalog.table(&relation)?.clone();
            let (keys, found): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
            let rows: Vec<Row> = found.iter().map(|(v, _, _)| vec![v.clone()]).collect();
            let exists = self.transaction.existing(&other, &rows).await?;
            for ((value, column, n), ok) in found.iter().zip(&exists) {
                if !ok {
                    let e = Error::invalid(format!("{} has no such row", other.qualified()))
                        .field(&table.columns[*column].name)
                        .value(value.to_json())
                        .hint("add that row first, or in the same change");
                    return Err(placed(e, &steps[*n].place));
                }
            }
            self.remember(&relation, &other, keys);
        }
        Ok(())
    }

    fn remember(&mut self, relation: &Relation, table: &Arc<Table>, keys: Vec<Key>) {
        if !matches!(
            relation,
            Relation::DataSource | Relation::Contact | Relation::Codes(_) | Relation::Feature(_)
        ) {
            return;
        }
        let slot = (relation.rank(), relation.clone());
        let pending = self
            .tables
            .entry(slot)
            .or_insert_with(|| Pending::new(table.clone()));
        if pending.known.len() > REMEMBERED_KEYS {
            pending.known.clear();
        }
        pending.known.extend(keys);
    }

    async fn write(
        &mut self,
        relation: &Relation,
        table: &Arc<Table>,
        steps: Vec<Step>,
    ) -> Result<()> {
        let mut counts = Counts::default();
        let retired = Retired::of(self.catalog, table);
        let looked_up: Vec<Row> = steps
            .iter()
            .filter(|s| s.action != Action::Insert)
            .map(|s| s.row[..table.key].to_vec())
            .collect();
        let mut old = if looked_up.is_empty() {
            vec![].into_iter()
        } else {
            self.transaction.fetch(table, &looked_up).await?.into_iter()
        };
        let mut inserts: Vec<Row> = vec![];
        let mut changes: Vec<RowChange> = vec![];
        let mut keys = vec![];
        for Step {
            action,
            mut row,
            named,
            place,
        } in steps
        {
            keys.push(key_of(&row[..table.key]));
            let before = if action == Action::Insert {
                None
            } else {
                old.next().flatten()
            };
            match (action, before) {
                (Action::Insert, _) => {
                    retired.refuse(table, &row).map_err(|e| placed(e, &place))?;
                    inserts.push(row);
                }
                (Action::Put, None) => {
                    if let Some(e) = &table.effective {
                        row[e.column] = e
                            .from
                            .iter()
                            .map(|c| &row[*c])
                            .find(|v| !v.is_null())
                            .cloned()
                            .unwrap_or_default();
                    }
                    fill_in(table, &mut row);
                    required(table, &row).map_err(|e| placed(e, &place))?;
                    retired.refuse(table, &row).map_err(|e| placed(e, &place))?;
                    inserts.push(row);
                }
                (Action::Update | Action::Delete, None) => {
                    let e = Error::not_found(format!("{} has no such row", table.qualified()))
                        .field(&table.columns[0].name)
                        .value(row[0].to_json());
                    return Err(placed(e, &place));
                }
                (_, Some(before)) => {
                    if let Some(e) = &table.effective
                        && e.from.iter().any(|c| named.contains(c))
                    {
                        let at = |c: &usize| {
                            if named.contains(c) {
                                &row[*c]
                            } else {
                                &before[*c]
                            }
                        };
                        row[e.column] = e
                            .from
                            .iter()
                            .map(at)
                            .find(|v| !v.is_null())
                            .cloned()
                            .unwrap_or_default();
                    }
                    let set: Vec<(usize, Value)> = named
                        .iter()
                        .copied()
                        .filter(|c| *c >= table.key && row[*c] != before[*c])
                        .collect::<Vec<_>>()
                        .into_iter()
                        .map(|c| (c, std::mem::take(&mut row[c])))
                        .collect();
                    if let Some((c, _)) = set
                        .iter()
                        .find(|(c, v)| v.is_null() && !nullable(table, *c))
                    {
                        let e =
                            Error::invalid("a value is required").field(&table.columns[*c].name);
                        return Err(placed(e, &place));
                    }
                    for (c, v) in &set {
                        retired
                            .refuse_one(table, *c, v)
                            .map_err(|e| placed(e, &place))?;
                    }
                    if set.is_empty() {
                        counts.unchanged += 1;
                    } else {
                        counts.updated += 1;
                        changes.push(RowChange {
                            key: row[..table.key].to_vec(),
                            set,
                        });
                    }
                }
            }
        }
        counts.inserted += inserts.len() as u64;
        if !inserts.is_empty() {
            self.transaction.insert(table, inserts).await?;
        }
        if !changes.is_empty() {
            self.transaction.update(table, changes).await?;
        }
        self.remember(relation, table, keys);
        self.count(relation, counts);
        Ok(())
    }

    fn count(&mut self, relation: &Relation, more: Counts) {
        let c = self.counts.entry(relation.clone()).or_default();
        c.inserted += more.inserted;
        c.updated += more.updated;
        c.unchanged += more.unchanged;
        c.deleted += more.deleted;
    }

    async fn delete(&mut self, slot: &(u8, Relation), Step { row, place, .. }: Step) -> Result<()> {
        let Some(pending) = self.tables.get_mut(slot) else {
            return Ok(());
        };
        let table = pending.table.clone();
        let key: Row = row[..table.key].to_vec();
        pending.known.remove(&key_of(&key));
        if !self
            .transaction
            .existing(&table, std::slice::from_ref(&key))
            .await?
            .first()
            .copied()
            .unwrap_or(false)
        {
            let e = Error::not_found(format!("{} has no such row", table.qualified()))
                .field(&table.columns[0].name)
                .value(key[0].to_json());
            return Err(placed(e, &place));
        }
        for child in self.catalog.tables() {
            match &child.parent {
                Some((column, parent)) if *parent == slot.1 => {
                    let deleted = self
                        .transaction
                        .delete_where(&child, *column, &key[..1])
                        .await?;
                    if deleted > 0 {
                        self.count(
                            &child.relation,
                            Counts {
                                deleted,
                                ..Counts::default()
                            },
                        );
                    }
                }
                _ => {}
            }
        }
        self.transaction
            .delete(&table, std::slice::from_ref(&key))
            .await?;
        self.count(
            &slot.1,
            Counts {
                deleted: 1,
                ..Counts::default()
            },
        );
        Ok(())
    }
}

/// The code lists with retired codes behind the columns of a table.
struct Retired(Vec<(usize, Arc<CodeList>)>);

impl Retired {
    fn of(catalog: &Catalog, table: &Table) -> Self {
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
    fn refuse(&self, table: &Table, row: &Row) -> Result<()> {
        self.0
            .iter()
            .try_for_each(|(column, _)| self.refuse_one(table, *column, &row[*column]))
    }

    /// Refuses a retired code as a new value; rows that have it keep it.
    fn refuse_one(&self, table: &Table, column: usize, value: &Value) -> Result<()> {
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

fn nullable(table: &Table, column: usize) -> bool {
    table.columns[column].nullable && !(table.spatial == Some(column) && is_feature(table))
}

fn is_feature(table: &Table) -> bool {
    matches!(table.relation, Relation::Feature(_))
}

/// Gives the columns of a new row their defaults.
fn fill_in(table: &Table, row: &mut Row) {
    for (c, v) in table.columns.iter().zip(row) {
        if let Some(default) = c.default.as_ref().filter(|_| v.is_null()) {
            v.clone_from(default);
        }
    }
}

fn required(table: &Table, row: &Row) -> Result<()> {
    for (i, c) in table.columns.iter().enumerate() {
        if row[i].is_null() && !nullable(table, i) {
            let e = Error::invalid("a value is required").field(&c.name);
            return Err(if table.spatial == Some(i) {
                e.expected("a geometry")
                    .hint("a feature needs a place; give its geometry")
            } else {
                e.expected(c.data_type.to_string())
            });
        }
    }
    Ok(())
}

fn placed(e: Error, place: &Option<Arc<str>>) -> Error {
    match place {
        Some(p) => e.at(p.to_string()),
        None => e,
    }
}

impl Catalog {
    /// The column that a name in an operation means: an attribute's, or the column itself.
    fn column_of(&self, table: &Table, field: &str) -> Result<usize> {
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
        let c = &table.columns[column];
        let value = value.coerce(field, &c.data_type)?;
        if let Some(Relation::Codes(list)) = &c.references
            && !value.is_null()
            && let Some(list) = self.list(list)
            && !list.open
        {
            let known = CodeKey::of(&value).is_some_and(|k| list.position(&k).is_some());
            if !known {
                let mut codes: Vec<String> = list
                    .codes
                    .iter()
                    .take(30)
                    .map(|k| k.code.to_string())
                    .collect();
                if list.codes.len() > codes.len() {
                    codes.push("…".to_owned());
                }
                return Err(
                    Error::new(ErrorKind::Invalid, format!("not a code of {}", list.id))
                        .field(field)
                        .value(value.to_json())
                        .expected(codes.join(", ")),
                );
            }
        }
        Ok(value)
    }
}
