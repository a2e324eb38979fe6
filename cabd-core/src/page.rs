//! Keyset cursors: the place after a row in a sorted list.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::value::Value;

/// The place after one row: the values of the sort keys and the row's identifier.
///
/// Opaque to users; travels as text.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// The sort keys' values, in order.
    pub keys: Vec<Value>,
    /// The row's identifier, the last sort key of every order.
    pub id: Uuid,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<serde_json::Value> = self.keys.iter().map(tagged).collect();
        let text = serde_json::json!([self.id.simple().to_string(), keys]).to_string();
        text.bytes().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

fn tagged(v: &Value) -> serde_json::Value {
    use serde_json::json;
    match v {
        Value::Null => json!(null),
        Value::Double(d) => json!({ "f": d.to_bits().to_string() }),
        Value::Timestamp(t) => json!({ "t": t.as_microsecond() }),
        Value::Date(d) => json!({ "d": d.to_string() }),
        Value::Uuid(u) => json!({ "u": u.to_string() }),
        Value::Geometry(_) | Value::List(_) => json!(null),
        other => other.to_json(),
    }
}

fn untagged(json: &serde_json::Value) -> Option<Value> {
    use serde_json::Value as J;
    Some(match json {
        J::Null => Value::Null,
        J::Bool(b) => Value::Bool(*b),
        J::Number(n) => Value::Int(n.as_i64()?),
        J::String(s) => Value::Text(s.clone()),
        J::Object(o) => {
            let (tag, v) = o.iter().next()?;
            match tag.as_str() {
                "f" => Value::Double(f64::from_bits(v.as_str()?.parse().ok()?)),
                "t" => Value::Timestamp(jiff::Timestamp::from_microsecond(v.as_i64()?).ok()?),
                "d" => Value::Date(v.as_str()?.parse().ok()?),
                "u" => Value::Uuid(v.as_str()?.parse().ok()?),
                _ => return None,
            }
        }
        J::Array(_) => return None,
    })
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let read = || -> Option<Cursor> {
            let bytes: Vec<u8> = (0..s.len() / 2)
                .map(|i| u8::from_str_radix(s.get(2 * i..2 * i + 2)?, 16).ok())
                .collect::<Option<_>>()?;
            let json: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
            let id = json.get(0)?.as_str()?.parse().ok()?;
            let keys = json
                .get(1)?
                .as_array()?
                .iter()
                .map(untagged)
                .collect::<Option<_>>()?;
            Some(Cursor { keys, id })
        };
        read().ok_or_else(|| {
            Error::invalid("not a cursor")
                .field("cursor")
                .value(s)
                .expected("the cursor of an earlier answer, unchanged")
        })
    }
}

/// A position to measure from: nearest features come first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Longitude in degrees.
    pub longitude: f64,
    /// Latitude in degrees.
    pub latitude: f64,
    /// Largest great-circle distance in metres, if limited.
    pub within_m: Option<f64>,
}

impl Near {
    /// A position on Earth.
    pub fn new(longitude: f64, latitude: f64) -> Result<Self> {
        Geometry::point(longitude, latitude).check_world("point")?;
        Ok(Self {
            longitude,
            latitude,
            within_m: None,
        })
    }
}

impl FromStr for Near {
    type Err = Error;

    /// Reads `lon,lat`.
    fn from_str(s: &str) -> Result<Self> {
        let read = || {
            let (x, y) = s.split_once(',')?;
            Some((x.trim().parse().ok()?, y.trim().parse().ok()?))
        };
        let (x, y) = read().ok_or_else(|| {
            Error::invalid("not a position")
                .field("point")
                .value(s)
                .expected("lon,lat in degrees")
        })?;
        Self::new(x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let c = Cursor {
            keys: vec![
                Value::Null,
                Value::Double(0.1 + 0.2),
                Value::Int(-7),
                "Barrage É".into(),
                Value::Timestamp("2024-09-17T22:52:36.123456Z".parse().unwrap()),
                Value::Date("1999-01-02".parse().unwrap()),
            ],
            id: Uuid::from_u128(7),
        };
        assert_eq!(c.to_string().parse::<Cursor>().unwrap(), c);
        for bad in ["", "zz", "5b5d", "é"] {
            assert!(bad.parse::<Cursor>().is_err());
        }
    }
}
