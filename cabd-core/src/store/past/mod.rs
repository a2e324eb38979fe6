//! Earlier states: what is there now, less what has changed since, and that as it was.
//!
//! An answer costs what the present one costs and a look at each later change; of features that are named, only their own
//! changes.

pub(super) mod acts;
pub(super) mod diff;
pub(super) mod feed;
pub(super) mod history;
mod instants;
mod merge;
mod rows;
mod then;

pub use acts::{RowAct, ValueAct, ValueSource};
pub use diff::{DiffQuery, FeatureDiff};
pub use feed::{Change, FeedPlace, FeedQuery, change_batch, change_batches, change_schema};
pub use history::Act;
pub use rows::rows_at;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::TryStreamExt;
use futures::lock::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};
use crate::id::CommitNumber;
use crate::query::{FeatureQuery, Selection, plan};
use crate::store::release::no_such_commit;
use crate::store::{AuditStore, CatalogStore, FeatureStore, FeatureStream};
use merge::merged;
use then::Then;

/// How often a question is asked anew because somebody has changed the catalogue, or more features than there is room for.
const TRIES: usize = 8;
/// How often features are counted anew because somebody has written meanwhile, before they are walked through.
const COUNTS: usize = 3;
/// Features that may change while an answer is opened.
const ROOM: usize = 1_000;
/// The largest limit.
const MOST: u64 = i64::MAX as u64;
/// Identifiers in one question.
const IDS: usize = 1_000;

/// Questions that hold a present answer while they ask for more: few at a time, so that a store's connections are enough.
static TURNS: LazyLock<[Mutex<()>; 4]> = LazyLock::new(Default::default);
static NEXT: AtomicUsize = AtomicUsize::new(0);

async fn turn() -> MutexGuard<'static, ()> {
    let next = NEXT.fetch_add(1, Ordering::Relaxed) % TURNS.len();
    TURNS[next].lock().await
}

/// The query about the present, and the commit that was asked for.
async fn present<S>(store: &S, query: &FeatureQuery) -> Result<(FeatureQuery, CommitNumber)>
where
    S: AuditStore + ?Sized,
{
    let mut now = query.clone();
    let head = store.head().await?;
    let at = now.as_of.take().unwrap_or(head);
    if at > head || at.0 < 0 {
        return Err(no_such_commit("as_of", at, head));
    }
    Ok((now, at))
}

/// The features of [`FeatureQuery::as_of`] that pass: types, attributes, codes and labels are those of today.
///
/// The log is read before and after the present answer is opened, and again after the rows of features that it names: what others
/// write meanwhile is taken back as well.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a commit that has not been made, [`ErrorKind::Unsupported`] for
/// what is read from views made by hand, [`ErrorKind::Busy`] where others change the catalogue without a pause.
pub async fn features<S>(store: &S, query: &FeatureQuery) -> Result<FeatureStream>
where
    S: CatalogStore + FeatureStore + AuditStore + ?Sized,
{
    let (now, at) = present(store, query).await?;
    for _ in 0..TRIES {
        let catalog = store.catalog().await?;
        let whole = plan(&catalog, &now)?;
        let mut then = Then::begin(store, &catalog, &whole, now.ids.as_deref(), at).await?;
        then.follow().await?;
        let room = then.affected.len() + ROOM;
        let more = now.offset.saturating_add(room as u64);
        let mut asked = now.clone();
        asked.offset = 0;
        // What has an order keeps it without its offset.
        asked.limit = match now.limit {
            Some(limit) => Some(limit.saturating_add(more).min(MOST)),
            None => now.is_ordered().then_some(MOST),
        };
        let _turn = turn().await;
        let stream = store.features(&asked).await?;
        then.follow().await?;
        let cramped = now.limit.is_some() && then.affected.len() > room;
        if cramped || store.catalog().await?.version != catalog.version {
            continue;
        }
        if then.affected.is_empty() && now.limit.is_none() && now.offset == 0 {
            return Ok(stream);
        }
        let mut all = plan(&catalog, &asked)?;
        all.limit = None;
        let was = then.rows().await?;
        return Ok(merged(
            stream,
            was.answer(&catalog, &all)?,
            was.affected,
            &whole,
        ));
    }
    Err(busy())
}

/// How many features pass in the state of [`FeatureQuery::as_of`].
///
/// # Errors
/// As [`features`].
pub async fn count<S>(store: &S, query: &FeatureQuery) -> Result<u64>
where
    S: CatalogStore + FeatureStore + AuditStore + ?Sized,
{
    let (now, at) = present(store, query).await?;
    let mut whole = now.clone();
    (whole.limit, whole.offset, whole.after) = (None, 0, None);
    for _ in 0..COUNTS {
        let catalog = store.catalog().await?;
        let plan = plan(&catalog, &whole)?;
        let mut then = Then::begin(store, &catalog, &plan, now.ids.as_deref(), at).await?;
        then.follow().await?;
        let head = then.head;
        let mut n = store.count(&now).await?;
        let mut changed: Vec<Uuid> = then.affected.iter().copied().collect();
        if let Some(ids) = &now.ids {
            changed.retain(|id| ids.contains(id));
        }
        for some in changed.chunks(IDS) {
            let mut those = now.clone();
            those.ids = Some(some.to_vec());
            n = n.saturating_sub(store.count(&those).await?);
        }
        // Several counts agree where nobody has written between them.
        if store.head().await? != head || store.catalog().await?.version != catalog.version {
            continue;
        }
        let was = then.rows().await?;
        let rows = was.answer(&catalog, &plan)?;
        let ids = rows
            .iter()
            .flat_map(|b| (0..b.rows()).map(|r| b.places.id(r)));
        let of_then = ids.filter(|id| id.is_some_and(|id| was.affected.contains(&id)));
        return Ok(n + of_then.count() as u64);
    }
    whole.as_of = Some(at);
    (whole.select, whole.geometry) = (Selection::Attributes(vec![]), false);
    whole.sort.clear();
    let batches = features(store, &whole).await?.batches;
    batches
        .try_fold(0, |n, b| async move { Ok(n + b.rows() as u64) })
        .await
}

fn busy() -> Error {
    Error::new(
        ErrorKind::Busy,
        "others write without a pause, and an earlier state cannot be read between two changes",
    )
    .hint("ask again")
}
