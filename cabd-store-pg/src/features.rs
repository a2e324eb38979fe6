//! Features: queries as streams of batches, counts, records, changes.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use tokio_postgres::RowStream;

use cabd_core::catalog::{Catalog, Relation};
use cabd_core::error::{Error, ErrorKind, Result};
use cabd_core::feature::{Applied, BatchBuilder, ChangeHead, Counts, FeatureBatch, Fields};
use cabd_core::query::{FeatureQuery, Plan, nearest_radii_m, plan, plan_count};
use cabd_core::store::{
    DeriveStream, FeatureStore, FeatureStream, OperationStream, Record, RecordQuery, RecordStream,
    Store, apply_operations, derive_features, past, with_named_sources,
};

use crate::PgStore;
use crate::error::pg;
use crate::pool::Session;
use crate::row::{Wire, push_row, values};
use crate::sql::query::{self, Query, Within};
use crate::sql::rows;
use crate::transaction::Transaction;
use crate::types::Param;

/// The statement's rows; the session is at work until they end.
async fn open(session: &mut Session, q: Query) -> Result<(Pin<Box<RowStream>>, Vec<Wire>)> {
    let statement = session.prepare(&q.text).await?;
    let wires = Wire::of(statement.columns())?;
    session.begin_work();
    let params: Vec<Param> = q.params;
    let client = session.client()?;
    let rows = client.query_raw(&statement, params).await.map_err(|e| {
        // A kept statement whose columns have changed would be refused for ever.
        client.statement_cache.clear();
        pg(e)
    })?;
    Ok((Box::pin(rows), wires))
}

async fn number(session: &Session, q: Query) -> Result<u64> {
    let statement = session.prepare(&q.text).await?;
    let row = session
        .client()?
        .query_one(&statement, &crate::types::refs(&q.params))
        .await
        .map_err(pg)?;
    let n: i64 = row.try_get(0).map_err(pg)?;
    Ok(u64::try_from(n).unwrap_or(0))
}

/// The smallest of the growing radii that holds enough rows.
async fn near_enough(session: &Session, plan: &Plan) -> Result<Option<Within>> {
    let (Some(near), Some(limit)) = (plan.near, plan.limit) else {
        return Ok(None);
    };
    let wanted = limit.saturating_add(plan.offset);
    for radius_m in nearest_radii_m(&near) {
        let within = Within { near, radius_m };
        if number(session, query::count(plan, Some(within), Some(wanted))?).await? >= wanted {
            return Ok(Some(within));
        }
    }
    Ok(None)
}

/// An answer on its way.
struct Reading {
    session: Session,
    rows: Pin<Box<RowStream>>,
    wires: Vec<Wire>,
    builder: BatchBuilder,
    in_transaction: bool,
    ended: bool,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(FeatureBatch, Self)>> {
        while !self.ended {
            match self.rows.next().await {
                Some(row) => {
                    let row = row.map_err(pg)?;
                    push_row(&row, &self.wires, self.builder.columns())?;
                    if self.builder.end_row() {
                        let batch = self.builder.finish()?;
                        return Ok(Some((batch, self)));
                    }
                }
                None => {
                    self.ended = true;
                    if self.in_transaction {
                        self.session.commit().await?;
                    } else {
                        self.session.end_work();
                    }
                }
            }
        }
        if self.builder.is_empty() {
            return Ok(None);
        }
        let batch = self.builder.finish()?;
        Ok(Some((batch, self)))
    }
}

/// Whether a statement may have been made for tables that a change of the catalogue has since altered.
fn is_outdated(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported)
}

impl PgStore {
    async fn open_features(&self, query: &FeatureQuery) -> Result<FeatureStream> {
        let mut session = self.pool.streaming().await?;
        let catalog = self.catalog_on(&mut session).await?;
        let plan = plan(&catalog, query)?;
        // Counting boxes and reading them must see the same rows.
        let in_transaction = plan.near.is_some() && plan.limit.is_some();
        if in_transaction {
            session
                .begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .await?;
        }
        let within = near_enough(&session, &plan).await?;
        let (rows, wires) = open(&mut session, query::features(&plan, within)?).await?;
        let reading = Reading {
            session,
            rows,
            wires,
            builder: BatchBuilder::new(plan.layout.clone(), plan.batch_rows),
            in_transaction,
            ended: false,
        };
        Ok(FeatureStream {
            schema: plan.layout.schema().clone(),
            batches: stream::try_unfold(reading, Reading::next).boxed(),
        })
    }

    async fn count_features(&self, query: &FeatureQuery) -> Result<u64> {
        let mut session = self.pool.session().await?;
        let catalog = self.catalog_on(&mut session).await?;
        let plan = plan_count(&catalog, query)?;
        session.begin_work();
        let n = number(&session, query::count(&plan, None, None)?).await?;
        session.end_work();
        Ok(n)
    }

    async fn open_records(&self, query: &RecordQuery) -> Result<RecordStream> {
        let mut session = self.pool.streaming().await?;
        let catalog = self.catalog_on(&mut session).await?;
        let table = catalog.table(&query.relation)?;
        let (text, columns) = rows::records(table, query)?;
        let fields: Fields = columns.iter().map(|c| c.name.clone()).collect();
        let (rows, wires) = open(&mut session, text).await?;
        let state = (session, rows, Arc::new(wires), fields);
        let records =
            stream::try_unfold(state, |(mut session, mut rows, wires, fields)| async move {
                match rows.next().await {
                    Some(row) => {
                        let values = values(&row.map_err(pg)?, &wires, 0)?;
                        let record = Record {
                            fields: fields.clone(),
                            values,
                        };
                        Ok(Some((record, (session, rows, wires, fields))))
                    }
                    None => {
                        session.end_work();
                        Ok(None)
                    }
                }
            });
        Ok(records.boxed())
    }
}

// A statement that waited for a change of the catalogue meets other tables than it was made for: once more then, with
// the catalogue of now.
#[async_trait]
impl FeatureStore for PgStore {
    async fn features(&self, query: &FeatureQuery) -> Result<FeatureStream> {
        let query = with_named_sources(self, query).await?;
        let query = query.as_ref();
        if query.as_of.is_some() {
            return past::features(self, query).await;
        }
        match self.open_features(query).await {
            Err(e) if is_outdated(&e) => self.open_features(query).await,
            answer => answer,
        }
    }

    async fn count(&self, query: &FeatureQuery) -> Result<u64> {
        let query = with_named_sources(self, query).await?;
        let query = query.as_ref();
        if query.as_of.is_some() {
            return past::count(self, query).await;
        }
        match self.count_features(query).await {
            Err(e) if is_outdated(&e) => self.count_features(query).await,
            answer => answer,
        }
    }

    async fn records(&self, query: &RecordQuery) -> Result<RecordStream> {
        match self.open_records(query).await {
            Err(e) if is_outdated(&e) => self.open_records(query).await,
            answer => answer,
        }
    }

    async fn apply(&self, head: &ChangeHead, operations: OperationStream) -> Result<Applied> {
        let (catalog, mut transaction) = self.begin(head).await?;
        let hooks = self.hooks();
        let done = apply_operations(&catalog, &mut transaction, hooks, head, operations).await;
        self.end(head, transaction, done).await
    }

    async fn derive(&self, head: &ChangeHead, features: DeriveStream) -> Result<Applied> {
        let (catalog, mut transaction) = self.begin(head).await?;
        let hooks = self.hooks();
        let done = derive_features(&catalog, &mut transaction, hooks, features).await;
        self.end(head, transaction, done).await
    }
}

impl PgStore {
    async fn begin(&self, head: &ChangeHead) -> Result<(Arc<Catalog>, Transaction)> {
        let mut session = self.pool.session().await?;
        let catalog = self.catalog_on(&mut session).await?;
        let transaction = Transaction::begin(session, catalog, head).await?;
        // The catalogue may have changed while the transaction waited to begin.
        let catalog = transaction.catalog.clone();
        Ok((catalog, transaction))
    }

    async fn end(
        &self,
        head: &ChangeHead,
        transaction: Transaction,
        done: Result<BTreeMap<Relation, Counts>>,
    ) -> Result<Applied> {
        let counts = match done {
            Ok(counts) => counts,
            Err(e) => {
                // Where even this fails the connection ends, and the server rolls back.
                let _ = transaction.rollback().await;
                return Err(e);
            }
        };
        let changed = counts.values().any(Counts::changed);
        let commit = if head.dry_run || !changed {
            transaction.rollback().await?;
            None
        } else {
            let (number, unvalidated) = transaction.commit().await?;
            self.unvalidated.fetch_or(unvalidated, Ordering::Relaxed);
            number
        };
        Ok(Applied { commit, counts })
    }
}
