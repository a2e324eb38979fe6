//! The catalogue: read from the tables when its version grows, changed in one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;

use cabd_core::catalog::{
    Attribute, AttributeSet, Catalog, CatalogChange, CatalogCommit, Code, CodeKey, CodeList,
    FeatureType, Manifest, Relation, Table, TypeHead, metadata_attribute,
};
use cabd_core::error::{Error, ErrorKind, Result};
use cabd_core::lang::{Lang, Text};
use cabd_core::store::{Adopted, CatalogPlan, CatalogStore};
use cabd_core::value::DataType;

use crate::PgStore;
use crate::error::pg;
use crate::pool::Session;
use crate::sql::audit::UNLOGGED;
use crate::sql::{self, ddl, metadata, views};
use crate::{beside, evolve, registered};

impl PgStore {
    /// The present catalogue, over a connection in use.
    pub(crate) async fn catalog_on(&self, session: &mut Session) -> Result<Arc<Catalog>> {
        let now = stamp(session).await?;
        let (of, known) = self
            .catalog
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if of == now {
            return Ok(known);
        }
        session
            .begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let now = stamp(session).await?;
        let catalog = Arc::new(load(session).await?);
        session.commit().await?;
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = (now, catalog.clone());
        Ok(catalog)
    }
}

impl PgStore {
    /// Makes every generated piece of the catalogue anew, in one transaction: missing tables, columns, indexes and foreign
    /// keys, all triggers, all views. Values and metadata stay as they are.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where stored rows contradict a foreign key that is missing.
    pub async fn regenerate(&self) -> Result<()> {
        let mut session = self.pool.session().await?;
        session.begin("").await?;
        match regenerate(&session, true).await {
            Ok(()) => session.commit().await,
            Err(e) => {
                session.rollback().await?;
                Err(e)
            }
        }
    }
}

/// The catalogue's version, and what tells apart the views that its types are read from.
pub(crate) type Stamp = (i64, i64);

async fn stamp(session: &Session) -> Result<Stamp> {
    let statement = session
        .prepare(include_str!("../sql/catalog_stamp.sql"))
        .await?;
    let row = session
        .client()?
        .query_one(&statement, &[])
        .await
        .map_err(pg)?;
    Ok((row.try_get(0).map_err(pg)?, row.try_get(1).map_err(pg)?))
}

/// The catalogue's version.
pub(crate) async fn version(session: &Session) -> Result<i64> {
    let statement = session
        .prepare("SELECT version FROM cabd.catalog_state")
        .await?;
    let row = session
        .client()?
        .query_one(&statement, &[])
        .await
        .map_err(pg)?;
    row.try_get(0).map_err(pg)
}

#[async_trait]
impl CatalogStore for PgStore {
    async fn catalog(&self) -> Result<Arc<Catalog>> {
        let mut session = self.pool.session().await?;
        self.catalog_on(&mut session).await
    }

    async fn plan(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        let mut session = self.pool.session().await?;
        session
            .begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let old = load(&session).await?;
        let planned = evolve::plan(&session, &old, change).await;
        let left = beside::leftovers(&session, &old).await;
        session.rollback().await?;
        let mut plan = planned?.plan;
        plan.warnings.extend(left?.into_iter().map(|(table, _, column)| {
            format!("a change of type was broken off and left {table}.{column}; the next change drops it")
        }));
        Ok(plan)
    }

    async fn catalog_history(&self) -> Result<Vec<CatalogCommit>> {
        let session = self.pool.session().await?;
        evolve::history(&session).await
    }

    async fn adopt(&self, feature_type: &str) -> Result<Adopted> {
        let mut session = self.pool.session().await?;
        let catalog = self.catalog_on(&mut session).await?;
        registered::adopt(&session, &catalog, feature_type).await
    }

    async fn evolve(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        let mut session = self.pool.session().await?;
        beside::make(&mut session, change).await
    }
}

/// The triggers of the relations that every store has.
pub(crate) async fn install_shared(session: &Session) -> Result<()> {
    let catalog = Catalog::assemble(0, Manifest::default());
    let script: String = catalog.tables().iter().map(|t| ddl::triggers(t)).collect();
    session.run(&script).await
}

/// One change of the catalogue at a time; what it writes is no edit, and is not logged.
///
/// Writers hold the lock as well, shared, so that no change comes between their look at the catalogue and their rows. The
/// wait is short: readers queue behind a lock that waits for another.
pub(crate) async fn prepare(session: &Session) -> Result<()> {
    session
        .run(&format!(
            "SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock(4617, 2); \
             SELECT set_config({}, 'on', true)",
            sql::literal(UNLOGGED)
        ))
        .await
        .map_err(others_at_work)
}

/// The same lock until it is given back, over several transactions.
pub(crate) async fn alone(session: &Session) -> Result<()> {
    let locked = session
        .run("BEGIN; SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_lock(4617, 2); COMMIT")
        .await;
    if locked.is_err() {
        session.run("ROLLBACK").await?;
    }
    locked.map_err(others_at_work)
}

fn others_at_work(e: Error) -> Error {
    match e.kind() {
        ErrorKind::Busy => e.hint(
            "somebody writes to the store, or changes its catalogue; try again when that has ended",
        ),
        _ => e,
    }
}

/// Makes generated pieces anew; views that exist only if `views_too`.
pub(crate) async fn regenerate(session: &Session, views_too: bool) -> Result<()> {
    prepare(session).await?;
    let catalog = load(session).await?.from_tables();
    let mut script: String = catalog
        .tables()
        .iter()
        .map(|t| generated(t, &catalog, false))
        .collect();
    for ft in catalog.types().filter(|t| !t.is_super()) {
        script.push_str(&ddl::staging(ft));
    }
    script.push_str(&ddl::updates_pending(&catalog));
    session.run(&script).await?;
    for ft in catalog.types().filter(|t| !t.is_registered()) {
        for lang in Lang::ALL {
            make_view(session, &catalog, ft, lang, views_too).await?;
        }
    }
    crate::bulk::validate_keys(session, &catalog).await
}

/// A table with everything on it; its foreign keys may be validated later.
pub(crate) fn generated(table: &Table, catalog: &Catalog, validate_later: bool) -> String {
    [
        ddl::table(table),
        ddl::triggers(table),
        ddl::missing_foreign_keys(table, catalog, validate_later),
        ddl::comments(table, catalog),
    ]
    .concat()
}

/// The codes that are new or have new texts.
pub(crate) fn codes(old: &Catalog, new: &Catalog, list: &CodeList) -> Result<String> {
    let table = new.table(&Relation::Codes(list.id.as_str().into()))?;
    let before = old.list(&list.id);
    let mut rows = vec![];
    for (code, row) in list.codes.iter().zip(list.rows()) {
        let same =
            before.is_some_and(|b| b.position(&code.code).is_some_and(|i| b.codes[i] == *code));
        if same {
            continue;
        }
        rows.push(
            row.into_iter()
                .zip(&table.columns)
                .map(|(v, c)| sql::written(&v.coerce(&c.name, &c.data_type)?))
                .collect::<Result<Vec<_>>>()
                .map_err(|e| e.at(list.id.clone()))?,
        );
    }
    let columns = 5 + list.columns.len();
    Ok(rows
        .chunks(500)
        .map(|chunk| metadata::put_codes(table, columns, chunk))
        .collect())
}

pub(crate) async fn make_view(
    session: &Session,
    catalog: &Catalog,
    ft: &FeatureType,
    lang: Lang,
    overwrite: bool,
) -> Result<()> {
    let (schema, name) = views::view_name(ft, lang);
    let query = views::view_query(catalog, ft, lang)?;
    let client = session.client()?;
    let present: Vec<String> = client
        .query(include_str!("../sql/view_columns.sql"), &[&schema, &name])
        .await
        .map_err(pg)?
        .iter()
        .map(|r| r.get(0))
        .collect();
    if !present.is_empty() && !overwrite {
        return Ok(());
    }
    let wanted = cabd_core::query::plan(catalog, &cabd_core::FeatureQuery::of(ft.id()))?;
    let wanted: Vec<&str> = wanted
        .layout
        .outputs
        .iter()
        .map(|o| o.name.as_str())
        .collect();
    let replace = !present.is_empty()
        && present.len() <= wanted.len()
        && present.iter().zip(&wanted).all(|(a, b)| a == b);
    let place = format!("view {schema}.{name}");
    let text = format!(
        "CREATE SCHEMA IF NOT EXISTS {};\n{}",
        sql::ident(&schema),
        views::define(&schema, &name, &query, replace)
    );
    if replace {
        session.run("SAVEPOINT cabd_view").await?;
        // Columns of other types or collations are no reason to give up.
        if session.run(&text).await.is_err() {
            let anew = views::define(&schema, &name, &query, false);
            session.run("ROLLBACK TO SAVEPOINT cabd_view").await?;
            session.run(&anew).await.map_err(|e| e.at(place))?;
        }
        session.run("RELEASE SAVEPOINT cabd_view").await?;
    } else {
        session.run(&text).await.map_err(|e| e.at(place))?;
    }
    client
        .execute(include_str!("../sql/remember_view.sql"), &[&schema, &name])
        .await
        .map_err(pg)?;
    Ok(())
}

/// Reads the whole catalogue. Codes come from the code tables; names, flags and places in sets from the metadata.
pub(crate) async fn load(session: &Session) -> Result<Catalog> {
    let client = session.client()?;
    let version = version(session).await?;
    let mut manifest = Manifest::default();
    let rows = client
        .query(
            "SELECT kind, id, definition::text FROM cabd.manifest ORDER BY position, kind, id",
            &[],
        )
        .await
        .map_err(pg)?;
    for row in &rows {
        let (kind, id, text): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let damaged = |e: serde_json::Error| {
            Error::corrupt(format!("the declaration of {kind} {id} cannot be read"))
                .at("cabd.manifest")
                .because(e)
        };
        match kind {
            "set" => manifest
                .sets
                .push(serde_json::from_str(text).map_err(damaged)?),
            "list" => manifest
                .lists
                .push(serde_json::from_str(text).map_err(damaged)?),
            _ => manifest
                .types
                .push(serde_json::from_str(text).map_err(damaged)?),
        }
    }
    let declared = manifest.clone();
    load_sets(session, &mut manifest).await?;
    let heads = load_heads(session, &mut manifest).await?;
    let extra = load_metadata(session, &mut manifest).await?;
    for list in &mut manifest.lists {
        let loaded = load_codes(session, list).await?;
        let codes = loaded.codes.iter().map(|c| Code {
            retired: list.get(&c.code).is_some_and(|k| k.retired),
            ..c.clone()
        });
        *list = loaded.with_codes(codes.collect());
    }
    let mut drift = vec![];
    let types = registered::load(session, &mut manifest, heads, extra, &mut drift).await?;
    Ok(Catalog::loaded(version, manifest, declared, types).with_drift(drift))
}

/// The sets are those registered; what only a declaration knows (other names) is kept.
async fn load_sets(session: &Session, manifest: &mut Manifest) -> Result<()> {
    let rows = session
        .client()?
        .query(
            "SELECT name, ft_metadata_col FROM cabd.attribute_set ORDER BY name",
            &[],
        )
        .await
        .map_err(pg)?;
    let registered: HashMap<String, String> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    manifest.sets.retain(|s| registered.contains_key(&s.name));
    for row in &rows {
        let (name, column): (String, String) = (row.get(0), row.get(1));
        match manifest.sets.iter_mut().find(|s| s.name == name) {
            Some(s) => s.column = column,
            None => manifest.sets.push(AttributeSet {
                name,
                column,
                aliases: vec![],
                registered: true,
            }),
        }
    }
    Ok(())
}

/// The views that are there and not the generated ones, as `schema.view`.
pub(crate) async fn replaced(session: &Session) -> Result<HashSet<String>> {
    let rows = session
        .client()?
        .query(include_str!("../sql/doctor_views.sql"), &[])
        .await
        .map_err(pg)?;
    Ok(rows.iter().map(|r| r.get(0)).collect())
}

/// Drops a type's generated views; those that somebody replaced stay.
pub(crate) fn drop_views(ft: &FeatureType, replaced: &HashSet<String>) -> String {
    if ft.is_registered() {
        return String::new();
    }
    let names = Lang::ALL.map(|lang| views::view_name(ft, lang));
    names
        .iter()
        .filter(|(schema, name)| !replaced.contains(&format!("{schema}.{name}")))
        .map(|(schema, name)| {
            format!(
                "DROP VIEW IF EXISTS {}; DELETE FROM cabd.generated_views WHERE view_schema = {} AND view_name = {};\n",
                sql::qualified(schema, name),
                sql::literal(schema),
                sql::literal(name)
            )
        })
        .collect()
}

/// Brings the heads up to date; gives those that no manifest declares.
async fn load_heads(session: &Session, manifest: &mut Manifest) -> Result<Vec<TypeHead>> {
    let rows = session
        .client()?
        .query(
            "SELECT type::text, name_en::text, coalesce(name_fr, '')::text, coalesce(description, ''), data_version, \
             data_view, default_featurename_field::text FROM cabd.feature_types ORDER BY type",
            &[],
        )
        .await
        .map_err(pg)?;
    let mut others = vec![];
    for row in &rows {
        let id: &str = row.get(0);
        let name = Text::new(row.get::<_, String>(1), row.get::<_, String>(2));
        match manifest.types.iter_mut().find(|t| t.id() == id) {
            Some(ft) => {
                ft.head.name = name;
                ft.head.description.en = row.get(3);
                ft.head.data_version = row.get(4);
            }
            None => others.push(TypeHead {
                id: id.to_owned(),
                name,
                description: Text::new(row.get::<_, String>(3), ""),
                schema: None,
                table: None,
                view: row.get(5),
                data_version: row.get(4),
                name_attribute: row.get(6),
                sources: Default::default(),
                community: None,
            }),
        }
    }
    Ok(others)
}

/// The rows of each view that no attribute has, as attributes.
pub(crate) type Extra = HashMap<String, Vec<Attribute>>;

async fn load_metadata(session: &Session, manifest: &mut Manifest) -> Result<Extra> {
    let rows = session
        .client()?
        .query(
            "SELECT to_json(m)::text FROM cabd.feature_type_metadata m",
            &[],
        )
        .await
        .map_err(pg)?;
    let mut by_field: HashMap<(String, String), serde_json::Value> = HashMap::new();
    for row in &rows {
        let json: serde_json::Value = serde_json::from_str(row.get(0))
            .map_err(|e| Error::corrupt("a metadata row cannot be read").because(e))?;
        let text = |k: &str| json[k].as_str().unwrap_or_default().to_owned();
        by_field.insert((text("view_name"), text("field_name")), json);
    }
    let sets = manifest.sets.clone();
    for ft in &mut manifest.types {
        let (schema, root) = ft.view();
        let view = format!("{schema}.{root}");
        for a in &mut ft.attributes {
            if let Some(json) = by_field.remove(&(view.clone(), a.id.clone())) {
                overlay(a, &json, &sets);
            }
        }
        for a in &ft.retired {
            by_field.remove(&(view.clone(), a.id.clone()));
        }
    }
    let mut extra: Extra = HashMap::new();
    let mut rest: Vec<_> = by_field.into_iter().collect();
    rest.sort_by(|a, b| a.0.cmp(&b.0));
    for ((view, field), json) in rest {
        let data_type = json["data_type"].as_str().unwrap_or_default();
        let mut a = metadata_attribute(&field, data_type);
        overlay(&mut a, &json, &sets);
        extra.entry(view).or_default().push(a);
    }
    Ok(extra)
}

/// Texts, flags and places in sets follow the metadata row.
fn overlay(a: &mut Attribute, json: &serde_json::Value, sets: &[AttributeSet]) {
    let text = |k: &str| json[k].as_str().unwrap_or_default().to_owned();
    let flag = |k: &str| json[k].as_bool().unwrap_or_default();
    a.name = Text::new(text("name_en"), text("name_fr"));
    a.description = Text::new(text("description_en"), text("description_fr"));
    a.is_link = flag("is_link");
    a.tile = flag("include_vector_tile");
    a.name_search = flag("is_name_search");
    a.short = json["shape_field_name"].as_str().map(str::to_owned);
    a.sets = sets
        .iter()
        .filter_map(|s| {
            let place = match &json[s.column.as_str()] {
                serde_json::Value::Bool(true) => 1,
                other => i32::try_from(other.as_i64()?).ok()?,
            };
            Some((s.name.clone(), place))
        })
        .collect();
}

pub(crate) async fn load_codes(session: &Session, list: &CodeList) -> Result<CodeList> {
    let rows = session
        .client()?
        .query(&metadata::codes(list), &[])
        .await
        .map_err(pg)?;
    let mut codes = Vec::with_capacity(rows.len());
    for row in &rows {
        let text = |i: usize| -> Result<String> {
            Ok(row
                .try_get::<_, Option<&str>>(i)
                .map_err(pg)?
                .unwrap_or_default()
                .to_owned())
        };
        let key = text(0)?;
        let code = match list.key_type {
            DataType::Integer => CodeKey::Int(key.parse().map_err(|e| {
                Error::corrupt(format!("{} has a code that is no integer", list.id))
                    .value(&key)
                    .because(e)
            })?),
            _ => CodeKey::Text(key),
        };
        let mut more = std::collections::BTreeMap::new();
        for (i, c) in list.columns.iter().enumerate() {
            if let Some(v) = row.try_get::<_, Option<&str>>(5 + i).map_err(pg)? {
                more.insert(c.id.clone(), v.to_owned());
            }
        }
        codes.push(Code {
            code,
            name: Text::new(text(1)?, text(2)?),
            description: Text::new(text(3)?, text(4)?),
            more,
            retired: false,
        });
    }
    codes.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(list.with_codes(codes))
}
