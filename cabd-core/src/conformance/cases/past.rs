//! Earlier states: every answer that was given is given again.

use futures::future::join_all;

use crate::catalog::{CatalogChange, Manifest, Relation};
use crate::conformance::cases::derived;
use crate::conformance::cases::feed::turn;
use crate::conformance::random;
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, ChangeHead, Operation};
use crate::geometry::Geometry;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::query::FeatureQuery;
use crate::store::{HistoryExt, Store, operations};
use crate::value::Value;

fn at(mut q: FeatureQuery, commit: CommitNumber) -> FeatureQuery {
    q.as_of = Some(commit);
    q
}

pub async fn random_answers_are_given_again(store: &dyn Store) {
    random::remember(store, 11, 45).await;
}

pub async fn an_earlier_feature_is_read_with_what_was_around_it(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            site(1),
            structure(11, 1, true, 1),
            site(2),
            ladder(3),
            species(3, "eel", true),
            model(5),
        ],
    )
    .await;
    let first = store.head().await.unwrap();
    let part = |n: u128| {
        Operation::new(Relation::part("sites", "structures"), Action::Update)
            .set("structure_id", id(n))
    };
    write(store, vec![part(11).set("width_m", 2.0)]).await;
    let wide = store.head().await.unwrap();
    // The structure moves to another site, the species goes, a site hides a modelled crossing.
    write(store, vec![part(11).set("site_id", id(2))]).await;
    let gone = Operation::new(Relation::link("ladders", "species"), Action::Delete)
        .set("ladder_id", id(3))
        .set("species_id", "eel");
    let hides = Operation::update_feature("sites", id(1)).set("modelled_id", id(5));
    write(store, vec![gone, hides]).await;
    write(store, vec![Operation::delete_feature("sites", id(2))]).await;
    let sites = || FeatureQuery::of("sites");
    let then = ask(store, &at(sites(), wide)).await;
    assert_eq!(then.of(1, "width_m"), Value::from(2.0));
    assert_eq!(then.of(2, "width_m"), Value::Null);
    assert_eq!(
        ask(store, &at(sites(), first)).await.of(1, "width_m"),
        Value::Null
    );
    assert_eq!(
        found(store, &at(sites(), CommitNumber(wide.0 + 1))).await,
        [1, 2]
    );
    assert_eq!(
        ask(store, &at(sites(), CommitNumber(wide.0 + 1)))
            .await
            .of(2, "width_m"),
        Value::from(2.0)
    );
    assert_eq!(found(store, &sites()).await, [1]);
    let everything = || FeatureQuery::of("everything");
    assert_eq!(found(store, &at(everything(), wide)).await, [1, 2, 3, 5]);
    assert_eq!(found(store, &everything()).await, [1, 3]);
    let eel = ask(store, &at(FeatureQuery::of("ladders"), wide)).await;
    let now = ask(store, &FeatureQuery::of("ladders")).await;
    assert_ne!(eel.of(3, "known_use"), now.of(3, "known_use"));
}

pub async fn pages_of_an_earlier_state_follow_each_other(store: &dyn Store) {
    furnish(store).await;
    let all = (1..=300).map(|n| weir(n).set("height_m", (n * 7 % 90) as f64));
    write(store, all.collect()).await;
    let first = store.head().await.unwrap();
    let mut changes: Vec<Operation> = (1..=300)
        .step_by(3)
        .map(|n| update(n).set("height_m", (n % 50) as f64))
        .collect();
    changes.extend((2..=300).step_by(30).map(delete));
    changes.extend((400..450).map(|n| weir(n).set("height_m", 1.0)));
    write(store, changes).await;
    let mut whole = at(sorted("weirs", &["-height_m"]), first);
    whole.batch_rows = 64;
    let expected = found(store, &whole).await;
    assert_eq!(expected.len(), 300);
    let mut seen = vec![];
    let mut page = at(sorted("weirs", &["-height_m"]), first);
    page.limit = Some(17);
    loop {
        let answer = ask(store, &page).await;
        seen.extend(answer.ids());
        match answer.next() {
            Some(next) if answer.rows() > 0 => page.after = Some(next),
            _ => break,
        }
    }
    assert_eq!(seen, expected);
    let mut middle = at(sorted("weirs", &["-height_m"]), first);
    (middle.offset, middle.limit) = (100, Some(50));
    assert_eq!(found(store, &middle).await, expected[100..150]);
    let few = at(filtered("weirs", "height_m:gt:80"), first);
    assert!(found(store, &few).await.iter().all(|n| n * 7 % 90 > 80));
    assert_eq!(
        found(store, &at(weirs(), CommitNumber(first.0 - 1))).await,
        Vec::<u128>::new()
    );
}

pub async fn a_place_is_looked_for_where_features_were(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir_at(1, -75.0, 45.0), weir_at(2, -60.0, 45.0)],
    )
    .await;
    let first = store.head().await.unwrap();
    let to = |n: u128, x: f64| update(n).set("original_point", Geometry::point(x, 45.0));
    write(store, vec![to(1, -60.0), to(2, -75.0)]).await;
    let mut q = weirs();
    q.bbox = Some("-76,44,-74,46".parse().unwrap());
    assert_eq!(found(store, &q).await, [2]);
    assert_eq!(found(store, &at(q.clone(), first)).await, [1]);
    q.bbox = None;
    q.near = Some("-75,45".parse().unwrap());
    q.limit = Some(1);
    assert_eq!(found(store, &at(q.clone(), first)).await, [1]);
    assert_eq!(found(store, &q).await, [2]);
}

pub async fn a_feature_has_a_history_in_words(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![data_source(9, "a"), weir(1).set("size_code", 1)],
    )
    .await;
    let first = store.head().await.unwrap();
    let head = ChangeHead {
        author: Some("Zoë".into()),
        reason: Some("field visit".into()),
        ..ChangeHead::default()
    };
    let source = Operation::new(Relation::AttributeSource("weirs".into()), Action::Insert)
        .set("cabd_id", id(1))
        .set("height_m_ds", id(9));
    let change = update(1).set("size_code", 2).set("height_m", 4.5);
    store
        .apply(&head, operations(vec![change, source]))
        .await
        .unwrap();
    let rename = CatalogChange::of(Manifest::default()).rename("weirs.height_m", "tallness_m");
    store.evolve(&rename).await.unwrap();
    write(store, vec![delete(1)]).await;
    let acts = store.history("obstacles", id(1), Lang::Fr).await.unwrap();
    let commits: Vec<i64> = acts.iter().map(|a| a.commit - first.0).collect();
    assert_eq!(commits, [0, 1, 3]);
    assert_eq!(acts[1].author.as_deref(), Some("Zoë"));
    assert_eq!(acts[1].reason.as_deref(), Some("field visit"));
    let row = acts[1].rows.iter().find(|r| r.relation == "weirs").unwrap();
    assert_eq!(row.action, "UPDATE");
    let size = row
        .values
        .iter()
        .find(|v| v.attribute == "size_code")
        .unwrap();
    assert_eq!(
        (&size.from, &size.to),
        (&serde_json::json!(1), &serde_json::json!(2))
    );
    let sizes = store
        .catalog()
        .await
        .unwrap()
        .list("weirs.size_codes")
        .cloned()
        .unwrap();
    let label = sizes
        .label(&crate::catalog::CodeKey::Int(2), Lang::Fr)
        .map(str::to_owned);
    assert_eq!(size.to_label, label);
    let height = row
        .values
        .iter()
        .find(|v| v.attribute == "tallness_m")
        .unwrap();
    assert_eq!(
        (&height.from, &height.to),
        (&serde_json::json!(null), &serde_json::json!(4.5))
    );
    let source = size.source.as_ref().or(height.source.as_ref()).unwrap();
    assert_eq!((source.id, source.name.as_deref()), (id(9), Some("a")));
    assert!(acts[2].rows.iter().all(|r| r.action == "DELETE"));
    assert_eq!(acts[2].rows.len(), 2);
    let e = store.history("weirs", id(2), Lang::En).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound);
}

pub async fn a_commit_is_found_by_its_time(store: &dyn Store) {
    furnish(store).await;
    let head = store.head().await.unwrap();
    assert_eq!(
        store.commit_of("2001-01-01").await.unwrap(),
        CommitNumber(0)
    );
    assert_eq!(store.commit_of("3001-01-01T00:00:00Z").await.unwrap(), head);
    assert_eq!(store.commit_of(" 5 ").await.unwrap(), CommitNumber(5));
    let e = store.commit_of("yesterday").await.unwrap_err();
    explains(&e, "as_of");
}

pub async fn an_attribute_that_went_and_came_back_has_its_past(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("comments", "one").set("built_year", 1950)],
    )
    .await;
    let first = store.head().await.unwrap();
    write(
        store,
        vec![update(1).set("comments", "two").set("built_year", 1960)],
    )
    .await;
    let nothing = || CatalogChange::of(Manifest::default());
    store
        .evolve(&nothing().drop("weirs.comments").retire("weirs.built_year"))
        .await
        .unwrap();
    write(store, vec![update(1).set("height_m", 4.5)]).await;
    let between = ask(store, &at(weirs(), first)).await;
    assert_eq!(between.of(1, "comments"), Value::Null);
    store.evolve(&CatalogChange::undo(None)).await.unwrap();
    write(store, vec![update(1).set("comments", "three")]).await;
    let then = ask(store, &at(weirs(), first)).await;
    assert_eq!(then.of(1, "comments"), Value::from("one"));
    assert_eq!(then.of(1, "built_year"), Value::from(1950));
    assert_eq!(then.of(1, "height_m"), Value::Null);
    let later = ask(store, &at(weirs(), CommitNumber(first.0 + 1))).await;
    assert_eq!(later.of(1, "comments"), Value::from("two"));
    let acts = store.history("weirs", id(1), Lang::En).await.unwrap();
    let told = acts.iter().flat_map(|a| &a.rows).flat_map(|r| &r.values);
    let comments: Vec<_> = told
        .filter(|v| v.attribute == "comments")
        .map(|v| &v.to)
        .collect();
    assert_eq!(comments, ["one", "two", "three"]);
}

pub async fn an_earlier_state_is_read_while_others_write(store: &dyn Store) {
    furnish(store).await;
    let all = (1..=60).map(|n| weir(n).set("height_m", n as f64));
    write(store, all.collect()).await;
    let first = store.head().await.unwrap();
    let writer = |w: u128| async move {
        for n in 0..15 {
            let target = 1 + (w * 17 + n * 7) % 60;
            let new = 1_000 + 100 * w + n;
            write(
                store,
                vec![update(target).set("height_m", 999.0), weir(new)],
            )
            .await;
            turn().await;
        }
    };
    let writing = join_all((0..3).map(writer));
    let reading = async {
        let mut q = at(sorted("weirs", &["height_m"]), first);
        for limit in [None, Some(10), None, Some(60), None, Some(7), None, None] {
            q.limit = limit;
            let n = limit.unwrap_or(60);
            let wanted: Vec<u128> = (1..=u128::from(n)).collect();
            assert_eq!(found(store, &q).await, wanted);
            assert_eq!(store.count(&q).await.unwrap(), 60);
            turn().await;
        }
    };
    futures::join!(writing, reading);
}

pub async fn the_last_change_of_then_is_that_of_then(store: &dyn Store) {
    derived::furnish_gauges(store).await;
    let source = |n: u128| {
        Operation::new(Relation::FeatureSource("gauges".into()), Action::Insert)
            .set("cabd_id", id(1))
            .set("datasource_id", id(9))
            .set("datasource_feature_id", n.to_string())
    };
    write(
        store,
        vec![data_source(9, "a"), derived::gauge(1, -76.0, 45.0)],
    )
    .await;
    let change = |x: f64| derived::change(1).set("range_m", x);
    let mut known = vec![];
    for all in [
        vec![change(2.0)],
        vec![source(1)],
        vec![source(2)],
        vec![change(3.0)],
        vec![source(3)],
    ] {
        let q = FeatureQuery::of("gauges");
        let answer = ask(store, &q).await;
        known.push((store.head().await.unwrap(), answer.of(1, "last_modified")));
        write(store, all).await;
    }
    for (n, (commit, was)) in known.into_iter().enumerate() {
        let then = ask(store, &at(FeatureQuery::of("gauges"), commit)).await;
        let (is, was) = (then.of(1, "last_modified"), was);
        let (Value::Timestamp(is), Value::Timestamp(was)) = (&is, &was) else {
            panic!("{n}: {is:?} {was:?}");
        };
        // Where only rows around had changed, it is when they were written.
        let apart = is.as_microsecond().abs_diff(was.as_microsecond());
        assert!(apart < 20_000, "{n}: {is} {was}");
    }
}

pub async fn a_commit_that_was_never_made_has_no_state(store: &dyn Store) {
    furnish(store).await;
    let next = CommitNumber(store.head().await.unwrap().0 + 1);
    for commit in [next, CommitNumber(-1)] {
        let e = unanswered(store, ErrorKind::Invalid, &at(weirs(), commit)).await;
        explains(&e, "as_of");
        assert_eq!(
            store.count(&at(weirs(), commit)).await.unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }
}

pub async fn an_earlier_state_survives_a_change_of_the_catalogue(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("height_m", 2.5).set("built_year", 1950)],
    )
    .await;
    let first = store.head().await.unwrap();
    write(
        store,
        vec![update(1).set("height_m", 3.5).set("built_year", 1960)],
    )
    .await;
    let change = CatalogChange::of(Manifest::default()).rename("weirs.height_m", "tallness_m");
    store.evolve(&change).await.unwrap();
    write(store, vec![update(1).set("tallness_m", 4.5)]).await;
    let then = ask(store, &at(weirs(), first)).await;
    assert_eq!(then.of(1, "tallness_m"), Value::from(2.5));
    assert_eq!(then.of(1, "built_year"), Value::from(1950));
    let later = ask(store, &at(weirs(), CommitNumber(first.0 + 1))).await;
    assert_eq!(later.of(1, "tallness_m"), Value::from(3.5));
}
