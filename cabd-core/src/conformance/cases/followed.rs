//! Derived values that follow changes: how complete a feature is, when it was changed, where it is snapped to; and all of
//! them computed anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::derived::*;
use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, ChangeHead, Counts, Operation};
use crate::geometry::Geometry;
use crate::store::{DeriveExt, Store};
use crate::time::Timestamp;
use crate::value::Value;

pub async fn completeness_follows_what_is_filled(store: &dyn Store) {
    furnish_zones(store).await;
    let level = async |n: u128| value(store, n, "level_code").await;
    write(
        store,
        vec![
            gauge(1, 100.0, 10.0),
            gauge(2, -76.0, 45.0),
            gauge(3, 100.0, 10.0).set("level_code", 3),
        ],
    )
    .await;
    assert_eq!(level(1).await, Value::from(1));
    assert_eq!(
        level(2).await,
        Value::from(1),
        "one of four: the zone that was derived"
    );
    assert_eq!(level(3).await, Value::from(3), "given");
    write(store, vec![change(2).set("gauge_name", "A")]).await;
    assert_eq!(level(2).await, Value::from(2));
    write(
        store,
        vec![
            change(2).set("owner_code", 99),
            change(3).set("catchment_number", 9),
        ],
    )
    .await;
    assert_eq!(level(2).await, Value::from(2), "99 says nothing");
    assert_eq!(
        level(3).await,
        Value::from(3),
        "what is not counted has no say"
    );
    write(
        store,
        vec![change(2).set("owner_code", 1).set("range_m", 0.0)],
    )
    .await;
    assert_eq!(level(2).await, Value::from(3));
    write(
        store,
        vec![
            change(2).set("gauge_name", "  "),
            moved(1, -76.0, 45.0).set("range_m", 1.0),
        ],
    )
    .await;
    assert_eq!(level(2).await, Value::from(2), "a blank name is none");
    assert_eq!(
        level(1).await,
        Value::from(2),
        "the zone was derived in the same change"
    );
    write(store, vec![change(3).set("level_code", Value::Null)]).await;
    assert_eq!(level(3).await, Value::from(1));
}

pub async fn the_last_change_is_remembered_and_makes_none(store: &dyn Store) {
    furnish_gauges(store).await;
    let start = Timestamp::now();
    write(store, vec![gauge(1, -76.0, 45.0), gauge(2, -76.0, 45.0)]).await;
    let first = modified(store, 1).await;
    assert!(
        first.as_microsecond() >= start.as_microsecond() && first <= Timestamp::now(),
        "{first}"
    );
    let before = contents(store).await;
    let applied = write(
        store,
        vec![
            change(1),
            change(2).set("last_modified", Value::Null),
            put(gauge(1, -76.0, 45.0)),
        ],
    )
    .await;
    assert_eq!((applied.commit, applied.of(&gauges()).unchanged), (None, 3));
    assert_eq!(contents(store).await, before);

    write(store, vec![change(1).set("range_m", 2.0)]).await;
    assert!(modified(store, 1).await > first);
    assert_eq!(modified(store, 2).await, first);
    // A given instant holds: what was exported is loaded as it was.
    let given = "2001-02-03T04:05:06Z".parse::<Timestamp>().unwrap();
    write(
        store,
        vec![
            change(1).set("range_m", 3.0).set("last_modified", given),
            sensor(70, 1),
        ],
    )
    .await;
    assert_eq!(modified(store, 1).await, given);
    let again = write(
        store,
        vec![change(1).set("range_m", 3.0).set("last_modified", given)],
    )
    .await;
    assert_eq!(again.commit, None);
}

pub async fn rows_around_a_feature_change_it_too(store: &dyn Store) {
    furnish_gauges(store).await;
    write(
        store,
        vec![
            gauge(1, -76.0, 45.0),
            gauge(2, -76.0, 45.0),
            data_source(9, "a"),
        ],
    )
    .await;
    let other = modified(store, 2).await;
    let mut last = modified(store, 1).await;
    let link = |action: Action| {
        Operation::new(Relation::link("gauges", "species"), action)
            .set("gauge_id", id(1))
            .set("species_id", "eel")
    };
    let part = |action: Action| {
        Operation::new(Relation::part("gauges", "sensors"), action).set("sensor_id", id(70))
    };
    for (what, op) in [
        ("a part", sensor(70, 1)),
        (
            "its change",
            part(Action::Update).set("sensor_kind", "radar"),
        ),
        ("its end", part(Action::Delete)),
        ("a link", link(Action::Insert)),
        ("its end", link(Action::Delete)),
        ("a source", feature_source("gauges", 1, 9, "x")),
        (
            "an attribute's source",
            attribute_source(1, "zone_code_ds", id(9)),
        ),
    ] {
        let applied = write(store, vec![op]).await;
        assert_eq!(applied.of(&gauges()).updated, 1, "{what}");
        let now = modified(store, 1).await;
        assert!(now > last, "{what}");
        last = now;
    }
    write(store, vec![attribute_source(1, "zone_code_ds", id(9))]).await;
    assert_eq!(modified(store, 1).await, last, "nothing changed");
    assert_eq!(modified(store, 2).await, other);
    // A part that goes elsewhere changes both; one change of feature and part is one change of the feature.
    write(store, vec![sensor(71, 1)]).await;
    let (one, two) = (modified(store, 1).await, modified(store, 2).await);
    let elsewhere = Operation::new(Relation::part("gauges", "sensors"), Action::Update)
        .set("sensor_id", id(71))
        .set("gauge_id", id(2));
    write(store, vec![elsewhere]).await;
    assert!(modified(store, 1).await > one && modified(store, 2).await > two);
    let head = store.head().await.unwrap();
    write(store, vec![gauge(3, -76.0, 45.0), sensor(72, 3)]).await;
    let log = log_after(store, head).await;
    assert_eq!(log.len(), 2, "{log:?}");
    let sensors = all(store, Relation::part("gauges", "sensors")).await;
    assert!(
        sensors
            .iter()
            .all(|s| matches!(s.get("last_modified"), Value::Date(_)))
    );
}

pub async fn everything_is_derived_anew_when_asked(store: &dyn Store) {
    furnish_gauges(store).await;
    let given = |n: u128| gauge(n, -76.0, 45.0).set("zone_code", "cc");
    let mut all: Vec<Operation> = vec![data_source(9, "a"), given(1), given(2)];
    all.push(attribute_source(1, "zone_code_ds", id(9)));
    all.extend((3..3_000).map(|n| gauge(n, -76.0, 45.0)));
    all.push(gauge(4_000, 100.0, 10.0).set("zone_code", "bb"));
    write(store, all).await;
    write(store, zones()).await;
    assert_eq!(zone_of(store, 3).await, Value::Null);
    let head = store.head().await.unwrap();
    let before = modified(store, 3).await;

    let request = ChangeHead {
        author: Some("ann".into()),
        ..ChangeHead::default()
    };
    let dry = ChangeHead {
        dry_run: true,
        ..request.clone()
    };
    let counts = store.derive_all(&dry, &[]).await.unwrap();
    assert_eq!(counts.of(&gauges()).updated, 2_999);
    assert_eq!(zone_of(store, 3).await, Value::Null);

    let done = store
        .derive_all(&request, &["gauges".to_owned()])
        .await
        .unwrap();
    assert_eq!(done.commit.map(|c| c.0), Some(head.0 + 1));
    assert_eq!(
        done.of(&gauges()),
        Counts {
            updated: 2_999,
            ..Counts::default()
        }
    );
    assert_eq!(
        zone_of(store, 1).await,
        Value::from("cc"),
        "it has a source of its own"
    );
    assert_eq!(value(store, 1, "river").await, Value::from("Long River"));
    assert_eq!(zone_of(store, 2).await, Value::from("aa"));
    assert_eq!(zone_of(store, 2_999).await, Value::from("aa"));
    assert_eq!(
        zone_of(store, 4_000).await,
        Value::from("bb"),
        "nothing follows there"
    );
    assert!(modified(store, 3).await > before);
    let log = log_after(store, head).await;
    assert_eq!(log.len(), 2_999);
    assert!(
        log.iter()
            .all(|e| e.author.as_deref() == Some("ann") && e.table == "gauges")
    );
    assert_eq!(store.derive_all(&request, &[]).await.unwrap().commit, None);
    let error = store
        .derive_all(&request, &["gages".to_owned()])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

pub async fn a_feature_that_is_gone_is_passed_over(store: &dyn Store) {
    use crate::store::{Rederive, Written};
    use futures::StreamExt;
    furnish_zones(store).await;
    let gone = Rederive {
        feature_type: "gauges".into(),
        id: id(1),
        written: Written::Unknown,
        at: None,
    };
    let features = futures::stream::iter([Ok(gone)]).boxed();
    let done = store
        .derive(&ChangeHead::default(), features)
        .await
        .unwrap();
    assert_eq!(done.commit, None);
}

pub async fn a_snapper_is_asked_for_new_and_moved_points(store: &dyn Store) {
    furnish_zones(store).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = asked.clone();
    store
        .hooks()
        .set_snapper(Some(Arc::new(move |feature_type: &str, x: f64, y: f64| {
            assert_eq!(feature_type, "gauges");
            counting.fetch_add(1, Ordering::Relaxed);
            (y < 60.0).then_some((x + 10.0, y))
        })));
    let original = |n: u128, x: f64, y: f64| change(n).set("original_point", Geometry::point(x, y));
    let given = gauge(2, -76.0, 45.0).set("snapped_point", Geometry::point(-77.0, 45.0));
    write(
        store,
        vec![
            gauge(1, -76.0, 45.0),
            given,
            gauge(3, -76.0, 65.0),
            put(gauge(4, -76.0, 45.0)),
        ],
    )
    .await;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    let snapped = async |n: u128| value(store, n, "snapped_point").await;
    let at = |x: f64| Value::from(Geometry::point(x, 45.0));
    assert_eq!(snapped(1).await, at(-66.0));
    assert_eq!(value(store, 1, "geometry").await, at(-66.0));
    assert_eq!(value(store, 1, "original_point").await, at(-76.0));
    assert_eq!(
        zone_of(store, 1).await,
        Value::from("bb"),
        "where it was snapped to"
    );
    assert_eq!(snapped(2).await, at(-77.0));
    assert_eq!(snapped(3).await, Value::Null);
    assert_eq!(snapped(4).await, at(-66.0));

    // Neither what stays where it is nor what is told its snapped point is asked for.
    let again = write(
        store,
        vec![original(1, -76.0, 45.0), put(gauge(4, -76.0, 45.0))],
    )
    .await;
    assert_eq!(again.commit, None);
    write(
        store,
        vec![original(2, -75.0, 45.0).set("snapped_point", Geometry::point(-74.0, 45.0))],
    )
    .await;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert_eq!(snapped(2).await, at(-74.0));
    write(
        store,
        vec![original(1, -77.0, 45.0), original(4, -76.0, 70.0)],
    )
    .await;
    assert_eq!(snapped(1).await, at(-67.0));
    assert_eq!(snapped(4).await, at(-66.0), "no answer leaves it as it is");

    store
        .hooks()
        .set_snapper(Some(Arc::new(|_: &str, _: f64, _: f64| Some((500.0, 0.0)))));
    let error = refuse(store, ErrorKind::Invalid, vec![gauge(5, -76.0, 45.0)]).await;
    explains(&error, "snapped_point");
    store.hooks().set_snapper(None);
    write(store, vec![gauge(5, -76.0, 45.0)]).await;
    assert_eq!(snapped(5).await, Value::Null);
}
