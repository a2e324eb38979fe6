//! Where the values of a change come from.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::catalog::{Catalog, FeatureType, ID, Relation};
use crate::error::{Error, Result};
use crate::feature::{Action, ChangeHead, Operation};
use crate::value::Value;

/// What a change says of the source of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sourcing {
    /// The data source they were taken from.
    Source(Uuid),
    /// There is none; why.
    None(String),
    /// Nothing: then it may set no value whose source is tracked.
    #[default]
    Unsaid,
}

impl Sourcing {
    /// From the texts `data_source` and `no_source`, of which one may be given.
    ///
    /// ```
    /// use cabd_core::edit::Sourcing;
    /// let seen = Sourcing::read(None, Some("seen from the road"))?;
    /// assert_eq!(seen, Sourcing::None("seen from the road".to_owned()));
    /// assert!(Sourcing::read(Some("a book"), None).is_err());
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for both, for a blank reason, and for a source that is no identifier.
    pub fn read(data_source: Option<&str>, no_source: Option<&str>) -> Result<Self> {
        match (data_source, no_source) {
            (None, None) => Ok(Sourcing::Unsaid),
            (Some(id), None) => id.parse().map(Sourcing::Source).map_err(|_| {
                Error::invalid("not an identifier")
                    .field("data_source")
                    .value(id)
                    .expected("the UUID of a data source")
            }),
            (None, Some(why)) if !why.trim().is_empty() => {
                Ok(Sourcing::None(why.trim().to_owned()))
            }
            (None, Some(why)) => Err(Error::invalid("blank")
                .field("no_source")
                .value(why)
                .expected("why there is no data source")),
            (Some(_), Some(why)) => Err(Error::invalid("given beside data_source")
                .field("no_source")
                .value(why)
                .expected("one of the two")),
        }
    }

    /// Writes it into the head of the change.
    pub(super) fn tell(&self, head: &mut ChangeHead) -> Result<()> {
        match self {
            Sourcing::Source(id) => head.data_source = Some(*id),
            Sourcing::None(why) => head.without_source(why)?,
            Sourcing::Unsaid => {}
        }
        Ok(())
    }
}

/// Adds to operations on features and their parts where the tracked values that they set come from. Rows of sources among the
/// operations go before.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for each operation that sets a tracked value without a word about its source, and for a row of a
/// part that does not name its feature.
pub fn with_sources(
    catalog: &Catalog,
    operations: Vec<Operation>,
    sourcing: &Sourcing,
) -> Result<Vec<Operation>> {
    let given = given(&operations);
    let mut errors = vec![];
    let mut out = Vec::with_capacity(operations.len());
    for operation in operations {
        let row = match sources(catalog, &operation, sourcing, &given) {
            Ok(row) => row,
            Err(e) => {
                errors.push(e.at(operation.place.as_deref().unwrap_or_default()));
                None
            }
        };
        out.push(operation);
        out.extend(row);
    }
    match Error::all(errors) {
        Some(e) => Err(e),
        None => Ok(out),
    }
}

/// By type and feature: the columns, and whether a source is named.
type Given = BTreeMap<(Arc<str>, String), HashMap<String, bool>>;

/// The columns of attribute sources that operations name themselves, by feature.
fn given(operations: &[Operation]) -> Given {
    let mut out = Given::new();
    for o in operations {
        if let Relation::AttributeSource(t) = &o.relation
            && let Some(id) = named(o, ID)
        {
            out.entry((t.clone(), id.to_string())).or_default().extend(
                o.fields
                    .iter()
                    .cloned()
                    .zip(o.values.iter().map(|v| !v.is_null())),
            );
        }
    }
    out
}

fn named<'a>(o: &'a Operation, field: &str) -> Option<&'a Value> {
    let at = o.fields.iter().position(|f| f == field)?;
    o.values.get(at)
}

/// The row of attribute sources that goes with an operation.
fn sources(
    catalog: &Catalog,
    o: &Operation,
    sourcing: &Sourcing,
    given: &Given,
) -> Result<Option<Operation>> {
    let (t, owner) = match &o.relation {
        Relation::Feature(t) => (t, ID),
        Relation::Part(t, p) => {
            let ft = catalog.feature_type(t)?;
            let part = ft.parts.iter().find(|part| part.id == **p);
            (t, part.map_or(ID, |part| part.parent.as_str()))
        }
        _ => return Ok(None),
    };
    let ft = catalog.feature_type(t)?;
    if o.action == Action::Delete || !ft.has_attribute_source() {
        return Ok(None);
    }
    let id = named(o, owner);
    let own = id.and_then(|id| given.get(&(t.clone(), id.to_string())));
    let columns: Vec<String> = o
        .fields
        .iter()
        .zip(&o.values)
        .filter(|(_, value)| o.action != Action::Insert || !value.is_null())
        .filter_map(|(field, _)| tracked(ft, field))
        // To say that there is no source needs a reason as well.
        .filter(|column| match own.and_then(|own| own.get(column)) {
            None => true,
            Some(is_named) => !is_named && *sourcing == Sourcing::Unsaid,
        })
        .collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let source = match sourcing {
        Sourcing::Source(id) => Value::Uuid(*id),
        Sourcing::None(_) => Value::Null,
        Sourcing::Unsaid => {
            return Err(
                Error::invalid("values whose source is tracked need a data source")
                    .field("data_source")
                    .value(columns.join(", ").replace("_ds", ""))
                    .expected("the UUID of a data source")
                    .hint("name data_source, or say in no_source why there is none"),
            );
        }
    };
    let Some(id) = id.filter(|id| !id.is_null()) else {
        return Err(Error::invalid("the row does not name its feature")
            .field(owner)
            .hint("name it, so that the source of the values can be kept"));
    };
    if source.is_null() && o.action == Action::Insert {
        return Ok(None);
    }
    let mut row =
        Operation::new(Relation::AttributeSource(t.clone()), Action::Put).set(ID, id.clone());
    for (field, value) in o.fields.iter().zip(&o.values) {
        if let Some(column) = tracked(ft, field).filter(|c| columns.contains(c)) {
            // A value that was taken away has no source.
            let source = if value.is_null() {
                Value::Null
            } else {
                source.clone()
            };
            row = row.set(&column, source);
        }
    }
    row.place.clone_from(&o.place);
    Ok(Some(row))
}

/// The column of the source of a tracked attribute, which is named by itself or by its column.
fn tracked(ft: &FeatureType, field: &str) -> Option<String> {
    let a = ft
        .attributes
        .iter()
        .find(|a| a.id == field || a.column.as_deref() == Some(field))?;
    a.tracked.then(|| format!("{}_ds", a.id))
}
