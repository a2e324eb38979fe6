//! The only room that writes SQL text. Names are quoted, values are bound, except in views and triggers, where literals are quoted.

pub(crate) mod alter;
pub(crate) mod audit;
pub(crate) mod ddl;
pub(crate) mod derive;
pub(crate) mod expr;
mod json;
pub(crate) mod metadata;
pub(crate) mod seal;
pub(crate) mod triggers;
pub(crate) mod views;

use cabd_core::Result;
use cabd_core::catalog::{FeatureType, Served, Table, flat_name};
use cabd_core::query::{Branch, Plan};

use crate::spatial::identifier;
use expr::Text;

/// The quoted name of a table.
pub(crate) fn table_name(t: &Table) -> String {
    identifier(&flat(t))
}

/// The unquoted name of a table.
pub(crate) fn flat(t: &Table) -> String {
    flat_name(&t.schema, &t.name)
}

/// The unquoted name of a type's own table.
pub(crate) fn main_table(ft: &FeatureType) -> String {
    flat_name(ft.schema(), ft.table())
}

fn from(out: &mut Text, branch: &Branch, indexed: bool) {
    let ft = &branch.feature_type;
    let main = main_table(ft);
    let spatial = ft
        .geometry
        .as_ref()
        .map(|g| g.column.as_str())
        .unwrap_or_default();
    // A view has no index of its own; the condition holds the box as well.
    let indexed = indexed && ft.served == Served::Tables;
    match branch.bbox.filter(|_| indexed) {
        Some(b) => {
            out.push(&format!(
                " FROM {} AS r CROSS JOIN {} AS m ON m.fid = r.pkid",
                identifier(&format!("idx_{main}_{spatial}")),
                identifier(&main)
            ));
            out.push(" AND r.xmin <= ");
            out.bind_f64(b.east);
            out.push(" AND r.xmax >= ");
            out.bind_f64(b.west);
            out.push(" AND r.ymin <= ");
            out.bind_f64(b.north);
            out.push(" AND r.ymax >= ");
            out.bind_f64(b.south);
        }
        None => out.push(&format!(" FROM {} AS m", identifier(&main))),
    }
    for (i, id) in branch.parts().iter().enumerate() {
        let Some(p) = ft.part(id) else { continue };
        let table = identifier(&flat_name(ft.schema(), p.table()));
        let (key, parent, primary, order) = (
            identifier(&p.key),
            identifier(&p.parent),
            identifier(&p.primary),
            identifier(&p.order),
        );
        out.push(&format!(
            " LEFT JOIN {table} AS p{i} ON p{i}.{key} = (SELECT s.{key} FROM {table} AS s WHERE s.{parent} = m.cabd_id \
             AND s.{primary} = 1 ORDER BY s.{order} IS NULL, s.{order}, s.{key} LIMIT 1)"
        ));
    }
    if branch.reads_sources() {
        let table = flat_name(ft.schema(), &format!("{}_attribute_source", ft.id()));
        out.push(&format!(
            " LEFT JOIN {} AS a ON a.cabd_id = m.cabd_id",
            identifier(&table)
        ));
    }
}

/// One branch: `SELECT … FROM … WHERE …`, columns named c0, c1 ….
fn branch(out: &mut Text, b: &Branch, select: bool, indexed: bool) -> Result<()> {
    let parts = b.parts();
    out.push("SELECT ");
    if select {
        for (i, e) in b.select.iter().enumerate() {
            if i > 0 {
                out.push(", ");
            }
            out.expr(&b.feature_type, &parts, e)?;
            out.push(&format!(" AS c{i}"));
        }
    } else {
        out.push("count(*)");
    }
    from(out, b, indexed);
    out.push(" WHERE ");
    out.pred(&b.feature_type, &parts, &b.filter)
}

/// The statement of a plan.
pub(crate) fn select(plan: &Plan, indexed: bool) -> Result<Text> {
    let mut out = Text::bound();
    let one = plan.branches.len() == 1;
    if !one {
        out.push("SELECT * FROM (");
    }
    for (i, b) in plan.branches.iter().enumerate() {
        if i > 0 {
            out.push(" UNION ALL ");
        }
        branch(&mut out, b, true, indexed)?;
    }
    if !one {
        out.push(")");
    }
    for (i, s) in plan.order.iter().enumerate() {
        out.push(if i == 0 { " ORDER BY " } else { ", " });
        let column = match plan.layout.physical[s.column] {
            cabd_core::DataType::Timestamp => format!("cabd_micros(c{})", s.column),
            _ => format!("c{}", s.column),
        };
        if s.column != plan.layout.id {
            out.push(&format!("{column} IS NULL, "));
        }
        out.push(&column);
        if s.descending {
            out.push(" DESC");
        }
    }
    if plan.limit.is_some() || plan.offset > 0 {
        let limit = plan
            .limit
            .map_or(-1, |l| i64::try_from(l).unwrap_or(i64::MAX));
        let offset = i64::try_from(plan.offset).unwrap_or(i64::MAX);
        out.push(&format!(" LIMIT {limit} OFFSET {offset}"));
    }
    Ok(out)
}

/// One count per branch.
pub(crate) fn counts(plan: &Plan) -> Result<Vec<Text>> {
    plan.branches
        .iter()
        .map(|b| {
            let mut out = Text::bound();
            branch(&mut out, b, false, true)?;
            Ok(out)
        })
        .collect()
}
