//! From a port to the router: connections, their limits, and an orderly end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use cabd_core::store::DeriveExt;
use cabd_core::{Error, ErrorKind, Result, Store};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::front::Front;
use crate::sealing::seal_every;
use crate::settings::Settings;
use crate::{layers, names, routes, tiles};

/// Room for the request line and for what is between headers, beside the limits that are set.
const MORE_HEAD_BYTES: usize = 8 * 1024;
/// The first clients are served before places are read for a map that nobody may open.
const PEACE: Duration = Duration::from_secs(3);
/// A short rest where no connection can be accepted: no more files may be open.
const REST: Duration = Duration::from_millis(100);

/// The API over a store: a router, and the way from a port to it.
pub struct Service {
    app: Arc<App>,
}

impl Service {
    /// The service of a store.
    pub fn new(store: Arc<dyn Store>, settings: Settings) -> Self {
        Self {
            app: Arc::new(App::new(store, settings)),
        }
    }

    /// Every endpoint with everything around it, to be served by this crate or nested into another service.
    pub fn router(&self) -> Router {
        Router::new().fallback_service(self.front())
    }

    fn front(&self) -> Front {
        let routes = layers::surround(routes::routes(&self.app), &self.app);
        Front::new(self.app.clone(), routes)
    }

    /// Answers until `end` is ready; then accepts nothing more, ends idle connections, and gives answers in progress
    /// the time that is set. Gives how many connections were cut off.
    ///
    /// # Errors
    /// None that is known: what goes wrong on one connection ends that one.
    pub async fn serve(
        self,
        listener: TcpListener,
        end: impl Future<Output = ()>,
    ) -> Result<usize> {
        let settings = self.app.settings.clone();
        let front = self.front();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(settings.header_seconds))
            .max_buf_size(settings.max_uri_bytes + settings.max_header_bytes + MORE_HEAD_BYTES);
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(
            settings.max_connections.min(Semaphore::MAX_PERMITS),
        ));
        tokio::pin!(end);
        // The first who asks whether it is ready need not wait for a reader.
        if let Err(e) = tiles::present(&self.app).await {
            tracing::warn!(error = %e, "the inventory does not answer");
        }
        let warming = tokio::spawn(warm(self.app.clone()));
        let sealing = (settings.seal_seconds > 0).then(|| {
            let every = Duration::from_secs(settings.seal_seconds);
            tokio::spawn(seal_every(self.app.store.clone(), every))
        });
        loop {
            let accepted = async {
                // Taken first: a connection that cannot be served waits in the system's queue.
                let place = places.clone().acquire_owned().await;
                (listener.accept().await, place)
            };
            let (socket, place) = tokio::select! {
                biased;
                () = &mut end => break,
                accepted = accepted => match accepted {
                    (Ok((socket, _)), Ok(place)) => (socket, place),
                    (Err(e), _) => {
                        tracing::warn!(error = %e, "a connection was not accepted");
                        tokio::time::sleep(REST).await;
                        continue;
                    }
                    (_, Err(_)) => break,
                },
            };
            // Small pieces go out at once; where that cannot be set they only come later.
            let _ = socket.set_nodelay(true);
            let service = TowerToHyperService::new(front.clone());
            let connection = graceful.watch(http.serve_connection(TokioIo::new(socket), service));
            tokio::spawn(async move {
                if let Err(e) = connection.await {
                    tracing::debug!(error = %e, "a connection broke off");
                }
                drop(place);
            });
        }
        drop(listener);
        warming.abort();
        if let Some(sealing) = sealing {
            sealing.abort();
        }
        self.app.drain();
        let open = graceful.count();
        tracing::info!(connections = open, "ending");
        let most = Duration::from_secs(settings.shutdown_seconds);
        let whole = tokio::time::timeout(most, graceful.shutdown())
            .await
            .is_ok();
        let cut = if whole {
            0
        } else {
            settings
                .max_connections
                .saturating_sub(places.available_permits())
        };
        if cut > 0 {
            tracing::warn!(connections = cut, "cut off");
        }
        Ok(cut)
    }
}

/// Does beforehand what the first clients would wait for: opens a reader beside the first, and reads where the features of
/// the page's map are, and their names. Fills in what follows from rows that other programs have written.
async fn warm(app: Arc<App>) {
    let done = async {
        // Two questions at once that need a reader each.
        let (first, second) = tokio::join!(app.store.releases(), app.store.releases());
        first.and(second)?;
        match app.store.derive_foreign().await {
            // Who may only read has nothing to mend.
            Err(e) if e.kind() != ErrorKind::Denied => {
                tracing::warn!(error = %e, "values cannot be derived for rows that other programs wrote");
            }
            _ => {}
        }
        if app.settings.page {
            tokio::time::sleep(PEACE).await;
            let moment = tiles::now(&app).await?;
            for view in moment.layers.iter().filter(|v| v.is_kept) {
                tiles::prepared(&app, &moment, view).await?;
            }
            for ft in moment.catalog.types().filter(|t| !t.is_super()) {
                names::prepared(&app, &moment.catalog, ft.id()).await?;
            }
        }
        Ok::<(), Arc<Error>>(())
    };
    if let Err(e) = done.await {
        tracing::warn!(error = %e, "nothing could be read beforehand");
    }
}

/// The router of a store: the short form of [`Service::router`].
///
/// ```
/// use std::sync::Arc;
/// use axum::{body::Body, http::Request};
/// use tower::ServiceExt;
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let store = Arc::new(cabd_core::memory::MemoryStore::new());
/// let router = cabd_http::router(store, cabd_http::Settings::default());
/// let request = Request::get("/cabd-api/features/types").body(Body::empty())?;
/// let answer = router.oneshot(request).await?;
/// assert_eq!(answer.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn router(store: Arc<dyn Store>, settings: Settings) -> Router {
    Service::new(store, settings).router()
}
