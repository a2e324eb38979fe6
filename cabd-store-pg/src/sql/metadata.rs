//! Rows that describe the catalogue: types, attribute sets, metadata, declarations.

use cabd_core::catalog::{AttributeSet, Catalog, CodeList, FeatureType, Table, tables_of};
use cabd_core::error::{Error, Result};

use super::ddl::staging_name;
use super::{ident, idents, literal, literal_or_null, qualified};

fn texts(all: impl IntoIterator<Item = String>) -> String {
    let all: Vec<String> = all.into_iter().map(|t| literal(&t)).collect();
    format!("ARRAY[{}]::text[]", all.join(", "))
}

/// A type's row in `cabd.feature_types`.
pub(crate) fn feature_type(ft: &FeatureType) -> String {
    let (schema, root) = ft.view();
    let h = &ft.head;
    let source = |has: bool, ending: &str| {
        if has {
            literal(&format!("{}.{}_{ending}", ft.schema(), ft.id()))
        } else {
            "NULL".to_owned()
        }
    };
    let staging = staging_name(ft).map_or("NULL".to_owned(), |n| {
        literal(&format!("{}.{n}", ft.schema()))
    });
    let photos = match &h.community {
        Some(c) => texts(c.photos.iter().cloned()),
        None => "NULL".to_owned(),
    };
    let tables = tables_of(ft);
    let columns = [
        ("type", literal(ft.id())),
        ("name_en", literal(&h.name.en)),
        ("name_fr", literal_or_null(&h.name.fr)),
        ("data_view", literal(&format!("{schema}.{root}"))),
        (
            "attribute_source_table",
            source(ft.has_attribute_source(), "attribute_source"),
        ),
        (
            "feature_source_table",
            source(ft.has_feature_source(), "feature_source"),
        ),
        (
            "default_featurename_field",
            h.name_attribute
                .as_deref()
                .map_or("NULL".to_owned(), literal),
        ),
        ("description", literal_or_null(&h.description.en)),
        (
            "data_version",
            h.data_version.as_deref().map_or("NULL".to_owned(), literal),
        ),
        ("data_table", texts(tables.first().map(|t| t.qualified()))),
        ("community_data_type", staging),
        ("community_data_photo_fields", photos),
    ];
    upsert("cabd.feature_types", &["type"], &columns)
}

fn upsert(table: &str, key: &[&str], columns: &[(&str, String)]) -> String {
    let values: Vec<&str> = columns.iter().map(|(_, v)| v.as_str()).collect();
    let set: Vec<String> = columns
        .iter()
        .filter(|(n, _)| !key.contains(n))
        .map(|(n, _)| format!("{0} = excluded.{0}", ident(n)))
        .collect();
    format!(
        "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {};\n",
        idents(columns.iter().map(|(n, _)| *n)),
        values.join(", "),
        idents(key.iter().copied()),
        set.join(", ")
    )
}

/// A type's rows in `cabd.feature_type_metadata`; rows of attributes that are gone go too.
pub(crate) fn attributes(catalog: &Catalog, ft: &FeatureType) -> String {
    let rows = attribute_rows(catalog, ft).into_iter().map(|(_, sql)| sql);
    rows.chain([no_others(ft)]).collect()
}

/// Removes the metadata rows of attributes that the type has not.
pub(crate) fn no_others(ft: &FeatureType) -> String {
    let (schema, root) = ft.view();
    format!(
        "DELETE FROM cabd.feature_type_metadata WHERE view_name = {} AND field_name <> ALL ({});\n",
        literal(&format!("{schema}.{root}")),
        texts(ft.attributes.iter().map(|a| a.id.clone()))
    )
}

/// The metadata row of each attribute: its identifier and the statement.
pub(crate) fn attribute_rows(catalog: &Catalog, ft: &FeatureType) -> Vec<(String, String)> {
    let (schema, root) = ft.view();
    let view = format!("{schema}.{root}");
    let mut out = vec![];
    for a in &ft.attributes {
        let mut columns = vec![
            ("view_name", literal(&view)),
            ("field_name", literal(&a.id)),
            ("name_en", literal_or_null(&a.name.en)),
            ("name_fr", literal_or_null(&a.name.fr)),
            ("description_en", literal_or_null(&a.description.en)),
            ("description_fr", literal_or_null(&a.description.fr)),
            ("is_link", a.is_link.to_string()),
            ("data_type", literal(&a.data_type.to_string())),
            ("include_vector_tile", a.tile.to_string()),
            (
                "value_options_reference",
                catalog
                    .value_options(ft, a)
                    .map_or("NULL".to_owned(), |r| literal(&r)),
            ),
            ("is_name_search", a.name_search.to_string()),
            (
                "shape_field_name",
                a.short.as_deref().map_or("NULL".to_owned(), literal),
            ),
        ];
        for set in catalog.sets() {
            let place = a
                .sets
                .get(&set.name)
                .map_or("NULL".to_owned(), i32::to_string);
            columns.push((&set.column, place));
        }
        let key = ["view_name", "field_name"];
        let text = upsert("cabd.feature_type_metadata", &key, &columns);
        out.push((a.id.clone(), text));
    }
    out
}

/// The attribute sets, and the metadata columns that order them.
pub(crate) fn sets(catalog: &Catalog) -> String {
    catalog
        .sets()
        .iter()
        .filter(|s| !s.registered)
        .map(set)
        .collect()
}

/// One attribute set, and the metadata column that orders it.
pub(crate) fn set(s: &AttributeSet) -> String {
    format!(
        "ALTER TABLE cabd.feature_type_metadata ADD COLUMN IF NOT EXISTS {} integer;\n{}",
        ident(&s.column),
        upsert(
            "cabd.attribute_set",
            &["name"],
            &[
                ("name", literal(&s.name)),
                ("ft_metadata_col", literal(&s.column))
            ]
        )
    )
}

/// Removes a declaration.
pub(crate) fn forget(kind: &str, id: &str) -> String {
    let more = if kind == "set" {
        format!(
            "DELETE FROM cabd.attribute_set WHERE name = {};\n",
            literal(id)
        )
    } else {
        String::new()
    };
    format!(
        "{more}DELETE FROM cabd.manifest WHERE kind = {} AND id = {};\n",
        literal(kind),
        literal(id)
    )
}

/// Removes a type's rows.
pub(crate) fn forget_type(ft: &FeatureType) -> String {
    let (schema, root) = ft.view();
    format!(
        "DELETE FROM cabd.feature_type_metadata WHERE view_name = {};\nDELETE FROM cabd.feature_types WHERE type = {};\n{}",
        literal(&format!("{schema}.{root}")),
        literal(ft.id()),
        forget("type", ft.id())
    )
}

/// The declarations. What the tables say about codes and texts counts where it differs.
pub(crate) fn declarations(catalog: &Catalog) -> Result<String> {
    let json = |v: serde_json::Result<String>| {
        v.map_err(|e| Error::internal("a declaration cannot be written as JSON").because(e))
    };
    let mut all: Vec<(&str, String, String)> = vec![];
    let declared = catalog.declared();
    for s in &declared.sets {
        all.push(("set", s.name.clone(), json(serde_json::to_string(s))?));
    }
    for l in &declared.lists {
        all.push(("list", l.id.clone(), json(serde_json::to_string(l))?));
    }
    for t in &declared.types {
        all.push(("type", t.id().to_owned(), json(serde_json::to_string(t))?));
    }
    Ok(all
        .into_iter()
        .enumerate()
        .map(|(i, (kind, id, definition))| {
            upsert(
                "cabd.manifest",
                &["kind", "id"],
                &[
                    ("kind", literal(kind)),
                    ("id", literal(&id)),
                    ("position", i.to_string()),
                    ("definition", format!("{}::json", literal(&definition))),
                ],
            )
        })
        .collect())
}

/// The codes of a list in key order, everything as text: key, names, descriptions, further columns.
pub(crate) fn codes(list: &CodeList) -> String {
    let mut columns = vec![
        format!("c.{}::text", ident(&list.key)),
        "c.name_en".to_owned(),
        "c.name_fr".to_owned(),
        "c.description_en".to_owned(),
        "c.description_fr".to_owned(),
    ];
    columns.extend(
        list.columns
            .iter()
            .map(|x| format!("c.{}::text", ident(&x.id))),
    );
    format!(
        "SELECT {} FROM {} c ORDER BY c.{}",
        columns.join(", "),
        qualified(list.schema(), list.table()),
        ident(&list.key)
    )
}

/// Adds codes, or brings their texts up to date; `rows` holds literals in the order of the list's columns.
pub(crate) fn put_codes(t: &Table, columns: usize, rows: &[Vec<String>]) -> String {
    let names: Vec<&str> = t.columns[..columns]
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    let values: Vec<String> = rows.iter().map(|r| format!("({})", r.join(", "))).collect();
    let set: Vec<String> = names[1..]
        .iter()
        .map(|n| format!("{0} = excluded.{0}", ident(n)))
        .collect();
    format!(
        "INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {};\n",
        super::name_of(t),
        idents(names.iter().copied()),
        values.join(", "),
        ident(names[0]),
        set.join(", ")
    )
}
