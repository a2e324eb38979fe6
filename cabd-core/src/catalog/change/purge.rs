//! What was set aside, deleted for good.

use super::step::{Action, Effect, Kept, Question, Step, StepKind};
use super::{CatalogCommit, CatalogPlan, Evolution};
use crate::catalog::Catalog;

/// The entries that held something of `taken`, without it.
pub(super) fn without(history: &[CatalogCommit], taken: &[Kept]) -> Vec<CatalogCommit> {
    let same = |a: &Kept, b: &Kept| {
        (&a.schema, &a.table, &a.column, &a.tag) == (&b.schema, &b.table, &b.column, &b.tag)
    };
    history
        .iter()
        .filter(|c| c.kept.iter().any(|k| taken.iter().any(|t| same(k, t))))
        .map(|c| {
            let mut c = c.clone();
            c.kept.retain(|k| !taken.iter().any(|t| same(k, t)));
            c
        })
        .collect()
}

/// The steps of a purge, up to a commit.
pub(super) fn purge(old: &Catalog, history: &[CatalogCommit], commit: Option<i64>) -> Evolution {
    let mut steps = vec![];
    let mut taken = vec![];
    for c in history
        .iter()
        .filter(|c| commit.is_none_or(|n| c.commit <= n))
    {
        for k in &c.kept {
            let words = format!(
                "delete for good what commit {} set aside of {}",
                c.commit,
                k.what()
            );
            let mut step = Step::new(StepKind::Purge, k.what(), words);
            step.effect = Effect::Loses;
            step.questions.push(Question::Kept(k.clone()));
            step.actions.push(Action::Purge(k.clone()));
            steps.push(step);
            taken.push(k.clone());
        }
    }
    // What belongs to other rows goes first.
    steps.reverse();
    Evolution {
        catalog: old.clone(),
        types: vec![],
        gone_types: vec![],
        gone_lists: vec![],
        gone_sets: vec![],
        gone_codes: vec![],
        overwrite_views: false,
        record: CatalogCommit {
            words: steps.iter().map(|s| s.words.clone()).collect(),
            ..CatalogCommit::default()
        },
        plan: CatalogPlan {
            steps,
            ..CatalogPlan::default()
        },
        history: without(history, &taken),
    }
}
