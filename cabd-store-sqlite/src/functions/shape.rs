//! A blob as a `geo` geometry, for the exact predicates.

use geo::{
    Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon, Point,
    Polygon,
};

use crate::codec;

/// The geometry in two dimensions; `None` for what is not a geometry, or has an x or y that is no finite number.
pub(super) fn geometry(blob: &[u8]) -> Option<Geometry> {
    let mut wkb = Vec::with_capacity(blob.len());
    codec::decode(blob, &mut wkb).ok()?;
    Wkb { rest: &wkb }.geometry()
}

/// Little-endian WKB as [`codec::decode`] writes it: its counts and classes are checked.
struct Wkb<'a> {
    rest: &'a [u8],
}

impl Wkb<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.u32()?).map(|_| one(self)).collect()
    }

    fn geometry(&mut self) -> Option<Geometry> {
        let _byte_order: [u8; 1] = self.array()?;
        let class = self.u32()?;
        let more = [0, 1, 1, 2][(class / 1000).min(3) as usize];
        Some(match class % 1000 {
            1 => Geometry::Point(self.point(more)?),
            2 => Geometry::LineString(self.line(more)?),
            3 => {
                let mut rings = self.many(|wkb| wkb.line(more))?.into_iter();
                let outer = rings.next().unwrap_or_else(|| LineString::new(Vec::new()));
                Geometry::Polygon(Polygon::new(outer, rings.collect()))
            }
            4 => Geometry::MultiPoint(MultiPoint(self.members()?)),
            5 => Geometry::MultiLineString(MultiLineString(self.members()?)),
            6 => Geometry::MultiPolygon(MultiPolygon(self.members()?)),
            _ => Geometry::GeometryCollection(GeometryCollection(self.members()?)),
        })
    }

    fn members<T: TryFrom<Geometry>>(&mut self) -> Option<Vec<T>> {
        self.many(|wkb| wkb.geometry()?.try_into().ok())
    }

    fn point(&mut self, more: usize) -> Option<Point> {
        let (x, y) = (
            f64::from_le_bytes(self.array()?),
            f64::from_le_bytes(self.array()?),
        );
        self.rest = self.rest.get(8 * more..)?;
        (x.is_finite() && y.is_finite()).then(|| Point::new(x, y))
    }

    fn line(&mut self, more: usize) -> Option<LineString> {
        self.many(|wkb| wkb.point(more)).map(LineString::from)
    }
}
