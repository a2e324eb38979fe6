//! Vector tiles: what is remembered, and how a tile is found or made.
//!
//! A request first passes the gate: one look at the store's newest commit for everybody who waits. What has changed is then read
//! from the log and forgotten; a tile that is still there is right. Others are made once, however many ask.

mod cache;
mod gate;
mod make;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cabd_core::store::tiles::{Atlas, Changes, Stale};

pub(crate) use cache::{Key, Made, Subject};
pub(crate) use gate::{Moment, now, present};
pub(crate) use make::{bounds, filtered, find, kept, prepared, unshared};

use cache::Cache;
use gate::Gate;

/// Tiles that are made at a time; others wait.
const AT_ONCE: usize = 8;

/// What the service remembers for tiles.
pub(crate) struct Tiles {
    atlas: Atlas,
    gate: Gate,
    cache: Cache,
    /// One reading of places at a time.
    reading: tokio::sync::Mutex<()>,
    makers: tokio::sync::Semaphore,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Counts for the operator.
#[derive(Debug, Default)]
pub(crate) struct TileCounts {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) place_bytes: u64,
}

impl Tiles {
    pub(crate) fn new(cache_mb: u64) -> Self {
        Self {
            atlas: Atlas::default(),
            gate: Gate::default(),
            cache: Cache::new(cache_mb.saturating_mul(1_000_000)),
            reading: tokio::sync::Mutex::default(),
            makers: tokio::sync::Semaphore::new(AT_ONCE),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub(crate) fn counts(&self) -> TileCounts {
        let (entries, bytes) = self.cache.size();
        let places: usize = self.atlas.bytes().values().sum();
        TileCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries,
            bytes,
            place_bytes: places as u64,
        }
    }

    /// Forgets the tiles that a change may have made stale.
    fn forget(&self, moment: &Moment, changes: &Changes) {
        let mut of_layers = Stale::default();
        for view in &moment.layers {
            of_layers = of_layers.or(changes.stale(&self.atlas, view));
        }
        let mut of_types: HashMap<String, Stale> = HashMap::new();
        for ft in moment.catalog.types() {
            let stale = moment
                .view(ft.id())
                .map_or_else(|_| Stale::all(), |view| changes.stale(&self.atlas, view));
            of_types.insert(ft.id().to_owned(), stale);
        }
        let present = |key: &Key| key.as_of.is_none();
        let stale = |key: &Key| match &key.subject {
            Subject::All | Subject::AllClusters => of_layers.holds(key.tile),
            Subject::Type(ft) | Subject::Clusters(ft) => {
                of_types.get(&**ft).is_none_or(|s| s.holds(key.tile))
            }
        };
        self.cache.forget(|key| present(key) && stale(key));
    }
}

/// The views of a tile, in the order of its layers.
fn views<'a>(
    moment: &'a Moment,
    subject: &Subject,
) -> cabd_core::Result<Vec<&'a Arc<cabd_core::store::tiles::TileView>>> {
    Ok(match subject {
        Subject::All | Subject::AllClusters => moment.layers.iter().collect(),
        Subject::Type(ft) | Subject::Clusters(ft) => vec![moment.view(ft)?],
    })
}
