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

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::id::CommitNumber;
use crate::query::{FeatureQuery, plan};
use crate::store::release::no_such_commit;
use crate::store::{AuditStore, CatalogStore, FeatureStore, FeatureStream};
use merge::merged;
use then::Then;

/// How often a question is asked anew because somebody has written meanwhile.
const TRIES: usize = 40;
/// The largest limit.
const MOST: u64 = i64::MAX as u64;
/// Identifiers in one question.
const IDS: usize = 1_000;

/// The query about the present; `None` where the commit is the newest.
async fn present<S>(store: &S, query: &FeatureQuery) -> Result<(FeatureQuery, Option<CommitNumber>)>
where
    S: AuditStore + ?Sized,
{
    let mut now = query.clone();
    let at = now.as_of.take();
    let head = store.head().await?;
    if let Some(at) = at.filter(|at| *at > head || at.0 < 0) {
        return Err(no_such_commit("as_of", at, head));
    }
    Ok((now, at.filter(|at| *at < head)))
}

/// The features of [`FeatureQuery::as_of`] that pass: types, attributes, codes and labels are those of today.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a commit that has not been made, [`ErrorKind::Busy`](crate::ErrorKind::Busy) where others
/// write without a pause.
pub async fn features<S>(store: &S, query: &FeatureQuery) -> Result<FeatureStream>
where
    S: CatalogStore + FeatureStore + AuditStore + ?Sized,
{
    for _ in 0..TRIES {
        let (now, at) = present(store, query).await?;
        let Some(at) = at else {
            return store.features(&now).await;
        };
        let catalog = store.catalog().await?;
        let whole = plan(&catalog, &now)?;
        let then = Then::gather(store, &catalog, &whole, now.ids.as_deref(), at).await?;
        let mut asked = now.clone();
        asked.offset = 0;
        let more = now.offset.saturating_add(then.affected.len() as u64);
        // What has an order keeps it without its offset.
        asked.limit = match now.limit {
            Some(limit) => Some(limit.saturating_add(more).min(MOST)),
            None => now.is_ordered().then_some(MOST),
        };
        let stream = store.features(&asked).await?;
        if store.head().await? != then.head || store.catalog().await?.version != catalog.version {
            continue;
        }
        let mut all = plan(&catalog, &asked)?;
        all.limit = None;
        let was = then.answer(&catalog, &all)?;
        return Ok(merged(stream, was, then.affected, &whole));
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
    for _ in 0..TRIES {
        let (now, at) = present(store, query).await?;
        let Some(at) = at else {
            return store.count(&now).await;
        };
        let catalog = store.catalog().await?;
        let mut whole = now.clone();
        (whole.limit, whole.offset, whole.after) = (None, 0, None);
        let whole = plan(&catalog, &whole)?;
        let then = Then::gather(store, &catalog, &whole, now.ids.as_deref(), at).await?;
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
        if store.head().await? != then.head || store.catalog().await?.version != catalog.version {
            continue;
        }
        let was = then.answer(&catalog, &whole)?;
        let rows = was
            .iter()
            .flat_map(|b| (0..b.rows()).map(|r| b.places.id(r)));
        let of_then = rows.filter(|id| id.is_some_and(|id| then.affected.contains(&id)));
        return Ok(n + of_then.count() as u64);
    }
    Err(busy())
}

fn busy() -> Error {
    Error::new(
        crate::error::ErrorKind::Busy,
        "others write without a pause, and an earlier state is read between two changes",
    )
    .hint("ask again")
}
