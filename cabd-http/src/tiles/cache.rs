//! Tiles that were made, as long as they are right and there is room; and those in the making.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::HeaderValue;
use bytes::Bytes;
use cabd_core::tile::Tile;
use cabd_core::{CommitNumber, Error, Lang};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::watch;

/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 300;

/// What a tile is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// Every type, a layer each.
    All,
    /// One type.
    Type(Arc<str>),
    /// Clusters of every type.
    AllClusters,
    /// Clusters of one type.
    Clusters(Arc<str>),
}

/// A tile's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) subject: Subject,
    pub(crate) lang: Lang,
    pub(crate) tile: Tile,
    /// The commit of an earlier state, and the version of the catalogue that shows it: such a tile never changes.
    pub(crate) as_of: Option<(CommitNumber, i64)>,
}

/// A tile that was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) bytes: Bytes,
    pub(crate) tag: HeaderValue,
    packed: OnceLock<Option<(Bytes, HeaderValue)>>,
}

impl Made {
    /// A tile with its strong tag: equal bytes have equal tags.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        use std::hash::Hasher;
        let hash = |seed: u64| {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write_u64(seed);
            hasher.write(&bytes);
            hasher.finish()
        };
        let tag = format!("\"{:016x}{:016x}\"", hash(0), hash(1));
        Self {
            tag: HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\"")),
            bytes: bytes.into(),
            packed: OnceLock::new(),
        }
    }

    /// The tile packed with gzip, with the tag of those bytes; none where that is not smaller.
    pub(crate) fn packed(&self) -> Option<&(Bytes, HeaderValue)> {
        let pack = || {
            let mut out = GzEncoder::new(
                Vec::with_capacity(self.bytes.len() / 2),
                Compression::fast(),
            );
            out.write_all(&self.bytes).ok()?;
            let packed = out.finish().ok()?;
            let tag = self.tag.to_str().ok()?.trim_end_matches('"');
            let tag = HeaderValue::from_str(&format!("{tag}-gzip\"")).ok()?;
            (packed.len() < self.bytes.len()).then(|| (packed.into(), tag))
        };
        self.packed.get_or_init(pack).as_ref()
    }
}

pub(crate) type Outcome = Result<Arc<Made>, Arc<Error>>;

/// A tile in the making.
#[derive(Debug)]
pub(crate) struct Flight {
    /// What it is made of has changed since it was begun.
    stale: AtomicBool,
    outcome: watch::Sender<Option<Outcome>>,
}

impl Flight {
    fn new() -> Self {
        Self {
            stale: AtomicBool::new(false),
            outcome: watch::channel(None).0,
        }
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::SeqCst)
    }

    /// Waits for the tile.
    pub(crate) async fn wait(&self) -> Outcome {
        let mut receiver = self.outcome.subscribe();
        let lost = || Arc::new(Error::internal("the tile was not made"));
        let done = receiver
            .wait_for(Option::is_some)
            .await
            .map_err(|_| lost())?;
        done.clone().unwrap_or_else(|| Err(lost()))
    }
}

/// How to come to a tile.
pub(crate) enum Found {
    Made(Arc<Made>),
    /// Somebody makes it.
    Flight(Arc<Flight>),
    /// To be made by the caller.
    Begun(Arc<Flight>),
}

pub(crate) struct Cache {
    ready: moka::sync::Cache<Key, Arc<Made>>,
    /// Also the lock under which tiles become ready and are forgotten, so that nothing stale becomes ready.
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
}

impl Cache {
    pub(crate) fn new(most_bytes: u64) -> Self {
        let weight = |_: &Key, made: &Arc<Made>| {
            // As if packed as well.
            let bytes = made.bytes.len() + made.bytes.len() / 2 + ENTRY_BYTES;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            ready: moka::sync::Cache::builder()
                .max_capacity(most_bytes)
                .weigher(weight)
                .build(),
            flights: Mutex::default(),
        }
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ready(&self, key: &Key) -> Option<Arc<Made>> {
        self.ready.get(key)
    }

    pub(crate) fn find(&self, key: &Key) -> Found {
        let mut flights = self.flights();
        if let Some(made) = self.ready.get(key) {
            return Found::Made(made);
        }
        match flights.get(key) {
            Some(f) if !f.is_stale() => Found::Flight(f.clone()),
            _ => {
                let flight = Arc::new(Flight::new());
                flights.insert(key.clone(), flight.clone());
                Found::Begun(flight)
            }
        }
    }

    /// Keeps a tile that was made, unless it is stale; false then.
    pub(crate) fn keep(&self, key: &Key, flight: &Flight, made: &Arc<Made>) -> bool {
        let _held = self.flights();
        let right = !flight.is_stale();
        if right {
            self.ready.insert(key.clone(), made.clone());
        }
        right
    }

    /// Begins a stale tile again.
    pub(crate) fn again(&self, key: &Key, flight: &Arc<Flight>) {
        let mut flights = self.flights();
        let others = flights.get(key).is_some_and(|f| !Arc::ptr_eq(f, flight));
        if !others {
            flight.stale.store(false, Ordering::SeqCst);
            flights.insert(key.clone(), flight.clone());
        }
    }

    /// Tells those who wait.
    pub(crate) fn land(&self, key: &Key, flight: &Arc<Flight>, outcome: Outcome) {
        let mut flights = self.flights();
        if flights.get(key).is_some_and(|f| Arc::ptr_eq(f, flight)) {
            flights.remove(key);
        }
        flight.outcome.send_replace(Some(outcome));
    }

    /// Forgets the tiles that are stale.
    pub(crate) fn forget(&self, is_stale: impl Fn(&Key) -> bool) {
        let flights = self.flights();
        for (key, flight) in flights.iter() {
            if is_stale(key) {
                flight.stale.store(true, Ordering::SeqCst);
            }
        }
        for (key, _) in self.ready.iter() {
            if is_stale(&key) {
                self.ready.invalidate(key.as_ref());
            }
        }
    }

    /// Tiles kept, and their bytes, about.
    pub(crate) fn size(&self) -> (u64, u64) {
        // What was kept and left is counted later otherwise.
        self.ready.run_pending_tasks();
        (self.ready.entry_count(), self.ready.weighted_size())
    }
}
