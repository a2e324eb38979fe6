//! Code lists and attribute sets: what is declared, and the steps.

use super::diff::Steps;
use super::step::{Drift, Effect, Element, Question, Step, StepKind};
use super::target::Target;
use super::{drift, unsupported};
use crate::catalog::code_list::{Code, CodeKey, CodeList};
use crate::catalog::{Catalog, Manifest, Relation};
use crate::error::{Error, Result};

/// Puts a declared list into the target: new codes are added, declared texts follow, other codes stay.
pub(super) fn declare(t: &mut Target, given: &CodeList, overwrite: bool) -> Result<()> {
    let place = format!("code list {}", given.id);
    let said = t.declared.lists.iter().find(|l| l.id == given.id).cloned();
    let Some(present) = t.present.lists.iter().find(|l| l.id == given.id).cloned() else {
        t.present.lists.push(given.clone());
        t.declared.lists.push(given.clone());
        return Ok(());
    };
    if present.key != given.key
        || present.key_type != given.key_type
        || present.extent != given.extent
    {
        return Err(unsupported(
            &place,
            "key, type of the key and extent of a list",
            "make a new list and move the attributes to it",
        ));
    }
    let mut codes = present.codes.clone();
    let mut declared = said.as_ref().map(|l| l.codes.clone()).unwrap_or_default();
    for c in &given.codes {
        let before = said.as_ref().and_then(|l| l.get(&c.code)).cloned();
        let mut new = c.clone();
        if let Some(at) = codes.iter().position(|x| x.code == c.code) {
            if let Some(d) = &before {
                drift::keep_code(given, &mut new, &codes[at], d, overwrite, &mut t.drift);
            }
            // Retired by name, it comes back by name only.
            new.retired |= codes[at].retired;
            codes[at] = new.clone();
        } else if before.is_some() && !overwrite {
            t.drift.push(Drift {
                object: format!("{}={}", given.id, c.code),
                field: "code".to_owned(),
                declared: c.name.en.clone(),
                present: "no row".to_owned(),
            });
        } else {
            codes.push(new.clone());
        }
        let declaration = Code {
            retired: new.retired,
            ..c.clone()
        };
        match declared.iter_mut().find(|x| x.code == c.code) {
            Some(x) => *x = declaration,
            None => declared.push(declaration),
        }
    }
    codes.sort_by(|a, b| a.code.cmp(&b.code));
    declared.sort_by(|a, b| a.code.cmp(&b.code));
    for (m, codes) in [(&mut t.present, codes), (&mut t.declared, declared)] {
        let new = given.with_codes(codes);
        match m.lists.iter_mut().find(|l| l.id == given.id) {
            Some(l) => *l = new,
            None => m.lists.push(new),
        }
    }
    Ok(())
}

/// Retires a code, or takes it back. A code that was written as a row is declared by it.
pub(super) fn retire(
    t: &mut Target,
    option: &str,
    list: &str,
    code: &str,
    retired: bool,
) -> Result<()> {
    let present = t
        .present
        .lists
        .iter()
        .find(|l| l.id == list)
        .ok_or_else(|| {
            Error::not_found("no such code list")
                .field(option.to_owned())
                .value(list)
        })?;
    let known = present
        .codes
        .iter()
        .find(|c| c.code.to_string() == code)
        .cloned();
    let known = known.ok_or_else(|| {
        Error::not_found(format!("{list} has no such code"))
            .field(option.to_owned())
            .value(code)
            .hint(format!("`cabd info STORE --codes {list}` lists the codes"))
    })?;
    for m in [&mut t.present, &mut t.declared] {
        let Some(l) = m.lists.iter_mut().find(|l| l.id == list) else {
            continue;
        };
        let mut codes = l.codes.clone();
        match codes.iter_mut().find(|c| c.code == known.code) {
            Some(c) => c.retired = retired,
            None => codes.push(Code {
                retired,
                ..known.clone()
            }),
        }
        *l = l.with_codes(codes);
    }
    Ok(())
}

impl Steps<'_> {
    /// Compares the lists.
    pub(super) fn lists(&mut self, t: &Target) -> Result<()> {
        for new in &t.present.lists {
            match self.old.list(&new.id).cloned() {
                None => {
                    let words = format!("add code list {} with {} codes", new.id, new.codes.len());
                    let mut step = Step::new(StepKind::AddList, &new.id, words);
                    self.make_or_restore(&Relation::Codes(new.id.as_str().into()), &mut step)?;
                    self.all.push(step);
                    self.lists.push(Element {
                        before: None,
                        declared: None,
                        after: Some(new.clone()),
                    });
                }
                Some(old) => self.list(&old, new, t)?,
            }
        }
        for old in self.old.lists() {
            if t.present.lists.iter().any(|l| l.id == old.id) {
                continue;
            }
            let mut step = Step::new(
                StepKind::DropList,
                &old.id,
                format!("drop code list {}; its codes are set aside", old.id),
            );
            let table = self
                .old
                .table(&Relation::Codes(old.id.as_str().into()))?
                .clone();
            self.shelve(&table, &mut step);
            self.may_drop(&mut step, &old.id);
            self.all.push(step);
            self.lists.push(Element {
                before: Some((**old).clone()),
                declared: None,
                after: None,
            });
        }
        Ok(())
    }

    fn list(&mut self, old: &CodeList, new: &CodeList, t: &Target) -> Result<()> {
        let id = new.id.as_str();
        if old.title != new.title || old.open != new.open || old.columns != new.columns {
            let mut step = Step::new(StepKind::ChangeList, id, format!("change code list {id}"));
            if old.open != new.open {
                step.and(if new.open {
                    "it accepts other codes"
                } else {
                    "it accepts no other codes"
                });
                if old.open {
                    self.close(new, &mut step)?;
                }
            }
            let relation = Relation::Codes(id.into());
            self.table(&relation, &mut step)?;
            self.all.push(step);
        }
        let mut groups: Vec<(StepKind, &str, Vec<&Code>)> = vec![
            (StepKind::AddCodes, "add", vec![]),
            (StepKind::ChangeCodes, "change", vec![]),
            (StepKind::RetireCodes, "retire", vec![]),
            (StepKind::ServeCodes, "accept again", vec![]),
        ];
        for c in &new.codes {
            let at = match old.get(&c.code) {
                None => 0,
                Some(o) if o == c => continue,
                Some(o) if !o.retired && c.retired => 2,
                Some(o) if o.retired && !c.retired => 3,
                Some(_) => 1,
            };
            groups[at].2.push(c);
        }
        for (kind, verb, codes) in groups.into_iter().filter(|g| !g.2.is_empty()) {
            let some: Vec<String> = codes
                .iter()
                .take(12)
                .map(|c| format!("{} ({})", c.code, c.name.en))
                .collect();
            let more = if codes.len() > 12 {
                format!(" and {} more", codes.len() - 12)
            } else {
                String::new()
            };
            let mut step = Step::new(
                kind,
                id,
                format!(
                    "{verb} {} in {id}: {}{more}",
                    plural(codes.len(), "code"),
                    some.join(", ")
                ),
            );
            if kind == StepKind::RetireCodes {
                step.and("rows that have it keep it");
                step.questions = self.naming(id, codes.iter().map(|c| &c.code), false);
            }
            self.all.push(step);
        }
        let gone: Vec<CodeKey> = t
            .gone_codes
            .iter()
            .filter(|(l, _)| l == id)
            .flat_map(|(_, c)| {
                c.iter()
                    .filter(|c| old.get(c).is_some() && new.get(c).is_none())
                    .cloned()
            })
            .collect();
        if !gone.is_empty() {
            let names: Vec<String> = gone.iter().map(ToString::to_string).collect();
            let mut step = Step::new(
                StepKind::RemoveCodes,
                id,
                format!("remove codes from {id}: {}", names.join(", ")),
            );
            step.questions = self.naming(id, gone.iter(), true);
            self.all.push(step);
        }
        if old != new {
            let touched = |l: &CodeList, other: &CodeList| {
                let codes = l
                    .codes
                    .iter()
                    .filter(|c| other.get(&c.code) != Some(*c))
                    .cloned();
                l.with_codes(codes.collect())
            };
            self.lists.push(Element {
                before: Some(touched(old, new)),
                declared: None,
                after: Some(touched(new, old)),
            });
        }
        Ok(())
    }

    /// Asks for the rows that name codes.
    fn naming<'c>(
        &self,
        list: &str,
        codes: impl Iterator<Item = &'c CodeKey>,
        none: bool,
    ) -> Vec<Question> {
        let columns = self.old.columns_naming(&Relation::Codes(list.into()));
        codes
            .flat_map(|code| {
                columns.iter().map(move |(table, column)| {
                    let value = code.to_value();
                    if none {
                        Question::Unnamed(table.clone(), *column, value)
                    } else {
                        Question::Equal(table.clone(), *column, value)
                    }
                })
            })
            .collect()
    }

    /// Every stored value must be a code of the list that is closed.
    fn close(&mut self, new: &CodeList, step: &mut Step) -> Result<()> {
        step.effect = Effect::Narrows;
        self.may_narrow(step, &new.id);
        for table in self.old.tables() {
            for (i, c) in table.columns.iter().enumerate() {
                if c.references == Some(Relation::Codes(new.id.as_str().into())) {
                    let conversion = super::Conversion {
                        field: format!("{}.{}", table.qualified(), c.name),
                        to: c.data_type.clone(),
                        required: false,
                        codes: Some(std::sync::Arc::new(new.clone())),
                    };
                    step.questions
                        .push(Question::Fit(table.clone(), i, conversion.into()));
                }
            }
        }
        Ok(())
    }

    /// Compares the attribute sets.
    pub(super) fn sets(&mut self, present: &Manifest, old: &Catalog) -> Result<()> {
        for new in &present.sets {
            let known = old.sets().iter().find(|s| s.name == new.name);
            match known {
                Some(k) if k == new => continue,
                Some(k) if k.column == new.column => {
                    let words = if k.registered {
                        format!("adopt attribute set {}", new.name)
                    } else {
                        format!("change attribute set {}", new.name)
                    };
                    self.all.push(Step::new(
                        StepKind::ChangeSet,
                        format!("set:{}", new.name),
                        words,
                    ));
                }
                Some(k) => self.all.push(Step::new(
                    StepKind::ChangeSet,
                    format!("set:{}", new.name),
                    format!(
                        "order attribute set {} by {} instead of {}",
                        new.name, new.column, k.column
                    ),
                )),
                None => self.all.push(Step::new(
                    StepKind::AddSet,
                    format!("set:{}", new.name),
                    format!("add attribute set {}", new.name),
                )),
            }
            self.sets.push(Element {
                before: known.filter(|k| !k.registered).cloned(),
                declared: None,
                after: Some(new.clone()),
            });
        }
        for gone in old
            .sets()
            .iter()
            .filter(|s| present.sets.iter().all(|n| n.name != s.name))
        {
            if gone.registered {
                return Err(unsupported(
                    &format!("attribute set {}", gone.name),
                    "a set that was registered by SQL",
                    "delete its row in the table attribute_set, or declare it first",
                ));
            }
            self.all.push(Step::new(
                StepKind::DropSet,
                format!("set:{}", gone.name),
                format!("drop attribute set {}; the attributes stay", gone.name),
            ));
            self.sets.push(Element {
                before: Some(gone.clone()),
                declared: None,
                after: None,
            });
        }
        Ok(())
    }
}

/// `1 code`, `2 codes`.
pub(super) fn plural(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}
