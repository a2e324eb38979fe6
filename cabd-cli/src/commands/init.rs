//! `cabd init`.

use std::path::PathBuf;
use std::process::ExitCode;

use cabd::catalog::{CatalogChange, CatalogPlan};
use cabd::{Catalog, ErrorKind, Manifest, Result};
use clap::Args;

use crate::files;
use crate::output;

const EXAMPLES: &str = "\
A second run changes nothing, or adds what a newer catalogue has: types, attributes, codes, labels.
What would drop or narrow values is refused; `cabd type apply` does it by name.

Examples:
  cabd init inventory.sqlite
  cabd init inventory.sqlite --catalog my-types.toml
  cabd init postgres://ann@localhost/inventory";

/// Arguments of `cabd init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Init {
    /// The store to make: a file path, or postgres://… naming a database that exists
    store: String,
    /// Manifests instead of the shipped catalogue: files, or folders of .toml files
    #[arg(long, value_name = "FILE_OR_FOLDER", num_args = 1..)]
    catalog: Vec<PathBuf>,
}

impl Init {
    /// Makes the store and gives it the catalogue.
    pub async fn run(self) -> Result<ExitCode> {
        let manifest = if self.catalog.is_empty() {
            cabd::shipped()?
        } else {
            files::read_manifests(&self.catalog)?
        };
        let name = cabd::without_password(&self.store);
        let store = match cabd::open(&self.store).await {
            Ok(store) => store,
            Err(error) if is_absent(error.kind()) => {
                // A manifest with a fault leaves no empty store behind.
                Catalog::default().evolve(&[], &CatalogChange::of(manifest.clone()))?;
                let store = cabd::create(&self.store).await?;
                output::line(format!("{name}: made"))?;
                store
            }
            Err(error) => return Err(error),
        };
        let is_new = store.catalog().await?.version == 0;
        let plan = store.change_catalog(&manifest).await?;
        let catalog = store.catalog().await?;
        store.close().await?;
        output::line(if is_new && !plan.steps.is_empty() {
            summary(&name, &catalog)
        } else {
            changes(&name, &plan, &manifest)
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether opening says that no inventory is there: no file, or a database that has none yet.
fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotAStore)
}

fn summary(name: &str, catalog: &Catalog) -> String {
    let types: Vec<&str> = catalog.types().map(|t| t.id()).collect();
    format!(
        "{name}: {} types ({}), {} code lists, {} attribute sets",
        types.len(),
        types.join(", "),
        catalog.lists().count(),
        catalog.sets().len(),
    )
}

fn changes(name: &str, plan: &CatalogPlan, manifest: &Manifest) -> String {
    if plan.steps.is_empty() {
        return format!(
            "{name}: nothing to change; {} types and {} code lists are as declared",
            manifest.types.len(),
            manifest.lists.len()
        );
    }
    let steps: Vec<String> = plan
        .words()
        .iter()
        .map(|step| format!("{name}: {step}"))
        .collect();
    steps.join("\n")
}
