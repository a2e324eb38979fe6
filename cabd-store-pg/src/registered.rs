//! What administrators registered by SQL alone: types, and views in the place of the generated ones.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use cabd_core::catalog::{
    Catalog, CodeList, Drift, Facts, FeatureType, Manifest, TypeHead, adopted, registered,
    with_views,
};
use cabd_core::error::{Error, ErrorKind, Result};
use cabd_core::lang::Lang;
use cabd_core::store::Adopted;
use cabd_core::value::DataType;

use crate::catalog::{Extra, load_codes, replaced};
use crate::error::pg;
use crate::pool::Session;
use crate::sql::views;

/// The columns that a type's views have in both languages.
async fn columns(session: &Session, ft: &FeatureType) -> Result<Vec<String>> {
    let mut common: Option<Vec<String>> = None;
    for lang in Lang::ALL {
        let (schema, name) = views::view_name(ft, lang);
        let found: Vec<String> = session
            .client()?
            .query(include_str!("../sql/view_columns.sql"), &[&schema, &name])
            .await
            .map_err(pg)?
            .iter()
            .map(|r| r.get(0))
            .collect();
        common = Some(match common {
            None => found,
            Some(mut c) => {
                let known: HashSet<String> = found.into_iter().collect();
                c.retain(|n| known.contains(n));
                c
            }
        });
    }
    Ok(common.unwrap_or_default())
}

/// Types that only rows say; types with replaced views are read from them from now on.
pub(crate) async fn load(
    session: &Session,
    manifest: &mut Manifest,
    heads: Vec<TypeHead>,
    mut extra: Extra,
    drift: &mut Vec<Drift>,
) -> Result<Vec<Arc<FeatureType>>> {
    let by_hand = replaced(session).await?;
    for ft in manifest.types.iter_mut().filter(|_| !by_hand.is_empty()) {
        let mut any = false;
        for lang in Lang::ALL {
            let (schema, name) = views::view_name(ft, lang);
            let object = format!("{schema}.{name}");
            if by_hand.contains(&object) {
                any = true;
                drift.push(Drift {
                    object,
                    field: "definition".to_owned(),
                    declared: "the generated view".to_owned(),
                    present: "a view made by hand".to_owned(),
                });
            }
        }
        let (schema, root) = ft.view();
        let more = extra
            .remove(&format!("{schema}.{root}"))
            .unwrap_or_default();
        if any && let Some(read) = with_views(ft, more, &columns(session, ft).await?) {
            *ft = read;
        }
    }
    let mut out = vec![];
    for head in heads {
        let bare = FeatureType {
            head: head.clone(),
            geometry: None,
            parts: vec![],
            links: vec![],
            members: vec![],
            attributes: vec![],
            retired: vec![],
            served: Default::default(),
        };
        let (schema, root) = bare.view();
        let attributes = extra
            .remove(&format!("{schema}.{root}"))
            .unwrap_or_default();
        let id = head.id.clone();
        match registered(head, attributes, &columns(session, &bare).await?) {
            Ok(ft) => out.push(Arc::new(ft)),
            Err(why) => drift.push(Drift {
                object: id,
                field: "type".to_owned(),
                declared: "registered by SQL".to_owned(),
                present: format!("not served: {why}"),
            }),
        }
    }
    Ok(out)
}

/// The manifest of a registered type.
pub(crate) async fn adopt(session: &Session, catalog: &Catalog, id: &str) -> Result<Adopted> {
    let ft = catalog.feature_type(id)?;
    if !ft.is_registered() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{id} has a manifest already"),
        )
        .hint("`cabd type show STORE TYPE --toml` writes it"));
    }
    let client = session.client()?;
    let row = client
        .query_one(
            "SELECT data_table[1] FROM cabd.feature_types WHERE type = $1::text",
            &[&ft.id()],
        )
        .await
        .map_err(pg)?;
    let name = row
        .get::<_, Option<String>>(0)
        .unwrap_or_else(|| format!("{id}.{id}"));
    let (schema, table) = name.split_once('.').unwrap_or((id, &name));
    let columns = table_columns(session, schema, table).await?;
    if !columns.iter().any(|(c, _)| c == "cabd_id") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("no table {name} with a column cabd_id stands behind {id}"),
        )
        .hint("name the table in the column data_table of cabd.feature_types, as {schema.table}"));
    }
    let (s, root) = ft.view();
    let references: BTreeMap<String, String> = client
        .query(
            "SELECT field_name, value_options_reference FROM cabd.feature_type_metadata \
             WHERE view_name = $1::text AND value_options_reference IS NOT NULL",
            &[&format!("{s}.{root}")],
        )
        .await
        .map_err(pg)?
        .iter()
        .map(|r| (r.get(0), r.get(1)))
        .collect();
    let mut lists: Vec<CodeList> = vec![];
    for reference in references.values() {
        let list = reference.split(';').next().unwrap_or_default();
        if catalog.list(list).is_none() && lists.iter().all(|l| l.id != list) {
            lists.extend(code_table(session, list, reference).await?);
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

async fn code_table(session: &Session, id: &str, reference: &str) -> Result<Option<CodeList>> {
    let key = reference
        .split(';')
        .nth(1)
        .filter(|k| !k.is_empty())
        .unwrap_or("code");
    let (schema, table) = id.split_once('.').unwrap_or(("cabd", id));
    let columns = table_columns(session, schema, table).await?;
    let Some((_, data_type)) = columns.iter().find(|(c, _)| c == key) else {
        return Ok(None);
    };
    let text = serde_json::json!({"id": id, "key": key, "key_type": data_type.to_string()});
    let list: CodeList = serde_json::from_value(text)
        .map_err(|e| Error::internal("a code list cannot be read").because(e))?;
    Ok(Some(load_codes(session, &list).await?))
}

/// The columns of a table and the data types nearest to theirs.
async fn table_columns(
    session: &Session,
    schema: &str,
    table: &str,
) -> Result<Vec<(String, DataType)>> {
    let rows = session
        .client()?
        .query(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a \
             JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1::text AND c.relname = $2::text AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            &[&schema, &table],
        )
        .await
        .map_err(pg)?;
    Ok(rows
        .iter()
        .map(|r| (r.get(0), data_type(r.get(1))))
        .collect())
}

fn data_type(found: &str) -> DataType {
    let t = found.to_lowercase().replace("character varying", "varchar");
    let t = t.rsplit('.').next().unwrap_or(&t);
    if let Some(element) = t.strip_suffix("[]") {
        let array = format!("array({})", element.split('(').next().unwrap_or(element));
        return array.parse().unwrap_or(DataType::Text(None));
    }
    match t.split_once('(') {
        Some(("geometry", rest)) => {
            let class = rest
                .split(',')
                .next()
                .unwrap_or_default()
                .trim_end_matches(')');
            format!("geometry({class})")
                .parse()
                .unwrap_or(DataType::Text(None))
        }
        Some(("numeric", _)) => DataType::Numeric,
        _ => t.parse().unwrap_or(DataType::Text(None)),
    }
}
