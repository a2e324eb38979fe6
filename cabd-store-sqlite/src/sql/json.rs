//! Rows as JSON objects, written by SQL that is short: every connection parses it.
//!
//! The first row of each `VALUES` is passed over: without columns of tables in it, SQLite names what it has `column1` and so on.

use cabd_core::DataType;
use cabd_core::catalog::Table;

use super::ddl::is_array;
use crate::spatial::{identifier, literal};

/// Marks a column that follows other changes.
const FOLLOWS: char = '-';

/// The values of a row as JSON, nulls left out.
pub(crate) fn row(t: &Table, row: &str) -> String {
    let values: Vec<String> = t
        .columns
        .iter()
        .map(|c| {
            let (name, kind) = (name(&c.name), literal(kind(&c.data_type)));
            format!("({name}, {row}{}, {kind})", identifier(&c.name))
        })
        .collect();
    format!(
        "(SELECT {} FROM (VALUES ('', NULL, ''), {}) WHERE column2 IS NOT NULL)",
        object("column2", "column3"),
        values.join(", ")
    )
}

/// What an update has changed outside of the key: one row of the old and new values as JSON, `o` and `n`, and whether more
/// has changed than what follows other changes, `more`.
pub(crate) fn changed(t: &Table) -> String {
    let values: Vec<String> = t
        .columns
        .iter()
        .skip(t.key)
        .map(|c| {
            let (name, id) = (name(&c.name), identifier(&c.name));
            let mut kind = kind(&c.data_type).to_owned();
            if c.follows {
                kind.insert(0, FOLLOWS);
            }
            format!("({name}, OLD.{id}, NEW.{id}, {})", literal(&kind))
        })
        .collect();
    let kind = format!("ltrim(column4, '{FOLLOWS}')");
    format!(
        "SELECT {} AS o, {} AS n, max(column4 NOT LIKE '{FOLLOWS}%') AS more FROM (VALUES ('', NULL, NULL, ''), {}) WHERE column2 IS NOT column3",
        object("column2", &kind),
        object("column3", &kind),
        values.join(", ")
    )
}

fn name(column: &str) -> String {
    literal(&format!("{}:", serde_json::Value::from(column)))
}

fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Geometry(_) => "g",
        DataType::Double | DataType::Numeric => "d",
        DataType::Boolean => "b",
        t if is_array(t) => "j",
        _ => "",
    }
}

/// The object of the names in `column1` and the values of a column: reals with every digit, geometries as hexadecimal.
fn object(v: &str, kind: &str) -> String {
    format!(
        "'{{' || COALESCE(group_concat(column1 || CASE WHEN {v} IS NULL THEN 'null' \
         WHEN typeof({v}) = 'blob' OR {kind} = 'g' THEN '\"' || hex({v}) || '\"' \
         WHEN {kind} = 'd' AND typeof({v}) = 'real' THEN iif(abs({v}) < 9e999, printf('%!.17g', {v}), json_quote(CAST({v} AS TEXT))) \
         WHEN {kind} = 'b' AND {v} IN (0, 1) THEN iif({v}, 'true', 'false') \
         WHEN {kind} = 'j' AND json_valid({v}) THEN {v} ELSE json_quote({v}) END, ','), '') || '}}'"
    )
}
