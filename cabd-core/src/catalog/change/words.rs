//! Differences in words.

use crate::catalog::attribute::Attribute;

/// What differs in what an attribute says, not in what is stored.
pub(super) fn differences(o: &Attribute, a: &Attribute) -> Vec<String> {
    let mut out = vec![];
    for (lang, x, y) in [
        ("English", &o.name.en, &a.name.en),
        ("French", &o.name.fr, &a.name.fr),
    ] {
        if x != y {
            out.push(format!("{lang} label {y:?} instead of {x:?}"));
        }
    }
    for (what, differs) in [
        ("description", o.description != a.description),
        ("unit", o.unit != a.unit),
        ("group", o.group != a.group),
        ("plausible range", o.plausible != a.plausible),
        ("shapefile name", o.short != a.short),
        (
            "origin",
            (
                &o.label_of,
                &o.computed,
                &o.values_of,
                &o.url,
                &o.code_in,
                &o.present,
            ) != (
                &a.label_of,
                &a.computed,
                &a.values_of,
                &a.url,
                &a.code_in,
                &a.present,
            ) || o.part != a.part,
        ),
    ] {
        if differs {
            out.push(format!("new {what}"));
        }
    }
    if !a.is_stored() && o.data_type != a.data_type {
        out.push(format!("{} instead of {}", a.data_type, o.data_type));
    }
    for (what, x, y) in [
        ("in tiles", o.tile, a.tile),
        ("in name search", o.name_search, a.name_search),
        ("a link", o.is_link, a.is_link),
        ("its source tracked", o.tracked, a.tracked),
    ] {
        if x != y {
            out.push(if y {
                what.to_owned()
            } else {
                format!("not {what}")
            });
        }
    }
    for (set, n) in &a.sets {
        match o.sets.get(set) {
            None => out.push(format!("in set {set} at {n}")),
            Some(m) if m != n => out.push(format!("at {n} instead of {m} in set {set}")),
            Some(_) => {}
        }
    }
    for set in o.sets.keys().filter(|s| !a.sets.contains_key(*s)) {
        out.push(format!("out of set {set}"));
    }
    out
}
