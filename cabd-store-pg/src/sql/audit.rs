//! The triggers of a table: they log what changes, and keep the effective geometry right.

use cabd_core::catalog::{Catalog, Relation, Table};
use cabd_core::error::Result;
use cabd_core::store::ChangeQuery;
use cabd_core::value::{DataType, Value};

use super::query::Query;
use super::{derived_name, ident, literal, name_of, qualified};
use crate::types::{Param, column_type};

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

/// The identifiers a log row carries, by log column; a code is one where it is a UUID.
fn log_ids(t: &Table, row: &str) -> Vec<(&'static str, String)> {
    let column = |i: usize| format!("{row}.{}", ident(&t.columns[i].name));
    let ids = t.log_ids();
    let mut out = vec![];
    out.extend(ids.cabd_id.map(|i| ("cabd_id", column(i))));
    out.extend(ids.datasource_id.map(|i| ("datasource_id", column(i))));
    out.extend(ids.id_pk.and_then(|i| match t.columns[i].data_type {
        DataType::Uuid => Some(("id_pk", column(i))),
        DataType::Text(_) => Some((
            "id_pk",
            format!("CASE WHEN {0} ~* {UUID} THEN {0}::uuid END", column(i)),
        )),
        _ => None,
    }));
    if !ids.row_key.is_empty() {
        let key: Vec<String> = ids
            .row_key
            .iter()
            .map(|i| format!("{}::text", column(*i)))
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

/// The values of a row that are not null, as one object.
fn all_values(t: &Table, row: &str) -> String {
    let places: Vec<usize> = (0..t.columns.len()).collect();
    let chunks: Vec<String> = places
        .chunks(PAIRS)
        .map(|chunk| {
            let pairs: Vec<String> = chunk
                .iter()
                .map(|i| format!("{}, {}", literal(&t.columns[*i].name), logged(t, *i, row)))
                .collect();
            format!("jsonb_build_object({})", pairs.join(", "))
        })
        .collect();
    format!("jsonb_strip_nulls({})", chunks.join(" || "))
}

/// Whether two rows differ in a column; geometries by their bytes.
fn differs(t: &Table, i: usize) -> String {
    let c = &t.columns[i];
    let cast = match c.data_type {
        DataType::Geometry(_) => "::bytea",
        _ => "",
    };
    format!(
        "old.{0}{cast} IS DISTINCT FROM new.{0}{cast}",
        ident(&c.name)
    )
}

/// Writes a log row; with a source, one for each of its rows. The changeset is there before the row draws its number.
fn insert_log(t: &Table, row: &str, action: &str, values: &str, from: Option<&str>) -> String {
    let ids = log_ids(t, row);
    let names: String = ids.iter().map(|(n, _)| format!(", {n}")).collect();
    let exprs: String = ids.iter().map(|(_, e)| format!(", {e}")).collect();
    let (open, close) = match from {
        None => ("VALUES (", ")".to_owned()),
        Some(from) => ("SELECT ", format!(" FROM {from}")),
    };
    format!(
        "c := cabd.current_changeset();\n        \
         INSERT INTO cabd.audit_record (schemaname, tablename, action, changeset, oldvalues, newvalues{names})\n        \
         {open}{}, {}, '{action}', c, {values}{exprs}{close};",
        literal(&t.schema),
        literal(&t.name),
    )
}

/// Writes the log rows, without values, of every row of a table that a bulk load filled, numbered from `first` where it
/// is given.
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
        "INSERT INTO cabd.audit_record ({revision}username, schemaname, tablename, action, changeset{names}){overriding} \
         SELECT {number}(SELECT cabd.role_name()), {}, {}, 'INSERT', (SELECT cabd.current_changeset()){exprs} FROM {} t",
        literal(&t.schema),
        literal(&t.name),
        name_of(t)
    )
}

/// Entries of the log; without the values of new rows from the records alone.
pub(crate) fn changes(catalog: &Catalog, query: &ChangeQuery) -> Result<Query> {
    let mut params = vec![
        Param::from(query.after.0),
        Param::from(Value::from(query.until.map(|c| c.0))),
    ];
    let (log, new) = if query.values {
        ("cabd.audit_log", "l.newvalues")
    } else {
        (
            "cabd.audit_record",
            "CASE WHEN l.action <> 'INSERT' THEN l.newvalues END",
        )
    };
    let mut conditions = String::new();
    if !query.relations.is_empty() {
        let names = query
            .relations
            .iter()
            .map(|r| Ok(catalog.table(r)?.qualified()))
            .collect::<Result<Vec<_>>>()?;
        params.push(Param::texts(names));
        conditions.push_str(&format!(
            " AND l.schemaname || '.' || l.tablename = ANY(${}::text[])",
            params.len()
        ));
    }
    if let Some(ids) = &query.features {
        let ids = ids.iter().map(|id| Value::from(*id)).collect();
        params.push(Param::Many(DataType::Uuid, ids));
        conditions.push_str(&format!(" AND l.cabd_id = ANY(${}::uuid[])", params.len()));
    }
    if let Some((commit, revision)) = query.read {
        params.extend([Param::from(commit.0), Param::from(revision)]);
        let n = params.len();
        conditions.push_str(&format!(
            " AND NOT (c.revision = ${} AND l.revision <= ${n})",
            n - 1
        ));
    }
    let limit = query.limit.map(|n| format!(" LIMIT {n}"));
    Ok(Query {
        text: format!(
            "SELECT l.revision, c.revision, l.datetime, coalesce(c.author, l.username), l.schemaname, l.tablename, \
             l.action, l.cabd_id, l.datasource_id, l.id_pk, l.row_key, l.oldvalues::text, ({new})::text \
             FROM cabd.changeset c JOIN {log} l ON l.changeset = c.id \
             WHERE c.revision > $1 AND ($2::int8 IS NULL OR c.revision <= $2){conditions} \
             ORDER BY c.revision, l.revision{}",
            limit.unwrap_or_default()
        ),
        params,
    })
}

/// The setting that is on while the catalogue itself is changed: nothing is logged. It works for the log's owner only.
pub(crate) const UNLOGGED: &str = "cabd.unlogged";

/// The setting that is on while many new rows are written: the log tells of them without their values, which follow.
pub(crate) const LEAN: &str = "cabd.lean";

/// A UUID, as a literal of a regular expression.
const UUID: &str = "'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'";

/// The function body that logs a change of one row, or of all at once.
fn function(t: &Table) -> String {
    let (mut tests, mut following) = (String::new(), String::new());
    for (i, c) in t.columns.iter().enumerate().skip(t.key) {
        let key = literal(&c.name);
        let test = format!(
            "        IF {} THEN\n            o := o || jsonb_build_object({key}, {});\n            \
             n := n || jsonb_build_object({key}, {});\n        END IF;\n",
            differs(t, i),
            logged(t, i, "old"),
            logged(t, i, "new"),
        );
        if c.follows {
            following.push_str(&test);
        } else {
            tests.push_str(&test);
        }
    }
    let moved: Vec<String> = t.identity().iter().map(|i| differs(t, *i)).collect();
    format!(
        "DECLARE\n    o jsonb := '{{}}';\n    n jsonb := '{{}}';\n    c bigint;\nBEGIN\n    \
         IF tg_op = 'UPDATE' AND NOT ({moved}) THEN\n{tests}        \
         IF o = '{{}}'::jsonb THEN\n            RETURN NULL;\n        END IF;\n{following}        \
         {update}\n        RETURN NULL;\n    END IF;\n    \
         IF tg_op = 'TRUNCATE' THEN\n        \
         IF coalesce(current_setting('cabd.allow_truncate', true), '') <> 'on' THEN\n            \
         RAISE EXCEPTION 'TRUNCATE of %.% is refused', tg_table_schema, tg_table_name\n                \
         USING ERRCODE = 'feature_not_supported', HINT = 'DELETE the rows, or SET cabd.allow_truncate = ''on''';\n        \
         END IF;\n        {truncate}\n        RETURN NULL;\n    END IF;\n    \
         IF tg_op <> 'INSERT' THEN\n        {delete}\n    END IF;\n    \
         IF tg_op = 'DELETE' THEN\n        RETURN NULL;\n    END IF;\n    \
         IF current_setting('{LEAN}', true) = 'on' THEN\n        {lean}\n    \
         ELSE\n        {insert}\n    END IF;\n    RETURN NULL;\nEND",
        moved = moved.join(" OR "),
        update = insert_log(t, "new", "UPDATE", "o, n", None),
        truncate = insert_log(
            t,
            "t",
            "DELETE",
            &format!("{}, NULL", all_values(t, "t")),
            Some(&format!("{} t", name_of(t)))
        ),
        delete = insert_log(
            t,
            "old",
            "DELETE",
            &format!("{}, NULL", all_values(t, "old")),
            None
        ),
        lean = insert_log(t, "new", "INSERT", "NULL, NULL", None),
        insert = insert_log(
            t,
            "new",
            "INSERT",
            &format!("NULL, {}", all_values(t, "new")),
            None
        ),
    )
}

/// Notes how the present values of a log row's row are read.
fn present(t: &Table) -> String {
    let ids = t.log_ids();
    let key: Vec<String> = t.columns[..t.key]
        .iter()
        .enumerate()
        .map(|(i, c)| {
            let value = match ids.row_key.iter().position(|k| *k == i) {
                Some(n) => format!("(($1).row_key)[{}]::{}", n + 1, column_type(&c.data_type)),
                None if ids.id_pk == Some(i) => "($1).id_pk".to_owned(),
                None if ids.datasource_id == Some(i) => "($1).datasource_id".to_owned(),
                None => "($1).cabd_id".to_owned(),
            };
            format!("t.{} = {value}", ident(&c.name))
        })
        .collect();
    let query = format!(
        "SELECT {} FROM {} t WHERE {}",
        all_values(t, "t"),
        name_of(t),
        key.join(" AND ")
    );
    format!(
        "INSERT INTO cabd.audit_table (schemaname, tablename, present) VALUES ({}, {}, {}) \
         ON CONFLICT (schemaname, tablename) DO UPDATE SET present = excluded.present \
         WHERE audit_table.present <> excluded.present;\n",
        literal(&t.schema),
        literal(&t.name),
        literal(&query)
    )
}

/// The rows of a table that is set aside are read where they go.
pub(crate) fn present_elsewhere(t: &Table, to: &str) -> String {
    format!(
        "UPDATE cabd.audit_table SET present = replace(present, {}, {}) WHERE schemaname = {} AND tablename = {}",
        literal(&format!(" FROM {} t ", name_of(t))),
        literal(&format!(" FROM {to} t ")),
        literal(&t.schema),
        literal(&t.name)
    )
}

/// The rows of a table that is deleted are not read any more.
pub(crate) fn present_nowhere(table: &str) -> String {
    format!(
        "DELETE FROM cabd.audit_table WHERE strpos(present, {}) > 0",
        literal(&format!(" FROM {table} t "))
    )
}

/// The trigger functions of a table: name and body.
pub(crate) fn functions(t: &Table) -> Vec<(String, String)> {
    let mut all = vec![(trigger_name(t), function(t))];
    all.extend(effective_body(t).map(|body| (effective_name(t), body)));
    all
}

fn define(schema: &str, name: &str, how: &str, body: &str) -> String {
    // The delimiter must not occur in the body: quoted names could hold any text.
    let mut tag = "$body$".to_owned();
    while body.contains(&tag) {
        tag = format!("{}x$", &tag[..tag.len() - 1]);
    }
    format!(
        "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql {how}AS {tag}\n{body}\n{tag};\n",
        qualified(schema, name)
    )
}

/// Runs as the owner of the log: who may change a table need not have a right on the log.
const AS_OWNER: &str =
    "SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 ";

/// The audit function and triggers of a table.
pub(crate) fn audit_triggers(t: &Table) -> String {
    let name = trigger_name(t);
    let table = name_of(t);
    let call = format!("EXECUTE FUNCTION {}()", qualified(&t.schema, &name));
    let when = format!("WHEN ({})", switch());
    let mut out = define(&t.schema, &name, AS_OWNER, &function(t));
    out.push_str(&present(t));
    out.push_str(&format!(
        "CREATE OR REPLACE TRIGGER {} AFTER INSERT ON {table} FOR EACH ROW {when} {call};\n",
        ident(&derived_name(&[&t.name], "audit_insert")),
    ));
    out.push_str(&format!(
        "CREATE OR REPLACE TRIGGER {} AFTER UPDATE OR DELETE ON {table} FOR EACH ROW {when} {call};\n",
        ident(&name),
    ));
    out.push_str(&format!(
        "CREATE OR REPLACE TRIGGER {} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {call};\n",
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

/// When a trigger of the log is called, as the bits of `pg_trigger.tgtype`, and on what condition; none for another trigger.
pub(crate) fn called(t: &Table, name: &str) -> Option<(i32, Option<String>)> {
    if name == derived_name(&[&t.name], "audit_insert") {
        Some((1 | 4, Some(switch())))
    } else if name == trigger_name(t) {
        Some((1 | 8 | 16, Some(switch())))
    } else if name == derived_name(&[&t.name], "no_truncate") {
        Some((2 | 32, None))
    } else {
        None
    }
}

/// The condition on which rows are logged.
fn switch() -> String {
    format!(
        "coalesce(current_setting({}, true), '') <> 'on' OR cabd.logged()",
        literal(UNLOGGED)
    )
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
        define(&t.schema, &name, "", &body),
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
