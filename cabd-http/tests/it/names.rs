//! Searches by name, from names kept in memory and from the store.

use std::time::Duration;

use cabd::{ChangeHead, FeatureStoreExt, Operation};

use crate::support::{Here, id};

/// Asks until the names are in memory.
async fn known(here: &Here) {
    for _ in 0..200 {
        here.ok("/features?namefilter=like:mill&max-results=0")
            .await;
        let counts = here.at_root("/metrics").await.text();
        let kept = counts
            .lines()
            .find_map(|l| l.strip_prefix("cabd_name_bytes "));
        if kept.is_some_and(|n| n != "0") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the names were not read");
}

pub async fn a_search_by_name_is_the_same_from_memory_and_follows_every_write(here: &Here) {
    let ask = async |what: &str| {
        let got = here.ok(what).await;
        let range = got.header("content-range").to_owned();
        (range, got.names())
    };
    let questions = [
        "/features?namefilter=like:mill&types=dams,waterfalls",
        "/features/barriers?namefilter=like:MOULIN",
        "/features/dams?namefilter=eq:elan%20dam&namefilter=like:upper",
        "/features/dams?namefilter=like:dam&sort=-height_m&max-results=2",
        "/features/dams?namefilter=like:dam&max-results=1&offset=1",
        "/features/dams?namefilter=like:dam&bbox=-76,45,-75.2,45.8",
        "/features/dams?namefilter=like:dam&filter=height_m:gt:5",
        "/features/dams?point=-75,46&max-results=1&namefilter=like:mill",
        "/features/dams?namefilter=like:nobody",
    ];
    let mut before = vec![];
    for q in questions {
        before.push(ask(q).await);
    }
    known(here).await;
    // Asked in other words, so that no kept answer is given.
    for (q, was) in questions.iter().zip(before) {
        assert_eq!(ask(&format!("{q}&again=1")).await, was, "{q}");
    }
    let (range, _) = ask("/features/dams?namefilter=like:dam").await;
    let summary = here.ok("/features/summary/dams?by=size_class_code&namefilter=like:dam");
    let total = summary.await.json()["total"].to_string();
    assert!(range.ends_with(&format!("/{total}")), "{range}, {total}");
    let rename = |name: &str| Operation::update_feature("dams", id(3)).set("dam_name_en", name);
    for (name, found) in [("Zürich Dam", 1), ("O'Neil Dam", 0)] {
        let head = ChangeHead::default();
        here.store
            .apply_all(&head, vec![rename(name)])
            .await
            .unwrap();
        let (range, names) = ask("/features/dams?namefilter=like:zurich").await;
        assert_eq!(
            (names.len(), range.ends_with(&format!("/{found}"))),
            (found, true),
            "{range}"
        );
        let tile = here
            .get("/tiles/dams/0/0/0.mvt?namefilter=like:zurich")
            .await;
        assert_eq!(tile.status.as_u16(), if found == 1 { 200 } else { 204 });
    }
}
