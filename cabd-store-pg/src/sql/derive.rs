//! Statements for derived values.

use cabd_core::catalog::Table;
use cabd_core::error::{Error, Result};
use cabd_core::geometry::SRID;
use cabd_core::store::Position;
use cabd_core::value::{DataType, Value};

use super::query::Query;
use super::{ident, name_of};
use crate::types::{Param, value_type};

/// Nothing waits for somebody who may only read.
pub(crate) const WAITING: &str = "SELECT max(revision) FROM cabd.changeset \
     WHERE kind = 'external' AND revision > (SELECT revision FROM cabd.derived_mark) \
     AND current_setting('transaction_read_only') = 'off' AND has_table_privilege('cabd.derived_mark', 'UPDATE')";

pub(crate) const FOREIGN: &str = "SELECT l.schemaname, l.tablename, l.action, l.cabd_id, \
     CASE WHEN l.action = 'UPDATE' THEN ARRAY(SELECT jsonb_object_keys(l.newvalues)) ELSE '{}' END, l.datetime \
     FROM cabd.changeset c JOIN cabd.audit_record l ON l.changeset = c.id \
     WHERE c.kind = 'external' AND c.revision > (SELECT revision FROM cabd.derived_mark) AND c.revision <= $1 \
     AND l.cabd_id IS NOT NULL AND l.schemaname || '.' || l.tablename = ANY($2::text[]) \
     ORDER BY l.cabd_id, l.revision";

pub(crate) const MARK: &str = "UPDATE cabd.derived_mark SET revision = greatest(revision, $1)";

fn extent(t: &Table) -> Result<String> {
    let column = t.spatial.and_then(|c| t.columns.get(c));
    column
        .map(|c| ident(&c.name))
        .ok_or_else(|| Error::internal(format!("{} has no extents", t.qualified())))
}

/// Whether the table has a polygon.
pub(crate) fn any_extent(t: &Table) -> Result<String> {
    Ok(format!(
        "SELECT EXISTS (SELECT 1 FROM {} WHERE {} IS NOT NULL)",
        name_of(t),
        extent(t)?
    ))
}

/// The polygons that contain positions: the place of the position, then the columns.
///
/// Boxes come from the index; sorted by polygon, each is read and made ready once. A lone point would be compared in
/// rounded numbers; as a collection it is compared exactly, as in the other stores.
pub(crate) fn containing(t: &Table, columns: &[usize], positions: &[Position]) -> Result<Query> {
    let extent = extent(t)?;
    let picked: Vec<String> = columns
        .iter()
        .filter_map(|c| t.columns.get(*c))
        .map(|c| format!("b.{}::{}", ident(&c.name), value_type(&c.data_type)))
        .collect();
    let numbers = |pick: fn(&Position) -> f64| {
        let all = positions.iter().map(|p| Value::Double(pick(p))).collect();
        Param::Many(DataType::Double, all)
    };
    let key = t
        .columns
        .first()
        .map(|c| ident(&c.name))
        .unwrap_or_default();
    Ok(Query {
        text: format!(
            "SELECT b.n, {} FROM (SELECT p.n, p.g, t.* FROM (SELECT n, ST_SetSRID(ST_MakePoint(x, y), {SRID}) AS g \
             FROM unnest($1::float8[], $2::float8[]) WITH ORDINALITY AS u(x, y, n)) p \
             JOIN {} t ON t.{extent} && p.g ORDER BY t.{key} OFFSET 0) b WHERE ST_Intersects(b.{extent}, ST_ForceCollection(b.g))",
            picked.join(", "),
            name_of(t)
        ),
        params: vec![numbers(|p| p.0), numbers(|p| p.1)],
    })
}
