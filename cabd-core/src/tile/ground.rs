//! Tiles of a base map: water, boundaries and towns below the features, with nothing remembered of them but shape and name.

use std::collections::BTreeMap;

use geo_types::Geometry as Geo;
use uuid::Uuid;

use super::encode::{Layer, TileValue};
use super::grid::{Reach, Tile};
use super::places::Spot;
use super::shape::Shape;
use crate::error::Result;
use crate::geometry::Geometry;

/// Lines and areas that are smaller than this share of a tile, across, are not drawn.
const SMALLEST: f64 = 1.0 / 170.0;

/// Something of a base map.
#[derive(Debug)]
pub struct Ground {
    layer: String,
    zooms: (u8, u8),
    geometry: Geo<f64>,
    spot: Spot,
    texts: Vec<(String, TileValue)>,
}

impl Ground {
    /// A geometry in a layer, drawn from the first to the last zoom, with its names; none where it has no position on the grid.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a geometry that cannot be read.
    pub fn new(
        layer: impl Into<String>,
        zooms: (u8, u8),
        geometry: &Geometry,
        texts: BTreeMap<String, String>,
        rank: Option<u64>,
    ) -> Result<Option<Self>> {
        let Some(spot) = Spot::of(Uuid::nil(), geometry)? else {
            return Ok(None);
        };
        let texts = texts
            .into_iter()
            .map(|(name, text)| (name, TileValue::Text(text.into())));
        let rank = rank.map(|n| ("rank".to_owned(), TileValue::Natural(n)));
        Ok(Some(Self {
            layer: layer.into(),
            zooms,
            geometry: geometry.to_geo()?,
            spot,
            texts: texts.chain(rank).collect(),
        }))
    }

    /// Where it lies.
    pub fn reach(&self) -> Reach {
        self.spot.reach()
    }

    /// The layer it is drawn in.
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// Whether a zoom shows it: it is asked for, and large enough.
    pub fn is_drawn(&self, z: u8) -> bool {
        if z < self.zooms.0 || z > self.zooms.1 {
            return false;
        }
        if !self.spot.is_shape() {
            return true;
        }
        let reach = self.reach();
        let across = (reach.east - reach.west).max(reach.south - reach.north);
        f64::from(across) * f64::from(z).exp2() >= SMALLEST * 32_f64.exp2()
    }
}

/// The bytes of a tile, none where it shows nothing: a layer for each name, things in the order given.
pub fn draw_ground<'a>(tile: Tile, things: impl IntoIterator<Item = &'a Ground>) -> Vec<u8> {
    let mut layers: BTreeMap<&str, Layer<'a>> = BTreeMap::new();
    for thing in things {
        let Some(shape) = Shape::of(&thing.geometry, tile, &thing.spot) else {
            continue;
        };
        let tags = thing
            .texts
            .iter()
            .map(|(name, value)| (name.as_str(), value));
        let layer = layers.entry(&thing.layer).or_default();
        layer.add(None, shape.class(), |out| shape.commands(out), tags);
    }
    let mut bytes = vec![];
    for (name, layer) in layers {
        layer.finish(name, &mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lake(layer: &str, size: f64) -> Ground {
        let wkt = format!(
            "POLYGON((-100 50, -100 {n}, {e} {n}, {e} 50, -100 50))",
            n = 50.0 + size,
            e = -100.0 + size
        );
        let geometry = Geometry::from_wkt(&wkt).unwrap();
        let names = BTreeMap::from([("name_fr".to_owned(), "Lac".to_owned())]);
        Ground::new(layer, (0, 8), &geometry, names, Some(3))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn a_tile_has_a_layer_for_each_name_and_nothing_elsewhere() {
        let things = [lake("water", 1.0), lake("boundary", 1.0)];
        let place = things[0].spot.place();
        let bytes = draw_ground(Tile::holding(6, place), &things);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for word in ["water", "boundary", "name_fr", "Lac", "rank"] {
            assert!(text.contains(word), "{word}");
        }
        assert!(draw_ground(Tile::new(6, 0, 0).unwrap(), &things).is_empty());
    }

    #[test]
    fn what_is_too_small_or_not_asked_for_is_not_drawn() {
        let (large, small) = (lake("water", 10.0), lake("water", 0.01));
        assert!(large.is_drawn(2) && !small.is_drawn(2));
        assert!(small.is_drawn(8) && !large.is_drawn(9));
    }
}
