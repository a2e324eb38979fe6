//! What derived values are asked of a file: which polygons contain points, and what other programs have changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use cabd_core::catalog::{Relation, Table};
use cabd_core::geometry::Areas;
use cabd_core::store::{ForeignChange, Position, Row};
use cabd_core::time::Timestamp;
use cabd_core::{DataType, Error, Result, Value};
use rusqlite::{Connection, OptionalExtension, params};

use crate::catalog::layer_of;
use crate::error::db;
use crate::functions::own::micros;
use crate::sql::derive as text;
use crate::types::from_sql;

/// Polygons of reference tables made ready, by table and `fid`.
pub(crate) type Known = Areas<(Relation, i64)>;

/// The pairs of positions and polygons that contain them; `None` where the table has no polygon.
pub(crate) fn containing(
    conn: &Connection,
    known: &mut Known,
    table: &Table,
    columns: &[usize],
    positions: &[Position],
) -> Result<Option<Vec<(usize, Row)>>> {
    let Some(layer) = layer_of(table) else {
        return Ok(None);
    };
    let doing = db("look into the reference polygons");
    let indexed: bool = conn
        .query_row(text::TABLE_EXISTS, [layer.index_table()], |r| r.get(0))
        .map_err(&doing)?;
    let candidates = if indexed {
        by_index(conn, &layer.index_table(), positions)?
    } else {
        every_polygon(conn, table, positions.len())?
    };
    let Some(candidates) = candidates else {
        return Ok(None);
    };
    let mut extent = conn
        .prepare_cached(&text::extent_of(table, &layer.column))
        .map_err(&doing)?;
    let mut values = conn
        .prepare_cached(&text::columns_of(table, columns))
        .map_err(&doing)?;
    let geometry = &DataType::Geometry(cabd_core::geometry::GeometryKind::Geometry);
    let mut found = vec![];
    for (fid, near) in candidates {
        let area = known.get((table.relation.clone(), fid), || {
            let read = extent.query_row([fid], |r| Ok(from_sql(r.get_ref(0)?, geometry)));
            match read.map_err(&doing)?? {
                Value::Geometry(g) => Ok(g),
                _ => Err(
                    Error::corrupt("the spatial index names a row without a polygon")
                        .at(table.qualified())
                        .hint("`cabd doctor` examines the indexes"),
                ),
            }
        })?;
        let mut row: Option<Row> = None;
        for n in near {
            let Some((x, y)) = positions.get(n) else {
                continue;
            };
            if !area.covers(*x, *y) {
                continue;
            }
            if row.is_none() {
                let mut rows = values.query([fid]).map_err(&doing)?;
                let r = rows
                    .next()
                    .map_err(&doing)?
                    .ok_or_else(|| Error::internal("a polygon's row is gone"))?;
                let read = |(i, c): (usize, &usize)| {
                    let c = &table.columns[*c];
                    from_sql(r.get_ref(i).map_err(&doing)?, &c.data_type)
                        .map_err(|e| e.field(&c.name))
                };
                row = Some(
                    columns
                        .iter()
                        .enumerate()
                        .map(read)
                        .collect::<Result<_>>()?,
                );
            }
            found.extend(row.clone().map(|row| (n, row)));
        }
    }
    Ok(Some(found))
}

type Candidates = Option<BTreeMap<i64, Vec<usize>>>;

/// The polygons whose boxes hold positions.
fn by_index(conn: &Connection, index: &str, positions: &[Position]) -> Result<Candidates> {
    let doing = db("look into the index of the reference polygons");
    let any: bool = conn
        .query_row(&text::any_entry(index), [], |r| r.get(0))
        .map_err(&doing)?;
    if !any {
        return Ok(None);
    }
    let mut statement = conn
        .prepare_cached(&text::boxes_at(index))
        .map_err(&doing)?;
    let mut out: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (n, (x, y)) in positions.iter().enumerate() {
        let mut rows = statement.query(params![x, y]).map_err(&doing)?;
        while let Some(r) = rows.next().map_err(&doing)? {
            out.entry(r.get(0).map_err(&doing)?).or_default().push(n);
        }
    }
    Ok(Some(out))
}

/// Every polygon for every position, where a foreign program has taken the index away.
fn every_polygon(conn: &Connection, table: &Table, positions: usize) -> Result<Candidates> {
    let doing = db("read the reference polygons");
    let Some(layer) = layer_of(table) else {
        return Ok(None);
    };
    let mut statement = conn
        .prepare(&text::rows_with_extent(table, &layer.column))
        .map_err(&doing)?;
    let fids = statement
        .query_map([], |r| r.get::<_, i64>(0))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(&doing)?;
    if fids.is_empty() {
        return Ok(None);
    }
    let all = fids.into_iter().map(|fid| (fid, (0..positions).collect()));
    Ok(Some(all.collect()))
}

/// The newest changeset of another program that nobody has looked at.
pub(crate) fn waiting(conn: &Connection) -> Result<Option<i64>> {
    conn.query_row(text::WAITING, [], |r| r.get(0))
        .optional()
        .map(Option::flatten)
        .map_err(db("look for changes of other programs"))
}

/// Hands the changes of other programs up to a changeset to `take`, those of one feature together, until it refuses.
pub(crate) fn foreign(
    conn: &Connection,
    tables: &[Arc<Table>],
    until: i64,
    mut take: impl FnMut(ForeignChange) -> bool,
) -> Result<()> {
    let doing = db("read the changes of other programs");
    let names: Vec<String> = tables.iter().map(|t| t.qualified()).collect();
    let names = Value::List(names.into_iter().map(Value::from).collect());
    let mut statement = conn.prepare(text::FOREIGN).map_err(&doing)?;
    let mut rows = statement
        .query(params![until, names.to_json().to_string()])
        .map_err(&doing)?;
    while let Some(r) = rows.next().map_err(&doing)? {
        let (id, at): (String, String) = (r.get(3).map_err(&doing)?, r.get(5).map_err(&doing)?);
        let new: Option<String> = r.get(4).map_err(&doing)?;
        // A row whose identifier another program has spoilt is the doctor's.
        let Ok(cabd_id) = id.parse() else { continue };
        let columns = new
            .and_then(|t| serde_json::from_str::<serde_json::Value>(&t).ok())
            .and_then(|v| Some(v.as_object()?.keys().cloned().collect()))
            .unwrap_or_default();
        let instant = micros(&at).and_then(|m| Timestamp::from_microsecond(m).ok());
        let change = ForeignChange {
            schema: r.get(0).map_err(&doing)?,
            table: r.get(1).map_err(&doing)?,
            action: r.get(2).map_err(&doing)?,
            cabd_id,
            columns,
            at: instant.unwrap_or_else(Timestamp::now),
        };
        if !take(change) {
            break;
        }
    }
    Ok(())
}

/// Remembers that the changes of other programs have been looked at up to a changeset.
pub(crate) fn mark(conn: &Connection, until: i64) -> Result<()> {
    conn.execute(text::MARK, [until])
        .map(|_| ())
        .map_err(db("remember what was looked at"))
}
