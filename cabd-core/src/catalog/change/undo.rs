//! The way back: the changes of the history, newest first, turned round.

use super::CatalogCommit;
use super::step::{Element, Kept, Renamed};
use super::target::{Target, rename_in};
use crate::catalog::{Attribute, CodeKey, CodeList, Manifest};
use crate::error::{Error, Result};

/// Undoes the changes from the newest down to `commit`.
pub(super) fn target(t: &mut Target, history: &[CatalogCommit], commit: Option<i64>) -> Result<()> {
    let mut newest_first: Vec<&CatalogCommit> = history.iter().collect();
    newest_first.sort_by_key(|c| std::cmp::Reverse(c.commit));
    let last = match commit {
        Some(n) => newest_first
            .iter()
            .position(|c| c.commit == n)
            .ok_or_else(|| {
                let known: Vec<String> = newest_first
                    .iter()
                    .take(10)
                    .map(|c| c.commit.to_string())
                    .collect();
                Error::not_found("this commit changed nothing in the catalogue")
                    .field("commit")
                    .value(n)
                    .expected(format!("one of {}", known.join(", ")))
                    .hint("`cabd type undo STORE --list` lists the changes")
            })?,
        None if newest_first.is_empty() => {
            return Err(Error::not_found("nothing has changed the catalogue yet"));
        }
        None => 0,
    };
    for c in newest_first.iter().take(last + 1) {
        one(t, c);
        t.undid.push(c.commit);
    }
    Ok(())
}

fn one(t: &mut Target, c: &CatalogCommit) {
    for r in &c.renames {
        let back = Renamed {
            feature_type: r.feature_type.clone(),
            from: r.to.clone(),
            to: r.from.clone(),
        };
        rename_in(&mut t.present, &back);
        rename_in(&mut t.declared, &back);
        for k in &mut t.restores {
            for (ending_to, ending_from) in [
                (r.to.clone(), r.from.clone()),
                (format!("{}_ds", r.to), format!("{}_ds", r.from)),
            ] {
                if k.as_named.as_deref().or(k.column.as_deref()) == Some(ending_to.as_str()) {
                    k.as_named = Some(ending_from);
                }
            }
        }
        follow(&mut t.renames, back);
    }
    fresh(t, c);
    for e in &c.types {
        let id = e
            .before
            .as_ref()
            .or(e.after.as_ref())
            .map(|x| x.id().to_owned());
        for (m, is_declared) in [(&mut t.present, false), (&mut t.declared, true)] {
            m.types.retain(|x| Some(x.id()) != id.as_deref());
            m.types.extend(said(e, is_declared));
        }
    }
    for e in &c.sets {
        let name = e
            .before
            .as_ref()
            .or(e.after.as_ref())
            .map(|x| x.name.clone());
        for (m, is_declared) in [(&mut t.present, false), (&mut t.declared, true)] {
            m.sets.retain(|x| Some(&x.name) != name.as_ref());
            m.sets.extend(said(e, is_declared));
        }
    }
    for e in &c.lists {
        list(t, e);
    }
    for k in &c.kept {
        t.restores.retain(|r| r.place() != k.place());
        t.restores.push(k.clone());
    }
}

/// What the change made: of what had the name before, nothing is in it.
fn fresh(t: &mut Target, c: &CatalogCommit) {
    for e in &c.types {
        let Some(after) = &e.after else { continue };
        let Some(before) = &e.before else {
            t.fresh.insert(after.id().to_owned());
            continue;
        };
        let of = |id: &str| {
            let known = |a: &&Attribute| a.id == id;
            before
                .attributes
                .iter()
                .chain(&before.retired)
                .any(|a| known(&a))
        };
        for a in after.attributes.iter().chain(&after.retired) {
            let is_renamed = c
                .renames
                .iter()
                .any(|r| r.feature_type == after.id() && r.to == a.id);
            if of(&a.id) || is_renamed {
                continue;
            }
            // It may have other names today.
            let today = t
                .renames
                .iter()
                .find(|r| r.feature_type == after.id() && r.to == a.id)
                .map_or(a.id.clone(), |r| r.from.clone());
            t.renames
                .retain(|r| r.feature_type != after.id() || r.to != a.id);
            t.fresh.insert(format!("{}.{today}", after.id()));
        }
    }
}

fn said<T: Clone>(e: &Element<T>, declared: bool) -> Option<T> {
    if declared {
        e.declared.clone().or_else(|| e.before.clone())
    } else {
        e.before.clone()
    }
}

/// Adds a renaming to those that follow it: an attribute may have had several names.
fn follow(all: &mut Vec<Renamed>, next: Renamed) {
    match all
        .iter_mut()
        .find(|r| r.feature_type == next.feature_type && r.to == next.from)
    {
        Some(r) => r.to = next.to,
        None => all.push(next),
    }
    all.retain(|r| r.from != r.to);
}

fn list(t: &mut Target, e: &Element<CodeList>) {
    let Some(after) = &e.after else {
        if let Some(before) = &e.before {
            t.present.lists.push(before.clone());
            t.declared.lists.push(before.clone());
        }
        return;
    };
    let Some(before) = &e.before else {
        for m in [&mut t.present, &mut t.declared] {
            m.lists.retain(|l| l.id != after.id);
        }
        return;
    };
    let added: Vec<CodeKey> = after
        .codes
        .iter()
        .filter(|c| before.get(&c.code).is_none())
        .map(|c| c.code.clone())
        .collect();
    for m in [&mut t.present, &mut t.declared] {
        restore_list(m, before, &added);
    }
    if !added.is_empty() {
        t.gone_codes.push((before.id.clone(), added));
    }
}

fn restore_list(m: &mut Manifest, before: &CodeList, added: &[CodeKey]) {
    let Some(l) = m.lists.iter_mut().find(|l| l.id == before.id) else {
        return;
    };
    let mut codes = l.codes.clone();
    codes.retain(|c| !added.contains(&c.code));
    for c in &before.codes {
        match codes.iter_mut().find(|x| x.code == c.code) {
            Some(x) => *x = c.clone(),
            None => codes.push(c.clone()),
        }
    }
    codes.sort_by(|a, b| a.code.cmp(&b.code));
    *l = before.with_codes(codes);
}

impl Kept {
    /// What it is a value of, in the terms of the state that is being restored.
    fn place(&self) -> (String, String, Option<String>) {
        let column = self.as_named.clone().or_else(|| self.column.clone());
        (self.schema.clone(), self.table.clone(), column)
    }

    /// Whether it is what this column was.
    pub(super) fn was(&self, schema: &str, table: &str, column: Option<&str>) -> bool {
        self.schema == schema
            && self.table == table
            && self.as_named.as_deref().or(self.column.as_deref()) == column
    }
}
