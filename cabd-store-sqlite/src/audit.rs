//! The log of changes, by commit.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cabd_core::catalog::{Catalog, Past, Table};
use cabd_core::store::{
    AuditStore, BoxStream, ChangeQuery, Changeset, ForeignChanges, Hash, LogEntry, LogReader,
    LogValues, Release,
};
use cabd_core::time::{Timestamp, format_instant};
use cabd_core::{CommitNumber, ErrorKind, Geometry, Result, Uuid};
use futures::StreamExt;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, Row, params_from_iter};

use crate::error::{db, lost};
use crate::functions::own::micros;
use crate::pool::BUSY;
use crate::sql::audit as text;
use crate::store::SqliteStore;
use crate::transaction::last_change;
use crate::{codec, derive, evolve, features, seal};

/// How long a reader waits for other programs that write.
pub(crate) const BRIEFLY: Duration = Duration::from_millis(20);

/// Gathers the rows that other programs have logged in one changeset, inside a transaction.
pub(crate) fn gather(conn: &Connection) -> Result<()> {
    let doing = db("gather the changes of other programs");
    if waiting(conn)? && conn.execute(text::GATHER, []).map_err(&doing)? > 0 {
        conn.execute(text::GATHERED, [conn.last_insert_rowid()])
            .map_err(&doing)?;
    }
    Ok(())
}

/// The same in a transaction of its own.
pub(crate) fn gather_alone(conn: &Connection) -> Result<()> {
    if !waiting(conn)? {
        return Ok(());
    }
    let doing = db("gather the changes of other programs");
    conn.execute_batch("BEGIN IMMEDIATE").map_err(&doing)?;
    let done = gather(conn).and_then(|()| {
        seal::seal(conn)?;
        conn.execute_batch("COMMIT").map_err(&doing)
    });
    if done.is_err() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK").map_err(&doing)?;
    }
    done
}

/// The same, but while another program writes: then it is done later.
pub(crate) fn gather_unless_busy(conn: &Connection) -> Result<()> {
    let doing = db("gather the changes of other programs");
    let done = conn.busy_timeout(BRIEFLY).map_err(&doing).and_then(|()| {
        let done = gather_alone(conn);
        conn.busy_timeout(BUSY).map_err(&doing).and(done)
    });
    match done {
        Err(e) if e.kind() == ErrorKind::Busy => Ok(()),
        done => done,
    }
}

/// Entries of the log, read inside a transaction.
pub(crate) fn entries(
    conn: &Connection,
    catalog: Arc<Catalog>,
    query: &ChangeQuery,
) -> Result<Vec<LogEntry>> {
    let doing = db("read the log");
    let past = Past::new(&evolve::history(conn)?);
    let log = LogReader::new(catalog, Arc::new(past));
    let (sql, values) = text::changes(log.catalog(), query)?;
    let mut s = conn.prepare(&sql).map_err(&doing)?;
    let mut rows = s.query(params_from_iter(values)).map_err(&doing)?;
    let mut out = vec![];
    while let Some(r) = rows.next().map_err(&doing)? {
        out.push(entry(&log, r)?);
    }
    Ok(out)
}

pub(crate) fn waiting(conn: &Connection) -> Result<bool> {
    conn.prepare_cached(text::WAITING)
        .and_then(|mut s| s.query_row([], |r| r.get(0)))
        .map_err(db("look for changes of other programs"))
}

pub(crate) fn head(conn: &Connection) -> Result<CommitNumber> {
    conn.prepare_cached("SELECT COALESCE(max(id), 0) FROM cabd_changeset")
        .and_then(|mut s| s.query_row([], |r| r.get(0)))
        .map(CommitNumber)
        .map_err(db("read the newest commit"))
}

impl SqliteStore {
    /// Sees to it that what other programs have written belongs to a commit, unless somebody is writing: a reader does not
    /// wait for that, and the rows belong to a commit when he has ended.
    pub(crate) async fn gathered(&self) -> Result<()> {
        if self.pool.read_only || !self.read(|conn, _| waiting(conn)).await? {
            return Ok(());
        }
        let Some(mut writer) = self.pool.idle_writer()? else {
            return Ok(());
        };
        let conn = writer.take()?;
        let (conn, done) = tokio::task::spawn_blocking(move || {
            let done = gather_unless_busy(&conn);
            (conn, done)
        })
        .await
        .map_err(lost)?;
        writer.put_back(conn);
        done
    }

    /// What reads the log's values, made anew when the catalogue has changed.
    async fn log_reader(&self) -> Result<LogReader> {
        let known = self.log_reader.clone();
        self.read(move |conn, catalog| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(log) = known
                .as_ref()
                .filter(|l| l.catalog().version == catalog.version)
            {
                return Ok(log.clone());
            }
            let past = Past::new(&evolve::history(conn)?);
            Ok(known
                .insert(LogReader::new(catalog, Arc::new(past)))
                .clone())
        })
        .await
    }

    /// The rows of a statement, each made into something, as a stream from a thread of its own.
    pub(crate) async fn stream<T: Send + 'static>(
        &self,
        sql: String,
        values: Vec<SqlValue>,
        make: impl Fn(&Row<'_>) -> Result<T> + Send + 'static,
    ) -> Result<BoxStream<T>> {
        let reader = self.pool.reader().await?;
        let (out, receiver) = tokio::sync::mpsc::channel(256);
        tokio::task::spawn_blocking(move || {
            let work = || -> Result<()> {
                let doing = db("read the log");
                let mut s = reader.conn()?.prepare(&sql).map_err(&doing)?;
                let mut rows = s.query(params_from_iter(values)).map_err(&doing)?;
                while let Some(r) = rows.next().map_err(&doing)? {
                    if !reader.hand_on(&out, Ok(make(r)?)) {
                        break;
                    }
                }
                Ok(())
            };
            if let Err(e) = work() {
                reader.hand_on(&out, Err(e));
            }
        });
        Ok(features::stream(receiver).boxed())
    }
}

#[async_trait]
impl AuditStore for SqliteStore {
    async fn head(&self) -> Result<CommitNumber> {
        if let Some((head, _)) = self.known() {
            return Ok(head);
        }
        self.gathered().await?;
        self.read(|conn, _| head(conn)).await
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<BoxStream<LogEntry>> {
        self.gathered().await?;
        let log = self.log_reader().await?;
        let (sql, values) = text::changes(log.catalog(), query)?;
        self.stream(sql, values, move |r| entry(&log, r)).await
    }

    async fn changesets(
        &self,
        after: CommitNumber,
        until: Option<CommitNumber>,
    ) -> Result<BoxStream<Changeset>> {
        self.gathered().await?;
        let values = vec![
            SqlValue::from(after.0),
            SqlValue::from(until.map_or(i64::MAX, |c| c.0)),
        ];
        self.stream(text::CHANGESETS.to_owned(), values, changeset)
            .await
    }

    async fn release(&self, release: &Release) -> Result<()> {
        self.gathered().await?;
        let release = release.clone();
        self.on_writer(move |conn| add_release(conn, &release))
            .await
    }

    async fn releases(&self) -> Result<Vec<Release>> {
        self.read(|conn, _| releases(conn)).await
    }

    async fn last_change(&self, feature: Uuid) -> Result<CommitNumber> {
        self.gathered().await?;
        self.read(move |conn, _| last_change(conn, feature)).await
    }

    async fn foreign_changes(&self, tables: &[Arc<Table>]) -> Result<Option<ForeignChanges>> {
        if self.pool.read_only {
            return Ok(None);
        }
        self.gathered().await?;
        let Some(until) = self.read(|conn, _| derive::waiting(conn)).await? else {
            return Ok(None);
        };
        let (reader, tables) = (self.pool.reader().await?, tables.to_vec());
        let (out, receiver) = tokio::sync::mpsc::channel(256);
        tokio::task::spawn_blocking(move || {
            let done = reader.conn().and_then(|conn| {
                derive::foreign(conn, &tables, until, |change| {
                    reader.hand_on(&out, Ok(change))
                })
            });
            if let Err(e) = done {
                reader.hand_on(&out, Err(e));
            }
        });
        Ok(Some(ForeignChanges {
            until,
            changes: features::stream(receiver).boxed(),
        }))
    }

    async fn looked_at(&self, until: i64) -> Result<()> {
        self.on_writer(move |conn| derive::mark(conn, until)).await
    }
}

fn add_release(conn: &Connection, release: &Release) -> Result<()> {
    release.check(head(conn)?, &releases(conn)?)?;
    let seal = seal::newest(conn, release.commit)?;
    conn.execute(
        text::RELEASE,
        (
            &release.name,
            release.commit.0,
            format_instant(release.datetime),
            &release.author,
            &release.note,
            seal.map(|s| s.chain.0.to_vec()),
        ),
    )
    .map_err(db("name a release"))?;
    Ok(())
}

fn releases(conn: &Connection) -> Result<Vec<Release>> {
    let doing = db("read the releases");
    let mut s = conn.prepare(text::RELEASES).map_err(&doing)?;
    let rows = s.query_map([], |r| {
        Ok(Release {
            name: r.get(0)?,
            commit: CommitNumber(r.get(1)?),
            datetime: instant(&r.get::<_, String>(2)?),
            author: r.get(3)?,
            note: r.get(4)?,
            chain: r
                .get::<_, Option<Vec<u8>>>(5)?
                .map(|bytes| Hash::from_bytes(&bytes)),
        })
    });
    rows.and_then(Iterator::collect).map_err(&doing)
}

pub(crate) fn instant(text: &str) -> Timestamp {
    let micros = micros(text).and_then(|m| Timestamp::from_microsecond(m).ok());
    micros.unwrap_or_default()
}

fn entry(log: &LogReader, r: &Row<'_>) -> Result<LogEntry> {
    let doing = db("read the log");
    let word = |i: usize| r.get::<_, Option<String>>(i).map_err(&doing);
    let id = |i: usize| -> Result<Option<Uuid>> { Ok(word(i)?.and_then(|t| t.parse().ok())) };
    let mut e = LogEntry {
        revision: r.get(0).map_err(&doing)?,
        commit: CommitNumber(r.get(1).map_err(&doing)?),
        datetime: instant(&word(2)?.unwrap_or_default()),
        author: word(3)?,
        schema: word(4)?.unwrap_or_default(),
        table: word(5)?.unwrap_or_default(),
        action: word(6)?.unwrap_or_default(),
        cabd_id: id(7)?,
        datasource_id: id(8)?,
        id_pk: id(9)?,
        row_key: word(10)?
            .and_then(|t| serde_json::from_str(&t).ok())
            .unwrap_or_default(),
        old: LogValues::new(),
        new: LogValues::new(),
    };
    let read = |json: Option<String>| match json {
        Some(json) => log.values((&e.schema, &e.table), e.commit, &json, geometry),
        None => Ok(LogValues::new()),
    };
    let (old, new) = (read(word(11)?)?, read(word(12)?)?);
    (e.old, e.new) = (old, new);
    Ok(e)
}

pub(crate) fn changeset(r: &Row<'_>) -> Result<Changeset> {
    let doing = db("read the changesets");
    let word = |i: usize| r.get::<_, Option<String>>(i).map_err(&doing);
    Ok(Changeset {
        commit: CommitNumber(r.get(0).map_err(&doing)?),
        datetime: instant(&word(1)?.unwrap_or_default()),
        author: word(2)?,
        reason: word(3)?,
        kind: word(4)?.unwrap_or_default(),
        client: word(5)?,
        reviewer: word(6)?,
        data_source: word(7)?.and_then(|t| t.parse().ok()),
    })
}

/// A geometry from the hexadecimal digits of its BLOB.
fn geometry(hex: &str) -> Option<Geometry> {
    let digits = hex.as_bytes().chunks_exact(2);
    let bytes: Option<Vec<u8>> = digits
        .map(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok())
        .collect();
    let mut wkb = vec![];
    codec::decode(&bytes?, &mut wkb).ok()?;
    Some(Geometry::from_trusted_wkb(&wkb))
}
