//! Tables and indexes.

use cabd_core::catalog::{Catalog, FeatureType, Relation, Table};
use cabd_core::{DataType, Result};

use super::views::staging_name;
use super::{flat, table_name};
use crate::spatial::identifier;
use crate::types::declared;

/// A random (version 4) UUID in plain SQL, so that rows of other programs get an identifier.
pub(crate) const NEW_UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) \
|| '-' || substr('89ab', 1 + (abs(random()) % 4), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

/// `CREATE TABLE`. A layer gets the row key `fid`; its identifier is filled by the database where it is left out.
pub(crate) fn create_table(catalog: &Catalog, t: &Table) -> Result<String> {
    let mut columns = vec![];
    if t.is_layer {
        columns.push("fid INTEGER PRIMARY KEY".to_owned());
    }
    let feature = matches!(t.relation, Relation::Feature(_));
    for (i, c) in t.columns.iter().enumerate() {
        let mut d = format!("{} {}", identifier(&c.name), column_type(t, i));
        if feature && i == 0 {
            d.push_str(&format!(" DEFAULT ({NEW_UUID})"));
        } else if !c.nullable {
            d.push_str(" NOT NULL");
            if matches!(t.relation, Relation::Part(..)) && i == 0 {
                d.push_str(&format!(" DEFAULT ({NEW_UUID})"));
            }
        }
        match &c.references {
            Some(Relation::DataSource) if !matches!(t.relation, Relation::AttributeSource(_)) => {
                d.push_str(" REFERENCES cabd_data_source (id)");
            }
            _ => {}
        }
        if let Some((parent, relation)) = &t.parent
            && *parent == i
        {
            let parent = catalog.table(relation)?;
            d.push_str(&format!(
                " REFERENCES {} ({}) ON DELETE CASCADE",
                table_name(parent),
                identifier(&parent.columns[0].name)
            ));
        }
        columns.push(d);
    }
    let key: Vec<String> = t
        .columns
        .iter()
        .take(t.key)
        .map(|c| identifier(&c.name))
        .collect();
    let mut options = "";
    if !t.is_layer {
        columns.push(format!("PRIMARY KEY ({})", key.join(", ")));
        if !has_rowid(t) {
            options = " WITHOUT ROWID";
        }
    }
    Ok(format!(
        "CREATE TABLE {} ({}){options}",
        table_name(t),
        columns.join(", ")
    ))
}

/// Whether the table numbers its rows; the others lie in the order of their keys.
pub(crate) fn has_rowid(t: &Table) -> bool {
    t.is_layer || !matches!(t.relation, Relation::FeatureSource(_) | Relation::Link(..))
}

/// The declared type of a column; a geometry that is no layer is a plain BLOB.
pub(crate) fn column_type(t: &Table, column: usize) -> String {
    match &t.columns[column].data_type {
        DataType::Geometry(_) if t.spatial != Some(column) => "BLOB".to_owned(),
        data_type => declared(data_type),
    }
}

/// The unique index on a layer's key; other tables have a primary key.
pub(crate) fn key_index(t: &Table) -> Option<String> {
    t.is_layer.then(|| {
        let key: Vec<String> = t
            .columns
            .iter()
            .take(t.key)
            .map(|c| identifier(&c.name))
            .collect();
        format!(
            "CREATE UNIQUE INDEX {} ON {} ({})",
            identifier(&format!("{}_key", flat(t))),
            table_name(t),
            key.join(", ")
        )
    })
}

/// The look-up indexes: name and statement.
pub(crate) fn look_up_indexes(t: &Table) -> Vec<(String, String)> {
    t.indexes
        .iter()
        .map(|columns| {
            let names: Vec<&str> = columns
                .iter()
                .map(|c| t.columns[*c].name.as_str())
                .collect();
            let name = format!("{}_{}", flat(t), names.join("_"));
            let quoted: Vec<String> = names.iter().map(|n| identifier(n)).collect();
            let sql = format!(
                "CREATE INDEX {} ON {} ({})",
                identifier(&name),
                table_name(t),
                quoted.join(", ")
            );
            (name, sql)
        })
        .collect()
}

/// The staging table of a type that takes community data.
pub(crate) fn create_staging(ft: &FeatureType) -> Vec<String> {
    let name = staging_name(ft);
    let table = identifier(&name);
    vec![
        format!(
            "CREATE TABLE {table} (id TEXT PRIMARY KEY NOT NULL DEFAULT ({NEW_UUID}), cabd_id TEXT, \
             user_id TEXT REFERENCES cabd_community_contact (user_id), \
             uploaded_datetime DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), data TEXT, \
             status TEXT NOT NULL DEFAULT 'NEW', status_message TEXT, warnings TEXT)"
        ),
        format!(
            "CREATE INDEX {} ON {table} (cabd_id) WHERE status = 'NEW'",
            identifier(&format!("{name}_new"))
        ),
    ]
}

/// `ALTER TABLE … ADD COLUMN`.
pub(crate) fn add_column(t: &Table, column: usize) -> String {
    let c = &t.columns[column];
    format!(
        "ALTER TABLE {} ADD COLUMN {} {}",
        table_name(t),
        identifier(&c.name),
        column_type(t, column)
    )
}

/// Whether the column's values are text that is a JSON array.
pub(crate) fn is_array(t: &DataType) -> bool {
    matches!(t, DataType::Array(_))
}
