//! Data types in SQLite: declared types, values in and out.

use cabd_core::feature::ColumnBuilder;
use cabd_core::geometry::{Geometry, SRID};
use cabd_core::time::{days_from_epoch, format_instant, parse_date};
use cabd_core::{DataType, Error, Result, Value};
use rusqlite::types::{Value as SqlValue, ValueRef};

use crate::codec;
use crate::functions::own::micros;

/// The declared type of a column.
pub(crate) fn declared(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Integer => "INTEGER".to_owned(),
        DataType::Double | DataType::Numeric => "DOUBLE".to_owned(),
        DataType::Text(Some(n)) => format!("VARCHAR({n})"),
        DataType::Text(None) | DataType::Uuid | DataType::Url | DataType::Array(_) => {
            "TEXT".to_owned()
        }
        DataType::Date => "DATE".to_owned(),
        DataType::Timestamp => "DATETIME".to_owned(),
        DataType::Geometry(k) => k.name().to_owned(),
    }
}

/// A value as SQLite stores it: UUIDs lower-case text, dates and instants ISO text, arrays JSON text, geometries SpatiaLite BLOBs.
///
/// # Errors
/// For a geometry that SpatiaLite cannot hold.
pub(crate) fn to_sql(value: &Value) -> Result<SqlValue> {
    Ok(match value {
        Value::Null => SqlValue::Null,
        Value::Bool(b) => SqlValue::Integer(i64::from(*b)),
        Value::Int(i) => SqlValue::Integer(*i),
        Value::Double(d) => SqlValue::Real(*d),
        Value::Text(t) => SqlValue::Text(t.clone()),
        Value::Uuid(u) => SqlValue::Text(u.hyphenated().to_string()),
        Value::Date(d) => SqlValue::Text(d.to_string()),
        Value::Timestamp(t) => SqlValue::Text(format_instant(*t)),
        Value::List(_) => SqlValue::Text(value.to_json().to_string()),
        Value::Geometry(g) => SqlValue::Blob(blob(g)?),
    })
}

fn blob(g: &Geometry) -> Result<Vec<u8>> {
    match g.as_point() {
        Some((x, y)) => Ok(codec::encode_point(x, y, SRID).to_vec()),
        None => g
            .with_wkb(|w| codec::encode(w, SRID))
            .map_err(|e| Error::invalid("geometry cannot be stored").because(e)),
    }
}

fn text(v: &[u8]) -> Result<&str> {
    std::str::from_utf8(v).map_err(|e| Error::corrupt("stored text is not UTF-8").because(e))
}

fn mismatch(v: ValueRef<'_>, data_type: &DataType) -> Error {
    Error::corrupt(format!(
        "stored value is {} where {data_type} is expected",
        v.data_type()
    ))
    .hint("`cabd doctor` lists such values")
}

/// A stored value of a column of `data_type`.
///
/// # Errors
/// [`ErrorKind::Corrupt`](cabd_core::ErrorKind::Corrupt) for a value that another program stored and that is not of the type.
pub(crate) fn from_sql(v: ValueRef<'_>, data_type: &DataType) -> Result<Value> {
    Ok(match (v, data_type) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(i), DataType::Boolean) => Value::Bool(i != 0),
        (ValueRef::Integer(i), DataType::Integer) => Value::Int(i),
        (ValueRef::Integer(i), DataType::Double | DataType::Numeric) => Value::Double(i as f64),
        (ValueRef::Real(d), DataType::Double | DataType::Numeric) => Value::Double(d),
        (ValueRef::Blob(b), DataType::Geometry(_)) => {
            let mut wkb = Vec::with_capacity(b.len());
            codec::decode(b, &mut wkb)
                .map_err(|e| Error::corrupt("stored geometry is damaged").because(e))?;
            Value::Geometry(Geometry::from_trusted_wkb(&wkb))
        }
        (ValueRef::Text(t), DataType::Text(_) | DataType::Url) => Value::Text(text(t)?.to_owned()),
        (ValueRef::Text(t), DataType::Timestamp) => {
            let t = text(t)?;
            let instant = micros(t).and_then(|m| jiff::Timestamp::from_microsecond(m).ok());
            Value::Timestamp(instant.ok_or_else(|| mismatch(v, data_type).value(t))?)
        }
        (ValueRef::Text(t), DataType::Date) => Value::Date(date(text(t)?)?),
        (ValueRef::Text(t), _) => Value::Text(text(t)?.to_owned())
            .coerce("", data_type)
            .map_err(|e| mismatch(v, data_type).because(e))?,
        (ValueRef::Integer(i), DataType::Text(_)) => Value::Text(i.to_string()),
        (ValueRef::Real(d), DataType::Text(_)) => Value::Text(d.to_string()),
        (ValueRef::Real(d), DataType::Integer) if d.fract() == 0.0 && d.abs() < 9.0e15 => {
            Value::Int(d as i64)
        }
        _ => return Err(mismatch(v, data_type)),
    })
}

fn date(t: &str) -> Result<jiff::civil::Date> {
    parse_date("", t.get(..10).unwrap_or(t)).map_err(|e| {
        Error::corrupt("stored date cannot be read")
            .value(t)
            .because(e)
    })
}

/// Pushes a stored value into an Arrow column; `wkb` is scratch space.
pub(crate) fn push(
    column: &mut ColumnBuilder,
    v: ValueRef<'_>,
    data_type: &DataType,
    wkb: &mut Vec<u8>,
) -> Result<()> {
    match (v, data_type) {
        (ValueRef::Null, _) => {
            column.push_null();
            Ok(())
        }
        (
            ValueRef::Integer(i),
            DataType::Integer | DataType::Boolean | DataType::Double | DataType::Numeric,
        ) => column.push_i64(i),
        (ValueRef::Real(d), DataType::Double | DataType::Numeric) => column.push_f64(d),
        (ValueRef::Text(t), DataType::Text(_) | DataType::Url) => column.push_str(text(t)?),
        (ValueRef::Text(t), DataType::Uuid) => match uuid::Uuid::try_parse_ascii(t) {
            Ok(u) => column.push_uuid(u.as_bytes()),
            Err(e) => Err(mismatch(v, data_type)
                .value(String::from_utf8_lossy(t))
                .because(e)),
        },
        (ValueRef::Text(t), DataType::Date) => column.push_days(days_from_epoch(date(text(t)?)?)),
        (ValueRef::Text(t), DataType::Timestamp) => match micros(text(t)?) {
            Some(m) => column.push_micros(m),
            None => Err(mismatch(v, data_type).value(text(t)?)),
        },
        (ValueRef::Blob(b), DataType::Geometry(_)) => {
            if let Some((x, y)) = codec::point_xy(b).filter(|_| b.len() == 60) {
                return column.push_wkb(&cabd_core::geometry::point_wkb(x, y));
            }
            wkb.clear();
            codec::decode(b, wkb)
                .map_err(|e| Error::corrupt("stored geometry is damaged").because(e))?;
            column.push_wkb(wkb)
        }
        _ => column.push(&from_sql(v, data_type)?),
    }
}
