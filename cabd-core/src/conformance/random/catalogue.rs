//! Random catalogues: types, sets and lists that come, change and go must do so alike on two stores, and be undone.

use std::fmt::Write;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::values;
use crate::catalog::{CatalogChange, Manifest};
use crate::conformance::world::furnish;
use crate::feature::{ChangeHead, Operation};
use crate::geometry::Geometry;
use crate::store::{Store, operations};
use crate::value::DataType;

const TYPES: [&str; 14] = [
    "boolean",
    "integer",
    "double",
    "numeric",
    "text",
    "varchar(9)",
    "varchar(80)",
    "url",
    "uuid",
    "date",
    "timestamp",
    "array(varchar)",
    "array(integer)",
    "array(double)",
];

/// One attribute: name, data type, place in the random set, whether it is of the random list.
#[derive(Debug, Clone)]
struct Attribute {
    id: String,
    data_type: &'static str,
    label: u32,
    place: Option<u32>,
    coded: bool,
}

#[derive(Debug, Clone, Default)]
struct Model {
    types: Vec<(String, Vec<Attribute>)>,
    codes: u32,
    made: u32,
    rows: u128,
}

impl Model {
    fn attribute(&mut self, rng: &mut ChaCha8Rng) -> Attribute {
        self.made += 1;
        let coded = rng.random_bool(0.2);
        Attribute {
            id: format!("a{}", self.made),
            data_type: if coded {
                "integer"
            } else {
                TYPES.choose(rng).copied().unwrap_or("text")
            },
            label: 0,
            place: rng.random_bool(0.4).then_some(self.made),
            coded,
        }
    }

    /// Changes the model; gives the options that the change needs.
    fn step(&mut self, rng: &mut ChaCha8Rng, change: CatalogChange) -> CatalogChange {
        if self.types.is_empty() || rng.random_bool(0.2) {
            self.made += 1;
            let attributes = (0..rng.random_range(1..6))
                .map(|_| self.attribute(rng))
                .collect();
            self.types.push((format!("t{}", self.made), attributes));
            return change;
        }
        let at = rng.random_range(0..self.types.len());
        let new = self.attribute(rng);
        let (name, attributes) = &mut self.types[at];
        if attributes.is_empty() || rng.random_bool(0.25) {
            attributes.push(new);
            return change;
        }
        let i = rng.random_range(0..attributes.len());
        let path = format!("{name}.{}", attributes[i].id);
        match rng.random_range(0..7) {
            0 => {
                attributes.remove(i);
                change.drop(path)
            }
            1 => {
                attributes[i].id.clone_from(&new.id);
                change.rename(path, new.id)
            }
            2 if !attributes[i].coded => {
                attributes[i].data_type = new.data_type;
                change.narrow(path)
            }
            3 => {
                attributes[i].label += 1;
                change
            }
            4 => {
                attributes[i].place = new.place;
                change
            }
            5 => {
                self.codes += 1;
                change
            }
            _ => {
                let path = path.clone();
                attributes.remove(i);
                change.retire(path)
            }
        }
    }

    fn manifest(&self) -> Manifest {
        let mut all = Manifest::from_toml("random.toml", &self.shared()).expect("the random list");
        for (name, attributes) in &self.types {
            let mut text = format!(
                "[type]\nid = \"{name}\"\nname = {{ en = \"{name}\", fr = \"{name} (fr)\" }}\n[geometry]\nkind = \"point\"\n\
                 [[attributes]]\nid = \"cabd_id\"\ntype = \"uuid\"\n[[attributes]]\nid = \"geometry\"\ntype = \"geometry(point)\"\n"
            );
            for a in attributes {
                let place = a
                    .place
                    .map_or(String::new(), |n| format!("sets = {{ random = {n} }}\n"));
                let codes = if a.coded {
                    "codes = \"random.codes\"\n"
                } else {
                    ""
                };
                let _ = write!(
                    text,
                    "[[attributes]]\nid = \"{0}\"\ntype = \"{1}\"\nname = {{ en = \"{0} {2}\", fr = \"{0} {2} (fr)\" }}\n{place}{codes}",
                    a.id, a.data_type, a.label
                );
            }
            let one = Manifest::from_toml("type.toml", &text).expect("a random type");
            all.types.extend(one.types);
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

    /// Rows of one type with random values.
    fn rows(&mut self, rng: &mut ChaCha8Rng) -> Vec<Operation> {
        let Some((name, attributes)) = self.types.choose(rng) else {
            return vec![];
        };
        let mut out = vec![];
        for _ in 0..3 {
            self.rows += 1;
            let id = uuid::Uuid::from_u128(self.rows);
            let mut op =
                Operation::insert_feature(name, id).set("geometry", Geometry::point(-75.0, 45.0));
            for a in attributes {
                let data_type: DataType = a.data_type.parse().expect("a data type");
                op = if a.coded {
                    op.set(&a.id, 0)
                } else {
                    op.set(&a.id, values::value(rng, &data_type, &[id]))
                };
            }
            out.push(op);
        }
        out
    }
}

/// Plays `steps` random changes of the catalogue on both stores: the same steps in words or the same refusal, the same
/// catalogue afterwards, and after an undoing of everything the catalogue of the beginning. `with_rows` puts rows inside.
///
/// Panics at the first difference, naming seed and step.
pub async fn evolve(
    reference: &dyn Store,
    other: &dyn Store,
    seed: u64,
    steps: usize,
    with_rows: bool,
) {
    furnish(reference).await;
    furnish(other).await;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = Model::default();
    let start = reference.catalog().await.unwrap().to_manifest();
    let mut first = None;
    for step in 0..steps {
        let at = format!("seed {seed}, step {step}");
        let mut next = model.clone();
        let told = next.step(&mut rng, CatalogChange::of(Manifest::default()));
        let mut change = CatalogChange::of(next.manifest());
        change.told = told.told;
        let plans = (reference.plan(&change).await, other.plan(&change).await);
        match (&plans.0, &plans.1) {
            (Ok(a), Ok(b)) => assert_eq!(a.words(), b.words(), "{at}: plans"),
            (Err(a), Err(b)) => assert_eq!(a.kind(), b.kind(), "{at}: {a:?} or {b:?}"),
            (a, b) => panic!("{at}: one store plans: {a:?} or {b:?}"),
        }
        let made = (reference.evolve(&change).await, other.evolve(&change).await);
        match (&made.0, &made.1) {
            (Ok(a), Ok(b)) => {
                assert_eq!(a.words(), b.words(), "{at}: what was done");
                model = next;
                if first.is_none() && !a.is_empty() {
                    let last =
                        |all: Vec<crate::catalog::CatalogCommit>| all.last().map(|c| c.commit);
                    first = last(reference.catalog_history().await.unwrap())
                        .zip(last(other.catalog_history().await.unwrap()));
                }
            }
            (Err(a), Err(b)) => assert_eq!(a.kind(), b.kind(), "{at}: {a:?} or {b:?}"),
            (a, b) => panic!("{at}: one store took the change: {a:?} or {b:?}"),
        }
        same(reference, other, &at).await;
        if with_rows && rng.random_bool(0.5) {
            let rows = model.rows(&mut rng);
            let head = ChangeHead::default();
            reference
                .apply(&head, operations(rows.clone()))
                .await
                .expect("rows");
            other.apply(&head, operations(rows)).await.expect("rows");
        }
    }
    let at = format!("seed {seed}, at the end");
    if let (Some((a, b)), false) = (first, with_rows) {
        reference
            .evolve(&CatalogChange::undo(Some(a)))
            .await
            .expect("undone");
        other
            .evolve(&CatalogChange::undo(Some(b)))
            .await
            .expect("undone");
        same(reference, other, &at).await;
        assert_eq!(
            reference.catalog().await.unwrap().to_manifest(),
            start,
            "{at}"
        );
    }
    let unwell = other.doctor().await.unwrap();
    let bad = unwell
        .iter()
        .filter(|f| f.severity >= crate::store::Severity::Warning);
    assert_eq!(bad.count(), 0, "{at}: {unwell:#?}");
}

async fn same(reference: &dyn Store, other: &dyn Store, at: &str) {
    let (a, b) = (
        reference.catalog().await.unwrap(),
        other.catalog().await.unwrap(),
    );
    let (a, b) = (a.to_manifest(), b.to_manifest());
    for (x, y) in a.types.iter().zip(&b.types) {
        assert_eq!(x, y, "{at}: type {}", x.id());
    }
    assert_eq!(a, b, "{at}: catalogues");
}
