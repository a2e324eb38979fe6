//! Looks for damage, drift and missing pieces.

use std::collections::{BTreeMap, HashMap, HashSet};

use cabd_core::catalog::{Catalog, Served, Table};
use cabd_core::error::Result;
use cabd_core::lang::Lang;
use cabd_core::store::{Finding, Severity};

use crate::PgStore;
use crate::error::pg;
use crate::pool::Session;
use crate::sql::{audit, check as queries, ddl, views};
use crate::{migrate, types};

/// What the database has, by `schema.table`.
struct Present {
    columns: HashMap<String, BTreeMap<String, String>>,
    /// Kind, table, name; whether it works.
    objects: HashMap<(String, String, String), bool>,
    functions: HashMap<String, String>,
    /// By table and name.
    triggers: HashMap<(String, String), Trigger>,
}

struct Trigger {
    works: bool,
    /// The bits of `pg_trigger.tgtype`.
    when: i32,
    function: String,
    definition: String,
}

struct Report(Vec<Finding>);

impl Report {
    fn add(
        &mut self,
        severity: Severity,
        check: &'static str,
        object: impl Into<String>,
        message: impl Into<String>,
        hint: &str,
    ) {
        self.0.push(Finding {
            severity,
            check,
            object: object.into(),
            message: message.into(),
            hint: Some(hint.to_owned()),
        });
    }
}

/// How a generated piece comes back.
const REGENERATE: &str = "run `cabd init` on the store again: it makes what is missing";

/// Everything that is wrong; empty when the store is healthy.
pub(crate) async fn examine(store: &PgStore) -> Result<Vec<Finding>> {
    let mut session = store.pool.session().await?;
    let mut report = Report(vec![]);
    let missing = texts(&session, &queries::missing_tables(&queries::SHARED)).await?;
    for name in &missing {
        report.add(
            Severity::Error,
            "schema",
            name,
            "the table is missing",
            "restore a backup",
        );
    }
    if !missing.is_empty() {
        return Ok(report.0);
    }
    version(&session, &mut report).await?;
    let catalog = store.catalog_on(&mut session).await?;
    let present = present(&session).await?;
    for problem in catalog.problems() {
        report.0.push(Finding {
            severity: Severity::Error,
            check: "metadata",
            object: problem.place().unwrap_or_default().to_owned(),
            message: problem.to_string(),
            hint: problem.next_step().map(str::to_owned),
        });
    }
    for table in catalog.tables() {
        if tables(&mut report, &present, &catalog, &table) {
            contents(&session, &mut report, &catalog, &table).await?;
        }
    }
    staging(&mut report, &present, &catalog);
    for (table, _, column) in crate::beside::leftovers(&session, &catalog).await? {
        report.add(
            Severity::Note,
            "schema",
            format!("{table}.{column}"),
            "is filled by a change of type that is under way, or was broken off",
            "the next change of the catalogue drops what was left",
        );
    }
    view_drift(&session, &mut report, &present, &catalog).await?;
    metadata(&session, &mut report, &catalog).await?;
    report.0.sort_by_key(|f| std::cmp::Reverse(f.severity));
    Ok(report.0)
}

async fn texts(session: &Session, text: &str) -> Result<Vec<String>> {
    let rows = session.client()?.query(text, &[]).await.map_err(pg)?;
    Ok(rows.iter().map(|r| r.get(0)).collect())
}

async fn version(session: &Session, report: &mut Report) -> Result<()> {
    let version = migrate::version(session).await?;
    if version != Some(migrate::newest()) {
        report.add(
            Severity::Error,
            "version",
            "cabd.schema_history",
            format!(
                "schema version {}, this program knows {}",
                version.unwrap_or(0),
                migrate::newest()
            ),
            "open the store with the program it belongs to",
        );
    }
    Ok(())
}

async fn present(session: &Session) -> Result<Present> {
    let client = session.client()?;
    let mut columns: HashMap<String, BTreeMap<String, String>> = HashMap::new();
    let query = include_str!("../sql/doctor_columns.sql");
    for row in client.query(query, &[]).await.map_err(pg)? {
        columns
            .entry(row.get(0))
            .or_default()
            .insert(row.get(1), row.get(2));
    }
    let query = include_str!("../sql/doctor_objects.sql");
    let objects = client.query(query, &[]).await.map_err(pg)?;
    let query = include_str!("../sql/doctor_functions.sql");
    let functions = client.query(query, &[]).await.map_err(pg)?;
    let query = include_str!("../sql/doctor_triggers.sql");
    let triggers = client.query(query, &[]).await.map_err(pg)?;
    Ok(Present {
        columns,
        objects: objects
            .iter()
            .map(|r| ((r.get(0), r.get(1), r.get(2)), r.get(3)))
            .collect(),
        functions: functions.iter().map(|r| (r.get(0), r.get(1))).collect(),
        triggers: triggers
            .iter()
            .map(|r| {
                let trigger = Trigger {
                    works: r.get(2),
                    when: r.get(3),
                    function: r.get(4),
                    definition: r.get(5),
                };
                ((r.get(0), r.get(1)), trigger)
            })
            .collect(),
    })
}

/// The table's pieces; whether its rows can be looked at.
fn tables(report: &mut Report, present: &Present, catalog: &Catalog, t: &Table) -> bool {
    let name = t.qualified();
    let Some(columns) = present.columns.get(&name) else {
        report.add(
            Severity::Error,
            "schema",
            name,
            "the table is missing",
            REGENERATE,
        );
        return false;
    };
    let mut whole = true;
    for c in &t.columns {
        let object = format!("{name}.{}", c.name);
        match columns.get(&c.name) {
            None => {
                whole = false;
                report.add(
                    Severity::Error,
                    "schema",
                    object,
                    "the column is missing",
                    REGENERATE,
                );
            }
            Some(found) if !same_type(found, &types::column_type(&c.data_type)) => report.add(
                Severity::Warning,
                "schema",
                object,
                format!("has type {found}, not {}", types::column_type(&c.data_type)),
                "change the column's type with ALTER TABLE",
            ),
            Some(_) => {}
        }
    }
    let mut piece = |kind: &str, check, severity, wanted: &str, what: &str| {
        let key = (kind.to_owned(), name.clone(), wanted.to_owned());
        let (severity, problem) = match present.objects.get(&key) {
            Some(true) => return,
            Some(false) if kind == "key" => (
                Severity::Note,
                "is not validated for the rows of a big load",
            ),
            Some(false) => (severity, "is disabled or not valid"),
            None => (severity, "is missing"),
        };
        report.add(
            severity,
            check,
            &name,
            format!("{what} {wanted} {problem}"),
            REGENERATE,
        );
    };
    for (index, _) in ddl::indexes(t) {
        piece("index", "index", Severity::Warning, &index, "index");
    }
    for key in ddl::foreign_keys(t, catalog) {
        piece("key", "schema", Severity::Warning, &key.name, "foreign key");
    }
    triggers(report, present, t);
    whole
}

/// What is wrong with the triggers of the tables.
pub(crate) async fn log_triggers(session: &Session, catalog: &Catalog) -> Result<Vec<Finding>> {
    let mut report = Report(vec![]);
    let present = present(session).await?;
    for table in catalog.tables() {
        triggers(&mut report, &present, &table);
    }
    Ok(report.0)
}

/// The table's triggers: there, as they were made, switched on.
fn triggers(report: &mut Report, present: &Present, t: &Table) {
    let name = t.qualified();
    for wanted in audit::trigger_names(t) {
        let problem = match present.triggers.get(&(name.clone(), wanted.clone())) {
            None => "is missing",
            Some(found) if !found.works => "is switched off",
            Some(found) if is_altered(t, &wanted, found) => "was altered",
            Some(_) => continue,
        };
        report.add(
            Severity::Error,
            "trigger",
            &name,
            format!("trigger {wanted} {problem}: changes are not logged as they should be"),
            REGENERATE,
        );
    }
    for (function, body) in audit::functions(t) {
        let full = format!("{}.{function}", t.schema);
        if present
            .functions
            .get(&full)
            .is_some_and(|found| found.trim() != body)
        {
            report.add(
                Severity::Warning,
                "trigger",
                full,
                "the trigger's function is not the one the catalogue asks for",
                REGENERATE,
            );
        }
    }
}

/// Whether a trigger of the log is called otherwise than it was made to be.
fn is_altered(t: &Table, name: &str, found: &Trigger) -> bool {
    let Some((when, switch)) = audit::called(t, name) else {
        return false;
    };
    let plain = |text: &str| -> String {
        let odd = |c: char| c.is_whitespace() || "()".contains(c);
        text.replace("::text", "")
            .replace("cabd.", "")
            .replace(odd, "")
            .to_lowercase()
    };
    let own = found.definition.split_once(" WHEN ");
    let own = own.map(|(_, rest)| rest.rsplit_once(" EXECUTE ").map_or(rest, |(c, _)| c));
    found.when != when
        || found.function != format!("{}.{}", t.schema, audit::trigger_name(t))
        || own.map(plain) != switch.map(|s| plain(&s))
}

/// Whether PostgreSQL's name of a type is ours.
fn same_type(found: &str, wanted: &str) -> bool {
    let ours = wanted.to_lowercase();
    let theirs = found
        .to_lowercase()
        .replace("character varying", "varchar")
        .replace("timestamp with time zone", "timestamptz");
    // geometry(geometry,4617) is written that way, but a schema may stand before it.
    theirs == ours || theirs.rsplit('.').next() == Some(ours.as_str())
}

async fn contents(
    session: &Session,
    report: &mut Report,
    catalog: &Catalog,
    t: &Table,
) -> Result<()> {
    let Some((text, meaning)) = queries::rows(t, catalog) else {
        return Ok(());
    };
    let row = session.client()?.query_one(&text, &[]).await.map_err(pg)?;
    for (i, m) in meaning.into_iter().enumerate() {
        let n: i64 = row.try_get(i).map_err(pg)?;
        if n > 0 {
            report.add(
                Severity::Error,
                m.check,
                m.object,
                format!("{n} {}", m.message),
                m.hint,
            );
        }
    }
    Ok(())
}

fn staging(report: &mut Report, present: &Present, catalog: &Catalog) {
    for ft in catalog.types() {
        let Some(name) = ddl::staging_name(ft) else {
            continue;
        };
        let name = format!("{}.{name}", ft.schema());
        if !present.columns.contains_key(&name) {
            report.add(
                Severity::Error,
                "schema",
                name,
                "the table is missing",
                REGENERATE,
            );
        }
    }
}

async fn view_drift(
    session: &Session,
    report: &mut Report,
    present: &Present,
    catalog: &Catalog,
) -> Result<()> {
    for d in catalog.drift().into_iter().filter(|d| d.field == "type") {
        report.add(
            Severity::Warning,
            "metadata",
            d.object,
            format!("the type is {} but {}", d.declared, d.present),
            "make the views <data_view>_en and <data_view>_fr with cabd_id and a geometry, and a metadata row a column",
        );
    }
    let read: HashSet<String> = catalog
        .types()
        .filter(|t| t.served != Served::Tables && !t.is_registered())
        .flat_map(|ft| Lang::ALL.map(|lang| views::view_name(ft, lang)))
        .map(|(schema, name)| format!("{schema}.{name}"))
        .collect();
    for ft in catalog.types().filter(|t| !t.is_registered()) {
        for lang in Lang::ALL {
            let (schema, name) = views::view_name(ft, lang);
            let name = format!("{schema}.{name}");
            if !present.columns.contains_key(&name) {
                report.add(
                    Severity::Error,
                    "view",
                    name,
                    "the view is missing",
                    REGENERATE,
                );
            }
        }
    }
    for name in texts(session, include_str!("../sql/doctor_views.sql")).await? {
        if read.contains(&name) {
            report.add(
                Severity::Note,
                "view",
                name,
                "the view was replaced by hand; it is read as it is",
                "`cabd type apply --overwrite-drift` makes the generated one again",
            );
            continue;
        }
        report.add(
            Severity::Warning,
            "view",
            name,
            "the view was replaced by hand and lacks columns, so the tables are read instead",
            "add the columns, or make the generated one again with `cabd type apply --overwrite-drift`",
        );
    }
    Ok(())
}

async fn metadata(session: &Session, report: &mut Report, catalog: &Catalog) -> Result<()> {
    let described: HashSet<String> = texts(
        session,
        "SELECT view_name || '.' || field_name FROM cabd.feature_type_metadata",
    )
    .await?
    .into_iter()
    .collect();
    for ft in catalog.types() {
        let (schema, root) = ft.view();
        for a in &ft.attributes {
            let name = format!("{schema}.{root}.{}", a.id);
            if !described.contains(&name) {
                report.add(
                    Severity::Warning,
                    "metadata",
                    name,
                    "the column has no row in cabd.feature_type_metadata",
                    "add the row: names and places in attribute sets come from it",
                );
            }
        }
    }
    Ok(())
}
