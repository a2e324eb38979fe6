//! What has been, over HTTP, on every store.

use cabd::catalog::Relation;
use cabd::feature::Action;
use cabd::store::Release;
use cabd::{ChangeHead, CommitNumber, FeatureStoreExt, Geometry, Operation};
use cabd_http::Settings;
use serde_json::Value;

use crate::support::{Database, Here, SECRET, id};

fn settings() -> Settings {
    Settings {
        admin_tokens: vec![format!("Root:{SECRET}")],
        ..Settings::default()
    }
}

macro_rules! cases {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&super::Here::memory_with(super::settings()).await).await
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&super::Here::sqlite_with(super::settings()).await).await
            })*
        }
        #[tokio::test(flavor = "multi_thread")]
        async fn postgis_remembers() {
            $(
                let Some(database) = Database::new() else { return };
                let store = cabd::create(&database.url).await.unwrap();
                let here = Here::over(store, settings()).await;
                println!("{}", stringify!($name));
                $name(&here).await;
                here.store.close().await.unwrap();
            )*
        }
    };
}

cases! {
    every_address_answers_as_of_a_commit_a_time_and_a_release
    a_tile_of_then_has_the_bytes_of_then
    history_and_feed_name_people_to_administrators_only
    a_feed_goes_on_from_page_to_page
    states_are_compared
    what_is_no_state_is_said_in_both_languages
}

/// Changes a dam, takes one away and adds one; gives the commit before.
async fn change(here: &Here) -> CommitNumber {
    let before = here.store.head().await.unwrap();
    let head = ChangeHead {
        author: Some("Zoë Private".into()),
        reason: Some("measured".into()),
        ..ChangeHead::default()
    };
    let all = vec![
        Operation::update_feature("dams", id(1))
            .set("height_m", 9.5)
            .set("dam_name_en", "New Name"),
        Operation::delete_feature("dams", id(2)),
        Operation::insert_feature("dams", id(4))
            .set("dam_name_en", "Late Dam")
            .set("geometry", Geometry::point(-75.2, 45.2)),
    ];
    here.store.apply_all(&head, all).await.unwrap();
    before
}

async fn every_address_answers_as_of_a_commit_a_time_and_a_release(here: &Here) {
    let dam = format!("/features/dams/{}", id(1));
    let gone = format!("/features/{}", id(2));
    let was = here.ok(&dam).await;
    let names = here.ok("/features/dams").await.names();
    let summary = here
        .ok("/features/summary/dams?by=size_class_code")
        .await
        .text();
    let before = change(here).await;
    here.store
        .release(&Release::new("v1", before).unwrap())
        .await
        .unwrap();
    assert_eq!(here.ok(&dam).await.json()["properties"]["height_m"], 9.5);
    assert_eq!(here.get(&gone).await.status, 410);
    for at in [before.to_string(), "v1".to_owned(), "V1".to_owned()] {
        let then = here.ok(format!("{dam}?as-of={at}")).await;
        assert_eq!(then.json(), was.json());
        assert!(
            then.header("etag").starts_with("W/"),
            "no condition for a change"
        );
        let list = here.ok(format!("/features/dams?as-of={at}")).await;
        assert_eq!(list.names(), names);
        assert!(list.header("content-range").ends_with("/3"));
        let stamp = &list.json()["metadata"]["as_of"];
        assert_eq!(
            (&stamp["commit"], &stamp["release"]),
            (&before.0.into(), &"v1".into())
        );
        let counted = here.ok(format!(
            "/features/summary/dams?by=size_class_code&as-of={at}"
        ));
        assert_eq!(counted.await.text(), summary);
    }
    let found = here.ok(format!("{gone}?as-of=v1")).await.json();
    assert_eq!(found["properties"]["dam_name_en"], "Élan Dam");
    let all = here
        .ok("/features?as-of=v1&max-results=2&offset=1&sort=-cabd_id")
        .await;
    assert_eq!(all.json()["features"].as_array().unwrap().len(), 2);
    let csv = here.ok("/features/dams?as-of=v1&format=csv").await.text();
    assert!(csv.contains("Élan Dam") && !csv.contains("Late Dam"));
    // What has been stays: later commits do not change the tag.
    let path = format!("/features/dams?as-of={before}");
    let tag = here.ok(&path).await.header("etag").to_owned();
    let other = vec![Operation::delete_feature("dams", id(3))];
    here.store
        .apply_all(&ChangeHead::default(), other)
        .await
        .unwrap();
    let again = here.get_with(&path, &[("if-none-match", &tag)]).await;
    assert_eq!(again.status, 304);
    assert_eq!(
        here.ok("/features/dams?as-of=3000-01-01")
            .await
            .names()
            .len(),
        2
    );
    assert_eq!(
        here.ok("/features/dams?as-of=1999-01-01T00:00:00Z")
            .await
            .names()
            .len(),
        0
    );
    let releases = here.ok("/releases").await.json();
    assert_eq!(releases[0]["name"], "v1");
    assert_eq!(releases[0]["commit"], before.0);
}

async fn a_tile_of_then_has_the_bytes_of_then(here: &Here) {
    let paths = [
        "/tiles/dams/6/18/22.mvt",
        "/tiles/6/18/22.mvt",
        "/clustertile/dams/6/18/22.mvt",
    ];
    let mut were = vec![];
    for path in paths {
        were.push(here.get(path).await);
    }
    let before = change(here).await;
    for (path, was) in paths.iter().zip(were) {
        assert_ne!(here.get(path).await.body, was.body, "{path}");
        for _ in 0..2 {
            let then = here.get(&format!("{path}?as-of={before}")).await;
            assert_eq!((then.status, &then.body), (was.status, &was.body), "{path}");
            assert!(then.header("cache-control").contains("immutable"));
        }
        let by_time = here.get(&format!("{path}?as-of=3000-01-01")).await;
        assert_eq!(by_time.header("cache-control"), "no-cache");
    }
    let filtered = format!("/tiles/dams/6/18/22.mvt?filter=height_m:lt:5&as-of={before}");
    assert_eq!(here.get(&filtered).await.status, 200);
    let described = here
        .ok(&format!("/tiles/dams/tilejson.json?as-of={before}"))
        .await
        .json();
    assert!(
        described["tiles"][0]
            .as_str()
            .unwrap()
            .ends_with(&format!("as-of={before}"))
    );
}

async fn history_and_feed_name_people_to_administrators_only(here: &Here) {
    let before = change(here).await;
    let contact = Operation::new(Relation::Contact, Action::Insert)
        .set("id", id(70))
        .set("email", "zoe@example.org")
        .set("name", "Zoë Private");
    let words = Operation::new(Relation::FeatureUpdate, Action::Insert)
        .set("contact_id", id(70))
        .set("id", id(71))
        .set("cabd_id", id(1))
        .set("cabd_type", "dams")
        .set("user_description", "it leaks");
    here.store
        .apply_all(&ChangeHead::default(), vec![contact])
        .await
        .unwrap();
    here.store
        .apply_all(&ChangeHead::default(), vec![words])
        .await
        .unwrap();
    let mut release = Release::new("v1", before).unwrap();
    release.author = Some("Zoë Private".into());
    here.store.release(&release).await.unwrap();
    let admin = [("authorization", &*format!("Bearer {SECRET}"))];
    let history = format!("/features/dams/{}/history", id(1));
    let paths = [
        history.as_str(),
        "/changes",
        "/changes?format=ndjson",
        "/releases",
    ];
    for path in paths {
        for headers in [
            &[] as &[(&str, &str)],
            &[("authorization", "Bearer another-secret-of-none")],
        ] {
            let got = here.get_with(path, headers).await;
            assert_eq!(got.status, 200, "{path}");
            for word in [
                "Zoë",
                "zoe@",
                "it leaks",
                "contacts",
                "user_feature_updates",
                "author",
            ] {
                assert!(!got.text().contains(word), "{path}: {word}: {}", got.text());
            }
        }
        let told = here.get_with(path, &admin).await;
        assert!(
            told.text().contains("Zoë Private"),
            "{path}: {}",
            told.text()
        );
        assert_eq!(told.header("cache-control"), "no-store");
        for word in ["zoe@", "it leaks"] {
            assert!(!told.text().contains(word), "{path}: {word}");
        }
    }
    let diff = here.ok(format!("/diff?from={before}&to=3000-01-01")).await;
    for word in ["Zoë", "zoe@", "it leaks"] {
        assert!(!diff.text().contains(word), "{word}");
    }
    let french = here.ok(format!("{history}?lang=fr")).await.json();
    let last = french["history"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(last["reason"], "measured");
    let values = last["rows"][0]["values"].as_array().unwrap();
    let height = values
        .iter()
        .find(|v| v["attribute"] == "height_m")
        .unwrap();
    assert_eq!(
        (&height["from"], &height["to"]),
        (&4.25.into(), &9.5.into())
    );
    assert_eq!(height["source"]["name"], "src_a");
    assert_ne!(height["name"], "height_m");
}

async fn a_feed_goes_on_from_page_to_page(here: &Here) {
    let before = change(here).await;
    let whole = here.ok("/changes?since=0&max-results=10000").await.json();
    assert_eq!(whole["complete"], true);
    let all = whole["changes"].as_array().unwrap().clone();
    let mut seen: Vec<Value> = vec![];
    let mut since = "0".to_owned();
    loop {
        let page = here
            .ok(&format!("/changes?since={since}&max-results=2"))
            .await;
        let json = page.json();
        seen.extend(json["changes"].as_array().unwrap().iter().cloned());
        since = json["next"].as_str().unwrap().to_owned();
        assert_eq!(page.header("cabd-next"), since);
        if json["complete"] == true {
            break;
        }
    }
    assert_eq!(seen, all);
    let head = here.store.head().await.unwrap();
    assert_eq!(since, head.to_string());
    assert_eq!(
        here.ok(format!("/changes?since={since}")).await.json()["changes"],
        Value::Array(vec![])
    );
    let narrow =
        format!("/changes?since={before}&types=dams&attribute=height_m&bbox=-76,45,-75.3,46");
    let found = here.ok(&narrow).await.json();
    let found = found["changes"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["cabd_id"], id(1).to_string());
    let lines = here
        .ok(&format!("/changes?since={before}&format=ndjson"))
        .await;
    assert!(lines.header("content-type").contains("ndjson"));
    let lines: Vec<Value> = lines
        .text()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert!(lines.iter().all(|l| l["commit"] == head.0));
}

async fn states_are_compared(here: &Here) {
    let before = change(here).await;
    let head = here.store.head().await.unwrap();
    let path = format!("/diff?from={before}&to={head}&types=dams");
    let got = here.ok(&path).await;
    let json = got.json();
    assert_eq!(json["from"]["commit"], before.0);
    let mut found: Vec<(String, String)> = vec![];
    for f in json["features"].as_array().unwrap() {
        let text = |k: &str| f[k].as_str().unwrap().to_owned();
        found.push((text("cabd_id"), text("change")));
    }
    let of = |n: u128, change: &str| (id(n).to_string(), change.to_owned());
    assert_eq!(found, [of(1, "changed"), of(2, "removed"), of(4, "added")]);
    let again = here
        .get_with(&path, &[("if-none-match", got.header("etag"))])
        .await;
    assert_eq!(again.status, 304);
    let lines = here.ok(format!("{path}&format=ndjson")).await.text();
    assert_eq!(lines.lines().count(), 3);
    let none = here
        .ok(&format!("/diff?from={head}&to={head}&format=ndjson"))
        .await;
    assert_eq!(none.text(), "");
    assert_eq!(
        here.ok(format!("/diff?from={head}&to={head}")).await.json()["features"],
        Value::Array(vec![])
    );
}

async fn what_is_no_state_is_said_in_both_languages(here: &Here) {
    let dam = id(1);
    for (path, pointer) in [
        ("/features/dams?as-of=yesterday".to_owned(), "#/query/as-of"),
        ("/features/dams?as-of=999999".to_owned(), "#/query/as-of"),
        (format!("/features/dams/{dam}?as-of=-1"), "#/query/as-of"),
        (
            "/tiles/dams/6/18/22.mvt?as-of=no".to_owned(),
            "#/query/as-of",
        ),
        ("/changes?since=no".to_owned(), "#/query/since"),
        ("/changes?max-results=0".to_owned(), "#/query/max-results"),
        ("/changes?bbox=1,2".to_owned(), "#/query/bbox"),
        ("/diff?from=1&to=999999".to_owned(), "#/query/to"),
        ("/diff?from=1&to=no".to_owned(), "#/query/to"),
    ] {
        let (en, fr) = (
            here.get(&path).await,
            here.get_with(&path, &[("accept-language", "fr")]).await,
        );
        assert_eq!(
            (en.status.as_u16(), fr.status.as_u16()),
            (400, 400),
            "{path}"
        );
        let (en, fr) = (en.json(), fr.json());
        assert_eq!(en["errors"][0]["pointer"], pointer, "{path}: {en}");
        assert_ne!(en["detail"], fr["detail"], "{path}");
    }
    let unknown = here
        .get(&format!("/features/dams/{}/history", id(99)))
        .await;
    assert_eq!(unknown.status, 404);
    for path in [
        "/diff?types=no",
        "/changes?types=no",
        "/changes?attribute=no",
    ] {
        assert_eq!(here.get(path).await.status, 400, "{path}");
    }
}
