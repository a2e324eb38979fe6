//! What a commit did to each row, in all.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::TryStreamExt;
use uuid::Uuid;

use super::Revert;
use crate::catalog::{Catalog, Past, Relation, Table};
use crate::error::{Error, Result};
use crate::id::CommitNumber;
use crate::store::proof::personal;
use crate::store::shown::Place;
use crate::store::{ChangeQuery, LogEntry, LogValues, Row, Store, is_erased, key_of};
use crate::value::Value;

/// Rows of one commit that are undone at once: their values are held in memory.
const ROWS: usize = 100_000;

/// What a commit did to one row.
#[derive(Debug)]
pub(super) struct Net {
    pub table: Arc<Table>,
    pub key: Row,
    pub feature: Option<Uuid>,
    /// Whether the row was there before the commit, and whether `was` has all its values.
    pub was_there: bool,
    whole: bool,
    was: BTreeMap<usize, Value>,
    /// Whether the row was there after it, and whether `left` has all its values.
    pub is_there: bool,
    left_whole: bool,
    left: BTreeMap<usize, Value>,
    /// Values of then that have no place today.
    pub lost: Vec<(String, Value)>,
}

/// What a commit did.
pub(super) struct Nets {
    pub catalog: Arc<Catalog>,
    /// In the order of first touch.
    pub rows: Vec<Net>,
    /// The place of each row.
    pub at: HashMap<Place, usize>,
    /// What cannot be undone at all.
    pub conflicts: Vec<Error>,
}

impl Nets {
    pub async fn read<S: Store + ?Sized>(store: &S, what: &Revert) -> Result<Self> {
        let catalog = store.catalog().await?;
        let past = Past::new(&store.catalog_history().await?);
        let mut nets = Self {
            catalog: catalog.clone(),
            rows: vec![],
            at: HashMap::new(),
            conflicts: vec![],
        };
        let query = ChangeQuery {
            until: Some(what.commit),
            features: (!what.features.is_empty()).then(|| what.features.clone()),
            ..ChangeQuery::since(CommitNumber(what.commit.0 - 1))
        };
        let mut log = store.changes(&query).await?;
        while let Some(e) = log.try_next().await? {
            nets.note(&past, e);
            nets.check(what)?;
        }
        if what.features.is_empty() {
            return Ok(nets);
        }
        // A row that moved to another feature, or from one, has entries there too.
        let moved = nets.forget_moved();
        let mut relations: Vec<Relation> = moved.iter().map(|(r, _)| r.clone()).collect();
        relations.sort();
        relations.dedup();
        if relations.is_empty() {
            return Ok(nets);
        }
        let query = ChangeQuery {
            relations,
            features: None,
            ..query
        };
        let mut log = store.changes(&query).await?;
        while let Some(e) = log.try_next().await? {
            let table = catalog.table_named(&e.schema, &e.table);
            let place = table.and_then(|t| Some((t.relation.clone(), key_of(&e.key(t)?))));
            if place.is_some_and(|p| moved.contains(&p)) {
                nets.note(&past, e);
            }
        }
        Ok(nets)
    }

    /// Takes out rows of which their feature's entries may not tell everything.
    fn forget_moved(&mut self) -> HashSet<Place> {
        let may_have_moved = |n: &Net| {
            let apart = n
                .table
                .parent
                .as_ref()
                .is_some_and(|(c, _)| *c >= n.table.key);
            apart && !(n.was_there && n.is_there)
        };
        let moved = self.rows.iter().filter(|n| may_have_moved(n));
        let moved = moved.map(Net::place).collect();
        self.rows.retain(|n| !may_have_moved(n));
        let rows = self.rows.iter().enumerate();
        self.at = rows.map(|(at, n)| (n.place(), at)).collect();
        moved
    }

    fn check(&self, what: &Revert) -> Result<()> {
        if self.rows.len() <= ROWS {
            return Ok(());
        }
        Err(
            Error::invalid("the commit touched too many rows to be undone at once")
                .field("commit")
                .value(what.commit)
                .expected(format!("at most {ROWS} rows"))
                .hint("undo it in parts, by feature"),
        )
    }

    fn note(&mut self, past: &Past, e: LogEntry) {
        let table = self.catalog.table_named(&e.schema, &e.table);
        let Some((table, key)) = table.and_then(|t| Some((t.clone(), e.key(t)?))) else {
            let name = format!("{}.{}", e.schema, e.table);
            if self
                .conflicts
                .iter()
                .all(|c| c.shown_value() != Some(&name))
            {
                self.conflicts.push(
                    Error::conflict("the table that the commit changed has gone since")
                        .value(name)
                        .hint("bring its type back first"),
                );
            }
            return;
        };
        let e = self.without_erased(e);
        let place = (table.relation.clone(), key_of(&key));
        let at = *self.at.entry(place).or_insert_with(|| {
            self.rows.push(Net {
                table: table.clone(),
                key,
                feature: e.cabd_id,
                was_there: e.action != "INSERT",
                whole: false,
                was: BTreeMap::new(),
                is_there: true,
                left_whole: false,
                left: BTreeMap::new(),
                lost: vec![],
            });
            self.rows.len() - 1
        });
        if let Some(net) = self.rows.get_mut(at) {
            net.take(past, e);
        }
    }
}

impl Nets {
    /// Values of a person that was erased since cannot be brought back.
    fn without_erased(&mut self, mut e: LogEntry) -> LogEntry {
        let fields = personal(&e.schema, &e.table);
        let is_erased = |v: &Value| v.as_str().is_some_and(is_erased);
        for field in fields {
            if e.old.get(*field).is_some_and(is_erased) {
                let table = format!("{}.{}", e.schema, e.table);
                self.conflicts.push(
                    Error::conflict("the value was erased, and cannot be brought back")
                        .at(table)
                        .field(*field)
                        .hint("undo the rest of the commit, or enter the value anew"),
                );
            }
        }
        for values in [&mut e.old, &mut e.new] {
            values.retain(|name, v| !(fields.contains(&name.as_str()) && is_erased(v)));
        }
        e
    }
}

impl Net {
    pub fn place(&self) -> Place {
        (self.table.relation.clone(), key_of(&self.key))
    }

    fn take(&mut self, past: &Past, e: LogEntry) {
        let commit = e.commit.0;
        if self.was_there && !self.whole {
            for (at, value) in self.today(past, e.old, commit, true) {
                self.was.entry(at).or_insert(value);
            }
            self.whole = e.action == "DELETE";
        }
        match e.action.as_str() {
            "DELETE" => {
                self.is_there = false;
                self.left.clear();
            }
            action => {
                self.is_there = true;
                self.left_whole |= action == "INSERT";
                let new = self.today(past, e.new, commit, false);
                self.left.extend(new);
            }
        }
    }

    /// Values under their places of today.
    fn today(
        &mut self,
        past: &Past,
        values: LogValues,
        commit: i64,
        keep: bool,
    ) -> Vec<(usize, Value)> {
        let mut out = vec![];
        for (name, value) in values {
            let given = value.clone();
            match past.today(&self.table, &name, commit, value) {
                Some((at, value)) if given.is_null() || !value.is_null() => out.push((at, value)),
                _ if given.is_null() || !keep => {}
                _ => self.lost.push((name, given)),
            }
        }
        out
    }

    /// The value before the commit, of a column that it may have changed.
    pub fn was(&self, c: usize) -> Option<&Value> {
        match self.was.get(&c) {
            None if self.whole => Some(&Value::Null),
            value => value,
        }
    }

    /// The value that the commit left, of a column that it may have changed.
    pub fn left(&self, c: usize) -> Option<&Value> {
        match self.left.get(&c) {
            None if self.left_whole => Some(&Value::Null),
            value => value,
        }
    }

    /// The columns whose values are the row's own: those that follow from others are not.
    pub fn columns(&self) -> impl Iterator<Item = usize> + use<> {
        let effective = self.table.effective.as_ref().map(|e| e.column);
        let follows: Vec<bool> = self.table.columns.iter().map(|c| c.follows).collect();
        (self.table.key..follows.len()).filter(move |c| !follows[*c] && effective != Some(*c))
    }
}
