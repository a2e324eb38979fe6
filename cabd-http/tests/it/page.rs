//! The page at `/`, and what only administrators ask for.

use cabd_http::Settings;

use crate::support::Here;

#[tokio::test]
async fn the_page_asks_nobody_else_and_can_be_left_out() {
    let here = Here::memory().await;
    for path in ["/", "/feature/00000000-0000-0000-0000-000000000001?lang=fr"] {
        let got = here.at_root(path).await;
        assert_eq!(got.status, 200, "{path}");
        assert_eq!(got.header("content-type"), "text/html; charset=utf-8");
        let policy = got.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!policy.contains("http"), "{policy}");
    }
    let got = here.at_root("/?lang=fr").await;
    assert_eq!(got.header("content-language"), "fr");
    assert_eq!(here.at_root("/assets/none.js").await.status, 404);
    assert_eq!(here.at_root("/assets/../index.html").await.status, 404);
    let settings = Settings {
        page: false,
        ..Settings::default()
    };
    let here = Here::memory_with(settings).await;
    assert_eq!(here.at_root("/").await.status, 404);
}

#[tokio::test]
async fn a_style_of_another_origin_opens_that_origin_alone() {
    let settings = Settings {
        style_url: "https://maps.example.org/style.json".to_owned(),
        ..Settings::default()
    };
    let here = Here::memory_with(settings).await;
    let got = here.at_root("/").await;
    let policy = got.header("content-security-policy");
    assert!(
        policy.contains("connect-src 'self' https://maps.example.org;"),
        "{policy}"
    );
    let policy = policy.replace("https://maps.example.org", "");
    assert!(!policy.contains("http"), "nothing else: {policy}");
}

#[tokio::test]
async fn the_status_is_told_only_where_it_is_switched_on_and_names_nobody() {
    let here = Here::memory().await;
    assert_eq!(here.get("/status").await.status, 404);
    assert_eq!(here.get("/status/findings").await.status, 404);
    let settings = Settings {
        status: true,
        ..Settings::default()
    };
    let here = Here::memory_with(settings).await;
    let got = here.ok("/status").await;
    assert!(!got.text().contains("author"));
    let json = got.json();
    assert_eq!(json["features"]["dams"], 3);
    assert!(!json["changes"].as_array().unwrap().is_empty());
    assert!(here.ok("/status/findings").await.json().is_array());
}
