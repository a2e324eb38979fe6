//! The types as collections of OGC API – Features.

use serde_json::Value;

use crate::support::{Here, id};

fn href(json: &Value, rel: &str) -> String {
    let links = json["links"].as_array().unwrap();
    let link = links.iter().find(|l| l["rel"] == rel);
    let link = link.unwrap_or_else(|| panic!("no {rel}: {json}"));
    assert!(
        link["type"].is_string() && link["title"].is_string(),
        "{link}"
    );
    link["href"].as_str().unwrap().to_owned()
}

/// The path of a link below the prefix.
fn path(href: &str) -> &str {
    href.strip_prefix("http://example.org/cabd-api").unwrap()
}

pub async fn collections_are_found_from_the_landing_page(here: &Here) {
    let landing = here.ok("/ogc").await.json();
    let conformance = here.ok(path(&href(&landing, "conformance"))).await.json();
    let classes = conformance["conformsTo"].as_array().unwrap();
    assert!(
        classes
            .iter()
            .any(|c| c.as_str().unwrap().ends_with("/conf/core"))
    );
    let description = here.ok(path(&href(&landing, "service-desc"))).await;
    assert_eq!(
        description.header("content-type"),
        "application/vnd.oai.openapi+json;version=3.0"
    );
    let all = here.ok(path(&href(&landing, "data"))).await.json();
    let all = all["collections"].as_array().unwrap();
    let dams = all.iter().find(|c| c["id"] == "dams").unwrap();
    assert_eq!(dams["itemType"], "feature");
    assert_eq!(*dams, here.ok("/ogc/collections/dams").await.json());
    let bbox = dams["extent"]["spatial"]["bbox"][0].as_array().unwrap();
    let edge = |i: usize| bbox[i].as_f64().unwrap();
    assert!(edge(0) <= -75.5 && edge(1) <= 45.4 && edge(2) >= -70.0 && edge(3) >= 48.0);
    let items = here.ok(path(&href(dams, "items"))).await.json();
    assert_eq!(items["numberMatched"], 3);
    let french = here.ok("/ogc/collections/dams?lang=fr").await.json();
    assert_eq!(french["title"], "Barrages");
}

pub async fn pages_of_items_follow_each_other(here: &Here) {
    let mut at = "/ogc/collections/all_features/items?limit=2".to_owned();
    let mut ids = vec![];
    loop {
        let got = here.ok(&at).await;
        assert_eq!(got.header("content-type"), "application/geo+json");
        let page = got.json();
        let features = page["features"].as_array().unwrap();
        assert_eq!(page["numberReturned"], features.len());
        assert_eq!(page["numberMatched"], 6);
        assert_eq!(path(&href(&page, "self")), at);
        for f in features {
            assert_eq!(f["id"], f["properties"]["cabd_id"]);
            ids.push(f["id"].as_str().unwrap().to_owned());
        }
        if !page["links"]
            .as_array()
            .unwrap()
            .iter()
            .any(|l| l["rel"] == "next")
        {
            break;
        }
        at = path(&href(&page, "next")).to_owned();
    }
    ids.sort();
    let expected = [1, 2, 3, 11, 12, 21].map(|n| id(n).to_string());
    assert_eq!(ids, expected);
    let one = here
        .ok(&format!("/ogc/collections/dams/items/{}", id(1)))
        .await
        .json();
    assert_eq!(one["id"], id(1).to_string());
    assert_eq!(one["properties"]["dam_name_en"], "Mill Dam");
    href(&one, "collection");
}

pub async fn items_are_chosen_by_box_time_and_attributes(here: &Here) {
    let matched = async |query: &str| {
        let at = format!("/ogc/collections/dams/items?{query}");
        here.ok(&at).await.json()["numberMatched"].as_u64().unwrap()
    };
    assert_eq!(matched("bbox=-76,45,-74,47").await, 2);
    assert_eq!(matched("bbox=-76,45,0,-74,47,100").await, 2);
    assert_eq!(matched("datetime=2020-01-01/..").await, 3);
    assert_eq!(matched("dam_name_en=mill%20dam").await, 1);
    assert_eq!(matched("use_analysis=true&height_m=4.25").await, 1);
    assert_eq!(matched("limit=1000000").await, 3);
    assert_eq!(matched("bbox=0,0,1,1").await, 0);
    for query in [
        "limit=0",
        "limit=unlimited",
        "unknownQueryParameter=1",
        "bbox=1,2,3",
        "datetime=soon",
        "height_m=tall",
        "after=x",
    ] {
        let got = here
            .get(&format!("/ogc/collections/dams/items?{query}"))
            .await;
        assert_eq!(got.status, 400, "{query}: {}", got.text());
        let name = query.split('=').next().unwrap();
        assert!(got.text().contains(name), "{query}: {}", got.text());
    }
    assert_eq!(here.get("/ogc/collections/lakes").await.status, 404);
    let nobody = format!("/ogc/collections/dams/items/{}", id(99));
    assert_eq!(here.get(&nobody).await.status, 404);
    assert_eq!(here.get("/ogc/conformance?x=1").await.status, 400);
}
