//! `init`, `info`, `doctor`, `synth`, `completions`.

use std::path::Path;

use serde_json::json;

use crate::support::{Database, Desk, root, sample};

#[test]
fn init_makes_one_file_and_a_second_run_changes_nothing() {
    let desk = Desk::new();
    let first = desk.ok(["init", "inventory.sqlite"]);
    assert!(first.contains("inventory.sqlite: made"), "{first}");
    assert!(first.contains("dams"), "{first}");
    assert_eq!(desk.files(), ["inventory.sqlite"]);
    let before = desk.json(["info", "inventory.sqlite", "--json"]);
    let second = desk.ok(["init", "inventory.sqlite"]);
    assert!(second.contains("nothing to change"), "{second}");
    assert_eq!(desk.json(["info", "inventory.sqlite", "--json"]), before);
}

#[test]
fn init_takes_a_folder_of_manifests_and_adds_a_type_later() {
    let desk = Desk::new();
    let folder = root().join("catalog");
    desk.ok([
        Path::new("init"),
        Path::new("a.sqlite"),
        Path::new("--catalog"),
        &folder,
    ]);
    let ponds = "[type]\nid = \"ponds\"\nname = { en = \"Ponds\", fr = \"Étangs\" }\n[geometry]\nkind = \"point\"\n\
        [[attributes]]\nid = \"cabd_id\"\ntype = \"uuid\"\nname = { en = \"Identifier\", fr = \"Identifiant\" }\n\
        [[attributes]]\nid = \"depth_m\"\ntype = \"double\"\nname = { en = \"Depth\", fr = \"Profondeur\" }\n\
        [[attributes]]\nid = \"geometry\"\ntype = \"geometry(point)\"\nname = { en = \"Location\", fr = \"Emplacement\" }\n";
    desk.write("ponds.toml", ponds);
    let said = desk.ok(["init", "a.sqlite", "--catalog", "ponds.toml"]);
    assert!(said.contains("add type ponds"), "{said}");
    assert_eq!(desk.count("a.sqlite", "ponds"), 0);
}

#[test]
fn a_faulty_manifest_leaves_no_store_behind() {
    let desk = Desk::new();
    desk.write(
        "bad.toml",
        "[type]\nid = \"ponds\"\n[[attributes]]\nid = \"x\"\ntype = \"colour\"\n",
    );
    let err = desk.refused(3, ["init", "a.sqlite", "--catalog", "bad.toml"]);
    assert!(err.contains("bad.toml"), "{err}");
    desk.write("empty.toml", "[type]\nid = \"ponds\"\n");
    desk.refused(3, ["init", "a.sqlite", "--catalog", "empty.toml"]);
    assert_eq!(desk.files(), ["bad.toml", "empty.toml"]);
}

#[test]
fn info_tells_what_a_store_is_and_lists_types_attributes_and_codes() {
    let desk = Desk::with_inventory();
    let all = desk.json(["info", "inventory.sqlite", "--json"]);
    assert_eq!(all["store"], "sqlite");
    assert_eq!(all["features"]["dams"], 0);
    assert_eq!(all["capabilities"]["durable"], true);
    let text = desk.ok(["info", "inventory.sqlite"]);
    assert!(
        text.contains("SpatiaLite") && text.contains("barriers"),
        "{text}"
    );
    let dams = desk.json(["info", "inventory.sqlite", "--type", "Dams", "--json"]);
    assert_eq!(dams["attributes"][0]["id"], "cabd_id");
    let codes = [
        "info",
        "inventory.sqlite",
        "--codes",
        "dams.size_codes",
        "--lang",
        "fr",
    ];
    assert!(desk.ok(codes).contains("Petit"));
}

#[test]
fn a_healthy_store_is_healthy() {
    let desk = Desk::with_inventory();
    desk.ok([
        "load",
        "inventory.sqlite",
        "--mapping",
        "sample-dams",
        &sample("dams.csv"),
    ]);
    assert_eq!(
        desk.json(["doctor", "inventory.sqlite", "--json"]),
        json!({ "healthy": true, "findings": [] })
    );
    assert_eq!(
        desk.ok(["doctor", "inventory.sqlite"]),
        "inventory.sqlite: healthy\n"
    );
}

#[test]
fn synthetic_features_are_the_same_for_the_same_seed_and_say_what_they_are() {
    let desk = Desk::with_inventory();
    desk.ok(["init", "b.sqlite"]);
    let ask = |store| desk.ok(["query", store, "dams", "--sort", "cabd_id", "--json"]);
    for store in ["inventory.sqlite", "b.sqlite"] {
        desk.ok(["synth", store, "--features", "500", "--seed", "7"]);
        assert_eq!(desk.count(store, "dams"), 500);
    }
    assert_eq!(ask("inventory.sqlite"), ask("b.sqlite"));
    let info = desk.ok(["info", "b.sqlite"]);
    assert!(info.to_lowercase().contains("synthetic"), "{info}");
    assert!(desk.ok(["doctor", "b.sqlite"]).contains("healthy"));
}

#[test]
fn synthetic_features_come_to_postgis_too() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    desk.ok(["init", &database.url]);
    desk.ok(["synth", &database.url, "--features", "300", "--seed", "7"]);
    assert_eq!(desk.count(&database.url, "dams"), 300);
    assert!(
        desk.ok(["init", &database.url])
            .contains("nothing to change")
    );
    assert!(desk.ok(["doctor", &database.url]).contains("healthy"));
    assert_eq!(desk.json(["info", &database.url, "--json"])["store"], "pg");
}

#[test]
fn a_store_in_memory_begins_with_the_shipped_catalogue() {
    let desk = Desk::new();
    assert_eq!(desk.count("memory:", "barriers"), 0);
    let load = [
        "load",
        "memory:",
        "--mapping",
        "sample-dams",
        &sample("dams.csv"),
        "--json",
    ];
    assert_eq!(desk.json(load)["inserted"], 264);
    assert!(desk.ok(["init", "memory:"]).contains("dams"));
}

#[test]
fn every_shell_gets_completions() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = desk.ok(["completions", shell]);
        assert!(
            text.contains("export") && text.contains("doctor"),
            "{shell}"
        );
    }
}

#[test]
fn help_and_version_are_written_to_standard_output() {
    let desk = Desk::new();
    assert!(desk.ok(["--version"]).starts_with("cabd "));
    assert!(desk.ok(["--help"]).contains("Exit codes"));
    for command in [
        "init",
        "load",
        "query",
        "export",
        "info",
        "doctor",
        "synth",
        "completions",
    ] {
        assert!(
            desk.ok([command, "--help"]).contains("Examples:"),
            "{command}"
        );
    }
    assert_eq!(desk.run(["quary"]).code, Some(2));
}
