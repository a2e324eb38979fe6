//! The catalogue of a file that others have open, and types that administrators registered by SQL.

use std::path::Path;

use cabd_core::catalog::{CatalogChange, Manifest};
use cabd_core::conformance::by_hand::{self, comments_to};
use cabd_core::conformance::evolution::healthy;
use cabd_core::conformance::evolution_of_types::new_types_are_at_once_in_the_other_handle;
use cabd_core::conformance::world::{ask, furnish, only, update, weir, weirs, write};
use cabd_core::store::{CatalogStore, FeatureStore, Store, operations};
use cabd_core::{ChangeHead, Value};
use cabd_store_sqlite::SqliteStore;
use futures::TryStreamExt;
use rusqlite::Connection;

use crate::shipped::run;

fn sql(path: &Path, text: &str) {
    let conn = Connection::open(path).unwrap();
    conn.busy_timeout(std::time::Duration::from_secs(5))
        .unwrap();
    conn.execute_batch(text).unwrap();
}

/// A file with the suite's world.
fn with_world(case: impl AsyncFnOnce(&SqliteStore, &Path)) {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let store = SqliteStore::create(&path).unwrap();
        furnish(&store).await;
        case(&store, &path).await;
        store.close().await.unwrap();
    });
}

#[test]
fn types_made_by_one_handle_are_at_once_in_another() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let first = SqliteStore::create(&path).unwrap();
        furnish(&first).await;
        let second = SqliteStore::open(&path).unwrap();
        new_types_are_at_once_in_the_other_handle(&first, &second).await;
    });
}

#[test]
fn a_second_handle_reads_on_and_notices_each_change() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let first = SqliteStore::create(&path).unwrap();
        furnish(&first).await;
        let second = SqliteStore::open(&path).unwrap();
        let rows = (1..=5000).map(|n| weir(n).set("comments", n.to_string()));
        first
            .apply(&ChangeHead::default(), operations(rows.collect::<Vec<_>>()))
            .await
            .unwrap();

        // A reader that has begun sees its own moment to the end.
        let mut q = weirs();
        q.batch_rows = 100;
        let mut open = second.features(&q).await.unwrap().batches;
        let begun = open.try_next().await.unwrap().unwrap();
        assert!(matches!(begun.value(0, "comments"), Value::Text(_)));
        first.evolve(&comments_to("integer")).await.unwrap();
        let rest: Vec<_> = open.try_collect().await.unwrap();
        let read: usize = rest.iter().map(|b| b.rows()).sum();
        assert_eq!(read + begun.rows(), 5000);

        let answer = ask(&second, &only(weirs(), &["comments"])).await;
        assert_eq!(answer.of(17, "comments"), Value::Int(17));
        write(&second, vec![update(17).set("comments", 18)]).await;
        second
            .evolve(&CatalogChange::of(Manifest::default()).rename("weirs.comments", "remarks"))
            .await
            .unwrap();
        assert_eq!(
            ask(&first, &weirs()).await.of(17, "remarks"),
            Value::Int(18)
        );
        write(&first, vec![update(17).set("remarks", 19)]).await;
        healthy(&second).await;
        second.evolve(&CatalogChange::undo(None)).await.unwrap();
        assert_eq!(
            ask(&first, &weirs()).await.of(17, "comments"),
            Value::Int(19)
        );
        first.close().await.unwrap();
        second.close().await.unwrap();
    });
}

const BEAVERS: &str = "
    CREATE TABLE beaver_dams (fid INTEGER PRIMARY KEY, cabd_id TEXT, lodge_name VARCHAR(40), lodges INTEGER,
        size_code INTEGER, geometry POINT);
    INSERT INTO beaver_dams SELECT NULL, cabd_id, 'Lodge ' || fid, fid, 2, geometry FROM weirs;
    CREATE VIEW cabd_beavers_en AS SELECT b.fid, b.cabd_id, b.lodge_name, b.lodges, b.size_code, s.name_en AS size,
        b.lodges * 2 AS beavers, b.geometry FROM beaver_dams AS b LEFT JOIN weirs_size_codes AS s ON s.code = b.size_code;
    CREATE VIEW cabd_beavers_fr AS SELECT b.fid, b.cabd_id, b.lodge_name, b.lodges, b.size_code, s.name_fr AS size,
        b.lodges * 2 AS beavers, b.geometry FROM beaver_dams AS b LEFT JOIN weirs_size_codes AS s ON s.code = b.size_code;
    INSERT INTO cabd_feature_type_metadata (view_name, field_name, name_en, name_fr, data_type, vw_all_order, is_name_search,
        value_options_reference) VALUES
        ('cabd.beavers', 'cabd_id', 'Identifier', 'Identifiant', 'uuid', 1, 0, NULL),
        ('cabd.beavers', 'lodge_name', 'Lodge', 'Hutte', 'varchar(40)', 2, 1, NULL),
        ('cabd.beavers', 'lodges', 'Lodges', 'Huttes', 'integer', 3, 0, NULL),
        ('cabd.beavers', 'size_code', 'Size Code', 'Code', 'integer', NULL, 0, 'weirs.size_codes;code;name;description'),
        ('cabd.beavers', 'size', 'Size', 'Grandeur', 'varchar(32)', NULL, 0, 'weirs.size_codes;;name;description'),
        ('cabd.beavers', 'beavers', 'Beavers', 'Castors', 'integer', NULL, 0, NULL),
        ('cabd.beavers', 'geometry', 'Location', 'Emplacement', 'geometry(point)', NULL, 0, NULL);
    INSERT INTO cabd_feature_types (type, data_view, name_en, name_fr, data_table)
        VALUES ('beaver_dams', 'cabd.beavers', 'Beaver Dams', 'Barrages de castors', '[\"beaver_dams.beaver_dams\"]');";

#[test]
fn a_type_registered_by_sql_alone_is_served_read_only_and_adopted() {
    with_world(async |store, path| {
        let register = async { sql(path, BEAVERS) };
        by_hand::a_type_registered_by_sql_alone_is_served_read_only_and_adopted(store, register)
            .await;
    });
}

#[test]
fn a_replaced_view_with_a_registered_column_is_read_and_drift_is_overwritten_only_when_told() {
    with_world(async |store, path| {
        let replace = async {
            let conn = Connection::open(path).unwrap();
            for lang in ["en", "fr"] {
                let view = format!("cabd_weirs_view_{lang}");
                let text = "SELECT sql FROM sqlite_schema WHERE name = ?";
                let made: String = conn.query_row(text, [&view], |r| r.get(0)).unwrap();
                let (_, select) = made.split_once(" AS ").unwrap();
                conn.execute_batch(&format!(
                    "DROP VIEW {view}; CREATE VIEW {view} AS SELECT v.*, v.height_m * 2 AS double_height_m FROM ({select}) AS v;"
                ))
                .unwrap();
            }
        };
        let register = async {
            sql(
                path,
                "INSERT INTO cabd_feature_type_metadata (view_name, field_name, name_en, data_type, vw_all_order)
                 VALUES ('cabd.weirs_view', 'double_height_m', 'Double', 'double', 50);
                 UPDATE cabd_feature_type_metadata SET name_en = 'Tallness' WHERE field_name = 'height_m' AND view_name = 'cabd.weirs_view';",
            );
        };
        by_hand::a_replaced_view_is_read_and_drift_is_overwritten_only_when_told(
            store, replace, register,
        )
        .await;
    });
}

#[test]
fn an_attribute_set_registered_by_sql_alone_is_served() {
    with_world(async |store, path| {
        let register = async {
            sql(
                path,
                "ALTER TABLE cabd_feature_type_metadata ADD COLUMN vw_crew_order INTEGER;
                 INSERT INTO cabd_attribute_set (name, ft_metadata_col) VALUES ('crew', 'vw_crew_order');
                 UPDATE cabd_feature_type_metadata SET vw_crew_order = 1 WHERE field_name = 'height_m';",
            );
        };
        by_hand::a_set_registered_by_sql_alone_is_served(store, register).await;
    });
}
