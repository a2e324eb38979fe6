//! The log of changes, by commit.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};

use cabd_core::catalog::Table;
use cabd_core::error::Result;
use cabd_core::id::{CommitNumber, Uuid};
use cabd_core::store::{AuditStore, BoxStream, ForeignChanges, LogEntry};

use crate::PgStore;
use crate::error::pg;
use crate::pool::Session;

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

#[async_trait]
impl AuditStore for PgStore {
    async fn head(&self) -> Result<CommitNumber> {
        head(&self.pool.session().await?).await
    }

    async fn changes_since(&self, after: CommitNumber) -> Result<BoxStream<LogEntry>> {
        let mut session = self.pool.session().await?;
        let statement = session
            .prepare(include_str!("../sql/changes_since.sql"))
            .await?;
        session.begin_work();
        let rows = session
            .client()?
            .query_raw(&statement, [after.0])
            .await
            .map_err(pg)?;
        let rows = Box::pin(rows);
        let entries = stream::try_unfold((session, rows), |(mut session, mut rows)| async move {
            match rows.next().await {
                Some(Ok(r)) => {
                    let entry = LogEntry {
                        commit: CommitNumber(r.try_get(0).map_err(pg)?),
                        author: r.try_get(1).map_err(pg)?,
                        schema: r.try_get(2).map_err(pg)?,
                        table: r.try_get(3).map_err(pg)?,
                        action: r.try_get(4).map_err(pg)?,
                        cabd_id: r.try_get(5).map_err(pg)?,
                    };
                    Ok(Some((entry, (session, rows))))
                }
                Some(Err(e)) => Err(pg(e)),
                None => {
                    session.end_work();
                    Ok(None)
                }
            }
        });
        Ok(entries.boxed())
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
