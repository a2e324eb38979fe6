//! Identifiers: features are UUIDs, commits are numbers in commit order.

use std::fmt;

use serde::{Deserialize, Serialize};
pub use uuid::Uuid;

use crate::error::{Error, Result};

/// A new time-ordered (version 7) identifier.
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// Reads a UUID in 8-4-4-4-12 form, any case.
///
/// ```
/// assert!(cabd_core::id::parse("cabd_id", "0B6E0000-0000-4000-8000-000000000001").is_ok());
/// assert!(cabd_core::id::parse("cabd_id", "17").is_err());
/// ```
pub fn parse(field: &str, text: &str) -> Result<Uuid> {
    let refused = || {
        Error::invalid("not a UUID")
            .field(field)
            .value(text)
            .expected("8-4-4-4-12 hexadecimal digits")
    };
    if text.len() != 36 {
        return Err(refused());
    }
    Uuid::try_parse(text).map_err(|_| refused())
}

/// The number of a commit, given in commit order; the product's revision.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CommitNumber(pub i64);

impl fmt::Display for CommitNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
