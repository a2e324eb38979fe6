//! Changes of the catalogue: questions to the rows, statements, and what follows from the new catalogue.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use cabd_core::catalog::{
    Action, Catalog, CatalogChange, CatalogCommit, CatalogPlan, Conversion, Evolution, Kept,
    Question, Relation, Served, Table,
};
use cabd_core::{DataType, Error, Lang, Result, Value};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension, params};

use crate::catalog::{
    create, define, drop_triggers, drop_views, forget_type, layer_of, make_log, make_views,
    put_body, put_codes, put_set, put_triggers, put_type, run,
};
use crate::error::db;
use crate::spatial::{self, identifier};
use crate::sql::{alter, ddl, flat, metadata, table_name, triggers, views};
use crate::types::{from_sql, to_sql};

/// The changes of the catalogue, oldest first.
pub(crate) fn history(conn: &Connection) -> Result<Vec<CatalogCommit>> {
    let doing = db("read the catalogue's history");
    let mut s = conn
        .prepare(
            "SELECT h.changeset, h.body, c.datetime, c.author FROM cabd_manifest_history AS h \
             LEFT JOIN cabd_changeset AS c ON c.id = h.changeset ORDER BY h.changeset",
        )
        .map_err(&doing)?;
    let rows = s
        .query_map([], |r| {
            Ok((
                r.get::<_, i64>(0)?,
                r.get::<_, String>(1)?,
                r.get::<_, Option<String>>(2)?,
                r.get::<_, Option<String>>(3)?,
            ))
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(&doing)?;
    rows.into_iter()
        .map(|(commit, body, datetime, author)| {
            let mut c: CatalogCommit = serde_json::from_str(&body).map_err(|e| {
                Error::corrupt(format!(
                    "the catalogue change of commit {commit} cannot be read"
                ))
                .because(e)
            })?;
            c.commit = commit;
            c.key = commit;
            c.datetime = datetime.unwrap_or_default();
            c.author = author;
            Ok(c)
        })
        .collect()
}

/// A change, settled: every question answered, the statements written out.
pub(crate) fn plan(conn: &Connection, old: &Catalog, change: &CatalogChange) -> Result<Evolution> {
    let mut evolution = old.evolve(&history(conn)?, change)?;
    for (step, question) in evolution.questions() {
        let answer = ask(conn, &question);
        evolution.answer(step, &question, answer)?;
    }
    for step in &mut evolution.plan.steps {
        for action in &step.actions {
            step.sql
                .extend(alter::statements(&evolution.catalog, action)?);
        }
    }
    let before = old.from_tables();
    for ft in &evolution.types {
        let step = evolution
            .plan
            .steps
            .iter_mut()
            .rev()
            .find(|s| s.name == ft.id() || s.name.split(['.', ':']).next() == Some(ft.id()));
        if let Some(step) = step {
            for lang in Lang::ALL {
                let sql = views::create_view(&evolution.catalog, ft, lang)?;
                let same = before.types().any(|t| t.id() == ft.id())
                    && views::create_view(&before, ft, lang).is_ok_and(|b| b == sql);
                if !same {
                    step.sql.push(sql);
                }
            }
        }
    }
    describe(old, &mut evolution)?;
    evolution.settle();
    Ok(evolution)
}

/// Shows the rows of metadata and codes that a change writes with the steps that they belong to.
fn describe(old: &Catalog, evolution: &mut Evolution) -> Result<()> {
    let new = &evolution.catalog;
    let mut all: Vec<(String, String)> = vec![];
    for ft in &evolution.types {
        let before = old.types().find(|t| t.id() == ft.id());
        all.extend(metadata::of_type(new, before.map(|b| &**b), ft)?);
    }
    for s in new.sets().iter().filter(|s| !s.registered) {
        if !old.sets().contains(s) {
            let text = format!(
                "INSERT OR REPLACE INTO cabd_attribute_set (name, ft_metadata_col) VALUES ({}, {})",
                spatial::literal(&s.name),
                spatial::literal(&s.column)
            );
            all.push((s.name.clone(), text));
        }
    }
    for list in new.lists() {
        let rows = metadata::codes(old, new, list)?.into_iter();
        all.extend(rows.map(|text| (list.id.clone(), text)));
    }
    for (list, gone) in &evolution.gone_codes {
        let t = new.table(&Relation::Codes(list.as_str().into()))?;
        for code in gone {
            let text = format!(
                "DELETE FROM {} WHERE {} = {}",
                table_name(t),
                identifier(&t.columns[0].name),
                metadata::written(&code.to_value())?
            );
            all.push((list.clone(), text));
        }
    }
    let forget = |table: &str, column: &str, value: &str| {
        format!(
            "DELETE FROM {table} WHERE {column} = {}",
            spatial::literal(value)
        )
    };
    for ft in &evolution.gone_types {
        let (schema, view) = ft.view();
        let view = format!("{schema}.{view}");
        for text in [
            forget("cabd_feature_type_metadata", "view_name", &view),
            forget("cabd_feature_types", "type", ft.id()),
        ] {
            all.push((ft.id().to_owned(), text));
        }
    }
    for name in &evolution.gone_sets {
        all.push((name.clone(), forget("cabd_attribute_set", "name", name)));
    }
    for (object, text) in all {
        if let Some(step) = evolution.plan.step_about(&object) {
            step.sql.push(text);
        }
    }
    Ok(())
}

fn number(conn: &Connection, sql: &str, values: &[Value]) -> Result<u64> {
    let values = values.iter().map(to_sql).collect::<Result<Vec<_>>>()?;
    let n: i64 = conn
        .query_row(sql, rusqlite::params_from_iter(values), |r| r.get(0))
        .map_err(|e| db("count rows")(e).at(sql.to_owned()))?;
    Ok(u64::try_from(n).unwrap_or(0))
}

fn exists(conn: &Connection, table: &str, column: Option<&str>) -> Result<bool> {
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE ?2 IS NULL OR name = ?2)",
        params![table, column],
        |r| r.get(0),
    )
    .map_err(db("read the schema"))
}

fn ask(conn: &Connection, question: &Question) -> Result<u64> {
    let column = |t: &Table, c: usize| identifier(&t.columns[c].name);
    let count =
        |t: &Table, condition: &str| format!("SELECT count(*) FROM {}{condition}", table_name(t));
    match question {
        Question::Rows(t) | Question::Empty(t, _) => number(conn, &count(t, ""), &[]),
        Question::Values(t, c) => {
            let sql = count(t, &format!(" WHERE {} IS NOT NULL", column(t, *c)));
            number(conn, &sql, &[])
        }
        Question::Equal(t, c, v) | Question::Unnamed(t, c, v) => {
            let sql = count(t, &format!(" WHERE {} = ?", column(t, *c)));
            number(conn, &sql, std::slice::from_ref(v))
        }
        Question::Fit(t, c, conversion) => fit(conn, t, *c, conversion),
        Question::Kept(kept) => {
            let (table, column) = match &kept.column {
                Some(_) => (alter::home(kept), Some(kept.column_name())),
                None => (alter::kept_table(kept), None),
            };
            if !exists(conn, &table, column.as_deref())? {
                return Ok(0);
            }
            let what = column.map_or("*".to_owned(), |c| identifier(&c));
            number(
                conn,
                &format!("SELECT count({what}) FROM {}", identifier(&table)),
                &[],
            )
        }
    }
}

fn fit(conn: &Connection, t: &Table, c: usize, conversion: &Conversion) -> Result<u64> {
    let doing = db("read the values");
    let sql = format!(
        "SELECT {}, {} FROM {}",
        identifier(&t.columns[0].name),
        identifier(&t.columns[c].name),
        table_name(t)
    );
    let mut s = conn.prepare(&sql).map_err(&doing)?;
    let mut rows = s.query([]).map_err(&doing)?;
    let mut n = 0;
    while let Some(row) = rows.next().map_err(&doing)? {
        let value = from_sql(row.get_ref(1).map_err(&doing)?, &t.columns[c].data_type)?;
        n += u64::from(!value.is_null());
        if let Err(e) = conversion.convert(value) {
            let key = from_sql(row.get_ref(0).map_err(&doing)?, &t.columns[0].data_type)?;
            let key = key
                .as_str()
                .map_or_else(|| key.to_json().to_string(), str::to_owned);
            return Err(e.at(format!("{} {}", t.qualified(), key.trim_matches('"'))));
        }
    }
    Ok(n)
}

/// Makes a settled change inside an open transaction, whose changeset is given.
pub(crate) fn apply(
    conn: &Connection,
    old: &Catalog,
    evolution: Evolution,
    changeset: i64,
) -> Result<CatalogPlan> {
    let new = &evolution.catalog;
    let actions: Vec<&Action> = evolution
        .plan
        .steps
        .iter()
        .flat_map(|s| &s.actions)
        .collect();
    if !actions.is_empty() {
        // A statement that changes a column reads every view and trigger.
        for ft in old.types() {
            drop_views(conn, ft)?;
        }
        for t in old.tables() {
            if new.table(&t.relation).ok() != Some(&t) || evolution.touches(&t.relation) {
                drop_triggers(conn, &t)?;
                for (name, _) in ddl::look_up_indexes(&t) {
                    run(conn, &format!("DROP INDEX IF EXISTS {}", identifier(&name)))?;
                }
            }
        }
        run(conn, "DROP VIEW IF EXISTS cabd_updates_pending")?;
        run(conn, "DROP VIEW IF EXISTS cabd_audit_log")?;
    }
    for set in new.sets().iter().filter(|s| !s.registered) {
        put_set(conn, set)?;
    }
    for action in actions {
        act(conn, new, action)?;
    }
    follow(conn, old, &evolution)?;
    let body = |c: &CatalogCommit| {
        serde_json::to_string(c).map_err(|e| Error::internal("the history as JSON").because(e))
    };
    let doing = db("write the catalogue's history");
    for c in &evolution.history {
        conn.execute(
            "UPDATE cabd_manifest_history SET body = ?2 WHERE changeset = ?1",
            params![c.key, body(c)?],
        )
        .map_err(&doing)?;
    }
    conn.execute(
        "INSERT INTO cabd_manifest_history (changeset, body) VALUES (?1, ?2)",
        params![changeset, body(&evolution.record)?],
    )
    .map_err(&doing)?;
    Ok(evolution.plan)
}

/// Everything that follows from the catalogue: triggers, indexes, codes, metadata, views.
fn follow(conn: &Connection, old: &Catalog, evolution: &Evolution) -> Result<()> {
    let new = &evolution.catalog;
    for list in new.declared().lists.iter() {
        if old.declared().lists.iter().all(|l| l != list) {
            put_body(conn, "list", &list.id, list)?;
        }
    }
    for t in new.tables() {
        let same = old.table(&t.relation).ok() == Some(&t) && !evolution.touches(&t.relation);
        let shared = t.relation.is_shared();
        if same && !shared {
            continue;
        }
        for (name, sql) in ddl::look_up_indexes(&t) {
            run(conn, &format!("DROP INDEX IF EXISTS {}", identifier(&name)))?;
            run(conn, &sql)?;
        }
        put_triggers(conn, &t)?;
    }
    let lists: Vec<_> = new.lists().filter(|l| old.list(&l.id) != Some(l)).collect();
    let tables = lists.iter().map(|l| l.id.as_str());
    let tables: BTreeSet<&str> = tables
        .chain(evolution.gone_codes.iter().map(|(list, _)| list.as_str()))
        .collect();
    let tables = tables
        .into_iter()
        .map(|l| new.table(&Relation::Codes(l.into())))
        .collect::<Result<Vec<_>>>()?;
    // What a change of the catalogue writes is no edit, and is not logged.
    for (name, _) in tables.iter().flat_map(|t| triggers::audit(t)) {
        run(
            conn,
            &format!("DROP TRIGGER IF EXISTS {}", identifier(&name)),
        )?;
    }
    for (list, codes) in &evolution.gone_codes {
        let t = new.table(&Relation::Codes(list.as_str().into()))?;
        let sql = format!(
            "DELETE FROM {} WHERE {} = ?",
            table_name(t),
            identifier(&t.columns[0].name)
        );
        for code in codes {
            conn.execute(&sql, [to_sql(&code.to_value())?])
                .map_err(db("remove a code"))?;
        }
    }
    for list in lists {
        put_codes(conn, new, list)?;
    }
    for (name, sql) in tables.iter().flat_map(|t| triggers::audit(t)) {
        define(conn, &name, &sql)?;
    }
    for name in &evolution.gone_sets {
        conn.execute("DELETE FROM cabd_attribute_set WHERE name = ?", [name])
            .map_err(db("drop an attribute set"))?;
        forget_body(conn, "set", name)?;
    }
    for id in &evolution.gone_lists {
        forget_body(conn, "list", id)?;
    }
    for ft in &evolution.gone_types {
        forget_type(conn, ft)?;
        forget_body(conn, "type", ft.id())?;
    }
    for ft in &evolution.types {
        let before = old.feature_type(ft.id()).ok();
        let had = before.is_some_and(|b| b.head.community.is_some());
        if ft.head.community.is_some() && !ft.is_super() && !had {
            for sql in ddl::create_staging(ft) {
                run(conn, &sql)?;
            }
        }
        put_type(conn, new, ft)?;
    }
    run(conn, "DROP VIEW IF EXISTS cabd_updates_pending")?;
    define(conn, "cabd_updates_pending", &views::updates_pending(new))?;
    make_log(conn, new)?;
    // A view may read any other type (hidden_by), so all of them follow.
    for ft in new.types().filter(|t| !t.is_registered()) {
        let overwrite =
            evolution.overwrite_views && evolution.types.iter().any(|t| t.id() == ft.id());
        make_views(conn, new, ft, overwrite)?;
    }
    Ok(())
}

fn forget_body(conn: &Connection, kind: &str, id: &str) -> Result<()> {
    conn.execute(
        "DELETE FROM cabd_manifest WHERE kind = ?1 AND id = ?2",
        [kind, id],
    )
    .map(|_| ())
    .map_err(db("write the manifest"))
}

fn act(conn: &Connection, new: &Catalog, action: &Action) -> Result<()> {
    match action {
        Action::Create(t) => return create(conn, new, t),
        Action::Shelve(t, _) => {
            drop_triggers(conn, t)?;
            for (name, _) in ddl::look_up_indexes(t) {
                run(conn, &format!("DROP INDEX IF EXISTS {}", identifier(&name)))?;
            }
            let layer = layer_of(t);
            if let Some(layer) = &layer {
                spatial::drop_layer(conn, &layer.table, &layer.column)
                    .map_err(db("forget a layer"))?;
            }
            run(
                conn,
                &format!(
                    "DROP INDEX IF EXISTS {}",
                    identifier(&format!("{}_key", flat(t)))
                ),
            )?;
        }
        Action::Retype {
            table,
            column,
            from,
            conversion,
            ..
        } => converter(
            conn,
            &table.columns[*column].data_type,
            &from.data_type,
            conversion,
        )?,
        Action::Require(t, column) => {
            let name = &t.columns[*column].name;
            let sql = format!(
                "SELECT count(*) FROM {} WHERE {} IS NULL",
                table_name(t),
                identifier(name)
            );
            if number(conn, &sql, &[])? > 0 {
                return Err(Error::invalid(
                    "a row has no value, and the attribute is to be required",
                )
                .field(name)
                .at(t.qualified())
                .hint("give every row a value first"));
            }
        }
        Action::Purge(kept) if !there(conn, kept)? => return Ok(()),
        _ => {}
    }
    for sql in alter::statements(new, action)? {
        run(conn, &sql)?;
    }
    if let Action::Unshelve(t, _) = action
        && let Some(layer) = layer_of(t)
    {
        spatial::add_layer(conn, &layer).map_err(db("register a layer"))?;
        spatial::drop_layer_triggers(conn, &layer.table, &layer.column)
            .map_err(db("register a layer"))?;
    }
    if let Action::Retype { .. } = action {
        for arguments in [1, 2] {
            conn.remove_function(alter::CONVERT, arguments)
                .map_err(db("convert values"))?;
        }
    }
    Ok(())
}

fn there(conn: &Connection, kept: &Kept) -> Result<bool> {
    match &kept.column {
        Some(_) => exists(conn, &alter::home(kept), Some(&kept.column_name())),
        None => exists(conn, &alter::kept_table(kept), None),
    }
}

/// Lends the connection the core's conversion while a column changes its type.
fn converter(
    conn: &Connection,
    to: &DataType,
    from: &DataType,
    conversion: &Arc<Conversion>,
) -> Result<()> {
    for arguments in [1, 2] {
        let (to, from, conversion) = (to.clone(), from.clone(), conversion.clone());
        let back = conversion.reverse(&from);
        conn.create_scalar_function(
            alter::CONVERT,
            arguments,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY,
            move |ctx| {
                let convert = || {
                    let present = from_sql(ctx.get_raw(0), &from)?;
                    let value = match arguments {
                        1 => conversion.convert(present)?,
                        _ => match from_sql(ctx.get_raw(1), &to)? {
                            Value::Null if !present.is_null() => conversion.convert(present)?,
                            was => conversion.undone(present, was, &back)?,
                        },
                    };
                    to_sql(&value)
                };
                convert().map_err(|e| rusqlite::Error::UserFunctionError(Box::new(e)))
            },
        )
        .map_err(db("convert values"))?;
    }
    Ok(())
}

/// The columns of a view in both languages, in the order of the English one.
pub(crate) fn view_columns(conn: &Connection, names: &[String]) -> Result<Vec<String>> {
    let mut common: Option<Vec<String>> = None;
    for name in names {
        let found: Vec<String> = conn
            .prepare("SELECT name FROM pragma_table_info(?)")
            .and_then(|mut s| s.query_map([name], |r| r.get(0))?.collect())
            .map_err(db("read the schema"))?;
        common = Some(match common {
            None => found,
            Some(c) => {
                let known: HashSet<String> = found.into_iter().collect();
                c.into_iter().filter(|n| known.contains(n)).collect()
            }
        });
    }
    Ok(common.unwrap_or_default())
}

/// Whether a view is there and not the one that was generated.
pub(crate) fn is_replaced(conn: &Connection, name: &str) -> Result<bool> {
    let found: Option<(String, Option<String>)> = conn
        .query_row(
            "SELECT s.sql, g.definition FROM sqlite_schema AS s LEFT JOIN cabd_generated AS g ON g.object = s.name \
             WHERE s.type = 'view' AND s.name = ?",
            [name],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()
        .map_err(db("read the schema"))?;
    let plain = |sql: &str| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(found.is_some_and(|(sql, made)| made.is_some_and(|m| plain(&m) != plain(&sql))))
}

/// Whether the type is read from its views.
pub(crate) fn reads_views(served: &Served) -> bool {
    *served != Served::Tables
}
