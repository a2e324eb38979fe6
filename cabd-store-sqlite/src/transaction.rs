//! Writing: one transaction on the writer's connection, each batch on a blocking thread.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use cabd_core::catalog::{Catalog, CatalogChange, CatalogCommit, Relation, Table};
use cabd_core::store::{
    CatalogPlan, ChangeQuery, LogEntry, Position, Row, RowChange, WriteTransaction,
};
use cabd_core::{ChangeHead, CommitNumber, Error, ErrorKind, Result, Uuid, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params, params_from_iter};

use crate::audit;
use crate::bulk::{BULK_ROWS, Bulk};
use crate::derive;
use crate::error::{db, from_sqlite, lost};
use crate::evolve;
use crate::seal;
use crate::spatial::identifier;
use crate::sql::table_name;
use crate::types::{from_sql, to_sql};

/// A write transaction. Dropped without [`Transaction::commit`], the connection closes and SQLite rolls back.
pub(crate) struct Transaction {
    state: Option<State>,
}

pub(crate) struct State {
    pub(crate) conn: Connection,
    catalog: Arc<Catalog>,
    pub(crate) head: ChangeHead,
    changeset: Option<i64>,
    pub(crate) bulk: Vec<Bulk>,
    pub(crate) seen: HashSet<Relation>,
    areas: derive::Known,
}

/// A value on its way into a statement, text borrowed.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self.0 {
            Value::Text(t) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(t.as_bytes()))),
            v => to_sql(v)
                .map(ToSqlOutput::Owned)
                .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e))),
        }
    }
}

impl Transaction {
    /// Begins on a connection; waits for other processes.
    pub(crate) async fn begin(conn: Connection, head: ChangeHead) -> Result<Self> {
        let mut t = Self {
            state: Some(State {
                conn,
                catalog: Arc::default(),
                head,
                changeset: None,
                bulk: vec![],
                seen: HashSet::new(),
                areas: derive::Known::default(),
            }),
        };
        t.call(|s| {
            s.conn
                .execute_batch("BEGIN IMMEDIATE; DELETE FROM cabd_audit_actor;")
                .map_err(db("begin to write"))?;
            audit::gather(&s.conn)
        })
        .await?;
        Ok(t)
    }

    /// Runs work on a blocking thread.
    async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut State) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut state = self
            .state
            .take()
            .ok_or_else(|| Error::internal("the transaction was abandoned"))?;
        let (state, answer) = tokio::task::spawn_blocking(move || {
            let answer = work(&mut state);
            (state, answer)
        })
        .await
        .map_err(lost)?;
        self.state = Some(state);
        answer
    }

    /// The catalogue of this moment, kept for the look-ups that deletions need.
    pub(crate) async fn catalog(
        &mut self,
        present: impl FnOnce(&Connection) -> Result<Arc<Catalog>> + Send + 'static,
    ) -> Result<Arc<Catalog>> {
        self.call(|s| {
            s.catalog = present(&s.conn)?;
            Ok(s.catalog.clone())
        })
        .await
    }

    /// Changes the catalogue; one commit where it changes anything.
    pub(crate) async fn evolve(
        &mut self,
        present: impl FnOnce(&Connection) -> Result<Arc<Catalog>> + Send + 'static,
        change: CatalogChange,
    ) -> Result<CatalogPlan> {
        self.call(move |s| {
            let old = present(&s.conn)?;
            let evolution = evolve::plan(&s.conn, &old, &change)?;
            evolution.permitted()?;
            if evolution.is_empty() {
                return Ok(evolution.plan);
            }
            let changeset = s.changeset()?;
            evolve::apply(&s.conn, &old, evolution, changeset)
        })
        .await
    }

    /// Ends the transaction: everything or nothing. The commit's number where a row was logged.
    pub(crate) async fn commit(mut self) -> (Option<Connection>, Result<Option<CommitNumber>>) {
        let answer = self
            .call(|s| {
                let done = s.finish();
                if done.is_err() && !s.conn.is_autocommit() {
                    let _ = s.conn.execute_batch("ROLLBACK");
                }
                done
            })
            .await;
        (self.state.take().map(|s| s.conn), answer)
    }

    /// Leaves everything as it was.
    pub(crate) async fn rollback(mut self) -> Option<Connection> {
        let done = self
            .call(|s| {
                if s.conn.is_autocommit() {
                    return Ok(());
                }
                s.conn.execute_batch("ROLLBACK").map_err(db("roll back"))
            })
            .await;
        done.ok()?;
        self.state.take().map(|s| s.conn)
    }
}

impl State {
    pub(crate) fn changeset(&mut self) -> Result<i64> {
        if let Some(id) = self.changeset {
            return Ok(id);
        }
        let doing = db("begin the changeset");
        self.conn
            .execute(
                "INSERT INTO cabd_changeset (author, reason, kind, client, reviewer, datasource_id) VALUES (?, ?, ?, ?, ?, ?)",
                params![
                    self.head.author,
                    self.head.reason,
                    self.head.kind.word(),
                    self.head.client,
                    self.head.reviewer,
                    self.head.data_source.map(|d| d.to_string()),
                ],
            )
            .map_err(&doing)?;
        let id = self.conn.last_insert_rowid();
        self.conn
            .execute(
                "INSERT INTO cabd_audit_actor (one, changeset, author) VALUES (1, ?, ?)",
                params![id, self.head.author],
            )
            .map_err(&doing)?;
        self.changeset = Some(id);
        Ok(id)
    }

    fn finish(&mut self) -> Result<Option<CommitNumber>> {
        self.end_all_bulk()?;
        seal::seal(&self.conn)?;
        let commit = db("commit");
        self.conn
            .execute_batch("DELETE FROM cabd_audit_actor; COMMIT;")
            .map_err(&commit)?;
        Ok(self.changeset.map(CommitNumber))
    }

    fn insert(&mut self, table: &Arc<Table>, rows: &[Row]) -> Result<()> {
        self.changeset()?;
        self.forget_areas(table);
        if rows.len() >= BULK_ROWS {
            self.begin_bulk(table)?;
        }
        let columns: Vec<String> = table.columns.iter().map(|c| identifier(&c.name)).collect();
        let marks = vec!["?"; columns.len()].join(", ");
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({marks})",
            table_name(table),
            columns.join(", ")
        );
        let mut statement = self.conn.prepare_cached(&sql).map_err(db("write rows"))?;
        for row in rows {
            statement
                .execute(params_from_iter(row.iter().map(Bound)))
                .map_err(|e| refused(e, table, row))?;
        }
        Ok(())
    }

    /// Polygons that were made ready may be about to change.
    fn forget_areas(&mut self, table: &Table) {
        if matches!(table.relation, Relation::Codes(_)) {
            self.areas.clear();
        }
    }

    /// Refuses keys that other rows still name.
    fn unnamed(&self, table: &Table, keys: &[Row]) -> Result<()> {
        let mut by_table: Vec<(Arc<Table>, Vec<String>)> = vec![];
        for (other, column) in self.catalog.columns_naming(&table.relation) {
            let name = identifier(&other.columns[column].name);
            match by_table
                .iter_mut()
                .find(|(t, _)| t.relation == other.relation)
            {
                Some((_, names)) => names.push(name),
                None => by_table.push((other, vec![name])),
            }
        }
        for (other, names) in by_table {
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM {} WHERE ? IN ({}))",
                table_name(&other),
                names.join(", ")
            );
            let mut statement = self
                .conn
                .prepare_cached(&sql)
                .map_err(db("look for names"))?;
            for key in keys {
                let named: bool = statement
                    .query_row([Bound(&key[0])], |r| r.get(0))
                    .map_err(db("look for names"))?;
                if named {
                    return Err(Error::conflict(format!(
                        "{} still names this row of {}",
                        other.qualified(),
                        table.qualified()
                    ))
                    .field(&table.columns[0].name)
                    .value(&key[0])
                    .hint("change or delete those rows first"));
                }
            }
        }
        Ok(())
    }

    fn update(&mut self, table: &Arc<Table>, changes: &[RowChange]) -> Result<()> {
        self.changeset()?;
        self.forget_areas(table);
        self.leave_bulk(table)?;
        let key = key_condition(table);
        for change in changes {
            let sets: Vec<String> = change
                .set
                .iter()
                .map(|(c, _)| format!("{} = ?", identifier(&table.columns[*c].name)))
                .collect();
            let sql = format!(
                "UPDATE {} SET {} WHERE {key}",
                table_name(table),
                sets.join(", ")
            );
            let values = change
                .set
                .iter()
                .map(|(_, v)| v)
                .chain(&change.key)
                .map(Bound);
            self.conn
                .prepare_cached(&sql)
                .and_then(|mut s| s.execute(params_from_iter(values)))
                .map_err(|e| refused(e, table, &change.key))?;
        }
        Ok(())
    }
}

fn key_condition(table: &Table) -> String {
    let all: Vec<String> = table
        .columns
        .iter()
        .take(table.key)
        .map(|c| format!("{} = ?", identifier(&c.name)))
        .collect();
    all.join(" AND ")
}

fn refused(e: rusqlite::Error, table: &Table, row: &Row) -> Error {
    use rusqlite::ffi;
    let extended = match &e {
        rusqlite::Error::SqliteFailure(f, _) => f.extended_code,
        _ => 0,
    };
    let named = |error: Error| {
        let e = error.field(&table.columns[0].name);
        match row.first() {
            Some(v) => e.value(v),
            None => e,
        }
    };
    match extended {
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_ROWID => named(Error::conflict(format!(
            "{} has this row already",
            table.qualified()
        )))
        .because(e),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => named(Error::new(
            ErrorKind::Invalid,
            format!(
                "a row of {} names a row that does not exist",
                table.qualified()
            ),
        ))
        .because(e),
        _ => match e {
            rusqlite::Error::ToSqlConversionFailure(inner) => match inner.downcast::<Error>() {
                Ok(own) => *own,
                Err(other) => Error::internal("write a row").because(other),
            },
            e => from_sqlite("write a row", e),
        },
    }
}

/// The newest commit that touched a feature or rows around it, 0 for none.
pub(crate) fn last_change(conn: &Connection, feature: Uuid) -> Result<CommitNumber> {
    let sql = "SELECT COALESCE(max(changeset), 0) FROM cabd_audit_record WHERE cabd_id = ?";
    conn.prepare_cached(sql)
        .and_then(|mut s| s.query_row([feature.to_string()], |r| r.get(0)))
        .map(CommitNumber)
        .map_err(db("read the newest commit of a feature"))
}

#[async_trait]
impl WriteTransaction for Transaction {
    async fn fetch(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<Vec<Option<Row>>> {
        let (table, keys) = (table.clone(), keys.to_vec());
        self.call(move |s| {
            let doing = db("look up rows");
            let columns: Vec<String> = table.columns.iter().map(|c| identifier(&c.name)).collect();
            let sql = format!(
                "SELECT {} FROM {} WHERE {}",
                columns.join(", "),
                table_name(&table),
                key_condition(&table)
            );
            let mut statement = s.conn.prepare_cached(&sql).map_err(&doing)?;
            keys.iter()
                .map(|key| {
                    let mut rows = statement
                        .query(params_from_iter(key.iter().map(Bound)))
                        .map_err(&doing)?;
                    let Some(row) = rows.next().map_err(&doing)? else {
                        return Ok(None);
                    };
                    let values = table
                        .columns
                        .iter()
                        .enumerate()
                        .map(|(i, c)| {
                            from_sql(row.get_ref(i).map_err(&doing)?, &c.data_type)
                                .map_err(|e| e.field(&c.name))
                        })
                        .collect::<Result<Row>>()?;
                    Ok(Some(values))
                })
                .collect()
        })
        .await
    }

    async fn existing(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<Vec<bool>> {
        let (table, keys) = (table.clone(), keys.to_vec());
        self.call(move |s| {
            let doing = db("look up keys");
            let sql = format!(
                "SELECT 1 FROM {} WHERE {}",
                table_name(&table),
                key_condition(&table)
            );
            let mut statement = s.conn.prepare_cached(&sql).map_err(&doing)?;
            keys.iter()
                .map(|k| {
                    statement
                        .exists(params_from_iter(k.iter().map(Bound)))
                        .map_err(&doing)
                })
                .collect()
        })
        .await
    }

    async fn last_changes(&mut self, _: &Arc<Table>, ids: &[Uuid]) -> Result<Vec<CommitNumber>> {
        let ids = ids.to_vec();
        self.call(move |s| ids.iter().map(|id| last_change(&s.conn, *id)).collect())
            .await
    }

    async fn changes(&mut self, query: &ChangeQuery) -> Result<Vec<LogEntry>> {
        let query = query.clone();
        self.call(move |s| audit::entries(&s.conn, s.catalog.clone(), &query))
            .await
    }

    async fn catalog_history(&mut self) -> Result<Vec<CatalogCommit>> {
        self.call(|s| evolve::history(&s.conn)).await
    }

    async fn insert(&mut self, table: &Arc<Table>, rows: Vec<Row>) -> Result<()> {
        let table = table.clone();
        self.call(move |s| s.insert(&table, &rows)).await
    }

    async fn update(&mut self, table: &Arc<Table>, changes: Vec<RowChange>) -> Result<()> {
        let table = table.clone();
        self.call(move |s| s.update(&table, &changes)).await
    }

    async fn delete(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<()> {
        let (table, keys) = (table.clone(), keys.to_vec());
        self.call(move |s| {
            s.changeset()?;
            s.forget_areas(&table);
            s.leave_bulk(&table)?;
            s.unnamed(&table, &keys)?;
            let sql = format!(
                "DELETE FROM {} WHERE {}",
                table_name(&table),
                key_condition(&table)
            );
            let mut statement = s.conn.prepare_cached(&sql).map_err(db("delete rows"))?;
            for key in &keys {
                statement
                    .execute(params_from_iter(key.iter().map(Bound)))
                    .map_err(|e| refused(e, &table, key))?;
            }
            Ok(())
        })
        .await
    }

    async fn delete_where(
        &mut self,
        table: &Arc<Table>,
        column: usize,
        values: &[Value],
    ) -> Result<u64> {
        let (table, values) = (table.clone(), values.to_vec());
        self.call(move |s| {
            s.changeset()?;
            s.forget_areas(&table);
            s.leave_bulk(&table)?;
            let sql = format!(
                "DELETE FROM {} WHERE {} = ?",
                table_name(&table),
                identifier(&table.columns[column].name)
            );
            let mut statement = s.conn.prepare_cached(&sql).map_err(db("delete rows"))?;
            let mut n = 0;
            for v in &values {
                n += statement.execute([Bound(v)]).map_err(db("delete rows"))? as u64;
            }
            Ok(n)
        })
        .await
    }

    async fn containing(
        &mut self,
        table: &Arc<Table>,
        columns: &[usize],
        positions: &[Position],
    ) -> Result<Option<Vec<(usize, Row)>>> {
        let (table, columns) = (table.clone(), columns.to_vec());
        let positions = positions.to_vec();
        self.call(move |s| {
            s.leave_bulk(&table)?;
            derive::containing(&s.conn, &mut s.areas, &table, &columns, &positions)
        })
        .await
    }
}
