//! The TOML manifest: one feature type, its code lists, or attribute sets.

use serde::{Deserialize, Serialize};

use super::attribute::{Attribute, AttributeSet};
use super::code_list::CodeList;
use super::feature_type::{FeatureType, GeometryRule, Link, Member, Part, TypeHead};
use crate::error::{Error, Result};

/// What one manifest file declares.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "type")]
    head: Option<TypeHead>,
    geometry: Option<GeometryRule>,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(default)]
    members: Vec<Member>,
    #[serde(default)]
    attributes: Vec<Attribute>,
    #[serde(default)]
    retired: Vec<Attribute>,
    #[serde(default)]
    lists: Vec<CodeList>,
    #[serde(default)]
    sets: Vec<AttributeSet>,
}

/// Declarations read from one or more manifest files.
///
/// ```
/// use cabd_core::catalog::Manifest;
/// let manifest = Manifest::from_toml("ponds.toml", r#"
///     [type]
///     id = "ponds"
///     name = { en = "Ponds", fr = "Étangs" }
///     [geometry]
///     kind = "point"
///     [[attributes]]
///     id = "cabd_id"
///     type = "uuid"
///     name = { en = "Identifier", fr = "Identifiant" }
///     [[attributes]]
///     id = "geometry"
///     type = "geometry(point)"
///     name = { en = "Location", fr = "Emplacement" }
/// "#)?;
/// assert_eq!(manifest.types[0].id(), "ponds");
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// Feature types, members before the super types that need them or not: order is free.
    pub types: Vec<FeatureType>,
    /// Code lists and reference tables.
    pub lists: Vec<CodeList>,
    /// Attribute sets.
    pub sets: Vec<AttributeSet>,
}

impl Manifest {
    /// Reads one manifest file's text; `name` is its file name, for errors.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with line, key and expectation.
    pub fn from_toml(name: &str, text: &str) -> Result<Self> {
        let file: File = toml::from_str(text)
            .map_err(|e| Error::invalid(e.to_string().trim_end().to_owned()).at(name.to_owned()))?;
        let mut out = Manifest {
            types: vec![],
            lists: file.lists,
            sets: file.sets,
        };
        match file.head {
            Some(head) => out.types.push(FeatureType {
                head,
                geometry: file.geometry,
                parts: file.parts,
                links: file.links,
                members: file.members,
                attributes: file.attributes,
                retired: file.retired,
                served: Default::default(),
            }),
            None if !file.attributes.is_empty() || !file.members.is_empty() => {
                return Err(Error::invalid("attributes without a [type]")
                    .at(name.to_owned())
                    .hint("begin the manifest with [type] and its id"));
            }
            None => {}
        }
        for list in &mut out.lists {
            let codes = std::mem::take(&mut list.codes);
            *list = list.with_codes(codes);
        }
        Ok(out)
    }

    /// Reads several files, given as name and text.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut all = Manifest::default();
        for (name, text) in files {
            all.merge(Manifest::from_toml(name, text)?);
        }
        Ok(all)
    }

    /// The declarations as one manifest file; of several types only the first has room in it.
    ///
    /// ```
    /// use cabd_core::catalog::Manifest;
    /// let text = "[[sets]]\nname = \"all\"\ncolumn = \"vw_all_order\"\n";
    /// let manifest = Manifest::from_toml("sets.toml", text)?;
    /// assert_eq!(manifest.to_toml()?, text);
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) for a declaration that TOML cannot say.
    pub fn to_toml(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Out<'a> {
            #[serde(flatten)]
            feature_type: Option<&'a FeatureType>,
            #[serde(skip_serializing_if = "<[CodeList]>::is_empty")]
            lists: &'a [CodeList],
            #[serde(skip_serializing_if = "<[AttributeSet]>::is_empty")]
            sets: &'a [AttributeSet],
        }
        toml::to_string(&Out {
            feature_type: self.types.first(),
            lists: &self.lists,
            sets: &self.sets,
        })
        .map_err(|e| Error::internal("the declaration cannot be written as TOML").because(e))
    }

    /// Adds another manifest's declarations.
    pub fn merge(&mut self, other: Manifest) {
        self.types.extend(other.types);
        self.lists.extend(other.lists);
        self.sets.extend(other.sets);
    }
}
