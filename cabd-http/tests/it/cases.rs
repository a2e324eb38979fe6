//! What every store must answer. Each case is a test on memory and on a SpatiaLite file; PostGIS runs them all in one.

use serde_json::{Value, json};

use cabd::{ChangeHead, FeatureStoreExt, Operation};

use crate::described::*;
use crate::names::*;
use crate::ogc::*;
use crate::recent::*;
use crate::refusals::*;
use crate::support::{Database, Here, id};

macro_rules! cases {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(&super::Here::memory().await).await })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(&super::Here::sqlite().await).await })*
        }
        #[tokio::test(flavor = "multi_thread")]
        async fn postgis_answers_every_case() {
            let Some(database) = Database::new() else { return };
            let store = cabd::create(&database.url).await.unwrap();
            let here = Here::over(store, cabd_http::Settings::default()).await;
            $(println!("{}", stringify!($name)); $name(&here).await;)*
            here.store.close().await.unwrap();
        }
    };
}

cases! {
    a_list_holds_every_feature_once_and_says_how_many
    a_collection_has_metadata_urls_and_absolute_links
    a_box_and_a_point_choose_by_place
    max_results_cuts_and_still_tells_the_total
    filters_are_joined_by_and_names_by_or
    types_narrow_the_list_of_all
    an_attribute_set_chooses_attributes
    every_form_is_given_by_format_and_by_accept
    a_csv_list_is_a_file_with_urls
    one_feature_is_found_with_and_without_its_type
    french_labels_follow_lang_and_accept_language
    the_types_are_listed
    a_type_is_described_with_values_and_ranges
    data_sources_are_told_as_json_and_csv
    a_sorted_list_goes_on_after_an_offset
    a_tile_is_narrowed_by_types_and_box
    a_summary_counts_each_value_of_what_passes
    more_clients_than_connections_are_all_answered
    every_data_source_is_listed_with_its_attribution
    the_dictionary_is_served_in_the_asked_language
    collections_are_found_from_the_landing_page
    pages_of_items_follow_each_other
    items_are_chosen_by_box_time_and_attributes
    a_bad_value_is_400_and_pointed_at
    what_is_not_there_is_404
    problems_speak_french
    a_known_answer_is_304_until_somebody_writes
    an_answer_is_given_again_with_its_headers
    another_question_is_another_answer
    a_write_ends_what_was_kept
    a_search_by_name_is_the_same_from_memory_and_follows_every_write
}

async fn a_list_holds_every_feature_once_and_says_how_many(here: &Here) {
    let got = here.ok("/features").await;
    assert_eq!(got.header("content-range"), "features 0-6/6");
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.names().len(), 6);
    for path in ["/features/dams", "/features/DAMS", "/features/dams/"] {
        let got = here.ok(path).await;
        assert_eq!(got.header("content-range"), "features 0-3/3", "{path}");
        assert_eq!(
            got.names(),
            ["Mill Dam", "O'Neil \"Upper\" Dam, north", "Élan Dam"]
        );
    }
    let got = here.ok("/features/barriers").await;
    assert_eq!(got.header("content-range"), "features 0-6/6");
    let got = here.ok("/features/fishways").await;
    assert_eq!(got.header("content-range"), "features 0-0/0");
    assert_eq!(got.json()["features"], json!([]));
    assert_eq!(got.json()["metadata"]["data_version"], Value::Null);
}

async fn a_collection_has_metadata_urls_and_absolute_links(here: &Here) {
    let got = here
        .ok("/features/dams?filter=cabd_id:eq:00000000-0000-0000-0000-000000000001")
        .await;
    let json = got.json();
    assert_eq!(json["metadata"]["data_srid"], 4617);
    assert_eq!(
        json["metadata"]["data_licence"],
        "https://creativecommons.org/licenses/by-sa/4.0/"
    );
    assert!(json["metadata"]["data_version"]["dams"].is_string());
    let feature = &json["features"][0];
    assert_eq!(
        feature["geometry"],
        json!({"type": "Point", "coordinates": [-75.5, 45.4]})
    );
    let p = &feature["properties"];
    let root = "http://example.org/cabd-api/features";
    assert_eq!(p["url"], format!("{root}/dams/{}", id(1)));
    assert_eq!(p["datasource_url"], format!("{root}/datasources/{}", id(1)));
    assert_eq!(
        (&p["height_m"], &p["use_analysis"]),
        (&json!(4.25), &json!(true))
    );
    assert_eq!(p["maintenance_last"], "2019-05-01");
    assert_eq!(got.text().matches("\"cabd_id\"").count(), 1);
    // The list of all tells each feature's own type, also where the set does not hold the type.
    for path in [
        "/features?attributes=vectortile",
        "/features?attributes=simple",
        "/features",
    ] {
        let json = here.ok(path).await.json();
        for f in json["features"].as_array().unwrap() {
            let url = f["properties"]["url"].as_str().unwrap();
            let (before, of) = url.rsplit_once('/').unwrap();
            let kind = before.rsplit_once('/').unwrap().1;
            assert!(
                ["dams", "waterfalls", "modelled_crossings"].contains(&kind),
                "{url}"
            );
            assert_eq!(f["properties"]["cabd_id"], of);
        }
    }
}

async fn a_box_and_a_point_choose_by_place(here: &Here) {
    for (query, names) in [
        (
            "bbox=-76,45,-75.2,45.6",
            vec!["-", "Mill Dam", "Mill Falls"],
        ),
        ("bbox=-75.2,45.6,-76,45&types=dams", vec!["Mill Dam"]),
        ("bbox=0,0,1,1", vec![]),
        (
            "area=POLYGON((-76%2045,-75%2045,-75.5%2045.9,-76%2045))&types=dams",
            vec!["Mill Dam"],
        ),
        (
            "area=POLYGON((-76%2045,-75%2045,-75.5%2045.9,-76%2045))&bbox=0,0,1,1",
            vec![],
        ),
        ("point=-75.5,45.4&max-results=2", vec!["-", "Mill Dam"]),
        // The point wins.
        (
            "point=-80,50&max-results=1&bbox=0,0,1,1",
            vec!["Great Falls"],
        ),
        ("point=-80,50&max-results=1&types=dams", vec!["Élan Dam"]),
    ] {
        assert_eq!(
            here.ok(&format!("/features?{query}")).await.names(),
            names,
            "{query}"
        );
    }
    let got = here.ok("/features?point=-80,50&max-results=1").await;
    assert_eq!(got.header("content-range"), "features 0-1/6");
    let json = here
        .ok("/features?point=-75.5,45.4&max-results=3")
        .await
        .json();
    assert_eq!(
        json["features"][0]["properties"]["cabd_id"],
        id(1).to_string()
    );
    assert_eq!(
        json["features"][1]["properties"]["cabd_id"],
        id(21).to_string()
    );
}

async fn max_results_cuts_and_still_tells_the_total(here: &Here) {
    for (n, range) in [
        (0, "features 0-0/3"),
        (2, "features 0-2/3"),
        (3, "features 0-3/3"),
        (60_000, "features 0-3/3"),
    ] {
        let got = here.ok(&format!("/features/dams?max-results={n}")).await;
        assert_eq!(got.header("content-range"), range);
        assert_eq!(got.names().len(), n.min(3));
    }
    let got = here.ok("/features/dams?max-results=0&format=csv").await;
    assert!(got.text().starts_with("cabd_id,"), "{}", got.text());
    let got = here.ok("/features?point=0,0&max-results=0").await;
    assert_eq!(got.header("content-range"), "features 0-0/6");
}

async fn filters_are_joined_by_and_names_by_or(here: &Here) {
    for (path, names) in [
        (
            "/features/dams?filter=height_m:gte:4.25",
            vec!["Mill Dam", "Élan Dam"],
        ),
        (
            "/features/dams?filter=height_m:gte:4&filter=height_m:lt:12",
            vec!["Mill Dam"],
        ),
        (
            "/features/dams?filter=HEIGHT_M:IN:4.25,12",
            vec!["Mill Dam", "Élan Dam"],
        ),
        (
            "/features/dams?filter=height_m:isnull:",
            vec!["O'Neil \"Upper\" Dam, north"],
        ),
        (
            "/features/dams?filter=size_class_code:eq:1",
            vec!["Mill Dam"],
        ),
        (
            "/features/dams?filter=use_analysis:eq:true",
            vec!["Mill Dam"],
        ),
        (
            "/features/dams?filter=maintenance_last:gt:2019-01-01",
            vec!["Mill Dam"],
        ),
        (
            "/features?namefilter=like:mill",
            vec!["Mill Dam", "Mill Falls"],
        ),
        ("/features?namefilter=like:elan", vec!["Élan Dam"]),
        ("/features?namefilter=like:moulin", vec!["Mill Dam"]),
        (
            "/features?namefilter=like:elan&namefilter=eq:great%20falls",
            vec!["Great Falls", "Élan Dam"],
        ),
        // The second name does not escape the box.
        (
            "/features?namefilter=like:elan&namefilter=like:great&bbox=-81,49,-79,51",
            vec!["Great Falls"],
        ),
        (
            "/features?namefilter=like:mill&types=dams&filter=name_fr:like:MOULIN",
            vec!["Mill Dam"],
        ),
    ] {
        assert_eq!(here.ok(path).await.names(), names, "{path}");
    }
}

async fn types_narrow_the_list_of_all(here: &Here) {
    assert_eq!(
        here.ok("/features?types=waterfalls").await.names(),
        ["Great Falls", "Mill Falls"]
    );
    let json = here.ok("/features?types=Waterfalls,fishways").await.json();
    assert_eq!(json["features"].as_array().unwrap().len(), 2);
    assert!(json["metadata"]["data_version"]["dams"].is_null());
    assert_eq!(here.get("/features?types=lakes").await.status, 400);
}

async fn an_attribute_set_chooses_attributes(here: &Here) {
    let keys = |json: &Value| -> Vec<String> {
        json["features"][0]["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let all = keys(&here.ok("/features/dams?max-results=1").await.json());
    let simple = keys(
        &here
            .ok("/features/dams?max-results=1&attributes=simple")
            .await
            .json(),
    );
    let limited = keys(
        &here
            .ok("/features/dams?max-results=1&attributes=limited")
            .await
            .json(),
    );
    assert_eq!(simple, limited);
    assert!(simple.len() < all.len() && simple.iter().all(|k| all.contains(k)));
    assert!(simple.contains(&"url".to_owned()) && simple.contains(&"cabd_id".to_owned()));
    // A filter may use what the set leaves out.
    let got = here
        .ok("/features/dams?attributes=vectortile&filter=maintenance_last:notnull:")
        .await;
    assert_eq!(got.header("content-range"), "features 0-1/1");
}

async fn every_form_is_given_by_format_and_by_accept(here: &Here) {
    for (path, accept, media) in [
        ("/features", "*/*", "application/json"),
        (
            "/features?format=geojson",
            "text/csv",
            "application/geo+json",
        ),
        (
            "/features?format=CSV",
            "*/*",
            "text/csv; charset=utf-8; header=present",
        ),
        ("/features", "application/geo+json", "application/geo+json"),
        ("/features", "text/html,*/*;q=0.1", "application/json"),
        (
            "/features/dams",
            "text/csv",
            "text/csv; charset=utf-8; header=present",
        ),
    ] {
        let got = here.get_with(path, &[("accept", accept)]).await;
        assert_eq!(
            (got.status.as_u16(), got.header("content-type")),
            (200, media),
            "{path} {accept}"
        );
        assert!(
            got.header("vary").contains("accept, accept-language"),
            "{:?}",
            got.headers
        );
    }
    for (path, accept) in [
        ("/features?format=xml", "*/*"),
        ("/features/types?format=csv", "*/*"),
        ("/features", "text/html"),
    ] {
        let got = here.get_with(path, &[("accept", accept)]).await;
        assert_eq!(got.status, 406, "{path} {accept}");
        assert_eq!(got.header("content-type"), "application/problem+json");
    }
}

async fn a_csv_list_is_a_file_with_urls(here: &Here) {
    let got = here
        .ok("/features/dams?format=csv&attributes=simple&namefilter=like:upper")
        .await;
    let name = got.header("content-disposition");
    assert!(
        name.starts_with("attachment; filename=\"cabd-dams.v"),
        "{name}"
    );
    let text = got.text();
    let mut lines = text.split("\r\n");
    let head = lines.next().unwrap();
    assert!(
        head.starts_with("cabd_id,") && head.ends_with("url,Geometry (WKT)"),
        "{head}"
    );
    let row = lines.next().unwrap();
    assert!(row.contains("\"O'Neil \"\"Upper\"\" Dam, north\""), "{row}");
    assert!(
        row.ends_with(&format!(
            "/cabd-api/features/dams/{},POINT (-70.0 48.0)",
            id(3)
        )),
        "{row}"
    );
    let mixed = here.ok("/features?format=csv").await;
    assert!(
        mixed
            .header("content-disposition")
            .contains("\"cabd-features-")
    );
}

async fn one_feature_is_found_with_and_without_its_type(here: &Here) {
    for path in [
        format!("/features/{}", id(1)),
        format!("/features/dams/{}", id(1)),
        format!("/features/Dams/{}/", id(1)),
        format!("/features/{}?format=geojson", id(1)),
    ] {
        let got = here.ok(&path).await;
        let json = got.json();
        assert_eq!(json["type"], "Feature");
        assert_eq!(json["properties"]["dam_name_en"], "Mill Dam", "{path}");
        assert!(json["properties"].get("url").is_none() && json.get("metadata").is_none());
        assert!(
            json["properties"].get("owner").is_some(),
            "all attributes, null ones too"
        );
    }
    let got = here.ok(&format!("/features/{}?format=csv", id(1))).await;
    assert!(got.text().contains("/cabd-api/features/dams/"));
    here.ok(&format!("/features/modelled_crossings/{}", id(21)))
        .await;
    here.ok(&format!("/features/barriers/{}", id(21))).await;
}

async fn french_labels_follow_lang_and_accept_language(here: &Here) {
    let path = "/features/dams?filter=cabd_id:eq:00000000-0000-0000-0000-000000000001";
    let label =
        |g: &crate::support::Got| g.json()["features"][0]["properties"]["size_class"].clone();
    let english = here.get(path).await;
    let french = here
        .get_with(path, &[("accept-language", "fr-CA, en;q=0.5")])
        .await;
    let by_name = here
        .get_with(&format!("{path}&lang=fr"), &[("accept-language", "en")])
        .await;
    assert_eq!(
        (label(&english), label(&french)),
        (json!("Small"), json!("Petit"))
    );
    assert_eq!(label(&by_name), "Petit");
    assert_eq!(english.header("content-language"), "en");
    assert_eq!(by_name.header("content-language"), "fr");
    assert_ne!(english.header("etag"), french.header("etag"));
}

async fn the_types_are_listed(here: &Here) {
    let plain = here.ok("/features/types").await.json();
    assert_eq!(plain, here.ok("/features/types/").await.json());
    let dams = plain
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["type"] == "dams")
        .unwrap();
    assert_eq!(dams["name"], "Dams");
    assert_eq!(
        dams["metadata"],
        "http://example.org/cabd-api/features/types/dams"
    );
    assert_eq!(
        dams["features"],
        "http://example.org/cabd-api/features/dams"
    );
    assert!(dams["data_version"].is_string());
    let french = here.ok("/features/types?lang=fr").await.json();
    assert!(french.to_string().contains("Barrages"));
    assert!(!plain.to_string().contains("all_features"));
}

async fn a_type_is_described_with_values_and_ranges(here: &Here) {
    let json = here.ok("/features/types/Dams").await.json();
    let all = json["attributes"].as_array().unwrap();
    let of = |id: &str| {
        all.iter()
            .find(|a| a["id"] == id)
            .unwrap_or_else(|| panic!("{id}"))
    };
    assert_eq!(of("height_m")["type"], "double");
    assert_eq!(
        (&of("height_m")["min_value"], &of("height_m")["max_value"]),
        (&json!(4.25), &json!(12.0))
    );
    assert_eq!(of("maintenance_last")["min_value"], "2019-05-01");
    assert_eq!(of("length_m")["max_value"], Value::Null);
    assert_eq!(of("latitude")["max_value"], 48.0);
    let codes = of("size_class_code");
    assert!(codes.get("min_value").is_none());
    assert_eq!(codes["values"][0]["value"], 1);
    assert_eq!(codes["values"][0]["name"], "Small");
    assert_eq!(of("size_class")["values"][0]["value"], "Small");
    assert_eq!(
        all.last().unwrap(),
        &json!({"id": "url", "name": "", "description": "", "type": "url"})
    );
    assert!(all.iter().all(|a| a["id"] != "geometry"));
    let views = json["views"].as_object().unwrap();
    for set in ["all", "simple", "limited", "mobile", "vectortile"] {
        assert!(
            !views[set]["attribute_order"].as_array().unwrap().is_empty(),
            "{set}"
        );
    }
    let french = here.ok("/features/types/dams?lang=fr").await.text();
    assert!(french.contains("\"Petit\""));
    here.ok("/features/types/barriers").await;
}

async fn data_sources_are_told_as_json_and_csv(here: &Here) {
    let path = format!("/features/datasources/{}", id(1));
    let json = here.ok(&format!("{path}?format=json")).await.json();
    assert_eq!(json["cabd_id"], id(1).to_string());
    assert_eq!(json["feature_name"], "Mill Dam");
    assert_eq!(
        json["data_sources"],
        json!([
            {"name": "src_a", "type": "spatial", "datasource_feature_id": "17"},
            {"name": "src_b, \"b\"", "type": "non-spatial"}
        ])
    );
    assert_eq!(json["attribute_data_sources"]["height_m"], "src_a");
    assert_eq!(json["attribute_data_sources"]["dam_name_en"], "");
    let all = here
        .ok(&format!("{path}?format=json&fields=all"))
        .await
        .json();
    assert_eq!(all["data_sources"][0]["version_date"], "2021-03-31");
    assert_eq!(all["data_sources"][0]["version_number"], Value::Null);
    let got = here.ok(&path).await;
    assert_eq!(
        got.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    let text = got.text();
    let expected = format!(
        "Mill Dam\r\n{0}\r\n\r\nhttp://example.org/cabd-api/features/datasources/{0}?fields=all&format=json\r\n\r\n\
         Spatial Data Sources\r\ndatasource_name,datasource_feature_id\r\nsrc_a,17\r\n\r\n\
         Non-Spatial Data Sources\r\ndatasource_name,\r\n\"src_b, \"\"b\"\"\",\r\n\r\n\
         Attributes\r\nattribute_field_name,datasource_name\r\n",
        id(1)
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(text.contains("\r\nheight_m,src_a\r\n"));
    let all = here.ok(&format!("{path}?fields=all")).await.text();
    assert!(all.contains("src_a,17,2021-03-31,\r\n"), "{all}");
    // Without sources: empty blocks.
    let none = here
        .ok(&format!("/features/datasources/{}?format=json", id(11)))
        .await
        .json();
    assert_eq!(none["data_sources"], json!([]));
    assert_eq!(here.get(&format!("{path}?fields=some")).await.status, 400);
    assert_eq!(
        here.get(&format!("/features/datasources/{}", id(77)))
            .await
            .status,
        404
    );
    assert_eq!(here.get("/features/datasources/17").await.status, 404);
}

async fn a_known_answer_is_304_until_somebody_writes(here: &Here) {
    let paths = [
        "/features/dams".to_owned(),
        "/features?format=csv".to_owned(),
        format!("/features/{}", id(1)),
        "/features/types".to_owned(),
        "/features/types/dams".to_owned(),
        format!("/features/datasources/{}", id(1)),
    ];
    let mut tags = vec![];
    for path in &paths {
        let tag = here.ok(path).await.header("etag").to_owned();
        // Of one feature it is strong: the condition of a change.
        let strong = path.ends_with(&id(1).to_string()) && !path.contains("datasources");
        let start = if strong { "\"r" } else { "W/\"" };
        assert!(tag.starts_with(start), "{path}: {tag}");
        let again = here
            .get_with(path, &[("if-none-match", &format!("\"x\", {tag}"))])
            .await;
        assert_eq!(
            (again.status.as_u16(), again.body.len()),
            (304, 0),
            "{path}"
        );
        assert_eq!(again.header("etag"), tag);
        assert_eq!(again.header("cache-control"), "no-cache");
        tags.push(tag);
    }
    let other = here
        .get_with(
            &paths[0],
            &[("if-none-match", &tags[0]), ("accept-language", "fr")],
        )
        .await;
    assert_eq!(other.status, 200, "another language is another answer");
    let higher = Operation::update_feature("dams", id(1)).set("height_m", 99);
    here.store
        .apply_all(&ChangeHead::default(), vec![higher])
        .await
        .unwrap();
    for (path, tag) in paths.iter().zip(&tags) {
        let got = here.get_with(path, &[("if-none-match", tag)]).await;
        assert_eq!(got.status, 200, "{path}");
    }
    let json = here.ok("/features/types/dams").await.json();
    let height = json["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["id"] == "height_m")
        .unwrap()
        .clone();
    assert_eq!(height["max_value"], 99.0);
    assert_eq!(
        here.ok("/features/dams?filter=height_m:eq:99")
            .await
            .names(),
        ["Mill Dam"]
    );
}

/// The names of a list of all, in its order.
fn in_order(json: &Value) -> Vec<String> {
    let features = json["features"].as_array().unwrap().iter();
    features
        .map(|f| f["properties"]["name_en"].to_string())
        .collect()
}

async fn a_sorted_list_goes_on_after_an_offset(here: &Here) {
    let all = in_order(&here.ok("/features?sort=name_en").await.json());
    assert_eq!(all.len(), 6);
    let first = here.ok("/features?sort=name_en&max-results=2").await;
    assert_eq!(first.header("content-range"), "features 0-2/6");
    let next = here
        .ok("/features?sort=name_en&max-results=3&offset=2")
        .await;
    assert_eq!(next.header("content-range"), "features 2-5/6");
    let parts = [in_order(&first.json()), in_order(&next.json())].concat();
    assert_eq!(parts, all[..5]);
    let past = here.ok("/features?sort=name_en&offset=9").await;
    assert_eq!(past.header("content-range"), "features 9-9/6");
    let down = here.ok("/features/dams?sort=-height_m&max-results=1").await;
    let heights = here.ok("/features/dams").await.json();
    let heights = heights["features"].as_array().unwrap().iter();
    let most = heights.filter_map(|f| f["properties"]["height_m"].as_f64());
    let most = most.fold(f64::MIN, f64::max);
    assert_eq!(
        down.json()["features"][0]["properties"]["height_m"],
        json!(most)
    );
    let wrong = here.get("/features/dams?sort=heigth_m").await;
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.json()["errors"][0]["parameter"], "sort");
}

async fn more_clients_than_connections_are_all_answered(here: &Here) {
    // Each holds rows of the store while it asks for more, and none asks the same as another.
    let all = (0..120).map(|n| {
        let east = -75.2 + f64::from(n) / 1000.0;
        let path = match n % 4 {
            0 => format!("/features?bbox=-76,45,{east},45.6&sources=true"),
            1 => format!("/features/dams?bbox=-76,45,{east},45.6&max-results=5&format=csv"),
            2 => format!("/features/dams?point={east},45.4&max-results=2"),
            _ => format!("/tiles/dams/0/0/0.mvt?bbox=-76,45,{east},45.6"),
        };
        async move { (here.get(&path).await.status.as_u16(), path) }
    });
    let all = futures::future::join_all(all);
    let all = tokio::time::timeout(std::time::Duration::from_secs(25), all).await;
    for (status, path) in all.expect("every client is answered in time") {
        assert_eq!(status, 200, "{path}");
    }
}

async fn a_summary_counts_each_value_of_what_passes(here: &Here) {
    let json = here
        .ok("/features/summary/all_features?by=feature_type")
        .await;
    let json = json.json();
    assert_eq!(json["total"], 6);
    let values = json["summaries"][0]["values"].as_array().unwrap();
    let sum: u64 = values.iter().filter_map(|v| v["count"].as_u64()).sum();
    assert_eq!(sum, 6);
    assert_eq!(values[0], json!({"value": "dams", "count": 3}));
    let json = here
        .ok("/features/summary/dams?by=height_m,use_analysis&filter=height_m:notnull:")
        .await
        .json();
    let heights = &json["summaries"][0];
    let bins = heights["bins"].as_array().unwrap();
    let sum: u64 = bins.iter().filter_map(|v| v["count"].as_u64()).sum();
    assert_eq!(
        (json["total"].as_u64(), &heights["missing"]),
        (Some(sum), &json!(0))
    );
    assert!(heights["min"].as_f64() <= heights["max"].as_f64());
    assert_eq!(json["summaries"][1]["attribute"], "use_analysis");
    for (query, status) in [
        ("by=geometry", 400),
        ("by=nothing", 400),
        ("filter=x", 400),
        ("by=", 200),
    ] {
        let got = here.get(&format!("/features/summary/dams?{query}")).await;
        assert_eq!(got.status, status, "{query}");
    }
    assert_eq!(here.get("/features/summary/lakes").await.status, 404);
}
