//! The SpatiaLite geometry BLOB, to and from ISO WKB.
//!
//! Layout: `00`, byte order (`01` little, `00` big), SRID, minx, miny, maxx, maxy, `7C`, class, body, `FE`. Members of a multi-geometry or
//! collection carry `69` and their class instead of a WKB head. Classes are the ISO WKB codes 1 to 7, plus 1000 for Z, 2000 for M and 3000
//! for ZM; lines and polygons plus 1,000,000 are compressed. A TinyPoint (`80` or `81` as byte order) has neither box nor class.
//!
//! Everything is read, plain little-endian blobs are written: GDAL shows a TinyPoint as null, and other programs need not know compression.

use thiserror::Error;

/// Why bytes are not a geometry this crate can carry.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CodecError {
    /// A SpatiaLite mark (first or last byte, byte order, `7C`, `69`) is missing.
    #[error("not a SpatiaLite geometry: unexpected byte at {0}")]
    Mark(usize),
    /// The WKB byte order is neither 0 nor 1.
    #[error("not ISO WKB: unknown byte order {0}")]
    ByteOrder(u8),
    /// The bytes end before the geometry does, or a count promises more than is there.
    #[error("the geometry is cut short at byte {0}")]
    Short(usize),
    /// The geometry ends before the bytes do.
    #[error("{0} bytes follow the end of the geometry")]
    Trailing(usize),
    /// The class code is unknown (EWKB flags included).
    #[error("unknown geometry class {0}")]
    Class(u32),
    /// A member that its parent, or SpatiaLite, cannot hold: only points, lines and polygons of the parent's dimensions can be members.
    #[error("a geometry of class {parent} cannot hold a member of class {member}")]
    Member {
        /// Class of the multi-geometry or collection.
        parent: u32,
        /// Class of the refused member.
        member: u32,
    },
    /// Collections within collections, deeper than [`MAX_DEPTH`].
    #[error("the geometry is nested deeper than {MAX_DEPTH} levels")]
    Deep,
    /// There is no vertex; SpatiaLite stores NULL for an empty geometry.
    #[error("the geometry is empty")]
    Empty,
    /// An x or y is infinite or not a number.
    #[error("a coordinate is not a finite number")]
    NotFinite,
}

/// Collections deeper than this are refused. SpatiaLite writes one level; GDAL may write more.
pub const MAX_DEPTH: u32 = 16;

/// What a blob says about its geometry before the coordinates are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    /// Spatial reference id, as stored.
    pub srid: i32,
    /// minx, miny, maxx, maxy as stored; for a TinyPoint its position twice.
    pub mbr: [f64; 4],
    /// ISO WKB class code: 1 to 7, plus 1000 (Z), 2000 (M) or 3000 (ZM). Compression is not told.
    pub class: u32,
}

const BODY: usize = 43;
const COMPRESSED: u32 = 1_000_000;

/// Encodes ISO WKB of either byte order as a plain little-endian SpatiaLite blob, with its bounding box.
///
/// # Errors
///
/// [`CodecError::Empty`] for a geometry without vertices (store NULL, as SpatiaLite does), [`CodecError::Member`] for a collection holding
/// multi-geometries or collections, which SpatiaLite cannot read, and the other kinds for bytes that are not ISO WKB.
pub fn encode(wkb: &[u8], srid: i32) -> Result<Vec<u8>, CodecError> {
    let mut blob = Vec::with_capacity(wkb.len() + 39);
    blob.extend_from_slice(&[0, 1]);
    blob.extend_from_slice(&srid.to_le_bytes());
    blob.extend_from_slice(&[0; 32]);
    blob.push(0x7C);
    let mut reader = Reader {
        bytes: wkb,
        at: 0,
        little: true,
    };
    let mut mbr = [
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NEG_INFINITY,
    ];
    let class = wkb_head(&mut reader)?;
    blob.extend_from_slice(&class.to_le_bytes());
    encode_body(&mut reader, class, &mut blob, &mut mbr)?;
    exactly(&reader, 0)?;
    if mbr[0] > mbr[2] {
        return Err(CodecError::Empty);
    }
    for (i, side) in mbr.iter().enumerate() {
        blob[6 + 8 * i..14 + 8 * i].copy_from_slice(&side.to_le_bytes());
    }
    blob.push(0xFE);
    Ok(blob)
}

/// Encodes a two-dimensional point; the same bytes as [`encode`] gives.
#[must_use]
pub fn encode_point(x: f64, y: f64, srid: i32) -> [u8; 60] {
    let mut blob = [0; 60];
    blob[1] = 1;
    blob[2..6].copy_from_slice(&srid.to_le_bytes());
    for at in [6, 22, 43] {
        blob[at..at + 8].copy_from_slice(&x.to_le_bytes());
        blob[at + 8..at + 16].copy_from_slice(&y.to_le_bytes());
    }
    blob[38] = 0x7C;
    blob[39] = 1;
    blob[59] = 0xFE;
    blob
}

/// Reads a blob's head and appends its geometry to `out` as little-endian ISO WKB.
///
/// # Errors
///
/// Any kind but [`CodecError::Empty`] and [`CodecError::NotFinite`]; `out` is then as it was before.
pub fn decode(blob: &[u8], out: &mut Vec<u8>) -> Result<Head, CodecError> {
    let (head, body) = open(blob)?;
    if head.class == 1 && body.little && !is_tiny(blob) {
        out.extend_from_slice(&[1, 1, 0, 0, 0]);
        out.extend_from_slice(&blob[BODY..59]);
        return Ok(head);
    }
    let start = out.len();
    let mut reader = body;
    let stored = if is_tiny(blob) {
        head.class
    } else {
        reader.class_at(BODY - 4)?
    };
    let done = decode_body(&mut reader, stored, out, 0)
        .and_then(|()| exactly(&reader, 0))
        .map(|()| head);
    if done.is_err() {
        out.truncate(start);
    }
    done
}

/// Reads a blob's head and checks its marks, without reading the geometry.
///
/// # Errors
///
/// [`CodecError::Short`], [`CodecError::Mark`], [`CodecError::Class`]; for a point also [`CodecError::Trailing`].
pub fn head(blob: &[u8]) -> Result<Head, CodecError> {
    open(blob).map(|(head, _)| head)
}

/// The position of a blob that is one point, alone or as the only member of a multi-point or collection; `None` for all else.
#[must_use]
pub fn point_xy(blob: &[u8]) -> Option<(f64, f64)> {
    let (head, mut reader) = open(blob).ok()?;
    let point = match head.class % 1000 {
        1 => true,
        4 | 7 => {
            reader.u32().ok()? == 1 && reader.u8().ok()? == 0x69 && reader.u32().ok()? % 1000 == 1
        }
        _ => false,
    };
    if !point {
        return None;
    }
    Some((reader.f64().ok()?, reader.f64().ok()?))
}

fn is_tiny(blob: &[u8]) -> bool {
    blob.get(1).is_some_and(|order| order & 0x80 != 0)
}

/// The head, and a reader on the body that ends before the end mark.
fn open(blob: &[u8]) -> Result<(Head, Reader<'_>), CodecError> {
    let (Some(0), Some(order @ (0 | 1 | 0x80 | 0x81))) = (blob.first(), blob.get(1)) else {
        return Err(CodecError::Mark(usize::from(blob.first() == Some(&0))));
    };
    let last = blob.len() - 1;
    if blob[last] != 0xFE {
        return Err(CodecError::Mark(last));
    }
    let mut reader = Reader {
        bytes: &blob[..last],
        at: 2,
        little: order & 1 == 1,
    };
    let srid = i32::from_ne_bytes(reader.u32()?.to_ne_bytes());
    if is_tiny(blob) {
        let class = match reader.u8()? {
            dims @ 1..=4 => 1000 * (u32::from(dims) - 1) + 1,
            other => return Err(CodecError::Class(other.into())),
        };
        exactly(&reader, 8 * dimensions(class))?;
        let start = reader.at;
        let (x, y) = (reader.f64()?, reader.f64()?);
        reader.at = start;
        return Ok((
            Head {
                srid,
                mbr: [x, y, x, y],
                class,
            },
            reader,
        ));
    }
    let mbr = [reader.f64()?, reader.f64()?, reader.f64()?, reader.f64()?];
    if reader.u8()? != 0x7C {
        return Err(CodecError::Mark(38));
    }
    let class = plain(reader.u32()?)?;
    if class % 1000 == 1 {
        exactly(&reader, 8 * dimensions(class))?;
    } else if reader.left() < 4 {
        return Err(CodecError::Short(last));
    }
    Ok((Head { srid, mbr, class }, reader))
}

fn exactly(reader: &Reader<'_>, length: usize) -> Result<(), CodecError> {
    match reader.left().checked_sub(length) {
        Some(0) => Ok(()),
        Some(more) => Err(CodecError::Trailing(more)),
        None => Err(CodecError::Short(reader.bytes.len())),
    }
}

/// The class without the compression mark, if it is a class at all.
fn plain(class: u32) -> Result<u32, CodecError> {
    match class.checked_sub(COMPRESSED) {
        Some(line @ (2 | 3 | 1002 | 1003 | 2002 | 2003 | 3002 | 3003)) => Ok(line),
        None if class < 4000 && matches!(class % 1000, 1..=7) => Ok(class),
        _ => Err(CodecError::Class(class)),
    }
}

/// Numbers per vertex: 2, 3 or 4.
fn dimensions(class: u32) -> usize {
    match class / 1000 {
        0 => 2,
        3 => 4,
        _ => 3,
    }
}

fn decode_body(
    reader: &mut Reader<'_>,
    stored: u32,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), CodecError> {
    if depth > MAX_DEPTH {
        return Err(CodecError::Deep);
    }
    let class = plain(stored)?;
    out.push(1);
    out.extend_from_slice(&class.to_le_bytes());
    let vertices = if stored == class {
        Reader::copy_vertices
    } else {
        Reader::expand_vertices
    };
    match class % 1000 {
        1 => reader.copy_numbers(dimensions(class), out),
        2 => vertices(reader, class, out),
        3 => {
            let rings = reader.count(4)?;
            out.extend_from_slice(&rings.to_le_bytes());
            (0..rings).try_for_each(|_| vertices(reader, class, out))
        }
        _ => {
            let members = reader.count(9)?;
            out.extend_from_slice(&members.to_le_bytes());
            for _ in 0..members {
                if reader.u8()? != 0x69 {
                    return Err(CodecError::Mark(reader.at - 1));
                }
                let member = reader.u32()?;
                check_member(class, plain(member)?, 7)?;
                decode_body(reader, member, out, depth + 1)?;
            }
            Ok(())
        }
    }
}

fn encode_body(
    reader: &mut Reader<'_>,
    class: u32,
    blob: &mut Vec<u8>,
    mbr: &mut [f64; 4],
) -> Result<(), CodecError> {
    match class % 1000 {
        1 => {
            let start = blob.len();
            reader.copy_numbers(dimensions(class), blob)?;
            match grow(mbr, &blob[start..], dimensions(class)) {
                Err(_)
                    if blob[start..start + 16]
                        .chunks_exact(8)
                        .all(|c| f64_le(c).is_nan()) =>
                {
                    Err(CodecError::Empty)
                }
                done => done,
            }
        }
        2 => encode_line(reader, class, blob, mbr),
        3 => {
            let rings = reader.count(4)?;
            blob.extend_from_slice(&rings.to_le_bytes());
            (0..rings).try_for_each(|_| encode_line(reader, class, blob, mbr))
        }
        _ => {
            let members = reader.count(9)?;
            blob.extend_from_slice(&members.to_le_bytes());
            let little = reader.little;
            for _ in 0..members {
                let member = wkb_head(reader)?;
                check_member(class, member, 3)?;
                blob.push(0x69);
                blob.extend_from_slice(&member.to_le_bytes());
                encode_body(reader, member, blob, mbr)?;
                reader.little = little;
            }
            Ok(())
        }
    }
}

fn encode_line(
    reader: &mut Reader<'_>,
    class: u32,
    blob: &mut Vec<u8>,
    mbr: &mut [f64; 4],
) -> Result<(), CodecError> {
    let start = blob.len() + 4;
    reader.copy_vertices(class, blob)?;
    grow(mbr, &blob[start..], dimensions(class))
}

/// Reads byte order and class of a WKB geometry; the reader then follows that byte order.
fn wkb_head(reader: &mut Reader<'_>) -> Result<u32, CodecError> {
    reader.little = match reader.u8()? {
        0 => false,
        1 => true,
        other => return Err(CodecError::ByteOrder(other)),
    };
    let class = reader.u32()?;
    if class >= COMPRESSED {
        Err(CodecError::Class(class))
    } else {
        plain(class)
    }
}

/// Whether `parent` may hold `member`; a collection takes classes up to `most`.
fn check_member(parent: u32, member: u32, most: u32) -> Result<(), CodecError> {
    let kind = member % 1000;
    let fits = if parent % 1000 == 7 {
        kind <= most
    } else {
        kind + 3 == parent % 1000
    };
    if fits && parent / 1000 == member / 1000 {
        Ok(())
    } else {
        Err(CodecError::Member { parent, member })
    }
}

/// Widens the box by little-endian vertices.
fn grow(mbr: &mut [f64; 4], vertices: &[u8], dimensions: usize) -> Result<(), CodecError> {
    for vertex in vertices.chunks_exact(8 * dimensions) {
        let (x, y) = (f64_le(&vertex[..8]), f64_le(&vertex[8..16]));
        if !(x.is_finite() && y.is_finite()) {
            return Err(CodecError::NotFinite);
        }
        *mbr = [mbr[0].min(x), mbr[1].min(y), mbr[2].max(x), mbr[3].max(y)];
    }
    Ok(())
}

fn f64_le(bytes: &[u8]) -> f64 {
    bytes.try_into().map_or(f64::NAN, f64::from_le_bytes)
}

/// A checked reader of numbers in either byte order.
#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    little: bool,
}

impl<'a> Reader<'a> {
    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let end = self
            .at
            .checked_add(length)
            .ok_or(CodecError::Short(self.bytes.len()))?;
        let taken = self
            .bytes
            .get(self.at..end)
            .ok_or(CodecError::Short(self.bytes.len()))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        if !self.little {
            array.reverse();
        }
        Ok(array)
    }

    fn u8(&mut self) -> Result<u8, CodecError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(u32::from_le_bytes)
    }

    fn f32(&mut self) -> Result<f32, CodecError> {
        self.array().map(f32::from_le_bytes)
    }

    fn f64(&mut self) -> Result<f64, CodecError> {
        self.array().map(f64::from_le_bytes)
    }

    fn class_at(&self, at: usize) -> Result<u32, CodecError> {
        Reader { at, ..*self }.u32()
    }

    /// A count of things that take at least `least` bytes each, refused when so many cannot follow.
    fn count(&mut self, least: usize) -> Result<u32, CodecError> {
        let count = self.u32()?;
        match usize::try_from(count)
            .ok()
            .and_then(|n| n.checked_mul(least))
        {
            Some(needed) if needed <= self.left() => Ok(count),
            _ => Err(CodecError::Short(self.bytes.len())),
        }
    }

    fn copy_numbers(&mut self, count: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if self.little {
            out.extend_from_slice(self.take(8 * count)?);
        } else {
            for number in self.take(8 * count)?.chunks_exact(8) {
                out.extend(number.iter().rev());
            }
        }
        Ok(())
    }

    fn copy_vertices(&mut self, class: u32, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let vertices = self.count(8 * dimensions(class))?;
        out.extend_from_slice(&vertices.to_le_bytes());
        self.copy_numbers(vertices as usize * dimensions(class), out)
    }

    /// First and last vertex in full; between them x, y and z as f32 differences from the vertex before, m in full.
    fn expand_vertices(&mut self, class: u32, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let (places, measure) = match class / 1000 {
            0 => (2, false),
            1 => (3, false),
            2 => (2, true),
            _ => (3, true),
        };
        let vertices = self.count(4 * places + 8 * usize::from(measure))?;
        out.extend_from_slice(&vertices.to_le_bytes());
        let mut place = [0.0; 3];
        for vertex in 0..vertices {
            let full = vertex == 0 || vertex == vertices - 1;
            for number in &mut place[..places] {
                *number = if full {
                    self.f64()?
                } else {
                    *number + f64::from(self.f32()?)
                };
                out.extend_from_slice(&number.to_le_bytes());
            }
            if measure {
                out.extend_from_slice(&self.f64()?.to_le_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
