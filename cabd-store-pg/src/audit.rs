//! The log of changes, by commit.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use tokio_postgres::Row;

use cabd_core::catalog::{Catalog, Past, Table};
use cabd_core::error::Result;
use cabd_core::geometry::Geometry;
use cabd_core::id::{CommitNumber, Uuid};
use cabd_core::store::{
    AuditStore, BoxStream, ChangeQuery, Changeset, ForeignChanges, LogEntry, LogReader, LogValues,
    Release,
};
use cabd_core::time::format_instant;
use cabd_core::value::Value;

use crate::PgStore;
use crate::error::pg;
use crate::pool::Session;
use crate::row::{Wire, value, values};
use crate::sql::audit::changes;
use crate::types::{Param, refs};
use crate::{evolve, seal};

/// The newest commit.
pub(crate) async fn head(session: &Session) -> Result<CommitNumber> {
    let statement = session
        .prepare("SELECT coalesce(max(revision), 0)::bigint FROM cabd.changeset")
        .await?;
    let row = session
        .client()?
        .query_one(&statement, &[])
        .await
        .map_err(pg)?;
    Ok(CommitNumber(row.try_get(0).map_err(pg)?))
}

/// Entries of the log, read inside a transaction.
pub(crate) async fn entries(
    session: &Session,
    catalog: Arc<Catalog>,
    query: &ChangeQuery,
) -> Result<Vec<LogEntry>> {
    let past = Past::new(&evolve::history(session).await?);
    let log = LogReader::new(catalog, Arc::new(past));
    let q = changes(log.catalog(), query)?;
    let statement = session.prepare(&q.text).await?;
    let wires = Wire::of(statement.columns())?;
    let rows = session.client()?.query(&statement, &refs(&q.params)).await;
    let rows = rows.map_err(pg)?;
    rows.iter().map(|row| entry(&log, &wires, row)).collect()
}

impl PgStore {
    /// What reads the log's values, made anew when the catalogue has changed.
    async fn log_reader(&self, session: &mut Session) -> Result<LogReader> {
        let catalog = self.catalog_on(session).await?;
        let known = self
            .log_reader
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(log) = known.filter(|l| l.catalog().version == catalog.version) {
            return Ok(log);
        }
        let past = Past::new(&evolve::history(session).await?);
        let log = LogReader::new(catalog, Arc::new(past));
        let mut known = self
            .log_reader
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(known.insert(log).clone())
    }

    /// The rows of a statement, each made into something, as a stream that keeps its connection.
    pub(crate) async fn stream<T: Send + 'static>(
        &self,
        mut session: Session,
        text: &str,
        params: Vec<Param>,
        make: impl Fn(&[Wire], &Row) -> Result<T> + Send + 'static,
    ) -> Result<BoxStream<T>> {
        let statement = session.prepare(text).await?;
        let wires = Wire::of(statement.columns())?;
        session.begin_work();
        let rows = session
            .client()?
            .query_raw(&statement, params)
            .await
            .map_err(pg)?;
        let state = (session, Box::pin(rows), wires, make);
        let all = stream::try_unfold(state, |(mut session, mut rows, wires, make)| async move {
            match rows.next().await {
                Some(Ok(row)) => {
                    let made = make(&wires, &row)?;
                    Ok(Some((made, (session, rows, wires, make))))
                }
                Some(Err(e)) => Err(pg(e)),
                None => {
                    session.end_work();
                    Ok(None)
                }
            }
        });
        Ok(all.boxed())
    }
}

#[async_trait]
impl AuditStore for PgStore {
    async fn head(&self) -> Result<CommitNumber> {
        head(&self.pool.session().await?).await
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<BoxStream<LogEntry>> {
        let mut session = self.pool.streaming().await?;
        let log = self.log_reader(&mut session).await?;
        let q = changes(log.catalog(), query)?;
        self.stream(session, &q.text, q.params, move |wires, row| {
            entry(&log, wires, row)
        })
        .await
    }

    async fn changesets(
        &self,
        after: CommitNumber,
        until: Option<CommitNumber>,
    ) -> Result<BoxStream<Changeset>> {
        let session = self.pool.streaming().await?;
        let text = include_str!("../sql/changesets.sql");
        let params = vec![
            Param::from(after.0),
            Param::from(Value::from(until.map(|c| c.0))),
        ];
        self.stream(session, text, params, changeset).await
    }

    async fn release(&self, release: &Release) -> Result<()> {
        let session = self.pool.session().await?;
        release.check(head(&session).await?, &releases(&session).await?)?;
        let statement = session.prepare(include_str!("../sql/release.sql")).await?;
        let chain = seal::newest(&session, release.commit).await?;
        let chain = chain.map(|s| s.chain.0.to_vec());
        let datetime = format_instant(release.datetime);
        session
            .client()?
            .execute(
                &statement,
                &[
                    &release.name,
                    &release.commit.0,
                    &datetime,
                    &release.author,
                    &release.note,
                    &chain,
                ],
            )
            .await
            .map_err(pg)?;
        Ok(())
    }

    async fn releases(&self) -> Result<Vec<Release>> {
        releases(&self.pool.session().await?).await
    }

    async fn last_change(&self, feature: Uuid) -> Result<CommitNumber> {
        let session = self.pool.session().await?;
        let statement = session
            .prepare(include_str!("../sql/last_changes.sql"))
            .await?;
        let found = session
            .client()?
            .query_opt(&statement, &[&[feature].as_slice()])
            .await
            .map_err(pg)?;
        match found {
            Some(row) => Ok(CommitNumber(row.try_get(1).map_err(pg)?)),
            None => Ok(CommitNumber::default()),
        }
    }

    async fn foreign_changes(&self, tables: &[Arc<Table>]) -> Result<Option<ForeignChanges>> {
        self.changes_of_others(tables).await
    }

    async fn looked_at(&self, until: i64) -> Result<()> {
        self.mark_looked_at(until).await
    }
}

async fn releases(session: &Session) -> Result<Vec<Release>> {
    let statement = session.prepare(include_str!("../sql/releases.sql")).await?;
    let wires = Wire::of(statement.columns())?;
    let rows = session.client()?.query(&statement, &[]).await.map_err(pg)?;
    let release = |row: &Row| {
        let mut all = values(row, &wires, 0)?.into_iter();
        let mut next = || all.next().unwrap_or_default();
        Ok(Release {
            name: text(next()).unwrap_or_default(),
            commit: CommitNumber(next().as_i64().unwrap_or_default()),
            datetime: instant(next()),
            author: text(next()),
            note: text(next()),
            chain: text(next()).and_then(|hex| hex.parse().ok()),
        })
    };
    rows.iter().map(release).collect()
}

pub(crate) fn text(v: Value) -> Option<String> {
    match v {
        Value::Text(t) => Some(t),
        _ => None,
    }
}

fn entry(log: &LogReader, wires: &[Wire], row: &Row) -> Result<LogEntry> {
    let mut all = values(row, wires, 0)?.into_iter();
    let mut next = || all.next().unwrap_or_default();
    let mut e = LogEntry {
        revision: next().as_i64().unwrap_or_default(),
        commit: CommitNumber(next().as_i64().unwrap_or_default()),
        datetime: instant(next()),
        author: text(next()),
        schema: text(next()).unwrap_or_default(),
        table: text(next()).unwrap_or_default(),
        action: text(next()).unwrap_or_default(),
        cabd_id: next().as_uuid(),
        datasource_id: next().as_uuid(),
        id_pk: next().as_uuid(),
        row_key: match next() {
            Value::List(items) => items.into_iter().filter_map(text).collect(),
            _ => vec![],
        },
        old: LogValues::new(),
        new: LogValues::new(),
    };
    let read = |v: Value| match v {
        Value::Text(json) => log.values((&e.schema, &e.table), e.commit, &json, geometry),
        _ => Ok(LogValues::new()),
    };
    let (old, new) = (read(next())?, read(next())?);
    (e.old, e.new) = (old, new);
    Ok(e)
}

pub(crate) fn instant(v: Value) -> cabd_core::time::Timestamp {
    match v {
        Value::Timestamp(t) => t,
        _ => Default::default(),
    }
}

pub(crate) fn changeset(wires: &[Wire], row: &Row) -> Result<Changeset> {
    let mut all = values(row, wires, 0)?.into_iter();
    let mut next = || all.next().unwrap_or_default();
    Ok(Changeset {
        commit: CommitNumber(next().as_i64().unwrap_or_default()),
        datetime: instant(next()),
        author: text(next()),
        reason: text(next()),
        kind: text(next()).unwrap_or_default(),
        client: text(next()),
        reviewer: text(next()),
        data_source: next().as_uuid(),
    })
}

/// A geometry from the hexadecimal digits of its EWKB.
fn geometry(hex: &str) -> Option<Geometry> {
    let digits = hex.as_bytes().chunks_exact(2);
    let bytes: Option<Vec<u8>> = digits
        .map(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok())
        .collect();
    match value(Wire::Ewkb, &bytes?) {
        Ok(Value::Geometry(g)) => Some(g),
        _ => None,
    }
}
