//! `cabd type`, `cabd set` and `cabd code`.

use crate::support::{Database, Desk};

const PONDS: &str = r#"
[type]
id = "ponds"
name = { en = "Ponds", fr = "Étangs" }
sources = "attributes"
[geometry]
kind = "polygon"
[[attributes]]
id = "cabd_id"
type = "uuid"
name = { en = "Identifier", fr = "Identifiant" }
[[attributes]]
id = "pond_name"
type = "varchar(40)"
name = { en = "Name", fr = "Nom" }
name_search = true
tracked = true
[[attributes]]
id = "depth"
type = "text"
name = { en = "Depth", fr = "Profondeur" }
[[attributes]]
id = "geometry"
type = "geometry(polygon)"
name = { en = "Location", fr = "Emplacement" }
"#;

const POND: &str = r#"{"type":"FeatureCollection","features":[{"type":"Feature",
"geometry":{"type":"Polygon","coordinates":[[[-75,45],[-74,45],[-74,46],[-75,45]]]},
"properties":{"pond_name":"Round Pond","depth":"3 m"}}]}"#;

fn stores(desk: &Desk, each: impl Fn(&Desk, &str)) {
    each(desk, "inventory.sqlite");
    if let Some(database) = Database::new() {
        each(desk, &database.url);
    }
}

#[test]
fn a_new_type_is_one_manifest_and_one_command_and_changes_and_comes_back() {
    let desk = Desk::new();
    desk.write("ponds.toml", PONDS);
    desk.write("pond.geojson", POND);
    stores(&desk, |desk, store| {
        desk.ok(["init", store]);
        let plan = desk.ok(["type", "plan", store, "ponds.toml"]);
        assert!(
            plan.contains("add type ponds") && plan.contains("CREATE TABLE"),
            "{plan}"
        );
        desk.refused(4, ["query", store, "ponds"]);
        desk.ok(["type", "apply", store, "ponds.toml", "--author", "Ann"]);
        desk.ok([
            "load",
            store,
            "--type",
            "ponds",
            "--no-source",
            "seen",
            "pond.geojson",
        ]);
        assert_eq!(desk.count(store, "ponds"), 1);
        desk.ok(["doctor", store]);
        assert!(
            desk.ok(["type", "apply", store, "ponds.toml"])
                .contains("nothing to change")
        );

        desk.write(
            "less.toml",
            PONDS.replace(
                "id = \"depth\"\ntype = \"text\"",
                "id = \"depth\"\ntype = \"double\"",
            ),
        );
        let done = desk.run(["type", "plan", store, "less.toml"]);
        assert_eq!(done.code, Some(3), "{done:#?}");
        assert!(
            done.out.contains("--narrow ponds.depth") && done.out.contains("3 m"),
            "{done:#?}"
        );
        let err = desk.refused(
            3,
            [
                "type",
                "apply",
                store,
                "less.toml",
                "--narrow",
                "ponds.depth",
            ],
        );
        assert!(err.contains("3 m"), "{err}");

        desk.ok(["type", "apply", store, "--rename", "ponds.pond_name=label"]);
        let json = desk.json(["query", store, "ponds", "--json"]);
        assert_eq!(json["features"][0]["label"], "Round Pond");
        // What goes is asked for; without a terminal it must be said.
        let err = desk.refused(3, ["type", "apply", store, "--drop", "ponds.depth"]);
        assert!(err.contains("--yes"), "{err}");
        let json = desk.json([
            "type",
            "apply",
            store,
            "--drop",
            "ponds.depth",
            "--yes",
            "--json",
        ]);
        assert_eq!(json["steps"][0]["rows"], 1);
        assert_eq!(json["steps"][0]["effect"], "loses");
        let list = desk.json(["type", "undo", store, "--list", "--json"]);
        let changes = list["changes"].as_array().unwrap();
        assert_eq!(
            changes[changes.len() - 1]["set_aside"][0],
            "ponds.ponds.depth"
        );
        desk.ok(["type", "undo", store, "--yes"]);
        let json = desk.json(["query", store, "ponds", "--json"]);
        assert_eq!(json["features"][0]["depth"], "3 m");
        desk.ok(["doctor", store]);
        let toml = desk.ok(["type", "show", store, "ponds", "--toml"]);
        desk.write("shown.toml", &toml);
        assert!(
            desk.ok(["type", "apply", store, "shown.toml"])
                .contains("nothing to change")
        );
        desk.ok(["type", "apply", store, "--drop", "ponds", "--yes"]);
        desk.refused(4, ["query", store, "ponds"]);
        desk.ok(["type", "undo", store, "--yes"]);
        assert_eq!(desk.count(store, "ponds"), 1);
        desk.ok(["doctor", store]);
    });
}

#[test]
fn codes_are_added_changed_and_retired() {
    let desk = Desk::with_inventory();
    let (store, list) = ("inventory.sqlite", "dams.dam_use_codes");
    desk.ok([
        "code",
        "add",
        store,
        list,
        "77",
        "--en",
        "Snow making",
        "--fr",
        "Neige",
    ]);
    desk.refused(5, ["code", "add", store, list, "77", "--en", "Again"]);
    desk.ok(["code", "change", store, list, "77", "--fr", "Enneigement"]);
    let json = desk.json(["info", store, "--codes", list, "--lang", "fr", "--json"]);
    let code = |json: &serde_json::Value| {
        let codes = json["codes"].as_array().unwrap();
        codes.iter().find(|c| c["code"] == 77).unwrap().clone()
    };
    assert_eq!(code(&json)["name"], "Enneigement");
    assert_eq!(code(&json)["retired"], false);
    desk.write(
        "dam.csv",
        "dam_name_en,use_code,longitude,latitude\nOld,77,-75,45\n",
    );
    desk.ok(["code", "retire", store, list, "77"]);
    let json = desk.json(["info", store, "--codes", list, "--json"]);
    assert_eq!(code(&json)["retired"], true);
    let report = desk.run([
        "load",
        store,
        "--type",
        "dams",
        "--no-source",
        "seen",
        "dam.csv",
        "--strict",
    ]);
    assert_eq!(report.code, Some(3), "{report:#?}");
    desk.ok(["code", "change", store, list, "77", "--serve"]);
    desk.ok([
        "load",
        store,
        "--type",
        "dams",
        "--no-source",
        "seen",
        "dam.csv",
        "--strict",
    ]);
    desk.refused(4, ["code", "retire", store, list, "9999"]);
    desk.refused(4, ["code", "retire", store, "dams.no_codes", "1"]);
}

#[test]
fn attribute_sets_are_added_changed_and_dropped() {
    let desk = Desk::with_inventory();
    let store = "inventory.sqlite";
    desk.ok([
        "set",
        "add",
        store,
        "field",
        "--attributes",
        "dams.height_m,dams.dam_name_en",
    ]);
    desk.write(
        "dam.csv",
        "dam_name_en,height_m,longitude,latitude\nOld,7,-75,45\n",
    );
    desk.ok([
        "load",
        store,
        "--type",
        "dams",
        "--no-source",
        "seen",
        "dam.csv",
    ]);
    let json = desk.json(["query", store, "dams", "--attributes", "field", "--json"]);
    let keys: Vec<&String> = json["features"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["cabd_id", "height_m", "dam_name_en", "geometry"]);
    desk.refused(5, ["set", "add", store, "field"]);
    desk.ok([
        "set",
        "change",
        store,
        "field",
        "--without",
        "dams.height_m",
        "--alias",
        "crew",
    ]);
    let json = desk.json(["query", store, "dams", "--attributes", "crew", "--json"]);
    assert_eq!(json["features"][0]["height_m"], serde_json::Value::Null);
    desk.refused(3, ["set", "change", store, "none", "--alias", "x"]);
    desk.ok(["set", "drop", store, "field"]);
    desk.refused(3, ["query", store, "dams", "--attributes", "field"]);
    desk.ok(["doctor", store]);
}

#[test]
fn manifests_are_checked_without_a_store_and_types_shown() {
    let desk = Desk::with_inventory();
    desk.write("ponds.toml", PONDS);
    assert!(
        desk.ok(["type", "check", "ponds.toml"])
            .contains("no problem")
    );
    desk.write(
        "bad.toml",
        PONDS.replace("id = \"ponds\"", "id = \"Bad Name\""),
    );
    let done = desk.run(["type", "check", "bad.toml", "--json"]);
    assert_eq!(done.code, Some(3));
    assert!(done.out.contains("identifier"), "{done:#?}");
    let table = desk.ok(["type", "show", "inventory.sqlite"]);
    assert!(
        table.contains("dams") && table.contains("tables"),
        "{table}"
    );
    let json = desk.json(["type", "show", "inventory.sqlite", "dams", "--json"]);
    assert_eq!(json["id"], "dams");
    assert!(
        desk.ok(["type", "show", "inventory.sqlite", "--drift"])
            .contains("declared")
    );
    desk.refused(4, ["type", "adopt", "inventory.sqlite", "nothing"]);
    desk.refused(3, ["type", "adopt", "inventory.sqlite", "dams"]);
    desk.refused(
        3,
        [
            "type",
            "apply",
            "inventory.sqlite",
            "--rename",
            "dams.height_m",
        ],
    );
}
