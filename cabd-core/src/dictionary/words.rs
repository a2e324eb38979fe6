//! The words of the dictionary, in both languages.

use crate::catalog::{Attribute, Computed, Derived, FeatureType, MemberColumn, Origin, Served};
use crate::geometry::GeometryKind;
use crate::lang::Lang;
use crate::value::{DataType, ElementType};

/// English or French.
pub(super) fn of<'a>(lang: Lang, en: &'a str, fr: &'a str) -> &'a str {
    match lang {
        Lang::En => en,
        Lang::Fr => fr,
    }
}

pub(super) fn language(lang: Lang) -> &'static str {
    of(lang, "English", "Français")
}

pub(super) fn title(lang: Lang) -> &'static str {
    of(lang, "Data dictionary", "Dictionnaire de données")
}

pub(super) fn about(lang: Lang) -> &'static str {
    of(
        lang,
        "What the inventory holds: its feature types, their attributes, the codes they use, and where the data come from.",
        "Ce que contient l’inventaire\u{a0}: ses types d’élément, leurs attributs, les codes qu’ils emploient et la provenance des données.",
    )
}

pub(super) fn data_type(t: &DataType, lang: Lang) -> String {
    let w = |en: &'static str, fr: &'static str| of(lang, en, fr).to_owned();
    match t {
        DataType::Boolean => w("true or false", "vrai ou faux"),
        DataType::Integer => w("whole number", "nombre entier"),
        DataType::Double | DataType::Numeric => w("number", "nombre"),
        DataType::Text(None) => w("text", "texte"),
        DataType::Text(Some(n)) => match lang {
            Lang::En => format!("text, at most {n} characters"),
            Lang::Fr => format!("texte d’au plus {n} caractères"),
        },
        DataType::Uuid => w("identifier (UUID)", "identifiant (UUID)"),
        DataType::Date => w("date", "date"),
        DataType::Timestamp => w("date and time (UTC)", "date et heure (UTC)"),
        DataType::Url => w("link", "lien"),
        DataType::Geometry(kind) => geometry(*kind, lang).to_owned(),
        DataType::Array(ElementType::Text) => w("list of texts", "liste de textes"),
        DataType::Array(ElementType::Integer) => {
            w("list of whole numbers", "liste de nombres entiers")
        }
        DataType::Array(ElementType::Double) => w("list of numbers", "liste de nombres"),
    }
}

pub(super) fn geometry(kind: GeometryKind, lang: Lang) -> &'static str {
    match kind {
        GeometryKind::Point => of(lang, "point", "point"),
        GeometryKind::LineString => of(lang, "line", "ligne"),
        GeometryKind::Polygon => of(lang, "area", "surface"),
        GeometryKind::MultiPoint => of(lang, "points", "points"),
        GeometryKind::MultiLineString => of(lang, "lines", "lignes"),
        GeometryKind::MultiPolygon => of(lang, "areas", "surfaces"),
        GeometryKind::Geometry => of(lang, "any geometry", "géométrie quelconque"),
    }
}

/// The plausible range with the unit.
pub(super) fn range(a: &Attribute, lang: Lang) -> Option<String> {
    let [from, to] = a.plausible?;
    let unit = a.unit.as_deref().map(unit).unwrap_or_default();
    let number = |n: f64| match lang {
        Lang::En => n.to_string(),
        Lang::Fr => n.to_string().replace('.', ","),
    };
    let (from, to) = (number(from), number(to));
    let gap = if unit.is_empty() { "" } else { "\u{a0}" };
    Some(match lang {
        Lang::En => format!("plausible from {from} to {to}{gap}{unit}"),
        Lang::Fr => format!("plausible de {from} à {to}{gap}{unit}"),
    })
}

/// A UCUM symbol as people write it.
pub(super) fn unit(ucum: &str) -> String {
    match ucum {
        "deg" => "°".to_owned(),
        "m2" => "m²".to_owned(),
        "km2" => "km²".to_owned(),
        "m3" => "m³".to_owned(),
        "m3/s" => "m³/s".to_owned(),
        "10*6.m3" => "10⁶\u{a0}m³".to_owned(),
        "MW.h" => "MWh".to_owned(),
        "GW.h" => "GWh".to_owned(),
        "Cel" => "°C".to_owned(),
        other => other.to_owned(),
    }
}

/// How a value comes about, where it is not simply stored; in a super type, what it is in each member.
pub(super) fn comes_from(ft: &FeatureType, a: &Attribute, lang: Lang) -> Option<String> {
    if ft.is_super() {
        return of_members(ft, a, lang);
    }
    if matches!(ft.served, Served::Registered) {
        return None;
    }
    let say = |en: String, fr: String| Some(of(lang, &en, &fr).to_owned());
    match a.origin() {
        Origin::Label(code) => say(format!("Label of {code}"), format!("Libellé de {code}")),
        Origin::Computed(Computed::Latitude | Computed::Longitude) => say(
            "Computed from the location".to_owned(),
            "Calculé à partir de l’emplacement".to_owned(),
        ),
        Origin::Computed(Computed::FeatureType) => say(
            "The same for every feature of the type".to_owned(),
            "Le même pour tous les éléments du type".to_owned(),
        ),
        Origin::Computed(Computed::UpdatesPending) => say(
            "Computed from the updates that await review".to_owned(),
            "Calculé à partir des mises à jour en attente d’examen".to_owned(),
        ),
        Origin::Link(values) => {
            let conditions: Vec<String> = values
                .filter
                .iter()
                .map(|(column, is)| format!("{column} = {is}"))
                .collect();
            let only = conditions.join(", ");
            let gap = if only.is_empty() { "" } else { "\u{a0}: " };
            let gap_en = if only.is_empty() { "" } else { ": " };
            say(
                format!("Labels of the codes linked to the feature{gap_en}{only}"),
                format!("Libellés des codes liés à l’élément{gap}{only}"),
            )
        }
        Origin::Url(_) => say(
            "Made from the identifier".to_owned(),
            "Formé à partir de l’identifiant".to_owned(),
        ),
        Origin::CodeIn(test) => {
            let codes: Vec<String> = test.codes.iter().map(i64::to_string).collect();
            let (of, codes) = (&test.attribute, codes.join(", "));
            say(
                format!("True where {of} is one of {codes}"),
                format!("Vrai si {of} vaut l’un des codes {codes}"),
            )
        }
        Origin::Present(column) => say(
            format!("True where {column} is known"),
            format!("Vrai si {column} est connu"),
        ),
        Origin::Column { .. } => derived(a, lang)
            .map(|d| match &a.part {
                Some(part) => format!("{d} ({})", of_part(part, lang)),
                None => d,
            })
            .or_else(|| a.part.as_deref().map(|p| of_part(p, lang))),
        Origin::Id | Origin::Geometry => None,
    }
}

fn of_part(part: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("Of the primary row of {part}"),
        Lang::Fr => format!("De la rangée principale de {part}"),
    }
}

fn derived(a: &Attribute, lang: Lang) -> Option<String> {
    Some(match (a.derived.as_ref()?, lang) {
        (Derived::Contains(c), Lang::En) => {
            format!(
                "Filled in from the area of {} that holds the location",
                c.list
            )
        }
        (Derived::Contains(c), Lang::Fr) => {
            format!(
                "Rempli d’après la surface de {} où se trouve l’emplacement",
                c.list
            )
        }
        (Derived::Completeness(c), Lang::En) => {
            format!("Filled in from how much is known of {}", c.of.join(", "))
        }
        (Derived::Completeness(c), Lang::Fr) => {
            format!("Rempli d’après ce qui est connu de {}", c.of.join(", "))
        }
        (Derived::LastModified, Lang::En) => "Filled in with each change".to_owned(),
        (Derived::LastModified, Lang::Fr) => "Rempli à chaque modification".to_owned(),
    })
}

fn of_members(ft: &FeatureType, a: &Attribute, lang: Lang) -> Option<String> {
    let colon = of(lang, ": ", "\u{a0}: ");
    let each: Vec<String> = ft
        .members
        .iter()
        .filter_map(|m| {
            let what = match m.columns.get(&a.id)? {
                MemberColumn::Rename(name) if *name == a.id => return None,
                MemberColumn::Rename(name) => name.clone(),
                MemberColumn::Constant { constant } => constant.to_string(),
                MemberColumn::First { first, otherwise } => {
                    let end = otherwise.as_ref().map(ToString::to_string);
                    let all: Vec<String> = first.iter().cloned().chain(end).collect();
                    all.join(of(lang, ", else ", ", sinon "))
                }
            };
            Some(format!("{}{colon}{what}", m.feature_type))
        })
        .collect();
    let said = of(lang, "From ", "De ");
    let joined = each.join(of(lang, "; ", "\u{a0}; "));
    (!each.is_empty()).then(|| format!("{said}{joined}"))
}

/// How many codes there are, where they are too many to show.
pub(super) fn too_many(n: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{n} codes: too many to show here; the CSV form has them all."),
        Lang::Fr => format!(
            "{n} codes\u{a0}: trop pour être présentés ici\u{a0}; la forme CSV les contient tous."
        ),
    }
}

pub(super) fn no_codes(lang: Lang) -> &'static str {
    of(
        lang,
        "No codes yet: they come with the reference data.",
        "Aucun code pour l’instant\u{a0}: ils viennent avec les données de référence.",
    )
}

/// The columns of a data source that are shown, with their labels.
pub(super) fn source_columns(lang: Lang) -> [(&'static str, &'static str); 9] {
    let w = |en, fr| of(lang, en, fr);
    [
        ("full_name", w("Full name", "Nom complet")),
        ("organization_name", w("Organization", "Organisation")),
        ("data_source_category", w("Category", "Catégorie")),
        ("geographic_coverage", w("Coverage", "Étendue")),
        ("version_date", w("Version date", "Date de version")),
        ("version_number", w("Version", "Version")),
        ("source", w("Found at", "Adresse")),
        ("licence", w("Licence", "Licence")),
        ("attribution", w("Attribution", "Mention de la source")),
    ]
}

/// A value of a data source as text; nothing where it is null or blank.
pub(super) fn cell(record: &crate::store::Record, column: &str) -> Option<String> {
    let value = record.get(column);
    let text = match value.to_json() {
        serde_json::Value::Null => return None,
        serde_json::Value::String(s) => s,
        serde_json::Value::Array(all) => {
            let texts = all
                .iter()
                .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
            texts.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    (!text.trim().is_empty()).then_some(text)
}
