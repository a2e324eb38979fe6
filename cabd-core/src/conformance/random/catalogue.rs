//! Random catalogues: types, sets and lists that come, change and go must do so alike on two stores, with rows inside that
//! nothing loses, and be undone.

mod model;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::model::Model;
use super::{both, same_answer};
use crate::catalog::{CatalogChange, CatalogCommit, Effect, Manifest};
use crate::conformance::world::{Contents, contents, furnish};
use crate::feature::ChangeHead;
use crate::lang::Lang;
use crate::query::FeatureQuery;
use crate::store::{FeatureStoreExt, Store, operations};

/// Plays `steps` random changes of the catalogue on both stores, with random rows inside: the same steps in words or the
/// same refusal, the same catalogue and the same answers from every type afterwards. Then everything is undone, which gives
/// the catalogue of the beginning, and the undoing is undone, which gives every row back.
///
/// Panics at the first difference, naming seed and step.
pub async fn evolve(reference: &dyn Store, other: &dyn Store, seed: u64, steps: usize) {
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
        if let Some(made) = evolved(reference, other, &change, &at).await {
            model = next;
            if first.is_none() && made {
                first = newest(reference).await.zip(newest(other).await);
            }
        }
        same(reference, other, &model, &at).await;
        if rng.random_bool(0.6) {
            let rows = model.write(&mut rng);
            let head = ChangeHead::default();
            let wrote = reference.apply(&head, operations(rows.clone())).await;
            wrote.unwrap_or_else(|e| panic!("{at}: {e:?}: {rows:#?}"));
            let wrote = other.apply(&head, operations(rows)).await;
            wrote.unwrap_or_else(|e| panic!("{at}: {e:?}"));
            same(reference, other, &model, &at).await;
        }
    }
    let Some((a, b)) = first else { return };
    let at = format!("seed {seed}, at the end");
    let held = contents(reference).await;
    undone(reference, other, Some((a, b)), &at).await;
    let catalog = reference.catalog().await.unwrap();
    assert_eq!(catalog.to_manifest(), start, "{at}: undone");
    undone(reference, other, None, &at).await;
    same(reference, other, &model, &format!("{at}, made again")).await;
    same_rows(&held, &contents(reference).await, &at);
    let unwell = other.doctor().await.unwrap();
    let bad = unwell
        .iter()
        .filter(|f| f.severity >= crate::store::Severity::Warning);
    assert_eq!(bad.count(), 0, "{at}: {unwell:#?}");
}

/// Makes a change on both; whether it was taken, and if so whether it did anything.
async fn evolved(a: &dyn Store, b: &dyn Store, change: &CatalogChange, at: &str) -> Option<bool> {
    match (a.evolve(change).await, b.evolve(change).await) {
        (Ok(a), Ok(b)) => {
            assert_eq!(a.words(), b.words(), "{at}: what was done");
            Some(!a.is_empty())
        }
        (Err(a), Err(b)) => {
            assert_eq!(a.kind(), b.kind(), "{at}: {a:?} or {b:?}");
            None
        }
        (a, b) => panic!("{at}: one store took the change: {a:?} or {b:?}"),
    }
}

async fn undone(a: &dyn Store, b: &dyn Store, commits: Option<(i64, i64)>, at: &str) {
    let (x, y) = commits.unzip();
    let mut words = vec![];
    for (store, commit) in [(a, x), (b, y)] {
        let mut change = CatalogChange::undo(commit);
        let plan = store.plan(&change).await;
        for step in plan.unwrap_or_else(|e| panic!("{at}: {e:?}")).steps {
            change = match (step.needs, step.effect) {
                (None, _) => change,
                (_, Effect::Narrows) => change.narrow(step.name),
                _ => change.drop(step.name),
            };
        }
        let done = store.evolve(&change).await;
        let done = done.unwrap_or_else(|e| panic!("{at}: {}: undo: {e:?}", store.name()));
        words.push(done.words());
    }
    assert_eq!(words[0], words[1], "{at}: what was undone");
}

async fn newest(store: &dyn Store) -> Option<i64> {
    let all: Vec<CatalogCommit> = store.catalog_history().await.unwrap();
    all.last().map(|c| c.commit)
}

/// The same catalogue, and from every type the same answer in either language.
async fn same(reference: &dyn Store, other: &dyn Store, model: &Model, at: &str) {
    let (a, b) = (
        reference.catalog().await.unwrap(),
        other.catalog().await.unwrap(),
    );
    let (a, b) = (a.to_manifest(), b.to_manifest());
    for (x, y) in a.types.iter().zip(&b.types) {
        assert_eq!(x, y, "{at}: type {}", x.id());
    }
    assert_eq!(a, b, "{at}: catalogues");
    for (n, id) in model.types().iter().enumerate() {
        let mut q = FeatureQuery::of(id);
        q.lang = Lang::ALL[n % 2];
        let answers = (reference.collect(&q).await, other.collect(&q).await);
        if let Some((x, y)) = both(answers.0, answers.1, &q, at) {
            same_answer(&x, &y, &q, at);
        }
    }
}

fn same_rows(held: &Contents, now: &Contents, at: &str) {
    for (relation, rows) in &held.records {
        let found = now.records.get(relation).map_or(0, Vec::len);
        assert_eq!(rows.len(), found, "{at}: rows of {relation} came back");
        assert_eq!(Some(rows), now.records.get(relation), "{at}: {relation}");
    }
}
