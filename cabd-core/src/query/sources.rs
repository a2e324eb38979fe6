//! Where values come from: the column of attribute sources behind each attribute, through renames and super types.

use std::collections::HashMap;

use uuid::Uuid;

use super::FeatureQuery;
use super::filter::{Filter, Operator};
use super::plan::{Expr, Pred, Source};
use super::resolve::Path;
use crate::catalog::{Attribute, FeatureType, MemberColumn, Origin, Served};
use crate::error::{Error, Result};
use crate::feature::{Output, OutputColumn, SOURCE_OF};
use crate::lang::Lang;
use crate::value::{DataType, Value};

/// Attributes that an error names.
const NAMED: usize = 8;

impl Path<'_> {
    /// The data source of an attribute's value as this branch sees it; none where it is not tracked.
    pub(super) fn source(&self, attribute: &Attribute) -> Result<Option<Expr>> {
        self.source_at(0, attribute)
    }

    fn source_named(&self, level: usize, id: &str) -> Result<Option<Expr>> {
        match self.type_at(level).attribute(id) {
            Some(a) => self.source_at(level, a),
            None => Ok(None),
        }
    }

    fn source_at(&self, level: usize, a: &Attribute) -> Result<Option<Expr>> {
        let ft = self.type_at(level);
        let a = match ft.served {
            Served::Tables => a,
            _ => ft.attribute(&a.id).unwrap_or(a),
        };
        match a.origin() {
            Origin::Label(of) => self.source_named(level, of),
            Origin::CodeIn(c) => self.source_named(level, &c.attribute),
            Origin::Id | Origin::Geometry | Origin::Computed(_) | Origin::Url(_) => Ok(None),
            _ if level < self.steps.len() => self.source_of_member(level, a),
            Origin::Column { .. } if a.tracked && ft.has_attribute_source() => {
                let column = format!("{}_ds", a.id);
                Ok(Some(Expr::Column(
                    Source::AttributeSource,
                    column,
                    DataType::Uuid,
                )))
            }
            _ => Ok(None),
        }
    }

    fn source_of_member(&self, level: usize, a: &Attribute) -> Result<Option<Expr>> {
        let (_, member) = &self.steps[level];
        match member.columns.get(&a.id) {
            None => self.source_named(level + 1, &a.id),
            Some(MemberColumn::Rename(n)) => self.source_named(level + 1, n),
            Some(MemberColumn::Constant { .. }) => Ok(None),
            Some(MemberColumn::First { first, .. }) => {
                let mut all = vec![];
                let mut tracked = false;
                for name in first {
                    let source = self.source_named(level + 1, name)?;
                    tracked |= source.is_some();
                    let null = Expr::Const(Value::Null, DataType::Uuid);
                    let value = self.named(level + 1, name)?.into_expr(self.lang);
                    all.push((value, source.unwrap_or(null)));
                }
                Ok(tracked.then_some(Expr::Beside(all, DataType::Uuid)))
            }
        }
    }
}

/// The condition that a test of sources is.
pub(super) fn lower(
    path: &Path<'_>,
    a: &Attribute,
    operator: Operator,
    values: &[Value],
) -> Result<Pred> {
    let ids = values.iter().map(source).collect::<Result<Vec<_>>>()?;
    let Some(expr) = path.source(a)? else {
        return Ok(Pred::Const(operator == Operator::NoSource));
    };
    Ok(match operator {
        Operator::From => Pred::In(expr, ids),
        Operator::HasSource => Pred::IsNull(expr).negate(),
        _ => Pred::IsNull(expr),
    })
}

/// Names have become identifiers by now; what is left is none.
fn source(value: &Value) -> Result<Value> {
    let id = match value {
        Value::Uuid(id) => Some(*id),
        Value::Text(text) => text.trim().parse::<Uuid>().ok(),
        _ => None,
    };
    id.map(Value::Uuid).ok_or_else(|| unknown(value))
}

/// The error for a data source that is not there.
pub(crate) fn unknown(value: &Value) -> Error {
    Error::invalid("no such data source")
        .field("filter")
        .value(value)
        .expected("the name or the identifier of a data source")
}

/// Refuses a test of the sources of an attribute that none of the types tracks.
pub(super) fn check(paths: &[Path<'_>], q: &FeatureQuery) -> Result<()> {
    let Some(first) = paths.first() else {
        return Ok(());
    };
    let mut tested = vec![];
    if let Some(filter) = &q.filter {
        attributes(filter, &mut tested);
    }
    for name in tested {
        let ft = first.asked();
        let a = ft.require("filter", name)?;
        let mut tracked = false;
        for path in paths {
            tracked |= path.source(a)?.is_some();
        }
        if !tracked {
            let names = tracked_names(paths, ft)?;
            let e = Error::invalid(format!(
                "the sources of {}.{} are not tracked",
                ft.id(),
                a.id
            ))
            .field("filter")
            .value(&a.id);
            return Err(if names.is_empty() {
                e.hint("no attribute of this type has a tracked source")
            } else {
                e.expected(format!("an attribute whose source is tracked: {names}"))
            });
        }
    }
    Ok(())
}

fn tracked_names(paths: &[Path<'_>], ft: &FeatureType) -> Result<String> {
    let mut names = vec![];
    for a in &ft.attributes {
        let mut tracked = false;
        for path in paths {
            tracked |= path.source(a)?.is_some();
        }
        if tracked {
            names.push(a.id.as_str());
        }
        if names.len() > NAMED {
            names[NAMED] = "…";
            break;
        }
    }
    Ok(names.join(", "))
}

fn attributes<'a>(filter: &'a Filter, out: &mut Vec<&'a str>) {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().for_each(|f| attributes(f, out)),
        Filter::Not(f) => attributes(f, out),
        Filter::Test {
            attribute,
            operator,
            ..
        } => {
            if operator.is_of_sources() {
                out.push(attribute);
            }
        }
    }
}

/// Of the chosen attributes those whose source is tracked, with its expression in each branch.
pub(super) fn of<'a>(
    paths: &[Path<'_>],
    chosen: &[&'a Attribute],
) -> Result<Vec<(&'a Attribute, Vec<Expr>)>> {
    let mut out = vec![];
    for a in chosen {
        let beside = |of: &String| chosen.iter().any(|c| c.id == *of);
        let code = a.code_in.as_ref().map(|c| &c.attribute);
        if a.label_of.as_ref().or(code).is_some_and(beside) {
            continue;
        }
        let sources = paths
            .iter()
            .map(|p| p.source(a))
            .collect::<Result<Vec<_>>>()?;
        if sources.iter().any(Option::is_some) {
            let null = || Expr::Const(Value::Null, DataType::Uuid);
            let exprs = sources.into_iter().map(|s| s.unwrap_or_else(null));
            out.push((*a, exprs.collect()));
        }
    }
    Ok(out)
}

/// The column that an answer has for the source of an attribute.
pub(super) fn output(a: &Attribute, column: usize, lang: Lang) -> OutputColumn {
    let mut metadata = HashMap::from([(SOURCE_OF.to_owned(), a.id.clone())]);
    let name = a.name.get(lang);
    if !name.is_empty() {
        metadata.insert("cabd:name".to_owned(), name.to_owned());
    }
    OutputColumn {
        name: format!("{}_ds", a.id),
        data_type: DataType::Uuid,
        output: Output::Physical(column),
        metadata,
    }
}

impl Filter {
    /// Gives the texts of tests of sources to `read`, and puts what it gives in their place.
    pub(crate) fn name_sources(
        &mut self,
        read: &mut impl FnMut(&Value) -> Result<Vec<Value>>,
    ) -> Result<()> {
        match self {
            Filter::And(all) | Filter::Or(all) => {
                all.iter_mut().try_for_each(|f| f.name_sources(read))
            }
            Filter::Not(f) => f.name_sources(read),
            Filter::Test {
                operator: Operator::From,
                values,
                ..
            } => {
                let mut ids = vec![];
                for value in values.iter() {
                    match value {
                        Value::Text(_) => ids.extend(read(value)?),
                        other => ids.push(other.clone()),
                    }
                }
                *values = ids;
                Ok(())
            }
            Filter::Test { .. } => Ok(()),
        }
    }

    /// Whether a test names a data source by a text.
    pub(crate) fn names_sources(&self) -> bool {
        match self {
            Filter::And(all) | Filter::Or(all) => all.iter().any(Filter::names_sources),
            Filter::Not(f) => f.names_sources(),
            Filter::Test {
                operator, values, ..
            } => *operator == Operator::From && values.iter().any(|v| v.as_str().is_some()),
        }
    }
}
