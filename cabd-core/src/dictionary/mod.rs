//! The data dictionary: what an inventory holds, written from its catalogue as a web page, Markdown or CSV.

mod csv;
mod html;
mod markdown;
mod words;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::catalog::{Attribute, Catalog, CodeList, Derived, FeatureType, Origin};
use crate::error::{Error, Result};
use crate::lang::Lang;
use crate::store::Record;

/// Codes of a list that the page and the Markdown show; of a longer one they say how many there are. CSV has all.
const MOST_CODES: usize = 1000;

/// The form of a dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One web page that needs nothing else.
    Html,
    /// Markdown with tables, as many programs render it.
    Markdown,
    /// A row for each type, attribute, code list, code, attribute set and data source.
    Csv,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 3] = [Form::Html, Form::Markdown, Form::Csv];

    /// `html`, `md` or `csv`.
    pub fn name(self) -> &'static str {
        match self {
            Form::Html => "html",
            Form::Markdown => "md",
            Form::Csv => "csv",
        }
    }

    /// The form that a file's name tells.
    ///
    /// ```
    /// use cabd_core::dictionary::Form;
    /// assert_eq!(Form::from_path("docs/dictionary.HTML"), Some(Form::Html));
    /// assert_eq!(Form::from_path("dictionary"), None);
    /// ```
    pub fn from_path(path: &str) -> Option<Form> {
        let (_, end) = path.rsplit_once('.')?;
        match end.to_ascii_lowercase().as_str() {
            "html" | "htm" => Some(Form::Html),
            "md" | "markdown" => Some(Form::Markdown),
            "csv" => Some(Form::Csv),
            _ => None,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Form {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let lower = s.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|f| f.name() == lower)
            .ok_or_else(|| {
                Error::invalid("unknown form of a data dictionary")
                    .field("format")
                    .value(s)
                    .expected("html, md or csv")
            })
    }
}

/// Where the text of the other language is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Languages<'a> {
    /// Both in one text, English first.
    Both,
    /// One; a page links to `other`, the address of the same in the other language.
    One {
        /// The language.
        lang: Lang,
        /// Where the other one is, if anywhere.
        other: Option<&'a str>,
    },
}

impl Languages<'_> {
    fn all(&self) -> &[Lang] {
        match self {
            Languages::Both => &Lang::ALL,
            Languages::One { lang: Lang::En, .. } => &[Lang::En],
            Languages::One { lang: Lang::Fr, .. } => &[Lang::Fr],
        }
    }
}

/// What a dictionary tells of.
///
/// ```
/// use cabd_core::dictionary::{Dictionary, Form, Languages};
/// use cabd_core::{Catalog, Lang, Manifest};
/// let manifest = Manifest::from_toml("weirs", r#"
///     [type]
///     id = "weirs"
///     name = { en = "Weirs", fr = "Seuils" }
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
///     [[attributes]]
///     id = "crest_m"
///     type = "double"
///     unit = "m"
///     name = { en = "Crest", fr = "Crête" }
/// "#)?;
/// let catalog = Catalog::new(1, manifest)?;
/// let french = Languages::One { lang: Lang::Fr, other: None };
/// let text = Dictionary::new(&catalog, vec![]).only(["weirs"])?.write(Form::Markdown, french)?;
/// assert!(text.contains("Crête"));
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dictionary<'a> {
    catalog: &'a Catalog,
    types: Vec<&'a Arc<FeatureType>>,
    lists: Vec<&'a Arc<CodeList>>,
    sources: Option<Vec<Record>>,
}

impl<'a> Dictionary<'a> {
    /// Everything in the catalogue, and these data sources: rows of `cabd.data_source`.
    pub fn new(catalog: &'a Catalog, mut sources: Vec<Record>) -> Self {
        sources.sort_by_cached_key(|s| {
            let text = |column| s.get(column).as_str().unwrap_or("\u{10ffff}").to_owned();
            let spatial = s.get("source_type").as_str() != Some("spatial");
            let (category, name) = (text("data_source_category"), text("name"));
            (spatial, category, text("organization_name"), name)
        });
        Self {
            catalog,
            types: catalog.types().collect(),
            lists: catalog.lists().collect(),
            sources: Some(sources),
        }
    }

    /// Only what is named: `ds` for the data sources, `types` for every type, or types by their names, with the code lists
    /// that these use. Nothing named is everything.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for another name, with the field `options`.
    pub fn only<'o>(mut self, options: impl IntoIterator<Item = &'o str>) -> Result<Self> {
        let mut types: Vec<&'a Arc<FeatureType>> = vec![];
        let (mut any, mut sources, mut every) = (false, false, false);
        for option in options {
            any = true;
            match option {
                "ds" => sources = true,
                "types" => every = true,
                name => {
                    let found = self.catalog.feature_type(name).map_err(|e| {
                        Error::invalid("not a part of the data dictionary")
                            .field("options")
                            .value(name)
                            .expected("ds, types, or names of feature types")
                            .because(e)
                    })?;
                    types.push(found);
                }
            }
        }
        if !any {
            return Ok(self);
        }
        if !every {
            self.types
                .retain(|t| types.iter().any(|x| x.id() == t.id()));
            let used: Vec<&str> = self.types.iter().flat_map(|t| lists_of(t)).collect();
            self.lists.retain(|l| used.contains(&l.id.as_str()));
        }
        if !sources {
            self.sources = None;
        }
        Ok(self)
    }

    /// The text.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) where a row does not fit into CSV.
    pub fn write(&self, form: Form, languages: Languages<'_>) -> Result<String> {
        match form {
            Form::Html => Ok(html::page(self, languages)),
            Form::Markdown => {
                let texts: Vec<String> = languages
                    .all()
                    .iter()
                    .map(|lang| markdown::text(self, *lang))
                    .collect();
                Ok(texts.join("\n"))
            }
            Form::Csv => csv::table(self, languages.all()),
        }
    }

    fn sources(&self) -> &[Record] {
        self.sources.as_deref().unwrap_or_default()
    }

    /// The list whose codes or labels are the attribute's values.
    fn list_of(&self, ft: &FeatureType, a: &Attribute) -> Option<&'a Arc<CodeList>> {
        let list = |id: &Option<String>| self.catalog.list(id.as_deref()?);
        list(&a.codes).or_else(|| match a.origin() {
            Origin::Label(of) => list(&ft.attribute(of)?.codes),
            Origin::Link(values) => self.catalog.list(&ft.link(&values.link)?.codes),
            _ => None,
        })
    }

    /// The sets that hold an attribute, with its place in each; the tile set without a place.
    fn sets_of(&self, a: &Attribute) -> String {
        let mut all: Vec<String> = a.sets.iter().map(|(s, n)| format!("{s} {n}")).collect();
        if a.tile {
            all.push(crate::catalog::TILE_SET.to_owned());
        }
        all.join(", ")
    }
}

/// The lists that a type uses, by identifier.
fn lists_of(ft: &FeatureType) -> impl Iterator<Item = &str> {
    let of_attributes = ft.attributes.iter().chain(&ft.retired).flat_map(|a| {
        let polygons = match &a.derived {
            Some(Derived::Contains(c)) => Some(c.list.as_str()),
            _ => None,
        };
        a.codes.as_deref().into_iter().chain(polygons)
    });
    of_attributes.chain(ft.links.iter().map(|l| l.codes.as_str()))
}

/// The attributes in display order, gathered by display group; groups in the order in which they first appear.
fn groups(ft: &FeatureType, lang: Lang) -> Vec<(&str, Vec<&Attribute>)> {
    let mut out: Vec<(&str, Vec<&Attribute>)> = vec![];
    for a in &ft.attributes {
        let group = a.group.get(lang);
        match out.iter_mut().find(|(g, _)| *g == group) {
            Some((_, all)) => all.push(a),
            None => out.push((group, vec![a])),
        }
    }
    out
}
