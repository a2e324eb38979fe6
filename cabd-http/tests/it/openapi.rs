//! The description of the API is that of the router.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Here, id, writing};

async fn document(here: &Here) -> Value {
    here.ok("/openapi.json").await.json()
}

/// The paths that can be read, each with what it answers.
fn read(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.filter(|(_, item)| item.get("get").is_some())
}

/// A feature of the inventory, or a data source where a path is about these.
fn known_id(path: &str) -> u128 {
    match path.starts_with("/datasources") {
        true => 901,
        false => 1,
    }
}

#[tokio::test]
async fn every_refusal_of_a_change_is_described() {
    let here = Here::memory_with(writing()).await;
    let document = document(&here).await;
    let of = |path: &str, method: &str| document["paths"][path][method]["responses"].clone();
    for (method, path, pattern, body) in [
        ("POST", "/features/dams", "/features/{type}", "{}"),
        ("POST", "/features/dams", "/features/{type}", "{"),
        ("POST", "/features/lakes", "/features/{type}", "{}"),
        ("POST", "/features/barriers", "/features/{type}", "{}"),
        ("PATCH", "/features/dams/1", "/features/{type}/{uuid}", "{}"),
        ("DELETE", "/features/dams/1", "/features/{type}/{uuid}", ""),
        ("POST", "/changesets", "/changesets", "{}"),
        ("POST", "/changesets?dry_run=maybe", "/changesets", "{}"),
        ("POST", "/changesets", "/changesets", "{\"operations\": []}"),
    ] {
        let got = here.send(method, path, &[], body).await;
        let described = of(pattern, &method.to_lowercase());
        let status = got.status.as_u16().to_string();
        assert!(
            described.get(&status).is_some(),
            "{method} {path}: {status} {}",
            got.text()
        );
    }
}

#[tokio::test]
async fn every_path_answers_and_its_statuses_are_described() {
    let here = Here::memory().await;
    let document = document(&here).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "http://example.org/cabd-api");
    for (path, item) in read(&document) {
        let asked = path
            .replace("{type}", "dams")
            .replace("{z}/{x}/{y}", "0/0/0")
            .replace("{uuid}", &id(known_id(path)).to_string());
        let got = here.get(&asked).await;
        assert_eq!(got.status, 200, "{path}");
        let media = got.header("content-type").split(';').next().unwrap();
        let ok = &item["get"]["responses"]["200"];
        assert!(ok["content"].get(media).is_some(), "{path}: {media}");
        // Of a tile's address everything is wrong that is none.
        let tile = path.ends_with(".mvt");
        let unknown = path
            .replace("{type}", "lakes")
            .replace("{z}/{x}/{y}", "0/0/1")
            .replace("{uuid}", &id(77).to_string());
        let wrong = [
            ("lang=xx", true),
            ("format=xx", true),
            ("", path.contains('{') || tile),
        ];
        for (query, is_wrong) in wrong {
            let got = here.get(&format!("{unknown}?{query}")).await;
            assert_eq!(got.status != 200, is_wrong, "{path} {query}");
            if is_wrong {
                let status = got.status.as_u16().to_string();
                assert!(
                    item["get"]["responses"].get(&status).is_some(),
                    "{path}: {status}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_parameter_is_read_and_no_other_is_described() {
    let here = Here::memory().await;
    let document = document(&here).await;
    // A value that every parameter refuses.
    let known: BTreeSet<&str> = [
        "bbox",
        "area",
        "point",
        "max-results",
        "types",
        "filter",
        "namefilter",
        "attributes",
        "sort",
        "offset",
        "by",
        "fields",
        "options",
        "lang",
        "format",
        "as-of",
        "since",
        "from",
        "to",
        "attribute",
        "sources",
    ]
    .into();
    let mut seen = BTreeSet::new();
    for (path, item) in read(&document) {
        // Only a super type has types.
        let ft = if path.contains("tile") {
            "barriers"
        } else {
            "dams"
        };
        let asked = path
            .replace("{type}", ft)
            .replace("{z}/{x}/{y}", "0/0/0")
            .replace("{uuid}", &id(known_id(path)).to_string());
        let mut described = BTreeSet::new();
        for p in item["get"]["parameters"].as_array().unwrap() {
            let name = p["name"].as_str().unwrap();
            if p["in"] == "path" {
                assert!(path.contains(&format!("{{{name}}}")), "{path} {name}");
                continue;
            }
            described.insert(name.to_owned());
            let got = here.get(&format!("{asked}?{name}=%21")).await;
            assert!(
                [400, 406].contains(&got.status.as_u16()),
                "{path}: {name} is not read"
            );
        }
        for name in known.iter().filter(|n| !described.contains(**n)) {
            let all = path.starts_with("/tiles/{z}") || path.starts_with("/clustertile/{z}");
            if all && ["filter", "namefilter", "types", "bbox"].contains(name) {
                continue; // told to ask for one type
            }
            let got = here.get(&format!("{asked}?{name}=%21")).await;
            assert_eq!(got.status, 200, "{path}: {name} is read but not described");
        }
        seen.extend(described);
    }
    assert_eq!(seen, known.iter().map(|n| (*n).to_owned()).collect());
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(o) => {
                if let Some(Value::String(s)) = o.get("$ref") {
                    found.push(s);
                }
                o.values().for_each(|v| walk(v, found));
            }
            Value::Array(a) => a.iter().for_each(|v| walk(v, found)),
            _ => {}
        }
    }
    let here = Here::memory().await;
    let document = document(&here).await;
    let mut found = vec![];
    walk(&document, &mut found);
    assert!(found.len() > 10);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
