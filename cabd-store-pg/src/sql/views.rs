//! The views for people and other programs: every attribute of a type, labels beside codes, one view a language.

use cabd_core::catalog::{Catalog, FeatureType};
use cabd_core::error::Result;
use cabd_core::feature::Output;
use cabd_core::lang::Lang;
use cabd_core::query::{Branch, Expr, FeatureQuery, Pred, plan};
use cabd_core::value::DataType;

use super::expr::{Scope, label, label_text};
use super::{Sql, ident, qualified};
use crate::types::value_type;

/// Schema and name of a type's view in a language.
pub(crate) fn view_name(ft: &FeatureType, lang: Lang) -> (String, String) {
    let (schema, root) = ft.view();
    (schema, format!("{root}_{lang}"))
}

/// The SELECT of a type's view.
pub(crate) fn view_query(catalog: &Catalog, ft: &FeatureType, lang: Lang) -> Result<String> {
    let mut query = FeatureQuery::of(ft.id());
    query.lang = lang;
    let plan = plan(catalog, &query)?;
    let mut all = vec![];
    for branch in &plan.branches {
        let mut sql = Sql::literals();
        let scope = Scope::of(branch)?;
        let columns: Vec<String> = plan
            .layout
            .outputs
            .iter()
            .map(|o| {
                let text = column(&mut sql, &scope, branch, &o.output, lang)?;
                let cast = match o.data_type {
                    DataType::Geometry(_) => String::new(),
                    _ => format!("::{}", value_type(&o.data_type)),
                };
                Ok(format!("({text}){cast} AS {}", ident(&o.name)))
            })
            .collect::<Result<_>>()?;
        let condition = match &branch.filter {
            Pred::Const(true) => String::new(),
            p => format!(" WHERE {}", scope.pred(&mut sql, p)?),
        };
        all.push(format!(
            "SELECT {} FROM {}{condition}",
            columns.join(",\n    "),
            scope.tables()
        ));
    }
    Ok(all.join("\nUNION ALL\n"))
}

fn column(
    sql: &mut Sql,
    scope: &Scope<'_>,
    branch: &Branch,
    output: &Output,
    lang: Lang,
) -> Result<String> {
    let mut physical = |i: usize| scope.expr(sql, &branch.select[i]);
    Ok(match output {
        Output::Physical(i) => physical(*i)?,
        Output::Label(i, list) => label(list, lang, &physical(*i)?),
        Output::LabelList(i, list) => format!(
            "ARRAY(SELECT DISTINCT {0} COLLATE \"C\" AS label FROM unnest({1}) AS k(code) JOIN {2} c ON c.{3} = k.code \
             WHERE {0} IS NOT NULL ORDER BY 1)",
            label_text("c", lang),
            physical(*i)?,
            qualified(list.schema(), list.table()),
            ident(&list.key)
        ),
        Output::Latitude(_) => scope.expr(sql, &Expr::Latitude)?,
        Output::Longitude(_) => scope.expr(sql, &Expr::Longitude)?,
        Output::Url(_, before, after) => {
            scope.expr(sql, &Expr::Url(before.clone(), after.clone()))?
        }
    })
}

/// Makes or replaces a view; `replace` keeps what depends on it, otherwise it is dropped first.
pub(crate) fn define(schema: &str, name: &str, query: &str, replace: bool) -> String {
    let view = qualified(schema, name);
    if replace {
        format!("CREATE OR REPLACE VIEW {view} AS {query};\n")
    } else {
        format!("DROP VIEW IF EXISTS {view};\nCREATE VIEW {view} AS {query};\n")
    }
}
