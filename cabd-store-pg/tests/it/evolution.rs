//! The catalogue of a database that others use, and types that administrators registered by SQL.

use std::time::Duration;

use cabd_core::catalog::{CatalogChange, Manifest};
use cabd_core::conformance::by_hand::{self, comments_to};
use cabd_core::conformance::evolution::healthy;
use cabd_core::conformance::evolution_of_types::new_types_are_at_once_in_the_other_handle;
use cabd_core::conformance::world::{ask, found, id, only, update, weir, weirs, write};
use cabd_core::store::{CatalogStore, FeatureStore, Store, operations};
use cabd_core::{ChangeHead, ErrorKind, Value};
use cabd_store_pg::PgStore;
use futures::{StreamExt, TryStreamExt};

use crate::server;

#[tokio::test]
async fn types_made_by_one_handle_are_at_once_in_another() {
    let Some(url) = server::with_world().await else {
        return;
    };
    let first = PgStore::connect(&url).await.unwrap();
    let second = PgStore::connect(&url).await.unwrap();
    new_types_are_at_once_in_the_other_handle(&first, &second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_and_writers_go_on_while_a_type_changes() {
    let Some(url) = server::with_world().await else {
        return;
    };
    let first = PgStore::connect(&url).await.unwrap();
    let second = std::sync::Arc::new(PgStore::connect(&url).await.unwrap());
    let rows: Vec<_> = (1..=30_000)
        .map(|n| weir(n).set("comments", n.to_string()))
        .collect();
    first
        .apply(&ChangeHead::default(), operations(rows))
        .await
        .unwrap();
    let reader = {
        let second = second.clone();
        tokio::spawn(async move {
            let mut read = 0;
            for n in 0..200u128 {
                let mut q = only(weirs(), &["comments"]);
                q.ids = Some(vec![id(1 + n % 1000)]);
                let answer = ask(&*second, &q).await;
                assert_eq!(answer.rows(), 1);
                read += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            read
        })
    };
    let writer = {
        let second = second.clone();
        tokio::spawn(async move {
            for n in 1..=30u128 {
                write(&*second, vec![update(n).set("height_m", 5)]).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    first.evolve(&comments_to("integer")).await.unwrap();
    assert_eq!(reader.await.unwrap(), 200);
    writer.await.unwrap();
    let mut q = weirs();
    q.ids = Some(vec![id(29_999)]);
    assert_eq!(
        ask(&*second, &q).await.of(29_999, "comments"),
        Value::Int(29_999)
    );
    second
        .evolve(&CatalogChange::of(Manifest::default()).rename("weirs.comments", "remarks"))
        .await
        .unwrap();
    write(&first, vec![update(29_999).set("remarks", 1)]).await;
    assert_eq!(ask(&first, &q).await.of(29_999, "remarks"), Value::Int(1));
    healthy(&first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_meets_a_long_write_says_that_the_store_is_busy() {
    let Some(url) = server::with_world().await else {
        return;
    };
    let store = std::sync::Arc::new(PgStore::connect(&url).await.unwrap());
    write(&*store, vec![weir(1)]).await;
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let long = {
        let store = store.clone();
        tokio::spawn(async move {
            let rest = futures::stream::once(async move {
                let _ = wait.await;
                Ok(weir(3))
            });
            let first = futures::stream::iter([Ok(weir(2))]);
            store
                .apply(&ChangeHead::default(), first.chain(rest).boxed())
                .await
        })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let change = CatalogChange::of(Manifest::default()).retire("weirs.comments");
    let e = store.evolve(&change).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Busy, "{e:?}");
    assert!(e.next_step().is_some());
    assert_eq!(found(&*store, &weirs()).await, [1]);
    go.send(()).unwrap();
    long.await.unwrap().unwrap();
    store.evolve(&change).await.unwrap();
    healthy(&*store).await;
}

const BEAVERS: &str = "
    CREATE SCHEMA beaver_dams;
    CREATE TABLE beaver_dams.beaver_dams (cabd_id uuid PRIMARY KEY, lodge_name varchar(40), lodges integer,
        size_code bigint, geometry geometry(point, 4617));
    INSERT INTO beaver_dams.beaver_dams SELECT cabd_id, 'Lodge', row_number() OVER (ORDER BY cabd_id), 2, geometry FROM weirs.weirs;
    CREATE VIEW cabd.beavers_en AS SELECT b.cabd_id, b.lodge_name, b.lodges, b.size_code, s.name_en AS size,
        b.lodges * 2 AS beavers, b.geometry FROM beaver_dams.beaver_dams b LEFT JOIN weirs.size_codes s ON s.code = b.size_code;
    CREATE VIEW cabd.beavers_fr AS SELECT b.cabd_id, b.lodge_name, b.lodges, b.size_code, s.name_fr AS size,
        b.lodges * 2 AS beavers, b.geometry FROM beaver_dams.beaver_dams b LEFT JOIN weirs.size_codes s ON s.code = b.size_code;
    INSERT INTO cabd.feature_type_metadata (view_name, field_name, name_en, name_fr, data_type, vw_all_order, is_name_search,
        value_options_reference) VALUES
        ('cabd.beavers', 'cabd_id', 'Identifier', 'Identifiant', 'uuid', 1, false, NULL),
        ('cabd.beavers', 'lodge_name', 'Lodge', 'Hutte', 'varchar(40)', 2, true, NULL),
        ('cabd.beavers', 'lodges', 'Lodges', 'Huttes', 'integer', 3, false, NULL),
        ('cabd.beavers', 'size_code', 'Size Code', 'Code', 'integer', NULL, false, 'weirs.size_codes;code;name;description'),
        ('cabd.beavers', 'size', 'Size', 'Grandeur', 'varchar(32)', NULL, false, 'weirs.size_codes;;name;description'),
        ('cabd.beavers', 'beavers', 'Beavers', 'Castors', 'integer', NULL, false, NULL),
        ('cabd.beavers', 'geometry', 'Location', 'Emplacement', 'geometry(point)', NULL, false, NULL);
    INSERT INTO cabd.feature_types (type, data_view, name_en, name_fr, data_table)
        VALUES ('beaver_dams', 'cabd.beavers', 'Beaver Dams', 'Barrages de castors', '{beaver_dams.beaver_dams}')";

#[tokio::test]
async fn a_type_registered_by_sql_alone_is_served_read_only_and_adopted() {
    let Some(url) = server::with_world().await else {
        return;
    };
    let store = PgStore::connect(&url).await.unwrap();
    let client = server::psql(&url).await;
    let register = async { client.batch_execute(BEAVERS).await.unwrap() };
    by_hand::a_type_registered_by_sql_alone_is_served_read_only_and_adopted(&store, register).await;
}

#[tokio::test]
async fn a_replaced_view_with_a_registered_column_is_read_and_drift_is_overwritten_only_when_told()
{
    let Some(url) = server::with_world().await else {
        return;
    };
    let store = PgStore::connect(&url).await.unwrap();
    let client = server::psql(&url).await;
    let replace = async {
        for lang in ["en", "fr"] {
            let view = format!("cabd.weirs_view_{lang}");
            let text = "SELECT pg_get_viewdef($1::text::regclass)";
            let made: String = client.query_one(text, &[&view]).await.unwrap().get(0);
            let select = made.trim_end().trim_end_matches(';');
            let text = format!(
                "CREATE OR REPLACE VIEW {view} AS SELECT v.*, v.height_m * 2 AS double_height_m FROM ({select}) v"
            );
            client.batch_execute(&text).await.unwrap();
        }
    };
    let register = async {
        let text = "INSERT INTO cabd.feature_type_metadata (view_name, field_name, name_en, data_type, vw_all_order)
             VALUES ('cabd.weirs_view', 'double_height_m', 'Double', 'double', 50);
             UPDATE cabd.feature_type_metadata SET name_en = 'Tallness' WHERE field_name = 'height_m' AND view_name = 'cabd.weirs_view'";
        client.batch_execute(text).await.unwrap();
    };
    by_hand::a_replaced_view_is_read_and_drift_is_overwritten_only_when_told(
        &store, replace, register,
    )
    .await;
}

#[tokio::test]
async fn an_attribute_set_registered_by_sql_alone_is_served() {
    let Some(url) = server::with_world().await else {
        return;
    };
    let store = PgStore::connect(&url).await.unwrap();
    let client = server::psql(&url).await;
    let register = async {
        let text = "ALTER TABLE cabd.feature_type_metadata ADD COLUMN vw_crew_order integer;
             INSERT INTO cabd.attribute_set (name, ft_metadata_col) VALUES ('crew', 'vw_crew_order');
             UPDATE cabd.feature_type_metadata SET vw_crew_order = 1 WHERE field_name = 'height_m'";
        client.batch_execute(text).await.unwrap();
    };
    by_hand::a_set_registered_by_sql_alone_is_served(&store, register).await;
}

#[tokio::test]
async fn an_open_stream_ends_in_its_own_moment() {
    let Some(url) = server::with_world().await else {
        return;
    };
    let store = PgStore::connect(&url).await.unwrap();
    write(&store, vec![weir(1), weir(2)]).await;
    let mut open = store.features(&weirs()).await.unwrap().batches;
    let first = open.try_next().await.unwrap().unwrap();
    assert_eq!(first.rows(), 2);
    drop(open);
    store
        .evolve(&CatalogChange::of(Manifest::default()).retire("weirs.comments"))
        .await
        .unwrap();
    assert_eq!(found(&store, &weirs()).await, [1, 2]);
}

#[tokio::test]
async fn what_a_broken_off_change_of_type_left_is_named_and_goes_with_the_next() {
    let Some(url) = server::with_world().await else {
        return;
    };
    let store = PgStore::connect(&url).await.unwrap();
    write(&store, vec![weir(1)]).await;
    let client = server::psql(&url).await;
    client
        .batch_execute("ALTER TABLE weirs.weirs ADD COLUMN filling_height_m text")
        .await
        .unwrap();
    let left = |found: Vec<cabd_core::store::Finding>| {
        found
            .iter()
            .any(|f| f.object == "weirs.weirs.filling_height_m")
    };
    assert!(left(store.doctor().await.unwrap()));
    let change = CatalogChange::of(Manifest::default()).rename("weirs.comments", "remarks");
    let plan = store.plan(&change).await.unwrap();
    assert!(plan.warnings.iter().any(|w| w.contains("filling_height_m")));
    assert_eq!(store.evolve(&change).await.unwrap().warnings, [""; 0]);
    assert!(!left(store.doctor().await.unwrap()));
    healthy(&store).await;
}
