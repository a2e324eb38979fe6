//! What every tile's request asks first: is the store still as it was? One look answers all who wait for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cabd_core::store::tiles::{TileView, tile_views};
use cabd_core::{Catalog, CommitNumber, Error, Result};
use tokio::sync::oneshot;

use crate::app::App;

/// A look at the store: nothing that was committed before it began is missing from what it says.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) head: CommitNumber,
    pub(crate) catalog: Arc<Catalog>,
    /// Every type and super type, by its identifier.
    views: HashMap<String, Arc<TileView>>,
    /// The layers of a tile of everything.
    pub(crate) layers: Vec<Arc<TileView>>,
}

impl Moment {
    fn new(head: CommitNumber, catalog: Arc<Catalog>, all: &str) -> Result<Self> {
        let of = |ft: &Arc<cabd_core::FeatureType>| {
            let view = TileView::of(&catalog, ft)?;
            Ok((ft.id().to_owned(), Arc::new(view)))
        };
        let views = catalog.types().map(of).collect::<Result<_>>()?;
        let layers = tile_views(&catalog, all)?;
        Ok(Self {
            head,
            views,
            layers: layers.into_iter().map(Arc::new).collect(),
            catalog,
        })
    }

    /// The view of a type, any case.
    pub(crate) fn view(&self, ft: &str) -> Result<&Arc<TileView>> {
        if let Some(view) = self.views.get(ft) {
            return Ok(view);
        }
        let ft = self.catalog.feature_type(ft)?;
        let view = self.views.get(ft.id());
        view.ok_or_else(|| Error::internal(format!("no view of {}", ft.id())))
    }
}

type Look = std::result::Result<Arc<Moment>, Arc<Error>>;

/// Those who wait for the next look.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    waiting: Mutex<Waiting>,
    last: Mutex<Option<Arc<Moment>>>,
    /// How many glances were begun.
    glances: AtomicU64,
    glance: Mutex<Glance>,
}

/// What the store could tell at once.
#[derive(Debug, Default, Clone, Copy)]
struct Glance {
    number: u64,
    seen: Option<(CommitNumber, i64)>,
}

#[derive(Debug, Default)]
struct Waiting {
    running: bool,
    all: Vec<oneshot::Sender<Look>>,
}

impl Gate {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Arc<Moment>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the looking, also where a look panics: who waits then is told so.
struct Looking {
    app: Arc<App>,
    ended: bool,
}

impl Drop for Looking {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut waiting = self.app.tiles.gate.waiting();
        waiting.running = false;
        waiting.all.clear();
    }
}

/// The look of before, where the store can tell at once that nobody has written since; else a look that began after the call.
pub(crate) async fn present(app: &Arc<App>) -> Look {
    if let Some((head, version)) = glance(app).await {
        let last = app.tiles.gate.last().clone();
        if let Some(last) = last.filter(|l| l.head == head && l.catalog.version == version) {
            return Ok(last);
        }
    }
    now(app).await
}

/// [`cabd_core::Store::unmoved`], begun after the call: one glance for all who have come meanwhile.
async fn glance(app: &App) -> Option<(CommitNumber, i64)> {
    let gate = &app.tiles.gate;
    let came = gate.glances.load(Ordering::SeqCst);
    // Requests that were read already come here first.
    tokio::task::yield_now().await;
    let mut last = gate.glance.lock().unwrap_or_else(PoisonError::into_inner);
    if last.number <= came {
        let number = gate.glances.fetch_add(1, Ordering::SeqCst) + 1;
        let seen = app.store.unmoved();
        *last = Glance { number, seen };
    }
    last.seen
}

/// A look that began after the call.
pub(crate) async fn now(app: &Arc<App>) -> Look {
    let (sender, receiver) = oneshot::channel();
    let begin = {
        let mut waiting = app.tiles.gate.waiting();
        waiting.all.push(sender);
        !std::mem::replace(&mut waiting.running, true)
    };
    if begin {
        tokio::spawn(look_for_all(app.clone()));
    }
    match receiver.await {
        Ok(look) => look,
        Err(_) => Err(Arc::new(Error::internal(
            "the look at the store ended early",
        ))),
    }
}

async fn look_for_all(app: Arc<App>) {
    let mut looking = Looking {
        app: app.clone(),
        ended: false,
    };
    loop {
        let all = {
            let mut waiting = app.tiles.gate.waiting();
            if waiting.all.is_empty() {
                // Under the lock: who comes next begins anew.
                waiting.running = false;
                looking.ended = true;
                return;
            }
            std::mem::take(&mut waiting.all)
        };
        let seen = look(&app).await.map_err(Arc::new);
        for one in all {
            let _ = one.send(seen.clone());
        }
    }
}

async fn look(app: &Arc<App>) -> Result<Arc<Moment>> {
    let store = app.store.as_ref();
    let (head, catalog) = store.moment().await?;
    let gate = &app.tiles.gate;
    let last = gate.last().clone();
    let same = last.filter(|l| l.head == head && l.catalog.version == catalog.version);
    let (moment, is_new) = match same {
        Some(last) => (last, false),
        None => {
            let all = &app.settings.all_features_type;
            (Arc::new(Moment::new(head, catalog, all)?), true)
        }
    };
    app.names.follow(store, &moment.catalog, head).await?;
    // Last of what can fail: what it tells is told once.
    let tiles = &app.tiles;
    let changes = tiles.atlas.follow(store, &moment.catalog, head).await?;
    if !changes.is_empty() {
        tiles.forget(&moment, &changes);
    }
    if is_new {
        *gate.last() = Some(moment.clone());
    }
    Ok(moment)
}
