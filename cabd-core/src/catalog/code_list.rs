//! Code lists and reference tables: codes with labels in both languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::code_index::CodeIndex;
use crate::geometry::GeometryKind;
use crate::lang::{Lang, Text};
use crate::value::{DataType, Value};

/// A code: an integer or a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CodeKey {
    /// Most lists.
    Int(i64),
    /// Provinces, watersheds, species.
    Text(String),
}

impl CodeKey {
    /// The code as a value.
    pub fn to_value(&self) -> Value {
        match self {
            CodeKey::Int(i) => Value::Int(*i),
            CodeKey::Text(t) => Value::Text(t.clone()),
        }
    }

    /// The value as a code, if it can be one.
    pub fn of(value: &Value) -> Option<CodeKey> {
        match value {
            Value::Int(i) => Some(CodeKey::Int(*i)),
            Value::Text(t) => Some(CodeKey::Text(t.clone())),
            _ => None,
        }
    }
}

impl std::fmt::Display for CodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CodeKey::Int(i) => i.fmt(f),
            CodeKey::Text(t) => t.fmt(f),
        }
    }
}

/// One code with its labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The code.
    pub code: CodeKey,
    /// Label.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub name: Text,
    /// One sentence.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub description: Text,
    /// Values of the list's further columns, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, String>,
    /// Whether only rows that have it already may keep it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
}

/// A further column of a reference table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListColumn {
    /// Column name.
    pub id: String,
    /// Data type.
    #[serde(rename = "type")]
    pub data_type: DataType,
}

/// A code list; `id` is `schema.table`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeList {
    /// `schema.table`.
    pub id: String,
    /// Title.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub title: Text,
    /// Key column, `code` unless named.
    #[serde(default = "default_key")]
    pub key: String,
    /// Type of the key: `integer` unless named, or `varchar(n)`.
    #[serde(default = "default_key_type")]
    pub key_type: DataType,
    /// Class of the extents, for a reference table with polygons (column `geometry`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<GeometryKind>,
    /// Further columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ListColumn>,
    /// Whether codes not in the list are accepted: a reference table that is filled by loading.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// The codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    #[serde(skip)]
    index: CodeIndex,
    #[serde(skip)]
    has_retired: bool,
}

fn default_key() -> String {
    "code".to_owned()
}

fn default_key_type() -> DataType {
    DataType::Integer
}

impl PartialEq for CodeList {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.title == other.title
            && self.key == other.key
            && self.key_type == other.key_type
            && self.extent == other.extent
            && self.columns == other.columns
            && self.open == other.open
            && self.codes == other.codes
    }
}

impl CodeList {
    /// The list with its codes replaced by `codes`.
    #[must_use]
    pub fn with_codes(&self, codes: Vec<Code>) -> CodeList {
        CodeList {
            index: CodeIndex::new(&codes),
            has_retired: codes.iter().any(|c| c.retired),
            codes,
            ..self.clone()
        }
    }

    /// The code's place in the list.
    pub fn position(&self, code: &CodeKey) -> Option<usize> {
        if !self.index.is_of(self.codes.len()) {
            return self.codes.iter().position(|c| c.code == *code);
        }
        match code {
            CodeKey::Int(i) => self.index.integer(*i),
            CodeKey::Text(t) => self.index.text(t),
        }
    }

    /// The place of a code that is a text.
    pub(crate) fn position_of_text(&self, code: &str) -> Option<usize> {
        if self.index.is_of(self.codes.len()) {
            return self.index.text(code);
        }
        self.position(&CodeKey::Text(code.to_owned()))
    }

    /// Whether some code is retired.
    pub fn has_retired(&self) -> bool {
        self.has_retired
    }

    /// The code with its texts.
    pub fn get(&self, code: &CodeKey) -> Option<&Code> {
        self.codes.get(self.position(code)?)
    }

    /// The code's label.
    pub fn label(&self, code: &CodeKey, lang: Lang) -> Option<&str> {
        let text = self.codes.get(self.position(code)?)?.name.get(lang);
        (!text.is_empty()).then_some(text)
    }

    /// The codes as rows of the list's table: key, names, descriptions, further columns.
    pub fn rows(&self) -> impl Iterator<Item = Vec<Value>> {
        let text = |t: &str| {
            if t.is_empty() {
                Value::Null
            } else {
                Value::from(t)
            }
        };
        self.codes.iter().map(move |c| {
            let mut row = vec![
                c.code.to_value(),
                text(&c.name.en),
                text(&c.name.fr),
                text(&c.description.en),
                text(&c.description.fr),
            ];
            row.extend(
                self.columns
                    .iter()
                    .map(|x| c.more.get(&x.id).map_or(Value::Null, |v| text(v))),
            );
            row
        })
    }

    /// The schema, before the dot.
    pub fn schema(&self) -> &str {
        self.id.split_once('.').map_or("cabd", |(s, _)| s)
    }

    /// The table, after the dot.
    pub fn table(&self) -> &str {
        self.id.split_once('.').map_or(self.id.as_str(), |(_, t)| t)
    }
}
