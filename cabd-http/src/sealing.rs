//! Commits of other programs get their seals while the service runs.

use std::sync::Arc;
use std::time::Duration;

use cabd_core::{ErrorKind, Store};

/// Seals every so many seconds, until it is dropped.
pub(crate) async fn seal_every(store: Arc<dyn Store>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        match store.seal().await {
            Ok(0) => {}
            Ok(sealed) => tracing::debug!(sealed, "commits of other programs are sealed"),
            // Whoever writes next seals them; who may only read has nothing to seal.
            Err(e) if matches!(e.kind(), ErrorKind::Busy | ErrorKind::Denied) => {}
            Err(e) => tracing::warn!(error = %e, "commits could not be sealed"),
        }
    }
}
