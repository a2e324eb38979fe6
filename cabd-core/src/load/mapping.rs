//! Mapping files: how the columns of a foreign file become the attributes of a type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::matching::Match;
use crate::error::{Error, Result};

/// A mapping as its TOML file declares it.
///
/// ```
/// let mapping = cabd_core::load::Mapping::from_toml(r#"
///     type = "dams"
///     [source]
///     name = "Dams of Anywhere"
///     id = ["id"]
///     [point]
///     crs = "EPSG:4617"
///     x = "lon"
///     y = "lat"
///     [[fields]]
///     to = "height_m"
///     from = ["height_ft"]
///     scale = 0.3048
/// "#)?;
/// assert_eq!(mapping.fields[0].to, "height_m");
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Feature type; `--type` must agree where both are given.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub feature_type: Option<String>,
    /// Reference table (`schema.table`) instead of a type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Text encoding of the file.
    #[serde(default)]
    pub encoding: Encoding,
    /// Attribution to show wherever the rows are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// Licence of the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The data source of the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceRule>,
    /// Of suggested updates: the contact behind every row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactRule>,
    /// Where the point comes from; the file's own geometry where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<PointRule>,
    /// How rows find features that are there, where the load does not say it.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub match_rule: Option<MatchRule>,
    /// Only rows whose column holds one of the values (trimmed, any case) are read; others are skipped and counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, Vec<String>>,
    /// Columns that are knowingly not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// The attributes.
    #[serde(default)]
    pub fields: Vec<FieldRule>,
}

/// Text encoding of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8; invalid bytes are an error.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Latin-1, read as Windows-1252.
    #[serde(rename = "latin-1")]
    Latin1,
}

/// The data source of each row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRule {
    /// Name of the data source, and its prefix (`name / value`) where `column` is given too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Column that names the data source of each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Columns whose non-blank values, joined with `:`, are the source's own identifier of the row.
    /// Whole numbers written as floats (`711.0`) lose their `.0`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id: Vec<String>,
    /// `first`: the first non-blank column of `id` alone; `all`: all of them joined.
    #[serde(default)]
    pub id_rule: IdRule,
    /// Prefix of the identifier, where the columns repeat between files of one source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_prefix: Option<String>,
    /// Attribute (a date, an instant, a number) that tells how new a row is: one that is older than what the same source
    /// gave before changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_newer: Option<String>,
    /// `spatial` (default) or `non-spatial`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_type: Option<String>,
    /// Version date, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_date: Option<String>,
    /// Version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_number: Option<String>,
    /// Category, such as `illustrative`, `provincial` or `research`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Who publishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Which part of the world it covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<String>,
    /// Where the file comes from and what to know about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments: Option<String>,
}

/// The contact that suggests what a file says: found by its address, or made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactRule {
    /// Address.
    pub email: String,
    /// Name.
    pub name: String,
    /// Organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
}

/// How rows find features that are there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRule {
    /// The rule, as `--match` takes it; the option, where given, counts before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Match>,
    /// Columns that name the feature, for a match by name. Where empty, the row's names are those mapped attributes that name
    /// filters look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// What a row that finds no feature becomes.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// What a row that finds no feature becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// A new feature.
    #[default]
    New,
    /// Nothing: it is counted as skipped.
    Skip,
    /// A rejected row.
    Reject,
}

/// How several identifier columns make one identifier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdRule {
    /// All non-blank values joined with `:`.
    #[default]
    All,
    /// The first non-blank value.
    First,
}

/// Where a row's point comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointRule {
    /// `EPSG:4617`, `EPSG:4326`, `EPSG:4269`, `EPSG:3005`, `EPSG:3857`, `EPSG:3347`, `EPSG:3979`, a NAD83 UTM zone
    /// (`EPSG:26907` … `EPSG:26922`), or `NAD83 / UTM` together with `zone`.
    /// Without `x` and `y` it is the system of the file's own geometry.
    pub crs: String,
    /// Column of longitude or easting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Column of latitude or northing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// Column of the UTM zone (7 to 22).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// A second rule, for rows where this one's columns are blank.
    #[serde(default, rename = "else", skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Box<PointRule>>,
}

/// One attribute, and what it is made of.
///
/// A field of a part (a crossing's structure) goes to one primary part row of the feature.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    /// Attribute, column of the reference table, or `<link>` for the codes of a link table.
    pub to: String,
    /// Columns; the first that is not blank is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// A text made of several columns: pieces such as `"Seen {date}."`, with a blank between them. A piece that names a blank
    /// column is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<String>,
    /// A constant instead of a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<toml::Value>,
    /// The rule speaks only for rows whose column holds one of the values (trimmed, any case); for others there is no value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, Vec<String>>,
    /// Words to values, any case, trimmed. A word with `*` stands for every text of that form; of several that fit, the one
    /// with the most other characters counts, then the one with the fewest `*`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, toml::Value>,
    /// Whether the code list's own labels (either language, names folded) are read as codes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub labels: bool,
    /// What a word that is in neither list becomes.
    #[serde(default)]
    pub unknown: Unknown,
    /// Factor for numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Added to numbers, after the factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// Numbers written as text are cut at the first character that cannot belong to one (`3.5 m`, `~4`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lenient_number: bool,
    /// Values outside this range are treated as `unknown` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<[f64; 2]>,
    /// strptime patterns, tried in order; ISO 8601 where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<String>,
    /// Text clean-up, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clean: Vec<Clean>,
    /// Put before a text that is not blank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The value is a key of another data source; the feature's identifier is looked up by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<LookupRule>,
    /// Separator of array elements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// For a link: the flags of its rows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flags: BTreeMap<String, bool>,
}

/// Where an identifier is looked up by the key that a data source has for a feature.
///
/// A key that no feature has is treated as the field's `unknown` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupRule {
    /// Feature type.
    #[serde(rename = "type")]
    pub feature_type: String,
    /// Name of the data source.
    pub source: String,
}

/// What an unreadable value becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// The row is rejected, with field, value and reason.
    #[default]
    Reject,
    /// The value is left out.
    Null,
    /// The value is kept as it is.
    Keep,
}

/// A clean-up of text. Blank after cleaning is null; text is trimmed always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clean {
    /// HTML entities become characters.
    HtmlEntities,
    /// HTML tags are removed.
    HtmlTags,
    /// Runs of white space become one space.
    Spaces,
    /// Text all in capitals becomes title case.
    TitleCase,
    /// Lower case.
    LowerCase,
    /// Mojibake of UTF-8 read as Windows-1252 is put right.
    Mojibake,
}

impl Mapping {
    /// Reads a mapping file's text.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) with the line and what was expected there.
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|e| Error::invalid(format!("mapping file: {}", e.to_string().trim_end())))
    }
}
