//! Rows of one table: read by key, written in sets, read as records.

use cabd_core::catalog::{Column, Table};
use cabd_core::error::{Error, Result};
use cabd_core::store::{RecordQuery, Row};
use cabd_core::value::{DataType, Value};

use super::query::Query;
use super::{Sql, ident, idents, name_of};
use crate::types::{Param, column_type, text_form, value_type};

/// Whether values of the type travel as text inside arrays of parameters.
fn as_text(t: &DataType) -> bool {
    matches!(t, DataType::Array(_) | DataType::Geometry(_))
}

/// One column of many rows as a parameter.
fn column_param<'a>(c: &Column, values: impl Iterator<Item = &'a Value>) -> Result<Param> {
    if as_text(&c.data_type) {
        let texts = values.map(text_form).collect::<Result<_>>()?;
        return Ok(Param::Many(DataType::Text(None), texts));
    }
    Ok(Param::Many(c.data_type.clone(), values.cloned().collect()))
}

fn array_type(c: &Column) -> &'static str {
    if as_text(&c.data_type) {
        "text"
    } else {
        value_type(&c.data_type)
    }
}

/// `unnest(…)` over the keys: columns k0, k1 …
fn keys(t: &Table) -> String {
    let all: Vec<String> = t.columns[..t.key]
        .iter()
        .enumerate()
        .map(|(i, c)| format!("${}::{}[]", i + 1, array_type(c)))
        .collect();
    format!("unnest({})", all.join(", "))
}

fn key_names(t: &Table) -> String {
    (0..t.key)
        .map(|i| format!("k{i}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn same_key(t: &Table) -> String {
    let all: Vec<String> = t.columns[..t.key]
        .iter()
        .enumerate()
        .map(|(i, c)| format!("t.{} = k.k{i}", ident(&c.name)))
        .collect();
    all.join(" AND ")
}

/// Locks the rows with these identifiers, in one order so that two who do this never wait for each other.
pub(crate) fn lock(t: &Table) -> String {
    let key = ident(&t.columns[0].name);
    let name = name_of(t);
    format!("SELECT FROM {name} WHERE {key} = ANY ($1) ORDER BY {key} FOR UPDATE")
}

/// The parameters of statements by key.
pub(crate) fn key_params(t: &Table, rows: &[Row]) -> Result<Vec<Param>> {
    (0..t.key)
        .map(|i| {
            column_param(
                &t.columns[i],
                rows.iter().map(|r| r.get(i).unwrap_or(&Value::Null)),
            )
        })
        .collect()
}

/// Columns as they are read.
fn read_list<'a>(alias: &str, columns: impl Iterator<Item = &'a Column>) -> String {
    let all: Vec<String> = columns
        .map(|c| format!("{alias}.{}::{}", ident(&c.name), value_type(&c.data_type)))
        .collect();
    all.join(", ")
}

/// The rows with these keys, locked; first the key's place among the keys.
pub(crate) fn fetch(t: &Table) -> String {
    format!(
        "SELECT k.n, {} FROM {} WITH ORDINALITY AS k({}, n) JOIN {} t ON {} FOR NO KEY UPDATE OF t",
        read_list("t", t.columns.iter()),
        keys(t),
        key_names(t),
        name_of(t),
        same_key(t)
    )
}

/// The places of the keys that exist.
pub(crate) fn existing(t: &Table) -> String {
    format!(
        "SELECT k.n FROM {} WITH ORDINALITY AS k({}, n) JOIN {} t ON {}",
        keys(t),
        key_names(t),
        name_of(t),
        same_key(t)
    )
}

/// Deletes the rows with these keys.
pub(crate) fn delete(t: &Table) -> String {
    format!(
        "DELETE FROM {} t USING {} AS k({}) WHERE {}",
        name_of(t),
        keys(t),
        key_names(t),
        same_key(t)
    )
}

/// Deletes the rows whose column has one of the values.
pub(crate) fn delete_where(t: &Table, column: usize, values: &[Value]) -> Result<Query> {
    let c = column_at(t, column)?;
    Ok(Query {
        text: format!(
            "DELETE FROM {} t WHERE t.{} = ANY($1::{}[])",
            name_of(t),
            ident(&c.name),
            array_type(c)
        ),
        params: vec![column_param(c, values.iter())?],
    })
}

/// Sets columns of rows by key; `rows` holds each row's key and new values.
pub(crate) fn update(t: &Table, set: &[usize], rows: &[(&Row, Vec<&Value>)]) -> Result<Query> {
    let mut params = (0..t.key)
        .map(|i| column_param(&t.columns[i], rows.iter().map(|(k, _)| &k[i])))
        .collect::<Result<Vec<_>>>()?;
    let mut sources: Vec<String> = t.columns[..t.key]
        .iter()
        .enumerate()
        .map(|(i, c)| format!("${}::{}[]", i + 1, array_type(c)))
        .collect();
    let mut names = vec![key_names(t)];
    let mut assignments = vec![];
    for (i, column) in set.iter().enumerate() {
        let c = column_at(t, *column)?;
        params.push(column_param(c, rows.iter().map(|(_, v)| v[i]))?);
        sources.push(format!("${}::{}[]", params.len(), array_type(c)));
        names.push(format!("c{i}"));
        let cast = if as_text(&c.data_type) {
            format!("::{}", column_type(&c.data_type))
        } else {
            String::new()
        };
        assignments.push(format!("{} = k.c{i}{cast}", ident(&c.name)));
    }
    Ok(Query {
        text: format!(
            "UPDATE {} t SET {} FROM unnest({}) AS k({}) WHERE {}",
            name_of(t),
            assignments.join(", "),
            sources.join(", "),
            names.join(", "),
            same_key(t)
        ),
        params,
    })
}

/// One of the keys that a row of another table names in one of its columns.
pub(crate) fn naming(t: &Table, keys: &[Row], other: &Table, columns: &[usize]) -> Result<Query> {
    let tests = columns
        .iter()
        .map(|c| Ok(format!("o.{} = k.k0", ident(&column_at(other, *c)?.name))))
        .collect::<Result<Vec<_>>>()?;
    let key = &t.columns[0];
    Ok(Query {
        text: format!(
            "SELECT k.k0 FROM unnest($1::{}[]) AS k(k0) WHERE EXISTS (SELECT 1 FROM {} o WHERE {}) LIMIT 1",
            array_type(key),
            name_of(other),
            tests.join(" OR ")
        ),
        params: vec![column_param(key, keys.iter().filter_map(|k| k.first()))?],
    })
}

fn column_at(t: &Table, i: usize) -> Result<&Column> {
    t.columns
        .get(i)
        .ok_or_else(|| Error::internal(format!("{} has no column {i}", t.qualified())))
}

/// Takes rows in the binary format.
pub(crate) fn copy_in(t: &Table) -> String {
    format!(
        "COPY {} ({}) FROM STDIN BINARY",
        name_of(t),
        idents(t.columns.iter().map(|c| c.name.as_str()))
    )
}

/// Gathers statistics of the columns that conditions compare as they are; texts are compared folded.
pub(crate) fn analyze(t: &Table) -> String {
    let columns = t
        .columns
        .iter()
        .filter(|c| {
            !matches!(
                c.data_type,
                DataType::Text(_) | DataType::Url | DataType::Array(_)
            )
        })
        .map(|c| c.name.as_str());
    format!("ANALYZE {} ({})", name_of(t), idents(columns))
}

/// Whether the table has no row.
pub(crate) fn is_empty(t: &Table) -> String {
    format!("SELECT NOT EXISTS (SELECT 1 FROM {})", name_of(t))
}

/// The records of a query in key order; also the columns they have.
pub(crate) fn records<'a>(t: &'a Table, q: &RecordQuery) -> Result<(Query, Vec<&'a Column>)> {
    let picked: Vec<&Column> = q.picked(t)?.into_iter().map(|i| &t.columns[i]).collect();
    let mut sql = Sql::bound();
    let mut tests = vec![];
    for (i, values) in q.conditions(t)? {
        let c = &t.columns[i];
        let values = sql.value(
            Param::Many(c.data_type.clone(), values),
            value_type(&c.data_type),
        )?;
        tests.push(format!("t.{} = ANY({values})", ident(&c.name)));
    }
    let condition = if tests.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", tests.join(" AND "))
    };
    let order: Vec<String> = t.columns[..t.key]
        .iter()
        .map(|c| {
            let collate = matches!(c.data_type, DataType::Text(_));
            format!(
                "t.{}{}",
                ident(&c.name),
                if collate { " COLLATE \"C\"" } else { "" }
            )
        })
        .collect();
    let limit = q.limit.map_or(String::new(), |l| {
        format!(" LIMIT {}", l.min(i64::MAX as u64))
    });
    let text = format!(
        "SELECT {} FROM {} t{condition} ORDER BY {}{limit}",
        read_list("t", picked.iter().copied()),
        name_of(t),
        order.join(", ")
    );
    Ok((
        Query {
            text,
            params: sql.params,
        },
        picked,
    ))
}
