#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

fn open(page_size: u32) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(&format!("PRAGMA page_size = {page_size}; CREATE VIRTUAL TABLE idx USING rtree(pkid, xmin, xmax, ymin, ymax)")).unwrap();
    conn
}

fn verdict(conn: &Connection) -> String {
    conn.query_row("SELECT rtreecheck('idx')", [], |row| row.get(0))
        .unwrap()
}

/// A repeatable cloud of boxes; ids neither ordered nor dense.
fn cloud(count: i64) -> Vec<(i64, [f64; 4])> {
    let mut state = 42_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count)
        .map(|i| {
            let (x, y, size) = (
                random() * 90.0 - 141.0,
                random() * 42.0 + 41.0,
                random() * 0.1,
            );
            ((i * 7919) % (count * 3 + 1) - 5, [x, y, x + size, y + size])
        })
        .collect()
}

fn entries(boxes: &[(i64, [f64; 4])]) -> Vec<Entry> {
    boxes
        .iter()
        .map(|&(id, mbr)| Entry::new(id, mbr).unwrap())
        .collect()
}

fn in_window(conn: &Connection, [minx, miny, maxx, maxy]: [f64; 4]) -> Vec<i64> {
    conn.prepare("SELECT pkid FROM idx WHERE xmax >= ?1 AND ymax >= ?2 AND xmin <= ?3 AND ymin <= ?4 ORDER BY pkid")
        .unwrap()
        .query_map([minx, miny, maxx, maxy], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn trees_of_every_height_pass_sqlites_own_check() {
    for page_size in [512, 1024, 4096, 16_384] {
        for count in [0, 1, 2, 17, 18, 19, 51, 52, 102, 103, 2601, 2602, 7000] {
            let conn = open(page_size);
            Tree::open(&conn, "idx")
                .unwrap()
                .write(&entries(&cloud(count)))
                .unwrap();
            if count > 0 {
                assert_eq!(
                    verdict(&conn),
                    "ok",
                    "{count} entries, {page_size} byte pages"
                );
            }
            let found: i64 = conn
                .query_row("SELECT count(*) FROM idx", [], |row| row.get(0))
                .unwrap();
            assert_eq!(found, count);
        }
    }
}

#[test]
fn a_packed_tree_answers_windows_as_a_tree_filled_by_inserts() {
    let boxes = cloud(5000);
    let (packed, inserted) = (open(4096), open(4096));
    build_packed(&packed, "idx", entries(&boxes)).unwrap();
    insert(&inserted, "idx", &entries(&boxes)).unwrap();
    for (_, [x, y, ..]) in cloud(50) {
        let window = [x, y, x + 5.0, y + 2.0];
        let expected: Vec<i64> = in_window(&inserted, window);
        assert_eq!(in_window(&packed, window), expected);
        let mut exact: Vec<i64> = boxes
            .iter()
            .filter(|(_, b)| {
                b[2] >= window[0] && b[3] >= window[1] && b[0] <= window[2] && b[1] <= window[3]
            })
            .map(|(id, _)| *id)
            .collect();
        exact.retain(|id| !expected.contains(id));
        assert!(exact.is_empty(), "f32 rounding lost rows {exact:?}");
    }
    let nodes = |conn: &Connection| {
        conn.query_row("SELECT count(*) FROM idx_node", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
    };
    assert_eq!(nodes(&packed), 1 + 2 + 99);
    assert!(nodes(&packed) < nodes(&inserted));
}

#[test]
fn a_packed_tree_takes_inserts_and_deletes_in_the_same_transaction_and_later() {
    let conn = open(4096);
    conn.execute_batch("BEGIN").unwrap();
    build_packed(&conn, "idx", entries(&cloud(3000))).unwrap();
    let change = |from: i64| {
        for (id, [minx, miny, maxx, maxy]) in cloud(500) {
            conn.execute(
                "INSERT INTO idx VALUES (?1, ?2, ?3, ?4, ?5)",
                (from + id, minx, maxx, miny, maxy),
            )
            .unwrap();
        }
        conn.execute("DELETE FROM idx WHERE pkid % 13 = ?1 % 13", [from])
            .unwrap();
        assert_eq!(verdict(&conn), "ok");
    };
    change(100_000);
    conn.execute_batch("COMMIT").unwrap();
    change(200_002);
    conn.execute("DELETE FROM idx", []).unwrap();
    assert_eq!(verdict(&conn), "ok");
}

#[test]
fn an_index_that_was_filled_and_emptied_can_be_packed_again() {
    let conn = open(4096);
    for _ in 0..3 {
        build_packed(&conn, "idx", entries(&cloud(4000))).unwrap();
        conn.execute("DELETE FROM idx", []).unwrap();
    }
    build_packed(&conn, "idx", entries(&cloud(10))).unwrap();
    assert_eq!(verdict(&conn), "ok");
}

#[test]
fn an_index_with_rows_or_of_another_shape_is_refused() {
    let conn = open(4096);
    conn.execute_batch(
        "INSERT INTO idx VALUES (1, 0, 0, 0, 0); CREATE TABLE plain (a, b, c, d, e);
         CREATE VIRTUAL TABLE three USING rtree(pkid, a, b, c, d, e, f); CREATE VIRTUAL TABLE whole USING rtree_i32(pkid, a, b, c, d)",
    )
    .unwrap();
    for table in ["idx", "plain", "three", "whole", "none"] {
        let error = build_packed(&conn, table, entries(&cloud(3)))
            .unwrap_err()
            .to_string();
        assert!(error.contains(table) && error.contains("R*Tree"), "{error}");
    }
}

#[test]
fn an_id_that_comes_twice_is_refused_and_leaves_the_index_empty() {
    let conn = open(4096);
    let mut twice = entries(&cloud(100));
    twice.push(twice[5]);
    assert!(build_packed(&conn, "idx", twice).is_err());
    assert_eq!(
        in_window(&conn, [-180.0, -90.0, 180.0, 90.0]),
        Vec::<i64>::new()
    );
    build_packed(&conn, "idx", entries(&cloud(100))).unwrap();
}

#[test]
fn where_nodes_may_not_be_written_the_index_is_filled_by_inserts() {
    let conn = open(4096);
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
        .unwrap();
    build_packed(&conn, "idx", entries(&cloud(300))).unwrap();
    assert_eq!(in_window(&conn, [-180.0, -90.0, 180.0, 90.0]).len(), 300);
    assert_eq!(verdict(&conn), "ok");
}

#[test]
fn a_box_without_an_inside_is_no_entry() {
    assert_eq!(Entry::new(1, [f64::NAN, 0.0, 1.0, 1.0]), None);
    assert_eq!(Entry::new(1, [0.0, 0.0, 1.0, f64::NAN]), None);
    assert_eq!(Entry::new(1, [2.0, 0.0, 1.0, 1.0]), None);
    assert!(Entry::new(1, [1.0, 1.0, 1.0, 1.0]).is_some());
}

#[test]
fn boxes_beyond_f32_still_make_a_sound_tree() {
    let conn = open(4096);
    let huge = (0..200)
        .map(|i| (i, [-1e300 * f64::from(i as i32), -1e40, 1e300, 1e-50]))
        .collect::<Vec<_>>();
    build_packed(&conn, "idx", entries(&huge)).unwrap();
    assert_eq!(verdict(&conn), "ok");
}

proptest! {
    #[test]
    fn rounding_never_makes_a_box_smaller_and_by_less_than_two_steps(value in any::<f64>().prop_filter("number", |v| !v.is_nan())) {
        let entry = Entry::new(1, [value; 4]).unwrap();
        prop_assert!(f64::from(entry.sides[0]) <= value && f64::from(entry.sides[1]) >= value);
        prop_assert!(entry.sides[0].next_up() >= entry.sides[1]);
    }
}
