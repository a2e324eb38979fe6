//! `cabd sources`, filters by source, and loads that say where their values come from.

use serde_json::{Value, json};

use crate::support::{Database, Desk};

const FALLS: &str = "cabd_id,fall_name_en,fall_height_m,lon,lat\n\
    00000000-0000-4000-8000-000000000001,Mill Falls,3.5,-75,45\n\
    00000000-0000-4000-8000-000000000002,Great Falls,12,-75,46\n";

/// Two waterfalls of one source on each kind of store.
fn stores(each: impl Fn(&Desk, &str)) {
    let desk = Desk::new();
    desk.write("falls.csv", FALLS);
    let filled = |store: &str| {
        desk.ok(["init", store]);
        desk.ok([
            "sources",
            "add",
            store,
            "name=Register",
            "source_type=spatial",
            "version_date=2019-05-01",
            "province_territory_code=qc,on",
            "--author",
            "Ann",
        ]);
        let load = ["load", store, "--type", "waterfalls", "falls.csv"];
        desk.ok([&load[..], &["--source", "Register", "--match", "cabd_id"]].concat());
        each(&desk, store);
        desk.ok(["doctor", store]);
    };
    filled("inventory.sqlite");
    if let Some(database) = Database::new() {
        filled(&database.url);
    }
}

#[test]
fn sources_are_counted_with_their_ages() {
    stores(|desk, store| {
        let said = desk.ok(["sources", store]);
        assert!(said.contains("Register") && said.contains("year"), "{said}");
        let all = desk.json(["sources", store, "--type", "barriers", "--json"]);
        let falls = all["types"]
            .as_array()
            .unwrap()
            .iter()
            .find(|t| t["feature_type"] == "waterfalls")
            .unwrap()
            .clone();
        assert_eq!(
            (&falls["features"], &falls["oldest"]),
            (&json!(2), &json!("2019-05-01"))
        );
        let share = &falls["shares"][0];
        assert_eq!(share["source"]["name"], "Register");
        assert_eq!(share["attributes"]["fall_height_m"], 2, "{falls}");
        assert!(share["age_days"].as_i64().unwrap() > 2000);
    });
}

#[test]
fn each_value_is_written_with_its_source() {
    stores(|desk, store| {
        let values = ["sources", store, "--type", "waterfalls", "--values"];
        let csv = desk.ok([&values[..], &["--select", "fall_height_m"]].concat());
        let mut lines = csv.lines();
        assert!(
            lines
                .next()
                .unwrap()
                .starts_with("type,cabd_id,attribute,value,")
        );
        assert!(csv.contains(",fall_height_m,12") && csv.contains(",Register,spatial,2019-05-01"));
        assert_eq!(lines.count(), 2, "{csv}");
        let filter = ["--filter", "fall_height_m:gt:5", "--format", "ndjson"];
        let lines = desk.ok([&values[..], &filter].concat());
        let rows: Vec<Value> = lines
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert!(
            rows.iter().all(|r| r["source"]["name"] == "Register"),
            "{lines}"
        );
        assert!(rows.iter().any(|r| r["attribute"] == "fall_name_en"));
        let whole = desk.run([
            "sources",
            store,
            "--type",
            "waterfalls",
            "--filter",
            "fall_height_m:gt:5",
        ]);
        assert_eq!(whole.code, Some(3), "{whole:#?}");
    });
}

#[test]
fn features_are_asked_by_source_and_shown_with_it() {
    stores(|desk, store| {
        let count =
            |filter: &str| desk.ok(["query", store, "waterfalls", "--count", "--filter", filter]);
        assert_eq!(count("fall_height_m:from:register").trim(), "2");
        assert_eq!(count("fall_height_m:nosource:").trim(), "0");
        let edit = [
            "edit",
            store,
            "waterfalls",
            "00000000-0000-4000-8000-000000000001",
        ];
        desk.ok([&edit[..], &["fall_height_m=4", "--no-source", "seen"]].concat());
        assert_eq!(count("fall_height_m:nosource:").trim(), "1");
        let some = [
            "--select",
            "fall_height_m",
            "--sort",
            "fall_height_m",
            "--sources",
        ];
        let asked = desk.json([&["query", store, "waterfalls", "--json"], &some[..]].concat());
        assert_eq!(
            asked["features"][0]["fall_height_m_ds"],
            Value::Null,
            "{asked}"
        );
        assert_eq!(asked["features"][1]["fall_height_m_ds"]["name"], "Register");
        let table = desk.ok([&["query", store, "waterfalls"], &some[..]].concat());
        assert!(table.contains("Register"), "{table}");
        let out = ["export", store, "--type", "waterfalls", "-o", "out.geojson"];
        desk.ok([&out[..], &some].concat());
        let text = std::fs::read_to_string(desk.path("out.geojson")).unwrap();
        let exported: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(exported["features"][0]["sources"], json!({}));
        assert_eq!(
            exported["features"][1]["sources"]["fall_height_m"]["name"],
            "Register"
        );
        let unknown = desk.run([
            "query",
            store,
            "waterfalls",
            "--filter",
            "fall_height_m:from:nobody",
        ]);
        assert_eq!(unknown.code, Some(3), "{unknown:#?}");
    });
}

#[test]
fn a_load_names_its_source_or_says_why_not() {
    stores(|desk, store| {
        desk.write(
            "more.csv",
            FALLS.replace("Great Falls,12", "Great Falls,13"),
        );
        let load = ["load", store, "--type", "waterfalls", "--match", "cabd_id"];
        let with = |rest: &[&str]| desk.run([&load[..], rest].concat());
        // What stays as it is is not set.
        assert_eq!(with(&["falls.csv"]).code, Some(0));
        let unsaid = with(&["more.csv"]);
        assert_eq!(unsaid.code, Some(3), "{unsaid:#?}");
        assert!(unsaid.err.contains("--no-source"), "{unsaid:#?}");
        let said = with(&["more.csv", "--no-source", "measured anew"]);
        assert_eq!(said.code, Some(0), "{said:#?}");
        let count =
            |filter: &str| desk.ok(["query", store, "waterfalls", "--count", "--filter", filter]);
        assert_eq!(count("fall_height_m:nosource:").trim(), "1");
        assert_eq!(count("fall_name_en:from:Register").trim(), "2");
        let history = [
            "history",
            store,
            "waterfalls",
            "00000000-0000-4000-8000-000000000002",
        ];
        assert!(desk.ok(history).contains("no source: measured anew"));
    });
}

#[test]
fn a_data_source_is_shown_changed_and_dropped() {
    stores(|desk, store| {
        let shown = desk.json(["sources", "show", store, "register", "--json"]);
        assert_eq!(shown["province_territory_code"], json!(["qc", "on"]));
        let change = [
            "sources",
            "change",
            store,
            "Register",
            "licence=CC0-1.0",
            "version_date=",
        ];
        let said = desk.ok([&change[..], &["--reason", "asked"]].concat());
        assert!(
            said.contains("CC0-1.0") && said.contains("commit "),
            "{said}"
        );
        let shown = desk.json(["sources", "show", store, "Register", "--json"]);
        assert_eq!(
            (&shown["licence"], &shown["version_date"]),
            (&json!("CC0-1.0"), &Value::Null)
        );
        let named = desk.run(["sources", "drop", store, "Register"]);
        assert_eq!(named.code, Some(5), "{named:#?}");
        desk.ok([
            "sources",
            "add",
            store,
            "name=Notes",
            "source_type=non-spatial",
        ]);
        let list = desk.json(["sources", "list", store, "--json"]);
        assert_eq!(list.as_array().unwrap().len(), 2);
        desk.ok(["sources", "drop", store, "Notes"]);
        assert!(!desk.ok(["sources", "list", store]).contains("Notes"));
        let wrong = desk.run(["sources", "add", store, "name=x", "source_type=hearsay"]);
        assert_eq!(wrong.code, Some(3), "{wrong:#?}");
        assert!(wrong.err.contains("spatial, non-spatial"), "{wrong:#?}");
        assert_eq!(desk.run(["sources", "show", store, "nobody"]).code, Some(4));
    });
}
