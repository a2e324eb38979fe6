//! Reading: statements stepped on a blocking thread, batches handed over one by one.

use std::sync::Arc;

use cabd_core::catalog::{Catalog, Served};
use cabd_core::feature::{BatchBuilder, Fields, PhysicalRows};
use cabd_core::query::{FeatureQuery, Plan, nearest_radii_m, plan, plan_count};
use cabd_core::store::{FeatureStream, Record, RecordQuery, RecordStream};
use cabd_core::{Bbox, Error, Result};
use futures::StreamExt;
use rusqlite::{Connection, params_from_iter};
use tokio::sync::{mpsc, oneshot};

use crate::error::db;
use crate::pool::Reader;
use crate::spatial::identifier;
use crate::sql::{self, table_name};
use crate::types::{from_sql, push, to_sql};

/// Batches that may wait for a slow reader.
const AHEAD: usize = 2;

fn snapshot(conn: &Connection) -> Result<()> {
    conn.execute_batch("BEGIN").map_err(db("begin to read"))
}

/// A stream fed by a channel.
pub(crate) fn stream<T: Send + 'static>(
    receiver: mpsc::Receiver<Result<T>>,
) -> futures::stream::BoxStream<'static, Result<T>> {
    futures::stream::unfold(receiver, |mut r| async move {
        r.recv().await.map(|item| (item, r))
    })
    .boxed()
}

/// Answers a query: the catalogue and every row are of one moment.
pub(crate) async fn features(
    mut reader: Reader,
    catalog: impl FnOnce(&Connection) -> Result<Arc<Catalog>> + Send + 'static,
    query: FeatureQuery,
) -> Result<FeatureStream> {
    let wanted = reader.wanted();
    let (ready, planned) = oneshot::channel();
    let (batches, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let begun = (|| {
            let conn = reader.conn()?;
            snapshot(conn)?;
            let catalog = catalog(conn)?;
            let plan = plan(&catalog, &query)?;
            by_key(conn, nearest_box(conn, plan)?)
        })();
        let plan = match begun {
            Ok(plan) => plan,
            Err(e) => {
                let _ = ready.send(Err(e));
                return;
            }
        };
        if ready.send(Ok(plan.layout.schema().clone())).is_err() {
            return;
        }
        if let Err(e) = step(&reader, &plan, &batches) {
            reader.hand_on(&batches, Err(e));
        }
    });
    let schema = planned
        .await
        .map_err(|_| Error::internal("the query ended before it began"))??;
    Ok(FeatureStream {
        schema,
        // The reader of the stream makes labels while the next rows are stepped.
        batches: stream(receiver)
            .map(move |rows| {
                let _ = &wanted;
                rows.and_then(PhysicalRows::finish)
            })
            .boxed(),
    })
}

/// Narrows a nearest query to the smallest box that holds enough features within its radius.
fn nearest_box(conn: &Connection, mut plan: Plan) -> Result<Plan> {
    let (Some(near), Some(limit)) = (plan.near, plan.limit) else {
        return Ok(plan);
    };
    let wanted = limit.saturating_add(plan.offset);
    if near.within_m.is_some() || plan.branches.is_empty() {
        return Ok(plan);
    }
    for radius in nearest_radii_m(&near) {
        let bbox = Bbox::around(near.longitude, near.latitude, radius);
        let mut probe = plan.clone();
        for b in &mut probe.branches {
            b.bbox = Some(bbox);
            b.filter = b.filter.clone().and(cabd_core::query::Pred::Compare(
                cabd_core::query::Expr::Distance(near),
                cabd_core::query::Comparison::Lte,
                radius.into(),
            ));
        }
        if has(conn, &probe, wanted)? {
            plan.branches.iter_mut().for_each(|b| b.bbox = Some(bbox));
            return Ok(plan);
        }
    }
    Ok(plan)
}

fn step(reader: &Reader, plan: &Plan, batches: &mpsc::Sender<Result<PhysicalRows>>) -> Result<()> {
    let doing = db("read features");
    let text = sql::select(plan, true)?;
    let mut statement = reader.conn()?.prepare_cached(&text.text).map_err(&doing)?;
    let mut rows = statement
        .query(params_from_iter(text.values))
        .map_err(&doing)?;
    let mut builder = BatchBuilder::new(plan.layout.clone(), plan.batch_rows);
    let mut scratch = Vec::with_capacity(64);
    let types = &plan.layout.physical;
    while let Some(row) = rows.next().map_err(&doing)? {
        for (i, (column, data_type)) in builder.columns().iter_mut().zip(types).enumerate() {
            let value = row.get_ref(i).map_err(&doing)?;
            push(column, value, data_type, &mut scratch).map_err(|e| at_row(e, row, plan, i))?;
        }
        if builder.end_row() {
            if !reader.hand_on(batches, Ok(builder.take())) {
                return Ok(());
            }
            reader.give_way();
        }
    }
    if !builder.is_empty() {
        reader.hand_on(batches, Ok(builder.take()));
    }
    Ok(())
}

fn at_row(e: Error, row: &rusqlite::Row<'_>, plan: &Plan, column: usize) -> Error {
    let id: String = row.get(plan.layout.id).unwrap_or_default();
    let name = plan.layout.outputs.iter().find(|o| match o.output {
        cabd_core::feature::Output::Physical(i) | cabd_core::feature::Output::Label(i, _) => {
            i == column
        }
        _ => false,
    });
    let e = e.at(format!("feature {id}"));
    match name {
        Some(o) => e.field(&o.name),
        None => e,
    }
}

/// Walks a table by identifier where the first of many rows in a box are asked for: the box alone would have to be read and sorted
/// whole. With N rows in the table and n in the box, the first k are found among k N / n.
fn by_key(conn: &Connection, mut plan: Plan) -> Result<Plan> {
    let only_by_id = matches!(&plan.order[..], [one] if one.column == plan.layout.id);
    let (Some(limit), true) = (plan.limit, only_by_id) else {
        return Ok(plan);
    };
    let wanted = limit.saturating_add(plan.offset);
    let doing = db("look for the way to the first features");
    let number = |text: &str, values: Vec<rusqlite::types::Value>| -> Result<u64> {
        let n: i64 = conn
            .prepare_cached(text)
            .and_then(|mut s| s.query_row(params_from_iter(values), |r| r.get(0)))
            .map_err(&doing)?;
        Ok(u64::try_from(n).unwrap_or(0))
    };
    for branch in &mut plan.branches {
        let Some(bbox) = branch.only_box() else {
            continue;
        };
        let size = match branch.feature_type.served {
            Served::Tables => number(&sql::size(branch), vec![])?,
            _ => continue,
        };
        let as_much = (wanted as f64 * size as f64).sqrt() as u64 + 1;
        if let Some(text) = sql::in_box(branch, bbox, as_much)
            && number(&text.text, text.values)? >= as_much
        {
            branch.bbox = None;
        }
    }
    Ok(plan)
}

/// Whether at least so many rows pass.
fn has(conn: &Connection, plan: &Plan, wanted: u64) -> Result<bool> {
    let doing = db("look for the nearest features");
    let text = sql::at_least(plan, wanted)?;
    let n: i64 = conn
        .prepare_cached(&text.text)
        .and_then(|mut s| s.query_row(params_from_iter(text.values), |r| r.get(0)))
        .map_err(&doing)?;
    Ok(u64::try_from(n).is_ok_and(|n| n >= wanted))
}

fn count_rows(conn: &Connection, plan: &Plan) -> Result<u64> {
    let doing = db("count features");
    let mut total: u64 = 0;
    for text in sql::counts(plan)? {
        let n: i64 = conn
            .prepare_cached(&text.text)
            .and_then(|mut s| s.query_row(params_from_iter(text.values), |r| r.get(0)))
            .map_err(&doing)?;
        total += u64::try_from(n).unwrap_or(0);
    }
    Ok(total)
}

/// Counts what passes.
pub(crate) fn count(conn: &Connection, catalog: &Catalog, query: &FeatureQuery) -> Result<u64> {
    count_rows(conn, &plan_count(catalog, query)?)
}

/// Answers a record query.
pub(crate) async fn records(
    reader: Reader,
    catalog: impl FnOnce(&Connection) -> Result<Arc<Catalog>> + Send + 'static,
    query: RecordQuery,
) -> Result<RecordStream> {
    let (rows, mut receiver) = mpsc::channel(256);
    tokio::task::spawn_blocking(move || {
        let work = || -> Result<()> {
            let conn = reader.conn()?;
            snapshot(conn)?;
            let catalog = catalog(conn)?;
            step_records(&reader, &catalog, &query, &rows)
        };
        if let Err(e) = work() {
            reader.hand_on(&rows, Err(e));
        }
    });
    match receiver.recv().await {
        None => Ok(futures::stream::empty().boxed()),
        Some(Err(e)) => Err(e),
        Some(first) => Ok(futures::stream::once(async { first })
            .chain(stream(receiver))
            .boxed()),
    }
}

fn step_records(
    reader: &Reader,
    catalog: &Catalog,
    query: &RecordQuery,
    out: &mpsc::Sender<Result<Record>>,
) -> Result<()> {
    let doing = db("read records");
    let table = catalog.table(&query.relation)?;
    let picked = query.picked(table)?;
    let names: Vec<String> = picked
        .iter()
        .map(|i| identifier(&table.columns[*i].name))
        .collect();
    let mut text = format!("SELECT {} FROM {}", names.join(", "), table_name(table));
    let mut bound = vec![];
    for (n, (i, values)) in query.conditions(table)?.into_iter().enumerate() {
        let marks = vec!["?"; values.len()].join(", ");
        text.push_str(if n == 0 { " WHERE " } else { " AND " });
        let name = identifier(&table.columns[i].name);
        text.push_str(&format!("{name} IN ({marks})"));
        for v in &values {
            bound.push(to_sql(v)?);
        }
    }
    let key: Vec<String> = table
        .columns
        .iter()
        .take(table.key)
        .map(|c| identifier(&c.name))
        .collect();
    text.push_str(&format!(" ORDER BY {}", key.join(", ")));
    if let Some(limit) = query.limit {
        text.push_str(&format!(" LIMIT {limit}"));
    }
    let fields: Fields = picked
        .iter()
        .map(|i| table.columns[*i].name.clone())
        .collect();
    let mut statement = reader.conn()?.prepare(&text).map_err(&doing)?;
    let mut rows = statement.query(params_from_iter(bound)).map_err(&doing)?;
    while let Some(row) = rows.next().map_err(&doing)? {
        let values = picked
            .iter()
            .enumerate()
            .map(|(n, i)| {
                from_sql(
                    row.get_ref(n).map_err(&doing)?,
                    &table.columns[*i].data_type,
                )
            })
            .collect::<Result<Vec<_>>>()?;
        let record = Record {
            fields: fields.clone(),
            values,
        };
        if !reader.hand_on(out, Ok(record)) {
            break;
        }
    }
    Ok(())
}
