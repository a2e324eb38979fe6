//! Outlines drawn on a map.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use geo::{Area, CoordsIter, Intersects, Validation};

use super::{Bbox, Geometry};
use crate::error::{Error, Result};

/// The area whose features are asked for: one or several polygons in EPSG:4617, longitude first, with straight edges in the plane of
/// degrees.
///
/// ```
/// use cabd_core::{Geometry, geometry::Outline};
/// let outline: Outline = "POLYGON((-76 45, -75 45, -75.5 46, -76 45))".parse()?;
/// assert!(outline.meets(&Geometry::point(-75.5, 45.0))?);
/// assert!(!outline.meets(&Geometry::point(-75.1, 45.9))?);
/// assert_eq!(outline.bounds().north, 46.0);
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Outline(Arc<Inner>);

struct Inner {
    geometry: Geometry,
    shape: geo_types::Geometry<f64>,
    bounds: Bbox,
}

impl Outline {
    /// Most positions of an outline.
    pub const MOST_POSITIONS: usize = 10_000;

    /// The outline of a polygon or multi-polygon.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), field `area`, for other classes, an outline that crosses itself or has no
    /// area, one outside the Earth, and one of too many positions.
    pub fn new(geometry: Geometry) -> Result<Self> {
        let refused = |message: &'static str| Error::invalid(message).field("area");
        let shape = geometry.to_geo()?;
        let polygons = matches!(
            shape,
            geo_types::Geometry::Polygon(_) | geo_types::Geometry::MultiPolygon(_)
        );
        if !polygons {
            return Err(refused("not an outline")
                .value(geometry.kind().map_or("geometry", |k| k.name()))
                .expected("a POLYGON or MULTIPOLYGON"));
        }
        geometry.check_world("area")?;
        let positions = shape.coords_count();
        if positions > Self::MOST_POSITIONS {
            return Err(refused("the outline has too many positions")
                .value(positions)
                .expected(format!("at most {}", Self::MOST_POSITIONS)));
        }
        if !shape.is_valid() || is_flat(&shape) {
            return Err(refused("the outline crosses itself or has no area")
                .expected("rings of three corners or more that do not cross"));
        }
        let bounds = geometry.bounds()?;
        let bounds = bounds.ok_or_else(|| refused("not an outline"))?;
        Ok(Self(Arc::new(Inner {
            geometry,
            shape,
            bounds,
        })))
    }

    /// The polygons.
    pub fn geometry(&self) -> &Geometry {
        &self.0.geometry
    }

    /// The polygons, as `geo` has them.
    pub fn shape(&self) -> &geo_types::Geometry<f64> {
        &self.0.shape
    }

    /// West, south, east, north.
    pub fn bounds(&self) -> Bbox {
        self.0.bounds
    }

    /// Whether outline and geometry share a point; touching counts.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the geometry is damaged.
    pub fn meets(&self, geometry: &Geometry) -> Result<bool> {
        Ok(match geometry.as_point() {
            Some((x, y)) => {
                self.0.bounds.contains(x, y)
                    && self.0.shape.intersects(&geo_types::coord! { x: x, y: y })
            }
            None => self.0.shape.intersects(&geometry.to_geo()?),
        })
    }
}

/// Whether a polygon has no area.
fn is_flat(shape: &geo_types::Geometry<f64>) -> bool {
    match shape {
        geo_types::Geometry::Polygon(p) => p.unsigned_area() == 0.0,
        geo_types::Geometry::MultiPolygon(all) => all.iter().any(|p| p.unsigned_area() == 0.0),
        _ => true,
    }
}

/// WKT.
impl FromStr for Outline {
    type Err = Error;

    fn from_str(wkt: &str) -> Result<Self> {
        let refused = |e: Error| {
            Error::invalid("not an outline")
                .field("area")
                .value(wkt)
                .expected("a POLYGON or MULTIPOLYGON in WKT, longitude first")
                .because(e)
        };
        Self::new(Geometry::from_wkt(wkt).map_err(refused)?)
    }
}

impl PartialEq for Outline {
    fn eq(&self, other: &Self) -> bool {
        self.0.geometry == other.0.geometry
    }
}

impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.geometry.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_outline_is_refused() {
        for (wkt, part) in [
            ("POINT(1 2)", "not an outline"),
            ("LINESTRING(0 0, 1 1)", "not an outline"),
            ("POLYGON", "not an outline"),
            ("", "not an outline"),
            ("POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))", "crosses itself"),
            ("POLYGON((0 0, 1 1, 2 2, 0 0))", "no area"),
            ("POLYGON((0 0, 1 0))", "no area"),
            ("POLYGON((0 0, 181 0, 0 1, 0 0))", "not on Earth"),
            ("POLYGON((0 0, NaN 0, 0 1, 0 0))", ""),
            ("POLYGON EMPTY", ""),
            (
                "MULTIPOLYGON(((0 0,2 0,2 2,0 2,0 0)),((1 1,3 1,3 3,1 3,1 1)))",
                "crosses itself",
            ),
        ] {
            let e = wkt.parse::<Outline>().expect_err(wkt);
            assert!(e.to_string().contains(part), "{wkt}: {e}");
        }
        let ring: Vec<String> = (0..10_001)
            .map(|n| f64::from(n) / 10_001.0 * std::f64::consts::TAU)
            .map(|a| format!("{} {}", a.cos(), a.sin()))
            .collect();
        let e = format!("POLYGON(({}, {}))", ring.join(","), ring[0]);
        let e = e.parse::<Outline>().expect_err("long");
        assert!(e.to_string().contains("too many"), "{e}");
    }

    #[test]
    fn holes_and_edges_count_as_they_should() {
        let outline: Outline = "POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,1 3,3 3,3 1,1 1))"
            .parse()
            .unwrap();
        let at = |x, y| outline.meets(&Geometry::point(x, y)).unwrap();
        assert!(at(0.0, 0.0) && at(2.0, 1.0) && at(0.5, 2.0));
        assert!(!at(2.0, 2.0) && !at(5.0, 2.0));
        let line = Geometry::from_wkt("LINESTRING(2 2, 9 2)").unwrap();
        assert!(outline.meets(&line).unwrap());
        let inside = Geometry::from_wkt("LINESTRING(1.5 2, 2.5 2)").unwrap();
        assert!(!outline.meets(&inside).unwrap());
    }
}
