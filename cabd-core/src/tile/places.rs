//! Where the features of a base type are: sorted along the grid, followed as they change.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::feature_number;
use super::grid::{Cell, Place, Reach};
use crate::catalog::{GEOMETRY, ID};
use crate::error::{Error, Result};
use crate::feature::FeatureBatch;
use crate::geometry::Geometry;
use crate::value::Value;

/// Neighbours in the order that share a box of their boxes.
const RUN: usize = 128;
/// Changes that are kept beside the sorted features before they are sorted in.
const LATER: usize = 16_384;

/// A feature's place: the position that stands for it, and its box where it is more than a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// The feature.
    pub id: Uuid,
    code: u64,
    reach: Option<Reach>,
}

impl Spot {
    /// The place of a geometry; none beyond the grid.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a stored geometry that cannot be read.
    pub fn of(id: Uuid, geometry: &Geometry) -> Result<Option<Self>> {
        if let Some((longitude, latitude)) = geometry.as_point() {
            return Ok(Place::of(longitude, latitude).map(|p| Self {
                id,
                code: p.code(),
                reach: None,
            }));
        }
        let bounds = geometry.bounds()?;
        Ok(bounds.as_ref().and_then(Reach::of_bbox).map(|r| Self {
            id,
            code: r.middle().code(),
            reach: Some(r),
        }))
    }

    /// The position that stands for it: the point, or the middle of its box.
    pub fn place(&self) -> Place {
        Place::of_code(self.code)
    }

    pub(super) fn code(&self) -> u64 {
        self.code
    }

    /// The block of a zoom that holds its position.
    pub fn block(&self, z: u8) -> Reach {
        Cell::holding(z + super::thin::BLOCK, self.code).reach()
    }

    /// Whether it has a box.
    pub(super) fn is_shape(&self) -> bool {
        self.reach.is_some()
    }

    /// Its box.
    pub fn reach(&self) -> Reach {
        self.reach.unwrap_or_else(|| Reach::of(self.place()))
    }

    /// What decides between features: lines and areas by size, the largest first, then a number that hangs on the identifier alone.
    pub(super) fn rank(&self) -> (u32, u64, Uuid) {
        let size = self.reach.map_or(0, |r| r.size());
        (size.leading_zeros(), feature_number(self.id), self.id)
    }
}

/// Places while they are read, in any order.
#[derive(Debug, Default)]
pub struct Gathered {
    points: Vec<(u64, [u8; 16])>,
    /// Beside them, as soon as one is more than a point.
    reaches: Vec<Reach>,
}

impl Gathered {
    fn push(&mut self, spot: Spot) {
        if spot.reach.is_some() && self.reaches.is_empty() {
            let reach = |p: &(u64, [u8; 16])| Reach::of(Place::of_code(p.0));
            self.reaches = self.points.iter().map(reach).collect();
        }
        if spot.reach.is_some() || !self.reaches.is_empty() {
            self.reaches.push(spot.reach());
        }
        self.points.push((spot.code, *spot.id.as_bytes()));
    }

    /// Adds the places of a batch with identifier and geometry.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a stored geometry that cannot be read.
    pub fn read(&mut self, batch: &FeatureBatch) -> Result<()> {
        for row in 0..batch.rows() {
            let Value::Uuid(id) = batch.value(row, ID) else {
                return Err(Error::internal("a feature without identifier"));
            };
            if let Value::Geometry(g) = batch.value(row, GEOMETRY) {
                let spot = Spot::of(id, &g).map_err(|e| e.at(format!("feature {id}")))?;
                spot.into_iter().for_each(|s| self.push(s));
            }
        }
        Ok(())
    }

    /// The places, in the grid's order.
    pub fn sort(mut self) -> Places {
        if self.reaches.is_empty() {
            self.points.sort_unstable();
        } else {
            let mut all: Vec<_> = self.points.into_iter().zip(self.reaches).collect();
            all.sort_unstable_by_key(|(p, _)| *p);
            (self.points, self.reaches) = all.into_iter().unzip();
        }
        self.points.shrink_to_fit();
        let sorted = self.points;
        let together = |run: &[Reach]| run.iter().copied().reduce(Reach::with);
        let runs = self.reaches.chunks(RUN).filter_map(together).collect();
        let mut by_id: Vec<u32> = (0..sorted.len() as u32).collect();
        by_id.sort_unstable_by_key(|i| sorted[*i as usize].1);
        Places {
            sorted,
            reaches: self.reaches,
            runs,
            by_id,
            ..Places::default()
        }
    }
}

/// Where the features of one base type are. About 28 bytes a point, 44 bytes a line or area.
///
/// ```
/// use cabd_core::tile::{Places, Spot};
/// use cabd_core::{Geometry, Uuid};
/// let id = Uuid::from_u128(1);
/// let spot = Spot::of(id, &Geometry::point(-75.5, 45.4))?;
/// let mut places = Places::new(spot);
/// assert_eq!(places.get(id), spot);
/// places.put(id, None);
/// assert_eq!((places.get(id), places.len()), (None, 0));
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Default, Clone)]
pub struct Places {
    /// Position and identifier, in the order of the positions.
    sorted: Vec<(u64, [u8; 16])>,
    /// The boxes beside them; empty where all are points.
    reaches: Vec<Reach>,
    /// For each run of neighbours, the box of their boxes.
    runs: Vec<Reach>,
    /// Places in `sorted`, in the order of the identifiers.
    by_id: Vec<u32>,
    /// Places in `sorted` that are no more.
    gone: BTreeSet<u32>,
    /// What came later.
    later: BTreeMap<(u64, Uuid), Option<Reach>>,
    later_by_id: HashMap<Uuid, u64>,
}

impl Places {
    /// The places of these features, each once.
    pub fn new(spots: impl IntoIterator<Item = Spot>) -> Self {
        let mut gathered = Gathered::default();
        spots.into_iter().for_each(|s| gathered.push(s));
        gathered.sort()
    }

    /// How many features have a place.
    pub fn len(&self) -> usize {
        self.sorted.len() - self.gone.len() + self.later.len()
    }

    /// Whether no feature has a place.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory held, in bytes, about.
    pub fn bytes(&self) -> usize {
        self.sorted.capacity() * 24
            + (self.reaches.capacity() + self.runs.capacity()) * 16
            + self.by_id.capacity() * 4
            + self.gone.len() * 8
            + self.later.len() * 120
    }

    /// The box of all places.
    pub fn bounds(&self) -> Option<Reach> {
        self.spots().map(|s| s.reach()).reduce(Reach::with)
    }

    fn spots(&self) -> impl Iterator<Item = Spot> {
        self.within(0, u64::MAX)
    }

    fn spot(&self, at: u32) -> Spot {
        let (code, id) = self.sorted[at as usize];
        Spot {
            id: Uuid::from_bytes(id),
            code,
            reach: self.reaches.get(at as usize).copied(),
        }
    }

    fn find(&self, id: Uuid) -> Option<u32> {
        let key = |i: &u32| self.sorted[*i as usize].1;
        let at = self.by_id.binary_search_by_key(id.as_bytes(), key).ok()?;
        let at = self.by_id[at];
        (!self.gone.contains(&at)).then_some(at)
    }

    /// The place of a feature.
    pub fn get(&self, id: Uuid) -> Option<Spot> {
        if let Some(code) = self.later_by_id.get(&id) {
            let reach = self.later.get(&(*code, id)).copied().flatten();
            return Some(Spot {
                id,
                code: *code,
                reach,
            });
        }
        self.find(id).map(|at| self.spot(at))
    }

    /// Gives a feature its new place, or none, and tells the old one.
    pub fn put(&mut self, id: Uuid, spot: Option<Spot>) -> Option<Spot> {
        let old = self.get(id);
        if old == spot {
            return old;
        }
        match self.later_by_id.remove(&id) {
            Some(code) => {
                self.later.remove(&(code, id));
            }
            None => self.gone.extend(self.find(id)),
        }
        if let Some(s) = spot {
            self.later.insert((s.code, id), s.reach);
            self.later_by_id.insert(id, s.code);
        }
        if self.gone.len() + self.later.len() > LATER {
            *self = Self::new(self.spots());
        }
        old
    }

    fn later_within(&self, first: u64, last: u64) -> impl Iterator<Item = Spot> {
        let range = (first, Uuid::nil())..=(last, Uuid::max());
        self.later.range(range).map(|((code, id), reach)| Spot {
            id: *id,
            code: *code,
            reach: *reach,
        })
    }

    /// The features whose position's code lies between these two, both included.
    fn within(&self, first: u64, last: u64) -> impl Iterator<Item = Spot> {
        let from = self.sorted.partition_point(|s| s.0 < first);
        let to = from + self.sorted[from..].partition_point(|s| s.0 <= last);
        let whole = self.gone.is_empty();
        (from as u32..to as u32)
            .filter(move |i| whole || !self.gone.contains(i))
            .map(|i| self.spot(i))
            .chain(self.later_within(first, last))
    }

    pub(super) fn of_cell(&self, cell: Cell) -> impl Iterator<Item = Spot> {
        let (first, last) = cell.codes();
        self.within(first, last)
    }

    pub(super) fn count(&self, cell: Cell) -> usize {
        let (first, last) = cell.codes();
        let from = self.sorted.partition_point(|s| s.0 < first);
        let to = from + self.sorted[from..].partition_point(|s| s.0 <= last);
        let gone = self.gone.range(from as u32..to as u32).count();
        to - from - gone + self.later_within(first, last).count()
    }

    /// The features whose box meets the reach.
    pub(super) fn meeting(&self, reach: Reach) -> impl Iterator<Item = Spot> {
        let runs = self.runs.iter().enumerate();
        let runs = runs.filter(move |(_, r)| r.meets(&reach));
        let places = runs.flat_map(|(n, _)| n * RUN..((n + 1) * RUN).min(self.sorted.len()));
        places
            .filter(move |i| self.reaches[*i].meets(&reach))
            .map(|i| i as u32)
            .filter(|i| !self.gone.contains(i))
            .map(|i| self.spot(i))
            .chain(self.later_within(0, u64::MAX))
            .filter(move |s| s.reach().meets(&reach))
    }

    /// Whether every feature is a point.
    pub fn are_points(&self) -> bool {
        self.reaches.is_empty() && self.later.values().all(Option::is_none)
    }
}
