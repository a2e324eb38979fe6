//! `cabd type`: the catalogue of a live inventory.

mod change;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use cabd::catalog::{CatalogChange, check};
use cabd::{Error, Result};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::exit;
use crate::files;
use crate::output;
use crate::session;

pub use change::{Consent, carry_out};

const EXAMPLES: &str = "\
Nothing is dropped or narrowed unless it is named, and what is dropped is set aside until it is purged.
`plan` shows every step in words and SQL with the rows it touches, and changes nothing; exit code 3 when
`apply` would refuse it. `apply` asks before it drops or narrows; --yes is the answer of a program.

Examples:
  cabd type check catalog/types/dams.toml catalog/inventory.toml
  cabd type plan inventory.sqlite ponds.toml
  cabd type apply inventory.sqlite ponds.toml
  cabd type apply inventory.sqlite dams.toml --rename dams.river_name_en=waterway_en
  cabd type apply inventory.sqlite --retire dams.comments
  cabd type apply inventory.sqlite dams.toml --drop dams.comments --yes
  cabd type show inventory.sqlite dams --toml
  cabd type show inventory.sqlite --drift
  cabd type undo inventory.sqlite --list
  cabd type undo inventory.sqlite --commit 12 --yes
  cabd type purge inventory.sqlite --commit 12 --yes
  cabd type adopt inventory.sqlite beaver_dams -o beaver_dams.toml";

/// Arguments of `cabd type`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Types {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check manifests, without a store
    Check {
        /// Manifests, or folders of .toml files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Beside the shipped catalogue, whose sets, code lists and types they may name
        #[arg(long)]
        shipped: bool,
        /// Write JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Show what manifests would change
    Plan {
        /// The store
        store: String,
        /// Manifests, or folders of .toml files
        files: Vec<PathBuf>,
        #[command(flatten)]
        told: ToldArgs,
        /// Write JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Make what manifests declare
    Apply {
        /// The store
        store: String,
        /// Manifests, or folders of .toml files
        files: Vec<PathBuf>,
        #[command(flatten)]
        told: ToldArgs,
        #[command(flatten)]
        consent: Consent,
    },
    /// Show types as the store has them
    Show(show::Show),
    /// Return to the catalogue before a change
    Undo {
        /// The store
        store: String,
        /// Undo this commit and every change of the catalogue since
        #[arg(long, value_name = "N")]
        commit: Option<i64>,
        /// List the changes instead
        #[arg(long, conflicts_with = "commit")]
        list: bool,
        /// Let go what the undone change had added and has values now: type.attribute, type, set:NAME
        #[arg(long, value_name = "NAME")]
        drop: Vec<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Delete for good what changes have set aside; it cannot be undone
    Purge {
        /// The store
        store: String,
        /// Only what this commit and earlier ones set aside
        #[arg(long, value_name = "N")]
        commit: Option<i64>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Write a manifest for a type that was registered by SQL alone
    Adopt {
        /// The store
        store: String,
        /// The type
        #[arg(value_name = "TYPE")]
        feature_type: String,
        /// The file to write; standard output otherwise
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// What may be done to values.
#[derive(Debug, Args)]
pub struct ToldArgs {
    /// Let go and set aside: type.attribute, type, type.part, schema.list, set:NAME
    #[arg(long, value_name = "NAME")]
    drop: Vec<String>,
    /// Accept fewer values than before: type.attribute
    #[arg(long, value_name = "NAME")]
    narrow: Vec<String>,
    /// Keep, but do not serve: type.attribute
    #[arg(long, value_name = "NAME")]
    retire: Vec<String>,
    /// The same values under another name: type.old=new
    #[arg(long, value_name = "OLD=NEW")]
    rename: Vec<String>,
    /// Overwrite what the tables say differently from the declarations
    #[arg(long)]
    overwrite_drift: bool,
}

impl ToldArgs {
    fn give(self, mut change: CatalogChange) -> Result<CatalogChange> {
        for name in self.drop {
            change = change.drop(name);
        }
        for name in self.narrow {
            change = change.narrow(name);
        }
        for name in self.retire {
            change = change.retire(name);
        }
        for pair in self.rename {
            let (from, to) = pair.split_once('=').ok_or_else(|| {
                Error::invalid("no new name")
                    .field("rename")
                    .value(&pair)
                    .expected("type.old=new")
            })?;
            change = change.rename(from, to);
        }
        if self.overwrite_drift {
            change = change.overwrite_drift();
        }
        Ok(change)
    }
}

impl Types {
    /// Runs the subcommand.
    pub async fn run(self) -> Result<ExitCode> {
        match self.what {
            What::Check {
                files,
                shipped,
                json,
            } => check_files(&files, shipped, json),
            What::Plan {
                store,
                files,
                told,
                json,
            } => {
                let change = told.give(CatalogChange::of(files::read_manifests(&files)?))?;
                let store = session::open(&store).await?;
                let plan = store.plan(&change).await?;
                store.close().await?;
                change::show(&plan, json)?;
                Ok(ExitCode::from(if change::is_refused(&plan) {
                    exit::REJECTED
                } else {
                    exit::OK
                }))
            }
            What::Apply {
                store,
                files,
                told,
                consent,
            } => {
                let change = told.give(CatalogChange::of(files::read_manifests(&files)?))?;
                carry_out(&store, change, consent).await
            }
            What::Show(show) => show.run().await,
            What::Undo {
                store,
                commit,
                list,
                drop,
                consent,
            } => {
                if list {
                    return change::list(&store, consent.json).await;
                }
                let mut change = CatalogChange::undo(commit);
                for name in drop {
                    change = change.drop(name);
                }
                carry_out(&store, change, consent).await
            }
            What::Purge {
                store,
                commit,
                consent,
            } => carry_out(&store, CatalogChange::purge(commit), consent).await,
            What::Adopt {
                store,
                feature_type,
                output,
            } => adopt(&store, &feature_type, output).await,
        }
    }
}

fn check_files(files: &[PathBuf], shipped: bool, as_json: bool) -> Result<ExitCode> {
    let manifest = files::read_manifests(files)?;
    let mut all = manifest.clone();
    if shipped {
        // What the files declare takes the place of what is shipped under the same name.
        let mut beside = cabd::shipped()?;
        beside
            .types
            .retain(|t| manifest.types.iter().all(|m| m.id() != t.id()));
        beside
            .lists
            .retain(|l| manifest.lists.iter().all(|m| m.id != l.id));
        beside
            .sets
            .retain(|s| manifest.sets.iter().all(|m| m.name != s.name));
        all.merge(beside);
    }
    let problems = check(&all);
    if as_json {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        output::json(&json!({ "problems": all }))?;
    } else {
        for problem in &problems {
            output::line(problem.to_string())?;
        }
        if problems.is_empty() {
            output::line(format!(
                "{} types, {} code lists, {} attribute sets: no problem",
                manifest.types.len(),
                manifest.lists.len(),
                manifest.sets.len()
            ))?;
        }
    }
    Ok(ExitCode::from(if problems.is_empty() {
        exit::OK
    } else {
        exit::REJECTED
    }))
}

async fn adopt(location: &str, id: &str, file: Option<PathBuf>) -> Result<ExitCode> {
    let store = session::open(location).await?;
    let adopted = store.adopt(id).await?;
    store.close().await?;
    let mut text = String::new();
    for note in &adopted.notes {
        text.push_str(&format!("# {note}\n"));
    }
    text.push_str(&adopted.manifest.to_toml()?);
    match file {
        None => output::print(text.as_bytes())?,
        Some(path) => {
            let place = path.display().to_string();
            std::fs::write(&path, text).map_err(|e| Error::from(e).at(place.clone()))?;
            for note in &adopted.notes {
                output::note(note);
            }
            output::line(format!(
                "{place}: written; `cabd type plan` shows what it changes"
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
