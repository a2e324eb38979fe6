//! Commands that change features: what they share.

mod apply;
mod delete;
mod edit;
mod erase;
mod identity;
mod revert;

use std::collections::BTreeSet;
use std::process::ExitCode;

use cabd::edit::{Draft, Sourcing};
use cabd::feature::{Applied, ChangeHead};
use cabd::store::{PreviewExt, ShownRow, ShownValue, SourcesExt, Store, operations};
use cabd::{Error, Lang, Result};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::output;
use crate::session;

pub use apply::Apply;
pub use delete::Delete;
pub use edit::Edit;
pub use erase::Erase;
pub use identity::{Merge, Restore, Split, Withdraw};
pub use revert::RevertCommit;

/// Rows that people are shown; `--json` has all.
const SHOWN: usize = 50;
/// Longest value that is shown.
const LONGEST: usize = 60;

/// Who changes something and why, and whether it is to be done.
#[derive(Debug, Args)]
pub struct Doing {
    /// Who makes the change: kept with the commit
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Why: kept with the commit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Make the change where it is of more than one feature
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Language of names and labels: en or fr
    #[arg(long, default_value = "en")]
    lang: String,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

/// Where values come from.
#[derive(Debug, Args)]
pub struct From {
    /// The data source of the values: its name or identifier. Needed where the source of a value is tracked
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Why there is no data source
    #[arg(long, value_name = "WHY", conflicts_with = "source")]
    no_source: Option<String>,
}

impl From {
    /// What is said of the source.
    ///
    /// # Errors
    /// For a name that no data source has.
    async fn sourcing(&self, store: &dyn Store) -> Result<Sourcing> {
        let Some(source) = &self.source else {
            return Sourcing::read(None, self.no_source.as_deref());
        };
        let id = store.source_named(source).await.map_err(|e| {
            e.field("source")
                .hint("`cabd sources list STORE` shows them, `cabd sources add` makes one")
        })?;
        Ok(Sourcing::Source(id))
    }
}

impl Doing {
    fn head(&self) -> ChangeHead {
        ChangeHead {
            author: self.author.clone(),
            reason: self.reason.clone(),
            client: Some(session::CLIENT.to_owned()),
            ..ChangeHead::default()
        }
    }

    fn lang(&self) -> Result<Lang> {
        self.lang.parse()
    }

    /// Whether a change of so many features is only to be shown.
    fn only_shows(&self, features: usize) -> bool {
        self.dry_run || (features > 1 && !self.yes)
    }

    /// Shows what a draft changes, and makes the change unless it is only to be shown.
    pub(super) async fn carry_out(&self, store: &dyn Store, draft: Draft) -> Result<ExitCode> {
        let rows = store.preview(&draft.operations, self.lang()?).await?;
        let mut head = draft.head;
        let reason = match (self.reason.clone(), head.reason.take()) {
            (Some(reason), Some(why)) if reason != why => Some(format!("{reason} ({why})")),
            (reason, why) => reason.or(why),
        };
        head.reason = reason;
        head.author.clone_from(&self.author);
        head.client = Some(session::CLIENT.to_owned());
        head.dry_run = self.only_shows(features(&rows));
        let applied = store.apply(&head, operations(draft.operations)).await?;
        store.close().await?;
        self.tell(&rows, &[], &applied, head.dry_run)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Prints what was changed, or would be.
    fn tell(
        &self,
        rows: &[ShownRow],
        conflicts: &[Error],
        applied: &Applied,
        dry_run: bool,
    ) -> Result<()> {
        if self.json {
            let conflicts: Vec<Value> = conflicts.iter().map(conflict).collect();
            return output::json(&json!({"dry_run": dry_run, "commit": applied.commit,
                "changes": counts(applied), "rows": rows, "conflicts": conflicts}));
        }
        for row in rows.iter().take(SHOWN) {
            output::line(format!("{} {}", verb(row), name(row)))?;
            for value in &row.values {
                output::line(format!("  {}", change(row, value)))?;
            }
        }
        if rows.len() > SHOWN {
            output::line(format!("… and {} more rows", rows.len() - SHOWN))?;
        }
        for e in conflicts {
            output::line(format!("conflict: {e}"))?;
            for line in crate::failure::states(e) {
                output::line(format!("  {line}"))?;
            }
        }
        let touched: u64 = applied
            .counts
            .values()
            .map(|c| c.inserted + c.updated + c.deleted)
            .sum();
        let rows = if touched == 1 { "row" } else { "rows" };
        output::line(match (applied.commit, dry_run) {
            (Some(commit), _) => format!("commit {commit}: {touched} {rows} changed"),
            (None, true) if touched > 0 && self.dry_run => {
                format!("{touched} {rows} would change")
            }
            (None, true) if touched > 0 => {
                format!(
                    "{touched} {rows} would change; nothing was changed, --yes makes the change"
                )
            }
            (None, _) => "nothing to change".to_owned(),
        })
    }
}

/// How many features rows are of; rows of none count each.
fn features(rows: &[ShownRow]) -> usize {
    let ids: BTreeSet<_> = rows.iter().filter_map(|r| r.cabd_id).collect();
    ids.len() + rows.iter().filter(|r| r.cabd_id.is_none()).count()
}

fn counts(applied: &Applied) -> Map<String, Value> {
    let counts = applied.counts.iter().map(|(relation, c)| {
        let counts = json!({"inserted": c.inserted, "updated": c.updated,
            "unchanged": c.unchanged, "deleted": c.deleted});
        (relation.to_string(), counts)
    });
    counts.collect()
}

fn conflict(e: &Error) -> Value {
    json!({"row": e.place(), "detail": e.message(), "attribute": e.field_name(),
        "value": e.shown_value(), "conflict": e.clashes()})
}

fn verb(row: &ShownRow) -> &'static str {
    match row.action {
        "insert" => "new",
        "delete" => "goes",
        _ => "changes",
    }
}

fn name(row: &ShownRow) -> String {
    let key: Vec<String> = row.key.iter().map(|k| shown(k, None)).collect();
    format!("{} {}", row.relation, key.join(" "))
}

fn change(row: &ShownRow, v: &ShownValue) -> String {
    let to = shown(&v.to, v.to_label.as_deref());
    match row.action {
        "insert" => format!("{}: {to}", v.name),
        _ => format!(
            "{}: {} -> {to}",
            v.name,
            shown(&v.from, v.from_label.as_deref())
        ),
    }
}

fn shown(value: &Value, label: Option<&str>) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    match label {
        Some(label) => format!("{text} ({label})"),
        None => text,
    }
}
