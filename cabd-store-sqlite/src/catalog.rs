//! The catalogue in the file: manifests, documented metadata rows, code tables; and what is generated from them.

use std::collections::HashMap;
use std::sync::Arc;

use cabd_core::catalog::{
    Attribute, AttributeSet, Catalog, Code, CodeKey, CodeList, FeatureType, Relation, Table,
    flat_name, geometry_kind, metadata_attribute,
};
use cabd_core::{Error, Lang, Manifest, Result, Text, Value};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use crate::error::db;
use crate::registered;
use crate::spatial::{self, Layer, identifier};
use crate::sql::{ddl, flat, metadata, table_name, triggers, views};
use crate::types::{from_sql, to_sql};

/// The catalogue's version, one cheap query.
pub(crate) fn version(conn: &Connection) -> Result<i64> {
    conn.prepare_cached("SELECT version FROM cabd_catalog_state")
        .and_then(|mut s| s.query_row([], |r| r.get(0)))
        .map_err(db("read the catalogue's version"))
}

/// What a catalogue that was read depends on: its version, and SQLite's count of changes of tables and views, by anybody.
pub(crate) type Stamp = (i64, i64);

/// The present stamp, two cheap queries.
pub(crate) fn stamp(conn: &Connection) -> Result<Stamp> {
    let changes = conn
        .prepare_cached("SELECT schema_version FROM pragma_schema_version")
        .and_then(|mut s| s.query_row([], |r| r.get(0)))
        .map_err(db("read the schema's version"))?;
    Ok((version(conn)?, changes))
}

fn bodies<T: serde::de::DeserializeOwned>(conn: &Connection, kind: &str) -> Result<Vec<T>> {
    let doing = db("read the catalogue");
    let mut s = conn
        .prepare("SELECT id, body FROM cabd_manifest WHERE kind = ? ORDER BY id")
        .map_err(&doing)?;
    let rows = s
        .query_map([kind], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(&doing)?;
    rows.into_iter()
        .map(|(id, body)| {
            serde_json::from_str(&body).map_err(|e| {
                Error::corrupt(format!("manifest of {kind} {id} cannot be read")).because(e)
            })
        })
        .collect()
}

/// Reads the whole catalogue.
pub(crate) fn load(conn: &Connection) -> Result<Catalog> {
    let version = version(conn)?;
    let declared = Manifest {
        types: bodies(conn, "type")?,
        lists: bodies(conn, "list")?,
        sets: bodies(conn, "set")?,
    };
    let mut manifest = declared.clone();
    for list in &mut manifest.lists {
        let codes = codes(conn, list)?;
        let retired = |c: &Code| list.get(&c.code).is_some_and(|k| k.retired);
        let codes = codes
            .into_iter()
            .map(|c| Code {
                retired: retired(&c),
                ..c
            })
            .collect();
        *list = list.with_codes(codes);
    }
    registered::sets(conn, &mut manifest.sets)?;
    let mut drift = vec![];
    let heads = registered::heads(conn)?;
    for ft in &mut manifest.types {
        if let Some(h) = heads.iter().find(|h| h.id == ft.head.id) {
            ft.head.name = h.name.clone();
            ft.head.description.en.clone_from(&h.description.en);
            ft.head.data_version.clone_from(&h.data_version);
        }
        let extra = overlay(conn, ft, &manifest.sets)?;
        registered::replaced(conn, ft, extra, &mut drift)?;
    }
    let mut types = vec![];
    for head in heads {
        if manifest.types.iter().all(|t| t.id() != head.id) {
            types.extend(registered::read(conn, head, &manifest.sets, &mut drift)?);
        }
    }
    Ok(Catalog::loaded(version, manifest, declared, types).with_drift(drift))
}

/// The codes of a list, as its table has them.
pub(crate) fn codes(conn: &Connection, list: &CodeList) -> Result<Vec<Code>> {
    let doing = db("read a code table");
    let extra: String = list
        .columns
        .iter()
        .map(|c| format!(", {}", identifier(&c.id)))
        .collect();
    let key = identifier(&list.key);
    let table = identifier(&flat_name(list.schema(), list.table()));
    let sql = format!(
        "SELECT {key}, name_en, name_fr, description_en, description_fr{extra} FROM {table} ORDER BY {key}"
    );
    let mut s = conn.prepare(&sql).map_err(&doing)?;
    let mut rows = s.query([]).map_err(&doing)?;
    let mut out = vec![];
    while let Some(r) = rows.next().map_err(&doing)? {
        let Some(code) = CodeKey::of(&from_sql(r.get_ref(0).map_err(&doing)?, &list.key_type)?)
        else {
            continue;
        };
        let text = |i: usize| {
            r.get::<_, Option<String>>(i)
                .map(Option::unwrap_or_default)
                .map_err(&doing)
        };
        let mut more = std::collections::BTreeMap::new();
        for (i, c) in list.columns.iter().enumerate() {
            match from_sql(r.get_ref(5 + i).map_err(&doing)?, &c.data_type)? {
                Value::Null => {}
                Value::Text(t) => {
                    more.insert(c.id.clone(), t);
                }
                v => {
                    more.insert(c.id.clone(), v.to_json().to_string());
                }
            }
        }
        out.push(Code {
            code,
            name: Text::new(text(1)?, text(2)?),
            description: Text::new(text(3)?, text(4)?),
            more,
            retired: false,
        });
    }
    Ok(out)
}

/// Labels, descriptions, flags and set orders follow the documented metadata rows. Gives the rows that no attribute has.
pub(crate) fn overlay(
    conn: &Connection,
    ft: &mut FeatureType,
    sets: &[AttributeSet],
) -> Result<Vec<Attribute>> {
    let doing = db("read the attributes' metadata");
    let orders: String = sets
        .iter()
        .map(|s| format!(", {}", identifier(&s.column)))
        .collect();
    let sql = format!(
        "SELECT field_name, name_en, name_fr, description_en, description_fr, is_link, include_vector_tile, \
         is_name_search, shape_field_name, data_type{orders} FROM cabd_feature_type_metadata WHERE view_name = ? \
         ORDER BY rowid"
    );
    let mut s = conn.prepare(&sql).map_err(&doing)?;
    let (schema, view) = ft.view();
    let mut rows = s.query([format!("{schema}.{view}")]).map_err(&doing)?;
    let places: HashMap<String, usize> = ft
        .attributes
        .iter()
        .enumerate()
        .map(|(i, a)| (a.id.clone(), i))
        .collect();
    let mut extra = vec![];
    while let Some(r) = rows.next().map_err(&doing)? {
        let text = |i: usize| {
            r.get::<_, Option<String>>(i)
                .map(Option::unwrap_or_default)
                .map_err(&doing)
        };
        let id = text(0)?;
        let known = places.get(&id).and_then(|i| ft.attributes.get_mut(*i));
        let a = match known {
            Some(a) => a,
            None => {
                extra.push(metadata_attribute(&id, &text(9)?));
                let last = extra.len() - 1;
                &mut extra[last]
            }
        };
        a.name = Text::new(text(1)?, text(2)?);
        a.description = Text::new(text(3)?, text(4)?);
        let flag = |i: usize| {
            r.get::<_, Option<bool>>(i)
                .map(Option::unwrap_or_default)
                .map_err(&doing)
        };
        a.is_link = flag(5)?;
        a.tile = flag(6)?;
        a.name_search = flag(7)?;
        a.short = Some(text(8)?).filter(|t| !t.is_empty());
        a.sets.clear();
        for (i, set) in sets.iter().enumerate() {
            if let Some(order) = r.get::<_, Option<i32>>(10 + i).map_err(&doing)? {
                a.sets.insert(set.name.clone(), order);
            }
        }
    }
    let retired = |a: &Attribute| ft.retired.iter().any(|r| r.id == a.id);
    extra.retain(|a| !retired(a));
    Ok(extra)
}

pub(crate) fn run(conn: &Connection, sql: &str) -> Result<()> {
    conn.execute_batch(sql)
        .map_err(|e| crate::error::from_sqlite("change the schema", e).at(sql.to_owned()))
}

/// Creates a view or trigger and keeps its text, so that drift can be seen.
pub(crate) fn define(conn: &Connection, object: &str, sql: &str) -> Result<()> {
    run(conn, sql)?;
    conn.execute(
        "INSERT INTO cabd_generated (object, definition) VALUES (?1, ?2) ON CONFLICT (object) DO UPDATE SET definition = ?2",
        params![object, sql],
    )
    .map_err(db("note a definition"))?;
    Ok(())
}

pub(crate) fn put_body(
    conn: &Connection,
    kind: &str,
    id: &str,
    body: &impl serde::Serialize,
) -> Result<()> {
    let body =
        serde_json::to_string(body).map_err(|e| Error::internal("manifest as JSON").because(e))?;
    conn.execute(
        "INSERT INTO cabd_manifest (kind, id, body) VALUES (?1, ?2, ?3) ON CONFLICT (kind, id) DO UPDATE SET body = ?3",
        params![kind, id, body],
    )
    .map_err(db("write the manifest"))?;
    Ok(())
}

pub(crate) fn put_set(conn: &Connection, set: &AttributeSet) -> Result<()> {
    let doing = db("write an attribute set");
    let has: bool = conn
        .query_row(
            "SELECT count(*) FROM pragma_table_info('cabd_feature_type_metadata') WHERE name = ?",
            [&set.column],
            |r| r.get::<_, i64>(0).map(|n| n > 0),
        )
        .map_err(&doing)?;
    if !has {
        run(
            conn,
            &format!(
                "ALTER TABLE cabd_feature_type_metadata ADD COLUMN {} INTEGER",
                identifier(&set.column)
            ),
        )?;
    }
    conn.execute(
        "INSERT INTO cabd_attribute_set (name, ft_metadata_col) VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET ft_metadata_col = ?2 WHERE ft_metadata_col <> ?2",
        params![set.name, set.column],
    )
    .map_err(&doing)?;
    put_body(conn, "set", &set.name, set)
}

/// The layer of a table: its spatially indexed column. The columns an effective geometry comes from are no layers of their
/// own, since GDAL cannot append to a table with several.
pub(crate) fn layer_of(t: &Table) -> Option<Layer> {
    let column = &t.columns[t.spatial?];
    geometry_kind(column).map(|kind| Layer {
        table: flat(t),
        column: column.name.clone(),
        geometry_type: kind.code(),
        dimension: 2,
        srid: cabd_core::geometry::SRID,
        index: true,
    })
}

/// Makes a table; one that an administrator made is taken over, and gets the columns it lacks.
pub(crate) fn create(conn: &Connection, catalog: &Catalog, t: &Table) -> Result<()> {
    let have = crate::evolve::view_columns(conn, &[flat(t)])?;
    if have.is_empty() {
        run(conn, &ddl::create_table(catalog, t)?)?;
    } else {
        registered::take_over(conn, t, &have)?;
    }
    if let Some(sql) = ddl::key_index(t) {
        run(conn, &sql)?;
    }
    for (name, sql) in ddl::look_up_indexes(t) {
        run(conn, &format!("DROP INDEX IF EXISTS {}", identifier(&name)))?;
        run(conn, &sql)?;
    }
    if let Some(layer) = layer_of(t) {
        spatial::add_layer(conn, &layer).map_err(db("register a layer"))?;
    }
    put_triggers(conn, t)
}

/// Makes the view of the log.
pub(crate) fn make_log(conn: &Connection, catalog: &Catalog) -> Result<()> {
    run(conn, "DROP VIEW IF EXISTS cabd_audit_log")?;
    define(
        conn,
        "cabd_audit_log",
        &triggers::audit_log(&catalog.tables()),
    )
}

/// Makes the triggers of a table anew, the layers' own last: SQLite runs the newest first, and the spatial index must
/// have taken a row before the effective geometry is filled in.
pub(crate) fn put_triggers(conn: &Connection, t: &Table) -> Result<()> {
    drop_own_triggers(conn, t)?;
    for (name, sql) in triggers::triggers(t) {
        define(conn, &name, &sql)?;
    }
    if let Some(layer) = layer_of(t) {
        spatial::create_layer_triggers(conn, &layer).map_err(db("make a layer's triggers"))?;
    }
    Ok(())
}

/// Removes cabd's triggers from a table, those of older versions too.
fn drop_own_triggers(conn: &Connection, t: &Table) -> Result<()> {
    let names: Vec<String> = conn
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE \
             AND name LIKE 'cabd\\___\\_' || ?1 ESCAPE '\\'",
        )
        .and_then(|mut s| s.query_map([flat(t)], |r| r.get(0))?.collect())
        .map_err(db("read the schema"))?;
    for name in names {
        run(conn, &format!("DROP TRIGGER {}", identifier(&name)))?;
    }
    Ok(())
}

/// Removes cabd's triggers from a table, and the layers' own.
pub(crate) fn drop_triggers(conn: &Connection, t: &Table) -> Result<()> {
    drop_own_triggers(conn, t)?;
    if let Some(layer) = layer_of(t) {
        spatial::drop_layer_triggers(conn, &layer.table, &layer.column)
            .map_err(db("drop a layer's triggers"))?;
    }
    Ok(())
}

/// Makes what is missing: triggers (changed ones too), look-up indexes, views. A view changed by hand is left alone.
pub(crate) fn repair(conn: &Connection, catalog: &Catalog) -> Result<()> {
    let catalog = &catalog.from_tables();
    let has = |name: &str| -> Result<bool> {
        conn.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?)",
            [name],
            |r| r.get(0),
        )
        .map_err(db("read the schema"))
    };
    for t in catalog.tables() {
        for (name, sql) in ddl::look_up_indexes(&t) {
            if !has(&name)? {
                run(conn, &sql)?;
            }
        }
        put_triggers(conn, &t)?;
    }
    make_log(conn, catalog)?;
    for ft in catalog.types().filter(|t| !t.is_registered()) {
        for lang in Lang::ALL {
            let name = views::view_name(ft, lang);
            if !has(&name)? {
                conn.execute("DELETE FROM cabd_generated WHERE object = ?", [&name])
                    .map_err(db("forget a definition"))?;
            }
        }
        make_views(conn, catalog, ft, false)?;
    }
    Ok(())
}

pub(crate) fn put_codes(conn: &Connection, catalog: &Catalog, list: &CodeList) -> Result<()> {
    let doing = db("write a code table");
    let t = catalog.table(&Relation::Codes(list.id.as_str().into()))?;
    let width = 5 + list.columns.len();
    let columns: Vec<String> = t
        .columns
        .iter()
        .take(width)
        .map(|c| identifier(&c.name))
        .collect();
    let marks = vec!["?"; width].join(", ");
    let updates: Vec<String> = columns
        .iter()
        .skip(1)
        .map(|c| format!("{c} = excluded.{c}"))
        .collect();
    let differs: Vec<String> = columns
        .iter()
        .skip(1)
        .map(|c| format!("{c} IS NOT excluded.{c}"))
        .collect();
    let sql = format!(
        "INSERT INTO {} ({}) VALUES ({marks}) ON CONFLICT ({}) DO UPDATE SET {} WHERE {}",
        table_name(t),
        columns.join(", "),
        columns[0],
        updates.join(", "),
        differs.join(" OR "),
    );
    let mut s = conn.prepare(&sql).map_err(&doing)?;
    for row in list.rows() {
        let values = row
            .into_iter()
            .zip(&t.columns)
            .map(|(v, c)| to_sql(&v.coerce(&c.name, &c.data_type)?))
            .collect::<Result<Vec<_>>>()?;
        s.execute(params_from_iter(values)).map_err(&doing)?;
    }
    Ok(())
}

pub(crate) fn put_type(conn: &Connection, catalog: &Catalog, ft: &FeatureType) -> Result<()> {
    let doing = db("write the type's metadata");
    let declared = catalog.declared().types.iter().find(|t| t.id() == ft.id());
    put_body(conn, "type", ft.id(), declared.unwrap_or(ft))?;
    metadata::insert(conn, &metadata::head(ft))?;
    let (schema, view) = ft.view();
    conn.execute(
        "DELETE FROM cabd_feature_type_metadata WHERE view_name = ?",
        [format!("{schema}.{view}")],
    )
    .map_err(&doing)?;
    for row in metadata::attributes(catalog, ft) {
        metadata::insert(conn, &row)?;
    }
    Ok(())
}

/// Drops a type's generated views; one that somebody replaced stays.
pub(crate) fn drop_views(conn: &Connection, ft: &FeatureType) -> Result<()> {
    if ft.is_registered() {
        return Ok(());
    }
    for lang in Lang::ALL {
        let name = views::view_name(ft, lang);
        if crate::evolve::is_replaced(conn, &name)? {
            continue;
        }
        run(conn, &format!("DROP VIEW IF EXISTS {}", identifier(&name)))?;
        conn.execute("DELETE FROM cabd_generated WHERE object = ?", [&name])
            .map_err(db("forget a definition"))?;
    }
    Ok(())
}

/// Removes a type's views and its rows in the documented tables.
pub(crate) fn forget_type(conn: &Connection, ft: &FeatureType) -> Result<()> {
    let doing = db("forget a type");
    drop_views(conn, ft)?;
    for lang in Lang::ALL {
        spatial::drop_view_layer(conn, &views::view_name(ft, lang)).map_err(&doing)?;
    }
    let (schema, view) = ft.view();
    conn.execute(
        "DELETE FROM cabd_feature_type_metadata WHERE view_name = ?",
        [format!("{schema}.{view}")],
    )
    .map_err(&doing)?;
    for table in ["cabd_feature_type_version_history", "cabd_feature_types"] {
        conn.execute(&format!("DELETE FROM {table} WHERE type = ?"), [ft.id()])
            .map_err(&doing)?;
    }
    Ok(())
}

/// Makes the generated views of a type where they are missing or not of today's catalogue. A view that somebody replaced
/// stays, unless it is to be overwritten.
pub(crate) fn make_views(
    conn: &Connection,
    catalog: &Catalog,
    ft: &Arc<FeatureType>,
    overwrite: bool,
) -> Result<()> {
    for lang in Lang::ALL {
        let name = views::view_name(ft, lang);
        let sql = views::create_view(catalog, ft, lang)?;
        let replaced = crate::evolve::is_replaced(conn, &name)?;
        if replaced && !overwrite {
            continue;
        }
        let known: Option<String> = conn
            .query_row(
                "SELECT definition FROM cabd_generated WHERE object = ?",
                [&name],
                |r| r.get(0),
            )
            .optional()
            .map_err(db("read a definition"))?;
        if known.as_deref() == Some(sql.as_str()) && !replaced {
            continue;
        }
        run(conn, &format!("DROP VIEW IF EXISTS {}", identifier(&name)))?;
        define(conn, &name, &sql)?;
        if let Some(rule) = &ft.geometry {
            let table = crate::sql::main_table(ft);
            spatial::drop_view_layer(conn, &name).map_err(db("register a view"))?;
            spatial::add_view_layer(conn, &name, "geometry", "fid", &table, &rule.column)
                .map_err(db("register a view"))?;
        }
    }
    Ok(())
}
