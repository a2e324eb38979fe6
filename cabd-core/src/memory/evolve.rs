//! Changes of the catalogue, on rows in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::State;
use crate::catalog::{
    Action, Catalog, CatalogChange, CatalogCommit, CodeList, Evolution, Kept, Question, Relation,
    Table,
};
use crate::error::{Error, Result};
use crate::id::CommitNumber;
use crate::store::{Changeset, Key, Row, key_of};
use crate::time::{Timestamp, to_micros};
use crate::value::Value;

/// What was set aside.
#[derive(Debug, Clone, Default)]
pub(super) struct Attic {
    columns: HashMap<Name, BTreeMap<Key, Value>>,
    tables: HashMap<Name, (Arc<Table>, BTreeMap<Key, Row>)>,
}

type Name = (String, String, Option<String>, String);

fn name(k: &Kept) -> Name {
    (
        k.schema.clone(),
        k.table.clone(),
        k.column.clone(),
        k.tag.clone(),
    )
}

/// The rows of a table while its columns change.
struct Work {
    columns: Vec<String>,
    rows: BTreeMap<Key, Row>,
}

impl Work {
    fn position(&self, column: &str) -> Result<usize> {
        self.columns
            .iter()
            .position(|c| c == column)
            .ok_or_else(|| Error::internal(format!("no column {column}")))
    }

    fn add(&mut self, column: &str, values: &BTreeMap<Key, Value>) {
        self.columns.push(column.to_owned());
        for (key, row) in &mut self.rows {
            row.push(values.get(key).cloned().unwrap_or_default());
        }
    }

    fn values(&self, at: usize) -> BTreeMap<Key, Value> {
        self.rows
            .iter()
            .map(|(k, r)| (k.clone(), r[at].clone()))
            .collect()
    }
}

impl State {
    /// The change, settled, with every question answered.
    pub(super) fn plan(&self, change: &CatalogChange) -> Result<Evolution> {
        let mut evolution = self.catalog.evolve(&self.history, change)?;
        for (step, question) in evolution.questions() {
            let answer = self.ask(&question);
            evolution.answer(step, &question, answer)?;
        }
        evolution.settle();
        Ok(evolution)
    }

    fn ask(&self, question: &Question) -> Result<u64> {
        let rows = |t: &Table| self.tables.get(&t.relation).cloned().unwrap_or_default();
        let n = match question {
            Question::Rows(t) | Question::Empty(t, _) => rows(t).len(),
            Question::Values(t, c) => rows(t).values().filter(|r| !r[*c].is_null()).count(),
            Question::Equal(t, c, v) | Question::Unnamed(t, c, v) => {
                rows(t).values().filter(|r| r[*c] == *v).count()
            }
            Question::Fit(t, c, conversion) => {
                let mut n = 0;
                for row in rows(t).values() {
                    n += usize::from(!row[*c].is_null());
                    conversion
                        .convert(row[*c].clone())
                        .map_err(|e| e.at(format!("{} {}", t.qualified(), row[0].to_json())))?;
                }
                n
            }
            Question::Kept(k) => match &k.column {
                Some(_) => {
                    let kept = self.attic.columns.get(&name(k));
                    kept.map_or(0, |c| c.values().filter(|v| !v.is_null()).count())
                }
                None => self
                    .attic
                    .tables
                    .get(&name(k))
                    .map_or(0, |(_, rows)| rows.len()),
            },
        };
        Ok(n as u64)
    }

    /// Makes the change.
    pub(super) fn evolve(&mut self, evolution: Evolution, change: &CatalogChange) -> Result<()> {
        let old = self.catalog.clone();
        let new = Arc::new(evolution.catalog);
        let mut works: HashMap<Relation, Work> = HashMap::new();
        for step in &evolution.plan.steps {
            for action in &step.actions {
                self.act(&old, &mut works, action)?;
            }
        }
        for table in new.tables() {
            if old.table(&table.relation).is_ok_and(|t| {
                t.columns.len() != table.columns.len()
                    || t.columns
                        .iter()
                        .zip(&table.columns)
                        .any(|(a, b)| a.name != b.name)
            }) {
                self.work(&old, &mut works, &table.relation)?;
            }
        }
        for (relation, work) in works {
            let table = new.table(&relation)?;
            let places: Vec<usize> = table
                .columns
                .iter()
                .map(|c| work.position(&c.name))
                .collect::<Result<_>>()?;
            let rows = work
                .rows
                .into_iter()
                .map(|(k, r)| (k, places.iter().map(|p| r[*p].clone()).collect()));
            self.tables.insert(relation, Arc::new(rows.collect()));
        }
        for (list, codes) in &evolution.gone_codes {
            if let Some(rows) = self.tables.get_mut(&Relation::Codes(list.as_str().into())) {
                for code in codes {
                    Arc::make_mut(rows).remove(&key_of(&[code.to_value()]));
                }
            }
        }
        for list in new.lists() {
            self.fill_codes(&new, list)?;
        }
        self.catalog = new;
        self.head = CommitNumber(self.head.0 + 1);
        Arc::make_mut(&mut self.commits).push(Changeset {
            commit: self.head,
            datetime: to_micros(Timestamp::now()),
            author: change.author.clone(),
            reason: change.reason.clone(),
            kind: "catalog".to_owned(),
            ..Changeset::default()
        });
        let history = Arc::make_mut(&mut self.history);
        for changed in evolution.history {
            if let Some(c) = history.iter_mut().find(|c| c.commit == changed.commit) {
                *c = changed;
            }
        }
        history.push(CatalogCommit {
            commit: self.head.0,
            key: self.head.0,
            datetime: jiff::Timestamp::now().to_string(),
            ..evolution.record
        });
        Ok(())
    }

    fn work<'w>(
        &mut self,
        old: &Catalog,
        works: &'w mut HashMap<Relation, Work>,
        relation: &Relation,
    ) -> Result<&'w mut Work> {
        if !works.contains_key(relation) {
            let table = old.table(relation)?;
            let rows = self.tables.remove(relation).unwrap_or_default();
            works.insert(
                relation.clone(),
                Work {
                    columns: table.columns.iter().map(|c| c.name.clone()).collect(),
                    rows: (*rows).clone(),
                },
            );
        }
        works
            .get_mut(relation)
            .ok_or_else(|| Error::internal("no rows at work"))
    }

    fn act(
        &mut self,
        old: &Catalog,
        works: &mut HashMap<Relation, Work>,
        action: &Action,
    ) -> Result<()> {
        match action {
            Action::Create(_) => {}
            Action::Shelve(t, k) => {
                let rows = self.tables.remove(&t.relation).unwrap_or_default();
                Arc::make_mut(&mut self.attic)
                    .tables
                    .insert(name(k), (t.clone(), (*rows).clone()));
            }
            Action::Unshelve(t, k) => {
                let kept = Arc::make_mut(&mut self.attic).tables.remove(&name(k));
                let Some((was, rows)) = kept else {
                    return Err(Error::internal(format!("{} was not set aside", k.what())));
                };
                let places: Vec<Option<usize>> =
                    t.columns.iter().map(|c| was.position(&c.name)).collect();
                let rows = rows.into_iter().map(|(key, r)| {
                    let row = places
                        .iter()
                        .map(|p| p.map(|p| r[p].clone()).unwrap_or_default());
                    (key, row.collect())
                });
                self.tables
                    .insert(t.relation.clone(), Arc::new(rows.collect()));
            }
            Action::Add(t, c) => {
                let work = self.work(old, works, &t.relation)?;
                work.add(&t.columns[*c].name, &BTreeMap::new());
            }
            Action::Rename {
                table,
                from,
                column,
            } => {
                let work = self.work(old, works, &table.relation)?;
                let at = work.position(from)?;
                work.columns[at].clone_from(&table.columns[*column].name);
            }
            Action::Keep(t, c, k) => {
                let work = self.work(old, works, &t.relation)?;
                let at = work.position(&t.columns[*c].name)?;
                let values = work.values(at);
                work.columns.remove(at);
                work.rows.values_mut().for_each(|r| {
                    r.remove(at);
                });
                Arc::make_mut(&mut self.attic)
                    .columns
                    .insert(name(k), values);
            }
            Action::Restore(t, c, k) => {
                let values = Arc::make_mut(&mut self.attic)
                    .columns
                    .remove(&name(k))
                    .unwrap_or_default();
                let work = self.work(old, works, &t.relation)?;
                work.add(&t.columns[*c].name, &values);
            }
            Action::Retype {
                table,
                column,
                from,
                conversion,
                kept,
                restore,
            } => {
                let before = restore
                    .as_ref()
                    .and_then(|k| Arc::make_mut(&mut self.attic).columns.remove(&name(k)));
                let back = conversion.reverse(&from.data_type);
                let work = self.work(old, works, &table.relation)?;
                let at = work.position(&table.columns[*column].name)?;
                let values = work.values(at);
                for (key, row) in &mut work.rows {
                    let present = std::mem::take(&mut row[at]);
                    row[at] = match before.as_ref().and_then(|b| b.get(key)) {
                        Some(was) => conversion.undone(present, was.clone(), &back)?,
                        None => conversion.convert(present)?,
                    };
                }
                Arc::make_mut(&mut self.attic)
                    .columns
                    .insert(name(kept), values);
            }
            Action::Widen(..) | Action::Relax(..) => {}
            Action::Require(t, c) => {
                let work = self.work(old, works, &t.relation)?;
                let at = work.position(&t.columns[*c].name)?;
                if work.rows.values().any(|r| r[at].is_null()) {
                    return Err(Error::invalid(
                        "a row has no value, and the attribute is to be required",
                    )
                    .field(&t.columns[*c].name)
                    .at(t.qualified()));
                }
            }
            Action::Purge(k) => {
                let attic = Arc::make_mut(&mut self.attic);
                attic.columns.remove(&name(k));
                attic.tables.remove(&name(k));
            }
        }
        Ok(())
    }

    fn fill_codes(&mut self, catalog: &Catalog, list: &CodeList) -> Result<()> {
        let relation = Relation::Codes(list.id.as_str().into());
        let table = catalog.table(&relation)?.clone();
        let rows = Arc::make_mut(self.tables.entry(relation).or_default());
        for row in list.rows() {
            let declared = row.len();
            let row: Row = table
                .columns
                .iter()
                .enumerate()
                .map(|(i, c)| {
                    row.get(i)
                        .cloned()
                        .unwrap_or_default()
                        .coerce(&c.name, &c.data_type)
                })
                .collect::<Result<_>>()
                .map_err(|e: Error| e.at(list.id.clone()))?;
            // Labels are brought up to date; an extent, which no manifest declares, stays.
            match rows.get_mut(&key_of(&row[..1])) {
                None => {
                    rows.insert(key_of(&row[..1]), row);
                }
                Some(there) => there[..declared].clone_from_slice(&row[..declared]),
            }
        }
        Ok(())
    }
}
