//! Seals: made in the transaction of the commit, so that there is none without.

use async_trait::async_trait;
use cabd_core::store::{
    BoxStream, Changeset, Erasure, Finding, Hash, Personal, ProofStore, Seal, Sealer, StoredRow,
    StoredRows,
};
use cabd_core::time::format_instant;
use cabd_core::{CommitNumber, ErrorKind, Result};
use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::audit::{self, BRIEFLY, changeset, instant};
use crate::doctor;
use crate::error::{db, lost};
use crate::pool::BUSY;
use crate::sql::audit::CHANGESETS;
use crate::sql::seal as text;
use crate::store::SqliteStore;

/// The newest seal up to a commit.
pub(crate) fn newest(conn: &Connection, until: CommitNumber) -> Result<Option<Seal>> {
    let doing = db("read the newest seal");
    let mut s = conn.prepare_cached(text::NEWEST).map_err(&doing)?;
    let mut rows = s.query([until.0]).map_err(&doing)?;
    rows.next().map_err(&doing)?.map(seal_of).transpose()
}

/// Seals what has no seal yet, inside a transaction that writes; how many commits.
pub(crate) fn seal(conn: &Connection) -> Result<u64> {
    let doing = db("seal commits");
    let last: Option<(i64, Vec<u8>)> = conn
        .prepare_cached(text::LAST)
        .and_then(|mut s| s.query_row([], |r| Ok((r.get(0)?, r.get(1)?))).optional())
        .map_err(&doing)?;
    let (after, chain) = last.map_or((0, Hash::default()), |(commit, chain)| {
        (commit, Hash::from_bytes(&chain))
    });
    let mut sealer = Sealer::new(chain);
    let mut sealed = 0;
    let mut sets = conn.prepare_cached(CHANGESETS).map_err(&doing)?;
    let mut sets = sets.query([after, i64::MAX]).map_err(&doing)?;
    while let Some(row) = sets.next().map_err(&doing)? {
        let set: Changeset = changeset(row)?;
        if let Some(seal) = sealer.changeset(&set) {
            keep(conn, &seal)?;
        }
        sealed += 1;
        let mut rows = conn.prepare_cached(text::OF_COMMIT).map_err(&doing)?;
        let mut rows = rows.query([set.commit.0]).map_err(&doing)?;
        while let Some(row) = rows.next().map_err(&doing)? {
            let row = stored(row)?;
            let revision = row.revision;
            if let Some(salt) = sealer.row(row) {
                conn.execute(text::SALT, params![revision, &salt[..]])
                    .map_err(&doing)?;
            }
        }
    }
    if let Some(seal) = sealer.end() {
        keep(conn, &seal)?;
    }
    Ok(sealed)
}

/// Gathers the changes of other programs and seals, in a transaction of its own, where there is something to do.
pub(crate) fn seal_alone(conn: &Connection) -> Result<u64> {
    if !behind(conn)? {
        return Ok(0);
    }
    let doing = db("seal commits");
    conn.execute_batch("BEGIN IMMEDIATE").map_err(&doing)?;
    let done = audit::gather(conn).and_then(|()| {
        let sealed = seal(conn)?;
        conn.execute_batch("COMMIT").map_err(&doing)?;
        Ok(sealed)
    });
    if done.is_err() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK").map_err(&doing)?;
    }
    done
}

/// The same, unless somebody is writing: then he seals, or whoever writes next.
pub(crate) fn seal_if_idle(conn: &Connection) -> Result<()> {
    let doing = db("seal commits");
    conn.busy_timeout(BRIEFLY).map_err(&doing)?;
    let done = seal_alone(conn);
    conn.busy_timeout(BUSY).map_err(&doing)?;
    match done {
        Err(e) if e.kind() == ErrorKind::Busy => Ok(()),
        done => done.map(|_| ()),
    }
}

/// Whether a commit has no seal yet, or rows of other programs no commit.
fn behind(conn: &Connection) -> Result<bool> {
    let unsealed: bool = conn
        .prepare_cached(text::BEHIND)
        .and_then(|mut s| s.query_row([], |r| r.get(0)))
        .map_err(db("look for commits without a seal"))?;
    Ok(unsealed || audit::waiting(conn)?)
}

fn keep(conn: &Connection, seal: &Seal) -> Result<()> {
    conn.prepare_cached(text::KEEP)
        .and_then(|mut s| {
            s.execute(params![
                seal.commit.0,
                format_instant(seal.datetime),
                &seal.digest.0[..],
                &seal.chain.0[..],
                seal.rows as i64,
                seal.marks,
                &seal.salt[..],
            ])
        })
        .map_err(db("seal commits"))?;
    Ok(())
}

fn seal_of(r: &Row<'_>) -> Result<Seal> {
    let doing = db("read the seals");
    let bytes = |i: usize| -> Result<Vec<u8>> {
        Ok(match r.get_ref(i).map_err(&doing)? {
            ValueRef::Blob(b) | ValueRef::Text(b) => b.to_vec(),
            _ => vec![],
        })
    };
    let rows: i64 = r.get(4).map_err(&doing)?;
    Ok(Seal {
        commit: CommitNumber(r.get(0).map_err(&doing)?),
        datetime: instant(&word(r, 1)?.unwrap_or_default()),
        digest: Hash::from_bytes(&bytes(2)?),
        chain: Hash::from_bytes(&bytes(3)?),
        rows: u64::try_from(rows).unwrap_or(0),
        marks: bytes(5)?,
        salt: bytes(6)?.try_into().unwrap_or_default(),
    })
}

/// A value as text, of whatever type somebody has made it.
fn word(r: &Row<'_>, i: usize) -> Result<Option<String>> {
    Ok(match r.get_ref(i).map_err(db("read the log"))? {
        ValueRef::Null => None,
        ValueRef::Text(t) => Some(String::from_utf8_lossy(t).into_owned()),
        ValueRef::Integer(n) => Some(n.to_string()),
        ValueRef::Real(x) => Some(x.to_string()),
        ValueRef::Blob(b) => Some(b.iter().map(|byte| format!("{byte:02x}")).collect()),
    })
}

fn stored(r: &Row<'_>) -> Result<StoredRow> {
    let doing = db("read the log");
    let known: bool = r.get(13).map_err(&doing)?;
    let personal = match known {
        true => {
            let salt: Option<Vec<u8>> = r.get(14).map_err(&doing)?;
            Some(Personal {
                salt: salt.map(|s| s.try_into().unwrap_or_default()),
                digests: word(r, 15)?,
            })
        }
        false => None,
    };
    Ok(StoredRow {
        revision: r.get(0).map_err(&doing)?,
        commit: Some(CommitNumber(r.get(1).map_err(&doing)?)),
        datetime: word(r, 2)?.unwrap_or_default(),
        username: word(r, 3)?,
        schema: word(r, 4)?.unwrap_or_default(),
        table: word(r, 5)?.unwrap_or_default(),
        action: word(r, 6)?.unwrap_or_default(),
        cabd_id: word(r, 7)?,
        datasource_id: word(r, 8)?,
        id_pk: word(r, 9)?,
        row_key: word(r, 10)?,
        old: word(r, 11)?,
        new: word(r, 12)?,
        personal,
    })
}

fn erase(conn: &Connection, rows: &[Erasure]) -> Result<()> {
    let doing = db("erase values of the log");
    conn.execute_batch("BEGIN IMMEDIATE").map_err(&doing)?;
    let work = || -> Result<()> {
        for row in rows {
            conn.execute(text::ERASE, params![row.old, row.new, row.revision])
                .map_err(&doing)?;
            conn.execute(text::ERASED, params![row.revision, row.digests])
                .map_err(&doing)?;
        }
        conn.execute_batch("COMMIT").map_err(&doing)
    };
    let done = work();
    if done.is_err() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK").map_err(&doing)?;
    }
    done
}

impl SqliteStore {
    /// Work on the writer's connection, outside a change.
    pub(crate) async fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut writer = self.pool.writer().await?;
        let conn = writer.take()?;
        let (conn, done) = tokio::task::spawn_blocking(move || {
            let done = work(&conn);
            (conn, done)
        })
        .await
        .map_err(lost)?;
        writer.put_back(conn);
        done
    }
}

#[async_trait]
impl ProofStore for SqliteStore {
    async fn seal(&self) -> Result<u64> {
        if !self.read(|conn, _| behind(conn)).await? {
            return Ok(0);
        }
        self.on_writer(seal_alone).await
    }

    async fn seals(&self, after: CommitNumber) -> Result<BoxStream<Seal>> {
        let values = vec![SqlValue::from(after.0)];
        self.stream(text::SEALS.to_owned(), values, seal_of).await
    }

    async fn seal_of(&self, until: CommitNumber) -> Result<Option<Seal>> {
        self.read(move |conn, _| newest(conn, until)).await
    }

    async fn stored_rows(&self, query: &StoredRows) -> Result<BoxStream<StoredRow>> {
        // From the beginning also rows under numbers that no commit can have.
        let after = match query.after.0 {
            0 => i64::MIN,
            n => n,
        };
        let values = vec![
            SqlValue::from(after),
            SqlValue::from(query.until.map_or(i64::MAX, |c| c.0)),
        ];
        self.stream(text::rows(query.only_people), values, stored)
            .await
    }

    async fn erase_stored(&self, rows: Vec<Erasure>) -> Result<()> {
        self.on_writer(move |conn| erase(conn, &rows)).await
    }

    async fn log_triggers(&self) -> Result<Vec<Finding>> {
        self.read(|conn, catalog| doctor::triggers(conn, &catalog))
            .await
    }
}
