//! `cabd serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use cabd::{Error, ErrorKind, Result};
use cabd_http::{LogForm, LogLevel, Service, Settings};
use clap::Args;
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use crate::files;
use crate::output;
use crate::session;

const EXAMPLES: &str = "\
Settings come from the file, then from the environment (CABD_HTTP_MAX_FEATURES=1000), then from flags; later ones win.
--print-config shows them all. docs/http.md says what each one means.

The command ends with SIGTERM or Ctrl-C when the answers in progress are sent; a second signal ends it at once.

Examples:
  cabd serve inventory.sqlite
  cabd serve inventory.sqlite --listen 0.0.0.0:8080 --public-url https://example.org
  cabd serve --config cabd.toml --set max_features=10000 --set log=json
  cabd serve inventory.sqlite --print-config";

/// Arguments of `cabd serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Serve {
    /// The store; the setting `store` where left out
    store: Option<String>,
    /// Address and port to listen on [setting listen; 127.0.0.1:8080 unless set]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// A TOML file of settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Path below which the API is found [setting prefix; /cabd-api unless set]
    #[arg(long, value_name = "PATH")]
    prefix: Option<String>,
    /// Address under which clients reach the service [setting public_url; told by each request unless set]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Most features in one answer [setting max_features; 55000 unless set]
    #[arg(long, value_name = "N")]
    max_features: Option<u64>,
    /// A PMTiles file below the features of the page, as `cabd basemap build` makes it [setting basemap]
    #[arg(long, value_name = "FILE")]
    basemap: Option<String>,
    /// Any setting
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Show the settings as they apply, passwords hidden, and end
    #[arg(long)]
    print_config: bool,
}

impl Serve {
    /// Serves until the process is told to end.
    pub async fn run(self) -> Result<ExitCode> {
        let settings = self.settings()?;
        if self.print_config {
            output::print(
                settings
                    .to_toml(&cabd::without_password(&settings.store))?
                    .as_bytes(),
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        if settings.store.is_empty() {
            return Err(Error::invalid("no store is named")
                .field("store")
                .expected("a file path, postgres://USER@HOST/DATABASE, or memory:")
                .hint("name it on the command line, in the file, or as CABD_HTTP_STORE"));
        }
        if !settings.basemap.is_empty() && !std::path::Path::new(&settings.basemap).is_file() {
            return Err(Error::not_found("the base map is not there")
                .field("basemap")
                .value(&settings.basemap)
                .hint("`cabd basemap build` makes one from GeoJSON files"));
        }
        log(&settings);
        // Signals count from now on, also while the store is opened.
        let end = Signals::new()?;
        let store = session::open_at_once(&settings.store).await?;
        let listener = TcpListener::bind(settings.listen)
            .await
            .map_err(|e| cannot_listen(e, settings.listen))?;
        let at = listener.local_addr().unwrap_or(settings.listen);
        let prefix = settings.prefix.clone();
        output::note(format!(
            "serving {} at http://{at}{prefix}/features",
            cabd::without_password(&settings.store)
        ));
        let service = Service::new(store.clone(), settings);
        let cut = service.serve(listener, end.first()).await?;
        store.close().await?;
        if cut > 0 {
            output::note(format!("{cut} connections were cut off"));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn settings(&self) -> Result<Settings> {
        let file = match &self.config {
            Some(path) => Some((path.display().to_string(), files::read_text(path)?)),
            None => None,
        };
        let named = [
            ("store", self.store.clone()),
            ("listen", self.listen.map(|a| a.to_string())),
            ("basemap", self.basemap.clone()),
            ("prefix", self.prefix.clone()),
            ("public_url", self.public_url.clone()),
            ("max_features", self.max_features.map(|n| n.to_string())),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        let flags: Vec<String> = self.set.iter().cloned().chain(named).collect();
        let file = file
            .as_ref()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        // A variable that is not UTF-8 is not one of ours.
        let environment = std::env::vars_os()
            .filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
        Settings::read(file, environment, &flags)
    }
}

fn cannot_listen(e: std::io::Error, at: SocketAddr) -> Error {
    let kind = match e.kind() {
        std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        std::io::ErrorKind::AddrInUse => ErrorKind::Conflict,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("cannot listen: {e}"))
        .field("listen")
        .value(at)
        .hint("choose another with --listen ADDRESS:PORT")
        .because(e)
}

/// Sends the log to standard error.
fn log(settings: &Settings) {
    let level = match settings.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false);
    match settings.log {
        LogForm::Text => builder.with_ansi(false).init(),
        LogForm::Json => builder.json().flatten_event(true).init(),
    }
}

/// The signals to end: SIGTERM and Ctrl-C.
struct Signals {
    #[cfg(unix)]
    term: tokio::signal::unix::Signal,
    #[cfg(unix)]
    int: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let take = |kind| signal(kind).map_err(Error::from);
        Ok(Self {
            term: take(SignalKind::terminate())?,
            int: take(SignalKind::interrupt())?,
        })
    }

    #[cfg(not(unix))]
    fn new() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // Where Ctrl-C cannot be heard the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Ready with the first signal; the second one ends the process.
    async fn first(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(i32::from(crate::exit::INTERRUPTED));
        });
    }
}
