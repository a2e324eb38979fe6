//! What the catalogue is to become.

use std::collections::BTreeSet;

use super::step::{Drift, Kept, Renamed};
use super::{CatalogCommit, Told, What, drift, lists, undo, unsupported};
use crate::catalog::attribute::GEOMETRY;
use crate::catalog::feature_type::{FeatureType, HiddenBy, MemberColumn};
use crate::catalog::{Catalog, CodeKey, Manifest};
use crate::error::{Error, Result};

/// The state to reach.
#[derive(Debug, Default)]
pub(super) struct Target {
    /// What the tables are to say.
    pub present: Manifest,
    /// What is to be declared.
    pub declared: Manifest,
    /// Renamed attributes.
    pub renames: Vec<Renamed>,
    /// Columns and tables to bring back where they are wanted again.
    pub restores: Vec<Kept>,
    /// Codes that go, by list.
    pub gone_codes: Vec<(String, Vec<CodeKey>)>,
    /// What is left as the tables have it.
    pub drift: Vec<Drift>,
    /// Types and attributes of a name that stood for another one in the state to restore.
    pub fresh: BTreeSet<String>,
    /// The commits that are undone.
    pub undid: Vec<i64>,
    /// Names in [`Told`] that did something.
    pub used: BTreeSet<String>,
}

/// What a name in [`Told::drop`] means.
enum Named<'a> {
    Type(&'a str),
    Member(&'a str, &'a str),
    List(&'a str),
    Set(&'a str),
}

fn named<'a>(manifest: &Manifest, name: &'a str) -> Named<'a> {
    if let Some(set) = name.strip_prefix("set:") {
        return Named::Set(set);
    }
    match name.split_once('.') {
        None => Named::Type(name),
        Some((ft, rest)) => {
            let known = manifest.types.iter().find(|t| t.id() == ft);
            let member = known.is_some_and(|t| {
                t.attribute(rest).is_some()
                    || t.retired.iter().any(|a| a.id == rest)
                    || t.part(rest).is_some()
                    || t.link(rest).is_some()
            });
            if !member && manifest.lists.iter().any(|l| l.id == name) {
                Named::List(name)
            } else {
                Named::Member(ft, rest)
            }
        }
    }
}

/// Splits `type.attribute`.
fn of_type<'a>(option: &str, name: &'a str) -> Result<(&'a str, &'a str)> {
    name.split_once('.').ok_or_else(|| {
        Error::invalid("not the name of an attribute")
            .field(option.to_owned())
            .value(name)
            .expected("type.attribute")
    })
}

pub(super) fn target(
    old: &Catalog,
    history: &[CatalogCommit],
    what: &What,
    told: &Told,
) -> Result<Target> {
    let mut t = Target {
        present: old.to_manifest(),
        declared: old.declared().clone(),
        ..Target::default()
    };
    match what {
        What::Purge(_) => return Ok(t),
        What::Undo(commit) => undo::target(&mut t, history, *commit)?,
        What::Declare(manifest) => {
            refuse_registered(old, manifest)?;
            renames(&mut t, told)?;
            for set in &manifest.sets {
                for m in [&mut t.present, &mut t.declared] {
                    match m.sets.iter_mut().find(|s| s.name == set.name) {
                        Some(s) => *s = set.clone(),
                        None => m.sets.push(set.clone()),
                    }
                }
            }
            for list in &manifest.lists {
                lists::declare(&mut t, list, told.overwrite_drift)?;
            }
            for ft in &manifest.types {
                declare_type(&mut t, ft, told)?;
            }
            let given: Vec<&str> = manifest.types.iter().map(FeatureType::id).collect();
            drops(&mut t, told, &given)?;
            retirements(&mut t, told, &given)?;
            loosen(&mut t.present, old, &given);
            loosen(&mut t.declared, old, &given);
        }
    }
    Ok(t)
}

/// A manifest may take over a type that was registered by SQL; its members may be registered ones.
fn refuse_registered(old: &Catalog, manifest: &Manifest) -> Result<()> {
    for ft in &manifest.types {
        if let Ok(known) = old.feature_type(ft.id())
            && known.is_registered()
            && known.view() != ft.view()
        {
            return Err(unsupported(
                &format!("type {}", ft.id()),
                "the view of a type that was registered by SQL",
                "begin with the manifest that `cabd type adopt` writes",
            ));
        }
    }
    Ok(())
}

fn renames(t: &mut Target, told: &Told) -> Result<()> {
    for (from, to) in &told.rename {
        let (ft, attribute) = of_type("rename", from)?;
        let known = t.present.types.iter().find(|x| x.id() == ft);
        let known = known.ok_or_else(|| {
            Error::not_found(format!("the feature type {ft:?} is not known"))
                .field("rename")
                .value(from)
        })?;
        known.require("rename", attribute)?;
        let to = to.strip_prefix(&format!("{ft}.")).unwrap_or(to);
        if known.attribute(to).is_some() || known.retired.iter().any(|a| a.id == to) {
            return Err(
                Error::conflict(format!("{ft} has an attribute {to} already"))
                    .field("rename")
                    .value(from)
                    .hint("rename or drop that one first"),
            );
        }
        if [attribute, to]
            .iter()
            .any(|a| [super::super::ID, GEOMETRY].contains(a))
        {
            return Err(unsupported(
                from,
                "the name of the identifier or the geometry",
                "rename other attributes",
            ));
        }
        let renamed = Renamed {
            feature_type: ft.to_owned(),
            from: attribute.to_owned(),
            to: to.to_owned(),
        };
        rename_in(&mut t.present, &renamed);
        rename_in(&mut t.declared, &renamed);
        t.renames.push(renamed);
        t.used.insert(from.clone());
    }
    Ok(())
}

/// Renames an attribute everywhere it is named.
pub(super) fn rename_in(m: &mut Manifest, r: &Renamed) {
    let swap = |s: &mut String| {
        if *s == r.from {
            s.clone_from(&r.to);
        }
    };
    for ft in &mut m.types {
        if ft.id() == r.feature_type {
            for a in ft.attributes.iter_mut().chain(&mut ft.retired) {
                swap(&mut a.id);
                a.label_of.as_mut().map(swap);
                if let Some(c) = &mut a.code_in {
                    swap(&mut c.attribute);
                }
            }
            ft.head.name_attribute.as_mut().map(swap);
        }
        let shows: Vec<String> = ft.attributes.iter().map(|a| a.id.clone()).collect();
        for member in &mut ft.members {
            if let Some(h) = &mut member.hidden_by
                && h.feature_type == r.feature_type
            {
                swap(&mut h.attribute);
            }
            if member.feature_type != r.feature_type {
                continue;
            }
            for rule in member.columns.values_mut() {
                match rule {
                    MemberColumn::Rename(n) => swap(n),
                    MemberColumn::First { first, .. } => first.iter_mut().for_each(swap),
                    MemberColumn::Constant { .. } => {}
                }
            }
            // Shown under its own name until now, and still to be shown.
            if shows.contains(&r.from) && !member.columns.contains_key(&r.from) {
                member
                    .columns
                    .insert(r.from.clone(), MemberColumn::Rename(r.to.clone()));
            }
            if member.columns.get(&r.to) == Some(&MemberColumn::Rename(r.to.clone())) {
                member.columns.remove(&r.to);
            }
        }
    }
}

fn declare_type(t: &mut Target, given: &FeatureType, told: &Told) -> Result<()> {
    let id = given.id().to_owned();
    let mut new = given.declared();
    let present = t.present.types.iter().find(|x| x.id() == id).cloned();
    let declared = t.declared.types.iter().find(|x| x.id() == id).cloned();
    if let Some(p) = &present {
        for a in p.attributes.iter().chain(&p.retired) {
            let name = format!("{id}.{}", a.id);
            let still = new.attribute(&a.id).is_some();
            if still && told.retire.contains(&name) {
                return Err(Error::invalid("the manifest still declares it")
                    .field("retire")
                    .value(&name)
                    .hint("take the attribute out of the manifest, or leave the option out"));
            }
            let retired = p.retired.iter().any(|r| r.id == a.id);
            let carried = told.retire.contains(&name) || (retired && !told.drop.contains(&name));
            if !still && carried && new.retired.iter().all(|r| r.id != a.id) {
                new.retired.push(a.clone());
                t.used.insert(name);
            }
        }
    }
    let said = new.clone();
    if let (Some(p), Some(d)) = (&present, &declared) {
        drift::keep_type(&mut new, p, d, told.overwrite_drift, &mut t.drift);
    }
    for (m, ft) in [(&mut t.present, new), (&mut t.declared, said)] {
        match m.types.iter_mut().find(|x| x.id() == id) {
            Some(x) => *x = ft,
            None => m.types.push(ft),
        }
    }
    Ok(())
}

/// A super type that showed an attribute which goes shows nothing in its place; the plan says so. Super types of this
/// change's manifests must say themselves what they show.
fn loosen(m: &mut Manifest, old: &Catalog, given: &[&str]) {
    let types = m.types.clone();
    let is_gone = |feature_type: &str, attribute: &String| {
        let has = |ft: &FeatureType| ft.attribute(attribute).is_some();
        old.feature_type(feature_type).is_ok_and(|t| has(t))
            && types.iter().any(|t| t.id() == feature_type && !has(t))
    };
    for ft in m.types.iter_mut().filter(|t| !given.contains(&t.id())) {
        for member in &mut ft.members {
            let id = member.feature_type.clone();
            member.columns.retain(|_, rule| match rule {
                MemberColumn::Rename(n) => !is_gone(&id, n),
                MemberColumn::First { first, otherwise } => {
                    first.retain(|n| !is_gone(&id, n));
                    !first.is_empty() || otherwise.is_some()
                }
                MemberColumn::Constant { .. } => true,
            });
            let hides = |h: &HiddenBy| is_gone(&h.feature_type, &h.attribute);
            member.hidden_by = member.hidden_by.take().filter(|h| !hides(h));
        }
    }
}

fn drops(t: &mut Target, told: &Told, given: &[&str]) -> Result<()> {
    for name in &told.drop {
        let before = t.present.clone();
        // What a manifest of this change leaves out is found when the types are compared.
        if matches!(named(&before, name), Named::Member(id, _) if given.contains(&id)) {
            continue;
        }
        let mut found = false;
        for m in [&mut t.present, &mut t.declared] {
            match named(&before, name) {
                Named::Set(set) => {
                    found |= m.sets.iter().any(|s| s.name == set);
                    m.sets.retain(|s| s.name != set);
                    for ft in &mut m.types {
                        for a in ft.attributes.iter_mut().chain(&mut ft.retired) {
                            a.sets.remove(set);
                        }
                    }
                }
                Named::List(list) => {
                    found |= m.lists.iter().any(|l| l.id == list);
                    m.lists.retain(|l| l.id != list);
                }
                Named::Type(id) => {
                    found |= m.types.iter().any(|x| x.id() == id);
                    m.types.retain(|x| x.id() != id);
                }
                Named::Member(id, rest) => {
                    let Some(ft) = m.types.iter_mut().find(|x| x.id() == id) else {
                        continue;
                    };
                    let size = |ft: &FeatureType| {
                        ft.attributes.len() + ft.retired.len() + ft.parts.len() + ft.links.len()
                    };
                    let n = size(ft);
                    ft.attributes.retain(|a| a.id != rest);
                    ft.retired.retain(|a| a.id != rest);
                    ft.parts.retain(|p| p.id != rest);
                    ft.links.retain(|l| l.id != rest);
                    found |= size(ft) < n;
                }
            }
        }
        if !found {
            return Err(Error::not_found("there is nothing of this name to drop")
                .field("drop")
                .value(name)
                .expected(
                    "a type, type.attribute, type.part, type.link, schema.list or set:NAME",
                ));
        }
        t.used.insert(name.clone());
    }
    Ok(())
}

fn retirements(t: &mut Target, told: &Told, given: &[&str]) -> Result<()> {
    for (names, retired) in [(&told.retire, true), (&told.serve, false)] {
        let option = if retired { "retire" } else { "serve" };
        for name in names {
            if t.used.contains(name) {
                continue;
            }
            if let Some((list, code)) = name.split_once('=') {
                lists::retire(t, option, list, code, retired)?;
            } else {
                let (id, attribute) = of_type(option, name)?;
                for m in [&mut t.present, &mut t.declared] {
                    let ft = m.types.iter_mut().find(|x| x.id() == id);
                    let ft = ft.filter(|_| !given.contains(&id)).ok_or_else(|| {
                        Error::not_found("no such type, or its manifest says something else")
                            .field(option)
                            .value(name)
                    })?;
                    let (from, to) = if retired {
                        (&mut ft.attributes, &mut ft.retired)
                    } else {
                        (&mut ft.retired, &mut ft.attributes)
                    };
                    let at = from.iter().position(|a| a.id == attribute).ok_or_else(|| {
                        Error::not_found(format!("{id} has no such attribute to {option}"))
                            .field(option)
                            .value(name)
                    })?;
                    let a = from.remove(at);
                    to.push(a);
                }
            }
            t.used.insert(name.clone());
        }
    }
    Ok(())
}
