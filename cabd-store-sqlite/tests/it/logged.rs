//! Every table logs, whatever way its rows are written.

use std::collections::BTreeMap;

use cabd_core::catalog::{Relation, flat_name};
use cabd_core::conformance::shipped::manifest;
use cabd_core::store::{AuditStore, CatalogStore, Store};
use cabd_store_sqlite::SqliteStore;
use futures::TryStreamExt;

use crate::foreign::shell;
use crate::shipped::run;

#[test]
fn every_table_of_the_catalogue_has_its_triggers() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        let store = SqliteStore::create(&path).unwrap();
        store.change_catalog(&manifest()).await.unwrap();
        let tables = store.catalog().await.unwrap().tables();
        store.close().await.unwrap();
        let have = shell(
            &path,
            "SELECT tbl_name || ' ' || CASE WHEN sql LIKE '% AFTER INSERT %' THEN 'INSERT' \
             WHEN sql LIKE '% AFTER UPDATE %' THEN 'UPDATE' WHEN sql LIKE '% AFTER DELETE %' THEN 'DELETE' END \
             FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%INTO cabd_audit_record%';",
        );
        let have: Vec<&str> = have.lines().collect();
        let mut names = vec![];
        for table in &tables {
            let name = flat_name(&table.schema, &table.name);
            for event in ["INSERT", "UPDATE", "DELETE"] {
                let wanted = format!("{name} {event}");
                assert!(have.contains(&wanted.as_str()), "{wanted}: {have:#?}");
            }
            names.push(table.qualified());
        }
        for named in [
            "cabd.contacts",
            "cabd.data_source",
            "cabd.fish_species",
            "cabd.user_feature_updates",
            "cabd.feature_identity",
            "dams.dams",
            "dams.dams_feature_source",
            "dams.dams_attribute_source",
            "fishways.species_mapping",
            "stream_crossings.structures",
        ] {
            assert!(names.iter().any(|n| n == named), "{named}: {names:?}");
        }
        let part = |r: &Relation| matches!(r, Relation::Part(..));
        assert!(tables.iter().any(|t| part(&t.relation)));
    });
}

#[test]
fn bulk_updates_and_cascades_of_the_shell_are_logged_row_by_row() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        let store = SqliteStore::create(&path).unwrap();
        store.change_catalog(&manifest()).await.unwrap();
        let before = store.head().await.unwrap();
        store.close().await.unwrap();
        shell(
            &path,
            "PRAGMA foreign_keys = ON;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3)
             INSERT INTO dams (cabd_id, original_point, height_m)
             SELECT '00000000-0000-0000-0000-00000000000' || i, MakePoint(-75, 45, 4617), i FROM n;
             UPDATE dams SET height_m = height_m + 0.5;
             UPDATE dams SET height_m = height_m;
             INSERT INTO cabd_data_source (id, name) VALUES ('00000000-0000-0000-0000-000000000009', 'src');
             INSERT INTO dams_feature_source (cabd_id, datasource_id, datasource_feature_id)
             SELECT cabd_id, '00000000-0000-0000-0000-000000000009', 'x' FROM dams;
             DELETE FROM dams;",
        );
        let store = SqliteStore::open(&path).unwrap();
        let entries: Vec<_> = store
            .changes_since(before)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let mut seen: BTreeMap<(String, String), u32> = BTreeMap::new();
        for e in &entries {
            // A foreign insert is completed by an update of the place.
            if e.action != "UPDATE" || e.new.contains_key("height_m") {
                *seen.entry((e.table.clone(), e.action.clone())).or_default() += 1;
            }
        }
        let of = |t: &str, a: &str, n: u32| ((t.to_owned(), a.to_owned()), n);
        assert_eq!(
            seen.into_iter().collect::<Vec<_>>(),
            [
                of("dams", "DELETE", 3),
                of("dams", "INSERT", 3),
                of("dams", "UPDATE", 3),
                of("dams_feature_source", "DELETE", 3),
                of("dams_feature_source", "INSERT", 3),
                of("data_source", "INSERT", 1),
            ]
        );
    });
}
