//! What every store's API must refuse, and in which words: cases of `cases.rs`.

use serde_json::json;

use crate::support::Here;

pub async fn a_bad_value_is_400_and_pointed_at(here: &Here) {
    for (query, parameter) in [
        ("bbox=1,2,3", "bbox"),
        ("bbox=a,b,c,d", "bbox"),
        ("bbox=NaN,1,2,3", "bbox"),
        ("bbox=-200,0,0,1", "bbox"),
        ("bbox=0,0,1,1&bbox=0,0,1,1", "bbox"),
        ("bbox=", "bbox"),
        ("area=POINT(1%202)", "area"),
        ("area=POLYGON((0%200,1%201,1%200,0%201,0%200))", "area"),
        ("area=POLYGON((0%200,181%200,0%201,0%200))", "area"),
        ("area=", "area"),
        ("point=1", "point"),
        ("point=1,91&max-results=1", "point"),
        ("point=1,1", "max-results"),
        ("max-results=-1", "max-results"),
        ("max-results=many", "max-results"),
        ("max-results=99999999999999999999", "max-results"),
        ("types=lakes", "types"),
        ("filter=name_en", "filter"),
        ("filter=name_en:eq", "filter"),
        ("filter=nothing:eq:1", "filter"),
        ("filter=name_en:lt:a", "filter"),
        ("filter=name_en:above:a", "filter"),
        ("filter=passability_status_code:eq:x", "filter"),
        ("filter=cabd_id:eq:17", "filter"),
        ("namefilter=mill", "namefilter"),
        ("namefilter=lt:mill", "namefilter"),
        ("attributes=none", "attributes"),
        ("attributes=All", "attributes"),
        ("lang=de", "lang"),
    ] {
        let got = here.get(&format!("/features?{query}")).await;
        assert_eq!(got.status, 400, "{query}: {}", got.text());
        assert_eq!(got.header("content-type"), "application/problem+json");
        let json = got.json();
        assert_eq!(
            json["errors"][0]["pointer"],
            format!("#/query/{parameter}"),
            "{query}: {json}"
        );
        assert_eq!(
            (&json["status"], &json["statusCode"]),
            (&json!(400), &json!(400))
        );
        assert_eq!(json["statusMessage"], "Bad Request");
        assert_eq!(json["instance"], "/cabd-api/features");
    }
    // No name to search: told, not a fault.
    let got = here
        .get("/features/modelled_crossings?namefilter=like:a")
        .await;
    assert!(got.status == 200 || got.status == 400, "{}", got.text());
    let got = here.get("/features?filter=name_en:eq:%E9").await;
    assert_eq!(got.status, 400);
    // What is not a parameter does not matter, as in the original.
    here.ok("/features?cachebuster=1").await;
}

pub async fn what_is_not_there_is_404(here: &Here) {
    for path in [
        "/features/lakes",
        "/features/types/lakes",
        "/features/lakes/00000000-0000-0000-0000-000000000001",
        "/features/dams/17",
        "/features/dams/00000000-0000-0000-0000-000000000011",
        "/features/00000000-0000-0000-0000-000000000077",
        "/features/0000-1",
        "/nothing",
    ] {
        let got = here.get(path).await;
        assert_eq!(got.status, 404, "{path}");
        assert_eq!(
            got.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        assert_eq!(got.json()["statusMessage"], "Not Found");
    }
    let hint = here.get("/features/dam").await.json();
    assert_eq!(hint["errors"][0]["hint"], "did you mean \"dams\"?");
}

pub async fn problems_speak_french(here: &Here) {
    let got = here.get("/features?bbox=1,2,3&lang=fr").await;
    assert_eq!(got.header("content-language"), "fr");
    let json = got.json();
    assert_eq!(json["title"], "La requête ne peut pas être acceptée");
    assert_eq!(json["detail"], "pas une boîte : « 1,2,3 »");
    let json = here
        .get_with("/features/lakes", &[("accept-language", "fr")])
        .await
        .json();
    assert_eq!(json["title"], "Introuvable");
    assert!(
        json["message"]
            .as_str()
            .unwrap()
            .contains("n’est pas connu"),
        "{json}"
    );
    for query in [
        "filter=height_m:lt:x",
        "filter=x:eq:1",
        "filter=height_m:like:1",
        "max-results=x",
        "attributes=x",
    ] {
        let json = here
            .get(&format!("/features/dams?lang=fr&{query}"))
            .await
            .json();
        let text = json["errors"][0]["detail"].as_str().unwrap();
        assert!(
            !text.contains("not ") && !text.contains("unknown"),
            "{json}"
        );
    }
}
