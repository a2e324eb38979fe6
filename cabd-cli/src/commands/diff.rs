//! `cabd diff`.

use std::process::ExitCode;

use cabd::Result;
use cabd::store::{DiffQuery, HistoryExt};
use clap::Args;
use futures::TryStreamExt;

use super::history::{about, change};
use super::release::json_line;
use crate::output;
use crate::session;

const EXAMPLES: &str = "\
Examples:
  cabd diff inventory.sqlite v1.1 v1.2
  cabd diff inventory.sqlite 2026-06-30 2026-11-22 --type dams
  cabd diff inventory.sqlite 120 135 --json > diff.ndjson";

/// Arguments of `cabd diff`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Diff {
    /// The store
    store: String,
    /// The one state: a commit number, an instant, a day (its end, UTC) or a release
    from: String,
    /// The other state
    to: String,
    /// Only features of these types
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Language of names and labels: en or fr
    #[arg(long, default_value = "en")]
    lang: String,
    /// Write JSON for programs, a feature a line
    #[arg(long)]
    json: bool,
}

impl Diff {
    /// Shows the features that differ, and what has changed of each.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let query = DiffQuery {
            from: store.commit_of(&self.from).await?,
            to: store.commit_of(&self.to).await?,
            types: self.types.clone(),
            lang: self.lang.parse()?,
        };
        let (from, to) = (query.from, query.to);
        let mut counts = [("added", 0_u64), ("removed", 0), ("changed", 0)];
        let mut features = store.diff(query).await?;
        while let Some(f) = features.try_next().await? {
            for (what, n) in &mut counts {
                *n += u64::from(*what == f.change);
            }
            if self.json {
                json_line(&f)?;
                continue;
            }
            output::line(format!("{} {} {}", f.feature_type, f.cabd_id, f.change))?;
            for row in f.rows.iter().filter(|_| f.change == "changed") {
                output::line(format!("  {}", about(row)))?;
                for value in &row.values {
                    output::line(format!("    {}", change(&row.action, value)))?;
                }
            }
        }
        drop(features);
        if !self.json {
            let words = counts.map(|(what, n)| format!("{n} {what}"));
            output::note(format!("commit {from} to {to}: {}", words.join(", ")));
        }
        store.close().await?;
        Ok(ExitCode::SUCCESS)
    }
}
