//! SQLite's errors as ours.

use cabd_core::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// Maps an error of the driver, saying what was being done.
pub(crate) fn db(doing: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |e| from_sqlite(doing, e)
}

/// Maps an error of the driver.
pub(crate) fn from_sqlite(doing: &'static str, e: rusqlite::Error) -> Error {
    let code = e.sqlite_error_code();
    let kind = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
        Some(ErrorCode::DiskFull) => ErrorKind::Full,
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => ErrorKind::Denied,
        Some(ErrorCode::CannotOpen) => ErrorKind::NotFound,
        Some(ErrorCode::NotADatabase) => ErrorKind::NotAStore,
        Some(ErrorCode::DatabaseCorrupt) => ErrorKind::Corrupt,
        Some(ErrorCode::SystemIoFailure) => ErrorKind::Io,
        Some(ErrorCode::ConstraintViolation) => ErrorKind::Conflict,
        _ => ErrorKind::Internal,
    };
    let error = Error::new(kind, format!("{doing}: {e}")).because(e);
    match kind {
        ErrorKind::Busy => error.hint("another program is writing; try again when it has finished"),
        ErrorKind::Full => error.hint("make room on the disk; nothing was changed"),
        ErrorKind::Denied => error.hint("the file or its folder is read-only for this user"),
        ErrorKind::NotAStore => error.hint("this is not an SQLite file"),
        ErrorKind::Corrupt => {
            error.hint("restore the file from a copy; `cabd doctor` shows what can still be read")
        }
        _ => error,
    }
}

/// A task of the runtime that did not end.
pub(crate) fn lost(e: tokio::task::JoinError) -> Error {
    Error::internal("a database task ended early").because(e)
}
