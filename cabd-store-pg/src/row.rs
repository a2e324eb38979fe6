//! Rows as they come over the wire: binary values into Arrow builders or single values.

use std::error::Error as StdError;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use cabd_core::error::{Error, Result};
use cabd_core::feature::ColumnBuilder;
use cabd_core::geometry::{Geometry, point_wkb};
use cabd_core::time;
use cabd_core::value::Value;

use crate::error::pg;
use crate::types::{EPOCH_DAYS, EPOCH_MICROS};

/// The bytes of a value as the server sent them; `None` for null.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Raw(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// How a column's bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Text,
    Uuid,
    Date,
    Timestamp,
    Ewkb,
    Array,
}

impl Wire {
    /// The reading of each column of a statement.
    pub(crate) fn of(columns: &[tokio_postgres::Column]) -> Result<Vec<Wire>> {
        columns
            .iter()
            .map(|c| {
                Self::of_oid(c.type_().oid()).ok_or_else(|| {
                    Error::internal(format!("column {} has type {}", c.name(), c.type_().name()))
                })
            })
            .collect()
    }

    fn of_oid(oid: u32) -> Option<Wire> {
        Some(match oid {
            16 => Wire::Bool,
            21 => Wire::Int2,
            23 => Wire::Int4,
            20 => Wire::Int8,
            700 => Wire::Float4,
            701 => Wire::Float8,
            25 | 1043 | 1042 | 19 => Wire::Text,
            2950 => Wire::Uuid,
            1082 => Wire::Date,
            1184 | 1114 => Wire::Timestamp,
            17 => Wire::Ewkb,
            1009 | 1015 | 1016 | 1007 | 1005 | 1022 | 1021 | 2951 => Wire::Array,
            _ => return None,
        })
    }
}

/// A value that is not null.
enum Got<'a> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a str),
    Uuid(&'a [u8; 16]),
    Days(i32),
    Micros(i64),
    Point([u8; 21]),
    Wkb(Vec<u8>),
    Array(u32, Elements<'a>),
}

fn damaged(what: &str) -> Error {
    Error::corrupt(format!("a stored {what} cannot be read"))
        .hint("`cabd doctor` lists such values")
}

fn fixed<'a, const N: usize>(b: &'a [u8], what: &str) -> Result<&'a [u8; N]> {
    b.try_into().map_err(|_| damaged(what))
}

fn read(wire: Wire, b: &[u8]) -> Result<Got<'_>> {
    Ok(match wire {
        Wire::Bool => Got::Bool(fixed::<1>(b, "boolean")?[0] != 0),
        Wire::Int2 => Got::Int(i16::from_be_bytes(*fixed(b, "integer")?).into()),
        Wire::Int4 => Got::Int(i32::from_be_bytes(*fixed(b, "integer")?).into()),
        Wire::Int8 => Got::Int(i64::from_be_bytes(*fixed(b, "integer")?)),
        Wire::Float4 => Got::Double(f32::from_be_bytes(*fixed(b, "number")?).into()),
        Wire::Float8 => Got::Double(f64::from_be_bytes(*fixed(b, "number")?)),
        Wire::Text => Got::Text(std::str::from_utf8(b).map_err(|_| damaged("text"))?),
        Wire::Uuid => Got::Uuid(fixed(b, "identifier")?),
        Wire::Date => Got::Days(match i32::from_be_bytes(*fixed(b, "date")?) {
            i32::MIN | i32::MAX => return Err(damaged("date").value("infinity")),
            d => d.checked_add(EPOCH_DAYS).ok_or_else(|| damaged("date"))?,
        }),
        Wire::Timestamp => Got::Micros(match i64::from_be_bytes(*fixed(b, "instant")?) {
            i64::MIN | i64::MAX => return Err(damaged("instant").value("infinity")),
            t => t
                .checked_add(EPOCH_MICROS)
                .ok_or_else(|| damaged("instant"))?,
        }),
        Wire::Ewkb => ewkb(b)?,
        Wire::Array => {
            let (element, elements) = Elements::read(b)?;
            Got::Array(element, elements)
        }
    })
}

/// ISO WKB of two-dimensional EWKB: the SRID goes.
fn ewkb(b: &[u8]) -> Result<Got<'_>> {
    let head: &[u8; 5] = b
        .get(..5)
        .and_then(|h| h.try_into().ok())
        .ok_or_else(|| damaged("geometry"))?;
    if head[0] != 1 {
        let g = Geometry::from_wkb(b).map_err(|e| damaged("geometry").because(e))?;
        return Ok(Got::Wkb(g.to_wkb()));
    }
    let class = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    if class & 0xC000_0000 != 0 {
        return Err(damaged("geometry")
            .value("Z or M")
            .expected("two dimensions"));
    }
    let body = if class & 0x2000_0000 == 0 { 5 } else { 9 };
    let class = class & 0xFFFF;
    let body = b.get(body..).ok_or_else(|| damaged("geometry"))?;
    if class == 1 {
        let (x, y) = body
            .split_at_checked(8)
            .ok_or_else(|| damaged("geometry"))?;
        return Ok(Got::Point(point_wkb(
            f64::from_le_bytes(*fixed(x, "geometry")?),
            f64::from_le_bytes(*fixed(y, "geometry")?),
        )));
    }
    let mut out = Vec::with_capacity(body.len() + 5);
    out.push(1);
    out.extend_from_slice(&class.to_le_bytes());
    out.extend_from_slice(body);
    Ok(Got::Wkb(out))
}

/// The elements of a one-dimensional array.
struct Elements<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Elements<'a> {
    fn read(b: &'a [u8]) -> Result<(u32, Self)> {
        let word = |at: usize| -> Result<i32> {
            let bytes = b.get(at..at + 4).ok_or_else(|| damaged("array"))?;
            Ok(i32::from_be_bytes(*fixed(bytes, "array")?))
        };
        let (dimensions, element) = (word(0)?, word(8)?);
        let element = u32::try_from(element).map_err(|_| damaged("array"))?;
        match dimensions {
            0 => Ok((element, Self { rest: &[], left: 0 })),
            1 => {
                let left = usize::try_from(word(12)?).map_err(|_| damaged("array"))?;
                let rest = b.get(20..).ok_or_else(|| damaged("array"))?;
                Ok((element, Self { rest, left }))
            }
            _ => Err(damaged("array").expected("one dimension")),
        }
    }

    fn next(&mut self) -> Result<Option<Option<&'a [u8]>>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let (length, rest) = self
            .rest
            .split_at_checked(4)
            .ok_or_else(|| damaged("array"))?;
        let length = i32::from_be_bytes(*fixed(length, "array")?);
        let Ok(length) = usize::try_from(length) else {
            self.rest = rest;
            return Ok(Some(None));
        };
        let (value, rest) = rest
            .split_at_checked(length)
            .ok_or_else(|| damaged("array"))?;
        self.rest = rest;
        Ok(Some(Some(value)))
    }

    fn values(mut self, element: u32) -> Result<Vec<Value>> {
        let wire = Wire::of_oid(element).ok_or_else(|| damaged("array"))?;
        let mut out = Vec::with_capacity(self.left);
        while let Some(next) = self.next()? {
            out.push(match next {
                Some(b) => value(wire, b)?,
                None => Value::Null,
            });
        }
        Ok(out)
    }
}

/// Pushes the row's first columns, one to each builder.
pub(crate) fn push_row(row: &Row, wires: &[Wire], columns: &mut [ColumnBuilder]) -> Result<()> {
    for (i, (wire, column)) in wires.iter().zip(columns).enumerate() {
        let Raw(raw) = row.try_get(i).map_err(pg)?;
        let Some(b) = raw else {
            column.push_null();
            continue;
        };
        match read(*wire, b)? {
            Got::Bool(v) => column.push_bool(v)?,
            Got::Int(v) => column.push_i64(v)?,
            Got::Double(v) => column.push_f64(v)?,
            Got::Text(v) => column.push_str(v)?,
            Got::Uuid(v) => column.push_uuid(v)?,
            Got::Days(v) => column.push_days(v)?,
            Got::Micros(v) => column.push_micros(v)?,
            Got::Point(v) => column.push_wkb(&v)?,
            Got::Wkb(v) => column.push_wkb(&v)?,
            Got::Array(element, elements) => push_array(column, element, elements)?,
        }
    }
    Ok(())
}

fn push_array(column: &mut ColumnBuilder, element: u32, mut elements: Elements<'_>) -> Result<()> {
    let ColumnBuilder::TextList(list) = column else {
        let values = elements.values(element)?;
        return column.push(&Value::List(values));
    };
    while let Some(next) = elements.next()? {
        let text = match next {
            Some(b) => Some(std::str::from_utf8(b).map_err(|_| damaged("text"))?),
            None => None,
        };
        list.values().append_option(text);
    }
    list.append(true);
    Ok(())
}

pub(crate) fn value(wire: Wire, b: &[u8]) -> Result<Value> {
    Ok(match read(wire, b)? {
        Got::Bool(v) => Value::Bool(v),
        Got::Int(v) => Value::Int(v),
        Got::Double(v) => Value::Double(v),
        Got::Text(v) => Value::Text(v.to_owned()),
        Got::Uuid(v) => Value::Uuid(uuid::Uuid::from_bytes(*v)),
        Got::Days(v) => Value::Date(time::date_from_days(v).ok_or_else(|| damaged("date"))?),
        Got::Micros(v) => Value::Timestamp(
            jiff::Timestamp::from_microsecond(v).map_err(|e| damaged("instant").because(e))?,
        ),
        Got::Point(v) => Value::Geometry(Geometry::from_trusted_wkb(&v)),
        Got::Wkb(v) => Value::Geometry(Geometry::from_trusted_wkb(&v)),
        Got::Array(element, elements) => Value::List(elements.values(element)?),
    })
}

/// The row's values from column `from` on.
pub(crate) fn values(row: &Row, wires: &[Wire], from: usize) -> Result<Vec<Value>> {
    wires
        .iter()
        .enumerate()
        .skip(from)
        .map(|(i, wire)| match row.try_get(i).map_err(pg)? {
            Raw(Some(b)) => value(*wire, b),
            Raw(None) => Ok(Value::Null),
        })
        .collect()
}
