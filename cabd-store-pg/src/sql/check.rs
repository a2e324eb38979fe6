//! Queries of the doctor: each counts what is wrong, one scan a table.

use cabd_core::catalog::{Catalog, Relation, Table};
use cabd_core::value::DataType;

use super::{ident, literal, name_of};

/// Something counted: what it is about, and what a count above zero means.
pub(crate) struct Counted {
    /// `orphan` or `value`.
    pub check: &'static str,
    /// Table or table and column.
    pub object: String,
    /// Follows the number of rows.
    pub message: String,
    /// The next step.
    pub hint: &'static str,
}

/// One scan over a table that counts everything that can be wrong with its rows.
pub(crate) fn rows(t: &Table, catalog: &Catalog) -> Option<(String, Vec<Counted>)> {
    let mut counts: Vec<String> = vec![];
    let mut meaning = vec![];
    let mut add = |condition: String, counted: Counted| {
        counts.push(format!("count(*) FILTER (WHERE {condition})"));
        meaning.push(counted);
    };
    let column = |i: usize| format!("t.{}", ident(&t.columns[i].name));
    let missing = |i: usize, other: &Table| {
        format!(
            "{0} IS NOT NULL AND {0} NOT IN (SELECT o.{1} FROM {2} o)",
            column(i),
            ident(&other.columns[0].name),
            name_of(other)
        )
    };
    if let Some((i, parent)) = &t.parent
        && let Ok(parent) = catalog.table(parent)
    {
        // Looked up by key: the parents are too many for a hash table.
        let orphan = format!(
            "NOT EXISTS (SELECT 1 FROM {} o WHERE o.{} = {})",
            name_of(parent),
            ident(&parent.columns[0].name),
            column(*i)
        );
        add(
            orphan,
            Counted {
                check: "orphan",
                object: t.qualified(),
                message: format!("rows belong to no row of {}", parent.qualified()),
                hint: "delete them, or load the features they belong to",
            },
        );
    }
    for (i, c) in t.columns.iter().enumerate() {
        let object = format!("{}.{}", t.qualified(), c.name);
        match &c.references {
            Some(Relation::Codes(id)) if catalog.list(id).is_some_and(|l| !l.open) => {
                if let Ok(list) = catalog.table(&Relation::Codes(id.clone())) {
                    add(
                        missing(i, list),
                        Counted {
                            check: "value",
                            object: object.clone(),
                            message: format!("codes are not in {id}"),
                            hint: "add the codes to the list, or correct the values",
                        },
                    );
                }
            }
            Some(Relation::DataSource) => {
                if let Ok(sources) = catalog.table(&Relation::DataSource) {
                    add(
                        missing(i, sources),
                        Counted {
                            check: "orphan",
                            object: object.clone(),
                            message: "values name no data source".to_owned(),
                            hint: "add the data source, or clear the values",
                        },
                    );
                }
            }
            _ => {}
        }
        let column = column(i);
        let beyond = match c.data_type {
            DataType::Double | DataType::Numeric => {
                Some(format!("{column} IN ('NaN', 'Infinity', '-Infinity')"))
            }
            DataType::Date | DataType::Timestamp => Some(format!("NOT isfinite({column})")),
            _ => None,
        };
        if let Some(condition) = beyond {
            add(
                condition,
                Counted {
                    check: "value",
                    object,
                    message: "values are infinite or no number".to_owned(),
                    hint: "set them to null: a query that reads them fails",
                },
            );
        }
    }
    if let (Relation::Feature(_), Some(i)) = (&t.relation, t.spatial) {
        add(
            format!("{0} IS NULL OR ST_IsEmpty({0})", column(i)),
            Counted {
                check: "value",
                object: t.qualified(),
                message: "features have no place".to_owned(),
                hint: "give them a geometry: maps and spatial queries leave them out",
            },
        );
    }
    if counts.is_empty() {
        return None;
    }
    Some((
        format!("SELECT {} FROM {} t", counts.join(", "), name_of(t)),
        meaning,
    ))
}

/// Tables that every store has, besides those of the catalogue.
pub(crate) const SHARED: [&str; 16] = [
    "cabd.feature_types",
    "cabd.attribute_set",
    "cabd.feature_type_metadata",
    "cabd.feature_type_version_history",
    "cabd.community_contact",
    "cabd.community_data_raw",
    "cabd.community_attribute_mapping",
    "cabd.updates_pending",
    "cabd.manifest",
    "cabd.manifest_history",
    "cabd.generated_views",
    "cabd.catalog_state",
    "cabd.changeset",
    "cabd.audit_record",
    "cabd.audit_table",
    "cabd.audit_log",
];

/// The tables of a list that do not exist.
pub(crate) fn missing_tables(names: &[&str]) -> String {
    let all: Vec<String> = names.iter().map(|n| literal(n)).collect();
    format!(
        "SELECT n FROM unnest(ARRAY[{}]::text[]) AS t(n) WHERE to_regclass(n) IS NULL",
        all.join(", ")
    )
}
