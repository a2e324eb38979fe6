//! Geometries: ISO WKB in EPSG:4617, longitude first.
//!
//! EPSG:4617 (NAD83(CSRS)), EPSG:4269 (NAD83), EPSG:4326 and OGC:CRS84 (WGS 84) are coordinate-identical here:
//! they differ by about a metre, below the accuracy of the data.

mod area;
mod outline;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use geo::BoundingRect;
use geozero::{CoordDimensions, ToGeo, ToJson, ToWkb, ToWkt};
use serde::{Deserialize, Serialize};

pub use area::{Area, Areas};
pub use outline::Outline;

use crate::error::{Error, Result};

/// The coordinate reference system of everything stored: NAD83(CSRS), longitude and latitude in degrees.
pub const SRID: i32 = 4617;

/// Mean radius of the Earth in metres (GRS 80 mean radius R1), used for great-circle distances.
pub const EARTH_RADIUS_M: f64 = 6_371_008.771_4;

/// The class of a geometry column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GeometryKind {
    /// One position.
    Point,
    /// One line.
    LineString,
    /// One area.
    Polygon,
    /// Several positions.
    MultiPoint,
    /// Several lines.
    MultiLineString,
    /// Several areas.
    MultiPolygon,
    /// Any class.
    Geometry,
}

impl GeometryKind {
    /// Every kind.
    pub const ALL: [GeometryKind; 7] = [
        Self::Point,
        Self::LineString,
        Self::Polygon,
        Self::MultiPoint,
        Self::MultiLineString,
        Self::MultiPolygon,
        Self::Geometry,
    ];

    /// The OGC class code: 0 any, 1 point … 6 multi-polygon.
    pub fn code(self) -> u32 {
        match self {
            Self::Geometry => 0,
            Self::Point => 1,
            Self::LineString => 2,
            Self::Polygon => 3,
            Self::MultiPoint => 4,
            Self::MultiLineString => 5,
            Self::MultiPolygon => 6,
        }
    }

    /// The upper-case OGC name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Geometry => "GEOMETRY",
            Self::Point => "POINT",
            Self::LineString => "LINESTRING",
            Self::Polygon => "POLYGON",
            Self::MultiPoint => "MULTIPOINT",
            Self::MultiLineString => "MULTILINESTRING",
            Self::MultiPolygon => "MULTIPOLYGON",
        }
    }
}

impl FromStr for GeometryKind {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|k| k.name().eq_ignore_ascii_case(s))
            .ok_or_else(|| {
                Error::invalid("unknown geometry class")
                    .value(s)
                    .expected("point, linestring, polygon, multipoint, multilinestring, multipolygon or geometry")
            })
    }
}

#[derive(Clone)]
enum Repr {
    Point(f64, f64),
    Wkb(Arc<[u8]>),
}

/// A geometry in EPSG:4617, longitude first. Points are held without allocation.
#[derive(Clone)]
pub struct Geometry(Repr);

const POINT_WKB_LEN: usize = 21;

impl Geometry {
    /// A point from longitude and latitude in degrees.
    ///
    /// ```
    /// use cabd_core::Geometry;
    /// let falls = Geometry::point(-71.1477, 46.8908);
    /// assert_eq!(falls.as_point(), Some((-71.1477, 46.8908)));
    /// ```
    pub fn point(longitude: f64, latitude: f64) -> Self {
        Self(Repr::Point(longitude, latitude))
    }

    /// Reads ISO WKB of either byte order (Z and M allowed) and keeps it little-endian.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the bytes are not one well-formed geometry.
    pub fn from_wkb(wkb: &[u8]) -> Result<Self> {
        if let Some(p) = point_of(wkb) {
            return Ok(p);
        }
        let geo = geozero::wkb::Wkb(wkb)
            .to_geo()
            .map_err(|e| Error::invalid("not a WKB geometry").because(e))?;
        if wkb.first() == Some(&1) {
            return Ok(Self(Repr::Wkb(wkb.into())));
        }
        Self::from_geo(&geo)
    }

    /// Keeps WKB that a store wrote, without reading it again.
    pub fn from_trusted_wkb(wkb: &[u8]) -> Self {
        point_of(wkb).unwrap_or_else(|| Self(Repr::Wkb(wkb.into())))
    }

    /// From a `geo` geometry (two dimensions).
    pub fn from_geo(geometry: &geo_types::Geometry<f64>) -> Result<Self> {
        if let geo_types::Geometry::Point(p) = geometry {
            return Ok(Self::point(p.x(), p.y()));
        }
        let wkb = geometry
            .to_wkb(CoordDimensions::xy())
            .map_err(|e| Error::invalid("geometry cannot be written as WKB").because(e))?;
        Ok(Self(Repr::Wkb(wkb.into())))
    }

    /// Reads a GeoJSON geometry object; a third coordinate is kept.
    pub fn from_geojson(json: &serde_json::Value) -> Result<Self> {
        let kind = json
            .get("type")
            .and_then(|t| t.as_str())
            .unwrap_or_default();
        let coordinates = json.get("coordinates");
        if kind == "Point"
            && let Some([x, y]) = coordinates.and_then(|c| c.as_array()).map(Vec::as_slice)
            && let (Some(x), Some(y)) = (x.as_f64(), y.as_f64())
        {
            return Ok(Self::point(x, y));
        }
        let refused = || {
            Error::invalid("not a GeoJSON geometry")
                .value(json)
                .expected("an object with type and coordinates (RFC 7946)")
        };
        if depth_of_z(coordinates) {
            let text = json.to_string();
            let wkb = geozero::geojson::GeoJson(&text)
                .to_wkb(CoordDimensions::xyz())
                .map_err(|_| refused())?;
            return Self::from_wkb(&wkb).map_err(|_| refused());
        }
        let text = json.to_string();
        let geo = geozero::geojson::GeoJson(&text)
            .to_geo()
            .map_err(|_| refused())?;
        match geo {
            geo_types::Geometry::GeometryCollection(c) if kind != "GeometryCollection" => {
                match c.0.first() {
                    Some(one) if c.0.len() == 1 => Self::from_geo(one),
                    _ => Err(refused()),
                }
            }
            other => Self::from_geo(&other),
        }
    }

    /// Reads WKT.
    pub fn from_wkt(wkt: &str) -> Result<Self> {
        let geo = geozero::wkt::Wkt(wkt)
            .to_geo()
            .map_err(|e| Error::invalid("not a WKT geometry").value(wkt).because(e))?;
        Self::from_geo(&geo)
    }

    /// Longitude and latitude if this is a two-dimensional point.
    pub fn as_point(&self) -> Option<(f64, f64)> {
        match self.0 {
            Repr::Point(x, y) => Some((x, y)),
            Repr::Wkb(_) => None,
        }
    }

    /// A position on the geometry that stands for it: the point, or one on the line or within the area.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a stored geometry that cannot be read.
    pub fn position(&self) -> Result<Option<(f64, f64)>> {
        use geo::InteriorPoint;
        if let Some(p) = self.as_point() {
            return Ok(Some(p));
        }
        Ok(self.to_geo()?.interior_point().map(|p| (p.x(), p.y())))
    }

    /// Calls `f` with the little-endian ISO WKB.
    pub fn with_wkb<T>(&self, f: impl FnOnce(&[u8]) -> T) -> T {
        match &self.0 {
            Repr::Point(x, y) => f(&point_wkb(*x, *y)),
            Repr::Wkb(b) => f(b),
        }
    }

    /// The little-endian ISO WKB.
    pub fn to_wkb(&self) -> Vec<u8> {
        self.with_wkb(<[u8]>::to_vec)
    }

    /// The `geo` geometry (two dimensions).
    pub fn to_geo(&self) -> Result<geo_types::Geometry<f64>> {
        match &self.0 {
            Repr::Point(x, y) => Ok(geo_types::Point::new(*x, *y).into()),
            Repr::Wkb(b) => geozero::wkb::Wkb(b.as_ref())
                .to_geo()
                .map_err(|e| Error::corrupt("stored geometry is not WKB").because(e)),
        }
    }

    /// GeoJSON text of the geometry.
    pub fn to_geojson(&self) -> Result<String> {
        match &self.0 {
            Repr::Point(x, y) => Ok(format!("{{\"type\":\"Point\",\"coordinates\":[{x},{y}]}}")),
            Repr::Wkb(b) => geozero::wkb::Wkb(b.as_ref())
                .to_json()
                .map_err(|e| Error::corrupt("stored geometry is not WKB").because(e)),
        }
    }

    /// WKT of the geometry.
    pub fn to_wkt(&self) -> Result<String> {
        match &self.0 {
            Repr::Point(x, y) => Ok(format!("POINT({x} {y})")),
            Repr::Wkb(b) => geozero::wkb::Wkb(b.as_ref())
                .to_wkt()
                .map_err(|e| Error::corrupt("stored geometry is not WKB").because(e)),
        }
    }

    /// The class, `None` for a collection or an unknown code.
    pub fn kind(&self) -> Option<GeometryKind> {
        let code = self.class_code() % 1000;
        GeometryKind::ALL
            .into_iter()
            .find(|k| k.code() == code && code != 0)
    }

    /// The ISO class code, thousands telling Z (1), M (2) or both (3).
    pub fn class_code(&self) -> u32 {
        match &self.0 {
            Repr::Point(..) => 1,
            Repr::Wkb(b) => match b.get(1..5) {
                Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
                _ => 0,
            },
        }
    }

    /// West, south, east, north.
    pub fn bounds(&self) -> Result<Option<Bbox>> {
        if let Some((x, y)) = self.as_point() {
            return Ok(Some(Bbox {
                west: x,
                south: y,
                east: x,
                north: y,
            }));
        }
        Ok(self.to_geo()?.bounding_rect().map(|r| Bbox {
            west: r.min().x,
            south: r.min().y,
            east: r.max().x,
            north: r.max().y,
        }))
    }

    /// Whether geometry and box share a point; touching counts.
    pub fn intersects(&self, bbox: &Bbox) -> Result<bool> {
        use geo::Intersects;
        if let Some((x, y)) = self.as_point() {
            return Ok(bbox.contains(x, y));
        }
        let geometry = self.to_geo()?;
        let low = geo_types::coord! { x: bbox.west, y: bbox.south };
        let high = geo_types::coord! { x: bbox.east, y: bbox.north };
        Ok(if low == high {
            geometry.intersects(&low)
        } else if low.x == high.x || low.y == high.y {
            geometry.intersects(&geo_types::Line::new(low, high))
        } else {
            geometry.intersects(&geo_types::Rect::new(low, high))
        })
    }

    /// Great-circle distance in metres from a position to the geometry's nearest point
    /// (nearest in the plane of degrees; for a point, the point itself).
    pub fn distance_m(&self, longitude: f64, latitude: f64) -> Result<f64> {
        use geo::{Closest, ClosestPoint};
        let from = geo_types::Point::new(longitude, latitude);
        if let Some((x, y)) = self.as_point() {
            return Ok(great_circle_m(longitude, latitude, x, y));
        }
        Ok(match self.to_geo()?.closest_point(&from) {
            Closest::Intersection(_) => 0.0,
            Closest::SinglePoint(p) => great_circle_m(longitude, latitude, p.x(), p.y()),
            Closest::Indeterminate => f64::INFINITY,
        })
    }

    /// Refuses a position that is not finite or lies outside -180..180, -90..90, and a geometry without any.
    pub fn check_world(&self, field: &str) -> Result<()> {
        let refuse = |x: f64, y: f64| {
            Err(Error::invalid("position is not on Earth")
                .field(field)
                .value(format!("{x}, {y}"))
                .expected("longitude -180 to 180 and latitude -90 to 90, longitude first"))
        };
        let inside = |x: f64, y: f64| (-180.0..=180.0).contains(&x) && (-90.0..=90.0).contains(&y);
        if let Some((x, y)) = self.as_point() {
            return if inside(x, y) { Ok(()) } else { refuse(x, y) };
        }
        use geo::CoordsIter;
        let mut empty = true;
        for c in self.to_geo()?.coords_iter() {
            empty = false;
            if !inside(c.x, c.y) {
                return refuse(c.x, c.y);
            }
        }
        if empty {
            return Err(Error::invalid("geometry without a position")
                .field(field)
                .value("EMPTY")
                .expected("at least one position"));
        }
        Ok(())
    }
}

fn depth_of_z(coordinates: Option<&serde_json::Value>) -> bool {
    let mut at = coordinates;
    while let Some(serde_json::Value::Array(items)) = at {
        match items.first() {
            Some(serde_json::Value::Array(_)) => at = items.first(),
            Some(serde_json::Value::Number(_)) => return items.len() > 2,
            _ => return false,
        }
    }
    false
}

fn point_of(wkb: &[u8]) -> Option<Geometry> {
    let bytes: &[u8; POINT_WKB_LEN] = wkb.try_into().ok()?;
    let (head, rest) = bytes.split_at(5);
    if head != [1, 1, 0, 0, 0] {
        return None;
    }
    let (x, y) = rest.split_at(8);
    Some(Geometry::point(
        f64::from_le_bytes(x.try_into().ok()?),
        f64::from_le_bytes(y.try_into().ok()?),
    ))
}

/// The 21 bytes of a little-endian WKB point.
pub fn point_wkb(x: f64, y: f64) -> [u8; POINT_WKB_LEN] {
    let mut out = [0u8; POINT_WKB_LEN];
    out[0] = 1;
    out[1] = 1;
    out[5..13].copy_from_slice(&x.to_le_bytes());
    out[13..21].copy_from_slice(&y.to_le_bytes());
    out
}

/// Great-circle distance in metres (haversine formula, [`EARTH_RADIUS_M`]).
///
/// ```
/// let d = cabd_core::geometry::great_circle_m(0.0, 0.0, 1.0, 0.0);
/// assert!((d - 111_195.08).abs() < 0.1);
/// ```
pub fn great_circle_m(lon1: f64, lat1: f64, lon2: f64, lat2: f64) -> f64 {
    let (p1, p2) = (lat1.to_radians(), lat2.to_radians());
    let (dp, dl) = ((lat2 - lat1).to_radians(), (lon2 - lon1).to_radians());
    let a = (dp / 2.0).sin().powi(2) + p1.cos() * p2.cos() * (dl / 2.0).sin().powi(2);
    2.0 * EARTH_RADIUS_M * a.sqrt().min(1.0).asin()
}

impl PartialEq for Geometry {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Point(a, b), Repr::Point(c, d)) => {
                a.to_bits() == c.to_bits() && b.to_bits() == d.to_bits()
            }
            (Repr::Wkb(a), Repr::Wkb(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Geometry {}

impl fmt::Debug for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_wkt() {
            Ok(wkt) => f.write_str(&wkt),
            Err(_) => f.write_str("<damaged geometry>"),
        }
    }
}

/// A box in degrees: west ≤ east, south ≤ north.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bbox {
    /// Smallest longitude.
    pub west: f64,
    /// Smallest latitude.
    pub south: f64,
    /// Largest longitude.
    pub east: f64,
    /// Largest latitude.
    pub north: f64,
}

impl Bbox {
    /// A box from two corners in any order.
    ///
    /// # Errors
    /// When a corner is not finite or not on Earth.
    pub fn new(x1: f64, y1: f64, x2: f64, y2: f64) -> Result<Self> {
        for (x, y) in [(x1, y1), (x2, y2)] {
            Geometry::point(x, y).check_world("bbox")?;
        }
        Ok(Self {
            west: x1.min(x2),
            south: y1.min(y2),
            east: x1.max(x2),
            north: y1.max(y2),
        })
    }

    /// Whether the position lies in the box or on its edge.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        x >= self.west && x <= self.east && y >= self.south && y <= self.north
    }

    /// What two boxes have in common, where they do.
    ///
    /// ```
    /// use cabd_core::Bbox;
    /// let (a, b) = (Bbox::new(0.0, 0.0, 2.0, 2.0)?, Bbox::new(1.0, 1.0, 3.0, 3.0)?);
    /// assert_eq!(a.common(&b), Some(Bbox::new(1.0, 1.0, 2.0, 2.0)?));
    /// assert_eq!(a.common(&Bbox::new(5.0, 5.0, 6.0, 6.0)?), None);
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    pub fn common(&self, other: &Self) -> Option<Self> {
        let both = Self {
            west: self.west.max(other.west),
            south: self.south.max(other.south),
            east: self.east.min(other.east),
            north: self.north.min(other.north),
        };
        (both.west <= both.east && both.south <= both.north).then_some(both)
    }

    /// The smallest box, in degrees, that holds every position within `radius_m` metres.
    pub fn around(longitude: f64, latitude: f64, radius_m: f64) -> Self {
        let angle = radius_m / EARTH_RADIUS_M;
        let dlat = angle.to_degrees() * 1.000_001 + 1e-9;
        let (south, north) = (latitude - dlat, latitude + dlat);
        let ratio = angle.sin() / latitude.to_radians().cos();
        if south <= -90.0 || north >= 90.0 || angle >= std::f64::consts::FRAC_PI_2 || ratio >= 1.0 {
            return Self {
                west: -180.0,
                south: south.max(-90.0),
                east: 180.0,
                north: north.min(90.0),
            };
        }
        let dlon = ratio.asin().to_degrees() * 1.000_001 + 1e-9;
        let (west, east) = (longitude - dlon, longitude + dlon);
        if west < -180.0 || east > 180.0 {
            return Self {
                west: -180.0,
                south,
                east: 180.0,
                north,
            };
        }
        Self {
            west,
            south,
            east,
            north,
        }
    }
}

impl FromStr for Bbox {
    type Err = Error;

    /// Reads `xmin,ymin,xmax,ymax`; swapped corners are put right.
    fn from_str(s: &str) -> Result<Self> {
        let refused = || {
            Error::invalid("not a box")
                .field("bbox")
                .value(s)
                .expected("xmin,ymin,xmax,ymax in degrees, longitude first")
        };
        let numbers: Vec<f64> = s
            .split(',')
            .map(|p| p.trim().parse::<f64>())
            .collect::<Result<_, _>>()
            .map_err(|_| refused())?;
        match numbers[..] {
            [a, b, c, d] => Self::new(a, b, c, d),
            _ => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polygon_with_a_hole_survives_wkb_geojson_and_wkt() {
        let wkt = "POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,2 1,2 2,1 2,1 1))";
        let g = Geometry::from_wkt(wkt).unwrap();
        let json: serde_json::Value = serde_json::from_str(&g.to_geojson().unwrap()).unwrap();
        assert_eq!(Geometry::from_geojson(&json).unwrap(), g);
        assert_eq!(Geometry::from_wkb(&g.to_wkb()).unwrap(), g);
        assert_eq!(g.kind(), Some(GeometryKind::Polygon));
    }

    #[test]
    fn a_third_coordinate_is_kept() {
        let json = serde_json::json!({"type":"LineString","coordinates":[[0,0,5],[1,1,6]]});
        let g = Geometry::from_geojson(&json).unwrap();
        assert_eq!(g.class_code(), 1002);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        assert!(Geometry::from_wkb(&[1, 2, 3]).is_err());
        assert!(Geometry::from_wkb(&[]).is_err());
    }

    #[test]
    fn a_box_with_swapped_corners_is_put_right() {
        let b: Bbox = "-70,50,-80,40".parse().unwrap();
        assert_eq!(
            (b.west, b.south, b.east, b.north),
            (-80.0, 40.0, -70.0, 50.0)
        );
        assert!("1,2,3".parse::<Bbox>().is_err());
        assert!("1,2,3,NaN".parse::<Bbox>().is_err());
        assert!("1,2,3,91".parse::<Bbox>().is_err());
    }

    #[test]
    fn the_box_around_a_position_holds_the_circle() {
        let b = Bbox::around(-75.0, 60.0, 10_000.0);
        for bearing in 0..360 {
            let t = f64::from(bearing).to_radians();
            let d: f64 = 10_000.0 / EARTH_RADIUS_M;
            let lat1 = 60f64.to_radians();
            let lat2 = (lat1.sin() * d.cos() + lat1.cos() * d.sin() * t.cos()).asin();
            let dl = (t.sin() * d.sin() * lat1.cos()).atan2(d.cos() - lat1.sin() * lat2.sin());
            assert!(b.contains(-75.0 + dl.to_degrees(), lat2.to_degrees()));
        }
    }
}
