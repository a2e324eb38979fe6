//! Random changes and questions on two stores, which must agree on everything.
//!
//! The same seed plays the same game. Coordinates lie on a grid of 1/1024 degree, so that no two ways of computing an
//! intersection may differ; only distances to lines and areas are compared with a tolerance, of two millimetres.

mod back;
mod catalogue;
mod changes;
mod questions;
pub(super) mod values;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::world::{Contents, contents, furnish};
use crate::catalog::{CatalogChange, Manifest, Relation};
use crate::error::{Error, Result};
use crate::feature::{ChangeHead, FeatureBatch};
use crate::id::CommitNumber;
use crate::page::{Cursor, Near};
use crate::query::FeatureQuery;
use crate::store::names::Names;
use crate::store::{FeatureStoreExt, Store, operations};
use crate::value::Value;
pub use back::back;
pub use catalogue::evolve;
use changes::Model;

/// How far two distances to a line or an area may lie apart, in metres.
const TOLERANCE_M: f64 = 0.002;

/// Plays `steps` random changes and questions on both stores, and demands equal answers, equal counts, equal kinds of
/// error and, in the end, equal rows in every relation. Both stores must be empty or furnished with the suite's world.
///
/// Panics at the first difference, naming seed, step, question and row.
pub async fn play(reference: &dyn Store, other: &dyn Store, seed: u64, steps: usize) {
    furnish(reference).await;
    furnish(other).await;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = Model::default();
    let start = (contents(reference).await.head, contents(other).await.head);
    let names = Names::new(usize::MAX);
    for step in 0..steps {
        let at = format!("seed {seed}, step {step}");
        if step < 8 || rng.random_bool(0.3) {
            change(reference, other, &mut model, &mut rng, &at).await;
        } else {
            question(reference, other, &names, &model, &mut rng, &at).await;
        }
        let moved = |now: i64, from: i64| now - from;
        let heads = (
            moved(reference.head().await.unwrap().0, start.0.0),
            moved(other.head().await.unwrap().0, start.1.0),
        );
        assert_eq!(heads.0, heads.1, "{at}: commits");
    }
    same_contents(reference, other, start, &format!("seed {seed}, at the end")).await;
    for store in [reference, other] {
        super::cases::proof::whole(store).await;
    }
}

/// Equal rows in every relation, and equal logs since the game began: whether making the tables is logged is a store's own.
async fn same_contents(
    reference: &dyn Store,
    other: &dyn Store,
    start: (CommitNumber, CommitNumber),
    at: &str,
) {
    let (a, b) = (contents(reference).await, contents(other).await);
    for (relation, rows) in &a.records {
        let others = b.records.get(relation);
        let others = others.map(Vec::as_slice).unwrap_or_default();
        assert_eq!(rows.len(), others.len(), "{at}: rows of {relation}");
        for (row, other) in rows.iter().zip(others) {
            assert_eq!(row, other, "{at}: a row of {relation}");
        }
    }
    assert_eq!(
        a.records.len(),
        b.records.len(),
        "{at}: relations with rows"
    );
    let told = |c: &Contents, start: CommitNumber| {
        let since = c.log.iter().filter(|e| e.commit > start);
        let mut log: Vec<_> = since
            .map(|e| {
                let place = (e.schema.clone(), e.table.clone(), e.action.clone());
                // Equal numbers, texts, instants and places are written alike, down to the last digit.
                let values = format!("{:?} {:?} {:?}", e.row_key, e.old, e.new);
                let ids = (e.cabd_id, e.datasource_id, e.id_pk);
                (e.commit.0 - start.0, place, ids, e.author.clone(), values)
            })
            .collect();
        log.sort();
        log
    };
    let (a, b) = (told(&a, start.0), told(&b, start.1));
    assert_eq!(a.len(), b.len(), "{at}: entries of the log");
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(a, b, "{at}: an entry of the log");
    }
}

/// Plays random changes on a store, asks random questions after each, and asks them again in the end, of the state of
/// then: every answer must be as it was.
pub async fn remember(store: &dyn Store, seed: u64, steps: usize) {
    furnish(store).await;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = Model::default();
    let mut known = vec![];
    let change = CatalogChange::of(Manifest::default())
        .rename("weirs.height_m", "tallness_m")
        .drop("weirs.comments")
        .retire("weirs.built_year");
    let (away, back) = (steps / 3, steps / 2);
    for step in 0..steps {
        // The catalogue changes, and is again as it was; in between nobody asks.
        if step == away {
            store.evolve(&change).await.unwrap();
        } else if step == back {
            store.evolve(&CatalogChange::undo(None)).await.unwrap();
        }
        let catalog = store.catalog().await.unwrap();
        let (next, mut ops) = model.change(&catalog, &mut rng);
        // Labels are those of today.
        ops.retain(|op| !matches!(op.relation, Relation::Codes(_)));
        let done = store.apply(&ChangeHead::default(), operations(ops)).await;
        if done.is_ok() {
            model = next;
        }
        for _ in 0..if (away..back).contains(&step) { 0 } else { 3 } {
            let q = questions::question(&catalog, &model, &mut rng);
            if let (Ok(answer), Ok(count)) = (store.collect(&q).await, store.count(&q).await) {
                known.push((store.head().await.unwrap(), q, answer, count));
            }
        }
    }
    for (commit, mut q, answer, count) in known {
        let at = format!("seed {seed}, as of {commit}");
        q.as_of = Some(commit);
        let again = store.collect(&q).await.unwrap();
        same_answer(&answer, &again, &q, &at);
        assert_eq!(store.count(&q).await.unwrap(), count, "{at}: {q:#?}");
    }
}

async fn change(
    reference: &dyn Store,
    other: &dyn Store,
    model: &mut Model,
    rng: &mut ChaCha8Rng,
    at: &str,
) {
    let (next, ops) = model.change(&reference.catalog().await.unwrap(), rng);
    let head = ChangeHead {
        author: Some(values::text(rng, 40)),
        dry_run: rng.random_bool(0.07),
        ..ChangeHead::default()
    };
    let a = reference.apply(&head, operations(ops.clone())).await;
    let b = other.apply(&head, operations(ops.clone())).await;
    match (&a, &b) {
        (Ok(x), Ok(y)) => {
            assert_eq!(x.counts, y.counts, "{at}: counts of {ops:#?}");
            assert_eq!(x.commit.is_some(), y.commit.is_some(), "{at}: {ops:#?}");
            if !head.dry_run {
                *model = next;
            }
        }
        (Err(x), Err(y)) => assert_eq!(x.kind(), y.kind(), "{at}: {x:?} or {y:?}: {ops:#?}"),
        _ => panic!(
            "{at}: one store took the change: {:?} or {:?}: {ops:#?}",
            a.err(),
            b.err()
        ),
    }
}

async fn question(
    reference: &dyn Store,
    other: &dyn Store,
    names: &Names,
    model: &Model,
    rng: &mut ChaCha8Rng,
    at: &str,
) {
    let mut q = questions::question(&reference.catalog().await.unwrap(), model, rng);
    by_name(other, names, &q, at).await;
    let pages = if rng.random_bool(0.3) && q.limit.is_some() {
        4
    } else {
        1
    };
    for page in 0..pages {
        let at = format!("{at}, page {page}");
        let a = reference.collect(&q).await;
        let b = other.collect(&q).await;
        let Some((a, b)) = both(a, b, &q, &at) else {
            break;
        };
        same_answer(&a, &b, &q, &at);
        let counted = (reference.count(&q).await, other.count(&q).await);
        if let Some((x, y)) = both(counted.0, counted.1, &q, &at) {
            assert_eq!(x, y, "{at}: the count of {q:#?}");
        }
        let Some(next) = a.last().and_then(|b| b.next.clone()) else {
            break;
        };
        // Near shapes the cursor's distance may differ in its last millimetre, and with it the page.
        if !is_point_type(&q) && q.near.is_some() {
            break;
        }
        q.after = Some(next.to_string().parse::<Cursor>().unwrap());
    }
}

/// What is known of names, in step with the store, gives the answer of the store.
async fn by_name(store: &dyn Store, names: &Names, q: &FeatureQuery, at: &str) {
    if q.names.is_empty() {
        return;
    }
    let (head, catalog) = store.moment().await.unwrap();
    names.follow(store, &catalog, head).await.unwrap();
    let Ok(ft) = catalog.feature_type(&q.feature_type) else {
        return;
    };
    names.prepare(store, &catalog, ft).await.unwrap();
    if let Some(found) = names.find(&catalog, q)
        && let Ok(whole) = store.collect(q).await
    {
        let part = store.collect(&found.narrow(q)).await.unwrap();
        same_answer(
            &whole,
            &part,
            &FeatureQuery {
                batch_rows: usize::MAX,
                ..q.clone()
            },
            at,
        );
        let count = store.count(q).await.unwrap();
        assert!(
            found.count(q).is_none_or(|n| n == count),
            "{at}: the count of {q:#?}"
        );
    }
}

fn both<T>(a: Result<T>, b: Result<T>, q: &FeatureQuery, at: &str) -> Option<(T, T)> {
    let differ = |x: &Option<Error>, y: &Option<Error>| -> ! {
        panic!("{at}: one store answered: {x:?} or {y:?}: {q:#?}")
    };
    match (a, b) {
        (Ok(a), Ok(b)) => Some((a, b)),
        (Err(x), Err(y)) => {
            assert_eq!(x.kind(), y.kind(), "{at}: {x:?} or {y:?}: {q:#?}");
            None
        }
        (a, b) => differ(&a.err(), &b.err()),
    }
}

fn is_point_type(q: &FeatureQuery) -> bool {
    !["reaches", "basins", "shapes"].contains(&q.feature_type.to_lowercase().as_str())
}

fn rows(batches: &[FeatureBatch]) -> Vec<Vec<(String, Value)>> {
    batches
        .iter()
        .flat_map(|b| {
            let schema = b.batch.schema();
            (0..b.rows()).map(move |row| {
                let fields = schema.fields().iter();
                fields
                    .map(|f| (f.name().clone(), b.value(row, f.name())))
                    .collect()
            })
        })
        .collect()
}

fn same_answer(a: &[FeatureBatch], b: &[FeatureBatch], q: &FeatureQuery, at: &str) {
    if let (Some(x), Some(y)) = (a.first(), b.first()) {
        assert_eq!(x.batch.schema(), y.batch.schema(), "{at}: schema of {q:#?}");
    }
    for batch in a.iter().chain(b) {
        assert!(
            batch.rows() <= q.batch_rows.max(1),
            "{at}: batch size of {q:#?}"
        );
    }
    let (mut x, mut y) = (rows(a), rows(b));
    let ids = |rows: &[Vec<(String, Value)>]| -> Vec<Option<crate::Uuid>> {
        rows.iter().map(|r| find(r, "cabd_id").as_uuid()).collect()
    };
    assert_eq!(
        x.len(),
        y.len(),
        "{at}: {:?} or {:?} answer {q:#?}",
        ids(&x),
        ids(&y)
    );
    match &q.near {
        Some(near) if !is_point_type(q) => {
            return same_distances(&x, &y, near, q, at);
        }
        _ if !q.is_ordered() => {
            let by_id = |r: &Vec<(String, Value)>| find(r, "cabd_id").as_uuid();
            x.sort_by_key(by_id);
            y.sort_by_key(by_id);
        }
        _ => {}
    }
    assert_eq!(ids(&x), ids(&y), "{at}: the features that answer {q:#?}");
    for (x, y) in x.iter().zip(&y) {
        for (p, r) in x.iter().zip(y) {
            assert_eq!(p, r, "{at}: a value of {:?} in {q:#?}", find(x, "cabd_id"));
        }
    }
    if q.is_ordered() {
        let next = |b: &[FeatureBatch]| b.last().and_then(|b| b.next.clone());
        assert_eq!(next(a), next(b), "{at}: the cursor after {q:#?}");
    }
}

fn find<'a>(row: &'a [(String, Value)], name: &str) -> &'a Value {
    const NULL: &Value = &Value::Null;
    row.iter().find(|(n, _)| n == name).map_or(NULL, |(_, v)| v)
}

fn same_distances(
    x: &[Vec<(String, Value)>],
    y: &[Vec<(String, Value)>],
    near: &Near,
    q: &FeatureQuery,
    at: &str,
) {
    let distance = |row: &[(String, Value)]| match find(row, "geometry") {
        Value::Geometry(g) => g.distance_m(near.longitude, near.latitude).ok(),
        _ => None,
    };
    for (x, y) in x.iter().zip(y) {
        if let (Some(d), Some(e)) = (distance(x), distance(y)) {
            assert!(
                (d - e).abs() <= TOLERANCE_M,
                "{at}: {d} or {e} metres in {q:#?}"
            );
        }
    }
}
