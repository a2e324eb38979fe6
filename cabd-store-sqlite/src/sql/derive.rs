//! Statements for derived values.

use cabd_core::catalog::Table;

use super::table_name;
use crate::spatial::identifier;

pub(crate) const TABLE_EXISTS: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)";

pub(crate) const WAITING: &str = "SELECT max(id) FROM cabd_changeset \
     WHERE kind = 'external' AND id > (SELECT changeset FROM cabd_derived_mark)";

pub(crate) const FOREIGN: &str = "SELECT l.schemaname, l.tablename, l.action, l.cabd_id, CASE WHEN l.action = 'UPDATE' THEN l.newvalues END, l.datetime \
     FROM cabd_changeset AS c JOIN cabd_audit_record AS l ON l.changeset = c.id \
     WHERE c.kind = 'external' AND c.id > (SELECT changeset FROM cabd_derived_mark) AND c.id <= ?1 \
     AND l.cabd_id IS NOT NULL AND l.schemaname || '.' || l.tablename IN (SELECT value FROM json_each(?2)) \
     ORDER BY l.cabd_id, l.revision";

pub(crate) const MARK: &str = "UPDATE cabd_derived_mark SET changeset = max(changeset, ?)";

pub(crate) fn any_entry(index: &str) -> String {
    format!("SELECT EXISTS (SELECT 1 FROM {})", identifier(index))
}

pub(crate) fn boxes_at(index: &str) -> String {
    format!(
        "SELECT pkid FROM {} WHERE xmin <= ?1 AND xmax >= ?1 AND ymin <= ?2 AND ymax >= ?2",
        identifier(index)
    )
}

pub(crate) fn rows_with_extent(t: &Table, column: &str) -> String {
    format!(
        "SELECT fid FROM {} WHERE {} IS NOT NULL",
        table_name(t),
        identifier(column)
    )
}

pub(crate) fn extent_of(t: &Table, column: &str) -> String {
    format!(
        "SELECT {} FROM {} WHERE fid = ?",
        identifier(column),
        table_name(t)
    )
}

pub(crate) fn columns_of(t: &Table, columns: &[usize]) -> String {
    let names: Vec<String> = columns
        .iter()
        .map(|c| identifier(&t.columns[*c].name))
        .collect();
    format!(
        "SELECT {} FROM {} WHERE fid = ?",
        names.join(", "),
        table_name(t)
    )
}
