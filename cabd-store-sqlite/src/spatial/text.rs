//! SQL text and transactions for the modules that compose their statements.

use rusqlite::{Connection, Error, ffi};

/// A name as an SQL identifier, always quoted.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as an SQL string literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An error of our own among those of SQLite.
pub(crate) fn refused(message: impl Into<String>) -> Error {
    Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ERROR), Some(message.into()))
}

/// Runs `work` in a savepoint: all of it happens or, on an error, nothing. Works inside and outside a transaction.
pub(crate) fn atomically<T>(
    conn: &Connection,
    savepoint: &str,
    work: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let name = identifier(savepoint);
    conn.execute_batch(&format!("SAVEPOINT {name}"))?;
    let done = work().and_then(|value| {
        conn.execute_batch(&format!("RELEASE {name}"))
            .map(|()| value)
    });
    if done.is_err() {
        // A full disk or a RAISE(ROLLBACK) has ended the transaction already; the first error is the one to tell.
        let _ = conn.execute_batch(&format!("ROLLBACK TO {name}; RELEASE {name}"));
    }
    done
}
