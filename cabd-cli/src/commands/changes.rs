//! `cabd changes`.

use std::process::ExitCode;

use cabd::store::{FeedPlace, FeedQuery, HistoryExt};
use cabd::{CommitNumber, Result};
use clap::Args;
use futures::TryStreamExt;

use super::history::{about, change};
use super::release::json_line;
use crate::output;
use crate::session;

const EXAMPLES: &str = "\
Examples:
  cabd changes inventory.sqlite --since 120
  cabd changes inventory.sqlite --since 2026-11-01 --type dams --attribute height_m
  cabd changes inventory.sqlite --since v1.1 --bbox=-76,45,-75,46 --json > changes.ndjson";

/// Arguments of `cabd changes`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Changes {
    /// The store
    store: String,
    /// After this commit number, place, instant, day or release; everything without it
    #[arg(long, value_name = "COMMIT|TIME|RELEASE")]
    since: Option<String>,
    /// Only features of these types
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only features that were in xmin,ymin,xmax,ymax (degrees) before or after the change
    #[arg(long, allow_hyphen_values = true)]
    bbox: Option<String>,
    /// Only rows of which one of these attributes changed
    #[arg(long, value_name = "ATTRIBUTE", value_delimiter = ',')]
    attribute: Vec<String>,
    /// Language of names and labels: en or fr
    #[arg(long, default_value = "en")]
    lang: String,
    /// Write JSON for programs, a change a line
    #[arg(long)]
    json: bool,
}

impl Changes {
    /// Shows the changes, oldest first.
    pub async fn run(self) -> Result<ExitCode> {
        let mut query = FeedQuery {
            types: self.types.clone(),
            bbox: self.bbox.as_deref().map(str::parse).transpose()?,
            attributes: self.attribute.clone(),
            lang: self.lang.parse()?,
            ..FeedQuery::default()
        };
        let store = session::open(&self.store).await?;
        if let Some(text) = &self.since {
            query.after = match text.parse() {
                Ok(place) => place,
                Err(_) => FeedPlace {
                    commit: store.commit_of(text).await?,
                    revision: None,
                },
            };
        }
        let (until, mut feed) = store.feed(query).await?;
        let mut commit = 0;
        while let Some(c) = feed.try_next().await? {
            if self.json {
                json_line(&c)?;
                continue;
            }
            if c.commit != commit {
                commit = c.commit;
                let by = c.author.as_ref().map(|a| format!("  by {a}"));
                let why = c.reason.as_ref().map(|r| format!("  ({}: {r})", c.kind));
                output::line(format!(
                    "commit {}  {}{}{}",
                    c.commit,
                    c.datetime,
                    by.unwrap_or_default(),
                    why.unwrap_or_else(|| format!("  ({})", c.kind))
                ))?;
            }
            let id = c.cabd_id.map(|id| format!(" {id}")).unwrap_or_default();
            output::line(format!("  {}{id}", about(&c.row)))?;
            for value in &c.row.values {
                output::line(format!("    {}", change(&c.row.action, value)))?;
            }
        }
        drop(feed);
        if !self.json {
            output::note(format!("up to commit {}", CommitNumber(until.0)));
        }
        store.close().await?;
        Ok(ExitCode::SUCCESS)
    }
}
