//! Operations become checked rows, gathered by table.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::StreamExt;

use super::check::{ChangedCodes, check_code, check_word};
use super::{Batch, KeyPart, Row, Step, complete, first_of, key_part, needed, placed};
use crate::catalog::{Catalog, CodeList, Relation, Table};
use crate::error::{Error, Result};
use crate::feature::{Action, Fields, Operation};
use crate::store::OperationStream;
use crate::store::derive::is_derived;
use crate::value::Value;

/// Operations of one batch; so far, at most, a row may come before the one that it names.
pub(super) const BATCH: usize = 1024;

/// Shapes of operations remembered for one table.
const SHAPES: usize = 16;

/// Errors of a batch that are told at most.
pub(super) const ERRORS: usize = 100;

/// Reads operations in batches. A batch never holds two operations on one row.
pub(super) struct Reader<'a> {
    catalog: &'a Catalog,
    /// In the order of writing.
    tables: Vec<Gathered>,
    /// The operation that did not fit into the last batch.
    left_over: Option<(usize, Step)>,
    codes: ChangedCodes,
    refused: Refused,
}

/// The operations of a batch that cannot be accepted.
#[derive(Default)]
pub(super) struct Refused {
    pub(super) errors: Vec<Error>,
    /// Rows that they were about: what names those is not wrong as well.
    pub(super) keys: Vec<(Relation, KeyPart)>,
}

/// What a batch holds for one table.
struct Gathered {
    table: Arc<Table>,
    shapes: Vec<Arc<Shape>>,
    steps: Vec<Step>,
    /// Hashes of the keys in `steps`; two keys of one hash only end a batch early.
    keys: HashSet<u64>,
    needed: Vec<usize>,
}

/// The columns that operations of one kind name.
struct Shape {
    fields: Fields,
    columns: Arc<[usize]>,
    /// The same with the effective geometry, where they name one of its origins.
    touched: Arc<[usize]>,
    lists: Vec<Option<Arc<CodeList>>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        Self {
            catalog,
            tables: vec![],
            left_over: None,
            codes: ChangedCodes::new(),
            refused: Refused::default(),
        }
    }

    /// The next batch; none at the end.
    pub(super) async fn batch(
        &mut self,
        operations: &mut OperationStream,
    ) -> Result<Option<Batch>> {
        let mut gathered = 0;
        while gathered < BATCH {
            let (at, step) = match self.left_over.take() {
                Some(step) => step,
                None => match operations.next().await {
                    Some(operation) => match self.step(operation?) {
                        Ok(step) => step,
                        Err(mut errors) => {
                            self.refused.errors.append(&mut errors);
                            if self.refused.errors.len() >= ERRORS {
                                break;
                            }
                            gathered += 1;
                            continue;
                        }
                    },
                    None => break,
                },
            };
            let found = &mut self.tables[at];
            if step.action == Action::Delete {
                if gathered == 0 {
                    return Ok(Some(Batch::Delete(found.table.clone(), step)));
                }
                self.left_over = Some((at, step));
                break;
            }
            if !found.keys.insert(hash(&step.row[..found.table.key])) {
                self.left_over = Some((at, step));
                break;
            }
            found.steps.push(step);
            gathered += 1;
        }
        let rows: Vec<_> = self
            .tables
            .iter_mut()
            .filter(|t| !t.steps.is_empty())
            .map(|t| {
                t.keys.clear();
                (t.table.clone(), std::mem::take(&mut t.steps))
            })
            .collect();
        let refused = std::mem::take(&mut self.refused);
        let nothing = rows.is_empty() && refused.errors.is_empty();
        Ok((!nothing).then_some(Batch::Rows(rows, refused)))
    }

    fn step(&mut self, operation: Operation) -> Result<(usize, Step), Vec<Error>> {
        let place = operation.place.clone();
        let relation = operation.relation.clone();
        let at = self
            .place_of(&relation)
            .map_err(|e| vec![placed(e, &place)])?;
        let step = self.tables[at]
            .read(self.catalog, &self.codes, operation)
            .map_err(|(errors, key)| {
                if !key.is_null() {
                    self.refused.keys.push((relation, key_part(&key)));
                }
                errors
                    .into_iter()
                    .map(|e| placed(e, &place))
                    .collect::<Vec<_>>()
            })?;
        if let Relation::Codes(list) = &self.tables[at].table.relation {
            let code = (list.to_string(), key_part(&step.row[0]));
            self.codes.insert(code, step.action != Action::Delete);
        }
        Ok((at, step))
    }

    fn place_of(&mut self, relation: &Relation) -> Result<usize> {
        if let Some(at) = self
            .tables
            .iter()
            .position(|t| t.table.relation == *relation)
        {
            return Ok(at);
        }
        let table = self.catalog.table(relation)?.clone();
        let order = |r: &Relation| (r.rank(), r.clone());
        let at = self
            .tables
            .partition_point(|t| order(&t.table.relation) < order(relation));
        if let Some((left, _)) = &mut self.left_over
            && *left >= at
        {
            *left += 1;
        }
        self.tables.insert(
            at,
            Gathered {
                // What is derived may still come.
                needed: needed(&table)
                    .into_iter()
                    .filter(|c| !is_derived(self.catalog, relation, &table.columns[*c]))
                    .collect(),
                table,
                shapes: vec![],
                steps: vec![],
                keys: HashSet::new(),
            },
        );
        Ok(at)
    }
}

impl Shape {
    /// A value as the column takes it.
    fn checked(
        &self,
        table: &Table,
        codes: &ChangedCodes,
        i: usize,
        field: &str,
        mut value: Value,
    ) -> Result<Value> {
        let column = &table.columns[self.columns[i]];
        if !value.fits(&column.data_type) {
            value = value.coerce(field, &column.data_type)?;
        }
        if let Some(list) = &self.lists[i] {
            check_code(list, codes, field, &value)?;
        }
        check_word(column, field, &value)?;
        Ok(value)
    }
}

/// The operation without some of its values; none where that changes nothing.
fn without(op: Operation, wrong: &[usize]) -> Option<Operation> {
    if wrong.is_empty() {
        return None;
    }
    let pairs = op.fields.iter().cloned().zip(op.values).enumerate();
    let (fields, values): (Vec<_>, Vec<_>) = pairs
        .filter_map(|(at, pair)| (!wrong.contains(&at)).then_some(pair))
        .unzip();
    Some(Operation {
        fields: fields.into(),
        values,
        ..op
    })
}

fn hash(key: &[Value]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for v in key {
        match v {
            Value::Uuid(u) => hasher.write(u.as_bytes()),
            other => key_part(other).hash(&mut hasher),
        }
    }
    hasher.finish()
}

impl Gathered {
    /// The operation's values as a row of the table, checked; and which columns were named. Else what is wrong with it, and
    /// the first value of its key.
    fn read(
        &mut self,
        catalog: &Catalog,
        codes: &ChangedCodes,
        mut op: Operation,
    ) -> Result<Step, (Vec<Error>, Value)> {
        let shape = match self.shape(catalog, &op) {
            Ok(shape) => shape,
            Err((mut errors, wrong)) => {
                let key = self.key(&op);
                // The others are looked at all the same.
                if let Some(op) = without(op, &wrong)
                    && let Err((more, _)) = self.read(catalog, codes, op)
                {
                    errors.extend(more);
                }
                return Err((errors, key));
            }
        };
        let table = &*self.table;
        let mut row: Row = vec![Value::Null; table.columns.len()];
        let mut errors = vec![];
        let mut refused = vec![];
        for (i, value) in op.values.iter_mut().enumerate() {
            if value.is_null() {
                continue;
            }
            let (column, field) = (shape.columns[i], &op.fields[i]);
            match shape.checked(table, codes, i, field, std::mem::take(value)) {
                Ok(value) => row[column] = value,
                Err(e) => {
                    errors.push(e);
                    refused.push(column);
                }
            }
        }
        for (i, (c, v)) in table.columns.iter().zip(&row).take(table.key).enumerate() {
            if v.is_null() && !refused.contains(&i) {
                errors.push(
                    Error::invalid("the key is missing")
                        .field(&c.name)
                        .expected(c.data_type.to_string()),
                );
            }
        }
        if op.action != Action::Delete {
            errors.extend(super::updates::named_together(table, &shape.columns).err());
        }
        let mut named = &shape.columns;
        if let Some(e) = &table.effective
            && op.action != Action::Delete
        {
            let touched = !Arc::ptr_eq(named, &shape.touched);
            if touched || op.action == Action::Insert {
                row[e.column] = first_of(&e.from, |c| &row[c]);
                named = &shape.touched;
            }
        }
        if op.action == Action::Insert {
            // A value that was refused is not missing as well.
            let needed = self.needed.iter().copied().filter(|c| {
                let origins = table.effective.as_ref().filter(|e| e.column == *c);
                !refused.contains(c)
                    && !origins.is_some_and(|e| e.from.iter().any(|c| refused.contains(c)))
            });
            if refused.is_empty() {
                errors.extend(complete(table, &self.needed, &mut row));
            } else {
                errors.extend(complete(table, &needed.collect::<Vec<_>>(), &mut row));
            }
        }
        if !errors.is_empty() {
            return Err((errors, std::mem::take(&mut row[0])));
        }
        Ok(Step {
            action: op.action,
            row,
            named: named.clone(),
            place: op.place,
        })
    }

    /// The first value of an operation's key, if it is one.
    fn key(&self, op: &Operation) -> Value {
        let column = &self.table.columns[0];
        let mut named = op.fields.iter().zip(&op.values);
        named
            .find(|(field, _)| **field == column.name)
            .and_then(|(field, value)| value.clone().coerce(field, &column.data_type).ok())
            .unwrap_or_default()
    }

    /// The shape of an operation; else what is wrong with its names, and with which.
    fn shape(
        &mut self,
        catalog: &Catalog,
        op: &Operation,
    ) -> Result<Arc<Shape>, (Vec<Error>, Vec<usize>)> {
        if op.fields.len() != op.values.len() {
            let e = Error::invalid(format!(
                "{} names for {} values",
                op.fields.len(),
                op.values.len()
            ));
            return Err((vec![e], vec![]));
        }
        if let Some(known) = self
            .shapes
            .iter()
            .find(|s| Arc::ptr_eq(&s.fields, &op.fields))
        {
            return Ok(known.clone());
        }
        let table = &self.table;
        let mut columns = Vec::with_capacity(op.fields.len());
        let (mut errors, mut wrong) = (vec![], vec![]);
        for (at, (field, value)) in op.fields.iter().zip(&op.values).enumerate() {
            let e = match catalog.column_of(table, field) {
                Ok(column) if columns.contains(&column) => {
                    Error::invalid("the value is given twice")
                        .field(field)
                        .value(value)
                }
                Ok(column) => {
                    columns.push(column);
                    continue;
                }
                Err(e) => e,
            };
            errors.push(e);
            wrong.push(at);
        }
        if !errors.is_empty() {
            return Err((errors, wrong));
        }
        let columns: Arc<[usize]> = columns.into();
        let touched = match &table.effective {
            Some(e) if e.from.iter().any(|c| columns.contains(c)) => {
                columns.iter().copied().chain([e.column]).collect()
            }
            _ => columns.clone(),
        };
        let lists = columns
            .iter()
            .map(|c| catalog.closed_list(table, *c).cloned())
            .collect();
        let shape = Arc::new(Shape {
            fields: op.fields.clone(),
            columns,
            touched,
            lists,
        });
        if self.shapes.len() >= SHAPES {
            self.shapes.clear();
        }
        self.shapes.push(shape.clone());
        Ok(shape)
    }
}
