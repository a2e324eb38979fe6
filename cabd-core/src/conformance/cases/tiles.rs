//! Tiles: the same bytes from every store, and what is remembered of places in step with every change.

use crate::catalog::{Catalog, Relation};
use crate::conformance::mvt::{self, TileFeature};
use crate::conformance::world::*;
use crate::feature::{Action, Operation};
use crate::geometry::Geometry;
use crate::lang::Lang;
use crate::memory::MemoryStore;
use crate::query::FeatureQuery;
use crate::store::Store;
use crate::store::tiles::{self, Atlas, Stale, TileView, fill};
use crate::tile::{Draft, Place, Thinned, Tile, clusters, draw, draw_clusters};

const TYPES: [&str; 8] = [
    "weirs",
    "obstacles",
    "everything",
    "sites",
    "models",
    "reaches",
    "basins",
    "shapes",
];

/// The tiles of some zooms that hold these positions.
fn around(positions: &[(f64, f64)]) -> Vec<Tile> {
    let mut out: Vec<Tile> = positions
        .iter()
        .filter_map(|(lon, lat)| Place::of(*lon, *lat))
        .flat_map(|p| [0, 3, 6, 9, 12, 15].map(|z| Tile::holding(z, p)))
        .collect();
    out.sort();
    out.dedup();
    out
}

async fn tile(store: &dyn Store, ft: &str, lang: Lang, tile: Tile) -> Vec<u8> {
    let mut query = FeatureQuery::of(ft);
    query.lang = lang;
    tiles::tile(store, &query, tile).await.unwrap()
}

fn by_id(features: &[TileFeature], n: u128) -> &TileFeature {
    let id = id(n).to_string();
    let found = features.iter().find(|f| f.text("cabd_id") == id);
    found.unwrap_or_else(|| panic!("{n} is in the tile"))
}

/// Features of every type: a crowd, neighbours at the edge of a tile, lines and areas.
fn world() -> Vec<Operation> {
    let mut all = vec![
        weir(1)
            .set("weir_name_en", "Mill Weir")
            .set("weir_name_fr", "Seuil")
            .set("size_code", 1)
            .set("height_m", 2.5),
        weir_at(2, -90.0, 45.0),
        weir_at(3, -90.001, 45.0),
        weir_at(4, 179.999, -84.0),
        weir_at(5, -75.0, 89.0),
        site(300)
            .set("stream_name", "Brook")
            .set("modelled_id", id(400)),
        structure(310, 300, true, 1).set("width_m", 1.5),
        site(301),
        model(400),
        model(401),
        ladder(500),
        species(500, "eel", true),
        shape("reaches", 600, "LINESTRING(-75 45, -74 46, -74.5 46.2)"),
        shape("reaches", 601, "LINESTRING(-75 45, -75.000001 45)"),
        shape(
            "basins",
            700,
            "POLYGON((-76 44, -73 44, -73 47, -76 47, -76 44), (-75 45, -74 45, -74 46, -75 45))",
        ),
    ];
    all.extend((0..260u32).map(|n| {
        let (x, y) = (f64::from(n % 20) / 900.0, f64::from(n / 20) / 900.0);
        weir_at(1000 + u128::from(n), -75.02 + x, 45.0 + y)
    }));
    all.extend((0..40).map(|n| {
        let x = -70.0 + n as f64 / 500.0;
        placed("falls", 2000 + n, x, 45.01).set("fall_class", "cascade")
    }));
    all
}

const PLACES: [(f64, f64); 8] = [
    (-75.0, 45.0),
    (-90.0, 45.0),
    (-90.0005, 45.0),
    (179.999, -84.0),
    (-72.0, 49.7),
    (-73.0, 51.25),
    (-70.0, 45.0),
    (-71.0, 52.8),
];

pub async fn a_tile_shows_features_where_they_are_in_the_language_asked_for(store: &dyn Store) {
    furnish(store).await;
    write(store, world()).await;
    let place = Place::of(-75.0, 45.0 + 1.0 / 64.0).unwrap();
    let deep = Tile::holding(16, place);
    for (lang, size) in [(Lang::En, "size"), (Lang::Fr, "size")] {
        let layer = mvt::one_layer(&tile(store, "weirs", lang, deep).await);
        assert_eq!(layer.name, "weirs");
        let weir = by_id(&layer.features, 1);
        assert_eq!(weir.text("weir_name_en"), "Mill Weir");
        assert_eq!(weir.properties["height_m"], 2.5);
        assert_eq!(weir.count(), 1);
        assert_eq!(weir.number, Some(crate::tile::feature_number(id(1))));
        let mut query = FeatureQuery::of("weirs");
        query.lang = lang;
        let label = ask(store, &query).await.of(1, size);
        assert_eq!(weir.text("size"), label.as_str().unwrap());
        let (x, y) = weir.parts[0][0];
        assert!((0..4096).contains(&x) && (0..4096).contains(&y));
    }
    // Low down a crowd is shown by some, and none is forgotten.
    let layer = mvt::one_layer(&tile(store, "weirs", Lang::En, Tile::new(0, 0, 0).unwrap()).await);
    let counted: u64 = layer.features.iter().map(TileFeature::count).sum();
    assert_eq!(counted, 260 + 4, "the one beyond the grid is on no tile");
    assert!(layer.features.len() < 20);
    // Lines and areas, and a list as JSON.
    let shapes = tile(store, "shapes", Lang::En, Tile::new(4, 4, 5).unwrap()).await;
    let shapes = mvt::one_layer(&shapes);
    let class = |n| by_id(&shapes.features, n).class;
    assert_eq!([class(600), class(601), class(700)], [2, 2, 3]);
    let ladders = Place::of(-71.0, 45.0 + 500.0 / 64.0).unwrap();
    let ladders = tile(store, "ladders", Lang::En, Tile::holding(10, ladders)).await;
    let ladder = mvt::one_layer(&ladders).features.remove(0);
    assert!(ladder.text("known_use").starts_with("[\""), "{ladder:?}");
}

pub async fn the_same_features_are_the_same_bytes_on_every_store(store: &dyn Store) {
    let reference = MemoryStore::new();
    for s in [store, &reference as &dyn Store] {
        furnish(s).await;
        write(s, world()).await;
    }
    let mut full = 0;
    for ft in TYPES {
        for t in around(&PLACES) {
            for lang in [Lang::En, Lang::Fr] {
                let (own, other) = (
                    tile(store, ft, lang, t).await,
                    tile(&reference, ft, lang, t).await,
                );
                assert!(own == other, "{ft} {t:?} {lang}");
                if !own.is_empty() {
                    mvt::one_layer(&own);
                    full += 1;
                }
            }
            let query = FeatureQuery::of(ft);
            let own = tiles::cluster_tile(store, &query, t).await.unwrap();
            let other = tiles::cluster_tile(&reference, &query, t).await.unwrap();
            assert!(own == other, "clusters {ft} {t:?}");
        }
    }
    assert!(full > 200, "{full}");
}

/// A tile from what is remembered.
async fn remembered(
    store: &dyn Store,
    atlas: &Atlas,
    view: &TileView,
    tile: Tile,
) -> (Vec<u8>, Vec<u8>) {
    let thinned = atlas.with(view, |v| Thinned::new(v, tile)).expect("known");
    let mut draft = Draft::new(&view.feature_type, thinned);
    fill(store, &mut draft, &view.feature_type, Lang::En, None)
        .await
        .unwrap();
    assert_eq!(draft.wanted().len(), 0, "everything is still there");
    let found = atlas.with(view, |v| clusters(v, tile)).expect("known");
    (draw(&[draft]), draw_clusters(tile, &found))
}

async fn fresh(store: &dyn Store, view: &TileView, t: Tile) -> (Vec<u8>, Vec<u8>) {
    let query = FeatureQuery::of(&view.feature_type);
    let found = tiles::cluster_tile(store, &query, t).await.unwrap();
    (tile(store, &view.feature_type, Lang::En, t).await, found)
}

async fn views(catalog: &Catalog) -> Vec<TileView> {
    TYPES
        .iter()
        .map(|ft| TileView::of(catalog, catalog.feature_type(ft).unwrap()).unwrap())
        .collect()
}

pub async fn what_is_remembered_of_places_follows_every_change(store: &dyn Store) {
    furnish(store).await;
    write(store, world()).await;
    let atlas = Atlas::default();
    let (head, catalog) = store.moment().await.unwrap();
    atlas.follow(store, &catalog, head).await.unwrap();
    let views = views(&catalog).await;
    assert!(atlas.with(&views[0], |_| ()).is_none());
    for view in &views {
        atlas.prepare(store, &catalog, view).await.unwrap();
    }
    let all = around(&PLACES);
    let mut before = vec![];
    for view in &views {
        for t in &all {
            let known = remembered(store, &atlas, view, *t).await;
            assert!(known == fresh(store, view, *t).await, "{view:?} {t:?}");
            before.push(known);
        }
    }
    let part = |n| {
        Operation::new(Relation::part("sites", "structures"), Action::Update)
            .set("structure_id", id(n))
    };
    let changes: Vec<Vec<Operation>> = vec![
        vec![update(1).set("weir_name_en", "New Weir")],
        vec![update(1).set("geometry", Geometry::point(-90.0003, 45.0))],
        vec![delete(2)],
        vec![weir_at(6, -75.013, 45.0031)],
        (1000..1200).step_by(3).map(delete).collect(),
        vec![part(310).set("width_m", 9.5)],
        vec![part(310).set("site_id", id(301))],
        vec![Operation::update_feature("sites", id(300)).set("modelled_id", id(401))],
        vec![Operation::update_feature("sites", id(300)).set("modelled_id", crate::Value::Null)],
        vec![
            Operation::update_feature("reaches", id(600)).set(
                "geometry",
                Geometry::from_wkt("LINESTRING(-75 45, -72 49.7)").unwrap(),
            ),
            Operation::delete_feature("basins", id(700)),
        ],
        vec![Operation::update_feature("falls", id(2000)).set("fall_name_en", "New Falls")],
        vec![
            Operation::delete_feature("sites", id(301)),
            weir_at(2, -90.0, 45.0),
        ],
    ];
    for change in changes {
        let what = format!("{change:?}");
        let what: String = what.chars().take(120).collect();
        write(store, change).await;
        let (head, catalog) = store.moment().await.unwrap();
        let changes = atlas.follow(store, &catalog, head).await.unwrap();
        assert!(!changes.is_empty(), "{what}");
        let mut old = before.iter_mut();
        for view in &views {
            let stale = changes.stale(&atlas, view);
            for t in &all {
                let now = remembered(store, &atlas, view, *t).await;
                assert!(
                    now == fresh(store, view, *t).await,
                    "{what}: {} {t:?}",
                    view.feature_type
                );
                let was = old.next().unwrap();
                assert!(
                    *was == now || stale.holds(*t),
                    "{what}: {} {t:?} has changed",
                    view.feature_type
                );
                *was = now;
            }
        }
    }
    // A change far away concerns nothing here; without one nothing is concerned.
    write(store, vec![weir_at(7, -120.0, 70.0)]).await;
    let (head, catalog) = store.moment().await.unwrap();
    let changes = atlas.follow(store, &catalog, head).await.unwrap();
    let place = Place::of(-75.0, 45.0).unwrap();
    let stale = changes.stale(&atlas, &views[0]);
    assert!(!stale.holds(Tile::holding(9, place)) && stale.holds(Tile::new(0, 0, 0).unwrap()));
    assert_eq!(changes.stale(&atlas, &views[3]), Stale::default());
    let changes = atlas.follow(store, &catalog, head).await.unwrap();
    assert!(changes.is_empty());
}

pub async fn what_hides_a_feature_hides_it_in_tiles(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![model(1), model(2), site(3)]).await;
    let catalog = store.catalog().await.unwrap();
    let layers = tiles::tile_views(&catalog, "everything").unwrap();
    let models = layers.iter().find(|v| v.feature_type == "models").unwrap();
    let atlas = Atlas::default();
    let shown = async || {
        let (head, catalog) = store.moment().await.unwrap();
        let changes = atlas.follow(store, &catalog, head).await.unwrap();
        atlas.prepare(store, &catalog, models).await.unwrap();
        let place = Place::of(-73.0, 45.0).unwrap();
        let t = Tile::holding(6, place);
        let (tile, _) = remembered(store, &atlas, models, t).await;
        let stale = changes.stale(&atlas, models).holds(t);
        (mvt::one_layer(&tile).features.len(), stale)
    };
    shown().await;
    assert_eq!(shown().await, (2, false));
    let site = || Operation::update_feature("sites", id(3));
    write(store, vec![site().set("modelled_id", id(2))]).await;
    assert_eq!(shown().await, (1, true));
    write(store, vec![site().set("stream_name", "Brook")]).await;
    assert_eq!(shown().await, (1, false));
    write(store, vec![Operation::delete_feature("sites", id(3))]).await;
    assert_eq!(shown().await, (2, true));
}

pub async fn more_changes_than_are_followed_are_read_anew(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let atlas = Atlas::default();
    let (head, catalog) = store.moment().await.unwrap();
    atlas.follow(store, &catalog, head).await.unwrap();
    let view = TileView::of(&catalog, catalog.feature_type("weirs").unwrap()).unwrap();
    atlas.prepare(store, &catalog, &view).await.unwrap();
    let many = (0..20_001u32).map(|n| {
        let (x, y) = (f64::from(n % 150), f64::from(n / 150));
        weir_at(10 + u128::from(n), -140.0 + x / 2.0, 45.0 + y / 8.0)
    });
    write(store, many.collect()).await;
    let (head, catalog) = store.moment().await.unwrap();
    let changes = atlas.follow(store, &catalog, head).await.unwrap();
    assert_eq!(changes.stale(&atlas, &view), Stale::all());
    assert!(atlas.with(&view, |_| ()).is_none());
    atlas.prepare(store, &catalog, &view).await.unwrap();
    let t = Tile::new(3, 1, 2).unwrap();
    let known = remembered(store, &atlas, &view, t).await;
    assert!(known == fresh(store, &view, t).await);
}

pub async fn a_moment_is_the_newest_commit_and_the_catalogue(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let (head, catalog) = store.moment().await.unwrap();
    assert_eq!(head, store.head().await.unwrap());
    assert_eq!(catalog.version, store.catalog().await.unwrap().version);
    write(store, vec![weir(2)]).await;
    assert!(store.moment().await.unwrap().0 > head);
}
