//! Every documented relation and column exists under its documented name.

use cabd_core::catalog::flat_name;
use cabd_core::store::{CatalogStore, Store};
use cabd_store_sqlite::SqliteStore;

use crate::shipped::run;
use cabd_core::conformance::shipped::manifest;

#[test]
fn every_documented_relation_and_column_exists() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        let store = SqliteStore::create(&path).unwrap();
        store.change_catalog(&manifest()).await.unwrap();
        store.close().await.unwrap();
        // By the shell: plain SQLite lacks the functions that the views' coordinates need.
        let have = crate::foreign::shell(
            &path,
            "SELECT s.type || ' ' || s.name || '.' || c.name FROM sqlite_schema AS s, pragma_table_info(s.name) AS c
             WHERE s.rootpage > 0 OR s.type = 'view';",
        );
        let have: std::collections::HashSet<&str> = have.lines().collect();
        let list =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tables.csv"))
                .unwrap();
        let mut missing = vec![];
        let mut seen = 0;
        for line in list.lines().skip(1) {
            let cells: Vec<&str> = line.splitn(6, ',').collect();
            let [_, schema, relation, kind, column, ..] = cells[..] else {
                panic!("{line}")
            };
            let name = flat_name(schema, relation);
            let wanted = format!("{kind} {name}.{column}");
            seen += 1;
            if !have.contains(wanted.as_str()) {
                missing.push(wanted);
            }
        }
        assert!(
            seen > 90 && missing.is_empty(),
            "{seen} seen, missing: {missing:#?}"
        );
    });
}
