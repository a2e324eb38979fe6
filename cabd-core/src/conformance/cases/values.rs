//! Values of every type: what goes in comes out.

use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::feature::Operation;
use crate::geometry::Geometry;
use crate::query::FeatureQuery;
use crate::store::Store;
use crate::value::Value;

/// Texts that find careless quoting, folding, encoding and trimming.
pub const HOSTILE: [&str; 16] = [
    "",
    " ",
    "  two  blanks  ",
    "O'Brien's \"Dam\"",
    "'; drop everything; --",
    "a,b;c:d|e\\f",
    "100 % _sure_ \\% *?[x]",
    "line\nbreak\r\nand\ttab",
    "Barrage de l’Été – Œuvre n° 3",
    "İstanbul ıIiİ ß ẞ ΟΔΌΣ ς",
    "水坝 плотина سد",
    "👩‍🚒🏳️‍🌈 e\u{301} é",
    "{\"a\":[null]}",
    "$1 ?1 :name @x {cabd_id}",
    "NULL",
    "\u{feff}\u{200b}\u{202e}\u{7f}\u{1}",
];

/// A weir with a value of every type.
pub fn full(n: u128) -> Operation {
    weir(n)
        .set("weir_name_en", "Long Weir")
        .set("weir_name_fr", "Seuil long")
        .set("region_code", "qc")
        .set("size_code", 3)
        .set("passability_code", 2)
        .set("height_m", 12.25)
        .set("length_m", 0.1)
        .set("built_year", 1968)
        .set("in_use", true)
        .set(
            "assessed_on",
            "2019-05-01".parse::<crate::time::Date>().unwrap(),
        )
        .set(
            "assessed_at",
            "2024-09-17T22:52:36.123456Z"
                .parse::<crate::time::Timestamp>()
                .unwrap(),
        )
        .set("owner_id", id(77))
        .set("comments", "a comment")
        .set(
            "tags",
            Value::List(vec!["b".into(), "a".into(), "b".into()]),
        )
        .set("steps", Value::List(vec![3.into(), 1.into()]))
        .set("readings", Value::List(vec![0.5.into(), (-2.0).into()]))
}

pub async fn a_feature_is_read_as_it_was_written(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![full(1), weir(2)]).await;
    let answer = ask(store, &weirs()).await;
    let op = full(1);
    for (field, value) in op.fields.iter().zip(&op.values) {
        let asked = if field == "cabd_id" {
            Value::Uuid(id(1))
        } else {
            value.clone()
        };
        assert_eq!(answer.of(1, field), asked, "{field}");
        if field != "cabd_id" && field != "geometry" {
            assert_eq!(answer.of(2, field), Value::Null, "{field}");
        }
    }
    for n in [1, 2] {
        assert_eq!(answer.of(n, "feature_type"), Value::from("weirs"));
        assert_eq!(answer.of(n, "longitude"), Value::from(-75.0));
        assert_eq!(
            answer.of(n, "latitude"),
            Value::from(45.0 + n as f64 / 64.0)
        );
        assert_eq!(
            answer.of(n, "datasource_url"),
            Value::from(format!("features/datasources/{}", id(n)))
        );
        assert_eq!(answer.of(n, "updates_pending"), Value::from(false));
        assert_eq!(answer.of(n, "is_large"), Value::from(n == 1));
    }
}

pub async fn texts_come_back_exactly(store: &dyn Store) {
    furnish(store).await;
    let ops = HOSTILE
        .iter()
        .zip(1u128..)
        .map(|(t, n)| {
            weir(n)
                .set("comments", *t)
                .set("tags", Value::List(vec![(*t).into(), "next".into()]))
        })
        .collect();
    write(store, ops).await;
    let answer = ask(store, &weirs()).await;
    for (t, n) in HOSTILE.iter().zip(1u128..) {
        assert_eq!(answer.of(n, "comments"), Value::from(*t));
        assert_eq!(
            answer.of(n, "tags"),
            Value::List(vec![(*t).into(), "next".into()])
        );
    }
    let records = all(store, Relation::feature("weirs")).await;
    for (t, r) in HOSTILE.iter().zip(&records) {
        assert_eq!(r.get("comments"), &Value::from(*t));
    }
}

pub async fn numbers_come_back_bit_for_bit(store: &dyn Store) {
    furnish(store).await;
    let doubles = [
        0.1 + 0.2,
        1e-300,
        1.797e308,
        -5e-324,
        1.0 / 3.0,
        123_456_789.123_456_79,
        -1e22,
    ];
    let integers = [
        i64::MAX,
        i64::MIN,
        9_007_199_254_740_993,
        -1,
        0,
        2_147_483_648,
        1,
    ];
    let ops = doubles
        .iter()
        .zip(integers)
        .zip(1u128..)
        .map(|((d, i), n)| {
            weir_at(n, -179.999_999_999_999_97, 89.999_999_999_999_99)
                .set("height_m", *d)
                .set("length_m", *d)
                .set("built_year", i)
                .set("steps", Value::List(vec![i.into()]))
                .set("readings", Value::List(vec![(*d).into()]))
        })
        .collect();
    write(store, ops).await;
    let answer = ask(store, &weirs()).await;
    for ((d, i), n) in doubles.iter().zip(integers).zip(1u128..) {
        assert_eq!(answer.of(n, "height_m"), Value::from(*d));
        assert_eq!(answer.of(n, "length_m"), Value::from(*d));
        assert_eq!(answer.of(n, "built_year"), Value::from(i));
        assert_eq!(answer.of(n, "steps"), Value::List(vec![i.into()]));
        assert_eq!(answer.of(n, "readings"), Value::List(vec![(*d).into()]));
        let place = Geometry::point(-179.999_999_999_999_97, 89.999_999_999_999_99);
        assert_eq!(answer.of(n, "geometry"), Value::from(place));
    }
}

pub async fn dates_and_instants_come_back_to_the_microsecond(store: &dyn Store) {
    furnish(store).await;
    let texts = [
        ("1969-12-31", "1969-12-31T23:59:59.999999Z"),
        ("0001-01-01", "0001-01-01T00:00:00Z"),
        ("2000-02-29", "2000-02-29T12:00:00.000001Z"),
        ("9999-12-30", "9999-12-30T20:59:59Z"),
        ("1850-06-01", "1850-06-01T00:00:00.5Z"),
    ];
    let ops = texts
        .iter()
        .zip(1u128..)
        .map(|((d, t), n)| weir(n).set("assessed_on", *d).set("assessed_at", *t))
        .collect();
    write(store, ops).await;
    let answer = ask(store, &weirs()).await;
    for ((d, t), n) in texts.iter().zip(1u128..) {
        assert_eq!(answer.of(n, "assessed_on"), Value::Date(d.parse().unwrap()));
        assert_eq!(
            answer.of(n, "assessed_at"),
            Value::Timestamp(t.parse().unwrap())
        );
    }
}

pub async fn an_empty_array_is_not_a_missing_one(store: &dyn Store) {
    furnish(store).await;
    let empty = || Value::List(vec![]);
    write(
        store,
        vec![
            weir(1)
                .set("tags", empty())
                .set("steps", empty())
                .set("readings", empty()),
            weir(2),
        ],
    )
    .await;
    let answer = ask(store, &weirs()).await;
    for a in ["tags", "steps", "readings"] {
        assert_eq!(answer.of(1, a), empty());
        assert_eq!(answer.of(2, a), Value::Null);
        assert_eq!(
            found(store, &filtered("weirs", &format!("{a}:isnull:"))).await,
            [2]
        );
    }
}

pub async fn lines_and_areas_come_back_as_they_were(store: &dyn Store) {
    furnish(store).await;
    let line = "LINESTRING(-75.5 45.25,-75.25 45.5,-75 45.5)";
    let area = "POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,1 2,2 2,2 1,1 1))";
    write(
        store,
        vec![shape("reaches", 1, line), shape("basins", 2, area)],
    )
    .await;
    for (t, n, wkt) in [("reaches", 1, line), ("basins", 2, area)] {
        let answer = ask(store, &FeatureQuery::of(t)).await;
        assert_eq!(
            answer.of(n, "geometry"),
            Geometry::from_wkt(wkt).unwrap().into()
        );
        assert_eq!(
            answer.of(n, "latitude"),
            Value::Null,
            "only a point has one"
        );
    }
    let both = ask(store, &FeatureQuery::of("shapes")).await;
    assert_eq!(
        both.of(2, "geometry"),
        Geometry::from_wkt(area).unwrap().into()
    );
    assert_eq!(
        both.of(1, "geometry"),
        Geometry::from_wkt(line).unwrap().into()
    );
}

pub async fn values_are_read_as_their_columns_type(store: &dyn Store) {
    furnish(store).await;
    let op = Operation::insert_feature("weirs", id(1))
        .set("geometry", "POINT(-75 45)")
        .set("height_m", "2.5")
        .set("length_m", 3)
        .set("built_year", "1968")
        .set("in_use", "yes")
        .set("assessed_on", "2019-05-01")
        .set("assessed_at", "2024-09-17T22:52:36-07:00")
        .set("owner_id", "0B6E0000-0000-4000-8000-000000000001")
        .set("tags", "a; b")
        .set("steps", "[1, 2]")
        .set("comments", 17)
        .set("size_code", " ");
    write(store, vec![op]).await;
    let answer = ask(store, &weirs()).await;
    assert_eq!(
        answer.of(1, "geometry"),
        Geometry::point(-75.0, 45.0).into()
    );
    assert_eq!(answer.of(1, "height_m"), Value::from(2.5));
    assert_eq!(answer.of(1, "length_m"), Value::from(3.0));
    assert_eq!(answer.of(1, "built_year"), Value::from(1968));
    assert_eq!(answer.of(1, "in_use"), Value::from(true));
    assert_eq!(
        answer.of(1, "assessed_at"),
        Value::Timestamp("2024-09-18T05:52:36Z".parse().unwrap())
    );
    assert_eq!(
        answer.of(1, "tags"),
        Value::List(vec!["a".into(), "b".into()])
    );
    assert_eq!(answer.of(1, "steps"), Value::List(vec![1.into(), 2.into()]));
    assert_eq!(answer.of(1, "comments"), Value::from("17"));
    assert_eq!(answer.of(1, "size_code"), Value::Null);
}
