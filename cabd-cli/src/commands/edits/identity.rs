//! `cabd merge`, `cabd split`, `cabd withdraw` and `cabd restore`.

use std::process::ExitCode;

use cabd::edit::{self, Sourcing};
use cabd::feature::{Applied, ChangeHead};
use cabd::store::{FeatureName, IdentityExt, Store};
use cabd::{Error, Operation, Result, id};
use clap::Args;
use serde_json::Value;

use super::{Doing, From};
use crate::session;

const MERGE: &str = "\
The first feature ends; its identifier leads to the second from now on, and so do its data sources and the updates suggested for it. Its values go:
set what is worth keeping before, with `cabd edit`.

Examples:
  cabd merge inventory.sqlite dams 0b6e0000-0000-4000-8000-000000000001 0b6e0000-0000-4000-8000-000000000002 --reason duplicate";

/// Arguments of `cabd merge`.
#[derive(Debug, Args)]
#[command(after_help = MERGE)]
pub struct Merge {
    /// The store
    store: String,
    /// The type of both
    feature_type: String,
    /// The feature that ends
    #[arg(value_name = "CABD_ID")]
    from: String,
    /// The feature that stays
    #[arg(value_name = "INTO_CABD_ID")]
    into: String,
    /// The type of the feature that stays, where it is another
    #[arg(long, value_name = "TYPE")]
    into_type: Option<String>,
    #[command(flatten)]
    doing: Doing,
}

impl Merge {
    /// Merges two features.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let from = named(&*store, &self.feature_type, &self.from).await?;
        let into_type = self.into_type.as_ref().unwrap_or(&self.feature_type);
        let into = named(&*store, into_type, &self.into).await?;
        let head = head(&self.doing);
        let applied = store.merge(&head, &from, &into).await?;
        end(&*store, &self.doing, &applied, head.dry_run).await
    }
}

const SPLIT: &str = "\
The feature ends; whoever asks for it is told the others, which are there (--into) or new (--new, a GeoJSON file).

Examples:
  cabd split inventory.sqlite dams 0b6e0000-0000-4000-8000-000000000001 --new parts.geojson --no-source seen --reason several";

/// Arguments of `cabd split`.
#[derive(Debug, Args)]
#[command(after_help = SPLIT)]
pub struct Split {
    /// The store
    store: String,
    /// The feature's type, and that of its successors
    feature_type: String,
    /// The feature that ends
    #[arg(value_name = "CABD_ID")]
    id: String,
    /// A feature that is there; may be repeated
    #[arg(long, value_name = "CABD_ID", required_unless_present = "new")]
    into: Vec<String>,
    /// New features: a GeoJSON collection
    #[arg(long, value_name = "FILE")]
    new: Option<String>,
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    doing: Doing,
}

impl Split {
    /// Splits a feature.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let of = named(&*store, &self.feature_type, &self.id).await?;
        let mut into = vec![];
        for text in &self.into {
            into.push(named(&*store, &self.feature_type, text).await?);
        }
        let mut new: Vec<Operation> = vec![];
        let mut head = head(&self.doing);
        if let Some(file) = &self.new {
            let sourcing = self.from.sourcing(&*store).await?;
            if let Sourcing::Source(id) = &sourcing {
                head.data_source = Some(*id);
            }
            let catalog = store.catalog().await?;
            for (n, feature) in collection(file)?.iter().enumerate() {
                let id = id::new_id();
                let draft = edit::create(&catalog, &of.feature_type, id, feature, &sourcing)
                    .map_err(|e| e.at(format!("{file}: /features/{n}")))?;
                new.extend(draft.operations);
                into.push(FeatureName::new(&of.feature_type, id));
            }
        }
        let applied = store.split(&head, &of, &into, new).await?;
        end(&*store, &self.doing, &applied, head.dry_run).await
    }
}

const WITHDRAW: &str = "\
The feature ends; whoever asks for it is told the reason. `cabd restore` brings it back.

Examples:
  cabd withdraw inventory.sqlite dams 0b6e0000-0000-4000-8000-000000000001 --reason unbuilt";

/// Arguments of `cabd withdraw`.
#[derive(Debug, Args)]
#[command(after_help = WITHDRAW)]
pub struct Withdraw {
    /// The store
    store: String,
    /// The feature's type
    feature_type: String,
    /// The feature
    #[arg(value_name = "CABD_ID")]
    id: String,
    #[command(flatten)]
    doing: Doing,
}

impl Withdraw {
    /// Withdraws a feature.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let of = named(&*store, &self.feature_type, &self.id).await?;
        let head = head(&self.doing);
        let applied = store.withdraw(&head, &of).await?;
        end(&*store, &self.doing, &applied, head.dry_run).await
    }
}

const RESTORE: &str = "\
A feature that was withdrawn, merged, split or deleted comes back with the rows around it, as it was before, from the log.

Examples:
  cabd restore inventory.sqlite dams 0b6e0000-0000-4000-8000-000000000001 --reason found";

/// Arguments of `cabd restore`.
#[derive(Debug, Args)]
#[command(after_help = RESTORE)]
pub struct Restore {
    /// The store
    store: String,
    /// The feature's type
    feature_type: String,
    /// The feature
    #[arg(value_name = "CABD_ID")]
    id: String,
    #[command(flatten)]
    doing: Doing,
}

impl Restore {
    /// Brings a feature back.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let of = named(&*store, &self.feature_type, &self.id).await?;
        let head = head(&self.doing);
        let done = store.restore(&head, &of).await?;
        store.close().await?;
        let doing = &self.doing;
        doing.tell(&done.rows, &done.conflicts, &done.applied, head.dry_run)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// An act is of one feature: it is done unless `--dry-run` is given.
fn head(doing: &Doing) -> ChangeHead {
    ChangeHead {
        dry_run: doing.dry_run,
        ..doing.head()
    }
}

async fn named(store: &dyn Store, feature_type: &str, text: &str) -> Result<FeatureName> {
    let catalog = store.catalog().await?;
    let ft = catalog.feature_type(feature_type)?;
    Ok(FeatureName::new(
        ft.id(),
        id::parse("cabd_id", text.trim())?,
    ))
}

async fn end(
    store: &dyn Store,
    doing: &Doing,
    applied: &Applied,
    dry_run: bool,
) -> Result<ExitCode> {
    store.close().await?;
    doing.tell(&[], &[], applied, dry_run)?;
    Ok(ExitCode::SUCCESS)
}

fn collection(file: &str) -> Result<Vec<Value>> {
    let at = |e: Error| e.at(file.to_owned());
    let bytes = std::fs::read(file).map_err(|e| at(e.into()))?;
    let document: Value = serde_json::from_slice(&bytes)
        .map_err(|e| at(Error::invalid(format!("not JSON: {e}")).expected("GeoJSON")))?;
    match document.get("features").and_then(Value::as_array) {
        Some(features) => Ok(features.clone()),
        None => Err(at(
            Error::invalid("no features").expected("a GeoJSON collection")
        )),
    }
}
