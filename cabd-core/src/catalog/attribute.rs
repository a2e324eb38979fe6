//! One attribute of a feature type: what it means, how it is shown, where its value comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::derived::Derived;
use crate::lang::Text;
use crate::value::DataType;

/// The attribute that holds the identifier in every type.
pub const ID: &str = "cabd_id";
/// The attribute that holds the effective geometry in every type.
pub const GEOMETRY: &str = "geometry";
/// The tile set, made by the system from the `tile` flag.
pub const TILE_SET: &str = "vectortile";

/// An attribute as its manifest declares it.
///
/// At most one of `part`/`column`, `label_of`, `computed`, `values_of`, `url`, `code_in` and `present` says
/// where the value comes from; none of them means the column of the type's table with the attribute's own name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Identifier, also the column name in the views.
    pub id: String,
    /// Data type.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// Label in both languages.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub name: Text,
    /// One sentence in both languages.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub description: Text,
    /// UCUM symbol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Display group.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub group: Text,
    /// Smallest and largest plausible value: for warnings, not for refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plausible: Option<[f64; 2]>,
    /// Place in each attribute set that holds it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sets: BTreeMap<String, i32>,
    /// Whether vector tiles carry it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tile: bool,
    /// Whether name filters look at it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub name_search: bool,
    /// Whether the value is a path below the service root.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_link: bool,
    /// Shapefile column, at most 10 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
    /// Code list whose codes the value is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<String>,
    /// Whether a feature must have a value.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether the attribute source table tracks it as `<id>_ds`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tracked: bool,
    /// Column, where it is not named like the attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Part whose primary row holds the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The code attribute whose label this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_of: Option<String>,
    /// A value that every type can compute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
    /// Labels of the codes in a link table, sorted by code point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_of: Option<LinkValues>,
    /// Path with `{cabd_id}` in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// True where a code is one of a list; null counts as not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_in: Option<CodeIn>,
    /// True where a geometry column has a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<String>,
    /// How the stored value follows from others, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Derived>,
}

fn is_false(b: &bool) -> bool {
    !b
}

/// A value computed the same way for every type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Computed {
    /// The type's identifier; in a super type, the member's.
    FeatureType,
    /// Latitude of the effective point in degrees.
    Latitude,
    /// Longitude of the effective point in degrees.
    Longitude,
    /// Whether a suggested update or a submission waits for review.
    UpdatesPending,
}

/// Which rows of a link table make an array attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkValues {
    /// The link.
    pub link: String,
    /// Boolean columns of the link table and the value each must have.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, bool>,
}

/// A test of a code attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeIn {
    /// The code attribute.
    pub attribute: String,
    /// The codes that make it true.
    pub codes: Vec<i64>,
}

/// Where an attribute's value comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin<'a> {
    /// The identifier.
    Id,
    /// The effective geometry.
    Geometry,
    /// A column of the type's table (`part` none) or of a part's primary row.
    Column {
        /// The part, if not the type's own table.
        part: Option<&'a str>,
        /// The column.
        column: &'a str,
    },
    /// The label of a code attribute.
    Label(&'a str),
    /// See [`Computed`].
    Computed(Computed),
    /// See [`LinkValues`].
    Link(&'a LinkValues),
    /// A path with `{cabd_id}`.
    Url(&'a str),
    /// See [`CodeIn`].
    CodeIn(&'a CodeIn),
    /// A geometry column is not null.
    Present(&'a str),
}

impl Attribute {
    /// Where the value comes from, in a type that is not a super type.
    pub fn origin(&self) -> Origin<'_> {
        if self.id == ID {
            Origin::Id
        } else if self.id == GEOMETRY {
            Origin::Geometry
        } else if let Some(of) = &self.label_of {
            Origin::Label(of)
        } else if let Some(c) = self.computed {
            Origin::Computed(c)
        } else if let Some(l) = &self.values_of {
            Origin::Link(l)
        } else if let Some(u) = &self.url {
            Origin::Url(u)
        } else if let Some(c) = &self.code_in {
            Origin::CodeIn(c)
        } else if let Some(p) = &self.present {
            Origin::Present(p)
        } else {
            Origin::Column {
                part: self.part.as_deref(),
                column: self.column.as_deref().unwrap_or(&self.id),
            }
        }
    }

    /// Makes it a plain column of its own name.
    pub(crate) fn as_column(&mut self) {
        self.codes = None;
        self.required = false;
        self.tracked = false;
        self.column = None;
        self.part = None;
        self.label_of = None;
        self.computed = None;
        self.values_of = None;
        self.url = None;
        self.code_in = None;
        self.present = None;
        self.derived = None;
    }

    /// Whether the value is stored, so that a change can set it.
    pub fn is_stored(&self) -> bool {
        matches!(self.origin(), Origin::Column { .. } | Origin::Id)
    }

    /// Whether the attribute belongs to the set; the tile set follows the `tile` flag.
    pub fn in_set(&self, set: &str) -> bool {
        if set == TILE_SET {
            self.tile
        } else {
            self.sets.contains_key(set)
        }
    }
}

/// A named selection of attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSet {
    /// Name; never `vectortile`.
    pub name: String,
    /// The metadata column that orders it, `vw_<name>_order`.
    pub column: String,
    /// Other names that are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Whether a row in the metadata tables alone says it; no manifest does.
    #[serde(skip)]
    pub registered: bool,
}
