//! The checker of manifests: every problem at once, each with type, attribute and next step.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::attribute::{Attribute, GEOMETRY, ID, Origin, TILE_SET};
use super::code_list::CodeList;
use super::feature_type::{FeatureType, Member, MemberColumn};
use super::manifest::Manifest;
use crate::error::Error;
use crate::lang::Lang;
use crate::value::DataType;

/// Longest identifier of a type: its longest derived table name must fit PostgreSQL's 63 bytes.
const MAX_TYPE_ID: usize = 32;
/// Longest identifier of an attribute, `_ds` included.
const MAX_ATTRIBUTE_ID: usize = 60;
/// Names that a table of ours uses for itself.
const RESERVED: [&str; 3] = ["fid", "rowid", "ogc_fid"];

struct Checker<'a> {
    manifest: &'a Manifest,
    types: BTreeMap<&'a str, &'a FeatureType>,
    lists: HashMap<&'a str, &'a CodeList>,
    problems: Vec<Error>,
}

/// Every problem of a manifest; empty when it can be applied.
///
/// ```
/// use cabd_core::catalog::{Manifest, check};
/// let m = Manifest::from_toml("x.toml", "[type]\nid = \"Bad Name\"\n")?;
/// assert!(!check(&m).is_empty());
/// # Ok::<(), cabd_core::Error>(())
/// ```
pub fn check(manifest: &Manifest) -> Vec<Error> {
    check_with(manifest, &[])
}

/// The problems of a manifest beside types that were registered by SQL, which its super types may have as members.
pub(crate) fn check_with(manifest: &Manifest, registered: &[Arc<FeatureType>]) -> Vec<Error> {
    let known = registered.iter().map(|t| (t.id(), &**t));
    let mut c = Checker {
        manifest,
        types: known
            .chain(manifest.types.iter().map(|t| (t.id(), t)))
            .collect(),
        lists: manifest.lists.iter().map(|l| (l.id.as_str(), l)).collect(),
        problems: vec![],
    };
    c.sets();
    c.lists();
    c.type_ids();
    for ft in &manifest.types {
        c.feature_type(ft);
    }
    c.problems
}

fn is_identifier(s: &str, max: usize) -> bool {
    let mut chars = s.bytes();
    s.len() <= max
        && chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
}

/// Whether values of both types are kept and compared alike.
pub(super) fn same_class(a: &DataType, b: &DataType) -> bool {
    use DataType::{Double, Geometry, Numeric, Text, Url};
    match (a, b) {
        (Text(_) | Url, Text(_) | Url) | (Double | Numeric, Double | Numeric) => true,
        (Geometry(_), Geometry(_)) => true,
        _ => a == b,
    }
}

impl<'a> Checker<'a> {
    fn report(&mut self, place: &str, error: Error) {
        self.problems.push(error.at(place.to_owned()));
    }

    fn identifier(&mut self, place: &str, what: &str, s: &str, max: usize) {
        if !is_identifier(s, max) {
            self.report(
                place,
                Error::invalid(format!("{what} is not an identifier")).value(s).expected(format!(
                    "lower-case letters, digits and underscores, a letter first, at most {max} characters"
                )),
            );
        } else if RESERVED.contains(&s) {
            self.report(
                place,
                Error::invalid(format!("{what} is a reserved name")).value(s),
            );
        }
    }

    fn sets(&mut self) {
        let mut seen = HashSet::new();
        for s in &self.manifest.sets {
            let place = format!("attribute set {}", s.name);
            self.identifier(&place, "name", &s.name, 32);
            self.identifier(&place, "column", &s.column, 60);
            if s.name == TILE_SET {
                self.report(
                    &place,
                    Error::invalid("the set vectortile is made by the system"),
                );
            }
            for n in std::iter::once(&s.name).chain(&s.aliases) {
                if !seen.insert(n.as_str()) {
                    self.report(&place, Error::invalid("name used twice").value(n));
                }
            }
        }
    }

    fn lists(&mut self) {
        let mut seen = HashSet::new();
        for l in &self.manifest.lists {
            let place = format!("code list {}", l.id);
            if !seen.insert(l.id.as_str()) {
                self.report(&place, Error::invalid("declared twice"));
            }
            match l.id.split_once('.') {
                Some((s, t)) => {
                    self.identifier(&place, "schema", s, MAX_TYPE_ID);
                    self.identifier(&place, "table", t, 60);
                }
                None => self.report(
                    &place,
                    Error::invalid("id has no schema").expected("schema.table"),
                ),
            }
            if !matches!(l.key_type, DataType::Integer | DataType::Text(_)) {
                self.report(
                    &place,
                    Error::invalid("key type")
                        .value(&l.key_type)
                        .expected("integer or varchar(n)"),
                );
            }
            let mut codes = HashSet::new();
            for c in &l.codes {
                if !codes.insert(&c.code) {
                    self.report(&place, Error::invalid("code used twice").value(&c.code));
                }
                if c.code.to_value().coerce("code", &l.key_type).is_err() {
                    self.report(
                        &place,
                        Error::invalid("code is not of the list's key type")
                            .value(&c.code)
                            .expected(l.key_type.to_string()),
                    );
                }
                // The rows of an open list are loaded from elsewhere: real ones lack names.
                if c.name.en.is_empty() && !l.open {
                    self.report(
                        &place,
                        Error::invalid("code without an English name").value(&c.code),
                    );
                }
                for key in c.more.keys() {
                    if !l.columns.iter().any(|col| col.id == *key) {
                        self.report(
                            &place,
                            Error::invalid("code has a column that the list does not").value(key),
                        );
                    }
                }
            }
        }
    }

    fn type_ids(&mut self) {
        let mut seen = HashSet::new();
        let mut tables: HashMap<String, &str> = HashMap::new();
        for ft in &self.manifest.types {
            let place = format!("type {}", ft.id());
            self.identifier(&place, "id", ft.id(), MAX_TYPE_ID);
            if !seen.insert(ft.id()) {
                self.report(&place, Error::invalid("declared twice"));
            }
            for t in super::physical::tables_of(ft) {
                let name = super::physical::flat_name(&t.schema, &t.name);
                if let Some(other) = tables.insert(name.clone(), ft.id())
                    && other != ft.id()
                {
                    self.report(
                        &place,
                        Error::invalid(format!("table {name} belongs to {other} already")),
                    );
                }
            }
        }
    }

    fn feature_type(&mut self, ft: &'a FeatureType) {
        let place = format!("type {}", ft.id());
        if ft.head.name.en.is_empty() {
            self.report(&place, Error::invalid("no English name"));
        }
        match (&ft.geometry, ft.is_super()) {
            (None, false) => self.report(
                &place,
                Error::invalid("no geometry")
                    .hint("add [geometry] with a kind, or [[members]] for a super type"),
            ),
            (Some(_), true) => self.report(
                &place,
                Error::invalid("a super type has no geometry of its own"),
            ),
            (Some(rule), false) => {
                for c in rule.columns() {
                    self.identifier(&place, "geometry column", c, MAX_ATTRIBUTE_ID);
                }
            }
            (None, true) => {}
        }
        for (id, data_type) in [
            (ID, DataType::Uuid),
            (
                GEOMETRY,
                DataType::Geometry(crate::geometry::GeometryKind::Geometry),
            ),
        ] {
            match ft.attribute(id) {
                None => self.report(&place, Error::invalid(format!("no attribute {id}"))),
                Some(a) => {
                    if std::mem::discriminant(&a.data_type) != std::mem::discriminant(&data_type) {
                        self.report(
                            &place,
                            Error::invalid(format!("{id} is not of type {data_type}"))
                                .value(&a.data_type),
                        );
                    }
                }
            }
        }
        if let Some(n) = &ft.head.name_attribute
            && ft.attribute(n).is_none()
        {
            self.report(
                &place,
                Error::invalid("name_attribute is not an attribute").value(n),
            );
        }
        self.parts_and_links(ft, &place);
        self.unique(ft, &place);
        for a in &ft.attributes {
            let place = format!("type {}, attribute {}", ft.id(), a.id);
            self.identifier(&place, "id", &a.id, MAX_ATTRIBUTE_ID);
            if a.id.starts_with("kept_") {
                self.report(
                    &place,
                    Error::invalid("id begins like a column that was set aside").value(&a.id),
                );
            }
            self.attribute(ft, a, &place);
        }
        for a in &ft.retired {
            let place = format!("type {}, retired attribute {}", ft.id(), a.id);
            if !a.is_stored() || a.id == ID {
                self.report(
                    &place,
                    Error::invalid("only a stored attribute can be retired")
                        .hint("leave an attribute without values of its own out"),
                );
            }
            if ft.attributes.iter().any(|x| x.id == a.id) {
                self.report(&place, Error::invalid("is among the attributes too"));
            }
        }
        if ft.is_super() {
            self.members(ft, &place);
        }
    }

    fn parts_and_links(&mut self, ft: &FeatureType, place: &str) {
        for p in &ft.parts {
            for (what, s) in [
                ("part", &p.id),
                ("part key", &p.key),
                ("part parent", &p.parent),
                ("part primary", &p.primary),
                ("part order", &p.order),
            ] {
                self.identifier(place, what, s, MAX_ATTRIBUTE_ID);
            }
        }
        for l in &ft.links {
            self.identifier(place, "link", &l.id, MAX_ATTRIBUTE_ID);
            if !self.lists.contains_key(l.codes.as_str()) {
                self.report(
                    place,
                    Error::invalid("link to an unknown code list")
                        .field(&l.id)
                        .value(&l.codes),
                );
            }
        }
    }

    fn unique(&mut self, ft: &FeatureType, place: &str) {
        let mut ids = HashSet::new();
        let mut shorts = HashSet::new();
        let mut names: [HashSet<String>; 2] = Default::default();
        for a in &ft.attributes {
            if !ids.insert(a.id.as_str()) {
                self.report(
                    place,
                    Error::invalid("attribute declared twice").value(&a.id),
                );
            }
            if let Some(s) = &a.short {
                if s.is_empty() || s.len() > 10 || !s.is_ascii() {
                    self.report(
                        place,
                        Error::invalid("shapefile name")
                            .field(&a.id)
                            .value(s)
                            .expected("1 to 10 ASCII characters"),
                    );
                }
                if !shorts.insert(s.to_lowercase()) {
                    self.report(
                        place,
                        Error::invalid("shapefile name used twice")
                            .field(&a.id)
                            .value(s),
                    );
                }
            }
            for (lang, seen) in Lang::ALL.into_iter().zip(&mut names) {
                let label = a.name.get(lang).to_lowercase();
                if !label.is_empty() && !seen.insert(label) {
                    self.problems.push(
                        Error::invalid(format!("label used twice in {lang}"))
                            .field(&a.id)
                            .value(a.name.get(lang))
                            .at(place.to_owned()),
                    );
                }
            }
        }
    }

    fn attribute(&mut self, ft: &FeatureType, a: &Attribute, place: &str) {
        let declared = [
            a.label_of.is_some(),
            a.computed.is_some(),
            a.values_of.is_some(),
            a.url.is_some(),
            a.code_in.is_some(),
            a.present.is_some(),
            a.column.is_some() || a.part.is_some(),
        ];
        if declared.iter().filter(|d| **d).count() > 1 {
            self.report(
                place,
                Error::invalid("more than one origin").hint(
                    "keep one of column/part, label_of, computed, values_of, url, code_in, present",
                ),
            );
        }
        if let Some(l) = &a.codes {
            match self.lists.get(l.as_str()) {
                None => self.report(
                    place,
                    Error::invalid("unknown code list").field("codes").value(l),
                ),
                Some(list) => {
                    let fits = matches!(
                        (&a.data_type, &list.key_type),
                        (
                            DataType::Integer | DataType::Array(crate::value::ElementType::Integer),
                            DataType::Integer
                        ) | (
                            DataType::Text(_) | DataType::Array(crate::value::ElementType::Text),
                            DataType::Text(_)
                        )
                    );
                    if !fits {
                        self.report(
                            place,
                            Error::invalid("type differs from the key of its code list")
                                .value(&a.data_type)
                                .expected(list.key_type.to_string()),
                        );
                    }
                }
            }
        }
        for s in a.sets.keys() {
            if !self.manifest.sets.iter().any(|x| x.name == *s) {
                self.report(
                    place,
                    Error::invalid("unknown attribute set")
                        .field("sets")
                        .value(s),
                );
            }
        }
        if a.tracked && !a.is_stored() {
            self.report(
                place,
                Error::invalid("only a stored attribute can be tracked"),
            );
        }
        for problem in super::derived::problems(ft, a, |id| self.lists.get(id).copied()) {
            self.problems.push(problem.at(place.to_owned()));
        }
        match a.origin() {
            Origin::Label(of) => match ft.attribute(of) {
                Some(code) if code.codes.is_some() => {}
                Some(_) => self.report(
                    place,
                    Error::invalid("label_of names an attribute without a code list").value(of),
                ),
                None => self.report(
                    place,
                    Error::invalid("label_of names no attribute").value(of),
                ),
            },
            Origin::CodeIn(c) if ft.attribute(&c.attribute).is_none() => {
                self.report(
                    place,
                    Error::invalid("code_in names no attribute").value(&c.attribute),
                );
            }
            Origin::Link(l) => match ft.link(&l.link) {
                None => self.report(
                    place,
                    Error::invalid("values_of names no link").value(&l.link),
                ),
                Some(link) => {
                    let unknown = l.filter.keys().find(|f| !link.flags.contains(f));
                    if let Some(f) = unknown {
                        self.report(
                            place,
                            Error::invalid("values_of filters by a flag the link does not have")
                                .value(f),
                        );
                    }
                }
            },
            Origin::Present(column) => {
                let rule = ft.geometry.as_ref();
                let known = rule.is_some_and(|g| g.columns().contains(&column));
                if !known {
                    self.report(
                        place,
                        Error::invalid("present names no geometry column").value(column),
                    );
                }
            }
            Origin::Column { part: Some(p), .. } if ft.part(p).is_none() => {
                self.report(place, Error::invalid("unknown part").value(p));
            }
            Origin::Column { .. }
                if matches!(a.data_type, DataType::Geometry(_) | DataType::Url)
                    && !ft.is_super() =>
            {
                self.report(
                    place,
                    Error::invalid("a stored attribute cannot be of this type")
                        .value(&a.data_type)
                        .hint("geometry columns are declared in [geometry]; urls need url = \"…\""),
                );
            }
            _ => {}
        }
    }

    fn members(&mut self, ft: &'a FeatureType, place: &str) {
        if self.has_cycle(ft, &mut vec![]) {
            self.report(
                place,
                Error::invalid("the super type is a member of itself"),
            );
            return;
        }
        for m in &ft.members {
            let Some(member) = self.types.get(m.feature_type.as_str()).copied() else {
                self.report(
                    place,
                    Error::invalid("unknown member").value(&m.feature_type),
                );
                continue;
            };
            for (id, rule) in &m.columns {
                if ft.attribute(id).is_none() {
                    self.report(
                        place,
                        Error::invalid(format!(
                            "member {} maps an attribute the super type does not have",
                            m.feature_type
                        ))
                        .value(id),
                    );
                }
                let named: Vec<&String> = match rule {
                    MemberColumn::Rename(n) => vec![n],
                    MemberColumn::First { first, .. } => first.iter().collect(),
                    MemberColumn::Constant { .. } => vec![],
                };
                for n in named {
                    if member.attribute(n).is_none() {
                        self.report(
                            place,
                            Error::invalid(format!("{} has no such attribute", m.feature_type))
                                .field(id)
                                .value(n),
                        );
                    }
                }
            }
            self.member_types(ft, member, m, place);
            if let Some(h) = &m.hidden_by {
                let ok = self
                    .types
                    .get(h.feature_type.as_str())
                    .and_then(|t| t.attribute(&h.attribute))
                    .is_some_and(|a| a.data_type == DataType::Uuid && a.is_stored());
                if !ok {
                    self.report(
                        place,
                        Error::invalid("hidden_by names no stored uuid attribute")
                            .value(&h.attribute),
                    );
                }
            }
        }
    }

    /// A super type's column is one column: what its members give must be of its type.
    fn member_types(&mut self, ft: &FeatureType, member: &FeatureType, m: &Member, place: &str) {
        for a in &ft.attributes {
            if !matches!(a.origin(), Origin::Column { .. }) {
                continue;
            }
            let rule = m.columns.get(&a.id);
            let named: Vec<&str> = match rule {
                None => vec![a.id.as_str()],
                Some(MemberColumn::Rename(n)) => vec![n],
                Some(MemberColumn::First { first, .. }) => {
                    first.iter().map(String::as_str).collect()
                }
                Some(MemberColumn::Constant { .. }) => vec![],
            };
            for inner in named.into_iter().filter_map(|n| member.attribute(n)) {
                if !same_class(&a.data_type, &inner.data_type) {
                    self.report(
                        place,
                        Error::invalid(format!("{}.{} is of another type", member.id(), inner.id))
                            .field(&a.id)
                            .value(&inner.data_type)
                            .expected(a.data_type.to_string()),
                    );
                }
            }
            let constant = match rule {
                Some(MemberColumn::Constant { constant }) => Some(constant),
                Some(MemberColumn::First { otherwise, .. }) => otherwise.as_ref(),
                _ => None,
            };
            if let Some(v) = constant
                && let Err(e) = super::constant(&a.id, &a.data_type, v)
            {
                self.report(place, e);
            }
        }
    }

    fn has_cycle(&self, ft: &'a FeatureType, path: &mut Vec<&'a str>) -> bool {
        if path.contains(&ft.id()) {
            return true;
        }
        path.push(ft.id());
        let found = ft
            .members
            .iter()
            .filter_map(|m| self.types.get(m.feature_type.as_str()))
            .any(|t| self.has_cycle(t, path));
        path.pop();
        found
    }
}
