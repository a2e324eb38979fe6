//! `derive`, and the rows of other programs that every command fills in when it opens a store.

use serde_json::{Value, json};

use crate::support::{Database, Desk};

const SQUARE: &str = r#"{"type": "FeatureCollection", "features": [{"type": "Feature",
    "properties": {"code": "on", "name_en": "Ontario", "name_fr": "Ontario"},
    "geometry": {"type": "MultiPolygon", "coordinates": [[[[-80, 40], [-70, 40], [-70, 50], [-80, 50], [-80, 40]]]]}}]}"#;
const DAMS: &str = "dam_name_en,longitude,latitude\nMill Dam,-75,45\nFar Dam,-60,45\n";

fn provinces(desk: &Desk, store: &str) -> Vec<Value> {
    let select = "dam_name_en,province_territory_code";
    let answer = desk.json([
        "query",
        store,
        "dams",
        "--select",
        select,
        "--sort",
        "dam_name_en",
        "--json",
    ]);
    let features = answer["features"].as_array().unwrap();
    features
        .iter()
        .map(|f| f["province_territory_code"].clone())
        .collect()
}

fn polygons_that_come_later(store: &str) {
    let desk = Desk::new();
    desk.ok(["init", store]);
    desk.write("dams.csv", DAMS);
    desk.write("provinces.geojson", SQUARE);
    desk.ok([
        "load", store, "--type", "dams", "--source", "a list", "dams.csv",
    ]);
    assert!(
        desk.ok(["derive", store])
            .contains("every derived value is as it should be")
    );
    desk.ok([
        "load",
        store,
        "--table",
        "cabd.province_territory_codes",
        "provinces.geojson",
    ]);
    assert_eq!(provinces(&desk, store), [Value::Null, Value::Null]);

    let dry = desk.json(["derive", store, "--type", "dams", "--dry-run", "--json"]);
    assert_eq!(
        dry,
        json!({"dry_run": true, "commit": null, "changed": {"dams": 1}})
    );
    assert_eq!(provinces(&desk, store), [Value::Null, Value::Null]);
    let other = desk.json(["derive", store, "--type", "waterfalls", "--json"]);
    assert_eq!(other["changed"], json!({}));
    let said = desk.ok(["derive", store, "--type", "barriers"]);
    assert!(said.ends_with(": 1 dams changed\n"), "{said}");
    assert_eq!(provinces(&desk, store), [Value::Null, json!("on")]);
    // The same file again changes nothing.
    let again = desk.json([
        "load", store, "--type", "dams", "--source", "a list", "dams.csv", "--match", "source",
        "--json",
    ]);
    if again["inserted"] == json!(0) {
        assert_eq!(again["commit"], Value::Null, "{again}");
    }
    desk.refused(4, ["derive", store, "--type", "damns"]);
}

#[test]
fn polygons_that_come_later_are_derived_from_in_a_file() {
    polygons_that_come_later("inventory.sqlite");
}

#[test]
fn polygons_that_come_later_are_derived_from_in_a_database() {
    if let Some(database) = Database::new() {
        polygons_that_come_later(&database.url);
    }
}

#[test]
fn a_row_of_the_spatialite_shell_is_derived_when_a_command_opens_the_file() {
    let desk = Desk::with_inventory();
    desk.write("provinces.geojson", SQUARE);
    desk.ok([
        "load",
        "inventory.sqlite",
        "--table",
        "cabd.province_territory_codes",
        "provinces.geojson",
    ]);
    let sql =
        "INSERT INTO dams (dam_name_en, geometry) VALUES ('Shell Dam', MakePoint(-75, 45, 4617));";
    let out = std::process::Command::new("spatialite")
        .args(["-silent", "-bail"])
        .arg(desk.path("inventory.sqlite"))
        .arg(sql)
        .output()
        .expect("`spatialite` is needed for this test (package spatialite-bin)");
    assert!(out.status.success(), "{out:?}");
    assert_eq!(provinces(&desk, "inventory.sqlite"), [json!("on")]);
}
