//! The shape of every kind of answer, as it was reviewed. A change of one shows here first: look at it, then renew it with
//! `INSTA_UPDATE=always cargo test -p cabd-http --test it shapes`.

use cabd_http::Settings;
use serde_json::Value;

use crate::support::{Got, Here, id};

/// Headers that belong to the shape.
const HEADERS: [&str; 6] = [
    "content-type",
    "content-language",
    "content-range",
    "content-disposition",
    "vary",
    "allow",
];
/// Values that differ from run to run.
const MOMENTS: [&str; 3] = ["download_datetime", "timestamp", "request_id"];

fn settle(value: &mut Value) {
    match value {
        Value::Object(all) => {
            for (key, value) in all.iter_mut() {
                if MOMENTS.contains(&key.as_str()) {
                    *value = Value::from("…");
                } else {
                    settle(value);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(settle),
        _ => {}
    }
}

fn shown(path: &str, got: &Got) -> String {
    let mut text = format!("GET {path}\n{}\n", got.status);
    for name in HEADERS {
        // A file is named with the moment.
        let value = got.header(name).split("-20").next().unwrap_or_default();
        if !value.is_empty() {
            text.push_str(&format!("{name}: {value}\n"));
        }
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

#[tokio::test]
async fn every_answer_has_its_shape() {
    let here = Here::memory().await;
    let dam = id(1);
    for (name, path) in [
        ("types", "/features/types?lang=fr".to_owned()),
        ("type", "/features/types/modelled_crossings".to_owned()),
        ("list_of_all", "/features".to_owned()),
        ("list_of_type", "/features/waterfalls".to_owned()),
        (
            "list_as_csv",
            "/features/waterfalls?format=csv&attributes=simple&lang=fr".to_owned(),
        ),
        ("list_of_nothing", "/features/dams?bbox=0,0,1,1".to_owned()),
        ("feature", format!("/features/dams/{dam}")),
        ("feature_without_type", format!("/features/{dam}?lang=fr")),
        ("sources", format!("/features/datasources/{dam}")),
        (
            "sources_as_json",
            format!("/features/datasources/{dam}?format=json&fields=all"),
        ),
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
        insta::assert_snapshot!(name, shown(&path, &got));
    }
    let few = Settings {
        max_features: 2,
        ..Settings::default()
    };
    let here = Here::memory_with(few).await;
    let path = "/features/dams";
    insta::assert_snapshot!("too_many", shown(path, &here.get(path).await));
}
