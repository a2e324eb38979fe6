//! Random changes, undone in random order.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::changes::Model;
use crate::conformance::world::{contents, furnish};
use crate::feature::ChangeHead;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::store::{ChangeQuery, LogEntry, Revert, RevertExt, Store, operations};

/// A row, as the log names it.
type Place = (
    String,
    Option<crate::Uuid>,
    Option<crate::Uuid>,
    Option<crate::Uuid>,
    Vec<String>,
);

/// What a commit has done.
#[derive(Default)]
struct Done {
    rows: BTreeSet<Place>,
    /// Rows of no feature that came, such as contacts.
    made: BTreeSet<crate::Uuid>,
    /// What rows that undoing brings back may name.
    named: BTreeSet<crate::Uuid>,
}

impl Done {
    /// Whether this must be undone after a later change.
    fn waits_for(&self, later: &Self) -> bool {
        !self.rows.is_disjoint(&later.rows) || !self.made.is_disjoint(&later.named)
    }
}

/// Makes random changes, then undoes them in random order; in the end every relation holds what it held at the start.
///
/// A change is undone before one that came earlier only where it must: both touched a row, a row of the later names one that
/// the earlier made, or the store says that they contradict.
pub async fn back(store: &dyn Store, seed: u64, before: usize, steps: usize) {
    furnish(store).await;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut model = Model::default();
    for _ in 0..before {
        change(store, &mut model, &mut rng).await;
    }
    let start = contents(store).await.records;
    let mut left: BTreeMap<CommitNumber, Done> = BTreeMap::new();
    for _ in 0..steps {
        if let Some(commit) = change(store, &mut model, &mut rng).await {
            left.insert(commit, done(store, commit).await);
        }
    }
    let mut out_of_order = 0;
    while let Some(newest) = left.keys().next_back().copied() {
        let mut order: Vec<CommitNumber> = left.keys().copied().collect();
        order.shuffle(&mut rng);
        for commit in order {
            let own = &left[&commit];
            let mut later = left.range(CommitNumber(commit.0 + 1)..);
            if later.any(|(_, later)| own.waits_for(later)) {
                continue;
            }
            let at = format!("seed {seed}, commit {commit} of {}", left.len());
            let before = contents(store).await;
            let what = Revert::of(commit);
            match store.revert(&ChangeHead::default(), &what, Lang::En).await {
                Ok(done) => {
                    assert!(done.conflicts.is_empty(), "{at}: {done:?}");
                    assert_eq!(done.unchanged, 0, "{at}: {done:?}");
                    out_of_order += usize::from(commit != newest);
                    left.remove(&commit);
                    break;
                }
                Err(e) => {
                    assert_ne!(commit, newest, "{at}: nothing came later: {e:?}");
                    assert_eq!(contents(store).await, before, "{at}");
                }
            }
        }
    }
    assert!(
        out_of_order > 0 || steps < 10,
        "seed {seed}: only the newest was undone"
    );
    let end = contents(store).await.records;
    for (relation, rows) in &start {
        assert_eq!(Some(rows), end.get(relation), "seed {seed}: {relation}");
    }
    assert_eq!(start.len(), end.len(), "seed {seed}");
}

async fn change(
    store: &dyn Store,
    model: &mut Model,
    rng: &mut ChaCha8Rng,
) -> Option<CommitNumber> {
    let (next, ops) = model.change(&store.catalog().await.unwrap(), rng);
    let head = ChangeHead {
        author: rng.random_bool(0.5).then(|| "somebody".to_owned()),
        ..ChangeHead::default()
    };
    let done = store.apply(&head, operations(ops)).await.ok()?;
    *model = next;
    done.commit
}

async fn done(store: &dyn Store, commit: CommitNumber) -> Done {
    let query = ChangeQuery {
        until: Some(commit),
        values: false,
        ..ChangeQuery::since(CommitNumber(commit.0 - 1))
    };
    let log = store.changes(&query).await.unwrap();
    let log: Vec<LogEntry> = log.try_collect().await.unwrap();
    let mut done = Done::default();
    for e in log {
        if e.cabd_id.is_none() && e.action == "INSERT" {
            done.made.extend(e.id_pk.or(e.datasource_id));
        }
        done.named
            .extend(e.old.values().filter_map(|v| v.as_uuid()));
        done.rows
            .insert((e.table, e.cabd_id, e.datasource_id, e.id_pk, e.row_key));
    }
    done
}
