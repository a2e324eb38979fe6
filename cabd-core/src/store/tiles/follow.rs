//! In step with the log: what was touched since, read again, and which tiles that concerns.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::TryStreamExt;
use uuid::Uuid;

use super::atlas::{Atlas, State, hidden_by, spots_of};
use super::views::{Hider, TileView};
use crate::catalog::{Catalog, Relation};
use crate::error::Result;
use crate::id::CommitNumber;
use crate::store::Store;
use crate::tile::{MAX_ZOOM, Spot, Tile};

/// The most features of a change that are followed one by one.
const MOST: usize = 20_000;
/// Features that are read again in one question.
const TOGETHER: usize = 2_000;

/// What has changed between two looks at a store.
#[derive(Debug, Default)]
pub struct Changes {
    /// The catalogue, or more than is followed.
    everything: bool,
    /// Base types of which it is not known where the changed features were.
    whole: HashSet<String>,
    /// The changed features of the other base types.
    features: BTreeMap<String, Vec<Change>>,
    /// Features of base types that are hidden now and were not, or were and are not.
    turned: HashMap<Hider, HashSet<Uuid>>,
}

#[derive(Debug, Clone, Copy)]
struct Change {
    old: Option<Spot>,
    new: Option<Spot>,
}

/// The tiles of a view that may differ after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stale {
    /// None.
    None,
    /// These, by [`Tile::code`].
    Tiles(HashSet<u64>),
    /// Any.
    All,
}

impl Stale {
    /// Whether the tile may differ.
    pub fn holds(&self, tile: Tile) -> bool {
        match self {
            Stale::None => false,
            Stale::Tiles(codes) => codes.contains(&tile.code()),
            Stale::All => true,
        }
    }

    /// What either holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Stale::All, _) | (_, Stale::All) => Stale::All,
            (Stale::None, s) | (s, Stale::None) => s,
            (Stale::Tiles(mut a), Stale::Tiles(b)) => {
                a.extend(b);
                Stale::Tiles(a)
            }
        }
    }

    fn add(&mut self, tiles: impl Iterator<Item = Tile>) {
        match self {
            Stale::All => {}
            Stale::None => *self = Stale::Tiles(tiles.map(Tile::code).collect()),
            Stale::Tiles(codes) => codes.extend(tiles.map(Tile::code)),
        }
    }
}

/// The features that the log names, by base type; those of a table that may name any type under `None`.
struct Touched(HashMap<Option<String>, HashSet<Uuid>>);

impl Touched {
    /// `None` where there are more than are followed.
    async fn read(
        store: &dyn Store,
        catalog: &Catalog,
        after: CommitNumber,
    ) -> Result<Option<Self>> {
        let mut bases: HashMap<(String, String), Option<String>> = HashMap::new();
        for t in catalog.tables() {
            let base = match &t.relation {
                Relation::Feature(ft) | Relation::Part(ft, _) | Relation::Link(ft, _) => {
                    Some(ft.to_string())
                }
                Relation::FeatureUpdate => None,
                // What says where values come from is in no tile.
                _ => continue,
            };
            bases.insert((t.schema.clone(), t.name.clone()), base);
        }
        let mut out: HashMap<Option<String>, HashSet<Uuid>> = HashMap::new();
        let mut n = 0;
        let mut log = store.changes_since(after).await?;
        while let Some(entry) = log.try_next().await? {
            let (Some(id), Some(base)) = (entry.cabd_id, bases.get(&(entry.schema, entry.table)))
            else {
                continue;
            };
            let of_base = match out.get_mut(base) {
                Some(of_base) => of_base,
                None => out.entry(base.clone()).or_default(),
            };
            n += usize::from(of_base.insert(id));
            if n > MOST {
                return Ok(None);
            }
        }
        Ok(Some(Self(out)))
    }

    fn of(&self, base: &str) -> Vec<Uuid> {
        let own = self.0.get(&Some(base.to_owned()));
        let any = self.0.get(&None);
        let mut all: Vec<Uuid> = own.into_iter().chain(any).flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Atlas {
    /// Brings what is known to the commit `head` of the catalogue `catalog`, and tells what has changed since the last time. One
    /// at a time.
    ///
    /// # Errors
    /// As the store's; then nothing is brought anywhere, and the next time begins where this one did.
    pub async fn follow(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
        head: CommitNumber,
    ) -> Result<Changes> {
        let (same, from) = self.read(|s| (s.version == catalog.version, s.followed()));
        if !same {
            self.write(|s| {
                *s = State {
                    version: catalog.version,
                    head,
                    ..State::default()
                }
            });
            return Ok(Changes::everything());
        }
        if from == head {
            return Ok(Changes::default());
        }
        let Some(touched) = Touched::read(store, catalog, from).await? else {
            self.write(|s| {
                s.bases.clear();
                s.hidings.clear();
                s.head = head;
            });
            return Ok(Changes::everything());
        };
        let (bases, hiders): (Vec<String>, Vec<Hider>) = self.read(|s| {
            let bases = s.bases.keys().cloned();
            (bases.collect(), s.hidings.keys().cloned().collect())
        });
        let mut news: Vec<(String, Vec<Uuid>, HashMap<Uuid, Spot>)> = vec![];
        let mut changes = Changes::default();
        for ft in catalog.types().filter(|t| !t.is_super()) {
            let ids = touched.of(ft.id());
            if ids.is_empty() {
                continue;
            }
            if !bases.iter().any(|b| b == ft.id()) {
                changes.whole.insert(ft.id().to_owned());
                continue;
            }
            let mut spots = HashMap::new();
            for some in ids.chunks(TOGETHER) {
                spots.extend(spots_of(store, ft.id(), some).await?);
            }
            news.push((ft.id().to_owned(), ids, spots));
        }
        let mut hidden: Vec<(Hider, HashMap<Uuid, Vec<Uuid>>)> = vec![];
        for hider in hiders {
            let owners = touched.of(&hider.base);
            let mut now: HashMap<Uuid, Vec<Uuid>> = owners.iter().map(|id| (*id, vec![])).collect();
            for some in owners.chunks(TOGETHER) {
                for (owner, hidden) in hidden_by(store, &hider, Some(some)).await? {
                    now.entry(owner).or_default().push(hidden);
                }
            }
            hidden.push((hider, now));
        }
        self.write(|s| {
            if s.version != catalog.version {
                return;
            }
            for (base, ids, spots) in news {
                let Some(known) = s.bases.get_mut(&base) else {
                    changes.whole.insert(base);
                    continue;
                };
                let changed = ids.into_iter().map(|id| {
                    let new = spots.get(&id).copied();
                    let old = known.places.put(id, new);
                    Change { old, new }
                });
                changes.features.insert(base, changed.collect());
            }
            for (hider, now) in hidden {
                let Some(known) = s.hidings.get_mut(&hider) else {
                    continue;
                };
                let turned = changes.turned.entry(hider).or_default();
                for (owner, ids) in now {
                    known.put(owner, &ids, turned);
                }
            }
            s.head = head;
            // What was begun meanwhile is not in step yet.
            for b in bases {
                if let Some(known) = s.bases.get_mut(&b) {
                    known.at = known.at.max(head);
                }
            }
            for h in s.hidings.values_mut() {
                h.at = h.at.max(head);
            }
        });
        Ok(changes)
    }
}

impl State {
    /// The commit up to which everything that is known is followed.
    fn followed(&self) -> CommitNumber {
        let bases = self.bases.values().map(|b| b.at);
        let hidings = self.hidings.values().map(|h| h.at);
        bases.chain(hidings).fold(self.head, Ord::min)
    }
}

impl Changes {
    fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    /// Whether nothing has changed that a tile shows.
    pub fn is_empty(&self) -> bool {
        !self.everything
            && self.whole.is_empty()
            && self.features.is_empty()
            && self.turned.values().all(HashSet::is_empty)
    }

    /// The tiles of a view that may differ now, in any language; also those of clusters.
    pub fn stale(&self, atlas: &Atlas, view: &TileView) -> Stale {
        if self.everything || view.base_types().any(|b| self.whole.contains(b)) {
            return Stale::All;
        }
        let mut out = Stale::None;
        for (base, hiders) in &view.members {
            let mut changed: Vec<Change> = self.features.get(base).cloned().unwrap_or_default();
            let turned = hiders.iter().filter_map(|h| self.turned.get(h)).flatten();
            let turned: Option<Vec<Change>> = atlas.read(|s| {
                let places = s.bases.get(base).map(|b| &b.places);
                turned
                    .map(|id| {
                        let spot = places?.get(*id);
                        Some(Change {
                            old: spot,
                            new: spot,
                        })
                    })
                    .collect()
            });
            match turned {
                Some(turned) => changed.extend(turned),
                None => return Stale::All,
            }
            if changed.is_empty() {
                continue;
            }
            atlas.read(|s| {
                for c in changed {
                    add(&mut out, s, view, c);
                }
            });
        }
        for (_, hiders) in &view.members {
            let touched =
                |h: &Hider| self.whole.contains(&h.base) || self.features.contains_key(&h.base);
            let unknown = |h: &Hider| touched(h) && !self.turned.contains_key(h);
            if hiders.iter().any(unknown) {
                return Stale::All;
            }
        }
        out
    }
}

/// The tiles that show a changed feature, or another one in its place.
fn add(out: &mut Stale, state: &State, view: &TileView, change: Change) {
    let spots = [change.old, change.new].into_iter().flatten();
    for spot in spots {
        for z in 0..=MAX_ZOOM {
            // A block is thinned as one: another of its features may be shown now.
            out.add(Tile::meeting(z, &spot.block(z)));
            if !view.are_points {
                out.add(Tile::meeting(z, &spot.reach()));
            }
        }
        if view.are_points {
            continue;
        }
        // Of lines and areas the other features of the block may reach anywhere.
        match state.view(view) {
            Some(v) if v.thinned_zooms(spot.place()).next().is_none() => {}
            _ => *out = Stale::All,
        }
    }
}
