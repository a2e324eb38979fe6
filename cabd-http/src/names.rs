//! Names of features kept in memory: a search while typing does not read every name of the inventory.

use std::sync::Arc;

use cabd_core::catalog::{Catalog, FeatureType};
use cabd_core::store::names::{Found, Names};
use cabd_core::{CommitNumber, FeatureQuery, Result, Store};

use crate::apart::apart;
use crate::app::App;
use crate::tiles;

/// What the service remembers of names.
pub(crate) struct Remembered {
    names: Names,
    /// One reading at a time.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Remembered {
    pub(crate) fn new(most_mb: u64) -> Self {
        let bytes = most_mb.saturating_mul(1_000_000);
        Self {
            names: Names::new(usize::try_from(bytes).unwrap_or(usize::MAX)),
            reading: Arc::default(),
        }
    }

    /// Memory held, in bytes, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.names.bytes() as u64
    }

    /// In step with the store; called by the gate of tiles, where one looks for all.
    pub(crate) async fn follow(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
        head: CommitNumber,
    ) -> Result<()> {
        self.names.follow(store, catalog, head).await
    }
}

/// What the names of a question find, where they are known as of a look that began after the call. Where they are not, they are read for
/// the next question.
pub(crate) async fn found(
    app: &Arc<App>,
    ft: &FeatureType,
    question: &FeatureQuery,
) -> Result<Option<Found>> {
    if question.names.is_empty() || question.as_of.is_some() || app.settings.names_mb == 0 {
        return Ok(None);
    }
    let moment = tiles::now(app).await.map_err(tiles::unshared)?;
    if !app.names.names.knows(&moment.catalog, ft) {
        if let Ok(turn) = app.names.reading.clone().try_lock_owned() {
            let (app, catalog, ft) = (app.clone(), moment.catalog.clone(), ft.id().to_owned());
            tokio::spawn(async move {
                let _turn = turn;
                if let Err(e) = read(&app, &catalog, &ft).await {
                    tracing::warn!(error = ?e, "the names of features cannot be read");
                }
            });
        }
        return Ok(None);
    }
    let (app, question) = (app.clone(), question.clone());
    let search = move || app.names.names.find(&moment.catalog, &question);
    apart(search).await
}

/// Reads the names of a type's features, unless they are known.
pub(crate) async fn prepared(app: &App, catalog: &Catalog, ft: &str) -> Result<()> {
    let _turn = app.names.reading.lock().await;
    read(app, catalog, ft).await
}

async fn read(app: &App, catalog: &Catalog, ft: &str) -> Result<()> {
    let ft = catalog.feature_type(ft)?;
    let store = app.store.as_ref();
    app.names.names.prepare(store, catalog, ft).await
}

/// The question about what was found, or as it was.
pub(crate) fn narrowed(found: Option<&Found>, question: &FeatureQuery) -> FeatureQuery {
    found.map_or_else(|| question.clone(), |f| f.narrow(question))
}
