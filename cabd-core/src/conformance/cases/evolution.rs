//! The catalogue of a live inventory changes, and changes back, with rows inside.

use crate::catalog::{CatalogChange, CatalogPlan, Effect, FeatureType, Manifest, Relation, Step};
use crate::conformance::world::*;
use crate::error::{Error, ErrorKind};
use crate::feature::{Action, Operation};
use crate::query::FeatureQuery;
use crate::store::Store;
use crate::value::Value;

pub(super) fn nothing() -> CatalogChange {
    CatalogChange::of(Manifest::default())
}

/// The world's manifest of one type, changed.
pub(super) fn changed(id: &str, change: impl FnOnce(&mut FeatureType)) -> CatalogChange {
    let mut all = manifest();
    all.types.retain(|t| t.id() == id);
    all.lists.clear();
    all.sets.clear();
    change(&mut all.types[0]);
    CatalogChange::of(all)
}

pub(super) fn retyped(id: &str, attribute: &'static str, to: &'static str) -> CatalogChange {
    changed(id, |ft| {
        let a = ft
            .attributes
            .iter_mut()
            .find(|a| a.id == attribute)
            .unwrap();
        a.data_type = to.parse().unwrap();
    })
}

pub(in crate::conformance) async fn done(store: &dyn Store, change: &CatalogChange) -> CatalogPlan {
    match store.evolve(change).await {
        Ok(plan) => plan,
        Err(e) => panic!("refused: {e:?}"),
    }
}

pub(in crate::conformance) async fn refused(
    store: &dyn Store,
    kind: ErrorKind,
    change: &CatalogChange,
) -> Error {
    let (before, version) = (
        contents(store).await,
        store.catalog().await.unwrap().version,
    );
    let e = store
        .evolve(change)
        .await
        .expect_err("the change is refused");
    assert_eq!(e.kind(), kind, "{e:?}");
    assert_eq!(contents(store).await, before);
    assert_eq!(store.catalog().await.unwrap().version, version);
    e
}

pub(super) fn named<'p>(plan: &'p CatalogPlan, name: &str) -> &'p Step {
    let found = plan.steps.iter().find(|s| s.name == name);
    found.unwrap_or_else(|| panic!("no step about {name}: {:#?}", plan.words()))
}

/// The super type lets go what it shows of the weirs' comments and years.
pub(super) async fn without_notes(store: &dyn Store) {
    let change = changed("obstacles", |ft| {
        for name in ["note", "year"] {
            ft.attributes.retain(|a| a.id != name);
            for m in &mut ft.members {
                m.columns.remove(name);
            }
        }
    });
    done(store, &change).await;
}

pub(super) async fn undo(store: &dyn Store) -> CatalogPlan {
    done(store, &CatalogChange::undo(None)).await
}

/// The doctor finds nothing worse than a note.
pub async fn healthy(store: &dyn Store) {
    let findings = store.doctor().await.unwrap();
    let bad: Vec<_> = findings
        .iter()
        .filter(|f| f.severity >= crate::store::Severity::Warning)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

pub(super) async fn has(store: &dyn Store, id: &str, attribute: &str) -> bool {
    let catalog = store.catalog().await.unwrap();
    catalog
        .feature_type(id)
        .unwrap()
        .attribute(attribute)
        .is_some()
}

pub async fn a_plan_says_words_and_rows_and_touches_nothing(store: &dyn Store) {
    furnish(store).await;
    without_notes(store).await;
    write(store, vec![weir(1).set("comments", "kept"), weir(2)]).await;
    let (before, version) = (
        contents(store).await,
        store.catalog().await.unwrap().version,
    );
    let change = changed("weirs", |ft| ft.attributes.retain(|a| a.id != "comments"));
    let plan = store.plan(&change).await.unwrap();
    let step = named(&plan, "weirs.comments");
    assert_eq!((step.rows, step.effect), (Some(1), Effect::Loses));
    assert!(step.words.contains("weirs.comments"), "{}", step.words);
    assert!(
        step.needs
            .as_ref()
            .unwrap()
            .contains("--drop weirs.comments")
    );
    if store.name() != "memory" {
        assert!(
            step.sql.iter().any(|s| s.contains("weirs")),
            "{:?}",
            step.sql
        );
    }
    let allowed = store
        .plan(&change.clone().drop("weirs.comments"))
        .await
        .unwrap();
    assert_eq!(named(&allowed, "weirs.comments").needs, None);
    let tall = store
        .plan(&retyped("weirs", "comments", "integer"))
        .await
        .unwrap();
    let problem = named(&tall, "weirs.comments").problem.as_ref().unwrap();
    assert!(problem.contains("kept"), "{problem}");
    assert_eq!(contents(store).await, before);
    assert_eq!(store.catalog().await.unwrap().version, version);
    assert!(has(store, "weirs", "comments").await);
}

pub async fn an_attribute_left_out_is_refused_with_the_options(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("comments", "kept")]).await;
    let change = changed("weirs", |ft| ft.attributes.retain(|a| a.id != "comments"));
    let e = refused(store, ErrorKind::Unsupported, &change).await;
    assert_eq!(e.field_name(), Some("weirs.comments"));
    assert!(e.message().contains("1 row"), "{e:?}");
    for option in ["--retire", "--drop", "--rename"] {
        assert!(e.next_step().unwrap().contains(option), "{e:?}");
    }
    let wrong = nothing().drop("weirs.no_such");
    assert_eq!(
        refused(store, ErrorKind::NotFound, &wrong)
            .await
            .field_name(),
        Some("drop")
    );
    let idle = retyped("weirs", "weir_name_en", "text").narrow("weirs.height_m");
    refused(store, ErrorKind::Invalid, &idle).await;
}

pub async fn a_renamed_attribute_keeps_its_values_and_its_log(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            data_source(9, "a"),
            weir(1).set("height_m", 2.5).set("built_year", 1950),
        ],
    )
    .await;
    write(
        store,
        vec![
            Operation::new(Relation::AttributeSource("weirs".into()), Action::Insert)
                .set("cabd_id", id(1))
                .set("height_m_ds", id(9)),
        ],
    )
    .await;
    let log = log_after(store, crate::CommitNumber(0)).await;
    let change = nothing()
        .rename("weirs.height_m", "tallness_m")
        .rename("weirs.size_code", "class_code");
    let plan = done(store, &change).await;
    assert!(
        plan.words()
            .iter()
            .any(|w| w.contains("rename weirs.height_m to tallness_m")),
        "{plan:?}"
    );
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "tallness_m"), Value::from(2.5));
    assert!(!has(store, "weirs", "height_m").await);
    // Super types show it as before, and what is made of it follows.
    assert_eq!(
        ask(store, &FeatureQuery::of("obstacles"))
            .await
            .of(1, "height_m"),
        Value::from(2.5)
    );
    let sources = all(store, Relation::AttributeSource("weirs".into())).await;
    assert_eq!(sources[0].get("tallness_m_ds"), &Value::from(id(9)));
    write(
        store,
        vec![update(1).set("tallness_m", 3).set("class_code", 4)],
    )
    .await;
    assert_eq!(
        ask(store, &weirs()).await.of(1, "is_large"),
        Value::from(true)
    );
    assert_eq!(
        log_after(store, crate::CommitNumber(0)).await[..log.len()],
        log[..]
    );
    healthy(store).await;
    undo(store).await;
    assert_eq!(
        ask(store, &weirs()).await.of(1, "height_m"),
        Value::from(3.0)
    );
    assert_eq!(
        ask(store, &FeatureQuery::of("obstacles"))
            .await
            .of(1, "height_m"),
        Value::from(3.0)
    );
    healthy(store).await;
    // The same with a manifest that has the new name.
    let change = changed("weirs", |ft| {
        let a = ft
            .attributes
            .iter_mut()
            .find(|a| a.id == "built_year")
            .unwrap();
        a.id = "year".to_owned();
    });
    done(store, &change.rename("weirs.built_year", "year")).await;
    assert_eq!(ask(store, &weirs()).await.of(1, "year"), Value::from(1950));
    refused(
        store,
        ErrorKind::Conflict,
        &nothing().rename("weirs.year", "height_m"),
    )
    .await;
}

pub async fn a_retired_attribute_is_kept_and_not_served_until_it_is_wanted_again(
    store: &dyn Store,
) {
    furnish(store).await;
    write(store, vec![weir(1).set("comments", "kept"), fall(2)]).await;
    done(
        store,
        &nothing()
            .retire("weirs.comments")
            .retire("falls.fall_class"),
    )
    .await;
    assert!(!has(store, "weirs", "comments").await);
    unanswered(store, ErrorKind::Invalid, &only(weirs(), &["comments"])).await;
    let rows = all(store, Relation::feature("weirs")).await;
    assert!(!rows[0].fields.iter().any(|f| f == "comments"), "{rows:?}");
    let e = refuse(
        store,
        ErrorKind::Invalid,
        vec![update(1).set("comments", "new")],
    )
    .await;
    assert!(e.message().contains("retired"), "{e:?}");
    // It was required; now it cannot be.
    write(store, vec![weir(3), placed("falls", 4, -70.0, 45.0)]).await;
    healthy(store).await;
    let catalog = store.catalog().await.unwrap();
    assert_eq!(catalog.feature_type("weirs").unwrap().retired.len(), 1);
    // A manifest without it leaves it retired, one with it serves it again.
    let without = changed("weirs", |ft| ft.attributes.retain(|a| a.id != "comments"));
    assert!(done(store, &without).await.is_empty());
    let plan = done(store, &changed("weirs", |_| {})).await;
    assert!(
        plan.words()[0].contains("serve weirs.comments again"),
        "{plan:?}"
    );
    assert_eq!(
        ask(store, &weirs()).await.of(1, "comments"),
        Value::from("kept")
    );
    write(store, vec![update(3).set("comments", "new")]).await;
    // What is required again must have a value in every row.
    let e = refused(
        store,
        ErrorKind::Invalid,
        &changed("falls", |_| {}).narrow("falls.fall_class"),
    )
    .await;
    assert!(e.to_string().contains("no value"), "{e:?}");
    healthy(store).await;
}

pub async fn a_dropped_attribute_comes_back_with_its_values(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("comments", "kept"), fall(2)]).await;
    let change = nothing().drop("weirs.comments").drop("falls.fall_class");
    let plan = done(store, &change).await;
    assert!(
        plan.steps
            .iter()
            .any(|s| s.name == "weirs.comments" && s.rows == Some(1)),
        "{plan:?}"
    );
    assert!(!has(store, "weirs", "comments").await);
    write(store, vec![weir(3), placed("falls", 4, -70.0, 46.0)]).await;
    healthy(store).await;
    // Another attribute of the name is another attribute.
    let again = done(store, &retyped("weirs", "comments", "integer")).await;
    assert!(
        again
            .words()
            .iter()
            .any(|w| w.contains("add weirs.comments")),
        "{again:?}"
    );
    write(store, vec![update(1).set("comments", 7)]).await;
    let history = store.catalog_history().await.unwrap();
    let commit = history[history.len() - 2].commit;
    let change = CatalogChange::undo(Some(commit));
    refused(store, ErrorKind::Unsupported, &change).await;
    let change = change.drop("weirs.comments");
    // A fall without its class has come in the meantime.
    refused(store, ErrorKind::Invalid, &change).await;
    write(store, vec![Operation::delete_feature("falls", id(4))]).await;
    done(store, &change).await;
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "comments"), Value::from("kept"));
    assert_eq!(answer.of(3, "comments"), Value::Null);
    assert_eq!(
        ask(store, &FeatureQuery::of("falls"))
            .await
            .of(2, "fall_class"),
        Value::from("cascade")
    );
    refuse(
        store,
        ErrorKind::Invalid,
        vec![placed("falls", 5, -70.0, 46.0)],
    )
    .await;
    healthy(store).await;
}

pub async fn a_type_is_retyped_where_every_value_converts(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir(1).set("comments", "007"),
            weir(2),
            weir(3).set("comments", "12").set("built_year", 1950),
        ],
    )
    .await;
    without_notes(store).await;
    let change = retyped("weirs", "comments", "integer");
    refused(store, ErrorKind::Unsupported, &change).await;
    let change = change.narrow("weirs.comments");
    write(store, vec![update(2).set("comments", "about 5")]).await;
    let e = refused(store, ErrorKind::Invalid, &change).await;
    assert!(
        e.to_string().contains("about 5") && e.to_string().contains("weirs.comments"),
        "{e:?}"
    );
    write(store, vec![update(2).set("comments", Value::Null)]).await;
    done(store, &change).await;
    let answer = ask(store, &sorted("weirs", &["comments"])).await;
    assert_eq!(
        answer.column("comments"),
        [7.into(), 12.into(), Value::Null]
    );
    assert_eq!(found(store, &filtered("weirs", "comments:gt:7")).await, [3]);
    write(
        store,
        vec![update(2).set("comments", 99), update(3).set("comments", 13)],
    )
    .await;
    refuse(
        store,
        ErrorKind::Invalid,
        vec![update(1).set("comments", "text")],
    )
    .await;
    healthy(store).await;
    // What has not changed since comes back as it was written.
    undo(store).await;
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "comments"), Value::from("007"));
    assert_eq!(answer.of(2, "comments"), Value::from("99"));
    assert_eq!(answer.of(3, "comments"), Value::from("13"));
    // More room and wider numbers need no leave.
    done(store, &retyped("weirs", "weir_name_en", "varchar(80)")).await;
    write(store, vec![update(1).set("weir_name_en", "x".repeat(80))]).await;
    undo_refused(store).await;
    write(store, vec![update(1).set("weir_name_en", "short")]).await;
    undo(store).await;
    done(store, &retyped("weirs", "built_year", "double")).await;
    assert_eq!(
        ask(store, &weirs()).await.of(3, "built_year"),
        Value::from(1950.0)
    );
    healthy(store).await;
    undo(store).await;
    assert_eq!(
        ask(store, &weirs()).await.of(3, "built_year"),
        Value::from(1950)
    );
    healthy(store).await;
}

async fn undo_refused(store: &dyn Store) {
    refused(store, ErrorKind::Invalid, &CatalogChange::undo(None)).await;
}

pub async fn a_required_attribute_needs_a_value_in_every_row(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("in_use", true), weir(2)]).await;
    let change = changed("weirs", |ft| {
        ft.attributes
            .iter_mut()
            .find(|a| a.id == "in_use")
            .unwrap()
            .required = true;
    })
    .narrow("weirs.in_use");
    let e = refused(store, ErrorKind::Invalid, &change).await;
    assert!(e.to_string().contains("weirs.in_use"), "{e:?}");
    write(store, vec![update(2).set("in_use", false)]).await;
    done(store, &change).await;
    refuse(store, ErrorKind::Invalid, vec![weir(3)]).await;
    healthy(store).await;
    undo(store).await;
    write(store, vec![weir(3)]).await;
    // A new attribute cannot be required in rows that are there.
    let change = changed("weirs", |ft| {
        let mut a = ft.attribute("in_use").unwrap().clone();
        a.id = "is_old".to_owned();
        a.name = Default::default();
        a.required = true;
        ft.attributes.push(a);
    });
    let e = refused(store, ErrorKind::Invalid, &change).await;
    assert!(e.to_string().contains("add it as optional"), "{e:?}");
    healthy(store).await;
}

pub async fn what_was_set_aside_is_gone_when_it_is_purged(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("comments", "gone")]).await;
    done(store, &nothing().drop("weirs.comments")).await;
    let plan = store.plan(&CatalogChange::purge(None)).await.unwrap();
    assert!(
        plan.steps
            .iter()
            .any(|s| s.rows == Some(1) && s.effect == Effect::Loses),
        "{plan:?}"
    );
    done(store, &CatalogChange::purge(None)).await;
    assert!(
        store
            .plan(&CatalogChange::purge(None))
            .await
            .unwrap()
            .is_empty()
    );
    healthy(store).await;
    let commit = store.catalog_history().await.unwrap();
    let commit = commit[commit.len() - 2].commit;
    done(store, &CatalogChange::undo(Some(commit))).await;
    assert_eq!(ask(store, &weirs()).await.of(1, "comments"), Value::Null);
    healthy(store).await;
}
