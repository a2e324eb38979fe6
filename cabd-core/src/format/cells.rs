//! The columns of a batch, downcast once, so that writing a cell is one match.

use std::borrow::Cow;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, FixedSizeBinaryArray,
    Float64Array, Int32Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType as ArrowType, Date32Type, Field, Float64Type, Int32Type, Int64Type, Schema,
    TimestampMicrosecondType,
};

use crate::catalog::{GEOMETRY, ID};
use crate::error::{Error, Result};
use crate::feature::SOURCE_OF;
use crate::value::DataType;

/// One column of one batch.
pub(super) enum Cells<'a> {
    Bool(&'a BooleanArray),
    Int(&'a Int64Array),
    Double(&'a Float64Array),
    Text(&'a StringArray),
    Uuid(&'a FixedSizeBinaryArray),
    Date(&'a Date32Array),
    Instant(&'a TimestampMicrosecondArray),
    Wkb(&'a BinaryArray),
    List(&'a ListArray, ArrayRef),
    Label(&'a Int32Array, &'a StringArray),
}

impl<'a> Cells<'a> {
    pub(super) fn of(array: &'a ArrayRef) -> Result<Self> {
        let found = match array.data_type() {
            ArrowType::Boolean => array.as_boolean_opt().map(Self::Bool),
            ArrowType::Int64 => array.as_primitive_opt::<Int64Type>().map(Self::Int),
            ArrowType::Float64 => array.as_primitive_opt::<Float64Type>().map(Self::Double),
            ArrowType::Utf8 => array.as_string_opt::<i32>().map(Self::Text),
            ArrowType::FixedSizeBinary(16) => array.as_fixed_size_binary_opt().map(Self::Uuid),
            ArrowType::Date32 => array.as_primitive_opt::<Date32Type>().map(Self::Date),
            ArrowType::Timestamp(_, _) => array
                .as_primitive_opt::<TimestampMicrosecondType>()
                .map(Self::Instant),
            ArrowType::Binary => array.as_binary_opt::<i32>().map(Self::Wkb),
            ArrowType::List(_) => array
                .as_list_opt::<i32>()
                .map(|l| Self::List(l, l.values().clone())),
            ArrowType::Dictionary(_, _) => array.as_dictionary_opt::<Int32Type>().and_then(|d| {
                let labels = d.values().as_string_opt::<i32>()?;
                Some(Self::Label(d.keys(), labels))
            }),
            _ => None,
        };
        found.ok_or_else(|| {
            Error::internal(format!(
                "a column of Arrow type {} cannot be written",
                array.data_type()
            ))
        })
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Bool(a) => a.is_null(row),
            Self::Int(a) => a.is_null(row),
            Self::Double(a) => a.is_null(row),
            Self::Text(a) => a.is_null(row),
            Self::Uuid(a) => a.is_null(row),
            Self::Date(a) => a.is_null(row),
            Self::Instant(a) => a.is_null(row),
            Self::Wkb(a) => a.is_null(row),
            Self::List(a, _) => a.is_null(row),
            Self::Label(keys, labels) => keys.is_null(row) || label(keys, labels, row).is_none(),
        }
    }
}

/// The label behind a key, if there is one.
pub(super) fn label<'a>(keys: &Int32Array, labels: &'a StringArray, row: usize) -> Option<&'a str> {
    let at = usize::try_from(keys.value(row)).ok()?;
    (at < labels.len() && labels.is_valid(at)).then(|| labels.value(at))
}

/// What a writer knows about a column before the first batch.
pub(super) struct Head {
    /// Place in the batch.
    pub(super) index: usize,
    /// Attribute.
    pub(super) name: String,
    /// Whether the values are paths below the service root.
    pub(super) is_link: bool,
    /// The attribute whose data sources the values are.
    pub(super) source_of: Option<String>,
}

/// The identifier first where the schema has it elsewhere, then the attributes in the schema's order, each once;
/// and the place of the geometry.
pub(super) fn heads(schema: &Schema) -> (Vec<Head>, Option<usize>) {
    let mut geometry = None;
    let mut out: Vec<Head> = vec![];
    for (index, field) in schema.fields().iter().enumerate() {
        if field.name() == GEOMETRY && *field.data_type() == ArrowType::Binary {
            geometry = Some(index);
        } else if !out.iter().any(|h| h.name == *field.name()) {
            out.push(Head {
                index,
                name: field.name().clone(),
                is_link: is_link(field),
                source_of: field.metadata().get(SOURCE_OF).cloned(),
            });
        }
    }
    if let Some(at) = out.iter().position(|h| h.name == ID) {
        out[..=at].rotate_right(1);
    }
    (out, geometry)
}

fn is_link(field: &Field) -> bool {
    let says = |key: &str, value: &str| field.metadata().get(key).is_some_and(|v| v == value);
    says("cabd:is_link", "true") || says("cabd:data_type", &DataType::Url.to_string())
}

/// A link's value with the service's address before it, unless it is an address already.
pub(super) fn absolute<'a>(root: Option<&str>, path: &'a str) -> Cow<'a, str> {
    match root {
        Some(root) if !path.contains("://") => {
            let (root, path) = (root.trim_end_matches('/'), path.trim_start_matches('/'));
            Cow::Owned(format!("{root}/{path}"))
        }
        _ => Cow::Borrowed(path),
    }
}

/// The error for a stored geometry that is not WKB.
pub(super) fn damaged(id: Option<&[u8]>) -> Error {
    let e = Error::corrupt("stored geometry is not WKB").field(GEOMETRY);
    let e = match id.and_then(|b| uuid::Uuid::from_slice(b).ok()) {
        Some(id) => e.at(format!("{ID} {id}")),
        None => e,
    };
    e.hint("`cabd doctor` lists such values")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gets_the_root_and_an_address_stays() {
        assert_eq!(
            absolute(Some("https://h/api/"), "/features/1"),
            "https://h/api/features/1"
        );
        assert_eq!(
            absolute(Some("https://h"), "http://other/x"),
            "http://other/x"
        );
        assert_eq!(absolute(None, "features/1"), "features/1");
    }
}
