//! The suite's small world: a catalogue that has everything, and short forms to write and ask.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use uuid::Uuid;

use crate::catalog::{Manifest, Relation};
use crate::error::{Error, ErrorKind};
use crate::feature::{Action, Applied, ChangeHead, FeatureBatch, Operation};
use crate::geometry::Geometry;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::page::Cursor;
use crate::query::{FeatureQuery, NameFilter, Selection, Sort, parse_filter, parse_name_filter};
use crate::store::{FeatureStoreExt, LogEntry, Record, RecordQuery, Store, operations};
use crate::value::Value;

/// The files of the world's catalogue.
pub const FILES: [(&str, &str); 11] = [
    ("shared.toml", include_str!("world/shared.toml")),
    ("weirs.toml", include_str!("world/weirs.toml")),
    ("falls.toml", include_str!("world/falls.toml")),
    ("ladders.toml", include_str!("world/ladders.toml")),
    ("sites.toml", include_str!("world/sites.toml")),
    ("models.toml", include_str!("world/models.toml")),
    ("reaches.toml", include_str!("world/reaches.toml")),
    ("basins.toml", include_str!("world/basins.toml")),
    ("obstacles.toml", include_str!("world/obstacles.toml")),
    ("everything.toml", include_str!("world/everything.toml")),
    ("shapes.toml", include_str!("world/shapes.toml")),
];

/// The world's catalogue.
pub fn manifest() -> Manifest {
    Manifest::from_files(FILES).expect("the suite's own manifest is read")
}

/// Gives the store the world's catalogue; a store that has it already is left as it is.
pub async fn furnish(store: &dyn Store) {
    store
        .change_catalog(&manifest())
        .await
        .expect("the suite's catalogue is applied");
}

/// The identifier that the cases write as a small number.
pub fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// A new weir on a meridian, `n` steps north of 45°, and again from there after 1024 steps.
pub fn weir(n: u128) -> Operation {
    weir_at(n, -75.0, 45.0 + (n % 1024) as f64 / 64.0)
}

/// A new weir at a position.
pub fn weir_at(n: u128, longitude: f64, latitude: f64) -> Operation {
    placed("weirs", n, longitude, latitude)
}

/// A new fall with the class it must have.
pub fn fall(n: u128) -> Operation {
    placed("falls", n, -70.0, 45.0 + n as f64 / 64.0).set("fall_class", "cascade")
}

/// A new fish ladder.
pub fn ladder(n: u128) -> Operation {
    placed("ladders", n, -71.0, 45.0 + n as f64 / 64.0)
}

/// A new crossing site.
pub fn site(n: u128) -> Operation {
    placed("sites", n, -72.0, 45.0 + n as f64 / 64.0)
}

/// A new modelled crossing.
pub fn model(n: u128) -> Operation {
    placed("models", n, -73.0, 45.0 + n as f64 / 64.0)
}

/// A new feature of a point type.
pub fn placed(feature_type: &str, n: u128, longitude: f64, latitude: f64) -> Operation {
    Operation::insert_feature(feature_type, id(n))
        .set("geometry", Geometry::point(longitude, latitude))
}

/// A new feature whose geometry is given as WKT.
pub fn shape(feature_type: &str, n: u128, wkt: &str) -> Operation {
    let geometry = Geometry::from_wkt(wkt).expect("the suite's WKT is read");
    Operation::insert_feature(feature_type, id(n)).set("geometry", geometry)
}

/// A new structure of a site.
pub fn structure(
    n: u128,
    site: u128,
    primary: impl Into<Value>,
    order: impl Into<Value>,
) -> Operation {
    Operation::new(Relation::part("sites", "structures"), Action::Insert)
        .set("structure_id", id(n))
        .set("site_id", id(site))
        .set("primary_structure", primary)
        .set("structure_number", order)
}

/// A species seen, or not, at a ladder.
pub fn species(ladder: u128, species: &str, known_to_use: impl Into<Value>) -> Operation {
    Operation::new(Relation::link("ladders", "species"), Action::Insert)
        .set("ladder_id", id(ladder))
        .set("species_id", species)
        .set("known_to_use", known_to_use)
}

/// A new data source.
pub fn data_source(n: u128, name: &str) -> Operation {
    Operation::new(Relation::DataSource, Action::Insert)
        .set("id", id(n))
        .set("name", name)
}

/// That a data source holds a feature.
pub fn feature_source(feature_type: &str, feature: u128, source: u128, key: &str) -> Operation {
    Operation::new(Relation::FeatureSource(feature_type.into()), Action::Insert)
        .set("cabd_id", id(feature))
        .set("datasource_id", id(source))
        .set("datasource_feature_id", key)
}

/// A change of a weir.
pub fn update(n: u128) -> Operation {
    Operation::update_feature("weirs", id(n))
}

/// The end of a weir.
pub fn delete(n: u128) -> Operation {
    Operation::delete_feature("weirs", id(n))
}

/// Applies a change that must succeed.
pub async fn write(store: &dyn Store, all: Vec<Operation>) -> Applied {
    store
        .apply(&ChangeHead::default(), operations(all))
        .await
        .expect("the change is applied")
}

/// Applies a change that must be refused, and leave the store as it was. Gives the error.
pub async fn refuse(store: &dyn Store, kind: ErrorKind, all: Vec<Operation>) -> Error {
    let before = contents(store).await;
    let what = format!("{all:?}");
    let what: String = what.chars().take(300).collect();
    let error = match store.apply(&ChangeHead::default(), operations(all)).await {
        Err(e) => e,
        Ok(done) => panic!("accepted: {what}: {done:?}"),
    };
    assert_eq!(error.kind(), kind, "{what}: {error:?}");
    let quoted = error.shown_value().is_some_and(|v| v.starts_with('"'));
    assert!(!quoted, "the message quotes the value already: {error}");
    let after = contents(store).await;
    assert_eq!(
        before, after,
        "the refused change left something behind: {what}"
    );
    error
}

/// Everything a store holds: head, log and the records of every relation.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The newest commit.
    pub head: CommitNumber,
    /// The log.
    pub log: Vec<LogEntry>,
    /// Records by relation; relations without any left out.
    pub records: BTreeMap<Relation, Vec<Record>>,
}

/// Reads everything a store holds.
pub async fn contents(store: &dyn Store) -> Contents {
    let catalog = store.catalog().await.expect("the catalogue is read");
    let mut records = BTreeMap::new();
    for table in catalog.tables() {
        let rows = all(store, table.relation.clone()).await;
        if !rows.is_empty() {
            records.insert(table.relation.clone(), rows);
        }
    }
    Contents {
        head: store.head().await.expect("the head is read"),
        log: log_after(store, CommitNumber(0)).await,
        records,
    }
}

/// The log after a commit.
pub async fn log_after(store: &dyn Store, after: CommitNumber) -> Vec<LogEntry> {
    let entries = store.changes_since(after).await.expect("the log is read");
    entries
        .try_collect()
        .await
        .expect("the log is read to its end")
}

/// The records of a relation, in key order.
pub async fn all(store: &dyn Store, relation: Relation) -> Vec<Record> {
    asked(store, &RecordQuery::of(relation)).await
}

/// The records a query asks for.
pub async fn asked(store: &dyn Store, query: &RecordQuery) -> Vec<Record> {
    store
        .all_records(query)
        .await
        .expect("the records are read")
}

/// Every weir, all attributes.
pub fn weirs() -> FeatureQuery {
    FeatureQuery::of("weirs")
}

/// The features of a type that pass a filter, written as text.
pub fn filtered(feature_type: &str, filter: &str) -> FeatureQuery {
    let mut q = FeatureQuery::of(feature_type);
    q.filter = Some(parse_filter(filter).expect("the suite's filter is read"));
    q
}

/// The same question in French.
pub fn in_french(mut q: FeatureQuery) -> FeatureQuery {
    q.lang = Lang::Fr;
    q
}

/// A name filter, written as text.
pub fn name(text: &str) -> NameFilter {
    parse_name_filter(text).expect("the suite's name filter is read")
}

/// The features of a type, sorted; a leading `-` sorts downwards.
pub fn sorted(feature_type: &str, keys: &[&str]) -> FeatureQuery {
    let mut q = FeatureQuery::of(feature_type);
    q.sort = keys
        .iter()
        .map(|k| Sort {
            attribute: k.trim_start_matches('-').to_owned(),
            descending: k.starts_with('-'),
        })
        .collect();
    q
}

/// Only these attributes.
pub fn only(mut q: FeatureQuery, attributes: &[&str]) -> FeatureQuery {
    q.select = Selection::Attributes(attributes.iter().map(|a| (*a).to_owned()).collect());
    q
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its batches.
    pub batches: Vec<FeatureBatch>,
}

impl Answer {
    /// The values of a column, in the answer's order.
    pub fn column(&self, attribute: &str) -> Vec<Value> {
        self.batches
            .iter()
            .flat_map(|b| (0..b.rows()).map(|r| b.value(r, attribute)))
            .collect()
    }

    /// The identifiers as numbers, in the answer's order.
    pub fn ids(&self) -> Vec<u128> {
        self.column("cabd_id")
            .iter()
            .map(|v| v.as_uuid().expect("every row has an identifier").as_u128())
            .collect()
    }

    /// One value of one feature.
    pub fn of(&self, n: u128, attribute: &str) -> Value {
        let row = self.ids().iter().position(|i| *i == n);
        let row = row.unwrap_or_else(|| panic!("feature {n} is in the answer"));
        self.column(attribute).swap_remove(row)
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(FeatureBatch::rows).sum()
    }

    /// The place after the last row.
    pub fn next(&self) -> Option<Cursor> {
        self.batches.last().and_then(|b| b.next.clone())
    }
}

/// Asks a question that must be answered.
pub async fn ask(store: &dyn Store, q: &FeatureQuery) -> Answer {
    match store.collect(q).await {
        Ok(batches) => Answer { batches },
        Err(e) => panic!("refused: {e:?}: {q:?}"),
    }
}

/// The identifiers that answer a question, in its order where it promises one, else sorted; the count must agree.
pub async fn found(store: &dyn Store, q: &FeatureQuery) -> Vec<u128> {
    let answer = ask(store, q).await;
    let mut ids = answer.ids();
    if !q.is_ordered() {
        ids.sort_unstable();
    }
    if q.limit.is_none() && q.offset == 0 && q.after.is_none() {
        let count = store.count(q).await.expect("the count is read");
        assert_eq!(count, ids.len() as u64, "count and answer agree: {q:?}");
    }
    ids
}

/// The error of a question that must be refused, the same whether features or their number are asked for.
pub async fn unanswered(store: &dyn Store, kind: ErrorKind, q: &FeatureQuery) -> Error {
    let error = match store.collect(q).await {
        Err(e) => e,
        Ok(_) => panic!("answered: {q:?}"),
    };
    assert_eq!(error.kind(), kind, "{error:?}: {q:?}");
    error
}

/// An error that says which field, which value and what was expected.
pub fn explains(error: &Error, field: &str) {
    assert_eq!(error.field_name(), Some(field), "{error:?}");
    assert!(error.shown_value().is_some(), "shows the value: {error:?}");
    assert!(
        error.expectation().is_some(),
        "says what would do: {error:?}"
    );
}

/// Whether two numbers agree but for rounding in the last places.
pub fn close(a: &Value, b: f64) -> bool {
    a.as_f64()
        .is_some_and(|a| (a - b).abs() <= 1e-9 * b.abs().max(1.0))
}
