//! Statements about the log.

use cabd_core::catalog::Catalog;
use cabd_core::store::ChangeQuery;
use cabd_core::{Result, Value};
use rusqlite::types::Value as SqlValue;

/// Whether another program has logged rows that belong to no changeset yet.
pub(crate) const WAITING: &str =
    "SELECT EXISTS (SELECT 1 FROM cabd_audit_record WHERE changeset IS NULL)";

/// A changeset for them, of the time of the last.
pub(crate) const GATHER: &str = "INSERT INTO cabd_changeset (kind, datetime) SELECT 'external', max(datetime) \
     FROM cabd_audit_record WHERE changeset IS NULL HAVING count(*) > 0";

pub(crate) const GATHERED: &str =
    "UPDATE cabd_audit_record SET changeset = ? WHERE changeset IS NULL";

pub(crate) const CHANGESETS: &str = "SELECT id, datetime, author, reason, kind, client, reviewer, datasource_id \
     FROM cabd_changeset WHERE id > ?1 AND id <= ?2 ORDER BY id";

pub(crate) const RELEASE: &str = "INSERT INTO cabd_release (name, revision, datetime, author, note, chain) VALUES (?, ?, ?, ?, ?, ?)";

pub(crate) const RELEASES: &str = "SELECT name, revision, datetime, author, note, chain FROM cabd_release ORDER BY revision, datetime";

fn list(values: Vec<Value>) -> SqlValue {
    SqlValue::Text(Value::List(values).to_json().to_string())
}

/// Entries of the log; without the values of new rows from the records alone.
pub(crate) fn changes(catalog: &Catalog, query: &ChangeQuery) -> Result<(String, Vec<SqlValue>)> {
    let mut values = vec![
        SqlValue::from(query.after.0),
        SqlValue::from(query.until.map_or(i64::MAX, |c| c.0)),
    ];
    let (log, new) = if query.values {
        ("cabd_audit_log", "l.newvalues")
    } else {
        (
            "cabd_audit_record",
            "CASE WHEN l.action <> 'INSERT' THEN l.newvalues END",
        )
    };
    let mut conditions = String::new();
    if !query.relations.is_empty() {
        let names = query
            .relations
            .iter()
            .map(|r| Ok(Value::from(catalog.table(r)?.qualified())))
            .collect::<Result<Vec<_>>>()?;
        values.push(list(names));
        conditions.push_str(&format!(
            " AND l.schemaname || '.' || l.tablename IN (SELECT value FROM json_each(?{}))",
            values.len()
        ));
    }
    if let Some((commit, revision)) = query.read {
        values.extend([SqlValue::from(commit.0), SqlValue::from(revision)]);
        let n = values.len();
        conditions.push_str(&format!(
            " AND NOT (l.changeset = ?{} AND l.revision <= ?{n})",
            n - 1
        ));
    }
    // The unary plus leaves the look-up to the other index.
    let mut changeset = "l.changeset";
    if let Some(ids) = &query.features {
        values.push(list(ids.iter().map(|id| Value::from(*id)).collect()));
        conditions.push_str(&format!(
            " AND l.cabd_id IN (SELECT value FROM json_each(?{}))",
            values.len()
        ));
        changeset = "+l.changeset";
    }
    let limit = query.limit.map(|n| format!(" LIMIT {n}"));
    Ok((
        format!(
            "SELECT l.revision, l.changeset, l.datetime, COALESCE(c.author, l.username), l.schemaname, l.tablename, \
             l.action, l.cabd_id, l.datasource_id, l.id_pk, l.row_key, l.oldvalues, {new} \
             FROM {log} AS l CROSS JOIN cabd_changeset AS c ON c.id = l.changeset \
             WHERE {changeset} > ?1 AND {changeset} <= ?2{conditions} ORDER BY l.changeset, l.revision{}",
            limit.unwrap_or_default()
        ),
        values,
    ))
}
