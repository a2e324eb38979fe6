//! Changes over HTTP, on every store.

use axum::body::Body;
use axum::http::Request;
use cabd::CommitNumber;
use futures::TryStreamExt;
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
        async fn postgis_takes_every_change() {
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
    a_feature_is_created_read_changed_replaced_and_deleted
    a_change_from_an_old_state_is_412_and_one_without_a_state_428
    every_error_of_a_change_is_422_and_pointed_at
    a_changeset_is_all_or_nothing
    different_changes_from_one_state_go_together_and_others_are_told
    a_commit_is_undone_over_http
    an_old_identifier_leads_on_or_says_why_it_ended
    options_say_what_the_caller_may_do
    a_bad_body_is_refused_in_words
}

fn feature(n: u128) -> String {
    format!("/features/dams/{}", id(n))
}

async fn tag(here: &Here, path: &str) -> String {
    here.ok(path).await.header("etag").to_owned()
}

#[track_caller]
fn pointers(got: &Got) -> Vec<String> {
    let json = got.json();
    let errors = json["errors"]
        .as_array()
        .unwrap_or_else(|| panic!("{json}"));
    let mut all: Vec<String> = errors
        .iter()
        .map(|e| e["pointer"].as_str().unwrap().to_owned())
        .collect();
    all.sort();
    all
}

async fn a_feature_is_created_read_changed_replaced_and_deleted(here: &Here) {
    let source = format!("data_source={}", id(901));
    let new = json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [-75.0, 45.0]},
        "properties": {"dam_name_en": "New Dam", "height_m": 3.5, "size_class_code": 1}});
    let got = here
        .send(
            "POST",
            &format!("/features/dams?{source}&reason=seen"),
            &[],
            &new.to_string(),
        )
        .await;
    assert_eq!(got.status, 201, "{}", got.text());
    let created = got.json();
    let uuid = created["properties"]["cabd_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let address = format!("http://example.org/cabd-api/features/dams/{uuid}");
    assert_eq!(got.header("location"), address);
    let commit: i64 = got.header("cabd-commit").parse().unwrap();
    assert_eq!(here.store.head().await.unwrap(), CommitNumber(commit));
    let path = format!("/features/dams/{uuid}");
    let read = here.ok(&path).await;
    assert_eq!(read.json(), created);
    assert!(
        read.header("etag").starts_with(&format!("\"r{commit}-")),
        "{}",
        read.header("etag")
    );
    let log: Vec<_> = here
        .store
        .changes_since(CommitNumber(commit - 1))
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert!(
        log.iter().all(|e| e.author.as_deref() == Some("Ann")),
        "{log:?}"
    );
    let sources = here
        .ok(&format!("/features/datasources/{uuid}?format=json"))
        .await
        .json();
    assert_eq!(
        sources["attribute_data_sources"]["height_m"], "src_a",
        "{sources}"
    );

    let patch = json!({"properties": {"height_m": null, "dam_name_fr": "Nouveau barrage"}});
    let got = here
        .send(
            "PATCH",
            &format!("{path}?{source}"),
            &[
                ("if-match", read.header("etag")),
                ("content-type", "application/merge-patch+json"),
            ],
            &patch.to_string(),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let changed = got.json();
    assert_eq!(changed["properties"]["height_m"], Value::Null);
    assert_eq!(changed["properties"]["dam_name_en"], "New Dam");
    assert_ne!(got.header("etag"), read.header("etag"));

    // What was read can be sent back: what is computed is passed over where it says the same.
    let got = here
        .send(
            "PUT",
            &format!("{path}?{source}"),
            &[("if-match", got.header("etag"))],
            &changed.to_string(),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let same = |v: &Value| {
        let mut v = v.clone();
        v["properties"]
            .as_object_mut()
            .unwrap()
            .remove("last_modified");
        v
    };
    assert_eq!(same(&got.json()), same(&changed));
    let whole = json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [-75.5, 45.5]},
        "properties": {"dam_name_en": "Newer Dam"}});
    let got = here
        .send(
            "PUT",
            &format!("{path}?no_source=no%20paper"),
            &[("if-match", got.header("etag"))],
            &whole.to_string(),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let replaced = got.json();
    assert_eq!(replaced["properties"]["dam_name_fr"], Value::Null);
    assert_eq!(replaced["properties"]["dam_name_en"], "Newer Dam");
    assert_eq!(replaced["geometry"]["coordinates"], json!([-75.5, 45.5]));

    let got = here
        .send("DELETE", &path, &[("if-match", got.header("etag"))], "")
        .await;
    assert_eq!(got.status, 204, "{}", got.text());
    assert_eq!(here.get(&path).await.status, 410);
    let got = here.send("DELETE", &path, &[("if-match", "*")], "").await;
    assert_eq!(got.status, 404, "{}", got.text());
}

async fn a_change_from_an_old_state_is_412_and_one_without_a_state_428(here: &Here) {
    let path = format!("{}?no_source=seen", feature(1));
    let body = |height: f64| json!({"properties": {"height_m": height}}).to_string();
    let first = tag(here, &feature(1)).await;
    // Another feature's change does not matter.
    let other = tag(here, &feature(2)).await;
    let got = here
        .send(
            "PATCH",
            &format!("{}?no_source=x", feature(2)),
            &[("if-match", &other)],
            &body(1.0),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let got = here
        .send("PATCH", &path, &[("if-match", &first)], &body(5.0))
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    for stale in [first.as_str(), "\"nothing\"", "\"r0-0-0\""] {
        let got = here
            .send("PATCH", &path, &[("if-match", stale)], &body(6.0))
            .await;
        assert_eq!(got.status, 412, "{}", got.text());
        let french = [("if-match", stale), ("accept-language", "fr")];
        let got = here.send("DELETE", &feature(1), &french, "").await;
        assert_eq!(got.status, 412, "{}", got.text());
        assert_eq!(got.json()["title"], "L’élément a changé");
    }
    let got = here.send("PATCH", &path, &[], &body(6.0)).await;
    assert_eq!(got.status, 428, "{}", got.text());
    assert_eq!(
        here.ok(&feature(1)).await.json()["properties"]["height_m"],
        5.0
    );
    // Also a proxy that has weakened the tag, and several of which one is known.
    let now = tag(here, &feature(1)).await;
    let several = format!("W/{first}, W/{now}");
    let got = here
        .send("PATCH", &path, &[("if-match", &several)], &body(7.0))
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
}

async fn every_error_of_a_change_is_422_and_pointed_at(here: &Here) {
    let before = here.store.head().await.unwrap();
    let body = json!({"type": "Thing", "geometry": {"type": "Point", "coordinates": [-75.0, 45.0]}, "name": "?"});
    let got = here
        .send("POST", "/features/dams", &[], &body.to_string())
        .await;
    assert_eq!(got.status, 422, "{}", got.text());
    assert_eq!(pointers(&got), ["#/properties/name", "#/type"]);
    let body = json!({"type": "Feature", "properties": {
        "height_m": "tall", "size_class_code": 77, "nothing": 1, "dam_name_en": "x".repeat(600)}});
    let path = "/features/dams?no_source=seen&lang=fr";
    let got = here.send("POST", path, &[], &body.to_string()).await;
    assert_eq!(got.status, 422, "{}", got.text());
    let said = pointers(&got);
    assert_eq!(said[0], "#/geometry", "{said:?}");
    for name in ["height_m", "nothing"] {
        assert!(said.contains(&format!("#/properties/{name}")), "{said:?}");
    }
    assert!(
        said.contains(&"#/properties/size_class_code".to_owned()),
        "{said:?}"
    );
    for error in got.json()["errors"].as_array().unwrap() {
        assert_ne!(
            error["detail"], "une valeur de la requête ne peut pas être acceptée",
            "{error}"
        );
    }
    let body = json!({"type": "Feature", "properties": {"height_m": 1},
        "geometry": {"type": "Point", "coordinates": [-75.0, 45.0]}});
    let got = here
        .send("POST", "/features/dams", &[], &body.to_string())
        .await;
    assert_eq!(pointers(&got), ["#/query/data_source"], "{}", got.text());
    let got = here
        .send(
            "POST",
            "/features/barriers?no_source=x",
            &[],
            &body.to_string(),
        )
        .await;
    assert!(got.status.is_client_error(), "{}", got.text());
    let got = here
        .send("POST", "/features/nothing", &[], &body.to_string())
        .await;
    assert_eq!(got.status, 404, "{}", got.text());
    assert_eq!(here.store.head().await.unwrap(), before);
}

async fn a_changeset_is_all_or_nothing(here: &Here) {
    let change = |height: Value, base: i64| {
        json!({"reason": "measured", "data_source": id(901), "operations": [
            {"action": "update", "relation": "dams", "base": base, "values": {"cabd_id": id(1), "height_m": height}},
            {"action": "insert", "relation": "dams_feature_source",
                "values": {"cabd_id": id(2), "datasource_id": id(902), "datasource_feature_id": "x/1"}},
            {"action": "delete", "relation": "waterfalls", "values": {"cabd_id": id(12)}},
        ]})
        .to_string()
    };
    let head = here.store.head().await.unwrap();
    let got = here
        .send("POST", "/changesets", &[], &change(json!("tall"), head.0))
        .await;
    assert_eq!(got.status, 422, "{}", got.text());
    assert_eq!(pointers(&got), ["#/operations/0/values/height_m"]);
    let got = here
        .send("POST", "/changesets", &[], &change(json!(7), 0))
        .await;
    assert_eq!(got.status, 409, "{}", got.text());
    assert_eq!(pointers(&got), ["#/operations/0/values/height_m"]);
    let got = here
        .send(
            "POST",
            "/changesets?dry_run=true",
            &[],
            &change(json!(7), head.0),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.json()["commit"], Value::Null);
    assert_eq!(here.store.head().await.unwrap(), head);
    let got = here
        .send("POST", "/changesets", &[], &change(json!(7), head.0))
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let said = got.json();
    assert_eq!(said["commit"], head.0 + 1);
    assert_eq!(said["changes"]["waterfalls"]["deleted"], 1);
    assert_eq!(said["changes"]["dams_feature_source"]["inserted"], 1);
    assert_eq!(
        here.ok(&feature(1)).await.json()["properties"]["height_m"],
        7.0
    );
    let sources = format!("/features/datasources/{}?format=json", id(1));
    assert_eq!(
        here.ok(&sources).await.json()["attribute_data_sources"]["height_m"],
        "src_a"
    );
}

async fn options_say_what_the_caller_may_do(here: &Here) {
    let lists = ["/features/dams", "/features/dams/"];
    let one = feature(1);
    let ask = |path: String, token: bool| async move {
        let mut request = Request::options(format!("/cabd-api{path}"));
        if token {
            request = request.header(
                "authorization",
                format!("Bearer {}", crate::support::SECRET),
            );
        }
        let got = send(&here.router, request.body(Body::empty()).unwrap()).await;
        got.header("allow").to_owned()
    };
    for path in lists {
        assert_eq!(ask(path.to_owned(), true).await, "GET, HEAD, POST, OPTIONS");
        assert_eq!(ask(path.to_owned(), false).await, "GET, HEAD, OPTIONS");
    }
    assert_eq!(
        ask(one.clone(), true).await,
        "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
    );
    assert_eq!(ask(one.clone(), false).await, "GET, HEAD, OPTIONS");
    assert_eq!(ask("/changesets".to_owned(), true).await, "POST, OPTIONS");
    assert_eq!(
        ask("/features/types".to_owned(), true).await,
        "GET, HEAD, OPTIONS"
    );
    // A browser's question before a request names its headers.
    let request = Request::options(format!("/cabd-api{one}"))
        .header("origin", "https://map.example")
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization, if-match")
        .body(Body::empty())
        .unwrap();
    let got = send(&here.router, request).await;
    assert!(got.header("access-control-allow-methods").contains("PATCH"));
    assert!(
        got.header("access-control-allow-headers")
            .contains("authorization")
    );

    let bare = Request::delete(format!("/cabd-api{one}"))
        .body(Body::empty())
        .unwrap();
    let got = send(&here.router, bare).await;
    assert_eq!(got.status, 401, "{}", got.text());
    assert_eq!(got.header("www-authenticate"), "Bearer");
    let reader = cabd_http::router(here.store.clone(), cabd_http::Settings::default());
    let bare = Request::delete(format!("/cabd-api{one}"))
        .body(Body::empty())
        .unwrap();
    let got = send(&reader, bare).await;
    assert_eq!(got.status, 405, "{}", got.text());
    assert_eq!(got.header("allow"), "GET, HEAD, OPTIONS");
    assert!(got.json()["detail"].as_str().unwrap().contains("read only"));
}

async fn a_bad_body_is_refused_in_words(here: &Here) {
    for (body, kind, status) in [
        ("{", "application/json", 400),
        ("", "application/json", 400),
        ("[]", "application/json", 422),
        ("7", "application/json", 422),
        ("{}", "text/plain", 415),
    ] {
        for path in ["/features/dams", "/changesets"] {
            let got = here
                .send("POST", path, &[("content-type", kind)], body)
                .await;
            assert_eq!(got.status, status, "{path} {body}: {}", got.text());
            assert_eq!(got.header("content-type"), "application/problem+json");
        }
    }
    let long = format!("\"{}\"", "x".repeat(1024 * 1024));
    let got = here.send("POST", "/changesets", &[], &long).await;
    assert_eq!(got.status, 413, "{}", got.text());
}

async fn different_changes_from_one_state_go_together_and_others_are_told(here: &Here) {
    let path = feature(1);
    let read = here.ok(&path).await;
    let commit = here.store.last_change(id(1)).await.unwrap();
    let theirs = json!({"properties": {"height_m": 77.0}});
    let ask = |query: &str| format!("{path}?no_source=seen{query}");
    let etag = [("if-match", read.header("etag"))];
    let got = here
        .send("PATCH", &ask(""), &etag, &theirs.to_string())
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let base = format!("&base={commit}");
    let mine = json!({"properties": {"dam_name_en": "Other"}});
    let got = here
        .send("PATCH", &ask(&base), &[], &mine.to_string())
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.json()["properties"]["height_m"], 77.0);
    let mine = json!({"properties": {"height_m": 78.0}});
    let got = here
        .send("PATCH", &ask(&base), &[], &mine.to_string())
        .await;
    assert_eq!(got.status, 409, "{}", got.text());
    assert_eq!(pointers(&got), ["#/properties/height_m"]);
    let conflict = got.json()["errors"][0]["conflict"].clone();
    assert_eq!(conflict["theirs"], 77.0);
    assert_eq!(conflict["mine"], 78.0);
    assert_eq!(conflict["base"], read.json()["properties"]["height_m"]);
    // The tag of the first state allows of no other change, and says the same.
    let got = here
        .send("PATCH", &ask("&lang=fr"), &etag, &mine.to_string())
        .await;
    assert_eq!(got.status, 412, "{}", got.text());
    assert_eq!(got.json()["errors"][0]["conflict"], conflict);
    let detail = got.json()["errors"][0]["detail"].clone();
    assert!(
        detail.as_str().unwrap().contains("autre valeur"),
        "{detail}"
    );
    let got = here
        .send("DELETE", &format!("{path}?{}", &base[1..]), &[], "")
        .await;
    assert_eq!(got.status, 409, "{}", got.text());
    let got = here.send("PATCH", &ask("&base=x"), &[], "{}").await;
    assert_eq!(got.status, 400, "{}", got.text());
}

async fn a_commit_is_undone_over_http(here: &Here) {
    let path = feature(1);
    let before = here.ok(&path).await.json();
    let tag = tag(here, &path).await;
    let got = here.send("DELETE", &path, &[("if-match", &tag)], "").await;
    let commit = got.header("cabd-commit").to_owned();
    let undo = format!("/changesets/{commit}/revert");
    let shown = here
        .send("POST", &format!("{undo}?preview=true"), &[], "{}")
        .await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    let json = shown.json();
    assert_eq!(
        (&json["commit"], &json["preview"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(json["rows"][0]["action"], "insert");
    assert_eq!(here.get(&path).await.status, 410);
    let got = here
        .send("POST", &undo, &[], r#"{"reason": "mistake"}"#)
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("cabd-commit"), got.json()["commit"].to_string());
    assert_eq!(here.ok(&path).await.json(), before);
    // A later change of what would go is a conflict.
    let change = json!({"properties": {"dam_name_en": "Later"}});
    let target = format!("{path}?no_source=seen");
    let all = [("if-match", "*")];
    let first = here.send("PATCH", &target, &all, &change.to_string()).await;
    let first = first.header("cabd-commit").to_owned();
    let change = json!({"properties": {"dam_name_en": "Latest"}});
    here.send("PATCH", &target, &all, &change.to_string()).await;
    let undo = format!("/changesets/{first}/revert");
    let got = here.send("POST", &undo, &[], "{}").await;
    assert_eq!(got.status, 409, "{}", got.text());
    assert_eq!(got.json()["errors"][0]["conflict"]["theirs"], "Latest");
    let clean = r#"{"only_clean": true}"#;
    let got = here.send("POST", &undo, &[], clean).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.json()["conflicts"][0]["attribute"], "dam_name_en");
    assert_eq!(
        here.ok(&path).await.json()["properties"]["dam_name_en"],
        "Latest"
    );
    // What people said of themselves goes back unseen.
    let contact = |name: &str| {
        json!({"operations": [{"action": "put", "relation": "contacts",
            "values": {"id": id(40), "email": "ann@example.org", "name": name}}]})
    };
    here.send("POST", "/changesets", &[], &contact("Ann").to_string())
        .await;
    let second = here
        .send("POST", "/changesets", &[], &contact("Anna").to_string())
        .await;
    let second = format!("/changesets/{}/revert", second.header("cabd-commit"));
    here.send("POST", "/changesets", &[], &contact("Anne").to_string())
        .await;
    for body in ["{}", clean] {
        let got = here.send("POST", &second, &[], body).await;
        assert!(!got.text().contains("Ann"), "{}", got.text());
    }
    for (address, body, status) in [
        ("/changesets/99999/revert", "{}", 404),
        ("/changesets/x/revert", "{}", 404),
        (undo.as_str(), r#"{"feature": 1}"#, 422),
        (undo.as_str(), r#"{"features": ["x"]}"#, 422),
    ] {
        let got = here.send("POST", address, &[], body).await;
        assert_eq!(got.status, status, "{address}: {}", got.text());
    }
}

async fn an_old_identifier_leads_on_or_says_why_it_ended(here: &Here) {
    use cabd::feature::ChangeHead;
    use cabd::store::{FeatureName, IdentityExt};
    let dam = |n| FeatureName::new("dams", id(n));
    let head = ChangeHead {
        reason: Some("surveyed".to_owned()),
        ..ChangeHead::default()
    };
    let store = &here.store;
    store.merge(&head, &dam(1), &dam(2)).await.unwrap();
    for path in [feature(1), format!("/features/{}", id(1))] {
        let got = here.get(&format!("{path}?format=csv")).await;
        assert_eq!(got.status, 308, "{}", got.text());
        let address = format!("http://example.org/cabd-api{}?format=csv", feature(2));
        assert_eq!(got.header("location"), address);
    }
    let sources = |n: u128| format!("/features/datasources/{}", id(n));
    let got = here.get(&sources(1)).await;
    assert!(got.header("location").ends_with(&sources(2)));
    let end = |n: u128, act: &str| format!("{}/{act}", feature(n));
    let all = [("if-match", "*")];
    let reason = r#"{"reason": "surveyed"}"#;
    for (act, headers, body, status) in [
        ("withdraw", &[][..], reason, 428),
        ("withdraw", &all[..], "{}", 422),
        ("merge", &all[..], "{}", 422),
        ("paint", &all[..], "{}", 404),
        ("withdraw", &all[..], reason, 200),
    ] {
        let got = here.send("POST", &end(2, act), headers, body).await;
        assert_eq!(got.status, status, "{act}: {}", got.text());
    }
    for n in [1, 2] {
        let got = here.get(&feature(n)).await;
        assert_eq!(got.status, 410, "{}", got.text());
        let detail = got.json()["detail"].clone();
        assert!(detail.as_str().unwrap().ends_with(": surveyed"), "{detail}");
    }
    let got = here.get(&format!("{}?lang=fr", feature(2))).await;
    assert_eq!(got.json()["title"], "N’existe plus");
    for status in [200, 409] {
        let got = here.send("POST", &end(2, "restore"), &[], "{}").await;
        assert_eq!(got.status, status, "{}", got.text());
    }
    assert_eq!(here.get(&feature(1)).await.status, 308);
    here.ok(&feature(2)).await;
    let into = [id(2), id(11)];
    let falls = format!("/features/waterfalls/{}", id(11));
    let parts = json!({"into": into, "reason": "two"}).to_string();
    let got = here.send("POST", &end(3, "split"), &all, &parts).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let got = here.get(&feature(3)).await;
    assert_eq!(got.status, 410);
    let links = [feature(2), falls.clone()].map(|p| format!("http://example.org/cabd-api{p}"));
    assert_eq!(got.json()["successors"], json!(links));
    let got = here.send("DELETE", &falls, &all, "").await;
    assert_eq!(got.status, 204);
    let got = here.get(&falls).await;
    assert_eq!(got.status, 410);
    assert_eq!(got.json()["type"], "urn:cabd:problem:gone");
    assert_eq!(here.get(&feature(998_877)).await.status, 404);
}
