//! Suggested updates: the feature that one is about may be of any type, so type and identifier name it together.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Row, Step, WriteTransaction, placed};
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

/// Every feature that is named must be there.
pub(super) async fn features(
    catalog: &Catalog,
    transaction: &mut dyn WriteTransaction,
    table: &Table,
    steps: &[Step],
) -> Result<()> {
    let (Some(id), Some(of_type)) = (table.position(ID), table.position(TYPE)) else {
        return Ok(());
    };
    let mut by_type: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (n, step) in steps.iter().enumerate() {
        if let Some(name) = step.row[of_type]
            .as_str()
            .filter(|_| !step.row[id].is_null())
        {
            by_type.entry(name).or_default().push(n);
        }
    }
    for (name, places) in by_type {
        let first = &steps[places[0]].place;
        let features = base(catalog, name).map_err(|e| placed(e, first))?;
        let keys: Vec<Row> = places
            .iter()
            .map(|n| vec![steps[*n].row[id].clone()])
            .collect();
        let exists = transaction.existing(&features, &keys).await?;
        if let Some(at) = exists.iter().position(|there| !there) {
            let step = &steps[places[at]];
            let e = Error::invalid(format!("{} has no such row", features.qualified()))
                .field(ID)
                .value(&step.row[id])
                .expected(format!("a feature of {name}"))
                .hint("load the feature first, or name the type that it is of");
            return Err(placed(e, &step.place));
        }
    }
    Ok(())
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
