//! Arrow column builders by data type, and single values out of Arrow arrays.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, Date32Builder, FixedSizeBinaryBuilder,
    Float64Builder, Int64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};

use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::time;
use crate::value::{DataType, ElementType, Value};

/// A growing Arrow column. Stores push straight from their wire format.
///
/// Pushing a kind the column does not hold is an error, never a panic.
#[derive(Debug)]
pub enum ColumnBuilder {
    /// boolean
    Bool(BooleanBuilder),
    /// integer
    Int(Int64Builder),
    /// double, numeric
    Double(Float64Builder),
    /// text, url
    Text(StringBuilder),
    /// uuid
    Uuid(FixedSizeBinaryBuilder),
    /// date
    Date(Date32Builder),
    /// timestamp
    Timestamp(TimestampMicrosecondBuilder),
    /// geometry as WKB
    Wkb(BinaryBuilder),
    /// array(varchar)
    TextList(ListBuilder<StringBuilder>),
    /// array(integer)
    IntList(ListBuilder<Int64Builder>),
    /// array(double)
    DoubleList(ListBuilder<Float64Builder>),
}

impl ColumnBuilder {
    /// A builder for `data_type`.
    pub fn new(data_type: &DataType, capacity: usize) -> Self {
        match data_type {
            DataType::Boolean => Self::Bool(BooleanBuilder::with_capacity(capacity)),
            DataType::Integer => Self::Int(Int64Builder::with_capacity(capacity)),
            DataType::Double | DataType::Numeric => {
                Self::Double(Float64Builder::with_capacity(capacity))
            }
            DataType::Text(_) | DataType::Url => {
                Self::Text(StringBuilder::with_capacity(capacity, capacity * 8))
            }
            DataType::Uuid => Self::Uuid(FixedSizeBinaryBuilder::with_capacity(capacity, 16)),
            DataType::Date => Self::Date(Date32Builder::with_capacity(capacity)),
            DataType::Timestamp => Self::Timestamp(
                TimestampMicrosecondBuilder::with_capacity(capacity).with_timezone("UTC"),
            ),
            DataType::Geometry(_) => {
                Self::Wkb(BinaryBuilder::with_capacity(capacity, capacity * 21))
            }
            DataType::Array(ElementType::Text) => {
                Self::TextList(ListBuilder::new(StringBuilder::new()))
            }
            DataType::Array(ElementType::Integer) => {
                Self::IntList(ListBuilder::new(Int64Builder::new()))
            }
            DataType::Array(ElementType::Double) => {
                Self::DoubleList(ListBuilder::new(Float64Builder::new()))
            }
        }
    }

    fn mismatch(&self, got: &str) -> Error {
        let column = match self {
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Double(_) => "double",
            Self::Text(_) => "text",
            Self::Uuid(_) => "uuid",
            Self::Date(_) => "date",
            Self::Timestamp(_) => "timestamp",
            Self::Wkb(_) => "geometry",
            Self::TextList(_) | Self::IntList(_) | Self::DoubleList(_) => "array",
        };
        Error::corrupt(format!(
            "stored value is of another type than its column ({column})"
        ))
        .value(got)
        .hint("`cabd doctor` lists such values")
    }

    /// Null.
    pub fn push_null(&mut self) {
        match self {
            Self::Bool(b) => b.append_null(),
            Self::Int(b) => b.append_null(),
            Self::Double(b) => b.append_null(),
            Self::Text(b) => b.append_null(),
            Self::Uuid(b) => b.append_null(),
            Self::Date(b) => b.append_null(),
            Self::Timestamp(b) => b.append_null(),
            Self::Wkb(b) => b.append_null(),
            Self::TextList(b) => b.append(false),
            Self::IntList(b) => b.append(false),
            Self::DoubleList(b) => b.append(false),
        }
    }

    /// A boolean.
    pub fn push_bool(&mut self, v: bool) -> Result<()> {
        match self {
            Self::Bool(b) => b.append_value(v),
            other => return Err(other.mismatch("boolean")),
        }
        Ok(())
    }

    /// An integer; a double column takes it too, and a boolean column takes 0 and 1.
    pub fn push_i64(&mut self, v: i64) -> Result<()> {
        match self {
            Self::Int(b) => b.append_value(v),
            Self::Double(b) => b.append_value(v as f64),
            Self::Bool(b) => b.append_value(v != 0),
            other => return Err(other.mismatch("integer")),
        }
        Ok(())
    }

    /// A double; an integer column takes a whole one.
    pub fn push_f64(&mut self, v: f64) -> Result<()> {
        match self {
            Self::Double(b) => b.append_value(v),
            Self::Int(b) if v.fract() == 0.0 && v.abs() < 9.0e15 => b.append_value(v as i64),
            other => return Err(other.mismatch("double")),
        }
        Ok(())
    }

    /// A text.
    pub fn push_str(&mut self, v: &str) -> Result<()> {
        match self {
            Self::Text(b) => b.append_value(v),
            other => return Err(other.mismatch("text")),
        }
        Ok(())
    }

    /// The 16 bytes of a UUID.
    pub fn push_uuid(&mut self, v: &[u8; 16]) -> Result<()> {
        match self {
            Self::Uuid(b) => b.append_value(v)?,
            other => return Err(other.mismatch("uuid")),
        }
        Ok(())
    }

    /// Days after 1970-01-01.
    pub fn push_days(&mut self, v: i32) -> Result<()> {
        match self {
            Self::Date(b) => b.append_value(v),
            other => return Err(other.mismatch("date")),
        }
        Ok(())
    }

    /// Microseconds after 1970-01-01T00:00:00Z.
    pub fn push_micros(&mut self, v: i64) -> Result<()> {
        match self {
            Self::Timestamp(b) => b.append_value(v),
            other => return Err(other.mismatch("timestamp")),
        }
        Ok(())
    }

    /// Little-endian ISO WKB.
    pub fn push_wkb(&mut self, v: &[u8]) -> Result<()> {
        match self {
            Self::Wkb(b) => b.append_value(v),
            other => return Err(other.mismatch("geometry")),
        }
        Ok(())
    }

    /// Any value.
    pub fn push(&mut self, v: &Value) -> Result<()> {
        match v {
            Value::Null => self.push_null(),
            Value::Bool(b) => self.push_bool(*b)?,
            Value::Int(i) => self.push_i64(*i)?,
            Value::Double(d) => self.push_f64(*d)?,
            Value::Text(t) => self.push_str(t)?,
            Value::Uuid(u) => self.push_uuid(u.as_bytes())?,
            Value::Date(d) => self.push_days(time::days_from_epoch(*d))?,
            Value::Timestamp(t) => self.push_micros(t.as_microsecond())?,
            Value::Geometry(g) => g.with_wkb(|w| self.push_wkb(w))?,
            Value::List(items) => self.push_list(items)?,
        }
        Ok(())
    }

    fn push_list(&mut self, items: &[Value]) -> Result<()> {
        match self {
            Self::TextList(b) => {
                for v in items {
                    b.values().append_option(v.as_str());
                }
                b.append(true);
            }
            Self::IntList(b) => {
                for v in items {
                    b.values().append_option(v.as_i64());
                }
                b.append(true);
            }
            Self::DoubleList(b) => {
                for v in items {
                    b.values().append_option(v.as_f64());
                }
                b.append(true);
            }
            other => return Err(other.mismatch("array")),
        }
        Ok(())
    }

    /// The array built so far; the builder is empty afterwards.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Int(b) => Arc::new(b.finish()),
            Self::Double(b) => Arc::new(b.finish()),
            Self::Text(b) => Arc::new(b.finish()),
            Self::Uuid(b) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
            Self::Timestamp(b) => Arc::new(b.finish()),
            Self::Wkb(b) => Arc::new(b.finish()),
            Self::TextList(b) => Arc::new(b.finish()),
            Self::IntList(b) => Arc::new(b.finish()),
            Self::DoubleList(b) => Arc::new(b.finish()),
        }
    }
}

/// One value of an Arrow array that a [`ColumnBuilder`] or a label dictionary made.
///
/// WKB and text are told apart by the array's type; a 16-byte binary is a UUID.
pub fn value_at(array: &dyn Array, row: usize) -> Value {
    if row >= array.len() || array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        ArrowType::Boolean => Value::Bool(array.as_boolean().value(row)),
        ArrowType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        ArrowType::Float64 => Value::Double(array.as_primitive::<Float64Type>().value(row)),
        ArrowType::Utf8 => Value::Text(array.as_string::<i32>().value(row).to_owned()),
        ArrowType::FixedSizeBinary(16) => {
            let bytes = array.as_fixed_size_binary().value(row);
            bytes
                .try_into()
                .map_or(Value::Null, |b| Value::Uuid(uuid::Uuid::from_bytes(b)))
        }
        ArrowType::Date32 => time::date_from_days(array.as_primitive::<Date32Type>().value(row))
            .map_or(Value::Null, Value::Date),
        ArrowType::Timestamp(_, _) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            jiff::Timestamp::from_microsecond(micros).map_or(Value::Null, Value::Timestamp)
        }
        ArrowType::Binary => Value::Geometry(Geometry::from_trusted_wkb(
            array.as_binary::<i32>().value(row),
        )),
        ArrowType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            Value::List((0..items.len()).map(|i| value_at(&items, i)).collect())
        }
        ArrowType::Dictionary(_, _) => {
            let d = array.as_dictionary::<Int32Type>();
            match d.key(row) {
                Some(k) => value_at(d.values(), k),
                None => Value::Null,
            }
        }
        _ => Value::Null,
    }
}
