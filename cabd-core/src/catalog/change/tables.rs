//! What a change does to tables and columns.

use std::collections::HashMap;
use std::sync::Arc;

use super::convert::{Conversion, more_room, widens};
use super::diff::Steps;
use super::step::{Action, Effect, Question, Step, StepKind};
use super::unsupported;
use crate::catalog::attribute::Origin;
use crate::catalog::feature_type::FeatureType;
use crate::catalog::physical::{Column, Relation, Table};
use crate::catalog::tables_of;
use crate::error::Result;
use crate::value::DataType;

/// What happens to one column.
struct Piece {
    /// `type.attribute`, or `type.column` where no attribute shows it.
    name: String,
    kind: StepKind,
    words: String,
    actions: Vec<Action>,
    questions: Vec<Question>,
    drops: bool,
    narrows: bool,
}

impl Steps<'_> {
    /// Makes a table, or brings back the one that an undone change set aside.
    pub(super) fn make_or_restore(&mut self, relation: &Relation, step: &mut Step) -> Result<()> {
        let table = self.new.table(relation)?.clone();
        let kept = self
            .target
            .restores
            .iter()
            .find(|k| k.was(&table.schema, &table.name, None));
        match kept {
            Some(kept) => {
                self.restored.push(kept.clone());
                step.questions.push(Question::Kept(kept.clone()));
                step.actions.push(Action::Unshelve(table, kept.clone()));
            }
            None => step.actions.push(Action::Create(table)),
        }
        Ok(())
    }

    /// Sets a table aside.
    pub(super) fn shelve(&mut self, table: &Arc<Table>, step: &mut Step) {
        let kept = self.keep(table, None);
        step.actions.push(Action::Shelve(table.clone(), kept));
    }

    /// Compares the columns of a relation that both catalogues have, into one step.
    pub(super) fn table(&mut self, relation: &Relation, step: &mut Step) -> Result<()> {
        let (old, new) = (
            self.old.table(relation)?.clone(),
            self.new.table(relation)?.clone(),
        );
        for piece in self.columns(&old, &new, &HashMap::new())? {
            self.take(step, piece);
        }
        Ok(())
    }

    fn take(&mut self, step: &mut Step, piece: Piece) {
        if step.words.is_empty() {
            step.kind = piece.kind;
        }
        if !piece.words.is_empty() {
            step.and(&piece.words);
        }
        step.actions.extend(piece.actions);
        step.questions.extend(piece.questions);
        if piece.drops {
            self.may_drop(step, &piece.name);
        }
        if piece.narrows {
            self.may_narrow(step, &piece.name);
        }
        if step.kind == StepKind::RetireAttribute {
            step.effect = step.effect.max(Effect::Narrows);
        }
    }

    /// Compares the tables of a type.
    pub(super) fn type_tables(&mut self, old: &FeatureType, new: &FeatureType) -> Result<()> {
        let (before, after) = (tables_of(old), tables_of(new));
        for t in &after {
            let Some(b) = before.iter().find(|b| b.relation == t.relation) else {
                let name = name_of(&t.relation);
                let mut step = Step::new(
                    StepKind::AddTable,
                    &name,
                    format!("add table {}", t.qualified()),
                );
                self.make_or_restore(&t.relation, &mut step)?;
                self.all.push(step);
                continue;
            };
            let fixed = b.name == t.name
                && b.parent.as_ref().map(|p| &b.columns[p.0].name)
                    == t.parent.as_ref().map(|p| &t.columns[p.0].name);
            let keys = |t: &Table| {
                t.columns[..t.key]
                    .iter()
                    .map(|c| c.name.clone())
                    .collect::<Vec<_>>()
            };
            if !fixed
                || keys(b) != keys(t)
                || (matches!(t.relation, Relation::Link(..))
                    && b.columns[1].references != t.columns[1].references)
            {
                return Err(unsupported(
                    &format!("type {}", new.id()),
                    "table, key, parent and code list of a part or link",
                    "declare a new part or link and load its rows",
                ));
            }
            let (b, t) = (
                self.old.table(&t.relation)?.clone(),
                self.new.table(&t.relation)?.clone(),
            );
            let renamed = self.renamed_columns(old, new, &t.relation);
            for piece in self.columns(&b, &t, &renamed)? {
                let i = self.at(piece.kind, &piece.name.clone());
                let mut step = std::mem::replace(&mut self.all[i], Step::new(piece.kind, "", ""));
                self.take(&mut step, piece);
                self.all[i] = step;
            }
        }
        for b in before.iter().rev() {
            if after.iter().any(|t| t.relation == b.relation) {
                continue;
            }
            let name = name_of(&b.relation);
            let mut step = Step::new(
                StepKind::DropTable,
                &name,
                format!("set table {} aside", b.qualified()),
            );
            let table = self.old.table(&b.relation)?.clone();
            step.questions.push(Question::Rows(table.clone()));
            self.shelve(&table, &mut step);
            self.may_drop(&mut step, &name);
            self.all.push(step);
        }
        Ok(())
    }

    /// Old column names to new ones, where an attribute keeps its values under another name.
    fn renamed_columns(
        &self,
        old: &FeatureType,
        new: &FeatureType,
        relation: &Relation,
    ) -> HashMap<String, String> {
        let mut out = HashMap::new();
        for o in old.attributes.iter().chain(&old.retired) {
            let now = self.renamed(new.id(), &o.id);
            let Some(a) = new
                .attribute(now)
                .or_else(|| new.retired.iter().find(|r| r.id == now))
            else {
                continue;
            };
            match (relation, o.origin(), a.origin()) {
                (Relation::AttributeSource(_), ..) if o.id != a.id => {
                    out.insert(format!("{}_ds", o.id), format!("{}_ds", a.id));
                }
                (
                    Relation::Feature(_) | Relation::Part(..),
                    Origin::Column { part: p, column: c },
                    Origin::Column { part: q, column: d },
                ) if p == q && c != d => {
                    let here = match relation {
                        Relation::Part(_, part) => p == Some(&**part),
                        _ => p.is_none(),
                    };
                    if here {
                        out.insert(c.to_owned(), d.to_owned());
                    }
                }
                _ => {}
            }
        }
        out
    }

    fn columns(
        &mut self,
        old: &Arc<Table>,
        new: &Arc<Table>,
        renamed: &HashMap<String, String>,
    ) -> Result<Vec<Piece>> {
        let mut first = vec![];
        let mut then = vec![];
        for (i, o) in old.columns.iter().enumerate() {
            let name = renamed.get(&o.name).unwrap_or(&o.name);
            let fresh = self.target.fresh.contains(&attribute_name(old, o));
            let same = new.columns.iter().position(|c| c.name == *name);
            let Some(j) = same.filter(|_| !fresh) else {
                let mut piece = piece(old, o, StepKind::DropTable);
                if !is_attribute(old, o) {
                    piece.words = format!("set column {}.{} aside", old.qualified(), o.name);
                }
                let kept = self.keep(old, Some(&o.name));
                piece.actions.push(Action::Keep(old.clone(), i, kept));
                piece.questions.push(Question::Values(old.clone(), i));
                piece.drops = !matches!(old.relation, Relation::AttributeSource(_))
                    || !self.is_dropped(old, o);
                first.push(piece);
                continue;
            };
            let mut piece = piece(new, &new.columns[j], StepKind::RetypeAttribute);
            if *name != o.name {
                if old.columns.iter().any(|c| c.name == *name) {
                    return Err(unsupported(
                        &piece.name,
                        &format!("a name that the column {name} still has"),
                        "rename in two changes",
                    ));
                }
                piece.questions.push(Question::Values(old.clone(), i));
                piece.actions.push(Action::Rename {
                    table: new.clone(),
                    from: o.name.clone(),
                    column: j,
                });
            }
            self.column((old, i), (new, j), &mut piece)?;
            if !piece.actions.is_empty() || piece.narrows {
                then.push(piece);
            }
        }
        for (j, c) in new.columns.iter().enumerate() {
            let known = old.columns.iter().any(|o| {
                renamed.get(&o.name).unwrap_or(&o.name) == &c.name
                    && !self.target.fresh.contains(&attribute_name(old, o))
            });
            if !known {
                then.push(self.new_column(old, new, j));
            }
        }
        first.extend(then);
        Ok(first)
    }

    /// Whether the attribute that a source column belongs to is dropped by this change, which says it already.
    fn is_dropped(&self, table: &Table, column: &Column) -> bool {
        let name = attribute_name(table, column);
        self.all
            .iter()
            .any(|s| s.kind == StepKind::DropAttribute && s.name == name)
    }

    fn new_column(&mut self, old: &Arc<Table>, new: &Arc<Table>, j: usize) -> Piece {
        let c = &new.columns[j];
        let mut piece = piece(new, c, StepKind::AddTable);
        if !is_attribute(new, c) {
            piece.words = format!("add column {}.{}", new.qualified(), c.name);
        }
        let kept = self
            .target
            .restores
            .iter()
            .find(|k| k.was(&new.schema, &new.name, Some(&c.name)));
        if let Some(kept) = kept {
            self.restored.push(kept.clone());
            piece.questions.push(Question::Kept(kept.clone()));
            piece
                .actions
                .push(Action::Restore(new.clone(), j, kept.clone()));
        } else {
            piece.actions.push(Action::Add(new.clone(), j));
            if !c.nullable {
                piece
                    .questions
                    .push(Question::Empty(old.clone(), piece.name.clone()));
            }
        }
        if !c.nullable {
            piece.actions.push(Action::Require(new.clone(), j));
        }
        piece
    }

    fn column(
        &mut self,
        (old, i): (&Arc<Table>, usize),
        (new, j): (&Arc<Table>, usize),
        piece: &mut Piece,
    ) -> Result<()> {
        let (o, c) = (&old.columns[i], &new.columns[j]);
        let retyped = o.data_type != c.data_type;
        if retyped
            && (i < old.key
                || matches!(o.data_type, DataType::Geometry(_))
                || matches!(c.data_type, DataType::Geometry(_)))
        {
            return Err(unsupported(
                &piece.name,
                "the type of a key or a geometry",
                "make a new attribute",
            ));
        }
        let requires = o.nullable && !c.nullable;
        let codes = match &c.references {
            Some(Relation::Codes(list)) if c.references != o.references => {
                self.new.list(list).filter(|l| !l.open).cloned()
            }
            _ => None,
        };
        let conversion = Arc::new(Conversion {
            field: piece.name.clone(),
            to: c.data_type.clone(),
            required: !c.nullable,
            codes: codes.clone(),
        });
        let mut words = vec![];
        if retyped {
            words.push(format!(
                "retype {} from {} to {}",
                piece.name, o.data_type, c.data_type
            ));
            if more_room(&o.data_type, &c.data_type) {
                piece.actions.push(Action::Widen(new.clone(), j));
            } else {
                let kept = self.keep(new, Some(&c.name));
                let restore = self
                    .target
                    .restores
                    .iter()
                    .find(|k| k.was(&new.schema, &new.name, Some(&c.name)))
                    .cloned();
                self.restored.extend(restore.clone());
                piece.actions.push(Action::Retype {
                    table: new.clone(),
                    column: j,
                    from: Box::new(Column {
                        name: c.name.clone(),
                        ..o.clone()
                    }),
                    conversion: conversion.clone(),
                    kept,
                    restore,
                });
            }
            piece.narrows |= !widens(&o.data_type, &c.data_type);
        }
        if o.references != c.references {
            words.push(match &c.references {
                Some(r) => format!("the values of {} are codes of {r}", piece.name),
                None => format!("the values of {} are no codes any more", piece.name),
            });
            piece.narrows |= codes.is_some();
        }
        if requires {
            words.push(format!("{} is required", piece.name));
            piece.actions.push(Action::Require(new.clone(), j));
            piece.narrows = true;
        } else if !o.nullable && c.nullable {
            words.push(format!("{} may be left out", piece.name));
            piece.actions.push(Action::Relax(new.clone(), j));
        }
        if retyped || requires || codes.is_some() {
            piece
                .questions
                .push(Question::Fit(old.clone(), i, conversion));
        }
        if !c.retired || o.retired {
            piece.words = words.join("; ");
        }
        Ok(())
    }
}

/// `type.part`, `type.link`, `type.feature_source`.
fn name_of(relation: &Relation) -> String {
    match relation {
        Relation::FeatureSource(t) => format!("{t}.feature_source"),
        Relation::AttributeSource(t) => format!("{t}.attribute_source"),
        other => other.to_string(),
    }
}

/// Whether a step about an attribute says what happens to the column.
fn is_attribute(t: &Table, c: &Column) -> bool {
    c.attribute.is_some() || matches!(t.relation, Relation::AttributeSource(_))
}

fn attribute_name(t: &Table, c: &Column) -> String {
    let ft = match &t.relation {
        Relation::Feature(ft)
        | Relation::Part(ft, _)
        | Relation::Link(ft, _)
        | Relation::FeatureSource(ft) => ft.as_ref(),
        Relation::AttributeSource(ft) => {
            let attribute = c.name.strip_suffix("_ds").unwrap_or(&c.name);
            return format!("{ft}.{attribute}");
        }
        Relation::Codes(list) => list.as_ref(),
        _ => "cabd",
    };
    format!("{ft}.{}", c.attribute.as_deref().unwrap_or(&c.name))
}

fn piece(t: &Table, c: &Column, kind: StepKind) -> Piece {
    Piece {
        name: attribute_name(t, c),
        kind,
        words: String::new(),
        actions: vec![],
        questions: vec![],
        drops: false,
        narrows: false,
    }
}
