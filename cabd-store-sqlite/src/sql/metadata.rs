//! Rows that describe types and codes: written with bound values, and shown in plans as text.

use cabd_core::catalog::{Catalog, CodeList, FeatureType, Relation, TILE_SET, Table, tables_of};
use cabd_core::{Result, Value};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};

use super::table_name;
use crate::error::db;
use crate::spatial::{identifier, literal};
use crate::types::to_sql;

/// A row of a table; a row of the same key is replaced.
#[derive(PartialEq)]
pub(crate) struct Row {
    table: String,
    columns: Vec<String>,
    values: Vec<Value>,
}

impl Row {
    fn new(table: &str, columns: Vec<(&str, Value)>) -> Self {
        let (columns, values) = columns
            .into_iter()
            .map(|(name, value)| (identifier(name), value))
            .unzip();
        Self {
            table: identifier(table),
            columns,
            values,
        }
    }

    fn statement(&self, values: &[String]) -> String {
        format!(
            "INSERT OR REPLACE INTO {} ({}) VALUES ({})",
            self.table,
            self.columns.join(", "),
            values.join(", ")
        )
    }

    /// The statement with its values.
    pub(crate) fn text(&self) -> Result<String> {
        let values = self
            .values
            .iter()
            .map(written)
            .collect::<Result<Vec<_>>>()?;
        Ok(self.statement(&values))
    }
}

/// A value as SQL text.
pub(crate) fn written(value: &Value) -> Result<String> {
    Ok(match to_sql(value)? {
        SqlValue::Null => "NULL".to_owned(),
        SqlValue::Integer(i) => i.to_string(),
        SqlValue::Real(r) => format!("{r:?}"),
        SqlValue::Text(t) => literal(&t),
        SqlValue::Blob(b) => {
            let hex: String = b.iter().map(|b| format!("{b:02X}")).collect();
            format!("x'{hex}'")
        }
    })
}

/// Writes a row.
pub(crate) fn insert(conn: &Connection, row: &Row) -> Result<()> {
    let marks: Vec<String> = row.values.iter().map(|_| "?".to_owned()).collect();
    let values = row.values.iter().map(to_sql).collect::<Result<Vec<_>>>()?;
    conn.prepare_cached(&row.statement(&marks))
        .and_then(|mut s| s.execute(params_from_iter(values)))
        .map_err(db("write the type's metadata"))?;
    Ok(())
}

fn view_of(ft: &FeatureType) -> String {
    let (schema, view) = ft.view();
    format!("{schema}.{view}")
}

/// A type's row in `cabd_feature_types`.
pub(crate) fn head(ft: &FeatureType) -> Row {
    let source = |suffix: &str| format!("{}.{}_{suffix}", ft.schema(), ft.id());
    let tables: Vec<String> = tables_of(ft)
        .iter()
        .filter(|t| t.relation.rank() <= 3)
        .map(Table::qualified)
        .collect();
    let json = |all: &[String]| serde_json::to_string(all).unwrap_or_default();
    let h = &ft.head;
    let community = h.community.as_ref();
    let staging = community.filter(|_| !ft.is_super());
    Row::new(
        "cabd_feature_types",
        vec![
            ("type", ft.id().into()),
            ("data_view", view_of(ft).into()),
            ("name_en", h.name.en.as_str().into()),
            ("name_fr", h.name.fr.as_str().into()),
            (
                "attribute_source_table",
                ft.has_attribute_source()
                    .then(|| source("attribute_source"))
                    .into(),
            ),
            ("default_featurename_field", h.name_attribute.clone().into()),
            (
                "feature_source_table",
                ft.has_feature_source()
                    .then(|| source("feature_source"))
                    .into(),
            ),
            ("data_version", h.data_version.clone().into()),
            ("description", h.description.en.as_str().into()),
            (
                "data_table",
                (!tables.is_empty()).then(|| json(&tables)).into(),
            ),
            (
                "community_data_type",
                staging.map(|_| source("community_staging")).into(),
            ),
            (
                "community_data_photo_fields",
                community.map(|c| json(&c.photos)).into(),
            ),
        ],
    )
}

/// A type's rows in `cabd_feature_type_metadata`, in the order of its attributes.
pub(crate) fn attributes(catalog: &Catalog, ft: &FeatureType) -> Vec<Row> {
    let view = view_of(ft);
    let row = |a: &cabd_core::catalog::Attribute| {
        let mut columns = vec![
            ("view_name", Value::from(view.as_str())),
            ("field_name", a.id.as_str().into()),
            ("name_en", a.name.en.as_str().into()),
            ("name_fr", a.name.fr.as_str().into()),
            ("description_en", a.description.en.as_str().into()),
            ("description_fr", a.description.fr.as_str().into()),
            ("is_link", a.is_link.into()),
            ("data_type", a.data_type.to_string().into()),
            ("include_vector_tile", a.in_set(TILE_SET).into()),
            (
                "value_options_reference",
                catalog.value_options(ft, a).into(),
            ),
            ("is_name_search", a.name_search.into()),
            ("shape_field_name", a.short.clone().into()),
        ];
        for set in catalog.sets() {
            columns.push((&set.column, a.sets.get(&set.name).copied().into()));
        }
        Row::new("cabd_feature_type_metadata", columns)
    };
    ft.attributes.iter().map(row).collect()
}

/// The statements that write the codes of a list which are new or have new texts.
pub(crate) fn codes(old: &Catalog, new: &Catalog, list: &CodeList) -> Result<Vec<String>> {
    let t = new.table(&Relation::Codes(list.id.as_str().into()))?;
    let before = old.list(&list.id);
    let mut out = vec![];
    for (code, row) in list.codes.iter().zip(list.rows()) {
        if before.is_some_and(|b| b.get(&code.code) == Some(code)) {
            continue;
        }
        let mut names = vec![];
        let mut values = vec![];
        for (value, c) in row.into_iter().zip(&t.columns) {
            names.push(identifier(&c.name));
            values.push(written(&value.coerce(&c.name, &c.data_type)?)?);
        }
        let set: Vec<String> = names[1..]
            .iter()
            .map(|c| format!("{c} = excluded.{c}"))
            .collect();
        out.push(format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}",
            table_name(t),
            names.join(", "),
            values.join(", "),
            names[0],
            set.join(", ")
        ));
    }
    Ok(out)
}

/// The statements of the metadata of one type that differ from what was before: the object of each, and the text.
pub(crate) fn of_type(
    new: &Catalog,
    before: Option<&FeatureType>,
    ft: &FeatureType,
) -> Result<Vec<(String, String)>> {
    let mut out = vec![];
    let id = ft.id().to_owned();
    if before.is_none_or(|b| head(b) != head(ft)) {
        out.push((id.clone(), head(ft).text()?));
    }
    let known = before.map_or(vec![], |b| attributes(new, b));
    for (a, row) in ft.attributes.iter().zip(attributes(new, ft)) {
        if !known.contains(&row) {
            out.push((format!("{id}.{}", a.id), row.text()?));
        }
    }
    for gone in before.iter().flat_map(|b| &b.attributes) {
        if ft.attribute(&gone.id).is_none() {
            let text = format!(
                "DELETE FROM cabd_feature_type_metadata WHERE view_name = {} AND field_name = {}",
                literal(&view_of(ft)),
                literal(&gone.id)
            );
            out.push((format!("{id}.{}", gone.id), text));
        }
    }
    Ok(out)
}
