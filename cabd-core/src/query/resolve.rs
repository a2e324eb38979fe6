//! From question to plan: attributes become expressions over tables, tests become conditions.

use std::collections::HashMap;
use std::sync::Arc;

use super::lower::{keyset_after, lower_filter, lower_names};
use super::plan::{Branch, Comparison, Expr, Plan, Pred, SortColumn, Source};
use super::sources;
use super::{FeatureQuery, Selection};
use crate::catalog::{
    Attribute, Catalog, CodeList, Computed, FeatureType, GEOMETRY, ID, Member, MemberColumn,
    Origin, Served, constant,
};
use crate::error::{Error, Result};
use crate::feature::{Layout, Output, OutputColumn};
use crate::geometry::{Bbox, Geometry, GeometryKind};
use crate::lang::Lang;
use crate::value::{DataType, ElementType, Value};

/// What an attribute is, seen from one base type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resolved {
    Expr(Expr),
    Label(Expr, Arc<CodeList>),
    LabelList(Expr, Arc<CodeList>),
    Url(String, String),
    Latitude,
    Longitude,
}

/// The way from the type asked for to one base type.
pub(super) struct Path<'a> {
    pub catalog: &'a Catalog,
    pub lang: Lang,
    pub(super) steps: Vec<(Arc<FeatureType>, Member)>,
    pub(super) base: Arc<FeatureType>,
}

impl Path<'_> {
    /// The attribute as this branch sees it.
    pub fn resolve(&self, attribute: &Attribute) -> Result<Resolved> {
        self.at(0, attribute)
    }

    /// The type whose attributes the query names.
    pub fn asked(&self) -> &Arc<FeatureType> {
        self.type_at(0)
    }

    pub(super) fn type_at(&self, level: usize) -> &Arc<FeatureType> {
        self.steps.get(level).map_or(&self.base, |s| &s.0)
    }

    fn list_of(&self, ft: &FeatureType, code: &str) -> Result<Arc<CodeList>> {
        ft.attribute(code)
            .and_then(|a| a.codes.as_deref())
            .and_then(|l| self.catalog.list(l))
            .cloned()
            .ok_or_else(|| Error::internal(format!("{}.{code} has no code list", ft.id())))
    }

    pub(super) fn named(&self, level: usize, id: &str) -> Result<Resolved> {
        match self.type_at(level).attribute(id) {
            Some(a) => self.at(level, a),
            None => Err(Error::internal(format!(
                "{} has no attribute {id}",
                self.type_at(level).id()
            ))),
        }
    }

    fn at(&self, level: usize, a: &Attribute) -> Result<Resolved> {
        let ft = self.type_at(level);
        // Where a view is read, each attribute is a column of it.
        let a = match ft.served {
            Served::Tables => a,
            _ => ft.attribute(&a.id).unwrap_or(a),
        };
        Ok(match a.origin() {
            Origin::Id => Resolved::Expr(Expr::Id),
            Origin::Geometry => Resolved::Expr(Expr::Geometry),
            Origin::Label(of) => Resolved::Label(
                self.named(level, of)?.into_expr(self.lang),
                self.list_of(ft, of)?,
            ),
            Origin::Computed(Computed::FeatureType) => {
                Resolved::Expr(Expr::Const(self.base.id().into(), DataType::Text(None)))
            }
            Origin::Computed(Computed::Latitude) => Resolved::Latitude,
            Origin::Computed(Computed::Longitude) => Resolved::Longitude,
            Origin::Computed(Computed::UpdatesPending) => Resolved::Expr(Expr::UpdatesPending),
            Origin::Url(template) => {
                let (before, after) = template.split_once("{cabd_id}").unwrap_or((template, ""));
                Resolved::Url(before.to_owned(), after.to_owned())
            }
            Origin::CodeIn(c) => {
                let code = self.named(level, &c.attribute)?.into_expr(self.lang);
                Resolved::Expr(Expr::CodeIn(
                    Box::new(code),
                    c.codes.iter().map(|i| Value::Int(*i)).collect(),
                ))
            }
            _ if level < self.steps.len() => self.member(level, a)?,
            Origin::Present(column) => Resolved::Expr(Expr::Present(column.to_owned())),
            Origin::Link(values) => {
                let link = ft.link(&values.link).ok_or_else(|| {
                    Error::internal(format!("{} has no link {}", ft.id(), values.link))
                })?;
                let list = self
                    .catalog
                    .list(&link.codes)
                    .cloned()
                    .ok_or_else(|| Error::internal(format!("no code list {}", link.codes)))?;
                let element = match list.key_type {
                    DataType::Integer => ElementType::Integer,
                    _ => ElementType::Text,
                };
                let flags = values.filter.iter().map(|(k, v)| (k.clone(), *v)).collect();
                let expr = Expr::Link {
                    link: values.link.clone(),
                    flags,
                    data_type: DataType::Array(element),
                };
                Resolved::LabelList(expr, list)
            }
            Origin::Column { part, column } => {
                let source = part.map_or(Source::Main, |p| Source::Part(p.to_owned()));
                Resolved::Expr(Expr::Column(source, column.to_owned(), a.data_type.clone()))
            }
        })
    }

    fn member(&self, level: usize, a: &Attribute) -> Result<Resolved> {
        let (_, member) = &self.steps[level];
        let null = || Resolved::Expr(Expr::Const(Value::Null, a.data_type.clone()));
        let constant = |v: &toml::Value| constant(&a.id, &a.data_type, v);
        Ok(match member.columns.get(&a.id) {
            None => match self.type_at(level + 1).attribute(&a.id) {
                Some(inner) => self.at(level + 1, inner)?,
                None => null(),
            },
            Some(MemberColumn::Rename(n)) => self.named(level + 1, n)?,
            Some(MemberColumn::Constant { constant: v }) => {
                Resolved::Expr(Expr::Const(constant(v)?, a.data_type.clone()))
            }
            Some(MemberColumn::First { first, otherwise }) => {
                let mut all = first
                    .iter()
                    .map(|n| Ok(self.named(level + 1, n)?.into_expr(self.lang)))
                    .collect::<Result<Vec<_>>>()?;
                if let Some(v) = otherwise {
                    all.push(Expr::Const(constant(v)?, a.data_type.clone()));
                }
                Resolved::Expr(Expr::First(all, a.data_type.clone()))
            }
        })
    }

    fn hidden(&self) -> Result<Pred> {
        let mut pred = Pred::Const(true);
        for (_, member) in &self.steps {
            let Some(h) = &member.hidden_by else { continue };
            let other = self.catalog.feature_type(&h.feature_type)?;
            let Some(Origin::Column { part, column }) =
                other.attribute(&h.attribute).map(Attribute::origin)
            else {
                continue;
            };
            let table = part
                .and_then(|p| other.part(p))
                .map_or(other.table(), |p| p.table());
            pred = pred.and(
                Pred::NamedBy {
                    schema: other.schema().to_owned(),
                    table: table.to_owned(),
                    column: column.to_owned(),
                }
                .negate(),
            );
        }
        Ok(pred)
    }
}

impl Resolved {
    /// As one expression, labels and links as text.
    pub fn into_expr(self, lang: Lang) -> Expr {
        match self {
            Resolved::Expr(e) | Resolved::LabelList(e, _) => e,
            Resolved::Label(code, list) => Expr::Label(Box::new(code), list, lang),
            Resolved::Url(before, after) => Expr::Url(before, after),
            Resolved::Latitude => Expr::Latitude,
            Resolved::Longitude => Expr::Longitude,
        }
    }
}

fn paths<'a>(catalog: &'a Catalog, q: &FeatureQuery) -> Result<Vec<Path<'a>>> {
    fn walk<'a>(
        catalog: &'a Catalog,
        lang: Lang,
        ft: &Arc<FeatureType>,
        steps: &[(Arc<FeatureType>, Member)],
        out: &mut Vec<Path<'a>>,
    ) -> Result<()> {
        if !ft.is_super() {
            if !out.iter().any(|p| p.base.id() == ft.id()) {
                let base = ft.as_view(lang).map_or_else(|| ft.clone(), Arc::new);
                out.push(Path {
                    catalog,
                    lang,
                    steps: steps.to_vec(),
                    base,
                });
            }
            return Ok(());
        }
        for m in &ft.members {
            let mut next = steps.to_vec();
            next.push((ft.clone(), m.clone()));
            walk(
                catalog,
                lang,
                catalog.feature_type(&m.feature_type)?,
                &next,
                out,
            )?;
        }
        Ok(())
    }
    let asked = catalog.feature_type(&q.feature_type)?;
    let mut all = vec![];
    walk(catalog, q.lang, asked, &[], &mut all)?;
    if q.types.is_empty() {
        return Ok(all);
    }
    let mut wanted = vec![];
    for t in &q.types {
        let refused = || {
            let names: Vec<&str> = all.iter().map(|p| p.base.id()).collect();
            Error::invalid(format!("{} holds no features of that type", asked.id()))
                .field("types")
                .value(t)
                .expected(names.join(", "))
        };
        let ft = catalog.feature_type(t).map_err(|_| refused())?;
        let bases = catalog.base_types(ft)?;
        if !bases
            .iter()
            .all(|b| all.iter().any(|p| p.base.id() == b.id()))
        {
            return Err(refused());
        }
        wanted.extend(bases.into_iter().map(|b| b.id().to_owned()));
    }
    all.retain(|p| wanted.iter().any(|w| w == p.base.id()));
    Ok(all)
}

fn selected<'a>(
    catalog: &Catalog,
    ft: &'a FeatureType,
    select: &Selection,
) -> Result<Vec<&'a Attribute>> {
    let mut out: Vec<&Attribute> = match select {
        Selection::All => ft.attributes.iter().collect(),
        Selection::Set(name) => ft.set(catalog.set_name(name)?),
        Selection::Attributes(names) => names
            .iter()
            .map(|n| ft.require("attributes", n))
            .collect::<Result<_>>()?,
    };
    out.retain(|a| a.id != GEOMETRY);
    if !out.iter().any(|a| a.id == ID)
        && let Some(id) = ft.attribute(ID)
    {
        out.insert(0, id);
    }
    let mut seen = vec![];
    out.retain(|a| {
        let new = !seen.contains(&a.id.as_str());
        seen.push(&a.id);
        new
    });
    Ok(out)
}

/// Physical columns while a plan is made: one expression per branch each.
struct Columns {
    exprs: Vec<Vec<Expr>>,
    types: Vec<DataType>,
}

impl Columns {
    fn add(&mut self, exprs: Vec<Expr>, data_type: DataType) -> usize {
        if let Some(i) = self.exprs.iter().position(|e| *e == exprs) {
            return i;
        }
        self.exprs.push(exprs);
        self.types.push(data_type);
        self.exprs.len() - 1
    }
}

fn metadata(a: &Attribute, lang: Lang) -> HashMap<String, String> {
    let mut m = HashMap::new();
    let mut put = |k: &str, v: &str| {
        if !v.is_empty() {
            m.insert(k.to_owned(), v.to_owned());
        }
    };
    put("cabd:name", a.name.get(lang));
    put("cabd:unit", a.unit.as_deref().unwrap_or_default());
    put("cabd:label_of", a.label_of.as_deref().unwrap_or_default());
    put("cabd:codes", a.codes.as_deref().unwrap_or_default());
    if a.is_link {
        put("cabd:is_link", "true");
    }
    m
}

fn output(columns: &mut Columns, paths: &[Path<'_>], a: &Attribute) -> Result<Output> {
    let resolved = paths
        .iter()
        .map(|p| p.resolve(a))
        .collect::<Result<Vec<_>>>()?;
    let lang = paths.first().map(|p| p.lang).unwrap_or_default();
    let all_points = |columns: &mut Columns| {
        let geometry = paths.iter().map(|_| Expr::Geometry).collect();
        columns.add(geometry, DataType::Geometry(GeometryKind::Geometry))
    };
    Ok(match resolved.first() {
        Some(Resolved::Label(_, list)) if a.label_of.is_some() => {
            let (list, key_type) = (list.clone(), list.key_type.clone());
            let codes = resolved
                .into_iter()
                .map(|r| match r {
                    Resolved::Label(code, _) => code,
                    other => other.into_expr(lang),
                })
                .collect();
            Output::Label(columns.add(codes, key_type), list)
        }
        Some(Resolved::Latitude) if resolved.iter().all(|r| *r == Resolved::Latitude) => {
            Output::Latitude(all_points(columns))
        }
        Some(Resolved::Longitude) if resolved.iter().all(|r| *r == Resolved::Longitude) => {
            Output::Longitude(all_points(columns))
        }
        Some(Resolved::Url(before, after))
            if resolved.iter().all(|r| Some(r) == resolved.first()) =>
        {
            let (before, after) = (before.clone(), after.clone());
            let ids = columns.add(paths.iter().map(|_| Expr::Id).collect(), DataType::Uuid);
            Output::Url(ids, before, after)
        }
        _ => {
            let list = resolved.iter().find_map(|r| match r {
                Resolved::LabelList(e, list) => Some((e.data_type(), list.clone())),
                _ => None,
            });
            let exprs: Vec<Expr> = resolved.into_iter().map(|r| r.into_expr(lang)).collect();
            match list {
                Some((data_type, list)) => Output::LabelList(columns.add(exprs, data_type), list),
                None => Output::Physical(columns.add(exprs, a.data_type.clone())),
            }
        }
    })
}

/// Plans a query against a catalogue, whichever state it is asked of.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type in `feature_type`; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with field, value and
/// expectation for an unknown attribute, set or member type, an operator or value that does not fit, a sort key without
/// order, a cursor of another order.
pub fn plan(catalog: &Catalog, q: &FeatureQuery) -> Result<Plan> {
    let asked = catalog.feature_type(&q.feature_type)?.clone();
    check_place(q)?;
    let paths = paths(catalog, q)?;
    let mut columns = Columns {
        exprs: vec![],
        types: vec![],
    };
    let id = columns.add(paths.iter().map(|_| Expr::Id).collect(), DataType::Uuid);

    sources::check(&paths, q)?;

    let mut outputs = vec![];
    let chosen = selected(catalog, &asked, &q.select)?;
    for a in &chosen {
        let output = output(&mut columns, &paths, a)?;
        outputs.push(OutputColumn {
            name: a.id.clone(),
            data_type: a.data_type.clone(),
            output,
            metadata: metadata(a, q.lang),
        });
    }
    if q.sources {
        for (a, exprs) in sources::of(&paths, &chosen)? {
            outputs.push(sources::output(
                a,
                columns.add(exprs, DataType::Uuid),
                q.lang,
            ));
        }
    }
    if q.geometry {
        let data_type = asked
            .attribute(GEOMETRY)
            .map_or(DataType::Geometry(GeometryKind::Geometry), |a| {
                a.data_type.clone()
            });
        let i = columns.add(
            paths.iter().map(|_| Expr::Geometry).collect(),
            data_type.clone(),
        );
        outputs.push(OutputColumn {
            name: GEOMETRY.to_owned(),
            data_type,
            output: Output::Physical(i),
            metadata: HashMap::new(),
        });
    }

    let mut order = vec![];
    if let Some(near) = q.near {
        if !q.sort.is_empty() {
            return Err(
                Error::invalid("nearest first and sort keys exclude each other").field("sort"),
            );
        }
        let column = columns.add(
            paths.iter().map(|_| Expr::Distance(near)).collect(),
            DataType::Double,
        );
        order.push(SortColumn {
            column,
            descending: false,
        });
    }
    for s in &q.sort {
        let a = asked.require("sort", &s.attribute)?;
        if matches!(a.data_type, DataType::Array(_) | DataType::Geometry(_)) {
            return Err(Error::invalid(format!("type {} has no order", a.data_type))
                .field("sort")
                .value(&a.id));
        }
        let exprs = paths
            .iter()
            .map(|p| Ok(p.resolve(a)?.into_expr(q.lang)))
            .collect::<Result<Vec<_>>>()?;
        let column = columns.add(exprs, a.data_type.clone());
        order.push(SortColumn {
            column,
            descending: s.descending,
        });
    }
    let keys: Vec<usize> = order.iter().map(|s| s.column).collect();
    if q.is_ordered() {
        order.push(SortColumn {
            column: id,
            descending: false,
        });
    }

    let branches = paths
        .iter()
        .enumerate()
        .map(|(b, path)| {
            let (mut filter, bbox) = conditions(path, q)?;
            if let Some(cursor) = &q.after {
                let keys: Vec<(Expr, bool)> = order
                    .iter()
                    .take(keys.len())
                    .map(|s| (columns.exprs[s.column][b].clone(), s.descending))
                    .collect();
                filter = filter.and(keyset_after(&keys, cursor)?);
            }
            Ok(Branch {
                feature_type: path.base.clone(),
                select: columns.exprs.iter().map(|e| e[b].clone()).collect(),
                filter,
                bbox,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Plan {
        branches,
        order,
        limit: q.limit,
        offset: q.offset,
        near: q.near,
        layout: Arc::new(Layout::new(columns.types, outputs, id, keys, q.lang)),
        batch_rows: q.batch_rows.clamp(1, 65_536),
    })
}

/// Refuses a box or a position that was put together by hand and is none.
fn check_place(q: &FeatureQuery) -> Result<()> {
    if let Some(near) = &q.near {
        Geometry::point(near.longitude, near.latitude).check_world("point")?;
        if let Some(within) = near.within_m.filter(|m| !(0.0..f64::INFINITY).contains(m)) {
            return Err(Error::invalid("not a distance")
                .field("within_m")
                .value(within)
                .expected("metres, 0 or more"));
        }
    }
    if let Some(b) = &q.bbox {
        Geometry::point(b.west, b.south).check_world("bbox")?;
        Geometry::point(b.east, b.north).check_world("bbox")?;
        if b.west > b.east || b.south > b.north {
            return Err(Error::invalid("the corners of the box are swapped")
                .field("bbox")
                .value(format!("{}, {}, {}, {}", b.west, b.south, b.east, b.north))
                .expected("west before east and south before north"));
        }
    }
    Ok(())
}

/// Plans the count of everything that passes; limit, offset, order and cursor do not matter.
pub fn plan_count(catalog: &Catalog, q: &FeatureQuery) -> Result<Plan> {
    check_place(q)?;
    let q = FeatureQuery {
        select: Selection::Attributes(vec![]),
        geometry: false,
        sources: false,
        sort: vec![],
        limit: None,
        offset: 0,
        after: None,
        near: q.near.filter(|n| n.within_m.is_some()),
        bbox: if q.near.is_some() { None } else { q.bbox },
        ..q.clone()
    };
    plan(catalog, &q)
}

fn conditions(path: &Path<'_>, q: &FeatureQuery) -> Result<(Pred, Option<Bbox>)> {
    let mut filter = path.hidden()?;
    let mut bbox = None;
    if let Some(ids) = &q.ids {
        filter = filter.and(Pred::In(
            Expr::Id,
            ids.iter().map(|i| Value::Uuid(*i)).collect(),
        ));
    }
    if let Some(near) = &q.near {
        if let Some(within) = near.within_m {
            bbox = Some(Bbox::around(near.longitude, near.latitude, within));
            filter = filter.and(Pred::Compare(
                Expr::Distance(*near),
                Comparison::Lte,
                within.into(),
            ));
        } else {
            filter = filter.and(Pred::IsNull(Expr::Geometry).negate());
        }
    } else if let Some(b) = q.bbox {
        bbox = Some(b);
        filter = filter.and(Pred::Intersects(b));
    }
    if let Some(area) = &q.area {
        let around = area.bounds();
        match bbox.map_or(Some(around), |b| b.common(&around)) {
            Some(both) => bbox = Some(both),
            None => filter = Pred::Const(false),
        }
        filter = filter.and(Pred::Meets(area.clone()));
    }
    if let Some(f) = &q.filter {
        filter = filter.and(lower_filter(path, f)?);
    }
    if !q.names.is_empty() {
        filter = filter.and(lower_names(path, &q.names)?);
    }
    Ok((filter, bbox))
}
