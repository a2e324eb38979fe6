//! Suggested updates: the feature that one is about may be of any type, so type and identifier name it together.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::{KeyPart, Row, Step, WriteTransaction, key_part};
use crate::catalog::{Catalog, ID, Relation, Table};
use crate::error::{Error, ErrorKind, Result};

/// The column of the feature's type.
const TYPE: &str = "cabd_type";

/// Refuses an operation that names the feature by half.
pub(super) fn named_together(table: &Table, columns: &[usize]) -> Result<()> {
    if table.relation != Relation::FeatureUpdate {
        return Ok(());
    }
    let named = |column: &str| table.position(column).is_some_and(|i| columns.contains(&i));
    let missing = match (named(ID), named(TYPE)) {
        (true, false) => TYPE,
        (false, true) => ID,
        _ => return Ok(()),
    };
    Err(
        Error::invalid("the type and the identifier of a feature go together")
            .field(missing)
            .hint("give cabd_id and cabd_type, or neither"),
    )
}

/// Every feature that is named must be there: what is wrong, and with which step.
pub(super) async fn features(
    catalog: &Catalog,
    transaction: &mut dyn WriteTransaction,
    table: &Table,
    steps: &[Step],
    known: &BTreeMap<Relation, HashSet<KeyPart>>,
) -> Result<Vec<(Error, usize)>> {
    let mut errors = vec![];
    let (Some(id), Some(of_type)) = (table.position(ID), table.position(TYPE)) else {
        return Ok(errors);
    };
    let mut by_type: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (n, step) in steps.iter().enumerate() {
        let known = |name: &str| {
            let keys = known.get(&Relation::feature(name));
            keys.is_some_and(|k| k.contains(&key_part(&step.row[id])))
        };
        if let Some(name) = step.row[of_type]
            .as_str()
            .filter(|name| !step.row[id].is_null() && !known(name))
        {
            by_type.entry(name).or_default().push(n);
        }
    }
    for (name, places) in by_type {
        let features = match base(catalog, name) {
            Ok(features) => features,
            Err(e) => {
                errors.push((e, places[0]));
                continue;
            }
        };
        let keys: Vec<Row> = places
            .iter()
            .map(|n| vec![steps[*n].row[id].clone()])
            .collect();
        let exists = transaction.existing(&features, &keys).await?;
        for (n, _) in places.iter().zip(exists).filter(|(_, there)| !there) {
            let e = Error::invalid(format!("{} has no such row", features.qualified()))
                .field(ID)
                .value(&steps[*n].row[id])
                .expected(format!("a feature of {name}"))
                .hint("load the feature first, or name the type that it is of");
            errors.push((e, *n));
        }
    }
    Ok(errors)
}

/// The table of a type that holds features itself.
fn base(catalog: &Catalog, name: &str) -> Result<Arc<Table>> {
    match catalog.table(&Relation::feature(name)) {
        Ok(table) => Ok(table.clone()),
        Err(e) if e.kind() == ErrorKind::Unsupported => Err(e),
        Err(_) => {
            let known = catalog
                .types()
                .filter(|t| !t.is_super() && !t.is_registered());
            let known: Vec<&str> = known.map(|t| t.id()).collect();
            Err(Error::invalid("no type that holds features has this name")
                .field(TYPE)
                .value(name)
                .expected(known.join(", ")))
        }
    }
}
