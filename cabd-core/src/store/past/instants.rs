//! The last change of a feature, as it was known then: the log does not tell of it where it alone has changed.

use std::collections::HashMap;
use std::sync::Arc;

use futures::TryStreamExt;
use uuid::Uuid;

use super::IDS;
use super::rows::{Since, around};
use crate::catalog::{Relation, Table};
use crate::error::Result;
use crate::id::CommitNumber;
use crate::store::{AuditStore, ChangeQuery, LogEntry};
use crate::time::Timestamp;
use crate::value::{DataType, Value};

/// What the newest commit up to then says of a feature, and what the one before did.
#[derive(Default)]
struct Newest {
    commit: CommitNumber,
    now: Told,
    before: Told,
}

#[derive(Default, Clone)]
struct Told {
    written: Timestamp,
    /// The value of each column that follows, by place; of the others it is when they were written.
    values: HashMap<usize, Value>,
}

impl Since {
    /// Gives features of a base type their instants of then, where the first change since does not tell them: what the newest
    /// change before wrote, or when it was written. Costs the whole history of these features.
    pub async fn put_instants_back<S: AuditStore + ?Sized>(
        &mut self,
        store: &S,
        table: &Arc<Table>,
        ids: impl Iterator<Item = Uuid>,
        at: CommitNumber,
    ) -> Result<()> {
        let follow: Vec<usize> = following(table).collect();
        if follow.is_empty() {
            return Ok(());
        }
        let Relation::Feature(base) = &table.relation else {
            return Ok(());
        };
        let tables = around(&self.catalog, base);
        let unknown: Vec<Uuid> = ids.filter(|id| !self.knows_instants(id)).collect();
        for some in unknown.chunks(IDS) {
            let query = ChangeQuery {
                until: Some(at),
                relations: tables.iter().map(|(t, _)| t.relation.clone()).collect(),
                features: Some(some.to_vec()),
                ..ChangeQuery::since(CommitNumber::default())
            };
            let mut newest: HashMap<Uuid, Newest> = HashMap::new();
            let mut log = store.changes(&query).await?;
            while let Some(e) = log.try_next().await? {
                self.tell(table, &follow, e, &mut newest);
            }
            for (id, n) in newest {
                for place in &follow {
                    let given = n.now.values.get(place).cloned();
                    let value = given.unwrap_or_else(|| written(table, *place, n.now.written));
                    self.was_then(&table.relation, id, *place, value);
                }
            }
        }
        Ok(())
    }

    fn tell(
        &self,
        table: &Table,
        follow: &[usize],
        e: LogEntry,
        newest: &mut HashMap<Uuid, Newest>,
    ) {
        let Some(id) = e.cabd_id else { return };
        let known = newest.entry(id).or_default();
        if known.commit != e.commit {
            let now = Told {
                written: e.datetime,
                values: HashMap::new(),
            };
            known.before = std::mem::replace(&mut known.now, now);
            known.commit = e.commit;
        }
        if (&e.schema, &e.table) != (&table.schema, &table.name) {
            return;
        }
        let mut told = false;
        for (name, value) in &e.new {
            let today = self.today(table, name, e.commit, value.clone());
            if let Some((place, value)) = today.filter(|(place, _)| follow.contains(place)) {
                known.now.values.insert(place, value);
                told = true;
            }
        }
        // The row was changed, and its instant was not.
        if !told && e.action == "UPDATE" && known.now.values.is_empty() {
            known.now = known.before.clone();
        }
    }
}

/// The columns of a table that follow other changes.
pub(super) fn following(table: &Table) -> impl Iterator<Item = usize> {
    let columns = table.columns.iter().enumerate();
    columns.filter(|(_, c)| c.follows).map(|(place, _)| place)
}

fn written(table: &Table, place: usize, instant: Timestamp) -> Value {
    match table.columns[place].data_type {
        DataType::Date => Value::Date(instant.to_zoned(jiff::tz::TimeZone::UTC).date()),
        _ => Value::Timestamp(instant),
    }
}
