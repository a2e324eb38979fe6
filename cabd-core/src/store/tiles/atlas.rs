//! What is remembered of a store: where the features of its base types are, kept in step with the log.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use futures::TryStreamExt;
use uuid::Uuid;

use super::places;
use super::views::{Hider, TileView};
use crate::catalog::Catalog;
use crate::error::Result;
use crate::id::CommitNumber;
use crate::query::FeatureQuery;
use crate::store::{RecordQuery, Store};
use crate::tile::{Member, Places, View};
use crate::value::Value;

/// The places of base types, read when first needed, and what other rows hide.
///
/// [`Atlas::follow`] brings it to the newest commit by reading what the log names, nothing else. A change of the
/// catalogue, and one of more features than it is worth, forget what they concern.
#[derive(Debug, Default)]
pub struct Atlas {
    pub(super) state: RwLock<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) version: i64,
    pub(super) head: CommitNumber,
    pub(super) bases: BTreeMap<String, Base>,
    pub(super) hidings: BTreeMap<Hider, Hiding>,
}

/// The places of a base type as of a commit.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) at: CommitNumber,
    pub(super) places: Places,
}

/// The features that rows of one table hide, as of a commit.
#[derive(Debug, Default)]
pub(super) struct Hiding {
    pub(super) at: CommitNumber,
    /// What the rows of each feature hide.
    by: HashMap<Uuid, Vec<Uuid>>,
    /// How many rows hide a feature.
    hidden: HashMap<Uuid, u32>,
}

impl Hiding {
    fn add(&mut self, owner: Uuid, hidden: Uuid) {
        self.by.entry(owner).or_default().push(hidden);
        *self.hidden.entry(hidden).or_default() += 1;
    }

    /// Gives a feature's rows anew, and tells which features are hidden now and were not, or were and are not.
    pub(super) fn put(&mut self, owner: Uuid, now: &[Uuid], turned: &mut HashSet<Uuid>) {
        let old = self.by.remove(&owner).unwrap_or_default();
        let before: Vec<(Uuid, bool)> = old
            .iter()
            .chain(now)
            .map(|id| (*id, self.hidden.contains_key(id)))
            .collect();
        for id in old {
            if let Some(n) = self.hidden.get_mut(&id) {
                *n -= 1;
                if *n == 0 {
                    self.hidden.remove(&id);
                }
            }
        }
        now.iter().for_each(|id| self.add(owner, *id));
        let changed = before.into_iter();
        turned.extend(
            changed
                .filter(|(id, was)| self.hidden.contains_key(id) != *was)
                .map(|(id, _)| id),
        );
    }
}

/// What the rows of these features hide, or those of all.
pub(super) async fn hidden_by(
    store: &dyn Store,
    hider: &Hider,
    owners: Option<&[Uuid]>,
) -> Result<Vec<(Uuid, Uuid)>> {
    let mut query = RecordQuery::of(hider.relation.clone()).only(&[&hider.owner, &hider.column]);
    if let Some(owners) = owners {
        query = query.with(&hider.owner, owners.iter().map(|id| Value::Uuid(*id)));
    }
    let mut found = vec![];
    let mut records = store.records(&query).await?;
    while let Some(r) = records.try_next().await? {
        let (owner, hidden) = (r.get(&hider.owner), r.get(&hider.column));
        if let (Some(owner), Some(hidden)) = (owner.as_uuid(), hidden.as_uuid()) {
            found.push((owner, hidden));
        }
    }
    Ok(found)
}

/// The places of these features of a base type.
pub(super) async fn places_of(store: &dyn Store, base: &str, ids: &[Uuid]) -> Result<Places> {
    let mut query = FeatureQuery::of(base);
    query.ids = Some(ids.to_vec());
    places(store, &query).await
}

impl Atlas {
    pub(super) fn read<T>(&self, f: impl FnOnce(&State) -> T) -> T {
        f(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn write<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks of a view, where everything it needs is known as of the commit that was followed last.
    pub fn with<T>(&self, view: &TileView, f: impl FnOnce(&View<'_>) -> T) -> Option<T> {
        self.read(|state| state.view(view).map(|v| f(&v)))
    }

    /// Asks of several views as if they were one.
    pub fn with_all<'a, T>(
        &self,
        views: impl IntoIterator<Item = &'a TileView>,
        f: impl FnOnce(&View<'_>) -> T,
    ) -> Option<T> {
        self.read(|state| {
            let mut all = View::default();
            for view in views {
                all.members.extend(state.view(view)?.members);
            }
            Some(f(&all))
        })
    }

    /// Reads what a view needs and is not known. [`Atlas::follow`] makes it present.
    ///
    /// # Errors
    /// As [`FeatureStore::features`](crate::store::FeatureStore::features).
    pub async fn prepare(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
        view: &TileView,
    ) -> Result<()> {
        for (base, hiders) in &view.members {
            if !self.read(|s| s.bases.contains_key(base)) {
                let at = store.head().await?;
                let found = places(store, &FeatureQuery::of(base)).await?;
                let made = Base { at, places: found };
                self.keep(catalog, |s| drop(s.bases.insert(base.clone(), made)));
            }
            for hider in hiders {
                if self.read(|s| s.hidings.contains_key(hider)) {
                    continue;
                }
                let mut made = Hiding {
                    at: store.head().await?,
                    ..Hiding::default()
                };
                for (owner, hidden) in hidden_by(store, hider, None).await? {
                    made.add(owner, hidden);
                }
                self.keep(catalog, |s| drop(s.hidings.insert(hider.clone(), made)));
            }
        }
        Ok(())
    }

    /// What was read in an older version of the catalogue is not kept.
    fn keep(&self, catalog: &Catalog, f: impl FnOnce(&mut State)) {
        self.write(|s| {
            if s.version == catalog.version {
                f(s);
            }
        });
    }

    /// Memory held, in bytes, about; by base type.
    pub fn bytes(&self) -> BTreeMap<String, usize> {
        let of = |(id, b): (&String, &Base)| (id.clone(), b.places.bytes());
        self.read(|s| s.bases.iter().map(of).collect())
    }
}

impl State {
    /// The view, where all of it is as of the commit that was followed last.
    pub(super) fn view(&self, view: &TileView) -> Option<View<'_>> {
        let members = view.members.iter().map(|(base, hiders)| {
            let base = self.bases.get(base).filter(|b| b.at >= self.head)?;
            let hidden = hiders.iter().map(|h| {
                let hiding = self.hidings.get(h).filter(|h| h.at >= self.head)?;
                Some(&hiding.hidden)
            });
            Some(Member {
                places: &base.places,
                hidden: hidden.collect::<Option<_>>()?,
            })
        });
        Some(View {
            members: members.collect::<Option<_>>()?,
        })
    }
}
