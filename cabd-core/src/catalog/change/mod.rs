//! Changing the catalogue of a live inventory: from manifests, or back to an earlier state, in typed steps.
//!
//! [`Catalog::evolve`] settles what is to be done; a store answers the [`Question`]s of the plan, refuses what was not
//! allowed ([`Evolution::permitted`]), runs the [`Action`]s and writes what follows from the new catalogue.

mod convert;
mod diff;
mod drift;
mod lists;
mod purge;
mod step;
mod tables;
mod target;
mod undo;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use convert::Conversion;
pub(super) use drift::all as drift;
pub use step::{
    Action, CatalogCommit, CatalogPlan, Drift, Effect, Element, Kept, Question, Renamed, Step,
    StepKind,
};

use super::feature_type::FeatureType;
use super::{Catalog, Manifest};
use crate::error::{Error, ErrorKind, Result};

/// What is to be changed.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// What the manifest declares becomes true. Types, lists, sets and codes that it does not name stay as they are.
    Declare(Manifest),
    /// Everything returns to the state before the commit with this number, or before the newest change.
    Undo(Option<i64>),
    /// What changes up to this commit set aside is deleted for good; all of it where none is named.
    Purge(Option<i64>),
}

/// What may be done to values, by name: `dams.height_m` is an attribute, `dams` a type, `dams.size_codes` a list or a part or
/// link of a type, `set:mobile` an attribute set, `dams.size_codes=3` a code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// What may go; values are set aside until they are purged.
    pub drop: BTreeSet<String>,
    /// Attributes that may accept fewer values than before.
    pub narrow: BTreeSet<String>,
    /// Attributes and codes that are retired.
    pub retire: BTreeSet<String>,
    /// Retired codes that are accepted again.
    pub serve: BTreeSet<String>,
    /// `type.old` to `new`: the same attribute under another name.
    pub rename: BTreeMap<String, String>,
    /// What the tables say differently from the declarations is overwritten.
    pub overwrite_drift: bool,
}

/// A change of the catalogue.
///
/// ```
/// use cabd_core::catalog::{CatalogChange, Manifest};
/// let change = CatalogChange::of(Manifest::default()).drop("dams.old_name").rename("dams.river", "waterway");
/// assert!(change.told.drop.contains("dams.old_name"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogChange {
    /// What.
    pub what: What,
    /// What may be done to values.
    pub told: Told,
    /// Who.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl CatalogChange {
    fn new(what: What) -> Self {
        Self {
            what,
            told: Told::default(),
            author: None,
            reason: None,
        }
    }

    /// Declares what the manifest says.
    pub fn of(manifest: Manifest) -> Self {
        Self::new(What::Declare(manifest))
    }

    /// Returns to the state before a commit, or before the newest change.
    pub fn undo(commit: Option<i64>) -> Self {
        Self::new(What::Undo(commit))
    }

    /// Deletes for good what was set aside, up to a commit.
    pub fn purge(commit: Option<i64>) -> Self {
        Self::new(What::Purge(commit))
    }

    /// Allows that something goes.
    #[must_use]
    pub fn drop(mut self, name: impl Into<String>) -> Self {
        self.told.drop.insert(name.into());
        self
    }

    /// Allows that an attribute accepts fewer values.
    #[must_use]
    pub fn narrow(mut self, name: impl Into<String>) -> Self {
        self.told.narrow.insert(name.into());
        self
    }

    /// Retires an attribute (`type.attribute`) or a code (`schema.table=code`).
    #[must_use]
    pub fn retire(mut self, name: impl Into<String>) -> Self {
        self.told.retire.insert(name.into());
        self
    }

    /// Accepts a retired code again.
    #[must_use]
    pub fn serve(mut self, name: impl Into<String>) -> Self {
        self.told.serve.insert(name.into());
        self
    }

    /// Renames an attribute (`type.old`).
    #[must_use]
    pub fn rename(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.told.rename.insert(from.into(), to.into());
        self
    }

    /// Overwrites what the tables say differently.
    #[must_use]
    pub fn overwrite_drift(mut self) -> Self {
        self.told.overwrite_drift = true;
        self
    }
}

/// A change, settled: the steps, the catalogue afterwards, and what is remembered.
#[derive(Debug, Clone)]
pub struct Evolution {
    /// The steps, without the answers of a store.
    pub plan: CatalogPlan,
    /// The catalogue afterwards.
    pub catalog: Catalog,
    /// Types that are new or declared differently, members before super types or not.
    pub types: Vec<Arc<FeatureType>>,
    /// Types that go.
    pub gone_types: Vec<Arc<FeatureType>>,
    /// Code lists that go.
    pub gone_lists: Vec<String>,
    /// Attribute sets that go.
    pub gone_sets: Vec<String>,
    /// Codes that go, by list.
    pub gone_codes: Vec<(String, Vec<super::CodeKey>)>,
    /// Whether views that somebody replaced are made anew.
    pub overwrite_views: bool,
    /// The entry of the history, its commit left to the store.
    pub record: CatalogCommit,
    /// Earlier entries that have lost something that was set aside; the store writes them anew.
    pub history: Vec<CatalogCommit>,
}

impl Evolution {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.plan.steps.is_empty()
    }

    /// Whether an action of this change is about the relation's table, so that what stands on it must be made anew.
    pub fn touches(&self, relation: &super::Relation) -> bool {
        let actions = self.plan.steps.iter().flat_map(|s| &s.actions);
        actions
            .filter_map(Action::table)
            .any(|t| t.relation == *relation)
    }

    /// Every question, with the place of its step.
    pub fn questions(&self) -> Vec<(usize, Question)> {
        let steps = self.plan.steps.iter().enumerate();
        steps
            .flat_map(|(i, s)| s.questions.iter().map(move |q| (i, q.clone())))
            .collect()
    }

    /// Takes a store's answer: the number, or why a value does not fit.
    pub fn answer(&mut self, step: usize, question: &Question, answer: Result<u64>) -> Result<()> {
        let Some(step) = self.plan.steps.get_mut(step) else {
            return Ok(());
        };
        match answer {
            Ok(n) => {
                // What comes back is not what goes.
                let returns = matches!(question, Question::Kept(_))
                    && step.effect == Effect::Loses
                    && step.kind != StepKind::Purge;
                if !returns {
                    *step.rows.get_or_insert(0) += n;
                }
                if n > 0
                    && let Some(problem) = question.problem(n)
                {
                    step.problem = Some(problem);
                }
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::Invalid => {
                let text = match e.next_step() {
                    Some(hint) => format!("{e}: {hint}"),
                    None => e.to_string(),
                };
                step.problem.get_or_insert(text);
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// Takes permissions off that nothing needs, once every question is answered.
    pub fn settle(&mut self) {
        for step in &mut self.plan.steps {
            if step.lenient && step.rows.unwrap_or(0) == 0 {
                step.needs = None;
            }
        }
    }

    /// Refuses what was not allowed by name, and what the values that are there do not allow.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for values that do not fit, [`ErrorKind::Unsupported`] for a step that needs to be named.
    pub fn permitted(&self) -> Result<()> {
        for step in &self.plan.steps {
            if let Some(problem) = &step.problem {
                return Err(Error::invalid(problem.clone()).at(step.name.clone()));
            }
        }
        let Some((step, needs)) = self
            .plan
            .steps
            .iter()
            .find_map(|s| Some((s, s.needs.as_ref()?)))
        else {
            return Ok(());
        };
        let rows = match step.rows {
            Some(1) => "1 row has a value".to_owned(),
            Some(n) => format!("{n} rows have a value"),
            None => "no stored values".to_owned(),
        };
        let what = match step.effect {
            Effect::Narrows => "would accept fewer values than before",
            _ => "would go",
        };
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "{} {what}: {rows}; nothing is dropped or narrowed unless it is named",
                step.name
            ),
        )
        .field(&step.name)
        .hint(format!("give {needs}")))
    }
}

impl Question {
    /// What is wrong when the answer is not zero.
    fn problem(&self, n: u64) -> Option<String> {
        match self {
            Question::Empty(t, what) => Some(format!(
                "{what} is required, but {} has {n} rows without it: add it as optional, fill it, then require it",
                t.qualified()
            )),
            Question::Unnamed(t, _, v) => Some(format!(
                "{n} rows of {} still name {}: retire it instead, or change the rows",
                t.qualified(),
                v.to_json()
            )),
            _ => None,
        }
    }
}

fn unsupported(place: &str, what: &str, hint: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} cannot be changed"))
        .at(place.to_owned())
        .hint(hint)
}
