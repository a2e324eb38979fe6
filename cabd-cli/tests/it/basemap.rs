//! `basemap build`: a file for the page's map, whole or not at all.

use crate::support::Desk;

const LAKE: &str = r#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "properties": {"name_en": "Long Lake", "NAME_FR": "Lac Long"},
     "geometry": {"type": "Polygon", "coordinates": [[[-80, 50], [-78, 50], [-78, 51], [-80, 50]]]}},
    {"type": "Feature", "properties": null, "geometry": null}]}"#;
const TOWN: &str = r#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "properties": {"NAME": "Here", "SCALERANK": 4}, "geometry": {"type": "Point", "coordinates": [-79, 50.5]}}]}"#;

#[test]
fn a_base_map_is_a_pmtiles_file_of_what_was_given() {
    let desk = Desk::new();
    desk.write("lakes.geojson", LAKE);
    desk.write("towns.geojson", TOWN);
    let attribution = "Somebody's lakes";
    desk.ok([
        "basemap",
        "build",
        "base.pmtiles",
        "water:2-6=lakes.geojson",
        "towns.geojson",
        "--max-zoom",
        "6",
        "--attribution",
        attribution,
    ]);
    let bytes = std::fs::read(desk.path("base.pmtiles")).unwrap();
    assert_eq!(&bytes[..8], b"PMTiles\x03");
    // Of the head: smallest and largest zoom, and the box in ten millionths of a degree.
    assert_eq!(bytes[100..102], [0, 6]);
    let west = i32::from_le_bytes(bytes[102..106].try_into().unwrap());
    assert!((-800_100_000..=-799_900_000).contains(&west), "{west}");
    assert_eq!(
        desk.files(),
        ["base.pmtiles", "lakes.geojson", "towns.geojson"]
    );
}

#[test]
fn what_is_no_base_map_is_refused_and_leaves_nothing() {
    let desk = Desk::new();
    desk.write("lakes.geojson", LAKE);
    desk.write("text.geojson", "not JSON");
    desk.write(
        "empty.geojson",
        r#"{"type": "FeatureCollection", "features": []}"#,
    );
    for (input, code) in [
        ("text.geojson", 3),
        ("empty.geojson", 3),
        ("river=lakes.geojson", 3),
        ("water:7-2=lakes.geojson", 3),
        ("none.geojson", 4),
    ] {
        desk.refused(code, ["basemap", "build", "base.pmtiles", input]);
        assert!(!desk.path("base.pmtiles").exists(), "{input}");
    }
    let said = desk.refused(4, ["serve", "memory:", "--set", "basemap=missing.pmtiles"]);
    assert!(said.contains("missing.pmtiles"), "{said}");
}
