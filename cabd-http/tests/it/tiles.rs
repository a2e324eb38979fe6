//! Tiles over HTTP: addresses, headers, what is kept and what is forgotten.

use std::io::Read;
use std::sync::Arc;

use cabd::{ChangeHead, FeatureStoreExt, Geometry, Operation};
use cabd_core::conformance::mvt;
use cabd_http::Settings;

use crate::support::{Got, Here, id};

/// A number of `/metrics`.
async fn metric(here: &Here, name: &str) -> u64 {
    let request = axum::http::Request::get("/metrics");
    let got = crate::support::send(
        &here.router,
        request.body(axum::body::Body::empty()).unwrap(),
    )
    .await;
    let line = format!("{name} ");
    let text = got.text();
    let found = text.lines().find_map(|l| l.strip_prefix(&line));
    found
        .unwrap_or_else(|| panic!("{name}: {text}"))
        .parse()
        .unwrap()
}

fn names(got: &Got) -> Vec<String> {
    let layers = mvt::read(&got.body);
    let mut all: Vec<String> = layers
        .iter()
        .flat_map(|l| &l.features)
        .map(|f| f.text("dam_name_en").to_owned())
        .collect();
    all.sort();
    all
}

async fn change(here: &Here, op: Operation) {
    here.store
        .apply_all(&ChangeHead::default(), vec![op])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_tile_has_a_layer_for_each_type_that_is_in_it() {
    let here = Here::memory().await;
    let got = here.ok("/tiles/0/0/0.mvt").await;
    assert_eq!(
        got.header("content-type"),
        "application/vnd.mapbox-vector-tile"
    );
    let layers = mvt::read(&got.body);
    let shown: Vec<(&str, usize)> = layers
        .iter()
        .map(|l| (l.name.as_str(), l.features.len()))
        .collect();
    assert_eq!(
        shown,
        [("dams", 3), ("modelled_crossings", 1), ("waterfalls", 2)]
    );
    let barriers = here.ok("/tiles/BARRIERS/0/0/0.MVT").await;
    let barriers = mvt::one_layer(&barriers.body);
    assert_eq!(
        (barriers.name.as_str(), barriers.features.len()),
        ("barriers", 6)
    );
    let all = here.ok("/clustertile/0/0/0.mvt").await;
    let all = mvt::one_layer(&all.body);
    assert_eq!(all.name, "cabd_cluster_point");
    assert_eq!(all.features.iter().map(|f| f.count()).sum::<u64>(), 6);
}

#[tokio::test]
async fn attributes_are_those_of_the_list_in_the_language_asked_for() {
    let here = Here::memory().await;
    for lang in ["en", "fr"] {
        let list = here
            .ok(&format!("/features/dams?attributes=vectortile&lang={lang}"))
            .await
            .json();
        let got = here
            .get_with("/tiles/dams/0/0/0.mvt", &[("accept-language", lang)])
            .await;
        assert_eq!(got.header("content-language"), lang);
        let layer = mvt::one_layer(&got.body);
        for feature in list["features"].as_array().unwrap() {
            let mut wanted = feature["properties"].as_object().unwrap().clone();
            wanted.remove("url");
            wanted.retain(|_, v| !v.is_null());
            wanted.insert("feature_count".to_owned(), 1.into());
            let own = layer.features.iter();
            let own = own
                .clone()
                .find(|f| f.text("cabd_id") == wanted["cabd_id"])
                .unwrap();
            let shown: serde_json::Map<_, _> = own.properties.clone().into_iter().collect();
            let number =
                |v: &serde_json::Value| v.as_f64().map_or(v.to_string(), |n| n.to_string());
            let plain = |m: &serde_json::Map<String, serde_json::Value>| {
                let mut all: Vec<_> = m.iter().map(|(k, v)| (k.clone(), number(v))).collect();
                all.sort();
                all
            };
            assert_eq!(plain(&shown), plain(&wanted));
        }
    }
}

#[tokio::test]
async fn bad_addresses_are_told_apart() {
    let here = Here::memory().await;
    for (path, status, pointer) in [
        ("/tiles/2/4/0.mvt", 400, "#/path/x"),
        ("/tiles/2/0/4.mvt", 400, "#/path/y"),
        ("/tiles/25/0/0.mvt", 400, "#/path/z"),
        ("/tiles/-1/0/0.mvt", 400, "#/path/z"),
        ("/tiles/1/+1/0.mvt", 400, "#/path/x"),
        ("/tiles/1/0/99999999999999999999.mvt", 400, "#/path/y"),
        ("/tiles/1/0/0.pbf", 400, "#/path/format"),
        ("/tiles/1/0/0", 400, "#/path/format"),
        ("/tiles/dams/1/0/x.mvt", 400, "#/path/y"),
        ("/tiles/dam/1/0/0.mvt", 404, "#/path/type"),
        ("/clustertile/dam/1/0/0.mvt", 404, "#/path/type"),
        ("/tiles/dam/tilejson.json", 404, "#/path/type"),
        ("/tiles/dams/1/0/0.mvt?lang=de", 400, "#/query/lang"),
        (
            "/tiles/dams/1/0/0.mvt?filter=height_m:gt",
            400,
            "#/query/filter",
        ),
        (
            "/tiles/dams/1/0/0.mvt?filter=nothing:eq:1",
            400,
            "#/query/filter",
        ),
        (
            "/tiles/1/0/0.mvt?filter=height_m:gt:1",
            400,
            "#/query/filter",
        ),
    ] {
        let got = here.get(path).await;
        assert_eq!(got.status, status, "{path}: {}", got.text());
        assert_eq!(got.header("content-type"), "application/problem+json");
        let json = got.json();
        assert_eq!(json["errors"][0]["pointer"], pointer, "{path}: {json}");
    }
    for path in [
        "/tiles",
        "/tiles/",
        "/tiles/1/2",
        "/tiles/a/b/c/d/e.mvt",
        "/tiles//tilejson.json",
    ] {
        assert_eq!(here.get(path).await.status, 404, "{path}");
    }
    let french = here.get("/tiles/2/4/0.mvt?lang=fr").await;
    assert!(
        french.text().contains("hors de la grille"),
        "{}",
        french.text()
    );
}

#[tokio::test]
async fn an_empty_tile_has_no_content() {
    let here = Here::memory().await;
    for path in [
        "/tiles/5/0/0.mvt",
        "/tiles/dams/12/0/0.mvt",
        "/clustertile/5/0/0.mvt",
    ] {
        let got = here.get(path).await;
        assert_eq!((got.status.as_u16(), got.body.len()), (204, 0), "{path}");
    }
}

#[tokio::test]
async fn a_tile_is_packed_once_and_known_by_its_tag() {
    let here = Here::memory().await;
    let path = "/tiles/0/0/0.mvt";
    let plain = here.ok(path).await;
    let tag = plain.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 20, "{tag}");
    assert_eq!(plain.header("vary"), "accept-encoding, accept-language");
    let packed = here
        .get_with(path, &[("accept-encoding", "br, gzip")])
        .await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_ne!(packed.header("etag"), tag);
    let mut unpacked = vec![];
    flate2::read::GzDecoder::new(packed.body.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);
    for (tags, encoding, status) in [
        (tag.clone(), "", 304),
        (format!("\"x\", W/{tag}"), "", 304),
        ("*".to_owned(), "", 304),
        (packed.header("etag").to_owned(), "gzip", 304),
        (tag.clone(), "gzip", 200),
        (tag.clone(), "gzip;q=0", 304),
        ("\"x\"".to_owned(), "", 200),
    ] {
        let headers = [
            ("if-none-match", tags.as_str()),
            ("accept-encoding", encoding),
        ];
        let got = here.get_with(path, &headers).await;
        assert_eq!(got.status, status, "{tags} {encoding}");
        assert_eq!(got.body.is_empty(), status == 304);
    }
    let off = Settings {
        compress: false,
        ..Settings::default()
    };
    let here = Here::memory_with(off).await;
    let got = here.get_with(path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(
        (got.header("content-encoding"), got.header("etag")),
        ("", tag.as_str())
    );
}

#[tokio::test]
async fn a_write_forgets_the_tiles_it_touches_and_no_others() {
    let here = Here::memory().await;
    // The dams lie at -75.5 45.4, -75 46 and -70 48.
    let (home, away) = ("/tiles/dams/10/297/366.mvt", "/tiles/dams/10/312/355.mvt");
    let far = "/tiles/waterfalls/0/0/0.mvt";
    for path in [home, away, far, home, away, far] {
        here.get(path).await;
    }
    let counts = async || {
        (
            metric(&here, "cabd_tile_hits_total").await,
            metric(&here, "cabd_tile_misses_total").await,
        )
    };
    assert_eq!(counts().await, (3, 3));
    let tag = here.get(home).await.header("etag").to_owned();
    change(
        &here,
        Operation::update_feature("dams", id(1)).set("dam_name_en", "Renamed"),
    )
    .await;
    let got = here.get_with(home, &[("if-none-match", &tag)]).await;
    assert_eq!(
        (got.status.as_u16(), names(&got)),
        (200, vec!["Renamed".to_owned()])
    );
    here.get(away).await;
    here.get(far).await;
    assert_eq!(counts().await, (6, 4), "one tile was made again");
    let moved =
        Operation::update_feature("dams", id(1)).set("geometry", Geometry::point(-70.01, 48.01));
    change(&here, moved).await;
    assert_eq!(here.get(home).await.status, 204);
    assert_eq!(names(&here.get(away).await).len(), 2);
    change(&here, Operation::delete_feature("dams", id(3))).await;
    assert_eq!(names(&here.get(away).await), ["Renamed"]);
    // What no tile shows forgets none.
    let before = counts().await;
    let source = Operation::new(
        cabd::catalog::Relation::DataSource,
        cabd::feature::Action::Insert,
    )
    .set("id", id(990))
    .set("name", "another");
    change(&here, source).await;
    here.get(away).await;
    assert_eq!(counts().await, (before.0 + 1, before.1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_another_program_shows_in_the_next_tile() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inventory.sqlite");
    let ours = cabd::create(file.to_str().unwrap()).await.unwrap();
    let here = Here::over(ours, Settings::default()).await;
    let theirs = cabd::open(file.to_str().unwrap()).await.unwrap();
    for n in 0..5 {
        for path in [
            "/tiles/dams/0/0/0.mvt",
            "/tiles/0/0/0.mvt",
            "/tiles/barriers/4/4/5.mvt",
        ] {
            here.ok(path).await;
        }
        let name = format!("Name {n}");
        let renamed = Operation::update_feature("dams", id(1)).set("dam_name_en", name.clone());
        theirs
            .apply_all(&ChangeHead::default(), vec![renamed])
            .await
            .unwrap();
        let got = here.ok("/tiles/dams/0/0/0.mvt").await;
        assert!(names(&got).contains(&name));
        let got = here.ok("/tiles/0/0/0.mvt").await;
        assert!(names(&got).contains(&name));
        let barriers = mvt::one_layer(&here.ok("/tiles/barriers/4/4/5.mvt").await.body);
        assert!(barriers.features.iter().any(|f| f.text("name_en") == name));
    }
}

#[tokio::test]
async fn a_new_label_shows_in_the_next_tile() {
    let here = Here::memory().await;
    let label = async || {
        let got = here.ok("/tiles/dams/10/297/366.mvt").await;
        mvt::one_layer(&got.body).features[0]
            .text("size_class")
            .to_owned()
    };
    let before = label().await;
    let renamed = Operation::new(
        cabd::catalog::Relation::Codes("dams.size_codes".into()),
        cabd::feature::Action::Update,
    );
    change(&here, renamed.set("code", 1).set("name_en", "Tiny")).await;
    assert_ne!(before, "Tiny");
    assert_eq!(label().await, "Tiny");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_see_what_was_written_before_they_asked() {
    let here = Arc::new(Here::memory().await);
    let readers = (0..8).map(|_| {
        let here = here.clone();
        tokio::spawn(async move {
            let mut last = 0;
            for _ in 0..200 {
                let got = here.ok("/tiles/dams/0/0/0.mvt").await;
                let number = names(&got)
                    .iter()
                    .find_map(|n| n.strip_prefix("Number ")?.parse::<u32>().ok());
                let number = number.unwrap_or(0);
                assert!(number >= last, "{number} after {last}");
                last = number;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for n in 1..100 {
        let op = Operation::update_feature("dams", id(1)).set("dam_name_en", format!("Number {n}"));
        change(&here, op).await;
        let got = here.ok("/tiles/dams/0/0/0.mvt").await;
        assert!(names(&got).contains(&format!("Number {n}")));
    }
    for r in readers {
        r.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn equal_requests_are_made_once() {
    let here = Arc::new(Here::sqlite().await);
    let all = (0..50).map(|_| {
        let here = here.clone();
        tokio::spawn(async move { here.ok("/tiles/0/0/0.mvt").await.body })
    });
    let mut bodies = vec![];
    for one in all.collect::<Vec<_>>() {
        bodies.push(one.await.unwrap());
    }
    assert!(bodies.windows(2).all(|w| w[0] == w[1]));
    assert_eq!(metric(&here, "cabd_tile_cache_entries").await, 1);
}

#[tokio::test]
async fn tiles_are_described_where_the_client_reaches_them() {
    let settings = Settings {
        public_url: "https://example.org/data".to_owned(),
        ..Settings::default()
    };
    let here = Here::memory_with(settings).await;
    let one = here.ok("/tiles/dams/tilejson.json?lang=fr").await;
    let tag = one.header("etag").to_owned();
    let json = one.json();
    assert_eq!(json["tilejson"], "3.0.0");
    assert_eq!(
        json["tiles"][0],
        "https://example.org/data/cabd-api/tiles/dams/{z}/{x}/{y}.mvt?lang=fr"
    );
    assert_eq!(json["name"], "Barrages");
    let layer = &json["vector_layers"][0];
    assert_eq!(layer["id"], "dams");
    for (field, kind) in [
        ("cabd_id", "String"),
        ("feature_count", "Number"),
        ("height_m", "Number"),
    ] {
        assert_eq!(layer["fields"][field], kind);
    }
    let bounds: Vec<f64> = serde_json::from_value(json["bounds"].clone()).unwrap();
    for (said, wanted) in bounds.iter().zip([-75.5, 45.4, -70.0, 48.0]) {
        assert!((said - wanted).abs() < 1e-5, "{bounds:?}");
    }
    let again = here
        .get_with(
            "/tiles/dams/tilejson.json?lang=fr",
            &[("if-none-match", &tag)],
        )
        .await;
    assert_eq!(again.status, 304);
    let all = here.ok("/tiles/tilejson.json").await.json();
    let layers = all["vector_layers"].as_array().unwrap();
    let ids: Vec<&str> = layers.iter().map(|l| l["id"].as_str().unwrap()).collect();
    assert!(
        ids.contains(&"dams") && !ids.contains(&"barriers"),
        "{ids:?}"
    );
    let clusters = here.ok("/clustertile/dams/tilejson.json").await.json();
    assert_eq!(clusters["vector_layers"][0]["id"], "cabd_cluster_point");
}

#[tokio::test]
async fn old_clients_find_their_layer() {
    let settings = Settings {
        tile_layer: "default".to_owned(),
        ..Settings::default()
    };
    let here = Here::memory_with(settings).await;
    for (path, n) in [("/tiles/0/0/0.mvt", 6), ("/tiles/dams/0/0/0.mvt", 3)] {
        let layer = mvt::one_layer(&here.ok(path).await.body);
        assert_eq!((layer.name.as_str(), layer.features.len()), ("default", n));
    }
    let json = here.ok("/tiles/tilejson.json").await.json();
    let layers = json["vector_layers"].as_array().unwrap();
    assert_eq!(layers.len(), 1);
    assert_eq!(layers[0]["id"], "default");
}

#[tokio::test]
async fn a_filter_shows_what_passes() {
    let here = Here::memory().await;
    let got = here
        .ok("/tiles/dams/0/0/0.mvt?filter=height_m:gte:4&filter=size_class_code:eq:1")
        .await;
    assert_eq!(names(&got), ["Mill Dam"]);
    let got = here
        .ok("/tiles/barriers/0/0/0.mvt?namefilter=like:mill")
        .await;
    assert_eq!(mvt::one_layer(&got.body).features.len(), 2);
    let got = here
        .ok("/clustertile/dams/0/0/0.mvt?filter=height_m:notnull:")
        .await;
    let counts = mvt::one_layer(&got.body)
        .features
        .iter()
        .map(|f| f.count())
        .sum::<u64>();
    assert_eq!(counts, 2);
    assert_eq!(
        here.get("/tiles/dams/0/0/0.mvt?filter=height_m:gt:99")
            .await
            .status,
        204
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_zoom_answers_before_all_places_are_read_with_the_same_bytes() {
    // At zoom 10 and beyond a tile is made from what is around it until the places are known.
    let here = Here::sqlite().await;
    for path in [
        "/tiles/dams/10/297/366.mvt",
        "/tiles/all_features/12/1190/1465.mvt",
    ] {
        let first = here.ok(path).await;
        here.ok("/tiles/dams/tilejson.json").await;
        here.ok("/tiles/all_features/tilejson.json").await;
        // Another store of the same features, whose places are known before.
        let known = Here::sqlite().await;
        known.ok("/tiles/0/0/0.mvt").await;
        let second = known.ok(path).await;
        assert!(first.body == second.body, "{path}");
    }
}
