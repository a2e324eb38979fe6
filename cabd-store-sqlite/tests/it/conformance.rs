//! The behaviour suite on a SpatiaLite file.

use std::sync::Arc;

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
