//! The meaning of cabd: types, rules, storage traits, formats and the behaviour suite.
//!
//! No database driver, no web, no SQL. A store implements [`store::Store`]; [`memory::MemoryStore`] is the reference.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod catalog;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod dictionary;
pub mod edit;
pub mod error;
pub mod feature;
pub mod format;
pub mod geometry;
pub mod id;
pub mod lang;
pub mod load;
pub mod memory;
pub mod page;
pub mod query;
pub mod store;
#[cfg(feature = "synth")]
pub mod synth;
pub mod tile;
pub mod time;
pub mod value;

pub use catalog::{Catalog, FeatureType, Manifest};
pub use error::{Clash, Error, ErrorKind, Result};
pub use feature::{Applied, ChangeHead, FeatureBatch, Operation};
pub use geometry::{Bbox, Geometry};
pub use id::{CommitNumber, Uuid};
pub use lang::{Lang, Text};
pub use query::FeatureQuery;
pub use store::{FeatureStore, FeatureStoreExt, Store, StoreExt};
pub use value::{DataType, Value};
