//! What the inventory says of itself, and tiles that are narrowed: cases of `cases.rs`.

use crate::support::{Here, id};

pub async fn every_data_source_is_listed_with_its_attribution(here: &Here) {
    let json = here.ok("/features/datasources").await.json();
    let sources = json.as_array().unwrap();
    assert!(!sources.is_empty());
    for source in sources {
        assert!(source["name"].is_string());
        assert!(source.as_object().unwrap().contains_key("attribution"));
        assert!(source["id"].is_string());
    }
}

pub async fn the_dictionary_is_served_in_the_asked_language(here: &Here) {
    let page = here.ok("/docs").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = page.text();
    for part in [
        "lang=\"en\"",
        "id=\"ft_dams\"",
        "id=\"dams_height_m\"",
        "id=\"ds\"",
        "href=\"?lang=fr\"",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("<script"));
    let french = here
        .get_with("/docs/?options=dams", &[("accept-language", "fr-CA")])
        .await;
    assert_eq!(french.header("content-language"), "fr");
    let text = french.text();
    assert!(
        text.contains("Dictionnaire de données")
            && text.contains("href=\"?options=dams&amp;lang=en\"")
    );
    assert!(!text.contains("id=\"ft_waterfalls\"") && !text.contains("id=\"ds\""));

    let both = here
        .ok("/docs?options=ds,waterfalls&options=fishways&format=md")
        .await;
    assert_eq!(both.header("content-type"), "text/markdown; charset=utf-8");
    let text = both.text();
    assert!(
        text.contains("(`waterfalls`)")
            && text.contains("(`fishways`)")
            && text.contains("## Data sources")
    );
    assert!(!text.contains("(`dams`)"));
    assert!(
        here.ok("/docs?options=types&format=csv")
            .await
            .text()
            .contains("attribute,dams,height_m,double")
    );

    let known = here
        .get_with("/docs", &[("if-none-match", page.header("etag"))])
        .await;
    assert_eq!(known.status, 304);
    let bad = here.get("/docs?options=dams,lakes&lang=fr").await;
    assert_eq!(bad.status, 400);
    assert_eq!(bad.json()["errors"][0]["pointer"], "#/query/options");
    assert_eq!(bad.json()["errors"][0]["value"], "lakes");
}

pub async fn a_tile_is_narrowed_by_types_and_box(here: &Here) {
    let of = |query: &'static str| async move {
        let path = format!("/tiles/all_features/0/0/0.mvt?{query}");
        let got = here.get(&path).await;
        let text = String::from_utf8_lossy(&got.body).into_owned();
        (got.status.as_u16(), text)
    };
    let (status, all) = of("lang=en").await;
    assert_eq!(status, 200);
    assert!(all.contains(&id(1).to_string()));
    let (_, falls) = of("types=waterfalls").await;
    assert!(falls.len() < all.len() && !falls.contains(&id(1).to_string()));
    let (_, near) = of("bbox=-75.6,45.3,-75.4,45.5").await;
    assert!(near.len() < all.len() && near.contains(&id(1).to_string()));
    assert_eq!(of("bbox=1,1,2,2").await.0, 204);
    let around = "area=POLYGON((-75.6%2045.3,-75.4%2045.3,-75.5%2045.5,-75.6%2045.3))";
    let (_, around) = of(around).await;
    assert!(around.len() < all.len() && around.contains(&id(1).to_string()));
    assert_eq!(of("area=POLYGON((1%201,2%201,1%202,1%201))").await.0, 204);
    assert_eq!(of("bbox=1,1,2").await.0, 400);
}
