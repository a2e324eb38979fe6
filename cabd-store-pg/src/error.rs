//! Errors of the driver and the server, mapped once to kinds.

use tokio_postgres::error::{DbError, SqlState};

use cabd_core::error::{Error, ErrorKind};

/// An error of a statement.
pub(crate) fn pg(e: tokio_postgres::Error) -> Error {
    match e.as_db_error() {
        Some(db) => server(db).because(e),
        None if e.is_closed() || is_io(&e) => Error::new(
            ErrorKind::Unreachable,
            "the connection to the server was lost",
        )
        .hint("see whether the server still runs, then try again")
        .because(e),
        None => driver(e),
    }
}

fn is_io(e: &tokio_postgres::Error) -> bool {
    std::error::Error::source(e).is_some_and(|s| s.is::<std::io::Error>())
}

/// An error the encoder of a value raised keeps its own kind.
fn driver(e: tokio_postgres::Error) -> Error {
    let inner = std::error::Error::source(&e).and_then(|s| s.downcast_ref::<Error>());
    match inner {
        Some(ours) => Error::new(ours.kind(), ours.to_string()),
        None => Error::internal("the driver refused").because(e),
    }
}

/// An error of opening a connection.
pub(crate) fn connecting(e: tokio_postgres::Error, location: &str) -> Error {
    let Some(db) = e.as_db_error() else {
        return Error::new(ErrorKind::Unreachable, "the server cannot be reached")
            .at(location.to_owned())
            .hint("see that PostgreSQL runs there and that host and port are right")
            .because(e);
    };
    let code = db.code();
    let refused = match code {
        c if *c == SqlState::INVALID_CATALOG_NAME => Error::not_found(db.message().to_owned())
            .hint("make the database with `createdb`, then run `cabd init`"),
        c if c.code().starts_with("28") => {
            Error::new(ErrorKind::Unreachable, db.message().to_owned())
                .hint("check user and password")
        }
        _ => server(db),
    };
    refused.at(location.to_owned()).because(e)
}

/// What the server said, by its SQLSTATE.
fn server(db: &DbError) -> Error {
    let code = db.code();
    let said = db.message().to_owned();
    let table = || match (db.schema(), db.table()) {
        (Some(s), Some(t)) => format!("{s}.{t}"),
        _ => "the table".to_owned(),
    };
    if *code == SqlState::UNIQUE_VIOLATION {
        let e = Error::conflict(format!("{} has this row already", table()));
        return match db.detail().and_then(key_in) {
            Some((columns, values)) => e.field(columns).value(values),
            None => e,
        };
    }
    if *code == SqlState::FOREIGN_KEY_VIOLATION {
        let e = Error::conflict(format!("{}: {said}", table()));
        return match db.detail().and_then(key_in) {
            Some((columns, values)) => e.field(columns).value(values),
            None => e,
        };
    }
    let kind = match code.code() {
        "40001" | "40P01" | "55P03" | "57014" | "53300" | "55006" => ErrorKind::Busy,
        "53100" => ErrorKind::Full,
        "42501" | "25006" => ErrorKind::Denied,
        "57P01" | "57P02" | "57P03" | "28000" | "28P01" => ErrorKind::Unreachable,
        "0A000" => ErrorKind::Unsupported,
        "58030" => ErrorKind::Io,
        "XX001" | "XX002" | "42P01" | "42703" => ErrorKind::Corrupt,
        c if c.starts_with("08") => ErrorKind::Unreachable,
        c if c.starts_with("22") || c.starts_with("23") => ErrorKind::Invalid,
        _ => ErrorKind::Internal,
    };
    let e = Error::new(kind, said);
    let e = match db.column() {
        Some(c) => e.field(c),
        None => e,
    };
    match (kind, db.hint()) {
        (_, Some(hint)) => e.hint(hint.to_owned()),
        (ErrorKind::Busy, None) => e.hint("somebody else holds the rows; try again"),
        (ErrorKind::Full, None) => e.hint("make room on the server's disk; nothing was written"),
        (ErrorKind::Denied, None) => {
            e.hint("ask the database's owner for the right, or use another role")
        }
        (ErrorKind::Corrupt, None) => e.hint("`cabd doctor` lists what is missing"),
        _ => e,
    }
}

/// Columns and values of a detail like `Key (a, b)=(1, 2) already exists.`
fn key_in(detail: &str) -> Option<(&str, &str)> {
    let (_, rest) = detail.split_once('(')?;
    let (columns, rest) = rest.split_once(")=(")?;
    let end = rest.rfind(") ")?;
    Some((columns, &rest[..end]))
}

#[cfg(test)]
mod tests {
    use super::key_in;

    #[test]
    fn the_key_is_read_from_the_servers_detail() {
        let detail = "Key (code, name)=(7, Chute (petite)) already exists.";
        assert_eq!(key_in(detail), Some(("code, name", "7, Chute (petite)")));
        assert_eq!(key_in("something else"), None);
    }
}
