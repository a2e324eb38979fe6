//! From a location's text to a store: the only place that names the back-ends.

use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "pg")]
use cabd_store_pg::PgStore;
#[cfg(feature = "sqlite")]
use cabd_store_sqlite::SqliteStore;

use crate::error::{Error, ErrorKind, Result};
use crate::memory::MemoryStore;
use crate::store::{DeriveExt, Store};

/// Where a store is, read from its text.
#[derive(Debug, PartialEq)]
enum Location<'a> {
    Memory,
    File(&'a Path),
    Server(&'a str),
}

const EXPECTED: &str = "a file path, postgres://USER@HOST/DATABASE, or memory:";

impl<'a> Location<'a> {
    fn read(text: &'a str) -> Result<Self> {
        if text == "memory:" {
            return Ok(Location::Memory);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Location::Server(text));
        }
        let refused = |message: &'static str| {
            Error::invalid(message)
                .field("store")
                .value(without_password(text))
                .expected(EXPECTED)
        };
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        // `host=db password=…` is libpq's form; taken as a path, its password would appear in a message.
        if path.contains("://") || (path.contains('=') && path.contains("host=")) {
            return Err(refused("unknown kind of store"));
        }
        if path.is_empty() {
            return Err(refused("no store is named"));
        }
        Ok(Location::File(Path::new(path)))
    }
}

/// The location with whatever may be a password replaced by `***`, for messages.
///
/// ```
/// assert_eq!(cabd::without_password("postgres://ann:secret@db/cabd"), "postgres://ann:***@db/cabd");
/// assert_eq!(cabd::without_password("inventory.sqlite"), "inventory.sqlite");
/// ```
pub fn without_password(location: &str) -> String {
    let hidden = match location.split_once("://") {
        Some((scheme, rest)) => {
            // Up to the last `@`, in case the password holds one that was not escaped.
            match rest.rsplit_once('@') {
                Some((login, host)) => match login.split_once(':') {
                    Some((user, _)) => format!("{scheme}://{user}:***@{host}"),
                    None => location.to_owned(),
                },
                None => location.to_owned(),
            }
        }
        None => location.to_owned(),
    };
    let lower = hidden.to_ascii_lowercase();
    let Some(begin) = lower.find("password=") else {
        return hidden;
    };
    let value = begin + "password=".len();
    let end = hidden[value..]
        .find(['&', ' '])
        .map_or(hidden.len(), |length| value + length);
    format!("{}***{}", &hidden[..value], &hidden[end..])
}

/// Opens a store that exists.
///
/// Derived values of rows that other programs have written since the last time are filled in, as a change of their own
/// ([`DeriveExt::derive_foreign`]); not where the store cannot be written. Where that fails the store opens all the same, with a
/// warning through `tracing`: see [`open_telling`].
///
/// The location is a file path (with or without `sqlite:` before it), `postgres://…` or `postgresql://…`, or
/// `memory:` for a new, empty store of this process.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let store = cabd::open("memory:").await?;
/// assert_eq!(store.name(), "memory");
///
/// let missing = cabd::open("no/such/file.sqlite").await.err();
/// assert_eq!(missing.map(|e| e.kind()), Some(cabd::ErrorKind::NotFound));
/// # Ok::<(), cabd::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// By kind; no message holds a password.
///
/// | [`ErrorKind`](crate::ErrorKind) | when |
/// |---|---|
/// | `NotFound` | the file does not exist |
/// | `NotAStore` | the file or database is another program's |
/// | `NewerStore` | a newer cabd wrote it |
/// | `Unreachable` | the server does not answer, or refuses the login |
/// | `Unsupported` | this build leaves the back-end out |
/// | `Invalid` | the location is none of the forms above |
pub async fn open(location: &str) -> Result<Arc<dyn Store>> {
    let (store, waiting) = open_telling(location).await?;
    if let Some(e) = waiting {
        tracing::warn!(error = %e, "values cannot be derived for rows that other programs wrote");
    }
    Ok(store)
}

/// As [`open`], and why values cannot be derived for rows that other programs wrote, where that is so. The rows wait, and
/// are tried again at the next opening; [`Store::doctor`] names it too.
///
/// # Errors
/// As [`open`].
pub async fn open_telling(location: &str) -> Result<(Arc<dyn Store>, Option<Error>)> {
    let store = open_at_once(location).await?;
    // Reading must not fail for it, and who may only read has nothing to mend.
    let failed = store.derive_foreign().await.err();
    Ok((store, failed.filter(|e| e.kind() != ErrorKind::Denied)))
}

/// As [`open`], but what other programs have written is not looked at: for who reads first, and calls
/// [`DeriveExt::derive_foreign`] later.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let store = cabd::open_at_once("memory:").await?;
/// assert_eq!(store.name(), "memory");
/// # Ok::<(), cabd::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`open`].
pub async fn open_at_once(location: &str) -> Result<Arc<dyn Store>> {
    Ok(match Location::read(location)? {
        Location::Memory => Arc::new(MemoryStore::new()),
        Location::File(path) => {
            if !path.try_exists()? {
                return Err(Error::not_found("the store does not exist")
                    .at(path.display().to_string())
                    .hint(format!("make it with `cabd init {}`", path.display())));
            }
            open_file(path).await?
        }
        Location::Server(url) => open_server(url).await?,
    })
}

/// Opens a store, or makes it where there is none: a new file, or cabd's tables in an existing SpatiaLite file or
/// PostGIS database.
///
/// A new store has an empty catalogue; [`shipped`](crate::shipped) is one to put in.
///
/// ```
/// use cabd::store::{CatalogStore, FeatureStore};
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let store = cabd::create("memory:").await?;
/// store.change_catalog(&cabd::shipped()?).await?;
/// assert_eq!(store.count(&cabd::FeatureQuery::of("dams")).await?, 0);
/// # Ok::<(), cabd::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`open`], and `Io`, `Denied` or `Full` when the file cannot be written.
pub async fn create(location: &str) -> Result<Arc<dyn Store>> {
    match Location::read(location)? {
        Location::Memory => Ok(Arc::new(MemoryStore::new())),
        Location::File(path) => create_file(path).await,
        Location::Server(url) => create_server(url).await,
    }
}

/// The error of a back-end that this build leaves out.
#[cfg(not(all(feature = "sqlite", feature = "pg")))]
fn left_out(what: &str, feature: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("this build of cabd cannot open {what}"),
    )
    .hint(format!("build it with the cargo feature `{feature}`"))
}

#[cfg(not(feature = "sqlite"))]
async fn open_file(_: &Path) -> Result<Arc<dyn Store>> {
    Err(left_out("files", "sqlite"))
}

#[cfg(not(feature = "sqlite"))]
async fn create_file(_: &Path) -> Result<Arc<dyn Store>> {
    Err(left_out("files", "sqlite"))
}

#[cfg(not(feature = "pg"))]
async fn open_server(_: &str) -> Result<Arc<dyn Store>> {
    Err(left_out("PostgreSQL databases", "pg"))
}

#[cfg(not(feature = "pg"))]
async fn create_server(_: &str) -> Result<Arc<dyn Store>> {
    Err(left_out("PostgreSQL databases", "pg"))
}

#[cfg(feature = "sqlite")]
async fn open_file(path: &Path) -> Result<Arc<dyn Store>> {
    let path = path.to_owned();
    off_thread(move || Ok(Arc::new(SqliteStore::open(path)?) as Arc<dyn Store>)).await
}

#[cfg(feature = "sqlite")]
async fn create_file(path: &Path) -> Result<Arc<dyn Store>> {
    let path = path.to_owned();
    off_thread(move || Ok(Arc::new(SqliteStore::create(path)?) as Arc<dyn Store>)).await
}

/// Opening a file may wait for a lock, or for a migration.
#[cfg(feature = "sqlite")]
async fn off_thread(
    work: impl FnOnce() -> Result<Arc<dyn Store>> + Send + 'static,
) -> Result<Arc<dyn Store>> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::internal("opening the store did not end").because(e))?
}

#[cfg(feature = "pg")]
async fn open_server(url: &str) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(PgStore::connect(url).await?))
}

#[cfg(feature = "pg")]
async fn create_server(url: &str) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(PgStore::create(url).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(future)
    }

    #[test]
    fn a_location_is_told_by_its_beginning() {
        assert_eq!(Location::read("memory:").unwrap(), Location::Memory);
        for url in ["postgres://h/d", "postgresql://u@h:1/d"] {
            assert_eq!(Location::read(url).unwrap(), Location::Server(url));
        }
        for text in ["a b.sqlite", "sqlite:a b.sqlite"] {
            assert_eq!(
                Location::read(text).unwrap(),
                Location::File(Path::new("a b.sqlite"))
            );
        }
    }

    #[test]
    fn an_unknown_kind_of_store_is_refused_with_what_is_expected() {
        for bad in [
            "",
            "sqlite:",
            "mysql://h/d",
            "https://example.org/a.sqlite",
            "host=db dbname=cabd",
        ] {
            let error = Location::read(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
            assert_eq!(error.expectation(), Some(EXPECTED));
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (text, shown) in [
            ("postgres://u:p@h/d", "postgres://u:***@h/d"),
            ("postgres://u:p@ss@h/d", "postgres://u:***@h/d"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            (
                "postgres://h/d?user=u&password=p&x=1",
                "postgres://h/d?user=u&password=***&x=1",
            ),
            ("host=h Password=p dbname=d", "host=h Password=*** dbname=d"),
            ("plain.sqlite", "plain.sqlite"),
        ] {
            assert_eq!(without_password(text), shown);
        }
        let error = Location::read("host=h password=secret").unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn a_missing_file_says_how_to_make_it() {
        let error = now(open("no/such/file.sqlite")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(
            error.next_step(),
            Some("make it with `cabd init no/such/file.sqlite`")
        );
    }

    #[cfg(not(feature = "pg"))]
    #[test]
    fn a_back_end_that_is_left_out_names_its_feature() {
        let error = now(open("postgres://h/d")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.next_step().unwrap().contains("`pg`"));
    }
}
