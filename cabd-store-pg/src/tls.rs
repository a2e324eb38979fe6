//! Encrypted connections: rustls with the system's certificates, where the URL asks for it.

use deadpool_postgres::{Manager, ManagerConfig};
use tokio_postgres::config::SslMode;
use tokio_postgres::{CancelToken, Config, NoTls};

use cabd_core::error::{Error, Result};

/// How a connection is protected.
#[derive(Clone)]
pub(crate) enum Tls {
    Off,
    #[cfg(feature = "tls")]
    Rustls(tokio_postgres_rustls::MakeRustlsConnect),
}

impl Tls {
    /// What the configuration's `sslmode` asks for.
    pub(crate) fn of(config: &Config) -> Result<Self> {
        if config.get_ssl_mode() != SslMode::Require {
            return Ok(Tls::Off);
        }
        Self::required()
    }

    #[cfg(feature = "tls")]
    fn required() -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // A certificate that rustls cannot read protects nothing; the others still do.
            let _ = roots.add(certificate);
        }
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::internal("TLS cannot be set up").because(e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Tls::Rustls(tokio_postgres_rustls::MakeRustlsConnect::new(
            config,
        )))
    }

    #[cfg(not(feature = "tls"))]
    fn required() -> Result<Self> {
        Err(Error::new(
            cabd_core::ErrorKind::Unsupported,
            "this program was built without TLS",
        )
        .field("sslmode")
        .hint("build cabd with the cargo feature `tls`"))
    }

    pub(crate) fn manager(&self, config: Config, settings: ManagerConfig) -> Manager {
        match self {
            Tls::Off => Manager::from_config(config, NoTls, settings),
            #[cfg(feature = "tls")]
            Tls::Rustls(tls) => Manager::from_config(config, tls.clone(), settings),
        }
    }

    /// Asks the server to end what the connection is doing; a failure only means that it runs to its end.
    pub(crate) async fn cancel(&self, token: CancelToken) {
        let _ = match self {
            Tls::Off => token.cancel_query(NoTls).await,
            #[cfg(feature = "tls")]
            Tls::Rustls(tls) => token.cancel_query(tls.clone()).await,
        };
    }
}
