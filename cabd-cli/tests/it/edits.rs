//! `cabd edit`, `delete`, `apply`, `revert`, `merge`, `split`, `withdraw` and `restore`.

use serde_json::{Value, json};

use crate::support::{Database, Desk};

const DAMS: &str = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","geometry":{"type":"Point","coordinates":[-75,45]},"properties":{
 "cabd_id":"00000000-0000-4000-8000-000000000001","dam_name_en":"One","height_m":1.5,"size_class_code":1}},
{"type":"Feature","geometry":{"type":"Point","coordinates":[-75,46]},"properties":{
 "cabd_id":"00000000-0000-4000-8000-000000000002","dam_name_en":"Two","height_m":2.5}},
{"type":"Feature","geometry":{"type":"Point","coordinates":[-75,47]},"properties":{
 "cabd_id":"00000000-0000-4000-8000-000000000003","dam_name_en":"Three"}}]}"#;

const ONE: &str = "00000000-0000-4000-8000-000000000001";
const TWO: &str = "00000000-0000-4000-8000-000000000002";
const THREE: &str = "00000000-0000-4000-8000-000000000003";

/// Three dams on each kind of store.
fn stores(each: impl Fn(&Desk, &str)) {
    let desk = Desk::new();
    desk.write("dams.geojson", DAMS);
    let filled = |store: &str| {
        desk.ok(["init", store]);
        let apply = ["apply", store, "dams.geojson", "--type", "dams"];
        let seen = ["--no-source", "seen"];
        // Of more than one feature it is only shown.
        let shown = desk.ok([&apply[..], &seen].concat());
        assert!(shown.contains("--yes") && shown.contains("One"), "{shown}");
        assert_eq!(desk.count(store, "dams"), 0);
        let done = desk.ok([&apply[..], &seen, &["--yes"]].concat());
        assert!(done.contains("commit "), "{done}");
        assert_eq!(desk.count(store, "dams"), 3);
        each(&desk, store);
        desk.ok(["doctor", store]);
    };
    filled("inventory.sqlite");
    if let Some(database) = Database::new() {
        filled(&database.url);
    }
}

fn dam(desk: &Desk, store: &str, id: &str) -> Value {
    let all = desk.json(["query", store, "dams", "--id", id, "--json"]);
    all["features"][0].clone()
}

fn head(desk: &Desk, store: &str) -> String {
    desk.json(["info", store, "--json"])["head"].to_string()
}

#[test]
fn a_feature_is_edited_with_a_preview_and_a_source() {
    stores(|desk, store| {
        let edit = ["edit", store, "dams", ONE];
        let with = |rest: &[&str]| desk.run([&edit[..], rest].concat());
        let refused = with(&["height_m=3"]);
        assert_eq!(refused.code, Some(3), "{refused:#?}");
        assert!(refused.err.contains("data_source"), "{refused:#?}");
        let base = head(desk, store);
        let shown = with(&[
            "height_m=3",
            "size_class_code=2",
            "--no-source",
            "seen",
            "--dry-run",
        ]);
        assert_eq!(shown.code, Some(0), "{shown:#?}");
        assert!(shown.out.contains("1.5 -> 3"), "{shown:#?}");
        assert!(shown.out.contains("would change"), "{shown:#?}");
        assert_eq!(head(desk, store), base);
        let done = with(&["height_m=3", "--no-source", "seen", "--author", "Ann"]);
        assert_eq!(done.code, Some(0), "{done:#?}");
        assert_eq!(dam(desk, store, ONE)["height_m"], 3.0);
        // From what was read before.
        let other = ["comments=low", "--no-source", "seen", "--base", &base];
        assert_eq!(with(&other).code, Some(0));
        let clash = with(&["height_m=4", "--no-source", "seen", "--base", &base]);
        assert_eq!(clash.code, Some(5), "{clash:#?}");
        for state in ["was   1.5", "is    3", "asked 4"] {
            assert!(clash.err.contains(state), "{clash:#?}");
        }
        assert_eq!(
            with(&["geometry=-74.5,45", "height_m=", "--no-source", "seen"]).code,
            Some(0)
        );
        let now = dam(desk, store, ONE);
        assert_eq!(now["height_m"], Value::Null);
        assert_eq!(now["geometry"]["coordinates"], json!([-74.5, 45]));
        for (wrong, code) in [("height_m", 3), ("height=1", 3), ("height_m=tall", 3)] {
            let refused = with(&[wrong, "--no-source", "seen"]);
            assert_eq!(refused.code, Some(code), "{refused:#?}");
        }
        desk.refused(
            4,
            [
                "edit",
                store,
                "dams",
                ONE,
                "height_m=1",
                "--source",
                "nobody",
            ],
        );
    });
}

#[test]
fn features_are_deleted_and_a_commit_is_undone() {
    stores(|desk, store| {
        let delete = ["delete", store, "dams", "--filter", "height_m:notnull:"];
        let shown = desk.ok(delete);
        assert!(shown.contains("nothing was changed"), "{shown}");
        assert_eq!(desk.count(store, "dams"), 3);
        desk.ok([&delete[..], &["--yes", "--reason", "test"]].concat());
        assert_eq!(desk.count(store, "dams"), 1);
        let commit = head(desk, store);
        let json = desk.json(["revert", store, &commit, "--json"]);
        assert_eq!(
            (&json["dry_run"], &json["commit"]),
            (&json!(true), &Value::Null)
        );
        assert_eq!(json["changes"]["dams"]["inserted"], 2);
        assert_eq!(desk.count(store, "dams"), 1);
        desk.ok(["revert", store, &commit, "--feature", ONE]);
        assert_eq!(desk.count(store, "dams"), 2);
        desk.ok(["revert", store, &commit, "--yes"]);
        assert_eq!(dam(desk, store, TWO)["height_m"], 2.5);
        desk.ok([
            "edit",
            store,
            "dams",
            ONE,
            "height_m=3",
            "--no-source",
            "seen",
        ]);
        let commit = head(desk, store);
        desk.ok([
            "edit",
            store,
            "dams",
            ONE,
            "height_m=4",
            "--no-source",
            "seen",
        ]);
        let err = desk.refused(5, ["revert", store, &commit, "--attribute", "height_m"]);
        assert!(
            err.contains("is    4") && err.contains("asked 1.5"),
            "{err}"
        );
        desk.refused(4, ["revert", store, "999"]);
        desk.refused(3, ["revert", store, "1"]);
        let file = r#"{"operations": [{"action": "delete", "relation": "dams", "values": {"cabd_id": "ID"}}]}"#;
        desk.write("one.json", file.replace("ID", THREE));
        desk.ok(["apply", store, "one.json", "--dry-run"]);
        assert_eq!(desk.count(store, "dams"), 3);
        desk.ok(["apply", store, "one.json"]);
        assert_eq!(desk.count(store, "dams"), 2);
        desk.write("bad.json", "{");
        desk.refused(3, ["apply", store, "bad.json"]);
    });
}

#[test]
fn features_are_merged_split_withdrawn_and_restored() {
    stores(|desk, store| {
        let shown = desk.ok(["merge", store, "dams", ONE, TWO, "--dry-run"]);
        assert!(shown.contains("would change"), "{shown}");
        desk.ok(["merge", store, "dams", ONE, TWO, "--reason", "same"]);
        assert_eq!(desk.count(store, "dams"), 2);
        desk.ok(["restore", store, "dams", ONE]);
        assert_eq!(dam(desk, store, ONE)["dam_name_en"], "One");
        desk.ok(["split", store, "dams", THREE, "--into", ONE, "--into", TWO]);
        desk.refused(
            4,
            ["split", store, "dams", THREE, "--into", ONE, "--into", TWO],
        );
        desk.ok(["restore", store, "dams", THREE]);
        desk.refused(3, ["withdraw", store, "dams", THREE]);
        desk.ok(["withdraw", store, "dams", THREE, "--reason", "never built"]);
        desk.refused(4, ["withdraw", store, "dams", THREE, "--reason", "again"]);
        desk.ok(["restore", store, "dams", THREE]);
        desk.refused(5, ["restore", store, "dams", THREE]);
        desk.write(
            "parts.geojson",
            DAMS.replace(
                r#""cabd_id":"00000000-0000-4000-8000-00000000000"#,
                r#""comments":""#,
            ),
        );
        desk.ok([
            "split",
            store,
            "dams",
            THREE,
            "--new",
            "parts.geojson",
            "--no-source",
            "seen",
            "--reason",
            "parts",
        ]);
        assert_eq!(desk.count(store, "dams"), 5);
    });
}
