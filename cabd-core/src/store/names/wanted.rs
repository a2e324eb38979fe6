//! What a question seeks in the names of each base type, read from its plan.

use std::sync::Arc;

use super::texts::Sought;
use crate::catalog::{Catalog, FeatureType, Origin, Served};
use crate::query::{Expr, FeatureQuery, Fold, NameFilter, Operator, Pred, Selection, Source, plan};
use crate::value::{DataType, fold_name};

/// Names that are sought at once; for more the store is asked.
const MOST: usize = 64;

/// A column of a base type that holds a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    source: Source,
    column: String,
    /// The attribute that is the column.
    pub(super) attribute: String,
}

/// Columns of which the first that has a value counts.
pub(super) type Columns = Vec<(Source, String)>;

/// What is sought of one base type.
pub(super) struct Wanted {
    pub(super) base: Arc<FeatureType>,
    /// What, and in which columns.
    pub(super) tests: Vec<(Sought, Vec<Columns>)>,
    /// Whether rows elsewhere may hide what is found.
    pub(super) may_hide: bool,
}

/// What the names of a question seek, by base type; `None` where it cannot be told from the names alone.
pub(super) fn wanted(catalog: &Catalog, question: &FeatureQuery) -> Option<Vec<Wanted>> {
    let names = FeatureQuery {
        types: question.types.clone(),
        names: question.names.clone(),
        lang: question.lang,
        select: Selection::Attributes(vec![]),
        geometry: false,
        ..FeatureQuery::of(&question.feature_type)
    };
    // What cannot be asked is refused by the store.
    let plan = plan(catalog, &names).ok()?;
    let asked = catalog.feature_type(&question.feature_type).ok()?;
    let of_tables = |ft: &FeatureType| ft.served == Served::Tables;
    if names.names.is_empty() || !of_tables(asked) {
        return None;
    }
    let mut out = vec![];
    let mut sought = 0;
    for branch in plan.branches {
        let mut one = Wanted {
            base: branch.feature_type,
            tests: vec![],
            may_hide: false,
        };
        if !of_tables(&one.base) || !read(&branch.filter, &mut one) {
            return None;
        }
        sought += one.tests.len();
        out.push(one);
    }
    (sought <= MOST).then_some(out)
}

/// Reads a condition into what is sought; false where it is of another kind.
fn read(pred: &Pred, into: &mut Wanted) -> bool {
    match pred {
        Pred::And(all) => all.iter().all(|p| read(p, into)),
        Pred::Not(p) if matches!(**p, Pred::NamedBy { .. }) => {
            into.may_hide = true;
            true
        }
        Pred::Or(any) => any.iter().all(|p| test(p, into)),
        _ => false,
    }
}

fn test(pred: &Pred, into: &mut Wanted) -> bool {
    let (expr, sought): (_, Vec<Sought>) = match pred {
        Pred::Const(false) => return true,
        Pred::TextContains(e, Fold::Name, part) if !part.is_empty() => {
            (e, vec![Sought::Part(part.clone())])
        }
        Pred::TextIn(e, Fold::Name, all) => (e, all.iter().cloned().map(Sought::Whole).collect()),
        _ => return false,
    };
    let mut chain = vec![];
    if !columns(expr, &sought, &mut chain) {
        return false;
    }
    if chain.is_empty() {
        return true;
    }
    for one in sought {
        match into.tests.iter_mut().find(|(s, _)| *s == one) {
            Some((_, chains)) => chains.push(chain.clone()),
            None => into.tests.push((one, vec![chain.clone()])),
        }
    }
    true
}

/// The columns whose first value is the expression's; false where it is something else, or a constant that passes.
fn columns(expr: &Expr, sought: &[Sought], out: &mut Columns) -> bool {
    match expr {
        Expr::Column(source, column, DataType::Text(_)) => {
            out.push((source.clone(), column.clone()));
            true
        }
        Expr::First(all, _) => {
            for e in all {
                if !columns(e, sought, out) {
                    return false;
                }
                if matches!(e, Expr::Const(v, _) if !v.is_null()) {
                    break;
                }
            }
            true
        }
        Expr::Const(value, _) => {
            let folded = value.as_str().map(fold_name);
            let passes = |text: &str| {
                sought.iter().any(|s| match s {
                    Sought::Part(part) => text.contains(part.as_str()),
                    Sought::Whole(name) => text == name,
                })
            };
            !folded.is_some_and(|text| passes(&text))
        }
        _ => false,
    }
}

/// The columns of a base type in which any type seeks names.
pub(super) fn slots(catalog: &Catalog, base: &FeatureType) -> Vec<Slot> {
    let mut out: Vec<Slot> = vec![];
    for ft in catalog.types() {
        let mut question = FeatureQuery::of(ft.id());
        question.names = vec![NameFilter {
            operator: Operator::Like,
            values: vec!["\u{1}".to_owned()],
        }];
        let all = wanted(catalog, &question).unwrap_or_default();
        let own = all.into_iter().filter(|w| w.base.id() == base.id());
        for (source, column) in own.flat_map(|w| w.tests).flat_map(|(_, c)| c).flatten() {
            let known = |s: &Slot| s.source == source && s.column == column;
            if out.iter().any(known) {
                continue;
            }
            let part = match &source {
                Source::Main => None,
                Source::Part(p) => Some(p.as_str()),
                Source::AttributeSource => continue,
            };
            let origin = Origin::Column {
                part,
                column: &column,
            };
            let attribute = base.attributes.iter().find(|a| a.origin() == origin);
            out.extend(attribute.map(|a| Slot {
                attribute: a.id.clone(),
                source: source.clone(),
                column: column.clone(),
            }));
        }
    }
    out
}

/// Where a column stands among a type's slots.
pub(super) fn place(slots: &[Slot], source: &Source, column: &str) -> Option<usize> {
    let same = |s: &Slot| s.source == *source && s.column == column;
    slots.iter().position(same)
}
