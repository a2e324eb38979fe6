//! Two catalogues compared: the steps from one to the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lists::plural;
use super::step::{Effect, Element, Kept, Question, Step, StepKind};
use super::target::{Target, target};
use super::{CatalogChange, CatalogCommit, CatalogPlan, Evolution, Told, What, unsupported};
use crate::catalog::attribute::AttributeSet;
use crate::catalog::check::check_with;
use crate::catalog::code_list::CodeList;
use crate::catalog::feature_type::FeatureType;
use crate::catalog::physical::{Relation, Table};
use crate::catalog::{Catalog, Manifest, tables_of};
use crate::error::{Error, Result};

/// The steps in the making.
pub(super) struct Steps<'a> {
    pub old: &'a Catalog,
    pub new: &'a Catalog,
    pub target: &'a Target,
    told: &'a Told,
    tag: String,
    pub all: Vec<Step>,
    pub used: BTreeSet<String>,
    pub kept: Vec<Kept>,
    pub restored: Vec<Kept>,
    pub types: Vec<Element<FeatureType>>,
    pub lists: Vec<Element<CodeList>>,
    pub sets: Vec<Element<AttributeSet>>,
}

impl Catalog {
    /// What a change does: the steps in their order, and the catalogue afterwards. `history` holds the earlier changes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for the first problem that [`check`](crate::catalog::check) finds in the result, and
    /// for a name in [`Told`] that nothing has; [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for what is never changed.
    /// That a step needs to be allowed by name is no error here: see [`Evolution::permitted`].
    ///
    /// ```
    /// use cabd_core::catalog::{Catalog, CatalogChange, Manifest};
    /// let manifest = Manifest::from_toml("s.toml", "[[sets]]\nname = \"all\"\ncolumn = \"vw_all_order\"\n")?;
    /// let evolution = Catalog::default().evolve(&[], &CatalogChange::of(manifest))?;
    /// assert_eq!(evolution.plan.words(), ["add attribute set all"]);
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    pub fn evolve(&self, history: &[CatalogCommit], change: &CatalogChange) -> Result<Evolution> {
        let told = &change.told;
        let target = target(self, history, &change.what, told)?;
        if let What::Purge(commit) = change.what {
            return Ok(super::purge::purge(self, history, commit));
        }
        let registered: Vec<Arc<FeatureType>> = self
            .types()
            .filter(|t| t.is_registered() && target.present.types.iter().all(|n| n.id() != t.id()))
            .cloned()
            .collect();
        if let Some(first) = check_with(&target.present, &registered).into_iter().next() {
            return Err(first);
        }
        let new = Catalog::loaded(
            self.version + 1,
            target.present.clone(),
            target.declared.clone(),
            registered,
        );
        let mut s = Steps {
            old: self,
            new: &new,
            target: &target,
            told,
            tag: format!("kept_{}", self.version),
            all: vec![],
            used: target.used.clone(),
            kept: vec![],
            restored: vec![],
            types: vec![],
            lists: vec![],
            sets: vec![],
        };
        s.sets(&target.present, self)?;
        s.lists(&target)?;
        s.types()?;
        let overwrite_views = told.overwrite_drift && matches!(change.what, What::Declare(_));
        let by_hand = |ft: &FeatureType| {
            let (_, root) = ft.view();
            let views = self.objects.iter().filter(|d| d.field == "definition");
            views.into_iter().any(|d| d.object.contains(&root))
        };
        let replaced = matches!(&change.what, What::Declare(m) if m.types.iter().any(by_hand));
        if overwrite_views && s.all.is_empty() && replaced {
            s.all.push(Step::new(
                StepKind::OverwriteDrift,
                "",
                "make the views anew that were replaced by hand",
            ));
        }
        s.all_used()?;
        let (steps, kept, restored) = (s.all, s.kept, s.restored);
        let (types, lists, sets) = (s.types, s.lists, s.sets);
        let changed_sets = !sets.is_empty();
        let of = |id: &str| new.feature_type(id).ok().cloned();
        let mut touched: Vec<Arc<FeatureType>> = types
            .iter()
            .filter_map(|e| of(e.after.as_ref()?.id()))
            .collect();
        if changed_sets {
            touched = new
                .types()
                .filter(|t| !t.is_registered())
                .cloned()
                .collect();
        } else if overwrite_views && let What::Declare(m) = &change.what {
            for ft in &m.types {
                if touched.iter().all(|t| t.id() != ft.id()) {
                    touched.extend(of(ft.id()));
                }
            }
        }
        let history = super::purge::without(history, &restored);
        Ok(Evolution {
            types: touched,
            gone_types: types
                .iter()
                .filter(|e| e.after.is_none())
                .filter_map(|e| self.feature_type(e.before.as_ref()?.id()).ok().cloned())
                .collect(),
            gone_lists: lists
                .iter()
                .filter(|e| e.after.is_none())
                .filter_map(|e| Some(e.before.as_ref()?.id.clone()))
                .collect(),
            gone_sets: sets
                .iter()
                .filter(|e| e.after.is_none())
                .filter_map(|e| Some(e.before.as_ref()?.name.clone()))
                .collect(),
            // The codes of a list that goes itself go with its table.
            gone_codes: target
                .gone_codes
                .iter()
                .filter(|(id, _)| {
                    lists
                        .iter()
                        .all(|e| e.after.is_some() || e.before.as_ref().is_none_or(|l| l.id != *id))
                })
                .map(|(l, codes)| {
                    (
                        l.clone(),
                        codes
                            .iter()
                            .filter(|c| self.list(l).is_some_and(|l| l.get(c).is_some()))
                            .cloned()
                            .collect(),
                    )
                })
                .collect(),
            overwrite_views,
            record: CatalogCommit {
                author: change.author.clone(),
                undid: target.undid.clone(),
                words: steps.iter().map(|s| s.words.clone()).collect(),
                types,
                lists,
                sets,
                renames: target.renames.clone(),
                kept,
                ..CatalogCommit::default()
            },
            plan: CatalogPlan {
                steps,
                drift: target.drift,
                ..CatalogPlan::default()
            },
            catalog: new,
            history,
        })
    }
}

impl Steps<'_> {
    /// The tag of what this change sets aside.
    pub(super) fn keep(&mut self, table: &Table, column: Option<&str>) -> Kept {
        let kept = Kept {
            schema: table.schema.clone(),
            table: table.name.clone(),
            column: column.map(str::to_owned),
            tag: self.tag.clone(),
            as_named: None,
        };
        self.kept.push(kept.clone());
        kept
    }

    fn undoes(&self) -> bool {
        !self.target.undid.is_empty()
    }

    /// Notes that a step needs to be named, unless it is.
    pub(super) fn may_drop(&mut self, step: &mut Step, name: &str) {
        step.effect = Effect::Loses;
        if self.told.drop.contains(name) {
            self.used.insert(name.to_owned());
            return;
        }
        let attribute = matches!(step.kind, StepKind::DropAttribute);
        step.lenient = self.undoes();
        step.needs = Some(if attribute && !step.lenient {
            format!(
                "--retire {name} (kept, but not served), --drop {name} (set aside until it is purged) or --rename {name}=NEW"
            )
        } else {
            format!("--drop {name}")
        });
    }

    pub(super) fn may_narrow(&mut self, step: &mut Step, name: &str) {
        step.effect = step.effect.max(Effect::Narrows);
        if self.undoes() {
            return;
        }
        if self.told.narrow.contains(name) {
            self.used.insert(name.to_owned());
        } else {
            step.needs = Some(format!("--narrow {name}"));
        }
    }

    fn all_used(&self) -> Result<()> {
        let all = [("drop", &self.told.drop), ("narrow", &self.told.narrow)];
        for (option, names) in all {
            if let Some(name) = names.iter().find(|n| !self.used.contains(*n)) {
                return Err(Error::invalid(format!("the change does not {option} this"))
                    .field(option)
                    .value(name)
                    .hint("`cabd type plan` names what it needs"));
            }
        }
        Ok(())
    }

    /// The step about a name, made where there is none.
    pub(super) fn at(&mut self, kind: StepKind, name: &str) -> usize {
        if let Some(i) = self.all.iter().position(|s| s.name == name) {
            return i;
        }
        self.all.push(Step::new(kind, name, ""));
        self.all.len() - 1
    }

    fn types(&mut self) -> Result<()> {
        let (old, target) = (self.old, self.target);
        for gone in old.types().filter(|t| !t.is_registered()) {
            let stays = target.present.types.iter().any(|t| t.id() == gone.id());
            if !stays || target.fresh.contains(gone.id()) {
                self.drop_type(gone)?;
            }
        }
        for new in &target.present.types {
            let known = old
                .feature_type(new.id())
                .ok()
                .filter(|t| t.id() == new.id());
            let before = known.filter(|t| !t.is_registered()).map(|t| t.declared());
            match before {
                Some(before) if !target.fresh.contains(new.id()) => self.stays(&before, new)?,
                before => self.add_type(new, known.is_some(), before)?,
            }
        }
        Ok(())
    }

    fn stays(&mut self, before: &FeatureType, new: &FeatureType) -> Result<()> {
        let find = |m: &Manifest| m.types.iter().find(|t| t.id() == new.id()).cloned();
        let (declared, said) = (find(self.old.declared()), find(&self.target.declared));
        let fresh = self
            .target
            .fresh
            .iter()
            .any(|n| n.starts_with(&format!("{}.", new.id())));
        if before != new || fresh {
            self.change_type(before, new)?;
        } else if !self.told.overwrite_drift || declared == said {
            return Ok(());
        }
        self.types.push(Element {
            declared: declared.filter(|d| d != before),
            before: Some(before.clone()),
            after: Some(new.clone()),
        });
        Ok(())
    }

    fn add_type(
        &mut self,
        new: &FeatureType,
        is_known: bool,
        before: Option<FeatureType>,
    ) -> Result<()> {
        let word = if is_known && before.is_none() {
            "adopt"
        } else {
            "add"
        };
        let kind = if new.is_super() { "super type" } else { "type" };
        let mut step = Step::new(
            StepKind::AddType,
            new.id(),
            format!(
                "{word} {kind} {} with {}",
                new.id(),
                plural(new.attributes.len(), "attribute")
            ),
        );
        for table in tables_of(new) {
            self.make_or_restore(&table.relation, &mut step)?;
        }
        self.all.push(step);
        self.types
            .retain(|e| e.before.as_ref().is_none_or(|b| b.id() != new.id()));
        self.types.push(Element {
            before,
            declared: None,
            after: Some(new.clone()),
        });
        Ok(())
    }

    fn drop_type(&mut self, gone: &FeatureType) -> Result<()> {
        let kind = if gone.is_super() {
            "super type"
        } else {
            "type"
        };
        let words = format!("drop {kind} {}", gone.id());
        let mut step = Step::new(StepKind::DropType, gone.id(), words);
        for table in tables_of(gone).into_iter().rev() {
            let table = self.old.table(&table.relation)?.clone();
            if matches!(table.relation, Relation::Feature(_)) {
                step.questions.push(Question::Rows(table.clone()));
            }
            self.shelve(&table, &mut step);
        }
        if !gone.is_super() {
            step.and("its tables are set aside");
            self.may_drop(&mut step, gone.id());
        }
        self.all.push(step);
        self.types.push(Element {
            before: Some(gone.declared()),
            declared: None,
            after: None,
        });
        Ok(())
    }

    fn change_type(&mut self, old: &FeatureType, new: &FeatureType) -> Result<()> {
        let id = new.id();
        let place = format!("type {id}");
        let hint = "make a new type and load its features";
        if old.is_super() != new.is_super() {
            return Err(unsupported(&place, "whether it is a super type", hint));
        }
        if old.view() != new.view() || old.schema() != new.schema() || old.table() != new.table() {
            return Err(unsupported(
                &place,
                "schema, table and view of a type",
                hint,
            ));
        }
        if let (Some(a), Some(b)) = (&old.geometry, &new.geometry)
            && (a.kind != b.kind || a.column != b.column || a.from != b.from)
        {
            return Err(unsupported(
                &place,
                "class and origin of the geometry",
                hint,
            ));
        }
        self.head(old, new);
        self.members(old, new);
        self.attributes(old, new);
        self.type_tables(old, new)?;
        Ok(())
    }

    fn head(&mut self, old: &FeatureType, new: &FeatureType) {
        let (a, b) = (&old.head, &new.head);
        let mut words = vec![];
        for (what, differs) in [
            ("name", a.name != b.name),
            ("description", a.description != b.description),
            ("data version", a.data_version != b.data_version),
            ("name attribute", a.name_attribute != b.name_attribute),
            ("provenance", a.sources != b.sources),
            ("community data", a.community != b.community),
        ] {
            if differs {
                words.push(what);
            }
        }
        if !words.is_empty() {
            let words = format!("change {} of type {}", words.join(", "), new.id());
            self.all
                .push(Step::new(StepKind::ChangeType, new.id(), words));
        }
    }

    fn members(&mut self, old: &FeatureType, new: &FeatureType) {
        let find =
            |ft: &FeatureType, id: &str| ft.members.iter().position(|m| m.feature_type == id);
        for m in &new.members {
            let t = &m.feature_type;
            let (kind, words) = match find(old, t) {
                None => (
                    StepKind::JoinSuperType,
                    format!("{t} joins super type {}", new.id()),
                ),
                Some(i) if old.members[i] != *m => (
                    StepKind::ChangeMember,
                    format!("change how {} shows {t}", new.id()),
                ),
                Some(_) => continue,
            };
            self.all
                .push(Step::new(kind, format!("{}:{t}", new.id()), words));
        }
        for m in &old.members {
            let t = &m.feature_type;
            if find(new, t).is_none() {
                self.all.push(Step::new(
                    StepKind::LeaveSuperType,
                    format!("{}:{t}", new.id()),
                    format!("{t} leaves super type {}", new.id()),
                ));
            }
        }
    }

    /// The attribute's name after the renamings of this change.
    pub(super) fn renamed<'n>(&'n self, feature_type: &str, id: &'n str) -> &'n str {
        self.target
            .renames
            .iter()
            .find(|r| r.feature_type == feature_type && r.from == id)
            .map_or(id, |r| r.to.as_str())
    }

    /// Whether the attribute of this name is another one than the name stood for in the state that is restored.
    pub(super) fn is_fresh(&self, feature_type: &str, attribute: &str) -> bool {
        self.target
            .fresh
            .contains(&format!("{feature_type}.{attribute}"))
    }

    /// Asks how many rows have a value of an attribute.
    fn values_of(&self, feature_type: &str, attribute: &str) -> Option<Question> {
        let tables = self.old.tables();
        let here = |t: &Arc<Table>| match &t.relation {
            Relation::Feature(id) | Relation::Part(id, _) => **id == *feature_type,
            _ => false,
        };
        tables.into_iter().filter(here).find_map(|t| {
            let column = t
                .columns
                .iter()
                .position(|c| c.attribute.as_deref() == Some(attribute))?;
            Some(Question::Values(t, column))
        })
    }

    fn attributes(&mut self, old: &FeatureType, new: &FeatureType) {
        let id = new.id().to_owned();
        let mut order = vec![];
        for a in &new.attributes {
            let name = format!("{id}.{}", a.id);
            let place = old
                .attributes
                .iter()
                .position(|o| self.renamed(&id, &o.id) == a.id);
            let Some(place) = place else {
                let back = old
                    .retired
                    .iter()
                    .find(|o| o.id == a.id && !self.is_fresh(&id, &o.id));
                let (kind, words) = match back {
                    Some(_) => (StepKind::ServeAttribute, format!("serve {name} again")),
                    None => (
                        StepKind::AddAttribute,
                        format!("add {name}, {}", a.data_type),
                    ),
                };
                let i = self.at(kind, &name);
                self.all[i].and(words);
                continue;
            };
            let o = &old.attributes[place];
            order.push(place);
            if o.id != a.id {
                let i = self.at(StepKind::RenameAttribute, &name);
                self.all[i].and(format!("rename {id}.{} to {}", o.id, a.id));
            }
            let words = super::words::differences(o, a);
            if !words.is_empty() {
                let i = self.at(StepKind::ChangeAttribute, &name);
                self.all[i].and(format!("{name}: {}", words.join(", ")));
            }
        }
        if order.windows(2).any(|w| w[0] > w[1]) {
            self.all.push(Step::new(
                StepKind::OrderAttributes,
                format!("{id}:order"),
                format!("show the attributes of {id} in another order"),
            ));
        }
        for o in old.attributes.iter().chain(&old.retired) {
            let now = self.renamed(&id, &o.id).to_owned();
            let fresh = self.is_fresh(&id, &o.id);
            if new.attribute(&now).is_some() && !fresh {
                continue;
            }
            let name = format!("{id}.{}", o.id);
            let was_retired = old.retired.iter().any(|r| r.id == o.id);
            if new.retired.iter().any(|r| r.id == now) && !fresh {
                if !was_retired {
                    let i = self.at(StepKind::RetireAttribute, &name);
                    self.all[i].and(format!(
                        "retire {name}: column and values stay, it is not served"
                    ));
                    self.all[i].effect = Effect::Narrows;
                    let questions = self.values_of(&id, &o.id);
                    self.all[i].questions.extend(questions);
                }
                continue;
            }
            let i = self.at(StepKind::DropAttribute, &name);
            let word = if o.is_stored() && !old.is_super() {
                "; its values are set aside"
            } else {
                ""
            };
            self.all[i].and(format!("drop {name}{word}"));
        }
    }
}
