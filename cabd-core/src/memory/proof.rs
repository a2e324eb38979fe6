//! Seals of commits in memory.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};

use super::{MemoryStore, State};
use crate::error::Result;
use crate::id::CommitNumber;
use crate::store::proof::personal;
use crate::store::{
    BoxStream, Erasure, Finding, LogEntry, LogValues, Personal, ProofStore, Seal, Sealer,
    StoredRow, StoredRows,
};
use crate::time::format_instant;
use crate::value::Value;

impl State {
    /// Seals what has no seal yet; how many commits.
    pub(super) fn seal(&mut self) -> u64 {
        let last = self.seals.last();
        let after = last.map_or(CommitNumber::default(), |s| s.commit);
        let mut sealer = Sealer::new(last.map(|s| s.chain).unwrap_or_default());
        let (mut seals, mut salts) = (vec![], vec![]);
        let new = self.commits.partition_point(|c| c.commit <= after);
        let mut at = self.log.partition_point(|e| e.commit <= after);
        for set in &self.commits[new..] {
            seals.extend(sealer.changeset(set));
            while let Some(e) = self.log.get(at).filter(|e| e.commit == set.commit) {
                let salt = sealer.row(self.stored(e));
                salts.extend(salt.map(|salt| (e.revision, salt)));
                at += 1;
            }
        }
        seals.extend(sealer.end());
        if !salts.is_empty() {
            let people = Arc::make_mut(&mut self.people);
            people.extend(salts.into_iter().map(|(revision, salt)| {
                let personal = Personal {
                    salt: Some(salt),
                    digests: None,
                };
                (revision, personal)
            }));
        }
        let sealed = seals.len() as u64;
        Arc::make_mut(&mut self.seals).extend(seals);
        sealed
    }

    pub(super) fn seal_of(&self, until: CommitNumber) -> Option<&Seal> {
        let n = self.seals.partition_point(|s| s.commit <= until);
        self.seals[..n].last()
    }

    fn stored(&self, e: &LogEntry) -> StoredRow {
        let text = |values: &LogValues| {
            let object: serde_json::Map<String, serde_json::Value> = values
                .iter()
                .map(|(name, v)| (name.clone(), v.to_json()))
                .collect();
            (!object.is_empty()).then(|| serde_json::Value::from(object).to_string())
        };
        StoredRow {
            revision: e.revision,
            commit: Some(e.commit),
            datetime: format_instant(e.datetime),
            username: e.author.clone(),
            schema: e.schema.clone(),
            table: e.table.clone(),
            action: e.action.clone(),
            cabd_id: e.cabd_id.map(|id| id.to_string()),
            datasource_id: e.datasource_id.map(|id| id.to_string()),
            id_pk: e.id_pk.map(|id| id.to_string()),
            row_key: (!e.row_key.is_empty()).then(|| e.row_key.join("|")),
            old: text(&e.old),
            new: text(&e.new),
            personal: self.people.get(&e.revision).cloned(),
        }
    }
}

/// Takes over the erased values.
fn erase(values: &mut LogValues, fields: &[&str], to: Option<&str>) {
    let to: serde_json::Map<String, serde_json::Value> = to
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    for field in fields {
        if let Some(text) = to.get(*field).and_then(serde_json::Value::as_str) {
            values.insert((*field).to_owned(), Value::from(text));
        }
    }
}

#[async_trait]
impl ProofStore for MemoryStore {
    async fn seal(&self) -> Result<u64> {
        let _writer = self.writer.lock().await;
        let mut state = (*self.state()).clone();
        let sealed = state.seal();
        if sealed > 0 {
            self.replace(state);
        }
        Ok(sealed)
    }

    async fn seals(&self, after: CommitNumber) -> Result<BoxStream<Seal>> {
        let state = self.state();
        let n = state.seals.partition_point(|s| s.commit <= after);
        let found: Vec<Result<Seal>> = state.seals[n..].iter().cloned().map(Ok).collect();
        Ok(stream::iter(found).boxed())
    }

    async fn seal_of(&self, until: CommitNumber) -> Result<Option<Seal>> {
        Ok(self.state().seal_of(until).cloned())
    }

    async fn stored_rows(&self, query: &StoredRows) -> Result<BoxStream<StoredRow>> {
        let state = self.state();
        let wanted = |e: &&LogEntry| {
            e.commit > query.after
                && query.until.is_none_or(|until| e.commit <= until)
                && (!query.only_people || !personal(&e.schema, &e.table).is_empty())
        };
        let rows = state.log.iter().filter(wanted).map(|e| Ok(state.stored(e)));
        let rows: Vec<Result<StoredRow>> = rows.collect();
        Ok(stream::iter(rows).boxed())
    }

    async fn erase_stored(&self, rows: Vec<Erasure>) -> Result<()> {
        let _writer = self.writer.lock().await;
        let mut state = (*self.state()).clone();
        let log = Arc::make_mut(&mut state.log);
        let people = Arc::make_mut(&mut state.people);
        for row in rows {
            let at = log.partition_point(|e| e.revision < row.revision);
            if let Some(e) = log.get_mut(at).filter(|e| e.revision == row.revision) {
                let fields = personal(&e.schema, &e.table);
                erase(&mut e.old, fields, row.old.as_deref());
                erase(&mut e.new, fields, row.new.as_deref());
            }
            let left = Personal {
                salt: None,
                digests: Some(row.digests),
            };
            people.insert(row.revision, left);
        }
        self.replace(state);
        Ok(())
    }

    async fn log_triggers(&self) -> Result<Vec<Finding>> {
        Ok(vec![])
    }
}
