//! A change of type of many rows: the new values are made beside the old ones while others read, and take their place in a
//! short moment at the end.
//!
//! A column under a name of its own is filled in transactions of some thousand rows. What foreign programs change meanwhile is
//! in the log, and is converted once more under the lock. Until the last transaction ends, nobody sees a difference; where it
//! fails, the column goes.

use std::sync::Arc;
use std::time::Duration;

use cabd_core::catalog::{Action, Catalog, CatalogChange, CatalogPlan, Relation, Table};
use cabd_core::error::{ErrorKind, Result};
use cabd_core::value::Value;

use crate::catalog::{alone, load};
use crate::error::pg;
use crate::evolve::{self, CHUNK, Way, after, plan};
use crate::pool::Session;
use crate::seal;
use crate::sql::audit::UNLOGGED;
use crate::sql::{alter, ddl, ident, literal, name_of};
use crate::types::column_type;

/// What the name of a column that is being filled begins with.
const FILLING: &str = "filling_";
/// Rows from which values are made beside the old ones.
const MANY: i64 = 10_000;

/// Longest wait for a table in one go: new readers queue behind it. Then others have their turn.
const LOCK_WAIT: &str = "400ms";
/// How often a table is tried.
const TRIES: u32 = 12;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// A column that was filled beside the old one.
pub(crate) struct Filled {
    table: Arc<Table>,
    column: usize,
    from: String,
    hidden: String,
    /// The newest log row before it was filled.
    revision: i64,
}

impl Filled {
    /// Whether it is what the action wants.
    pub(crate) fn is_for(&self, action: &Action) -> bool {
        matches!(action, Action::Retype { table, column, from, .. }
            if *table == self.table && *column == self.column && from.name == self.from)
    }

    pub(crate) fn relation(&self) -> &Relation {
        &self.table.relation
    }

    /// The statements of the action, with the column that is filled already.
    pub(crate) fn statements(&self, old: &Catalog, action: &Action) -> (Vec<String>, Vec<String>) {
        let (mut before, rest) = alter::statements(old, action);
        let name = name_of(&self.table);
        let own = &self.table.columns[self.column].name;
        let indexed = self.table.indexes.iter().any(|i| i.contains(&self.column));
        before
            .retain(|s| !(s.contains(" ADD COLUMN ") || (indexed && s.starts_with("DROP INDEX "))));
        before.push(format!(
            "ALTER TABLE {name} RENAME COLUMN {} TO {}",
            ident(&self.hidden),
            ident(own)
        ));
        (before, rest)
    }

    /// Converts the rows that others have changed since.
    pub(crate) async fn catch_up(&self, session: &Session, action: &Action) -> Result<()> {
        let Some(way) = Way::new(action, &self.from, &self.hidden) else {
            return Ok(());
        };
        let own = match self.table.relation {
            Relation::Part(..) => "id_pk",
            _ => "cabd_id",
        };
        let text = format!(
            "SELECT DISTINCT {own}::text FROM cabd.audit_record WHERE revision > {} AND schemaname = {} \
             AND tablename = {} AND {own} IS NOT NULL",
            self.revision,
            literal(&self.table.schema),
            literal(&self.table.name)
        );
        let found = session.client()?.query(&text, &[]).await.map_err(pg)?;
        let keys: Vec<String> = found.iter().map(|r| r.get(0)).collect();
        for some in keys.chunks(CHUNK) {
            let rows = evolve::these(session, &self.table, &way.columns(), some).await?;
            way.write(session, &rows, true).await?;
        }
        Ok(())
    }
}

/// Makes a change: alone among changes and writers, large columns before the transaction that makes it.
pub(crate) async fn make(session: &mut Session, change: &CatalogChange) -> Result<CatalogPlan> {
    session.begin_work();
    alone(session).await?;
    let mut filled = vec![];
    let made = with_lock(session, change, &mut filled).await;
    if made.is_err() {
        for f in &filled {
            // What is left where this fails is no part of the catalogue, and goes with the next try.
            let _ = shortly(session, &[drop_hidden(f)]).await;
        }
    }
    session.run("SELECT pg_advisory_unlock(4617, 2)").await?;
    session.end_work();
    if made.is_ok() {
        seal::after_commit(session).await;
    }
    made
}

fn drop_hidden(f: &Filled) -> String {
    let name = name_of(&f.table);
    format!(
        "ALTER TABLE {name} DROP COLUMN IF EXISTS {}",
        ident(&f.hidden)
    )
}

/// Columns that a change left which was broken off: table with schema, its name in SQL, column. Nobody fills one now if the
/// lock of changes is held.
pub(crate) async fn leftovers(
    session: &Session,
    catalog: &Catalog,
) -> Result<Vec<(String, String, String)>> {
    let rows = session
        .client()?
        .query(include_str!("../sql/filling_columns.sql"), &[&FILLING])
        .await
        .map_err(pg)?;
    let found = rows
        .iter()
        .map(|r| -> (String, String) { (r.get(0), r.get(1)) });
    let tables = catalog.tables();
    let left = found.filter_map(|(table, column)| {
        let t = tables.iter().find(|t| t.qualified() == table)?;
        let declared = t.position(&column).is_some();
        (!declared).then(|| (table, name_of(t), column))
    });
    Ok(left.collect())
}

async fn drop_leftovers(session: &Session) -> Result<()> {
    for (_, table, column) in leftovers(session, &load(session).await?).await? {
        let drop = format!(
            "ALTER TABLE {table} DROP COLUMN IF EXISTS {}",
            ident(&column)
        );
        shortly(session, &[drop]).await?;
    }
    Ok(())
}

async fn with_lock(
    session: &Session,
    change: &CatalogChange,
    filled: &mut Vec<Filled>,
) -> Result<CatalogPlan> {
    drop_leftovers(session).await?;
    session
        .run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let wanted = large(session, change).await;
    session.run("ROLLBACK").await?;
    for action in wanted? {
        fill(session, &action, filled).await?;
    }
    session.run("BEGIN").await?;
    match evolve::apply(session, change, filled).await {
        Ok(mut plan) => {
            session.run("COMMIT").await?;
            if !filled.is_empty() {
                plan.warnings.extend(validate(session).await);
            }
            Ok(plan)
        }
        Err(e) => {
            session.run("ROLLBACK").await?;
            Err(e)
        }
    }
}

/// Validates the keys that the change left; it is made, whatever comes of that.
async fn validate(session: &Session) -> Option<String> {
    let checked = async {
        let catalog = load(session).await?;
        crate::bulk::validate_keys(session, &catalog).await
    };
    let e = checked.await.err()?;
    Some(format!(
        "the change is made; a foreign key is yet to be checked against the rows ({e}): `cabd doctor` names it"
    ))
}

/// The changes of type of large tables.
async fn large(session: &Session, change: &CatalogChange) -> Result<Vec<Action>> {
    let old = load(session).await?;
    let retypes = |a: &Action| matches!(a, Action::Retype { .. });
    let sketch = old.evolve(&evolve::history(session).await?, change)?;
    if !sketch
        .plan
        .steps
        .iter()
        .any(|s| s.actions.iter().any(retypes))
    {
        return Ok(vec![]);
    }
    let evolution = plan(session, &old, change).await?;
    evolution.permitted()?;
    let actions: Vec<&Action> = evolution
        .plan
        .steps
        .iter()
        .flat_map(|s| &s.actions)
        .collect();
    let mut out = vec![];
    for action in actions.iter().copied() {
        let Action::Retype { table, from, .. } = action else {
            continue;
        };
        let is = |o: &Table| {
            let at = o.position(&from.name);
            o.qualified() == table.qualified()
                && at.is_some_and(|i| o.columns[i].data_type == from.data_type)
        };
        let there = old.table(&table.relation).is_ok_and(|o| is(o));
        let renamed = actions
            .iter()
            .any(|a| matches!(a, Action::Rename { table: t, .. } if t.relation == table.relation));
        if !there || renamed || !matches!(table.relation, Relation::Feature(_) | Relation::Part(..))
        {
            continue;
        }
        let text = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {MANY}) a",
            name_of(table)
        );
        let row = session.client()?.query_one(&text, &[]).await.map_err(pg)?;
        if row.get::<_, i64>(0) == MANY {
            out.push(action.clone());
        }
    }
    Ok(out)
}

/// Fills a column of the new type beside the old one.
async fn fill(session: &Session, action: &Action, filled: &mut Vec<Filled>) -> Result<()> {
    let Action::Retype {
        table,
        column,
        from,
        ..
    } = action
    else {
        return Ok(());
    };
    let c = &table.columns[*column];
    let hidden: String = format!("{FILLING}{}", c.name).chars().take(60).collect();
    let Some(way) = Way::new(action, &from.name, &hidden) else {
        return Ok(());
    };
    let mut f = Filled {
        table: table.clone(),
        column: *column,
        from: from.name.clone(),
        hidden,
        revision: 0,
    };
    let name = name_of(table);
    let add = format!(
        "ALTER TABLE {name} ADD COLUMN {} {}",
        ident(&f.hidden),
        column_type(&c.data_type)
    );
    // Whoever wrote before has ended when the column is there; whoever writes later draws a greater number.
    f.revision = shortly(session, &[drop_hidden(&f), add]).await?;
    filled.push(f);
    let mut last: Option<Value> = None;
    loop {
        session
            .run(&format!(
                "BEGIN; SELECT set_config({}, 'on', true)",
                literal(UNLOGGED)
            ))
            .await?;
        let written = async {
            let rows = after(session, table, &way.columns(), last.as_ref()).await?;
            way.write(session, &rows, false).await?;
            Ok((rows.len(), rows.last().map(|r| r[0].clone())))
        }
        .await;
        match written {
            Ok((n, key)) => {
                session.run("COMMIT").await?;
                if n < CHUNK {
                    break;
                }
                last = key;
            }
            Err(e) => {
                session.run("ROLLBACK").await?;
                return Err(e);
            }
        }
    }
    let Some(f) = filled.last() else {
        return Ok(());
    };
    let mut hidden = (**table).clone();
    hidden.columns[*column].name.clone_from(&f.hidden);
    let own = table.indexes.iter().position(|i| i.contains(column));
    if let Some(at) = own {
        let name = ddl::indexes(table).swap_remove(at).0;
        let columns = table.indexes[at]
            .iter()
            .map(|i| ident(&hidden.columns[*i].name));
        let columns: Vec<String> = columns.collect();
        session
            .run(&format!(
                "CREATE INDEX {} ON {} ({})",
                ident(&name),
                name_of(table),
                columns.join(", ")
            ))
            .await?;
    }
    Ok(())
}

/// Runs statements that keep everybody from a table, in a transaction of their own; gives the newest number of the log.
async fn shortly(session: &Session, statements: &[String]) -> Result<i64> {
    let mut tries = 0;
    loop {
        let text = format!(
            "BEGIN; SET LOCAL lock_timeout = '{LOCK_WAIT}'; {}",
            statements.join("; ")
        );
        let made = async {
            session.run(&text).await?;
            let newest = "SELECT coalesce(max(revision), 0) FROM cabd.audit_record";
            let row = session.client()?.query_one(newest, &[]).await.map_err(pg)?;
            row.try_get::<_, i64>(0).map_err(pg)
        }
        .await;
        match made {
            Ok(n) => {
                session.run("COMMIT").await?;
                return Ok(n);
            }
            Err(e) => {
                session.run("ROLLBACK").await?;
                tries += 1;
                if e.kind() != ErrorKind::Busy || tries >= TRIES {
                    return Err(e);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Takes what a change alters away from everybody: in several short goes, so that readers do not queue for long.
pub(crate) async fn take(session: &Session, script: &str) -> Result<()> {
    let mut tries = 0;
    loop {
        let text = format!("SAVEPOINT taking; SET LOCAL lock_timeout = '{LOCK_WAIT}'; {script}");
        match session.run(&text).await {
            Ok(()) => {
                return session
                    .run("RELEASE SAVEPOINT taking; SET LOCAL lock_timeout = '5s'")
                    .await;
            }
            Err(e) => {
                session
                    .run("ROLLBACK TO SAVEPOINT taking; RELEASE SAVEPOINT taking")
                    .await?;
                tries += 1;
                if e.kind() != ErrorKind::Busy || tries >= TRIES {
                    return Err(e);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
