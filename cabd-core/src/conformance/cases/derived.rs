//! Derived values that follow from where a feature lies; and the world of all cases about derived values.

use crate::catalog::{Manifest, Relation};
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, Counts, Operation};
use crate::geometry::Geometry;
use crate::store::{RecordQuery, Store};
use crate::time::Timestamp;
use crate::value::Value;

/// The two types that derive values, beside what they use of the world.
pub fn manifest() -> Manifest {
    let files = [
        ("shared.toml", include_str!("../world/shared.toml")),
        ("gauges.toml", include_str!("../world/gauges.toml")),
        ("ponds.toml", include_str!("../world/ponds.toml")),
    ];
    Manifest::from_files(files).expect("the suite's own manifest is read")
}

pub(crate) async fn furnish_gauges(store: &dyn Store) {
    store
        .change_catalog(&manifest())
        .await
        .expect("the suite's catalogue is applied");
}

/// The types, and the polygons of zones and catchments.
///
/// Zones: aa west of the 70th meridian, bb east of it, cc across it; dd and ee share a slanting boundary.
pub async fn furnish_zones(store: &dyn Store) {
    furnish_gauges(store).await;
    write(store, zones()).await;
}

pub(crate) fn zones() -> Vec<Operation> {
    let mut all: Vec<Operation> = [
        ("aa", "MULTIPOLYGON(((-80 40,-70 40,-70 50,-80 50,-80 40),(-79 41,-78 41,-78 42,-79 42,-79 41)))"),
        ("bb", "MULTIPOLYGON(((-70 40,-60 40,-60 50,-70 50,-70 40)),((-50 40,-49 40,-49 41,-50 40)))"),
        ("cc", "MULTIPOLYGON(((-72 40,-68 40,-68 55,-72 55,-72 40)))"),
        ("dd", "MULTIPOLYGON(((0 0,1 0,1 1.7,0 0)))"),
        ("ee", "MULTIPOLYGON(((0 0,1 1.7,0 1.7,0 0)))"),
    ]
    .into_iter()
    .map(|(code, wkt)| zone(code, wkt))
    .collect();
    for (number, river, wkt) in [
        (
            10,
            Some("Long River"),
            "POLYGON((-80 40,-75 40,-75 50,-80 50,-80 40))",
        ),
        (9, None, "POLYGON((-75 40,-70 40,-70 50,-75 50,-75 40))"),
        (
            2,
            Some("Short River"),
            "POLYGON((-75 45,-60 45,-60 50,-75 50,-75 45))",
        ),
    ] {
        all.push(
            Operation::new(catchments(), Action::Put)
                .set("code", number)
                .set("river", river.map_or(Value::Null, Value::from))
                .set("geometry", Geometry::from_wkt(wkt).unwrap()),
        );
    }
    all
}

pub(crate) fn catchments() -> Relation {
    Relation::Codes("cabd.catchments".into())
}

pub(crate) fn zone(code: &str, wkt: &str) -> Operation {
    Operation::new(Relation::Codes("cabd.zone_codes".into()), Action::Put)
        .set("code", code)
        .set("geometry", Geometry::from_wkt(wkt).unwrap())
}

pub fn gauge(n: u128, longitude: f64, latitude: f64) -> Operation {
    placed("gauges", n, longitude, latitude)
}

pub(crate) fn change(n: u128) -> Operation {
    Operation::update_feature("gauges", id(n))
}

pub(crate) fn moved(n: u128, longitude: f64, latitude: f64) -> Operation {
    change(n).set("geometry", Geometry::point(longitude, latitude))
}

pub(crate) fn put(mut op: Operation) -> Operation {
    op.action = Action::Put;
    op
}

/// The stored value of a gauge.
pub async fn value(store: &dyn Store, n: u128, column: &str) -> Value {
    let query = RecordQuery::of(Relation::feature("gauges")).with("cabd_id", [id(n).into()]);
    let found = asked(store, &query).await;
    found
        .first()
        .expect("the gauge is there")
        .get(column)
        .clone()
}

pub(crate) async fn zone_of(store: &dyn Store, n: u128) -> Value {
    value(store, n, "zone_code").await
}

pub(crate) async fn modified(store: &dyn Store, n: u128) -> Timestamp {
    match value(store, n, "last_modified").await {
        Value::Timestamp(t) => t,
        other => panic!("no instant: {other:?}"),
    }
}

pub(crate) fn gauges() -> Relation {
    Relation::feature("gauges")
}

pub(crate) fn attribute_source(n: u128, column: &str, source: impl Into<Value>) -> Operation {
    Operation::new(Relation::AttributeSource("gauges".into()), Action::Put)
        .set("cabd_id", id(n))
        .set(column, source)
}

pub(crate) fn sensor(n: u128, gauge: u128) -> Operation {
    Operation::new(Relation::part("gauges", "sensors"), Action::Insert)
        .set("sensor_id", id(n))
        .set("gauge_id", id(gauge))
        .set("is_primary", true)
        .set("sensor_number", 1)
}

pub async fn a_new_feature_gets_what_its_place_says(store: &dyn Store) {
    furnish_zones(store).await;
    let all = vec![
        gauge(1, -76.0, 45.0),
        gauge(2, -62.0, 47.0),
        put(gauge(3, -71.0, 52.0)),
    ];
    write(store, all).await;
    for (n, zone, number, river) in [
        (
            1,
            Value::from("aa"),
            Value::from(10),
            Value::from("Long River"),
        ),
        (
            2,
            Value::from("bb"),
            Value::from(2),
            Value::from("Short River"),
        ),
        (3, Value::from("cc"), Value::Null, Value::Null),
    ] {
        assert_eq!(zone_of(store, n).await, zone, "{n}");
        assert_eq!(value(store, n, "catchment_number").await, number, "{n}");
        assert_eq!(value(store, n, "river").await, river, "{n}");
    }
    let label = ask(
        store,
        &in_french(only(
            filtered("gauges", "zone_code:eq:bb"),
            &["cabd_id", "zone"],
        )),
    )
    .await;
    assert_eq!(label.of(2, "zone"), Value::from("Est"));
}

pub async fn of_several_polygons_the_lowest_key_counts(store: &dyn Store) {
    furnish_zones(store).await;
    // 9 before 10 by number; of 2 and 9, whose river is not known, 2.
    for (n, x, y, zone, number, river) in [
        (1, -71.0, 43.0, "aa", 9, Value::Null),
        (2, -69.0, 47.0, "bb", 2, Value::from("Short River")),
        (3, -75.0, 43.0, "aa", 9, Value::Null),
        (4, -75.0, 46.0, "aa", 2, Value::from("Short River")),
    ] {
        write(store, vec![gauge(n, x, y)]).await;
        assert_eq!(zone_of(store, n).await, Value::from(zone), "{n}");
        assert_eq!(
            value(store, n, "catchment_number").await,
            Value::from(number),
            "{n}"
        );
        assert_eq!(value(store, n, "river").await, river, "{n}");
    }
}

pub async fn the_boundary_belongs_to_a_polygon_and_nothing_beside_it(store: &dyn Store) {
    furnish_zones(store).await;
    // The products of these decimals are rounded to the slanting boundary or past it; exactly they lie as told.
    let places = [
        ((-70.0, 45.0), "aa"),
        ((-70.0, 40.0), "aa"),
        ((-60.0, 50.0), "bb"),
        ((-79.0, 41.5), "aa"),
        ((-49.5, 40.5), "bb"),
        ((0.0, 0.0), "dd"),
        ((1.0, 1.7), "dd"),
        ((0.5, 0.85), "dd"),
        ((0.98, 1.666), "dd"),
        ((0.58, 0.985_999_999_999_999_9), "dd"),
        ((0.52, 0.884), "ee"),
        ((0.26, 0.442), "ee"),
    ];
    let all = (1..).zip(places).map(|(n, ((x, y), _))| gauge(n, x, y));
    write(store, all.collect()).await;
    for (n, (place, zone)) in (1..).zip(places) {
        assert_eq!(zone_of(store, n).await, Value::from(zone), "{place:?}");
    }
    write(
        store,
        vec![
            gauge(100, -78.5, 41.5),
            gauge(101, -49.5, 40.500_000_000_000_01),
        ],
    )
    .await;
    for n in [100, 101] {
        assert_eq!(
            zone_of(store, n).await,
            Value::Null,
            "{n}: a hole, or just outside"
        );
    }
}

pub async fn a_moved_feature_gets_the_values_of_its_new_place(store: &dyn Store) {
    furnish_zones(store).await;
    write(store, vec![gauge(1, -76.0, 45.0), gauge(2, -76.0, 45.0)]).await;
    let applied = write(
        store,
        vec![moved(1, -62.0, 47.0), change(2).set("range_m", 5.0)],
    )
    .await;
    assert_eq!(applied.of(&gauges()).updated, 2);
    assert_eq!(zone_of(store, 1).await, Value::from("bb"));
    assert_eq!(value(store, 1, "river").await, Value::from("Short River"));
    assert_eq!(zone_of(store, 2).await, Value::from("aa"));
    // Put there where it is already, it is not looked at.
    write(store, vec![change(2).set("zone_code", "cc")]).await;
    let applied = write(store, vec![moved(2, -76.0, 45.0)]).await;
    assert_eq!((applied.commit, applied.of(&gauges()).unchanged), (None, 1));
    assert_eq!(zone_of(store, 2).await, Value::from("cc"));
}

pub async fn what_is_derived_follows_the_effective_point(store: &dyn Store) {
    furnish_zones(store).await;
    let snapped = |op: Operation, x: f64| op.set("snapped_point", Geometry::point(x, 47.0));
    write(
        store,
        vec![snapped(gauge(1, -76.0, 45.0), -62.0), gauge(2, -76.0, 45.0)],
    )
    .await;
    assert_eq!(zone_of(store, 1).await, Value::from("bb"));
    // The original point moves below the snapped one; the place stays.
    write(
        store,
        vec![change(1).set("original_point", Geometry::point(-71.0, 52.0))],
    )
    .await;
    assert_eq!(zone_of(store, 1).await, Value::from("bb"));
    write(store, vec![snapped(change(2), -62.0)]).await;
    assert_eq!(zone_of(store, 2).await, Value::from("bb"));
    write(store, vec![change(2).set("snapped_point", Value::Null)]).await;
    assert_eq!(zone_of(store, 2).await, Value::from("aa"));
}

pub async fn a_value_given_in_the_same_change_stays(store: &dyn Store) {
    furnish_zones(store).await;
    write(
        store,
        vec![
            gauge(1, -76.0, 45.0).set("zone_code", "bb"),
            put(gauge(2, -76.0, 45.0).set("zone_code", "cc")),
        ],
    )
    .await;
    assert_eq!(zone_of(store, 1).await, Value::from("bb"));
    assert_eq!(zone_of(store, 2).await, Value::from("cc"));
    assert_eq!(value(store, 1, "catchment_number").await, Value::from(10));
    write(store, vec![moved(1, -62.0, 47.0).set("zone_code", "cc")]).await;
    assert_eq!(zone_of(store, 1).await, Value::from("cc"));
    assert_eq!(value(store, 1, "catchment_number").await, Value::from(2));
}

pub async fn a_value_with_a_source_of_its_own_stays(store: &dyn Store) {
    furnish_zones(store).await;
    let sourced = |n: u128| gauge(n, -76.0, 45.0).set("zone_code", "cc");
    write(
        store,
        vec![
            data_source(9, "a survey"),
            sourced(1),
            sourced(2),
            sourced(3),
            attribute_source(1, "zone_code_ds", id(9)),
            attribute_source(3, "zone_code_ds", id(9)),
        ],
    )
    .await;
    let all = vec![
        moved(1, -62.0, 47.0),
        moved(2, -62.0, 47.0),
        moved(3, -62.0, 47.0),
        // In one change the source goes, or comes.
        attribute_source(3, "zone_code_ds", Value::Null),
        attribute_source(2, "zone_code_ds", id(9)),
    ];
    write(store, all).await;
    assert_eq!(zone_of(store, 1).await, Value::from("cc"));
    assert_eq!(zone_of(store, 2).await, Value::from("cc"));
    assert_eq!(zone_of(store, 3).await, Value::from("bb"));
    assert_eq!(value(store, 1, "river").await, Value::from("Short River"));
}

pub async fn where_nothing_follows_what_is_there_stays(store: &dyn Store) {
    furnish_zones(store).await;
    write(store, vec![gauge(1, -76.0, 45.0), gauge(2, 100.0, 10.0)]).await;
    write(store, vec![moved(1, 100.0, 10.0)]).await;
    assert_eq!(zone_of(store, 1).await, Value::from("aa"));
    assert_eq!(zone_of(store, 2).await, Value::Null);
    // The catchment is known there, its river is not.
    write(store, vec![moved(1, -74.0, 43.0)]).await;
    assert_eq!(value(store, 1, "catchment_number").await, Value::from(9));
    assert_eq!(value(store, 1, "river").await, Value::from("Long River"));
}

pub async fn a_value_named_without_one_is_derived_again(store: &dyn Store) {
    furnish_zones(store).await;
    write(
        store,
        vec![
            gauge(1, -76.0, 45.0).set("zone_code", "bb"),
            gauge(2, 100.0, 10.0).set("zone_code", "bb"),
        ],
    )
    .await;
    let clear = |n: u128| change(n).set("zone_code", Value::Null);
    write(store, vec![clear(1), clear(2)]).await;
    assert_eq!(zone_of(store, 1).await, Value::from("aa"));
    assert_eq!(zone_of(store, 2).await, Value::Null);
    let again = write(store, vec![clear(1), clear(2)]).await;
    assert_eq!((again.commit, again.of(&gauges()).unchanged), (None, 2));
}

pub async fn what_is_written_again_is_unchanged(store: &dyn Store) {
    furnish_zones(store).await;
    let all = || -> Vec<Operation> {
        (1..=40u128)
            .flat_map(|n| {
                let at = put(gauge(n, -80.0 + n as f64 / 2.0, 45.0));
                [
                    at.set("gauge_name", format!("gauge {n}"))
                        .set("zone_code", Value::Null)
                        .set("last_modified", Value::Null),
                    attribute_source(n, "gauge_name_ds", id(9)),
                ]
            })
            .collect()
    };
    write(store, vec![data_source(9, "a file")]).await;
    write(store, all()).await;
    let before = contents(store).await;
    let again = write(store, all()).await;
    assert_eq!(again.commit, None);
    assert_eq!(
        again.of(&gauges()),
        Counts {
            unchanged: 40,
            ..Counts::default()
        }
    );
    assert_eq!(contents(store).await, before);
}

pub async fn many_features_get_what_single_ones_get(store: &dyn Store) {
    furnish_zones(store).await;
    const MANY: u128 = 2_500;
    let at = |n: u128| {
        (
            (n * 37 % 400) as f64 / 10.0 - 85.0,
            (n * 91 % 170) as f64 / 10.0 + 39.0,
        )
    };
    let new = |n: u128, m: u128| gauge(m, at(n).0, at(n).1);
    write(store, (1..=MANY).map(|n| new(n, n)).collect()).await;
    let few = (1..=MANY).step_by(50);
    for n in few.clone() {
        write(store, vec![new(n, n + 10_000)]).await;
    }
    let found = all(store, gauges()).await;
    let of = |n: u128| {
        let record = found
            .iter()
            .find(|r| r.get("cabd_id") == &Value::from(id(n)));
        let record = record.expect("the gauge is there");
        ["zone_code", "catchment_number", "river", "level_code"].map(|c| record.get(c).clone())
    };
    for n in few {
        assert_eq!(of(n), of(n + 10_000), "{:?}", at(n));
    }
    let filled = found
        .iter()
        .filter(|r| !r.get("zone_code").is_null())
        .count();
    assert!((500..2_400).contains(&filled), "{filled}");
    // And many at once elsewhere.
    write(store, (1..=MANY).map(|n| moved(n, -62.0, 47.0)).collect()).await;
    let found = all(store, gauges()).await;
    let east = found
        .iter()
        .filter(|r| r.get("zone_code") == &Value::from("bb"));
    assert!(east.count() >= MANY as usize);
}

pub async fn nothing_is_derived_where_no_polygon_is_loaded(store: &dyn Store) {
    furnish_gauges(store).await;
    write(
        store,
        vec![
            gauge(1, -76.0, 45.0),
            gauge(2, -76.0, 45.0).set("zone_code", "bb"),
        ],
    )
    .await;
    write(store, vec![moved(2, -62.0, 47.0)]).await;
    assert_eq!(zone_of(store, 1).await, Value::Null);
    assert_eq!(zone_of(store, 2).await, Value::from("bb"));
}

pub async fn polygons_count_from_the_change_that_brings_them(store: &dyn Store) {
    furnish_gauges(store).await;
    let mut all = vec![gauge(1, -76.0, 45.0)];
    all.extend(zones());
    all.push(gauge(2, -62.0, 47.0));
    // A row twice in one change ends a portion: polygons change in mid-change.
    all.push(zone(
        "bb",
        "MULTIPOLYGON(((-66 40,-60 40,-60 50,-66 50,-66 40)))",
    ));
    all.extend([gauge(3, -67.0, 47.0), gauge(4, -62.0, 47.0)]);
    all.push(Operation::new(catchments(), Action::Delete).set("code", 10));
    all.push(gauge(5, -76.0, 45.0));
    write(store, all).await;
    for (n, zone, number) in [
        (1, Value::from("aa"), Value::from(10)),
        (2, Value::from("bb"), Value::from(2)),
        (3, Value::Null, Value::from(2)),
        (4, Value::from("bb"), Value::from(2)),
        (5, Value::from("aa"), Value::Null),
    ] {
        assert_eq!(zone_of(store, n).await, zone, "{n}");
        assert_eq!(value(store, n, "catchment_number").await, number, "{n}");
    }
}

pub async fn an_area_is_where_a_position_within_it_is(store: &dyn Store) {
    furnish_zones(store).await;
    // A bow around the 70th meridian, most of it in the west, its middle in the east.
    let bow = "POLYGON((-76 45,-76 49,-69 49,-69 48.9,-75 48.9,-75 45,-76 45))";
    write(store, vec![shape("ponds", 1, bow)]).await;
    let found = all(store, Relation::feature("ponds")).await;
    assert_eq!(found[0].get("zone_code"), &Value::from("aa"));
    assert!(matches!(found[0].get("last_modified"), Value::Date(_)));
    // The value is required: it may be derived, but must come.
    let nowhere = shape("ponds", 2, "POLYGON((100 10,101 10,101 11,100 10))");
    let error = refuse(store, ErrorKind::Invalid, vec![nowhere.clone()]).await;
    assert_eq!(error.field_name(), Some("zone_code"));
    write(store, vec![nowhere.set("zone_code", "cc")]).await;
}

pub async fn a_derived_value_that_does_not_fit_is_refused_with_its_origin(store: &dyn Store) {
    furnish_zones(store).await;
    let long = Operation::new(catchments(), Action::Update)
        .set("code", 10)
        .set("river", "A river with a long name");
    write(store, vec![long]).await;
    let error = refuse(
        store,
        ErrorKind::Invalid,
        vec![gauge(1, -76.0, 45.0).at("file.csv:7")],
    )
    .await;
    explains(&error, "river");
    assert!(
        error
            .next_step()
            .is_some_and(|h| h.contains("cabd.catchments")),
        "{error:?}"
    );
    assert_eq!(error.place(), Some("file.csv:7"));
}
