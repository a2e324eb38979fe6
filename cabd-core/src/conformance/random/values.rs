//! Random values, from pools small enough that questions meet what changes wrote.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use crate::conformance::cases::values::HOSTILE;
use crate::geometry::{Geometry, GeometryKind};
use crate::value::{DataType, ElementType, Value};

const WORDS: [&str; 14] = [
    "mill", "Mill", "MILL", "Élevé", "eleve", "cœur", "a", "b", "ab", "Z", "10", "9", "%",
    "old_mill",
];
const INTEGERS: [i64; 10] = [
    0,
    1,
    2,
    3,
    -1,
    1900,
    1968,
    i64::MAX,
    i64::MIN,
    9_007_199_254_740_993,
];
const DOUBLES: [f64; 10] = [
    0.0,
    0.1,
    0.3,
    0.1 + 0.2,
    1.0,
    -1.0,
    2.5,
    1e300,
    -5e-324,
    12.25,
];
const DATES: [&str; 5] = [
    "1969-12-31",
    "1970-01-01",
    "2000-02-29",
    "2024-12-31",
    "0001-01-01",
];
const INSTANTS: [&str; 5] = [
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2024-09-17T22:52:36.123456Z",
    "2024-09-17T22:52:36.123457Z",
    "1850-06-01T00:00:00.5Z",
];

pub(in crate::conformance) fn pick<'a, T>(rng: &mut ChaCha8Rng, all: &'a [T]) -> Option<&'a T> {
    all.choose(rng)
}

/// A text of at most `limit` characters.
pub(in crate::conformance) fn text(rng: &mut ChaCha8Rng, limit: usize) -> String {
    let pool: &[&str] = if rng.random_bool(0.7) {
        &WORDS
    } else {
        &HOSTILE
    };
    pool.choose(rng).unwrap().chars().take(limit).collect()
}

/// A place on the grid, mostly in a small country, so that features meet.
pub(in crate::conformance) fn position(rng: &mut ChaCha8Rng) -> (f64, f64) {
    let grid = |rng: &mut ChaCha8Rng, low: i32, high: i32| {
        f64::from(rng.random_range(low..=high)) / 1024.0
    };
    match rng.random_range(0..20) {
        0 => (
            *[-180.0, 180.0, 179.5, -179.5].choose(rng).unwrap(),
            grid(rng, 50 * 1024, 60 * 1024),
        ),
        1 => (
            grid(rng, -180 * 1024, 180 * 1024),
            *[90.0, -90.0, 89.0].choose(rng).unwrap(),
        ),
        2..=5 => (
            f64::from(rng.random_range(-80..=-70)),
            f64::from(rng.random_range(40..=50)),
        ),
        _ => (
            grid(rng, -80 * 1024, -70 * 1024),
            grid(rng, 40 * 1024, 50 * 1024),
        ),
    }
}

/// A valid geometry on the grid.
pub(in crate::conformance) fn geometry(rng: &mut ChaCha8Rng, kind: GeometryKind) -> Geometry {
    let inner = |rng: &mut ChaCha8Rng| {
        let grid = |rng: &mut ChaCha8Rng, low: i32, high: i32| {
            f64::from(rng.random_range(low..=high)) / 1024.0
        };
        (
            grid(rng, -79 * 1024, -72 * 1024),
            grid(rng, 41 * 1024, 48 * 1024),
        )
    };
    let size = |rng: &mut ChaCha8Rng| f64::from(rng.random_range(4..=1024)) / 1024.0;
    let wkt = match kind {
        GeometryKind::LineString => {
            let (mut x, mut y) = inner(rng);
            let mut points = vec![format!("{x} {y}")];
            for _ in 0..rng.random_range(1..5) {
                // Onwards by a step that is not nothing.
                (x, y) = (x + size(rng), y + size(rng) - 0.5);
                points.push(format!("{x} {y}"));
            }
            format!("LINESTRING({})", points.join(","))
        }
        GeometryKind::Polygon => {
            let (x, y) = inner(rng);
            let (w, h) = (size(rng), size(rng));
            let (e, n) = (x + w, y + h);
            match rng.random_range(0..3) {
                0 => format!("POLYGON(({x} {y},{e} {y},{x} {n},{x} {y}))"),
                1 => format!("POLYGON(({x} {y},{e} {y},{e} {n},{x} {n},{x} {y}))"),
                _ => {
                    let (a, b, c, d) = (x + w / 4.0, y + h / 4.0, e - w / 4.0, n - h / 4.0);
                    format!(
                        "POLYGON(({x} {y},{e} {y},{e} {n},{x} {n},{x} {y}),({a} {b},{a} {d},{c} {d},{c} {b},{a} {b}))"
                    )
                }
            }
        }
        GeometryKind::Point => {
            let (x, y) = position(rng);
            return Geometry::point(x, y);
        }
        GeometryKind::Geometry => {
            let kind = *GeometryKind::ALL[..6].choose(rng).unwrap();
            return geometry(rng, kind);
        }
        GeometryKind::MultiPoint => {
            let (x, y) = inner(rng);
            format!("MULTIPOINT({x} {y},{} {y})", x + size(rng))
        }
        GeometryKind::MultiLineString => {
            let ((x, y), d) = (inner(rng), size(rng));
            format!(
                "MULTILINESTRING(({x} {y},{0} {y}),({x} {1},{0} {1}))",
                x + d,
                y + d
            )
        }
        GeometryKind::MultiPolygon => {
            let ((x, y), d) = (inner(rng), size(rng));
            let (e, n, far) = (x + d, y + d, x + 2.0 * d);
            format!(
                "MULTIPOLYGON((({x} {y},{e} {y},{e} {n},{x} {y})),(({far} {y},{0} {y},{0} {n},{far} {y})))",
                far + d
            )
        }
    };
    Geometry::from_wkt(&wkt).unwrap()
}

/// A random value of a type; never null.
pub(in crate::conformance) fn value(
    rng: &mut ChaCha8Rng,
    data_type: &DataType,
    ids: &[Uuid],
) -> Value {
    match data_type {
        DataType::Boolean => rng.random_bool(0.5).into(),
        DataType::Integer => (*INTEGERS.choose(rng).unwrap()).into(),
        DataType::Double | DataType::Numeric => {
            if rng.random_bool(0.7) {
                (*DOUBLES.choose(rng).unwrap()).into()
            } else {
                (f64::from(rng.random_range(-80..800)) / 8.0).into()
            }
        }
        DataType::Text(limit) => text(rng, limit.map_or(usize::MAX, |n| n as usize)).into(),
        DataType::Url => format!("features/{}", rng.random_range(0..10)).into(),
        DataType::Uuid => ids
            .choose(rng)
            .copied()
            .unwrap_or_else(|| Uuid::from_u128(7))
            .into(),
        DataType::Date => Value::Date(DATES.choose(rng).unwrap().parse().unwrap()),
        DataType::Timestamp => Value::Timestamp(INSTANTS.choose(rng).unwrap().parse().unwrap()),
        DataType::Geometry(kind) => geometry(rng, *kind).into(),
        DataType::Array(element) => {
            let element = match element {
                ElementType::Text => DataType::Text(None),
                ElementType::Integer => DataType::Integer,
                ElementType::Double => DataType::Double,
            };
            let n = rng.random_range(0..4);
            Value::List((0..n).map(|_| value(rng, &element, ids)).collect())
        }
    }
}
