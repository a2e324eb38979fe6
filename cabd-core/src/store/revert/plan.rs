//! What is to be done about each row of a commit, beside what others have done since.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::net::{Net, Nets};
use super::{Revert, Reverted};
use crate::catalog::{Catalog, ID, Relation, Table};
use crate::error::{Clash, Error, Result};
use crate::feature::{Action, Applied, Base, Operation};
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::store::shown::{Place, Present, Shower, ShownRow, fetch};
use crate::store::write::attribute;
use crate::store::{Row, Store, key_of};
use crate::value::Value;

/// A row that goes back: the operation, and how it is shown.
struct Undoing {
    table: Arc<Table>,
    operation: Operation,
    shown: ShownRow,
    /// The row with which it goes.
    owner: Option<Place>,
}

/// What is to be done.
pub(super) struct Plan {
    rows: Vec<Undoing>,
    unchanged: u64,
    pub conflicts: Vec<Error>,
}

/// What undoes a row's change.
enum Undo {
    Row(Box<Undoing>),
    /// It has been done.
    Done,
    /// It is not asked, or the commit has done nothing in the end.
    Nothing,
}

struct Maker<'a> {
    shower: Shower,
    what: &'a Revert,
    /// Whether the commit has done something of what is asked.
    matched: bool,
    conflicts: Vec<Error>,
}

impl Plan {
    pub async fn make<S: Store + ?Sized>(
        store: &S,
        nets: Nets,
        what: &Revert,
        lang: Lang,
    ) -> Result<Self> {
        let mut maker = Maker {
            shower: Shower::new(nets.catalog.clone(), lang),
            what,
            matched: false,
            conflicts: vec![],
        };
        let present = present(store, &nets).await?;
        let mut plan = Self {
            rows: vec![],
            unchanged: 0,
            conflicts: nets.conflicts,
        };
        for net in &nets.rows {
            match maker.undoing(net, present.get(&net.place())) {
                Undo::Row(undoing) => plan.rows.push(*undoing),
                Undo::Done => plan.unchanged += 1,
                Undo::Nothing => {}
            }
        }
        plan.conflicts.append(&mut maker.conflicts);
        if !maker.matched && plan.conflicts.is_empty() {
            return Err(
                Error::invalid("the commit has done nothing of what is to be undone")
                    .field("commit")
                    .value(what.commit)
                    .hint("look at what it did with `cabd history`"),
            );
        }
        plan.around(store, &nets.catalog, &nets.at).await?;
        plan.rows.sort_by_key(|u| {
            let rank = u.table.relation.rank();
            match u.operation.action {
                Action::Delete => (1, u8::MAX - rank),
                _ => (0, rank),
            }
        });
        Ok(plan)
    }

    /// A feature that goes takes with it the rows around it: those that the commit brought, and no others.
    async fn around<S: Store + ?Sized>(
        &mut self,
        store: &S,
        catalog: &Catalog,
        at: &HashMap<Place, usize>,
    ) -> Result<()> {
        let mut going: BTreeMap<Relation, Vec<Value>> = BTreeMap::new();
        for u in self.rows.iter().filter(|u| u.is_deletion()) {
            let keys = going.entry(u.table.relation.clone()).or_default();
            keys.extend(u.operation.values.first().cloned());
        }
        let own: HashSet<Place> = self.rows.iter().map(Undoing::place).collect();
        let mut stay: HashMap<Place, Error> = HashMap::new();
        let mut along: HashMap<Place, Place> = HashMap::new();
        for child in catalog.tables() {
            let Some((column, parent)) = &child.parent else {
                continue;
            };
            let Some(keys) = going.get(parent) else {
                continue;
            };
            let mut rows = Present::new();
            fetch(store, &child, *column, keys, |_| true, &mut rows).await?;
            for (place, row) in rows {
                let owner = (parent.clone(), key_of(&row[*column..=*column]));
                if own.contains(&place) {
                    along.insert(place, owner);
                    continue;
                }
                let what = match at.contains_key(&place) {
                    true => "has changed since, and would go with it",
                    false => "was added since, and would go with it",
                };
                let e = Error::conflict(format!("a row of {} {what}", child.relation))
                    .field(&child.columns[*column].name)
                    .value(&row[*column])
                    .hint("undo that change first, or take only what has no conflict")
                    .clash(Clash {
                        relation: child.relation.to_string(),
                        key: row[..child.key].iter().map(Value::to_json).collect(),
                        theirs: Some(shown(&child, &row)),
                        ..Clash::default()
                    });
                stay.entry(owner).or_insert(e);
            }
        }
        for u in self.rows.iter_mut().filter(|u| u.is_deletion()) {
            u.owner = along.remove(&u.place());
        }
        self.rows.retain(|u| match stay.remove(&u.place()) {
            Some(e) if u.is_deletion() => {
                self.conflicts
                    .push(e.at(u.operation.place.as_deref().unwrap_or_default()));
                false
            }
            _ => true,
        });
        self.leave_along();
        Ok(())
    }

    /// What would have gone with a row that stays, stays.
    fn leave_along(&mut self) {
        let there: HashSet<Place> = self.rows.iter().map(Undoing::place).collect();
        let stays = |u: &Undoing| u.owner.as_ref().is_some_and(|o| !there.contains(o));
        self.rows.retain(|u| !stays(u));
    }

    /// The features that are touched, as they were when the plan was begun.
    pub fn bases(&self, seen: CommitNumber) -> Vec<Base> {
        let mut known = HashSet::new();
        let features = self.rows.iter().filter_map(|u| {
            let id = u.shown.cabd_id?;
            let feature_type = match (&u.table.relation, &u.table.parent) {
                (Relation::Feature(t), _) | (_, Some((_, Relation::Feature(t)))) => t.clone(),
                _ => return None,
            };
            Some(Base {
                feature_type,
                id,
                commit: seen,
                exact: false,
                place: None,
            })
        });
        features.filter(|b| known.insert(b.id)).collect()
    }

    /// The relations of rows that belong to no feature.
    pub fn relations(&self) -> Vec<Relation> {
        let all = self.rows.iter().map(|u| &u.table);
        let own = all.filter(|t| t.parent.is_none() && !matches!(t.relation, Relation::Feature(_)));
        let mut own: Vec<Relation> = own.map(|t| t.relation.clone()).collect();
        own.sort();
        own.dedup();
        own
    }

    pub fn operations(&self) -> Vec<Operation> {
        let own = self.rows.iter().filter(|u| u.owner.is_none());
        own.map(|u| u.operation.clone()).collect()
    }

    /// What was done.
    pub fn done(self, applied: Applied) -> Reverted {
        Reverted {
            applied,
            rows: self.rows.into_iter().map(|u| u.shown).collect(),
            unchanged: self.unchanged,
            conflicts: self.conflicts,
        }
    }

    /// Leaves the rows as they are that an error is about; an error about none of them comes back.
    pub fn leave(&mut self, error: Error) -> Result<()> {
        let wrong: HashSet<String> = error
            .each()
            .filter_map(|e| e.place().map(str::to_owned))
            .collect();
        let before = self.rows.len();
        let wrong = |u: &Undoing| {
            u.operation
                .place
                .as_deref()
                .is_some_and(|p| wrong.contains(p))
        };
        self.rows.retain(|u| !wrong(u));
        if self.rows.len() == before {
            return Err(error);
        }
        self.leave_along();
        self.conflicts.extend(error.apart());
        Ok(())
    }
}

impl Undoing {
    fn is_deletion(&self) -> bool {
        self.operation.action == Action::Delete
    }

    fn place(&self) -> Place {
        let key = &self.operation.values[..self.table.key.min(self.operation.values.len())];
        (self.table.relation.clone(), key_of(key))
    }
}

impl Maker<'_> {
    fn undoing(&mut self, net: &Net, now: Option<&Row>) -> Undo {
        let stays = net.was_there && net.is_there;
        let nothing = !net.was_there && !net.is_there;
        if nothing || !(stays || self.what.attributes.is_empty()) {
            return Undo::Nothing;
        }
        let mut whole = true;
        for (name, value) in &net.lost {
            if self.is_asked(net, name, None) {
                let e = Error::conflict(
                    "the value has no place any more: the attribute has gone, or takes other values",
                );
                let e = e.at(place(net)).field(name).value(value);
                self.conflicts
                    .push(e.hint("bring the attribute back first"));
                whole = false;
            }
        }
        match (net.was_there, net.is_there) {
            (false, _) => self.remove(net, now),
            (true, false) if whole => self.put_back(net, now),
            (true, false) => Undo::Nothing,
            (true, true) => self.set_back(net, now),
        }
    }

    fn is_asked(&self, net: &Net, name: &str, attribute: Option<&str>) -> bool {
        let own = match net.table.relation {
            Relation::AttributeSource(_) => name.strip_suffix("_ds"),
            _ => None,
        };
        self.what.attributes.is_empty()
            || self
                .what
                .attributes
                .iter()
                .any(|a| a == name || attribute == Some(a) || own == Some(a))
    }

    fn remove(&mut self, net: &Net, now: Option<&Row>) -> Undo {
        self.matched = true;
        let Some(now) = now else {
            return Undo::Done;
        };
        let before = self.conflicts.len();
        let other = |c: &usize| net.left(*c).is_some_and(|left| *left != now[*c]);
        let changed = net.columns().filter(other);
        self.conflicts
            .extend(changed.map(|c| changed_since(net, c, Some(&now[c]), None)));
        match self.conflicts.len() == before {
            true => self.row(net, Action::Delete, vec![], Some(now)),
            false => Undo::Nothing,
        }
    }

    fn put_back(&mut self, net: &Net, now: Option<&Row>) -> Undo {
        self.matched = true;
        let was = |c: usize| net.was(c).cloned().unwrap_or_default();
        if let Some(now) = now {
            let mut other = net.columns().filter(|c| was(*c) != now[*c]).peekable();
            if other.peek().is_none() {
                return Undo::Done;
            }
            let errors = other.map(|c| changed_since(net, c, Some(&now[c]), Some(&was(c))));
            self.conflicts.extend(errors);
            return Undo::Nothing;
        }
        let columns = net.columns().filter(|c| !was(*c).is_null());
        let set: Vec<(usize, Value)> = columns.map(|c| (c, was(c))).collect();
        match set.iter().any(|(c, value)| self.is_retired(net, *c, value)) {
            true => Undo::Nothing,
            false => self.row(net, Action::Insert, set, None),
        }
    }

    fn set_back(&mut self, net: &Net, now: Option<&Row>) -> Undo {
        let (mut set, mut done) = (vec![], false);
        for c in net.columns() {
            let column = &net.table.columns[c];
            let (Some(was), Some(left)) = (net.was(c), net.left(c)) else {
                continue;
            };
            if was == left || !self.is_asked(net, &column.name, column.attribute.as_deref()) {
                continue;
            }
            self.matched = true;
            match now {
                Some(now) if now[c] == *was => done = true,
                Some(now) if now[c] == *left => {
                    if !self.is_retired(net, c, was) {
                        set.push((c, was.clone()));
                    }
                }
                now => {
                    let e = changed_since(net, c, now.map(|n| &n[c]), Some(was));
                    self.conflicts.push(e);
                }
            }
        }
        if let (Relation::FeatureUpdate, Some(now)) = (&net.table.relation, now) {
            together(&net.table, now, &mut set);
        }
        match (set.is_empty(), done) {
            (false, _) => self.row(net, Action::Update, set, now),
            (true, true) => Undo::Done,
            (true, false) => Undo::Nothing,
        }
    }

    /// Whether the attribute is retired: its values are not written.
    fn is_retired(&mut self, net: &Net, c: usize, value: &Value) -> bool {
        if !net.table.columns[c].retired {
            return false;
        }
        let e = Error::conflict(format!(
            "the attribute is retired in {}: it takes no new values",
            net.table.relation
        ))
        .at(place(net))
        .field(attribute(&net.table, c))
        .value(value)
        .hint("take it out of [[retired]] in the type's manifest to use it again");
        self.conflicts.push(e);
        true
    }

    fn row(&self, net: &Net, action: Action, set: Vec<(usize, Value)>, now: Option<&Row>) -> Undo {
        let table = &net.table;
        let mut operation = Operation::new(table.relation.clone(), action).at(place(net));
        let (mut fields, mut values): (Vec<String>, Vec<Value>) = (vec![], vec![]);
        for (column, value) in table.columns.iter().zip(&net.key) {
            fields.push(column.name.clone());
            values.push(value.clone());
        }
        let mut shown = vec![];
        for (c, value) in set {
            shown.push(self.shower.value(table, c, now.map(|n| &n[c]), &value));
            fields.push(attribute(table, c));
            values.push(value);
        }
        operation.fields = fields.into();
        operation.values = values;
        Undo::Row(Box::new(Undoing {
            shown: ShownRow {
                relation: table.relation.to_string(),
                action: match action {
                    Action::Insert => "insert",
                    Action::Delete => "delete",
                    _ => "update",
                },
                cabd_id: net.feature,
                key: net.key.iter().map(Value::to_json).collect(),
                values: shown,
            },
            table: table.clone(),
            operation,
            owner: None,
        }))
    }
}

/// The feature of a suggested update is named by type and identifier, or not at all.
fn together(table: &Table, now: &Row, set: &mut Vec<(usize, Value)>) {
    let names: Vec<usize> = [ID, "cabd_type"]
        .iter()
        .flat_map(|c| table.position(c))
        .collect();
    if set.iter().any(|(c, _)| names.contains(c)) {
        for c in names {
            if set.iter().all(|(other, _)| *other != c) {
                set.push((c, now[c].clone()));
            }
        }
    }
}

fn place(net: &Net) -> String {
    let key: Vec<String> = net.key.iter().map(Value::to_string).collect();
    format!("{} {}", net.table.relation, key.join(" "))
}

fn shown(table: &Table, row: &Row) -> serde_json::Value {
    let values = row.iter().enumerate().filter(|(_, v)| !v.is_null());
    values
        .map(|(c, v)| (attribute(table, c), v.to_json()))
        .collect()
}

/// The value is neither what the commit left nor what was there before it.
fn changed_since(net: &Net, c: usize, theirs: Option<&Value>, mine: Option<&Value>) -> Error {
    let name = attribute(&net.table, c);
    let e = match theirs {
        Some(theirs) => Error::conflict("changed since by another commit").value(theirs),
        None => Error::conflict("the row was deleted since by another commit"),
    };
    e.at(place(net))
        .field(name.clone())
        .hint("undo the later change first, or take only what has no conflict")
        .clash(Clash {
            relation: net.table.relation.to_string(),
            key: net.key.iter().map(Value::to_json).collect(),
            attribute: Some(name),
            base: net.left(c).filter(|_| net.is_there).map(Value::to_json),
            theirs: theirs.map(Value::to_json),
            mine: mine.map(Value::to_json),
            ..Clash::default()
        })
}

/// The rows of a commit, as they are now.
async fn present<S: Store + ?Sized>(store: &S, nets: &Nets) -> Result<Present> {
    let mut by_table: BTreeMap<Relation, (Arc<Table>, Vec<Value>)> = BTreeMap::new();
    for net in &nets.rows {
        let relation = net.table.relation.clone();
        let (_, keys) = by_table
            .entry(relation)
            .or_insert_with(|| (net.table.clone(), vec![]));
        if keys.last() != net.key.first() {
            keys.extend(net.key.first().cloned());
        }
    }
    let mut out = Present::new();
    for (table, keys) in by_table.into_values() {
        let wanted = |place: &Place| nets.at.contains_key(place);
        fetch(store, &table, 0, &keys, wanted, &mut out).await?;
    }
    Ok(out)
}
