//! The catalogue of a database that others use, and types that administrators registered by SQL.

use std::time::Duration;

use cabd_core::catalog::{CatalogChange, Manifest};
use cabd_core::conformance::evolution_of_types::new_types_are_at_once_in_the_other_handle;
use cabd_core::conformance::world::{
    ask, found, furnish, id, manifest, only, update, weir, weirs, write,
};
use cabd_core::query::FeatureQuery;
use cabd_core::store::{CatalogStore, FeatureStore, Severity, Store, operations};
use cabd_core::{ChangeHead, ErrorKind, Operation, Value};
use cabd_store_pg::PgStore;
use futures::{StreamExt, TryStreamExt};

use crate::server;

pub async fn sound(store: &PgStore) {
    let findings = store.doctor().await.unwrap();
    let bad: Vec<_> = findings
        .iter()
        .filter(|f| f.severity >= Severity::Warning)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

pub fn comments_to(data_type: &str) -> CatalogChange {
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
    sound(&first).await;
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
    sound(&store).await;
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

#[tokio::test]
async fn a_type_registered_by_sql_alone_is_served_read_only_and_adopted() {
    let Some(url) = server::with_world().await else {
        return;
    };
    let store = PgStore::connect(&url).await.unwrap();
    write(&store, vec![weir(1), weir(2)]).await;
    server::psql(&url)
        .await
        .batch_execute(BEAVERS)
        .await
        .unwrap();
    let mut q = FeatureQuery::of("beaver_dams");
    q.filter = Some(cabd_core::query::parse_filter("beavers:gte:4").unwrap());
    q.bbox = Some("-76,44,-74,46".parse().unwrap());
    q.names = vec![cabd_core::query::parse_name_filter("like:lodge").unwrap()];
    let answer = ask(&store, &q).await;
    assert_eq!(answer.ids(), [2]);
    assert_eq!(answer.of(2, "size"), Value::from("Medium"));
    q.lang = cabd_core::Lang::Fr;
    assert_eq!(ask(&store, &q).await.of(2, "size"), Value::from("Moyen"));
    assert_eq!(store.info().await.unwrap().features["beaver_dams"], 2);
    sound(&store).await;
    let op = Operation::update_feature("beaver_dams", id(1)).set("lodges", 9);
    let e = store
        .apply(&ChangeHead::default(), operations(vec![op]))
        .await
        .unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unsupported);
    assert!(e.next_step().unwrap().contains("cabd type adopt"), "{e:?}");
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
    let m = Manifest::from_toml("beavers.toml", &adopted.manifest.to_toml().unwrap()).unwrap();
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
}

#[tokio::test]
async fn a_replaced_view_with_a_registered_column_is_read_and_drift_is_overwritten_only_when_told()
{
    let Some(url) = server::with_world().await else {
        return;
    };
    let store = PgStore::connect(&url).await.unwrap();
    furnish(&store).await;
    write(&store, vec![weir(1).set("height_m", 2)]).await;
    let client = server::psql(&url).await;
    for lang in ["en", "fr"] {
        let view = format!("cabd.weirs_view_{lang}");
        let made: String = client
            .query_one("SELECT pg_get_viewdef($1::text::regclass)", &[&view])
            .await
            .unwrap()
            .get(0);
        let select = made.trim_end().trim_end_matches(';');
        client
            .batch_execute(&format!(
                "CREATE OR REPLACE VIEW {view} AS SELECT v.*, v.height_m * 2 AS double_height_m FROM ({select}) v"
            ))
            .await
            .unwrap();
    }
    client
        .batch_execute(
            "INSERT INTO cabd.feature_type_metadata (view_name, field_name, name_en, data_type, vw_all_order)
             VALUES ('cabd.weirs_view', 'double_height_m', 'Double', 'double', 50);
             UPDATE cabd.feature_type_metadata SET name_en = 'Tallness' WHERE field_name = 'height_m' AND view_name = 'cabd.weirs_view'",
        )
        .await
        .unwrap();
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
    let plan = store.change_catalog(&manifest()).await.unwrap();
    assert!(plan.is_empty() && !plan.drift.is_empty(), "{plan:?}");
    store
        .evolve(&CatalogChange::of(manifest()).overwrite_drift())
        .await
        .unwrap();
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
