//! Triggers: the log of rows, identifiers of foreign rows, the effective geometry. Built-in functions only.

use std::sync::Arc;

use cabd_core::catalog::{Relation, Table};

use super::ddl::NEW_UUID;
use super::{flat, json, table_name};
use crate::spatial::{identifier, literal};
use cabd_core::DataType;

const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

/// Names and statements of every trigger that cabd puts on a table.
pub(crate) fn triggers(t: &Table) -> Vec<(String, String)> {
    let mut out = vec![];
    if let Relation::Codes(_) = t.relation {
        for (suffix, event) in [("ci", "INSERT"), ("cu", "UPDATE"), ("cd", "DELETE")] {
            let body = "UPDATE cabd_catalog_state SET version = version + 1;".to_owned();
            out.push(trigger(t, suffix, &format!("AFTER {event}"), "", &body));
        }
    }
    if matches!(t.relation, Relation::Feature(_)) {
        let set = format!(
            "UPDATE {} SET cabd_id = {NEW_UUID} WHERE fid = NEW.fid;",
            table_name(t)
        );
        out.push(trigger(
            t,
            "id",
            "AFTER INSERT",
            "WHEN NEW.cabd_id IS NULL",
            &set,
        ));
    }
    out.extend(required(t));
    out.extend(effective(t));
    out.extend(audit(t));
    out
}

/// Refuses nulls in required columns: one that became required later has no `NOT NULL` in its table.
fn required(t: &Table) -> Vec<(String, String)> {
    if !matches!(t.relation, Relation::Feature(_) | Relation::Part(..)) {
        return vec![];
    }
    let columns: Vec<String> = t.columns[t.key..]
        .iter()
        .filter(|c| {
            !c.nullable
                && t.parent
                    .as_ref()
                    .is_none_or(|(p, _)| t.columns[*p].name != c.name)
        })
        .map(|c| format!("NEW.{} IS NULL", identifier(&c.name)))
        .collect();
    if columns.is_empty() {
        return vec![];
    }
    let when = format!("WHEN {}", columns.join(" OR "));
    let names: Vec<&str> = t.columns[t.key..]
        .iter()
        .filter(|c| !c.nullable)
        .map(|c| c.name.as_str())
        .collect();
    let body = format!(
        "SELECT RAISE(ABORT, {});",
        literal(&format!(
            "{}: a required value is missing: {}",
            t.qualified(),
            names.join(", ")
        ))
    );
    vec![
        trigger(t, "ri", "BEFORE INSERT", &when, &body),
        trigger(t, "ru", "BEFORE UPDATE", &when, &body),
    ]
}

fn trigger(t: &Table, suffix: &str, event: &str, when: &str, body: &str) -> (String, String) {
    let name = format!("cabd_{suffix}_{}", flat(t));
    let sql = format!(
        "CREATE TRIGGER {} {event} ON {} {when} BEGIN {body} END",
        identifier(&name),
        table_name(t)
    );
    (name, sql)
}

/// Keeps the stored effective geometry and the columns it comes from in step, whichever a foreign program writes.
fn effective(t: &Table) -> Vec<(String, String)> {
    let Some(e) = &t.effective else { return vec![] };
    let name = |c: usize| identifier(&t.columns[c].name);
    let stored = name(e.column);
    let Some((last, before)) = e.from.split_last() else {
        return vec![];
    };
    let columns: Vec<String> = e.from.iter().map(|c| name(*c)).collect();
    let coalesce = |row: &str| {
        let all: Vec<String> = columns.iter().map(|c| format!("{row}{c}")).collect();
        if all.len() == 1 {
            all.join("")
        } else {
            format!("COALESCE({})", all.join(", "))
        }
    };
    let table = table_name(t);
    let last = name(*last);
    let none_before: String = before
        .iter()
        .map(|c| format!("{} IS NULL AND ", name(*c)))
        .collect();
    let insert = format!(
        "UPDATE {table} SET {last} = CASE WHEN {none_before}{last} IS NULL THEN {stored} ELSE {last} END, \
         {stored} = COALESCE({}, {stored}) WHERE fid = NEW.fid;",
        columns.join(", ")
    );
    let changed: Vec<String> = columns
        .iter()
        .map(|c| format!("NEW.{c} IS NOT OLD.{c}"))
        .collect();
    let same: Vec<String> = columns
        .iter()
        .map(|c| format!("NEW.{c} IS OLD.{c}"))
        .collect();
    let follow = format!(
        "UPDATE {table} SET {stored} = {} WHERE fid = NEW.fid;",
        coalesce("")
    );
    // The new place goes to the first origin that has one, else to the last.
    let mut sets = vec![];
    for (i, c) in columns.iter().enumerate() {
        let earlier: String = columns[..i]
            .iter()
            .map(|p| format!("{p} IS NULL AND "))
            .collect();
        let own = if i + 1 == columns.len() {
            "1".to_owned()
        } else {
            format!("{c} IS NOT NULL")
        };
        sets.push(format!(
            "{c} = CASE WHEN {earlier}{own} THEN {stored} ELSE {c} END"
        ));
    }
    let move_origin = format!(
        "UPDATE {table} SET {} WHERE fid = NEW.fid;",
        sets.join(", ")
    );
    let differs = format!("NEW.{stored} IS NOT {}", coalesce("NEW."));
    vec![
        trigger(t, "gi", "AFTER INSERT", &format!("WHEN {differs}"), &insert),
        trigger(
            t,
            "gf",
            &format!("AFTER UPDATE OF {}", columns.join(", ")),
            &format!("WHEN ({}) AND {differs}", changed.join(" OR ")),
            &follow,
        ),
        trigger(
            t,
            "gm",
            &format!("AFTER UPDATE OF {stored}"),
            &format!(
                "WHEN NEW.{stored} IS NOT OLD.{stored} AND {} AND {differs}",
                same.join(" AND ")
            ),
            &move_origin,
        ),
    ]
}

/// The columns of the log that say which row it is, and their expressions over a row; a code is an identifier where it is
/// a UUID.
pub(crate) fn log_ids(t: &Table, row: &str) -> [String; 4] {
    let ids = t.log_ids();
    let column = |i: usize| format!("{row}{}", identifier(&t.columns[i].name));
    let of = |i: Option<usize>| i.map_or("NULL".to_owned(), column);
    let own = match ids.id_pk {
        Some(i) if t.columns[i].data_type != DataType::Uuid => {
            format!("CASE WHEN {0} LIKE {UUID_LIKE} THEN {0} END", column(i))
        }
        i => of(i),
    };
    let key = match &ids.row_key[..] {
        [] => "NULL".to_owned(),
        all => {
            let all: Vec<String> = all
                .iter()
                .map(|i| format!("json_quote(CAST({} AS TEXT))", column(*i)))
                .collect();
            format!("'[' || {} || ']'", all.join(" || ',' || "))
        }
    };
    [of(ids.cabd_id), of(ids.datasource_id), own, key]
}

const UUID_LIKE: &str = "'________-____-____-____-____________'";

/// A condition that two rows are one row of one feature.
fn same_row(t: &Table) -> String {
    let same = |i: &usize| format!("NEW.{0} IS OLD.{0}", identifier(&t.columns[*i].name));
    t.identity()
        .iter()
        .map(same)
        .collect::<Vec<_>>()
        .join(" AND ")
}

/// The key of a row as one text.
fn key_text(t: &Table, row: &str) -> String {
    let all: Vec<String> = t.columns[..t.key]
        .iter()
        .map(|c| format!("{row}{}", identifier(&c.name)))
        .collect();
    all.join(" || '|' || ")
}

/// The log of inserts and deletes (the whole row) and of updates (changed columns, old and new).
pub(crate) fn audit(t: &Table) -> Vec<(String, String)> {
    let into = "INSERT INTO cabd_audit_record (changeset, datetime, username, schemaname, tablename, action, \
                cabd_id, datasource_id, id_pk, row_key, oldvalues, newvalues)";
    let who = format!(
        "(SELECT changeset FROM cabd_audit_actor), {NOW}, (SELECT author FROM cabd_audit_actor), {}, {}",
        literal(&t.schema),
        literal(&t.name)
    );
    let log = |row: &str, action: &str, old: &str, new: &str| {
        let ids = log_ids(t, row).join(", ");
        format!("{into} VALUES ({who}, '{action}', {ids}, {old}, {new});")
    };
    let first = identifier(&t.columns[0].name);
    let table = table_name(t);
    let name = literal(&flat(t));
    let there = |of: &str| {
        let row = key_text(t, "t.");
        format!("EXISTS (SELECT 1 FROM {table} AS t WHERE {row} = {of})")
    };
    // The row that a new one may replace: of the same key, or of the same number as a layer's row.
    let mut same: Vec<String> = vec![
        t.columns[..t.key]
            .iter()
            .map(|c| format!("t.{0} = NEW.{0}", identifier(&c.name)))
            .collect::<Vec<_>>()
            .join(" AND "),
    ];
    if t.is_layer {
        same.push("t.fid = NEW.fid".to_owned());
    }
    let rivals: Vec<String> = same
        .iter()
        .map(|c| format!("EXISTS (SELECT 1 FROM {table} AS t WHERE {c})"))
        .collect();
    let ids = log_ids(t, "t.").join(", ");
    let row = json::row(t, "t.");
    let key = key_text(t, "t.");
    let remember = format!(
        "DELETE FROM cabd_audit_replaced; INSERT INTO cabd_audit_replaced \
         SELECT {name}, {key}, {ids}, {row} FROM {table} AS t WHERE {};",
        same.join(" OR ")
    );
    let replaced = format!(
        "{into} SELECT {who}, 'DELETE', r.cabd_id, r.datasource_id, r.id_pk, r.row_key, r.oldvalues, NULL \
         FROM cabd_audit_replaced AS r WHERE r.tablename = {name} AND (r.row = {} OR NOT {}); \
         DELETE FROM cabd_audit_replaced WHERE tablename = {name};",
        key_text(t, "NEW."),
        there("r.row")
    );
    let inserted = log("NEW.", "INSERT", "NULL", &json::row(t, "NEW."));
    let deleted = log("OLD.", "DELETE", &json::row(t, "OLD."), "NULL");
    let forget = format!(
        "DELETE FROM cabd_audit_replaced WHERE tablename = {name} AND row = {};",
        key_text(t, "OLD.")
    );
    let same_key = same_row(t);
    let mut all = vec![
        trigger(
            t,
            "ab",
            "BEFORE INSERT",
            &format!("WHEN {}", rivals.join(" OR ")),
            &remember,
        ),
        trigger(
            t,
            "ai",
            "AFTER INSERT",
            &format!("WHEN NEW.{first} IS NOT NULL"),
            &inserted,
        ),
        // SQLite runs the newest first: the row that went is logged before the one that came.
        trigger(
            t,
            "ar",
            "AFTER INSERT",
            "WHEN EXISTS (SELECT 1 FROM cabd_audit_replaced)",
            &replaced,
        ),
        trigger(t, "ad", "AFTER DELETE", "", &format!("{deleted} {forget}")),
        // Another key or feature is another row; SQLite rows get their identifier in an update of its own.
        trigger(
            t,
            "ak",
            "AFTER UPDATE",
            &format!("WHEN NOT ({same_key}) AND NEW.{first} IS NOT NULL"),
            &inserted,
        ),
        trigger(
            t,
            "ag",
            "AFTER UPDATE",
            &format!("WHEN NOT ({same_key}) AND OLD.{first} IS NOT NULL"),
            &deleted,
        ),
    ];
    if t.columns[t.key..].iter().any(|c| !c.follows) {
        let ids = log_ids(t, "NEW.").join(", ");
        let updated = format!(
            "{into} SELECT {who}, 'UPDATE', {ids}, o, n FROM ({}) WHERE more;",
            json::changed(t)
        );
        let when = format!("WHEN {same_key} AND NEW.{first} IS NOT NULL");
        all.push(trigger(t, "au", "AFTER UPDATE", &when, &updated));
    }
    all
}

/// The view of the log: rows of bulk loads show what is there under what later changes have replaced, nulls left out.
pub(crate) fn audit_log(tables: &[Arc<Table>]) -> String {
    let mut present = String::new();
    for t in tables {
        let ids = t.log_ids();
        let key: Vec<String> = t.columns[..t.key]
            .iter()
            .enumerate()
            .map(|(i, c)| {
                let value = match ids.row_key.iter().position(|k| *k == i) {
                    Some(n) => format!("json_extract(r.row_key, '$[{n}]')"),
                    None if ids.id_pk == Some(i) => "r.id_pk".to_owned(),
                    None if ids.datasource_id == Some(i) => "r.datasource_id".to_owned(),
                    None => "r.cabd_id".to_owned(),
                };
                format!("t.{} = {value}", identifier(&c.name))
            })
            .collect();
        present.push_str(&format!(
            " WHEN {} THEN (SELECT {} FROM {} AS t WHERE {})",
            literal(&t.qualified()),
            json::row(t, "t."),
            table_name(t),
            key.join(" AND ")
        ));
    }
    let present = if present.is_empty() {
        "NULL".to_owned()
    } else {
        format!("CASE r.schemaname || '.' || r.tablename{present} END")
    };
    let same = "r.schemaname = l.schemaname AND r.tablename = l.tablename AND r.datasource_id IS l.datasource_id \
                AND r.id_pk IS l.id_pk AND r.row_key IS l.row_key AND l.revision > r.revision";
    // Rows of a feature are found by its index, the others by theirs.
    let later = |what: &str, condition: &str| {
        format!(
            "SELECT {what} FROM cabd_audit_record AS l WHERE l.cabd_id = r.cabd_id AND {same}{condition} \
             UNION ALL SELECT {what} FROM cabd_audit_record AS l WHERE r.cabd_id IS NULL AND l.cabd_id IS NULL \
             AND {same}{condition}"
        )
    };
    let gone = format!(
        "(SELECT min(n) FROM ({}))",
        later("l.revision AS n", " AND l.action = 'DELETE'")
    );
    let was = format!(
        "SELECT e.key AS k, w.j -> e.fullkey AS v, w.n AS n FROM (SELECT l.oldvalues AS j, l.n FROM ({}) AS l \
         WHERE l.n <= COALESCE({gone}, 9223372036854775807)) AS w, json_each(w.j) AS e",
        later("l.oldvalues, l.revision AS n", " AND l.action <> 'INSERT'")
    );
    let is = format!(
        "SELECT e.key, p.j -> e.fullkey, 9223372036854775807 FROM (SELECT CASE WHEN {gone} IS NULL THEN {present} END AS j) AS p, \
         json_each(p.j) AS e"
    );
    let values = format!(
        "(SELECT '{{' || COALESCE(group_concat(json_quote(k) || ':' || v), '') || '}}' FROM \
         (SELECT k, v, min(n) FROM ({was} UNION ALL {is}) GROUP BY k) WHERE v <> 'null')"
    );
    format!(
        "CREATE VIEW cabd_audit_log AS SELECT r.revision, r.datetime, r.username, r.schemaname, r.tablename, r.action, \
         r.cabd_id, r.datasource_id, r.id_pk, r.oldvalues, CASE WHEN r.action = 'INSERT' AND r.newvalues IS NULL \
         THEN {values} ELSE r.newvalues END AS newvalues, r.row_key, r.changeset FROM cabd_audit_record AS r"
    )
}
