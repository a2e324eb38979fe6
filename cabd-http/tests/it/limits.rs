//! Limits, proxies, compression, CORS, health and counts.

use std::io::Read;

use axum::body::Body;
use axum::http::Request;
use cabd_http::Settings;

use crate::support::{Here, id, send};

#[tokio::test]
async fn more_than_the_most_is_403_and_says_how_to_get_less() {
    let here = Here::memory_with(Settings {
        max_features: 2,
        ..Settings::default()
    })
    .await;
    let got = here.get("/features/dams").await;
    assert_eq!(got.status, 403);
    let json = got.json();
    assert_eq!(json["statusMessage"], "Forbidden");
    let text = json["message"].as_str().unwrap();
    assert!(text.contains(" 2 "), "{text}");
    assert!(json["hint"].as_str().unwrap().contains("max-results"));
    assert_eq!(here.get("/features/dams?max-results=3").await.status, 403);
    assert_eq!(here.get("/features/dams?max-results=100").await.status, 403);
    let cut = here.ok("/features/dams?max-results=2").await;
    assert_eq!(cut.header("content-range"), "features 0-2/3");
    here.ok("/features/waterfalls").await;
    here.ok("/features/waterfalls?max-results=100").await;
}

#[tokio::test]
async fn what_is_too_long_is_refused_in_words() {
    let here = Here::memory().await;
    let long = here
        .get(&format!(
            "/features?filter=name_en:eq:{}",
            "x".repeat(20_000)
        ))
        .await;
    assert_eq!(
        (long.status.as_u16(), long.header("content-type")),
        (414, "application/problem+json")
    );
    let head = here
        .get_with("/features", &[("x-long", &"x".repeat(40_000))])
        .await;
    assert_eq!(head.status, 431);
    let body = here
        .get_with("/features", &[("content-length", "2000000")])
        .await;
    assert_eq!(body.status, 413);
    assert!(body.json()["detail"].as_str().unwrap().contains("1048576"));
}

#[tokio::test]
async fn only_reading_is_offered() {
    let here = Here::memory().await;
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let request = Request::builder()
            .method(method)
            .uri("/cabd-api/features/dams")
            .body(Body::empty())
            .unwrap();
        let got = send(&here.router, request).await;
        assert_eq!(
            (got.status.as_u16(), got.header("allow")),
            (405, "GET, HEAD, OPTIONS"),
            "{method}"
        );
        assert_eq!(got.json()["status"], 405);
    }
    let request = Request::head("/cabd-api/features/dams")
        .body(Body::empty())
        .unwrap();
    let got = send(&here.router, request).await;
    assert_eq!((got.status.as_u16(), got.body.len()), (200, 0));
    assert_eq!(got.header("content-range"), "features 0-3/3");
}

#[tokio::test]
async fn addresses_follow_the_proxy_where_it_is_trusted() {
    let forwarded = [
        ("x-forwarded-host", "cabd.example, inner"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/data"),
    ];
    let path = format!("/features/dams?filter=cabd_id:eq:{}", id(1));
    let url = |json: serde_json::Value| {
        json["features"][0]["properties"]["url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let here = Here::memory().await;
    let got = here.get_with(&path, &forwarded).await;
    assert!(url(got.json()).starts_with("http://example.org/cabd-api/features/dams/"));
    let here = Here::memory_with(Settings {
        trust_forwarded: true,
        prefix: "/api".to_owned(),
        ..Settings::default()
    })
    .await;
    let mut request = Request::get(format!("/api{path}"));
    for (name, value) in forwarded {
        request = request.header(name, value);
    }
    let got = send(&here.router, request.body(Body::empty()).unwrap()).await;
    let json = got.json();
    assert!(got.header("vary").contains("x-forwarded-host"));
    assert_eq!(
        json["features"][0]["properties"]["datasource_url"],
        format!(
            "https://cabd.example/data/api/features/datasources/{}",
            id(1)
        )
    );
    assert!(url(json).starts_with("https://cabd.example/data/api/features/dams/"));
    let here = Here::memory_with(Settings {
        public_url: "https://fixed.example".to_owned(),
        prefix: String::new(),
        ..Settings::default()
    })
    .await;
    let request = Request::get(&path).body(Body::empty()).unwrap();
    let got = send(&here.router, request).await;
    assert!(url(got.json()).starts_with("https://fixed.example/features/dams/"));
}

#[tokio::test]
async fn a_browser_of_another_origin_may_read() {
    let here = Here::memory().await;
    let got = here
        .get_with(
            "/features?max-results=1",
            &[("origin", "https://map.example")],
        )
        .await;
    assert_eq!(got.header("access-control-allow-origin"), "*");
    let exposed = got.header("access-control-expose-headers");
    assert!(
        exposed.contains("content-range") && exposed.contains("etag"),
        "{exposed}"
    );
    let request = Request::options("/cabd-api/features")
        .header("origin", "https://map.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "x-own")
        .body(Body::empty())
        .unwrap();
    let got = send(&here.router, request).await;
    assert_eq!(got.status, 200);
    assert!(got.header("access-control-allow-methods").contains("GET"));
}

#[tokio::test]
async fn an_answer_is_packed_where_the_client_takes_it() {
    let here = Here::memory().await;
    let plain = here.get("/features/types/dams").await;
    assert_eq!(plain.header("content-encoding"), "");
    for encoding in ["gzip", "br", "zstd"] {
        let got = here
            .get_with("/features/types/dams", &[("accept-encoding", encoding)])
            .await;
        assert_eq!(got.header("content-encoding"), encoding);
        assert!(got.header("vary").contains("accept-language"));
        let vary: Vec<_> = got
            .headers
            .get_all("vary")
            .iter()
            .map(|v| v.to_str().unwrap())
            .collect();
        assert!(vary.join(",").contains("accept-encoding"), "{vary:?}");
        assert!(got.body.len() < plain.body.len() / 3);
        if encoding == "gzip" {
            let mut text = vec![];
            flate2::read::GzDecoder::new(&got.body[..])
                .read_to_end(&mut text)
                .unwrap();
            assert_eq!(text, plain.body);
        }
    }
}

#[tokio::test]
async fn a_request_has_a_number_its_own_or_a_new_one() {
    let here = Here::memory().await;
    let got = here
        .get_with("/features/lakes", &[("x-request-id", "abc-1")])
        .await;
    assert_eq!(got.header("x-request-id"), "abc-1");
    assert_eq!(got.json()["request_id"], "abc-1");
    let got = here
        .get_with("/features/lakes", &[("x-request-id", "a b\"c")])
        .await;
    assert_eq!(got.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn health_and_counts_are_told() {
    let here = Here::memory().await;
    here.get("/features/dams").await;
    here.get("/features/lakes").await;
    let at = |path: &'static str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        send(&here.router, request)
    };
    assert_eq!(at("/health/live").await.json()["status"], "live");
    let ready = at("/health/ready").await.json();
    assert_eq!(ready["status"], "ready");
    assert!(ready["commit"].as_i64().unwrap() > 0);
    let got = at("/metrics").await;
    assert!(
        got.header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = got.text();
    let line =
        "cabd_http_requests_total{route=\"/cabd-api/features/{type}\",method=\"GET\",status=";
    assert!(text.contains(&format!("{line}\"200\"}} 1")), "{text}");
    assert!(text.contains(&format!("{line}\"404\"}} 1")), "{text}");
    assert!(
        text.contains("\ncabd_http_in_flight 1\n"),
        "this one itself: {text}"
    );
    assert!(text.contains("\ncabd_http_broken_total 0\n"), "{text}");
}

#[tokio::test]
async fn without_a_type_of_all_the_lists_of_one_type_still_work() {
    let here = Here::memory_with(Settings {
        all_features_type: "none_such".to_owned(),
        ..Settings::default()
    })
    .await;
    let got = here.get("/features").await;
    assert_eq!(got.status, 404);
    assert!(got.json()["detail"].as_str().unwrap().contains("none_such"));
    here.ok("/features/dams").await;
}
