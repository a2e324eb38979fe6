//! Derived attributes: how a stored value follows from others, as a manifest declares it, and whether it can.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::attribute::{Attribute, ID, Origin};
use super::code_list::{CodeKey, CodeList};
use super::feature_type::{FeatureType, nearest};
use crate::error::Error;
use crate::geometry::GeometryKind;
use crate::value::DataType;

/// How a stored value follows from others. Every write computes it where what it follows from has changed; a value that
/// is given, or that a data source of its own stands for, stays.
///
/// ```
/// use cabd_core::catalog::{Attribute, Derived};
/// let a: Attribute = toml::from_str(r#"
///     id = "province_code"
///     type = "varchar(2)"
///     derived = { from = "contains", list = "cabd.province_territory_codes" }
/// "#)?;
/// assert!(matches!(a.derived, Some(Derived::Contains(_))));
/// let a: Attribute = toml::from_str(r#"
///     id = "last_modified"
///     type = "timestamp"
///     derived = "last_modified"
/// "#)?;
/// assert_eq!(a.derived, Some(Derived::LastModified));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Derived {
    /// From the reference polygon that contains the feature's effective geometry.
    Contains(Contains),
    /// From how many of some attributes are filled.
    Completeness(Completeness),
    /// The instant (or UTC date) of the last change: of the feature and the rows around it, or of the part's row.
    LastModified,
}

/// A column of the reference polygon that contains the feature's effective point.
///
/// The boundary belongs to a polygon. Of several polygons that contain the point, the one of the lowest key counts. A
/// line or area stands where [`Geometry::position`](crate::Geometry::position) says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contains {
    /// The reference table, a code list with polygons.
    pub list: String,
    /// Its column; the key unless named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// A code by the share of some attributes that is filled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completeness {
    /// The attributes that are counted: stored ones of the type's own table.
    pub of: Vec<String>,
    /// Codes that say that nothing is known, by attribute: they count as not filled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, Vec<CodeKey>>,
    /// The levels, growing; a feature has the last one whose share it reaches.
    pub levels: Vec<Level>,
}

/// A level of completeness.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// The least share of filled attributes, 0 to 1.
    pub at_least: f64,
    /// The code.
    pub code: CodeKey,
}

/// The table form in a manifest.
#[derive(Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
enum Form {
    Contains(Contains),
    Completeness(Completeness),
}

const LAST_MODIFIED: &str = "last_modified";
const FORMS: &str = "\"last_modified\", { from = \"contains\", list = … } or { from = \"completeness\", of = […], levels = […] }";

impl Serialize for Derived {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Derived::LastModified => s.serialize_str(LAST_MODIFIED),
            Derived::Contains(c) => Form::Contains(c.clone()).serialize(s),
            Derived::Completeness(c) => Form::Completeness(c.clone()).serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Derived {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = Derived;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(FORMS)
            }

            fn visit_str<E: de::Error>(self, v: &str) -> Result<Derived, E> {
                if v == LAST_MODIFIED {
                    return Ok(Derived::LastModified);
                }
                Err(E::invalid_value(de::Unexpected::Str(v), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Derived, A::Error> {
                Ok(match Form::deserialize(MapAccessDeserializer::new(map))? {
                    Form::Contains(c) => Derived::Contains(c),
                    Form::Completeness(c) => Derived::Completeness(c),
                })
            }
        }
        d.deserialize_any(Forms)
    }
}

/// What is wrong with an attribute's derivation; `list_of` finds a code list.
pub(super) fn problems<'l>(
    ft: &FeatureType,
    a: &Attribute,
    list_of: impl Fn(&str) -> Option<&'l CodeList>,
) -> Vec<Error> {
    let Some(derived) = &a.derived else {
        return vec![];
    };
    if ft.is_super() {
        return vec![
            Error::invalid("a super type derives nothing")
                .field("derived")
                .hint("declare it in the members: the super type shows their values"),
        ];
    }
    let Origin::Column { part, .. } = a.origin() else {
        return vec![
            Error::invalid("only a stored attribute can be derived")
                .field("derived")
                .hint("labels, links and computed attributes follow from stored ones without it"),
        ];
    };
    if part.is_some() && *derived != Derived::LastModified {
        return vec![
            Error::invalid("an attribute of a part cannot be derived from the feature")
                .field("derived")
                .expected("derived = \"last_modified\", or an attribute of the type's own table"),
        ];
    }
    match derived {
        Derived::LastModified => match a.data_type {
            DataType::Date | DataType::Timestamp => vec![],
            _ => vec![
                Error::invalid("last_modified is no value of this type")
                    .field("type")
                    .value(&a.data_type)
                    .expected("date or timestamp"),
            ],
        },
        Derived::Contains(c) => match list_of(&c.list) {
            None => vec![
                Error::invalid("unknown reference table")
                    .field("derived.list")
                    .value(&c.list)
                    .expected("the schema.table of a code list"),
            ],
            Some(list) => contains(a, c, list),
        },
        Derived::Completeness(c) => completeness(ft, a, c, list_of),
    }
}

fn contains(a: &Attribute, c: &Contains, list: &CodeList) -> Vec<Error> {
    let mut out = vec![];
    match list.extent {
        Some(GeometryKind::Polygon | GeometryKind::MultiPolygon | GeometryKind::Geometry) => {}
        Some(other) => out.push(
            Error::invalid(format!("the extents of {} contain no point", list.id))
                .field("derived.list")
                .value(other.name())
                .expected("polygon or multipolygon"),
        ),
        None => out.push(
            Error::invalid(format!("{} has no extents", list.id))
                .field("derived.list")
                .value(&list.id)
                .expected("a code list with extent = \"multipolygon\""),
        ),
    }
    let table = super::table_of_list(list);
    let column = c.column.as_deref().unwrap_or(&list.key);
    let found = table
        .columns
        .iter()
        .filter(|x| !matches!(x.data_type, DataType::Geometry(_)))
        .find(|x| x.name == column);
    match found {
        None => {
            let names: Vec<&str> = table
                .columns
                .iter()
                .filter(|x| !matches!(x.data_type, DataType::Geometry(_)))
                .map(|x| x.name.as_str())
                .collect();
            out.push(
                Error::invalid(format!("{} has no such column", list.id))
                    .field("derived.column")
                    .value(column)
                    .expected(names.join(", ")),
            );
        }
        Some(x) if !super::check::same_class(&a.data_type, &x.data_type) => out.push(
            Error::invalid(format!("{}.{column} is of another type", list.id))
                .field("type")
                .value(&a.data_type)
                .expected(x.data_type.to_string()),
        ),
        Some(_) => {}
    }
    if out.is_empty()
        && let Some(codes) = &a.codes
        && (*codes != list.id || column != list.key)
    {
        out.push(
            Error::invalid("the derived value is no code of the attribute's list")
                .field("codes")
                .value(codes)
                .expected(format!("{}, with its key", list.id)),
        );
    }
    out
}

fn completeness<'l>(
    ft: &FeatureType,
    a: &Attribute,
    c: &Completeness,
    list_of: impl Fn(&str) -> Option<&'l CodeList>,
) -> Vec<Error> {
    let mut out = vec![];
    if c.of.is_empty() {
        out.push(Error::invalid("no attribute to count").field("derived.of"));
    }
    for (n, id) in c.of.iter().enumerate() {
        match ft.attribute(id) {
            None => {
                let e = Error::invalid(format!("{} has no such attribute", ft.id()))
                    .field("derived.of")
                    .value(id);
                let known = ft.attributes.iter().map(|x| x.id.as_str());
                out.push(match nearest(id, known) {
                    Some(near) => e.hint(format!("did you mean {near:?}?")),
                    None => e,
                });
            }
            Some(x)
                if x.id == ID
                    || x.id == a.id
                    || !matches!(x.origin(), Origin::Column { part: None, .. }) =>
            {
                out.push(
                    Error::invalid("the attribute cannot be counted")
                        .field("derived.of")
                        .value(id)
                        .expected("another stored attribute of the type's own table"),
                );
            }
            Some(_) if c.of[..n].contains(id) => out.push(
                Error::invalid("the attribute is counted twice")
                    .field("derived.of")
                    .value(id),
            ),
            Some(_) => {}
        }
    }
    for id in c.unknown.keys().filter(|id| !c.of.contains(id)) {
        out.push(
            Error::invalid("the attribute is not counted")
                .field("derived.unknown")
                .value(id)
                .expected(c.of.join(", ")),
        );
    }
    if c.levels.is_empty() {
        out.push(Error::invalid("no level").field("derived.levels"));
    }
    let shares: Vec<f64> = c.levels.iter().map(|l| l.at_least).collect();
    if shares.iter().any(|s| !(0.0..=1.0).contains(s)) || shares.windows(2).any(|w| w[0] >= w[1]) {
        out.push(
            Error::invalid("shares that do not grow")
                .field("derived.levels.at_least")
                .value(format!("{shares:?}"))
                .expected("growing numbers from 0 to 1"),
        );
    }
    for level in &c.levels {
        let fits = level
            .code
            .to_value()
            .coerce("code", &a.data_type)
            .is_ok_and(|v| CodeKey::of(&v).is_some());
        let known = a.codes.as_deref().and_then(&list_of);
        if !fits || known.is_some_and(|l| !l.open && l.position(&level.code).is_none()) {
            out.push(
                Error::invalid("not a code of the attribute")
                    .field("derived.levels.code")
                    .value(&level.code)
                    .expected(match &a.codes {
                        Some(list) => format!("a code of {list}"),
                        None => a.data_type.to_string(),
                    }),
            );
        }
    }
    out
}
