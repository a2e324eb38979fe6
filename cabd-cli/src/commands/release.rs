//! `cabd release`.

use std::process::ExitCode;

use cabd::store::{HistoryExt, Release as DataVersion};
use cabd::{Error, Result};
use clap::Args;

use crate::output;
use crate::session;
use crate::table;

const EXAMPLES: &str = "\
Examples:
  cabd release inventory.sqlite v1.2
  cabd release inventory.sqlite v1.1 --commit 2026-06-30 --note sent
  cabd release inventory.sqlite
  cabd export inventory.sqlite --type dams --as-of v1.1 -o dams-v1.1.geojson";

/// Arguments of `cabd release`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Release {
    /// The store
    store: String,
    /// The name of a new release; lists the releases without it
    name: Option<String>,
    /// The state that is released: a commit number, an instant, or the end of a day (UTC); the newest without it
    #[arg(long, value_name = "COMMIT|TIME", requires = "name")]
    commit: Option<String>,
    /// What is to be said about it
    #[arg(long, requires = "name")]
    note: Option<String>,
    /// Who releases it
    #[arg(long, requires = "name")]
    author: Option<String>,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

impl Release {
    /// Names a commit, or lists the names there are.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let shown = match &self.name {
            None => store.releases().await?,
            Some(name) => {
                let commit = match &self.commit {
                    Some(text) => store.commit_of(text).await?,
                    None => store.head().await?,
                };
                let mut release = DataVersion::new(name, commit)?;
                release.note = self.note.clone();
                release.author = self.author.clone();
                store.release(&release).await?;
                let mut all = store.releases().await?;
                all.retain(|r| r.is_named(&release.name));
                all
            }
        };
        store.close().await?;
        if self.json {
            output::json(&shown)?;
        } else if self.name.is_some() {
            let said = shown.iter().map(|r| {
                let chain = r.chain.map(|hash| format!(", chain {hash}"));
                format!(
                    "{} is commit {}{}",
                    r.name,
                    r.commit,
                    chain.unwrap_or_default()
                )
            });
            output::line(said.collect::<Vec<_>>().join("\n"))?;
        } else {
            let rows = shown.into_iter().map(|r| {
                vec![
                    r.name,
                    r.commit.to_string(),
                    cabd::time::format_instant(r.datetime),
                    r.note.unwrap_or_default(),
                ]
            });
            table::print(&["release", "commit", "released", "note"], rows, &[1])?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A value as a line of JSON.
///
/// # Errors
/// When it does not fit into JSON, and as [`output::print`].
pub fn json_line(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string(value)
        .map_err(|e| Error::internal("the answer does not fit into JSON").because(e))?;
    output::line(text)
}
