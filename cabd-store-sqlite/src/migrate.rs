//! Schema versions. All missing migrations run in one transaction; a newer file is refused.

use cabd_core::{Error, ErrorKind, Result};
use refinery::Runner;
use rusqlite::{Connection, OptionalExtension};

use crate::error::db;

mod embedded {
    refinery::embed_migrations!("migrations");
}

const HISTORY: &str = "cabd_schema_history";

fn runner() -> Runner {
    let mut runner = embedded::migrations::runner().set_grouped(true);
    runner.set_migration_table_name(HISTORY);
    runner
}

/// The version of the schema in the file; `None` when it is no cabd store.
pub(crate) fn version(conn: &Connection) -> Result<Option<i64>> {
    let doing = db("read the schema version");
    let exists: Option<i64> = conn
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?",
            [HISTORY],
            |r| r.get(0),
        )
        .optional()
        .map_err(&doing)?;
    if exists.is_none() {
        return Ok(None);
    }
    conn.query_row("SELECT max(version) FROM cabd_schema_history", [], |r| {
        r.get(0)
    })
    .map_err(&doing)
}

/// The newest version this program knows.
pub(crate) fn newest() -> i64 {
    runner()
        .get_migrations()
        .iter()
        .map(|m| i64::from(m.version()))
        .max()
        .unwrap_or(0)
}

/// Refuses a file of a newer program, brings an older one up to date.
///
/// # Errors
/// [`ErrorKind::NewerStore`] with both versions.
pub(crate) fn migrate(conn: &mut Connection) -> Result<()> {
    let here = version(conn)?.unwrap_or(0);
    if here > newest() {
        return Err(Error::new(
            ErrorKind::NewerStore,
            format!(
                "the file has schema version {here}, this program knows up to {}",
                newest()
            ),
        )
        .hint("use a newer cabd"));
    }
    if here == newest() {
        return Ok(());
    }
    runner()
        .run(conn)
        .map_err(|e| Error::internal(format!("bring the schema up to date: {e}")).because(e))?;
    Ok(())
}
