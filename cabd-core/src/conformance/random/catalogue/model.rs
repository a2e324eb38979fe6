//! What a random catalogue is: base types with parts and links, super types over them and over each other.

use std::fmt::Write;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::super::values;
use crate::catalog::{CatalogChange, Manifest, Relation};
use crate::feature::{Action, Operation};
use crate::geometry::GeometryKind;
use crate::value::{DataType, Value};

pub(super) const TYPES: [&str; 13] = [
    "boolean",
    "integer",
    "double",
    "numeric",
    "text",
    "varchar(9)",
    "varchar(80)",
    "uuid",
    "date",
    "timestamp",
    "array(varchar)",
    "array(integer)",
    "array(double)",
];

/// One stored attribute: name, data type, place in the random set, whether it is of the random list or of the part.
#[derive(Debug, Clone)]
struct Attribute {
    id: String,
    data_type: &'static str,
    label: u32,
    place: Option<u32>,
    coded: bool,
    in_part: bool,
}

/// A base type.
#[derive(Debug, Clone)]
struct Base {
    id: String,
    kind: GeometryKind,
    part: bool,
    link: bool,
    attributes: Vec<Attribute>,
}

/// An attribute of a super type: a member's attribute under another name.
#[derive(Debug, Clone)]
struct Shown {
    id: String,
    data_type: &'static str,
    member: String,
    of: String,
}

/// A super type; its members are base types and earlier super types.
#[derive(Debug, Clone)]
struct Super {
    id: String,
    members: Vec<String>,
    shown: Vec<Shown>,
}

/// A row that is there.
#[derive(Debug, Clone)]
struct Row {
    base: String,
    id: Uuid,
}

/// The random catalogue and the rows in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    bases: Vec<Base>,
    supers: Vec<Super>,
    codes: u32,
    made: u32,
    drawn: u128,
    rows: Vec<Row>,
}

impl Model {
    /// The types to ask about.
    pub(super) fn types(&self) -> Vec<String> {
        let bases = self.bases.iter().map(|b| b.id.clone());
        bases
            .chain(self.supers.iter().map(|s| s.id.clone()))
            .collect()
    }

    fn number(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    fn attribute(&mut self, rng: &mut ChaCha8Rng, part: bool) -> Attribute {
        let n = self.number();
        let coded = rng.random_bool(0.2);
        Attribute {
            id: format!("a{n}"),
            data_type: if coded {
                "integer"
            } else {
                TYPES.choose(rng).copied().unwrap_or("text")
            },
            label: 0,
            place: rng.random_bool(0.4).then_some(n),
            coded,
            in_part: part && rng.random_bool(0.5),
        }
    }

    fn base(&mut self, rng: &mut ChaCha8Rng) -> Base {
        let (part, link) = (rng.random_bool(0.4), rng.random_bool(0.4));
        let kind = GeometryKind::ALL.choose(rng).copied();
        let attributes = (0..rng.random_range(1..6)).map(|_| self.attribute(rng, part));
        let attributes = attributes.collect();
        Base {
            id: format!("t{}", self.number()),
            kind: kind.unwrap_or(GeometryKind::Point),
            part,
            link,
            attributes,
        }
    }

    /// A super type of up to three types, which may be super types themselves.
    fn super_type(&mut self, rng: &mut ChaCha8Rng) -> Super {
        let all = self.types();
        let n = rng.random_range(1..=3.min(all.len()));
        let members: Vec<String> = all.choose_multiple(rng, n).cloned().collect();
        let id = format!("t{}", self.number());
        let mut made = Super {
            id,
            members,
            shown: vec![],
        };
        for _ in 0..rng.random_range(0..4) {
            self.show(&mut made, rng);
        }
        made
    }

    /// Lets a super type show one more attribute of a member.
    fn show(&mut self, made: &mut Super, rng: &mut ChaCha8Rng) {
        let Some(member) = made.members.choose(rng).cloned() else {
            return;
        };
        let of_base = self.bases.iter().filter(|b| b.id == member).flat_map(|b| {
            let plain = b.attributes.iter().filter(|a| !a.coded);
            plain.map(|a| (a.id.clone(), a.data_type))
        });
        let of_super = self.supers.iter().filter(|s| s.id == member);
        let of_super = of_super.flat_map(|s| s.shown.iter().map(|a| (a.id.clone(), a.data_type)));
        let all: Vec<(String, &'static str)> = of_base.chain(of_super).collect();
        if let Some((of, data_type)) = all.choose(rng).cloned() {
            let id = format!("s{}", self.number());
            made.shown.push(Shown {
                id,
                data_type,
                member,
                of,
            });
        }
    }

    /// Takes off what super types show of something that goes or changes its type, and what others show of that.
    fn hide(
        &mut self,
        of: &str,
        attribute: Option<&str>,
        mut change: CatalogChange,
    ) -> CatalogChange {
        let gone = |a: &Shown| a.member == of && attribute.is_none_or(|x| a.of == x);
        let mut found = vec![];
        for s in &mut self.supers {
            found.extend(
                s.shown
                    .iter()
                    .filter(|a| gone(a))
                    .map(|a| (s.id.clone(), a.id.clone())),
            );
            s.shown.retain(|a| !gone(a));
        }
        for (of, attribute) in found {
            change = change.drop(format!("{of}.{attribute}"));
            change = self.hide(&of, Some(&attribute), change);
        }
        change
    }

    /// Takes a type out of the super types; those that have no member left go as well.
    fn leave(&mut self, id: &str, mut change: CatalogChange) -> CatalogChange {
        change = self.hide(id, None, change);
        let mut empty = vec![];
        for s in &mut self.supers {
            s.members.retain(|m| m != id);
            if s.members.is_empty() {
                empty.push(s.id.clone());
            }
        }
        self.supers.retain(|s| !empty.contains(&s.id));
        for id in empty {
            // What goes as a whole is named as a whole.
            let own = format!("{id}.");
            change.told.drop.retain(|name| !name.starts_with(&own));
            change = self.leave(&id, change.drop(id.clone()));
        }
        change
    }

    /// Changes the model; gives the options that the change needs.
    pub(super) fn step(&mut self, rng: &mut ChaCha8Rng, change: CatalogChange) -> CatalogChange {
        if self.bases.is_empty() || rng.random_bool(0.15) {
            let made = self.base(rng);
            self.bases.push(made);
            return change;
        }
        if rng.random_bool(0.15) {
            let made = self.super_type(rng);
            self.supers.push(made);
            return change;
        }
        if rng.random_bool(0.05) {
            let at = rng.random_range(0..self.bases.len());
            let gone = self.bases.remove(at).id;
            self.rows.retain(|r| r.base != gone);
            return self.leave(&gone, change.drop(gone.clone()));
        }
        let at = rng.random_range(0..self.bases.len());
        let new = self.attribute(rng, self.bases[at].part);
        let base = &mut self.bases[at];
        if base.attributes.is_empty() || rng.random_bool(0.25) {
            base.attributes.push(new);
            return change;
        }
        let i = rng.random_range(0..base.attributes.len());
        let (name, id) = (base.id.clone(), base.attributes[i].id.clone());
        let path = format!("{name}.{id}");
        match rng.random_range(0..7) {
            0 => {
                base.attributes.remove(i);
                self.hide(&name, Some(&id), change.drop(path))
            }
            1 => {
                base.attributes[i].id.clone_from(&new.id);
                for a in self.supers.iter_mut().flat_map(|s| &mut s.shown) {
                    if a.member == name && a.of == id {
                        a.of.clone_from(&new.id);
                    }
                }
                change.rename(path, new.id)
            }
            2 if !base.attributes[i].coded => {
                base.attributes[i].data_type = new.data_type;
                self.hide(&name, Some(&id), change.narrow(path))
            }
            3 => {
                base.attributes[i].label += 1;
                change
            }
            4 => {
                base.attributes[i].place = new.place;
                change
            }
            5 => {
                self.codes += 1;
                change
            }
            _ => {
                base.attributes.remove(i);
                self.hide(&name, Some(&id), change.retire(path))
            }
        }
    }

    pub(super) fn manifest(&self) -> Manifest {
        let mut all = Manifest::from_toml("random.toml", &self.shared()).expect("the random list");
        let bases = self.bases.iter().map(Base::toml);
        for text in bases.chain(self.supers.iter().map(Super::toml)) {
            let one = Manifest::from_toml("type.toml", &text);
            all.types.extend(one.expect("a random type").types);
        }
        all
    }

    fn shared(&self) -> String {
        let codes: Vec<String> = (0..=self.codes)
            .map(|n| format!("{{ code = {n}, name = {{ en = \"c{n}\", fr = \"c{n} (fr)\" }} }}"))
            .collect();
        format!(
            "[[sets]]\nname = \"random\"\ncolumn = \"vw_random_order\"\n[[lists]]\nid = \"random.codes\"\n\
             title = {{ en = \"Random\", fr = \"Hasard\" }}\ncodes = [{}]\n",
            codes.join(", ")
        )
    }

    /// New rows of one type with random values, changes of rows that are there, and the end of one.
    pub(super) fn write(&mut self, rng: &mut ChaCha8Rng) -> Vec<Operation> {
        let Some(base) = self.bases.choose(rng).cloned() else {
            return vec![];
        };
        let mut out = vec![];
        for _ in 0..3 {
            self.drawn += 1;
            let id = Uuid::from_u128(self.drawn);
            self.rows.push(Row {
                base: base.id.clone(),
                id,
            });
            let place = values::geometry(rng, base.kind);
            let op = Operation::insert_feature(&base.id, id).set("geometry", place);
            out.push(base.fill(op, false, rng));
            if base.part {
                self.drawn += 1;
                let part = Operation::new(Relation::part(&base.id, "pieces"), Action::Insert)
                    .set("piece_id", Uuid::from_u128(self.drawn))
                    .set("whole_id", id)
                    .set("is_first", rng.random_bool(0.8))
                    .set("piece_no", 1);
                out.push(base.fill(part, true, rng));
            }
            if base.link {
                let link = Operation::new(Relation::link(&base.id, "tags"), Action::Insert)
                    .set("whole_id", id)
                    .set("code", 0)
                    .set("known", rng.random_bool(0.5));
                out.push(link);
            }
        }
        let old: Vec<Row> = self
            .rows
            .iter()
            .filter(|r| r.base == base.id)
            .cloned()
            .collect();
        let old = &old[..old.len().saturating_sub(3)];
        if let Some(row) = old.choose(rng) {
            out.push(base.fill(Operation::update_feature(&base.id, row.id), false, rng));
        }
        if let Some(row) = old
            .first()
            .filter(|_| old.len() > 3 && rng.random_bool(0.2))
        {
            out.retain(|op| op.action != Action::Update);
            out.push(Operation::delete_feature(&base.id, row.id));
            self.rows.retain(|r| r.id != row.id);
        }
        out
    }
}

impl Base {
    fn fill(&self, mut op: Operation, in_part: bool, rng: &mut ChaCha8Rng) -> Operation {
        for a in self.attributes.iter().filter(|a| a.in_part == in_part) {
            let data_type: DataType = a.data_type.parse().expect("a data type");
            op = match rng.random_range(0..10) {
                0 => op.set(&a.id, Value::Null),
                _ if a.coded => op.set(&a.id, 0),
                _ => op.set(&a.id, values::value(rng, &data_type, &[Uuid::from_u128(7)])),
            };
        }
        op
    }

    fn toml(&self) -> String {
        let kind = self.kind.name().to_lowercase();
        let mut text = head(&self.id);
        let _ = write!(text, "[geometry]\nkind = \"{kind}\"\n");
        if self.part {
            text.push_str(
                "[[parts]]\nid = \"pieces\"\nkey = \"piece_id\"\nparent = \"whole_id\"\nprimary = \"is_first\"\norder = \"piece_no\"\n",
            );
        }
        if self.link {
            text.push_str(
                "[[links]]\nid = \"tags\"\ntable = \"tags\"\nparent = \"whole_id\"\ntarget = \"code\"\ncodes = \"random.codes\"\nflags = [\"known\"]\n",
            );
        }
        text.push_str(&named("cabd_id", "uuid", ""));
        let place = DataType::Geometry(self.kind).to_string();
        text.push_str(&named("geometry", &place, ""));
        text.push_str(&named("link", "url", "url = \"features/{cabd_id}\"\n"));
        if self.part {
            text.push_str(&named("piece_id", "uuid", "part = \"pieces\"\n"));
        }
        if self.link {
            text.push_str(&named(
                "tags",
                "array(varchar)",
                "values_of = { link = \"tags\", where = { known = true } }\n",
            ));
        }
        for a in &self.attributes {
            let mut more = String::new();
            if let Some(n) = a.place {
                let _ = writeln!(more, "sets = {{ random = {n} }}");
            }
            if a.coded {
                more.push_str("codes = \"random.codes\"\n");
            }
            if a.in_part {
                more.push_str("part = \"pieces\"\n");
            }
            let _ = write!(
                text,
                "[[attributes]]\nid = \"{0}\"\ntype = \"{1}\"\nname = {{ en = \"{0} {2}\", fr = \"{0} {2} (fr)\" }}\n{more}",
                a.id, a.data_type, a.label
            );
        }
        text
    }
}

impl Super {
    fn toml(&self) -> String {
        let mut text = head(&self.id);
        for m in &self.members {
            let _ = write!(text, "[[members]]\ntype = \"{m}\"\n");
            for a in self.shown.iter().filter(|a| a.member == *m) {
                let _ = writeln!(text, "columns.{} = \"{}\"", a.id, a.of);
            }
        }
        text.push_str(&named("cabd_id", "uuid", ""));
        text.push_str(&named("geometry", "geometry", ""));
        text.push_str(&named("kind_of", "text", "computed = \"feature_type\"\n"));
        for a in &self.shown {
            text.push_str(&named(&a.id, a.data_type, ""));
        }
        text
    }
}

fn head(id: &str) -> String {
    format!("[type]\nid = \"{id}\"\nname = {{ en = \"{id}\", fr = \"{id} (fr)\" }}\n")
}

fn named(id: &str, data_type: &str, more: &str) -> String {
    format!(
        "[[attributes]]\nid = \"{id}\"\ntype = \"{data_type}\"\nname = {{ en = \"{id}\", fr = \"{id} (fr)\" }}\n{more}"
    )
}
