//! Areas made ready for the question whether they contain a point, asked many times.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use geo::kernels::Orientation;
use geo::{GeoNum, Kernel};
use geo_types::{Coord, Polygon};

use super::{Bbox, Geometry};
use crate::error::Result;

/// Vertices that a cache of areas holds before it starts anew.
const CACHED_VERTICES: usize = 4_000_000;
/// Edges to a band of latitude, about.
const EDGES_A_BAND: usize = 16;

/// The polygons of a geometry, ready to be asked for points. Exact: no tolerance, whatever the coordinates.
///
/// ```
/// use cabd_core::geometry::{Area, Geometry};
/// let g = Geometry::from_wkt("POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 2,1 1))")?;
/// let area = Area::of(&g)?;
/// assert!(area.covers(3.0, 3.0));
/// assert!(area.covers(4.0, 4.0) && area.covers(1.0, 1.5), "the boundary belongs to it");
/// assert!(!area.covers(1.5, 1.5) && !area.covers(5.0, 5.0));
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Area {
    polygons: Vec<Bands>,
    vertices: usize,
}

/// The edges of one polygon, sorted into bands of latitude.
#[derive(Debug)]
struct Bands {
    bounds: Bbox,
    /// Edges with the number of their ring, the shell's 0.
    edges: Vec<(u32, Coord<f64>, Coord<f64>)>,
    /// The edges that reach into each band, by ring.
    bands: Vec<Vec<u32>>,
}

impl Area {
    /// Makes a geometry's polygons ready; lines and points have no area.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a stored geometry that cannot be read.
    pub fn of(geometry: &Geometry) -> Result<Self> {
        let mut area = Self {
            polygons: vec![],
            vertices: 0,
        };
        area.add(&geometry.to_geo()?);
        Ok(area)
    }

    fn add(&mut self, geometry: &geo_types::Geometry<f64>) {
        match geometry {
            geo_types::Geometry::Polygon(p) => self.polygon(p),
            geo_types::Geometry::MultiPolygon(all) => all.iter().for_each(|p| self.polygon(p)),
            geo_types::Geometry::GeometryCollection(all) => all.iter().for_each(|g| self.add(g)),
            _ => {}
        }
    }

    fn polygon(&mut self, p: &Polygon<f64>) {
        if let Some(bands) = Bands::of(p) {
            self.vertices += bands.edges.len();
            self.polygons.push(bands);
        }
    }

    /// Whether the position lies in it or on its boundary.
    pub fn covers(&self, longitude: f64, latitude: f64) -> bool {
        let at = Coord {
            x: longitude,
            y: latitude,
        };
        self.polygons.iter().any(|p| p.covers(at))
    }
}

impl Bands {
    fn of(p: &Polygon<f64>) -> Option<Self> {
        let mut edges = vec![];
        let rings = std::iter::once(p.exterior()).chain(p.interiors());
        for (ring, line) in rings.enumerate() {
            let ring = u32::try_from(ring).ok()?;
            edges.extend(line.lines().map(|l| (ring, l.start, l.end)));
        }
        let first = p.exterior().0.first()?;
        let mut bounds = Bbox {
            west: first.x,
            south: first.y,
            east: first.x,
            north: first.y,
        };
        for c in &p.exterior().0 {
            bounds.west = bounds.west.min(c.x);
            bounds.east = bounds.east.max(c.x);
            bounds.south = bounds.south.min(c.y);
            bounds.north = bounds.north.max(c.y);
        }
        let mut out = Self {
            bounds,
            bands: vec![vec![]; edges.len() / EDGES_A_BAND + 1],
            edges,
        };
        for (n, (_, a, b)) in out.edges.iter().enumerate() {
            let n = u32::try_from(n).ok()?;
            let (from, to) = (out.band(a.y.min(b.y)), out.band(a.y.max(b.y)));
            out.bands[from..=to]
                .iter_mut()
                .for_each(|band| band.push(n));
        }
        Some(out)
    }

    /// The band of a latitude; monotone, so that an edge is in the bands of all of its latitudes.
    fn band(&self, latitude: f64) -> usize {
        let height = self.bounds.north - self.bounds.south;
        if height <= 0.0 {
            return 0;
        }
        let share = (latitude - self.bounds.south) / height;
        ((share * self.bands.len() as f64) as usize).min(self.bands.len() - 1)
    }

    fn covers(&self, at: Coord<f64>) -> bool {
        if !self.bounds.contains(at.x, at.y) {
            return false;
        }
        // Within the shell and within no hole; crossings of a ray to the east are counted ring by ring.
        let (mut ring, mut odd, mut in_shell) = (0, false, false);
        for n in &self.bands[self.band(at.y)] {
            let (of, a, b) = self.edges[*n as usize];
            if of != ring {
                if ring == 0 {
                    in_shell = odd;
                } else if odd {
                    return self.touches(at);
                }
                (ring, odd) = (of, false);
            }
            match side(at, a, b) {
                Side::On => return true,
                Side::Crosses => odd = !odd,
                Side::Misses => {}
            }
        }
        match ring {
            0 => odd,
            _ => in_shell && !odd,
        }
    }

    /// Whether the position lies on an edge of any ring.
    fn touches(&self, at: Coord<f64>) -> bool {
        self.bands[self.band(at.y)].iter().any(|n| {
            let (_, a, b) = self.edges[*n as usize];
            matches!(side(at, a, b), Side::On)
        })
    }
}

enum Side {
    On,
    Crosses,
    Misses,
}

/// What a ray from the position to the east does with an edge.
fn side(at: Coord<f64>, a: Coord<f64>, b: Coord<f64>) -> Side {
    let (low, high) = if a.y <= b.y { (a, b) } else { (b, a) };
    if at.y < low.y || at.y > high.y || at.x > a.x.max(b.x) {
        return Side::Misses;
    }
    if low.y == high.y {
        return if at.x >= a.x.min(b.x) {
            Side::On
        } else {
            Side::Misses
        };
    }
    match <f64 as GeoNum>::Ker::orient2d(low, high, at) {
        Orientation::Collinear => Side::On,
        Orientation::CounterClockwise if at.y < high.y => Side::Crosses,
        _ => Side::Misses,
    }
}

/// Areas by key, made ready once; forgotten when they become too many.
#[derive(Debug)]
pub struct Areas<K> {
    known: HashMap<K, Arc<Area>>,
    vertices: usize,
}

impl<K> Default for Areas<K> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            vertices: 0,
        }
    }
}

impl<K: Eq + Hash> Areas<K> {
    /// The area of a key; `geometry` is asked when it is not known.
    ///
    /// # Errors
    /// Those of `geometry` and of [`Area::of`].
    pub fn get(
        &mut self,
        key: K,
        geometry: impl FnOnce() -> Result<Geometry>,
    ) -> Result<Arc<Area>> {
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let area = Arc::new(Area::of(&geometry()?)?);
        if self.vertices + area.vertices > CACHED_VERTICES {
            self.clear();
        }
        self.vertices += area.vertices;
        self.known.insert(key, area.clone());
        Ok(area)
    }

    /// Forgets every area, because the rows behind them have changed.
    pub fn clear(&mut self) {
        self.known.clear();
        self.vertices = 0;
    }
}

#[cfg(test)]
mod tests {
    use geo::Intersects;
    use geo_types::{LineString, Point};
    use proptest::prelude::*;

    use super::*;

    /// A star with a hole, and a far triangle: edges of every direction.
    fn star(seed: &[u8]) -> geo_types::Geometry<f64> {
        let ring = |x: f64, y: f64, scale: f64| -> LineString<f64> {
            let n = seed.len() as f64;
            let mut all: Vec<(f64, f64)> = seed
                .iter()
                .enumerate()
                .map(|(i, r)| {
                    let t = i as f64 / n * std::f64::consts::TAU;
                    let r = scale * (2.0 + f64::from(*r) / 64.0);
                    (x + r * t.cos(), y + r * t.sin())
                })
                .collect();
            all.push(all[0]);
            all.into()
        };
        let far = Polygon::new(
            vec![(10.0, 10.0), (13.0, 10.7), (11.0, 12.1), (10.0, 10.0)].into(),
            vec![],
        );
        geo_types::MultiPolygon::new(vec![
            Polygon::new(ring(0.0, 0.0, 1.0), vec![ring(0.1, 0.05, 0.25)]),
            far,
        ])
        .into()
    }

    proptest! {
        #[test]
        fn covers_is_intersects(
            seed in proptest::collection::vec(any::<u8>(), 3..200),
            points in proptest::collection::vec((-7.0f64..14.0, -7.0f64..14.0), 1..60),
            share in 0.0f64..1.0,
        ) {
            let geometry = star(&seed);
            let area = Area::of(&Geometry::from_geo(&geometry).unwrap()).unwrap();
            let mut points = points;
            // Vertices, and points that are near an edge or on it.
            let geo_types::Geometry::MultiPolygon(all) = &geometry else { unreachable!() };
            for ring in all.iter().flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors())) {
                points.extend(ring.0.iter().map(|c| (c.x, c.y)));
                points.extend(ring.lines().map(|l| (
                    l.start.x + share * (l.end.x - l.start.x),
                    l.start.y + share * (l.end.y - l.start.y),
                )));
                points.extend(ring.lines().map(|l| (l.start.x - 1.0, l.start.y)));
            }
            for (x, y) in points {
                prop_assert_eq!(area.covers(x, y), geometry.intersects(&Point::new(x, y)), "{} {}", x, y);
            }
        }
    }
}
