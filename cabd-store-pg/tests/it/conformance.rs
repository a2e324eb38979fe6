//! The behaviour suite on PostGIS, and the random layer against the reference.

use cabd_core::conformance::capabilities::Outside;
use cabd_core::conformance::random;
use cabd_core::memory::MemoryStore;
use cabd_core::store::Store;
use cabd_store_pg::PgStore;

use crate::server;

fn run<F: Future<Output = ()>>(case: F) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(case);
}

/// A store of its own; where PostGIS is to be skipped, the reference stands in.
async fn opened(url: Option<String>) -> Box<dyn Store> {
    match url {
        Some(url) => Box::new(PgStore::connect(&url).await.unwrap()),
        None => Box::new(MemoryStore::new()),
    }
}

async fn fresh() -> (Box<dyn Store>, ()) {
    (opened(server::bare().await).await, ())
}

async fn furnished() -> (Box<dyn Store>, ()) {
    (opened(server::with_world().await).await, ())
}

cabd_core::conformance_suite!(run, fresh, furnished);

/// The database; none where PostGIS is to be skipped.
struct Database(Option<String>);

impl Database {
    async fn sql(&self, sql: &str) -> bool {
        let Some(url) = &self.0 else { return false };
        let client = server::psql(url).await;
        client.batch_execute(sql).await.unwrap();
        true
    }
}

#[async_trait::async_trait]
impl Outside for Database {
    async fn again(&self) -> Option<Box<dyn Store>> {
        let url = self.0.as_deref()?;
        Some(Box::new(PgStore::connect(url).await.unwrap()))
    }

    async fn edit_elsewhere(&self) -> bool {
        self.sql("UPDATE weirs.weirs SET height_m = 7").await
    }

    async fn drop_spatial_index(&self) -> bool {
        self.sql("DROP INDEX weirs.weirs_geometry_gist").await
    }
}

async fn in_a_database() -> (Box<dyn Store>, Database) {
    let url = server::with_world().await;
    (opened(url.clone()).await, Database(url))
}

cabd_core::capability_suite!(run, in_a_database);

#[test]
fn random_catalogues_are_changed_as_in_the_reference_and_undone() {
    run(async {
        for seed in 0..4 {
            let (store, ()) = furnished().await;
            let reference = MemoryStore::new();
            random::evolve(&reference, &*store, seed, 12).await;
        }
    });
}

#[test]
fn random_changes_and_questions_have_the_answers_of_the_reference() {
    run(async {
        for seed in 0..4 {
            let (store, ()) = furnished().await;
            let reference = MemoryStore::new();
            random::play(&reference, &*store, seed, 200).await;
        }
    });
}
