//! What the tables say and the declarations do not: found, and left alone unless told otherwise.

use std::collections::BTreeSet;

use super::step::Drift;
use crate::catalog::Manifest;
use crate::catalog::attribute::Attribute;
use crate::catalog::code_list::{Code, CodeList};
use crate::catalog::feature_type::{FeatureType, TypeHead};
use crate::value::Value;

/// A field that the documented tables hold, as text.
struct Field<T> {
    name: &'static str,
    get: fn(&T) -> String,
    copy: fn(&mut T, &T),
}

const ATTRIBUTE: [Field<Attribute>; 8] = [
    Field {
        name: "name.en",
        get: |a| a.name.en.clone(),
        copy: |a, b| a.name.en.clone_from(&b.name.en),
    },
    Field {
        name: "name.fr",
        get: |a| a.name.fr.clone(),
        copy: |a, b| a.name.fr.clone_from(&b.name.fr),
    },
    Field {
        name: "description.en",
        get: |a| a.description.en.clone(),
        copy: |a, b| a.description.en.clone_from(&b.description.en),
    },
    Field {
        name: "description.fr",
        get: |a| a.description.fr.clone(),
        copy: |a, b| a.description.fr.clone_from(&b.description.fr),
    },
    Field {
        name: "is_link",
        get: |a| a.is_link.to_string(),
        copy: |a, b| a.is_link = b.is_link,
    },
    Field {
        name: "tile",
        get: |a| a.tile.to_string(),
        copy: |a, b| a.tile = b.tile,
    },
    Field {
        name: "name_search",
        get: |a| a.name_search.to_string(),
        copy: |a, b| a.name_search = b.name_search,
    },
    Field {
        name: "short",
        get: |a| a.short.clone().unwrap_or_default(),
        copy: |a, b| a.short.clone_from(&b.short),
    },
];

const HEAD: [Field<TypeHead>; 4] = [
    Field {
        name: "name.en",
        get: |h| h.name.en.clone(),
        copy: |a, b| a.name.en.clone_from(&b.name.en),
    },
    Field {
        name: "name.fr",
        get: |h| h.name.fr.clone(),
        copy: |a, b| a.name.fr.clone_from(&b.name.fr),
    },
    Field {
        name: "description.en",
        get: |h| h.description.en.clone(),
        copy: |a, b| a.description.en.clone_from(&b.description.en),
    },
    Field {
        name: "data_version",
        get: |h| h.data_version.clone().unwrap_or_default(),
        copy: |a, b| a.data_version.clone_from(&b.data_version),
    },
];

const CODE: [Field<Code>; 4] = [
    Field {
        name: "name.en",
        get: |c| c.name.en.clone(),
        copy: |a, b| a.name.en.clone_from(&b.name.en),
    },
    Field {
        name: "name.fr",
        get: |c| c.name.fr.clone(),
        copy: |a, b| a.name.fr.clone_from(&b.name.fr),
    },
    Field {
        name: "description.en",
        get: |c| c.description.en.clone(),
        copy: |a, b| a.description.en.clone_from(&b.description.en),
    },
    Field {
        name: "description.fr",
        get: |c| c.description.fr.clone(),
        copy: |a, b| a.description.fr.clone_from(&b.description.fr),
    },
];

/// Where `present` is not what was declared, `given` takes what is present, unless told otherwise; what it would have said
/// goes to `drift`.
fn keep<T>(
    fields: &[Field<T>],
    object: &str,
    given: &mut T,
    present: &T,
    declared: &T,
    overwrite: bool,
    drift: &mut Vec<Drift>,
) {
    for f in fields {
        let (now, wanted) = ((f.get)(present), (f.get)(given));
        if now == wanted || now == (f.get)(declared) {
            continue;
        }
        if !overwrite {
            (f.copy)(given, present);
            drift.push(Drift {
                object: object.to_owned(),
                field: f.name.to_owned(),
                declared: wanted,
                present: now,
            });
        }
    }
}

/// Keeps what the metadata rows of a type say differently.
pub(super) fn keep_type(
    given: &mut FeatureType,
    present: &FeatureType,
    declared: &FeatureType,
    overwrite: bool,
    drift: &mut Vec<Drift>,
) {
    let id = given.id().to_owned();
    keep(
        &HEAD,
        &id,
        &mut given.head,
        &present.head,
        &declared.head,
        overwrite,
        drift,
    );
    for a in &mut given.attributes {
        let (Some(p), Some(d)) = (present.attribute(&a.id), declared.attribute(&a.id)) else {
            continue;
        };
        let object = format!("{id}.{}", a.id);
        keep(&ATTRIBUTE, &object, a, p, d, overwrite, drift);
        keep_sets(&object, a, p, d, overwrite, drift);
    }
}

/// Keeps the places in sets that the metadata row says differently.
fn keep_sets(
    object: &str,
    given: &mut Attribute,
    present: &Attribute,
    declared: &Attribute,
    overwrite: bool,
    drift: &mut Vec<Drift>,
) {
    let names: BTreeSet<&String> = present.sets.keys().chain(declared.sets.keys()).collect();
    for set in names {
        let (now, was) = (present.sets.get(set), declared.sets.get(set));
        let wanted = given.sets.get(set).copied();
        if now == was || now.copied() == wanted || overwrite {
            continue;
        }
        let place = |n: Option<i32>| n.map_or("not in it".to_owned(), |n| n.to_string());
        drift.push(Drift {
            object: object.to_owned(),
            field: format!("sets.{set}"),
            declared: place(wanted),
            present: place(now.copied()),
        });
        match now {
            Some(n) => given.sets.insert(set.clone(), *n),
            None => given.sets.remove(set),
        };
    }
}

/// Keeps what a code's row says differently, its further columns too.
pub(super) fn keep_code(
    list: &CodeList,
    given: &mut Code,
    present: &Code,
    declared: &Code,
    overwrite: bool,
    drift: &mut Vec<Drift>,
) {
    let object = format!("{}={}", list.id, given.code);
    keep(&CODE, &object, given, present, declared, overwrite, drift);
    for column in &list.columns {
        // `7` and `7.0` are the same number, however a table writes it.
        let read = |code: &Code| -> Option<Value> {
            let text = Value::from(code.more.get(&column.id)?.as_str());
            Some(
                text.clone()
                    .coerce(&column.id, &column.data_type)
                    .unwrap_or(text),
            )
        };
        let (now, wanted) = (read(present), read(given));
        if overwrite || now == wanted || now == read(declared) {
            continue;
        }
        let shown = |v: &Option<Value>| v.as_ref().map_or(String::new(), ToString::to_string);
        drift.push(Drift {
            object: object.clone(),
            field: column.id.clone(),
            declared: shown(&wanted),
            present: shown(&now),
        });
        match present.more.get(&column.id) {
            Some(text) => given.more.insert(column.id.clone(), text.clone()),
            None => given.more.remove(&column.id),
        };
    }
}

/// Every difference between declarations and tables.
pub(crate) fn all(declared: &Manifest, present: &Manifest) -> Vec<Drift> {
    let mut out = vec![];
    for p in &present.types {
        if let Some(d) = declared.types.iter().find(|d| d.id() == p.id()) {
            keep_type(&mut d.clone(), p, d, false, &mut out);
        }
    }
    for p in &present.lists {
        if let Some(d) = declared.lists.iter().find(|d| d.id == p.id) {
            codes(d, p, &mut out);
        }
    }
    out
}

fn codes(declared: &CodeList, present: &CodeList, out: &mut Vec<Drift>) {
    for d in &declared.codes {
        match present.get(&d.code) {
            Some(p) => keep_code(declared, &mut d.clone(), p, d, false, out),
            None => out.push(Drift {
                object: format!("{}={}", declared.id, d.code),
                field: "code".to_owned(),
                declared: d.name.en.clone(),
                present: "no row".to_owned(),
            }),
        }
    }
}
