//! Bulk mode: an empty table is filled without foreign keys, look-up indexes and row triggers, which come back before
//! the commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cabd_core::catalog::{Catalog, Relation, Table};
use cabd_core::error::{ErrorKind, Result};

use crate::error::pg;
use crate::pool::Session;
use crate::sql::audit::{log_all_inserts, row_triggers};
use crate::sql::rows::{analyze, is_empty as no_rows};
use crate::sql::{ident, name_of};
use crate::transaction::Transaction;

/// Longest wait for the tables before the load goes on without bulk mode.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// The pause between two attempts.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Rows from which foreign keys come back unvalidated: their values were checked under the locks that bulk mode holds.
/// [`PgStore::close`](crate::PgStore) validates them.
const VALIDATED_ROWS: i64 = 100_000;
/// The statistics target for the first look at the rows; autovacuum takes a better one later.
const ROUGH_STATISTICS: u32 = 25;
/// New log rows from which the log's key and look-up index are built anew rather than row by row.
const LOG_REBUILT_ROWS: i64 = 50_000;

/// A table in bulk mode, and what it gets back.
pub(crate) struct Bulk {
    table: Arc<Table>,
    /// Name and definition.
    foreign_keys: Vec<(String, String)>,
    /// Name and definition, where the primary key was taken away.
    primary_key: Option<(String, String)>,
    /// Definitions of indexes and triggers.
    others: Vec<String>,
    rows: i64,
}

impl Bulk {
    /// Whether it is that relation's.
    pub(crate) fn is_of(&self, relation: &Relation) -> bool {
        self.table.relation == *relation
    }

    /// Counts rows that were inserted.
    pub(crate) fn add(&mut self, rows: usize) {
        self.rows += i64::try_from(rows).unwrap_or(i64::MAX / 2);
    }
}

impl Transaction {
    /// Puts the table into bulk mode if it is empty and nobody else uses it.
    ///
    /// Whoever waits for a lock while holding others may be waited for, and the server then ends either of the two. So all
    /// locks are taken at once or none, and between attempts none is held.
    pub(crate) async fn begin_bulk(&mut self, table: &Arc<Table>) -> Result<()> {
        let version = self.catalog.version;
        let session = self.session().await?;
        let begun = Instant::now();
        loop {
            if !is_empty(session, table).await? {
                return Ok(());
            }
            session.run("SAVEPOINT bulk").await?;
            match prepare(session, table, version).await {
                Ok(Some(bulk)) => {
                    session.run("RELEASE SAVEPOINT bulk").await?;
                    self.bulk.push(bulk);
                    return Ok(());
                }
                Ok(None) => return leave_savepoint(session).await,
                Err(e) if e.kind() == ErrorKind::Busy => {
                    leave_savepoint(session).await?;
                    if begun.elapsed() >= LOCK_WAIT {
                        return Ok(());
                    }
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                Err(e) if e.kind() == ErrorKind::Denied => return leave_savepoint(session).await,
                Err(e) => return Err(e),
            }
        }
    }

    /// Gives a table in bulk mode its primary key back, because rows are about to be looked up.
    pub(crate) async fn need_key(&mut self, of: &Relation) -> Result<()> {
        let Some(bulk) = self.bulk.iter_mut().find(|b| b.is_of(of)) else {
            return Ok(());
        };
        let Some(key) = bulk.primary_key.take() else {
            return Ok(());
        };
        let table = bulk.table.clone();
        add_primary_key(self.session().await?, &table, &key).await
    }

    /// Ends bulk mode of a relation, or of all: logs the rows, brings back indexes and foreign keys.
    pub(crate) async fn end_bulk(&mut self, of: Option<&Relation>) -> Result<()> {
        let ending: Vec<Bulk> = match of {
            None => std::mem::take(&mut self.bulk),
            Some(relation) => {
                let at = self.bulk.iter().position(|b| b.is_of(relation));
                at.map(|i| self.bulk.swap_remove(i)).into_iter().collect()
            }
        };
        if ending.is_empty() {
            return Ok(());
        }
        let session = self.session().await?;
        session
            .run(&format!(
                "SET LOCAL maintenance_work_mem = '256MB'; \
                 SET LOCAL default_statistics_target = {ROUGH_STATISTICS}"
            ))
            .await?;
        let mut unvalidated = false;
        log_rows(session, &ending).await?;
        for b in &ending {
            if let Some(key) = &b.primary_key {
                add_primary_key(session, &b.table, key).await?;
            }
            for definition in &b.others {
                session.run(definition).await?;
            }
        }
        for b in &ending {
            let name = name_of(&b.table);
            let later = b.rows > VALIDATED_ROWS;
            unvalidated |= later;
            let how = if later { " NOT VALID" } else { "" };
            for (key, definition) in &b.foreign_keys {
                let definition = definition.trim_end_matches(" NOT VALID");
                let text = format!(
                    "ALTER TABLE {name} ADD CONSTRAINT {} {definition}{how}",
                    ident(key)
                );
                session.run(&text).await?;
            }
            session.run(&analyze(&b.table)).await?;
        }
        self.unvalidated |= unvalidated;
        Ok(())
    }
}

/// Validates the foreign keys that big loads left; others read and write meanwhile.
pub(crate) async fn validate_keys(session: &Session, catalog: &Catalog) -> Result<()> {
    let tables: Vec<String> = catalog.tables().iter().map(|t| t.qualified()).collect();
    let found = session
        .client()?
        .query(include_str!("../sql/unvalidated.sql"), &[&tables])
        .await
        .map_err(pg)?;
    for row in &found {
        session.run(row.get(0)).await?;
    }
    Ok(())
}

async fn leave_savepoint(session: &Session) -> Result<()> {
    session
        .run("ROLLBACK TO SAVEPOINT bulk; RELEASE SAVEPOINT bulk")
        .await
}

async fn is_empty(session: &Session, table: &Table) -> Result<bool> {
    let row = session
        .client()?
        .query_one(&no_rows(table), &[])
        .await
        .map_err(pg)?;
    row.try_get(0).map_err(pg)
}

/// Takes away what makes inserts slow. The locks that this needs keep everybody from the table and from the rows its
/// foreign keys name, so what was checked against them stays true. `None` where the table or the catalogue has changed.
async fn prepare(session: &Session, table: &Arc<Table>, version: i64) -> Result<Option<Bulk>> {
    let name = name_of(table);
    let mut tables = vec![name.clone()];
    let found = session
        .client()?
        .query(include_str!("../sql/tables_named.sql"), &[&name])
        .await
        .map_err(pg)?;
    for row in &found {
        tables.push(row.try_get(0).map_err(pg)?);
    }
    session
        .run(&format!(
            "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE NOWAIT",
            tables.join(", ")
        ))
        .await?;
    if !is_empty(session, table).await? {
        return Ok(None);
    }
    let mut bulk = Bulk {
        table: table.clone(),
        foreign_keys: vec![],
        primary_key: None,
        others: vec![],
        rows: 0,
    };
    let mut script = String::new();
    let found = session
        .client()?
        .query(
            include_str!("../sql/keys_and_indexes.sql"),
            &[&name, &row_triggers(table)],
        )
        .await
        .map_err(pg)?;
    for row in &found {
        let (kind, object, definition): (&str, String, String) =
            (row.get(0), row.get(1), row.get(2));
        match kind {
            "i" => {
                script.push_str(&format!(
                    "DROP INDEX {}.{};\n",
                    ident(&table.schema),
                    ident(&object)
                ));
                bulk.others.push(definition);
            }
            "t" => {
                script.push_str(&format!("DROP TRIGGER {} ON {name};\n", ident(&object)));
                bulk.others.push(definition);
            }
            // Other tables' foreign keys need the primary key of a table that has children.
            "p" if table.parent.is_none() => {}
            _ => {
                script.push_str(&format!(
                    "ALTER TABLE {name} DROP CONSTRAINT {};\n",
                    ident(&object)
                ));
                if kind == "p" {
                    bulk.primary_key = Some((object, definition));
                } else {
                    bulk.foreign_keys.push((object, definition));
                }
            }
        }
    }
    session.run(&script).await?;
    let unchanged = crate::catalog::version(session).await? == version;
    Ok(unchanged.then_some(bulk))
}

async fn add_primary_key(session: &Session, table: &Table, key: &(String, String)) -> Result<()> {
    let text = format!(
        "ALTER TABLE {} ADD CONSTRAINT {} {}",
        name_of(table),
        ident(&key.0),
        key.1
    );
    session.run(&text).await
}

/// Writes the lean log rows of all tables that end bulk mode.
async fn log_rows(session: &Session, ending: &[Bulk]) -> Result<()> {
    // Before the rows draw their numbers: the changeset notes where they begin.
    session.run("SELECT cabd.current_changeset()").await?;
    let rows = ending.iter().map(|b| b.rows).sum();
    if rows < LOG_REBUILT_ROWS || log_size(session).await? > rows || !lock_log(session).await? {
        for b in ending {
            session.run(&log_all_inserts(&b.table, None)).await?;
        }
        return Ok(());
    }
    session
        .run(
            "ALTER TABLE cabd.audit_record DROP CONSTRAINT audit_log_pkey; \
             DROP INDEX cabd.audit_log_cabd_id_idx",
        )
        .await?;
    // Nobody else draws numbers: the log is locked.
    let client = session.client()?;
    let sequence = "pg_get_serial_sequence('cabd.audit_record', 'revision')";
    let mut next: i64 = client
        .query_one(&format!("SELECT nextval({sequence})"), &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(pg)?;
    for b in ending {
        let text = log_all_inserts(&b.table, Some(next));
        let logged = client.execute(&text, &[]).await.map_err(pg)?;
        next += i64::try_from(logged).unwrap_or(b.rows);
    }
    session
        .run(&format!("SELECT setval({sequence}, {next}, false)"))
        .await?;
    session.run(include_str!("../sql/log_indexes.sql")).await
}

/// Takes the log for this transaction alone, if nobody else writes to it: others may wait for the loaded tables.
async fn lock_log(session: &Session) -> Result<bool> {
    let text = "SAVEPOINT log; LOCK TABLE cabd.audit_record IN ACCESS EXCLUSIVE MODE NOWAIT; RELEASE SAVEPOINT log";
    match session.run(text).await {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::Busy || e.kind() == ErrorKind::Denied => {
            session
                .run("ROLLBACK TO SAVEPOINT log; RELEASE SAVEPOINT log")
                .await?;
            Ok(false)
        }
        Err(e) => Err(e),
    }
}

/// About how many rows the log has.
async fn log_size(session: &Session) -> Result<i64> {
    let row = session
        .client()?
        .query_one("SELECT pg_relation_size('cabd.audit_record') / 100", &[])
        .await
        .map_err(pg)?;
    row.try_get(0).map_err(pg)
}
