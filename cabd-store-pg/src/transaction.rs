//! One write transaction: rows by COPY, changes and look-ups by sets of keys.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use tokio_postgres::CopyInSink;

use cabd_core::catalog::{Catalog, Relation, Table};
use cabd_core::error::{Error, Result};
use cabd_core::feature::ChangeHead;
use cabd_core::id::CommitNumber;
use cabd_core::store::{Row, RowChange, WriteTransaction};
use cabd_core::value::Value;

use crate::bulk::Bulk;
use crate::error::pg;
use crate::pool::Session;
use crate::row::{Wire, values};
use crate::sql::query::Query;
use crate::sql::rows;
use crate::types::{Param, put_column, refs};

/// Rows in one insert from which an empty table is loaded in bulk.
const BULK_ROWS: usize = 500;
/// Bytes of COPY data sent at once.
const CHUNK: usize = 1 << 17;
/// What binary COPY data begins with: signature, flags, no extension.
const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A write transaction on a connection of its own.
pub(crate) struct Transaction {
    pub(crate) session: Session,
    pub(crate) bulk: Vec<Bulk>,
    catalog: Arc<Catalog>,
    looked_at: HashSet<Relation>,
}

impl Transaction {
    /// Begins; the head goes into settings that the audit triggers read.
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
        Ok(Self {
            session,
            bulk: vec![],
            catalog,
            looked_at: HashSet::new(),
        })
    }

    /// Leaves the store as it was.
    pub(crate) async fn rollback(mut self) -> Result<()> {
        self.session.rollback().await
    }

    /// Commits; the commit's number, if a logged row was written.
    pub(crate) async fn commit(mut self) -> Result<Option<CommitNumber>> {
        self.end_bulk(None).await?;
        // The number is given now, under the lock that is held until the commit is visible.
        self.session.run("SET CONSTRAINTS ALL IMMEDIATE").await?;
        let statement = self
            .session
            .prepare(include_str!("../sql/commit_number.sql"))
            .await?;
        let row = self
            .session
            .client()?
            .query_opt(&statement, &[])
            .await
            .map_err(pg)?;
        let number = match row {
            Some(row) => row.try_get::<_, Option<i64>>(0).map_err(pg)?,
            None => None,
        };
        self.session.commit().await?;
        Ok(number.map(CommitNumber))
    }

    pub(crate) async fn execute(&self, q: &Query) -> Result<u64> {
        let statement = self.session.prepare(&q.text).await?;
        self.session
            .client()?
            .execute(&statement, &refs(&q.params))
            .await
            .map_err(pg)
    }

    async fn select(&self, text: &str, params: &[Param]) -> Result<Vec<Vec<Value>>> {
        let statement = self.session.prepare(text).await?;
        let wires = Wire::of(statement.columns())?;
        let found = self
            .session
            .client()?
            .query(&statement, &refs(params))
            .await
            .map_err(pg)?;
        found.iter().map(|r| values(r, &wires, 0)).collect()
    }

    async fn copy(&self, table: &Table, all: &[Row]) -> Result<()> {
        let statement = self.session.prepare(&rows::copy_in(table)).await?;
        let sink: CopyInSink<Bytes> = self
            .session
            .client()?
            .copy_in(&statement)
            .await
            .map_err(pg)?;
        let mut sink = pin!(sink);
        let width = i16::try_from(table.columns.len())
            .map_err(|_| Error::internal(format!("{} has too many columns", table.qualified())))?;
        let mut data = BytesMut::with_capacity(CHUNK + CHUNK / 4);
        data.put_slice(COPY_HEAD);
        for row in all {
            data.put_i16(width);
            for (c, v) in table.columns.iter().zip(row) {
                put_column(&mut data, &c.data_type, v).map_err(|e| e.field(&c.name))?;
            }
            if data.len() >= CHUNK {
                sink.send(data.split().freeze()).await.map_err(pg)?;
                data.reserve(CHUNK + CHUNK / 4);
            }
        }
        data.put_i16(-1);
        sink.send(data.freeze()).await.map_err(pg)?;
        sink.finish().await.map_err(pg)?;
        Ok(())
    }
}

impl Transaction {
    /// Refuses the deletion of rows that other rows name.
    async fn refuse_named(&self, table: &Table, keys: &[Row]) -> Result<()> {
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
                        .value(found.first().map(Value::to_json).unwrap_or_default())
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
        let params = rows::key_params(table, keys)?;
        let mut out = vec![false; keys.len()];
        for row in self.select(&rows::existing(table), &params).await? {
            if let Some(at) = place(&row, keys.len()) {
                out[at] = true;
            }
        }
        Ok(out)
    }

    async fn insert(&mut self, table: &Arc<Table>, rows: Vec<Row>) -> Result<()> {
        if rows.len() >= BULK_ROWS && self.looked_at.insert(table.relation.clone()) {
            self.begin_bulk(table).await?;
        }
        self.copy(table, &rows).await
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
}
