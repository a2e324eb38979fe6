//! Data sources over HTTP, and where values come from, on every store.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Database, Got, Here, id, send, writing};

macro_rules! cases {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&super::Here::memory_with(super::writing()).await).await
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&super::Here::sqlite_with(super::writing()).await).await
            })*
        }
        #[tokio::test(flavor = "multi_thread")]
        async fn postgis_tells_every_source() {
            $(
                let Some(database) = Database::new() else { return };
                let store = cabd::create(&database.url).await.unwrap();
                let here = Here::over(store, writing()).await;
                println!("{}", stringify!($name));
                $name(&here).await;
                here.store.close().await.unwrap();
            )*
        }
    };
}

cases! {
    a_data_source_is_created_read_changed_and_deleted
    a_change_from_an_old_state_of_a_data_source_is_refused
    what_is_wrong_with_a_data_source_is_pointed_at
    sources_come_beside_the_values_of_lists_and_features
    lists_counts_and_tiles_are_narrowed_by_source
    every_type_tells_its_sources
}

#[track_caller]
fn pointers(got: &Got) -> Vec<String> {
    let json = got.json();
    let errors = json["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{json}"));
    let pointer = |e: &Value| e["pointer"].as_str().unwrap().to_owned();
    errors.iter().map(pointer).collect()
}

async fn a_data_source_is_created_read_changed_and_deleted(here: &Here) {
    let new = json!({"name": "Register", "source_type": "spatial", "version_date": "2019-05-01",
        "licence": "CC0-1.0", "organization_name": "The Office", "province_territory_code": ["qc", "on"]});
    let got = here
        .send("POST", "/datasources?reason=begin", &[], &new.to_string())
        .await;
    assert_eq!(got.status, 201, "{}", got.text());
    let created = got.json();
    let uuid = created["id"].as_str().unwrap().to_owned();
    let path = format!("/datasources/{uuid}");
    assert_eq!(
        got.header("location"),
        format!("http://example.org/cabd-api{path}")
    );
    assert!(!got.header("cabd-commit").is_empty());
    let read = here.ok(&path).await;
    assert_eq!(read.json(), created);
    assert_eq!(created["province_territory_code"], json!(["qc", "on"]));
    assert_eq!(created["comments"], Value::Null);
    for list in ["/datasources", "/features/datasources"] {
        let all = here.ok(list).await.json();
        let names: Vec<&str> = all
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["Register", "src_a", "src_b, \"b\""]);
    }
    let tag = read.header("etag").to_owned();
    assert!(tag.starts_with("\"d"), "{tag}");
    let known = here.get_with(&path, &[("if-none-match", &tag)]).await;
    assert_eq!(known.status, 304);
    let patch = json!({"licence": null, "version_number": "2"});
    let got = here
        .send("PATCH", &path, &[("if-match", &tag)], &patch.to_string())
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let changed = got.json();
    assert_eq!(
        (&changed["licence"], &changed["version_number"]),
        (&Value::Null, &json!("2"))
    );
    assert_eq!(changed["organization_name"], "The Office");
    let tag = got.header("etag").to_owned();
    // What was read is sent back; what is left out goes.
    let mut whole = changed.clone();
    whole.as_object_mut().unwrap().remove("organization_name");
    let got = here
        .send("PUT", &path, &[("if-match", &tag)], &whole.to_string())
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.json()["organization_name"], Value::Null);
    assert_eq!(got.json()["version_number"], "2");
    let tag = got.header("etag").to_owned();
    let got = here.send("DELETE", &path, &[("if-match", &tag)], "").await;
    assert_eq!(got.status, 204, "{}", got.text());
    assert_eq!(here.get(&path).await.status, 404);
    // A feature's address stays a feature's.
    let of_feature = format!("/features/datasources/{}?format=json", id(1));
    assert_eq!(
        here.ok(&of_feature).await.json()["feature_name"],
        "Mill Dam"
    );
    let of_source = format!("/features/datasources/{}", id(901));
    assert_eq!(here.get(&of_source).await.status, 404);
}

async fn a_change_from_an_old_state_of_a_data_source_is_refused(here: &Here) {
    let path = format!("/datasources/{}", id(901));
    let old = here.ok(&path).await.header("etag").to_owned();
    let patch = json!({"comments": "first"}).to_string();
    let got = here.send("PATCH", &path, &[], &patch).await;
    assert_eq!(got.status, 428, "{}", got.text());
    let got = here
        .send("PATCH", &path, &[("if-match", &old)], &patch)
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let got = here
        .send("PATCH", &path, &[("if-match", &old)], &patch)
        .await;
    assert_eq!(got.status, 412, "{}", got.text());
    assert_eq!(got.json()["type"], "urn:cabd:problem:changed");
    let got = here.send("DELETE", &path, &[("if-match", "*")], "").await;
    assert_eq!(got.status, 409, "it is named: {}", got.text());
    assert_eq!(here.ok(&path).await.json()["comments"], "first");
    let options = async |path: &str, token: bool| {
        let mut request = Request::builder()
            .method("OPTIONS")
            .uri(format!("/cabd-api{path}"))
            .header("host", "example.org");
        if token {
            let secret = crate::support::SECRET;
            request = request.header("authorization", format!("Bearer {secret}"));
        }
        let got = send(&here.router, request.body(Body::empty()).unwrap()).await;
        got.header("allow").to_owned()
    };
    assert_eq!(
        options("/datasources", true).await,
        "GET, HEAD, POST, OPTIONS"
    );
    assert_eq!(options("/datasources", false).await, "GET, HEAD, OPTIONS");
    assert_eq!(
        options(&path, true).await,
        "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
    );
    let of_feature = format!("/features/datasources/{}", id(1));
    assert_eq!(options(&of_feature, true).await, "GET, HEAD, OPTIONS");
}

async fn what_is_wrong_with_a_data_source_is_pointed_at(here: &Here) {
    let before = here.store.head().await.unwrap();
    let send = async |document: Value| {
        here.send("POST", "/datasources", &[], &document.to_string())
            .await
    };
    let got = send(json!({"name": "x", "colour": "red"})).await;
    assert_eq!(
        (got.status.as_u16(), pointers(&got)),
        (422, vec!["#/colour".to_owned()])
    );
    let got = send(json!({"name": "x", "source_type": "hearsay", "version_date": "May"})).await;
    assert_eq!(got.status, 422, "{}", got.text());
    let mut at = pointers(&got);
    at.sort();
    assert_eq!(at, ["#/source_type", "#/version_date"]);
    let got = send(json!({"source_type": "spatial"})).await;
    assert_eq!(
        (got.status.as_u16(), pointers(&got)),
        (422, vec!["#/name".to_owned()])
    );
    let got = send(json!({"name": "x", "province_territory_code": ["qc", "zz"]})).await;
    assert_eq!(
        (got.status.as_u16(), pointers(&got)),
        (422, vec!["#/province_territory_code".to_owned()])
    );
    let got = send(json!({"id": id(901), "name": "again"})).await;
    assert_eq!(got.status, 409, "{}", got.text());
    let path = format!("/datasources/{}", id(901));
    let other = json!({"id": id(902)}).to_string();
    let got = here
        .send("PATCH", &path, &[("if-match", "*")], &other)
        .await;
    assert_eq!(
        (got.status.as_u16(), pointers(&got)),
        (422, vec!["#/id".to_owned()])
    );
    assert_eq!(here.store.head().await.unwrap(), before);
}

async fn sources_come_beside_the_values_of_lists_and_features(here: &Here) {
    let source = json!({"id": id(901), "name": "src_a"});
    let list = here.ok("/features/dams?sources=true").await.json();
    for feature in list["features"].as_array().unwrap() {
        let of_mill = feature["properties"]["cabd_id"] == id(1).to_string();
        let expected = match of_mill {
            true => json!({ "height_m": source }),
            false => json!({}),
        };
        assert_eq!(feature["sources"], expected, "{feature}");
        assert!(feature["properties"].get("height_m_ds").is_none());
        assert!(feature["properties"]["url"].is_string());
    }
    let all = here
        .ok("/features?sources=true&types=dams&max-results=10")
        .await
        .json();
    assert!(all["features"][0]["sources"].is_object(), "{all}");
    let one = format!("/features/dams/{}", id(1));
    let plain = here.ok(&one).await.json();
    assert!(plain.get("sources").is_none());
    let with = here.ok(&format!("{one}?sources=true")).await.json();
    assert_eq!(with["sources"], json!({ "height_m": source }));
    assert_eq!(with["properties"], plain["properties"]);
    // It may be sent back as it is.
    let got = here
        .send(
            "PUT",
            &format!("{one}?data_source={}", id(901)),
            &[("if-match", "*")],
            &with.to_string(),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let csv = here
        .ok("/features/dams?sources=true&format=csv")
        .await
        .text();
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert!(head.contains(&"height_m_ds"), "{head:?}");
    assert!(csv.contains("src_a"), "{csv}");
    let tracked_nowhere = here.ok("/features/modelled_crossings?sources=true").await;
    assert!(
        tracked_nowhere.json()["features"][0]
            .get("sources")
            .is_none()
    );
    assert_eq!(here.get("/features/dams?sources=maybe").await.status, 400);
}

async fn lists_counts_and_tiles_are_narrowed_by_source(here: &Here) {
    let got = here.ok("/features/dams?filter=height_m:from:SRC_A").await;
    assert_eq!(got.names(), ["Mill Dam"]);
    assert_eq!(got.header("content-range"), "features 0-1/1");
    let by_id = format!("/features/dams?filter=height_m:from:{}", id(901));
    assert_eq!(here.ok(&by_id).await.names(), ["Mill Dam"]);
    let none = here
        .ok("/features/dams?filter=height_m:nosource:&filter=height_m:notnull:")
        .await;
    assert_eq!(none.names(), ["Élan Dam"]);
    assert_eq!(
        here.ok("/features/dams?filter=height_m:hassource:&max-results=0")
            .await
            .header("content-range"),
        "features 0-0/1"
    );
    let summary = here
        .ok("/features/summary/dams?by=size_class_code&filter=height_m:from:src_a")
        .await
        .json();
    assert_eq!(summary["total"], 1, "{summary}");
    let tile = "/tiles/dams/4/4/5.mvt";
    let all = here.ok(tile).await.body;
    let some = here
        .ok(&format!("{tile}?filter=height_m:from:src_a"))
        .await
        .body;
    assert!(!some.is_empty() && some.len() < all.len());
    for (wrong, words) in [
        ("height_m:from:nobody", "no such data source"),
        ("use_analysis:from:src_a", "not tracked"),
        ("height_m:from:", "no such data source"),
    ] {
        let got = here.get(&format!("/features/dams?filter={wrong}")).await;
        assert_eq!(got.status, 400, "{wrong}: {}", got.text());
        assert!(got.text().contains(words), "{wrong}: {}", got.text());
        let french = here
            .get(&format!("/features/dams?filter={wrong}&lang=fr"))
            .await
            .json();
        let detail = french["detail"].as_str().unwrap();
        assert!(detail.contains("source"), "{french}");
    }
}

async fn every_type_tells_its_sources(here: &Here) {
    let ops = json!({"no_source": "a test", "operations": [
        {"action": "insert", "relation": "fishways", "values": {"cabd_id": id(31), "geometry": "POINT(-75 45)"}},
        {"action": "insert", "relation": "stream_crossings", "values": {"cabd_id": id(41), "geometry": "POINT(-75 46)"}},
        {"action": "put", "relation": "stream_crossings_feature_source",
            "values": {"cabd_id": id(41), "datasource_id": id(901), "datasource_feature_id": "x"}},
        {"action": "put", "relation": "stream_crossings_attribute_source",
            "values": {"cabd_id": id(41), "stream_name_ds": id(902)}}]});
    let got = here
        .send("POST", "/changesets", &[], &ops.to_string())
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    for (n, name) in [
        (1, "dams"),
        (11, "waterfalls"),
        (31, "fishways"),
        (41, "stream_crossings"),
    ] {
        let path = format!("/features/datasources/{}", id(n));
        let json = here
            .ok(&format!("{path}?format=json&fields=all"))
            .await
            .json();
        assert_eq!(json["cabd_id"], id(n).to_string(), "{name}");
        assert!(json["attribute_data_sources"].as_object().unwrap().len() > 5);
        let csv = here.ok(&path).await.text();
        assert!(
            csv.contains("attribute_field_name,datasource_name"),
            "{name}"
        );
    }
    let path = format!("/features/datasources/{}?format=json", id(41));
    let json = here.ok(&path).await.json();
    assert_eq!(json["data_sources"][0]["datasource_feature_id"], "x");
    assert_eq!(
        json["attribute_data_sources"]["stream_name"],
        "src_b, \"b\""
    );
    // Its attributes are not tracked.
    let modelled = format!("/features/datasources/{}", id(21));
    assert_eq!(here.get(&modelled).await.status, 404);
}
