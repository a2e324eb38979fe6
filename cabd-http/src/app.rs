//! What every request shares: store, settings, what was computed for a commit, and counts for the operator.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cabd_core::catalog::{Catalog, FeatureType, Served};
use cabd_core::{Bbox, CommitNumber, Error, FeatureQuery, Result, Store};
use tokio::sync::Semaphore;

use crate::kept::Kept;
use crate::metrics::Metrics;
use crate::names::Remembered;
use crate::ranges::Ranges;
use crate::recent::{Of, Recent};
use crate::request::{Asked, Form};
use crate::settings::Settings;
use crate::tiles::Tiles;

/// Long answers in progress, where the store sets no limit: each holds a reader, which costs a SpatiaLite file some fifteen megabytes.
const LONG_AT_ONCE: usize = 24;
/// Where every place is.
const WORLD: Bbox = Bbox {
    west: -180.0,
    south: -90.0,
    east: 180.0,
    north: 90.0,
};

pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) ranges: Ranges,
    pub(crate) tiles: Tiles,
    pub(crate) names: Remembered,
    pub(crate) recent: Recent,
    pub(crate) slots: Arc<Semaphore>,
    /// Places for answers that are read as fast as the client reads: the store keeps some readers for short ones.
    pub(crate) long: Arc<Semaphore>,
    draining: AtomicBool,
    counts: Kept<4096>,
    pub(crate) summaries: Kept<256>,
}

impl App {
    pub(crate) fn new(store: Arc<dyn Store>, settings: Settings) -> Self {
        let long = store
            .reads_at_once()
            .map_or(LONG_AT_ONCE, |n| (n * 3 / 4).max(1));
        Self {
            store,
            long: Arc::new(Semaphore::new(long)),
            slots: Arc::new(Semaphore::new(
                settings.max_concurrent.min(Semaphore::MAX_PERMITS),
            )),
            tiles: Tiles::new(settings.tile_cache_mb),
            names: Remembered::new(settings.names_mb),
            recent: Recent::new(settings.answer_cache_mb),
            settings,
            metrics: Metrics::default(),
            ranges: Ranges::default(),
            draining: AtomicBool::new(false),
            counts: Kept::default(),
            summaries: Kept::default(),
        }
    }

    /// No new work is wanted: the process is about to end.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// How many features pass, counted once a commit; anew where changes leave no commit (`None`). Who asks looks afterwards
    /// whether the commit is still the newest.
    pub(crate) async fn total(
        &self,
        question: &FeatureQuery,
        key: &str,
        head: Option<CommitNumber>,
    ) -> Result<u64> {
        let count = async { Ok::<_, Error>(self.store.count(question).await?.to_string()) };
        let text = self.counts.of(key, head, count).await?;
        text.parse()
            .map_err(|e| Error::internal("a count that is no number").because(e))
    }

    /// The tag of an answer: what its bytes depend on beside its address.
    pub(crate) fn tag(
        &self,
        head: CommitNumber,
        catalog: &Catalog,
        asked: &Asked,
        form: Form,
    ) -> Tag {
        let hash = self.hash(catalog, asked, form);
        Tag::new(format!("W/\"{head}-{hash:016x}\""), head, catalog)
    }

    /// The tag of one feature: strong, and a condition for its change. It holds the commit that touched the feature last,
    /// and the newest, because labels follow from other rows.
    pub(crate) fn feature_tag(
        &self,
        last: CommitNumber,
        head: CommitNumber,
        catalog: &Catalog,
        asked: &Asked,
        form: Form,
    ) -> Tag {
        let hash = self.hash(catalog, asked, form);
        Tag::new(format!("\"r{last}-{head}-{hash:016x}\""), head, catalog)
    }

    fn hash(&self, catalog: &Catalog, asked: &Asked, form: Form) -> u64 {
        let mut hasher = DefaultHasher::new();
        (env!("CARGO_PKG_VERSION"), catalog.version, &asked.root).hash(&mut hasher);
        (&self.settings.licence, &self.settings.all_features_type).hash(&mut hasher);
        self.settings.max_features.hash(&mut hasher);
        (asked.lang, form.name()).hash(&mut hasher);
        hasher.finish()
    }
}

/// The tag of an answer, and what the answer is of.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) text: String,
    pub(crate) of: Of,
}

impl Tag {
    pub(crate) fn new(text: String, head: CommitNumber, catalog: &Catalog) -> Self {
        let of = Of {
            head,
            catalog_version: catalog.version,
            route: String::new(),
        };
        Self { text, of }
    }
}

/// The commit in the tag of a feature, as [`App::feature_tag`] writes it, whoever has weakened it on its way.
pub(crate) fn seen_commit(tag: &str) -> Option<CommitNumber> {
    let bare = tag.trim().trim_start_matches("W/").trim_matches('"');
    let commit = bare.strip_prefix('r')?.split('-').next()?;
    commit.parse().ok().map(CommitNumber)
}

/// The question behind a count.
///
/// For the nearest features, those without a place are left out, as they are from the list. From wherever they are looked
/// at, they are as many.
pub(crate) fn counted(query: &FeatureQuery) -> (FeatureQuery, String) {
    let mut query = query.clone();
    query.limit = None;
    if query.near.take().is_some() {
        query.bbox = Some(WORLD);
    }
    let q = &query;
    let key = format!(
        "{} {:?} {:?} {:?} {:?} {:?} {} {:?}",
        q.feature_type, q.types, q.filter, q.names, q.bbox, q.area, q.lang, q.as_of
    );
    (query, key)
}

/// Whether every change of the type's features is a commit. What is read from views made by hand may change without.
pub(crate) fn is_committed(catalog: &Catalog, ft: &FeatureType) -> Result<bool> {
    let of_tables = |t: &FeatureType| t.served == Served::Tables;
    Ok(of_tables(ft) && catalog.base_types(ft)?.iter().all(|t| of_tables(t)))
}
