//! The catalogue: feature types, attribute sets and code lists, as data.

mod attribute;
mod change;
mod check;
mod code_index;
mod code_list;
mod derived;
mod feature_type;
mod manifest;
mod past;
mod physical;
mod registered;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use attribute::{
    Attribute, AttributeSet, CodeIn, Computed, GEOMETRY, ID, LinkValues, Origin, TILE_SET,
};
pub use change::{
    Action, CatalogChange, CatalogCommit, CatalogPlan, Conversion, Drift, Effect, Element,
    Evolution, Kept, Question, Renamed, Step, StepKind, Told, What,
};
pub use check::check;
pub use code_list::{Code, CodeKey, CodeList, ListColumn};
pub use derived::{Completeness, Contains, Derived, Level};
pub use feature_type::{
    Community, FeatureType, GeometryRule, HiddenBy, Link, Member, MemberColumn, Part, Served,
    Sources, TypeHead,
};
pub use manifest::Manifest;
pub use past::Past;
pub use physical::{
    Column, Effective, IDENTITY_ACTS, LogIds, Relation, SOURCE_TYPES, Table, UPDATE_STATUS,
    contact_table, data_source_table, feature_update_table, flat_name, geometry_kind,
    identity_table, table_of_list, tables_of,
};

pub use registered::{Facts, adopted, metadata_attribute, registered, with_views};

use crate::error::{Error, Result};
use crate::value::{DataType, Value};

/// A snapshot of the catalogue; a store gives a new one when its version changes.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Grows with each change of types, metadata, sets or codes.
    pub version: i64,
    types: BTreeMap<String, Arc<FeatureType>>,
    lists: BTreeMap<String, Arc<CodeList>>,
    sets: Vec<AttributeSet>,
    tables: HashMap<Relation, Arc<Table>>,
    declared: Arc<Manifest>,
    objects: Vec<Drift>,
}

impl Default for Catalog {
    /// No types, lists and sets; the shared tables only.
    fn default() -> Self {
        Self::assemble(0, Manifest::default())
    }
}

impl Catalog {
    /// A snapshot from a checked manifest.
    ///
    /// # Errors
    /// The first problem that [`check`] finds.
    pub fn new(version: i64, manifest: Manifest) -> Result<Self> {
        if let Some(first) = check(&manifest).into_iter().next() {
            return Err(first);
        }
        Ok(Self::assemble(version, manifest))
    }

    /// A snapshot of what was declared, which was checked when it was written.
    pub fn assemble(version: i64, manifest: Manifest) -> Self {
        Self::loaded(version, manifest.clone(), manifest, vec![])
    }

    /// A snapshot of what a store holds: what the tables say, what was declared, and types that were registered by SQL
    /// alone.
    pub fn loaded(
        version: i64,
        mut manifest: Manifest,
        mut declared: Manifest,
        registered: Vec<Arc<FeatureType>>,
    ) -> Self {
        for m in [&mut manifest, &mut declared] {
            for list in &mut m.lists {
                let codes = std::mem::take(&mut list.codes);
                *list = list.with_codes(codes);
            }
            m.sets.sort_by(|a, b| a.name.cmp(&b.name));
            m.types.sort_by(|a, b| a.id().cmp(b.id()));
            m.lists.sort_by(|a, b| a.id.cmp(&b.id));
        }
        let mut tables = HashMap::new();
        let mut put = |t: Table| {
            tables.insert(t.relation.clone(), Arc::new(t));
        };
        put(data_source_table());
        put(contact_table());
        put(feature_update_table());
        put(identity_table());
        for list in &manifest.lists {
            put(table_of_list(list));
        }
        for ft in &manifest.types {
            for mut t in tables_of(&ft.declared()) {
                for c in &mut t.columns {
                    if let (Relation::Link(..), Some(Relation::Codes(l))) =
                        (&t.relation, &c.references)
                        && let Some(list) = manifest.lists.iter().find(|x| *x.id == **l)
                    {
                        c.data_type = list.key_type.clone();
                    }
                }
                put(t);
            }
        }
        let lists = manifest
            .lists
            .into_iter()
            .map(|l| (l.id.clone(), Arc::new(l)));
        Self {
            version,
            lists: lists.collect(),
            types: manifest
                .types
                .into_iter()
                .map(Arc::new)
                .chain(registered)
                .map(|t| (t.id().to_owned(), t))
                .collect(),
            declared: Arc::new(declared),
            objects: vec![],
            sets: manifest.sets,
            tables,
        }
    }

    /// Every type, by identifier.
    pub fn types(&self) -> impl Iterator<Item = &Arc<FeatureType>> {
        self.types.values()
    }

    /// Every code list, by identifier.
    pub fn lists(&self) -> impl Iterator<Item = &Arc<CodeList>> {
        self.lists.values()
    }

    /// Every attribute set but the tile set, by name.
    pub fn sets(&self) -> &[AttributeSet] {
        &self.sets
    }

    /// The relation of this name, as [`Relation`] is displayed, in any case.
    pub fn relation_named(&self, name: &str) -> Option<Relation> {
        let found = self
            .tables
            .keys()
            .find(|r| r.to_string().eq_ignore_ascii_case(name));
        found.cloned()
    }

    /// Every table, sorted so that parents come before their children.
    pub fn tables(&self) -> Vec<Arc<Table>> {
        let mut all: Vec<_> = self.tables.values().cloned().collect();
        all.sort_by(|a, b| (a.relation.rank(), &a.relation).cmp(&(b.relation.rank(), &b.relation)));
        all
    }

    /// The table of that schema and name.
    pub fn table_named(&self, schema: &str, name: &str) -> Option<&Arc<Table>> {
        self.tables
            .values()
            .find(|t| t.name == name && t.schema == schema)
    }

    /// The same, with what the store found to be drifted besides texts and flags: views that were replaced.
    #[must_use]
    pub fn with_drift(mut self, objects: Vec<Drift>) -> Self {
        self.objects = objects;
        self
    }

    /// The same with every declared type read from its tables: what generated views are made from.
    #[must_use]
    pub fn from_tables(&self) -> Self {
        let mut out = self.clone();
        for t in out.types.values_mut() {
            if !t.is_registered() && t.served != Served::Tables {
                *t = Arc::new(t.declared());
            }
        }
        out
    }

    /// Every problem of the declarations; types that were registered by SQL may be members of super types.
    pub fn problems(&self) -> Vec<Error> {
        let registered = self.types.values().filter(|t| t.is_registered());
        check::check_with(
            &self.to_manifest(),
            &registered.cloned().collect::<Vec<_>>(),
        )
    }

    /// The declarations behind the tables; what the tables say counts where they differ.
    pub fn declared(&self) -> &Manifest {
        &self.declared
    }

    /// Where the tables say otherwise than the declarations.
    pub fn drift(&self) -> Vec<Drift> {
        let mut all = change::drift(&self.declared, &self.to_manifest());
        all.extend(self.objects.iter().cloned());
        all
    }

    /// What the tables say, as a manifest: without types that were registered by SQL alone.
    pub fn to_manifest(&self) -> Manifest {
        Manifest {
            types: self
                .types
                .values()
                .filter(|t| !t.is_registered())
                .map(|t| t.declared())
                .collect(),
            lists: self.lists.values().map(|l| (**l).clone()).collect(),
            sets: self.sets.clone(),
        }
    }

    /// The type with that identifier, any case.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), naming the nearest spelling.
    pub fn feature_type(&self, id: &str) -> Result<&Arc<FeatureType>> {
        self.types
            .get(id)
            .or_else(|| self.types.get(&id.to_lowercase()))
            .ok_or_else(|| {
                let e = Error::not_found(format!("the feature type {id:?} is not known"))
                    .field("type")
                    .value(id);
                let names = || self.types.keys().map(String::as_str);
                match feature_type::nearest(id, names()) {
                    Some(n) => e.hint(format!("did you mean {n:?}?")),
                    None => e.hint(format!(
                        "known types: {}",
                        names().collect::<Vec<_>>().join(", ")
                    )),
                }
            })
    }

    /// The code list with that identifier (`schema.table`).
    pub fn list(&self, id: &str) -> Option<&Arc<CodeList>> {
        self.lists.get(id)
    }

    /// The attribute set with that name or alias; the tile set too.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the sets there are.
    pub fn set_name(&self, name: &str) -> Result<&str> {
        if name == TILE_SET {
            return Ok(TILE_SET);
        }
        self.sets
            .iter()
            .find(|s| s.name == name || s.aliases.iter().any(|a| a == name))
            .map(|s| s.name.as_str())
            .ok_or_else(|| {
                let mut names: Vec<&str> = self.sets.iter().map(|s| s.name.as_str()).collect();
                names.push(TILE_SET);
                Error::invalid("unknown attribute set")
                    .field("attributes")
                    .value(name)
                    .expected(names.join(", "))
            })
    }

    /// The table behind a relation.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when the catalogue has no such relation.
    pub fn table(&self, relation: &Relation) -> Result<&Arc<Table>> {
        self.tables.get(relation).ok_or_else(|| {
            if let Relation::Feature(id) = relation
                && self.types.get(&**id).is_some_and(|t| t.is_registered())
            {
                return Error::new(
                    crate::error::ErrorKind::Unsupported,
                    format!("{id} was registered by SQL alone: it is read, not written"),
                )
                .field("type")
                .value(id)
                .hint(format!("`cabd type adopt STORE {id}` writes a manifest for it; applied, it can be written"));
            }
            Error::not_found(format!("the catalogue has no relation {relation}")).value(relation)
        })
    }

    /// The columns that name rows of `relation`, other than the parents that its children belong to.
    ///
    /// A row that one of them names is not deleted ([`ErrorKind::Conflict`](crate::ErrorKind::Conflict)). Columns of an
    /// open code list name nothing: they accept codes that are not in it.
    pub fn columns_naming(&self, relation: &Relation) -> Vec<(Arc<Table>, usize)> {
        if let Relation::Codes(list) = relation
            && self.list(list).is_some_and(|l| l.open)
        {
            return vec![];
        }
        let mut out = vec![];
        for table in self.tables() {
            for (i, column) in table.columns.iter().enumerate() {
                if column.references.as_ref() == Some(relation) {
                    out.push((table.clone(), i));
                }
            }
        }
        out
    }

    /// The base types of a type: itself, or the members of a super type, nested ones unfolded, each once.
    pub fn base_types(&self, ft: &FeatureType) -> Result<Vec<Arc<FeatureType>>> {
        let mut out: Vec<Arc<FeatureType>> = vec![];
        self.collect_base(ft, &mut out)?;
        Ok(out)
    }

    fn collect_base(&self, ft: &FeatureType, out: &mut Vec<Arc<FeatureType>>) -> Result<()> {
        if !ft.is_super() {
            if !out.iter().any(|t| t.id() == ft.id()) {
                out.push(self.feature_type(ft.id())?.clone());
            }
            return Ok(());
        }
        for m in &ft.members {
            self.collect_base(self.feature_type(&m.feature_type)?, out)?;
        }
        Ok(())
    }
}

impl Catalog {
    /// The documented `value_options_reference` of an attribute: `table;value;name;description;geometry`, the value
    /// part blank for a label. `None` where the attribute has no code list.
    pub fn value_options(&self, ft: &FeatureType, a: &Attribute) -> Option<String> {
        let (list, value) = match (&a.codes, &a.label_of) {
            (Some(l), _) => (self.list(l)?, true),
            (None, Some(of)) => (self.list(ft.attribute(of)?.codes.as_deref()?)?, false),
            (None, None) => return None,
        };
        let value = if value { list.key.as_str() } else { "" };
        let geometry = if list.extent.is_some() {
            ";geometry"
        } else {
            ""
        };
        Some(format!("{};{value};name;description{geometry}", list.id))
    }
}

/// A constant of a manifest as a value of `data_type`.
pub(crate) fn constant(field: &str, data_type: &DataType, v: &toml::Value) -> Result<Value> {
    let raw = match v {
        toml::Value::Boolean(b) => Value::Bool(*b),
        toml::Value::Integer(i) => Value::Int(*i),
        toml::Value::Float(f) => Value::Double(*f),
        other => Value::Text(
            other
                .as_str()
                .map_or_else(|| other.to_string(), str::to_owned),
        ),
    };
    raw.coerce(field, data_type)
}
