//! Changes of the catalogue: questions to the rows, statements, and what follows from the new catalogue.

use cabd_core::catalog::{
    Action, Catalog, CatalogChange, CatalogCommit, CatalogPlan, Column, Conversion, Evolution,
    Kept, Question, Relation, Table,
};
use cabd_core::error::{Error, Result};
use cabd_core::lang::Lang;
use cabd_core::value::Value;

use crate::catalog::{codes, drop_views, generated, load, make_view, prepare, replaced};
use crate::error::pg;
use crate::pool::Session;
use crate::row::{Wire, values};
use crate::sql::{self, alter, ddl, ident, literal, metadata, name_of, rows, views};
use crate::types::{refs, value_type};

/// Rows that are converted at once.
const CHUNK: usize = 20_000;

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
    evolution.settle();
    Ok(evolution)
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
async fn after(
    session: &Session,
    t: &Table,
    columns: &[&Column],
    last: Option<&Value>,
) -> Result<Vec<Vec<Value>>> {
    let key = &t.columns[0];
    let read: Vec<String> = std::iter::once(&key)
        .chain(columns)
        .map(|c| format!("t.{}::{}", ident(&c.name), value_type(&c.data_type)))
        .collect();
    let from = match last {
        Some(v) => format!(" WHERE t.{} > {}", ident(&key.name), sql::written(v)?),
        None => String::new(),
    };
    let text = format!(
        "SELECT {} FROM {} t{from} ORDER BY t.{} LIMIT {CHUNK}",
        read.join(", "),
        name_of(t),
        ident(&key.name)
    );
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

/// Fills a column with the converted values of the one that was set aside.
async fn convert(session: &Session, action: &Action) -> Result<()> {
    let Action::Retype {
        table,
        column,
        from,
        conversion,
        kept,
        restore,
    } = action
    else {
        return Ok(());
    };
    let present = Column {
        name: kept.column_name(),
        ..(**from).clone()
    };
    let was = restore.as_ref().map(|k| Column {
        name: k.column_name(),
        ..table.columns[*column].clone()
    });
    let columns: Vec<&Column> = std::iter::once(&present).chain(&was).collect();
    let back = conversion.reverse(&from.data_type);
    let mut last: Option<Value> = None;
    loop {
        let read = after(session, table, &columns, last.as_ref()).await?;
        let mut changed: Vec<(Vec<Value>, Value)> = vec![];
        for row in &read {
            let present = row[1].clone();
            let value = match row.get(2) {
                Some(was) if !was.is_null() || present.is_null() => {
                    conversion.undone(present, was.clone(), &back)?
                }
                _ => conversion.convert(present)?,
            };
            if !value.is_null() {
                changed.push((vec![row[0].clone()], value));
            }
        }
        if !changed.is_empty() {
            let set: Vec<(&Vec<Value>, Vec<&Value>)> =
                changed.iter().map(|(k, v)| (k, vec![v])).collect();
            let q = rows::update(table, &[*column], &set)?;
            session
                .client()?
                .execute(&q.text, &refs(&q.params))
                .await
                .map_err(pg)?;
        }
        if read.len() < CHUNK {
            return Ok(());
        }
        last = read.last().map(|r| r[0].clone());
    }
}

/// Makes a change inside an open transaction.
pub(crate) async fn apply(session: &Session, change: &CatalogChange) -> Result<CatalogPlan> {
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
        for ft in old.types() {
            drop_views(session, ft, &replaced).await?;
        }
        session
            .run("DROP VIEW IF EXISTS cabd.updates_pending")
            .await?;
    }
    session.run(&metadata::sets(new)).await?;
    for action in actions {
        let (before, after) = alter::statements(&old, action);
        run_all(session, &before).await?;
        convert(session, action).await?;
        run_all(session, &after).await?;
    }
    follow(session, &old, &evolution).await?;
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
async fn follow(session: &Session, old: &Catalog, evolution: &Evolution) -> Result<()> {
    let new = &evolution.catalog;
    let mut script = String::new();
    for table in new.tables() {
        if matches!(
            table.relation,
            Relation::DataSource | Relation::Contact | Relation::FeatureUpdate
        ) {
            continue;
        }
        let before = old.table(&table.relation).ok();
        if let Some(before) = before {
            script.push_str(&loose_keys(old, before, new, &table));
        }
        if before != Some(&table) || evolution.touches(&table.relation) {
            script.push_str(&generated(&table, new));
        } else {
            script.push_str(&ddl::missing_foreign_keys(&table, new));
        }
    }
    for (list, gone) in &evolution.gone_codes {
        let t = new.table(&Relation::Codes(list.as_str().into()))?;
        for code in gone {
            script.push_str(&format!(
                "DELETE FROM {} WHERE {} = {};\n",
                name_of(t),
                ident(&t.columns[0].name),
                sql::written(&code.to_value())?
            ));
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
        drop_views(session, ft, &by_hand).await?;
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
