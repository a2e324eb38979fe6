//! Expressions and conditions of a plan as SQL; equal in meaning to `cabd_core::query::eval`.

use cabd_core::catalog::{CodeList, FeatureType, Part};
use cabd_core::error::{Error, Result};
use cabd_core::geometry::{Bbox, GeometryKind, SRID};
use cabd_core::lang::Lang;
use cabd_core::page::Near;
use cabd_core::query::{Branch, Comparison, Expr, Fold, Pred, Source};
use cabd_core::value::{DataType, ElementType, Value};

use super::{Sql, ident, qualified};
use crate::types::{Param, value_type};

/// One base type's rows: `m` is its table, `p0`, `p1` … the primary rows of its parts, `a` the row of attribute sources.
pub(crate) struct Scope<'a> {
    ft: &'a FeatureType,
    parts: Vec<&'a Part>,
    sources: bool,
}

impl<'a> Scope<'a> {
    /// The tables that a branch reads.
    pub(crate) fn of(branch: &'a Branch) -> Result<Self> {
        let ft: &FeatureType = &branch.feature_type;
        let parts = branch
            .parts()
            .iter()
            .map(|id| {
                ft.part(id)
                    .ok_or_else(|| Error::internal(format!("{} has no part {id}", ft.id())))
            })
            .collect::<Result<_>>()?;
        let sources = branch.reads_sources();
        Ok(Self { ft, parts, sources })
    }

    /// The FROM clause's tables.
    pub(crate) fn tables(&self) -> String {
        let mut out = format!("{} m", qualified(self.ft.schema(), self.ft.table()));
        for (i, p) in self.parts.iter().enumerate() {
            out.push_str(&format!(
                " LEFT JOIN LATERAL (SELECT x.* FROM {} x WHERE x.{} = m.\"cabd_id\" AND x.{} \
                 ORDER BY x.{} NULLS LAST, x.{} LIMIT 1) p{i} ON true",
                qualified(self.ft.schema(), p.table()),
                ident(&p.parent),
                ident(&p.primary),
                ident(&p.order),
                ident(&p.key),
            ));
        }
        if self.sources {
            let table = format!("{}_attribute_source", self.ft.id());
            out.push_str(&format!(
                " LEFT JOIN {} a ON a.\"cabd_id\" = m.\"cabd_id\"",
                qualified(self.ft.schema(), &table)
            ));
        }
        out
    }

    fn geometry(&self) -> Result<String> {
        let rule = self
            .ft
            .geometry
            .as_ref()
            .ok_or_else(|| Error::internal(format!("{} has no geometry", self.ft.id())))?;
        Ok(format!("m.{}", ident(&rule.column)))
    }

    fn kind(&self) -> GeometryKind {
        self.ft
            .geometry
            .as_ref()
            .map_or(GeometryKind::Geometry, |r| r.kind)
    }

    fn column(&self, source: &Source, name: &str) -> Result<String> {
        match source {
            Source::Main => Ok(format!("m.{}", ident(name))),
            Source::Part(id) => {
                let at = self.parts.iter().position(|p| p.id == *id);
                let at = at.ok_or_else(|| Error::internal(format!("part {id} is not read")))?;
                Ok(format!("p{at}.{}", ident(name)))
            }
            Source::AttributeSource => Ok(format!("a.{}", ident(name))),
        }
    }

    /// A coordinate of the effective point; null for other classes.
    fn coordinate(&self, function: &str) -> Result<String> {
        let g = self.geometry()?;
        Ok(match self.kind() {
            GeometryKind::Point => format!("{function}({g})"),
            GeometryKind::Geometry => {
                format!("CASE WHEN ST_GeometryType({g}) = 'ST_Point' THEN {function}({g}) END")
            }
            _ => "NULL::double precision".to_owned(),
        })
    }

    /// An expression.
    pub(crate) fn expr(&self, sql: &mut Sql, e: &Expr) -> Result<String> {
        Ok(match e {
            Expr::Id => "m.\"cabd_id\"".to_owned(),
            Expr::Geometry => self.geometry()?,
            Expr::Column(source, name, _) => self.column(source, name)?,
            Expr::Link { link, flags, data_type } => self.link(link, flags, data_type)?,
            Expr::UpdatesPending => {
                "(m.\"cabd_id\" IN (SELECT u.cabd_id FROM cabd.updates_pending u WHERE u.cabd_id IS NOT NULL))".to_owned()
            }
            Expr::Present(column) => format!("(m.{} IS NOT NULL)", ident(column)),
            Expr::CodeIn(inner, codes) => {
                let inner_sql = self.expr(sql, inner)?;
                let list = sql.value(
                    Param::Many(inner.data_type(), codes.clone()),
                    value_type(&inner.data_type()),
                )?;
                format!("coalesce({inner_sql} = ANY({list}), false)")
            }
            Expr::Label(code, list, lang) => {
                let code = self.expr(sql, code)?;
                label(list, *lang, &code)
            }
            Expr::Url(before, after) => {
                let before = sql.value(before.as_str().into(), "text")?;
                let after = sql.value(after.as_str().into(), "text")?;
                format!("({before} || m.\"cabd_id\"::text || {after})")
            }
            Expr::Const(Value::Null, t) => format!("NULL::{}", value_type(t)),
            Expr::Const(v, t) => sql.value(Param::One(v.clone()), value_type(t))?,
            Expr::First(all, t) => {
                let all: Vec<String> = all
                    .iter()
                    .map(|e| Ok(format!("({})::{}", self.expr(sql, e)?, value_type(t))))
                    .collect::<Result<_>>()?;
                if all.is_empty() {
                    format!("NULL::{}", value_type(t))
                } else {
                    format!("coalesce({})", all.join(", "))
                }
            }
            Expr::Beside(all, t) => {
                let mut out = "CASE".to_owned();
                for (value, beside) in all {
                    let (value, beside) = (self.expr(sql, value)?, self.expr(sql, beside)?);
                    out.push_str(&format!(
                        " WHEN ({value}) IS NOT NULL THEN ({beside})::{}",
                        value_type(t)
                    ));
                }
                match all.is_empty() {
                    true => format!("NULL::{}", value_type(t)),
                    false => out + " END",
                }
            }
            Expr::Latitude => self.coordinate("ST_Y")?,
            Expr::Longitude => self.coordinate("ST_X")?,
            Expr::Distance(near) => self.distance(sql, near)?,
        })
    }

    fn link(&self, link: &str, flags: &[(String, bool)], t: &DataType) -> Result<String> {
        let l = self
            .ft
            .link(link)
            .ok_or_else(|| Error::internal(format!("{} has no link {link}", self.ft.id())))?;
        let target = format!("l.{}", ident(&l.target));
        let order = match t {
            DataType::Array(ElementType::Text) => " COLLATE \"C\"",
            _ => "",
        };
        let mut test = String::new();
        for (flag, wanted) in flags {
            test.push_str(&format!(" AND l.{} = {wanted}", ident(flag)));
        }
        Ok(format!(
            "ARRAY(SELECT {target} FROM {} l WHERE l.{} = m.\"cabd_id\"{test} ORDER BY {target}{order})::{}",
            qualified(self.ft.schema(), &l.table),
            ident(&l.parent),
            value_type(t),
        ))
    }

    fn distance(&self, sql: &mut Sql, near: &Near) -> Result<String> {
        let g = self.geometry()?;
        let lon = sql.value(near.longitude.into(), "float8")?;
        let lat = sql.value(near.latitude.into(), "float8")?;
        let at = match self.kind() {
            GeometryKind::Point => g,
            _ => format!("ST_ClosestPoint({g}, ST_SetSRID(ST_MakePoint({lon}, {lat}), {SRID}))"),
        };
        Ok(format!(
            "cabd.distance_m({lon}, {lat}, ST_X({at}), ST_Y({at}))"
        ))
    }

    /// The box as the spatial index understands it: everything in it, and perhaps a little more.
    pub(crate) fn in_index_box(&self, sql: &mut Sql, b: &Bbox) -> Result<String> {
        Ok(format!("{} && {}", self.geometry()?, envelope(sql, b)?))
    }

    /// A condition. It may be null where the meaning is false; `Not` and WHERE take both alike.
    pub(crate) fn pred(&self, sql: &mut Sql, p: &Pred) -> Result<String> {
        Ok(match p {
            Pred::Const(b) => b.to_string(),
            Pred::And(all) => self.all(sql, all, " AND ", "true")?,
            Pred::Or(all) => self.all(sql, all, " OR ", "false")?,
            Pred::Not(inner) => match &**inner {
                Pred::IsNull(e) => format!("({}) IS NOT NULL", self.expr(sql, e)?),
                Pred::NamedBy { .. } => format!("NOT {}", self.pred(sql, inner)?),
                _ => format!("({}) IS NOT TRUE", self.pred(sql, inner)?),
            },
            Pred::IsNull(e) => format!("({}) IS NULL", self.expr(sql, e)?),
            Pred::Compare(e, how, v) => {
                let (left, t) = self.comparable(sql, e)?;
                let v = match (v, e.data_type()) {
                    (Value::Int(i), DataType::Double | DataType::Numeric) => {
                        Value::Double(*i as f64)
                    }
                    (v, _) => v.clone(),
                };
                let right = sql.value(Param::One(v), t)?;
                let sign = match how {
                    Comparison::Eq => "=",
                    Comparison::Lt => "<",
                    Comparison::Lte => "<=",
                    Comparison::Gt => ">",
                    Comparison::Gte => ">=",
                };
                format!("{left} {sign} {right}")
            }
            Pred::In(_, values) if values.is_empty() => "false".to_owned(),
            Pred::In(e, values) => {
                let (left, t) = self.comparable(sql, e)?;
                let right = sql.value(Param::Many(e.data_type(), values.clone()), t)?;
                format!("{left} = ANY({right})")
            }
            Pred::TextIn(e, fold, values) => {
                let left = folded(*fold, &self.expr(sql, e)?);
                let right = sql.value(Param::texts(values.iter().cloned()), "text")?;
                format!("{left} = ANY({right})")
            }
            Pred::TextContains(e, fold, needle) => {
                let left = folded(*fold, &self.expr(sql, e)?);
                let right = sql.value(needle.as_str().into(), "text")?;
                format!("strpos({left}, {right}) > 0")
            }
            Pred::ArrayHas(_, values) if values.is_empty() => "false".to_owned(),
            Pred::ArrayHas(e, values) => {
                let element = match e.data_type() {
                    DataType::Array(t) => t.data_type(),
                    other => other,
                };
                let t = value_type(&element);
                let left = self.expr(sql, e)?;
                let right = sql.value(Param::Many(element, values.clone()), t)?;
                format!("({left})::{t}[] && {right}")
            }
            Pred::ArrayTextIn(e, values) => {
                let left = self.expr(sql, e)?;
                let right = sql.value(Param::texts(values.iter().cloned()), "text")?;
                let element = folded(Fold::Lower, "e.v");
                format!(
                    "EXISTS (SELECT 1 FROM unnest({left}) AS e(v) WHERE {element} = ANY({right}))"
                )
            }
            Pred::ArrayTextContains(e, needle) => {
                let left = self.expr(sql, e)?;
                let right = sql.value(needle.as_str().into(), "text")?;
                let element = folded(Fold::Lower, "e.v");
                format!(
                    "EXISTS (SELECT 1 FROM unnest({left}) AS e(v) WHERE strpos({element}, {right}) > 0)"
                )
            }
            Pred::Intersects(b) => self.intersects(sql, b)?,
            Pred::Meets(outline) => {
                let index = self.in_index_box(sql, &outline.bounds())?;
                let shape = outline.geometry().to_wkt()?;
                let shape = sql.value(Value::Text(shape).into(), "text")?;
                format!(
                    "{index} AND ST_Intersects({}, ST_GeomFromText({shape}, {SRID}))",
                    self.geometry()?
                )
            }
            Pred::NamedBy {
                schema,
                table,
                column,
            } => format!(
                "EXISTS (SELECT 1 FROM {} n WHERE n.{} = m.\"cabd_id\")",
                qualified(schema, table),
                ident(column)
            ),
        })
    }

    fn all(&self, sql: &mut Sql, all: &[Pred], between: &str, none: &str) -> Result<String> {
        if all.is_empty() {
            return Ok(none.to_owned());
        }
        let all: Vec<String> = all
            .iter()
            .map(|p| Ok(format!("({})", self.pred(sql, p)?)))
            .collect::<Result<_>>()?;
        Ok(all.join(between))
    }

    /// The expression as it compares, and its type.
    fn comparable(&self, sql: &mut Sql, e: &Expr) -> Result<(String, &'static str)> {
        let t = e.data_type();
        let inner = self.expr(sql, e)?;
        Ok((
            match t {
                DataType::Text(_) | DataType::Url => format!("({inner})::text COLLATE \"C\""),
                _ => format!("({inner})"),
            },
            value_type(&t),
        ))
    }

    fn intersects(&self, sql: &mut Sql, b: &Bbox) -> Result<String> {
        let g = self.geometry()?;
        let index = self.in_index_box(sql, b)?;
        if self.kind() == GeometryKind::Point {
            // The index holds single-precision boxes: the comparison makes the answer exact.
            let mut side = |v: f64| sql.value(v.into(), "float8");
            let (w, s, e, n) = (side(b.west)?, side(b.south)?, side(b.east)?, side(b.north)?);
            return Ok(format!(
                "{index} AND ST_X({g}) >= {w} AND ST_X({g}) <= {e} AND ST_Y({g}) >= {s} AND ST_Y({g}) <= {n}"
            ));
        }
        Ok(format!(
            "{index} AND ST_Intersects({g}, {})",
            envelope(sql, b)?
        ))
    }
}

/// The box as a geometry: an area, or the line or point that a box without width or height is.
fn envelope(sql: &mut Sql, b: &Bbox) -> Result<String> {
    let (flat, thin) = (b.south == b.north, b.west == b.east);
    let mut side = |v: f64| sql.value(v.into(), "float8");
    let (w, s) = (side(b.west)?, side(b.south)?);
    if flat && thin {
        return Ok(format!("ST_SetSRID(ST_MakePoint({w}, {s}), {SRID})"));
    }
    let (e, n) = (side(b.east)?, side(b.north)?);
    Ok(if flat || thin {
        format!("ST_SetSRID(ST_MakeLine(ST_MakePoint({w}, {s}), ST_MakePoint({e}, {n})), {SRID})")
    } else {
        format!("ST_MakeEnvelope({w}, {s}, {e}, {n}, {SRID})")
    })
}

/// The text folded for comparison, compared by code point.
fn folded(fold: Fold, text: &str) -> String {
    match fold {
        Fold::Lower => format!("(lower(({text})::text COLLATE \"und-x-icu\") COLLATE \"C\")"),
        Fold::Name => format!("(cabd.fold_name(({text})::text) COLLATE \"C\")"),
    }
}

/// A label column in a language: French falls back to English, blank is null.
pub(crate) fn label_text(alias: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("nullif({alias}.\"name_en\", '')"),
        Lang::Fr => {
            format!("coalesce(nullif({alias}.\"name_fr\", ''), nullif({alias}.\"name_en\", ''))")
        }
    }
}

/// The label of the code that `code` gives.
pub(crate) fn label(list: &CodeList, lang: Lang, code: &str) -> String {
    format!(
        "(SELECT {} FROM {} c WHERE c.{} = {code})",
        label_text("c", lang),
        qualified(list.schema(), list.table()),
        ident(&list.key),
    )
}
