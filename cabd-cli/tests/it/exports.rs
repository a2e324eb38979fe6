//! `export`: files that appear complete or not at all.

use std::io::Read;

use crate::support::{Desk, sample};

fn desk() -> Desk {
    let desk = Desk::with_inventory();
    desk.ok([
        "load",
        "inventory.sqlite",
        "--mapping",
        "sample-dams",
        &sample("dams.csv"),
    ]);
    desk
}

#[test]
fn geojson_holds_every_feature_and_where_it_came_from() {
    let desk = desk();
    desk.ok([
        "export",
        "inventory.sqlite",
        "--type",
        "dams",
        "--format",
        "geojson",
        "-o",
        "dams.geojson",
    ]);
    let file: serde_json::Value = serde_json::from_str(&desk.read("dams.geojson")).unwrap();
    assert_eq!(file["type"], "FeatureCollection");
    assert_eq!(file["features"].as_array().unwrap().len(), 264);
    assert_eq!(file["features"][0]["geometry"]["type"], "Point");
    assert_eq!(file["metadata"]["data_version"]["dams"], "1.0");
    assert_eq!(desk.files(), ["dams.geojson", "inventory.sqlite"]);
}

#[test]
fn csv_and_packed_csv_hold_the_same_rows() {
    let desk = desk();
    let ask = [
        "--type",
        "dams",
        "--attributes",
        "simple",
        "--lang",
        "fr",
        "--sort",
        "dam_name_en",
    ];
    for file in ["dams.csv", "dams.csv.gz"] {
        desk.ok(["export", "inventory.sqlite", "-o", file]
            .into_iter()
            .chain(ask));
    }
    let plain = desk.read("dams.csv");
    let mut unpacked = String::new();
    let packed = std::fs::File::open(desk.path("dams.csv.gz")).unwrap();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut unpacked)
        .unwrap();
    assert_eq!(plain, unpacked);
    assert!(
        plain.contains("Québec"),
        "{}",
        plain.lines().nth(1).unwrap()
    );
    let out = ["export", "inventory.sqlite", "--format", "csv", "-o", "-"];
    assert_eq!(desk.ok(out.into_iter().chain(ask)), plain);
}

#[test]
fn a_refused_export_leaves_the_old_file_and_nothing_else() {
    let desk = desk();
    desk.write("dams.geojson", "the old one");
    let export = |more: &[&str]| {
        let line = ["export", "inventory.sqlite", "--type", "dams"];
        line.into_iter()
            .chain(more.iter().copied())
            .map(String::from)
            .collect::<Vec<_>>()
    };
    desk.refused(
        3,
        export(&["-o", "dams.geojson", "--filter", "colour:eq:1"]),
    );
    desk.refused(3, export(&["-o", "dams.xyz"]));
    desk.refused(3, export(&["-o", "dams.geojson", "--format", "dbase"]));
    desk.refused(3, export(&["-o", ".", "--format", "csv"]));
    desk.refused(4, export(&["-o", "no/such/folder/dams.csv"]));
    assert_eq!(desk.read("dams.geojson"), "the old one");
    assert_eq!(desk.files(), ["dams.geojson", "inventory.sqlite"]);
}

#[test]
fn what_was_exported_can_be_loaded_again_and_changes_nothing() {
    let desk = desk();
    for file in ["dams.geojson", "dams.csv"] {
        desk.ok(["export", "inventory.sqlite", "--type", "dams", "-o", file]);
        let load = [
            "load",
            "inventory.sqlite",
            "--type",
            "dams",
            "--match",
            "cabd_id",
            "--json",
            file,
        ];
        let report = desk.json(load);
        assert_eq!(report["unchanged"], 264, "{file}: {report}");
        assert_eq!(report["rejected"], 0, "{file}: {report}");
    }
}
