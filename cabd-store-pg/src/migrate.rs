//! The schema's versions: what a database has, and how it is brought up to date.

use cabd_core::error::{Error, ErrorKind, Result};

use crate::error::pg;
use crate::pool::Session;

refinery::embed_migrations!("migrations");

/// Where applied migrations are listed.
const HISTORY: &str = "cabd.schema_history";

/// The newest version this program knows.
pub(crate) fn newest() -> i64 {
    migrations::runner()
        .get_migrations()
        .iter()
        .map(|m| i64::from(m.version()))
        .max()
        .unwrap_or(0)
}

/// The version of the database's schema; `None` where there is no cabd store.
pub(crate) async fn version(session: &Session) -> Result<Option<i64>> {
    let client = session.client()?;
    let found = client
        .query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&HISTORY])
        .await
        .map_err(pg)?;
    if !found.get::<_, bool>(0) {
        return Ok(None);
    }
    let sql = format!("SELECT max(version)::int8 FROM {HISTORY}");
    let row = client.query_one(&sql, &[]).await.map_err(pg)?;
    Ok(row.get(0))
}

/// Brings the schema up to date in one transaction; several programs may try at once.
///
/// # Errors
/// [`ErrorKind::NewerStore`] when a newer program wrote it.
pub(crate) async fn migrate(session: &mut Session) -> Result<()> {
    session.begin_work();
    session
        .run("SELECT pg_advisory_lock(4617, 3); CREATE SCHEMA IF NOT EXISTS cabd")
        .await?;
    let outcome = run(session).await;
    let unlocked = session.run("SELECT pg_advisory_unlock(4617, 3)").await;
    outcome?;
    unlocked?;
    session.end_work();
    Ok(())
}

async fn run(session: &mut Session) -> Result<()> {
    let before = version(session).await?;
    refuse_newer(before)?;
    if before == Some(newest()) {
        return Ok(());
    }
    let mut runner = migrations::runner().set_grouped(true);
    runner.set_migration_table_name(HISTORY);
    let client: &mut tokio_postgres::Client = session.client_mut()?;
    runner.run_async(client).await.map_err(|e| {
        Error::internal("the schema could not be brought up to date")
            .hint("nothing was changed; see the cause")
            .because(e)
    })?;
    crate::catalog::install_shared(session).await?;
    if before.is_none() {
        return Ok(());
    }
    // Triggers and queries of an older version know an older schema.
    session.begin("").await?;
    crate::catalog::regenerate(session, false).await?;
    session.commit().await
}

/// Refuses a schema that is newer than this program.
pub(crate) fn refuse_newer(version: Option<i64>) -> Result<()> {
    match version {
        Some(v) if v > newest() => Err(Error::new(
            ErrorKind::NewerStore,
            format!(
                "the store has schema version {v}, this program knows {}",
                newest()
            ),
        )
        .hint("use a newer cabd")),
        _ => Ok(()),
    }
}
