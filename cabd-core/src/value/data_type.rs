//! The data types of attributes, and their spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::geometry::GeometryKind;

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
}
