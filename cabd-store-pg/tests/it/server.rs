//! Fresh databases: cloned from templates that are made once a run.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use cabd_core::catalog::Manifest;
use cabd_core::store::{CatalogStore, Store};
use cabd_store_pg::PgStore;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

static NEXT: AtomicU32 = AtomicU32::new(0);
static TEMPLATES: OnceCell<(String, String)> = OnceCell::const_new();

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

/// The catalogue the project ships.
pub fn shipped() -> Manifest {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog");
    let mut m = Manifest::default();
    for dir in [root.clone(), root.join("codes"), root.join("types")] {
        let mut files: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|f| f.extension().is_some_and(|e| e == "toml"))
            .collect();
        files.sort();
        for f in files {
            let text = std::fs::read_to_string(&f).unwrap();
            m.merge(Manifest::from_toml(&f.file_name().unwrap().to_string_lossy(), &text).unwrap());
        }
    }
    m
}

async fn templates(url: &str) -> &'static (String, String) {
    TEMPLATES
        .get_or_init(|| async {
            let admin = psql(url).await;
            sweep(&admin).await;
            let pid = std::process::id();
            let names = (format!("cabd_test_{pid}_bare"), format!("cabd_test_{pid}_shipped"));
            admin.batch_execute(&format!("CREATE DATABASE {}", names.0)).await.unwrap();
            let store = PgStore::create(&with_database(url, &names.0)).await.unwrap();
            store.close().await.unwrap();
            drop(store);
            admin
                .batch_execute(&format!("CREATE DATABASE {} TEMPLATE {}", names.1, names.0))
                .await
                .unwrap();
            let store = PgStore::connect(&with_database(url, &names.1)).await.unwrap();
            store.change_catalog(&shipped()).await.unwrap();
            store.close().await.unwrap();
            names
        })
        .await
}

/// Drops what runs that were killed have left.
async fn sweep(admin: &Client) {
    let rows = admin
        .query("SELECT datname FROM pg_database WHERE datname LIKE 'cabd\\_test\\_%'", &[])
        .await
        .unwrap();
    for row in rows {
        let name: String = row.get(0);
        let pid = name.split('_').nth(2).unwrap_or_default();
        if !Path::new("/proc").join(pid).exists() {
            let _ = admin
                .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await;
        }
    }
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
    let (bare, _) = templates(&url).await;
    Some(clone_of(bare, &url).await)
}

/// A store with the shipped catalogue, and its URL.
pub async fn with_catalog() -> Option<(PgStore, String)> {
    let url = url()?;
    let (_, shipped) = templates(&url).await;
    let url = clone_of(shipped, &url).await;
    Some((PgStore::connect(&url).await.unwrap(), url))
}

/// URL of a database without anything in it.
pub async fn nothing() -> Option<String> {
    let url = url()?;
    templates(&url).await;
    Some(clone_of("template0", &url).await)
}
