#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::codec;
use rusqlite::types::Value;

fn open() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    register(&conn).unwrap();
    register(&conn).unwrap();
    conn
}

fn ask(conn: &Connection, expression: &str) -> Value {
    conn.query_row(&format!("SELECT {expression}"), [], |row| row.get(0))
        .unwrap_or_else(|e| panic!("{expression}: {e}"))
}

fn all(answers: &[(&str, Value)]) {
    let conn = open();
    for (expression, answer) in answers {
        assert_eq!(ask(&conn, expression), *answer, "{expression}");
    }
}

fn int(n: i64) -> Value {
    Value::Integer(n)
}

fn text(t: &str) -> Value {
    Value::Text(t.into())
}

const Z: &str = "GeomFromWKB(x'01E9030000000000000000F03F00000000000000400000000000000840', 4617)";
const LINE: &str = "GeomFromWKB(x'0102000000020000000000000000000000000000000000000000000000000024400000000000002440', 0)";
const TINY: &str = "x'00810912000001000000000000F83F00000000000004C0FE'";

#[test]
fn geometry_constraints_answers_as_spatialite_does() {
    let answers = [
        ("NULL, 'POINT', 4617", 1),
        ("NULL, NULL, 4617", -1),
        ("NULL, 1, NULL", -1),
        ("P, 'POINT', 4617", 1),
        ("P, 'point', 4617", 1),
        ("P, 1, 4617", 1),
        ("P, 1, 4326", 0),
        ("P, 2, 4617", 0),
        ("P, 0, 4617", 1),
        ("P, 1000, 4617", 1),
        ("P, 2000, 4617", 1),
        ("P, 3000, 4617", 1),
        ("P, 'GEOMETRY', 4617", 1),
        ("P, 'GEOMETRY', 4326", 0),
        ("P, 'bogus', 4617", -1),
        ("P, 99, 4617", -1),
        ("P, 1.0, 4617", -1),
        ("P, 1, '4617'", -1),
        ("x'00', 'POINT', 4617", -1),
        ("'abc', 'POINT', 4617", -1),
        ("12, 'POINT', 4617", -1),
        ("Z, 'POINT', 4617", 0),
        ("Z, 1001, 4617", 1),
        ("Z, 'POINTZ', 4617", -1),
        ("Z, 'POINT Z', 4617", -1),
        ("Z, 0, 4617", 1),
        ("TINY, 'POINT', 4617", 1),
        ("LINE, 'LINESTRING', 0", 1),
        ("P, 'POINT', 4617, 'XY'", 1),
        ("P, 'POINT', 4617, 'xy'", 1),
        ("P, 'POINT', 4617, 'XYZ'", 0),
        ("P, 'POINT', 4617, 'zz'", 1),
        ("P, 'POINT', 4617, 2", 1),
        ("P, 'POINT', 4326, 'XY'", 0),
        ("Z, 'POINT', 4617, 'XYZ'", 1),
        ("Z, 1, 4617, 'XYZ'", 1),
        ("Z, 1001, 4617, 'XYZ'", 1),
        ("Z, 'POINT', 4617, 'XY'", 0),
        ("Z, 'POINT', 4617, 3", 0),
        ("Z, 'GEOMETRY', 4617, 'XYZ'", 1),
        ("P, 'GEOMETRY', 4617, 'XYZ'", 1),
        ("NULL, 'POINT', 4617, 'XY'", 1),
        ("x'00', 'POINT', 4617, 'XY'", -1),
    ];
    let conn = open();
    for (arguments, answer) in answers {
        let (first, rest) = arguments.split_once(',').unwrap();
        let first = match first {
            "P" => "MakePoint(1, 2, 4617)",
            "Z" => Z,
            "TINY" => TINY,
            "LINE" => LINE,
            other => other,
        };
        assert_eq!(
            ask(&conn, &format!("GeometryConstraints({first}, {rest})")),
            int(answer),
            "{arguments}"
        );
    }
}

#[test]
fn rtree_align_answers_as_spatialite_does() {
    let conn = open();
    conn.execute_batch(r#"CREATE VIRTUAL TABLE idx USING rtree(pkid, xmin, xmax, ymin, ymax); CREATE VIRTUAL TABLE "a ""b" USING rtree(pkid, a, b, c, d)"#).unwrap();
    for (arguments, answer) in [
        ("'idx', 5, MakePoint(1, 2)", 1),
        ("'idx', 5, MakePoint(1, 2)", 0),
        ("'none', 5, MakePoint(1, 2)", 0),
        ("'idx', 6, NULL", 1),
        ("'idx', 6, x'00'", 1),
        ("'idx', 6, 'text'", -1),
        ("1, 6, NULL", -1),
        ("NULL, 6, MakePoint(1, 2)", -1),
        ("'idx', 'x', MakePoint(1, 2)", -1),
        ("'idx', NULL, MakePoint(1, 2)", -1),
        ("'\"idx\"', 7, MakePoint(1, 2)", 1),
        ("'a \"b', 8, MakePoint(1, 2)", 1),
        ("'\"a \"\"b\"', 9, MakePoint(1, 2)", 1),
    ] {
        assert_eq!(
            ask(&conn, &format!("RTreeAlign({arguments})")),
            int(answer),
            "{arguments}"
        );
    }
    assert_eq!(
        ask(
            &conn,
            "group_concat(pkid || ':' || xmin || ' ' || ymax) FROM idx"
        ),
        text("5:1.0 2.0,7:1.0 2.0")
    );
    assert_eq!(ask(&conn, r#"count(*) FROM "a ""b""#), int(2));
}

#[test]
fn triggers_may_call_spatialites_functions_in_an_untrusted_schema_but_not_cabds() {
    let conn = open();
    conn.execute_batch(
        "PRAGMA trusted_schema = OFF;
         CREATE TABLE t (id INTEGER PRIMARY KEY, g); CREATE VIRTUAL TABLE idx USING rtree(pkid, xmin, xmax, ymin, ymax);
         CREATE TRIGGER a AFTER INSERT ON t BEGIN
           SELECT RAISE(ABORT, 'no') WHERE GeometryConstraints(NEW.g, 1, 0) <> 1; SELECT RTreeAlign('idx', NEW.id, NEW.g); END;
         INSERT INTO t VALUES (1, MakePoint(1, 2));
         CREATE VIEW v AS SELECT cabd_lower('A') AS a",
    )
    .unwrap();
    assert_eq!(ask(&conn, "count(*) FROM idx"), int(1));
    assert!(
        conn.query_row("SELECT a FROM v", [], |_| Ok(()))
            .unwrap_err()
            .to_string()
            .contains("unsafe use of cabd_lower")
    );
}

#[test]
fn readers_of_geometry_answer_as_spatialite_does() {
    let line = |f: &str| format!("{f}({LINE})");
    let tiny = |f: &str| format!("{f}({TINY})");
    let z = |f: &str| format!("{f}({Z})");
    all(&[
        ("MbrMinX(MakePoint(1, 2))", Value::Real(1.0)),
        (&line("ST_MinX"), Value::Real(0.0)),
        (&line("MbrMaxX"), Value::Real(10.0)),
        (&line("ST_MinY"), Value::Real(0.0)),
        (&line("MbrMaxY"), Value::Real(10.0)),
        (&tiny("MbrMinX"), Value::Real(1.5)),
        (&tiny("ST_MaxY"), Value::Real(-2.5)),
        ("MbrMinX(NULL)", Value::Null),
        ("ST_MinX(x'0011')", Value::Null),
        ("MbrMaxY('a')", Value::Null),
        ("ST_X(MakePoint(7, 8))", Value::Real(7.0)),
        ("Y(MakePoint(7, 8))", Value::Real(8.0)),
        (&tiny("X"), Value::Real(1.5)),
        (&line("X"), Value::Null),
        (
            "X(GeomFromWKB(x'010400000001000000010100000000000000000014400000000000001840'))",
            Value::Real(5.0),
        ),
        ("ST_Y(NULL)", Value::Null),
        ("ST_SRID(MakePoint(1, 2, 4617))", int(4617)),
        ("SRID(MakePoint(1, 2))", int(0)),
        ("SRID(12)", Value::Null),
        (&z("ST_GeometryType"), text("POINT Z")),
        (&line("GeometryType"), text("LINESTRING")),
        ("ST_GeometryType(x'00')", Value::Null),
    ]);
}

#[test]
fn makers_of_geometry_answer_as_spatialite_does() {
    all(&[
        (
            "hex(MakePoint(1, 2))",
            text(
                "000100000000000000000000F03F0000000000000040000000000000F03F00000000000000407C01000000000000000000F03F0000000000000040FE",
            ),
        ),
        ("MakePoint('1', 2)", Value::Null),
        ("MakePoint(NULL, 2)", Value::Null),
        ("MakePoint(1, 2, NULL)", Value::Null),
        ("MakePoint(1, 2, 4.0)", Value::Null),
        ("MakePoint(1, 2, 4617) = ST_Point(1.0, 2.0, 4617)", int(1)),
        (
            "GeomFromWKB(x'00000000013FF00000000000004000000000000000', 4617) = MakePoint(1, 2, 4617)",
            int(1),
        ),
        (
            "ST_GeomFromWKB(x'00000000013FF00000000000004000000000000000') = MakePoint(1, 2)",
            int(1),
        ),
        ("GeomFromWKB(x'00', 1)", Value::Null),
        ("GeomFromWKB(NULL, 1)", Value::Null),
        ("GeomFromWKB('x', 1)", Value::Null),
        ("GeomFromWKB(x'010400000000000000', 1)", Value::Null),
        (
            "hex(AsBinary(MakePoint(1, 2, 4326)))",
            text("0101000000000000000000F03F0000000000000040"),
        ),
        (
            &format!("hex(ST_AsBinary({TINY}))"),
            text("0101000000000000000000F83F00000000000004C0"),
        ),
        ("AsBinary(NULL)", Value::Null),
        ("AsBinary(x'00')", Value::Null),
        ("AsBinary(1)", Value::Null),
    ]);
}

#[test]
fn lower_case_reaches_beyond_ascii() {
    all(&[
        ("cabd_lower('ÉCLUSE Œuvre ΣΑΣ')", text("écluse œuvre σας")),
        ("cabd_lower(NULL)", Value::Null),
        ("cabd_lower(5)", int(5)),
        ("cabd_lower(1.5)", Value::Real(1.5)),
    ]);
}

#[test]
fn every_usual_form_of_a_time_gives_the_same_microseconds() {
    let noon = 1_718_452_800_000_000;
    for (form, micros) in [
        ("2024-06-15 12:00:00", noon),
        ("2024-06-15T12:00:00", noon),
        ("2024-06-15T12:00:00Z", noon),
        ("2024-06-15 12:00:00Z", noon),
        ("2024-06-15T12:00", noon),
        ("2024-06-15 12:00", noon),
        ("2024-06-15T12:00:00.000Z", noon),
        ("2024-06-15T08:00:00-04:00", noon),
        ("2024-06-15 17:30:00+05:30", noon),
        ("2024-06-15 12:00:00+00", noon),
        (" 2024-06-15 12:00:00 ", noon),
        ("2024-06-15T12:00:00.123456", noon + 123_456),
        ("2024-06-15T12:00:00.1234567Z", noon + 123_456),
        ("2024-06-15T12:00:00.5", noon + 500_000),
        ("2024-06-15", noon - 43_200_000_000),
        ("1969-12-31 23:59:59.5", -500_000),
        ("1867-07-01", -3_234_729_600_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
    ] {
        assert_eq!(own::micros(form), Some(micros), "{form}");
    }
}

#[test]
fn what_is_not_a_time_is_null() {
    for form in [
        "",
        "today",
        "2024",
        "2024-06",
        "2024-13-01",
        "2024-02-30",
        "20240615",
        "2024-06-15 25:00",
        "12:00:00",
        "2024-06-15x",
        "2024-06-15T12:00[America/Toronto]",
        "é024-06-15",
    ] {
        assert_eq!(own::micros(form), None, "{form}");
    }
    all(&[
        ("cabd_micros(NULL)", Value::Null),
        ("cabd_micros(2460000.5)", Value::Null),
        ("cabd_micros('1970-01-01 00:00:01')", int(1_000_000)),
    ]);
}

/// A two-dimensional WKB line, or polygon of several rings, as a blob.
fn shape(class: u32, lines: &[&[(f64, f64)]]) -> Vec<u8> {
    let mut wkb = vec![1];
    wkb.extend(class.to_le_bytes());
    if class == 3 {
        wkb.extend((lines.len() as u32).to_le_bytes());
    }
    for line in lines {
        wkb.extend((line.len() as u32).to_le_bytes());
        for (x, y) in *line {
            wkb.extend(x.to_le_bytes());
            wkb.extend(y.to_le_bytes());
        }
    }
    codec::encode(&wkb, 0).unwrap()
}

fn ring(low: f64, high: f64) -> [(f64, f64); 5] {
    [
        (low, low),
        (high, low),
        (high, high),
        (low, high),
        (low, low),
    ]
}

#[test]
fn a_point_intersects_a_box_with_its_boundary() {
    let p = codec::encode_point(1.0, 2.0, 0);
    assert_eq!(own::intersects(&p, [1.0, 2.0, 1.0, 2.0]), Some(true));
    assert_eq!(own::intersects(&p, [0.0, 0.0, 1.0, 2.0]), Some(true));
    assert_eq!(
        own::intersects(&p, [1.000_000_1, 2.0, 3.0, 3.0]),
        Some(false)
    );
    assert_eq!(own::intersects(&p, [2.0, 0.0, 0.0, 3.0]), Some(false));
    assert_eq!(own::intersects(b"garbage", [0.0; 4]), None);
}

#[test]
fn a_line_intersects_a_box_it_crosses_or_touches_but_not_one_beside_it() {
    let diagonal = shape(2, &[&[(0.0, 0.0), (10.0, 10.0)]]);
    assert_eq!(own::intersects(&diagonal, [4.0, 4.0, 6.0, 6.0]), Some(true));
    assert_eq!(
        own::intersects(&diagonal, [10.0, 10.0, 12.0, 12.0]),
        Some(true)
    );
    assert_eq!(
        own::intersects(&diagonal, [5.0, 3.0, 6.0, 5.0]),
        Some(true),
        "a corner on the line"
    );
    assert_eq!(
        own::intersects(&diagonal, [6.0, 0.0, 10.0, 4.0]),
        Some(false),
        "inside its bounding box only"
    );
    assert_eq!(
        own::intersects(&diagonal, [5.0, 5.0, 5.0, 5.0]),
        Some(true),
        "a box that is a point"
    );
    assert_eq!(
        own::intersects(&diagonal, [5.0, 0.0, 5.0, 9.0]),
        Some(true),
        "a box that is a line"
    );
    assert_eq!(
        own::intersects(&diagonal, [5.0, 6.0, 5.0, 9.0]),
        Some(false)
    );
}

#[test]
fn a_box_within_a_hole_does_not_intersect_the_polygon() {
    let (outer, hole) = (ring(0.0, 10.0), ring(2.0, 8.0));
    let polygon = shape(3, &[&outer, &hole]);
    assert_eq!(own::intersects(&polygon, [3.0, 3.0, 5.0, 5.0]), Some(false));
    assert_eq!(
        own::intersects(&polygon, [3.0, 3.0, 8.0, 5.0]),
        Some(true),
        "touching the hole's edge"
    );
    assert_eq!(
        own::intersects(&polygon, [0.5, 0.5, 1.0, 1.0]),
        Some(true),
        "wholly within"
    );
    assert_eq!(
        own::intersects(&polygon, [-5.0, -5.0, 15.0, 15.0]),
        Some(true),
        "wholly around"
    );
    assert_eq!(
        own::intersects(&polygon, [10.0, 10.0, 15.0, 15.0]),
        Some(true),
        "corner to corner"
    );
    assert_eq!(own::intersects(&polygon, [1.0, 1.0, 1.0, 1.0]), Some(true));
    assert_eq!(own::intersects(&polygon, [5.0, 5.0, 5.0, 5.0]), Some(false));
}

#[test]
fn distance_is_great_circle_metres_to_the_nearest_part() {
    let metres_per_degree = cabd_core::geometry::EARTH_RADIUS_M.to_radians();
    let near = |found: Option<f64>, metres: f64| {
        assert!(
            (found.unwrap() - metres).abs() < 1e-3,
            "{found:?} is not {metres}"
        )
    };
    near(
        own::distance(&codec::encode_point(0.0, 1.0, 0), 0.0, 0.0),
        metres_per_degree,
    );
    near(
        own::distance(&codec::encode_point(-1.0, 0.0, 0), 1.0, 0.0),
        2.0 * metres_per_degree,
    );
    near(
        own::distance(&shape(2, &[&[(-1.0, 2.0), (1.0, 2.0)]]), 0.0, 0.0),
        2.0 * metres_per_degree,
    );
    let square = shape(3, &[&ring(0.0, 10.0)]);
    near(own::distance(&square, 5.0, 5.0), 0.0);
    near(own::distance(&square, -1.0, 0.0), metres_per_degree);
    near(
        own::distance(&shape(2, &[&[(0.0, 1.0), (0.0, 1.0)]]), 0.0, 0.0),
        metres_per_degree,
    );
    assert_eq!(own::distance(b"", 0.0, 0.0), None);
    all(&[
        ("cabd_distance(MakePoint(1, 2), 1, 2)", Value::Real(0.0)),
        ("cabd_distance(NULL, 1, 2)", Value::Null),
        ("cabd_intersects(MakePoint(1, 2), 0, 0, 1, 2.0)", int(1)),
        (
            "cabd_intersects(MakePoint(1, 2), 0, 0, 1, NULL)",
            Value::Null,
        ),
    ]);
}

#[test]
fn a_coordinate_that_is_no_number_makes_the_answer_null_and_not_a_panic() {
    let mut line = shape(2, &[&[(0.0, 0.0), (10.0, 10.0)]]);
    line[47..55].copy_from_slice(&f64::NAN.to_le_bytes());
    assert_eq!(own::intersects(&line, [0.0, 0.0, 1.0, 1.0]), None);
    assert_eq!(own::distance(&line, 0.0, 0.0), None);
    assert_eq!(
        own::intersects(
            &codec::encode_point(f64::NAN, 0.0, 0),
            [-1.0, -1.0, 1.0, 1.0]
        ),
        Some(false)
    );
}

#[test]
fn every_golden_geometry_of_spatialite_becomes_a_shape() {
    for line in include_str!("../codec/golden.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let (name, hex) = (
            line.split(" | ").next().unwrap(),
            line.split(" | ").nth(1).unwrap(),
        );
        let blob: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
            .collect();
        assert_eq!(
            own::intersects(&blob, [-90.0, -10.0, 90.0, 90.0]),
            Some(true),
            "{name}"
        );
        assert_eq!(
            own::intersects(&blob, [170.0, -10.0, 180.0, 90.0]),
            Some(false),
            "{name}"
        );
        assert!(own::distance(&blob, 100.0, 50.0).unwrap() > 1e5, "{name}");
    }
}
