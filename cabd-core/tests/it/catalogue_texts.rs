//! The shipped catalogue's own rules: two languages everywhere, no label twice, names that a shapefile can hold.

use std::collections::{BTreeMap, BTreeSet};

use cabd_core::catalog::{Catalog, Manifest};
use cabd_core::lang::Text;

use cabd_core::conformance::shipped::manifest as shipped;

/// Words that are the same in both languages: proper names, loan words, symbols. Anything else is a forgotten translation.
const SAME: &[&str] = &[
    "Alberta",
    "Cascade",
    "Comparable",
    "Denil",
    "Francis",
    "Inaccessible",
    "Irrigation",
    "Kaplan",
    "Latitude",
    "Longitude",
    "Manitoba",
    "Minimal",
    "Municipal",
    "Navigation",
    "Nunavut",
    "Ontario",
    "Pelton",
    "Saskatchewan",
    "Structure",
    "Turbine",
    "Yukon",
];

/// Labels that a list has twice, and why that stays.
const TWICE: &[(&str, &str)] = &[
    // Codes 7 and 8 have the same label where the list comes from; what 7 meant is not known.
    ("stream_crossings.material_codes", "plastic (smooth)"),
    ("stream_crossings.material_codes", "plastique (lisse)"),
];

/// Every text of the manifest and where it stands.
fn texts(m: &Manifest) -> Vec<(String, &Text)> {
    let mut out = vec![];
    for ft in &m.types {
        out.push((format!("type {}, name", ft.id()), &ft.head.name));
        out.push((
            format!("type {}, description", ft.id()),
            &ft.head.description,
        ));
        for a in &ft.attributes {
            let place = format!("{}.{}", ft.id(), a.id);
            out.push((format!("{place}, name"), &a.name));
            out.push((format!("{place}, description"), &a.description));
            out.push((format!("{place}, group"), &a.group));
        }
    }
    for list in &m.lists {
        out.push((format!("list {}, title", list.id), &list.title));
        for c in &list.codes {
            out.push((format!("list {}, {}, name", list.id, c.code), &c.name));
            out.push((
                format!("list {}, {}, description", list.id, c.code),
                &c.description,
            ));
        }
    }
    out
}

/// What is wrong with the texts of a manifest.
fn faults(m: &Manifest) -> Vec<String> {
    let mut out = vec![];
    for (place, text) in texts(m) {
        if text.en.trim().is_empty() || text.fr.trim().is_empty() {
            out.push(format!("{place}: a language is blank"));
        } else if text.en.to_lowercase() == text.fr.to_lowercase()
            && !SAME.contains(&text.en.as_str())
        {
            out.push(format!("{place}: French as English: {:?}", text.fr));
        }
    }
    for ft in &m.types {
        let labels = ft.attributes.iter().map(|a| (a.id.clone(), &a.name));
        out.extend(repeated(ft.id(), labels));
        let mut shorts = BTreeMap::new();
        for a in &ft.attributes {
            let short = a.short.as_deref().unwrap_or_default();
            if short.is_empty() {
                if a.id != "geometry" {
                    out.push(format!("{}.{}: no shapefile name", ft.id(), a.id));
                }
                continue;
            }
            if short.len() > 10
                || !short
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_')
            {
                out.push(format!("{}.{}: shapefile name {short:?}", ft.id(), a.id));
            }
            if let Some(other) = shorts.insert(short.to_lowercase(), &a.id) {
                out.push(format!("{}: {short:?} is {other} and {}", ft.id(), a.id));
            }
        }
    }
    for list in &m.lists {
        let labels = list.codes.iter().map(|c| (c.code.to_string(), &c.name));
        let known = |fault: &String| {
            TWICE
                .iter()
                .any(|(l, label)| fault.contains(l) && fault.contains(label))
        };
        out.extend(repeated(&list.id, labels).into_iter().filter(|f| !known(f)));
    }
    out
}

fn repeated<'a>(place: &str, labels: impl Iterator<Item = (String, &'a Text)>) -> Vec<String> {
    let (mut seen, mut out) = (BTreeMap::new(), vec![]);
    for (id, text) in labels {
        for (lang, label) in [("en", &text.en), ("fr", &text.fr)] {
            if let Some(other) = seen.insert((lang, label.to_lowercase()), id.clone()) {
                let label = label.to_lowercase();
                out.push(format!("{place}: {label:?} ({lang}) is {other} and {id}"));
            }
        }
    }
    out
}

#[test]
fn every_text_is_in_two_languages_and_every_name_is_one_thing() {
    let faults = faults(&shipped());
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn each_kind_of_fault_is_found() {
    let spoilt = |change: fn(&mut Manifest)| {
        let mut m = shipped();
        change(&mut m);
        faults(&m)
    };
    for (change, expected) in [
        (
            (|m: &mut Manifest| m.types[0].attributes[3].name.fr.clear()) as fn(&mut Manifest),
            "a language is blank",
        ),
        (
            |m| {
                m.types[0].attributes[3].description.fr =
                    m.types[0].attributes[3].description.en.clone()
            },
            "French as English",
        ),
        (
            |m| m.types[0].attributes[3].name.fr = m.types[0].attributes[4].name.fr.to_uppercase(),
            "(fr) is",
        ),
        (
            |m| m.types[0].attributes[3].name.en = m.types[0].attributes[4].name.en.clone(),
            "(en) is",
        ),
        (
            |m| m.lists[0].codes[0].description.fr.clear(),
            "a language is blank",
        ),
        (
            |m| m.lists[0].codes[0].name.fr = m.lists[0].codes[1].name.fr.clone(),
            "(fr) is",
        ),
        (
            |m| m.types[0].attributes[3].short = m.types[0].attributes[4].short.clone(),
            "is waterbody_name_en and",
        ),
        (
            |m| m.types[0].attributes[3].short = Some("elevenchars".into()),
            "shapefile name \"elevenchars\"",
        ),
    ] {
        let found = spoilt(change);
        assert!(
            found.iter().any(|f| f.contains(expected)),
            "{expected}: {found:?}"
        );
    }
}

#[test]
fn nothing_is_listed_as_the_same_without_need() {
    let m = shipped();
    let same: BTreeSet<&str> = texts(&m)
        .into_iter()
        .filter(|(_, t)| t.en.to_lowercase() == t.fr.to_lowercase())
        .map(|(_, t)| t.en.as_str())
        .collect();
    let listed: BTreeSet<&str> = SAME.iter().copied().collect();
    assert_eq!(same, listed);
}

/// Typography of the French texts: U+2019, no-break spaces inside guillemets, before a colon and a per cent sign, and between
/// a number and what it counts.
#[test]
fn french_is_set_as_french() {
    let m = shipped();
    let mut wrong = vec![];
    for (place, text) in texts(&m) {
        let fr = text.fr.as_str();
        let chars: Vec<char> = fr.chars().collect();
        let before = |c: char, wanted: char| {
            let at = chars.iter().enumerate().filter(|(_, x)| **x == c);
            at.into_iter()
                .any(|(i, _)| i == 0 || chars[i - 1] != wanted)
        };
        let reason = if fr.contains('\'') {
            "a straight apostrophe"
        } else if fr.contains('"') || fr.contains('“') {
            "English quotation marks"
        } else if before('»', '\u{a0}')
            || fr.contains("« ")
            || fr.matches('«').count() != fr.matches("«\u{a0}").count()
        {
            "no no-break space inside guillemets"
        } else if before(':', '\u{a0}') && !fr.contains("EPSG:") {
            "no no-break space before a colon"
        } else if fr.contains('%') && before('%', '\u{a0}') && !fr.contains("(%)") {
            "no no-break space before a per cent sign"
        } else if fr.contains(" ;")
            || fr.contains("\u{a0};")
            || fr.contains(" !")
            || fr.contains(" ?")
        {
            "a space before a mark that has none in Canada"
        } else if fr.contains("  ") || fr.trim() != fr {
            "stray blanks"
        } else if [
            "de le ",
            "de les ",
            "à le ",
            "à les ",
            " de un",
            " que il",
            " que elle",
        ]
        .iter()
        .any(|w| fr.contains(w))
        {
            "words that contract"
        } else if place.ends_with("description") && !fr.ends_with('.') {
            "no full stop"
        } else {
            continue;
        };
        wrong.push(format!("{place}: {reason}: {fr}"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Terms of the glossary that were decided against, and the term in use.
const REJECTED: &[(&str, &str)] = &[
    ("barrière", "obstacle"),
    ("calvette", "ponceau"),
    ("buse", "ponceau"),
    ("dalot", "ponceau"),
    ("chicane", "déflecteur"),
    ("passe migratoire", "passe à poissons"),
    ("franchissement", "traversée"),
    ("identificateur", "identifiant"),
    ("exutoire", "sortie"),
    ("embouchure", "sortie"),
    ("empierrement", "enrochement"),
    ("perré", "enrochement"),
    ("refoulement", "remous"),
    ("bassin hydrographique", "bassin versant"),
    ("étendue d’eau", "plan d’eau"),
    ("étiquette", "libellé"),
    ("entité", "élément"),
    ("passabilité", "franchissabilité"),
    ("statut", "état"),
    ("chemin de fer", "voie ferrée"),
    ("déversoir", "seuil"),
    ("déclassé", "démantelé"),
    ("sédiment de fond", "substrat"),
];

#[test]
fn french_uses_the_terms_of_the_glossary() {
    let m = shipped();
    let mut wrong = vec![];
    for (place, text) in texts(&m) {
        let fr = text.fr.to_lowercase();
        let words: Vec<&str> = fr
            .split(|c: char| !c.is_alphanumeric() && c != '’')
            .collect();
        for (term, instead) in REJECTED {
            let plural = format!("{term}s");
            let found = match term.contains(' ') || term.contains('’') {
                true => fr.contains(term),
                false => words.iter().any(|w| w == term || *w == plural),
            };
            if found {
                wrong.push(format!("{place}: {term} for {instead}: {}", text.fr));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_attribute_sets_are_the_documented_ones() {
    let catalog = Catalog::new(1, shipped()).unwrap();
    let sets: Vec<_> = catalog
        .sets()
        .iter()
        .map(|s| (s.name.as_str(), s.column.as_str(), s.aliases.join(" ")))
        .collect();
    assert_eq!(
        sets,
        [
            ("all", "vw_all_order", String::new()),
            ("mobile", "vw_mobile_order", String::new()),
            ("simple", "vw_simple_order", "limited".to_owned()),
        ]
    );
    for ft in catalog.types() {
        for set in ["all", "simple", "mobile"] {
            let mut places: Vec<i32> = ft
                .attributes
                .iter()
                .filter_map(|a| a.sets.get(set).copied())
                .collect();
            let attributes = places.len();
            places.sort_unstable();
            places.dedup();
            assert_eq!(
                places.len(),
                attributes,
                "{}: a place twice in {set}",
                ft.id()
            );
            assert!(!places.is_empty(), "{}: nothing in {set}", ft.id());
        }
    }
}

#[test]
fn reference_tables_have_extents_where_there_are_polygons() {
    let m = shipped();
    let with: Vec<&str> = m
        .lists
        .iter()
        .filter(|l| l.extent.is_some())
        .map(|l| l.id.as_str())
        .collect();
    assert_eq!(
        with,
        [
            "cabd.province_territory_codes",
            "cabd.census_subdivisions",
            "cabd.nhn_workunit",
            "cabd.watersheds",
        ]
    );
}
