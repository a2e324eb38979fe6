//! `load`: reports, rejected rows, matching, dry runs.

use crate::support::{Desk, sample};

const CSV: &str = "ref,name,height_ft,lon,lat\n\
    1,Mill Dam,10,-75.5,45.4\n\
    2,Lost Dam,20,-75.5,95\n\
    3,Tall Dam,tall,-75.6,45.5\n";

const MAPPING: &str = "type = \"dams\"\nattribution = \"From Anywhere, with thanks.\"\n\
    [source]\nname = \"Dams of Anywhere\"\nid = [\"ref\"]\n\
    [point]\ncrs = \"EPSG:4617\"\nx = \"lon\"\ny = \"lat\"\n\
    [[fields]]\nto = \"dam_name_en\"\nfrom = [\"name\"]\n\
    [[fields]]\nto = \"height_m\"\nfrom = [\"height_ft\"]\nscale = 0.3048\n";

fn load<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let begin = ["load", "inventory.sqlite", "--mapping", "anywhere.toml"];
    begin.into_iter().chain(more.iter().copied()).collect()
}

fn desk() -> Desk {
    let desk = Desk::with_inventory();
    desk.write("anywhere.toml", MAPPING);
    desk.write("dams.csv", CSV);
    desk
}

#[test]
fn rejected_rows_are_written_with_line_field_and_reason() {
    let desk = desk();
    let done = desk.run(load(&["dams.csv"]));
    assert_eq!(done.code, Some(0), "{done:?}");
    let rejected = desk.read("dams.csv.rejected.csv");
    assert_eq!(rejected.lines().count(), 3, "{rejected}");
    assert!(
        rejected.contains("height_m") && rejected.contains("tall"),
        "{rejected}"
    );
    assert!(rejected.contains("dams.csv,3,lon,"), "{rejected}");
    assert!(done.out.contains("From Anywhere, with thanks."), "{done:?}");
    assert!(
        format!("{}{}", done.out, done.err).contains("dams.csv.rejected.csv"),
        "{done:?}"
    );
    assert_eq!(desk.count("inventory.sqlite", "dams"), 1);
    let dam = desk.json(["query", "inventory.sqlite", "dams", "--json"]);
    assert!((dam["features"][0]["height_m"].as_f64().unwrap() - 3.048).abs() < 1e-9);
}

#[test]
fn strict_turns_rejected_rows_into_an_exit_code() {
    let desk = desk();
    let done = desk.run(load(&["--strict", "--rejects", "bad.csv", "dams.csv"]));
    assert_eq!(done.code, Some(3), "{done:?}");
    assert_eq!(
        desk.files(),
        ["anywhere.toml", "bad.csv", "dams.csv", "inventory.sqlite"]
    );
}

#[test]
fn the_same_file_again_changes_nothing() {
    let desk = desk();
    let first = desk.json(load(&["--json", "dams.csv"]));
    assert_eq!(
        (&first["inserted"], &first["rejected"]),
        (&1.into(), &2.into()),
        "{first}"
    );
    let head = desk.json(["info", "inventory.sqlite", "--json"])["head"].clone();
    let second = desk.json(load(&["--json", "dams.csv"]));
    assert_eq!(
        (&second["inserted"], &second["unchanged"]),
        (&0.into(), &1.into()),
        "{second}"
    );
    assert_eq!(
        desk.json(["info", "inventory.sqlite", "--json"])["head"],
        head
    );
}

#[test]
fn an_older_file_changes_nothing_where_newer_rows_are_kept() {
    let desk = Desk::with_inventory();
    let mapping = format!("{MAPPING}[[fields]]\nto = \"construction_year\"\nfrom = [\"year\"]\n");
    desk.write("anywhere.toml", mapping);
    let head = "ref,name,height_ft,lon,lat,year\n";
    desk.write("new.csv", format!("{head}1,New Dam,10,-75.5,45.4,2020\n"));
    desk.write("old.csv", format!("{head}1,Old Dam,9,-75.5,45.4,2010\n"));
    desk.ok(load(&["new.csv"]));
    let older = ["--keep-newer", "construction_year", "old.csv"];
    let said = desk.ok(load(&older));
    assert!(said.contains("older than what is stored"), "{said}");
    let report = desk.json(load(&[&older[..], &["--json"]].concat()));
    let counts = (&report["unchanged"], &report["older"], &report["commit"]);
    assert_eq!(counts, (&1.into(), &1.into(), &serde_json::Value::Null));
    let err = desk.refused(3, load(&["--keep-newer", "dam_name_en", "old.csv"]));
    assert!(
        err.contains("keep_newer") && err.contains("hint: "),
        "{err}"
    );
    let no_source = ["load", "inventory.sqlite", "--type", "dams", "old.csv"];
    let no_source = no_source
        .iter()
        .chain(&["--keep-newer", "construction_year"]);
    assert!(desk.refused(3, no_source).contains("source"));
}

#[test]
fn a_clean_load_leaves_no_file_of_rejected_rows() {
    let desk = Desk::with_inventory();
    let report = desk.json([
        "load",
        "inventory.sqlite",
        "--mapping",
        "sample-dams",
        "--json",
        &sample("dams.csv"),
    ]);
    assert_eq!(report["inserted"], 264, "{report}");
    assert_eq!(desk.files(), ["inventory.sqlite"]);
    assert!(!std::path::Path::new(&sample("dams.csv.rejected.csv")).exists());
}

#[test]
fn a_dry_run_reports_the_same_and_changes_nothing() {
    let desk = desk();
    let before = content(&desk);
    let dry = desk.json(load(&["--dry-run", "--json", "dams.csv"]));
    assert_eq!(desk.count("inventory.sqlite", "dams"), 0);
    assert!(before == content(&desk), "the file changed");
    let real = desk.json(load(&["--json", "dams.csv"]));
    for key in ["inserted", "updated", "unchanged", "rejected"] {
        assert_eq!(dry[key], real[key], "{key}");
    }
}

/// The file's bytes, without the two counters of transactions in its head.
fn content(desk: &Desk) -> Vec<u8> {
    let mut bytes = std::fs::read(desk.path("inventory.sqlite")).unwrap();
    bytes[24..28].fill(0);
    bytes[92..96].fill(0);
    bytes
}

#[test]
fn standard_input_is_loaded_as_a_file_is() {
    let desk = desk();
    let done = desk.fed(
        CSV.as_bytes(),
        load(&["--json", "--rejects", "bad.csv", "-"]),
    );
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(desk.count("inventory.sqlite", "dams"), 1);
    assert!(desk.read("bad.csv").contains("stdin,3,lon,"));
}

#[test]
fn rows_near_an_existing_feature_become_its_second_source() {
    let desk = desk();
    desk.ok(load(&["dams.csv"]));
    desk.write(
        "other.csv",
        "ref,name,height_ft,lon,lat\nX9,The Mill Dam,11,-75.5001,45.4001\n",
    );
    let near = [
        "--match",
        "near:100",
        "--source",
        "Dams of Elsewhere",
        "--json",
        "other.csv",
    ];
    let report = desk.json(load(&near));
    assert_eq!(report["inserted"], 0, "{report}");
    assert_eq!(desk.count("inventory.sqlite", "dams"), 1);
    let info = desk.ok(["info", "inventory.sqlite"]);
    assert!(
        info.contains("Dams of Anywhere") && info.contains("Dams of Elsewhere"),
        "{info}"
    );
    desk.refused(3, load(&["--match", "near:far", "other.csv"]));
    desk.refused(3, load(&["--match", "name", "other.csv"]));
}

#[test]
fn geojson_with_columns_named_like_attributes_needs_no_mapping() {
    let desk = Desk::with_inventory();
    let falls = r#"{"type":"FeatureCollection","features":[
        {"type":"Feature","properties":{"fall_name_en":"Long Falls","fall_height_m":12.5},"geometry":{"type":"Point","coordinates":[-75,45]}},
        {"type":"Feature","properties":{"fall_name_en":"Line Falls"},"geometry":{"type":"LineString","coordinates":[[-75,45],[-76,45]]}}]}"#;
    desk.write("falls.geojson", falls);
    let line = [
        "load",
        "inventory.sqlite",
        "--type",
        "waterfalls",
        "--source",
        "Ann's list",
        "falls.geojson",
    ];
    let said = desk.ok(line);
    assert!(said.contains("a new feature each time"), "{said}");
    assert_eq!(desk.count("inventory.sqlite", "waterfalls"), 1);
    assert!(
        desk.read("falls.geojson.rejected.csv")
            .contains("falls.geojson,3,geometry,")
    );
}

#[test]
fn a_reference_table_is_loaded_with_table() {
    let desk = Desk::with_inventory();
    desk.write("units.csv", "id,sub_sub_drainage_area,name_fr,major_drainage_area,sub_drainage_area\n01ZZ000,Test River,Rivière Essai,Maritime,Saint John\n");
    let line = [
        "load",
        "inventory.sqlite",
        "--mapping",
        "cabd-reference-nhn",
        "--table",
        "cabd.nhn_workunit",
        "--json",
        "units.csv",
    ];
    let report = desk.json(line);
    assert_eq!(report["inserted"], 1, "{report}");
    let codes = [
        "info",
        "inventory.sqlite",
        "--codes",
        "cabd.nhn_workunit",
        "--lang",
        "fr",
    ];
    assert!(desk.ok(codes).contains("Rivière Essai"));
}

#[test]
fn the_whole_sample_loads_without_a_rejected_row() {
    let desk = Desk::with_inventory();
    for (set, rows) in [("dams", 264), ("waterfalls", 120), ("fishways", 43)] {
        let mapping = format!("sample-{set}");
        let file = sample(&format!("{set}.csv"));
        let report = desk.json([
            "load",
            "inventory.sqlite",
            "--mapping",
            &mapping,
            "--strict",
            "--json",
            &file,
        ]);
        assert_eq!(report["inserted"], rows, "{report}");
        assert_eq!(report["rejected"], 0, "{report}");
    }
    let ask = [
        "query",
        "inventory.sqlite",
        "fishways",
        "--filter",
        "structure_name_en:like:hells gate",
        "--json",
    ];
    let species = &desk.json(ask)["features"][0]["known_use"];
    assert!(
        species.as_array().is_some_and(|list| list.len() == 5),
        "{species}"
    );
}
