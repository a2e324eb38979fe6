//! What derived values are asked of the database: which polygons contain points, and what other programs have changed.

use std::sync::Arc;

use futures::{StreamExt, stream};

use cabd_core::catalog::Table;
use cabd_core::error::{Error, Result};
use cabd_core::store::{ForeignChange, ForeignChanges, Position, Row};
use cabd_core::value::Value;

use crate::PgStore;
use crate::error::pg;
use crate::row::{Wire, values};
use crate::sql::derive as text;
use crate::transaction::Transaction;
use crate::types::Param;

impl Transaction {
    /// The pairs of positions and polygons that contain them; `None` where the table has no polygon.
    pub(crate) async fn polygons_at(
        &mut self,
        table: &Arc<Table>,
        columns: &[usize],
        positions: &[Position],
    ) -> Result<Option<Vec<(usize, Row)>>> {
        self.end_bulk(Some(&table.relation)).await?;
        let any = self.select(&text::any_extent(table)?, &[]).await?;
        if any.first().and_then(|r| r.first()) != Some(&Value::Bool(true)) {
            return Ok(None);
        }
        let q = text::containing(table, columns, positions)?;
        let mut found = vec![];
        for mut row in self.select(&q.text, &q.params).await? {
            let n = row.first().and_then(Value::as_i64);
            let n = n
                .and_then(|n| usize::try_from(n - 1).ok())
                .ok_or_else(|| Error::internal("a polygon for no point"))?;
            row.remove(0);
            found.push((n, row));
        }
        Ok(Some(found))
    }
}

impl PgStore {
    /// The changes of other programs that nobody has looked at.
    pub(crate) async fn changes_of_others(
        &self,
        tables: &[Arc<Table>],
    ) -> Result<Option<ForeignChanges>> {
        let mut session = self.pool.session().await?;
        let statement = session.prepare(text::WAITING).await?;
        let row = session
            .client()?
            .query_one(&statement, &[])
            .await
            .map_err(pg)?;
        let Some(until) = row.try_get::<_, Option<i64>>(0).map_err(pg)? else {
            return Ok(None);
        };
        let statement = session.prepare(text::FOREIGN).await?;
        let wires = Wire::of(statement.columns())?;
        let names = tables.iter().map(|t| Value::from(t.qualified()));
        let params = vec![
            Param::from(until),
            Param::Many(cabd_core::DataType::Text(None), names.collect()),
        ];
        session.begin_work();
        let rows = session
            .client()?
            .query_raw(&statement, params)
            .await
            .map_err(pg)?;
        let rows = Box::pin(rows);
        let changes = stream::try_unfold(
            (session, rows, wires),
            |(mut session, mut rows, wires)| async move {
                match rows.next().await {
                    Some(row) => {
                        let change = change_of(values(&row.map_err(pg)?, &wires, 0)?)?;
                        Ok(Some((change, (session, rows, wires))))
                    }
                    None => {
                        session.end_work();
                        Ok(None)
                    }
                }
            },
        );
        Ok(Some(ForeignChanges {
            until,
            changes: changes.boxed(),
        }))
    }

    /// Remembers that the changes of other programs have been looked at up to a commit.
    pub(crate) async fn mark_looked_at(&self, until: i64) -> Result<()> {
        let session = self.pool.session().await?;
        let statement = session.prepare(text::MARK).await?;
        let done = session.client()?.execute(&statement, &[&until]).await;
        done.map(|_| ()).map_err(pg)
    }
}

fn change_of(row: Row) -> Result<ForeignChange> {
    let [
        Value::Text(schema),
        Value::Text(table),
        Value::Text(action),
        Value::Uuid(cabd_id),
        Value::List(columns),
        Value::Timestamp(at),
    ] = <[Value; 6]>::try_from(row).map_err(|_| Error::internal("a log row of another width"))?
    else {
        return Err(Error::corrupt("a row of the log cannot be read").hint("run `cabd doctor`"));
    };
    Ok(ForeignChange {
        schema,
        table,
        action,
        cabd_id,
        columns: columns
            .iter()
            .filter_map(|c| c.as_str().map(str::to_owned))
            .collect(),
        at,
    })
}
