//! Triggers: the log of rows, identifiers of foreign rows, the effective geometry. Built-in functions only.

use cabd_core::catalog::{ID, Relation, Table};

use super::ddl::{NEW_UUID, is_array};
use super::{flat, table_name};
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

/// The log of inserts (without values), updates (changed columns, old and new) and deletes (the whole row).
pub(crate) fn audit(t: &Table) -> Vec<(String, String)> {
    let column = |wanted: &str| t.position(wanted);
    let feature = match &t.relation {
        Relation::Feature(_) => Some(0),
        Relation::FeatureUpdate => t.position(ID),
        _ => t.parent.as_ref().map(|(c, _)| *c),
    };
    let source = match t.relation {
        Relation::FeatureSource(_) => column("datasource_id"),
        Relation::DataSource => Some(0),
        _ => None,
    };
    let own = match t.relation {
        Relation::Part(..) | Relation::Contact | Relation::FeatureUpdate | Relation::Codes(_) => {
            Some(0)
        }
        Relation::Link(..) => Some(1),
        _ => None,
    };
    let head = |row: &str, action: &str, old: &str, new: &str| {
        let of = |c: Option<usize>| {
            c.map_or("NULL".to_owned(), |c| {
                format!("{row}.{}", identifier(&t.columns[c].name))
            })
        };
        format!(
            "INSERT INTO cabd_changeset (kind) SELECT 'external' WHERE NOT EXISTS (SELECT 1 FROM cabd_audit_actor); \
             INSERT INTO cabd_audit_log (changeset, datetime, username, schemaname, tablename, action, cabd_id, datasource_id, id_pk, oldvalues, newvalues) \
             SELECT COALESCE((SELECT changeset FROM cabd_audit_actor), (SELECT max(id) FROM cabd_changeset)), {NOW}, \
             (SELECT author FROM cabd_audit_actor), {}, {}, '{action}', {}, {}, {}, {old}, {new};",
            literal(&t.schema),
            literal(&t.name),
            of(feature),
            of(source),
            of(own),
        )
    };
    let changed: Vec<String> = t
        .columns
        .iter()
        .map(|c| format!("NEW.{0} IS NOT OLD.{0}", identifier(&c.name)))
        .collect();
    let json = |row: &str, only_changed: bool| {
        let pairs: Vec<String> = t
            .columns
            .iter()
            .map(|c| {
                let id = identifier(&c.name);
                let pair = format!(
                    "',' || {} || {}",
                    literal(&format!("{:?}:", c.name)),
                    quoted(row, &id, &c.data_type)
                );
                if only_changed {
                    format!("CASE WHEN NEW.{id} IS NOT OLD.{id} THEN {pair} ELSE '' END")
                } else {
                    pair
                }
            })
            .collect();
        format!("'{{' || substr({}, 2) || '}}'", pairs.join(" || "))
    };
    vec![
        trigger(
            t,
            "ai",
            "AFTER INSERT",
            "",
            &head("NEW", "INSERT", "NULL", "NULL"),
        ),
        trigger(
            t,
            "au",
            "AFTER UPDATE",
            &format!("WHEN {}", changed.join(" OR ")),
            &head("NEW", "UPDATE", &json("OLD", true), &json("NEW", true)),
        ),
        trigger(
            t,
            "ad",
            "AFTER DELETE",
            "",
            &head("OLD", "DELETE", &json("OLD", false), "NULL"),
        ),
    ]
}

/// A column's value as JSON text; reals with every digit, geometries as hexadecimal.
fn quoted(row: &str, column: &str, data_type: &DataType) -> String {
    let v = format!("{row}.{column}");
    match data_type {
        DataType::Geometry(_) => format!("COALESCE('\"' || hex({v}) || '\"', 'null')"),
        DataType::Double | DataType::Numeric => format!("COALESCE(printf('%!.17g', {v}), 'null')"),
        t if is_array(t) => format!("COALESCE({v}, 'null')"),
        _ => format!(
            "CASE WHEN typeof({v}) = 'blob' THEN '\"' || hex({v}) || '\"' ELSE json_quote({v}) END"
        ),
    }
}
