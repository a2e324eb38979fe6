//! `cabd revert`.

use std::process::ExitCode;

use cabd::feature::ChangeHead;
use cabd::store::{Revert, RevertExt};
use cabd::{CommitNumber, Result, id};
use clap::Args;

use super::{Doing, features};
use crate::session;

const EXAMPLES: &str = "\
What a commit did is undone by a new one. A value that has changed since is a conflict: it is shown, and refuses the whole unless
--only-clean leaves it as it is. Without --yes what is of more than one feature is only shown.

Examples:
  cabd revert inventory.sqlite 17
  cabd revert inventory.sqlite 17 --yes --reason mistake
  cabd revert inventory.sqlite 17 --feature 0b6e0000-0000-4000-8000-000000000001 --attribute height_m";

/// Arguments of `cabd revert`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RevertCommit {
    /// The store
    store: String,
    /// The commit
    #[arg(value_name = "COMMIT")]
    commit: i64,
    /// Only what it did to this feature and around it; may be repeated
    #[arg(long = "feature", value_name = "CABD_ID")]
    features: Vec<String>,
    /// Only this attribute, with its source; may be repeated
    #[arg(long = "attribute", value_name = "ATTRIBUTE")]
    attributes: Vec<String>,
    /// Leave what has changed since as it is
    #[arg(long)]
    only_clean: bool,
    #[command(flatten)]
    doing: Doing,
}

impl RevertCommit {
    /// Undoes a commit, or a part of it.
    pub async fn run(self) -> Result<ExitCode> {
        let given = self
            .features
            .iter()
            .map(|text| id::parse("feature", text.trim()));
        let what = Revert {
            commit: CommitNumber(self.commit),
            features: given.collect::<Result<_>>()?,
            attributes: self.attributes,
            only_clean: self.only_clean,
        };
        let (lang, doing) = (self.doing.lang()?, &self.doing);
        let store = session::open(&self.store).await?;
        let preview = ChangeHead {
            dry_run: true,
            ..doing.head()
        };
        let mut done = store.revert(&preview, &what, lang).await?;
        let dry_run = doing.only_shows(features(&done.rows));
        if !dry_run {
            done = store.revert(&doing.head(), &what, lang).await?;
        }
        store.close().await?;
        doing.tell(&done.rows, &done.conflicts, &done.applied, dry_run)?;
        Ok(ExitCode::SUCCESS)
    }
}
