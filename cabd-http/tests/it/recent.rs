//! Short answers are given again until somebody writes.

use cabd::{ChangeHead, FeatureStoreExt, Operation};

use crate::support::{Got, Here, id};

/// All headers but those of the request; a kept answer knows its length.
fn lasting(got: &Got) -> Vec<(String, String)> {
    let all = got
        .headers
        .iter()
        .filter(|(n, _)| !["x-request-id", "content-length"].contains(&n.as_str()));
    let mut all: Vec<_> = all
        .map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
        .collect();
    all.sort();
    all
}

pub async fn an_answer_is_given_again_with_its_headers(here: &Here) {
    for path in [
        "/features/dams?attributes=simple".to_owned(),
        "/features/barriers?format=csv&lang=fr".to_owned(),
        format!("/features/dams/{}", id(1)),
        "/features/types/dams".to_owned(),
    ] {
        for packed in [&[][..], &[("accept-encoding", "gzip")]] {
            let (first, again) = (
                here.get_with(&path, packed).await,
                here.get_with(&path, packed).await,
            );
            assert_eq!(first.status, 200, "{path}");
            assert!(first.body == again.body, "{path}");
            assert_eq!(lasting(&first), lasting(&again), "{path}");
            assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
        }
    }
    let known = here.ok("/features/dams?attributes=simple").await;
    let condition = [("if-none-match", known.header("etag"))];
    let got = here
        .get_with("/features/dams?attributes=simple", &condition)
        .await;
    assert_eq!((got.status.as_u16(), got.body.len()), (304, 0));
    assert!(!got.headers.contains_key("content-type"));
    assert_eq!(got.header("etag"), known.header("etag"));
}

pub async fn another_question_is_another_answer(here: &Here) {
    let path = "/features/types/dams";
    let english = here.ok(path).await;
    let french = here.get_with(path, &[("accept-language", "fr")]).await;
    assert_ne!(english.text(), french.text());
    assert_eq!(here.ok(path).await.text(), english.text());
    let list = "/features/waterfalls";
    let csv = here.get_with(list, &[("accept", "text/csv")]).await;
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(
        !here
            .ok(list)
            .await
            .header("content-type")
            .starts_with("text/csv")
    );
}

pub async fn a_write_ends_what_was_kept(here: &Here) {
    let path = format!("/features/dams/{}", id(2));
    let list = "/features/dams?attributes=simple&sort=cabd_id";
    for n in 0..3 {
        let (one, all) = (here.ok(&path).await, here.ok(list).await);
        assert_eq!(here.ok(&path).await.text(), one.text());
        let name = format!("Name {n}");
        let change = Operation::update_feature("dams", id(2)).set("dam_name_en", name.as_str());
        let head = ChangeHead::default();
        here.store.apply_all(&head, vec![change]).await.unwrap();
        assert!(here.ok(&path).await.text().contains(&name));
        assert_ne!(here.ok(list).await.text(), all.text());
    }
}
