//! What a manifest changes in a catalogue: additions and new texts; nothing is dropped, narrowed or moved.

use std::collections::BTreeMap;

use super::code_list::{Code, CodeList};
use super::feature_type::FeatureType;
use super::{Catalog, Manifest, check};
use crate::error::{Error, ErrorKind, Result};

use crate::value::Value;

/// What a manifest changes, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct CatalogPlan {
    /// One sentence a step.
    pub steps: Vec<String>,
}

impl Catalog {
    /// This catalogue's declarations with the manifest's added, and the steps in words.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for the first problem [`check`] finds in the result;
    /// [`ErrorKind::Unsupported`] for a change that would drop, narrow or move a value.
    pub fn merged(&self, manifest: &Manifest) -> Result<(Manifest, CatalogPlan)> {
        let mut steps = vec![];
        let mut out = self.to_manifest();
        for set in &manifest.sets {
            match out.sets.iter_mut().find(|s| s.name == set.name) {
                None => {
                    steps.push(format!("add attribute set {}", set.name));
                    out.sets.push(set.clone());
                }
                Some(old) if old != set => {
                    if old.column != set.column {
                        return Err(moves(
                            &format!("attribute set {}", set.name),
                            "order column",
                        ));
                    }
                    steps.push(format!("change attribute set {}", set.name));
                    *old = set.clone();
                }
                Some(_) => {}
            }
        }
        for list in &manifest.lists {
            match out.lists.iter_mut().find(|l| l.id == list.id) {
                None => {
                    steps.push(format!(
                        "add code list {} with {} codes",
                        list.id,
                        list.codes.len()
                    ));
                    out.lists.push(list.clone());
                }
                Some(old) => {
                    if let Some((merged, step)) = merge_list(old, list)? {
                        steps.push(step);
                        *old = merged;
                    }
                }
            }
        }
        for ft in &manifest.types {
            match out.types.iter_mut().find(|t| t.id() == ft.id()) {
                None => {
                    let kind = if ft.is_super() { "super type" } else { "type" };
                    steps.push(format!(
                        "add {kind} {} with {} attributes",
                        ft.id(),
                        ft.attributes.len()
                    ));
                    out.types.push(ft.clone());
                }
                Some(old) if old != ft => {
                    let old_tables: BTreeMap<String, _> = super::tables_of(old)
                        .into_iter()
                        .map(|t| (t.qualified(), t))
                        .collect();
                    check_additive(old, ft, &old_tables)?;
                    steps.push(format!("change type {}: {}", ft.id(), words(old, ft)));
                    *old = ft.clone();
                }
                Some(_) => {}
            }
        }
        if let Some(first) = check(&out).into_iter().next() {
            return Err(first);
        }
        Ok((out, CatalogPlan { steps }))
    }
}

fn moves(place: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("changing the {what} would drop, narrow or move values"),
    )
    .at(place.to_owned())
    .hint("make a new type, or change the tables by hand and register them")
}

fn merge_list(old: &CodeList, new: &CodeList) -> Result<Option<(CodeList, String)>> {
    let place = format!("code list {}", new.id);
    if old.key != new.key
        || old.key_type != new.key_type
        || old.extent != new.extent
        || old.columns != new.columns
    {
        return Err(moves(&place, "columns"));
    }
    let mut codes: Vec<Code> = old.codes.clone();
    let (mut added, mut changed) = (0, 0);
    for c in &new.codes {
        match codes.iter_mut().find(|o| o.code == c.code) {
            None => {
                codes.push(c.clone());
                added += 1;
            }
            Some(o) if o != c => {
                *o = c.clone();
                changed += 1;
            }
            Some(_) => {}
        }
    }
    if added + changed == 0 && old.title == new.title && old.open == new.open {
        return Ok(None);
    }
    let step = format!("change {place}: {added} codes added, {changed} changed");
    let mut merged = old.with_codes(codes);
    merged.title = new.title.clone();
    merged.open = new.open;
    Ok(Some((merged, step)))
}

fn check_additive(
    old: &FeatureType,
    new: &FeatureType,
    old_tables: &BTreeMap<String, super::Table>,
) -> Result<()> {
    let place = format!("type {}", new.id());
    if old.is_super() != new.is_super() {
        return Err(moves(&place, "kind of type"));
    }
    if old.geometry != new.geometry {
        return Err(moves(&place, "geometry"));
    }
    if old.view() != new.view() {
        return Err(moves(&place, "view"));
    }
    let new_tables: BTreeMap<String, _> = super::tables_of(new)
        .into_iter()
        .map(|t| (t.qualified(), t))
        .collect();
    for (name, before) in old_tables {
        let Some(after) = new_tables.get(name) else {
            return Err(moves(&place, &format!("table {name}")));
        };
        for c in &before.columns {
            match after.columns.iter().find(|x| x.name == c.name) {
                Some(x) if x.data_type == c.data_type && (x.nullable || !c.nullable) => {}
                _ => return Err(moves(&place, &format!("column {name}.{}", c.name))),
            }
        }
        if let Some(c) = after
            .columns
            .iter()
            .find(|x| !x.nullable && !before.columns.iter().any(|c| c.name == x.name))
        {
            return Err(moves(
                &place,
                &format!("column {name}.{} (new and required)", c.name),
            ));
        }
    }
    Ok(())
}

fn words(old: &FeatureType, new: &FeatureType) -> String {
    let added: Vec<&str> = new
        .attributes
        .iter()
        .filter(|a| old.attribute(&a.id).is_none())
        .map(|a| a.id.as_str())
        .collect();
    let changed = new
        .attributes
        .iter()
        .filter(|a| old.attribute(&a.id).is_some_and(|o| o != *a))
        .count();
    let mut parts = vec![];
    if !added.is_empty() {
        parts.push(format!("add {}", added.join(", ")));
    }
    if changed > 0 {
        parts.push(format!("bring {changed} attributes up to date"));
    }
    if old.members != new.members {
        parts.push("change its members".to_owned());
    }
    if parts.is_empty() {
        parts.push("bring its head up to date".to_owned());
    }
    parts.join("; ")
}

impl CodeList {
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
}
