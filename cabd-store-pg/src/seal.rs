//! Seals: made after the commit, in a transaction of their own that waits for nobody for long.

use async_trait::async_trait;
use futures::StreamExt;
use tokio_postgres::Row;

use cabd_core::error::{ErrorKind, Result};
use cabd_core::id::CommitNumber;
use cabd_core::store::{
    BoxStream, Changeset, Erasure, Finding, Hash, Personal, ProofStore, Salt, Seal, Sealer,
    StoredRow, StoredRows,
};
use cabd_core::time::format_instant;
use cabd_core::value::Value;

use crate::PgStore;
use crate::audit::{changeset, instant, text};
use crate::doctor;
use crate::error::pg;
use crate::pool::Session;
use crate::row::{Wire, values};
use crate::sql::seal as sql;
use crate::types::Param;

/// How long sealing after a commit waits for another sealer, or for a bulk load that has the log.
const SHORT_WAIT: &str = "200ms";
/// How long it waits where it was asked for.
const LONG_WAIT: &str = "5s";
/// Commits that are sealed in one transaction.
const PORTION: usize = 1000;

/// Seals after a commit. Where somebody else is at it, or may not be waited for, the next one seals this commit too.
pub(crate) async fn after_commit(session: &mut Session) {
    let _ = seal(session, SHORT_WAIT).await;
}

/// Seals every commit that has no seal; how many.
async fn seal(session: &mut Session, wait: &str) -> Result<u64> {
    let mut sealed = 0;
    loop {
        session.begin_work();
        // A seal that a crash takes back is made again.
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{wait}'; \
             SET LOCAL synchronous_commit = off; SELECT pg_advisory_xact_lock(4617, 4)"
        );
        let done = async {
            session.run(&begin).await?;
            portion(session).await
        };
        match done.await {
            Ok(n) => {
                session.commit().await?;
                sealed += n as u64;
                if n < PORTION {
                    return Ok(sealed);
                }
            }
            Err(e) => {
                session.rollback().await?;
                return Err(e);
            }
        }
    }
}

/// Seals the oldest commits without a seal, under the lock.
async fn portion(session: &Session) -> Result<usize> {
    let client = session.client()?;
    let statement = session.prepare(sql::LAST).await?;
    let last = client.query_opt(&statement, &[]).await.map_err(pg)?;
    let (after, chain) = match last {
        Some(row) => {
            let chain: Vec<u8> = row.try_get(1).map_err(pg)?;
            (row.try_get(0).map_err(pg)?, Hash::from_bytes(&chain))
        }
        None => (0_i64, Hash::default()),
    };
    let statement = session.prepare(include_str!("../sql/unsealed.sql")).await?;
    let wires = Wire::of(statement.columns())?;
    let found = client.query(&statement, &[&after]).await.map_err(pg)?;
    let Some(last) = found.last() else {
        return Ok(0);
    };
    let until: i64 = last.try_get(0).map_err(pg)?;
    let mut from = i64::MAX;
    for row in &found {
        from = from.min(row.try_get(8).map_err(pg)?);
    }
    let sets = found.iter().map(|row| changeset(&wires, row));
    let sets = sets.collect::<Result<Vec<Changeset>>>()?;
    let statement = session.prepare(sql::OF_COMMITS).await?;
    let wires = Wire::of(statement.columns())?;
    let params = [after, until, from].map(Param::from);
    let rows = client.query_raw(&statement, params).await.map_err(pg)?;
    let mut rows = Box::pin(rows);
    let mut next = rows.next().await.transpose().map_err(pg)?;
    let mut sealer = Sealer::new(chain);
    let (mut seals, mut salts) = (vec![], vec![]);
    for set in &sets {
        seals.extend(sealer.changeset(set));
        while let Some(row) = &next {
            let row = stored(&wires, row)?;
            if row.commit != Some(set.commit) {
                break;
            }
            let revision = row.revision;
            salts.extend(sealer.row(row).map(|salt| (revision, salt)));
            next = rows.next().await.transpose().map_err(pg)?;
        }
    }
    seals.extend(sealer.end());
    drop(rows);
    keep(session, &seals).await?;
    keep_salts(session, &salts).await?;
    Ok(seals.len())
}

async fn keep(session: &Session, seals: &[Seal]) -> Result<()> {
    let statement = session
        .prepare(include_str!("../sql/seal_commits.sql"))
        .await?;
    let commits: Vec<i64> = seals.iter().map(|s| s.commit.0).collect();
    let times: Vec<String> = seals.iter().map(|s| format_instant(s.datetime)).collect();
    let digests: Vec<&[u8]> = seals.iter().map(|s| &s.digest.0[..]).collect();
    let chains: Vec<&[u8]> = seals.iter().map(|s| &s.chain.0[..]).collect();
    let rows: Vec<i64> = seals.iter().map(|s| s.rows as i64).collect();
    let marks: Vec<&[u8]> = seals.iter().map(|s| &s.marks[..]).collect();
    let salts: Vec<&[u8]> = seals.iter().map(|s| &s.salt[..]).collect();
    session
        .client()?
        .execute(
            &statement,
            &[&commits, &times, &digests, &chains, &rows, &marks, &salts],
        )
        .await
        .map_err(pg)?;
    Ok(())
}

async fn keep_salts(session: &Session, salts: &[(i64, Salt)]) -> Result<()> {
    if salts.is_empty() {
        return Ok(());
    }
    let statement = session.prepare(sql::SALTS).await?;
    let revisions: Vec<i64> = salts.iter().map(|(revision, _)| *revision).collect();
    let salts: Vec<&[u8]> = salts.iter().map(|(_, salt)| &salt[..]).collect();
    session
        .client()?
        .execute(&statement, &[&revisions, &salts])
        .await
        .map_err(pg)?;
    Ok(())
}

/// The newest seal up to a commit.
pub(crate) async fn newest(session: &Session, until: CommitNumber) -> Result<Option<Seal>> {
    let statement = session.prepare(sql::NEWEST).await?;
    let found = session.client()?.query_opt(&statement, &[&until.0]).await;
    found.map_err(pg)?.map(|row| seal_of(&row)).transpose()
}

fn seal_of(row: &Row) -> Result<Seal> {
    let bytes = |i: usize| row.try_get::<_, Vec<u8>>(i).map_err(pg);
    let mut times = values(row, &[Wire::Int8, Wire::Timestamp], 1)?.into_iter();
    let datetime = instant(times.next().unwrap_or_default());
    Ok(Seal {
        commit: CommitNumber(row.try_get(0).map_err(pg)?),
        datetime,
        digest: Hash::from_bytes(&bytes(2)?),
        chain: Hash::from_bytes(&bytes(3)?),
        rows: u64::try_from(row.try_get::<_, i64>(4).map_err(pg)?).unwrap_or(0),
        marks: bytes(5)?,
        salt: bytes(6)?.try_into().unwrap_or_default(),
    })
}

fn stored(wires: &[Wire], row: &Row) -> Result<StoredRow> {
    let mut all = values(row, wires, 0)?.into_iter();
    let mut next = || all.next().unwrap_or_default();
    let mut out = StoredRow {
        revision: next().as_i64().unwrap_or_default(),
        commit: next().as_i64().map(CommitNumber),
        datetime: format_instant(instant(next())),
        username: text(next()),
        schema: text(next()).unwrap_or_default(),
        table: text(next()).unwrap_or_default(),
        action: text(next()).unwrap_or_default(),
        cabd_id: next().as_uuid().map(|id| id.to_string()),
        datasource_id: next().as_uuid().map(|id| id.to_string()),
        id_pk: next().as_uuid().map(|id| id.to_string()),
        row_key: text(next()),
        old: text(next()),
        new: text(next()),
        personal: None,
    };
    if next() == Value::Bool(true) {
        let digests = text(next());
        let salt = text(next()).and_then(|hex| u128::from_str_radix(&hex, 16).ok());
        out.personal = Some(Personal {
            salt: salt.map(u128::to_be_bytes),
            digests,
        });
    }
    Ok(out)
}

impl PgStore {
    /// Seals at the opening what other programs have committed, and what is there from before seals were kept.
    pub(crate) async fn seal_at_opening(&self, session: &mut Session) -> Result<()> {
        if !behind(session).await? {
            return Ok(());
        }
        match seal(session, SHORT_WAIT).await {
            Err(e) if !matches!(e.kind(), ErrorKind::Busy | ErrorKind::Denied) => Err(e),
            _ => Ok(()),
        }
    }
}

async fn behind(session: &Session) -> Result<bool> {
    let statement = session.prepare(sql::BEHIND).await?;
    let row = session.client()?.query_one(&statement, &[]).await;
    row.map_err(pg)?.try_get(0).map_err(pg)
}

#[async_trait]
impl ProofStore for PgStore {
    async fn seal(&self) -> Result<u64> {
        let mut session = self.pool.session().await?;
        match behind(&session).await? {
            true => seal(&mut session, LONG_WAIT).await,
            false => Ok(0),
        }
    }

    async fn seals(&self, after: CommitNumber) -> Result<BoxStream<Seal>> {
        let session = self.pool.streaming().await?;
        let params = vec![Param::from(after.0)];
        self.stream(session, sql::SEALS, params, |_, row| seal_of(row))
            .await
    }

    async fn seal_of(&self, until: CommitNumber) -> Result<Option<Seal>> {
        newest(&self.pool.session().await?, until).await
    }

    async fn stored_rows(&self, query: &StoredRows) -> Result<BoxStream<StoredRow>> {
        let session = self.pool.streaming().await?;
        let until = query.until.map_or(i64::MAX, |c| c.0);
        let params = vec![Param::from(query.after.0), Param::from(until)];
        let text = sql::rows(query.after.0, query.only_people);
        self.stream(session, text, params, stored).await
    }

    async fn erase_stored(&self, rows: Vec<Erasure>) -> Result<()> {
        let mut session = self.pool.session().await?;
        session.begin("").await?;
        let done = async {
            let erase = session.prepare(sql::ERASE).await?;
            let erased = session.prepare(sql::ERASED).await?;
            let client = session.client()?;
            for row in &rows {
                client
                    .execute(&erase, &[&row.revision, &row.old, &row.new])
                    .await
                    .map_err(pg)?;
                client
                    .execute(&erased, &[&row.revision, &row.digests])
                    .await
                    .map_err(pg)?;
            }
            Ok(())
        };
        match done.await {
            Ok(()) => session.commit().await,
            Err(e) => {
                session.rollback().await?;
                Err(e)
            }
        }
    }

    async fn log_triggers(&self) -> Result<Vec<Finding>> {
        let mut session = self.pool.session().await?;
        let catalog = self.catalog_on(&mut session).await?;
        doctor::log_triggers(&session, &catalog).await
    }
}
