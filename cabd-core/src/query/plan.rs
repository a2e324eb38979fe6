//! The plan of a query: everything that depends on meaning is settled, a store only reads tables.

use std::sync::Arc;

use crate::catalog::{CodeList, FeatureType};
use crate::feature::Layout;
use crate::geometry::{Bbox, Geometry, Outline};
use crate::lang::Lang;
use crate::page::Near;
use crate::value::{DataType, Value};

/// A table a column is read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// The type's own table.
    Main,
    /// The primary row of a part; no such row, no values.
    Part(String),
    /// The feature's row of attribute sources; no such row, no values.
    AttributeSource,
}

/// An expression over one row of a base type.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// The identifier.
    Id,
    /// The effective geometry.
    Geometry,
    /// A stored column.
    Column(Source, String, DataType),
    /// The codes in a link table's rows whose flags are as given; an empty array when there are none.
    Link {
        /// The link.
        link: String,
        /// Flags and the value each must have.
        flags: Vec<(String, bool)>,
        /// Array type of the codes.
        data_type: DataType,
    },
    /// Whether `cabd.updates_pending` has the feature.
    UpdatesPending,
    /// Whether a geometry column has a value.
    Present(String),
    /// True where the code is one of the list; null counts as not.
    CodeIn(Box<Expr>, Vec<Value>),
    /// The label of a code, as text.
    Label(Box<Expr>, Arc<CodeList>, Lang),
    /// Text before and after the identifier.
    Url(String, String),
    /// A constant.
    Const(Value, DataType),
    /// The first that is not null.
    First(Vec<Expr>, DataType),
    /// The second of the first pair whose first is not null.
    Beside(Vec<(Expr, Expr)>, DataType),
    /// Latitude of the effective point.
    Latitude,
    /// Longitude of the effective point.
    Longitude,
    /// Great-circle distance in metres, rounded to the millimetre.
    Distance(Near),
}

impl Expr {
    /// The type of its value.
    pub fn data_type(&self) -> DataType {
        match self {
            Expr::Id => DataType::Uuid,
            Expr::Geometry => DataType::Geometry(crate::geometry::GeometryKind::Geometry),
            Expr::Column(_, _, t) | Expr::Const(_, t) | Expr::First(_, t) | Expr::Beside(_, t) => {
                t.clone()
            }
            Expr::Link { data_type, .. } => data_type.clone(),
            Expr::UpdatesPending | Expr::Present(_) | Expr::CodeIn(..) => DataType::Boolean,
            Expr::Label(..) | Expr::Url(..) => DataType::Text(None),
            Expr::Latitude | Expr::Longitude | Expr::Distance(_) => DataType::Double,
        }
    }

    /// The tables it reads beside the type's own, each once.
    pub fn tables(&self, out: &mut Vec<Source>) {
        match self {
            Expr::Column(source, _, _) if *source != Source::Main && !out.contains(source) => {
                out.push(source.clone());
            }
            Expr::CodeIn(e, _) | Expr::Label(e, _, _) => e.tables(out),
            Expr::First(all, _) => all.iter().for_each(|e| e.tables(out)),
            Expr::Beside(all, _) => all.iter().for_each(|(a, b)| {
                a.tables(out);
                b.tables(out);
            }),
            _ => {}
        }
    }
}

/// How two values of one type compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
}

/// How text is folded before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Lower case.
    Lower,
    /// [`fold_name`](crate::value::fold_name).
    Name,
}

/// A condition over one row: true or false, never unknown. A comparison with null is false.
#[derive(Debug, Clone, PartialEq)]
pub enum Pred {
    /// Always or never.
    Const(bool),
    /// All of them.
    And(Vec<Pred>),
    /// One of them.
    Or(Vec<Pred>),
    /// Not.
    Not(Box<Pred>),
    /// Null.
    IsNull(Expr),
    /// A comparison. Text compares by code point. Value and expression have one type, except that an
    /// integer expression never meets a double.
    Compare(Expr, Comparison, Value),
    /// One of the values, compared exactly.
    In(Expr, Vec<Value>),
    /// Folded text that is one of the (folded) values.
    TextIn(Expr, Fold, Vec<String>),
    /// Folded text that contains the (folded) value.
    TextContains(Expr, Fold, String),
    /// An array that holds one of the values.
    ArrayHas(Expr, Vec<Value>),
    /// A text array one of whose elements, in lower case, is one of the values.
    ArrayTextIn(Expr, Vec<String>),
    /// A text array one of whose elements, in lower case, contains the value.
    ArrayTextContains(Expr, String),
    /// The effective geometry intersects the box.
    Intersects(Bbox),
    /// The effective geometry shares a point with the outline.
    Meets(Outline),
    /// The identifier is a value of another table's column.
    NamedBy {
        /// Schema of the other table.
        schema: String,
        /// The other table.
        table: String,
        /// Its column.
        column: String,
    },
}

impl Pred {
    /// Both conditions.
    #[must_use]
    pub fn and(self, other: Pred) -> Pred {
        match (self, other) {
            (Pred::Const(true), p) | (p, Pred::Const(true)) => p,
            (Pred::And(mut a), Pred::And(b)) => {
                a.extend(b);
                Pred::And(a)
            }
            (Pred::And(mut a), p) | (p, Pred::And(mut a)) => {
                a.push(p);
                Pred::And(a)
            }
            (a, b) => Pred::And(vec![a, b]),
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negate(self) -> Pred {
        match self {
            Pred::Const(b) => Pred::Const(!b),
            Pred::Not(p) => *p,
            p => Pred::Not(Box::new(p)),
        }
    }

    /// The tables it reads beside the type's own, each once.
    pub fn tables(&self, out: &mut Vec<Source>) {
        match self {
            Pred::And(all) | Pred::Or(all) => all.iter().for_each(|p| p.tables(out)),
            Pred::Not(p) => p.tables(out),
            Pred::IsNull(e)
            | Pred::Compare(e, _, _)
            | Pred::In(e, _)
            | Pred::TextIn(e, _, _)
            | Pred::TextContains(e, _, _)
            | Pred::ArrayHas(e, _)
            | Pred::ArrayTextIn(e, _)
            | Pred::ArrayTextContains(e, _) => e.tables(out),
            Pred::Const(_) | Pred::Intersects(_) | Pred::Meets(_) | Pred::NamedBy { .. } => {}
        }
    }
}

/// One base type's share of a query.
#[derive(Debug, Clone)]
pub struct Branch {
    /// The base type.
    pub feature_type: Arc<FeatureType>,
    /// What to read, aligned with [`Layout::physical`].
    pub select: Vec<Expr>,
    /// Which rows, the box included.
    pub filter: Pred,
    /// A box for the spatial index, of which `filter` tells as much or more.
    pub bbox: Option<Bbox>,
}

impl Branch {
    fn tables(&self) -> Vec<Source> {
        let mut out = vec![];
        self.select.iter().for_each(|e| e.tables(&mut out));
        self.filter.tables(&mut out);
        out
    }

    /// The parts that select and filter read.
    pub fn parts(&self) -> Vec<String> {
        let part = |source| match source {
            Source::Part(p) => Some(p),
            _ => None,
        };
        self.tables().into_iter().filter_map(part).collect()
    }

    /// Whether select or filter read where values come from.
    pub fn reads_sources(&self) -> bool {
        self.tables().contains(&Source::AttributeSource)
    }

    /// The box, where it is all that is asked of a row.
    pub fn only_box(&self) -> Option<Bbox> {
        fn is_box(p: &Pred, bbox: &Bbox) -> bool {
            match p {
                Pred::And(all) => !all.is_empty() && all.iter().all(|p| is_box(p, bbox)),
                Pred::Intersects(own) => own == bbox,
                _ => false,
            }
        }
        self.bbox.filter(|b| is_box(&self.filter, b))
    }
}

/// A sort key: a physical column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn {
    /// Place among the physical columns.
    pub column: usize,
    /// Largest first; nulls last either way.
    pub descending: bool,
}

/// A query, ready to be read from tables.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The base types; their rows together are the answer.
    pub branches: Vec<Branch>,
    /// Sort keys, the identifier last; empty when the order is the store's own.
    pub order: Vec<SortColumn>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// Rows to leave out first.
    pub offset: u64,
    /// Nearest first: the first sort key is the distance. A store may search growing boxes ([`nearest_radii_m`]).
    pub near: Option<Near>,
    /// How batches are made.
    pub layout: Arc<Layout>,
    /// Rows in a batch.
    pub batch_rows: usize,
}

/// Radii in metres for a nearest search by growing boxes: a box of radius r holds every feature within r, so the
/// nearest k are found once k features lie within r. After the last radius the whole table is read.
pub fn nearest_radii_m(near: &Near) -> Vec<f64> {
    let mut radii: Vec<f64> = (0..)
        .map(|i| 250.0 * 2f64.powi(i))
        .take_while(|r| *r < 2_000_000.0)
        .collect();
    if let Some(within) = near.within_m {
        radii.retain(|r| *r < within);
    }
    radii
}

/// The distance of a geometry from a position: metres, rounded to the millimetre. `None` for a damaged geometry.
pub fn distance_of(near: &Near, geometry: &Geometry) -> Option<f64> {
    let d = geometry.distance_m(near.longitude, near.latitude).ok()?;
    Some((d * 1000.0).round() / 1000.0)
}
