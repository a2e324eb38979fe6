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

use cabd_core::catalog::{FeatureType, Served, Table, flat_name};
use cabd_core::query::{Branch, Plan};
use cabd_core::{Bbox, Result};

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
            index(out, &main, spatial);
            out.push(&format!(
                " CROSS JOIN {} AS m ON m.fid = r.pkid AND ",
                identifier(&main)
            ));
            meets(out, b);
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

/// What is asked of a branch.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    /// Every column, named c0, c1 ….
    Columns,
    /// How many rows.
    Count,
    /// A row each, without columns.
    Rows,
}

/// One branch: `SELECT … FROM … WHERE …`.
fn branch(out: &mut Text, b: &Branch, asked: Asked, indexed: bool) -> Result<()> {
    let parts = b.parts();
    out.push("SELECT ");
    match asked {
        Asked::Columns => {
            for (i, e) in b.select.iter().enumerate() {
                if i > 0 {
                    out.push(", ");
                }
                out.expr(&b.feature_type, &parts, e)?;
                out.push(&format!(" AS c{i}"));
            }
        }
        Asked::Count => out.push("count(*)"),
        Asked::Rows => out.push("1"),
    }
    if asked == Asked::Count
        && let Some(bbox) = b.only_box().filter(|_| indexed)
        && count_by_index(out, b, bbox)
    {
        return Ok(());
    }
    from(out, b, indexed);
    out.push(" WHERE ");
    out.pred(&b.feature_type, &parts, &b.filter)
}

/// The rows in a box, where nothing else is asked: what the index says lies within is in the box; only of what reaches over its
/// sides, which the index knows to seven digits, the geometry is read.
fn count_by_index(out: &mut Text, b: &Branch, bbox: Bbox) -> bool {
    let ft = &b.feature_type;
    let (Served::Tables, Some(rule)) = (&ft.served, &ft.geometry) else {
        return false;
    };
    let main = main_table(ft);
    index(out, &main, &rule.column);
    out.push(" WHERE ");
    meets(out, bbox);
    let sides = [
        ("r.xmin >= ", bbox.west),
        (" AND r.xmax <= ", bbox.east),
        (" AND r.ymin >= ", bbox.south),
        (" AND r.ymax <= ", bbox.north),
    ];
    out.push(" AND ((");
    for (test, side) in sides {
        // The plus leaves the test to each row: the index looks for what meets the box.
        out.push(&test.replacen("r.", "+r.", 1));
        out.bind_f64(side);
    }
    out.push(") OR (SELECT cabd_intersects(m.");
    out.push(&identifier(&rule.column));
    for side in [bbox.west, bbox.south, bbox.east, bbox.north] {
        out.push(", ");
        out.bind_f64(side);
    }
    out.push(&format!(
        ") FROM {} AS m WHERE m.fid = r.pkid) = 1)",
        identifier(&main)
    ));
    true
}

fn index(out: &mut Text, main: &str, column: &str) {
    out.push(&format!(
        " FROM {} AS r",
        identifier(&format!("idx_{main}_{column}"))
    ));
}

/// The entries of the index that meet a box.
fn meets(out: &mut Text, bbox: Bbox) {
    out.push("r.xmin <= ");
    out.bind_f64(bbox.east);
    out.push(" AND r.xmax >= ");
    out.bind_f64(bbox.west);
    out.push(" AND r.ymin <= ");
    out.bind_f64(bbox.north);
    out.push(" AND r.ymax >= ");
    out.bind_f64(bbox.south);
}

/// The order of a plan.
fn order(plan: &Plan) -> String {
    let mut out = String::new();
    for (i, s) in plan.order.iter().enumerate() {
        out.push_str(if i == 0 { " ORDER BY " } else { ", " });
        let column = match plan.layout.physical[s.column] {
            cabd_core::DataType::Timestamp => format!("cabd_micros(c{})", s.column),
            _ => format!("c{}", s.column),
        };
        if s.column != plan.layout.id {
            out.push_str(&format!("{column} IS NULL, "));
        }
        out.push_str(&column);
        if s.descending {
            out.push_str(" DESC");
        }
    }
    out
}

/// The statement of a plan.
pub(crate) fn select(plan: &Plan, indexed: bool) -> Result<Text> {
    let mut out = Text::bound();
    let order = order(plan);
    let cut = |limit: Option<u64>, offset: u64| {
        let limit = limit.map_or(-1, |l| i64::try_from(l).unwrap_or(i64::MAX));
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        format!(" LIMIT {limit} OFFSET {offset}")
    };
    let one = plan.branches.len() == 1;
    // Of each type no more can be in the answer than there are in the whole of it.
    let most = plan.limit.map(|l| l.saturating_add(plan.offset));
    let most = most.filter(|_| !one && !order.is_empty());
    if !one {
        out.push("SELECT * FROM (");
    }
    for (i, b) in plan.branches.iter().enumerate() {
        if i > 0 {
            out.push(" UNION ALL ");
        }
        if most.is_some() {
            out.push("SELECT * FROM (");
        }
        branch(&mut out, b, Asked::Columns, indexed)?;
        if most.is_some() {
            out.push(&order);
            out.push(&cut(most, 0));
            out.push(")");
        }
    }
    if !one {
        out.push(")");
    }
    out.push(&order);
    if plan.limit.is_some() || plan.offset > 0 {
        out.push(&cut(plan.limit, plan.offset));
    }
    Ok(out)
}

/// One count per branch.
pub(crate) fn counts(plan: &Plan) -> Result<Vec<Text>> {
    plan.branches
        .iter()
        .map(|b| {
            let mut out = Text::bound();
            branch(&mut out, b, Asked::Count, true)?;
            Ok(out)
        })
        .collect()
}

/// How many rows there are, counted up to `most`.
pub(crate) fn at_least(plan: &Plan, most: u64) -> Result<Text> {
    let mut out = Text::bound();
    out.push("SELECT count(*) FROM (");
    for (i, b) in plan.branches.iter().enumerate() {
        out.push(if i == 0 { "" } else { " UNION ALL " });
        branch(&mut out, b, Asked::Rows, true)?;
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    out.push(&format!(" LIMIT {most})"));
    Ok(out)
}

/// How many rows the index knows in a branch's box, counted up to `most`; nothing without an index.
pub(crate) fn in_box(b: &Branch, bbox: Bbox, most: u64) -> Option<Text> {
    let ft = &b.feature_type;
    let (Served::Tables, Some(rule)) = (&ft.served, &ft.geometry) else {
        return None;
    };
    let mut out = Text::bound();
    out.push("SELECT count(*) FROM (SELECT 1");
    index(&mut out, &main_table(ft), &rule.column);
    out.push(" WHERE ");
    meets(&mut out, bbox);
    out.push(&format!(
        " LIMIT {})",
        i64::try_from(most).unwrap_or(i64::MAX)
    ));
    Some(out)
}

/// How many rows a branch's table has, about: its largest number.
pub(crate) fn size(b: &Branch) -> String {
    format!(
        "SELECT COALESCE(max(fid), 0) FROM {}",
        identifier(&main_table(&b.feature_type))
    )
}
