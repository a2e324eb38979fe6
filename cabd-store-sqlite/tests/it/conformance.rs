//! The behaviour suite on a SpatiaLite file.

use std::sync::Arc;

use cabd_core::conformance::capabilities::Outside;
use cabd_core::store::Store;
use cabd_store_sqlite::SqliteStore;

fn run<F: Future<Output = ()>>(case: F) {
    crate::shipped::run(case);
}

/// A file of its own; the folder goes with the guard.
async fn fresh() -> (Arc<SqliteStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(folder.path().join("suite.sqlite")).unwrap();
    (Arc::new(store), folder)
}

cabd_core::conformance_suite!(run, fresh);

/// The folder with the file.
struct Folder(tempfile::TempDir);

impl Folder {
    fn sql(&self, sql: &str) -> bool {
        let file = rusqlite::Connection::open(self.0.path().join("suite.sqlite")).unwrap();
        file.execute_batch(sql).unwrap();
        true
    }
}

#[async_trait::async_trait]
impl Outside for Folder {
    async fn again(&self) -> Option<Box<dyn Store>> {
        let store = SqliteStore::open(self.0.path().join("suite.sqlite")).unwrap();
        Some(Box::new(store))
    }

    async fn edit_elsewhere(&self) -> bool {
        self.sql("UPDATE weirs SET height_m = 7")
    }

    async fn drop_spatial_index(&self) -> bool {
        self.sql("DROP TABLE idx_weirs_geometry")
    }
}

async fn in_a_folder() -> (Arc<SqliteStore>, Folder) {
    let (store, folder) = fresh().await;
    (store, Folder(folder))
}

cabd_core::capability_suite!(run, in_a_folder);
