//! Computing beside the requests.

use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use cabd_core::{Error, Result};
use tokio::sync::Semaphore;

/// A place for each processor: more threads would be no quicker, and each keeps memory of its own.
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    Arc::new(Semaphore::new(
        available_parallelism().map_or(1, usize::from),
    ))
});

/// Computes on a thread where others do not wait for it.
pub(crate) async fn apart<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let lost = |e| Error::internal("nothing is computed any more").because(e);
    let place = PLACES.clone().acquire_owned().await.map_err(lost)?;
    let compute = move || {
        let _place = place;
        f()
    };
    let done = tokio::task::spawn_blocking(compute).await;
    done.map_err(|e| Error::internal("the computing ended early").because(e))
}
