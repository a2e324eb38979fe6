//! A strict reader of vector tiles, written apart from the writer: it panics on what the specification (2.1) forbids.

// A reader of tests says what is wrong by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

/// A layer.
#[derive(Debug, Clone, PartialEq)]
pub struct TileLayer {
    /// Its name.
    pub name: String,
    /// Its features in the tile's order.
    pub features: Vec<TileFeature>,
}

/// A feature.
#[derive(Debug, Clone, PartialEq)]
pub struct TileFeature {
    /// Its number.
    pub number: Option<u64>,
    /// Its attributes.
    pub properties: BTreeMap<String, Json>,
    /// 1 points, 2 lines, 3 areas.
    pub class: u64,
    /// Points one by one, lines, or rings without the repeated first point.
    pub parts: Vec<Vec<(i64, i64)>>,
}

impl TileFeature {
    /// The text of an attribute.
    pub fn text(&self, name: &str) -> &str {
        self.properties
            .get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
    }

    /// How many features it stands for.
    pub fn count(&self) -> u64 {
        self.properties["feature_count"]
            .as_u64()
            .expect("a count is a natural number")
    }
}

/// Reads a tile.
///
/// # Panics
/// On anything the specification does not allow.
pub fn read(tile: &[u8]) -> Vec<TileLayer> {
    let layers: Vec<TileLayer> = fields(tile)
        .into_iter()
        .map(|(field, value)| {
            assert_eq!(field, 3, "a tile has layers only");
            layer(value.bytes())
        })
        .collect();
    let names: BTreeSet<&str> = layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names.len(), layers.len(), "names of layers are unique");
    layers
}

/// The layer of a tile that has one.
///
/// # Panics
/// As [`read`], and for several layers.
pub fn one_layer(tile: &[u8]) -> TileLayer {
    let mut layers = read(tile);
    assert_eq!(layers.len(), 1);
    layers.remove(0)
}

enum Field<'a> {
    Number(u64),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn bytes(self) -> &'a [u8] {
        match self {
            Field::Bytes(b) => b,
            _ => panic!("a message or a text is expected"),
        }
    }

    fn number(&self) -> u64 {
        match self {
            Field::Number(n) => *n,
            _ => panic!("a number is expected"),
        }
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut out = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a number has an end");
        *bytes = rest;
        out |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return out;
        }
    }
    panic!("a number is too long");
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut out = vec![];
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (eight, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Eight(eight.try_into().expect("eight"))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (inner, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(inner)
            }
            other => panic!("unknown kind of field {other}"),
        };
        out.push((key >> 3, value));
    }
    out
}

fn packed(mut bytes: &[u8]) -> Vec<u32> {
    let mut out = vec![];
    while !bytes.is_empty() {
        out.push(u32::try_from(varint(&mut bytes)).expect("32 bits"));
    }
    out
}

fn layer(bytes: &[u8]) -> TileLayer {
    let (mut name, mut extent, mut version) = (None, 4096, None);
    let (mut keys, mut values, mut raw) = (vec![], vec![], vec![]);
    for (field, value) in fields(bytes) {
        match field {
            1 => name = Some(text(value.bytes())),
            2 => raw.push(value.bytes()),
            3 => keys.push(text(value.bytes())),
            4 => values.push(one_value(value.bytes())),
            5 => extent = value.number(),
            15 => version = Some(value.number()),
            other => panic!("a layer has no field {other}"),
        }
    }
    assert_eq!(version, Some(2), "the version is said");
    assert_eq!(extent, 4096);
    let distinct: BTreeSet<&String> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "each key is there once");
    let shown: BTreeSet<String> = values.iter().map(|v: &Json| format!("{v:?}")).collect();
    assert_eq!(shown.len(), values.len(), "each value is there once");
    let features: Vec<TileFeature> = raw
        .into_iter()
        .map(|one| feature(one, &keys, &values))
        .collect();
    assert!(!features.is_empty(), "a layer has a feature");
    let numbers: Vec<u64> = features.iter().filter_map(|f| f.number).collect();
    let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!(distinct.len(), numbers.len(), "numbers are unique");
    TileLayer {
        name: name.expect("a layer has a name"),
        features,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("texts are UTF-8")
}

fn one_value(bytes: &[u8]) -> Json {
    let mut all = fields(bytes);
    assert_eq!(all.len(), 1, "a value has one field set");
    let (field, value) = all.remove(0);
    match (field, value) {
        (1, Field::Bytes(b)) => json!(text(b)),
        (3, Field::Eight(b)) => {
            let d = f64::from_le_bytes(b);
            assert!(d.is_finite());
            json!(d)
        }
        (5, Field::Number(n)) => json!(n),
        (6, Field::Number(n)) => json!(((n >> 1) as i64) ^ -((n & 1) as i64)),
        (7, Field::Number(n)) => json!(n == 1),
        (other, _) => panic!("a value has no field {other} of that kind"),
    }
}

fn feature(bytes: &[u8], keys: &[String], values: &[Json]) -> TileFeature {
    let (mut number, mut class) = (None, 0);
    let (mut tags, mut commands) = (vec![], vec![]);
    for (field, value) in fields(bytes) {
        match field {
            1 => number = Some(value.number()),
            2 => tags = packed(value.bytes()),
            3 => class = value.number(),
            4 => commands = packed(value.bytes()),
            other => panic!("a feature has no field {other}"),
        }
    }
    if let Some(n) = number {
        assert!(n < 1 << 53, "a number is exact in JavaScript");
    }
    assert_eq!(tags.len() % 2, 0, "tags come in pairs");
    let mut properties = BTreeMap::new();
    for pair in tags.chunks(2) {
        let (key, value) = (&keys[pair[0] as usize], &values[pair[1] as usize]);
        let again = properties.insert(key.clone(), value.clone());
        assert!(again.is_none(), "each key once");
    }
    TileFeature {
        number,
        properties,
        class,
        parts: geometry(class, &commands),
    }
}

fn geometry(class: u64, commands: &[u32]) -> Vec<Vec<(i64, i64)>> {
    let mut at = (0i64, 0i64);
    let mut parts: Vec<Vec<(i64, i64)>> = vec![];
    let mut rest = commands.iter().copied();
    let mut open = false;
    while let Some(command) = rest.next() {
        let (id, count) = (command & 7, command >> 3);
        assert!(count > 0, "a command counts");
        if id == 7 {
            assert!(class == 3 && count == 1 && open, "a ring is closed once");
            open = false;
            continue;
        }
        for n in 0..count {
            let mut delta = || {
                let d = rest.next().expect("a command has its parameters");
                i64::from((d >> 1) as i32 ^ -((d & 1) as i32))
            };
            let (dx, dy) = (delta(), delta());
            at = (at.0 + dx, at.1 + dy);
            match id {
                1 => {
                    assert!(!open, "a ring is closed before the next begins");
                    assert!(class == 1 || count == 1, "lines begin one by one");
                    assert!(class != 1 || n == 0 || (dx, dy) != (0, 0));
                    parts.push(vec![at]);
                    open = class == 3;
                }
                2 => {
                    assert!(class > 1, "points have no lines");
                    assert!((dx, dy) != (0, 0), "no line is without length");
                    parts
                        .last_mut()
                        .expect("a line begins with a move")
                        .push(at);
                }
                other => panic!("unknown command {other}"),
            }
        }
    }
    assert!(!open && !parts.is_empty());
    match class {
        1 => {}
        2 => assert!(parts.iter().all(|p| p.len() > 1), "lines have two points"),
        3 => {
            assert!(parts.iter().all(|p| p.len() > 2), "rings have three points");
            assert!(twice_area(&parts[0]) > 0, "an outer ring comes first");
            assert!(parts.iter().all(|p| twice_area(p) != 0));
            assert!(parts.iter().all(|p| p.first() != p.last()));
        }
        other => panic!("unknown class {other}"),
    }
    parts
}

/// Positive for outer rings, in a system whose second axis points down.
pub fn twice_area(ring: &[(i64, i64)]) -> i64 {
    let next = ring.iter().cycle().skip(1);
    let pairs = ring.iter().zip(next);
    pairs.map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum()
}
