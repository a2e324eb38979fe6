//! `cabd derive`.

use std::process::ExitCode;

use cabd::Result;
use cabd::catalog::Relation;
use cabd::feature::{ChangeHead, ChangeKind};
use cabd::store::DeriveExt;
use clap::Args;
use serde_json::json;

use crate::output;
use crate::session;

const EXAMPLES: &str = "\
Every change derives what it touches; this is for what came before: reference polygons that were loaded later, a derivation
that was declared later. A value whose own data source is known stays, and so does one for which nothing follows.

Examples:
  cabd derive inventory.sqlite
  cabd derive inventory.sqlite --type dams --dry-run
  cabd derive postgres://ann@db/cabd --type barriers --json";

/// Arguments of `cabd derive`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Derive {
    /// The store
    store: String,
    /// Only this type, or the members of this super type; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    feature_types: Vec<String>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

impl Derive {
    /// Derives, in one commit.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let head = ChangeHead {
            reason: Some("derived values computed anew".to_owned()),
            kind: ChangeKind::Derive,
            client: Some(session::CLIENT.to_owned()),
            dry_run: self.dry_run,
            ..ChangeHead::default()
        };
        let applied = store.derive_all(&head, &self.feature_types).await?;
        store.close().await?;
        let changed = applied
            .counts
            .iter()
            .filter_map(|(relation, counts)| match relation {
                Relation::Feature(t) if counts.updated > 0 => Some((t, counts.updated)),
                _ => None,
            });
        if self.json {
            let features: serde_json::Map<String, serde_json::Value> =
                changed.map(|(t, n)| (t.to_string(), n.into())).collect();
            let commit = applied.commit.map(|c| c.0);
            output::json(
                &json!({ "dry_run": self.dry_run, "commit": commit, "changed": features }),
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        let words: Vec<String> = changed.map(|(t, n)| format!("{n} {t}")).collect();
        let name = cabd::without_password(&self.store);
        output::line(match (words.is_empty(), self.dry_run) {
            (true, _) => format!("{name}: every derived value is as it should be"),
            (false, false) => format!("{name}: {} changed", words.join(", ")),
            (false, true) => format!("{name}: {} would change", words.join(", ")),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
