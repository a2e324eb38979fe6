//! The data sources: listed, shown, added, changed, deleted.

use std::process::ExitCode;

use cabd::catalog::Relation;
use cabd::edit::{self, Draft, SourceChange};
use cabd::feature::{Action, Operation};
use cabd::store::{Record, RecordQuery, SourcesExt};
use cabd::{DataType, Error, FeatureStoreExt, Result, StoreExt, id};
use clap::Args;
use serde_json::{Map, Value};

use super::super::edits::Doing;
use crate::{output, session, table};

/// Columns of the list.
const LISTED: [&str; 6] = [
    "name",
    "source_type",
    "version_date",
    "version_number",
    "organization_name",
    "licence",
];

/// Arguments of `cabd sources list`.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The store
    store: String,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

/// Arguments of `cabd sources show`.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The store
    store: String,
    /// The data source: its name or identifier
    source: String,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

/// Arguments of `cabd sources add`.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// The store
    store: String,
    /// What it is: name=…, source_type=spatial|non-spatial, version_date, version_number, licence, attribution, full_name,
    /// organization_name, data_source_category, geographic_coverage, province_territory_code, source, source_id_field, comments
    #[arg(value_name = "COLUMN=VALUE", required = true)]
    values: Vec<String>,
    #[command(flatten)]
    doing: Doing,
}

/// Arguments of `cabd sources change`.
#[derive(Debug, Args)]
pub(super) struct Change {
    /// The store
    store: String,
    /// The data source: its name or identifier
    source: String,
    /// What becomes of which column; nothing after the sign takes the value away
    #[arg(value_name = "COLUMN=VALUE", required = true)]
    values: Vec<String>,
    #[command(flatten)]
    doing: Doing,
}

/// Arguments of `cabd sources drop`.
#[derive(Debug, Args)]
pub(super) struct Drop {
    /// The store
    store: String,
    /// The data source: its name or identifier
    source: String,
    #[command(flatten)]
    doing: Doing,
}

fn as_json(record: &Record) -> Value {
    let values = record.fields.iter().zip(&record.values);
    let members: Map<String, Value> = values.map(|(f, v)| (f.clone(), v.to_json())).collect();
    Value::Object(members)
}

impl List {
    pub(super) async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let mut sources = store.data_sources().await?;
        store.close().await?;
        sources.sort_by_key(|r| (r.get("name").to_string(), r.get("id").as_uuid()));
        if self.json {
            let sources: Vec<Value> = sources.iter().map(as_json).collect();
            output::json(&sources)?;
        } else {
            let row = |r: &Record| LISTED.iter().map(|c| r.get(c).to_string()).collect();
            table::print(&LISTED, sources.iter().map(row), &[])?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    pub(super) async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let id = store.source_named(&self.source).await?;
        let query = RecordQuery::of(Relation::DataSource).with("id", [id.into()]);
        let records = store.all_records(&query).await?;
        store.close().await?;
        for record in &records {
            if self.json {
                output::json(&as_json(record))?;
                continue;
            }
            for (field, value) in record.fields.iter().zip(&record.values) {
                if !value.is_null() {
                    output::line(format!("{field}: {value}"))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The values as a document.
fn document(catalog: &cabd::Catalog, given: &[String]) -> Result<Value> {
    let table = catalog.table(&Relation::DataSource)?;
    let mut members = Map::new();
    for text in given {
        let (column, value) = text.split_once('=').ok_or_else(|| {
            Error::invalid("no value")
                .field("column")
                .value(text)
                .expected("COLUMN=VALUE")
        })?;
        let (column, value) = (column.trim(), value.trim());
        let is_list = table
            .position(column)
            .is_some_and(|i| matches!(table.columns[i].data_type, DataType::Array(_)));
        let value = match value {
            "" => Value::Null,
            words if is_list => words.split(',').map(str::trim).collect(),
            text => Value::from(text),
        };
        if members.insert(column.to_owned(), value).is_some() {
            return Err(Error::invalid("the value is given twice").field(column));
        }
    }
    Ok(Value::Object(members))
}

impl Add {
    pub(super) async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        let document = document(&catalog, &self.values)?;
        let id = match document.get("id").and_then(Value::as_str) {
            Some(text) => id::parse("id", text)?,
            None => id::new_id(),
        };
        let draft = edit::data_source(&catalog, id, &document, SourceChange::Create)?;
        self.doing.carry_out(&*store, draft).await
    }
}

impl Change {
    pub(super) async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        let id = store.source_named(&self.source).await?;
        let document = document(&catalog, &self.values)?;
        let draft = edit::data_source(&catalog, id, &document, SourceChange::Merge)?;
        self.doing.carry_out(&*store, draft).await
    }
}

impl Drop {
    pub(super) async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let id = store.source_named(&self.source).await?;
        let operation = Operation::new(Relation::DataSource, Action::Delete).set("id", id);
        let draft = Draft {
            operations: vec![operation],
            ..Draft::default()
        };
        self.doing.carry_out(&*store, draft).await
    }
}
