//! Values of one type as another: the same on every store.

use std::sync::Arc;

use crate::catalog::code_list::{CodeKey, CodeList};
use crate::error::{Error, Result};
use crate::value::{DataType, Value};

/// How the values of a column become values of its new type.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// `type.attribute`, for errors.
    pub field: String,
    /// The new type.
    pub to: DataType,
    /// Whether null is refused.
    pub required: bool,
    /// The code list that must hold the value.
    pub codes: Option<Arc<CodeList>>,
}

/// Whole numbers up to here are exact as doubles.
const EXACT: i64 = 1 << 53;

impl Conversion {
    /// The value as the new type.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) naming field and value where it does not convert without loss.
    ///
    /// ```
    /// use cabd_core::catalog::Conversion;
    /// use cabd_core::{DataType, Value};
    /// let year = Conversion { field: "dams.year".into(), to: DataType::Integer, required: false, codes: None };
    /// assert_eq!(year.convert(Value::from("1968"))?, Value::Int(1968));
    /// assert!(year.convert(Value::from("about 1968")).is_err());
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    pub fn convert(&self, value: Value) -> Result<Value> {
        let refused = |e: Error| e.hint("correct the value first, or keep the type");
        let text = matches!(self.to, DataType::Text(_));
        let value = match value {
            Value::Bool(b) if text => Value::Text(b.to_string()),
            v @ (Value::Date(_) | Value::Timestamp(_) | Value::List(_)) if text => {
                let json = v.to_json();
                Value::Text(
                    json.as_str()
                        .map_or_else(|| json.to_string(), str::to_owned),
                )
            }
            Value::Int(i)
                if matches!(self.to, DataType::Double | DataType::Numeric) && i.abs() > EXACT =>
            {
                return Err(refused(
                    Error::invalid("the number is too great to be exact as a double")
                        .field(&self.field)
                        .value(i)
                        .expected(format!("at most {EXACT}")),
                ));
            }
            v => v,
        };
        let value = value.coerce(&self.field, &self.to).map_err(refused)?;
        if value.is_null() && self.required {
            return Err(
                Error::invalid("a row has no value, and the attribute is to be required")
                    .field(&self.field)
                    .expected(self.to.to_string())
                    .hint("give every row a value first"),
            );
        }
        if let (Some(list), Some(code)) = (&self.codes, CodeKey::of(&value))
            && list.position(&code).is_none()
        {
            return Err(
                Error::invalid(format!("a stored value is not a code of {}", list.id))
                    .field(&self.field)
                    .value(code)
                    .hint("add the code to the list, or correct the value"),
            );
        }
        Ok(value)
    }

    /// The value where a change of type is undone: `kept` from before the change where the present value is still the one
    /// that `change` made of it, else the present value converted.
    ///
    /// # Errors
    /// As [`Conversion::convert`].
    pub fn undone(&self, present: Value, kept: Value, change: &Conversion) -> Result<Value> {
        match change.convert(kept.clone()) {
            Ok(made) if made == present => Ok(kept),
            _ => self.convert(present),
        }
    }

    /// The way back to `from`.
    pub fn reverse(&self, from: &DataType) -> Conversion {
        Conversion {
            field: self.field.clone(),
            to: from.clone(),
            required: false,
            codes: None,
        }
    }
}

/// Whether every value of `from` is one of `to`, so that no value can be refused or changed by an edit of today.
pub(super) fn widens(from: &DataType, to: &DataType) -> bool {
    use DataType::{Date, Double, Integer, Numeric, Text, Timestamp};
    match (from, to) {
        (a, b) if a == b => true,
        (_, Text(None)) => true,
        (Text(Some(a)), Text(Some(b))) => a <= b,
        (Integer, Double | Numeric) | (Double, Numeric) | (Numeric, Double) => true,
        (Date, Timestamp) => true,
        _ => false,
    }
}

/// Whether only the room for text grows.
pub(super) fn more_room(from: &DataType, to: &DataType) -> bool {
    matches!((from, to), (DataType::Text(_), DataType::Text(_))) && widens(from, to)
}
