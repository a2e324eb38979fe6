//! What others have changed since features were read: three states of each value are compared.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Key, Row, Step, WriteTransaction, key_of};
use crate::catalog::{Catalog, ID, Past, Relation, Table};
use crate::error::{Clash, Error, Result};
use crate::feature::{Action, Base, ChangeHead};
use crate::id::{CommitNumber, Uuid};
use crate::store::{ChangeQuery, LogEntry};
use crate::value::Value;

/// What has happened to one row since its feature was read.
#[derive(Debug, Default)]
struct Later {
    feature: Uuid,
    key: Row,
    /// The commit at which the feature was read.
    read: CommitNumber,
    /// The newest commit that touched the row.
    commit: CommitNumber,
    /// Whether the row was there when the feature was read.
    was_there: bool,
    /// Whether `was` has every value that the row had: it was deleted meanwhile.
    whole: bool,
    /// Values of then, of columns that have changed.
    was: BTreeMap<usize, Value>,
}

/// The rows that have changed since features were read.
#[derive(Debug, Default)]
pub(super) struct Since {
    rows: HashMap<(Relation, Key), Later>,
    /// The rows of each feature.
    features: HashMap<Uuid, Vec<(Relation, Key)>>,
}

/// An operation beside what others have done.
pub(super) enum Merged {
    /// What is left to do.
    Step(Step),
    /// Somebody has done it.
    Nothing,
    /// Others have done something else.
    Clashes(Vec<Error>, Option<Arc<str>>),
}

/// Errors, each with the place of the base that it is about.
type Moved = Vec<(Error, Option<Arc<str>>)>;

impl Since {
    /// From the log since the oldest base; and what is wrong with bases that allow of no later change. From here on nobody else
    /// changes these features.
    pub(super) async fn read(
        catalog: &Catalog,
        transaction: &mut dyn WriteTransaction,
        head: &ChangeHead,
    ) -> Result<(Self, Moved)> {
        let mut moved = vec![];
        let mut read: HashMap<Uuid, CommitNumber> = HashMap::new();
        let mut by_type: BTreeMap<&str, Vec<&Base>> = BTreeMap::new();
        for base in &head.bases {
            by_type.entry(&base.feature_type).or_default().push(base);
        }
        for (of_type, bases) in by_type {
            let table = catalog.table(&Relation::feature(of_type))?;
            let ids: Vec<Uuid> = bases.iter().map(|b| b.id).collect();
            let now = transaction.last_changes(table, &ids).await?;
            for (base, now) in bases.into_iter().zip(now) {
                if now <= base.commit {
                    continue;
                }
                let oldest = read.entry(base.id).or_insert(base.commit);
                *oldest = base.commit.min(*oldest);
                if base.exact {
                    let e = Error::conflict(format!(
                        "the feature has changed since commit {}: commit {now} touched it",
                        base.commit
                    ))
                    .field(ID)
                    .value(base.id)
                    .hint("read it again, and make the change from there");
                    moved.push((e, base.place.clone()));
                }
            }
        }
        let mut since = Self::default();
        let mut past = None;
        if let Some(first) = read.values().min() {
            let query = ChangeQuery {
                features: Some(read.keys().copied().collect()),
                ..ChangeQuery::since(*first)
            };
            let entries = transaction.changes(&query).await?;
            let past = past.insert(Past::new(&transaction.catalog_history().await?));
            for e in entries {
                if let Some(feature) = e.cabd_id
                    && let Some(commit) = read.get(&feature)
                    && e.commit > *commit
                {
                    since.note(catalog, past, feature, *commit, e);
                }
            }
        }
        let Some((commit, relations)) = head.rows_read.as_ref().filter(|(_, r)| !r.is_empty())
        else {
            return Ok((since, moved));
        };
        let query = ChangeQuery {
            relations: relations.clone(),
            ..ChangeQuery::since(*commit)
        };
        let entries = transaction.changes(&query).await?;
        if entries.is_empty() {
            return Ok((since, moved));
        }
        let past = match past {
            Some(past) => past,
            None => Past::new(&transaction.catalog_history().await?),
        };
        for e in entries {
            let feature = e.cabd_id.unwrap_or_default();
            since.note(catalog, &past, feature, *commit, e);
        }
        Ok((since, moved))
    }

    fn note(
        &mut self,
        catalog: &Catalog,
        past: &Past,
        feature: Uuid,
        read: CommitNumber,
        e: LogEntry,
    ) {
        let Some(table) = catalog.table_named(&e.schema, &e.table) else {
            return;
        };
        let Some(key) = e.key(table) else {
            return;
        };
        let place = (table.relation.clone(), key_of(&key));
        let later = self.rows.entry(place.clone()).or_insert_with(|| {
            self.features.entry(feature).or_default().push(place);
            Later {
                feature,
                key,
                read,
                was_there: e.action != "INSERT",
                ..Later::default()
            }
        });
        later.commit = e.commit;
        if !later.was_there || later.whole {
            return;
        }
        later.whole = e.action == "DELETE";
        for (name, value) in e.old {
            if let Some((at, value)) = past.today(table, &name, e.commit.0, value) {
                later.was.entry(at).or_insert(value);
            }
        }
    }

    fn of(&self, table: &Table, row: &[Value]) -> Option<&Later> {
        if self.rows.is_empty() {
            return None;
        }
        let key = key_of(&row[..table.key]);
        self.rows.get(&(table.relation.clone(), key))
    }

    /// Whether others have touched the row.
    pub(super) fn has(&self, table: &Table, row: &[Value]) -> bool {
        self.of(table, row).is_some()
    }

    /// An operation on a row, less what others have done already or have left to themselves.
    pub(super) fn merge(&self, table: &Table, mut step: Step, now: Option<&Row>) -> Merged {
        let Some(later) = self.of(table, &step.row) else {
            return Merged::Step(step);
        };
        let Some(now) = now else {
            if !later.was_there {
                return Merged::Step(step);
            }
            let mine = step.named.iter().copied().filter(|c| *c >= table.key);
            let mine = mine.map(|c| (attribute(table, c), step.row[c].to_json()));
            let clash = Clash {
                base: Some(later.shown(table)),
                mine: Some(mine.collect()),
                ..later.clash(table)
            };
            let e = Error::conflict(format!(
                "commit {} has deleted the row since commit {}",
                later.commit, later.read
            ))
            .field(&table.columns[0].name)
            .value(&step.row[0])
            .hint("leave it, or put the row there anew in a change of its own")
            .clash(clash);
            return Merged::Clashes(vec![e], step.place);
        };
        let effective = table.effective.as_ref();
        let (mut kept, mut errors) = (vec![], vec![]);
        for c in step.named.iter().copied() {
            let base = later.base(c).filter(|base| **base != now[c]);
            let Some(base) = base.filter(|_| c >= table.key) else {
                kept.push(c);
                continue;
            };
            let mine = &step.row[c];
            if effective.is_some_and(|e| e.column == c) {
                kept.push(c);
            } else if mine != &now[c] && mine != base && !table.columns[c].follows {
                errors.push(later.set_otherwise(table, c, &now[c], Some(mine)));
            }
        }
        if !errors.is_empty() {
            return Merged::Clashes(errors, step.place);
        }
        if let Some(e) = effective
            && !e.from.iter().any(|c| kept.contains(c))
        {
            kept.retain(|c| *c != e.column);
        }
        if step.action == Action::Insert {
            step.action = Action::Put;
        }
        if step.named.len() == kept.len() {
            return Merged::Step(step);
        }
        if kept.iter().all(|c| *c < table.key) {
            return Merged::Nothing;
        }
        step.named = kept.into();
        Merged::Step(step)
    }

    /// What others have set of a row that is to go, and of the rows that go with it; none where they have deleted it.
    pub(super) async fn clashes(
        &self,
        catalog: &Catalog,
        transaction: &mut dyn WriteTransaction,
        table: &Arc<Table>,
        key: &Row,
    ) -> Result<Option<Vec<Error>>> {
        let mut errors = vec![];
        let own = (table.relation.clone(), key_of(key));
        let feature = match (&table.relation, key[0].as_uuid()) {
            (Relation::Feature(_), Some(id)) => self.features.get(&id),
            _ => None,
        };
        let rows = match feature {
            Some(rows) => rows.as_slice(),
            None if self.rows.contains_key(&own) => std::slice::from_ref(&own),
            None => return Ok(Some(errors)),
        };
        for place in rows {
            let Some(later) = self.rows.get(place) else {
                continue;
            };
            let table = catalog.table(&place.0)?;
            let row = transaction
                .fetch(table, std::slice::from_ref(&later.key))
                .await?;
            match row.into_iter().next().flatten() {
                None if *place == own && later.was_there => return Ok(None),
                None => {}
                Some(row) if !later.was_there => errors.push(later.came(table, &row)),
                Some(row) => errors.extend((table.key..row.len()).filter_map(|c| {
                    let base = later.base(c).filter(|base| **base != row[c]);
                    let counts = !table.columns[c].follows
                        && table.effective.as_ref().is_none_or(|e| e.column != c);
                    (base.is_some() && counts).then(|| later.set_otherwise(table, c, &row[c], None))
                })),
            }
        }
        Ok(Some(errors))
    }
}

impl Later {
    /// The value when the feature was read, where it may be another now.
    fn base(&self, c: usize) -> Option<&Value> {
        match self.was.get(&c) {
            None if self.whole || !self.was_there => Some(&Value::Null),
            value => value,
        }
    }

    fn clash(&self, table: &Table) -> Clash {
        Clash {
            relation: table.relation.to_string(),
            key: self.key.iter().map(Value::to_json).collect(),
            commit: self.commit.0,
            ..Clash::default()
        }
    }

    fn shown(&self, table: &Table) -> serde_json::Value {
        let values = self.was.iter().filter(|(_, v)| !v.is_null());
        values
            .map(|(c, v)| (attribute(table, *c), v.to_json()))
            .collect()
    }

    /// Both have set the value, or they have and mine is that there be no row.
    fn set_otherwise(
        &self,
        table: &Table,
        c: usize,
        theirs: &Value,
        mine: Option<&Value>,
    ) -> Error {
        let name = attribute(table, c);
        let base = self.base(c).filter(|_| self.was_there);
        let clash = Clash {
            attribute: Some(name.clone()),
            base: base.map(Value::to_json),
            theirs: Some(theirs.to_json()),
            mine: mine.map(Value::to_json),
            ..self.clash(table)
        };
        let e = Error::conflict(format!(
            "commit {} has set another value since commit {}",
            self.commit, self.read
        ))
        .field(name)
        .hint("look at both values, and make the change from what is there now")
        .clash(clash);
        match mine {
            Some(mine) => e.value(mine),
            None => e,
        }
    }

    /// The row is new, and would go with the one that it belongs to.
    fn came(&self, table: &Table, row: &Row) -> Error {
        let values = row.iter().enumerate().filter(|(_, v)| !v.is_null());
        let theirs = values.map(|(c, v)| (attribute(table, c), v.to_json()));
        Error::conflict(format!(
            "commit {} has added a row of {} since commit {}",
            self.commit, table.relation, self.read
        ))
        .field(ID)
        .value(self.feature)
        .hint("look at it, and make the change from what is there now")
        .clash(Clash {
            theirs: Some(theirs.collect()),
            ..self.clash(table)
        })
    }
}

/// The name of a column in changes.
pub(in crate::store) fn attribute(table: &Table, c: usize) -> String {
    let column = &table.columns[c];
    column
        .attribute
        .clone()
        .unwrap_or_else(|| column.name.clone())
}
