//! `cabd code`: the codes of a live inventory.

use std::process::ExitCode;

use cabd::catalog::{CatalogChange, Code, CodeKey, CodeList};
use cabd::{DataType, Error, Manifest, Result};
use clap::{Args, Subcommand};

use super::types::{Consent, carry_out};
use crate::session;

const EXAMPLES: &str = "\
A retired code stays in the rows that have it and is refused for new values.

Examples:
  cabd code add inventory.sqlite dams.dam_use_codes 13 --en Snowmaking --fr Enneigement
  cabd code change inventory.sqlite dams.dam_use_codes 13 --fr Nivoculture
  cabd code retire inventory.sqlite dams.dam_use_codes 13
  cabd code change inventory.sqlite dams.dam_use_codes 13 --serve";

/// Arguments of `cabd code`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Codes {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add a code
    Add(Put),
    /// Change a code's texts, or accept a retired one again
    Change(Put),
    /// Refuse a code for new values
    Retire {
        /// The store
        store: String,
        /// The code list: schema.table
        list: String,
        /// The code
        code: String,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Debug, Args)]
struct Put {
    /// The store
    store: String,
    /// The code list: schema.table
    list: String,
    /// The code
    code: String,
    /// English label
    #[arg(long, value_name = "TEXT")]
    en: Option<String>,
    /// French label
    #[arg(long, value_name = "TEXT")]
    fr: Option<String>,
    /// English description
    #[arg(long, value_name = "TEXT")]
    description_en: Option<String>,
    /// French description
    #[arg(long, value_name = "TEXT")]
    description_fr: Option<String>,
    /// Accept a retired code again
    #[arg(long)]
    serve: bool,
    #[command(flatten)]
    consent: Consent,
}

impl Codes {
    /// Changes a code.
    pub async fn run(self) -> Result<ExitCode> {
        match self.what {
            What::Retire {
                store,
                list,
                code,
                consent,
            } => {
                let change =
                    CatalogChange::of(Manifest::default()).retire(format!("{list}={code}"));
                // The step narrows nothing that is stored, and is taken back by one command.
                let consent = Consent {
                    yes: true,
                    ..consent
                };
                carry_out(&store, change, consent).await
            }
            What::Add(put) => put.run(true).await,
            What::Change(put) => put.run(false).await,
        }
    }
}

impl Put {
    async fn run(self, is_new: bool) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        store.close().await?;
        let list = catalog.list(&self.list).ok_or_else(|| {
            Error::not_found("no such code list")
                .field("list")
                .value(&self.list)
                .hint("`cabd info STORE --type TYPE` shows the code list of each attribute")
        })?;
        let key = key_of(list, &self.code)?;
        let known = list.get(&key);
        let mut code = match (known, is_new) {
            (Some(_), true) => {
                return Err(Error::conflict(format!("{} has this code", list.id))
                    .field("code")
                    .value(&self.code)
                    .hint("`cabd code change` changes it"));
            }
            (None, false) => {
                return Err(Error::not_found(format!("{} has no such code", list.id))
                    .field("code")
                    .value(&self.code)
                    .hint("`cabd code add` adds it"));
            }
            (Some(c), false) => c.clone(),
            (None, true) => Code {
                code: key,
                name: Default::default(),
                description: Default::default(),
                more: Default::default(),
                retired: false,
            },
        };
        for (text, given) in [
            (&mut code.name.en, self.en),
            (&mut code.name.fr, self.fr),
            (&mut code.description.en, self.description_en),
            (&mut code.description.fr, self.description_fr),
        ] {
            if let Some(given) = given {
                *text = given;
            }
        }
        code.retired = false;
        let manifest = Manifest {
            lists: vec![list.with_codes(vec![code])],
            ..Manifest::default()
        };
        let mut change = CatalogChange::of(manifest).overwrite_drift();
        if self.serve {
            change = change.serve(format!("{}={}", self.list, self.code));
        }
        carry_out(&self.store, change, self.consent).await
    }
}

fn key_of(list: &CodeList, text: &str) -> Result<CodeKey> {
    match list.key_type {
        DataType::Integer => text.parse().map(CodeKey::Int).map_err(|_| {
            Error::invalid("not a code of this list")
                .field("code")
                .value(text)
                .expected("a whole number")
        }),
        _ => Ok(CodeKey::Text(text.to_owned())),
    }
}
