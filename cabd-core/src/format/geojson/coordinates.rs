//! GeoJSON coordinates straight to WKB, whatever the order of `type` and `coordinates`.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::geometry::Geometry;

/// A geometry, none, or why it cannot be used.
pub(super) type Read = Result<Option<Geometry>, &'static str>;

pub(super) struct GeometrySeed;

impl<'de> DeserializeSeed<'de> for GeometrySeed {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Read, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for GeometrySeed {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GeoJSON geometry or null")
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Ok(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let mut kind: Option<String> = None;
        let mut shape: Option<Shape> = None;
        let mut collection = false;
        while let Some(key) = map.next_key::<Member>()? {
            match key {
                Member::Type => kind = map.next_value()?,
                Member::Coordinates => {
                    let mut read = Shape::default();
                    read.level = map.next_value_seed(Coordinates(&mut read))?.level();
                    shape = Some(read);
                }
                Member::Geometries => {
                    collection = true;
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
                Member::Other => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        Ok(match (kind, shape) {
            (Some(kind), Some(shape)) => shape.build(&kind),
            _ if collection => Err("a geometry collection has no one place"),
            _ => Err("not a GeoJSON geometry: type or coordinates is missing"),
        })
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Member {
    Type,
    Coordinates,
    Geometries,
    #[serde(other)]
    Other,
}

/// What an element of `coordinates` was.
enum Element {
    Number(f64),
    /// 1 a position, 2 positions, 3 lists of them, 4 lists of those; 0 empty.
    List(u8),
    Wrong,
}

impl Element {
    fn level(&self) -> u8 {
        match self {
            Element::List(level) => *level,
            _ => u8::MAX,
        }
    }
}

/// Positions, and where lines and polygons end among them.
#[derive(Default)]
struct Shape {
    positions: Vec<[f64; 3]>,
    has_z: bool,
    lines: Vec<usize>,
    polygons: Vec<usize>,
    level: u8,
    empty_part: bool,
}

struct Coordinates<'a>(&'a mut Shape);

impl<'de> DeserializeSeed<'de> for Coordinates<'_> {
    type Value = Element;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Element, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Coordinates<'_> {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("coordinates")
    }

    fn visit_f64<E>(self, v: f64) -> Result<Element, E> {
        Ok(Element::Number(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Element, E> {
        Ok(Element::Number(v as f64))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Element, E> {
        Ok(Element::Number(v as f64))
    }

    fn visit_unit<E>(self) -> Result<Element, E> {
        Ok(Element::Wrong)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Element, E> {
        Ok(Element::Wrong)
    }

    fn visit_str<E>(self, _: &str) -> Result<Element, E> {
        Ok(Element::Wrong)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element, A::Error> {
        while map
            .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
            .is_some()
        {}
        Ok(Element::Wrong)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Element, A::Error> {
        let shape = self.0;
        let (mut numbers, mut position) = (0usize, [0.0; 3]);
        let mut inner: Option<u8> = None;
        let mut wrong = false;
        while let Some(element) = seq.next_element_seed(Coordinates(shape))? {
            match element {
                Element::Number(v) => {
                    if let Some(slot) = position.get_mut(numbers) {
                        *slot = v;
                    }
                    numbers += 1;
                }
                Element::List(level) => {
                    wrong |= inner.is_some_and(|other| other != level);
                    inner = Some(level);
                }
                Element::Wrong => wrong = true,
            }
        }
        Ok(match (numbers, inner) {
            _ if wrong => Element::Wrong,
            (0, None) => {
                shape.empty_part = true;
                Element::List(0)
            }
            (2.., None) => {
                shape.has_z |= shape.positions.is_empty() && numbers > 2;
                shape.positions.push(position);
                Element::List(1)
            }
            (0, Some(1)) => {
                shape.lines.push(shape.positions.len());
                Element::List(2)
            }
            (0, Some(2)) => {
                shape.polygons.push(shape.lines.len());
                Element::List(3)
            }
            (0, Some(3)) => Element::List(4),
            _ => Element::Wrong,
        })
    }
}

impl Shape {
    fn build(self, kind: &str) -> Read {
        if self.level == 0 {
            return Ok(None); // `[]` holds no position: as null (RFC 7946, 3.1)
        }
        let (class, level) = match kind {
            "Point" => (1, 1),
            "LineString" => (2, 2),
            "Polygon" => (3, 3),
            "MultiPoint" => (4, 2),
            "MultiLineString" => (5, 3),
            "MultiPolygon" => (6, 4),
            _ => return Err("unknown geometry type"),
        };
        if self.level != level || self.empty_part {
            return Err("the coordinates do not fit the geometry's type");
        }
        if class == 1 && !self.has_z {
            let [x, y, _] = self.positions[0];
            return Ok(Some(Geometry::point(x, y)));
        }
        let mut wkb = Vec::with_capacity(9 + self.positions.len() * 25);
        match class {
            1 => self.put_point(&mut wkb, self.positions[0]),
            2 => self.put_line(&mut wkb, 0)?,
            3 => self.put_polygon(&mut wkb, 0)?,
            4 => {
                self.put_head(&mut wkb, 4, Some(self.positions.len()));
                for p in &self.positions {
                    self.put_point(&mut wkb, *p);
                }
            }
            5 => {
                self.put_head(&mut wkb, 5, Some(self.lines.len()));
                for i in 0..self.lines.len() {
                    self.put_line(&mut wkb, i)?;
                }
            }
            _ => {
                self.put_head(&mut wkb, 6, Some(self.polygons.len()));
                for i in 0..self.polygons.len() {
                    self.put_polygon(&mut wkb, i)?;
                }
            }
        }
        Ok(Some(Geometry::from_trusted_wkb(&wkb)))
    }

    fn put_head(&self, out: &mut Vec<u8>, class: u32, n: Option<usize>) {
        out.push(1);
        let code = if self.has_z { class + 1000 } else { class };
        out.extend_from_slice(&code.to_le_bytes());
        if let Some(n) = n {
            put_count(out, n);
        }
    }

    fn put_position(&self, out: &mut Vec<u8>, p: [f64; 3]) {
        for v in &p[..if self.has_z { 3 } else { 2 }] {
            out.extend_from_slice(&v.to_le_bytes());
        }
    }

    fn put_point(&self, out: &mut Vec<u8>, p: [f64; 3]) {
        self.put_head(out, 1, None);
        self.put_position(out, p);
    }

    fn line(&self, i: usize) -> &[[f64; 3]] {
        let from = i.checked_sub(1).map_or(0, |before| self.lines[before]);
        &self.positions[from..self.lines[i]]
    }

    fn put_line(&self, out: &mut Vec<u8>, i: usize) -> Result<(), &'static str> {
        let line = self.line(i);
        if line.len() < 2 {
            return Err("a line needs two positions");
        }
        self.put_head(out, 2, Some(line.len()));
        for p in line {
            self.put_position(out, *p);
        }
        Ok(())
    }

    fn put_polygon(&self, out: &mut Vec<u8>, i: usize) -> Result<(), &'static str> {
        let from = i.checked_sub(1).map_or(0, |before| self.polygons[before]);
        let rings = from..self.polygons[i];
        self.put_head(out, 3, Some(rings.len()));
        for ring in rings.map(|r| self.line(r)) {
            match ring {
                [first, _, _, .., last] if first[..2] == last[..2] => {}
                [_, _, _, _, ..] => return Err("a ring is not closed"),
                _ => return Err("a ring needs four positions"),
            }
            put_count(out, ring.len());
            for p in ring {
                self.put_position(out, *p);
            }
        }
        Ok(())
    }
}

fn put_count(out: &mut Vec<u8>, n: usize) {
    let n = u32::try_from(n).unwrap_or(u32::MAX); // a record is far shorter
    out.extend_from_slice(&n.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Read {
        let mut d = serde_json::Deserializer::from_str(json);
        GeometrySeed.deserialize(&mut d).unwrap()
    }

    #[test]
    fn every_class_reads_as_the_library_reads_it() {
        for json in [
            r#"{"coordinates":[1,2.5],"type":"Point"}"#,
            r#"{"type":"LineString","coordinates":[[0,0],[1,1]]}"#,
            r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,0]],[[1,1],[2,1],[2,2],[1,1]]]}"#,
            r#"{"type":"MultiPoint","coordinates":[[0,0],[1,1]]}"#,
            r#"{"type":"MultiLineString","coordinates":[[[0,0],[1,1]],[[2,2],[3,3],[4,4]]]}"#,
            r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[4,0],[4,4],[0,0]]],[[[5,5],[6,5],[6,6],[5,5]]]]}"#,
            r#"{"type":"Point","coordinates":[1,2,3]}"#,
        ] {
            let value = serde_json::from_str(json).unwrap();
            let expected = Geometry::from_geojson(&value).unwrap();
            assert_eq!(read(json).unwrap().unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn nothing_is_no_geometry_and_nonsense_is_refused() {
        assert_eq!(read("null"), Ok(None));
        assert_eq!(read(r#"{"type":"Point","coordinates":[]}"#), Ok(None));
        for json in [
            r#"{"type":"Point"}"#,
            r#"{"type":"Point","coordinates":[1]}"#,
            r#"{"type":"Point","coordinates":["1","2"]}"#,
            r#"{"type":"Point","coordinates":[[1,2]]}"#,
            r#"{"type":"Point","coordinates":null}"#,
            r#"{"type":"LineString","coordinates":[[1,2]]}"#,
            r#"{"type":"LineString","coordinates":[[1,2],[]]}"#,
            r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,1]]]}"#,
            r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[0,0]]]}"#,
            r#"{"type":"Curve","coordinates":[[0,0],[1,1]]}"#,
            r#"{"type":"GeometryCollection","geometries":[]}"#,
            r#"{"type":"LineString","coordinates":[[1,2],3]}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
