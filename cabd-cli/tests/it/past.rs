//! Earlier states, history, changes, differences and releases on the command line, on every durable store.

use serde_json::Value;

use crate::support::{Database, Desk, sample};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn load(desk: &Desk, store: &str, what: &str) {
    let mapping = format!("sample-{what}");
    let file = sample(&format!("{what}.csv"));
    desk.ok(["load", store, "--mapping", mapping.as_str(), file.as_str()]);
}

fn what_has_been_is_told(store: &str, desk: &Desk) {
    load(desk, store, "dams");
    let dams = desk.count(store, "dams");
    assert!(
        desk.ok(["release", store, "v1", "--note", "the dams"])
            .starts_with("v1 is commit ")
    );
    let before = desk.json(["info", store, "--json"])["head"]
        .as_i64()
        .unwrap();
    load(desk, store, "waterfalls");
    let taken = desk.refused(5, ["release", store, "V1"]);
    assert!(taken.contains("choose another name"), "{taken}");
    desk.refused(3, ["release", store, "2026-01-01"]);
    desk.refused(3, ["release", store, "v2", "--commit", "999999"]);
    assert!(desk.ok(["release", store]).contains("the dams"));
    assert_eq!(
        desk.json(["info", store, "--json"])["release"]["name"],
        "v1"
    );
    assert!(
        desk.ok(["info", store])
            .contains(&format!("release       v1, commit {before}"))
    );

    let now: u64 = desk.count(store, "barriers");
    for at in ["v1", &before.to_string()] {
        let then = desk.ok(["query", store, "barriers", "--count", "--as-of", at]);
        assert_eq!(then.trim().parse::<u64>().unwrap(), dams);
    }
    assert!(now > dams);
    desk.ok([
        "export",
        store,
        "--type",
        "barriers",
        "--as-of",
        "v1",
        "-o",
        "v1.geojson",
    ]);
    let file: Value = serde_json::from_str(&desk.read("v1.geojson")).unwrap();
    let stamp = &file["metadata"]["as_of"];
    assert_eq!(
        (&stamp["commit"], &stamp["release"]),
        (&before.into(), &"v1".into())
    );
    assert!(stamp["datetime"].is_string());
    assert_eq!(file["features"].as_array().unwrap().len() as u64, dams);
    desk.ok(["export", store, "--type", "dams", "-o", "now.geojson"]);
    let newest: Value = serde_json::from_str(&desk.read("now.geojson")).unwrap();
    assert!(newest["metadata"]["as_of"]["commit"].as_i64().unwrap() > before);
    desk.refused(3, ["query", store, "dams", "--as-of", "yesterday"]);
    desk.refused(3, ["query", store, "dams", "--as-of", "999999"]);

    let differ = lines(&desk.ok(["diff", store, "v1", "3000-01-01", "--json"]));
    assert!(
        differ
            .iter()
            .all(|d| d["change"] == "added" && d["type"] == "waterfalls")
    );
    assert_eq!(differ.len() as u64, now - dams);
    assert!(
        desk.ok(["diff", store, "3000-01-01", "v1", "--type", "waterfalls"])
            .contains("removed")
    );
    let changes = lines(&desk.ok([
        "changes",
        store,
        "--since",
        "v1",
        "--type",
        "waterfalls",
        "--json",
    ]));
    let new = changes
        .iter()
        .filter(|c| c["relation"] == "waterfalls")
        .count();
    assert_eq!(new as u64, now - dams);
    let fall = differ[0]["cabd_id"].as_str().unwrap();
    let shown = desk.ok(["history", store, "barriers", fall, "--lang", "fr"]);
    assert!(shown.contains("waterfalls new"), "{shown}");
    let acts = desk.json(["history", store, "waterfalls", fall, "--json"]);
    assert_eq!(acts.as_array().unwrap().len(), 1);
    desk.refused(
        4,
        [
            "history",
            store,
            "dams",
            "00000000-0000-4000-8000-000000000000",
        ],
    );
    desk.refused(4, ["changes", store, "--type", "no_such"]);
}

#[test]
fn a_file_remembers() {
    let desk = Desk::with_inventory();
    what_has_been_is_told("inventory.sqlite", &desk);
}

#[test]
fn postgis_remembers() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    desk.ok(["init", &database.url]);
    what_has_been_is_told(&database.url, &desk);
}
