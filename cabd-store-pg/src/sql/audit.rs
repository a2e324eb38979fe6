//! The triggers of a table: they log what changes, and keep the effective geometry right.

use cabd_core::catalog::{ID, Relation, Table};
use cabd_core::value::DataType;

use super::{derived_name, ident, literal, name_of, qualified};

/// Arguments of one `jsonb_build_object` call, in pairs; PostgreSQL takes 100 arguments.
const PAIRS: usize = 40;

/// Name of the audit trigger and of its function.
pub(crate) fn trigger_name(t: &Table) -> String {
    derived_name(&[&t.name], "audit")
}

/// Name of the trigger that computes the effective geometry, and of its function.
pub(crate) fn effective_name(t: &Table) -> String {
    derived_name(&[&t.name], "effective")
}

/// The identifiers a log row carries, by log column.
fn log_ids(t: &Table, row: &str) -> Vec<(&'static str, String)> {
    let column = |i: usize| format!("{row}.{}", ident(&t.columns[i].name));
    let mut out = vec![];
    match &t.relation {
        Relation::Feature(_) => out.push(("cabd_id", column(0))),
        Relation::DataSource => out.push(("datasource_id", column(0))),
        Relation::Contact => out.push(("id_pk", column(0))),
        Relation::FeatureUpdate => {
            out.push(("id_pk", column(0)));
            out.extend(t.position(ID).map(|i| ("cabd_id", column(i))));
        }
        Relation::Part(..) => out.push(("id_pk", column(0))),
        Relation::FeatureSource(_) => out.push(("datasource_id", column(1))),
        _ => {}
    }
    if let Some((parent, _)) = &t.parent {
        out.push(("cabd_id", column(*parent)));
    }
    let named = matches!(
        t.relation,
        Relation::Feature(_)
            | Relation::DataSource
            | Relation::Contact
            | Relation::FeatureUpdate
            | Relation::Part(..)
            | Relation::AttributeSource(_)
    );
    if !named {
        // What the identifiers say already is left out.
        let said = match &t.relation {
            Relation::FeatureSource(_) => 2,
            Relation::Link(..) => 1,
            _ => 0,
        };
        let key: Vec<String> = (said..t.key)
            .map(|i| format!("{}::text", column(i)))
            .collect();
        out.push(("row_key", format!("ARRAY[{}]", key.join(", "))));
    }
    out
}

/// The value of a column in the log.
fn logged(t: &Table, i: usize, row: &str) -> String {
    let c = &t.columns[i];
    match c.data_type {
        DataType::Geometry(_) => format!("{row}.{}::text", ident(&c.name)),
        _ => format!("{row}.{}", ident(&c.name)),
    }
}

fn insert_log(t: &Table, row: &str, action: &str, values: &str) -> String {
    let ids = log_ids(t, row);
    let names: String = ids.iter().map(|(n, _)| format!(", {n}")).collect();
    let exprs: String = ids.iter().map(|(_, e)| format!(", {e}")).collect();
    format!(
        "INSERT INTO cabd.audit_log (schemaname, tablename, action, changeset, oldvalues, newvalues{names})\n        \
         VALUES ({}, {}, '{action}', cabd.current_changeset(), {values}{exprs});",
        literal(&t.schema),
        literal(&t.name),
    )
}

/// Writes the lean log rows of every row of a table that a bulk load filled, numbered from `first` where it is given.
pub(crate) fn log_all_inserts(t: &Table, first: Option<i64>) -> String {
    let ids = log_ids(t, "t");
    let names: String = ids.iter().map(|(n, _)| format!(", {n}")).collect();
    let exprs: String = ids.iter().map(|(_, e)| format!(", {e}")).collect();
    let (revision, overriding, number) = match first {
        Some(n) => (
            "revision, ",
            " OVERRIDING SYSTEM VALUE",
            format!("{} + row_number() OVER (), ", n - 1),
        ),
        None => ("", "", String::new()),
    };
    format!(
        "INSERT INTO cabd.audit_log ({revision}schemaname, tablename, action, changeset{names}){overriding} \
         SELECT {number}{}, {}, 'INSERT', (SELECT cabd.current_changeset()){exprs} FROM {} t",
        literal(&t.schema),
        literal(&t.name),
        name_of(t)
    )
}

/// The setting that is on while the catalogue itself is changed: nothing is logged.
pub(crate) const UNLOGGED: &str = "cabd.unlogged";

/// The function body that logs a change of one row.
fn function(t: &Table) -> String {
    let mut tests = String::new();
    for (i, c) in t.columns.iter().enumerate() {
        let name = ident(&c.name);
        let cast = match c.data_type {
            DataType::Geometry(_) => "::bytea",
            _ => "",
        };
        let key = literal(&c.name);
        tests.push_str(&format!(
            "        IF old.{name}{cast} IS DISTINCT FROM new.{name}{cast} THEN\n            \
             o := o || jsonb_build_object({key}, {});\n            \
             n := n || jsonb_build_object({key}, {});\n        END IF;\n",
            logged(t, i, "old"),
            logged(t, i, "new"),
        ));
    }
    let all: Vec<String> = (0..t.columns.len())
        .collect::<Vec<_>>()
        .chunks(PAIRS)
        .map(|chunk| {
            let pairs: Vec<String> = chunk
                .iter()
                .map(|i| format!("{}, {}", literal(&t.columns[*i].name), logged(t, *i, "old")))
                .collect();
            format!("jsonb_build_object({})", pairs.join(", "))
        })
        .collect();
    format!(
        "DECLARE\n    o jsonb := '{{}}';\n    n jsonb := '{{}}';\nBEGIN\n    \
         IF tg_op = 'UPDATE' THEN\n{tests}        \
         IF o = '{{}}'::jsonb THEN\n            RETURN NULL;\n        END IF;\n        {}\n    \
         ELSIF tg_op = 'INSERT' THEN\n        {}\n    ELSE\n        {}\n    END IF;\n    RETURN NULL;\nEND",
        insert_log(t, "new", "UPDATE", "o, n"),
        insert_log(t, "new", "INSERT", "NULL, NULL"),
        insert_log(t, "old", "DELETE", &format!("{}, NULL", all.join(" || "))),
    )
}

/// The trigger functions of a table: name and body.
pub(crate) fn functions(t: &Table) -> Vec<(String, String)> {
    let mut all = vec![(trigger_name(t), function(t))];
    all.extend(effective_body(t).map(|body| (effective_name(t), body)));
    all
}

fn define(schema: &str, name: &str, body: &str) -> String {
    // The delimiter must not occur in the body: quoted names could hold any text.
    let mut tag = "$body$".to_owned();
    while body.contains(&tag) {
        tag = format!("{}x$", &tag[..tag.len() - 1]);
    }
    format!(
        "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {tag}\n{body}\n{tag};\n",
        qualified(schema, name)
    )
}

/// The audit function and triggers of a table.
pub(crate) fn audit_triggers(t: &Table) -> String {
    let name = trigger_name(t);
    let table = name_of(t);
    let call = format!("EXECUTE FUNCTION {}()", qualified(&t.schema, &name));
    let when = format!(
        "WHEN (coalesce(current_setting({}, true), '') <> 'on')",
        literal(UNLOGGED)
    );
    let mut out = define(&t.schema, &name, &function(t));
    out.push_str(&format!(
        "CREATE OR REPLACE TRIGGER {} AFTER INSERT ON {table} FOR EACH ROW {when} {call};\n",
        ident(&derived_name(&[&t.name], "audit_insert")),
    ));
    out.push_str(&format!(
        "CREATE OR REPLACE TRIGGER {} AFTER UPDATE OR DELETE ON {table} FOR EACH ROW {when} {call};\n",
        ident(&name),
    ));
    out.push_str(&format!(
        "CREATE OR REPLACE TRIGGER {} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT \
         EXECUTE FUNCTION cabd.refuse_truncate();\n",
        ident(&derived_name(&[&t.name], "no_truncate")),
    ));
    out
}

/// The row triggers that a bulk load does the work of.
pub(crate) fn row_triggers(t: &Table) -> Vec<String> {
    let mut all = vec![trigger_name(t), derived_name(&[&t.name], "audit_insert")];
    if t.effective.is_some() {
        all.push(effective_name(t));
    }
    all
}

/// The triggers a table must have.
pub(crate) fn trigger_names(t: &Table) -> Vec<String> {
    let mut all = row_triggers(t);
    all.push(derived_name(&[&t.name], "no_truncate"));
    if matches!(t.relation, Relation::Codes(_)) {
        all.push("catalog_changed".to_owned());
    }
    all
}

/// The trigger that keeps the effective geometry equal to the first of its origins, for rows that other programs write.
pub(crate) fn effective_trigger(t: &Table) -> String {
    let Some(body) = effective_body(t) else {
        return String::new();
    };
    let name = effective_name(t);
    format!(
        "{}CREATE OR REPLACE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {}();\n",
        define(&t.schema, &name, &body),
        ident(&name),
        name_of(t),
        qualified(&t.schema, &name),
    )
}

fn effective_body(t: &Table) -> Option<String> {
    let e = t.effective.as_ref()?;
    let column = |i: &usize| ident(&t.columns[*i].name);
    let first = |row: &str| {
        let all: Vec<String> = e
            .from
            .iter()
            .map(|i| format!("{row}.{}", column(i)))
            .collect();
        format!("coalesce({})", all.join(", "))
    };
    let effective = column(&e.column);
    let last = e.from.last().map(column).unwrap_or_default();
    let changed: Vec<String> = e
        .from
        .iter()
        .map(|i| format!("old.{0}::bytea IS DISTINCT FROM new.{0}::bytea", column(i)))
        .collect();
    let mut write_back = String::new();
    for (n, i) in e.from.iter().enumerate() {
        let word = if n == 0 { "IF" } else { "ELSIF" };
        write_back.push_str(&format!(
            "        {word} old.{0} IS NOT NULL THEN new.{0} := new.{effective};\n",
            column(i)
        ));
    }
    Some(format!(
        "BEGIN\n    IF tg_op = 'INSERT' THEN\n        \
         IF {origins} IS NULL THEN\n            new.{last} := new.{effective};\n        \
         ELSE\n            new.{effective} := {origins};\n        END IF;\n    \
         ELSIF {} THEN\n        new.{effective} := {origins};\n    \
         ELSIF old.{effective}::bytea IS DISTINCT FROM new.{effective}::bytea THEN\n{write_back}        \
         ELSE new.{last} := new.{effective};\n        END IF;\n        \
         new.{effective} := {origins};\n    END IF;\n    RETURN new;\nEND",
        changed.join(" OR "),
        origins = first("new"),
    ))
}
