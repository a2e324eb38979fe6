//! Tests of attributes become conditions over expressions; values are read as the attribute's type.

use std::collections::HashSet;

use super::filter::{Filter, NameFilter, Operator};
use super::plan::{Comparison, Expr, Fold, Pred};
use super::resolve::{Path, Resolved};
use super::sources;
use crate::catalog::{Attribute, CodeList};
use crate::error::{Error, Result};
use crate::lang::Lang;
use crate::page::Cursor;
use crate::time;
use crate::value::{DataType, ElementType, Value, fold_name};

/// Deepest nesting of a filter.
const MAX_DEPTH: usize = 64;

pub(super) fn lower_filter(path: &Path<'_>, filter: &Filter) -> Result<Pred> {
    lower(path, filter, 0)
}

fn lower(path: &Path<'_>, filter: &Filter, depth: usize) -> Result<Pred> {
    if depth > MAX_DEPTH {
        return Err(Error::invalid("filter is nested too deeply")
            .field("filter")
            .expected(format!("at most {MAX_DEPTH} levels")));
    }
    let inner = |all: &[Filter]| {
        all.iter()
            .map(|f| lower(path, f, depth + 1))
            .collect::<Result<Vec<_>>>()
    };
    Ok(match filter {
        Filter::And(all) => Pred::And(inner(all)?),
        Filter::Or(all) => Pred::Or(inner(all)?),
        Filter::Not(f) => lower(path, f, depth + 1)?.negate(),
        Filter::Test {
            attribute,
            operator,
            values,
        } => {
            let a = path.asked().require("filter", attribute)?;
            if operator.is_of_sources() {
                check_count(*operator, values.len()).map_err(|e| e.field(&a.id))?;
                sources::lower(path, a, *operator, values)?
            } else {
                test(path, a, *operator, values)?
            }
        }
    })
}

fn allowed(data_type: &DataType) -> &'static [Operator] {
    use Operator::*;
    match data_type {
        DataType::Text(_) | DataType::Url | DataType::Array(ElementType::Text) => {
            &[In, NotIn, Eq, Neq, Like, IsNull, NotNull]
        }
        DataType::Integer
        | DataType::Double
        | DataType::Numeric
        | DataType::Date
        | DataType::Timestamp => &[In, NotIn, Eq, Neq, Lt, Lte, Gt, Gte, IsNull, NotNull],
        DataType::Boolean => &[Eq, Neq, IsNull, NotNull],
        DataType::Uuid | DataType::Array(_) => &[In, NotIn, Eq, Neq, IsNull, NotNull],
        DataType::Geometry(_) => &[IsNull, NotNull],
    }
}

fn test(path: &Path<'_>, a: &Attribute, operator: Operator, values: &[Value]) -> Result<Pred> {
    let ok = allowed(&a.data_type);
    if !ok.contains(&operator) {
        let words: Vec<&str> = ok.iter().map(|o| o.word()).collect();
        return Err(
            Error::invalid(format!("{operator} does not apply to type {}", a.data_type))
                .field(&a.id)
                .value(operator)
                .expected(words.join(", ")),
        );
    }
    check_count(operator, values.len()).map_err(|e| e.field(&a.id))?;
    let resolved = path.resolve(a)?;
    match resolved {
        Resolved::Label(code, list) => {
            let values = typed_values(a, operator, values)?;
            Ok(label_test(code, &list, path.lang, operator, &values))
        }
        Resolved::LabelList(codes, list) => {
            let values = typed_values(a, operator, values)?;
            Ok(label_list_test(codes, &list, path.lang, operator, &values))
        }
        other => {
            let expr = other.into_expr(path.lang);
            if matches!(expr, Expr::Const(Value::Null, _)) {
                // Values are still read, so that a bad one is refused whatever the member.
                typed_values(a, operator, values)?;
                return Ok(Pred::Const(operator == Operator::IsNull));
            }
            expression_test(expr, a, operator, values)
        }
    }
}

fn check_count(operator: Operator, count: usize) -> Result<()> {
    let (fits, expected) = match operator {
        Operator::IsNull | Operator::NotNull | Operator::NoSource | Operator::HasSource => {
            (count == 0, "no value")
        }
        Operator::In | Operator::NotIn | Operator::From => (count > 0, "one value or more"),
        _ => (count == 1, "one value"),
    };
    if fits {
        return Ok(());
    }
    Err(Error::invalid(format!("{operator} with {count} values")).expected(expected))
}

fn not_null_and(expr: &Expr, p: Pred) -> Pred {
    Pred::IsNull(expr.clone()).negate().and(p)
}

fn expression_test(
    expr: Expr,
    a: &Attribute,
    operator: Operator,
    values: &[Value],
) -> Result<Pred> {
    match operator {
        Operator::IsNull => return Ok(Pred::IsNull(expr)),
        Operator::NotNull => return Ok(Pred::IsNull(expr).negate()),
        Operator::NotIn => {
            let inside = expression_test(expr.clone(), a, Operator::In, values)?;
            return Ok(not_null_and(&expr, inside.negate()));
        }
        Operator::Neq => {
            let equal = expression_test(expr.clone(), a, Operator::Eq, values)?;
            return Ok(not_null_and(&expr, equal.negate()));
        }
        _ => {}
    }
    let typed = typed_values(a, operator, values)?;
    Ok(match &a.data_type {
        DataType::Text(_) | DataType::Url => {
            let texts = lowered(&typed);
            match operator {
                Operator::Like => Pred::TextContains(
                    expr,
                    Fold::Lower,
                    texts.into_iter().next().unwrap_or_default(),
                ),
                _ => Pred::TextIn(expr, Fold::Lower, texts),
            }
        }
        DataType::Array(ElementType::Text) => {
            let texts = lowered(&typed);
            match operator {
                Operator::Like => {
                    Pred::ArrayTextContains(expr, texts.into_iter().next().unwrap_or_default())
                }
                _ => Pred::ArrayTextIn(expr, texts),
            }
        }
        DataType::Array(_) => Pred::ArrayHas(expr, typed),
        DataType::Integer => integer_test(expr, operator, typed),
        _ => match operator {
            Operator::In => Pred::In(expr, typed),
            _ => {
                let value = typed.into_iter().next().unwrap_or_default();
                Pred::Compare(expr, comparison(operator), value)
            }
        },
    })
}

fn comparison(operator: Operator) -> Comparison {
    match operator {
        Operator::Lt => Comparison::Lt,
        Operator::Lte => Comparison::Lte,
        Operator::Gt => Comparison::Gt,
        Operator::Gte => Comparison::Gte,
        _ => Comparison::Eq,
    }
}

/// Integers compare with doubles exactly, by comparing with the whole numbers beside them.
fn integer_test(expr: Expr, operator: Operator, values: Vec<Value>) -> Pred {
    let exact: Vec<Value> = values
        .iter()
        .filter(|v| matches!(v, Value::Int(_)))
        .cloned()
        .collect();
    if operator == Operator::In {
        return Pred::In(expr, exact);
    }
    match values.into_iter().next() {
        Some(Value::Double(d)) => {
            let (floor, ceil) = (d.floor(), d.ceil());
            let whole = |x: f64| x as i64;
            match operator {
                Operator::Lt | Operator::Lte if d >= i64::MAX as f64 => Pred::IsNull(expr).negate(),
                Operator::Gt | Operator::Gte if d <= i64::MIN as f64 => Pred::IsNull(expr).negate(),
                Operator::Lt | Operator::Lte if d > i64::MIN as f64 => {
                    Pred::Compare(expr, Comparison::Lte, Value::Int(whole(floor)))
                }
                Operator::Gt | Operator::Gte if d < i64::MAX as f64 => {
                    Pred::Compare(expr, Comparison::Gte, Value::Int(whole(ceil)))
                }
                _ => Pred::Const(false),
            }
        }
        Some(v) => Pred::Compare(expr, comparison(operator), v),
        None => Pred::Const(false),
    }
}

fn lowered(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_lowercase)
        .collect()
}

fn typed_values(a: &Attribute, operator: Operator, values: &[Value]) -> Result<Vec<Value>> {
    let data_type = match &a.data_type {
        DataType::Text(_) | DataType::Url => DataType::Text(None),
        DataType::Array(e) => e.data_type(),
        other => other.clone(),
    };
    values
        .iter()
        .map(|v| {
            let typed = match (&data_type, v) {
                (DataType::Integer, Value::Text(t)) => match t.trim().parse::<i64>() {
                    Ok(i) => Value::Int(i),
                    Err(_) => match v
                        .clone()
                        .coerce(&a.id, &DataType::Double)
                        .map_err(|e| e.expected("a number"))?
                    {
                        Value::Double(d) => whole_or_double(d),
                        other => other,
                    },
                },
                (DataType::Integer, Value::Double(d)) if d.is_finite() => whole_or_double(*d),
                (DataType::Date, Value::Text(t)) if !t.trim().is_empty() => {
                    Value::Date(time::parse_date(&a.id, t.trim())?)
                }
                _ => v.clone().coerce(&a.id, &data_type)?,
            };
            if typed.is_null() {
                return Err(Error::invalid(format!("{operator} without a value"))
                    .field(&a.id)
                    .expected(format!("a value of type {data_type}"))
                    .hint("use isnull or notnull to test for missing values"));
            }
            Ok(typed)
        })
        .collect()
}

/// A whole double within 64 bits as the integer that it is; another stays a double.
fn whole_or_double(d: f64) -> Value {
    if d.fract() == 0.0 && d >= i64::MIN as f64 && d < i64::MAX as f64 {
        Value::Int(d as i64)
    } else {
        Value::Double(d)
    }
}

/// Codes whose label passes, and codes that have a label.
fn label_codes(
    list: &CodeList,
    lang: Lang,
    passes: impl Fn(&str) -> bool,
) -> (Vec<Value>, Vec<Value>) {
    let mut passing = vec![];
    let mut labelled = vec![];
    for c in &list.codes {
        let label = c.name.get(lang);
        if label.is_empty() {
            continue;
        }
        labelled.push(c.code.to_value());
        if passes(&label.to_lowercase()) {
            passing.push(c.code.to_value());
        }
    }
    (passing, labelled)
}

fn label_passes(operator: Operator, values: &[Value]) -> impl Fn(&str) -> bool {
    let wanted: HashSet<String> = lowered(values).into_iter().collect();
    let needle = lowered(values).into_iter().next().unwrap_or_default();
    move |label| match operator {
        Operator::Like => label.contains(&needle),
        _ => wanted.contains(label),
    }
}

fn label_test(
    code: Expr,
    list: &CodeList,
    lang: Lang,
    operator: Operator,
    values: &[Value],
) -> Pred {
    let (passing, labelled) = label_codes(list, lang, label_passes(operator, values));
    match operator {
        Operator::NotNull => Pred::In(code, labelled),
        Operator::IsNull => Pred::In(code, labelled).negate(),
        Operator::Neq | Operator::NotIn => {
            let others = labelled
                .into_iter()
                .filter(|c| !passing.contains(c))
                .collect();
            Pred::In(code, others)
        }
        _ => Pred::In(code, passing),
    }
}

fn label_list_test(
    codes: Expr,
    list: &CodeList,
    lang: Lang,
    operator: Operator,
    values: &[Value],
) -> Pred {
    let (passing, _) = label_codes(list, lang, label_passes(operator, values));
    match operator {
        Operator::IsNull => Pred::IsNull(codes),
        Operator::NotNull => Pred::IsNull(codes).negate(),
        Operator::Neq | Operator::NotIn => {
            not_null_and(&codes, Pred::ArrayHas(codes.clone(), passing).negate())
        }
        _ => Pred::ArrayHas(codes, passing),
    }
}

pub(super) fn lower_names(path: &Path<'_>, names: &[NameFilter]) -> Result<Pred> {
    let fields: Vec<&Attribute> = path
        .asked()
        .attributes
        .iter()
        .filter(|a| a.name_search)
        .collect();
    if fields.is_empty() {
        return Err(Error::invalid(format!(
            "{} has no attribute to search names in",
            path.asked().id()
        ))
        .field("namefilter")
        .hint("use filter=<attribute>:like:<text> instead"));
    }
    let mut any = vec![];
    for n in names {
        if matches!(
            n.operator,
            Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte
        ) {
            return Err(Error::invalid("names have no order to compare")
                .field("namefilter")
                .value(n.operator));
        }
        if n.operator.is_of_sources() {
            return Err(Error::invalid("names are not tests of sources")
                .field("namefilter")
                .value(n.operator)
                .hint("use filter instead"));
        }
        check_count(n.operator, n.values.len()).map_err(|e| e.field("namefilter"))?;
        let folded: Vec<String> = n.values.iter().map(|v| fold_name(v)).collect();
        for a in &fields {
            let expr = path.resolve(a)?.into_expr(path.lang);
            if matches!(expr, Expr::Const(Value::Null, _)) {
                any.push(Pred::Const(n.operator == Operator::IsNull));
                continue;
            }
            let one = Pred::TextIn(expr.clone(), Fold::Name, folded.clone());
            any.push(match n.operator {
                Operator::IsNull => Pred::IsNull(expr),
                Operator::NotNull => Pred::IsNull(expr).negate(),
                Operator::Neq | Operator::NotIn => not_null_and(&expr, one.negate()),
                Operator::Like => Pred::TextContains(
                    expr,
                    Fold::Name,
                    folded.first().cloned().unwrap_or_default(),
                ),
                _ => one,
            });
        }
    }
    Ok(Pred::Or(any))
}

/// Whether a cursor's value is one that a column of this type gives.
fn is_of(value: &Value, data_type: &DataType) -> bool {
    matches!(
        (value, data_type),
        (Value::Bool(_), DataType::Boolean)
            | (Value::Int(_), DataType::Integer)
            | (Value::Double(_), DataType::Double | DataType::Numeric)
            | (Value::Text(_), DataType::Text(_) | DataType::Url)
            | (Value::Uuid(_), DataType::Uuid)
            | (Value::Date(_), DataType::Date)
            | (Value::Timestamp(_), DataType::Timestamp)
    ) && !matches!(value, Value::Double(d) if !d.is_finite())
}

/// Rows after a place: by the first sort key, or equal there and after by the next; nulls last.
pub(super) fn keyset_after(keys: &[(Expr, bool)], cursor: &Cursor) -> Result<Pred> {
    if cursor.keys.len() != keys.len() {
        return Err(Error::invalid("cursor of another sort order")
            .field("cursor")
            .expected(format!(
                "{} sort keys, not {}",
                keys.len(),
                cursor.keys.len()
            )));
    }
    let mut after = Pred::Compare(Expr::Id, Comparison::Gt, Value::Uuid(cursor.id));
    for ((expr, descending), value) in keys.iter().zip(&cursor.keys).rev() {
        let null = Pred::IsNull(expr.clone());
        if value.is_null() {
            after = Pred::And(vec![null, after]);
            continue;
        }
        if !is_of(value, &expr.data_type()) {
            return Err(Error::invalid("cursor of another sort order").field("cursor"));
        }
        let beyond = if *descending {
            Comparison::Lt
        } else {
            Comparison::Gt
        };
        after = Pred::Or(vec![
            Pred::Compare(expr.clone(), beyond, value.clone()),
            null,
            Pred::And(vec![
                Pred::Compare(expr.clone(), Comparison::Eq, value.clone()),
                after,
            ]),
        ]);
    }
    Ok(after)
}
