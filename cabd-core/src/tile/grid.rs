//! The grid: tiles, whole-numbered positions, and cells in Morton order.

use std::f64::consts::PI;

use crate::error::{Error, Result};
use crate::geometry::Bbox;

/// Units along the edge of a tile.
pub const EXTENT: i64 = 4096;
/// Units of the neighbours that a tile holds around it.
pub const BUFFER: i64 = 256;
/// The deepest zoom. Positions are exact to a unit down to zoom 20.
pub const MAX_ZOOM: u8 = 24;

/// Zoom at which a unit of a tile is one position.
const EXACT_ZOOM: u8 = 20;
/// Positions around the Earth.
const WORLD: f64 = 4_294_967_296.0;
/// What a box in degrees is widened by, more than a position is wide.
const MARGIN: f64 = 2e-7;

/// A tile's address: zoom, column from the west, row from the north.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    z: u8,
    x: u32,
    y: u32,
}

impl Tile {
    /// A tile of the grid.
    ///
    /// ```
    /// use cabd_core::tile::Tile;
    /// assert!(Tile::new(1, 1, 1).is_ok());
    /// let e = Tile::new(1, 2, 0).unwrap_err();
    /// assert_eq!((e.field_name(), e.expectation()), (Some("x"), Some("a whole number from 0 to 1")));
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with the field `z`, `x` or `y` for one outside.
    pub fn new(z: u64, x: u64, y: u64) -> Result<Self> {
        let refused = |field: &str, value: u64, most: u64| {
            Error::invalid("outside the grid of tiles")
                .field(field)
                .value(value)
                .expected(format!("a whole number from 0 to {most}"))
        };
        let deepest = u64::from(MAX_ZOOM);
        let zoom = u8::try_from(z).ok().filter(|z| *z <= MAX_ZOOM);
        let zoom = zoom.ok_or_else(|| refused("z", z, deepest))?;
        let last = (1u64 << zoom) - 1;
        let within = |field: &str, v: u64| {
            u32::try_from(v)
                .ok()
                .filter(|_| v <= last)
                .ok_or_else(|| refused(field, v, last))
        };
        Ok(Self {
            z: zoom,
            x: within("x", x)?,
            y: within("y", y)?,
        })
    }

    /// The tile that holds a position.
    pub fn holding(z: u8, place: Place) -> Self {
        let z = z.min(MAX_ZOOM);
        let cut = |v: u32| (u64::from(v) >> (32 - u32::from(z))) as u32;
        Self {
            z,
            x: cut(place.x),
            y: cut(place.y),
        }
    }

    /// Zoom.
    pub fn z(self) -> u8 {
        self.z
    }

    /// Column.
    pub fn x(self) -> u32 {
        self.x
    }

    /// Row.
    pub fn y(self) -> u32 {
        self.y
    }

    /// The address as one number, in which the tiles of all zooms differ.
    pub fn code(self) -> u64 {
        let before = ((1u64 << (2 * u32::from(self.z))) - 1) / 3;
        before + morton(self.x, self.y)
    }

    /// Positions along its edge.
    pub(super) fn width(self) -> u64 {
        1 << (32 - u32::from(self.z))
    }

    /// The units from the tile's north-western corner.
    pub(super) fn units(self, place: Place) -> (i64, i64) {
        let from = |v: u32, at: u32| {
            let offset = i64::from(v) - (i64::from(at) << (32 - u32::from(self.z)));
            if self.z <= EXACT_ZOOM {
                offset >> (EXACT_ZOOM - self.z)
            } else {
                offset << (self.z - EXACT_ZOOM)
            }
        };
        (from(place.x, self.x), from(place.y, self.y))
    }

    /// Whether a box is smaller than two units of the tile.
    pub(super) fn is_tiny(self, reach: &Reach) -> bool {
        u64::from(reach.size()) * (EXTENT as u64) < 2 * self.width()
    }

    /// The units of a position given in degrees, with their fraction.
    pub(super) fn units_of_degrees(self, longitude: f64, latitude: f64) -> (f64, f64) {
        let (x, y) = project(longitude, latitude);
        let scale = f64::from(1u32 << self.z);
        let units = |v: f64, at: u32| (v * scale - f64::from(at)) * EXTENT as f64;
        (units(x, self.x), units(y, self.y))
    }

    /// Whether the tile or its surroundings hold the position in units.
    pub(super) fn shows((x, y): (i64, i64)) -> bool {
        let within = |v: i64| (-BUFFER..EXTENT + BUFFER).contains(&v);
        within(x) && within(y)
    }

    /// The positions of the tile and its surroundings.
    pub fn reach(self) -> Reach {
        let width = self.width() as i64;
        let buffer = width * BUFFER / EXTENT;
        let edge = |at: u32| {
            let from = i64::from(at) * width;
            (clamped(from - buffer), clamped(from + width + buffer - 1))
        };
        let ((west, east), (north, south)) = (edge(self.x), edge(self.y));
        Reach {
            west,
            north,
            east,
            south,
        }
    }

    /// Columns and rows of the cells at `levels` below the tile's zoom that the tile and its surroundings meet.
    pub(super) fn cells(self, levels: u8) -> impl Iterator<Item = Cell> + Clone {
        let level = self.z + levels;
        let reach = self.reach();
        let cut = move |v: u32| v >> (32 - u32::from(level));
        let (north, south) = (cut(reach.north), cut(reach.south));
        let (west, east) = (cut(reach.west), cut(reach.east));
        (north..=south).flat_map(move |y| {
            (west..=east).map(move |x| Cell {
                level,
                code: morton(x, y),
            })
        })
    }

    /// The tiles of this zoom that show something of a reach, in their surroundings included.
    pub fn meeting(z: u8, reach: &Reach) -> impl Iterator<Item = Tile> + use<> {
        let z = z.min(MAX_ZOOM);
        let wide = reach.widened(((1u64 << (32 - u32::from(z))) as i64 * BUFFER / EXTENT) + 1);
        let (from, to) = (wide.north_west(), wide.south_east());
        let (from, to) = (Tile::holding(z, from), Tile::holding(z, to));
        (from.y..=to.y).flat_map(move |y| (from.x..=to.x).map(move |x| Tile { z, x, y }))
    }
}

fn clamped(v: i64) -> u32 {
    v.clamp(0, i64::from(u32::MAX)) as u32
}

/// Web Mercator, 0 to 1 from the west and from the north.
fn project(longitude: f64, latitude: f64) -> (f64, f64) {
    let s = latitude.to_radians().sin();
    let y = 0.5 - ((1.0 + s) / (1.0 - s)).ln() / (4.0 * PI);
    (longitude / 360.0 + 0.5, y)
}

/// A position on the grid: 2³² columns from the west and rows from the north.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
}

impl Place {
    /// The position of a longitude and latitude in degrees; none beyond 85.0511° north or south, where the grid ends.
    ///
    /// ```
    /// use cabd_core::tile::Place;
    /// assert_eq!(Place::of(0.0, 0.0), Some(Place { x: 1 << 31, y: 1 << 31 }));
    /// assert_eq!(Place::of(0.0, 86.0), None);
    /// ```
    pub fn of(longitude: f64, latitude: f64) -> Option<Self> {
        let (x, y) = project(longitude, latitude);
        if !(0.0..=1.0).contains(&x) || !(0.0..=1.0).contains(&y) {
            return None;
        }
        let whole = |v: f64| clamped((v * WORLD).floor() as i64);
        Some(Self {
            x: whole(x),
            y: whole(y),
        })
    }

    /// Longitude and latitude of its north-western corner.
    pub fn degrees(self) -> (f64, f64) {
        let longitude = f64::from(self.x) / WORLD * 360.0 - 180.0;
        let n = PI - 2.0 * PI * f64::from(self.y) / WORLD;
        (longitude, n.sinh().atan().to_degrees())
    }

    pub(super) fn code(self) -> u64 {
        morton(self.x, self.y)
    }

    pub(super) fn of_code(code: u64) -> Self {
        Self {
            x: even_bits(code),
            y: even_bits(code >> 1),
        }
    }
}

/// A box of positions, edges included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// First column.
    pub west: u32,
    /// First row.
    pub north: u32,
    /// Last column.
    pub east: u32,
    /// Last row.
    pub south: u32,
}

impl Reach {
    /// One position.
    pub fn of(place: Place) -> Self {
        Self {
            west: place.x,
            north: place.y,
            east: place.x,
            south: place.y,
        }
    }

    /// A box in degrees, cut off where the grid ends; none for one beyond.
    pub fn of_bbox(b: &Bbox) -> Option<Self> {
        const END: f64 = 85.051_128;
        if b.south > END || b.north < -END {
            return None;
        }
        let from = Place::of(b.west, b.north.min(END))?;
        let to = Place::of(b.east, b.south.max(-END))?;
        Some(Self {
            west: from.x,
            north: from.y,
            east: to.x,
            south: to.y,
        })
    }

    /// The positions of the blocks that the tile and its surroundings meet.
    pub fn of_blocks(tile: Tile) -> Self {
        let reach = tile.reach();
        let bits = 32 - u32::from(tile.z + super::thin::BLOCK);
        let mask = (1u32 << bits) - 1;
        Self {
            west: reach.west & !mask,
            north: reach.north & !mask,
            east: reach.east | mask,
            south: reach.south | mask,
        }
    }

    /// Whether the boxes share a position.
    pub fn meets(&self, other: &Self) -> bool {
        self.west <= other.east
            && other.west <= self.east
            && self.north <= other.south
            && other.north <= self.south
    }

    /// The smallest box that holds both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            west: self.west.min(other.west),
            north: self.north.min(other.north),
            east: self.east.max(other.east),
            south: self.south.max(other.south),
        }
    }

    fn widened(self, by: i64) -> Self {
        Self {
            west: clamped(i64::from(self.west) - by),
            north: clamped(i64::from(self.north) - by),
            east: clamped(i64::from(self.east) + by),
            south: clamped(i64::from(self.south) + by),
        }
    }

    /// A box in degrees that certainly holds every position of the reach.
    pub fn bbox(&self) -> Bbox {
        let (west, north) = self.north_west().degrees();
        let last = Place {
            x: self.east,
            y: self.south,
        };
        let (east, south) = last.degrees();
        Bbox {
            west: (west - MARGIN).max(-180.0),
            south: (south - MARGIN).max(-90.0),
            east: (east + MARGIN).min(180.0),
            north: (north + MARGIN).min(90.0),
        }
    }

    pub(super) fn north_west(&self) -> Place {
        Place {
            x: self.west,
            y: self.north,
        }
    }

    fn south_east(&self) -> Place {
        Place {
            x: self.east,
            y: self.south,
        }
    }

    pub(super) fn middle(&self) -> Place {
        let half = |a: u32, b: u32| ((u64::from(a) + u64::from(b)) / 2) as u32;
        Place {
            x: half(self.west, self.east),
            y: half(self.north, self.south),
        }
    }

    /// Its longer edge, in positions.
    pub(super) fn size(&self) -> u32 {
        (self.east - self.west).max(self.south - self.north)
    }
}

/// A square of the grid: the positions whose code begins with `code`, 2 bits a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) level: u8,
    pub(super) code: u64,
}

impl Cell {
    /// The cell of a level that holds a position's code.
    pub(super) fn holding(level: u8, code: u64) -> Self {
        Self {
            level,
            code: if level == 0 {
                0
            } else {
                code >> (64 - 2 * u32::from(level))
            },
        }
    }

    /// The first and the last code in it.
    pub(super) fn codes(self) -> (u64, u64) {
        if self.level == 0 {
            return (0, u64::MAX);
        }
        let bits = 64 - 2 * u32::from(self.level);
        let first = self.code << bits;
        (first, first | ((1u64 << bits) - 1))
    }

    pub(super) fn reach(self) -> Reach {
        let (first, last) = self.codes();
        Reach {
            west: Place::of_code(first).x,
            north: Place::of_code(first).y,
            east: Place::of_code(last).x,
            south: Place::of_code(last).y,
        }
    }
}

/// The bits of both numbers in turn, those of `x` the lower ones.
fn morton(x: u32, y: u32) -> u64 {
    spread(x) | (spread(y) << 1)
}

fn spread(v: u32) -> u64 {
    let mut v = u64::from(v);
    v = (v | (v << 16)) & 0x0000_ffff_0000_ffff;
    v = (v | (v << 8)) & 0x00ff_00ff_00ff_00ff;
    v = (v | (v << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    v = (v | (v << 2)) & 0x3333_3333_3333_3333;
    (v | (v << 1)) & 0x5555_5555_5555_5555
}

fn even_bits(v: u64) -> u32 {
    let mut v = v & 0x5555_5555_5555_5555;
    v = (v | (v >> 1)) & 0x3333_3333_3333_3333;
    v = (v | (v >> 2)) & 0x0f0f_0f0f_0f0f_0f0f;
    v = (v | (v >> 4)) & 0x00ff_00ff_00ff_00ff;
    v = (v | (v >> 8)) & 0x0000_ffff_0000_ffff;
    (v | (v >> 16)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_is_in_one_tile_of_each_zoom_and_its_units_say_where(
            x in any::<u32>(), y in any::<u32>(), z in 0..=MAX_ZOOM
        ) {
            let place = Place { x, y };
            prop_assert_eq!(Place::of_code(place.code()), place);
            let tile = Tile::holding(z, place);
            let (ux, uy) = tile.units(place);
            prop_assert!((0..EXTENT).contains(&ux) && (0..EXTENT).contains(&uy));
            prop_assert!(tile.reach().meets(&Reach::of(place)));
            prop_assert!(Tile::meeting(z, &Reach::of(place)).any(|t| t == tile));
        }

        #[test]
        fn a_tile_that_shows_a_position_is_among_those_that_meet_it(
            x in any::<u32>(), y in any::<u32>(), z in 1..=MAX_ZOOM, dx in -1i64..=1, dy in -1i64..=1
        ) {
            let place = Place { x, y };
            let home = Tile::holding(z, place);
            let (tx, ty) = (i64::from(home.x) + dx, i64::from(home.y) + dy);
            prop_assume!(tx >= 0 && ty >= 0);
            let Ok(tile) = Tile::new(u64::from(z), tx as u64, ty as u64) else { return Ok(()) };
            if Tile::shows(tile.units(place)) {
                prop_assert!(Tile::meeting(z, &Reach::of(place)).any(|t| t == tile));
                prop_assert!(tile.cells(2).any(|c| c == Cell::holding(z + 2, place.code())));
            }
        }

        #[test]
        fn the_box_in_degrees_holds_every_position_of_the_reach(
            lon in -180.0f64..180.0, lat in -85.0f64..85.0, z in 0..=MAX_ZOOM
        ) {
            let place = Place::of(lon, lat).unwrap();
            let tile = Tile::holding(z, place);
            prop_assert!(tile.reach().bbox().contains(lon, lat));
            let (a, b) = place.degrees();
            prop_assert!((a - lon).abs() < 1e-6 && (b - lat).abs() < 1e-6);
        }
    }

    #[test]
    fn addresses_of_all_zooms_have_codes_of_their_own() {
        let mut seen = std::collections::HashSet::new();
        for z in 0..5u64 {
            for x in 0..1 << z {
                for y in 0..1 << z {
                    assert!(seen.insert(Tile::new(z, x, y).unwrap().code()));
                }
            }
        }
        assert_eq!(seen.iter().max(), Some(&(seen.len() as u64 - 1)));
    }

    #[test]
    fn the_grid_ends_where_it_ends() {
        assert!(Tile::new(25, 0, 0).is_err());
        assert!(Tile::new(3, 8, 0).is_err());
        assert!(Tile::new(3, 0, u64::MAX).is_err());
        assert_eq!(Place::of(180.0, 0.0).unwrap().x, u32::MAX);
        assert_eq!(Place::of(f64::NAN, 0.0), None);
    }
}
