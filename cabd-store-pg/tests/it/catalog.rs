//! The catalogue in the database: made from manifests, read back, noticed when it changes.

use std::path::Path;

use cabd_core::catalog::{Catalog, Manifest};
use cabd_core::store::{CatalogStore, Store};
use cabd_core::{ErrorKind, Lang};
use cabd_store_pg::PgStore;

use crate::server;

fn ponds() -> Manifest {
    Manifest::from_toml(
        "ponds.toml",
        r#"
        [type]
        id = "ponds"
        name = { en = "Ponds", fr = "Étangs" }
        sources = "attributes"
        [type.community]
        photos = ["photo"]
        [geometry]
        kind = "point"
        [[attributes]]
        id = "cabd_id"
        type = "uuid"
        name = { en = "Identifier", fr = "Identifiant" }
        [[attributes]]
        id = "name"
        type = "varchar(20)"
        name = { en = "Name", fr = "L'\\nom" }
        tracked = true
        name_search = true
        [[attributes]]
        id = "geometry"
        type = "geometry(point)"
        name = { en = "Location", fr = "Emplacement" }
        "#,
    )
    .unwrap()
}

#[tokio::test]
async fn the_shipped_catalogue_is_read_back_as_it_was_written() {
    let Some((store, _)) = server::with_catalog().await else {
        return;
    };
    let read = store.catalog().await.unwrap();
    let written = Catalog::new(1, server::shipped()).unwrap();
    for ft in written.types() {
        assert_eq!(read.feature_type(ft.id()).unwrap(), ft, "{}", ft.id());
    }
    for list in written.lists() {
        let mut wanted = list.codes.clone();
        wanted.sort_by(|a, b| a.code.cmp(&b.code));
        assert_eq!(
            **read.list(&list.id).unwrap(),
            list.with_codes(wanted),
            "{}",
            list.id
        );
    }
    assert_eq!(read.sets(), written.sets());
    let plan = store.plan_catalog(&server::shipped()).await.unwrap();
    assert_eq!(plan.words(), Vec::<String>::new());
}

#[tokio::test]
async fn every_documented_table_view_and_column_exists() {
    let Some((_store, url)) = server::with_catalog().await else {
        return;
    };
    let client = server::psql(&url).await;
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tables.csv");
    let mut missing = vec![];
    for line in std::fs::read_to_string(list).unwrap().lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        let kinds = if f[3] == "view" { "v" } else { "r" };
        let found = client
            .query_one(
                "SELECT EXISTS (SELECT 1 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
                 JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND c.relkind::text = $4)",
                &[&f[1], &f[2], &f[4], &kinds],
            )
            .await
            .unwrap();
        if !found.get::<_, bool>(0) {
            missing.push(line.to_owned());
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[tokio::test]
async fn a_database_without_cabd_tables_is_not_a_store_and_says_what_to_do() {
    let Some(url) = server::nothing().await else {
        return;
    };
    let e = PgStore::connect(&url).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotAStore);
    assert!(e.next_step().unwrap().contains("cabd init"));
    PgStore::create(&url).await.unwrap();
    PgStore::create(&url).await.unwrap();
    PgStore::connect(&url).await.unwrap();
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused() {
    let Some(url) = server::bare().await else {
        return;
    };
    let client = server::psql(&url).await;
    client
        .execute(
            "INSERT INTO cabd.schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(
        PgStore::connect(&url).await.unwrap_err().kind(),
        ErrorKind::NewerStore
    );
    assert_eq!(
        PgStore::create(&url).await.unwrap_err().kind(),
        ErrorKind::NewerStore
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_the_password_stays_secret() {
    let e = PgStore::connect("postgres://me:s3cret@127.0.0.1:1/x")
        .await
        .unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unreachable);
    assert!(e.next_step().is_some());
    assert!(!format!("{e:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_second_program_notices_a_new_type_and_a_label_changed_by_sql() {
    let Some((first, url)) = server::with_catalog().await else {
        return;
    };
    let second = PgStore::connect(&url).await.unwrap();
    assert!(
        second
            .catalog()
            .await
            .unwrap()
            .feature_type("ponds")
            .is_err()
    );
    let plan = first.change_catalog(&ponds()).await.unwrap();
    assert_eq!(plan.steps.len(), 1);
    let seen = second.catalog().await.unwrap();
    assert!(seen.feature_type("ponds").is_ok());

    let client = server::psql(&url).await;
    client
        .batch_execute("UPDATE dams.size_codes SET name_en = 'Huge' WHERE code = 1")
        .await
        .unwrap();
    let seen = second.catalog().await.unwrap();
    let list = seen.list("dams.size_codes").unwrap();
    assert_eq!(
        list.label(&cabd_core::catalog::CodeKey::Int(1), Lang::En),
        Some("Huge")
    );
}

#[tokio::test]
async fn a_type_gains_an_attribute_and_a_set_gains_a_column() {
    let Some(url) = server::bare().await else {
        return;
    };
    let store = PgStore::connect(&url).await.unwrap();
    store.change_catalog(&ponds()).await.unwrap();
    let mut wider = ponds();
    let mut depth = wider.types[0].attributes[1].clone();
    depth.id = "depth_m".into();
    depth.data_type = "double".parse().unwrap();
    depth.name_search = false;
    depth.name = cabd_core::Text::new("Depth", "Profondeur");
    depth.sets.insert("deep".into(), 3);
    wider.types[0].attributes.push(depth);
    wider.sets.push(cabd_core::catalog::AttributeSet {
        name: "deep".into(),
        column: "vw_deep_order".into(),
        aliases: vec![],
        registered: false,
    });
    store.change_catalog(&wider).await.unwrap();
    let read = store.catalog().await.unwrap();
    assert_eq!(**read.feature_type("ponds").unwrap(), wider.types[0]);
    let client = server::psql(&url).await;
    let row = client
        .query_one(
            "SELECT vw_deep_order FROM cabd.feature_type_metadata WHERE field_name = 'depth_m'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 3);
    client
        .batch_execute("SELECT depth_m FROM cabd.ponds_view_fr; SELECT depth_m_ds FROM ponds.ponds_attribute_source")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_change_that_would_drop_a_column_is_refused_and_nothing_is_changed() {
    let Some(url) = server::bare().await else {
        return;
    };
    let store = PgStore::connect(&url).await.unwrap();
    store.change_catalog(&ponds()).await.unwrap();
    let mut narrower = ponds();
    narrower.types[0].attributes.remove(1);
    let e = store.change_catalog(&narrower).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unsupported);
    assert!(
        store
            .catalog()
            .await
            .unwrap()
            .feature_type("ponds")
            .unwrap()
            .attribute("name")
            .is_some()
    );
}

#[tokio::test]
async fn a_fresh_store_with_the_shipped_catalogue_is_healthy_and_has_one_commit() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    assert_eq!(store.doctor().await.unwrap(), vec![]);
    let info = store.info().await.unwrap();
    assert_eq!(info.head, 1);
    assert_eq!(info.schema_version, 9);
    assert_eq!(info.features["dams"], 0);
    assert!(url.ends_with(info.location.rsplit('/').next().unwrap()));
    assert!(info.engine.contains_key("PostGIS"));
}
