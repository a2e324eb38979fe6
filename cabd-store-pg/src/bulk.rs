//! Bulk mode: an empty table is filled without foreign keys, look-up indexes and row triggers, which come back before
//! the commit.

use std::sync::Arc;

use cabd_core::catalog::{Relation, Table};
use cabd_core::error::{ErrorKind, Result};

use crate::error::pg;
use crate::sql::audit::{bulk_entry, log_all_inserts};
use crate::sql::{ident, literal, name_of, rows};
use crate::transaction::Transaction;

/// Longest wait for the table before the load goes on without bulk mode.
const LOCK_WAIT: &str = "2s";

/// A table in bulk mode, and what it gets back.
pub(crate) struct Bulk {
    table: Arc<Table>,
    /// Name and definition.
    foreign_keys: Vec<(String, String)>,
    /// Definitions.
    indexes: Vec<String>,
}

impl Transaction {
    /// Puts the table into bulk mode if it is empty and nobody else uses it.
    pub(crate) async fn begin_bulk(&mut self, table: &Arc<Table>) -> Result<()> {
        if !self.is_empty(table).await? {
            return Ok(());
        }
        self.session.run("SAVEPOINT bulk").await?;
        match self.prepare_bulk(table).await {
            Ok(Some(bulk)) => {
                self.bulk.push(bulk);
                self.session
                    .run("RELEASE SAVEPOINT bulk; SET LOCAL lock_timeout = '30s'")
                    .await
            }
            Ok(None) => self.leave_savepoint().await,
            Err(e) if e.kind() == ErrorKind::Busy || e.kind() == ErrorKind::Denied => {
                self.leave_savepoint().await
            }
            Err(e) => Err(e),
        }
    }

    async fn leave_savepoint(&self) -> Result<()> {
        self.session
            .run("ROLLBACK TO SAVEPOINT bulk; RELEASE SAVEPOINT bulk")
            .await
    }

    async fn is_empty(&self, table: &Table) -> Result<bool> {
        let row = self
            .session
            .client()?
            .query_one(&rows::is_empty(table), &[])
            .await
            .map_err(pg)?;
        row.try_get(0).map_err(pg)
    }

    async fn prepare_bulk(&self, table: &Arc<Table>) -> Result<Option<Bulk>> {
        let name = name_of(table);
        self.session
            .run(&format!(
                "SET LOCAL lock_timeout = '{LOCK_WAIT}'; LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"
            ))
            .await?;
        if !self.is_empty(table).await? {
            return Ok(None);
        }
        let client = self.session.client()?;
        let mut foreign_keys: Vec<(String, String)> = vec![];
        let mut indexes = vec![];
        let mut script = String::new();
        let found = client
            .query(include_str!("../sql/keys_and_indexes.sql"), &[&name])
            .await
            .map_err(pg)?;
        for row in &found {
            let (kind, object, definition): (&str, String, String) =
                (row.get(0), row.get(1), row.get(2));
            if kind == "f" {
                script.push_str(&format!(
                    "ALTER TABLE {name} DROP CONSTRAINT {};\n",
                    ident(&object)
                ));
                foreign_keys.push((object, definition));
            } else {
                script.push_str(&format!(
                    "DROP INDEX {}.{};\n",
                    ident(&table.schema),
                    ident(&object)
                ));
                indexes.push(definition);
            }
        }
        script.push_str(&format!(
            "SELECT set_config('cabd.bulk', coalesce(current_setting('cabd.bulk', true), '') || {}, true)",
            literal(&bulk_entry(table))
        ));
        self.session.run(&script).await?;
        Ok(Some(Bulk {
            table: table.clone(),
            foreign_keys,
            indexes,
        }))
    }

    /// Ends bulk mode of a relation, or of all: logs the rows, brings back indexes and foreign keys.
    pub(crate) async fn end_bulk(&mut self, of: Option<&Relation>) -> Result<()> {
        let ending: Vec<Bulk> = match of {
            None => std::mem::take(&mut self.bulk),
            Some(relation) => {
                let at = self.bulk.iter().position(|b| b.table.relation == *relation);
                at.map(|i| self.bulk.swap_remove(i)).into_iter().collect()
            }
        };
        if ending.is_empty() {
            return Ok(());
        }
        self.session
            .run("SET LOCAL maintenance_work_mem = '256MB'")
            .await?;
        for b in &ending {
            self.session.run(&log_all_inserts(&b.table)).await?;
            for definition in &b.indexes {
                self.session.run(definition).await?;
            }
        }
        for b in &ending {
            let name = name_of(&b.table);
            for (key, definition) in &b.foreign_keys {
                let text = format!(
                    "ALTER TABLE {name} ADD CONSTRAINT {} {definition}",
                    ident(key)
                );
                self.session.run(&text).await?;
            }
            self.session.run(&format!("ANALYZE {name}")).await?;
        }
        let left: String = self.bulk.iter().map(|b| bulk_entry(&b.table)).collect();
        self.session
            .run(&format!(
                "SELECT set_config('cabd.bulk', {}, true)",
                literal(&left)
            ))
            .await
    }
}
