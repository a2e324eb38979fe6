//! The way back: what a commit has done is undone by another one.
//!
//! What the commit left is compared with what is there now. A value that has changed since is a conflict, shown and never
//! overwritten.

mod net;
mod plan;

use async_trait::async_trait;
use futures::TryStreamExt;
use uuid::Uuid;

use super::{FeatureStoreExt, ShownRow, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::feature::{Applied, ChangeHead, ChangeKind};
use crate::id::CommitNumber;
use crate::lang::Lang;
use net::Nets;
use plan::Plan;

/// How often an undoing that is refused is tried again without the rows at fault.
const ROUNDS: usize = 50;

/// What is to be undone.
///
/// ```
/// use cabd_core::{CommitNumber, store::Revert};
/// let whole = Revert::of(CommitNumber(17));
/// assert!(whole.features.is_empty() && !whole.only_clean);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revert {
    /// The commit.
    pub commit: CommitNumber,
    /// Only what it did to these features and around them; everything when empty.
    pub features: Vec<Uuid>,
    /// Only these attributes, with their sources; all when empty.
    pub attributes: Vec<String>,
    /// Whether what later changes contradict is left as it is. Else one contradiction refuses the whole.
    pub only_clean: bool,
}

impl Revert {
    /// Everything that a commit did.
    pub fn of(commit: CommitNumber) -> Self {
        Self {
            commit,
            ..Self::default()
        }
    }
}

/// What was undone, or would be.
#[derive(Debug, Default)]
pub struct Reverted {
    /// The new commit, and how many rows it wrote.
    pub applied: Applied,
    /// What becomes of each row, in the order of writing.
    pub rows: Vec<ShownRow>,
    /// Rows that are as they were before the commit already.
    pub unchanged: u64,
    /// What is left as it is because later changes contradict, or because it is not accepted any more.
    pub conflicts: Vec<Error>,
}

/// Undoing, the same over every store.
#[async_trait]
pub trait RevertExt: Store {
    /// Undoes a commit, or a part of it, as a new commit of kind `revert`. With [`ChangeHead::dry_run`] the answer says what
    /// would happen.
    ///
    /// ```
    /// use cabd_core::memory::MemoryStore;
    /// use cabd_core::store::{Revert, RevertExt};
    /// use cabd_core::{ChangeHead, CommitNumber, ErrorKind, Lang};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let store = MemoryStore::new();
    /// let what = Revert::of(CommitNumber(7));
    /// let e = store.revert(&ChangeHead::default(), &what, Lang::En).await.unwrap_err();
    /// assert_eq!(e.kind(), ErrorKind::NotFound);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for a commit that there is not, [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a change of the
    /// catalogue and where the commit has done nothing of what is to be undone, [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) for each value and
    /// row that has changed since, unless [`Revert::only_clean`] leaves those as they are.
    async fn revert(&self, head: &ChangeHead, what: &Revert, lang: Lang) -> Result<Reverted> {
        changeset(self, what).await?;
        let seen = self.head().await?;
        let nets = Nets::read(self, what).await?;
        let mut plan = Plan::make(self, nets, what, lang).await?;
        let mut head = ChangeHead {
            kind: ChangeKind::Revert,
            as_given: what.attributes.is_empty(),
            bases: plan.bases(seen),
            rows_read: Some((seen, plan.relations())),
            ..head.clone()
        };
        let reason = head.reason.take().filter(|r| !r.trim().is_empty());
        head.reason = reason.or_else(|| Some(format!("revert of commit {}", what.commit)));
        let preview = head.dry_run;
        let mut applied = Applied::default();
        for round in 0.. {
            head.dry_run = preview || !(plan.conflicts.is_empty() || what.only_clean);
            match self.apply_all(&head, plan.operations()).await {
                Ok(done) => {
                    applied = done;
                    break;
                }
                Err(e) => {
                    if round == ROUNDS {
                        return Err(e);
                    }
                    plan.leave(e)?;
                }
            }
        }
        if !preview
            && !what.only_clean
            && let Some(e) = Error::all(std::mem::take(&mut plan.conflicts))
        {
            return Err(e);
        }
        Ok(plan.done(applied))
    }
}

impl<T: Store + ?Sized> RevertExt for T {}

/// Looks whether the commit can be undone here.
async fn changeset<S: Store + ?Sized>(store: &S, what: &Revert) -> Result<()> {
    let commit = what.commit;
    let mut found = store
        .changesets(CommitNumber(commit.0.saturating_sub(1)), Some(commit))
        .await?;
    let Some(set) = found.try_next().await? else {
        return Err(Error::not_found("there is no such commit")
            .field("commit")
            .value(commit));
    };
    if set.kind == ChangeKind::Catalog.word() {
        return Err(
            Error::new(ErrorKind::Invalid, "a change of the catalogue, not of rows")
                .field("commit")
                .value(commit)
                .hint("undo it with `cabd type undo`"),
        );
    }
    Ok(())
}
