//! The filter tree.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::value::Value;

/// A test's operator, as the original's grammar names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// One of a list.
    In,
    /// A value that is none of a list.
    NotIn,
    /// Equal; text without regard to case; an array that holds the value.
    Eq,
    /// A value that is not equal; null never passes.
    Neq,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Text that contains the value, without regard to case.
    Like,
    /// No value.
    IsNull,
    /// A value.
    NotNull,
    /// The value comes from one of these data sources, named by name or identifier.
    From,
    /// No data source is known of the value, or of there being none.
    NoSource,
    /// A data source is known.
    HasSource,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Operator; 14] = [
        Self::In,
        Self::NotIn,
        Self::Eq,
        Self::Neq,
        Self::Lt,
        Self::Lte,
        Self::Gt,
        Self::Gte,
        Self::Like,
        Self::IsNull,
        Self::NotNull,
        Self::From,
        Self::NoSource,
        Self::HasSource,
    ];

    /// The word of the grammar.
    pub fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::NotIn => "notin",
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Like => "like",
            Self::IsNull => "isnull",
            Self::NotNull => "notnull",
            Self::From => "from",
            Self::NoSource => "nosource",
            Self::HasSource => "hassource",
        }
    }

    /// Whether it asks where a value comes from, and not for the value.
    pub fn is_of_sources(self) -> bool {
        matches!(self, Self::From | Self::NoSource | Self::HasSource)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Operator {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|o| o.word().eq_ignore_ascii_case(s))
            .ok_or_else(|| {
                Error::invalid("unknown operator")
                    .field("filter")
                    .value(s)
                    .expected("in, notin, eq, neq, lt, lte, gt, gte, like, isnull, notnull, from, nosource or hassource")
            })
    }
}

/// A condition on attributes. `Not` turns true and false; a test of a null value is false.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// One of them.
    Or(Vec<Filter>),
    /// Not.
    Not(Box<Filter>),
    /// One attribute.
    Test {
        /// The attribute, any case.
        attribute: String,
        /// The operator.
        operator: Operator,
        /// Values: none for null tests, one or more for lists, else one. Text is read as the attribute's type; of a test of sources
        /// it is the name or the identifier of a data source.
        values: Vec<Value>,
    },
}

impl Filter {
    /// A test of one attribute.
    pub fn test(
        attribute: &str,
        operator: Operator,
        values: impl IntoIterator<Item = Value>,
    ) -> Self {
        Filter::Test {
            attribute: attribute.to_owned(),
            operator,
            values: values.into_iter().collect(),
        }
    }

    /// Both conditions.
    #[must_use]
    pub fn and(self, other: Filter) -> Self {
        match self {
            Filter::And(mut all) => {
                all.push(other);
                Filter::And(all)
            }
            one => Filter::And(vec![one, other]),
        }
    }
}

/// A condition on a feature's names: it passes when any name-search attribute passes.
///
/// Names are folded: lower case, without accents, œ as oe ([`fold_name`](crate::value::fold_name)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFilter {
    /// `in`, `notin`, `eq`, `neq`, `like`, `isnull` or `notnull`.
    pub operator: Operator,
    /// The values.
    pub values: Vec<String>,
}
