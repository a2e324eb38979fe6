//! What can be set: one flat table, read from a file, the environment and flags in that order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use cabd_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::writers;

/// Before the name of a setting in the environment.
pub const ENVIRONMENT: &str = "CABD_HTTP_";

/// The settings of the service. A setting that is not given has the value of [`Settings::default`].
///
/// ```
/// use cabd_http::Settings;
/// let file = "max_features = 1000\nprefix = \"/api\"\n";
/// let environment = [("CABD_HTTP_MAX_FEATURES".to_owned(), "2000".to_owned())];
/// let settings = Settings::read(Some(("cabd.toml", file)), environment, &[])?;
/// assert_eq!((settings.max_features, settings.prefix.as_str()), (2000, "/api"));
///
/// let wrong = Settings::read(None, [], &["max_features=many".to_owned()]).unwrap_err();
/// assert_eq!(wrong.field_name(), Some("max_features"));
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The store, where the command line names none. May hold a password: it is never shown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub store: String,
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Path below which the API is found; empty for the root.
    pub prefix: String,
    /// Address under which clients reach the service, without the prefix: `https://example.org`. Empty: told by each request.
    pub public_url: String,
    /// Whether `X-Forwarded-Proto`, `-Host` and `-Prefix` are believed: only behind a proxy that sets them itself.
    pub trust_forwarded: bool,
    /// Origins whose pages may read answers; `*` is every one.
    pub cors_origins: Vec<String>,
    /// The super type behind `/features` and `/features/{uuid}`.
    pub all_features_type: String,
    /// Most features in one answer; a larger one is refused with 403.
    pub max_features: u64,
    /// Name of the layer of every tile; empty: each layer has the name of its type. `default` for clients of the original.
    pub tile_layer: String,
    /// Most memory for tiles that were made, in megabytes.
    pub tile_cache_mb: u64,
    /// Most memory for short answers that are given again while nothing is written, in megabytes.
    pub answer_cache_mb: u64,
    /// Most memory for the names of features, from which a search by name is answered, in megabytes; 0: the store is asked.
    pub names_mb: u64,
    /// Licence of the data, named in every collection.
    pub licence: String,
    /// Whether the page with the map is served at `/`.
    pub page: bool,
    /// A PMTiles file that the page's map shows below the features; empty for land and borders alone.
    pub basemap: String,
    /// Address of a MapLibre style that the page's map uses instead of its own base map; empty for none.
    pub style_url: String,
    /// Whether `/status` tells latest changes, counts by source and findings: to whoever can reach the service.
    pub status: bool,
    /// Whether answers are compressed where the client accepts it.
    pub compress: bool,
    /// Answers in progress at a time; others wait.
    pub max_concurrent: usize,
    /// Open connections; others wait to be accepted.
    pub max_connections: usize,
    /// How long a request waits for its turn before it is answered 503.
    pub queue_seconds: u64,
    /// How long a request may take until its first byte before it is answered 503.
    pub answer_seconds: u64,
    /// How long a client may stop reading before its answer is ended.
    pub stalled_seconds: u64,
    /// How often commits of other programs are sealed; 0 for never.
    pub seal_seconds: u64,
    /// How long a client may take to send the head of a request, and keep an idle connection.
    pub header_seconds: u64,
    /// How long answers in progress may go on after the signal to end.
    pub shutdown_seconds: u64,
    /// Longest path and query; a longer one is answered 414.
    pub max_uri_bytes: usize,
    /// Largest sum of header names and values; a larger one is answered 431.
    pub max_header_bytes: usize,
    /// Largest body of a request; a larger one is answered 413.
    pub max_body_bytes: u64,
    /// Who may write: `name:secret`, the name for the log, the secret for `Authorization: Bearer`. None: the service is read only.
    pub write_tokens: Vec<String>,
    /// Who may see the names of people in history and feed: `name:secret`, as `write_tokens`. A token in both lists does both.
    pub admin_tokens: Vec<String>,
    /// Form of the log: `text` or `json`.
    pub log: LogForm,
    /// How much is logged: `error`, `warn`, `info`, `debug` or `off`.
    pub log_level: LogLevel,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Faults.
    Error,
    /// Faults and what may become one.
    Warn,
    /// One line a request too.
    Info,
    /// More.
    Debug,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            store: String::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            prefix: "/cabd-api".to_owned(),
            public_url: String::new(),
            trust_forwarded: false,
            cors_origins: vec!["*".to_owned()],
            all_features_type: "all_features".to_owned(),
            max_features: 55_000,
            tile_layer: String::new(),
            tile_cache_mb: 256,
            answer_cache_mb: 64,
            names_mb: 256,
            licence: "https://creativecommons.org/licenses/by-sa/4.0/".to_owned(),
            page: true,
            basemap: String::new(),
            style_url: String::new(),
            status: false,
            compress: true,
            max_concurrent: 128,
            max_connections: 4096,
            queue_seconds: 30,
            answer_seconds: 60,
            stalled_seconds: 60,
            seal_seconds: 60,
            header_seconds: 15,
            shutdown_seconds: 30,
            max_uri_bytes: 16 * 1024,
            max_header_bytes: 32 * 1024,
            max_body_bytes: 1024 * 1024,
            write_tokens: vec![],
            admin_tokens: vec![],
            log: LogForm::Text,
            log_level: LogLevel::Info,
        }
    }
}

impl Settings {
    /// Reads the settings: `file` (its name and TOML text), then variables that begin with [`ENVIRONMENT`], then
    /// `NAME=VALUE` of flags. Later ones win.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](cabd_core::ErrorKind::Invalid) for an unknown setting or a value that does not fit, naming
    /// the setting and where it was given.
    pub fn read(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[String],
    ) -> Result<Self> {
        let mut table = toml::Table::new();
        if let Some((name, text)) = file {
            table = text.parse().map_err(|e: toml::de::Error| {
                // The text itself may hold a password: position and reason only.
                let line = e
                    .span()
                    .map_or(1, |s| 1 + text[..s.start].matches('\n').count());
                Error::invalid(format!("not TOML: {}", e.message())).at(format!("{name}:{line}"))
            })?;
            Self::fits(&table).map_err(|e| e.at(name.to_owned()))?;
        }
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        for (name, value) in environment {
            if let Some(key) = name.strip_prefix(ENVIRONMENT) {
                set(&mut table, &key.to_lowercase(), &value).map_err(|e| e.at(name))?;
            }
        }
        for flag in flags {
            let (key, value) = flag.split_once('=').ok_or_else(|| {
                Error::invalid("not a setting")
                    .field("set")
                    .value(flag)
                    .expected("NAME=VALUE, for example max_features=1000")
            })?;
            set(&mut table, key.trim(), value)?;
        }
        let settings = Self::fits(&table)?;
        settings.check()?;
        Ok(settings)
    }

    fn fits(table: &toml::Table) -> Result<Self> {
        let known = Self::names();
        for (key, value) in table {
            if !known.contains(&key.as_str()) {
                return Err(unknown(key));
            }
            let one = toml::Table::from_iter([(key.clone(), value.clone())]);
            one.try_into::<Self>().map_err(|e| wrong(key, value, &e))?;
        }
        table
            .clone()
            .try_into()
            .map_err(|e: toml::de::Error| Error::invalid(e.message().to_owned()))
    }

    fn check(&self) -> Result<()> {
        let refuse = |field: &str, value: &str, expected: &str| {
            Err(Error::invalid("the setting does not fit")
                .field(field)
                .value(value)
                .expected(expected))
        };
        let is_path =
            self.prefix.is_empty() || self.prefix.starts_with('/') && !self.prefix.ends_with('/');
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
        if !is_path || !self.prefix.chars().all(is_plain) {
            return refuse(
                "prefix",
                &self.prefix,
                "a path such as /cabd-api, or nothing",
            );
        }
        let url = self.public_url.as_str();
        let is_url = url.starts_with("http://") || url.starts_with("https://");
        if !url.is_empty() && (!is_url || url.contains(|c: char| c.is_control() || c == ' ')) {
            return refuse("public_url", url, "http://… or https://…");
        }
        let style = self.style_url.as_str();
        let is_style = style.starts_with("https://") || style.starts_with("http://");
        let is_odd = |c: char| c.is_control() || c.is_whitespace() || ";,'\"".contains(c);
        if !style.is_empty() && (!is_style || style.contains(is_odd)) {
            return refuse("style_url", style, "http://… or https://…");
        }
        for (name, number) in [
            ("max_concurrent", self.max_concurrent as u64),
            ("max_connections", self.max_connections as u64),
            ("max_uri_bytes", self.max_uri_bytes as u64),
            ("max_header_bytes", self.max_header_bytes as u64),
            ("answer_seconds", self.answer_seconds),
            ("stalled_seconds", self.stalled_seconds),
            ("header_seconds", self.header_seconds),
        ] {
            if number == 0 {
                return refuse(name, "0", "1 or more");
            }
        }
        writers::check("write_tokens", &self.write_tokens)?;
        writers::check("admin_tokens", &self.admin_tokens)?;
        if self.max_features > i64::MAX as u64 - 1 {
            return refuse(
                "max_features",
                &self.max_features.to_string(),
                "a smaller number",
            );
        }
        Ok(())
    }

    /// The names of all settings.
    pub fn names() -> Vec<&'static str> {
        vec![
            "store",
            "listen",
            "prefix",
            "public_url",
            "trust_forwarded",
            "cors_origins",
            "all_features_type",
            "max_features",
            "tile_layer",
            "tile_cache_mb",
            "answer_cache_mb",
            "names_mb",
            "licence",
            "page",
            "basemap",
            "style_url",
            "status",
            "compress",
            "max_concurrent",
            "max_connections",
            "queue_seconds",
            "answer_seconds",
            "stalled_seconds",
            "seal_seconds",
            "header_seconds",
            "shutdown_seconds",
            "max_uri_bytes",
            "max_header_bytes",
            "max_body_bytes",
            "write_tokens",
            "admin_tokens",
            "log",
            "log_level",
        ]
    }

    /// The settings as TOML, the store as `shown` (without its password), tokens without their secrets.
    ///
    /// # Errors
    /// None that is known: every setting can be written.
    pub fn to_toml(&self, shown: &str) -> Result<String> {
        let settings = Self {
            store: shown.to_owned(),
            write_tokens: writers::shown(&self.write_tokens),
            admin_tokens: writers::shown(&self.admin_tokens),
            ..self.clone()
        };
        toml::to_string(&settings)
            .map_err(|e| Error::internal("the settings cannot be written").because(e))
    }

    pub(crate) fn allows_any_origin(&self) -> bool {
        self.cors_origins.iter().any(|o| o == "*")
    }

    pub(crate) fn answer_time(&self) -> Duration {
        Duration::from_secs(self.answer_seconds)
    }

    pub(crate) fn stalled_time(&self) -> Duration {
        Duration::from_secs(self.stalled_seconds)
    }
}

/// Sets one value from its text, read as the type that the setting has.
fn set(table: &mut toml::Table, key: &str, text: &str) -> Result<()> {
    let known = toml::Table::try_from(Settings {
        store: "-".to_owned(),
        ..Settings::default()
    })
    .map_err(|e| Error::internal("the settings cannot be written").because(e))?;
    let raw = || toml::Value::String(text.to_owned());
    let value = match known.get(key) {
        None => return Err(unknown(key)),
        Some(toml::Value::Integer(_)) => text
            .trim()
            .parse()
            .map_or_else(|_| raw(), toml::Value::Integer),
        Some(toml::Value::Boolean(_)) => text
            .trim()
            .parse()
            .map_or_else(|_| raw(), toml::Value::Boolean),
        Some(toml::Value::Array(_)) => {
            let words = text.split(',').map(str::trim).filter(|w| !w.is_empty());
            toml::Value::Array(words.map(|w| w.to_owned().into()).collect())
        }
        Some(_) => raw(),
    };
    let one = toml::Table::from_iter([(key.to_owned(), value.clone())]);
    one.try_into::<Settings>()
        .map_err(|e| wrong(key, &value, &e))?;
    table.insert(key.to_owned(), value);
    Ok(())
}

fn unknown(key: &str) -> Error {
    Error::invalid("unknown setting")
        .field("set")
        .value(key)
        .expected(Settings::names().join(", "))
}

fn wrong(key: &str, value: &toml::Value, e: &toml::de::Error) -> Error {
    let error = Error::invalid(format!("the setting does not fit: {}", e.message())).field(key);
    match value {
        _ if matches!(key, "store" | "write_tokens" | "admin_tokens") => error,
        toml::Value::String(text) => error.value(text),
        other => error.value(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = "max_features = 1\nlicence = \"a\"\ncompress = false\n";
        let environment = [
            ("CABD_HTTP_MAX_FEATURES".to_owned(), "2".to_owned()),
            ("CABD_HTTP_LICENCE".to_owned(), "b".to_owned()),
            ("HOME".to_owned(), "/".to_owned()),
        ];
        let flags = ["max_features=3".to_owned()];
        let s = Settings::read(Some(("f", file)), environment, &flags).unwrap();
        assert_eq!(
            (s.max_features, s.licence.as_str(), s.compress),
            (3, "b", false)
        );
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (file, field) in [
            ("max_featurs = 1", "set"),
            ("max_features = \"x\"", "max_features"),
            ("max_features = -1", "max_features"),
            ("listen = \"here\"", "listen"),
            ("prefix = \"api/\"", "prefix"),
            ("public_url = \"example.org\"", "public_url"),
            ("log = \"xml\"", "log"),
            ("max_concurrent = 0", "max_concurrent"),
        ] {
            let e = Settings::read(Some(("f", file)), [], &[]).unwrap_err();
            assert_eq!(e.field_name(), Some(field), "{file}: {e}");
        }
        let e = Settings::read(Some(("f", "store = \"secret\nx")), [], &[]).unwrap_err();
        assert!(!e.to_string().contains("secret"), "{e}");
        assert!(e.place().is_some_and(|p| p.starts_with("f:")), "{e}");
    }

    #[test]
    fn every_setting_has_its_name_and_can_be_written_and_read() {
        let all = Settings {
            store: "s".to_owned(),
            ..Settings::default()
        };
        let text = all.to_toml("s").unwrap();
        let table: toml::Table = text.parse().unwrap();
        let written: Vec<&str> = table.keys().map(String::as_str).collect();
        assert_eq!(written.len(), Settings::names().len());
        assert!(Settings::names().iter().all(|n| written.contains(n)));
        assert_eq!(Settings::read(Some(("f", &text)), [], &[]).unwrap(), all);
    }
}
