//! In step with the log: what was touched since, read again, and which tiles that concerns.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::atlas::{Atlas, State, hidden_by, places_of};
use super::views::{Hider, TileView};
use crate::catalog::Catalog;
use crate::error::Result;
use crate::id::CommitNumber;
use crate::store::Store;
use crate::store::touched::{TOGETHER, Touched};
use crate::tile::{MAX_ZOOM, Reach, Spot, Tile};

/// Where a touched feature is now; nowhere where it is gone.
type News = (Uuid, Option<Spot>);

/// The most tiles of a zoom that one feature makes stale one by one.
const MOST_TILES: usize = 1024;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stale {
    /// All of these zooms, a bit each.
    zooms: u32,
    /// These, by [`Tile::code`].
    codes: HashSet<u64>,
}

impl Stale {
    /// Every tile.
    pub fn all() -> Self {
        Self {
            zooms: u32::MAX,
            codes: HashSet::new(),
        }
    }

    /// Whether the tile may differ.
    pub fn holds(&self, tile: Tile) -> bool {
        self.zooms >> tile.z() & 1 == 1 || self.codes.contains(&tile.code())
    }

    /// What either holds.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.zooms |= other.zooms;
        self.codes.extend(other.codes);
        self
    }

    fn add(&mut self, z: u8, reach: &Reach) {
        let mut n = 0;
        for tile in Tile::meeting(z, reach).take(MOST_TILES + 1) {
            self.codes.insert(tile.code());
            n += 1;
        }
        if n > MOST_TILES {
            self.zooms |= 1 << z;
        }
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
        // Together: what another task adds from here on keeps its own commit.
        let (same, from, bases, hiders) = self.read(|s| {
            let bases: Vec<String> = s.bases.keys().cloned().collect();
            let hiders: Vec<Hider> = s.hidings.keys().cloned().collect();
            (s.version == catalog.version, s.followed(), bases, hiders)
        });
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
        let mut news: Vec<(String, Vec<News>)> = vec![];
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
            let mut now = vec![];
            for some in ids.chunks(TOGETHER) {
                let places = places_of(store, ft.id(), some).await?;
                now.extend(some.iter().map(|id| (*id, places.get(*id))));
            }
            news.push((ft.id().to_owned(), now));
        }
        let mut hidden: Vec<(Hider, HashMap<Uuid, Vec<Uuid>>)> = vec![];
        for hider in hiders.iter().cloned() {
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
            for (base, now) in news {
                let Some(known) = s.bases.get_mut(&base) else {
                    changes.whole.insert(base);
                    continue;
                };
                let changed = now.into_iter().map(|(id, new)| {
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
            for b in bases {
                if let Some(known) = s.bases.get_mut(&b) {
                    known.at = known.at.max(head);
                }
            }
            for h in hiders {
                if let Some(known) = s.hidings.get_mut(&h) {
                    known.at = known.at.max(head);
                }
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
            return Stale::all();
        }
        let mut out = Stale::default();
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
                None => return Stale::all(),
            }
            if changed.is_empty() {
                continue;
            }
            atlas.read(|s| {
                let n = changed.len();
                for c in changed {
                    add(&mut out, s, view, c, n);
                }
            });
        }
        for (_, hiders) in &view.members {
            let touched =
                |h: &Hider| self.whole.contains(&h.base) || self.features.contains_key(&h.base);
            let unknown = |h: &Hider| touched(h) && !self.turned.contains_key(h);
            if hiders.iter().any(unknown) {
                return Stale::all();
            }
        }
        out
    }
}

/// The tiles that show a changed feature, or another one in its place; `together` features have changed at once.
fn add(out: &mut Stale, state: &State, view: &TileView, change: Change, together: usize) {
    for spot in [change.old, change.new].into_iter().flatten() {
        for z in 0..=MAX_ZOOM {
            // A block is thinned as one: another of its features may be shown now.
            out.add(z, &spot.block(z));
        }
        if view.are_points {
            continue;
        }
        // Lines and areas reach beyond their block, and where it is or was thinned its others do as well.
        let known = state.view(view);
        for z in 0..=MAX_ZOOM {
            match &known {
                Some(v) if !v.may_thin(z, spot.place(), together) => out.add(z, &spot.reach()),
                _ => out.zooms |= 1 << z,
            }
        }
    }
}
