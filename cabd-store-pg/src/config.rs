//! The connection URL: how it is read, and how it is shown.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use cabd_core::error::{Error, Result};

/// Server settings every connection begins with: plans for short queries, and times in UTC.
const OPTIONS: &str = "-c jit=off -c TimeZone=UTC -c client_min_messages=warning";

/// Reads a `postgres://` URL or a key-value string. `sslmode` `verify-ca` and `verify-full` mean `require`, which
/// always verifies here.
///
/// # Errors
/// [`ErrorKind::Invalid`](cabd_core::ErrorKind::Invalid); the text, which may hold a password, is not repeated.
pub(crate) fn read(url: &str) -> Result<Config> {
    let url = url
        .replace("sslmode=verify-full", "sslmode=require")
        .replace("sslmode=verify-ca", "sslmode=require");
    let mut config: Config = url.parse().map_err(|e: tokio_postgres::Error| {
        Error::invalid("not a PostgreSQL URL")
            .field("url")
            .expected("postgres://user:password@host:port/database")
            .hint("write special characters of a password as %XX")
            .because(e)
    })?;
    let options = match config.get_options() {
        Some(theirs) => format!("{OPTIONS} {theirs}"),
        None => OPTIONS.to_owned(),
    };
    config.options(options);
    if config.get_application_name().is_none() {
        config.application_name("cabd");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(std::time::Duration::from_secs(10));
    }
    Ok(config)
}

/// Where the store is, without the password.
pub(crate) fn location(config: &Config) -> String {
    let user = config.get_user().map_or(String::new(), |u| format!("{u}@"));
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string().replace('/', "%2F"),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or("postgres");
    format!("postgres://{user}{host}:{port}/{database}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_location_has_no_password() {
        let config =
            read("postgres://me:s3cret@db.example:5433/inventory?sslmode=verify-full").unwrap();
        assert_eq!(location(&config), "postgres://me@db.example:5433/inventory");
    }

    #[test]
    fn a_url_that_cannot_be_read_does_not_repeat_the_password() {
        let e = read("postgres://me:s3cret@db:99999999/x").unwrap_err();
        assert!(!format!("{e:?}").contains("s3cret"));
    }
}
