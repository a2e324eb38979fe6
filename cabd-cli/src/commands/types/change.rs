//! Plans shown, consent asked, changes made.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use cabd::catalog::{CatalogChange, CatalogPlan, Effect};
use cabd::{Error, Result};
use clap::Args;
use serde_json::json;

use crate::exit;
use crate::output;
use crate::session;
use crate::table;

/// Longest statement that people are shown; `--json` has all of it.
const LONGEST_SQL: usize = 300;

/// Who changes the catalogue, why, and that it may be done.
#[derive(Debug, Args)]
pub struct Consent {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Who changes the catalogue: kept with the commit
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Why: kept with the commit
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Write JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// Shows the plan, asks where values would go or fewer be accepted, and makes the change.
pub async fn carry_out(
    location: &str,
    mut change: CatalogChange,
    consent: Consent,
) -> Result<ExitCode> {
    change.author = consent.author;
    change.reason = consent.reason;
    let store = session::open(location).await?;
    let plan = store.plan(&change).await?;
    if !consent.json {
        show(&plan, false)?;
    }
    let risky = plan.steps.iter().any(|s| s.effect != Effect::None);
    if risky && !consent.yes && !is_refused(&plan) && !agreed()? {
        store.close().await?;
        return Err(Error::invalid("the change was not confirmed")
            .expected("--yes, or `yes` at a terminal")
            .hint("the plan above says what would go; nothing was changed"));
    }
    // What is refused, the store refuses with its reason.
    let done = store.evolve(&change).await?;
    let commit = match done.is_empty() {
        true => None,
        false => Some(store.head().await?.0),
    };
    store.close().await?;
    if consent.json {
        output::json(&json!({ "commit": commit, "steps": done.steps, "drift": done.drift }))?;
    } else if let Some(commit) = commit {
        output::line(format!(
            "{}: done, commit {commit}; `cabd type undo` takes it back",
            cabd::without_password(location)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn agreed() -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let failed = |e: io::Error| Error::from(e).at("standard input");
    let mut out = io::stderr().lock();
    out.write_all(b"Do it? (yes/no) ")
        .and_then(|()| out.flush())
        .map_err(failed)?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(matches!(line.trim(), "yes" | "y" | "oui" | "o"))
}

/// Whether the store would refuse the plan as it was told.
pub fn is_refused(plan: &CatalogPlan) -> bool {
    plan.steps
        .iter()
        .any(|s| s.needs.is_some() || s.problem.is_some())
}

/// Prints a plan.
pub fn show(plan: &CatalogPlan, as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&json!({
            "refused": is_refused(plan), "steps": plan.steps, "drift": plan.drift, "warnings": plan.warnings,
        }));
    }
    if plan.is_empty() {
        output::line("nothing to change")?;
    }
    for (i, step) in plan.steps.iter().enumerate() {
        let rows = match step.rows {
            Some(1) => " (1 row)".to_owned(),
            Some(n) => format!(" ({n} rows)"),
            None => String::new(),
        };
        output::line(format!("{}. {}{rows}", i + 1, step.words))?;
        if let Some(needs) = &step.needs {
            output::line(format!("   needs: {needs}"))?;
        }
        if let Some(problem) = &step.problem {
            output::line(format!("   cannot be done: {problem}"))?;
        }
        for sql in &step.sql {
            output::line(format!("     {}", short(sql)))?;
        }
    }
    for warning in &plan.warnings {
        output::line(format!("warning: {warning}"))?;
    }
    for d in &plan.drift {
        output::line(format!(
            "kept as the tables have it: {} {}: {:?}, the manifest says {:?} (--overwrite-drift)",
            d.object, d.field, d.present, d.declared
        ))?;
    }
    Ok(())
}

fn short(sql: &str) -> String {
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_SQL) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Lists the changes of the catalogue.
pub async fn list(location: &str, as_json: bool) -> Result<ExitCode> {
    let store = session::open(location).await?;
    let history = store.catalog_history().await?;
    store.close().await?;
    if as_json {
        let all = history.iter().map(|c| {
            let kept: Vec<String> = c.kept.iter().map(cabd::catalog::Kept::what).collect();
            json!({
                "commit": c.commit, "datetime": c.datetime, "author": c.author, "undid": c.undid,
                "steps": c.words, "set_aside": kept,
            })
        });
        output::json(&json!({ "changes": all.collect::<Vec<_>>() }))?;
        return Ok(ExitCode::from(exit::OK));
    }
    let rows = history.iter().rev().map(|c| {
        let kept: Vec<String> = c.kept.iter().map(cabd::catalog::Kept::what).collect();
        let mut words = c.words.join("; ");
        if !c.undid.is_empty() {
            let undid: Vec<String> = c.undid.iter().map(ToString::to_string).collect();
            words = format!("undid {}: {words}", undid.join(", "));
        }
        vec![
            c.commit.to_string(),
            c.datetime.chars().take(19).collect(),
            c.author.clone().unwrap_or_default(),
            kept.join(", "),
            words,
        ]
    });
    table::print(
        &["commit", "when", "who", "set aside", "change"],
        rows,
        &[0],
    )?;
    Ok(ExitCode::from(exit::OK))
}
