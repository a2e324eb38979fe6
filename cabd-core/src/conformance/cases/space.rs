//! Boxes, lines, areas, and the nearest features.

use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::geometry::{Bbox, great_circle_m};
use crate::page::Near;
use crate::query::FeatureQuery;
use crate::store::{FeatureStoreExt, Store};
use crate::value::Value;

fn within(feature_type: &str, corners: [f64; 4]) -> FeatureQuery {
    let [a, b, c, d] = corners;
    let mut q = FeatureQuery::of(feature_type);
    q.bbox = Some(Bbox::new(a, b, c, d).unwrap());
    q
}

fn near(feature_type: &str, longitude: f64, latitude: f64) -> FeatureQuery {
    let mut q = FeatureQuery::of(feature_type);
    q.near = Some(Near::new(longitude, latitude).unwrap());
    q
}

fn within_m(feature_type: &str, longitude: f64, latitude: f64, metres: f64) -> FeatureQuery {
    let mut q = near(feature_type, longitude, latitude);
    q.near.as_mut().unwrap().within_m = Some(metres);
    q
}

pub async fn a_box_holds_its_edges_and_corners(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir_at(1, -75.0, 45.0),
            weir_at(2, -74.0, 46.0),
            weir_at(3, -74.5, 45.0),
            weir_at(4, -74.5, 45.5),
            weir_at(5, -75.0 - 1e-9, 45.5),
            weir_at(6, -74.5, 46.000_000_1),
            weir_at(7, -74.1, 45.1),
        ],
    )
    .await;
    assert_eq!(
        found(store, &within("weirs", [-75.0, 45.0, -74.0, 46.0])).await,
        [1, 2, 3, 4, 7]
    );
    // Single precision rounds this edge outwards; the answer must not.
    assert_eq!(
        found(store, &within("weirs", [-75.0, 45.0, -74.1 - 1e-12, 45.2])).await,
        [1, 3]
    );
}

pub async fn swapped_corners_are_put_right(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir_at(1, -74.5, 45.5), weir_at(2, -73.0, 45.5)],
    )
    .await;
    assert_eq!(
        found(store, &within("weirs", [-74.0, 46.0, -75.0, 45.0])).await,
        [1]
    );
    assert_eq!(
        found(store, &within("weirs", [-75.0, 46.0, -74.0, 45.0])).await,
        [1]
    );
}

pub async fn a_box_without_area_is_a_line_or_a_place(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir_at(1, -74.5, 45.5),
            weir_at(2, -74.5, 45.75),
            shape("basins", 3, "POLYGON((-75 45,-74 45,-74 46,-75 46,-75 45))"),
            shape("reaches", 4, "LINESTRING(-75 45.5,-74 45.5)"),
        ],
    )
    .await;
    assert_eq!(
        found(store, &within("weirs", [-74.5, 45.5, -74.5, 45.5])).await,
        [1]
    );
    assert_eq!(
        found(store, &within("weirs", [-74.5, 45.0, -74.5, 46.0])).await,
        [1, 2]
    );
    assert_eq!(
        found(store, &within("shapes", [-74.5, 45.5, -74.5, 45.5])).await,
        [3, 4]
    );
    assert_eq!(
        found(store, &within("shapes", [-74.5, 44.0, -74.5, 47.0])).await,
        [3, 4]
    );
    assert_eq!(
        found(store, &within("shapes", [-73.5, 44.0, -73.5, 47.0])).await,
        []
    );
}

pub async fn a_line_is_in_a_box_only_where_it_passes(store: &dyn Store) {
    furnish(store).await;
    // The boxes around both lines hold the query box; one line passes by.
    write(
        store,
        vec![
            shape("reaches", 1, "LINESTRING(0 0,10 10)"),
            shape("reaches", 2, "LINESTRING(0 0,10 0,10 10)"),
            shape("reaches", 3, "LINESTRING(4 4,4.5 4.5)"),
            shape("reaches", 4, "LINESTRING(3 5,5 7)"),
        ],
    )
    .await;
    assert_eq!(
        found(store, &within("reaches", [4.0, 4.0, 5.0, 5.0])).await,
        [1, 3]
    );
    assert_eq!(
        found(store, &within("reaches", [1.0, 7.0, 3.0, 9.0])).await,
        []
    );
    assert_eq!(
        found(store, &within("reaches", [5.0, 4.0, 6.0, 5.0])).await,
        [1],
        "touching counts"
    );
    assert_eq!(
        found(store, &within("shapes", [3.0, 5.0, 3.0, 5.0])).await,
        [4]
    );
}

pub async fn a_box_in_the_hole_of_an_area_is_outside_it(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            shape(
                "basins",
                1,
                "POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,2 8,8 8,8 2,2 2))",
            ),
            shape("basins", 2, "POLYGON((4 4,6 4,6 6,4 6,4 4))"),
            shape("basins", 3, "POLYGON((20 0,30 0,20 10,20 0))"),
        ],
    )
    .await;
    for (corners, expected) in [
        ([3.0, 3.0, 3.5, 3.5], vec![]),
        ([3.0, 3.0, 4.0, 4.0], vec![2]),
        ([4.5, 4.5, 5.0, 5.0], vec![2]),
        ([1.0, 1.0, 1.5, 1.5], vec![1]),
        ([2.0, 2.0, 3.0, 3.0], vec![1]),
        ([1.0, 4.0, 9.0, 5.0], vec![1, 2]),
        ([-1.0, -1.0, 11.0, 11.0], vec![1, 2]),
        ([27.0, 7.0, 29.0, 9.0], vec![]),
        ([25.0, 5.0, 29.0, 9.0], vec![3]),
    ] {
        assert_eq!(
            found(store, &within("basins", corners)).await,
            expected,
            "{corners:?}"
        );
    }
}

pub async fn the_whole_world_is_a_box(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir_at(1, -180.0, -90.0),
            weir_at(2, 180.0, 90.0),
            weir_at(3, 0.0, 0.0),
            weir_at(4, 179.5, 60.0),
        ],
    )
    .await;
    assert_eq!(
        found(store, &within("weirs", [-180.0, -90.0, 180.0, 90.0])).await,
        [1, 2, 3, 4]
    );
    assert_eq!(
        found(store, &within("weirs", [179.0, 50.0, 180.0, 70.0])).await,
        [4]
    );
    assert_eq!(
        found(store, &within("weirs", [-180.0, 50.0, -179.0, 70.0])).await,
        []
    );
}

pub async fn a_moved_feature_is_found_where_it_is_now(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir_at(1, -75.0, 45.0), weir_at(2, -75.0, 45.0)],
    )
    .await;
    let there = crate::Geometry::point(-60.0, 50.0);
    write(
        store,
        vec![update(1).set("snapped_point", there), delete(2)],
    )
    .await;
    assert_eq!(
        found(store, &within("weirs", [-76.0, 44.0, -74.0, 46.0])).await,
        []
    );
    assert_eq!(
        found(store, &within("weirs", [-61.0, 49.0, -59.0, 51.0])).await,
        [1]
    );
    let mut q = near("weirs", -75.0, 45.0);
    q.limit = Some(1);
    assert_eq!(found(store, &q).await, [1]);
}

pub async fn the_nearest_come_first_by_great_circle_not_by_degrees(store: &dyn Store) {
    furnish(store).await;
    // At 60° north a degree of longitude is half as long as one of latitude.
    write(
        store,
        vec![
            weir_at(1, -75.0, 60.8),
            weir_at(2, -76.0, 60.0),
            weir_at(3, -73.5, 60.0),
            weir_at(4, -75.0, 59.4),
            weir_at(5, -75.0, 60.0),
        ],
    )
    .await;
    let mut q = near("weirs", -75.0, 60.0);
    assert_eq!(found(store, &q).await, [5, 2, 4, 3, 1]);
    q.limit = Some(3);
    assert_eq!(found(store, &q).await, [5, 2, 4]);
    q.offset = 1;
    assert_eq!(found(store, &q).await, [2, 4, 3]);
}

pub async fn features_equally_near_come_by_identifier(store: &dyn Store) {
    furnish(store).await;
    let ops = [7u128, 3, 9, 1, 5].map(|n| weir_at(n, -75.0, 60.0));
    write(store, ops.into()).await;
    write(
        store,
        vec![
            weir_at(2, -74.0, 60.0),
            weir_at(4, -74.0, 60.0),
            placed("falls", 6, -75.0, 60.0).set("fall_class", "x"),
        ],
    )
    .await;
    let mut q = near("weirs", -75.0, 60.0);
    assert_eq!(found(store, &q).await, [1, 3, 5, 7, 9, 2, 4]);
    q.limit = Some(2);
    assert_eq!(found(store, &q).await, [1, 3]);
    let mut q = near("obstacles", -75.0, 60.0);
    q.limit = Some(4);
    assert_eq!(found(store, &q).await, [1, 3, 5, 6]);
}

pub async fn a_distance_limit_holds_what_is_within_it(store: &dyn Store) {
    furnish(store).await;
    let degree = great_circle_m(0.0, 50.0, 0.0, 51.0);
    write(
        store,
        (0..10)
            .map(|n| weir_at(n + 1, 0.0, 50.0 + n as f64))
            .collect(),
    )
    .await;
    let q = |m| within_m("weirs", 0.0, 50.0, m);
    assert_eq!(found(store, &q(0.0)).await, [1]);
    assert_eq!(found(store, &q(degree - 1.0)).await, [1]);
    assert_eq!(found(store, &q(degree + 1.0)).await, [1, 2]);
    assert_eq!(found(store, &q(3.5 * degree)).await, [1, 2, 3, 4]);
    assert_eq!(found(store, &q(1e8)).await.len(), 10);
    let mut limited = q(3.5 * degree);
    limited.limit = Some(2);
    assert_eq!(found(store, &limited).await, [1, 2]);
    assert_eq!(store.count(&limited).await.unwrap(), 4);
    // Without a limit of distance everything is counted, also beside a box, which `near` outdoes.
    let mut free = near("weirs", 0.0, 50.0);
    free.bbox = Some(Bbox::new(100.0, 0.0, 101.0, 1.0).unwrap());
    assert_eq!(found(store, &free).await.len(), 10);
    free.filter = filtered("weirs", "latitude:gte:55").filter;
    assert_eq!(found(store, &free).await, [6, 7, 8, 9, 10]);
    assert_eq!(
        store
            .nearest("weirs", Near::new(0.0, 59.0).unwrap(), 1)
            .await
            .unwrap()[0]
            .value(0, "cabd_id"),
        Value::Uuid(id(10))
    );
}

pub async fn the_nearest_are_found_across_the_antimeridian(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir_at(1, 179.9, 55.0),
            weir_at(2, -179.9, 55.0),
            weir_at(3, 178.0, 55.0),
            weir_at(4, -178.5, 55.0),
            weir_at(5, 0.0, 55.0),
        ],
    )
    .await;
    assert_eq!(
        found(store, &near("weirs", 179.95, 55.0)).await,
        [1, 2, 4, 3, 5]
    );
    assert_eq!(
        found(store, &within_m("weirs", 179.95, 55.0, 20_000.0)).await,
        [1, 2]
    );
    assert_eq!(
        found(store, &within_m("weirs", -180.0, 55.0, 100_000.0)).await,
        [1, 2, 4]
    );
}

pub async fn the_nearest_are_found_around_a_pole(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir_at(1, 0.0, 89.5),
            weir_at(2, 180.0, 89.6),
            weir_at(3, -90.0, 89.0),
            weir_at(4, 90.0, 80.0),
            weir_at(5, 45.0, 90.0),
        ],
    )
    .await;
    assert_eq!(
        found(store, &near("weirs", 10.0, 90.0)).await,
        [5, 2, 1, 3, 4]
    );
    assert_eq!(
        found(store, &within_m("weirs", 0.0, 89.9, 120_000.0)).await,
        [5, 1, 2, 3]
    );
    let mut q = near("weirs", 0.0, -90.0);
    q.limit = Some(1);
    assert_eq!(found(store, &q).await, [4]);
}

pub async fn the_nearest_of_many_are_the_nearest_of_all(store: &dyn Store) {
    furnish(store).await;
    // Dense near the position, sparse far away: a search by growing boxes must not stop too soon.
    let place = |n: u128| {
        let angle = n as f64 * 2.399_963;
        let radius = 0.0005 * (n as f64).powf(1.6);
        (
            -75.0 + radius * angle.cos(),
            50.0 + radius * angle.sin() * 0.6,
        )
    };
    write(
        store,
        (1..=400)
            .map(|n| {
                let (x, y) = place(n);
                weir_at(n, x, y)
            })
            .collect(),
    )
    .await;
    let mut expected: Vec<u128> = (1..=400).collect();
    let distance = |n: &u128| {
        let (x, y) = place(*n);
        (great_circle_m(-75.0, 50.0, x, y) * 1e3).round()
    };
    expected.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then(a.cmp(b)));
    let mut q = near("weirs", -75.0, 50.0);
    for limit in [1, 7, 100, 400] {
        q.limit = Some(limit);
        assert_eq!(
            found(store, &q).await,
            expected[..usize::try_from(limit).unwrap()]
        );
    }
    q.filter = filtered("weirs", "longitude:gt:-75").filter;
    q.limit = Some(5);
    let east: Vec<u128> = expected
        .iter()
        .copied()
        .filter(|n| place(*n).0 > -75.0)
        .take(5)
        .collect();
    assert_eq!(found(store, &q).await, east);
}

pub async fn the_distance_to_a_line_or_area_is_to_its_nearest_point(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            shape("reaches", 1, "LINESTRING(-80 50,-70 50)"),
            shape(
                "basins",
                2,
                "POLYGON((-76 50.5,-74 50.5,-74 51,-76 51,-76 50.5))",
            ),
            shape(
                "basins",
                3,
                "POLYGON((-75.5 49.5,-74.5 49.5,-74.5 49.875,-75.5 49.875,-75.5 49.5))",
            ),
        ],
    )
    .await;
    assert_eq!(
        found(store, &near("shapes", -75.0, 50.0625)).await,
        [1, 3, 2]
    );
    assert_eq!(found(store, &near("shapes", -75.0, 50.75)).await, [2, 1, 3]);
    assert_eq!(
        found(store, &within_m("shapes", -75.0, 50.75, 0.0)).await,
        [2],
        "inside"
    );
    let quarter = great_circle_m(-75.0, 50.0, -75.0, 50.25);
    assert_eq!(
        found(store, &within_m("shapes", -75.0, 50.25, quarter + 1.0)).await,
        [1, 2]
    );
}

pub async fn pages_of_the_nearest_follow_one_another(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        (1..=25)
            .map(|n| weir_at(n, -75.0 + (n % 5) as f64 / 8.0, 50.0))
            .collect(),
    )
    .await;
    let mut q = near("weirs", -75.0, 50.0);
    let whole = found(store, &q).await;
    assert_eq!(whole[..6], [5, 10, 15, 20, 25, 1]);
    q.limit = Some(4);
    let mut walked = vec![];
    loop {
        let page = ask(store, &q).await;
        walked.extend(page.ids());
        if page.rows() < 4 {
            break;
        }
        q.after = page.next();
    }
    assert_eq!(walked, whole);
}

pub async fn a_place_not_on_earth_is_refused(store: &dyn Store) {
    furnish(store).await;
    let mut q = weirs();
    for (longitude, latitude, metres) in [
        (181.0, 0.0, None),
        (0.0, f64::NAN, None),
        (0.0, 0.0, Some(-1.0)),
        (0.0, 0.0, Some(f64::NAN)),
        (0.0, 0.0, Some(f64::INFINITY)),
    ] {
        q.near = Some(Near {
            longitude,
            latitude,
            within_m: metres,
        });
        unanswered(store, ErrorKind::Invalid, &q).await;
        assert_eq!(
            store.count(&q).await.unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }
    q.near = None;
    for (west, north) in [
        (f64::NAN, 1.0),
        (-181.0, 1.0),
        (2.0, 1.0),
        (0.0, f64::INFINITY),
    ] {
        q.bbox = Some(Bbox {
            west,
            south: 0.0,
            east: 1.0,
            north,
        });
        unanswered(store, ErrorKind::Invalid, &q).await;
        assert_eq!(
            store.count(&q).await.unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }
    let mut both = sorted("weirs", &["height_m"]);
    both.near = Some(Near::new(0.0, 0.0).unwrap());
    unanswered(store, ErrorKind::Invalid, &both).await;
}
