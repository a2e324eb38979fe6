//! Geometry text out of WKB, in one walk: GeoJSON (RFC 7946) and WKT.

use super::number::push_f64;

/// Which text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A GeoJSON geometry object; outer rings counter-clockwise, holes clockwise.
    GeoJson,
    /// Well-known text, rings as stored.
    Wkt,
}

/// Why there is no text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoText {
    /// A position is not finite, or the point is empty.
    NoPosition,
    /// The bytes are not WKB.
    Damaged,
}

/// Appends the geometry's text; on a refusal `out` is as it was.
pub(super) fn push_geometry(out: &mut Vec<u8>, wkb: &[u8], style: Style) -> Result<(), NoText> {
    let before = out.len();
    let mut walk = Walk { rest: wkb, style };
    let done = walk.geometry(out);
    if done.is_err() {
        out.truncate(before);
    }
    done
}

const NAMES: [(&str, &str); 7] = [
    ("Point", "POINT"),
    ("LineString", "LINESTRING"),
    ("Polygon", "POLYGON"),
    ("MultiPoint", "MULTIPOINT"),
    ("MultiLineString", "MULTILINESTRING"),
    ("MultiPolygon", "MULTIPOLYGON"),
    ("GeometryCollection", "GEOMETRYCOLLECTION"),
];
const COLLECTION: usize = 6;

#[derive(Clone, Copy)]
struct Head {
    little: bool,
    class: usize,
    has_z: bool,
    numbers: usize,
}

struct Walk<'a> {
    rest: &'a [u8],
    style: Style,
}

impl<'a> Walk<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], NoText> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(NoText::Damaged)?;
        self.rest = rest;
        Ok(head)
    }

    fn u32(&mut self, little: bool) -> Result<u32, NoText> {
        let bytes = self.take(4)?.try_into().map_err(|_| NoText::Damaged)?;
        Ok(if little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }

    fn head(&mut self) -> Result<Head, NoText> {
        let little = match self.take(1)? {
            [0] => false,
            [1] => true,
            _ => return Err(NoText::Damaged),
        };
        let code = self.u32(little)?;
        let class = (code % 1000) as usize;
        if !(1..=NAMES.len()).contains(&class) || code >= 4000 {
            return Err(NoText::Damaged);
        }
        let dimension = code / 1000;
        Ok(Head {
            little,
            class: class - 1,
            has_z: dimension == 1 || dimension == 3,
            numbers: [2, 3, 3, 4][dimension as usize],
        })
    }

    fn geometry(&mut self, out: &mut Vec<u8>) -> Result<(), NoText> {
        let head = self.head()?;
        let (json, wkt) = NAMES[head.class];
        match self.style {
            Style::GeoJson => {
                out.extend_from_slice(b"{\"type\":\"");
                out.extend_from_slice(json.as_bytes());
                out.extend_from_slice(if head.class == COLLECTION {
                    b"\",\"geometries\":".as_slice()
                } else {
                    b"\",\"coordinates\":".as_slice()
                });
                self.body(out, head)?;
                out.push(b'}');
            }
            Style::Wkt => {
                out.extend_from_slice(wkt.as_bytes());
                out.extend_from_slice(if head.has_z { b" Z " } else { b" " });
                self.body(out, head)?;
            }
        }
        Ok(())
    }

    fn body(&mut self, out: &mut Vec<u8>, head: Head) -> Result<(), NoText> {
        match head.class {
            0 => {
                let bytes = self.take(8 * head.numbers)?;
                self.open_position(out);
                self.position(out, head, bytes)?;
                self.close_position(out);
                Ok(())
            }
            1 => self.line(out, head, None),
            2 => {
                let rings = self.u32(head.little)?;
                self.list(out, rings, |walk, out, n| {
                    walk.line(out, head, Some(n == 0))
                })
            }
            COLLECTION => {
                let members = self.u32(head.little)?;
                self.list(out, members, |walk, out, _| walk.geometry(out))
            }
            _ => {
                let members = self.u32(head.little)?;
                self.list(out, members, |walk, out, _| {
                    let member = walk.head()?;
                    if member.class + 3 != head.class {
                        return Err(NoText::Damaged);
                    }
                    walk.body(out, member)
                })
            }
        }
    }

    fn list(
        &mut self,
        out: &mut Vec<u8>,
        n: u32,
        mut member: impl FnMut(&mut Self, &mut Vec<u8>, u32) -> Result<(), NoText>,
    ) -> Result<(), NoText> {
        let (open, close) = match self.style {
            Style::GeoJson => (b'[', b']'),
            Style::Wkt if n == 0 => {
                out.extend_from_slice(b"EMPTY");
                return Ok(());
            }
            Style::Wkt => (b'(', b')'),
        };
        out.push(open);
        for i in 0..n {
            if i > 0 {
                out.push(b',');
            }
            member(self, out, i)?;
        }
        out.push(close);
        Ok(())
    }

    /// A line, or a ring (outer or hole) which GeoJSON wants in a certain direction.
    fn line(&mut self, out: &mut Vec<u8>, head: Head, outer: Option<bool>) -> Result<(), NoText> {
        let n = self.u32(head.little)?;
        let size = 8 * head.numbers;
        let bytes = self.take((n as usize).checked_mul(size).ok_or(NoText::Damaged)?)?;
        let reverse = match outer {
            Some(outer) if self.style == Style::GeoJson => {
                let area = doubled_area(bytes, size, head.little);
                area != 0.0 && (area > 0.0) != outer
            }
            _ => false,
        };
        self.list(out, n, |walk, out, i| {
            let i = if reverse { n - 1 - i } else { i } as usize;
            let position = &bytes[i * size..(i + 1) * size];
            if walk.style == Style::GeoJson {
                out.push(b'[');
            }
            walk.position(out, head, position)?;
            if walk.style == Style::GeoJson {
                out.push(b']');
            }
            Ok(())
        })
    }

    fn open_position(&self, out: &mut Vec<u8>) {
        out.push(if self.style == Style::GeoJson {
            b'['
        } else {
            b'('
        });
    }

    fn close_position(&self, out: &mut Vec<u8>) {
        out.push(if self.style == Style::GeoJson {
            b']'
        } else {
            b')'
        });
    }

    fn position(&self, out: &mut Vec<u8>, head: Head, bytes: &[u8]) -> Result<(), NoText> {
        let between = if self.style == Style::GeoJson {
            b','
        } else {
            b' '
        };
        let shown = if head.has_z { 3 } else { 2 };
        for (i, chunk) in bytes.chunks_exact(8).take(shown).enumerate() {
            let v = double(chunk, head.little);
            if !v.is_finite() {
                return Err(NoText::NoPosition);
            }
            if i > 0 {
                out.push(between);
            }
            push_f64(out, v);
        }
        Ok(())
    }
}

fn double(bytes: &[u8], little: bool) -> f64 {
    let bytes: [u8; 8] = bytes.try_into().unwrap_or_default();
    if little {
        f64::from_le_bytes(bytes)
    } else {
        f64::from_be_bytes(bytes)
    }
}

/// Twice the signed area of a ring, positive where it runs counter-clockwise.
fn doubled_area(bytes: &[u8], size: usize, little: bool) -> f64 {
    let at = |p: &[u8]| (double(&p[..8], little), double(&p[8..16], little));
    let mut positions = bytes.chunks_exact(size).map(at);
    let Some((x0, y0)) = positions.next() else {
        return 0.0;
    };
    let (mut before, mut area) = ((0.0, 0.0), 0.0);
    // Relative to the first position, which keeps the digits.
    for (x, y) in positions {
        let here = (x - x0, y - y0);
        area += before.0 * here.1 - here.0 * before.1;
        before = here;
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Geometry;

    fn text(wkt: &str, style: Style) -> String {
        let mut out = vec![];
        let g = Geometry::from_wkt(wkt).unwrap();
        g.with_wkb(|w| push_geometry(&mut out, w, style)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn outer_rings_run_counter_clockwise_and_holes_clockwise() {
        let clockwise = "POLYGON((0 0,0 4,4 4,4 0,0 0),(1 1,2 1,2 2,1 2,1 1))";
        assert_eq!(
            text(clockwise, Style::GeoJson),
            r#"{"type":"Polygon","coordinates":[[[0.0,0.0],[4.0,0.0],[4.0,4.0],[0.0,4.0],[0.0,0.0]],[[1.0,1.0],[1.0,2.0],[2.0,2.0],[2.0,1.0],[1.0,1.0]]]}"#
        );
    }

    #[test]
    fn every_class_is_written_as_wkt_that_reads_back() {
        for wkt in [
            "POINT(1.5 -2)",
            "LINESTRING(0 0,1 1)",
            "POLYGON((0 0,0 4,4 4,0 0))",
            "MULTIPOINT((1 2),(3 4))",
            "MULTILINESTRING((0 0,1 1),(2 2,3 3))",
            "MULTIPOLYGON(((0 0,4 0,4 4,0 0)),((5 5,6 5,6 6,5 5)))",
            "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))",
        ] {
            let g = Geometry::from_wkt(wkt).unwrap();
            let written = text(wkt, Style::Wkt);
            assert_eq!(Geometry::from_wkt(&written).unwrap(), g, "{written}");
            let json: serde_json::Value = serde_json::from_str(&text(wkt, Style::GeoJson)).unwrap();
            assert_eq!(json["type"].as_str().unwrap().to_uppercase(), g_name(wkt));
        }
    }

    fn g_name(wkt: &str) -> &str {
        wkt.split('(').next().unwrap()
    }

    #[test]
    fn a_position_that_is_not_finite_gives_no_text_and_damage_is_told_apart() {
        let mut out = b"before".to_vec();
        let nan = Geometry::point(f64::NAN, 1.0).to_wkb();
        assert_eq!(
            push_geometry(&mut out, &nan, Style::GeoJson),
            Err(NoText::NoPosition)
        );
        assert_eq!(
            push_geometry(&mut out, &[1, 9, 0], Style::Wkt),
            Err(NoText::Damaged)
        );
        assert_eq!(
            push_geometry(&mut out, &[1, 3, 0, 0, 0, 255, 255, 255, 255], Style::Wkt),
            Err(NoText::Damaged)
        );
        assert_eq!(out, b"before");
    }

    #[test]
    fn a_third_coordinate_is_written_and_a_measure_is_not() {
        let mut z = vec![1];
        z.extend(1001u32.to_le_bytes());
        for v in [1.0f64, 2.0, 3.5] {
            z.extend(v.to_le_bytes());
        }
        let mut out = vec![];
        push_geometry(&mut out, &z, Style::Wkt).unwrap();
        assert_eq!(out, b"POINT Z (1.0 2.0 3.5)");
        z[1..5].copy_from_slice(&2001u32.to_le_bytes());
        out.clear();
        push_geometry(&mut out, &z, Style::GeoJson).unwrap();
        assert_eq!(out, br#"{"type":"Point","coordinates":[1.0,2.0]}"#);
    }
}
