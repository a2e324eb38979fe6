//! The runtime, the end by Ctrl-C, and the way to a store.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use cabd::{Error, Result, Store};

use crate::exit;
use crate::output;

/// The program that a change is sent by.
pub const CLIENT: &str = concat!("cabd ", env!("CARGO_PKG_VERSION"));

/// How long work in other threads may take to notice that it was dropped.
const LAST_BREATH: Duration = Duration::from_secs(5);

/// Runs a command to its end, or until Ctrl-C: then it is dropped where it is, and a store keeps nothing of a
/// change that was not finished.
pub fn run(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    run_to_end(async {
        tokio::select! {
            ended = command => ended,
            Ok(()) = tokio::signal::ctrl_c() => Ok(ExitCode::from(exit::INTERRUPTED)),
        }
    })
}

/// Runs a command that minds signals itself.
pub fn run_to_end(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::internal("the runtime did not start").because(e))?;
    let ended = runtime.block_on(command);
    runtime.shutdown_timeout(LAST_BREATH);
    ended
}

/// Opens the store; one that lives only as long as the command begins with the shipped catalogue.
pub async fn open(location: &str) -> Result<Arc<dyn Store>> {
    let (store, waiting) = cabd::open_telling(location).await?;
    if let Some(e) = waiting {
        output::note(format!(
            "warning: values cannot be derived for rows that other programs wrote: {e}"
        ));
    }
    begun(store).await
}

/// The same for who reads first: what other programs have written is looked at later.
pub async fn open_at_once(location: &str) -> Result<Arc<dyn Store>> {
    begun(cabd::open_at_once(location).await?).await
}

async fn begun(store: Arc<dyn Store>) -> Result<Arc<dyn Store>> {
    if !store.capabilities().durable {
        store.change_catalog(&cabd::shipped()?).await?;
    }
    Ok(store)
}
