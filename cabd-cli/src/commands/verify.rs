//! `cabd verify`.

use std::process::ExitCode;

use cabd::store::{Hash, HistoryExt, ProofExt, Verified, Verify as What};
use cabd::{CommitNumber, Result};
use clap::Args;

use super::doctor;
use crate::exit;
use crate::output;
use crate::session;

const EXAMPLES: &str = "\
Note the head that it prints elsewhere: whoever owns the database could rewrite log and chain together, but not what you have noted.
Exit code 0: nothing was altered. 1: a warning or an error was found.

Examples:
  cabd verify inventory.sqlite
  cabd verify inventory.sqlite --expect 0d5c2f4ae9b1c1f3b0fd1f31f31f0a5a9a7c8c7a7f5e6d5c4b3a29181706f5e4
  cabd verify inventory.sqlite --from 2026-06-30 --json";

/// Arguments of `cabd verify`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// The store
    store: String,
    /// A head of the chain that was noted elsewhere: the log must have it
    #[arg(long, value_name = "HASH")]
    expect: Option<String>,
    /// Only commits after this one: a number, a time, or a release; everything without it
    #[arg(long, value_name = "COMMIT")]
    from: Option<String>,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

impl Verify {
    /// Compares the log with its seals.
    pub async fn run(self) -> Result<ExitCode> {
        let expect = self.expect.as_deref().map(str::parse::<Hash>).transpose()?;
        let store = session::open(&self.store).await?;
        let from = match &self.from {
            Some(text) => store.commit_of(text).await?,
            None => CommitNumber::default(),
        };
        let verified = store.verify(&What { from, expect }).await?;
        store.close().await?;
        if self.json {
            output::json(&verified)?;
        } else {
            tell(&cabd::without_password(&self.store), &verified)?;
        }
        Ok(ExitCode::from(match verified.is_whole() {
            true => exit::OK,
            false => exit::FINDINGS,
        }))
    }
}

fn tell(name: &str, verified: &Verified) -> Result<()> {
    for finding in &verified.findings {
        output::line(doctor::text(finding))?;
    }
    output::line(format!(
        "{} commits and {} rows of the log are compared",
        verified.commits, verified.rows
    ))?;
    if verified.rows_by_key > 0 {
        output::line(format!(
            "{} rows of bulk loads among them are proved by table and key: their values are in the tables alone",
            verified.rows_by_key
        ))?;
    }
    if let Some(commit) = verified.expected_at {
        output::line(format!(
            "the hash that was noted is that of commit {commit}"
        ))?;
    }
    if let Some(head) = &verified.head {
        output::line(format!("head: commit {} {}", head.commit, head.hash))?;
    }
    output::line(match verified.is_whole() {
        true => format!("{name}: nothing was altered"),
        false => format!("{name}: {} findings", verified.findings.len()),
    })
}
