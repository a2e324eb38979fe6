//! The behaviour suite on the reference store.

use cabd_core::memory::MemoryStore;

fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(case);
}

async fn fresh() -> (Box<MemoryStore>, ()) {
    (Box::new(MemoryStore::new()), ())
}

cabd_core::conformance_suite!(run, fresh);
