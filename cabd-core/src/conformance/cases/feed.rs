//! The feed of changes, differences between states, and releases.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use futures::future::join_all;

use crate::catalog::{CatalogChange, Manifest, Relation};
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, ChangeHead, Operation};
use crate::geometry::Geometry;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::query::FeatureQuery;
use crate::store::{
    Change, DiffQuery, FeatureDiff, FeedPlace, FeedQuery, HistoryExt, Release, Store,
    change_batches, operations,
};
use crate::value::Value;

async fn told(store: &dyn Store, query: FeedQuery) -> Vec<Change> {
    let (_, feed) = store.feed(query).await.unwrap();
    feed.try_collect().await.unwrap()
}

fn since(commit: CommitNumber) -> FeedQuery {
    FeedQuery {
        after: FeedPlace {
            commit,
            revision: None,
        },
        ..FeedQuery::default()
    }
}

fn about(changes: &[Change]) -> Vec<(i64, String, String)> {
    let of = |c: &Change| (c.commit, c.row.relation.clone(), c.row.action.clone());
    changes.iter().map(of).collect()
}

async fn differing(store: &dyn Store, from: CommitNumber, to: CommitNumber) -> Vec<FeatureDiff> {
    let query = DiffQuery {
        from,
        to,
        ..DiffQuery::default()
    };
    let features = store.diff(query).await.unwrap();
    features.try_collect().await.unwrap()
}

pub async fn a_feed_tells_every_change_once_and_goes_on_from_any_place(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    write(store, vec![weir(1), weir(2).set("size_code", 2)]).await;
    let head = ChangeHead {
        author: Some("Zoë".into()),
        reason: Some("a visit".into()),
        ..ChangeHead::default()
    };
    let change = vec![
        update(1).set("height_m", 3.5),
        update(2).set("size_code", 1),
    ];
    store.apply(&head, operations(change)).await.unwrap();
    write(store, vec![delete(2)]).await;
    let all = told(store, since(start)).await;
    let of = |action: &str| all.iter().filter(|c| c.row.action == action).count();
    assert_eq!((of("INSERT"), of("UPDATE"), of("DELETE")), (2, 2, 1));
    let second = all.iter().find(|c| c.row.action == "UPDATE").unwrap();
    assert_eq!(second.reason.as_deref(), Some("a visit"));
    assert_eq!(second.author.as_deref(), Some("Zoë"));
    assert_eq!(second.clone().without_people().author, None);
    assert_eq!(second.feature_type.as_deref(), Some("weirs"));
    let size = all
        .iter()
        .filter(|c| c.row.action == "UPDATE")
        .flat_map(|c| &c.row.values)
        .find(|v| v.attribute == "size_code")
        .unwrap();
    assert_eq!((&size.from, &size.to), (&2.into(), &1.into()));
    assert!(size.to_label.is_some());
    for n in 0..all.len() {
        let query = FeedQuery {
            after: all[n].place(),
            ..FeedQuery::default()
        };
        assert_eq!(told(store, query).await, all[n + 1..], "after {n}");
    }
    assert!(
        told(store, since(store.head().await.unwrap()))
            .await
            .is_empty()
    );
    let until = FeedQuery {
        until: Some(CommitNumber(start.0 + 1)),
        ..since(start)
    };
    assert_eq!(told(store, until).await.len(), 2);
    let (_, feed) = store.feed(since(start)).await.unwrap();
    let batches: Vec<_> = change_batches(feed, 2).try_collect().await.unwrap();
    let rows: Vec<usize> = batches.iter().map(|b| b.num_rows()).collect();
    assert_eq!(rows, [2, 2, 1]);
    // One large commit, told in several looks at the log.
    let before = store.head().await.unwrap();
    let many = (1_000..4_500).map(|n| weir(n).set("height_m", n as f64));
    write(store, many.collect()).await;
    let all = told(store, since(before)).await;
    let ids: BTreeSet<_> = all.iter().filter_map(|c| c.cabd_id).collect();
    assert_eq!((all.len(), ids.len()), (3_500, 3_500));
    let rest = FeedQuery {
        after: all[2_345].place(),
        ..FeedQuery::default()
    };
    assert_eq!(told(store, rest).await, all[2_346..]);
}

pub async fn a_feed_is_narrowed_by_type_place_and_attribute(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    write(
        store,
        vec![weir_at(1, -75.0, 45.0), weir_at(2, -60.0, 45.0), fall(3)],
    )
    .await;
    let to = |n: u128, x: f64| update(n).set("original_point", Geometry::point(x, 45.0));
    write(store, vec![to(1, -50.0), update(2).set("height_m", 2.0)]).await;
    write(store, vec![update(1).set("height_m", 1.0)]).await;
    let of_type = FeedQuery {
        types: vec!["falls".into()],
        ..since(start)
    };
    let found = told(store, of_type).await;
    assert!(found.iter().all(|c| c.row.relation.starts_with("falls")));
    assert_eq!(found.len(), 1);
    let of_super = FeedQuery {
        types: vec!["obstacles".into()],
        ..since(start)
    };
    assert!(told(store, of_super).await.len() >= 6);
    let around = FeedQuery {
        bbox: Some("-76,44,-74,46".parse().unwrap()),
        types: vec!["weirs".into()],
        ..since(start)
    };
    let ids: BTreeSet<_> = told(store, around.clone())
        .await
        .iter()
        .map(|c| c.cabd_id)
        .collect();
    assert_eq!(ids, BTreeSet::from([Some(id(1))]));
    // The move left the box: later changes lie outside.
    let later = FeedQuery {
        after: since(CommitNumber(start.0 + 2)).after,
        ..around.clone()
    };
    assert!(told(store, later).await.is_empty());
    let left = FeedQuery {
        after: since(CommitNumber(start.0 + 1)).after,
        until: Some(CommitNumber(start.0 + 2)),
        ..around
    };
    assert_eq!(told(store, left).await.len(), 1);
    let of_attribute = FeedQuery {
        attributes: vec!["height_m".into()],
        ..since(start)
    };
    let found = told(store, of_attribute).await;
    let commits: Vec<i64> = found.iter().map(|c| c.commit - start.0).collect();
    assert_eq!(commits, [2, 3]);
    let unknown = FeedQuery {
        types: vec!["no_such".into()],
        ..since(start)
    };
    let e = store.feed(unknown).await.err().unwrap();
    assert_eq!(e.kind(), ErrorKind::NotFound);
}

pub async fn a_feed_tells_nothing_about_people(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    let contact = Operation::new(Relation::Contact, Action::Insert)
        .set("id", id(70))
        .set("email", "zoe@example.org")
        .set("name", "Zoë");
    let suggestion = Operation::new(Relation::FeatureUpdate, Action::Insert)
        .set("id", id(71))
        .set("contact_id", id(70))
        .set("cabd_id", id(1))
        .set("cabd_type", "weirs")
        .set("user_description", "it is gone");
    write(store, vec![contact]).await;
    write(store, vec![weir(1), data_source(9, "a")]).await;
    write(store, vec![suggestion]).await;
    let all = told(store, since(start)).await;
    assert!(about(&all).iter().any(|(_, r, _)| r == "data_source"));
    let shown = serde_json::to_string(&all).unwrap();
    for word in [
        "zoe@",
        "Zoë",
        "it is gone",
        "contacts",
        "user_feature_updates",
    ] {
        assert!(!shown.contains(word), "{word}: {shown}");
    }
    let head = store.head().await.unwrap();
    let differ = serde_json::to_string(&differing(store, start, head).await).unwrap();
    let acts = store.history("weirs", id(1), Lang::En).await.unwrap();
    let acts = serde_json::to_string(&acts).unwrap();
    for word in ["zoe@", "Zoë", "it is gone"] {
        assert!(!differ.contains(word) && !acts.contains(word), "{word}");
    }
}

/// Lets others go on.
pub(super) async fn turn() {
    let mut had = false;
    futures::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        match std::mem::replace(&mut had, true) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}

/// Many write, one follows, and misses nothing.
pub async fn who_follows_the_feed_misses_nothing_while_many_write(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    let writer = |w: u128| async move {
        for n in 0..12 {
            let first = 1_000 * (w + 1) + 3 * n;
            let all: Vec<Operation> = (first..first + 3).map(weir).collect();
            write(store, all).await;
            turn().await;
        }
    };
    let writing = join_all((0..5).map(writer));
    let done = std::sync::atomic::AtomicBool::new(false);
    let following = async {
        let mut place = since(start).after;
        let mut seen = vec![];
        loop {
            let last = done.load(std::sync::atomic::Ordering::SeqCst);
            let query = FeedQuery {
                after: place,
                ..FeedQuery::default()
            };
            let (until, feed) = store.feed(query).await.unwrap();
            let changes: Vec<Change> = feed.try_collect().await.unwrap();
            seen.extend(changes.iter().map(Change::place));
            place.commit = until.max(place.commit);
            if last {
                return seen;
            }
            turn().await;
        }
    };
    let writing = async {
        writing.await;
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    let (seen, ()) = futures::join!(following, writing);
    let whole: Vec<FeedPlace> = told(store, since(start))
        .await
        .iter()
        .map(Change::place)
        .collect();
    assert_eq!(whole.len(), 5 * 12 * 3);
    assert_eq!(seen, whole);
}

pub async fn a_row_that_moves_is_told_of_both_features(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![site(1), site(2), structure(11, 1, true, 1)]).await;
    let before = store.head().await.unwrap();
    let moved = Operation::new(Relation::part("sites", "structures"), Action::Update)
        .set("structure_id", id(11))
        .set("site_id", id(2));
    write(store, vec![moved]).await;
    let mut all = told(store, since(before)).await;
    all.retain(|c| c.row.relation == "sites.structures");
    let found: Vec<_> = all
        .iter()
        .map(|c| (c.row.action.as_str(), c.cabd_id))
        .collect();
    assert_eq!(found, [("DELETE", Some(id(1))), ("INSERT", Some(id(2)))]);
    for (n, action) in [(1, "DELETE"), (2, "INSERT")] {
        let acts = store.history("sites", id(n), Lang::En).await.unwrap();
        let last = acts.last().unwrap();
        assert!(last.rows.iter().any(|r| r.action == action), "{last:?}");
    }
    let mut one = FeatureQuery::of("sites");
    one.as_of = Some(before);
    for (n, shown) in [(1, Value::from(1)), (2, Value::Null)] {
        one.ids = Some(vec![id(n)]);
        assert_eq!(ask(store, &one).await.of(n, "structure_number"), shown);
    }
    let now = store.head().await.unwrap();
    let ids: Vec<_> = differing(store, before, now)
        .await
        .iter()
        .map(|d| d.cabd_id)
        .collect();
    assert_eq!(ids, [id(1), id(2)]);
}

pub async fn two_states_differ_by_what_has_changed(store: &dyn Store) {
    furnish(store).await;
    let empty = store.head().await.unwrap();
    write(
        store,
        vec![
            weir(1).set("height_m", 2.0),
            weir(2),
            weir(3),
            ladder(4),
            species(4, "eel", true),
        ],
    )
    .await;
    let first = store.head().await.unwrap();
    write(
        store,
        vec![
            update(1).set("height_m", 3.0),
            delete(2),
            update(3).set("height_m", 1.0),
        ],
    )
    .await;
    let gone = Operation::new(Relation::link("ladders", "species"), Action::Delete)
        .set("ladder_id", id(4))
        .set("species_id", "eel");
    write(
        store,
        vec![weir(5), gone, update(3).set("height_m", Value::Null)],
    )
    .await;
    let rename = CatalogChange::of(Manifest::default()).rename("weirs.height_m", "tallness_m");
    store.evolve(&rename).await.unwrap();
    let second = store.head().await.unwrap();
    write(store, vec![update(1).set("tallness_m", 9.0), delete(5)]).await;
    let all = differing(store, first, second).await;
    let mut found: Vec<_> = all.iter().map(|d| (d.cabd_id, d.change)).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            (id(1), "changed"),
            (id(2), "removed"),
            (id(4), "changed"),
            (id(5), "added")
        ]
    );
    let one = all.iter().find(|d| d.cabd_id == id(1)).unwrap();
    let values: Vec<_> = one.rows.iter().flat_map(|r| &r.values).collect();
    let tall = values.iter().find(|v| v.attribute == "tallness_m").unwrap();
    assert_eq!((&tall.from, &tall.to), (&2.0.into(), &3.0.into()));
    let link = all.iter().find(|d| d.cabd_id == id(4)).unwrap();
    assert_eq!(link.rows[0].relation, "ladders.species");
    assert_eq!(link.rows[0].action, "DELETE");
    let mut back: Vec<_> = differing(store, second, first).await;
    back.sort_by_key(|d| d.cabd_id);
    let back: Vec<_> = back.iter().map(|d| d.change).collect();
    assert_eq!(back, ["changed", "added", "changed", "removed"]);
    assert_eq!(differing(store, empty, first).await.len(), 4);
    assert!(differing(store, first, first).await.is_empty());
    let of_type = DiffQuery {
        from: first,
        to: second,
        types: vec!["ladders".into()],
        lang: Lang::En,
    };
    let of_type: Vec<_> = store
        .diff(of_type)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(of_type.len(), 1);
    let never = DiffQuery {
        to: CommitNumber(store.head().await.unwrap().0 + 1),
        ..DiffQuery::default()
    };
    let e = store.diff(never).await.err().unwrap();
    assert_eq!(e.field_name(), Some("to"));
}

pub async fn a_release_is_a_name_that_never_moves(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let first = store.head().await.unwrap();
    write(store, vec![weir(2)]).await;
    let mut release = Release::new("v1.0", first).unwrap();
    release.note = Some("the first".into());
    store.release(&release).await.unwrap();
    let mut known = store.releases().await.unwrap();
    assert!(known[0].chain.take().is_some(), "its commit was sealed");
    assert_eq!(known, [release.clone()]);
    assert_eq!(store.commit_of(" V1.0 ").await.unwrap(), first);
    assert_eq!(
        store.stamp(first).await.unwrap().release.as_deref(),
        Some("v1.0")
    );
    let head = store.head().await.unwrap();
    let again = Release::new("V1.0", head).unwrap();
    let e = store.release(&again).await.unwrap_err();
    assert_eq!(
        (e.kind(), e.field_name()),
        (ErrorKind::Conflict, Some("name"))
    );
    let never = Release::new("v2", CommitNumber(head.0 + 1)).unwrap();
    let e = store.release(&never).await.unwrap_err();
    explains(&e, "commit");
    let e = store.commit_of("v3").await.unwrap_err();
    explains(&e, "as_of");
    let mut then = weirs();
    then.as_of = Some(store.commit_of("v1.0").await.unwrap());
    assert_eq!(found(store, &then).await, [1]);
    assert_eq!(store.head().await.unwrap(), head, "no commit");
    assert_eq!(store.releases().await.unwrap().len(), 1);
}
