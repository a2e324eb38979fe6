//! `cabd edit`.

use std::process::ExitCode;

use cabd::edit;
use cabd::feature::Base;
use cabd::{CommitNumber, Error, Result, id};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{Doing, From};
use crate::session;

const EXAMPLES: &str = "\
A value is written as in a file: numbers with a point, codes, dates as 2024-05-31, lists as JSON, places as WKT or lon,lat.
Nothing after the sign takes a value away.

Examples:
  cabd edit inventory.sqlite dams 0b6e0000-0000-4000-8000-000000000001 height_m=4.2 --source src_a --reason measured
  cabd edit inventory.sqlite dams 0b6e0000-0000-4000-8000-000000000001 comments= --no-source seen --dry-run";

/// Arguments of `cabd edit`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Edit {
    /// The store
    store: String,
    /// The feature's type
    feature_type: String,
    /// The feature
    #[arg(value_name = "CABD_ID")]
    id: String,
    /// What becomes of which attribute
    #[arg(value_name = "ATTRIBUTE=VALUE", required = true)]
    values: Vec<String>,
    #[command(flatten)]
    from: From,
    /// The commit at which the feature was read: what others have changed since stays, or is told as a conflict
    #[arg(long, value_name = "COMMIT")]
    base: Option<i64>,
    #[command(flatten)]
    doing: Doing,
}

impl Edit {
    /// Changes a feature.
    pub async fn run(self) -> Result<ExitCode> {
        let id = id::parse("cabd_id", self.id.trim())?;
        let mut properties = Map::new();
        for given in &self.values {
            let (attribute, value) = given.split_once('=').ok_or_else(|| {
                Error::invalid("no value")
                    .field("attribute")
                    .value(given)
                    .expected("ATTRIBUTE=VALUE")
            })?;
            let value = match (attribute.trim(), value.trim()) {
                (_, "") => Value::Null,
                ("geometry", text) => Value::from(place(text)),
                (_, text) => Value::from(text),
            };
            let twice = properties.insert(attribute.trim().to_owned(), value);
            if twice.is_some() {
                return Err(Error::invalid("the value is given twice").field(attribute.trim()));
            }
        }
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        let ft = catalog.feature_type(&self.feature_type)?;
        let sourcing = self.from.sourcing(&*store).await?;
        let document = json!({ "properties": properties });
        let mut draft = edit::merge(&catalog, ft.id(), id, &document, &sourcing)?;
        draft.head.bases.extend(self.base.map(|commit| Base {
            feature_type: ft.id().into(),
            id,
            commit: CommitNumber(commit),
            exact: false,
            place: None,
        }));
        self.doing.carry_out(&*store, draft).await
    }
}

/// A position as WKT.
fn place(text: &str) -> String {
    let numbers: Vec<f64> = text.split(',').flat_map(|n| n.trim().parse()).collect();
    match numbers.as_slice() {
        [x, y] if text.split(',').count() == 2 => format!("POINT({x} {y})"),
        _ => text.to_owned(),
    }
}
