//! Foreign values are made to fit a data type, or refused.

use std::fmt;

use super::{DataType, ElementType, Value};
use crate::error::{Error, Result};
use crate::geometry::{Geometry, GeometryKind};
use crate::time;

impl Value {
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

    /// Whether [`Value::coerce`] would give the value back as it is; quick, and sometimes false although it would.
    pub(crate) fn fits(&self, data_type: &DataType) -> bool {
        match (self, data_type) {
            (Value::Null, _)
            | (Value::Bool(_), DataType::Boolean)
            | (Value::Int(_), DataType::Integer)
            | (Value::Uuid(_), DataType::Uuid)
            | (Value::Date(_), DataType::Date) => true,
            (Value::Double(d), DataType::Double | DataType::Numeric) => {
                d.is_finite() && (*d != 0.0 || d.is_sign_positive())
            }
            (Value::Text(t), DataType::Text(max)) => {
                max.is_none_or(|n| t.len() <= n as usize) && !t.as_bytes().contains(&0)
            }
            _ => false,
        }
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
        if self.fits(data_type) {
            return Ok(self);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
