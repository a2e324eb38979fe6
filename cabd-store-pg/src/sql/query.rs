//! Plans as queries.

use cabd_core::error::Result;
use cabd_core::geometry::Bbox;
use cabd_core::page::Near;
use cabd_core::query::{Branch, Comparison, Expr, Plan, Pred};
use cabd_core::value::{DataType, Value};

use super::Sql;
use super::expr::Scope;
use crate::types::{Param, value_type};

/// A query and its parameters.
pub(crate) struct Query {
    pub text: String,
    pub params: Vec<Param>,
}

/// Only rows within so many metres.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Within {
    pub near: Near,
    pub radius_m: f64,
}

impl Within {
    fn bbox(&self) -> Bbox {
        Bbox::around(self.near.longitude, self.near.latitude, self.radius_m)
    }
}

/// The WHERE clause of a branch.
fn condition(
    sql: &mut Sql,
    scope: &Scope<'_>,
    plan: &Plan,
    branch: &Branch,
    within: Option<Within>,
) -> Result<String> {
    let mut all = vec![];
    if let Some(w) = within {
        all.push(scope.in_index_box(sql, &w.bbox())?);
        let near = Pred::Compare(
            Expr::Distance(w.near),
            Comparison::Lte,
            Value::Double(w.radius_m),
        );
        all.push(scope.pred(sql, &near)?);
    } else if let (Some(_), Some(b)) = (&plan.near, &branch.bbox) {
        all.push(scope.in_index_box(sql, b)?);
    }
    if branch.filter != Pred::Const(true) {
        all.push(format!("({})", scope.pred(sql, &branch.filter)?));
    }
    Ok(if all.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", all.join(" AND "))
    })
}

fn branch(sql: &mut Sql, plan: &Plan, branch: &Branch, within: Option<Within>) -> Result<String> {
    let scope = Scope::of(branch)?;
    let columns: Vec<String> = branch
        .select
        .iter()
        .zip(&plan.layout.physical)
        .enumerate()
        .map(|(i, (e, t))| {
            let text = matches!(t, DataType::Text(_) | DataType::Url);
            let by_code_point = text && plan.order.iter().any(|s| s.column == i);
            let collate = if by_code_point { " COLLATE \"C\"" } else { "" };
            Ok(format!(
                "({})::{}{collate} AS c{i}",
                scope.expr(sql, e)?,
                value_type(t)
            ))
        })
        .collect::<Result<_>>()?;
    Ok(format!(
        "SELECT {} FROM {}{}",
        columns.join(", "),
        scope.tables(),
        condition(sql, &scope, plan, branch, within)?
    ))
}

fn order(plan: &Plan) -> String {
    if plan.order.is_empty() {
        return String::new();
    }
    let keys: Vec<String> = plan
        .order
        .iter()
        .map(|s| {
            format!(
                "c{}{} NULLS LAST",
                s.column,
                if s.descending { " DESC" } else { "" }
            )
        })
        .collect();
    format!(" ORDER BY {}", keys.join(", "))
}

/// The rows of a plan, its physical columns in their order.
pub(crate) fn features(plan: &Plan, within: Option<Within>) -> Result<Query> {
    let mut sql = Sql::bound();
    let order = order(plan);
    let cut = |limit: Option<u64>, offset: u64| {
        let limit = limit.map(|l| format!(" LIMIT {}", l.min(i64::MAX as u64)));
        let offset = (offset > 0).then(|| format!(" OFFSET {}", offset.min(i64::MAX as u64)));
        limit.unwrap_or_default() + &offset.unwrap_or_default()
    };
    let text = match &plan.branches[..] {
        [] => {
            let columns: Vec<String> = plan
                .layout
                .physical
                .iter()
                .enumerate()
                .map(|(i, t)| format!("NULL::{} AS c{i}", value_type(t)))
                .collect();
            format!("SELECT {} WHERE false", columns.join(", "))
        }
        [one] => format!(
            "{}{order}{}",
            branch(&mut sql, plan, one, within)?,
            cut(plan.limit, plan.offset)
        ),
        many => {
            let inner_cut = match plan.limit {
                Some(l) if !order.is_empty() => {
                    format!("{order}{}", cut(Some(l.saturating_add(plan.offset)), 0))
                }
                _ => String::new(),
            };
            let all: Vec<String> = many
                .iter()
                .map(|b| {
                    Ok(format!(
                        "({}{inner_cut})",
                        branch(&mut sql, plan, b, within)?
                    ))
                })
                .collect::<Result<_>>()?;
            format!(
                "SELECT * FROM ({}) u{order}{}",
                all.join(" UNION ALL "),
                cut(plan.limit, plan.offset)
            )
        }
    };
    Ok(Query {
        text,
        params: sql.params,
    })
}

/// How many rows pass, counted to `most` at most where it is given.
pub(crate) fn count(plan: &Plan, within: Option<Within>, most: Option<u64>) -> Result<Query> {
    let mut sql = Sql::bound();
    let mut all = vec![];
    for b in &plan.branches {
        let scope = Scope::of(b)?;
        let condition = condition(&mut sql, &scope, plan, b, within)?;
        let what = if most.is_some() { "1" } else { "count(*) AS n" };
        all.push(format!("SELECT {what} FROM {}{condition}", scope.tables()));
    }
    let all = if all.is_empty() {
        "SELECT 0 AS n WHERE false".to_owned()
    } else {
        all.join(" UNION ALL ")
    };
    let text = match most {
        Some(most) => format!("SELECT count(*)::bigint FROM ({all} LIMIT {most}) u"),
        None => format!("SELECT coalesce(sum(n), 0)::bigint FROM ({all}) u"),
    };
    Ok(Query {
        text,
        params: sql.params,
    })
}
