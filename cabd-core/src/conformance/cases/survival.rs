//! Many values of every type go through a round of changes of the catalogue, and every one is there afterwards.
//!
//! Links are made from the row and stored nowhere: they cannot be lost.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::evolution::done;
use crate::catalog::{CatalogChange, Manifest};
use crate::conformance::random::values;
use crate::conformance::world::*;
use crate::feature::Operation;
use crate::geometry::GeometryKind;
use crate::query::FeatureQuery;
use crate::store::Store;
use crate::value::{DataType, Value};

const ROWS: u128 = 10_000;

/// Each type with the types its values pass through and come back from.
const TYPES: [(&str, &[&str]); 13] = [
    ("boolean", &["text"]),
    ("integer", &["text", "varchar(40)"]),
    ("double", &["numeric", "text"]),
    ("numeric", &["double", "varchar(400)"]),
    ("text", &["varchar(100000)"]),
    ("varchar(9)", &["varchar(80)", "text"]),
    ("varchar(80)", &["text", "varchar(90)"]),
    ("uuid", &["text", "varchar(36)"]),
    ("date", &["text", "varchar(10)"]),
    ("timestamp", &["text", "varchar(40)"]),
    ("array(varchar)", &["text"]),
    ("array(integer)", &["text"]),
    ("array(double)", &["text"]),
];

/// A type with an attribute of each data type; `before` and `label` are part of their names and labels.
fn vaults(before: &str, label: &str, types: &[String]) -> Manifest {
    let mut text = "[type]\nid = \"vaults\"\nname = { en = \"Vaults\", fr = \"Chambres\" }\n[geometry]\nkind = \"polygon\"\n\
        [[attributes]]\nid = \"cabd_id\"\ntype = \"uuid\"\n[[attributes]]\nid = \"geometry\"\ntype = \"geometry(polygon)\"\n"
        .to_owned();
    for (n, data_type) in types.iter().enumerate() {
        text.push_str(&format!(
            "[[attributes]]\nid = \"{before}{n}\"\ntype = \"{data_type}\"\nname = {{ en = \"{label}{n}\", fr = \"{label}{n} (fr)\" }}\n"
        ));
    }
    Manifest::from_toml("vaults.toml", &text).expect("the manifest is read")
}

fn names(before: &str) -> Vec<String> {
    (0..TYPES.len()).map(|n| format!("{before}{n}")).collect()
}

type Held = BTreeMap<u128, Vec<Value>>;

async fn held(store: &dyn Store, before: &str) -> Held {
    let answer = ask(store, &FeatureQuery::of("vaults")).await;
    let mut all: Held = answer.ids().into_iter().map(|id| (id, vec![])).collect();
    let ids = answer.ids();
    for name in names(before).iter().map(String::as_str).chain(["geometry"]) {
        for (id, value) in ids.iter().zip(answer.column(name)) {
            all.entry(*id).or_default().push(value);
        }
    }
    all
}

#[track_caller]
fn same(now: &Held, then: &Held, after: &str) {
    assert_eq!(now.len(), then.len(), "rows after {after}");
    for (id, values) in then {
        assert_eq!(now.get(id), Some(values), "row {id} after {after}");
    }
}

pub async fn ten_thousand_values_of_every_type_survive_a_round_of_changes(store: &dyn Store) {
    furnish(store).await;
    let first: Vec<String> = TYPES.iter().map(|(t, _)| (*t).to_owned()).collect();
    done(store, &CatalogChange::of(vaults("a", "A", &first))).await;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut then = Held::new();
    let rows = (1..=ROWS).map(|n| {
        let place = Value::from(values::geometry(&mut rng, GeometryKind::Polygon));
        let mut op = Operation::insert_feature("vaults", id(n)).set("geometry", place.clone());
        let mut row = vec![];
        for (name, data_type) in names("a").iter().zip(&first) {
            let data_type: DataType = data_type.parse().expect("a data type");
            let value = match rng.random_bool(0.05) {
                true => Value::Null,
                false => values::value(&mut rng, &data_type, &[id(n)]),
            };
            row.push(value.clone());
            op = op.set(name, value);
        }
        row.push(place);
        then.insert(n, row);
        op
    });
    let rows = rows.collect();
    write(store, rows).await;
    same(&held(store, "a").await, &then, "writing");

    let mut renamed = CatalogChange::of(vaults("b", "B", &first));
    for (a, b) in names("a").iter().zip(names("b")) {
        renamed = renamed.rename(format!("vaults.{a}"), b);
    }
    done(store, &renamed).await;
    same(&held(store, "b").await, &then, "renaming");

    // Through other types and back, by declaration: every value converts both ways.
    let longest = TYPES.iter().map(|(_, to)| to.len()).max().unwrap_or(0);
    let through = (0..longest).map(|step| {
        let to = TYPES.iter().map(|(t, to)| to.get(step).unwrap_or(t));
        to.map(|t| (*t).to_owned()).collect::<Vec<_>>()
    });
    for types in through.chain([first.clone()]) {
        let mut change = CatalogChange::of(vaults("b", "B", &types));
        for step in store.plan(&change).await.unwrap().steps {
            if step.needs.is_some() {
                change = change.narrow(step.name);
            }
        }
        done(store, &change).await;
    }
    same(&held(store, "b").await, &then, "other types");

    let bare = || CatalogChange::of(vaults("b", "B", &[]));
    let retired = names("b")
        .iter()
        .fold(bare(), |c, b| c.retire(format!("vaults.{b}")));
    done(store, &retired).await;
    assert!(!super::evolution::has(store, "vaults", "b0").await);
    done(store, &CatalogChange::of(vaults("b", "B", &first))).await;
    same(&held(store, "b").await, &then, "retiring and serving again");

    let dropped = names("b")
        .iter()
        .fold(bare(), |c, b| c.drop(format!("vaults.{b}")));
    done(store, &dropped).await;
    super::evolution::undo(store).await;
    same(&held(store, "b").await, &then, "dropping and undoing it");
    super::evolution::healthy(store).await;
}
