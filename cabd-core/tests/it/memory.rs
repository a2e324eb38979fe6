//! The behaviour suite on the reference store.

use cabd_core::conformance::capabilities::Outside;
use cabd_core::memory::MemoryStore;
use cabd_core::store::Store;

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

/// Nothing outside of the process reaches memory.
struct Nothing;

#[async_trait::async_trait]
impl Outside for Nothing {
    async fn again(&self) -> Option<Box<dyn Store>> {
        None
    }

    async fn edit_elsewhere(&self) -> bool {
        false
    }

    async fn drop_spatial_index(&self) -> bool {
        false
    }
}

async fn alone() -> (Box<MemoryStore>, Nothing) {
    (Box::new(MemoryStore::new()), Nothing)
}

cabd_core::capability_suite!(run, alone);
