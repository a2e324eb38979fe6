//! `cabd erase`.

use std::process::ExitCode;

use cabd::Result;
use cabd::feature::ChangeHead;
use cabd::store::ProofExt;
use clap::Args;
use serde_json::json;

use super::{Doing, counts};
use crate::output;
use crate::session;

const EXAMPLES: &str = "\
E-mail, name and organization of a contact and the words of its suggested updates are replaced, here and in every row of the log. The
proof keeps digests in their place, so `cabd verify` stays clean. What was erased cannot be brought back. Without --yes it is only shown.

Examples:
  cabd erase inventory.sqlite --contact ann@example.org
  cabd erase inventory.sqlite --contact ann@example.org --yes --author registrar --reason asked
  cabd erase inventory.sqlite --contact 0b6e0000-0000-4000-8000-000000000001 --yes";

/// Arguments of `cabd erase`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Erase {
    /// The store
    store: String,
    /// The person: e-mail or identifier of the contact
    #[arg(long, value_name = "EMAIL|UUID")]
    contact: String,
    #[command(flatten)]
    doing: Doing,
}

impl Erase {
    /// Erases a person from contacts, suggested updates and log.
    pub async fn run(self) -> Result<ExitCode> {
        let (lang, doing) = (self.doing.lang()?, &self.doing);
        let dry_run = doing.dry_run || !doing.yes;
        let head = ChangeHead {
            dry_run,
            ..doing.head()
        };
        let store = session::open(&self.store).await?;
        let erased = store.erase(&head, &self.contact, lang).await?;
        store.close().await?;
        if doing.json {
            output::json(
                &json!({"dry_run": dry_run, "contact": erased.contact, "commit": erased.applied.commit,
                "changes": counts(&erased.applied), "rows": erased.rows, "log_rows": erased.logged}),
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        doing.tell(&erased.rows, &[], &erased.applied, dry_run)?;
        let rows = erased.logged;
        output::line(match dry_run {
            true => format!("{rows} rows of the log tell of the person; --yes erases them"),
            false => format!("{rows} rows of the log were erased"),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
