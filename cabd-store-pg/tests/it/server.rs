//! Fresh databases: cloned from templates that are made once a run.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

pub use cabd_core::conformance::shipped::manifest as shipped;
use cabd_core::store::{CatalogStore, Store};
use cabd_store_pg::PgStore;
use futures::StreamExt;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

static NEXT: AtomicU32 = AtomicU32::new(0);
static TEMPLATES: OnceCell<Templates> = OnceCell::const_new();

/// Databases to clone.
struct Templates {
    bare: String,
    shipped: String,
    world: String,
}

/// The server's URL, or `None` where the run was told to skip it.
pub fn url() -> Option<String> {
    match std::env::var("CABD_TEST_PG") {
        Ok(v) if v == "skip" => None,
        Ok(v) => Some(v),
        Err(_) => panic!(
            "CABD_TEST_PG is not set: it names the PostGIS server to test against. \
             `scripts/pg.sh start` starts one and prints its URL; CABD_TEST_PG=skip leaves these tests out"
        ),
    }
}

fn with_database(url: &str, database: &str) -> String {
    let (base, _) = url.rsplit_once('/').unwrap();
    format!("{base}/{database}")
}

/// A connection of a foreign program.
pub async fn psql(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn templates(url: &str) -> &'static Templates {
    TEMPLATES
        .get_or_init(|| async {
            let admin = psql(url).await;
            sweep(url, &admin).await;
            let name = |what: &str| format!("cabd_test_{}_{what}", std::process::id());
            let names = Templates {
                bare: name("bare"),
                shipped: name("shipped"),
                world: name("world"),
            };
            let make = async |name: &str, of: &str| {
                let sql = format!("CREATE DATABASE {name} TEMPLATE {of}");
                admin.batch_execute(&sql).await.unwrap();
            };
            make(&names.bare, "template1").await;
            let store = PgStore::create(&with_database(url, &names.bare))
                .await
                .unwrap();
            store.close().await.unwrap();
            drop(store);
            for (name, manifest) in [
                (&names.shipped, shipped()),
                (&names.world, cabd_core::conformance::world::manifest()),
            ] {
                make(name, &names.bare).await;
                let store = PgStore::connect(&with_database(url, name)).await.unwrap();
                store.change_catalog(&manifest).await.unwrap();
                store.close().await.unwrap();
            }
            names
        })
        .await
}

/// Drops what earlier runs have left, many at once: each drop waits for a checkpoint, and they share it.
async fn sweep(url: &str, admin: &Client) {
    let rows = admin
        .query(
            "SELECT datname FROM pg_database WHERE datname LIKE 'cabd\\_test\\_%'",
            &[],
        )
        .await
        .unwrap();
    let names = rows.iter().map(|r| r.get::<_, String>(0)).filter(|name| {
        let pid = name.split('_').nth(2).unwrap_or_default();
        !Path::new("/proc").join(pid).exists()
    });
    futures::stream::iter(names)
        .for_each_concurrent(24, async |name| {
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let _ = psql(url).await.batch_execute(&sql).await;
        })
        .await;
}

async fn clone_of(template: &str, url: &str) -> String {
    let name = format!(
        "cabd_test_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let admin = psql(url).await;
    admin
        .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
        .await
        .unwrap();
    with_database(url, &name)
}

/// URL of a database with an empty store; `None` where tests are to be skipped.
pub async fn bare() -> Option<String> {
    let url = url()?;
    Some(clone_of(&templates(&url).await.bare, &url).await)
}

/// URL of a store with the catalogue of the behaviour suite.
pub async fn with_world() -> Option<String> {
    let url = url()?;
    Some(clone_of(&templates(&url).await.world, &url).await)
}

/// A store with the shipped catalogue, and its URL.
pub async fn with_catalog() -> Option<(PgStore, String)> {
    let url = url()?;
    let url = clone_of(&templates(&url).await.shipped, &url).await;
    Some((PgStore::connect(&url).await.unwrap(), url))
}

/// URL of a database without anything in it.
pub async fn nothing() -> Option<String> {
    let url = url()?;
    templates(&url).await;
    Some(clone_of("template0", &url).await)
}
