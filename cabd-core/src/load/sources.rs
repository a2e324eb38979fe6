//! The data sources of a load: found by name, or made.

use super::mapping::{Mapping, SourceRule};
use crate::catalog::Relation;
use crate::error::Result;
use crate::feature::{Action, Operation};
use crate::id::{self, Uuid};
use crate::store::{FeatureStoreExt, RecordQuery, Store, StoreExt};
use crate::value::{DataType, Value};

/// The name space of data source identifiers.
const SOURCES: Uuid = Uuid::from_u128(0x5d1c_3a70_6d0f_5f0e_9b1a_2f60_c4b1_a7e5);

/// The identifier that a data source of that name gets when a load makes it: the same in every inventory.
///
/// ```
/// use cabd_core::load::source_id;
/// assert_eq!(source_id("BC FISS obstacles 2021"), source_id("BC FISS obstacles 2021"));
/// assert_ne!(source_id("a"), source_id("b"));
/// ```
pub fn source_id(name: &str) -> Uuid {
    Uuid::new_v5(&SOURCES, name.as_bytes())
}

/// A data source of this load.
#[derive(Debug, Clone, Copy)]
pub(super) struct DataSource {
    pub(super) id: Uuid,
    /// Whether the store does not know it: nothing can be matched by it then.
    pub(super) is_new: bool,
}

/// Looks a data source up, or gives the operation that makes it.
pub(super) async fn find_or_make(
    store: &dyn Store,
    name: &str,
    mapping: &Mapping,
) -> Result<(DataSource, Option<Operation>)> {
    if let Some(id) = store.data_source_by_name(name).await? {
        return Ok((DataSource { id, is_new: false }, None));
    }
    let mut id = source_id(name);
    // Renamed since: the identifier belongs to what it is now.
    let taken = RecordQuery::of(Relation::DataSource)
        .only(&["id"])
        .with("id", [Value::Uuid(id)]);
    if !store.all_records(&taken).await?.is_empty() {
        id = id::new_id();
    }
    let default = SourceRule::default();
    let rule = mapping.source.as_ref().unwrap_or(&default);
    let version_date = match &rule.version_date {
        Some(date) => Value::from(date.as_str())
            .coerce("version_date", &DataType::Date)
            .map_err(|e| e.at("mapping"))?,
        None => Value::Null,
    };
    let text = |t: &Option<String>| t.as_deref().map_or(Value::Null, Value::from);
    let operation = Operation::new(Relation::DataSource, Action::Put)
        .set("id", id)
        .set("name", name)
        .set("version_date", version_date)
        .set("version_number", text(&rule.version_number))
        .set(
            "source_type",
            rule.source_type.as_deref().unwrap_or("spatial"),
        )
        .set("comments", text(&rule.comments))
        .set("licence", text(&mapping.licence))
        .set("attribution", text(&mapping.attribution));
    Ok((DataSource { id, is_new: true }, Some(operation)))
}
