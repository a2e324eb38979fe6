//! Which features a tile shows, and how many each stands for.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::grid::{Cell, Place, Reach, Tile};
use super::places::{Places, Spot};

/// Levels from a tile to its blocks: 4 by 4.
pub(super) const BLOCK: u8 = 2;
/// Levels from a tile to its cells, in a block that is too full: 8 by 8 a block.
const CELL: u8 = 5;
/// The most features of a block that are all shown.
const ALL: usize = 128;
/// How often a tile may be made coarser: then each block shows one or two features.
pub(super) const COARSEST: u8 = 3;
/// Levels from a tile to its clusters: 8 by 8.
const CLUSTER: u8 = 3;

/// The features of one base type, and those of them that are not shown.
#[derive(Debug)]
pub struct Member<'a> {
    /// Where they are.
    pub places: &'a Places,
    /// Features that others hide, by identifier.
    pub hidden: Vec<&'a HashMap<Uuid, u32>>,
}

impl Member<'_> {
    fn shows(&self, spot: &Spot) -> bool {
        !self.hidden.iter().any(|h| h.contains_key(&spot.id))
    }
}

/// The features of a type: a base type alone, or the members of a super type.
#[derive(Debug, Default)]
pub struct View<'a> {
    /// The base types.
    pub members: Vec<Member<'a>>,
}

impl View<'_> {
    fn of_cell(&self, cell: Cell) -> impl Iterator<Item = Spot> {
        let of = move |m| of_member(m, cell);
        self.members.iter().flat_map(of)
    }

    fn count(&self, cell: Cell) -> usize {
        let of = |m: &Member<'_>| {
            if m.hidden.iter().all(|h| h.is_empty()) {
                m.places.count(cell)
            } else {
                of_member(m, cell).count()
            }
        };
        self.members.iter().map(of).sum()
    }

    fn meeting(&self, tile: Tile) -> impl Iterator<Item = Spot> {
        let reach = tile.reach();
        let shown = move |m: &Member<'_>, s: &Spot| m.shows(s);
        let of = self.members.iter();
        of.flat_map(move |m| m.places.meeting(reach).filter(move |s| shown(m, s)))
    }

    fn are_points(&self) -> bool {
        self.members.iter().all(|m| m.places.are_points())
    }

    /// The box of everything, what is hidden included.
    pub fn bounds(&self) -> Option<Reach> {
        let all = self.members.iter().filter_map(|m| m.places.bounds());
        all.reduce(Reach::with)
    }

    /// Whether the block around a position shows some of its features only, or did so before `changed` of them went.
    pub fn may_thin(&self, z: u8, place: Place, changed: usize) -> bool {
        self.count(Cell::holding(z + BLOCK, place.code())) + changed > ALL
    }
}

fn of_member<'a>(m: &'a Member<'_>, cell: Cell) -> impl Iterator<Item = Spot> + use<'a> {
    m.places.of_cell(cell).filter(|s| m.shows(s))
}

/// A feature that is shown where nothing forces a tile to be coarser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The feature and its place.
    pub spot: Spot,
    /// How many features it stands for.
    pub count: u32,
    /// Whether the tile or its surroundings show it; a block that reaches beyond has others.
    pub inside: bool,
    /// All features of its block.
    of_block: u32,
}

/// What a tile shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thinned {
    tile: Tile,
    /// The features, those of a block together.
    pub kept: Vec<Kept>,
}

impl Thinned {
    /// Chooses what a tile shows of a type.
    ///
    /// ```
    /// use cabd_core::tile::{Member, Places, Spot, Thinned, Tile, View};
    /// use cabd_core::{Geometry, Uuid};
    /// let mut spots = vec![];
    /// for n in 0..1000u32 {
    ///     let at = Geometry::point(-75.0 + f64::from(n) / 1e4, 45.0);
    ///     spots.extend(Spot::of(Uuid::from_u128(n.into()), &at)?);
    /// }
    /// let places = Places::new(spots);
    /// let view = View { members: vec![Member { places: &places, hidden: vec![] }] };
    /// let thinned = Thinned::new(&view, Tile::new(0, 0, 0)?);
    /// let shown = thinned.kept.iter().filter(|k| k.inside);
    /// assert_eq!(shown.map(|k| k.count).sum::<u32>(), 1000);
    /// assert!(thinned.kept.len() < 10);
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    pub fn new(view: &View<'_>, tile: Tile) -> Self {
        let mut out = Self { tile, kept: vec![] };
        if view.are_points() {
            for block in tile.cells(BLOCK) {
                let from = out.kept.len();
                out.block(view, block);
                for k in &mut out.kept[from..] {
                    k.inside = Tile::shows(tile.units(k.spot.place()));
                }
            }
            return out;
        }
        let mut blocks: BTreeMap<Cell, Vec<Uuid>> = BTreeMap::new();
        for spot in view.meeting(tile) {
            let block = Cell::holding(tile.z() + BLOCK, spot.code());
            blocks.entry(block).or_default().push(spot.id);
        }
        for (block, mut near) in blocks {
            near.sort_unstable();
            let from = out.kept.len();
            out.block(view, block);
            for k in &mut out.kept[from..] {
                k.inside = near.binary_search(&k.spot.id).is_ok();
            }
        }
        out
    }

    /// Adds what is shown of a block.
    fn block(&mut self, view: &View<'_>, block: Cell) {
        let n = view.count(block);
        let kept = |spot: Spot, count: u32| Kept {
            spot,
            count,
            inside: false,
            of_block: n.try_into().unwrap_or(u32::MAX),
        };
        if n <= ALL {
            self.kept.extend(view.of_cell(block).map(|s| kept(s, 1)));
            return;
        }
        let mut cells = Cells::default();
        for spot in view.of_cell(block) {
            let cell = Cell::holding(self.tile.z() + CELL, spot.code());
            cells.add(cell, spot, 1, false);
        }
        self.kept
            .extend(cells.into_best().map(|b| kept(b.spot, b.count)));
    }

    /// The tile.
    pub fn tile(&self) -> Tile {
        self.tile
    }

    /// What a coarser tile shows inside: each feature and how many it stands for. Every step has a quarter of the cells.
    pub(super) fn coarser(&self, steps: u8) -> Vec<(Spot, u32)> {
        let inside = |k: &&Kept| k.inside;
        let mut out: Vec<(Spot, u32)> = vec![];
        let of_block = |k: &Kept| Cell::holding(self.tile.z() + BLOCK, k.spot.code());
        for block in self.kept.chunk_by(|a, b| of_block(a) == of_block(b)) {
            let most = (ALL >> (2 * u32::from(steps))) as u32;
            if steps == 0 || block.iter().all(|k| k.of_block <= most) {
                let shown = block.iter().filter(inside);
                out.extend(shown.map(|k| (k.spot, k.count)));
                continue;
            }
            let mut cells = Cells::default();
            for k in block {
                let cell = Cell::holding(self.tile.z() + CELL - steps, k.spot.code());
                cells.add(cell, k.spot, k.count, k.inside);
            }
            let shown = cells.into_best().filter(|b| b.inside);
            out.extend(shown.map(|b| (b.spot, b.count)));
        }
        out
    }
}

/// The cells of one block with the best feature of each.
struct Cells([Option<Best>; 64]);

#[derive(Clone, Copy)]
struct Best {
    spot: Spot,
    rank: (u32, u64, Uuid),
    count: u32,
    inside: bool,
}

impl Default for Cells {
    fn default() -> Self {
        Self([None; 64])
    }
}

impl Cells {
    fn add(&mut self, cell: Cell, spot: Spot, count: u32, inside: bool) {
        let mut new = Best {
            spot,
            rank: spot.rank(),
            count,
            inside,
        };
        // A block has at most 64 cells, told apart by the last bits.
        let slot = &mut self.0[(cell.code % 64) as usize];
        if let Some(old) = slot {
            let sum = old.count.saturating_add(count);
            if old.rank < new.rank {
                new = *old;
            }
            new.count = sum;
        }
        *slot = Some(new);
    }

    fn into_best(self) -> impl Iterator<Item = Best> {
        self.0.into_iter().flatten()
    }
}

/// Features that are near each other, shown as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// Its number.
    pub number: u64,
    /// The mean of their positions.
    pub place: Place,
    /// How many they are.
    pub count: u64,
}

/// The clusters that a tile and its surroundings show: one for each 64th of a tile that has features.
pub fn clusters(view: &View<'_>, tile: Tile) -> Vec<Cluster> {
    let of_cell = |cell: Cell| {
        let (mut n, mut x, mut y) = (0u64, 0u64, 0u64);
        // Fewer than 2³² features: the sums have room.
        for spot in view.of_cell(cell) {
            let place = spot.place();
            n += 1;
            x += u64::from(place.x);
            y += u64::from(place.y);
        }
        let mean = |sum: u64| u32::try_from(sum / n.max(1)).unwrap_or(u32::MAX);
        (n > 0).then(|| Cluster {
            number: cell.code & ((1 << 53) - 1),
            place: Place {
                x: mean(x),
                y: mean(y),
            },
            count: n,
        })
    };
    let all = tile.cells(CLUSTER).filter_map(of_cell);
    let mut all: Vec<Cluster> = all.filter(|c| Tile::shows(tile.units(c.place))).collect();
    all.sort_unstable_by_key(|c| c.number);
    all
}
