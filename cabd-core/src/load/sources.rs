//! The data sources of a load: found by name, or made.

use std::collections::HashMap;

use super::convert::Rule;
use super::mapper::MappedRow;
use super::mapping::{Mapping, SourceRule};
use super::target::Target;
use crate::catalog::Relation;
use crate::error::{Error, Result};
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

/// Rows that set tracked values do not say where these come from.
pub(super) fn unsaid(place: &str) -> Error {
    Error::invalid("values whose source is tracked need a data source")
        .at(place)
        .field("source")
        .expected("the name of a data source, or the reason why there is none")
        .hint("name one (--source, or [source] in the mapping), or say with --no-source why there is none")
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
        .set("data_source_category", text(&rule.category))
        .set("full_name", text(&rule.full_name))
        .set("organization_name", text(&rule.organization))
        .set("geographic_coverage", text(&rule.coverage))
        .set("licence", text(&mapping.licence))
        .set("attribution", text(&mapping.attribution));
    Ok((DataSource { id, is_new: true }, Some(operation)))
}

/// Puts the identifier before the values of each row of the table of data sources: that of the data source of the same name,
/// or the one that a load would make. A row without a name gets none.
pub(super) async fn identify(
    store: &dyn Store,
    target: &Target,
    rows: &mut [MappedRow],
) -> Result<()> {
    let main = &target.main;
    let named = |r: &Rule| main.table.columns[r.column].name == "name";
    let Some(at) = main.rules.iter().position(named) else {
        return Ok(());
    };
    let names = rows.iter().map(|r| r.main[at].clone());
    let names: Vec<Value> = names.filter(|n| !n.is_null()).collect();
    let query = RecordQuery::of(Relation::DataSource)
        .only(&["id", "name"])
        .with("name", names);
    let mut known: HashMap<String, Uuid> = HashMap::new();
    for record in store.all_records(&query).await? {
        if let (Some(name), Some(id)) = (record.get("name").as_str(), record.get("id").as_uuid()) {
            known.insert(name.to_owned(), id);
        }
    }
    for row in rows {
        let id = row.main[at].as_str().map(|name| {
            let id = known.get(name).copied();
            Value::Uuid(id.unwrap_or_else(|| source_id(name)))
        });
        row.main.insert(0, id.unwrap_or_default());
    }
    Ok(())
}
