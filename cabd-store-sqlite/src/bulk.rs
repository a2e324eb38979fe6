//! Bulk mode: a table is filled without triggers and spatial index, which come back before the commit.

use std::sync::Arc;

use cabd_core::Result;
use cabd_core::catalog::Table;
use rusqlite::params;

use crate::catalog::{drop_triggers, layer_of, put_triggers, run};
use crate::error::db;
use crate::rtree;
use crate::spatial::{self, identifier};
use crate::sql::triggers::log_ids;
use crate::sql::{ddl, table_name};
use crate::transaction::State;

/// Rows in one batch that make it worth to fill a table without triggers.
pub(crate) const BULK_ROWS: usize = 128;

/// A log of fewer rows is indexed anew after a bulk load.
const SHORT_LOG: i64 = 200_000;

/// The indexes of the log, as the migration makes them.
const LOG_INDEXES: [(&str, &str); 2] = [
    (
        "cabd_audit_log_changeset",
        "CREATE INDEX IF NOT EXISTS cabd_audit_log_changeset ON cabd_audit_record (changeset)",
    ),
    (
        "cabd_audit_log_feature",
        "CREATE INDEX IF NOT EXISTS cabd_audit_log_feature ON cabd_audit_record (cabd_id) WHERE cabd_id IS NOT NULL",
    ),
];

/// A table that is filled bare.
pub(crate) struct Bulk {
    table: Arc<Table>,
    /// The greatest ROWID of the rows before; none where the table was empty.
    before: Option<i64>,
}

impl State {
    /// Fills a table bare: triggers and spatial index come at the end, the log is written here. Where the table was empty,
    /// the look-up indexes come at the end too.
    pub(crate) fn begin_bulk(&mut self, table: &Arc<Table>) -> Result<()> {
        if !self.seen.insert(table.relation.clone()) {
            return Ok(());
        }
        let look = db("look at a table");
        let name = table_name(table);
        let empty: bool = self
            .conn
            .query_row(
                &format!("SELECT NOT EXISTS (SELECT 1 FROM {name})"),
                [],
                |r| r.get(0),
            )
            .map_err(&look)?;
        let mut before = None;
        if !empty {
            if !ddl::has_rowid(table) {
                return Ok(());
            }
            let last: i64 = self
                .conn
                .query_row(&format!("SELECT max(ROWID) FROM {name}"), [], |r| r.get(0))
                .map_err(&look)?;
            // At the end of its numbers SQLite gives free ones.
            if last > i64::MAX / 2 {
                return Ok(());
            }
            before = Some(last);
        }
        drop_triggers(&self.conn, table)?;
        if before.is_none() {
            for (name, _) in ddl::look_up_indexes(table) {
                run(
                    &self.conn,
                    &format!("DROP INDEX IF EXISTS {}", identifier(&name)),
                )?;
            }
        }
        let short: bool = self
            .conn
            .query_row(
                "SELECT COALESCE(max(revision), 0) < ? FROM cabd_audit_record",
                [SHORT_LOG],
                |r| r.get(0),
            )
            .map_err(db("look at the log"))?;
        if short {
            for (name, _) in LOG_INDEXES {
                run(&self.conn, &format!("DROP INDEX IF EXISTS {name}"))?;
            }
        }
        self.bulk.push(Bulk {
            table: table.clone(),
            before,
        });
        Ok(())
    }

    /// The log of the new rows follows from the table.
    fn end_bulk(&mut self, Bulk { table, before }: &Bulk) -> Result<()> {
        let new = before.map_or(String::new(), |last| format!(" WHERE ROWID > {last}"));
        let changeset = self.changeset()?;
        let ids = log_ids(table, "").join(", ");
        self.conn
            .execute(
                &format!(
                    "INSERT INTO cabd_audit_record (changeset, username, schemaname, tablename, action, cabd_id, \
                     datasource_id, id_pk, row_key) SELECT ?, ?, ?, ?, 'INSERT', {ids} FROM {}{new}",
                    table_name(table)
                ),
                params![changeset, self.head.author, table.schema, table.name],
            )
            .map_err(db("write the log"))?;
        if before.is_none() {
            for (_, sql) in ddl::look_up_indexes(table) {
                run(&self.conn, &sql)?;
            }
        }
        if let Some(layer) = layer_of(table) {
            let doing = db("build the spatial index");
            let index = layer.index_table();
            let (conn, name, column) = (&self.conn, &layer.table, &layer.column);
            match before {
                None => rtree::build_from_table(conn, name, column, &index),
                Some(last) => rtree::add_from_table(conn, name, column, &index, *last),
            }
            .map_err(&doing)?;
            spatial::update_statistics(&self.conn, &layer.table, &layer.column).map_err(&doing)?;
        }
        put_triggers(&self.conn, table)
    }

    pub(crate) fn leave_bulk(&mut self, table: &Table) -> Result<()> {
        let is_of = |b: &Bulk| b.table.relation == table.relation;
        if let Some(i) = self.bulk.iter().position(is_of) {
            let bulk = self.bulk.remove(i);
            self.end_bulk(&bulk)?;
        }
        Ok(())
    }

    /// Ends bulk mode of every table.
    pub(crate) fn end_all_bulk(&mut self) -> Result<()> {
        let bulk = std::mem::take(&mut self.bulk);
        for b in &bulk {
            self.end_bulk(b)?;
        }
        if !bulk.is_empty() {
            for (_, sql) in LOG_INDEXES {
                run(&self.conn, sql)?;
            }
        }
        Ok(())
    }
}
