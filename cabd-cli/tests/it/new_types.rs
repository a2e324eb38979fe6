//! Types that nobody told the program about are made by one command while it serves: lines, areas, arrays, a part table, a
//! super type of two. They are at once in every answer.

use serde_json::Value;

use crate::serves::Serving;
use crate::support::{Database, Desk};

const REACHES: &str = r#"
[type]
id = "reaches"
name = { en = "Reaches", fr = "Tronçons" }
[geometry]
kind = "linestring"
[[attributes]]
id = "cabd_id"
type = "uuid"
name = { en = "Identifier", fr = "Identifiant" }
sets = { all = 1 }
[[attributes]]
id = "reach_name"
type = "varchar(80)"
name = { en = "Name", fr = "Nom" }
sets = { all = 2, simple = 1 }
name_search = true
[[attributes]]
id = "gauge_readings"
type = "array(double)"
name = { en = "Readings", fr = "Relevés" }
sets = { all = 3 }
[[attributes]]
id = "geometry"
type = "geometry(linestring)"
name = { en = "Location", fr = "Emplacement" }
"#;

const WEEDS: &str = r#"
[type]
id = "weeds"
name = { en = "Weed Beds", fr = "Herbiers" }
[geometry]
kind = "polygon"
[[parts]]
id = "visits"
key = "visit_id"
parent = "bed_id"
primary = "is_latest"
order = "visit_no"
[[links]]
id = "weeds"
table = "bed_weeds"
parent = "bed_id"
target = "weed"
codes = "weeds.weed_codes"
[[attributes]]
id = "cabd_id"
type = "uuid"
name = { en = "Identifier", fr = "Identifiant" }
sets = { all = 1 }
[[attributes]]
id = "bed_name"
type = "varchar(80)"
name = { en = "Name", fr = "Nom" }
sets = { all = 2, simple = 1 }
name_search = true
[[attributes]]
id = "weeds"
type = "array(varchar)"
name = { en = "Weeds", fr = "Plantes" }
sets = { all = 3 }
values_of = { link = "weeds" }
[[attributes]]
id = "visit_id"
type = "uuid"
name = { en = "Latest Visit", fr = "Dernière visite" }
part = "visits"
[[attributes]]
id = "visited"
type = "date"
name = { en = "Visited", fr = "Date de visite" }
sets = { all = 4 }
part = "visits"
[[attributes]]
id = "geometry"
type = "geometry(polygon)"
name = { en = "Location", fr = "Emplacement" }

[[lists]]
id = "weeds.weed_codes"
title = { en = "Weeds", fr = "Plantes aquatiques" }
codes = [
    { code = 1, name = { en = "Milfoil", fr = "Myriophylle" } },
    { code = 2, name = { en = "Elodea", fr = "Élodée" } },
]
"#;

const HABITATS: &str = r#"
[type]
id = "habitats"
name = { en = "Habitats", fr = "Habitats" }
[[members]]
type = "reaches"
columns = { name = "reach_name" }
[[members]]
type = "weeds"
columns = { name = "bed_name" }
[[attributes]]
id = "cabd_id"
type = "uuid"
name = { en = "Identifier", fr = "Identifiant" }
sets = { all = 1 }
[[attributes]]
id = "name"
type = "varchar(80)"
name = { en = "Name", fr = "Nom" }
sets = { all = 2, simple = 1 }
name_search = true
[[attributes]]
id = "feature_type"
type = "text"
name = { en = "Kind", fr = "Genre" }
sets = { all = 3, simple = 2 }
computed = "feature_type"
[[attributes]]
id = "geometry"
type = "geometry"
name = { en = "Location", fr = "Emplacement" }
"#;

const REACH: &str = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","geometry":{"type":"LineString","coordinates":[[-75,45],[-74.5,45.5]]},
 "properties":{"reach_name":"Long Reach","gauge_readings":[1.5,2.25]}}]}"#;

const BEDS: &str = "name,weeds,seen,wkt\n\
    Round Bed,1;2,2024-06-01,\"POLYGON((-74.9 45.2,-74.6 45.2,-74.6 45.4,-74.9 45.2))\"\n\
    Far Bed,2,,\"POLYGON((-60 45,-59 45,-59 46,-60 45))\"\n";

const MAPPING: &str = r#"
type = "weeds"
[[fields]]
to = "bed_name"
from = ["name"]
[[fields]]
to = "weeds"
from = ["weeds"]
separator = ";"
[[fields]]
to = "visited"
from = ["seen"]
[[fields]]
to = "geometry"
from = ["wkt"]
"#;

fn serve_and_make(desk: &Desk, store: &str) {
    desk.ok(["init", store]);
    let serving = Serving::start(desk, &[store]);
    let json = |path: &str| -> Value {
        let (head, body) = serving.get(&format!("/cabd-api/{path}"));
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head} {body}");
        let whole: String = chunks(&body);
        serde_json::from_str(&whole).unwrap_or_else(|e| panic!("{path}: {e}: {body}"))
    };
    let known = json("features/types").as_array().unwrap().len();
    let (head, _) = serving.get("/cabd-api/features/habitats");
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");

    // Another process makes the types and fills them.
    desk.ok(["type", "apply", store, "habitats"]);
    desk.ok(["load", store, "--type", "reaches", "reaches.geojson"]);
    desk.ok([
        "load",
        store,
        "--mapping",
        "beds.toml",
        "--strict",
        "beds.csv",
    ]);

    assert_eq!(json("features/types").as_array().unwrap().len(), known + 3);
    let described = json("features/types/weeds?lang=fr");
    let weeds = described["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["id"] == "weeds");
    assert_eq!(weeds.unwrap()["name"], "Plantes");
    let beds = json("features/weeds?lang=fr&filter=bed_name:eq:Round%20Bed");
    let bed = &beds["features"][0];
    assert_eq!(bed["geometry"]["type"], "Polygon");
    assert_eq!(bed["properties"]["visited"], "2024-06-01");
    assert_eq!(
        bed["properties"]["weeds"],
        serde_json::json!(["Myriophylle", "Élodée"])
    );
    let reaches = json("features/reaches");
    assert_eq!(reaches["features"][0]["geometry"]["type"], "LineString");
    assert_eq!(
        reaches["features"][0]["properties"]["gauge_readings"],
        serde_json::json!([1.5, 2.25])
    );

    let names = |path: &str| -> Vec<String> {
        let all = json(path);
        let features = all["features"].as_array().unwrap();
        let name = |f: &Value| f["properties"]["name"].as_str().unwrap().to_owned();
        let mut names: Vec<String> = features.iter().map(name).collect();
        names.sort();
        names
    };
    assert_eq!(
        names("features/habitats"),
        ["Far Bed", "Long Reach", "Round Bed"]
    );
    assert_eq!(
        names("features/habitats?bbox=-76,44,-74,46"),
        ["Long Reach", "Round Bed"]
    );
    assert_eq!(
        names("features/habitats?point=-59,45&max-results=1"),
        ["Far Bed"]
    );
    assert_eq!(
        names("features/habitats?namefilter=like:round&attributes=simple"),
        ["Round Bed"]
    );
    assert_eq!(
        names("features/habitats?filter=feature_type:eq:reaches"),
        ["Long Reach"]
    );
    let (_, page) = serving.get("/cabd-api/docs?options=weeds&lang=fr");
    assert!(page.contains("Myriophylle") && page.contains("id=\"ft_weeds\""));

    // Back again, while it serves: the values are set aside, and the service says that there is no such type.
    let undo = [
        "type", "undo", store, "--drop", "reaches", "--drop", "weeds", "--yes",
    ];
    desk.ok(undo);
    let (head, _) = serving.get("/cabd-api/features/weeds");
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    desk.ok(["type", "undo", store, "--yes"]);
    assert_eq!(names("features/habitats").len(), 3);
    assert!(desk.ok(["doctor", store]).contains("healthy"));
}

/// A body in chunks, or as it is.
fn chunks(body: &str) -> String {
    let mut rest = body;
    let mut out = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size, 16) else {
            return body.to_owned();
        };
        if size == 0 {
            return out;
        }
        out.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    body.to_owned()
}

#[test]
fn unknown_types_appear_in_a_running_service() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("habitats")).unwrap();
    for (name, text) in [
        ("habitats/reaches.toml", REACHES),
        ("habitats/weeds.toml", WEEDS),
        ("habitats/habitats.toml", HABITATS),
        ("reaches.geojson", REACH),
        ("beds.csv", BEDS),
        ("beds.toml", MAPPING),
    ] {
        desk.write(name, text);
    }
    serve_and_make(&desk, "inventory.sqlite");
    if let Some(database) = Database::new() {
        serve_and_make(&desk, &database.url);
    }
}
