//! All composed SQL. Names are quoted here and come from the catalogue only; values are bound, or quoted by
//! [`literal`] where the server takes no parameters.

pub(crate) mod alter;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod ddl;
pub(crate) mod derive;
pub(crate) mod expr;
pub(crate) mod metadata;
pub(crate) mod query;
pub(crate) mod rows;
pub(crate) mod seal;
pub(crate) mod views;

use cabd_core::catalog::Table;
use cabd_core::error::Result;
use cabd_core::value::Value;

use crate::types::{Param, text_form};

/// Longest name PostgreSQL keeps, in bytes.
const MAX_NAME: usize = 63;

/// A quoted name.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted text.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A quoted text, or NULL for a blank one.
pub(crate) fn literal_or_null(text: &str) -> String {
    if text.is_empty() {
        "NULL".to_owned()
    } else {
        literal(text)
    }
}

/// `"schema"."table"`.
pub(crate) fn name_of(t: &Table) -> String {
    qualified(&t.schema, &t.name)
}

/// `"schema"."name"`.
pub(crate) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", ident(schema), ident(name))
}

/// Quoted names with commas between.
pub(crate) fn idents<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<String> = names.into_iter().map(ident).collect();
    all.join(", ")
}

/// A name for an index, a trigger or a function: cut, with a hash, where it would be too long.
pub(crate) fn derived_name(parts: &[&str], ending: &str) -> String {
    let full = format!("{}_{ending}", parts.join("_"));
    if full.len() <= MAX_NAME {
        return full;
    }
    let hash = full.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = hash & 0xFFFF_FFFF;
    let room = MAX_NAME - ending.len() - 10;
    let cut: String = full.chars().take(room).collect();
    format!("{cut}_{hash:08x}_{ending}")
}

/// SQL in the making: its parameters, or none where they are written out as literals.
#[derive(Debug, Default)]
pub(crate) struct Sql {
    /// The parameters bound so far.
    pub params: Vec<Param>,
    literals: bool,
}

impl Sql {
    /// Values are bound.
    pub(crate) fn bound() -> Self {
        Self::default()
    }

    /// Values are written out, for definitions of views.
    pub(crate) fn literals() -> Self {
        Self {
            params: vec![],
            literals: true,
        }
    }

    /// A value of type `t`, or an array of them where it is [`Param::Many`].
    pub(crate) fn value(&mut self, param: Param, t: &str) -> Result<String> {
        let array = if matches!(param, Param::Many(..)) {
            "[]"
        } else {
            ""
        };
        if !self.literals {
            self.params.push(param);
            return Ok(format!("${}::{t}{array}", self.params.len()));
        }
        Ok(match param {
            Param::One(v) => format!("{}::{t}", written(&v)?),
            Param::Many(_, all) => {
                let all: Vec<String> = all.iter().map(written).collect::<Result<_>>()?;
                format!("ARRAY[{}]::{t}[]", all.join(", "))
            }
        })
    }
}

/// A value as a literal without its type.
pub(crate) fn written(v: &Value) -> Result<String> {
    Ok(match text_form(v)? {
        Value::Null => "NULL".to_owned(),
        Value::Text(t) => literal(&t),
        other => match other.to_json() {
            serde_json::Value::String(s) => literal(&s),
            json => literal(&json.to_string()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_end_their_quotes() {
        assert_eq!(ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("l'eau"), "'l''eau'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }

    #[test]
    fn a_derived_name_fits_and_stays_different() {
        let long = "x".repeat(60);
        let (a, b) = (
            derived_name(&[&long, "a"], "idx"),
            derived_name(&[&long, "b"], "idx"),
        );
        assert!(a.len() <= MAX_NAME && b.len() <= MAX_NAME);
        assert_ne!(a, b);
    }
}
