//! Expressions and conditions as SQL text.

use cabd_core::catalog::{CodeList, FeatureType, flat_name};
use cabd_core::query::{Comparison, Expr, Fold, Pred, Source};
use cabd_core::{DataType, Error, Lang, Result, Value};
use rusqlite::types::Value as SqlValue;

use crate::spatial::{identifier, literal};
use crate::types::to_sql;

/// Most values written one by one; longer lists travel as one JSON array.
const INLINE_VALUES: usize = 40;

/// SQL text while it grows, with its bound values.
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) values: Vec<SqlValue>,
    literals: bool,
}

/// The label of a code list's row in a language: blank French falls back to English, blank English is null.
pub(crate) fn label(alias: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("NULLIF({alias}.name_en, '')"),
        Lang::Fr => format!("COALESCE(NULLIF({alias}.name_fr, ''), NULLIF({alias}.name_en, ''))"),
    }
}

fn list_table(list: &CodeList) -> String {
    identifier(&flat_name(list.schema(), list.table()))
}

impl Text {
    /// Values are bound.
    pub(crate) fn bound() -> Self {
        Self {
            text: String::with_capacity(1024),
            values: vec![],
            literals: false,
        }
    }

    /// Values are written as literals, for views.
    pub(crate) fn literal() -> Self {
        Self {
            literals: true,
            ..Self::bound()
        }
    }

    pub(crate) fn push(&mut self, s: &str) {
        self.text.push_str(s);
    }

    pub(crate) fn bind_f64(&mut self, v: f64) {
        self.raw(SqlValue::Real(v));
    }

    fn raw(&mut self, v: SqlValue) {
        if !self.literals {
            self.push("?");
            self.values.push(v);
            return;
        }
        let text = match v {
            SqlValue::Null => "NULL".to_owned(),
            SqlValue::Integer(i) => i.to_string(),
            SqlValue::Real(d) => format!("{d:?}"),
            SqlValue::Text(t) => literal(&t),
            SqlValue::Blob(b) => format!(
                "x'{}'",
                b.iter().map(|x| format!("{x:02x}")).collect::<String>()
            ),
        };
        self.push(&text);
    }

    fn bind(&mut self, v: &Value) -> Result<()> {
        self.raw(to_sql(v)?);
        Ok(())
    }

    /// An instant as a number, any other value as it is stored.
    fn bind_comparable(&mut self, v: &Value) -> Result<()> {
        match v {
            Value::Timestamp(t) => {
                self.raw(SqlValue::Integer(t.as_microsecond()));
                Ok(())
            }
            v => self.bind(v),
        }
    }

    pub(crate) fn expr(&mut self, ft: &FeatureType, parts: &[String], e: &Expr) -> Result<()> {
        match e {
            Expr::Id => self.push("m.cabd_id"),
            Expr::Geometry => {
                let column = geometry(ft)?;
                self.push(&column);
            }
            Expr::Column(source, column, _) => {
                let alias = match source {
                    Source::Main => "m".to_owned(),
                    Source::Part(p) => {
                        let i = parts.iter().position(|x| x == p);
                        format!(
                            "p{}",
                            i.ok_or_else(|| Error::internal("a part is not joined"))?
                        )
                    }
                    Source::AttributeSource => "a".to_owned(),
                };
                self.push(&format!("{alias}.{}", identifier(column)));
            }
            Expr::Link { link, flags, .. } => self.link(ft, link, flags)?,
            Expr::UpdatesPending => {
                self.push(
                    "COALESCE(m.cabd_id IN (SELECT u.cabd_id FROM cabd_updates_pending AS u), 0)",
                );
            }
            Expr::Present(column) => self.push(&format!("(m.{} IS NOT NULL)", identifier(column))),
            Expr::CodeIn(code, codes) => {
                self.push("COALESCE(");
                self.expr(ft, parts, code)?;
                self.push(" IN (");
                self.list(codes)?;
                self.push("), 0)");
            }
            Expr::Label(code, list, lang) => {
                let (label, table, key) =
                    (label("k", *lang), list_table(list), identifier(&list.key));
                self.push(&format!(
                    "(SELECT {label} FROM {table} AS k WHERE k.{key} = "
                ));
                self.expr(ft, parts, code)?;
                self.push(")");
            }
            Expr::Url(before, after) => {
                self.push("(");
                self.raw(SqlValue::Text(before.clone()));
                self.push(" || m.cabd_id || ");
                self.raw(SqlValue::Text(after.clone()));
                self.push(")");
            }
            Expr::Const(v, _) => self.bind(v)?,
            Expr::First(all, _) if all.len() == 1 => self.expr(ft, parts, &all[0])?,
            Expr::First(all, _) => {
                self.push("COALESCE(");
                for (i, e) in all.iter().enumerate() {
                    if i > 0 {
                        self.push(", ");
                    }
                    self.expr(ft, parts, e)?;
                }
                self.push(if all.is_empty() { "NULL, NULL)" } else { ")" });
            }
            Expr::Beside(all, _) => {
                self.push("CASE");
                for (value, beside) in all {
                    self.push(" WHEN (");
                    self.expr(ft, parts, value)?;
                    self.push(") IS NOT NULL THEN ");
                    self.expr(ft, parts, beside)?;
                }
                self.push(if all.is_empty() {
                    " WHEN 0 THEN NULL END"
                } else {
                    " END"
                });
            }
            Expr::Latitude => self.push(&format!("ST_Y({})", geometry(ft)?)),
            Expr::Longitude => self.push(&format!("ST_X({})", geometry(ft)?)),
            Expr::Distance(near) => {
                self.push(&format!("cabd_distance({}, ", geometry(ft)?));
                self.bind_f64(near.longitude);
                self.push(", ");
                self.bind_f64(near.latitude);
                self.push(")");
            }
        }
        Ok(())
    }

    fn link(&mut self, ft: &FeatureType, id: &str, flags: &[(String, bool)]) -> Result<()> {
        let link = ft
            .link(id)
            .ok_or_else(|| Error::internal(format!("no link {id}")))?;
        let table = identifier(&flat_name(ft.schema(), &link.table));
        let (target, parent) = (identifier(&link.target), identifier(&link.parent));
        self.push(&format!(
            "(SELECT json_group_array(t.code) FROM (SELECT l.{target} AS code FROM {table} AS l WHERE l.{parent} = m.cabd_id"
        ));
        for (flag, value) in flags {
            self.push(&format!(
                " AND l.{} = {}",
                identifier(flag),
                i32::from(*value)
            ));
        }
        self.push(" ORDER BY 1) AS t)");
        Ok(())
    }

    fn list(&mut self, values: &[Value]) -> Result<()> {
        if values.len() > INLINE_VALUES {
            let json: serde_json::Value = values.iter().map(Value::to_json).collect();
            self.push("SELECT value FROM json_each(");
            self.raw(SqlValue::Text(json.to_string()));
            self.push(")");
            return Ok(());
        }
        for (i, v) in values.iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            self.bind_comparable(v)?;
        }
        Ok(())
    }

    fn texts(&mut self, values: &[String]) -> Result<()> {
        let values: Vec<Value> = values.iter().map(|v| Value::from(v.as_str())).collect();
        self.list(&values)
    }

    /// An instant as a number, any other expression as it is.
    fn comparable(&mut self, ft: &FeatureType, parts: &[String], e: &Expr) -> Result<()> {
        if e.data_type() == DataType::Timestamp {
            self.push("cabd_micros(");
            self.expr(ft, parts, e)?;
            self.push(")");
            return Ok(());
        }
        self.expr(ft, parts, e)
    }

    fn joined(
        &mut self,
        ft: &FeatureType,
        parts: &[String],
        all: &[Pred],
        word: &str,
        empty: &str,
    ) -> Result<()> {
        if all.is_empty() {
            self.push(empty);
            return Ok(());
        }
        for (i, p) in all.iter().enumerate() {
            self.push(if i == 0 { "(" } else { word });
            self.pred(ft, parts, p)?;
        }
        self.push(")");
        Ok(())
    }

    pub(crate) fn pred(&mut self, ft: &FeatureType, parts: &[String], p: &Pred) -> Result<()> {
        match p {
            Pred::Const(b) => self.push(if *b { "1" } else { "0" }),
            Pred::And(all) => self.joined(ft, parts, all, " AND ", "1")?,
            Pred::Or(all) => self.joined(ft, parts, all, " OR ", "0")?,
            Pred::Not(p) => {
                self.push("((");
                self.pred(ft, parts, p)?;
                self.push(") IS NOT TRUE)");
            }
            Pred::IsNull(e) => {
                self.push("(");
                self.expr(ft, parts, e)?;
                self.push(" IS NULL)");
            }
            Pred::Compare(e, comparison, value) => {
                self.push("(");
                self.comparable(ft, parts, e)?;
                self.push(match comparison {
                    Comparison::Eq => " = ",
                    Comparison::Lt => " < ",
                    Comparison::Lte => " <= ",
                    Comparison::Gt => " > ",
                    Comparison::Gte => " >= ",
                });
                self.bind_comparable(value)?;
                self.push(")");
            }
            Pred::In(e, values) => {
                self.push("(");
                self.comparable(ft, parts, e)?;
                self.push(" IN (");
                if values.len() > INLINE_VALUES && e.data_type() == DataType::Timestamp {
                    return Err(Error::invalid("too many instants in one list")
                        .expected(format!("at most {INLINE_VALUES}")));
                }
                self.list(values)?;
                self.push("))");
            }
            Pred::TextIn(e, fold, values) => {
                self.push(&format!("({}(", fold_function(*fold)));
                self.expr(ft, parts, e)?;
                self.push(") IN (");
                self.texts(values)?;
                self.push("))");
            }
            Pred::TextContains(e, fold, needle) => {
                self.push(&format!("(instr({}(", fold_function(*fold)));
                self.expr(ft, parts, e)?;
                self.push("), ");
                self.raw(SqlValue::Text(needle.clone()));
                self.push(") > 0)");
            }
            Pred::ArrayHas(e, values) => self.array(ft, parts, e, "j.value IN (", |out| {
                out.list(values)?;
                out.push(")");
                Ok(())
            })?,
            Pred::ArrayTextIn(e, values) => {
                self.array(ft, parts, e, "cabd_lower(j.value) IN (", |out| {
                    out.texts(values)?;
                    out.push(")");
                    Ok(())
                })?
            }
            Pred::ArrayTextContains(e, needle) => {
                self.array(ft, parts, e, "instr(cabd_lower(j.value), ", |out| {
                    out.raw(SqlValue::Text(needle.clone()));
                    out.push(") > 0");
                    Ok(())
                })?
            }
            Pred::Intersects(b) => {
                self.push(&format!("(cabd_intersects({}", geometry(ft)?));
                for side in [b.west, b.south, b.east, b.north] {
                    self.push(", ");
                    self.bind_f64(side);
                }
                self.push(") = 1)");
            }
            Pred::Meets(outline) => {
                self.push(&format!("(cabd_meets({}, ", geometry(ft)?));
                self.raw(SqlValue::Blob(outline.geometry().to_wkb()));
                self.push(") = 1)");
            }
            Pred::NamedBy {
                schema,
                table,
                column,
            } => {
                let (table, column) = (identifier(&flat_name(schema, table)), identifier(column));
                self.push(&format!(
                    "EXISTS (SELECT 1 FROM {table} AS x WHERE x.{column} = m.cabd_id)"
                ));
            }
        }
        Ok(())
    }

    fn array(
        &mut self,
        ft: &FeatureType,
        parts: &[String],
        e: &Expr,
        test: &str,
        rest: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.push("EXISTS (SELECT 1 FROM json_each(");
        self.expr(ft, parts, e)?;
        self.push(") AS j WHERE ");
        self.push(test);
        rest(self)?;
        self.push(")");
        Ok(())
    }
}

fn fold_function(fold: Fold) -> &'static str {
    match fold {
        Fold::Lower => "cabd_lower",
        Fold::Name => "cabd_fold",
    }
}

fn geometry(ft: &FeatureType) -> Result<String> {
    let rule = ft
        .geometry
        .as_ref()
        .ok_or_else(|| Error::internal(format!("{} has no geometry", ft.id())))?;
    Ok(format!("m.{}", identifier(&rule.column)))
}
