//! A data source as a JSON document: its columns as members.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::Draft;
use super::document::{known, object, set, wrong};
use crate::catalog::{Catalog, Relation};
use crate::error::{Error, Result};
use crate::feature::{Action, Operation};

/// The list of provinces that a data source may cover, where the catalogue has it.
const PROVINCES: &str = "cabd.province_territory_codes";

/// What a document about a data source asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceChange {
    /// A new one.
    Create,
    /// Only what is named changes; null takes a value away (RFC 7396).
    Merge,
    /// What is left out loses its value.
    Replace,
}

/// Reads a data source: `name`, `full_name`, `organization_name`, `source_type` (`spatial` or `non-spatial`), `version_date`,
/// `version_number`, `licence`, `attribution`, `data_source_category`, `geographic_coverage`, `province_territory_code`, `source`,
/// `source_id_field`, `comments`. Its identifier is `id`, which the document may repeat.
///
/// ```
/// use cabd_core::edit::{SourceChange, data_source};
/// use cabd_core::{Catalog, Uuid};
/// let given = serde_json::json!({"name": "Register of 2019", "source_type": "spatial"});
/// let draft = data_source(&Catalog::default(), Uuid::from_u128(1), &given, SourceChange::Create)?;
/// assert_eq!(draft.operations.len(), 1);
/// # Ok::<(), cabd_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a member that is no column, another identifier, and a province that is none.
/// Other values are checked when the change is applied.
pub fn data_source(
    catalog: &Catalog,
    id: Uuid,
    document: &Json,
    how: SourceChange,
) -> Result<Draft> {
    let given = object(document, "")?;
    let table = catalog.table(&Relation::DataSource)?;
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let mut errors = vec![];
    known(given, "", &names, &mut errors);
    let mut values = Map::new();
    if how == SourceChange::Replace {
        let others = names.iter().filter(|n| **n != "id");
        values.extend(others.map(|n| ((*n).to_owned(), Json::Null)));
    }
    for (name, value) in given {
        if name != "id" {
            values.insert(name.clone(), value.clone());
        } else if value.as_str().and_then(|t| t.parse().ok()) != Some(id) {
            errors.push(
                wrong("", "id", Some(value))
                    .expected("the identifier of the data source, or none")
                    .hint("the identifier of a data source never changes"),
            );
        }
    }
    errors.extend(provinces(catalog, &values));
    let action = match how {
        SourceChange::Create => Action::Insert,
        SourceChange::Merge | SourceChange::Replace => Action::Update,
    };
    let mut operation = Operation::new(Relation::DataSource, action).set("id", id);
    set(&mut operation, values.iter(), &mut errors);
    match Error::all(errors) {
        Some(e) => Err(e),
        None => Ok(Draft {
            operations: vec![operation],
            ..Draft::default()
        }),
    }
}

/// What is wrong with the provinces that are named.
fn provinces(catalog: &Catalog, values: &Map<String, Json>) -> Vec<Error> {
    let (Some(list), Some(Json::Array(given))) = (
        catalog.list(PROVINCES),
        values.get("province_territory_code"),
    ) else {
        return vec![];
    };
    let is_code = |code: &Json| {
        let code = code.as_str();
        list.codes
            .iter()
            .any(|c| Some(c.code.to_string().as_str()) == code)
    };
    given
        .iter()
        .filter(|code| !is_code(code))
        .map(|code| {
            let known: Vec<String> = list.codes.iter().map(|c| c.code.to_string()).collect();
            wrong("", "province_territory_code", Some(code)).expected(known.join(", "))
        })
        .collect()
}
