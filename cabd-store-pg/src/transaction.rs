//! One write transaction: rows by COPY, changes and look-ups by sets of keys.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::CopyInSink;

use cabd_core::catalog::{Catalog, CatalogCommit, Relation, Table};
use cabd_core::error::{Error, Result};
use cabd_core::feature::ChangeHead;
use cabd_core::id::{CommitNumber, Uuid};
use cabd_core::store::{ChangeQuery, LogEntry, Position, Row, RowChange, WriteTransaction};
use cabd_core::value::Value;

use crate::bulk::Bulk;
use crate::catalog::{load, version};
use crate::error::pg;
use crate::pool::Session;
use crate::row::{Wire, values};
use crate::sql::audit::LEAN;
use crate::sql::query::Query;
use crate::sql::rows;
use crate::types::{Param, put_column, refs};
use crate::{audit, evolve, seal};

/// Rows in one insert from which an empty table is loaded in bulk.
const BULK_ROWS: usize = 128;
/// Bytes of COPY data gathered before they go to the server.
const GATHERED: usize = 12 << 20;
/// Bytes of COPY data in one message.
const CHUNK: usize = 1 << 17;
/// What binary COPY data begins with: signature, flags, no extension.
const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A write transaction on a connection of its own.
pub(crate) struct Transaction {
    at_work: AtWork,
    /// Rows on their way to the server, in the order of writing: parents first.
    gathered: BTreeMap<(u8, Relation), CopyData>,
    pub(crate) bulk: Vec<Bulk>,
    /// Whether bulk mode may keep readers from a table.
    may_lock: bool,
    pub(crate) catalog: Arc<Catalog>,
    /// Whether foreign keys came back unvalidated.
    pub(crate) unvalidated: bool,
    looked_at: HashSet<Relation>,
    /// Whether new rows are logged without their values.
    lean: bool,
}

/// Rows of one table as binary COPY data, without its end.
struct CopyData {
    table: Arc<Table>,
    /// Full messages.
    messages: Vec<Bytes>,
    data: BytesMut,
}

/// What the connection does: nothing, or it takes rows while the next ones are made ready.
enum AtWork {
    Idle(Box<Session>),
    Copying(
        mpsc::Sender<Vec<CopyData>>,
        JoinHandle<(Box<Session>, Result<()>)>,
    ),
    /// Between two states, or after a copying task that died.
    Lost,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // The task's session goes with it, and rolls back.
        if let AtWork::Copying(_, task) = &self.at_work {
            task.abort();
        }
    }
}

impl Transaction {
    /// Begins; the head goes into a setting that the audit triggers read.
    pub(crate) async fn begin(
        mut session: Session,
        catalog: Arc<Catalog>,
        head: &ChangeHead,
    ) -> Result<Self> {
        session.begin("").await?;
        let statement = session.prepare(include_str!("../sql/head.sql")).await?;
        let words = serde_json::json!({
            "author": head.author,
            "reason": head.reason,
            "kind": head.kind.word(),
            "client": head.client,
            "reviewer": head.reviewer,
            "data_source": head.data_source,
        });
        let params = [Param::from(words.to_string())];
        session
            .client()?
            .query_one(&statement, &refs(&params))
            .await
            .map_err(pg)?;
        let catalog = if version(&session).await? == catalog.version {
            catalog
        } else {
            Arc::new(load(&session).await?)
        };
        Ok(Self {
            at_work: AtWork::Idle(Box::new(session)),
            gathered: BTreeMap::new(),
            bulk: vec![],
            may_lock: !head.reads_along,
            catalog,
            unvalidated: false,
            looked_at: HashSet::new(),
            lean: false,
        })
    }

    /// The connection, once it has taken the rows it was given.
    pub(crate) async fn session(&mut self) -> Result<&mut Session> {
        self.hand_over().await?;
        self.settle().await
    }

    /// The connection, once it has taken the rows that were handed over.
    async fn settle(&mut self) -> Result<&mut Session> {
        if matches!(self.at_work, AtWork::Copying(..))
            && let AtWork::Copying(queue, task) = std::mem::replace(&mut self.at_work, AtWork::Lost)
        {
            drop(queue);
            let (session, copied) = task
                .await
                .map_err(|e| Error::internal("the copying task ended").because(e))?;
            self.at_work = AtWork::Idle(session);
            copied?;
        }
        match &mut self.at_work {
            AtWork::Idle(session) => Ok(session),
            _ => Err(Error::internal("the transaction has lost its connection")),
        }
    }

    /// Leaves the store as it was.
    pub(crate) async fn rollback(mut self) -> Result<()> {
        // Rows that were refused late are rolled back like the others.
        let _ = self.settle().await;
        self.settle().await?.rollback().await
    }

    /// Commits a change that wrote something; the commit's number, and whether foreign keys wait to be validated.
    pub(crate) async fn commit(mut self) -> Result<(Option<CommitNumber>, bool)> {
        self.end_bulk(None).await?;
        let session = self.session().await?;
        // What the log leaves out is a change as well. The number is given now, under the lock that is held until the
        // commit is visible.
        session
            .run("SELECT cabd.current_changeset(); SET CONSTRAINTS ALL IMMEDIATE")
            .await?;
        let statement = session
            .prepare(include_str!("../sql/commit_number.sql"))
            .await?;
        let row = session
            .client()?
            .query_opt(&statement, &[])
            .await
            .map_err(pg)?;
        let number = match row {
            Some(row) => row.try_get::<_, Option<i64>>(0).map_err(pg)?,
            None => None,
        };
        session.commit().await?;
        seal::after_commit(session).await;
        Ok((number.map(CommitNumber), self.unvalidated))
    }

    async fn execute(&mut self, q: &Query) -> Result<u64> {
        let session = self.session().await?;
        let statement = session.prepare(&q.text).await?;
        session
            .client()?
            .execute(&statement, &refs(&q.params))
            .await
            .map_err(pg)
    }

    pub(crate) async fn select(&mut self, text: &str, params: &[Param]) -> Result<Vec<Vec<Value>>> {
        let session = self.session().await?;
        let statement = session.prepare(text).await?;
        let wires = Wire::of(statement.columns())?;
        let found = session
            .client()?
            .query(&statement, &refs(params))
            .await
            .map_err(pg)?;
        found.iter().map(|r| values(r, &wires, 0)).collect()
    }

    /// Gives the server the gathered rows, which it takes while the caller goes on; an error shows at a later use of the
    /// transaction.
    async fn hand_over(&mut self) -> Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.gathered).into_values().collect();
        if let AtWork::Idle(_) = self.at_work
            && let AtWork::Idle(session) = std::mem::replace(&mut self.at_work, AtWork::Lost)
        {
            let (queue, waiting) = mpsc::channel(1);
            self.at_work = AtWork::Copying(queue, tokio::spawn(copy_all(session, waiting)));
        }
        let AtWork::Copying(queue, _) = &self.at_work else {
            return Err(Error::internal("the transaction has lost its connection"));
        };
        if queue.send(rows).await.is_err() {
            // The task has ended before its time: it says why.
            self.settle().await?;
        }
        Ok(())
    }
}

impl CopyData {
    fn new(table: Arc<Table>) -> Self {
        let mut data = BytesMut::new();
        data.put_slice(COPY_HEAD);
        Self {
            table,
            messages: vec![],
            data,
        }
    }

    fn push(&mut self, row: &[Value]) -> Result<()> {
        let width = i16::try_from(self.table.columns.len()).map_err(|_| {
            Error::internal(format!("{} has too many columns", self.table.qualified()))
        })?;
        self.data.put_i16(width);
        for (c, v) in self.table.columns.iter().zip(row) {
            put_column(&mut self.data, &c.data_type, v).map_err(|e| e.field(&c.name))?;
        }
        if self.data.len() >= CHUNK {
            let full =
                std::mem::replace(&mut self.data, BytesMut::with_capacity(CHUNK + CHUNK / 4));
            self.messages.push(full.freeze());
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.messages.len() * CHUNK + self.data.len()
    }
}

async fn copy_all(
    session: Box<Session>,
    mut waiting: mpsc::Receiver<Vec<CopyData>>,
) -> (Box<Session>, Result<()>) {
    while let Some(tables) = waiting.recv().await {
        for rows in tables {
            if let Err(e) = send(&session, rows).await {
                return (session, Err(e));
            }
        }
    }
    (session, Ok(()))
}

async fn send(session: &Session, rows: CopyData) -> Result<()> {
    let statement = session.prepare(&rows::copy_in(&rows.table)).await?;
    let sink: CopyInSink<Bytes> = session.client()?.copy_in(&statement).await.map_err(pg)?;
    let mut sink = pin!(sink);
    for message in rows.messages {
        sink.send(message).await.map_err(pg)?;
    }
    let mut last = rows.data;
    last.put_i16(-1);
    sink.send(last.freeze()).await.map_err(pg)?;
    sink.finish().await.map_err(pg)?;
    Ok(())
}

impl Transaction {
    /// Refuses the deletion of rows that other rows name.
    async fn refuse_named(&mut self, table: &Table, keys: &[Row]) -> Result<()> {
        let mut by_table: BTreeMap<String, (Arc<Table>, Vec<usize>)> = BTreeMap::new();
        for (other, column) in self.catalog.columns_naming(&table.relation) {
            by_table
                .entry(other.qualified())
                .or_insert_with(|| (other, vec![]))
                .1
                .push(column);
        }
        for (name, (other, columns)) in by_table {
            let q = rows::naming(table, keys, &other, &columns)?;
            if let Some(found) = self.select(&q.text, &q.params).await?.into_iter().next() {
                return Err(
                    Error::conflict(format!("{} is named by {name}", table.qualified()))
                        .field(&table.columns[0].name)
                        .value(found.first().unwrap_or(&Value::Null))
                        .hint("change or delete those rows first"),
                );
            }
        }
        Ok(())
    }
}

/// The key's place in an answer that begins with it.
fn place(row: &[Value], keys: usize) -> Option<usize> {
    let n = usize::try_from(row.first()?.as_i64()?).ok()?;
    (1..=keys).contains(&n).then(|| n - 1)
}

#[async_trait]
impl WriteTransaction for Transaction {
    async fn fetch(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<Vec<Option<Row>>> {
        self.need_key(&table.relation).await?;
        let params = rows::key_params(table, keys)?;
        let mut out = vec![None; keys.len()];
        for mut row in self.select(&rows::fetch(table), &params).await? {
            if let Some(at) = place(&row, keys.len()) {
                row.remove(0);
                out[at] = Some(row);
            }
        }
        Ok(out)
    }

    async fn existing(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<Vec<bool>> {
        self.need_key(&table.relation).await?;
        let params = rows::key_params(table, keys)?;
        let mut out = vec![false; keys.len()];
        for row in self.select(&rows::existing(table), &params).await? {
            if let Some(at) = place(&row, keys.len()) {
                out[at] = true;
            }
        }
        Ok(out)
    }

    async fn last_changes(
        &mut self,
        table: &Arc<Table>,
        ids: &[Uuid],
    ) -> Result<Vec<CommitNumber>> {
        let session = self.session().await?;
        let client = session.client()?;
        // First the rows: who changes one of them now is waited for.
        let lock = session.prepare(&rows::lock(table)).await?;
        client.query(&lock, &[&ids]).await.map_err(pg)?;
        let statement = session
            .prepare(include_str!("../sql/last_changes.sql"))
            .await?;
        let mut out = vec![CommitNumber::default(); ids.len()];
        for row in client.query(&statement, &[&ids]).await.map_err(pg)? {
            let id: Uuid = row.try_get(0).map_err(pg)?;
            let commit = CommitNumber(row.try_get(1).map_err(pg)?);
            for (at, _) in ids.iter().enumerate().filter(|(_, i)| **i == id) {
                out[at] = commit;
            }
        }
        Ok(out)
    }

    async fn changes(&mut self, query: &ChangeQuery) -> Result<Vec<LogEntry>> {
        let catalog = self.catalog.clone();
        audit::entries(self.session().await?, catalog, query).await
    }

    async fn catalog_history(&mut self) -> Result<Vec<CatalogCommit>> {
        evolve::history(self.session().await?).await
    }

    async fn insert(&mut self, table: &Arc<Table>, rows: Vec<Row>) -> Result<()> {
        if self.may_lock && rows.len() >= BULK_ROWS && self.looked_at.insert(table.relation.clone())
        {
            self.begin_bulk(table).await?;
        }
        match self.bulk.iter_mut().find(|b| b.is_of(&table.relation)) {
            Some(bulk) => bulk.add(rows.len()),
            None if rows.len() >= BULK_ROWS && !self.lean => {
                let on = format!("SET LOCAL {} = 'on'", LEAN);
                self.session().await?.run(&on).await?;
                self.lean = true;
            }
            None => {}
        }
        let slot = (table.relation.rank(), table.relation.clone());
        let gathered = self
            .gathered
            .entry(slot)
            .or_insert_with(|| CopyData::new(table.clone()));
        rows.iter().try_for_each(|row| gathered.push(row))?;
        if self.gathered.values().map(CopyData::len).sum::<usize>() >= GATHERED {
            self.hand_over().await?;
        }
        Ok(())
    }

    async fn update(&mut self, table: &Arc<Table>, changes: Vec<RowChange>) -> Result<()> {
        self.end_bulk(Some(&table.relation)).await?;
        let mut shapes: BTreeMap<Vec<usize>, Vec<(&Row, Vec<&Value>)>> = BTreeMap::new();
        for change in &changes {
            let columns = change.set.iter().map(|(c, _)| *c).collect();
            let new = change.set.iter().map(|(_, v)| v).collect();
            shapes.entry(columns).or_default().push((&change.key, new));
        }
        let queries = shapes
            .iter()
            .map(|(set, rows)| rows::update(table, set, rows))
            .collect::<Result<Vec<_>>>()?;
        for q in &queries {
            self.execute(q).await?;
        }
        Ok(())
    }

    async fn delete(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<()> {
        self.end_bulk(Some(&table.relation)).await?;
        self.refuse_named(table, keys).await?;
        let q = Query {
            text: rows::delete(table),
            params: rows::key_params(table, keys)?,
        };
        self.execute(&q).await?;
        Ok(())
    }

    async fn delete_where(
        &mut self,
        table: &Arc<Table>,
        column: usize,
        values: &[Value],
    ) -> Result<u64> {
        self.end_bulk(Some(&table.relation)).await?;
        self.execute(&rows::delete_where(table, column, values)?)
            .await
    }

    async fn containing(
        &mut self,
        table: &Arc<Table>,
        columns: &[usize],
        positions: &[Position],
    ) -> Result<Option<Vec<(usize, Row)>>> {
        self.polygons_at(table, columns, positions).await
    }
}
