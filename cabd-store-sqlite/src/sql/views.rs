//! The English and French views of a type, made from the same plan that queries use.

use cabd_core::catalog::{Catalog, FeatureType, flat_name};
use cabd_core::feature::Output;
use cabd_core::query::{self, FeatureQuery};
use cabd_core::{Lang, Result};

use super::expr::{Text, label};
use crate::spatial::identifier;

/// Unquoted name of a type's view.
pub(crate) fn view_name(ft: &FeatureType, lang: Lang) -> String {
    let (schema, view) = ft.view();
    flat_name(&schema, &format!("{view}_{lang}"))
}

/// `CREATE VIEW` with one column an attribute, the geometry, and for a base type the layer's row key `fid`.
pub(crate) fn create_view(catalog: &Catalog, ft: &FeatureType, lang: Lang) -> Result<String> {
    let mut q = FeatureQuery::of(ft.id());
    q.lang = lang;
    let plan = query::plan(catalog, &q)?;
    let mut out = Text::literal();
    out.push(&format!(
        "CREATE VIEW {} AS ",
        identifier(&view_name(ft, lang))
    ));
    for (n, b) in plan.branches.iter().enumerate() {
        if n > 0 {
            out.push(" UNION ALL ");
        }
        out.push("SELECT ");
        let parts = b.parts();
        if !ft.is_super() {
            out.push("m.fid AS fid, ");
        }
        for (i, o) in plan.layout.outputs.iter().enumerate() {
            if i > 0 {
                out.push(", ");
            }
            let base = &b.feature_type;
            match &o.output {
                Output::Physical(c) => out.expr(base, &parts, &b.select[*c])?,
                Output::Label(c, list) => {
                    let table = identifier(&flat_name(list.schema(), list.table()));
                    out.push(&format!(
                        "(SELECT {} FROM {table} AS k WHERE k.{} = ",
                        label("k", lang),
                        identifier(&list.key)
                    ));
                    out.expr(base, &parts, &b.select[*c])?;
                    out.push(")");
                }
                Output::LabelList(c, list) => {
                    let table = identifier(&flat_name(list.schema(), list.table()));
                    let label = label("k", lang);
                    out.push(&format!("(SELECT json_group_array(v.name) FROM (SELECT DISTINCT {label} AS name FROM json_each("));
                    out.expr(base, &parts, &b.select[*c])?;
                    out.push(&format!(
                        ") AS j JOIN {table} AS k ON k.{} = j.value WHERE {label} IS NOT NULL ORDER BY 1) AS v)",
                        identifier(&list.key)
                    ));
                }
                Output::Latitude(_) => out.expr(base, &parts, &query::Expr::Latitude)?,
                Output::Longitude(_) => out.expr(base, &parts, &query::Expr::Longitude)?,
                Output::Url(_, before, after) => {
                    out.expr(
                        base,
                        &parts,
                        &query::Expr::Url(before.clone(), after.clone()),
                    )?;
                }
            }
            out.push(&format!(" AS {}", identifier(&o.name)));
        }
        super::from(&mut out, b, false);
        if !matches!(b.filter, query::Pred::Const(true)) {
            out.push(" WHERE ");
            out.pred(&b.feature_type, &parts, &b.filter)?;
        }
    }
    Ok(out.text)
}

/// `CREATE VIEW cabd_updates_pending` over suggested updates and staged submissions.
pub(crate) fn updates_pending(catalog: &Catalog) -> String {
    let mut sql = "CREATE VIEW cabd_updates_pending AS \
        SELECT cabd_id FROM cabd_user_feature_updates WHERE status = 'needs_review'"
        .to_owned();
    for ft in catalog
        .types()
        .filter(|t| t.head.community.is_some() && !t.is_super())
    {
        let table = identifier(&staging_name(ft));
        sql.push_str(&format!(
            " UNION SELECT cabd_id FROM {table} WHERE status = 'NEW' AND cabd_id IS NOT NULL"
        ));
    }
    if !sql.contains(" UNION ") {
        sql = sql.replace("SELECT cabd_id", "SELECT DISTINCT cabd_id");
    }
    sql
}

/// Unquoted name of a type's staging table.
pub(crate) fn staging_name(ft: &FeatureType) -> String {
    flat_name(ft.schema(), &format!("{}_community_staging", ft.id()))
}
