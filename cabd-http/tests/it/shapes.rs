//! The shape of every kind of answer, as it was reviewed. A change of one shows here first: look at it, then renew it with
//! `INSTA_UPDATE=always cargo test -p cabd-http --test it shapes`.

use cabd_core::conformance::mvt;
use cabd_http::Settings;
use serde_json::{Value, json};

use crate::support::{Database, Got, Here, id, writing};

/// Headers that belong to the shape.
const HEADERS: [&str; 8] = [
    "content-type",
    "content-language",
    "content-range",
    "content-disposition",
    "vary",
    "allow",
    "accept-patch",
    "location",
];
/// Values that differ from run to run, and from store to store.
const MOMENTS: [&str; 12] = [
    "download_datetime",
    "timestamp",
    "request_id",
    "store",
    "commit",
    "changes",
    "last_modified",
    "datetime",
    "next",
    "revision",
    "since",
    "head",
];

fn settle(value: &mut Value) {
    match value {
        Value::Object(all) => {
            let of_today = all.get("attribute").is_some_and(|a| a == "last_modified");
            for (key, value) in all.iter_mut() {
                if of_today && matches!(key.as_str(), "from" | "to") && !value.is_null() {
                    *value = Value::from("…");
                }
                // What changed is told as a list by the feed, as counts elsewhere.
                if MOMENTS.contains(&key.as_str()) && !value.is_array() {
                    *value = Value::from("…");
                } else {
                    settle(value);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(settle),
        Value::String(text) => {
            if let Some(at) = text.find(" by commit ") {
                text.truncate(at);
            }
        }
        _ => {}
    }
}

fn shown(method: &str, path: &str, got: &Got) -> String {
    let mut text = format!("{method} {path}\n{}\n", got.status);
    for name in HEADERS {
        // A file is named with the moment.
        let value = got.header(name).split("-20").next().unwrap_or_default();
        if !value.is_empty() {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    if got.header("content-type").ends_with("vector-tile") {
        return text + "\n" + &serde_json::to_string_pretty(&decoded(&got.body)).unwrap();
    }
    let body = got.text();
    let body = match serde_json::from_str::<Value>(&body) {
        Ok(mut json) => {
            settle(&mut json);
            serde_json::to_string_pretty(&json).unwrap()
        }
        Err(_) => body,
    };
    text + "\n" + &body
}

/// A tile in words.
fn decoded(tile: &[u8]) -> Value {
    let features = |layer: &mvt::TileLayer| -> Vec<Value> {
        let all = layer.features.iter();
        all.map(|f| json!({"id": f.number, "class": f.class, "parts": f.parts, "properties": f.properties}))
            .collect()
    };
    let layers = mvt::read(tile);
    let layers = layers
        .iter()
        .map(|l| json!({"layer": l.name, "features": features(l)}));
    layers.collect()
}

/// What the service holds on to is of the store's kind; the shapes are not.
fn settings() -> Settings {
    Settings {
        status: true,
        ..writing()
    }
}

async fn reads(here: &Here) {
    let dam = id(1);
    for (name, path) in [
        ("types", "/features/types?lang=fr".to_owned()),
        ("type", "/features/types/modelled_crossings".to_owned()),
        ("list_of_all", "/features?sort=cabd_id".to_owned()),
        (
            "list_of_type",
            "/features/waterfalls?sort=cabd_id".to_owned(),
        ),
        (
            "list_as_csv",
            "/features/waterfalls?format=csv&attributes=simple&lang=fr&sort=cabd_id".to_owned(),
        ),
        ("list_of_nothing", "/features/dams?bbox=0,0,1,1".to_owned()),
        ("feature", format!("/features/dams/{dam}")),
        ("feature_without_type", format!("/features/{dam}?lang=fr")),
        ("sources", format!("/features/datasources/{dam}")),
        (
            "sources_as_json",
            format!("/features/datasources/{dam}?format=json&fields=all"),
        ),
        ("every_source", "/features/datasources?lang=fr".to_owned()),
        (
            "summary",
            "/features/summary/dams?by=size_class_code,height_m&lang=fr".to_owned(),
        ),
        ("tiles", "/tiles/dams/tilejson.json".to_owned()),
        ("clusters", "/clustertile/tilejson.json?lang=fr".to_owned()),
        ("tile_outside", "/tiles/dams/2/4/0.mvt".to_owned()),
        ("tile_of_all", "/tiles/5/9/11.mvt".to_owned()),
        (
            "tile_of_type_in_french",
            "/tiles/dams/12/1188/1466.mvt?lang=fr".to_owned(),
        ),
        (
            "tile_of_a_filter",
            "/tiles/barriers/3/2/2.mvt?filter=use_analysis:eq:true".to_owned(),
        ),
        (
            "tile_of_clusters",
            "/clustertile/barriers/4/4/5.mvt".to_owned(),
        ),
        ("tile_of_nothing", "/tiles/dams/5/0/0.mvt".to_owned()),
        (
            "tile_in_another_form",
            "/tiles/1/0/0.pbf?lang=fr".to_owned(),
        ),
        (
            "dictionary",
            "/docs?format=csv&options=waterfalls".to_owned(),
        ),
        ("status", "/status".to_owned()),
        ("findings", "/status/findings".to_owned()),
        ("bad_box", "/features/dams?bbox=1,2,3".to_owned()),
        (
            "bad_filter_in_french",
            "/features/dams?filter=height_m:gte:tall&lang=fr".to_owned(),
        ),
        ("unknown_type", "/features/dam".to_owned()),
        ("unknown_feature", format!("/features/dams/{}", id(99))),
        ("unknown_form", "/features/dams?format=shapes".to_owned()),
        ("nowhere", "/nowhere?lang=fr".to_owned()),
    ] {
        let got = here.get(&path).await;
        insta::assert_snapshot!(name, shown("GET", &path, &got));
    }
}

async fn changes(here: &Here) {
    let dam = format!("/features/dams/{}", id(1));
    let (list, changed) = (
        "/features/dams?no_source=a%20test".to_owned(),
        format!("{dam}?data_source={}", id(901)),
    );
    let new = format!(
        r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[-75,45]}},"properties":{{"cabd_id":"{}","dam_name_en":"New"}}}}"#,
        id(31)
    );
    let tag = here.ok(&dam).await.header("etag").to_owned();
    let old = [("if-match", "\"r0-0-0000000000000000\"")];
    for (name, method, path, headers, body) in [
        ("created", "POST", list.as_str(), &[][..], new.as_str()),
        ("there_already", "POST", &list, &[], new.as_str()),
        ("without_a_state", "PATCH", dam.as_str(), &[], "{}"),
        (
            "from_an_old_state",
            "PATCH",
            &changed,
            &old,
            r#"{"properties":{"height_m":5}}"#,
        ),
        (
            "not_a_value",
            "PATCH",
            &changed,
            &[("if-match", tag.as_str())],
            r#"{"properties":{"height_m":"tall","size_class_code":77}}"#,
        ),
        (
            "patched",
            "PATCH",
            &changed,
            &[("if-match", tag.as_str())],
            r#"{"properties":{"size_class_code":2}}"#,
        ),
        ("what_is_allowed", "OPTIONS", &dam, &[], ""),
        ("not_json", "POST", "/changesets", &[], "{"),
    ] {
        let got = here.send(method, path, headers, body).await;
        insta::assert_snapshot!(name, shown(method, path, &got));
    }
}

/// Deeper changes, each from what the last left, and what is told of them.
async fn acts(here: &Here) {
    let of = |n: u128| format!("/features/dams/{}", id(n));
    let (new, dam, north) = (of(31), of(2), of(3));
    let replaced = format!(
        r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[-75,45]}},"properties":{{"cabd_id":"{}","dam_name_en":"Newer"}}}}"#,
        id(31)
    );
    let changes = json!({"reason": "measured", "data_source": id(901), "operations": [
        {"action": "update", "relation": "dams", "values": {"cabd_id": id(2), "height_m": 7}},
        {"action": "insert", "relation": "dams_feature_source",
            "values": {"cabd_id": id(2), "datasource_id": id(902), "datasource_feature_id": "x/1"}},
    ]})
    .to_string();
    let wrong = changes.replace("\"height_m\":7", "\"height_m\":\"tall\"");
    let any = [("if-match", "*")];
    let mut last = String::new();
    for (name, method, path, headers, body) in [
        (
            "replaced",
            "PUT",
            format!("{new}?no_source=seen"),
            &any[..],
            replaced.as_str(),
        ),
        ("deleted", "DELETE", new.clone(), &any, ""),
        ("what_was_deleted", "GET", new.clone(), &[], ""),
        (
            "changeset_refused",
            "POST",
            "/changesets".to_owned(),
            &[],
            &wrong,
        ),
        (
            "changeset_tried",
            "POST",
            "/changesets?dry_run=true".to_owned(),
            &[],
            &changes,
        ),
        ("changeset", "POST", "/changesets".to_owned(), &[], &changes),
        (
            "undoing_shown",
            "POST",
            "/changesets/LAST/revert?preview=true".to_owned(),
            &[],
            "{}",
        ),
        (
            "undone",
            "POST",
            "/changesets/LAST/revert".to_owned(),
            &[],
            r#"{"reason": "mistake"}"#,
        ),
        (
            "withdrawn",
            "POST",
            format!("{dam}/withdraw"),
            &any,
            r#"{"reason": "never was"}"#,
        ),
        (
            "what_was_withdrawn",
            "GET",
            format!("{dam}?lang=fr"),
            &[],
            "",
        ),
        ("restored", "POST", format!("{dam}/restore"), &[], "{}"),
        (
            "merged",
            "POST",
            format!("{dam}/merge"),
            &any,
            &format!(r#"{{"into": ["{}"], "reason": "twice"}}"#, id(3)),
        ),
        ("what_was_merged", "GET", dam.clone(), &[], ""),
        ("history", "GET", format!("{north}/history"), &[], ""),
        (
            "feed",
            "GET",
            "/changes?types=dams&attribute=height_m".to_owned(),
            &[],
            "",
        ),
        (
            "difference",
            "GET",
            "/diff?from=0&types=waterfalls".to_owned(),
            &[],
            "",
        ),
        ("releases", "GET", "/releases".to_owned(), &[], ""),
    ] {
        let sent = path.replace("LAST", &last);
        let got = here.send(method, &sent, headers, body).await;
        if !got.header("cabd-commit").is_empty() && name == "changeset" {
            last = got.header("cabd-commit").to_owned();
        }
        insta::assert_snapshot!(name, shown(method, &path, &got));
    }
}

async fn shapes(here: &Here) {
    reads(here).await;
    changes(here).await;
    acts(here).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_its_shape() {
    shapes(&Here::memory_with(settings()).await).await;
    let few = Settings {
        max_features: 2,
        ..Settings::default()
    };
    let here = Here::memory_with(few).await;
    let path = "/features/dams";
    insta::assert_snapshot!("too_many", shown("GET", path, &here.get(path).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_its_shape_from_a_spatialite_file() {
    shapes(&Here::sqlite_with(settings()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_its_shape_from_postgis() {
    let Some(database) = Database::new() else {
        return;
    };
    let store = cabd::create(&database.url).await.unwrap();
    let here = Here::over(store, settings()).await;
    shapes(&here).await;
    here.store.close().await.unwrap();
}
