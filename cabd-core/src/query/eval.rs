//! The reference meaning of expressions and conditions, one row at a time.

use std::cmp::Ordering;

use super::plan::{Comparison, Expr, Fold, Pred, Source, distance_of};
use crate::catalog::CodeKey;
use crate::error::Result;
use crate::geometry::Geometry;
use crate::value::{Value, fold_name};

/// A row of a base type, as the evaluator sees it.
pub trait RowAccess {
    /// The identifier.
    fn id(&self) -> uuid::Uuid;
    /// The effective geometry.
    fn geometry(&self) -> Option<&Geometry>;
    /// A stored column; null for a part without a primary row, and for a feature without a row of attribute sources.
    fn column(&self, source: &Source, name: &str) -> Value;
    /// The codes of a link, sorted.
    fn link(&self, link: &str, flags: &[(String, bool)]) -> Vec<Value>;
    /// Whether an update waits for review.
    fn updates_pending(&self) -> bool;
    /// Whether the identifier is a value of another table's column.
    fn named_by(&self, schema: &str, table: &str, column: &str) -> bool;
}

/// The value of an expression.
pub fn evaluate(expr: &Expr, row: &dyn RowAccess) -> Value {
    match expr {
        Expr::Id => Value::Uuid(row.id()),
        Expr::Geometry => row.geometry().cloned().into(),
        Expr::Column(source, name, _) => row.column(source, name),
        Expr::Link { link, flags, .. } => Value::List(row.link(link, flags)),
        Expr::UpdatesPending => Value::Bool(row.updates_pending()),
        Expr::Present(column) => Value::Bool(!row.column(&Source::Main, column).is_null()),
        Expr::CodeIn(e, codes) => Value::Bool(codes.contains(&evaluate(e, row))),
        Expr::Label(e, list, lang) => {
            let code = CodeKey::of(&evaluate(e, row));
            code.and_then(|c| list.label(&c, *lang).map(Value::from))
                .into()
        }
        Expr::Url(before, after) => Value::Text(format!("{before}{}{after}", row.id())),
        Expr::Const(v, _) => v.clone(),
        Expr::First(all, _) => all
            .iter()
            .map(|e| evaluate(e, row))
            .find(|v| !v.is_null())
            .unwrap_or_default(),
        Expr::Beside(all, _) => all
            .iter()
            .find(|(e, _)| !evaluate(e, row).is_null())
            .map(|(_, e)| evaluate(e, row))
            .unwrap_or_default(),
        Expr::Latitude => row
            .geometry()
            .and_then(Geometry::as_point)
            .map(|p| p.1)
            .into(),
        Expr::Longitude => row
            .geometry()
            .and_then(Geometry::as_point)
            .map(|p| p.0)
            .into(),
        Expr::Distance(near) => row.geometry().and_then(|g| distance_of(near, g)).into(),
    }
}

fn folded(value: &Value, fold: Fold) -> Option<String> {
    let text = value.as_str()?;
    Some(match fold {
        Fold::Lower => text.to_lowercase(),
        Fold::Name => fold_name(text),
    })
}

fn any_element(value: &Value, test: impl Fn(&Value) -> bool) -> bool {
    matches!(value, Value::List(items) if items.iter().any(test))
}

/// Whether the row meets the condition.
pub fn matches(pred: &Pred, row: &dyn RowAccess) -> Result<bool> {
    Ok(match pred {
        Pred::Const(b) => *b,
        Pred::And(all) => {
            for p in all {
                if !matches(p, row)? {
                    return Ok(false);
                }
            }
            true
        }
        Pred::Or(all) => {
            for p in all {
                if matches(p, row)? {
                    return Ok(true);
                }
            }
            false
        }
        Pred::Not(p) => !matches(p, row)?,
        Pred::IsNull(e) => evaluate(e, row).is_null(),
        Pred::Compare(e, comparison, value) => {
            let Some(order) = evaluate(e, row).compare(value) else {
                return Ok(false);
            };
            match comparison {
                Comparison::Eq => order == Ordering::Equal,
                Comparison::Lt => order == Ordering::Less,
                Comparison::Lte => order != Ordering::Greater,
                Comparison::Gt => order == Ordering::Greater,
                Comparison::Gte => order != Ordering::Less,
            }
        }
        Pred::In(e, values) => {
            let v = evaluate(e, row);
            values.iter().any(|x| v.compare(x) == Some(Ordering::Equal))
        }
        Pred::TextIn(e, fold, values) => {
            folded(&evaluate(e, row), *fold).is_some_and(|t| values.contains(&t))
        }
        Pred::TextContains(e, fold, needle) => {
            folded(&evaluate(e, row), *fold).is_some_and(|t| t.contains(needle.as_str()))
        }
        Pred::ArrayHas(e, values) => any_element(&evaluate(e, row), |v| {
            values.iter().any(|x| v.compare(x) == Some(Ordering::Equal))
        }),
        Pred::ArrayTextIn(e, values) => any_element(&evaluate(e, row), |v| {
            folded(v, Fold::Lower).is_some_and(|t| values.contains(&t))
        }),
        Pred::ArrayTextContains(e, needle) => any_element(&evaluate(e, row), |v| {
            folded(v, Fold::Lower).is_some_and(|t| t.contains(needle.as_str()))
        }),
        Pred::Intersects(bbox) => match row.geometry() {
            Some(g) => g.intersects(bbox)?,
            None => false,
        },
        Pred::Meets(outline) => match row.geometry() {
            Some(g) => outline.meets(g)?,
            None => false,
        },
        Pred::NamedBy {
            schema,
            table,
            column,
        } => row.named_by(schema, table, column),
    })
}
