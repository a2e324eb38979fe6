//! Data types in PostgreSQL, and values on their way there in the binary format.

use std::error::Error as StdError;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

use cabd_core::error::{Error, Result};
use cabd_core::geometry::{Geometry, SRID};
use cabd_core::time;
use cabd_core::value::{DataType, ElementType, Value};

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's dates begin.
pub(crate) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(crate) const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// The flag of an SRID in EWKB.
const SRID_FLAG: u32 = 0x2000_0000;

/// The type of a column in a table.
pub(crate) fn column_type(t: &DataType) -> String {
    match t {
        DataType::Text(Some(n)) => format!("varchar({n})"),
        DataType::Geometry(k) => format!("geometry({},{SRID})", k.name()),
        other => value_type(other).to_owned(),
    }
}

/// The type of a bound value or a read column; a geometry travels as bytes.
pub(crate) fn value_type(t: &DataType) -> &'static str {
    match t {
        DataType::Boolean => "boolean",
        DataType::Integer => "bigint",
        DataType::Double | DataType::Numeric => "double precision",
        DataType::Text(_) | DataType::Url => "text",
        DataType::Uuid => "uuid",
        DataType::Date => "date",
        DataType::Timestamp => "timestamptz",
        DataType::Geometry(_) => "bytea",
        DataType::Array(ElementType::Text) => "text[]",
        DataType::Array(ElementType::Integer) => "bigint[]",
        DataType::Array(ElementType::Double) => "double precision[]",
    }
}

/// The OID of [`value_type`], or of an array of it.
fn oid(t: &DataType) -> u32 {
    match t {
        DataType::Boolean => 16,
        DataType::Integer => 20,
        DataType::Double | DataType::Numeric => 701,
        DataType::Text(_) | DataType::Url | DataType::Array(_) => 25,
        DataType::Uuid => 2950,
        DataType::Date => 1082,
        DataType::Timestamp => 1184,
        DataType::Geometry(_) => 17,
    }
}

/// Writes the bytes of a value that is not null, without its length.
fn put_bytes(out: &mut BytesMut, v: &Value) -> Result<()> {
    match v {
        Value::Null => {}
        Value::Bool(b) => out.put_u8(u8::from(*b)),
        Value::Int(i) => out.put_i64(*i),
        Value::Double(d) => out.put_f64(*d),
        Value::Text(t) => out.put_slice(t.as_bytes()),
        Value::Uuid(u) => out.put_slice(u.as_bytes()),
        Value::Date(d) => out.put_i32(time::days_from_epoch(*d) - EPOCH_DAYS),
        Value::Timestamp(t) => out.put_i64(t.as_microsecond() - EPOCH_MICROS),
        Value::Geometry(g) => put_ewkb(out, g)?,
        Value::List(items) => put_array(out, element_oid(items), items)?,
    }
    Ok(())
}

fn element_oid(items: &[Value]) -> u32 {
    match items.first() {
        Some(Value::Int(_)) => 20,
        Some(Value::Double(_)) => 701,
        Some(Value::Uuid(_)) => 2950,
        _ => 25,
    }
}

/// Writes a value with its length, as COPY and array elements want it.
pub(crate) fn put_field(out: &mut BytesMut, v: &Value) -> Result<()> {
    if v.is_null() {
        out.put_i32(-1);
        return Ok(());
    }
    let at = out.len();
    out.put_i32(0);
    put_bytes(out, v)?;
    let length = i32::try_from(out.len() - at - 4)
        .map_err(|_| Error::invalid("a value is larger than PostgreSQL takes"))?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Writes a value of a column of `t` with its length; an empty array needs the column's element type.
pub(crate) fn put_column(out: &mut BytesMut, t: &DataType, v: &Value) -> Result<()> {
    match (t, v) {
        (DataType::Array(e), Value::List(items)) => {
            let at = out.len();
            out.put_i32(0);
            put_array(out, oid(&e.data_type()), items)?;
            let length = i32::try_from(out.len() - at - 4)
                .map_err(|_| Error::invalid("a value is larger than PostgreSQL takes"))?;
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
            Ok(())
        }
        _ => put_field(out, v),
    }
}

fn put_array(out: &mut BytesMut, element: u32, items: &[Value]) -> Result<()> {
    let count =
        i32::try_from(items.len()).map_err(|_| Error::invalid("an array has too many elements"))?;
    out.put_i32(i32::from(count > 0));
    out.put_i32(i32::from(items.iter().any(Value::is_null)));
    out.put_u32(element);
    if count > 0 {
        out.put_i32(count);
        out.put_i32(1);
    }
    items.iter().try_for_each(|v| put_field(out, v))
}

/// Writes EWKB: the geometry's WKB with the SRID in its head.
fn put_ewkb(out: &mut BytesMut, g: &Geometry) -> Result<()> {
    let class = g.class_code();
    if class > 999 {
        return Err(Error::invalid("a geometry with Z or M cannot be stored")
            .value(class)
            .expected("two-dimensional coordinates")
            .hint("leave the third coordinate out"));
    }
    g.with_wkb(|wkb| {
        let rest = wkb
            .get(5..)
            .ok_or_else(|| Error::invalid("a geometry is too short to be WKB"))?;
        out.put_u8(1);
        out.put_u32_le(class | SRID_FLAG);
        out.put_i32_le(SRID);
        out.put_slice(rest);
        Ok(())
    })
}

/// The EWKB of a geometry in hexadecimal digits, which PostGIS reads as text.
pub(crate) fn hex_ewkb(g: &Geometry) -> Result<String> {
    let mut bytes = BytesMut::new();
    put_ewkb(&mut bytes, g)?;
    Ok(bytes.iter().map(|b| format!("{b:02X}")).collect())
}

/// A bound parameter. The SQL casts each parameter to its type.
#[derive(Debug, Clone)]
pub(crate) enum Param {
    /// One value.
    One(Value),
    /// An array of values of one type; nulls allowed.
    Many(DataType, Vec<Value>),
}

impl Param {
    pub(crate) fn texts(values: impl IntoIterator<Item = String>) -> Self {
        Param::Many(
            DataType::Text(None),
            values.into_iter().map(Value::Text).collect(),
        )
    }
}

impl<T: Into<Value>> From<T> for Param {
    fn from(v: T) -> Self {
        Param::One(v.into())
    }
}

impl ToSql for Param {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Param::One(Value::Null) => return Ok(IsNull::Yes),
            Param::One(v) => put_bytes(out, v)?,
            Param::Many(t, items) => put_array(out, oid(t), items)?,
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Binary
    }

    to_sql_checked!();
}

/// Parameters as the driver takes them.
pub(crate) fn refs(params: &[Param]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|p| p as &(dyn ToSql + Sync)).collect()
}

/// The text of a value that PostgreSQL reads as `t`, for columns that travel as text.
pub(crate) fn text_form(v: &Value) -> Result<Value> {
    Ok(match v {
        Value::List(items) => Value::Text(array_text(items)),
        Value::Geometry(g) => Value::Text(hex_ewkb(g)?),
        other => other.clone(),
    })
}

fn array_text(items: &[Value]) -> String {
    let inner: Vec<String> = items
        .iter()
        .map(|v| match v {
            Value::Null => "NULL".to_owned(),
            Value::Text(t) => format!("\"{}\"", t.replace('\\', "\\\\").replace('"', "\\\"")),
            other => match other.to_json() {
                serde_json::Value::String(s) => s,
                json => json.to_string(),
            },
        })
        .collect();
    format!("{{{}}}", inner.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_ewkb_with_its_srid() {
        let hex = hex_ewkb(&Geometry::point(1.0, 2.0)).unwrap();
        assert_eq!(hex, "010100002009120000000000000000F03F0000000000000040");
    }

    #[test]
    fn a_third_coordinate_is_refused_with_a_next_step() {
        let json = serde_json::json!({"type":"LineString","coordinates":[[0,0,5],[1,1,6]]});
        let e = hex_ewkb(&Geometry::from_geojson(&json).unwrap()).unwrap_err();
        assert!(e.next_step().is_some());
    }

    #[test]
    fn quotes_and_backslashes_survive_in_an_array_as_text() {
        let v = Value::List(vec!["a\"b\\c".into(), "d,e".into()]);
        assert_eq!(text_form(&v).unwrap(), Value::from(r#"{"a\"b\\c","d,e"}"#));
    }
}
