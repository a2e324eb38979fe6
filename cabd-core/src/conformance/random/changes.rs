//! Random changes, mostly acceptable: a model of what the stores hold says which rows there are.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::values::{self, pick};
use crate::catalog::{Catalog, CodeKey, Relation, Table, UPDATE_STATUS};
use crate::feature::{Action, Operation};
use crate::geometry::Geometry;
use crate::value::Value;

/// The base types, as often as they are chosen.
const TYPES: [&str; 11] = [
    "weirs", "weirs", "weirs", "falls", "falls", "ladders", "sites", "sites", "models", "reaches",
    "basins",
];

/// What the stores hold, by keys alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    features: BTreeMap<&'static str, Vec<Uuid>>,
    structures: Vec<(Uuid, Uuid)>,
    species: BTreeSet<(Uuid, &'static str)>,
    sources: Vec<Uuid>,
    feature_sources: BTreeSet<(&'static str, Uuid, Uuid, String)>,
    attribute_sources: BTreeSet<(&'static str, Uuid)>,
    contacts: Vec<Uuid>,
    suggestions: Vec<Uuid>,
    made: u128,
}

const SPECIES: [&str; 4] = ["eel", "pike", "salmon", "sucker"];

impl Model {
    /// The data sources.
    pub fn sources(&self) -> &[Uuid] {
        &self.sources
    }

    /// The features of a type, or of all.
    pub fn ids(&self, feature_type: Option<&str>) -> Vec<Uuid> {
        let chosen = |t: &str| feature_type.is_none_or(|f| f == t);
        let types = self.features.iter().filter(|(t, _)| chosen(t));
        types.flat_map(|(_, ids)| ids.iter().copied()).collect()
    }

    fn new_id(&mut self, rng: &mut ChaCha8Rng) -> Uuid {
        self.made += 1;
        // Neither in order nor of one version.
        Uuid::from_u128(self.made | (u128::from(rng.random::<u16>()) << 100))
    }

    /// A random change, and the model after it succeeded.
    pub fn change(&self, catalog: &Catalog, rng: &mut ChaCha8Rng) -> (Model, Vec<Operation>) {
        let mut next = self.clone();
        let mut ops = vec![];
        for _ in 0..rng.random_range(1..25) {
            ops.extend(next.operation(catalog, rng));
        }
        if rng.random_bool(0.15) {
            ops.extend(next.bad(rng));
        }
        (next, ops)
    }

    fn operation(&mut self, catalog: &Catalog, rng: &mut ChaCha8Rng) -> Option<Operation> {
        match rng.random_range(0..20) {
            0..=9 => self.feature(catalog, rng),
            10..=12 => self.structure(catalog, rng),
            13..=14 => self.link(rng),
            15 => self.source(catalog, rng),
            16..=17 => self.provenance(catalog, rng),
            18 => Some(code(rng)),
            _ if rng.random_bool(0.6) => self.suggestion(catalog, rng),
            _ => self.contact(catalog, rng),
        }
    }

    fn feature(&mut self, catalog: &Catalog, rng: &mut ChaCha8Rng) -> Option<Operation> {
        let t = TYPES.choose(rng)?;
        let table = catalog.table(&Relation::feature(t)).ok()?.clone();
        let known = self.features.get(t).cloned().unwrap_or_default();
        let old = if rng.random_bool(0.55) {
            pick(rng, &known).copied()
        } else {
            None
        };
        let action = match (&old, rng.random_range(0..10)) {
            (None, 0..=7) => Action::Insert,
            (None, _) => Action::Put,
            (Some(_), 0..=5) => Action::Update,
            (Some(_), 6..=7) => Action::Put,
            (Some(_), _) => Action::Delete,
        };
        let id = old.unwrap_or_else(|| self.new_id(rng));
        let mut op = Operation::new(table.relation.clone(), action).set("cabd_id", id);
        if action == Action::Delete {
            self.forget(t, id);
            return Some(op);
        }
        if old.is_none() {
            self.features.entry(t).or_default().push(id);
            let kind = crate::catalog::geometry_kind(&table.columns[table.spatial?])?;
            op = op.set("geometry", values::geometry(rng, kind));
        }
        Some(self.fill(op, catalog, &table, rng))
    }

    fn forget(&mut self, t: &str, id: Uuid) {
        if let Some(ids) = self.features.get_mut(t) {
            ids.retain(|i| *i != id);
        }
        self.structures.retain(|(_, site)| *site != id);
        self.species.retain(|(ladder, _)| *ladder != id);
        self.feature_sources.retain(|(_, f, _, _)| *f != id);
        self.attribute_sources.retain(|(_, f)| *f != id);
    }

    /// Sets some columns of the row; those that must have a value always get one.
    fn fill(
        &self,
        mut op: Operation,
        catalog: &Catalog,
        table: &Table,
        rng: &mut ChaCha8Rng,
    ) -> Operation {
        let effective = table.effective.as_ref().map(|e| e.column);
        let ids = self.ids(None);
        for (i, column) in table.columns.iter().enumerate() {
            let named = op.fields.contains(&column.name);
            let place = table.spatial == Some(i) || table.geometry_input == Some(i);
            if i < table.key || named || place || Some(i) == effective {
                continue;
            }
            if column.nullable && rng.random_bool(0.5) {
                continue;
            }
            let value = match &column.references {
                _ if column.nullable && rng.random_bool(0.2) => Value::Null,
                Some(Relation::Codes(list)) => {
                    let codes: Vec<CodeKey> = catalog
                        .list(list)
                        .into_iter()
                        .flat_map(|l| l.codes.iter().map(|c| c.code.clone()))
                        .collect();
                    pick(rng, &codes).map_or(Value::Null, CodeKey::to_value)
                }
                Some(Relation::DataSource) => pick(rng, &self.sources).copied().into(),
                Some(_) => continue,
                None if !column.one_of.is_empty() => {
                    pick(rng, column.one_of).map_or(Value::Null, |word| Value::from(*word))
                }
                None => values::value(rng, &column.data_type, &ids),
            };
            op = op.set(&column.name, value);
        }
        op
    }

    fn structure(&mut self, catalog: &Catalog, rng: &mut ChaCha8Rng) -> Option<Operation> {
        let relation = Relation::part("sites", "structures");
        let table = catalog.table(&relation).ok()?.clone();
        let sites = self.ids(Some("sites"));
        let site = *pick(rng, &sites)?;
        let old = if rng.random_bool(0.4) {
            pick(rng, &self.structures).copied()
        } else {
            None
        };
        let op = match old {
            Some((id, _)) if rng.random_bool(0.3) => {
                self.structures.retain(|(s, _)| *s != id);
                return Some(Operation::new(relation, Action::Delete).set("structure_id", id));
            }
            Some((id, _)) => Operation::new(relation, Action::Update).set("structure_id", id),
            None => {
                let id = self.new_id(rng);
                self.structures.push((id, site));
                Operation::new(relation, Action::Insert).set("structure_id", id)
            }
        };
        let op = match old {
            // The feature it belongs to is forgotten with it, so the model must know where it goes.
            Some((id, _)) => {
                self.structures.retain(|(s, _)| *s != id);
                self.structures.push((id, site));
                op.set("site_id", site)
            }
            None => op.set("site_id", site),
        };
        let op = op
            .set(
                "primary_structure",
                *[Some(true), Some(true), Some(false), None].choose(rng)?,
            )
            .set("structure_number", *[Some(1), Some(2), None].choose(rng)?);
        Some(self.fill(op, catalog, &table, rng))
    }

    fn link(&mut self, rng: &mut ChaCha8Rng) -> Option<Operation> {
        let relation = Relation::link("ladders", "species");
        let ladders = self.ids(Some("ladders"));
        let key = (*pick(rng, &ladders)?, *SPECIES.choose(rng)?);
        let known = self.species.contains(&key);
        let action = match (known, rng.random_range(0..4)) {
            (false, _) => Action::Insert,
            (true, 0) => Action::Delete,
            (true, 1) => Action::Update,
            (true, _) => Action::Put,
        };
        let op = Operation::new(relation, action)
            .set("ladder_id", key.0)
            .set("species_id", key.1);
        if action == Action::Delete {
            self.species.remove(&key);
            return Some(op);
        }
        self.species.insert(key);
        Some(op.set(
            "known_to_use",
            *[Some(true), Some(false), None].choose(rng)?,
        ))
    }

    fn source(&mut self, catalog: &Catalog, rng: &mut ChaCha8Rng) -> Option<Operation> {
        let table = catalog.table(&Relation::DataSource).ok()?.clone();
        let old = if rng.random_bool(0.3) {
            pick(rng, &self.sources).copied()
        } else {
            None
        };
        let op = match old {
            Some(id) => Operation::new(Relation::DataSource, Action::Put).set("id", id),
            None => {
                let id = self.new_id(rng);
                self.sources.push(id);
                Operation::new(Relation::DataSource, Action::Insert).set("id", id)
            }
        };
        // A name of its own: stores may keep names apart.
        let op = op.set("name", format!("{} {}", values::text(rng, 20), self.made));
        Some(self.fill(op, catalog, &table, rng))
    }

    fn provenance(&mut self, catalog: &Catalog, rng: &mut ChaCha8Rng) -> Option<Operation> {
        let t = *["weirs", "sites", "falls"].choose(rng)?;
        let ids = self.ids(Some(t));
        let id = *pick(rng, &ids)?;
        let source = *pick(rng, &self.sources)?;
        if t != "falls" && rng.random_bool(0.5) {
            let relation = Relation::AttributeSource(t.into());
            let table = catalog.table(&relation).ok()?.clone();
            if self.attribute_sources.contains(&(t, id)) && rng.random_bool(0.3) {
                self.attribute_sources.remove(&(t, id));
                return Some(Operation::new(relation, Action::Delete).set("cabd_id", id));
            }
            self.attribute_sources.insert((t, id));
            let op = Operation::new(relation, Action::Put).set("cabd_id", id);
            return Some(self.fill(op, catalog, &table, rng));
        }
        let key = (t, id, source, values::text(rng, 60));
        let action = if self.feature_sources.contains(&key) {
            self.feature_sources.remove(&key);
            Action::Delete
        } else {
            self.feature_sources.insert(key.clone());
            Action::Insert
        };
        let op = Operation::new(Relation::FeatureSource(t.into()), action)
            .set("cabd_id", key.1)
            .set("datasource_id", key.2)
            .set("datasource_feature_id", key.3);
        Some(op)
    }

    fn contact(&mut self, catalog: &Catalog, rng: &mut ChaCha8Rng) -> Option<Operation> {
        let table = catalog.table(&Relation::Contact).ok()?.clone();
        let id = self.new_id(rng);
        self.contacts.push(id);
        let op = Operation::new(Relation::Contact, Action::Insert)
            .set("id", id)
            .set("email", format!("{}@example.org", self.made))
            .set("name", values::text(rng, 40));
        Some(self.fill(op, catalog, &table, rng))
    }

    fn suggestion(&mut self, catalog: &Catalog, rng: &mut ChaCha8Rng) -> Option<Operation> {
        let table = catalog.table(&Relation::FeatureUpdate).ok()?.clone();
        if rng.random_bool(0.4)
            && let Some(id) = pick(rng, &self.suggestions).copied()
        {
            let (relation, delete) = (Relation::FeatureUpdate, rng.random_bool(0.3));
            if delete {
                self.suggestions.retain(|s| *s != id);
                return Some(Operation::new(relation, Action::Delete).set("id", id));
            }
            let status = *UPDATE_STATUS.choose(rng)?;
            let op = Operation::new(relation, Action::Update).set("id", id);
            return Some(op.set("status", status));
        }
        let t = *["weirs", "falls", "reaches"].choose(rng)?;
        let features = self.ids(Some(t));
        let (feature, contact) = (*pick(rng, &features)?, *pick(rng, &self.contacts)?);
        let id = self.new_id(rng);
        self.suggestions.push(id);
        let op = Operation::new(Relation::FeatureUpdate, Action::Insert)
            .set("id", id)
            .set("contact_id", contact)
            .set("cabd_type", t)
            .set("cabd_id", feature)
            .set("status", *UPDATE_STATUS.choose(rng)?);
        Some(self.fill(op, catalog, &table, rng))
    }

    /// An operation that is refused, whatever the store holds.
    fn bad(&mut self, rng: &mut ChaCha8Rng) -> Option<Operation> {
        let fresh = self.new_id(rng);
        let point = Geometry::point(-75.0, 45.0);
        let weirs = self.ids(Some("weirs"));
        let weir = pick(rng, &weirs).copied().unwrap_or(fresh);
        Some(match rng.random_range(0..14) {
            0 => Operation::insert_feature("weirs", weir)
                .set("geometry", point)
                .set("height_m", "tall"),
            1 => Operation::insert_feature("weirs", fresh),
            2 => Operation::update_feature("weirs", fresh).set("height_m", 1),
            3 => Operation::delete_feature("weirs", fresh),
            4 => Operation::update_feature("weirs", weir).set("height_m", f64::NAN),
            5 => Operation::update_feature("weirs", weir).set("comments", "a\0b"),
            6 => Operation::update_feature("weirs", weir).set("size_code", 7_777),
            7 => Operation::update_feature("weirs", weir)
                .set("geometry", Geometry::point(-200.0, 0.0)),
            8 => Operation::insert_feature("reaches", fresh).set("geometry", point),
            9 => Operation::insert_feature("falls", fresh).set("geometry", point),
            10 => Operation::insert_feature("obstacles", fresh).set("geometry", point),
            11 => Operation::insert_feature("weirs", *pick(rng, &weirs)?).set("geometry", point),
            12 => {
                let source = self.feature_sources.iter().next()?.2;
                Operation::new(Relation::DataSource, Action::Delete).set("id", source)
            }
            _ => Operation::new(Relation::FeatureSource("weirs".into()), Action::Insert)
                .set("cabd_id", fresh)
                .set("datasource_id", fresh)
                .set("datasource_feature_id", "x"),
        })
    }
}

fn code(rng: &mut ChaCha8Rng) -> Operation {
    let label = |rng: &mut ChaCha8Rng| -> Value {
        match rng.random_range(0..4) {
            0 => Value::Null,
            _ => format!("{} {}", values::text(rng, 12), rng.random_range(0..4)).into(),
        }
    };
    let english = format!("{} {}", values::text(rng, 12), rng.random_range(0..4));
    let french = label(rng);
    let op = if rng.random_bool(0.7) {
        let codes = [1i64, 2, 3, 4, 5, 99, 100, 101];
        Operation::new(Relation::Codes("weirs.size_codes".into()), Action::Put)
            .set("code", *codes.choose(rng).unwrap_or(&1))
    } else {
        let codes = ["02AB000", "mill", "10", "é"];
        Operation::new(Relation::Codes("cabd.water_units".into()), Action::Put)
            .set("id", *codes.choose(rng).unwrap_or(&"10"))
            .set("sea", values::text(rng, 9))
    };
    op.set("name_en", english).set("name_fr", french)
}
