//! Checked rows are compared with what is stored, counted and handed to the store.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::retired::Retired;
use super::{
    Batch, KeyPart, Row, RowChange, Step, WriteTransaction, complete, first_of, key_part, needed,
    nullable, placed, updates,
};
use crate::catalog::{Catalog, Relation, Table};
use crate::error::{Error, Result};
use crate::feature::{Action, Counts};
use crate::value::Value;

/// How many keys of one relation are remembered as existing.
const REMEMBERED_KEYS: usize = 50_000;

/// Writes batches.
pub(super) struct Writer<'a> {
    catalog: &'a Catalog,
    transaction: &'a mut dyn WriteTransaction,
    /// Keys that exist, of relations that others name.
    known: BTreeMap<Relation, HashSet<KeyPart>>,
    pub(super) counts: BTreeMap<Relation, Counts>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(catalog: &'a Catalog, transaction: &'a mut dyn WriteTransaction) -> Self {
        Self {
            catalog,
            transaction,
            known: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    pub(super) async fn write(&mut self, batch: Batch) -> Result<()> {
        match batch {
            Batch::Rows(tables) => {
                for (table, steps) in tables {
                    self.references(&table, &steps).await?;
                    self.rows(&table, steps).await?;
                }
                Ok(())
            }
            Batch::Delete(table, step) => self.delete(&table, step).await,
        }
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
        if table.relation == Relation::FeatureUpdate {
            updates::features(self.catalog, self.transaction, table, steps).await?;
        }
        // One look-up per referenced relation, however many columns point there.
        let mut by_relation: BTreeMap<Relation, HashMap<KeyPart, (usize, usize)>> = BTreeMap::new();
        for (column, relation) in wanted {
            let known = self.known.get(&relation);
            let keys = by_relation.entry(relation).or_default();
            let mut before = &Value::Null;
            for (n, step) in steps.iter().enumerate() {
                let v = &step.row[column];
                // Loads name one source again and again.
                if v.is_null() || v == before {
                    continue;
                }
                before = v;
                let key = key_part(v);
                if known.is_some_and(|k| k.contains(&key)) || keys.contains_key(&key) {
                    continue;
                }
                keys.insert(key, (column, n));
            }
        }
        for (relation, keys) in by_relation {
            if keys.is_empty() {
                continue;
            }
            let other = self.catalog.table(&relation)?.clone();
            let (keys, found): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
            let rows: Vec<Row> = found
                .iter()
                .map(|(column, n)| vec![steps[*n].row[*column].clone()])
                .collect();
            let exists = self.transaction.existing(&other, &rows).await?;
            for ((column, n), ok) in found.iter().zip(&exists) {
                if !ok {
                    let value = &steps[*n].row[*column];
                    let e = Error::invalid(format!("{} has no such row", other.qualified()))
                        .field(&table.columns[*column].name)
                        .value(value)
                        .hint("add that row first; in one change, put it before the rows that name it");
                    return Err(placed(e, &steps[*n].place));
                }
            }
            self.remember(&relation, keys);
        }
        Ok(())
    }

    fn remember(&mut self, relation: &Relation, keys: Vec<KeyPart>) {
        let known = self.known.entry(relation.clone()).or_default();
        if known.len() > REMEMBERED_KEYS {
            known.clear();
        }
        known.extend(keys);
    }

    async fn rows(&mut self, table: &Arc<Table>, steps: Vec<Step>) -> Result<()> {
        let relation = &table.relation;
        let named_by_others = matches!(
            relation,
            Relation::DataSource | Relation::Contact | Relation::Codes(_) | Relation::Feature(_)
        );
        let needed = needed(table);
        let retired = Retired::of(self.catalog, table);
        let mut counts = Counts::default();
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
            if named_by_others {
                keys.push(key_part(&row[0]));
            }
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
                        row[e.column] = first_of(&e.from, |c| &row[c]);
                    }
                    complete(table, &needed, &mut row).map_err(|e| placed(e, &place))?;
                    retired.refuse(table, &row).map_err(|e| placed(e, &place))?;
                    inserts.push(row);
                }
                (Action::Update | Action::Delete, None) => {
                    let e = Error::not_found(format!("{} has no such row", table.qualified()))
                        .field(&table.columns[0].name)
                        .value(&row[0]);
                    return Err(placed(e, &place));
                }
                (_, Some(before)) => {
                    if let Some(e) = &table.effective
                        && e.from.iter().any(|c| named.contains(c))
                    {
                        row[e.column] = first_of(&e.from, |c| {
                            if named.contains(&c) {
                                &row[c]
                            } else {
                                &before[c]
                            }
                        });
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
        if named_by_others {
            self.remember(relation, keys);
        }
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

    async fn delete(&mut self, table: &Arc<Table>, Step { row, place, .. }: Step) -> Result<()> {
        let key: Row = row[..table.key].to_vec();
        if let Some(known) = self.known.get_mut(&table.relation) {
            known.remove(&key_part(&key[0]));
        }
        let keys = std::slice::from_ref(&key);
        let exists = self.transaction.existing(table, keys).await?;
        if exists.first() != Some(&true) {
            let e = Error::not_found(format!("{} has no such row", table.qualified()))
                .field(&table.columns[0].name)
                .value(&key[0]);
            return Err(placed(e, &place));
        }
        for child in self.catalog.tables() {
            let Some((column, parent)) = &child.parent else {
                continue;
            };
            if *parent != table.relation {
                continue;
            }
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
        self.transaction.delete(table, keys).await?;
        self.count(
            &table.relation,
            Counts {
                deleted: 1,
                ..Counts::default()
            },
        );
        Ok(())
    }
}
