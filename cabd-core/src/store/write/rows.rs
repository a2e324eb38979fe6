//! Checked rows are compared with what is stored, counted and handed to the store.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::checks::Checks;
use super::retired::Retired;
use super::since::{Merged, Since};
use super::{
    Batch, KeyPart, Row, RowChange, Step, WriteTransaction, complete, first_of, key_of, key_part,
    needed, nullable, placed, updates,
};
use crate::catalog::{Catalog, Relation, Table};
use crate::error::{Error, Result};
use crate::feature::{Action, Counts};
use crate::store::derive::{Cause, Deriver, Hooks, Pending, Rederive, Rules, Written};
use crate::value::Value;

/// How many keys of one relation are remembered as existing.
const REMEMBERED_KEYS: usize = 50_000;

/// Writes batches.
pub(super) struct Writer<'a> {
    catalog: &'a Catalog,
    transaction: &'a mut dyn WriteTransaction,
    /// Keys that exist, of relations that others name.
    known: BTreeMap<Relation, HashSet<KeyPart>>,
    deriver: Deriver<'a>,
    /// Features around which rows of this batch have changed, by type.
    around: BTreeMap<Arc<str>, HashSet<Uuid>>,
    /// Features of this batch that were as asked already.
    unchanged: HashSet<Uuid>,
    /// What others have changed since the features were read.
    pub(super) since: Since,
    /// Whether nothing is derived.
    pub(super) as_given: bool,
    /// Whether rows that were there come back: a suggestion may have outlived its feature.
    pub(super) restores: bool,
    /// Present once something is wrong: nothing is written any more.
    pub(super) checks: Option<Checks>,
    pub(super) counts: BTreeMap<Relation, Counts>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        transaction: &'a mut dyn WriteTransaction,
        hooks: &Hooks,
    ) -> Self {
        Self {
            catalog,
            transaction,
            known: BTreeMap::new(),
            deriver: Deriver::new(catalog, hooks.snapper()),
            around: BTreeMap::new(),
            unchanged: HashSet::new(),
            since: Since::default(),
            as_given: false,
            restores: false,
            checks: None,
            counts: BTreeMap::new(),
        }
    }

    pub(super) fn has_enough_errors(&self) -> bool {
        self.checks.as_ref().is_some_and(Checks::is_full)
    }

    /// From here on operations are only looked at.
    pub(super) fn wrong(&mut self, error: Error, place: &Option<Arc<str>>) {
        let checks = self.checks.get_or_insert_default();
        checks.push(placed(error, place));
    }

    pub(super) async fn write(&mut self, batch: Batch) -> Result<()> {
        match batch {
            Batch::Rows(tables, mut refused) => {
                if !refused.errors.is_empty() {
                    for (relation, key) in &refused.keys {
                        self.remember(relation, vec![key.clone()]);
                    }
                    let checks = self.checks.get_or_insert_default();
                    checks.assume(std::mem::take(&mut refused.keys));
                    checks.take(refused);
                }
                let mut tables = tables.into_iter();
                while let Some((table, steps)) = tables.next() {
                    self.references(&table, &steps).await?;
                    self.rows(&table, steps, tables.as_slice()).await?;
                }
            }
            Batch::Delete(table, step) => self.delete(&table, step).await?,
        }
        if self.checks.is_some() {
            return Ok(());
        }
        self.stamp_features().await
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
        if table.relation == Relation::FeatureUpdate && !self.restores {
            let missing =
                updates::features(self.catalog, self.transaction, table, steps, &self.known)
                    .await?;
            for (e, n) in missing {
                self.wrong(e, &steps[n].place);
            }
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
                    self.wrong(e, &steps[*n].place);
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

    async fn rows(
        &mut self,
        table: &Arc<Table>,
        steps: Vec<Step>,
        rest: &[(Arc<Table>, Vec<Step>)],
    ) -> Result<()> {
        let looked_up: Vec<Row> = steps
            .iter()
            .filter(|s| self.is_looked_up(table, s))
            .map(|s| s.row[..table.key].to_vec())
            .collect();
        let mut old = if looked_up.is_empty() {
            vec![].into_iter()
        } else {
            self.transaction.fetch(table, &looked_up).await?.into_iter()
        };
        let mut pending = Vec::with_capacity(steps.len());
        for step in steps {
            let before = if self.is_looked_up(table, &step) {
                let before = old.next().flatten();
                before.filter(|_| self.noted(table, &step.row) != Some(false))
            } else {
                None
            };
            let Step {
                action,
                mut row,
                named,
                place,
            } = match self.since.merge(table, step, before.as_ref()) {
                Merged::Step(step) => step,
                Merged::Nothing => {
                    let unchanged = Counts {
                        unchanged: 1,
                        ..Counts::default()
                    };
                    self.count(&table.relation, unchanged);
                    continue;
                }
                Merged::Clashes(errors, place) => {
                    for e in errors {
                        self.wrong(e, &place);
                    }
                    continue;
                }
            };
            match (action, &before) {
                (Action::Update | Action::Delete, None) => {
                    if self.noted(table, &row) != Some(true) {
                        self.wrong(no_such_row(table, &row[0]), &place);
                    }
                    continue;
                }
                (_, None) => {
                    if let Some(e) = &table.effective {
                        row[e.column] = first_of(&e.from, |c| &row[c]);
                    }
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
                }
            }
            pending.push(Pending {
                row,
                named,
                before,
                place,
                cause: Cause::Written,
                derived: vec![],
            });
        }
        self.settle(table, pending, rest).await
    }

    /// Looks at features again: what follows from their values is computed and written.
    pub(super) async fn derive(&mut self, features: Vec<Rederive>) -> Result<()> {
        let mut by_type: BTreeMap<Arc<str>, Vec<Rederive>> = BTreeMap::new();
        for f in features {
            by_type.entry(f.feature_type.clone()).or_default().push(f);
        }
        for (id, mut features) in by_type {
            let relation = Relation::Feature(id);
            let table = self.catalog.table(&relation)?.clone();
            let mut seen = HashSet::new();
            features.retain(|f| seen.insert(f.id));
            let keys: Vec<Row> = features.iter().map(|f| vec![f.id.into()]).collect();
            let rows = self.transaction.fetch(&table, &keys).await?;
            let pending = features
                .into_iter()
                .zip(rows)
                .filter_map(|(f, row)| {
                    let row = row?;
                    let cause = match f.written {
                        Written::Unknown => Cause::Unknown,
                        Written::New => Cause::New(f.at),
                        Written::Around => Cause::Columns(vec![], f.at),
                        Written::Columns(names) => {
                            let columns = names.iter().filter_map(|n| table.position(n));
                            Cause::Columns(columns.collect(), f.at)
                        }
                    };
                    Some(Pending {
                        before: Some(row.clone()),
                        row,
                        named: Arc::new([]),
                        place: None,
                        cause,
                        derived: vec![],
                    })
                })
                .collect();
            self.settle(&table, pending, &[]).await?;
        }
        Ok(())
    }

    /// Fills in what is derived, and writes what is new or differs.
    async fn settle(
        &mut self,
        table: &Arc<Table>,
        mut pending: Vec<Pending>,
        rest: &[(Arc<Table>, Vec<Step>)],
    ) -> Result<()> {
        let relation = &table.relation;
        let rules = self.deriver.rules(relation)?;
        if let Some(rules) = rules.as_ref().filter(|_| !self.as_given) {
            self.deriver
                .fill(table, rules, &mut pending, self.transaction, rest)
                .await?;
        }
        let needed = needed(table);
        let retired = Retired::of(self.catalog, table);
        let mut counts = Counts::default();
        let mut inserts: Vec<Row> = vec![];
        let mut places = vec![];
        let mut changes: Vec<RowChange> = vec![];
        let mut keys = vec![];
        let mut touched = Touched::of(self, table, rules.as_deref())?;
        for mut p in pending {
            if named_by_others(relation) {
                keys.push(key_part(&p.row[0]));
            }
            let Some(before) = &p.before else {
                if let Some(rules) = &rules {
                    self.deriver.stamp_new(table, rules, &mut p.row);
                }
                for e in complete(table, &needed, &mut p.row) {
                    self.wrong(e, &p.place);
                }
                for e in retired.refused(table, &p.row) {
                    self.wrong(e, &p.place);
                }
                touched.row(&p.row);
                places.push(p.place);
                inserts.push(p.row);
                continue;
            };
            let differs = |c: &usize| *c >= table.key && p.row[*c] != before[*c];
            let mut set: Vec<usize> = p.named.iter().copied().filter(differs).collect();
            for c in &p.derived {
                if differs(c) && !set.contains(c) {
                    set.push(*c);
                }
            }
            let mut set: Vec<(usize, Value)> =
                set.into_iter().map(|c| (c, p.row[c].clone())).collect();
            if let Some(rules) = &rules {
                self.deriver.stamp(table, rules, &p, &mut set);
            }
            if let Some((c, _)) = set
                .iter()
                .find(|(c, v)| v.is_null() && !nullable(table, *c))
            {
                let e = Error::invalid("a value is required").field(&table.columns[*c].name);
                self.wrong(e, &p.place);
            }
            for (c, v) in &set {
                if let Some(e) = retired.refusal(table, *c, v) {
                    self.wrong(e, &p.place);
                }
            }
            if set.is_empty() {
                counts.unchanged += u64::from(matches!(p.cause, Cause::Written));
                touched.unchanged(&p);
            } else {
                counts.updated += 1;
                touched.change(&p, &set);
                p.row.truncate(table.key);
                changes.push(RowChange { key: p.row, set });
            }
        }
        if self.checks.is_some() {
            return self.look_at(table, &inserts, &places).await;
        }
        counts.inserted += inserts.len() as u64;
        if !(inserts.is_empty() && changes.is_empty()) {
            self.deriver.writes(relation);
        }
        if !inserts.is_empty() {
            self.transaction.insert(table, inserts).await?;
        }
        if !changes.is_empty() {
            self.transaction.update(table, changes).await?;
        }
        if named_by_others(relation) {
            self.remember(relation, keys);
        }
        touched.tell(self);
        self.count(relation, counts);
        Ok(())
    }

    /// Whether operations that were only looked at would have left the row there, or gone.
    fn noted(&self, table: &Table, row: &[Value]) -> Option<bool> {
        let checks = self.checks.as_ref()?;
        checks.knows(&table.relation, key_of(&row[..table.key]))
    }

    /// Says which new rows are there already, instead of writing them.
    async fn look_at(
        &mut self,
        table: &Arc<Table>,
        rows: &[Row],
        places: &[Option<Arc<str>>],
    ) -> Result<()> {
        let keys: Vec<Row> = rows.iter().map(|r| r[..table.key].to_vec()).collect();
        let found = self.transaction.existing(table, &keys).await?;
        let relation = &table.relation;
        for ((key, there), place) in keys.iter().zip(found).zip(places) {
            let checks = self.checks.get_or_insert_default();
            if checks.knows(relation, key_of(key)).unwrap_or(there) {
                checks.push(placed(row_exists(table, key), place));
            }
            checks.note(relation, key_of(key), true);
            if named_by_others(relation) {
                self.remember(relation, vec![key_part(&key[0])]);
            }
        }
        Ok(())
    }

    /// Features around which something has changed say when.
    async fn stamp_features(&mut self) -> Result<()> {
        let unchanged = std::mem::take(&mut self.unchanged);
        for (id, features) in std::mem::take(&mut self.around) {
            let relation = Relation::Feature(id.clone());
            let Some(rules) = self.deriver.rules(&relation)? else {
                continue;
            };
            let mut keys: Vec<Uuid> = features
                .into_iter()
                .filter(|f| !self.deriver.is_marked(&id, f))
                .collect();
            keys.sort_unstable();
            if keys.is_empty() {
                continue;
            }
            let table = self.catalog.table(&relation)?.clone();
            let rows: Vec<Row> = keys.iter().map(|k| vec![(*k).into()]).collect();
            let found = self.transaction.fetch(&table, &rows).await?;
            let mut changes = vec![];
            for row in found.into_iter().flatten() {
                let set = self.deriver.stamp_around(&table, &rules, &row);
                if !set.is_empty() {
                    let key = row[..table.key].to_vec();
                    if row[0].as_uuid().is_some_and(|id| unchanged.contains(&id))
                        && let Some(c) = self.counts.get_mut(&relation)
                    {
                        c.unchanged = c.unchanged.saturating_sub(1);
                    }
                    changes.push(RowChange { key, set });
                }
            }
            self.deriver.mark(&id, keys);
            self.count(
                &relation,
                Counts {
                    updated: changes.len() as u64,
                    ..Counts::default()
                },
            );
            if !changes.is_empty() {
                self.transaction.update(&table, changes).await?;
            }
        }
        Ok(())
    }

    fn count(&mut self, relation: &Relation, more: Counts) {
        let c = self.counts.entry(relation.clone()).or_default();
        c.inserted += more.inserted;
        c.updated += more.updated;
        c.unchanged += more.unchanged;
        c.deleted += more.deleted;
    }

    /// Whether an operation needs to know the row as it is.
    fn is_looked_up(&self, table: &Table, step: &Step) -> bool {
        step.action != Action::Insert || self.since.has(table, &step.row)
    }

    async fn delete(&mut self, table: &Arc<Table>, Step { row, place, .. }: Step) -> Result<()> {
        let key: Row = row[..table.key].to_vec();
        let since = std::mem::take(&mut self.since);
        let clashes = since.clashes(self.catalog, self.transaction, table, &key);
        let clashes = clashes.await;
        self.since = since;
        match clashes? {
            None => return Ok(()),
            Some(errors) if !errors.is_empty() => {
                for e in errors {
                    self.wrong(e, &place);
                }
                return Ok(());
            }
            Some(_) => {}
        }
        if let Some(known) = self.known.get_mut(&table.relation) {
            known.remove(&key_part(&key[0]));
        }
        let keys = std::slice::from_ref(&key);
        let rules = self.deriver.rules(&table.relation)?;
        let mut touched = Touched::of(self, table, rules.as_deref())?;
        let exists = if touched.needs_row(table) {
            let row = self.transaction.fetch(table, keys).await?.pop().flatten();
            row.iter().for_each(|row| touched.row(row));
            row.is_some()
        } else {
            touched.row(&row);
            self.transaction.existing(table, keys).await?.first() == Some(&true)
        };
        if !self.noted(table, &row).unwrap_or(exists) {
            self.wrong(no_such_row(table, &key[0]), &place);
        }
        if let Some(checks) = &mut self.checks {
            checks.note(&table.relation, key_of(&key), false);
            return Ok(());
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
        self.deriver.writes(&table.relation);
        let deleted = self.transaction.delete(table, keys).await;
        deleted.map_err(|e| placed(e, &place))?;
        touched.tell(self);
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

fn no_such_row(table: &Table, key: &Value) -> Error {
    Error::not_found(format!("{} has no such row", table.qualified()))
        .field(&table.columns[0].name)
        .value(key)
}

fn row_exists(table: &Table, key: &[Value]) -> Error {
    Error::conflict(format!("{} has this row already", table.qualified()))
        .field(&table.columns[0].name)
        .value(&key[0])
}

/// Whether other relations name this one's rows.
fn named_by_others(relation: &Relation) -> bool {
    matches!(
        relation,
        Relation::DataSource | Relation::Contact | Relation::Codes(_) | Relation::Feature(_)
    )
}

/// Which features a batch of rows touches, where features say when they were changed.
enum Touched {
    /// Nobody asks.
    Nobody,
    /// Rows of the features themselves: those that say now, or what they were given; and those that did not change.
    Features(Arc<str>, Vec<usize>, Vec<Uuid>, Vec<Uuid>),
    /// Rows around features, by the column that names the feature.
    Around(Arc<str>, usize, Vec<Uuid>),
}

impl Touched {
    fn of(writer: &mut Writer<'_>, table: &Table, rules: Option<&Rules>) -> Result<Self> {
        if let (Relation::Feature(t), Some(rules)) = (&table.relation, rules) {
            return Ok(match rules.last_modified.is_empty() {
                true => Touched::Nobody,
                false => Touched::Features(t.clone(), rules.last_modified.clone(), vec![], vec![]),
            });
        }
        if let Some((column, parent @ Relation::Feature(t))) = &table.parent
            && let Some(rules) = writer.deriver.rules(parent)?
            && !rules.last_modified.is_empty()
        {
            return Ok(Touched::Around(t.clone(), *column, vec![]));
        }
        Ok(Touched::Nobody)
    }

    /// Whether the key alone does not say which feature a row belongs to.
    fn needs_row(&self, table: &Table) -> bool {
        matches!(self, Touched::Around(_, column, _) if *column >= table.key)
    }

    fn row(&mut self, row: &[Value]) {
        match self {
            Touched::Nobody => {}
            Touched::Features(_, _, marked, _) => marked.extend(row[0].as_uuid()),
            Touched::Around(_, column, ids) => ids.extend(row[*column].as_uuid()),
        }
    }

    fn unchanged(&mut self, p: &Pending) {
        if let Touched::Features(_, last_modified, marked, unchanged) = self {
            let id = p.row[0].as_uuid();
            // A given instant holds, whatever else this change brings.
            if last_modified.iter().any(|c| p.gives(*c)) {
                marked.extend(id);
            } else {
                unchanged.extend(id);
            }
        }
    }

    fn change(&mut self, p: &Pending, set: &[(usize, Value)]) {
        match self {
            Touched::Around(_, column, ids) => {
                ids.extend(p.before.iter().filter_map(|b| b[*column].as_uuid()));
                let moved = set.iter().find(|(c, _)| c == column);
                ids.extend(moved.and_then(|(_, v)| v.as_uuid()));
            }
            _ => self.row(&p.row),
        }
    }

    fn tell(self, writer: &mut Writer<'_>) {
        match self {
            Touched::Nobody => {}
            Touched::Features(t, _, marked, unchanged) => {
                writer.deriver.mark(&t, marked);
                writer.unchanged.extend(unchanged);
            }
            Touched::Around(t, _, ids) => writer.around.entry(t).or_default().extend(ids),
        }
    }
}
