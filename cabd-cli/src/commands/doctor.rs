//! `cabd doctor`.

use std::process::ExitCode;

use cabd::Result;
use cabd::store::{Finding, Severity};
use clap::Args;
use serde_json::json;

use crate::exit;
use crate::output;
use crate::session;

const EXAMPLES: &str = "\
Exit code 0: healthy, with notes or without. 1: a warning or an error was found.

Examples:
  cabd doctor inventory.sqlite
  cabd doctor inventory.sqlite --json";

/// Arguments of `cabd doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {
    /// The store
    store: String,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Examines the store.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let mut findings = store.doctor().await?;
        store.close().await?;
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let is_healthy = findings.iter().all(|f| f.severity < Severity::Warning);
        if self.json {
            output::json(&json!({ "healthy": is_healthy, "findings": findings }))?;
        } else {
            for finding in &findings {
                output::line(text(finding))?;
            }
            let name = cabd::without_password(&self.store);
            output::line(match (is_healthy, findings.len()) {
                (true, 0) => format!("{name}: healthy"),
                (true, notes) => format!("{name}: healthy, {notes} notes"),
                (false, all) => format!("{name}: {all} findings"),
            })?;
        }
        Ok(ExitCode::from(if is_healthy {
            exit::OK
        } else {
            exit::FINDINGS
        }))
    }
}

pub(super) fn text(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut text = format!(
        "{severity}: {}: {}: {}",
        finding.check, finding.object, finding.message
    );
    if let Some(hint) = &finding.hint {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    text
}
