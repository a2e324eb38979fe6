//! Changes of the catalogue: questions to the rows, statements, and what follows from the new catalogue.

use std::sync::Arc;

use cabd_core::catalog::{
    Action, Catalog, CatalogChange, CatalogCommit, CatalogPlan, Column, Conversion, Evolution,
    Kept, Question, Relation, Table,
};
use cabd_core::error::{Error, Result};
use cabd_core::lang::Lang;
use cabd_core::value::Value;

use crate::beside::{Filled, take};
use crate::catalog::{codes, drop_views, generated, load, make_view, prepare, replaced};
use crate::error::pg;
use crate::pool::Session;
use crate::row::{Wire, values};
use crate::sql::{self, alter, ddl, ident, literal, metadata, name_of, rows, views};
use crate::types::{refs, value_type};

/// Rows that are converted at once.
pub(crate) const CHUNK: usize = 20_000;

/// The changes of the catalogue, oldest first.
pub(crate) async fn history(session: &Session) -> Result<Vec<CatalogCommit>> {
    let rows = session
        .client()?
        .query(include_str!("../sql/catalog_history.sql"), &[])
        .await
        .map_err(pg)?;
    rows.iter()
        .map(|row| {
            let key: i64 = row.try_get(0).map_err(pg)?;
            let mut c: CatalogCommit = serde_json::from_str(row.get(1)).map_err(|e| {
                Error::corrupt(format!(
                    "the catalogue change of changeset {key} cannot be read"
                ))
                .at("cabd.manifest_history")
                .because(e)
            })?;
            c.key = key;
            c.commit = row.try_get::<_, Option<i64>>(2).map_err(pg)?.unwrap_or(key);
            c.datetime = row.get(3);
            c.author = row.get(4);
            Ok(c)
        })
        .collect()
}

/// A change, settled: every question answered, the statements written out.
pub(crate) async fn plan(
    session: &Session,
    old: &Catalog,
    change: &CatalogChange,
) -> Result<Evolution> {
    let mut evolution = old.evolve(&history(session).await?, change)?;
    for (step, question) in evolution.questions() {
        let answer = ask(session, &question).await;
        evolution.answer(step, &question, answer)?;
    }
    for step in &mut evolution.plan.steps {
        for action in &step.actions {
            let (before, after) = alter::statements(old, action);
            step.sql.extend(before);
            if let Action::Retype { table, column, .. } = action {
                step.sql.push(format!(
                    "UPDATE {} SET {} = … -- the values, converted by cabd",
                    name_of(table),
                    ident(&table.columns[*column].name)
                ));
            }
            step.sql.extend(after);
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
                let (schema, name) = views::view_name(ft, lang);
                let query = views::view_query(&evolution.catalog, ft, lang)?;
                let same = before.types().any(|t| t.id() == ft.id())
                    && views::view_query(&before, ft, lang).is_ok_and(|b| b == query);
                if !same {
                    step.sql.push(format!(
                        "CREATE OR REPLACE VIEW {} AS {query}",
                        sql::qualified(&schema, &name)
                    ));
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
        let head = metadata::feature_type(ft);
        if before.is_none_or(|b| metadata::feature_type(b) != head) {
            all.push((ft.id().to_owned(), head));
        }
        let known = before.map_or(vec![], |b| metadata::attribute_rows(new, b));
        for row in metadata::attribute_rows(new, ft) {
            if !known.contains(&row) {
                all.push((format!("{}.{}", ft.id(), row.0), row.1));
            }
        }
        if known.iter().any(|(id, _)| ft.attribute(id).is_none()) {
            all.push((ft.id().to_owned(), metadata::no_others(ft)));
        }
    }
    for s in new.sets().iter().filter(|s| !s.registered) {
        if !old.sets().contains(s) {
            all.push((s.name.clone(), metadata::set(s)));
        }
    }
    for list in new.lists() {
        all.push((list.id.clone(), codes(old, new, list)?));
    }
    for (list, gone) in &evolution.gone_codes {
        let t = new.table(&Relation::Codes(list.as_str().into()))?;
        for code in gone {
            all.push((list.clone(), alter::remove_code(t, &code.to_value())?));
        }
    }
    for ft in &evolution.gone_types {
        all.push((ft.id().to_owned(), metadata::forget_type(ft)));
    }
    for name in &evolution.gone_sets {
        all.push((name.clone(), metadata::forget("set", name)));
    }
    for name in &evolution.gone_lists {
        all.push((name.clone(), metadata::forget("list", name)));
    }
    for (object, text) in all {
        if let Some(step) = evolution.plan.step_about(&object) {
            let statements = text.split(";\n").filter(|s| !s.is_empty());
            step.sql.extend(statements.map(str::to_owned));
        }
    }
    Ok(())
}

async fn number(session: &Session, text: &str) -> Result<u64> {
    let row = session
        .client()?
        .query_one(text, &[])
        .await
        .map_err(|e| pg(e).at(text.to_owned()))?;
    let n: i64 = row.try_get(0).map_err(pg)?;
    Ok(u64::try_from(n).unwrap_or(0))
}

async fn ask(session: &Session, question: &Question) -> Result<u64> {
    let column = |t: &Table, c: usize| ident(&t.columns[c].name);
    let count =
        |t: &Table, condition: String| format!("SELECT count(*) FROM {}{condition}", name_of(t));
    match question {
        Question::Rows(t) | Question::Empty(t, _) => {
            number(session, &count(t, String::new())).await
        }
        Question::Values(t, c) => {
            let text = count(t, format!(" WHERE {} IS NOT NULL", column(t, *c)));
            number(session, &text).await
        }
        Question::Equal(t, c, v) | Question::Unnamed(t, c, v) => {
            let text = count(
                t,
                format!(" WHERE {} = {}", column(t, *c), sql::written(v)?),
            );
            number(session, &text).await
        }
        Question::Fit(t, c, conversion) => fit(session, t, *c, conversion).await,
        Question::Kept(kept) => {
            if !there(session, kept).await? {
                return Ok(0);
            }
            let what = match &kept.column {
                Some(_) => ident(&kept.column_name()),
                None => "*".to_owned(),
            };
            number(
                session,
                &format!("SELECT count({what}) FROM {}", alter::home(kept)),
            )
            .await
        }
    }
}

async fn there(session: &Session, kept: &Kept) -> Result<bool> {
    let column = match &kept.column {
        Some(_) => format!("AND attname = {}", literal(&kept.column_name())),
        None => String::new(),
    };
    let text = format!(
        "SELECT count(*) FROM (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass({}) \
         AND NOT attisdropped AND attnum > 0 {column} LIMIT 1) a",
        literal(&alter::home(kept))
    );
    Ok(number(session, &text).await? > 0)
}

/// Rows after a key, in key order: the key and some columns.
pub(crate) async fn after(
    session: &Session,
    t: &Table,
    columns: &[&Column],
    last: Option<&Value>,
) -> Result<Vec<Vec<Value>>> {
    let key = ident(&t.columns[0].name);
    let from = match last {
        Some(v) => format!("WHERE t.{key} > {} ", sql::written(v)?),
        None => String::new(),
    };
    let rest = format!("{from}ORDER BY t.{key} LIMIT {CHUNK}");
    read(session, t, columns, &rest).await
}

/// The rows with these keys: the key and some columns.
pub(crate) async fn these(
    session: &Session,
    t: &Table,
    columns: &[&Column],
    keys: &[String],
) -> Result<Vec<Vec<Value>>> {
    let keys: Vec<String> = keys.iter().map(|k| literal(k)).collect();
    let key = ident(&t.columns[0].name);
    let rest = format!("WHERE t.{key} = ANY(ARRAY[{}]::uuid[])", keys.join(", "));
    read(session, t, columns, &rest).await
}

async fn read(
    session: &Session,
    t: &Table,
    columns: &[&Column],
    rest: &str,
) -> Result<Vec<Vec<Value>>> {
    let read: Vec<String> = std::iter::once(&&t.columns[0])
        .chain(columns)
        .map(|c| format!("t.{}::{}", ident(&c.name), value_type(&c.data_type)))
        .collect();
    let text = format!("SELECT {} FROM {} t {rest}", read.join(", "), name_of(t));
    let client = session.client()?;
    let statement = client.prepare(&text).await.map_err(pg)?;
    let wires = Wire::of(statement.columns())?;
    let found = client.query(&statement, &[]).await.map_err(pg)?;
    found.iter().map(|row| values(row, &wires, 0)).collect()
}

async fn fit(session: &Session, t: &Table, c: usize, conversion: &Conversion) -> Result<u64> {
    let mut last: Option<Value> = None;
    let mut n = 0;
    loop {
        let rows = after(session, t, &[&t.columns[c]], last.as_ref()).await?;
        for row in &rows {
            n += u64::from(!row[1].is_null());
            conversion.convert(row[1].clone()).map_err(|e| {
                let key = row[0].to_json();
                let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                e.at(format!("{} {key}", t.qualified()))
            })?;
        }
        if rows.len() < CHUNK {
            return Ok(n);
        }
        last = rows.last().map(|r| r[0].clone());
    }
}

/// How the values of a column are made from those of another.
pub(crate) struct Way {
    /// The table, the column under the name that it is filled with.
    table: Table,
    column: usize,
    present: Column,
    was: Option<Column>,
    conversion: Arc<Conversion>,
    back: Conversion,
}

impl Way {
    /// From the column named `from` to the one named `to`; none for another action.
    pub(crate) fn new(action: &Action, from: &str, to: &str) -> Option<Self> {
        let Action::Retype {
            table,
            column,
            from: before,
            conversion,
            restore,
            ..
        } = action
        else {
            return None;
        };
        let present = Column {
            name: from.to_owned(),
            ..(**before).clone()
        };
        let was = restore.as_ref().map(|k| Column {
            name: k.column_name(),
            ..table.columns[*column].clone()
        });
        let mut table = (**table).clone();
        to.clone_into(&mut table.columns[*column].name);
        Some(Self {
            table,
            column: *column,
            back: conversion.reverse(&present.data_type),
            present,
            was,
            conversion: conversion.clone(),
        })
    }

    /// The columns that are read.
    pub(crate) fn columns(&self) -> Vec<&Column> {
        std::iter::once(&self.present).chain(&self.was).collect()
    }

    /// Writes the values of rows that hold the key and these columns; null values only if `nulls_too`.
    pub(crate) async fn write(
        &self,
        session: &Session,
        read: &[Vec<Value>],
        nulls_too: bool,
    ) -> Result<()> {
        let mut changed: Vec<(Vec<Value>, Value)> = vec![];
        for row in read {
            let present = row[1].clone();
            let value = match row.get(2) {
                Some(was) if !was.is_null() || present.is_null() => {
                    self.conversion.undone(present, was.clone(), &self.back)?
                }
                _ => self.conversion.convert(present)?,
            };
            if nulls_too || !value.is_null() {
                changed.push((vec![row[0].clone()], value));
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let set: Vec<(&Vec<Value>, Vec<&Value>)> =
            changed.iter().map(|(k, v)| (k, vec![v])).collect();
        let q = rows::update(&self.table, &[self.column], &set)?;
        let client = session.client()?;
        let done = client.execute(&q.text, &refs(&q.params)).await;
        done.map(|_| ()).map_err(pg)
    }
}

/// Fills a column with the converted values of the one that was set aside.
async fn convert(session: &Session, action: &Action) -> Result<()> {
    let Action::Retype {
        table,
        column,
        kept,
        ..
    } = action
    else {
        return Ok(());
    };
    let to = &table.columns[*column].name;
    let Some(way) = Way::new(action, &kept.column_name(), to) else {
        return Ok(());
    };
    let mut last: Option<Value> = None;
    loop {
        let read = after(session, table, &way.columns(), last.as_ref()).await?;
        way.write(session, &read, false).await?;
        if read.len() < CHUNK {
            return Ok(());
        }
        last = read.last().map(|r| r[0].clone());
    }
}

/// Makes a change inside an open transaction; `filled` are columns that have their values already.
pub(crate) async fn apply(
    session: &Session,
    change: &CatalogChange,
    filled: &[Filled],
) -> Result<CatalogPlan> {
    prepare(session).await?;
    let old = load(session).await?;
    let evolution = plan(session, &old, change).await?;
    evolution.permitted()?;
    if evolution.is_empty() {
        return Ok(evolution.plan);
    }
    let new = &evolution.catalog;
    let head = serde_json::json!({
        "kind": "catalog", "author": change.author, "reason": change.reason,
    });
    session
        .run(&format!(
            "SELECT set_config('cabd.head', {}, true); SELECT cabd.current_changeset()",
            literal(&head.to_string())
        ))
        .await?;
    let replaced = replaced(session).await?;
    let actions: Vec<&Action> = evolution
        .plan
        .steps
        .iter()
        .flat_map(|s| &s.actions)
        .collect();
    let moves = actions.iter().any(|a| {
        matches!(
            a,
            Action::Widen(..) | Action::Retype { .. } | Action::Shelve(..) | Action::Purge(_)
        )
    });
    // The views of an adopted type give way to generated ones, which others may already read.
    let adopts = evolution
        .types
        .iter()
        .any(|t| old.feature_type(t.id()).is_ok_and(|o| o.is_registered()));
    let moves = moves || adopts;
    if moves {
        let mut script: String = old.types().map(|t| drop_views(t, &replaced)).collect();
        script.push_str("DROP VIEW IF EXISTS cabd.updates_pending;\n");
        for f in filled {
            let table = name_of(old.table(f.relation())?);
            script.push_str(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;\n"));
        }
        take(session, &script).await?;
    }
    session.run(&metadata::sets(new)).await?;
    for action in actions {
        let ready = filled.iter().find(|f| f.is_for(action));
        let (before, after) = match ready {
            Some(f) => {
                f.catch_up(session, action).await?;
                f.statements(&old, action)
            }
            None => alter::statements(&old, action),
        };
        run_all(session, &before).await?;
        if ready.is_none() {
            convert(session, action).await?;
        }
        run_all(session, &after).await?;
    }
    follow(session, &old, &evolution, filled).await?;
    for ft in new.types().filter(|t| !t.is_registered()) {
        let touched = evolution.types.iter().any(|t| t.id() == ft.id());
        if !(moves || touched || ft.is_super()) {
            continue;
        }
        for lang in Lang::ALL {
            let (schema, name) = views::view_name(ft, lang);
            let by_hand = replaced.contains(&format!("{schema}.{name}"));
            if !by_hand || (evolution.overwrite_views && touched) {
                make_view(session, new, ft, lang, true).await?;
            }
        }
    }
    Ok(evolution.plan)
}

async fn run_all(session: &Session, all: &[String]) -> Result<()> {
    for text in all {
        session.run(text).await.map_err(|e| e.at(text.clone()))?;
    }
    Ok(())
}

/// Everything that follows from the catalogue but the views.
async fn follow(
    session: &Session,
    old: &Catalog,
    evolution: &Evolution,
    filled: &[Filled],
) -> Result<()> {
    let new = &evolution.catalog;
    let mut script = String::new();
    for table in new.tables() {
        if table.relation.is_shared() {
            continue;
        }
        let before = old.table(&table.relation).ok();
        if let Some(before) = before {
            script.push_str(&loose_keys(old, before, new, &table));
        }
        if before != Some(&table) || evolution.touches(&table.relation) {
            // The values of a filled column were checked; its key is validated when others can read again.
            let later = filled.iter().any(|f| *f.relation() == table.relation);
            script.push_str(&generated(&table, new, later));
        } else {
            script.push_str(&ddl::missing_foreign_keys(&table, new, false));
        }
    }
    for (list, gone) in &evolution.gone_codes {
        let t = new.table(&Relation::Codes(list.as_str().into()))?;
        for code in gone {
            script.push_str(&alter::remove_code(t, &code.to_value())?);
        }
    }
    for list in new.lists() {
        script.push_str(&codes(old, new, list)?);
    }
    for ft in evolution.types.iter().filter(|t| !t.is_super()) {
        script.push_str(&ddl::staging(ft));
    }
    script.push_str(&ddl::updates_pending(new));
    for ft in &evolution.types {
        script.push_str(&metadata::feature_type(ft));
        script.push_str(&metadata::attributes(new, ft));
    }
    for ft in &evolution.gone_types {
        script.push_str(&metadata::forget_type(ft));
    }
    for (kind, names) in [
        ("set", &evolution.gone_sets),
        ("list", &evolution.gone_lists),
    ] {
        for name in names {
            script.push_str(&metadata::forget(kind, name));
        }
    }
    script.push_str(&metadata::declarations(new)?);
    let json = |c: &CatalogCommit| {
        serde_json::to_string(c)
            .map(|t| literal(&t))
            .map_err(|e| Error::internal("the history as JSON").because(e))
    };
    for c in &evolution.history {
        script.push_str(&format!(
            "UPDATE cabd.manifest_history SET body = {}::json WHERE changeset = {};\n",
            json(c)?,
            c.key
        ));
    }
    script.push_str(&format!(
        "INSERT INTO cabd.manifest_history (changeset, body) VALUES (cabd.current_changeset(), {}::json);\n",
        json(&evolution.record)?
    ));
    session
        .run(&script)
        .await
        .map_err(|e| e.at("changing the catalogue"))?;
    for ft in &evolution.gone_types {
        let by_hand = replaced(session).await?;
        session.run(&drop_views(ft, &by_hand)).await?;
    }
    Ok(())
}

/// Drops the foreign keys that the new catalogue has not, or has to another table.
fn loose_keys(old: &Catalog, before: &Table, new: &Catalog, after: &Table) -> String {
    let now = ddl::foreign_keys(after, new);
    ddl::foreign_keys(before, old)
        .iter()
        .filter(|k| {
            !now.iter()
                .any(|n| n.name == k.name && n.target.qualified() == k.target.qualified())
        })
        .map(|k| {
            format!(
                "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {};\n",
                name_of(after),
                ident(&k.name)
            )
        })
        .collect()
}
