//! `cabd history`.

use std::process::ExitCode;

use cabd::store::{Act, HistoryExt, RowAct, ValueAct};
use cabd::{Error, Result, id};
use clap::Args;
use serde_json::Value;

use crate::output;
use crate::session;

const EXAMPLES: &str = "\
Examples:
  cabd history inventory.sqlite dams 0b6e0000-0000-4000-8000-000000000001
  cabd history inventory.sqlite dams 0b6e0000-0000-4000-8000-000000000001 --lang fr --json";

/// Arguments of `cabd history`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct History {
    /// The store
    store: String,
    /// Feature type, or super type such as barriers
    feature_type: String,
    /// The feature
    #[arg(value_name = "CABD_ID")]
    id: String,
    /// Language of names and labels: en or fr
    #[arg(long, default_value = "en")]
    lang: String,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

impl History {
    /// Shows what has happened to a feature and the rows around it, oldest first.
    pub async fn run(self) -> Result<ExitCode> {
        let id = id::parse("cabd_id", self.id.trim())?;
        let store = session::open(&self.store).await?;
        let acts = store
            .history(&self.feature_type, id, self.lang.parse()?)
            .await?;
        store.close().await?;
        if self.json {
            let acts = serde_json::to_value(&acts)
                .map_err(|e| Error::internal("the history as JSON").because(e))?;
            output::json(&acts)?;
            return Ok(ExitCode::SUCCESS);
        }
        for act in &acts {
            output::line(head(act))?;
            for row in &act.rows {
                output::line(format!("  {}", about(row)))?;
                for value in &row.values {
                    output::line(format!("    {}", change(&row.action, value)))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn head(act: &Act) -> String {
    let mut line = format!("commit {}  {}", act.commit, act.datetime);
    for (word, said) in [
        ("by", &act.author),
        ("approved by", &act.reviewer),
        ("with", &act.client),
    ] {
        if let Some(said) = said {
            line.push_str(&format!("  {word} {said}"));
        }
    }
    match &act.reason {
        Some(reason) => format!("{line}  ({}: {reason})", act.kind),
        None => format!("{line}  ({})", act.kind),
    }
}

/// What happened to a row.
pub fn about(row: &RowAct) -> String {
    let mut key: Vec<String> = row.key.iter().map(|k| shown(k, None)).collect();
    key.extend(row.key_label.as_ref().map(|label| format!("({label})")));
    let what = match row.action.as_str() {
        "INSERT" => "new",
        "DELETE" => "gone",
        _ => "changed",
    };
    format!("{} {what} {}", row.relation, key.join(" "))
        .trim_end()
        .to_owned()
}

/// What happened to a value.
pub fn change(action: &str, v: &ValueAct) -> String {
    let from = shown(&v.from, v.from_label.as_deref());
    let to = shown(&v.to, v.to_label.as_deref());
    let source = match &v.source {
        Some(s) => format!("  [{}]", s.name.clone().unwrap_or_else(|| s.id.to_string())),
        None => String::new(),
    };
    let text = match action {
        "INSERT" => format!("{}: {to}", v.name),
        "DELETE" => format!("{}: {from}", v.name),
        _ => format!("{}: {from} -> {to}", v.name),
    };
    text + &source
}

fn shown(value: &Value, label: Option<&str>) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match label {
        Some(label) => format!("{text} ({label})"),
        None => text,
    }
}
