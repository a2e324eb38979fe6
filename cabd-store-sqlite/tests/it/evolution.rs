//! The catalogue of a file that others have open, and types that administrators registered by SQL.

use std::path::Path;

use cabd_core::catalog::{CatalogChange, Manifest, What};
use cabd_core::conformance::evolution_of_types::new_types_are_at_once_in_the_other_handle;
use cabd_core::conformance::world::{
    ask, found, furnish, id, manifest, only, update, weir, weirs, write,
};
use cabd_core::query::FeatureQuery;
use cabd_core::store::{CatalogStore, FeatureStore, Severity, Store, operations};
use cabd_core::{ChangeHead, ErrorKind, Operation, Value};
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

async fn sound(store: &SqliteStore) {
    let findings = store.doctor().await.unwrap();
    let bad: Vec<_> = findings
        .iter()
        .filter(|f| f.severity >= Severity::Warning)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

fn comments_to(data_type: &str) -> CatalogChange {
    let mut all = manifest();
    all.types
        .retain(|t| t.id() == "weirs" || t.id() == "obstacles");
    all.lists.clear();
    all.sets.clear();
    for ft in &mut all.types {
        ft.attributes.retain(|a| a.id != "note");
        for m in &mut ft.members {
            m.columns.remove("note");
        }
        for a in &mut ft.attributes {
            if a.id == "comments" {
                a.data_type = data_type.parse().unwrap();
            }
        }
    }
    CatalogChange::of(all).narrow("weirs.comments")
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
        sound(&second).await;
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

const LODGES: &str = r#"
    [type]
    id = "lodges"
    name = { en = "Lodges", fr = "Huttes" }
    [[members]]
    type = "weirs"
    [[members]]
    type = "beaver_dams"
    [[attributes]]
    id = "cabd_id"
    type = "uuid"
    [[attributes]]
    id = "feature_type"
    type = "text"
    computed = "feature_type"
    [[attributes]]
    id = "lodges"
    type = "integer"
    [[attributes]]
    id = "geometry"
    type = "geometry(point)"
"#;

#[test]
fn a_type_registered_by_sql_alone_is_served_read_only_and_adopted() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let store = SqliteStore::create(&path).unwrap();
        furnish(&store).await;
        write(&store, vec![weir(1), weir(2)]).await;
        sql(&path, BEAVERS);
        let mut q = FeatureQuery::of("beaver_dams");
        q.filter = Some(cabd_core::query::parse_filter("beavers:gte:4").unwrap());
        q.bbox = Some("-76,44,-74,46".parse().unwrap());
        q.names = vec![cabd_core::query::parse_name_filter("like:lodge").unwrap()];
        let answer = ask(&store, &q).await;
        assert_eq!(answer.ids(), [2]);
        assert_eq!(answer.of(2, "size"), Value::from("Medium"));
        q.lang = cabd_core::Lang::Fr;
        assert_eq!(ask(&store, &q).await.of(2, "size"), Value::from("Moyen"));
        q.select = cabd_core::query::Selection::Set("all".to_owned());
        assert_eq!(ask(&store, &q).await.of(2, "lodges"), Value::Int(2));
        assert_eq!(store.info().await.unwrap().features["beaver_dams"], 2);
        sound(&store).await;
        let op = Operation::update_feature("beaver_dams", id(1)).set("lodges", 9);
        let e = store
            .apply(&ChangeHead::default(), operations(vec![op]))
            .await
            .unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unsupported);
        assert!(e.next_step().unwrap().contains("cabd type adopt"), "{e:?}");
        // Other changes leave it as it is.
        store
            .evolve(&CatalogChange::of(Manifest::default()).rename("weirs.comments", "remarks"))
            .await
            .unwrap();
        assert_eq!(
            found(&store, &FeatureQuery::of("beaver_dams")).await,
            [1, 2]
        );

        // It may be a member of a super type.
        let lodges = Manifest::from_toml("lodges.toml", LODGES).unwrap();
        store.evolve(&CatalogChange::of(lodges)).await.unwrap();
        assert_eq!(store.count(&FeatureQuery::of("lodges")).await.unwrap(), 4);
        let mut of_beavers = FeatureQuery::of("lodges");
        of_beavers.types = vec!["beaver_dams".to_owned()];
        assert_eq!(
            ask(&store, &of_beavers).await.of(2, "lodges"),
            Value::Int(2)
        );
        sound(&store).await;
        let adopted = store.adopt("beaver_dams").await.unwrap();
        assert!(
            adopted.notes.iter().any(|n| n.starts_with("beavers:")),
            "{:?}",
            adopted.notes
        );
        let text = adopted.manifest.to_toml().unwrap();
        let m = Manifest::from_toml("beavers.toml", &text).unwrap();
        assert_eq!(
            m.types[0].attribute("size").unwrap().label_of.as_deref(),
            Some("size_code")
        );
        store.evolve(&CatalogChange::of(m)).await.unwrap();
        write(
            &store,
            vec![Operation::update_feature("beaver_dams", id(1)).set("lodges", 9)],
        )
        .await;
        let answer = ask(&store, &FeatureQuery::of("beaver_dams")).await;
        assert_eq!(
            (answer.of(1, "lodges"), answer.of(1, "size")),
            (Value::Int(9), "Medium".into())
        );
        assert_eq!(
            store.adopt("beaver_dams").await.unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        store.close().await.unwrap();
    });
}

#[test]
fn a_replaced_view_with_a_registered_column_is_read_and_drift_is_shown_and_overwritten_only_when_told()
 {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let store = SqliteStore::create(&path).unwrap();
        furnish(&store).await;
        write(&store, vec![weir(1).set("height_m", 2)]).await;
        for lang in ["en", "fr"] {
            let conn = Connection::open(&path).unwrap();
            let view = format!("cabd_weirs_view_{lang}");
            let made: String = conn
                .query_row(
                    "SELECT sql FROM sqlite_schema WHERE name = ?",
                    [&view],
                    |r| r.get(0),
                )
                .unwrap();
            let (_, select) = made.split_once(" AS ").unwrap();
            conn.execute_batch(&format!(
                "DROP VIEW {view}; CREATE VIEW {view} AS SELECT v.*, v.height_m * 2 AS double_height_m FROM ({select}) AS v;"
            ))
            .unwrap();
        }
        sql(
            &path,
            "INSERT INTO cabd_feature_type_metadata (view_name, field_name, name_en, data_type, vw_all_order)
             VALUES ('cabd.weirs_view', 'double_height_m', 'Double', 'double', 50);
             UPDATE cabd_feature_type_metadata SET name_en = 'Tallness' WHERE field_name = 'height_m' AND view_name = 'cabd.weirs_view';",
        );
        let mut q = weirs();
        q.filter = Some(cabd_core::query::parse_filter("double_height_m:eq:4").unwrap());
        assert_eq!(
            ask(&store, &q).await.of(1, "double_height_m"),
            Value::from(4.0)
        );
        write(&store, vec![update(1).set("height_m", 3)]).await;
        assert_eq!(
            ask(&store, &weirs()).await.of(1, "double_height_m"),
            Value::from(6.0)
        );
        sound(&store).await;
        let drift = store.catalog().await.unwrap().drift();
        assert!(
            drift
                .iter()
                .any(|d| d.object == "weirs.height_m" && d.present == "Tallness"),
            "{drift:?}"
        );
        assert!(drift.iter().any(|d| d.field == "definition"), "{drift:?}");

        let plan = store.change_catalog(&manifest()).await.unwrap();
        assert!(
            plan.is_empty() && plan.drift.iter().any(|d| d.object == "weirs.height_m"),
            "{plan:?}"
        );
        let mut change = CatalogChange::of(manifest());
        change.what = What::Declare(manifest());
        store.evolve(&change.overwrite_drift()).await.unwrap();
        let catalog = store.catalog().await.unwrap();
        assert_eq!(catalog.drift(), vec![]);
        assert_eq!(
            catalog
                .feature_type("weirs")
                .unwrap()
                .attribute("height_m")
                .unwrap()
                .name
                .en,
            "Height"
        );
        sound(&store).await;
        store.close().await.unwrap();
    });
}

#[test]
fn an_attribute_set_registered_by_sql_alone_is_served() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let store = SqliteStore::create(&path).unwrap();
        furnish(&store).await;
        write(&store, vec![weir(1).set("height_m", 2)]).await;
        sql(
            &path,
            "ALTER TABLE cabd_feature_type_metadata ADD COLUMN vw_crew_order INTEGER;
             INSERT INTO cabd_attribute_set (name, ft_metadata_col) VALUES ('crew', 'vw_crew_order');
             UPDATE cabd_feature_type_metadata SET vw_crew_order = 1 WHERE field_name = 'height_m';",
        );
        let mut q = weirs();
        q.select = cabd_core::query::Selection::Set("crew".to_owned());
        let answer = ask(&store, &q).await;
        assert_eq!(answer.of(1, "height_m"), Value::from(2.0));
        assert_eq!(answer.batches[0].batch.num_columns(), 3);
        let drop = CatalogChange::of(Manifest::default()).drop("set:crew");
        assert_eq!(
            store.evolve(&drop).await.unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        store.change_catalog(&manifest()).await.unwrap();
        assert_eq!(ask(&store, &q).await.of(1, "height_m"), Value::from(2.0));
        store.close().await.unwrap();
    });
}
