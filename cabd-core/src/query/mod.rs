//! Questions: what to read, in which order, and the reference meaning of filters.

mod eval;
mod filter;
mod lower;
mod parse;
mod plan;
mod resolve;
mod sources;

pub use eval::{RowAccess, evaluate, matches};
pub use filter::{Filter, NameFilter, Operator};
pub use parse::{parse_filter, parse_name_filter};
pub use plan::{
    Branch, Comparison, Expr, Fold, Plan, Pred, SortColumn, Source, distance_of, nearest_radii_m,
};
pub use resolve::{plan, plan_count};

use uuid::Uuid;

pub(crate) use sources::unknown as unknown_source;

use crate::geometry::{Bbox, Outline};
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::page::{Cursor, Near};

/// Which attributes an answer carries. Geometry comes always unless [`FeatureQuery::geometry`] is off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    /// Every attribute of the type.
    #[default]
    All,
    /// An attribute set.
    Set(String),
    /// These attributes, in this order.
    Attributes(Vec<String>),
}

/// One sort key; nulls come last in either direction, and the identifier decides ties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// The attribute.
    pub attribute: String,
    /// Largest first.
    pub descending: bool,
}

/// A question to a store.
///
/// ```
/// use cabd_core::query::{FeatureQuery, parse_filter};
/// let mut q = FeatureQuery::of("dams");
/// q.filter = Some(parse_filter("height_m:gte:15")?);
/// q.limit = Some(100);
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureQuery {
    /// Type or super type whose attributes are read.
    pub feature_type: String,
    /// Of a super type, only these member types; all when empty.
    pub types: Vec<String>,
    /// Only these features; all when `None`.
    pub ids: Option<Vec<Uuid>>,
    /// The filter.
    pub filter: Option<Filter>,
    /// Name filters: a feature passes when one of them does.
    pub names: Vec<NameFilter>,
    /// Only features that intersect the box. Ignored when `near` is given.
    pub bbox: Option<Bbox>,
    /// Only features that share a point with the outline.
    pub area: Option<Outline>,
    /// Nearest first, distances rounded to the millimetre, then the identifier; sort keys are refused beside it.
    pub near: Option<Near>,
    /// Which attributes.
    pub select: Selection,
    /// Whether the geometry is read.
    pub geometry: bool,
    /// Whether the data source of each value comes along where it is tracked, in a column `<attribute>_ds` that holds its
    /// identifier. That of a label, or of a test of a code, is left out where the code is read.
    pub sources: bool,
    /// Language of labels.
    pub lang: Lang,
    /// Sort keys. Without any, and with neither limit, offset nor cursor, the order is the store's own.
    pub sort: Vec<Sort>,
    /// At most so many rows.
    pub limit: Option<u64>,
    /// Rows to leave out first.
    pub offset: u64,
    /// Only rows after this place in the order.
    pub after: Option<Cursor>,
    /// The state at an earlier commit, where the store can.
    pub as_of: Option<CommitNumber>,
    /// Rows in a batch, at most.
    pub batch_rows: usize,
}

impl FeatureQuery {
    /// Rows in a batch unless asked otherwise.
    pub const BATCH_ROWS: usize = 4096;

    /// Every feature of a type, all attributes, English labels.
    pub fn of(feature_type: impl Into<String>) -> Self {
        Self {
            feature_type: feature_type.into(),
            types: vec![],
            ids: None,
            filter: None,
            names: vec![],
            bbox: None,
            area: None,
            near: None,
            select: Selection::All,
            geometry: true,
            sources: false,
            lang: Lang::En,
            sort: vec![],
            limit: None,
            offset: 0,
            after: None,
            as_of: None,
            batch_rows: Self::BATCH_ROWS,
        }
    }

    /// Whether the answer has a promised order.
    pub fn is_ordered(&self) -> bool {
        !self.sort.is_empty()
            || self.near.is_some()
            || self.limit.is_some()
            || self.offset > 0
            || self.after.is_some()
    }
}
