//! Looks for damage, drift and missing pieces.

use cabd_core::error::Result;
use cabd_core::store::Finding;

use crate::PgStore;

pub(crate) async fn examine(_store: &PgStore) -> Result<Vec<Finding>> {
    Ok(vec![])
}
