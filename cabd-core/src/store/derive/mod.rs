//! Derived values: what every write fills in beside what it is given.
//!
//! A manifest says how an attribute follows from others ([`Derived`](crate::catalog::Derived)); here it is done, the
//! same over every store. The rules:
//!
//! * A value is computed where what it follows from is new or has changed, and where a change names it without a value.
//! * A value given in the same change stays; so does one that is there and whose `<attribute>_ds` names a data source.
//! * Where nothing follows, what is there stays.
//! * `last_modified` follows every other change, and makes none alone.

mod fill;
mod foreign;
mod hook;
mod rules;

use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use uuid::Uuid;

pub use foreign::{DeriveExt, ForeignChange, ForeignChanges};
pub use hook::{Hooks, Position, Snapper};

pub(super) use fill::{Cause, Deriver, Pending};
pub(super) use rules::{Rules, is_derived};

use super::{BoxStream, RecordQuery};
use crate::catalog::{ID, Relation};
use crate::error::Result;

/// A feature whose derived values are to be looked at again.
#[derive(Debug, Clone, PartialEq)]
pub struct Rederive {
    /// Its type.
    pub feature_type: Arc<str>,
    /// Its identifier. A feature that is gone is passed over.
    pub id: Uuid,
    /// What has happened to it.
    pub written: Written,
    /// When, if known.
    pub at: Option<Timestamp>,
}

/// What has happened to a feature since its derived values were computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Unknown: every derived value without a source of its own is computed.
    Unknown,
    /// The feature is new, and its values were given: empty ones are computed.
    New,
    /// Values of these columns were given: what follows from them is computed.
    Columns(Vec<String>),
    /// A row that belongs to it has changed.
    Around,
}

/// Features whose derived values are to be looked at again.
pub type DeriveStream = BoxStream<Rederive>;

/// Every feature of a type, to have its derived values computed anew.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type.
pub async fn every_feature<S: super::FeatureStore + ?Sized>(
    store: &S,
    feature_type: &str,
) -> Result<DeriveStream> {
    let feature_type: Arc<str> = feature_type.into();
    let query = RecordQuery::of(Relation::Feature(feature_type.clone())).only(&[ID]);
    let records = store.records(&query).await?;
    Ok(records
        .filter_map(move |record| {
            let feature = record.map(|r| {
                r.get(ID).as_uuid().map(|id| Rederive {
                    feature_type: feature_type.clone(),
                    id,
                    written: Written::Unknown,
                    at: None,
                })
            });
            futures::future::ready(feature.transpose())
        })
        .boxed())
}
