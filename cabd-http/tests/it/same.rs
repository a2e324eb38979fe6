//! Every store gives the same bytes.

use cabd_http::Settings;

use crate::support::{Database, Got, Here, id};

fn requests() -> Vec<String> {
    let lists = [
        "",
        "lang=fr",
        "format=csv",
        "format=geojson&attributes=simple",
        "max-results=2",
        "max-results=0",
        "bbox=-76,45,-70,47",
        "point=-75.45,45.45&max-results=3",
        "filter=cabd_id:neq:00000000-0000-0000-0000-000000000001",
        "filter=use_analysis:eq:true",
        "filter=passability_status_code:isnull:",
        "namefilter=like:mill&namefilter=like:elan",
        "namefilter=notin:mill%20dam",
        "filter=nothing:eq:1",
        "bbox=1,2,3",
        "filter=use_analysis:lt:true&lang=fr",
    ];
    let mut all = vec![];
    for path in [
        "/features",
        "/features/dams",
        "/features/barriers",
        "/features/stream_crossings",
    ] {
        all.extend(lists.iter().map(|q| format!("{path}?{q}")));
    }
    for path in [
        "/features/types",
        "/features/types/dams",
        "/features/types/barriers",
        "/features/types/fishways",
    ] {
        all.extend([path.to_owned(), format!("{path}?lang=fr")]);
    }
    for n in [1, 11, 21, 77] {
        let id = id(n);
        all.extend([
            format!("/features/{id}"),
            format!("/features/dams/{id}?format=csv"),
            format!("/features/datasources/{id}"),
            format!("/features/datasources/{id}?format=json&fields=all"),
        ]);
    }
    for path in [
        "/tiles/tilejson.json",
        "/tiles/dams/tilejson.json?lang=fr",
        "/clustertile/tilejson.json",
        "/tiles/0/9/0.mvt",
        "/tiles/nowhere/0/0/0.mvt",
    ] {
        all.push(path.to_owned());
    }
    all.push("/openapi.json".to_owned());
    all
}

/// Status, headers that matter, and the body without its times; rows of an answer without an order are sorted.
pub fn shown(path: &str, got: &Got) -> String {
    let mut body = got.text();
    for key in [
        "\"download_datetime\":\"",
        "\"timestamp\":\"",
        "\"request_id\":\"",
        "\"timeStamp\":\"",
    ] {
        if let Some(from) = body.find(key).map(|at| at + key.len()) {
            let to = from + body[from..].find('"').unwrap();
            body.replace_range(from..to, "");
        }
    }
    if !path.contains("max-results") && !path.contains("datasources") {
        let mark = "\"features\":[";
        if let Some(at) = body.find(mark).map(|at| at + mark.len()) {
            let mut rows: Vec<&str> = body[at..]
                .trim_end()
                .trim_end_matches("]}")
                .split(",\n")
                .collect();
            rows.sort_unstable();
            body = format!("{}{}]}}", &body[..at], rows.join(",\n"));
        } else if got.header("content-type").starts_with("text/csv") {
            let mut rows: Vec<&str> = body.split("\r\n").collect();
            rows[1..].sort_unstable();
            body = rows.join("\r\n");
        }
    }
    let headers = [
        "content-type",
        "content-range",
        "content-language",
        "vary",
        "cache-control",
    ];
    let headers: Vec<&str> = headers.iter().map(|n| got.header(n)).collect();
    format!(
        "{} {headers:?} etag={}\n{body}",
        got.status,
        got.headers.contains_key("etag")
    )
}

async fn compare(reference: &Here, other: &Here) {
    for path in requests() {
        let (a, b) = (reference.get(&path).await, other.get(&path).await);
        assert!(!a.status.is_server_error(), "{path}: {}", a.text());
        assert_eq!(shown(&path, &a), shown(&path, &b), "{path}");
    }
    for path in [
        "/tiles/0/0/0.mvt",
        "/tiles/6/18/22.mvt?lang=fr",
        "/tiles/dams/12/1188/1466.mvt",
        "/tiles/barriers/3/2/2.mvt",
        "/tiles/all_features/5/9/11.mvt?filter=use_analysis:eq:true",
        "/clustertile/4/4/5.mvt",
        "/clustertile/barriers/4/4/5.mvt",
    ] {
        let (a, b) = (reference.get(path).await, other.get(path).await);
        assert_eq!(a.status, 200, "{path}");
        assert_eq!(
            (a.status, a.header("etag")),
            (b.status, b.header("etag")),
            "{path}"
        );
        assert!(a.body == b.body, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spatialite_file_answers_as_memory_does() {
    compare(&Here::memory().await, &Here::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgis_answers_as_memory_does() {
    let Some(database) = Database::new() else {
        return;
    };
    let store = cabd::create(&database.url).await.unwrap();
    let here = Here::over(store, Settings::default()).await;
    compare(&Here::memory().await, &here).await;
    here.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_another_program_shows_in_the_next_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inventory.sqlite");
    let ours = cabd::create(file.to_str().unwrap()).await.unwrap();
    let here = Here::over(ours, Settings::default()).await;
    let tag = here.ok("/features/dams").await.header("etag").to_owned();
    let theirs = cabd::open(file.to_str().unwrap()).await.unwrap();
    let renamed = cabd::Operation::update_feature("dams", id(1)).set("dam_name_en", "New Name");
    cabd::FeatureStoreExt::apply_all(theirs.as_ref(), &cabd::ChangeHead::default(), vec![renamed])
        .await
        .unwrap();
    let got = here
        .get_with("/features/dams", &[("if-none-match", &tag)])
        .await;
    assert_eq!(got.status, 200);
    assert!(got.names().contains(&"New Name".to_owned()));
}
