//! Data types of attributes, and single values.

mod coerce;
mod data_type;

use std::cmp::Ordering;
use std::fmt;

use uuid::Uuid;

pub use data_type::{DataType, ElementType};

use crate::geometry::Geometry;
use crate::time::{Date, Timestamp};

/// One value of an attribute.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// Not known.
    #[default]
    Null,
    /// `boolean`.
    Bool(bool),
    /// `integer`.
    Int(i64),
    /// `double` or `numeric`; always finite once checked.
    Double(f64),
    /// `varchar`, `text` or `url`.
    Text(String),
    /// `uuid`.
    Uuid(Uuid),
    /// `date`.
    Date(Date),
    /// `timestamp`, whole microseconds.
    Timestamp(Timestamp),
    /// `geometry`.
    Geometry(Geometry),
    /// `array(…)`; elements are not null.
    List(Vec<Value>),
}

impl Value {
    /// Whether the value is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(t) => Some(t),
            _ => None,
        }
    }

    /// The identifier, if it is one.
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Value::Uuid(u) => Some(*u),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// The number as a double, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(i) => Some(*i as f64),
            Value::Double(d) => Some(*d),
            _ => None,
        }
    }

    /// Order within one data type, as every store sorts: numbers by value, text by code point,
    /// false before true. `None` between types and with null.
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Double(b)) => (*a as f64).partial_cmp(b),
            (Value::Double(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Value::Uuid(a), Value::Uuid(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
            (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// As JSON: dates and instants as text, geometry as a GeoJSON object.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Value::Null => J::Null,
            Value::Bool(b) => (*b).into(),
            Value::Int(i) => (*i).into(),
            Value::Double(d) => (*d).into(),
            Value::Text(t) => t.as_str().into(),
            Value::Uuid(u) => u.to_string().into(),
            Value::Date(d) => d.to_string().into(),
            Value::Timestamp(t) => t.to_string().into(),
            Value::Geometry(g) => g
                .to_geojson()
                .ok()
                .and_then(|t| serde_json::from_str(&t).ok())
                .unwrap_or(J::Null),
            Value::List(items) => items.iter().map(Value::to_json).collect(),
        }
    }
}

/// For messages: text as it is, nothing for null, everything else as JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Text(t) => f.write_str(t),
            Value::Uuid(u) => u.fmt(f),
            Value::Date(d) => d.fmt(f),
            Value::Timestamp(t) => t.fmt(f),
            other => other.to_json().fmt(f),
        }
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Value::Text(v.to_owned())
    }
}

impl From<String> for Value {
    fn from(v: String) -> Self {
        Value::Text(v)
    }
}

impl From<i32> for Value {
    fn from(v: i32) -> Self {
        Value::Int(v.into())
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Value::Int(v)
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Value::Double(v)
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Value::Bool(v)
    }
}

impl From<Uuid> for Value {
    fn from(v: Uuid) -> Self {
        Value::Uuid(v)
    }
}

impl From<Date> for Value {
    fn from(v: Date) -> Self {
        Value::Date(v)
    }
}

impl From<Timestamp> for Value {
    fn from(v: Timestamp) -> Self {
        Value::Timestamp(v)
    }
}

impl From<Geometry> for Value {
    fn from(v: Geometry) -> Self {
        Value::Geometry(v)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::Null, Into::into)
    }
}

/// Folds a name for search: lower case, compatibility decomposition (NFKD) without the combining
/// marks U+0300–U+036F, œ to oe and æ to ae.
///
/// ```
/// assert_eq!(cabd_core::value::fold_name("Barrage du Cœur-Élevé"), "barrage du coeur-eleve");
/// ```
pub fn fold_name(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.to_lowercase().nfkd() {
        match c {
            '\u{300}'..='\u{36f}' => {}
            'œ' => out.push_str("oe"),
            'æ' => out.push_str("ae"),
            c => out.push(c),
        }
    }
    out
}
