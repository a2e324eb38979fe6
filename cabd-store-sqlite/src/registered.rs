//! What administrators registered by SQL alone: types, attribute sets, views in the place of the generated ones.

use cabd_core::catalog::{
    Attribute, AttributeSet, Catalog, CodeList, Drift, Facts, FeatureType, Table, TypeHead,
    adopted, flat_name, registered, with_views,
};
use cabd_core::geometry::GeometryKind;
use cabd_core::store::Adopted;
use cabd_core::{DataType, Error, ErrorKind, Lang, Result, Text};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{codes, overlay, run};
use crate::error::db;
use crate::evolve::{is_replaced, view_columns};
use crate::sql::{ddl, flat, views};

/// Adds the attribute sets that only their rows say, where the metadata has their column.
pub(crate) fn sets(conn: &Connection, sets: &mut Vec<AttributeSet>) -> Result<()> {
    let doing = db("read the attribute sets");
    let rows: Vec<(String, String)> = conn
        .prepare("SELECT name, ft_metadata_col FROM cabd_attribute_set ORDER BY name")
        .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect())
        .map_err(&doing)?;
    let columns = view_columns(conn, &["cabd_feature_type_metadata".to_owned()])?;
    sets.retain(|s| rows.iter().any(|(name, _)| *name == s.name));
    for (name, column) in rows {
        match sets.iter_mut().find(|s| s.name == name) {
            Some(s) => s.column = column,
            None => sets.push(AttributeSet {
                name,
                column,
                aliases: vec![],
                registered: true,
            }),
        }
    }
    sets.retain(|s| columns.contains(&s.column));
    Ok(())
}

/// Every registered type's head.
pub(crate) fn heads(conn: &Connection) -> Result<Vec<TypeHead>> {
    conn.prepare(
        "SELECT type, data_view, name_en, name_fr, description, data_version, default_featurename_field \
         FROM cabd_feature_types ORDER BY type",
    )
    .and_then(|mut s| {
        s.query_map([], |r| {
            let text = |i: usize| r.get::<_, Option<String>>(i).map(Option::unwrap_or_default);
            Ok(TypeHead {
                id: r.get(0)?,
                name: Text::new(text(2)?, text(3)?),
                description: Text::new(text(4)?, ""),
                schema: None,
                table: None,
                view: Some(r.get(1)?),
                data_version: r.get(5)?,
                name_attribute: r.get(6)?,
                sources: Default::default(),
                community: None,
            })
        })?
        .collect()
    })
    .map_err(db("read the types"))
}

fn view_names(ft: &FeatureType) -> Vec<String> {
    Lang::ALL.iter().map(|l| views::view_name(ft, *l)).collect()
}

/// Reads a manifest type from its views where somebody replaced them and they have every attribute.
pub(crate) fn replaced(
    conn: &Connection,
    ft: &mut FeatureType,
    extra: Vec<Attribute>,
    drift: &mut Vec<Drift>,
) -> Result<()> {
    let names = view_names(ft);
    let mut any = false;
    for name in &names {
        if is_replaced(conn, name)? {
            any = true;
            drift.push(Drift {
                object: name.clone(),
                field: "definition".to_owned(),
                declared: "the generated view".to_owned(),
                present: "a view made by hand".to_owned(),
            });
        }
    }
    if any && let Some(read) = with_views(ft, extra, &view_columns(conn, &names)?) {
        *ft = read;
    }
    Ok(())
}

/// A type that only its rows say.
pub(crate) fn read(
    conn: &Connection,
    head: TypeHead,
    sets: &[AttributeSet],
    drift: &mut Vec<Drift>,
) -> Result<Option<Arc<FeatureType>>> {
    let mut bare = FeatureType {
        head: head.clone(),
        geometry: None,
        parts: vec![],
        links: vec![],
        members: vec![],
        attributes: vec![],
        retired: vec![],
        served: Default::default(),
    };
    let attributes = overlay(conn, &mut bare, sets)?;
    let columns = view_columns(conn, &view_names(&bare))?;
    let id = head.id.clone();
    match registered(head, attributes, &columns) {
        Ok(ft) => Ok(Some(Arc::new(ft))),
        Err(why) => {
            drift.push(Drift {
                object: id,
                field: "type".to_owned(),
                declared: "registered by SQL".to_owned(),
                present: format!("not served: {why}"),
            });
            Ok(None)
        }
    }
}

/// Takes over a table that an administrator made.
pub(crate) fn take_over(conn: &Connection, t: &Table, have: &[String]) -> Result<()> {
    let has = |c: &str| have.iter().any(|h| h == c);
    if t.is_layer && !has("fid") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the table {} has no column fid (INTEGER PRIMARY KEY)",
                flat(t)
            ),
        )
        .at(t.qualified())
        .hint("layers of cabd need it; the type is served read-only without a manifest"));
    }
    if !has(&t.columns[0].name) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("the table {} has no column {}", flat(t), t.columns[0].name),
        )
        .at(t.qualified()));
    }
    for (i, c) in t.columns.iter().enumerate() {
        if !has(&c.name) {
            run(conn, &ddl::add_column(t, i))?;
        }
    }
    Ok(())
}

/// The manifest of a registered type.
pub(crate) fn adopt(conn: &Connection, catalog: &Catalog, id: &str) -> Result<Adopted> {
    let ft = catalog.feature_type(id)?;
    if !ft.is_registered() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{id} has a manifest already"),
        )
        .hint("`cabd type show STORE TYPE --toml` writes it"));
    }
    let doing = db("read the type");
    let named: Option<String> = conn
        .query_row(
            "SELECT data_table FROM cabd_feature_types WHERE type = ?",
            [ft.id()],
            |r| r.get(0),
        )
        .map_err(&doing)?;
    let named = named.and_then(|t| match serde_json::from_str::<Vec<String>>(&t) {
        Ok(all) => all.into_iter().next(),
        Err(_) => Some(t),
    });
    let name = named.unwrap_or_else(|| format!("{id}.{id}"));
    let (schema, table) = name.split_once('.').unwrap_or((id, &name));
    let flat = flat_name(schema, table);
    let columns: Vec<(String, DataType)> = conn
        .prepare("SELECT name, type FROM pragma_table_info(?)")
        .and_then(|mut s| {
            s.query_map([&flat], |r| {
                let name: String = r.get(0)?;
                let declared: String = r.get(1)?;
                Ok((name, data_type(&declared)))
            })?
            .collect()
        })
        .map_err(&doing)?;
    if !columns.iter().any(|(c, _)| c == "cabd_id") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("no table {flat} with a column cabd_id stands behind {id}"),
        )
        .hint(
            "name the table in the column data_table of cabd_feature_types, as [\"schema.table\"]",
        ));
    }
    let (s, view) = ft.view();
    let references: BTreeMap<String, String> = conn
        .prepare(
            "SELECT field_name, value_options_reference FROM cabd_feature_type_metadata \
             WHERE view_name = ? AND value_options_reference IS NOT NULL",
        )
        .and_then(|mut q| {
            q.query_map([format!("{s}.{view}")], |r| Ok((r.get(0)?, r.get(1)?)))?
                .collect()
        })
        .map_err(&doing)?;
    let mut lists: Vec<CodeList> = vec![];
    for reference in references.values() {
        let list = reference.split(';').next().unwrap_or_default();
        if catalog.list(list).is_none() && lists.iter().all(|l| l.id != list) {
            lists.extend(code_table(conn, list, reference)?);
        }
    }
    let facts = Facts {
        table: (schema.to_owned(), table.to_owned()),
        columns,
        references,
        lists,
    };
    let (manifest, notes) = adopted(catalog, ft, facts);
    Ok(Adopted { manifest, notes })
}

/// A code table that no manifest declares.
fn code_table(conn: &Connection, id: &str, reference: &str) -> Result<Option<CodeList>> {
    let key = reference
        .split(';')
        .nth(1)
        .filter(|k| !k.is_empty())
        .unwrap_or("code");
    let (schema, table) = id.split_once('.').unwrap_or(("cabd", id));
    let declared: Option<String> = conn
        .query_row(
            "SELECT type FROM pragma_table_info(?1) WHERE name = ?2",
            [&flat_name(schema, table), key],
            |r| r.get(0),
        )
        .optional()
        .map_err(db("read a code table"))?;
    let Some(declared) = declared else {
        return Ok(None);
    };
    let text =
        serde_json::json!({"id": id, "key": key, "key_type": data_type(&declared).to_string()});
    let list: CodeList = serde_json::from_value(text)
        .map_err(|e| Error::internal("a code list cannot be read").because(e))?;
    let codes = codes(conn, &list)?;
    Ok(Some(list.with_codes(codes)))
}

/// The data type behind a declared column type.
fn data_type(declared: &str) -> DataType {
    let upper = declared.to_ascii_uppercase();
    if let Ok(kind) = upper.parse::<GeometryKind>() {
        return DataType::Geometry(kind);
    }
    match upper.as_str() {
        "DATETIME" => DataType::Timestamp,
        "INT" | "BIGINT" | "SMALLINT" => DataType::Integer,
        "FLOAT" | "REAL" => DataType::Double,
        _ => declared.parse().unwrap_or(DataType::Text(None)),
    }
}
