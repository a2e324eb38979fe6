//! Systems of coordinates: from those of foreign files to longitude and latitude.
//!
//! NAD83, NAD83(CSRS) and WGS 84 are taken as coordinate-identical, as everywhere in the inventory; see
//! [`crate::geometry`]. Only the projection is undone, no datum is shifted.

use std::f64::consts::FRAC_PI_2;
use std::fmt;
use std::str::FromStr;

use proj4rs::Proj;

use crate::error::{Error, Result};
use crate::geometry::Geometry;

/// The UTM zones of Canada.
pub const UTM_ZONES: std::ops::RangeInclusive<u8> = 7..=22;
const EASTINGS: std::ops::RangeInclusive<f64> = 100_000.0..=900_000.0;
const NORTHINGS: std::ops::RangeInclusive<f64> = 0.0..=9_350_000.0;

/// A system of coordinates of foreign files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Crs {
    /// Longitude and latitude in degrees: EPSG:4617, 4269, 4326, OGC:CRS84.
    Degrees,
    /// EPSG:3005, NAD83 / BC Albers.
    BcAlbers,
    /// EPSG:3347, NAD83 / Statistics Canada Lambert.
    StatisticsCanada,
    /// EPSG:3979, NAD83(CSRS) / Canada Atlas Lambert.
    CanadaAtlas,
    /// EPSG:3857, WGS 84 / Pseudo-Mercator.
    WebMercator,
    /// EPSG:26907 … 26922, NAD83 / UTM zone 7N … 22N.
    Utm(u8),
    /// NAD83 / UTM, the zone in a column.
    UtmByColumn,
}

impl FromStr for Crs {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let found = match s.trim().to_ascii_uppercase().as_str() {
            "EPSG:4617" | "EPSG:4269" | "EPSG:4326" | "OGC:CRS84" | "CRS84" => Some(Self::Degrees),
            "EPSG:3005" => Some(Self::BcAlbers),
            "EPSG:3347" => Some(Self::StatisticsCanada),
            "EPSG:3979" => Some(Self::CanadaAtlas),
            "EPSG:3857" => Some(Self::WebMercator),
            "NAD83 / UTM" => Some(Self::UtmByColumn),
            other => other
                .strip_prefix("EPSG:269")
                .and_then(|zone| zone.parse().ok())
                .filter(|zone| UTM_ZONES.contains(zone))
                .map(Self::Utm),
        };
        found.ok_or_else(|| {
            Error::invalid("unknown system of coordinates").field("crs").value(s).expected(
                "EPSG:4617, 4269, 4326, 3005, 3347, 3857, 3979, 26907 to 26922, or NAD83 / UTM with a zone column",
            )
        })
    }
}

impl fmt::Display for Crs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Degrees => f.write_str("EPSG:4617"),
            Self::BcAlbers => f.write_str("EPSG:3005"),
            Self::StatisticsCanada => f.write_str("EPSG:3347"),
            Self::CanadaAtlas => f.write_str("EPSG:3979"),
            Self::WebMercator => f.write_str("EPSG:3857"),
            Self::Utm(zone) => write!(f, "EPSG:269{zone:02}"),
            Self::UtmByColumn => f.write_str("NAD83 / UTM"),
        }
    }
}

/// Undoes the projections of one load; each is prepared once.
#[derive(Default)]
pub struct Transformer {
    degrees: Option<Proj>,
    projections: Vec<(Crs, Proj)>,
}

impl Transformer {
    /// Longitude and latitude in degrees of a position.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a position that is not finite, a UTM position outside of
    /// eastings 100,000 to 900,000 and northings 0 to 9,350,000, and one that is not on Earth.
    ///
    /// ```
    /// use cabd_core::load::{Crs, Transformer};
    /// let (longitude, latitude) = Transformer::default().degrees(Crs::Utm(10), 500_000.0, 5_500_000.0)?;
    /// assert!((longitude + 123.0).abs() < 1e-9 && (latitude - 49.652_542_923_6).abs() < 1e-9);
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    pub fn degrees(&mut self, crs: Crs, x: f64, y: f64) -> Result<(f64, f64)> {
        let refused = |expected: &str| {
            Err(Error::invalid("not a position")
                .field("geometry")
                .value(format!("{x} {y}"))
                .expected(expected.to_owned()))
        };
        if !x.is_finite() || !y.is_finite() {
            return refused("finite numbers");
        }
        let (longitude, latitude) = match crs {
            Crs::Degrees => (x, y),
            Crs::WebMercator => {
                const RADIUS: f64 = 6_378_137.0;
                let latitude = FRAC_PI_2 - 2.0 * (-y / RADIUS).exp().atan();
                ((x / RADIUS).to_degrees(), latitude.to_degrees())
            }
            Crs::UtmByColumn => return refused("a UTM zone"),
            Crs::Utm(zone) if !UTM_ZONES.contains(&zone) => return refused("UTM zone 7 to 22"),
            Crs::Utm(_) if !EASTINGS.contains(&x) || !NORTHINGS.contains(&y) => {
                return refused("UTM easting 100000 to 900000 and northing 0 to 9350000");
            }
            projected => self.undo(projected, x, y)?,
        };
        Geometry::point(longitude, latitude).check_world("geometry")?;
        Ok((longitude, latitude))
    }

    fn undo(&mut self, crs: Crs, x: f64, y: f64) -> Result<(f64, f64)> {
        let failed = |e: proj4rs::errors::Error| {
            Error::invalid(format!("the position cannot be projected: {e}"))
                .field("geometry")
                .value(format!("{x} {y}"))
        };
        if self.degrees.is_none() {
            let degrees = "+proj=longlat +ellps=GRS80 +no_defs";
            self.degrees = Some(Proj::from_proj_string(degrees).map_err(failed)?);
        }
        let at = match self.projections.iter().position(|(known, _)| *known == crs) {
            Some(at) => at,
            None => {
                let proj = Proj::from_proj_string(&definition(crs)).map_err(failed)?;
                self.projections.push((crs, proj));
                self.projections.len() - 1
            }
        };
        let (Some(degrees), Some((_, from))) = (&self.degrees, self.projections.get(at)) else {
            return Err(Error::internal("no projection"));
        };
        let mut position = (x, y, 0.0);
        proj4rs::transform::transform(from, degrees, &mut position).map_err(failed)?;
        Ok((position.0.to_degrees(), position.1.to_degrees()))
    }

    /// The geometry in degrees, in two dimensions, whatever its class.
    ///
    /// # Errors
    /// As [`Transformer::degrees`], for the first position that cannot be.
    pub fn geometry(&mut self, crs: Crs, geometry: &Geometry) -> Result<Geometry> {
        use geo::MapCoords;
        if let Some((x, y)) = geometry.as_point() {
            let (longitude, latitude) = self.degrees(crs, x, y)?;
            return Ok(Geometry::point(longitude, latitude));
        }
        if crs == Crs::Degrees && geometry.class_code() < 1000 {
            geometry.check_world("geometry")?;
            return Ok(geometry.clone());
        }
        let this = &std::cell::RefCell::new(self);
        let moved = geometry.to_geo()?.try_map_coords(move |c| {
            let (x, y) = this.borrow_mut().degrees(crs, c.x, c.y)?;
            Ok::<_, Error>(geo_types::coord! { x: x, y: y })
        })?;
        Geometry::from_geo(&moved)
    }
}

fn definition(crs: Crs) -> String {
    let projection = match crs {
        Crs::BcAlbers => {
            "+proj=aea +lat_0=45 +lon_0=-126 +lat_1=50 +lat_2=58.5 +x_0=1000000 +y_0=0".to_owned()
        }
        Crs::StatisticsCanada => {
            "+proj=lcc +lat_0=63.390675 +lon_0=-91.8666666666667 +lat_1=49 +lat_2=77 +x_0=6200000 +y_0=3000000"
                .to_owned()
        }
        Crs::CanadaAtlas => {
            "+proj=lcc +lat_0=49 +lon_0=-95 +lat_1=49 +lat_2=77 +x_0=0 +y_0=0".to_owned()
        }
        Crs::Utm(zone) => format!("+proj=utm +zone={zone}"),
        Crs::Degrees | Crs::WebMercator | Crs::UtmByColumn => "+proj=longlat".to_owned(),
    };
    format!("{projection} +ellps=GRS80 +units=m +no_defs")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// System, x, y; longitude and latitude as PROJ computes them (gdaltransform of GDAL 3.6.2).
    const KNOWN: &[(&str, f64, f64, f64, f64)] = &[
        (
            "EPSG:3005",
            1_000_000.0,
            500_000.0,
            -126.0,
            49.516_295_700_932_7,
        ),
        (
            "EPSG:3005",
            1_200_123.45,
            480_456.78,
            -123.249_849_424_108,
            49.305_465_308_168_5,
        ),
        (
            "EPSG:3005",
            845_000.0,
            1_650_000.0,
            -128.756_089_367_56,
            59.806_055_866_134_6,
        ),
        (
            "EPSG:26910",
            491_000.0,
            5_460_000.0,
            -123.123_774_314_99,
            49.292_681_565_637_7,
        ),
        (
            "EPSG:26910",
            250_123.4,
            7_100_000.0,
            -128.101_354_512_81,
            63.937_037_147_543_2,
        ),
        (
            "EPSG:26909",
            612_345.67,
            6_123_456.78,
            -127.232_862_767_548,
            55.244_800_950_669_9,
        ),
        (
            "EPSG:26907",
            500_000.0,
            7_200_000.0,
            -141.0,
            64.924_138_398_014_7,
        ),
        (
            "EPSG:26922",
            350_000.0,
            5_270_000.0,
            -52.994_215_515_996_3,
            47.566_074_051_480_8,
        ),
        (
            "EPSG:3347",
            7_636_000.0,
            1_280_000.0,
            -73.388_368_194_672_6,
            45.791_737_275_987_6,
        ),
        (
            "EPSG:3347",
            4_000_000.0,
            2_000_000.0,
            -123.300_955_841_482,
            49.144_344_332_601_4,
        ),
        (
            "EPSG:3979",
            1_500_000.0,
            -200_000.0,
            -75.936_964_046_877_5,
            45.194_122_374_037_1,
        ),
        (
            "EPSG:3979",
            -1_900_000.0,
            500_000.0,
            -122.284_925_660_544,
            49.775_444_217_300_7,
        ),
        (
            "EPSG:3857",
            -8_404_000.0,
            5_689_000.0,
            -75.494_416_477_404_6,
            45.427_023_540_613_6,
        ),
        (
            "EPSG:3857",
            -13_700_000.0,
            6_300_000.0,
            -123.069_193_924_374,
            49.147_933_540_030_8,
        ),
        ("EPSG:4326", -75.5, 45.4, -75.5, 45.4),
    ];

    #[test]
    fn known_positions_agree_with_proj_to_a_centimetre() {
        let mut transformer = Transformer::default();
        for (crs, x, y, longitude, latitude) in KNOWN {
            let (a, b) = transformer.degrees(crs.parse().unwrap(), *x, *y).unwrap();
            assert!(
                (a - longitude).abs() < 1e-7 && (b - latitude).abs() < 1e-7,
                "{crs} {x} {y}: {a} {b} instead of {longitude} {latitude}"
            );
        }
    }

    #[test]
    fn sentinels_and_positions_outside_the_zone_are_refused() {
        let mut t = Transformer::default();
        let utm = Crs::Utm(10);
        for (x, y) in [
            (999_999.0, 9_999_999.0),
            (99_999.0, 5_000_000.0),
            (900_001.0, 5_000_000.0),
            (500_000.0, -1.0),
            (500_000.0, 9_350_001.0),
            (f64::NAN, 5_000_000.0),
            (f64::INFINITY, 0.0),
        ] {
            assert!(t.degrees(utm, x, y).is_err(), "{x} {y}");
        }
        assert!(t.degrees(Crs::Utm(6), 500_000.0, 5_000_000.0).is_err());
        assert!(t.degrees(Crs::Degrees, 45.4, -95.5).is_err());
        assert!(t.degrees(Crs::UtmByColumn, 500_000.0, 5_000_000.0).is_err());
    }

    #[test]
    fn names_are_read_back_as_written() {
        for name in [
            "EPSG:3005",
            "EPSG:26907",
            "EPSG:26922",
            "NAD83 / UTM",
            "EPSG:3857",
        ] {
            assert_eq!(name.parse::<Crs>().unwrap().to_string(), name);
        }
        for wrong in ["EPSG:26906", "EPSG:26923", "EPSG:32610", "", "UTM"] {
            assert!(wrong.parse::<Crs>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_polygon_is_moved_and_loses_its_heights() {
        let square =
            "POLYGON Z ((500000 5500000 1,500100 5500000 2,500100 5500100 3,500000 5500000 1))";
        let geo: geo_types::Geometry<f64> = Geometry::from_wkt(square).unwrap().to_geo().unwrap();
        let moved = Transformer::default()
            .geometry(Crs::Utm(10), &Geometry::from_geo(&geo).unwrap())
            .unwrap();
        assert_eq!(moved.class_code(), 3);
        let bounds = moved.bounds().unwrap().unwrap();
        assert!((bounds.west + 123.0).abs() < 1e-9 && bounds.east > bounds.west);
    }
}
