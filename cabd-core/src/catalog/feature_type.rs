//! Feature types: tables, parts, links, effective point, members of super types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::attribute::{Attribute, GEOMETRY};
use crate::error::{Error, Result};
use crate::geometry::GeometryKind;
use crate::lang::Text;

/// The head of a feature type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeHead {
    /// Identifier, lower case.
    pub id: String,
    /// Name.
    #[serde(default)]
    pub name: Text,
    /// Description.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub description: Text,
    /// Schema of its tables; the identifier unless named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its table; the identifier unless named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Root of its views with schema; `cabd.<id>_view` unless named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// Version of the data, included in exports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_version: Option<String>,
    /// The attribute that names a feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_attribute: Option<String>,
    /// Which provenance tables it has.
    #[serde(default)]
    pub sources: Sources,
    /// Whether it takes community data, and which JSON keys hold photos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub community: Option<Community>,
}

/// Which provenance tables a type has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sources {
    /// None.
    #[default]
    None,
    /// `<type>_feature_source` only.
    Features,
    /// `<type>_feature_source` and `<type>_attribute_source`.
    Attributes,
}

/// Community data of a type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Community {
    /// JSON keys that hold photos.
    #[serde(default)]
    pub photos: Vec<String>,
}

/// The effective geometry of a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeometryRule {
    /// Class of the geometry.
    pub kind: GeometryKind,
    /// The stored, spatially indexed column that queries use.
    #[serde(default = "default_geometry_column")]
    pub column: String,
    /// The columns it is the first non-null of, best first; empty when it is written itself.
    /// A geometry written without naming a column goes to the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Further geometry columns, stored but not shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
}

fn default_geometry_column() -> String {
    GEOMETRY.to_owned()
}

impl GeometryRule {
    /// The column that a geometry written without a column's name goes to.
    pub fn input_column(&self) -> &str {
        self.from.last().unwrap_or(&self.column)
    }

    /// Whether the effective column is computed from others.
    pub fn is_derived(&self) -> bool {
        !self.from.is_empty() && !self.from.contains(&self.column)
    }

    /// Every stored geometry column, the effective one first.
    pub fn columns(&self) -> Vec<&str> {
        let mut all = vec![self.column.as_str()];
        for c in self.from.iter().chain(&self.more) {
            if !all.contains(&c.as_str()) {
                all.push(c);
            }
        }
        all
    }
}

/// Rows that belong to a feature, one of them primary (a crossing site's structures).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Identifier, also the table unless named.
    pub id: String,
    /// Table in the type's schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Key column (uuid).
    pub key: String,
    /// Column that holds the feature's `cabd_id`.
    pub parent: String,
    /// Boolean column that marks the row shown in the type's view; no such row, no values.
    pub primary: String,
    /// Integer column; of several primary rows the lowest is shown, then the lowest key.
    pub order: String,
}

impl Part {
    /// The table's name.
    pub fn table(&self) -> &str {
        self.table.as_deref().unwrap_or(&self.id)
    }
}

/// A link table from features to the codes of a list (a fishway's species).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Identifier.
    pub id: String,
    /// Table in the type's schema.
    pub table: String,
    /// Column that holds the feature's `cabd_id`.
    pub parent: String,
    /// Column that holds the code.
    pub target: String,
    /// Code list of the target.
    pub codes: String,
    /// Boolean columns.
    #[serde(default)]
    pub flags: Vec<String>,
}

/// How a super type's attribute is made of a member's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MemberColumn {
    /// The member's attribute of that name.
    Rename(String),
    /// A constant.
    Constant {
        /// Boolean, integer, double or text.
        constant: toml::Value,
    },
    /// The first value that is not null, else a constant.
    First {
        /// The member's attributes.
        first: Vec<String>,
        /// The value when all are null.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<toml::Value>,
    },
}

/// A member of a super type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The member type; may be a super type itself.
    #[serde(rename = "type")]
    pub feature_type: String,
    /// Attributes that are not simply the member's attribute of the same name; an attribute that
    /// neither is named here nor exists in the member is null.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, MemberColumn>,
    /// Features left out because another type's attribute names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_by: Option<HiddenBy>,
}

/// Names the attribute whose values are not shown twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HiddenBy {
    /// The other type.
    #[serde(rename = "type")]
    pub feature_type: String,
    /// Its stored uuid attribute.
    pub attribute: String,
}

/// A feature type: a base type with tables, or a super type with members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureType {
    /// The head.
    #[serde(rename = "type")]
    pub head: TypeHead,
    /// The effective geometry; absent in a super type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometry: Option<GeometryRule>,
    /// Parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Members of a super type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// Attributes in display order.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
    /// Attributes whose column and values are kept but not served: no query, view or metadata shows them, and they take
    /// no new values. Moved back to `attributes`, they are served again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Attribute>,
    /// Where the store reads it from; no manifest says it.
    #[serde(skip)]
    pub served: Served,
}

/// Where a store reads a type from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Served {
    /// Its tables, as the manifest declares them.
    #[default]
    Tables,
    /// Views that an administrator put in the place of the generated ones. Values are written to the tables.
    Views {
        /// Attributes that the metadata registers and no manifest declares.
        extra: Vec<String>,
    },
    /// Views that an administrator registered by SQL alone: read-only.
    Registered,
}

impl FeatureType {
    /// The identifier.
    pub fn id(&self) -> &str {
        &self.head.id
    }

    /// Whether it is a super type.
    pub fn is_super(&self) -> bool {
        !self.members.is_empty()
    }

    /// Whether it is known by rows in the metadata tables only, so that nothing can be written to it.
    pub fn is_registered(&self) -> bool {
        self.served == Served::Registered
    }

    /// The type as its manifest declares it, without what a store has found.
    #[must_use]
    pub fn declared(&self) -> FeatureType {
        let mut out = self.clone();
        if let Served::Views { extra } = std::mem::take(&mut out.served) {
            out.attributes.retain(|a| !extra.contains(&a.id));
        }
        out
    }

    /// The type as the columns of its view in a language, where it is read from its views.
    pub(crate) fn as_view(&self, lang: crate::lang::Lang) -> Option<FeatureType> {
        if self.served == Served::Tables || self.is_super() {
            return None;
        }
        let (schema, root) = self.view();
        let mut out = self.clone();
        out.head.schema = Some(schema);
        out.head.table = Some(format!("{root}_{lang}"));
        let kind = self
            .geometry
            .as_ref()
            .map_or(crate::geometry::GeometryKind::Geometry, |g| g.kind);
        let column = match &self.served {
            Served::Registered => self.geometry.as_ref().map(|g| g.column.clone()),
            _ => None,
        };
        out.geometry = Some(GeometryRule {
            kind,
            column: column.unwrap_or_else(|| GEOMETRY.to_owned()),
            from: vec![],
            more: vec![],
        });
        out.parts.clear();
        out.links.clear();
        for a in &mut out.attributes {
            a.as_column();
        }
        Some(out)
    }

    /// The schema of its tables.
    pub fn schema(&self) -> &str {
        self.head.schema.as_deref().unwrap_or(&self.head.id)
    }

    /// Its table, without schema.
    pub fn table(&self) -> &str {
        self.head.table.as_deref().unwrap_or(&self.head.id)
    }

    /// Schema and root name of its views, without language suffix.
    pub fn view(&self) -> (String, String) {
        let full = self
            .head
            .view
            .clone()
            .unwrap_or_else(|| format!("cabd.{}_view", self.head.id));
        match full.split_once('.') {
            Some((s, v)) => (s.to_owned(), v.to_owned()),
            None => ("cabd".to_owned(), full),
        }
    }

    /// The attribute with that identifier, any case.
    pub fn attribute(&self, id: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|a| a.id.eq_ignore_ascii_case(id))
    }

    /// The attribute, or an error that names the nearest spelling.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the type has no such attribute.
    pub fn require(&self, field: &str, id: &str) -> Result<&Attribute> {
        self.attribute(id).ok_or_else(|| {
            let e = Error::invalid(format!("{} has no attribute {id:?}", self.id()))
                .field(field)
                .value(id);
            match nearest(id, self.attributes.iter().map(|a| a.id.as_str())) {
                Some(n) => e.hint(format!("did you mean {n:?}?")),
                None => e.hint("`cabd info` lists the attributes of a type"),
            }
        })
    }

    /// The part with that identifier.
    pub fn part(&self, id: &str) -> Option<&Part> {
        self.parts.iter().find(|p| p.id == id)
    }

    /// The link with that identifier.
    pub fn link(&self, id: &str) -> Option<&Link> {
        self.links.iter().find(|l| l.id == id)
    }

    /// Whether it has a feature source table.
    pub fn has_feature_source(&self) -> bool {
        self.head.sources != Sources::None
    }

    /// Whether it has an attribute source table.
    pub fn has_attribute_source(&self) -> bool {
        self.head.sources == Sources::Attributes
    }

    /// The attributes of a set in its order, geometry left out.
    pub fn set(&self, name: &str) -> Vec<&Attribute> {
        let mut found: Vec<&Attribute> = self
            .attributes
            .iter()
            .filter(|a| a.id != GEOMETRY && a.in_set(name))
            .collect();
        found.sort_by_key(|a| a.sets.get(name).copied().unwrap_or(0));
        found
    }
}

/// The candidate that differs least from `name`, if it is close.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = name.to_lowercase();
    candidates
        .map(|c| (distance(&lower, c), c))
        .filter(|(d, c)| *d <= 2.max(c.len() / 4))
        .min()
        .map(|(_, c)| c)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = if ca == *cb { diagonal } else { diagonal + 1 };
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
