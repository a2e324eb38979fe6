//! Derived values beyond the suite's world: rows that another program writes, the shipped types, and what it costs.

use uuid::Uuid;

use super::cases::derived::*;
use super::world::*;
use crate::catalog::Relation;
use crate::feature::{Action, ChangeHead, Operation};
use crate::geometry::Geometry;
use crate::store::{DeriveExt, Store};
use crate::value::Value;

/// What another program does to a row.
#[derive(Debug, Clone)]
pub enum Edit {
    Insert,
    Update(Uuid),
    Delete(Uuid),
}

/// A value that another program writes.
#[derive(Debug, Clone)]
pub enum Given {
    Text(String),
    Number(i64),
    Point(f64, f64),
}

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Given::Text(text.to_owned())
    }
}

impl From<Uuid> for Given {
    fn from(id: Uuid) -> Self {
        Given::Text(id.to_string())
    }
}

/// Another program, at the database of a store.
#[async_trait::async_trait]
pub trait Elsewhere: Send + Sync {
    /// Writes one row of a table of gauges: `gauges` or `sensors`. Rows are told by `cabd_id`.
    async fn edit(&self, table: &str, edit: Edit, values: &[(&str, Given)]);
}

/// Rows that another program wrote are derived when somebody looks, once, as a change of its own.
pub async fn what_other_programs_write_is_derived_at_the_next_look(
    store: &dyn Store,
    other: &dyn Elsewhere,
) {
    furnish_zones(store).await;
    let given = |n: u128| gauge(n, -76.0, 45.0).set("zone_code", "cc");
    let mut all = vec![
        data_source(9, "a"),
        gauge(1, -76.0, 45.0),
        given(2),
        given(3),
        gauge(4, -76.0, 45.0),
    ];
    all.extend([
        gauge(5, -76.0, 45.0),
        given(6),
        attribute_source(3, "zone_code_ds", id(9)),
    ]);
    write(store, all).await;
    let before = modified(store, 4).await;
    let untouched = modified(store, 6).await;
    assert_eq!(store.derive_foreign().await.unwrap().commit, None);

    let east = || Given::Point(-62.0, 47.0);
    for (edit, values) in [
        (
            Edit::Insert,
            vec![("gauge_name", "new".into()), ("original_point", east())],
        ),
        (
            Edit::Insert,
            vec![
                ("cabd_id", id(64).into()),
                ("geometry", east()),
                ("zone_code", "cc".into()),
            ],
        ),
        (Edit::Update(id(1)), vec![("geometry", east())]),
        (Edit::Update(id(2)), vec![("range_m", Given::Number(1))]),
        (Edit::Update(id(3)), vec![("original_point", east())]),
        (
            Edit::Update(id(5)),
            vec![("geometry", east()), ("zone_code", "cc".into())],
        ),
        (Edit::Update(id(4)), vec![("zone_code", "dd".into())]),
        (
            Edit::Insert,
            vec![("cabd_id", id(65).into()), ("geometry", east())],
        ),
        (Edit::Delete(id(65)), vec![]),
    ] {
        other.edit("gauges", edit, &values).await;
    }
    let sensor = [("sensor_id", id(70).into()), ("gauge_id", id(4).into())];
    other.edit("sensors", Edit::Insert, &sensor).await;

    let head = store.head().await.unwrap();
    let done = store.derive_foreign().await.unwrap();
    assert_eq!(done.commit.map(|c| c.0), Some(head.0 + 1));
    let found = all_of_gauges(store).await;
    let new = found
        .iter()
        .find(|r| r.get("gauge_name") == &Value::from("new"))
        .unwrap();
    assert_eq!(new.get("zone_code"), &Value::from("bb"));
    assert_eq!(new.get("river"), &Value::from("Short River"));
    assert!(matches!(new.get("last_modified"), Value::Timestamp(_)));
    for (n, zone, number, level) in [
        (64, "cc", 2, 1),
        (1, "bb", 2, 1),
        (2, "cc", 10, 2),
        (3, "cc", 2, 1),
        (4, "dd", 10, 1),
        (5, "cc", 2, 1),
        (6, "cc", 10, 1),
    ] {
        assert_eq!(zone_of(store, n).await, Value::from(zone), "{n}");
        assert_eq!(
            value(store, n, "catchment_number").await,
            Value::from(number),
            "{n}"
        );
        assert_eq!(
            value(store, n, "level_code").await,
            Value::from(level),
            "{n}"
        );
    }
    assert!(
        modified(store, 4).await > before,
        "its part and its zone were written"
    );
    assert_eq!(modified(store, 6).await, untouched);
    let log = log_after(store, head).await;
    assert!(
        log.iter()
            .all(|e| e.table == "gauges" && e.action == "UPDATE"),
        "{log:?}"
    );

    let after = contents(store).await;
    assert_eq!(store.derive_foreign().await.unwrap().commit, None);
    assert_eq!(
        contents(store).await,
        after,
        "nobody else has written since"
    );
}

/// Where nothing can be derived for a row of another program, the doctor says why, until it can.
pub async fn what_cannot_be_derived_is_told(store: &dyn Store, other: &dyn Elsewhere) {
    furnish_zones(store).await;
    write(store, vec![gauge(1, -76.0, 45.0)]).await;
    let derived = |found: Vec<crate::store::Finding>| -> Vec<String> {
        let about = found.into_iter().filter(|f| f.check == "derived");
        about.map(|f| f.message).collect()
    };
    assert!(derived(store.doctor().await.unwrap()).is_empty());
    let river = |name: &str| {
        let one = Operation::new(catchments(), Action::Update).set("code", 10);
        vec![one.set("river", name)]
    };
    write(store, river("A river with a long name")).await;
    let place = vec![("original_point", Given::Point(-76.0, 45.0))];
    other.edit("gauges", Edit::Insert, &place).await;
    let failed = store.derive_foreign().await.unwrap_err();
    let told = derived(store.doctor().await.unwrap());
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(failed.message()), "{told:?} {failed}");
    write(store, river("Short")).await;
    assert!(store.derive_foreign().await.unwrap().commit.is_some());
    assert!(derived(store.doctor().await.unwrap()).is_empty());
}

async fn all_of_gauges(store: &dyn Store) -> Vec<crate::store::Record> {
    all(store, gauges()).await
}

/// The shipped types say where their features lie, how complete they are and when they were changed.
pub async fn the_shipped_types_derive(store: &dyn Store) {
    let shipped = crate::conformance::shipped::manifest();
    store.change_catalog(&shipped).await.unwrap();
    let area = |list: &str, code: &str| {
        Operation::new(Relation::Codes(list.into()), Action::Put)
            .set(
                if list == "cabd.nhn_workunit" {
                    "id"
                } else {
                    "code"
                },
                code,
            )
            .set(
                "geometry",
                Geometry::from_wkt("MULTIPOLYGON(((-80 40,-70 40,-70 50,-80 50,-80 40)))").unwrap(),
            )
    };
    write(
        store,
        vec![
            area("cabd.province_territory_codes", "on"),
            area("cabd.census_subdivisions", "3506008")
                .set("name_en", "Ottawa")
                .set("name_fr", "Ottawa"),
            area("cabd.nhn_workunit", "02KF000").set("name_en", "Upper River"),
        ],
    )
    .await;
    let types = [
        "dams",
        "waterfalls",
        "fishways",
        "modelled_crossings",
        "stream_crossings",
    ];
    let new = types
        .iter()
        .zip(1..)
        .map(|(t, n)| placed(t, n, -75.0, 45.0));
    write(store, new.collect()).await;
    for (t, n) in types.iter().zip(1u128..) {
        let found = all(store, Relation::feature(t)).await;
        let record = found
            .iter()
            .find(|r| r.get("cabd_id") == &Value::from(id(n)))
            .unwrap();
        assert_eq!(
            record.get("province_territory_code"),
            &Value::from("on"),
            "{t}"
        );
        assert_eq!(record.get("municipality"), &Value::from("Ottawa"), "{t}");
        assert_eq!(
            record.get("nhn_watershed_id"),
            &Value::from("02KF000"),
            "{t}"
        );
        if ["dams", "waterfalls", "fishways"].contains(t) {
            assert_eq!(record.get("complete_level_code"), &Value::from(1), "{t}");
        }
        if ["dams", "waterfalls", "stream_crossings"].contains(t) {
            assert!(!record.get("last_modified").is_null(), "{t}");
        }
    }
    let fall = Operation::update_feature("waterfalls", id(2))
        .set("fall_height_m", 12.0)
        .set("passability_status_code", 4);
    write(store, vec![fall]).await;
    let level = async || {
        all(store, Relation::feature("waterfalls")).await[0]
            .get("complete_level_code")
            .clone()
    };
    assert_eq!(level().await, Value::from(2));
    let fall = Operation::update_feature("waterfalls", id(2))
        .set("fall_name_en", "Long Falls")
        .set("passability_status_code", 1);
    write(store, vec![fall]).await;
    assert_eq!(level().await, Value::from(4));
}

/// Prints what 10,000 new and 10,000 moved gauges take, without polygons, with 13 zones of 40,000 vertices each, and
/// those features derived anew.
pub async fn measure(store: &dyn Store) {
    let at = |n: u128, shift: f64| {
        let (x, y) = (
            (n * 37 % 3_900) as f64 / 50.0,
            (n * 91 % 1_000) as f64 / 50.0,
        );
        (x - 139.0 + shift, y + 42.0)
    };
    let ring = |west: f64| -> String {
        // A rough coast around ten degrees by six.
        let all: Vec<String> = (0..40_000)
            .map(|i| {
                let t = f64::from(i) / 40_000.0 * std::f64::consts::TAU;
                let rough = 1.0 + f64::from(i % 7) / 500.0;
                format!(
                    "{} {}",
                    west + 3.0 * rough * t.cos(),
                    52.0 + 10.0 * rough * t.sin()
                )
            })
            .collect();
        format!("MULTIPOLYGON((({},{})))", all.join(","), all[0])
    };
    furnish_gauges(store).await;
    let time = async |what: &str, operations: Vec<Operation>| {
        let start = std::time::Instant::now();
        write(store, operations).await;
        println!("{:>6} ms  {what}", start.elapsed().as_millis());
    };
    let new = |from: u128| -> Vec<Operation> {
        (from..from + 10_000)
            .map(|n| gauge(n, at(n, 0.0).0, at(n, 0.0).1))
            .collect()
    };
    let shifted = |from: u128| -> Vec<Operation> {
        (from..from + 10_000)
            .map(|n| moved(n, at(n, 0.01).0, at(n, 0.01).1))
            .collect()
    };
    time("10,000 new rows, no polygon", new(1)).await;
    time("10,000 new rows beside them, no polygon", new(10_001)).await;
    time("10,000 moved rows, no polygon", shifted(1)).await;
    let zones = (0..13).map(|n| {
        let wkt = ring(-136.0 + 6.0 * f64::from(n));
        zone(&format!("z{n:x}"), &wkt)
    });
    time("13 zones of 40,000 vertices", zones.collect()).await;
    time("10,000 new rows, 13 zones", new(20_001)).await;
    time("10,000 moved rows, 13 zones", shifted(20_001)).await;
    let start = std::time::Instant::now();
    let done = store.derive_all(&ChangeHead::default(), &[]).await.unwrap();
    println!(
        "{:>6} ms  30,000 rows derived anew: {:?}",
        start.elapsed().as_millis(),
        done.of(&gauges())
    );
}
