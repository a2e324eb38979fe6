//! Documents: a changeset of many operations, or one feature as GeoJSON.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::sources::{Sourcing, with_sources};
use crate::catalog::{Catalog, FeatureType, GEOMETRY, ID, Relation};
use crate::error::{Error, Result};
use crate::feature::{Action, Base, ChangeHead, Operation};
use crate::geometry::Geometry;
use crate::id::CommitNumber;
use crate::value::Value;

/// A change that was read, ready to be applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Reason, data source, and the commits that the features were read at.
    pub head: ChangeHead,
    /// The operations, the data sources of tracked values among them. Each says as a JSON pointer where it came from.
    pub operations: Vec<Operation>,
}

/// Reads a changeset:
///
/// ```json
/// {"reason": "measured on site", "data_source": "1f0e…",
///  "operations": [{"action": "update", "relation": "dams", "base": 17, "values": {"cabd_id": "8d5b…", "height_m": 4.2}}]}
/// ```
///
/// `action` is insert, update, put or delete; `relation` a feature type, `<type>.<part>`, `<type>_feature_source`,
/// `<type>_attribute_source`, `data_source`, `contacts`, `user_feature_updates` or a code list. `base` is the commit at
/// which a feature was read: what others have changed since stays, and the change is refused where both set one value. A geometry is GeoJSON or WKT. Where a value is
/// set whose source is tracked, `data_source` names the source, or `no_source` says why there is none.
///
/// ```
/// use cabd_core::{Catalog, edit};
/// let catalog = Catalog::default();
/// let wrong = serde_json::json!({"operations": [{"action": "paint", "relation": "dams"}]});
/// let error = edit::changeset(&catalog, &wrong).unwrap_err();
/// assert_eq!(error.place(), Some("/operations/0"));
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a document of another shape; every such error at once, each with its JSON pointer as place.
pub fn changeset(catalog: &Catalog, document: &Json) -> Result<Draft> {
    let mut errors = vec![];
    let document = object(document, "")?;
    known(
        document,
        "",
        &["reason", "data_source", "no_source", "operations"],
        &mut errors,
    );
    let mut head = ChangeHead {
        reason: text(document, "reason", &mut errors),
        ..ChangeHead::default()
    };
    let sourcing = sourcing(document, &mut errors);
    errors.extend(sourcing.tell(&mut head).err());
    let mut operations = vec![];
    match document.get("operations") {
        Some(Json::Array(entries)) => {
            for (n, entry) in entries.iter().enumerate() {
                let place = format!("/operations/{n}");
                match operation(catalog, entry, &place, &mut errors) {
                    Ok((operation, base)) => {
                        head.bases.extend(base);
                        operations.push(operation);
                    }
                    Err(e) => errors.push(e),
                }
            }
        }
        _ => errors.push(
            Error::invalid("not a changeset")
                .at("/operations")
                .field("operations")
                .expected("a list of operations"),
        ),
    }
    if let Some(e) = Error::all(errors) {
        return Err(e);
    }
    let operations = with_sources(catalog, operations, &sourcing)?;
    Ok(Draft { head, operations })
}

fn operation(
    catalog: &Catalog,
    entry: &Json,
    place: &str,
    errors: &mut Vec<Error>,
) -> Result<(Operation, Option<Base>)> {
    let entry = object(entry, place)?;
    known(
        entry,
        place,
        &["action", "relation", "base", "values"],
        errors,
    );
    let word = |name: &str| entry.get(name).and_then(Json::as_str);
    let action = match word("action") {
        Some("insert") => Action::Insert,
        Some("update") => Action::Update,
        Some("put") => Action::Put,
        Some("delete") => Action::Delete,
        _ => {
            return Err(
                wrong(place, "action", entry.get("action")).expected("insert, update, put, delete")
            );
        }
    };
    let relation = word("relation")
        .and_then(|name| catalog.relation_named(name))
        .ok_or_else(|| {
            wrong(place, "relation", entry.get("relation"))
                .expected("a feature type, <type>.<part>, <type>_feature_source, <type>_attribute_source, data_source, contacts, user_feature_updates or a code list")
        })?;
    let empty = Map::new();
    let values = match entry.get("values") {
        Some(Json::Object(values)) => values,
        None => &empty,
        Some(other) => return Err(wrong(place, "values", Some(other)).expected("an object")),
    };
    let base = match (entry.get("base"), &relation) {
        (None | Some(Json::Null), _) => None,
        (Some(n), Relation::Feature(t)) if n.as_i64().is_some() => {
            let id = values.get(ID).and_then(Json::as_str);
            id.and_then(|id| id.parse().ok()).map(|id| Base {
                feature_type: t.clone(),
                id,
                commit: CommitNumber(n.as_i64().unwrap_or_default()),
                exact: false,
                place: Some(place.into()),
            })
        }
        (Some(n), _) => {
            return Err(wrong(place, "base", Some(n))
                .expected("the number of a commit, beside an operation on a feature"));
        }
    };
    let mut operation = Operation::new(relation, action).at(place);
    set(&mut operation, values.iter(), errors);
    Ok((operation, base))
}

/// A new feature from a GeoJSON feature: stored attributes as `properties`, and the geometry. Its identifier is `id`.
///
/// # Errors
/// As [`changeset`]; [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type.
pub fn create(
    catalog: &Catalog,
    feature_type: &str,
    id: Uuid,
    document: &Json,
    sourcing: &Sourcing,
) -> Result<Draft> {
    let (ft, properties, geometry) = feature(catalog, feature_type, document)?;
    let operation = Operation::insert_feature(ft.id(), id);
    finish(catalog, operation, properties, geometry, sourcing)
}

/// A change of an existing feature by a JSON Merge Patch (RFC 7396) of the GeoJSON feature: only what is named
/// changes, null takes a value away.
///
/// # Errors
/// As [`create`].
pub fn merge(
    catalog: &Catalog,
    feature_type: &str,
    id: Uuid,
    document: &Json,
    sourcing: &Sourcing,
) -> Result<Draft> {
    let (ft, properties, geometry) = feature(catalog, feature_type, document)?;
    let operation = Operation::update_feature(ft.id(), id);
    finish(catalog, operation, properties, geometry, sourcing)
}

/// A change that leaves an existing feature as the GeoJSON feature says: attributes of its own table that are not named lose their
/// values. Values of its parts, and those that follow from others, are not its own.
///
/// `present` is the feature as it is served; a property that is not stored is passed over where it says the same.
///
/// # Errors
/// As [`create`].
pub fn replace(
    catalog: &Catalog,
    feature_type: &str,
    id: Uuid,
    document: &Json,
    present: &Json,
    sourcing: &Sourcing,
) -> Result<Draft> {
    let (ft, properties, geometry) = feature(catalog, feature_type, document)?;
    let table = catalog.table(&Relation::feature(ft.id()))?;
    let served = present.get("properties");
    let mut named = Map::new();
    for column in table.columns.iter().filter(|c| !c.retired) {
        let Some(attribute) = &column.attribute else {
            continue;
        };
        if attribute != ID {
            named.insert(attribute.clone(), Json::Null);
        }
    }
    for (name, value) in properties.into_iter().flatten() {
        let stored = named.contains_key(name);
        if stored || served.and_then(|p| p.get(name)) != Some(value) {
            named.insert(name.clone(), value.clone());
        }
    }
    let geometry = Some(geometry.unwrap_or(&Json::Null));
    let operation = Operation::update_feature(ft.id(), id);
    finish(catalog, operation, Some(&named), geometry, sourcing)
}

type Parts<'a> = (
    &'a Arc<FeatureType>,
    Option<&'a Map<String, Json>>,
    Option<&'a Json>,
);

fn feature<'a>(catalog: &'a Catalog, feature_type: &str, document: &'a Json) -> Result<Parts<'a>> {
    let ft = catalog.feature_type(feature_type)?;
    let members = object(document, "")?;
    let mut errors = vec![];
    // Members of a served feature that say nothing to be stored.
    known(
        members,
        "",
        &[
            "type",
            "id",
            "geometry",
            "properties",
            "bbox",
            "links",
            "sources",
        ],
        &mut errors,
    );
    if let Some(other) = members.get("type").filter(|t| *t != "Feature") {
        errors.push(wrong("", "type", Some(other)).expected("Feature"));
    }
    let properties = match members.get("properties") {
        None | Some(Json::Null) => None,
        Some(Json::Object(properties)) => Some(properties),
        Some(other) => {
            errors.push(wrong("", "properties", Some(other)).expected("an object"));
            None
        }
    };
    match Error::all(errors) {
        Some(e) => Err(e),
        None => Ok((ft, properties, members.get(GEOMETRY))),
    }
}

fn finish(
    catalog: &Catalog,
    mut operation: Operation,
    properties: Option<&Map<String, Json>>,
    geometry: Option<&Json>,
    sourcing: &Sourcing,
) -> Result<Draft> {
    let id = operation.values.first().and_then(Value::as_uuid);
    let mut others = Map::new();
    for (name, value) in properties.into_iter().flatten() {
        let same = value.as_str().and_then(|t| t.parse().ok()) == id;
        if name == ID && id.is_some() {
            if !same {
                return Err(wrong("", ID, Some(value))
                    .expected("the identifier in the address, or none")
                    .hint("the identifier of a feature never changes"));
            }
            continue;
        }
        others.insert(name.clone(), value.clone());
    }
    others.extend(geometry.map(|g| (GEOMETRY.to_owned(), g.clone())));
    let mut errors = vec![];
    set(&mut operation, others.iter(), &mut errors);
    if let Some(e) = Error::all(errors) {
        return Err(e);
    }
    let mut head = ChangeHead::default();
    sourcing.tell(&mut head)?;
    let operations = with_sources(catalog, vec![operation], sourcing)?;
    Ok(Draft { head, operations })
}

/// Adds values to an operation.
pub(super) fn set<'a>(
    operation: &mut Operation,
    values: impl Iterator<Item = (&'a String, &'a Json)>,
    errors: &mut Vec<Error>,
) {
    let mut names = operation.fields.to_vec();
    for (name, json) in values {
        match value(json) {
            Ok(value) => {
                names.push(name.clone());
                operation.values.push(value);
            }
            Err(e) => errors.push(
                e.at(operation.place.as_deref().unwrap_or_default())
                    .field(name),
            ),
        }
    }
    operation.fields = names.into();
}

/// The value as it is: the store makes it fit, or says what is wrong.
fn value(json: &Json) -> Result<Value> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(d)) => Value::Double(d),
            (None, None) => Value::Text(n.to_string()),
        },
        Json::String(s) => Value::Text(s.clone()),
        Json::Array(items) => Value::List(items.iter().map(value).collect::<Result<_>>()?),
        Json::Object(_) => Value::Geometry(Geometry::from_geojson(json)?),
    })
}

fn sourcing(document: &Map<String, Json>, errors: &mut Vec<Error>) -> Sourcing {
    let source = text(document, "data_source", errors);
    let reason = text(document, "no_source", errors);
    Sourcing::read(source.as_deref(), reason.as_deref()).unwrap_or_else(|e| {
        errors.push(e);
        Sourcing::Unsaid
    })
}

pub(super) fn object<'a>(json: &'a Json, place: &str) -> Result<&'a Map<String, Json>> {
    json.as_object().ok_or_else(|| {
        Error::invalid("not an object")
            .at(place)
            .value(json)
            .expected("a JSON object")
    })
}

/// Refuses members that would be passed over.
pub(super) fn known(
    members: &Map<String, Json>,
    place: &str,
    names: &[&str],
    errors: &mut Vec<Error>,
) {
    for name in members.keys().filter(|n| !names.contains(&n.as_str())) {
        errors.push(
            Error::invalid("no such member")
                .at(place)
                .field(name)
                .expected(names.join(", ")),
        );
    }
}

fn text(members: &Map<String, Json>, name: &str, errors: &mut Vec<Error>) -> Option<String> {
    match members.get(name) {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(text.clone()),
        Some(other) => {
            errors.push(wrong("", name, Some(other)).expected("a text"));
            None
        }
    }
}

pub(super) fn wrong(place: &str, name: &str, value: Option<&Json>) -> Error {
    let e = Error::invalid("not a value that is taken here")
        .at(place)
        .field(name);
    match value {
        Some(Json::String(text)) => e.value(text),
        Some(other) => e.value(other),
        None => Error::invalid("missing").at(place).field(name),
    }
}
