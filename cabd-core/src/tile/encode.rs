//! The bytes of a tile: protocol buffers written by hand, names and values each once, in the order in which they appear.

use std::collections::HashMap;
use std::hash::Hash;

use super::grid::EXTENT;

/// A value in a tile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum TileValue {
    Text(Box<str>),
    /// The bits of a finite number.
    Double(u64),
    Natural(u64),
    Negative(i64),
    Bool(bool),
}

impl TileValue {
    /// Its bytes in a tile, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            TileValue::Text(t) => t.len() + 6,
            TileValue::Double(_) => 11,
            _ => 6,
        }
    }
}

/// One layer while it grows.
#[derive(Default)]
pub(super) struct Layer<'a> {
    features: Vec<u8>,
    keys: Once<&'a str>,
    values: Once<&'a TileValue>,
    commands: Vec<u32>,
    one: Vec<u8>,
}

/// Things by the order in which they came first.
struct Once<T> {
    places: HashMap<T, u32>,
    all: Vec<T>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            all: vec![],
        }
    }
}

impl<T: Copy + Eq + Hash> Once<T> {
    fn place(&mut self, thing: T) -> u32 {
        *self.places.entry(thing).or_insert_with(|| {
            self.all.push(thing);
            (self.all.len() - 1) as u32
        })
    }
}

impl<'a> Layer<'a> {
    /// Adds a feature. `shape` writes its drawing commands.
    pub(super) fn add(
        &mut self,
        number: Option<u64>,
        class: u64,
        shape: impl FnOnce(&mut Vec<u32>),
        tags: impl Iterator<Item = (&'a str, &'a TileValue)>,
    ) {
        let mut one = std::mem::take(&mut self.one);
        one.clear();
        if let Some(number) = number {
            varint_field(&mut one, 1, number);
        }
        self.commands.clear();
        for (key, value) in tags {
            let pair = [self.keys.place(key), self.values.place(value)];
            self.commands.extend(pair);
        }
        packed(&mut one, 2, &self.commands);
        varint_field(&mut one, 3, class);
        self.commands.clear();
        shape(&mut self.commands);
        packed(&mut one, 4, &self.commands);
        bytes_field(&mut self.features, 2, &one);
        self.one = one;
    }

    /// Whether it has no feature.
    pub(super) fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// Writes the layer into a tile.
    pub(super) fn finish(self, name: &str, tile: &mut Vec<u8>) {
        let mut out = Vec::with_capacity(self.features.len() + self.values.all.len() * 16);
        bytes_field(&mut out, 1, name.as_bytes());
        out.extend_from_slice(&self.features);
        for key in &self.keys.all {
            bytes_field(&mut out, 3, key.as_bytes());
        }
        let mut one = vec![];
        for value in &self.values.all {
            one.clear();
            match value {
                TileValue::Text(t) => bytes_field(&mut one, 1, t.as_bytes()),
                TileValue::Double(bits) => {
                    varint(&mut one, (3 << 3) | 1);
                    one.extend_from_slice(&bits.to_le_bytes());
                }
                TileValue::Natural(n) => varint_field(&mut one, 5, *n),
                TileValue::Negative(n) => {
                    varint_field(&mut one, 6, ((n << 1) ^ (n >> 63)) as u64);
                }
                TileValue::Bool(b) => varint_field(&mut one, 7, u64::from(*b)),
            }
            bytes_field(&mut out, 4, &one);
        }
        varint_field(&mut out, 5, EXTENT as u64);
        varint_field(&mut out, 15, 2);
        bytes_field(tile, 3, &out);
    }
}

fn varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push((v as u8) | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

fn varint_field(out: &mut Vec<u8>, field: u64, v: u64) {
    varint(out, field << 3);
    varint(out, v);
}

fn bytes_field(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, (field << 3) | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn packed(out: &mut Vec<u8>, field: u64, all: &[u32]) {
    if all.is_empty() {
        return;
    }
    let length = |v: &u32| (38 - (v | 1).leading_zeros()) / 7;
    varint(out, (field << 3) | 2);
    varint(out, all.iter().map(|v| u64::from(length(v))).sum());
    all.iter().for_each(|v| varint(out, u64::from(*v)));
}
