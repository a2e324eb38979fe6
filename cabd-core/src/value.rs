//! Data types of attributes, and single values.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::geometry::{Geometry, GeometryKind};
use crate::time::{self, Date, Timestamp};

/// The element type of an array attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// Text.
    Text,
    /// 64-bit integer.
    Integer,
    /// Double precision.
    Double,
}

/// The data type of an attribute, as the metadata's `data_type` names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `boolean`.
    Boolean,
    /// `integer`: 64 bits.
    Integer,
    /// `double`: double precision.
    Double,
    /// `numeric`: double precision, as `double`.
    Numeric,
    /// `varchar(n)` with a limit in characters, `text` without.
    Text(Option<u32>),
    /// `uuid`.
    Uuid,
    /// `date`.
    Date,
    /// `timestamp`: UTC, microseconds.
    Timestamp,
    /// `url`: a link made from the row.
    Url,
    /// `geometry`.
    Geometry(GeometryKind),
    /// `array(type)`.
    Array(ElementType),
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::Integer => f.write_str("integer"),
            Self::Double => f.write_str("double"),
            Self::Numeric => f.write_str("numeric"),
            Self::Text(None) => f.write_str("text"),
            Self::Text(Some(n)) => write!(f, "varchar({n})"),
            Self::Uuid => f.write_str("uuid"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Url => f.write_str("url"),
            Self::Geometry(GeometryKind::Geometry) => f.write_str("geometry"),
            Self::Geometry(k) => write!(f, "geometry({})", k.name().to_lowercase()),
            Self::Array(ElementType::Text) => f.write_str("array(varchar)"),
            Self::Array(ElementType::Integer) => f.write_str("array(integer)"),
            Self::Array(ElementType::Double) => f.write_str("array(double)"),
        }
    }
}

impl FromStr for DataType {
    type Err = Error;

    /// Reads the metadata's spelling, and the PostgreSQL spellings found in the original's scripts.
    fn from_str(s: &str) -> Result<Self> {
        let t = s.trim().to_ascii_lowercase();
        let inside = |prefix: &str| -> Option<String> {
            t.strip_prefix(prefix)?
                .trim_start()
                .strip_prefix('(')?
                .strip_suffix(')')
                .map(|x| x.trim().to_owned())
        };
        let found = match t.as_str() {
            "boolean" => Some(Self::Boolean),
            "integer" | "smallint" | "bigint" => Some(Self::Integer),
            "double" | "double precision" | "real" => Some(Self::Double),
            "numeric" => Some(Self::Numeric),
            "text" | "varchar" => Some(Self::Text(None)),
            "uuid" => Some(Self::Uuid),
            "date" => Some(Self::Date),
            "timestamp" | "timestamp without time zone" | "timestamp with time zone" => {
                Some(Self::Timestamp)
            }
            "url" => Some(Self::Url),
            "geometry" => Some(Self::Geometry(GeometryKind::Geometry)),
            _ => None,
        };
        let found = found
            .or_else(|| {
                inside("varchar")?
                    .parse()
                    .ok()
                    .filter(|n| *n > 0)
                    .map(|n| Self::Text(Some(n)))
            })
            .or_else(|| inside("geometry")?.parse().ok().map(Self::Geometry))
            .or_else(|| match inside("array")?.parse().ok()? {
                Self::Text(_) => Some(Self::Array(ElementType::Text)),
                Self::Integer => Some(Self::Array(ElementType::Integer)),
                Self::Double | Self::Numeric => Some(Self::Array(ElementType::Double)),
                _ => None,
            });
        found.ok_or_else(|| {
            Error::invalid("unknown data type").value(s).expected(
                "varchar(n), text, boolean, integer, double, numeric, uuid, date, timestamp, url, geometry or array(varchar|integer|double)",
            )
        })
    }
}

impl Serialize for DataType {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DataType {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

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

    /// Reads a JSON value as `data_type`. See [`Value::coerce`].
    pub fn from_json(field: &str, data_type: &DataType, json: &serde_json::Value) -> Result<Self> {
        use serde_json::Value as J;
        let raw = match json {
            J::Null => Value::Null,
            J::Bool(b) => Value::Bool(*b),
            J::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(i), _) => Value::Int(i),
                (None, Some(d)) => Value::Double(d),
                _ => return Err(wrong(field, data_type, json)),
            },
            J::String(s) => Value::Text(s.clone()),
            J::Array(items) => {
                let element = DataType::Text(None);
                let element = match data_type {
                    DataType::Array(ElementType::Integer) => DataType::Integer,
                    DataType::Array(ElementType::Double) => DataType::Double,
                    DataType::Array(ElementType::Text) => element,
                    _ => return Err(wrong(field, data_type, json)),
                };
                Value::List(
                    items
                        .iter()
                        .map(|i| Value::from_json(field, &element, i))
                        .collect::<Result<_>>()?,
                )
            }
            J::Object(_) => match data_type {
                DataType::Geometry(_) => {
                    Value::Geometry(Geometry::from_geojson(json).map_err(|e| e.field(field))?)
                }
                _ => return Err(wrong(field, data_type, json)),
            },
        };
        raw.coerce(field, data_type)
    }

    /// Makes the value fit `data_type` without loss, and checks its limits.
    ///
    /// Text is read as the type's usual form; a whole double becomes an integer and an integer a
    /// double where the type asks for it; blank text is null for every type but text. An array is
    /// also read from text: a JSON array, or elements separated by `;`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with field, value and expectation: a value of another
    /// type, text longer than `n` characters or with a NUL character, a number that is not finite, a
    /// geometry of another class or not on Earth.
    ///
    /// ```
    /// use cabd_core::{DataType, Value};
    /// let year = Value::Text("1968".into()).coerce("construction_year", &DataType::Integer)?;
    /// assert_eq!(year, Value::Int(1968));
    /// assert!(Value::Double(1.5).coerce("construction_year", &DataType::Integer).is_err());
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    pub fn coerce(self, field: &str, data_type: &DataType) -> Result<Self> {
        if let Value::Text(t) = &self
            && !matches!(data_type, DataType::Text(_) | DataType::Url)
        {
            let t = t.trim();
            if t.is_empty() {
                return Ok(Value::Null);
            }
            return parse_text(field, data_type, t)?.coerce_typed(field, data_type);
        }
        self.coerce_typed(field, data_type)
    }

    fn coerce_typed(self, field: &str, data_type: &DataType) -> Result<Self> {
        match (self, data_type) {
            (Value::Null, _) => Ok(Value::Null),
            (v @ Value::Bool(_), DataType::Boolean) => Ok(v),
            (v @ Value::Int(_), DataType::Integer) => Ok(v),
            (Value::Double(d), DataType::Integer) => {
                whole(d).ok_or_else(|| wrong(field, data_type, d))
            }
            (Value::Int(i), DataType::Double | DataType::Numeric) => Ok(Value::Double(i as f64)),
            (Value::Double(d), DataType::Double | DataType::Numeric) => {
                if d.is_finite() {
                    Ok(Value::Double(d + 0.0))
                } else {
                    Err(wrong(field, data_type, d)
                        .hint("leave the value out where it is not known"))
                }
            }
            (Value::Text(t), DataType::Text(max)) => {
                check_text(field, &t, *max)?;
                Ok(Value::Text(t))
            }
            (Value::Text(t), DataType::Url) => {
                check_text(field, &t, None)?;
                Ok(Value::Text(t))
            }
            (Value::Int(i), DataType::Text(_)) => {
                Value::Text(i.to_string()).coerce_typed(field, data_type)
            }
            (Value::Double(d), DataType::Text(_)) => {
                Value::Text(d.to_string()).coerce_typed(field, data_type)
            }
            (Value::Uuid(u), DataType::Text(_)) => Ok(Value::Text(u.to_string())),
            (v @ Value::Uuid(_), DataType::Uuid) => Ok(v),
            (v @ Value::Date(_), DataType::Date) => Ok(v),
            (Value::Timestamp(t), DataType::Date) => {
                Ok(Value::Date(t.to_zoned(jiff::tz::TimeZone::UTC).date()))
            }
            (Value::Timestamp(t), DataType::Timestamp) => Ok(Value::Timestamp(time::to_micros(t))),
            (Value::Date(d), DataType::Timestamp) => {
                time::parse_instant(field, &format!("{d}T00:00:00Z")).map(Value::Timestamp)
            }
            (Value::Geometry(g), DataType::Geometry(kind)) => {
                if *kind != GeometryKind::Geometry && g.kind() != Some(*kind) {
                    let got = g.kind().map_or("GEOMETRYCOLLECTION", GeometryKind::name);
                    return Err(Error::invalid("wrong geometry class")
                        .field(field)
                        .value(got)
                        .expected(kind.name()));
                }
                g.check_world(field)?;
                Ok(Value::Geometry(g))
            }
            (Value::List(items), DataType::Array(element)) => {
                let element = element.data_type();
                items
                    .into_iter()
                    .map(|v| {
                        let v = v.coerce_typed(field, &element)?;
                        if v.is_null() {
                            return Err(Error::invalid("an array element is null").field(field));
                        }
                        Ok(v)
                    })
                    .collect::<Result<_>>()
                    .map(Value::List)
            }
            (other, _) => Err(wrong(field, data_type, other)),
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

impl ElementType {
    /// The data type of one element.
    pub fn data_type(self) -> DataType {
        match self {
            ElementType::Text => DataType::Text(None),
            ElementType::Integer => DataType::Integer,
            ElementType::Double => DataType::Double,
        }
    }
}

fn whole(d: f64) -> Option<Value> {
    (d.fract() == 0.0 && d.abs() < 9_007_199_254_740_992.0).then_some(Value::Int(d as i64))
}

fn check_text(field: &str, t: &str, max: Option<u32>) -> Result<()> {
    if t.contains('\0') {
        return Err(Error::invalid("text holds a NUL character").field(field));
    }
    if let Some(max) = max
        && t.len() > max as usize
    {
        let got = t.chars().count();
        if got > max as usize {
            return Err(
                Error::invalid(format!("text of {got} characters is too long"))
                    .field(field)
                    .value(t)
                    .expected(format!("at most {max} characters")),
            );
        }
    }
    Ok(())
}

fn wrong(field: &str, data_type: &DataType, got: impl fmt::Display) -> Error {
    let expected = match data_type {
        DataType::Boolean => "true or false".to_owned(),
        DataType::Integer => "a whole number".to_owned(),
        DataType::Double | DataType::Numeric => "a finite number".to_owned(),
        DataType::Uuid => "8-4-4-4-12 hexadecimal digits".to_owned(),
        DataType::Date => "YYYY-MM-DD".to_owned(),
        DataType::Timestamp => "RFC 3339, for example 2024-09-17T22:52:36Z".to_owned(),
        other => other.to_string(),
    };
    Error::invalid(format!("not a value of type {data_type}"))
        .field(field)
        .value(got)
        .expected(expected)
}

fn parse_text(field: &str, data_type: &DataType, t: &str) -> Result<Value> {
    let refused = || wrong(field, data_type, t);
    match data_type {
        DataType::Boolean => match t.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Ok(Value::Bool(true)),
            "false" | "f" | "no" | "n" | "0" => Ok(Value::Bool(false)),
            _ => Err(refused()),
        },
        DataType::Integer => match t.parse::<i64>() {
            Ok(i) => Ok(Value::Int(i)),
            Err(_) => t.parse::<f64>().ok().and_then(whole).ok_or_else(refused),
        },
        DataType::Double | DataType::Numeric => t
            .parse::<f64>()
            .ok()
            .filter(|d| d.is_finite())
            .map(Value::Double)
            .ok_or_else(refused),
        DataType::Uuid => crate::id::parse(field, t).map(Value::Uuid),
        DataType::Date => match time::parse_date(field, t) {
            Ok(d) => Ok(Value::Date(d)),
            Err(e) => match time::parse_instant(field, t) {
                Ok(i) => Ok(Value::Timestamp(i)),
                Err(_) => Err(e),
            },
        },
        DataType::Timestamp => time::parse_instant(field, t).map(Value::Timestamp),
        DataType::Geometry(_) => Geometry::from_wkt(t)
            .map(Value::Geometry)
            .map_err(|e| e.field(field)),
        DataType::Array(element) => {
            if t.starts_with('[') {
                let json: serde_json::Value = serde_json::from_str(t).map_err(|_| refused())?;
                return Value::from_json(field, data_type, &json);
            }
            let element = element.data_type();
            t.split(';')
                .map(str::trim)
                .filter(|p| !p.is_empty())
                .map(|p| Value::Text(p.to_owned()).coerce(field, &element))
                .collect::<Result<_>>()
                .map(Value::List)
        }
        DataType::Text(_) | DataType::Url => Ok(Value::Text(t.to_owned())),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_data_type_is_read_back_as_written() {
        for t in [
            "varchar(512)",
            "text",
            "boolean",
            "array(varchar)",
            "array(integer)",
            "integer",
            "double",
            "uuid",
            "date",
            "geometry",
            "geometry(point)",
            "url",
            "numeric",
            "timestamp",
        ] {
            assert_eq!(t.parse::<DataType>().unwrap().to_string(), t);
        }
        assert_eq!(
            "timestamp without time zone".parse::<DataType>().unwrap(),
            DataType::Timestamp
        );
        assert!("varchar(0)".parse::<DataType>().is_err());
        assert!("blob".parse::<DataType>().is_err());
    }

    #[test]
    fn what_is_not_a_finite_number_is_refused() {
        for v in [
            Value::Double(f64::NAN),
            Value::Double(f64::INFINITY),
            "NaN".into(),
            "1e999".into(),
            "tall".into(),
        ] {
            assert!(v.coerce("height_m", &DataType::Double).is_err());
        }
    }

    #[test]
    fn minus_zero_becomes_zero() {
        let v = Value::Double(-0.0).coerce("h", &DataType::Double).unwrap();
        assert!(matches!(v, Value::Double(d) if d.is_sign_positive()));
    }

    #[test]
    fn the_limit_of_a_text_counts_characters() {
        let t = DataType::Text(Some(3));
        assert!(Value::from("été").coerce("n", &t).is_ok());
        assert!(Value::from("étés").coerce("n", &t).is_err());
    }

    #[test]
    fn a_line_is_not_a_point() {
        let line = Geometry::from_wkt("LINESTRING(0 0,1 1)").unwrap();
        let e = Value::from(line)
            .coerce("geometry", &DataType::Geometry(GeometryKind::Point))
            .unwrap_err();
        assert_eq!(e.expectation(), Some("POINT"));
    }
}
