//! `cabd basemap build`: a PMTiles file of water, boundaries and towns for the page's map.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cabd::geometry::Geometry;
use cabd::tile::{Ground, Reach, Tile, draw_ground};
use cabd::{Error, Result};
use clap::{Args, Subcommand};
use flate2::read::MultiGzDecoder;
use pmtiles::{Compression, PmTilesWriter, TileCoord, TileId, TileType};
use serde_json::{Map, Value, json};

use crate::output;

const EXAMPLES: &str = "\
An INPUT is a GeoJSON file (also packed: .gz) in longitude and latitude. KIND= before it says what it is: water (areas), waterway (lines),
boundary (lines or areas) or place (points); without it the geometries tell. KIND:3-6= draws it at these zooms alone.
Names are read from name_en, name_fr and name; the size of a place from scalerank.

Examples:
  cabd basemap build base.pmtiles lakes.geojson rivers.geojson place=towns.geojson
  cabd basemap build base.pmtiles waterway:0-4=main.geojson waterway:5-9=all.geojson.gz boundary=provinces.geojson";

/// The deepest zoom at which a base map may be drawn.
const DEEPEST: u8 = 14;
/// What a missing name is called in sets that say so.
const NAMELESS: [&str; 4] = ["not identified", "non identifié", "unnamed", "sans nom"];

/// Arguments of `cabd basemap`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Basemap {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a PMTiles file from GeoJSON files
    Build(Build),
}

#[derive(Debug, Args)]
struct Build {
    /// The file to write
    output: PathBuf,
    /// GeoJSON files, each as [KIND[:MIN-MAX]=]FILE
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// The deepest zoom that gets tiles of its own; maps enlarge those for further ones
    #[arg(long, value_name = "Z", default_value_t = 8)]
    max_zoom: u8,
    /// Whom to name as the source; repeatable
    #[arg(long, value_name = "TEXT")]
    attribution: Vec<String>,
}

impl Basemap {
    /// Makes what is asked for.
    pub fn run(self) -> Result<ExitCode> {
        let Action::Build(build) = self.action;
        build.run()
    }
}

/// An input as it is named on the command line.
struct Named<'a> {
    kind: Option<&'a str>,
    zooms: (u8, u8),
    file: &'a Path,
}

const KINDS: [&str; 4] = ["water", "waterway", "boundary", "place"];

fn named(input: &str, deepest: u8) -> Result<Named<'_>> {
    let every = (0, deepest);
    let whole = Named {
        kind: None,
        zooms: every,
        file: Path::new(input),
    };
    let Some((before, file)) = input.split_once('=') else {
        return Ok(whole);
    };
    let (kind, zooms) = before.split_once(':').unwrap_or((before, ""));
    let refuse = |message: &'static str, expected: String| {
        Error::invalid(message)
            .field("input")
            .value(input)
            .expected(expected)
    };
    if !KINDS.contains(&kind) {
        // A file whose name has the sign in it.
        return match whole.file.exists() {
            true => Ok(whole),
            false => Err(refuse("not a kind of base map", KINDS.join(", "))),
        };
    }
    let read = |text: &str| text.parse::<u8>().ok().filter(|z| *z <= deepest);
    let zooms = match zooms.split_once('-') {
        None if zooms.is_empty() => every,
        None => return Err(refuse("not zooms", format!("MIN-MAX, 0 to {deepest}"))),
        Some((from, to)) => match (read(from), read(to)) {
            (Some(from), Some(to)) if from <= to => (from, to),
            _ => return Err(refuse("not zooms", format!("MIN-MAX, 0 to {deepest}"))),
        },
    };
    Ok(Named {
        kind: Some(kind),
        zooms,
        file: Path::new(file),
    })
}

impl Build {
    fn run(self) -> Result<ExitCode> {
        if self.max_zoom > DEEPEST {
            return Err(Error::invalid("too deep a zoom")
                .field("max_zoom")
                .value(self.max_zoom)
                .expected(format!("0 to {DEEPEST}")));
        }
        let mut things = vec![];
        for input in &self.inputs {
            read(&named(input, self.max_zoom)?, &mut things)?;
        }
        let Some(reach) = things.iter().map(Ground::reach).reduce(Reach::with) else {
            return Err(Error::invalid("the files hold nothing that can be drawn")
                .field("input")
                .value(self.inputs.join(", ")));
        };
        let tiles = self.write(&things, reach)?;
        let name = self.output.display();
        output::note(format!("{name}: {tiles} tiles of {} shapes", things.len()));
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, things: &[Ground], reach: Reach) -> Result<usize> {
        let place = self.output.display().to_string();
        let failed = |e: pmtiles::PmtError| match e {
            pmtiles::PmtError::Reading(e) => Error::from(e).at(place.clone()),
            e => Error::internal("the base map cannot be written")
                .because(e)
                .at(place.clone()),
        };
        let io = |e: std::io::Error| Error::from(e).at(place.clone());
        // Whole or not at all: a service may be reading the old one.
        let folder = self.output.parent().filter(|p| !p.as_os_str().is_empty());
        let new = tempfile::Builder::new()
            .prefix(".basemap")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(io)?;
        let file = new.reopen().map_err(io)?;
        let b = reach.bbox();
        let mut writer = PmTilesWriter::new(TileType::Mvt)
            .tile_compression(Compression::Gzip)
            .min_zoom(0)
            .max_zoom(self.max_zoom)
            .bounds(b.west, b.south, b.east, b.north)
            .metadata(self.metadata(things).to_string())
            .create(BufWriter::new(file))
            .map_err(failed)?;
        let mut written = 0;
        for z in 0..=self.max_zoom {
            let mut found: BTreeMap<u64, (Tile, Vec<usize>)> = BTreeMap::new();
            for (i, thing) in things.iter().enumerate().filter(|(_, t)| t.is_drawn(z)) {
                for tile in Tile::meeting(z, &thing.reach()) {
                    let coord = TileCoord::new(z, tile.x(), tile.y()).map_err(failed)?;
                    let id = u64::from(TileId::from(coord));
                    found.entry(id).or_insert_with(|| (tile, vec![])).1.push(i);
                }
            }
            for (tile, of_tile) in found.into_values() {
                let bytes = draw_ground(tile, of_tile.into_iter().filter_map(|i| things.get(i)));
                if !bytes.is_empty() {
                    let coord = TileCoord::new(z, tile.x(), tile.y()).map_err(failed)?;
                    writer.add_tile(coord, &bytes).map_err(failed)?;
                    written += 1;
                }
            }
        }
        writer.finalize().map_err(failed)?;
        new.persist(&self.output).map_err(|e| io(e.error))?;
        Ok(written)
    }

    fn metadata(&self, things: &[Ground]) -> Value {
        let fields =
            json!({"name": "String", "name_en": "String", "name_fr": "String", "rank": "Number"});
        let layers = KINDS
            .iter()
            .filter(|kind| things.iter().any(|t| t.layer() == **kind));
        let layers = layers.map(
            |kind| json!({"id": kind, "minzoom": 0, "maxzoom": self.max_zoom, "fields": fields}),
        );
        json!({
            "name": "cabd base map",
            "attribution": self.attribution.join(" · "),
            "vector_layers": layers.collect::<Vec<_>>(),
        })
    }
}

fn read(input: &Named<'_>, things: &mut Vec<Ground>) -> Result<()> {
    let name = input.file.display().to_string();
    let failed = |e: std::io::Error| Error::from(e).at(name.clone());
    let file = BufReader::new(File::open(input.file).map_err(failed)?);
    let file: Box<dyn Read> = match input.file.extension().is_some_and(|e| e == "gz") {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        false => Box::new(file),
    };
    let json: Value = serde_json::from_reader(file).map_err(|e| {
        Error::invalid(format!("not GeoJSON: {e}"))
            .at(name.clone())
            .expected("a GeoJSON FeatureCollection")
    })?;
    let Some(features) = json.get("features").and_then(Value::as_array) else {
        return Err(Error::invalid("not a collection of features")
            .at(name)
            .expected("a GeoJSON FeatureCollection"));
    };
    for (i, feature) in features.iter().enumerate() {
        let Some(geometry) = feature.get("geometry").filter(|g| !g.is_null()) else {
            continue;
        };
        let at = |e: Error| e.at(format!("{name}, feature {}", i + 1));
        let shape = Geometry::from_geojson(geometry).map_err(at)?;
        shape.check_world("geometry").map_err(at)?;
        let kind = match input.kind {
            Some(kind) => kind,
            None => match geometry
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default()
            {
                "Point" | "MultiPoint" => "place",
                "LineString" | "MultiLineString" => "waterway",
                _ => "water",
            },
        };
        let empty = Map::new();
        let properties = feature.get("properties").and_then(Value::as_object);
        let properties = properties.unwrap_or(&empty);
        let rank = number(properties, &["rank", "scalerank"]);
        let least =
            number(properties, &["min_zoom"]).map_or(0, |z| z.min(u64::from(DEEPEST)) as u8);
        // Maps of the web draw tiles of 512 pixels, for which zooms count one less.
        let zooms = (
            input
                .zooms
                .0
                .max(least.saturating_sub(1))
                .min(input.zooms.1),
            input.zooms.1,
        );
        things.extend(Ground::new(kind, zooms, &shape, names(properties), rank).map_err(at)?);
    }
    Ok(())
}

/// A property by one of its names, capitals or not.
fn property<'a>(properties: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    let of = |name: &str| {
        properties
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    names.iter().find_map(|name| of(name)).map(|(_, v)| v)
}

fn number(properties: &Map<String, Value>, names: &[&str]) -> Option<u64> {
    let value = property(properties, names)?.as_f64()?;
    (value.is_finite() && value >= 0.0).then_some(value as u64)
}

fn names(properties: &Map<String, Value>) -> BTreeMap<String, String> {
    let given = ["name", "name_en", "name_fr"]
        .into_iter()
        .filter_map(|name| {
            let text = property(properties, &[name])?.as_str()?.trim();
            let is_name = !text.is_empty() && !NAMELESS.contains(&text.to_lowercase().as_str());
            is_name.then(|| (name.to_owned(), text.to_owned()))
        });
    given.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_says_kind_and_zooms() {
        let n = named("waterway:2-5=a=b.geojson", 8).unwrap();
        assert_eq!(
            (n.kind, n.zooms, n.file),
            (Some("waterway"), (2, 5), Path::new("a=b.geojson"))
        );
        let n = named("plain.geojson", 8).unwrap();
        assert_eq!((n.kind, n.zooms), (None, (0, 8)));
        for bad in ["river=x", "water:5-2=x", "water:0-9=x", "water:a=x"] {
            assert!(named(bad, 8).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_that_says_there_is_none_is_none() {
        let p = json!({"NAME_EN": "Not identified", "name_fr": "Lac", "name": ""});
        let found = names(p.as_object().unwrap());
        assert_eq!(
            found,
            BTreeMap::from([("name_fr".to_owned(), "Lac".to_owned())])
        );
    }
}
