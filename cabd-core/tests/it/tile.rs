//! Tiles of many features: what they show at every zoom, at their edges, and how large they are.

use std::collections::{BTreeMap, HashMap, HashSet};

use cabd_core::catalog::Manifest;
use cabd_core::conformance::mvt;
use cabd_core::memory::MemoryStore;
use cabd_core::store::tiles;
use cabd_core::store::{CatalogStore, FeatureStoreExt};
use cabd_core::tile::{
    EXTENT, MAX_ZOOM, MOST_BYTES, Member, Place, Places, Spot, Thinned, Tile, View, clusters,
    feature_number,
};
use cabd_core::{ChangeHead, FeatureQuery, Geometry, Operation, Uuid};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn view(places: &Places) -> View<'_> {
    View {
        members: vec![Member {
            places,
            hidden: vec![],
        }],
    }
}

/// Points in clusters of very different size around a place.
fn spots(seed: u64, n: usize) -> Vec<Spot> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut out = vec![];
    while out.len() < n {
        let (lon, lat) = (
            rng.random_range(-140.0..-52.0),
            rng.random_range(42.0..83.0),
        );
        let wide: f64 = 10f64.powf(rng.random_range(-7.0..1.0));
        for _ in 0..rng.random_range(1..400usize) {
            let id = Uuid::from_u128(rng.random());
            let x = lon + rng.random_range(-wide..wide);
            let y: f64 = lat + rng.random_range(-wide..wide);
            out.extend(Spot::of(id, &Geometry::point(x, y.clamp(-85.0, 85.0))).unwrap());
        }
    }
    out
}

fn shown(v: &View<'_>, tile: Tile) -> BTreeMap<Uuid, u32> {
    let all = Thinned::new(v, tile).kept;
    all.iter()
        .filter(|k| k.inside)
        .map(|k| (k.spot.id, k.count))
        .collect()
}

fn child(tile: Tile, place: Place) -> Tile {
    Tile::holding(tile.z() + 1, place)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_shown_at_a_zoom_is_shown_at_the_next(seed in any::<u64>(), n in 1usize..4000) {
        let spots = spots(seed, n);
        let places = Places::new(spots.clone());
        let v = view(&places);
        let at: HashMap<Uuid, Place> = spots.iter().map(|s| (s.id, s.place())).collect();
        let start = spots[seed as usize % spots.len()].place();
        for z in 0..MAX_ZOOM {
            let tile = Tile::holding(z, start);
            for id in shown(&v, tile).keys() {
                let next = child(tile, at[id]);
                prop_assert!(shown(&v, next).contains_key(id), "{z} {id}");
            }
        }
    }

    #[test]
    fn neighbours_agree_on_what_lies_at_their_edge(seed in any::<u64>(), n in 1usize..4000, z in 1u8..20) {
        let spots = spots(seed, n);
        let places = Places::new(spots.clone());
        let v = view(&places);
        let start = Tile::holding(z, spots[0].place());
        let last = (1u64 << z) - 1;
        let own = shown(&v, start);
        for (dx, dy) in [(1i64, 0i64), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1)] {
            let (x, y) = (i64::from(start.x()) + dx, i64::from(start.y()) + dy);
            if x < 0 || y < 0 || x as u64 > last || y as u64 > last { continue }
            let other = shown(&v, Tile::new(z.into(), x as u64, y as u64).unwrap());
            let reach = start.reach();
            let neighbour = Tile::new(z.into(), x as u64, y as u64).unwrap().reach();
            for s in &spots {
                let r = s.reach();
                if reach.meets(&r) && neighbour.meets(&r) {
                    prop_assert_eq!(own.get(&s.id), other.get(&s.id));
                }
            }
        }
    }

    #[test]
    fn every_feature_of_a_tile_is_counted_once(seed in any::<u64>(), n in 1usize..4000, z in 0u8..18) {
        let spots = spots(seed, n);
        let places = Places::new(spots.clone());
        let v = view(&places);
        let tile = Tile::holding(z, spots[0].place());
        let inside = |s: &Place| Tile::holding(z, *s) == tile;
        let there = spots.iter().filter(|s| inside(&s.place())).count() as u64;
        let kept = Thinned::new(&v, tile).kept;
        let said: u64 = kept.iter().filter(|k| inside(&k.spot.place())).map(|k| u64::from(k.count)).sum();
        prop_assert_eq!(said, there);
        let found = clusters(&v, tile);
        let said: u64 = found.iter().filter(|c| inside(&c.place)).map(|c| c.count).sum();
        prop_assert_eq!(said, there);
        prop_assert!(found.len() <= 100);
    }

    #[test]
    fn places_that_changed_one_by_one_are_those_read_anew(seed in any::<u64>(), n in 1usize..1500, lines in any::<bool>()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut spots = spots(seed, n);
        if lines {
            for s in &mut spots {
                let (x, y) = s.place().degrees();
                let far: f64 = 10f64.powf(rng.random_range(-5.0..0.5));
                let line = format!("LINESTRING({x} {y}, {} {})", x + far, (y - far).max(-85.0));
                *s = Spot::of(s.id, &Geometry::from_wkt(&line).unwrap()).unwrap().unwrap();
            }
        }
        let mut places = Places::new(spots.clone());
        let mut now: BTreeMap<Uuid, Spot> = spots.iter().map(|s| (s.id, *s)).collect();
        for i in 0..n {
            let s = spots[rng.random_range(0..spots.len())];
            let (id, spot) = match i % 3 {
                0 => (s.id, None),
                1 => {
                    let at = spots[rng.random_range(0..spots.len())].place().degrees();
                    (s.id, Spot::of(s.id, &Geometry::point(at.0, at.1)).unwrap())
                }
                _ => {
                    let id = Uuid::from_u128(rng.random());
                    let at = s.place().degrees();
                    (id, Spot::of(id, &Geometry::point(at.0, at.1)).unwrap())
                }
            };
            let old = places.put(id, spot);
            prop_assert_eq!(old.map(|o| o.place()), now.get(&id).map(|o| o.place()));
            match spot {
                Some(s) => drop(now.insert(id, s)),
                None => drop(now.remove(&id)),
            }
        }
        let fresh = Places::new(now.values().copied());
        prop_assert_eq!(places.len(), fresh.len());
        for z in [0, 3, 7, 12, 17] {
            for s in spots.iter().step_by(97) {
                let tile = Tile::holding(z, s.place());
                prop_assert_eq!(shown(&view(&places), tile), shown(&view(&fresh), tile));
                prop_assert_eq!(clusters(&view(&places), tile), clusters(&view(&fresh), tile));
            }
        }
    }
}

#[test]
fn a_block_shows_a_hundred_and_twenty_eight_and_no_more() {
    let at = |n: u32| {
        let x = -75.0 + f64::from(n) * 1e-7;
        Spot::of(Uuid::from_u128(n.into()), &Geometry::point(x, 45.0))
            .unwrap()
            .unwrap()
    };
    let all = Places::new((0..128).map(at));
    let tile = Tile::holding(5, at(0).place());
    assert_eq!(shown(&view(&all), tile).len(), 128);
    let more = Places::new((0..129).map(at));
    let few = shown(&view(&more), tile);
    assert_eq!(few.into_values().collect::<Vec<_>>(), [129]);
}

#[test]
fn numbers_of_many_features_are_their_own() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let ids: HashSet<Uuid> = (0..200_000u128)
        .map(Uuid::from_u128)
        .chain((0..200_000).map(|_| Uuid::from_u128(rng.random())))
        .collect();
    let numbers: HashSet<u64> = ids.iter().map(|id| feature_number(*id)).collect();
    assert_eq!(numbers.len(), ids.len());
}

fn wide(attributes: usize, kind: &str) -> Manifest {
    let mut text = format!(
        "[type]\nid = \"wide\"\nname = {{ en = \"Wide\", fr = \"Large\" }}\n[geometry]\nkind = \"{kind}\"\n\
         [[attributes]]\nid = \"cabd_id\"\ntype = \"uuid\"\ntile = true\n"
    );
    for n in 0..attributes {
        text += &format!("[[attributes]]\nid = \"a{n}\"\ntype = \"text\"\ntile = true\n");
    }
    text += &format!("[[attributes]]\nid = \"geometry\"\ntype = \"geometry({kind})\"\n");
    Manifest::from_toml("wide.toml", &text).unwrap()
}

async fn store_of(manifest: &Manifest, all: Vec<Operation>) -> MemoryStore {
    let store = MemoryStore::new();
    store.change_catalog(manifest).await.unwrap();
    store.apply_all(&ChangeHead::default(), all).await.unwrap();
    store
}

fn run<T>(f: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(f)
}

/// Every tile down to a zoom that shows something, with its bytes.
async fn every_tile(store: &MemoryStore, deepest: u8) -> Vec<(Tile, Vec<u8>)> {
    let query = FeatureQuery::of("wide");
    let mut out = vec![];
    let mut waiting = vec![Tile::new(0, 0, 0).unwrap()];
    while let Some(tile) = waiting.pop() {
        let bytes = tiles::tile(store, &query, tile).await.unwrap();
        if bytes.is_empty() {
            continue;
        }
        if tile.z() < deepest {
            for (dx, dy) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let (z, x, y) = (tile.z() + 1, tile.x() * 2 + dx, tile.y() * 2 + dy);
                waiting.push(Tile::new(z.into(), x.into(), y.into()).unwrap());
            }
        }
        out.push((tile, bytes));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn no_tile_is_too_large_however_wide_and_long_the_texts(
        seed in any::<u64>(), attributes in 1usize..30, length in 0usize..2000, n in 100u128..2500
    ) {
        run(async {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut all = vec![];
            for id in 0..n {
                let at = Geometry::point(-75.0 + rng.random_range(-2.0..2.0), 45.0 + rng.random_range(-2.0..2.0));
                let mut op = Operation::insert_feature("wide", Uuid::from_u128(id)).set("geometry", at);
                for a in 0..attributes {
                    let text = format!("{id} {a} {}", "é".repeat(rng.random_range(0..=length)));
                    op = op.set(&format!("a{a}"), text);
                }
                all.push(op);
            }
            let store = store_of(&wide(attributes, "point"), all).await;
            for z in [0, 4, 5, 6, 8] {
                let tile = Tile::holding(z, Place::of(-75.0, 45.0).unwrap());
                let bytes = tiles::tile(&store, &FeatureQuery::of("wide"), tile).await.unwrap();
                assert!(bytes.len() <= MOST_BYTES, "{}", bytes.len());
                assert!(!mvt::one_layer(&bytes).features.is_empty());
            }
        });
    }
}

/// A jagged line or area.
fn jagged(rng: &mut ChaCha8Rng, kind: &str, points: usize) -> String {
    let (lon, lat) = (
        -75.0 + rng.random_range(-4.0..4.0),
        45.0 + rng.random_range(-4.0..4.0),
    );
    let size: f64 = 10f64.powf(rng.random_range(-5.0..0.7));
    let point = |rng: &mut ChaCha8Rng, angle: f64, far: f64| {
        let far = far * size * rng.random_range(0.7..1.0);
        format!("{} {}", lon + angle.cos() * far, lat + angle.sin() * far)
    };
    let ring = |rng: &mut ChaCha8Rng, far: f64| {
        let mut all: Vec<String> = (0..points)
            .map(|i| point(rng, i as f64 / points as f64 * std::f64::consts::TAU, far))
            .collect();
        all.push(all[0].clone());
        format!("({})", all.join(", "))
    };
    if kind == "polygon" {
        let (outer, hole) = (ring(rng, 1.0), ring(rng, 0.3));
        return format!("POLYGON({outer}, {hole})");
    }
    let all: Vec<String> = (0..points)
        .map(|_| {
            let angle = rng.random_range(0.0..std::f64::consts::TAU);
            point(rng, angle, 1.0)
        })
        .collect();
    format!("LINESTRING({})", all.join(", "))
}

#[test]
fn lines_and_areas_are_drawn_within_their_tiles_and_stay_small() {
    for (kind, class) in [("linestring", 2), ("polygon", 3)] {
        run(async {
            let mut rng = ChaCha8Rng::seed_from_u64(3);
            let mut all = vec![];
            for id in 0..400u128 {
                let points = if id % 40 == 0 { 30_000 } else { 60 };
                let shape = Geometry::from_wkt(&jagged(&mut rng, kind, points)).unwrap();
                let op = Operation::insert_feature("wide", Uuid::from_u128(id));
                all.push(op.set("geometry", shape).set("a0", format!("n{id}")));
            }
            let store = store_of(&wide(1, kind), all).await;
            let all = every_tile(&store, 8).await;
            assert!(all.len() > 100, "{}", all.len());
            let mut seen = HashSet::new();
            for (tile, bytes) in &all {
                assert!(bytes.len() <= MOST_BYTES, "{tile:?}: {}", bytes.len());
                for f in &mvt::one_layer(bytes).features {
                    assert_eq!(f.class, class);
                    seen.insert(f.text("cabd_id").to_owned());
                    let within = |v: i64| (-256..=EXTENT + 257).contains(&v);
                    let points = f.parts.iter().flatten();
                    assert!(
                        points.clone().all(|p| within(p.0) && within(p.1)),
                        "{tile:?}"
                    );
                }
            }
            assert_eq!(seen.len(), 400, "each is shown somewhere");
        });
    }
}

#[test]
fn an_area_keeps_its_hole_and_the_direction_of_its_rings() {
    run(async {
        let wkt = "POLYGON((-80 40, -80 50, -70 50, -70 40, -80 40), (-76 44, -74 44, -74 46, -76 46, -76 44))";
        let op = Operation::insert_feature("wide", Uuid::from_u128(1))
            .set("geometry", Geometry::from_wkt(wkt).unwrap());
        let store = store_of(&wide(1, "polygon"), vec![op]).await;
        let tile = Tile::holding(3, Place::of(-75.0, 45.0).unwrap());
        let query = FeatureQuery::of("wide");
        let layer = mvt::one_layer(&tiles::tile(&store, &query, tile).await.unwrap());
        let parts = &layer.features[0].parts;
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
        assert!(mvt::twice_area(&parts[0]) > 0 && mvt::twice_area(&parts[1]) < 0);
        // Within the area there is nothing but area; within the hole nothing.
        let deep = |lon, lat| Tile::holding(12, Place::of(lon, lat).unwrap());
        let bytes = tiles::tile(&store, &query, deep(-79.0, 45.0))
            .await
            .unwrap();
        let all = &mvt::one_layer(&bytes).features[0].parts;
        assert_eq!(mvt::twice_area(&all[0]), 2 * 4608 * 4608);
        assert!(
            tiles::tile(&store, &query, deep(-75.0, 45.0))
                .await
                .unwrap()
                .is_empty()
        );
    });
}

#[test]
fn a_filtered_tile_is_that_of_what_passes() {
    run(async {
        let all = (0..500u128).map(|n| {
            Operation::insert_feature("wide", Uuid::from_u128(n))
                .set("geometry", Geometry::point(-75.0 + n as f64 / 500.0, 45.0))
                .set("a0", if n % 100 == 0 { "yes" } else { "no" })
        });
        let store = store_of(&wide(1, "point"), all.collect()).await;
        let mut query = FeatureQuery::of("wide");
        query.filter = Some(cabd_core::query::parse_filter("a0:eq:yes").unwrap());
        let tile = Tile::new(0, 0, 0).unwrap();
        let layer = mvt::one_layer(&tiles::tile(&store, &query, tile).await.unwrap());
        assert_eq!(layer.features.len(), 5);
        assert!(
            layer
                .features
                .iter()
                .all(|f| f.count() == 1 && f.text("a0") == "yes")
        );
        let found = tiles::cluster_tile(&store, &query, tile).await.unwrap();
        let found = mvt::one_layer(&found);
        assert_eq!(found.features.iter().map(|f| f.count()).sum::<u64>(), 5);
    });
}
