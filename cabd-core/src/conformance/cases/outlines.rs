//! Outlines drawn on a map.

use crate::conformance::world::*;
use crate::geometry::Bbox;
use crate::page::Near;
use crate::query::FeatureQuery;
use crate::store::Store;

fn inside(feature_type: &str, wkt: &str) -> FeatureQuery {
    let mut q = FeatureQuery::of(feature_type);
    q.area = Some(wkt.parse().unwrap());
    q
}

const TRIANGLE: &str = "POLYGON((-75 45,-74 45,-74.5 46,-75 45))";

async fn weirs(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir_at(1, -75.0, 45.0),
            weir_at(2, -74.25, 45.0),
            weir_at(3, -74.5, 45.5),
            weir_at(4, -74.75, 45.5),
            weir_at(5, -74.0, 46.0),
            weir_at(6, -74.9, 45.5),
            weir_at(7, -74.5, 46.0),
        ],
    )
    .await;
}

pub async fn an_outline_holds_its_edges_and_corners(store: &dyn Store) {
    weirs(store).await;
    let q = inside("weirs", TRIANGLE);
    assert_eq!(found(store, &q).await, [1, 2, 3, 4, 7]);
    let hole = "POLYGON((-76 44,-73 44,-73 47,-76 47,-76 44),(-74.75 45.25,-74.25 45.25,-74.25 45.75,-74.75 45.75,-74.75 45.25))";
    assert_eq!(
        found(store, &inside("weirs", hole)).await,
        [1, 2, 4, 5, 6, 7],
        "the edge of a hole belongs to the outline"
    );
    let two = "MULTIPOLYGON(((-75.1 44.9,-74.9 44.9,-74.9 45.1,-75.1 45.1,-75.1 44.9)),((-74.1 45.9,-73.9 45.9,-73.9 46.1,-74.1 45.9)))";
    assert_eq!(found(store, &inside("weirs", two)).await, [1, 5]);
    assert_eq!(
        found(store, &inside("weirs", "POLYGON((0 0,1 0,0 1,0 0))")).await,
        []
    );
}

pub async fn an_outline_narrows_with_every_other_condition(store: &dyn Store) {
    weirs(store).await;
    let mut q = inside("weirs", TRIANGLE);
    q.bbox = Some(Bbox::new(-74.5, 45.0, -74.0, 46.0).unwrap());
    assert_eq!(found(store, &q).await, [2, 3, 7]);
    q.bbox = Some(Bbox::new(10.0, 10.0, 11.0, 11.0).unwrap());
    assert_eq!(found(store, &q).await, []);
    q.bbox = None;
    q.near = Some(Near::new(-74.5, 46.0).unwrap());
    assert_eq!(found(store, &q).await[..2], [7, 3]);
    q.limit = Some(1);
    q.offset = 1;
    assert_eq!(found(store, &q).await, [3]);
    q.near = None;
    assert_eq!(found(store, &q).await, [2], "in the order of identifiers");
    let mut of_all = inside("obstacles", TRIANGLE);
    of_all.types = vec!["weirs".to_owned()];
    assert_eq!(found(store, &of_all).await, [1, 2, 3, 4, 7]);
}

pub async fn lines_and_areas_are_in_an_outline_that_they_touch(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            shape("reaches", 1, "LINESTRING(0 0,10 10)"),
            shape("reaches", 2, "LINESTRING(0 4,2 4)"),
            shape("reaches", 3, "LINESTRING(0 6,1 9)"),
            shape("basins", 4, "POLYGON((-5 -5,20 -5,20 20,-5 20,-5 -5))"),
            shape("basins", 5, "POLYGON((6 5,9 5,9 8,6 5))"),
            shape(
                "basins",
                6,
                "POLYGON((-5 -5,20 -5,20 20,-5 20,-5 -5),(1 1,9 1,9 9,1 9,1 1))",
            ),
        ],
    )
    .await;
    // Its tip touches the end of a line and the corner of an area.
    let diamond = "POLYGON((2 4,4 2,6 5,4 6,2 4))";
    assert_eq!(found(store, &inside("shapes", diamond)).await, [1, 2, 4, 5]);
}
