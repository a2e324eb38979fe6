//! From features to a tile: the rows of its layers, and what is left out where it would be too large.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::encode::{Layer, TileValue};
use super::places::Spot;
use super::shape::Shape;
use super::thin::{COARSEST, Cluster, Thinned};
use super::{CLUSTER_LAYER, COUNT, MOST_BYTES, Tile, feature_number};
use crate::catalog::{GEOMETRY, ID};
use crate::error::{Error, Result};
use crate::feature::{FeatureBatch, value_at};
use crate::value::Value;

/// A text longer than that, in bytes, is the first that is left out of a tile that would be too large.
const LONG_TEXT: usize = 1024;
/// Lines and areas may lose what is smaller than so many units, before features are left out.
const COARSEST_UNITS: f64 = 1024.0;

/// A layer while its features are read.
#[derive(Debug)]
pub struct Draft {
    name: String,
    thinned: Thinned,
    columns: Vec<String>,
    rows: Vec<Row>,
    waiting: HashMap<Uuid, Spot>,
}

#[derive(Debug)]
struct Row {
    number: u64,
    id: Uuid,
    shape: Shape,
    /// By the layer's columns.
    values: Vec<Option<TileValue>>,
}

impl Draft {
    /// A layer that will show these features.
    pub fn new(name: impl Into<String>, thinned: Thinned) -> Self {
        let inside = thinned.kept.iter().filter(|k| k.inside);
        let waiting = inside.map(|k| (k.spot.id, k.spot)).collect();
        Self {
            name: name.into(),
            thinned,
            columns: vec![],
            rows: vec![],
            waiting,
        }
    }

    /// The features still to be read, in no order.
    pub fn wanted(&self) -> impl ExactSizeIterator<Item = Uuid> {
        self.waiting.keys().copied()
    }

    /// Whether their geometry must be read too; positions of points are known.
    pub fn needs_geometry(&self) -> bool {
        self.waiting.values().any(Spot::is_shape)
    }

    /// Adds the features of a batch that are wanted.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a stored geometry that cannot be read.
    pub fn add(&mut self, batch: &FeatureBatch) -> Result<()> {
        let tile = self.thinned.tile();
        let columns = batch.batch.columns();
        let schema = batch.batch.schema();
        let shown: Vec<(usize, &str)> = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(i, f)| (i, f.name().as_str()))
            .filter(|(_, name)| *name != ID && *name != GEOMETRY && *name != COUNT)
            .collect();
        if self.columns.is_empty() {
            self.columns = shown.iter().map(|(_, name)| (*name).to_owned()).collect();
        }
        for row in 0..batch.rows() {
            let Value::Uuid(id) = batch.value(row, ID) else {
                return Err(Error::internal("a feature without identifier"));
            };
            let Some(spot) = self.waiting.remove(&id) else {
                continue;
            };
            let shape = match batch.value(row, GEOMETRY) {
                Value::Geometry(g) if g.as_point().is_none() => {
                    let geo = g.to_geo().map_err(|e| e.at(format!("feature {id}")))?;
                    Shape::of(&geo, tile, &spot)
                }
                _ => {
                    let (x, y) = tile.units(spot.place());
                    Tile::shows((x, y)).then(|| Shape::point(x, y))
                }
            };
            let Some(shape) = shape else { continue };
            let values = shown
                .iter()
                .map(|(i, _)| value(value_at(&columns[*i], row)));
            self.rows.push(Row {
                number: feature_number(id),
                id,
                shape,
                values: values.collect(),
            });
        }
        Ok(())
    }

    fn has_shapes(&self) -> bool {
        let more = |r: &Row| !matches!(r.shape, Shape::Points(_));
        self.rows.iter().any(more)
    }

    /// The rows in the order of their numbers.
    fn sorted(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_unstable_by_key(|r| (r.number, r.id));
        rows
    }
}

/// A value as a tile can carry it. A tile has neither null nor lists nor dates: null is left out, a list is a JSON text, a date its text.
fn value(v: Value) -> Option<TileValue> {
    let text = |t: String| Some(TileValue::Text(t.into()));
    match v {
        Value::Null => None,
        Value::Bool(b) => Some(TileValue::Bool(b)),
        Value::Int(i) => Some(match u64::try_from(i) {
            Ok(n) => TileValue::Natural(n),
            Err(_) => TileValue::Negative(i),
        }),
        Value::Double(d) => d.is_finite().then(|| TileValue::Double(d.to_bits())),
        Value::Text(t) => text(t),
        Value::Uuid(u) => text(u.to_string()),
        other => match other.to_json() {
            serde_json::Value::Null => None,
            serde_json::Value::String(t) => text(t),
            json => text(json.to_string()),
        },
    }
}

/// What is left out of a tile.
#[derive(Default)]
struct Less {
    long_texts: bool,
    steps: u8,
    columns: HashSet<String>,
    units: f64,
    /// How often the number of features was halved.
    halved: u32,
}

impl Less {
    /// Leaves out the next; false where nothing is left.
    fn more(&mut self, drafts: &[Draft]) -> bool {
        if !self.long_texts {
            self.long_texts = true;
        } else if self.steps < COARSEST {
            self.steps += 1;
        } else if let Some(column) = self.costliest(drafts) {
            self.columns.insert(column);
        } else if self.units < COARSEST_UNITS && drafts.iter().any(Draft::has_shapes) {
            self.units = (self.units * 2.0).max(2.0);
        } else if self.halved < 32 {
            self.halved += 1;
        } else {
            return false;
        }
        true
    }

    /// The attribute that takes most room.
    fn costliest(&self, drafts: &[Draft]) -> Option<String> {
        let mut costs: HashMap<&str, usize> = HashMap::new();
        for d in drafts {
            for (n, column) in d.columns.iter().enumerate() {
                if self.columns.contains(column) {
                    continue;
                }
                let values = d.rows.iter().filter_map(|r| r.values.get(n)?.as_ref());
                let distinct: HashSet<&TileValue> = values.collect();
                *costs.entry(column).or_default() +=
                    distinct.iter().map(|v| v.bytes()).sum::<usize>();
            }
        }
        let costliest = costs.into_iter().filter(|c| c.1 > 0);
        let costliest = costliest.max_by_key(|(name, cost)| (*cost, *name));
        costliest.map(|(name, _)| name.to_owned())
    }

    fn shows(&self, v: &TileValue) -> bool {
        !self.long_texts || !matches!(v, TileValue::Text(t) if t.len() > LONG_TEXT)
    }
}

/// The bytes of a tile, none where it shows nothing. Layers of one name are one layer.
///
/// A tile that would be larger than [`MOST_BYTES`] leaves out, one after the other until it fits: texts longer than 1024 bytes;
/// features, each block then showing at most 32, 8 and 2 before it shows one for each of 16, 4 and 1 cells; whole attributes, the one
/// that takes most room first; details of lines and areas; and at last the features of highest number.
pub fn draw(drafts: &[Draft]) -> Vec<u8> {
    draw_within(drafts, MOST_BYTES)
}

fn draw_within(drafts: &[Draft], most: usize) -> Vec<u8> {
    let mut less = Less::default();
    loop {
        let bytes = encode(drafts, &less);
        if bytes.len() <= most || !less.more(drafts) {
            return bytes;
        }
    }
}

fn encode(drafts: &[Draft], less: &Less) -> Vec<u8> {
    let mut names: Vec<&str> = vec![];
    for d in drafts {
        if !names.contains(&d.name.as_str()) {
            names.push(&d.name);
        }
    }
    let mut tile = vec![];
    for name in names {
        let of_layer: Vec<&Draft> = drafts.iter().filter(|d| d.name == name).collect();
        encode_layer(name, &of_layer, less, &mut tile);
    }
    tile
}

/// A row of a layer, with what it gets beside its own values.
struct Shown<'a> {
    row: &'a Row,
    columns: &'a [String],
    shape: Option<Shape>,
    id: TileValue,
    count: TileValue,
}

fn encode_layer(name: &str, drafts: &[&Draft], less: &Less, tile: &mut Vec<u8>) {
    let mut shown: Vec<Shown<'_>> = vec![];
    for d in drafts {
        let counts = d.thinned.coarser(less.steps);
        let counts: HashMap<Uuid, u32> = counts.into_iter().map(|(s, n)| (s.id, n)).collect();
        let mut rows = d.sorted();
        rows.retain(|r| counts.contains_key(&r.id));
        rows.truncate(rows.len() >> less.halved.min(63));
        shown.extend(rows.into_iter().map(|row| Shown {
            row,
            columns: &d.columns,
            shape: (less.units > 0.0).then(|| row.shape.simplified(less.units)),
            id: TileValue::Text(row.id.to_string().into()),
            count: TileValue::Natural(counts.get(&row.id).copied().unwrap_or(1).into()),
        }));
    }
    shown.sort_by_key(|s| (s.row.number, s.row.id));
    let mut layer = Layer::default();
    let mut before = None;
    for s in &shown {
        let number = Some(s.row.number).filter(|n| before != Some(*n));
        before = Some(s.row.number);
        let own = s.columns.iter().zip(&s.row.values);
        let own = own.filter_map(|(column, v)| {
            let v = v.as_ref().filter(|v| less.shows(v))?;
            (!less.columns.contains(column)).then_some((column.as_str(), v))
        });
        let tags = [(ID, &s.id), (COUNT, &s.count)].into_iter().chain(own);
        let shape = s.shape.as_ref().unwrap_or(&s.row.shape);
        layer.add(number, shape.class(), |out| shape.commands(out), tags);
    }
    if !layer.is_empty() {
        layer.finish(name, tile);
    }
}

/// The bytes of a tile of clusters, none where there are none: points in the layer [`CLUSTER_LAYER`] with the attribute [`COUNT`].
pub fn draw_clusters(tile: Tile, clusters: &[Cluster]) -> Vec<u8> {
    let counts: Vec<TileValue> = clusters
        .iter()
        .map(|c| TileValue::Natural(c.count))
        .collect();
    let mut layer = Layer::default();
    for (c, count) in clusters.iter().zip(&counts) {
        let (x, y) = tile.units(c.place);
        let shape = Shape::point(x, y);
        let tags = [(COUNT, count)].into_iter();
        layer.add(
            Some(c.number),
            shape.class(),
            |out| shape.commands(out),
            tags,
        );
    }
    let mut out = vec![];
    if !layer.is_empty() {
        layer.finish(CLUSTER_LAYER, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Geometry;
    use crate::tile::{Member, Places, View, strict as mvt};

    fn draft(texts: &[&str]) -> Draft {
        let at = Geometry::point(-75.0, 45.0);
        let ids = (1..=texts.len() as u128).map(Uuid::from_u128);
        let spots = ids.filter_map(|id| Spot::of(id, &at).unwrap());
        let places = Places::new(spots);
        let view = View {
            members: vec![Member {
                places: &places,
                hidden: vec![],
            }],
        };
        let thinned = Thinned::new(&view, Tile::new(0, 0, 0).unwrap());
        let mut out = Draft::new("sites", thinned);
        out.columns = vec!["name".to_owned()];
        for (n, text) in texts.iter().enumerate() {
            out.rows.push(Row {
                number: 7,
                id: Uuid::from_u128(n as u128 + 1),
                shape: Shape::point(1, 2),
                values: vec![Some(TileValue::Text((*text).into()))],
            });
        }
        out
    }

    #[test]
    fn of_two_features_of_one_number_the_greater_identifier_has_none() {
        let layer = mvt::one_layer(&draw(&[draft(&["a", "b"])]));
        let shown: Vec<_> = layer
            .features
            .iter()
            .map(|f| (f.number, f.text("name")))
            .collect();
        assert_eq!(shown, [(Some(7), "a"), (None, "b")]);
    }

    #[test]
    fn layers_of_one_name_are_one() {
        let layer = mvt::one_layer(&draw(&[draft(&["a"]), draft(&["b"])]));
        assert_eq!(layer.features.len(), 2);
    }

    #[test]
    fn the_longest_texts_go_first_and_then_the_attribute() {
        let (long, short) = ("x".repeat(LONG_TEXT + 1), "y".repeat(LONG_TEXT));
        let all = [draft(&[&long, &short])];
        let names = |most| {
            let layer = mvt::one_layer(&draw_within(&all, most));
            let of = |f: &mvt::TileFeature| f.text("name").len();
            layer.features.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(names(5000), [LONG_TEXT + 1, LONG_TEXT]);
        assert_eq!(names(1500), [0, LONG_TEXT]);
        assert_eq!(names(400), [0, 0]);
        assert!(draw_within(&all, 10).is_empty());
    }
}
