#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::{functions, rtree};
use rusqlite::ErrorCode;

fn open() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    functions::register(&conn).unwrap();
    conn
}

fn points() -> Layer {
    Layer {
        table: "Dams Of \"X\"".into(),
        column: "Geom".into(),
        geometry_type: 1,
        dimension: 2,
        srid: 4617,
        index: true,
    }
}

fn with_layer() -> Connection {
    let conn = open();
    initialise(&conn).unwrap();
    conn.execute_batch(
        r#"CREATE TABLE "Dams Of ""X""" (id INTEGER PRIMARY KEY, name TEXT, "Geom" POINT)"#,
    )
    .unwrap();
    add_layer(&conn, &points()).unwrap();
    conn
}

fn number(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0))
        .unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn schema(conn: &Connection) -> Vec<(String, Option<String>)> {
    conn.prepare("SELECT name, sql FROM sqlite_master ORDER BY name")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn initialising_makes_an_empty_database_a_spatialite_file() {
    let conn = open();
    assert!(!is_spatialite(&conn).unwrap());
    initialise(&conn).unwrap();
    assert!(is_spatialite(&conn).unwrap());
    assert_eq!(number(&conn, "SELECT count(*) FROM spatial_ref_sys"), 10);
    assert_eq!(
        number(
            &conn,
            "SELECT count(*) FROM spatial_ref_sys_all WHERE srtext LIKE '%EPSG%' AND datum IS NOT NULL"
        ),
        8
    );
    let verdict: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

#[test]
fn initialising_again_changes_nothing() {
    let conn = open();
    initialise(&conn).unwrap();
    let before = schema(&conn);
    initialise(&conn).unwrap();
    assert_eq!(schema(&conn), before);
    assert_eq!(number(&conn, "SELECT count(*) FROM spatial_ref_sys"), 10);
}

#[test]
fn initialising_works_inside_a_transaction_and_is_undone_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE mine (a); BEGIN; INSERT INTO mine VALUES (1)")
        .unwrap();
    initialise(&conn).unwrap();
    conn.execute_batch("CREATE TABLE later (a); INSERT INTO later VALUES (1); ROLLBACK")
        .unwrap();
    assert_eq!(schema(&conn).len(), 1);
    assert!(!is_spatialite(&conn).unwrap());
    conn.execute_batch("BEGIN").unwrap();
    initialise(&conn).unwrap();
    conn.execute_batch("INSERT INTO mine VALUES (2); COMMIT")
        .unwrap();
    let other = Connection::open(&path).unwrap();
    assert!(is_spatialite(&other).unwrap());
    assert_eq!(number(&other, "SELECT count(*) FROM mine"), 1);
    assert_eq!(
        number(
            &other,
            "SELECT count(*) FROM sqlite_master WHERE name IN ('SpatialIndex', 'ElementaryGeometries', 'KNN')"
        ),
        3
    );
}

#[test]
fn another_connection_sees_the_new_schema_without_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let (one, two) = (
        Connection::open(&path).unwrap(),
        Connection::open(&path).unwrap(),
    );
    assert!(!is_spatialite(&two).unwrap());
    initialise(&one).unwrap();
    assert!(is_spatialite(&two).unwrap());
    assert!(
        two.prepare("SELECT * FROM KNN")
            .unwrap_err()
            .to_string()
            .contains("no such module")
    );
}

#[test]
fn the_module_less_tables_disturb_neither_alterations_nor_vacuum() {
    let conn = with_layer();
    conn.execute_batch(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE VIEW v AS SELECT a FROM t;
         ALTER TABLE t ADD COLUMN c; ALTER TABLE t RENAME COLUMN b TO d; ALTER TABLE t DROP COLUMN d; ALTER TABLE t RENAME TO u; VACUUM;
         PRAGMA optimize; ANALYZE",
    )
    .unwrap();
    assert_eq!(
        number(&conn, "SELECT count(*) FROM pragma_foreign_key_check"),
        0
    );
}

#[test]
fn metadata_of_another_layout_is_refused_and_left_alone() {
    for layout in [
        "CREATE TABLE geometry_columns (f_table_name TEXT, f_geometry_column TEXT, type TEXT, coord_dimension INTEGER, srid INTEGER)",
        "CREATE TABLE geometry_columns (f_table_name TEXT, f_geometry_column TEXT, geometry_type INTEGER, geometry_format TEXT)",
        "CREATE TABLE spatial_ref_sys (srid INTEGER, auth_name TEXT, auth_srid INTEGER, srtext TEXT)",
    ] {
        let conn = open();
        conn.execute_batch(layout).unwrap();
        assert!(!is_spatialite(&conn).unwrap());
        assert!(
            initialise(&conn)
                .unwrap_err()
                .to_string()
                .contains("SpatiaLite 4 or 5")
        );
        assert_eq!(schema(&conn).len(), 1);
    }
}

#[test]
fn names_with_quotes_and_spaces_are_taken_as_they_are() {
    let conn = with_layer();
    let sql =
        r#"INSERT INTO "Dams Of ""X""" (id, "Geom") VALUES (7, MakePoint(-75.5, 45.5, 4617))"#;
    assert_eq!(conn.execute(sql, []).unwrap(), 1);
    assert_eq!(
        number(&conn, r#"SELECT pkid FROM "idx_Dams Of ""X""_Geom""#),
        7
    );
    assert_eq!(
        layer(&conn, &points().table, &points().column).unwrap(),
        Some(points())
    );
    assert_eq!(layer(&conn, "none", "geom").unwrap(), None);
}

#[test]
fn the_index_follows_every_change_of_a_row() {
    let conn = with_layer();
    let index = r#""idx_Dams Of ""X""_Geom""#;
    let run = |sql: &str| {
        conn.execute_batch(&sql.replace("LAYER", r#""Dams Of ""X""""#))
            .unwrap()
    };
    run(
        "INSERT INTO LAYER VALUES (1, 'a', MakePoint(1, 2, 4617)), (2, 'b', NULL), (3, 'c', MakePoint(5, 6, 4617))",
    );
    assert_eq!(number(&conn, &format!("SELECT count(*) FROM {index}")), 2);
    run("UPDATE LAYER SET Geom = MakePoint(3, 4, 4617) WHERE id < 3");
    assert_eq!(
        number(
            &conn,
            &format!("SELECT count(*) FROM {index} WHERE xmin = 3 AND ymax = 4")
        ),
        2
    );
    run("UPDATE LAYER SET name = 'd'");
    run("DELETE FROM LAYER WHERE id = 1; UPDATE LAYER SET Geom = NULL WHERE id = 2");
    assert_eq!(number(&conn, &format!("SELECT sum(pkid) FROM {index}")), 3);
    assert_eq!(
        number(
            &conn,
            "SELECT count(*) FROM geometry_columns_time WHERE last_insert > '2' AND last_update > '2' AND last_delete > '2'"
        ),
        1
    );
}

#[test]
fn a_wrong_class_or_srid_aborts_the_statement_and_keeps_the_transaction() {
    let conn = with_layer();
    let insert = r#"INSERT INTO "Dams Of ""X""" ("Geom") VALUES (?1)"#;
    conn.execute_batch("BEGIN").unwrap();
    conn.execute(insert, [codec_point(4617)]).unwrap();
    for bad in [codec_point(4326), b"garbage".to_vec(), line()] {
        let error = conn.execute(insert, [bad]).unwrap_err();
        assert_eq!(
            error.sqlite_error_code(),
            Some(ErrorCode::ConstraintViolation)
        );
        assert!(
            error.to_string().contains("violates Geometry constraint"),
            "{error}"
        );
    }
    assert!(
        conn.execute(
            r#"UPDATE "Dams Of ""X""" SET "Geom" = ?1"#,
            [codec_point(0)]
        )
        .is_err()
    );
    conn.execute_batch("COMMIT").unwrap();
    assert_eq!(number(&conn, r#"SELECT count(*) FROM "Dams Of ""X""""#), 1);
}

fn codec_point(srid: i32) -> Vec<u8> {
    crate::codec::encode_point(1.0, 2.0, srid).to_vec()
}

fn line() -> Vec<u8> {
    let mut wkb = vec![1, 2, 0, 0, 0, 2, 0, 0, 0];
    [1.0_f64, 2.0, 3.0, 4.0]
        .iter()
        .for_each(|n| wkb.extend(n.to_le_bytes()));
    crate::codec::encode(&wkb, 4617).unwrap()
}

#[test]
fn triggers_have_spatialites_names_and_a_layer_without_index_has_five() {
    let conn = with_layer();
    let names = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'ggi\\_%' ESCAPE '\\'";
    assert_eq!(number(&conn, names), 1);
    let triggers = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'";
    assert_eq!(number(&conn, triggers), 8);
    add_layer(
        &conn,
        &Layer {
            index: false,
            ..points()
        },
    )
    .unwrap();
    assert_eq!(number(&conn, triggers), 5);
    assert_eq!(
        number(
            &conn,
            "SELECT count(*) FROM sqlite_master WHERE name LIKE 'idx_Dams%'"
        ),
        0
    );
    drop_layer_triggers(&conn, &points().table, &points().column).unwrap();
    assert_eq!(number(&conn, triggers), 0);
}

#[test]
fn a_bulk_load_drops_and_makes_the_triggers_in_one_transaction() {
    let conn = with_layer();
    let Layer { table, column, .. } = points();
    conn.execute_batch("BEGIN").unwrap();
    drop_layer_triggers(&conn, &table, &column).unwrap();
    for id in 0..500 {
        let blob = crate::codec::encode_point(f64::from(id), 1.0, 4617);
        conn.execute(
            r#"INSERT INTO "Dams Of ""X""" (id, "Geom") VALUES (?1, ?2)"#,
            (id, blob),
        )
        .unwrap();
    }
    rtree::build_from_table(&conn, &table, &column, &points().index_table()).unwrap();
    create_layer_triggers(&conn, &points()).unwrap();
    conn.execute(
        r#"INSERT INTO "Dams Of ""X""" ("Geom") VALUES (?1)"#,
        [codec_point(4617)],
    )
    .unwrap();
    conn.execute_batch("COMMIT").unwrap();
    assert_eq!(
        number(
            &conn,
            r#"SELECT count(*) FROM "idx_Dams Of ""X""_Geom" WHERE xmax <= 100"#
        ),
        102
    );
}

#[test]
fn a_layer_of_rows_that_are_there_already_is_indexed() {
    let conn = open();
    initialise(&conn).unwrap();
    conn.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, geom POINT); INSERT INTO t VALUES (4, MakePoint(1, 2, 4326)), (5, NULL)").unwrap();
    let layer = Layer {
        table: "t".into(),
        column: "geom".into(),
        srid: 4326,
        ..points()
    };
    add_layer(&conn, &layer).unwrap();
    assert_eq!(number(&conn, "SELECT pkid FROM idx_t_geom"), 4);
    add_layer(&conn, &layer).unwrap();
    assert_eq!(number(&conn, "SELECT count(*) FROM idx_t_geom"), 1);
}

#[test]
fn an_impossible_layer_is_refused_and_leaves_no_trace() {
    let conn = with_layer();
    let before = schema(&conn);
    for layer in [
        Layer {
            column: "none".into(),
            ..points()
        },
        Layer {
            table: "none".into(),
            ..points()
        },
        Layer {
            dimension: 3,
            ..points()
        },
        Layer {
            geometry_type: 8,
            ..points()
        },
        Layer {
            geometry_type: 4001,
            dimension: 4,
            ..points()
        },
    ] {
        assert!(add_layer(&conn, &layer).is_err(), "{layer:?}");
    }
    let unknown_srid = Layer {
        srid: 99_999,
        index: false,
        ..points()
    };
    assert_eq!(
        add_layer(&conn, &unknown_srid)
            .unwrap_err()
            .sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation)
    );
    assert_eq!(schema(&conn), before);
    assert_eq!(
        layer(&conn, &points().table, &points().column).unwrap(),
        Some(points())
    );
}

#[test]
fn a_view_layer_shows_in_the_list_of_layers_and_goes_with_its_table() {
    let conn = with_layer();
    let Layer { table, column, .. } = points();
    conn.execute_batch(
        r#"CREATE VIEW "Dams_EN" AS SELECT id AS OGC_id, "Geom" AS shape FROM "Dams Of ""X""""#,
    )
    .unwrap();
    for _ in 0..2 {
        add_view_layer(&conn, "Dams_EN", "shape", "OGC_id", &table, &column).unwrap();
    }
    let listed = "SELECT count(*) FROM vector_layers WHERE layer_type = 'SpatialView' AND table_name = 'dams_en' AND srid = 4617";
    assert_eq!(number(&conn, listed), 1);
    assert!(add_view_layer(&conn, "Dams_EN", "shape", "none", &table, &column).is_err());
    assert!(add_view_layer(&conn, "Dams_EN", "shape", "ogc_id", "none", &column).is_err());
    drop_layer(&conn, &table, &column).unwrap();
    assert_eq!(
        number(
            &conn,
            "SELECT (SELECT count(*) FROM vector_layers) + (SELECT count(*) FROM vector_layers_auth)"
        ),
        0
    );
    assert_eq!(
        number(
            &conn,
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' OR name LIKE 'idx_Dams%'"
        ),
        0
    );
    drop_layer(&conn, &table, &column).unwrap();
}

#[test]
fn a_dropped_view_layer_leaves_its_table_layer() {
    let conn = with_layer();
    conn.execute_batch(r#"CREATE VIEW v AS SELECT id, "Geom" AS g FROM "Dams Of ""X""""#)
        .unwrap();
    add_view_layer(&conn, "v", "g", "id", &points().table, &points().column).unwrap();
    drop_view_layer(&conn, "V").unwrap();
    assert_eq!(number(&conn, "SELECT count(*) FROM vector_layers_auth"), 1);
}

#[test]
fn statistics_hold_the_count_of_all_rows_and_the_extent_of_those_with_geometry() {
    let conn = with_layer();
    let Layer { table, column, .. } = points();
    let read = || {
        conn.query_row(
            "SELECT row_count, extent_min_x, extent_max_y, last_verified > '2' FROM vector_layers_statistics",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap()
    };
    assert_eq!(
        read(),
        (None::<i64>, None::<f64>, None::<f64>, None::<bool>)
    );
    update_statistics(&conn, &table, &column).unwrap();
    assert_eq!(read(), (Some(0), None, None, Some(true)));
    conn.execute_batch(r#"INSERT INTO "Dams Of ""X""" ("Geom") VALUES (MakePoint(-1, 2, 4617)), (MakePoint(3, 44, 4617)), (NULL)"#).unwrap();
    update_statistics(&conn, &table, &column).unwrap();
    assert_eq!(read(), (Some(3), Some(-1.0), Some(44.0), Some(true)));
}
