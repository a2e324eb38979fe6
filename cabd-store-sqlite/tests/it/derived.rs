//! Derived values in a file: rows of the spatialite shell, reading only, the shipped types, and what it costs.

use std::path::PathBuf;

use cabd_core::Value;
use cabd_core::conformance::derived::{furnish_zones, gauge, value};
use cabd_core::conformance::elsewhere::{self, Edit, Elsewhere, Given};
use cabd_core::conformance::world::write;
use cabd_core::store::{AuditStore, DeriveExt, Store};
use cabd_store_sqlite::SqliteStore;

use crate::foreign::shell;
use crate::shipped::run;

struct Shell(PathBuf);

impl Shell {
    fn run(&self, sql: &str) {
        shell(&self.0, sql);
    }
}

fn sql(given: &Given) -> String {
    match given {
        Given::Text(t) => format!("'{t}'"),
        Given::Number(n) => n.to_string(),
        Given::Point(x, y) => format!("MakePoint({x}, {y}, 4617)"),
    }
}

#[async_trait::async_trait]
impl Elsewhere for Shell {
    async fn edit(&self, table: &str, edit: Edit, values: &[(&str, Given)]) {
        let table = cabd_core::catalog::flat_name("gauges", table);
        let names: Vec<&str> = values.iter().map(|(n, _)| *n).collect();
        let all: Vec<String> = values.iter().map(|(_, v)| sql(v)).collect();
        let sets: Vec<String> = names
            .iter()
            .zip(&all)
            .map(|(n, v)| format!("{n} = {v}"))
            .collect();
        self.run(&match edit {
            Edit::Insert => format!(
                "INSERT INTO {table} ({}) VALUES ({});",
                names.join(", "),
                all.join(", ")
            ),
            Edit::Update(id) => format!(
                "UPDATE {table} SET {} WHERE cabd_id = '{id}';",
                sets.join(", ")
            ),
            Edit::Delete(id) => format!("DELETE FROM {table} WHERE cabd_id = '{id}';"),
        });
    }
}

const EAST: &str = "MakePoint(-62, 47, 4617)";

fn empty() -> (SqliteStore, Shell, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.sqlite");
    (SqliteStore::create(&path).unwrap(), Shell(path), folder)
}

#[test]
fn what_the_spatialite_shell_writes_is_derived_at_the_next_look() {
    run(async {
        let (store, shell, _folder) = empty();
        elsewhere::what_other_programs_write_is_derived_at_the_next_look(&store, &shell).await;
        assert_eq!(store.doctor().await.unwrap(), vec![]);
    });
}

#[test]
fn rows_of_others_are_derived_before_the_next_change_and_say_so() {
    run(async {
        let (store, other, _folder) = empty();
        furnish_zones(&store).await;
        write(&store, vec![gauge(1, -76.0, 45.0)]).await;
        other.run(&format!("UPDATE gauges SET geometry = {EAST};"));
        let head = store.head().await.unwrap();
        write(&store, vec![gauge(2, -76.0, 45.0)]).await;
        assert_eq!(value(&store, 1, "zone_code").await, Value::from("bb"));
        assert_eq!(store.head().await.unwrap().0, head.0 + 2);
        let words = shell(
            &other.0,
            "SELECT kind, reason FROM cabd_changeset ORDER BY id DESC LIMIT 1 OFFSET 1;",
        );
        assert_eq!(
            words.trim(),
            "derive|derived values of rows that other programs wrote"
        );
    });
}

#[test]
fn what_cannot_be_derived_is_told() {
    run(async {
        let (store, other, _folder) = empty();
        elsewhere::what_cannot_be_derived_is_told(&store, &other).await;
    });
}

#[cfg(unix)]
#[test]
fn a_file_that_is_only_read_is_left_as_it_is() {
    run(async {
        let (store, other, _folder) = empty();
        furnish_zones(&store).await;
        write(&store, vec![gauge(1, -76.0, 45.0)]).await;
        store.close().await.unwrap();
        other.run(&format!(
            "UPDATE gauges SET geometry = {EAST}; PRAGMA journal_mode = DELETE;"
        ));
        let mut access = std::fs::metadata(&other.0).unwrap().permissions();
        access.set_readonly(true);
        std::fs::set_permissions(&other.0, access).unwrap();
        let bytes = std::fs::read(&other.0).unwrap();
        let store = SqliteStore::open(&other.0).unwrap();
        // A user whom permissions do not bind opens it for writing.
        if store.derive_foreign().await.unwrap().commit.is_none() {
            assert_eq!(value(&store, 1, "zone_code").await, Value::from("aa"));
            store.close().await.unwrap();
            assert_eq!(std::fs::read(&other.0).unwrap(), bytes);
        }
    });
}

#[test]
fn a_lost_index_of_polygons_makes_the_question_slow_not_wrong() {
    run(async {
        let (store, other, _folder) = empty();
        furnish_zones(&store).await;
        store.close().await.unwrap();
        other.run("DROP TABLE idx_cabd_zone_codes_geometry;");
        let store = SqliteStore::open(&other.0).unwrap();
        write(&store, vec![gauge(1, -76.0, 45.0), gauge(2, 100.0, 10.0)]).await;
        assert_eq!(value(&store, 1, "zone_code").await, Value::from("aa"));
        assert_eq!(value(&store, 2, "zone_code").await, Value::Null);
    });
}

#[test]
fn the_shipped_types_derive() {
    run(async {
        let (store, _, _folder) = empty();
        elsewhere::the_shipped_types_derive(&store).await;
    });
}

#[test]
#[ignore = "a measurement: cargo test -p cabd-store-sqlite --test it what_ten_thousand -- --ignored --nocapture"]
fn what_ten_thousand_rows_cost() {
    run(async {
        let (store, _, _folder) = empty();
        elsewhere::measure(&store).await;
    });
}
