//! The catalogue of a live inventory changes, and changes back, with rows inside.

use crate::catalog::{CatalogChange, CatalogPlan, Effect, FeatureType, Manifest, Member, Relation};
use crate::conformance::world::*;
use crate::error::{Error, ErrorKind};
use crate::feature::{Action, Operation};
use crate::query::FeatureQuery;
use crate::store::{RecordQuery, Store};
use crate::value::{DataType, Value};

fn nothing() -> CatalogChange {
    CatalogChange::of(Manifest::default())
}

/// The world's manifest of one type, changed.
fn changed(id: &str, change: impl FnOnce(&mut FeatureType)) -> CatalogChange {
    let mut all = manifest();
    all.types.retain(|t| t.id() == id);
    all.lists.clear();
    all.sets.clear();
    change(&mut all.types[0]);
    CatalogChange::of(all)
}

fn retyped(id: &str, attribute: &'static str, to: &'static str) -> CatalogChange {
    changed(id, |ft| {
        let a = ft
            .attributes
            .iter_mut()
            .find(|a| a.id == attribute)
            .unwrap();
        a.data_type = to.parse().unwrap();
    })
}

async fn done(store: &dyn Store, change: &CatalogChange) -> CatalogPlan {
    match store.evolve(change).await {
        Ok(plan) => plan,
        Err(e) => panic!("refused: {e:?}"),
    }
}

async fn refused(store: &dyn Store, kind: ErrorKind, change: &CatalogChange) -> Error {
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

async fn undo(store: &dyn Store) -> CatalogPlan {
    done(store, &CatalogChange::undo(None)).await
}

async fn healthy(store: &dyn Store) {
    let findings = store.doctor().await.unwrap();
    let bad: Vec<_> = findings
        .iter()
        .filter(|f| f.severity >= crate::store::Severity::Warning)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

async fn has(store: &dyn Store, id: &str, attribute: &str) -> bool {
    let catalog = store.catalog().await.unwrap();
    catalog
        .feature_type(id)
        .unwrap()
        .attribute(attribute)
        .is_some()
}

pub async fn a_plan_says_words_and_rows_and_touches_nothing(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("comments", "kept"), weir(2)]).await;
    let (before, version) = (
        contents(store).await,
        store.catalog().await.unwrap().version,
    );
    let change = changed("weirs", |ft| ft.attributes.retain(|a| a.id != "comments"));
    let plan = store.plan(&change).await.unwrap();
    assert_eq!(plan.steps.len(), 1, "{plan:#?}");
    let step = &plan.steps[0];
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
            step.sql.iter().any(|s| s.contains("ALTER TABLE")),
            "{:?}",
            step.sql
        );
    }
    let allowed = store
        .plan(&change.clone().drop("weirs.comments"))
        .await
        .unwrap();
    assert_eq!(allowed.steps[0].needs, None);
    let tall = store
        .plan(&retyped("weirs", "comments", "integer"))
        .await
        .unwrap();
    let problem = tall.steps[0].problem.as_ref().unwrap();
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
    write(
        store,
        vec![
            weir(1).set("comments", "kept"),
            fall(2).set("fall_class", "cascade"),
        ],
    )
    .await;
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
    refused(store, ErrorKind::Invalid, &change).await;
    write(store, vec![Operation::delete_feature("falls", id(4))]).await;
    done(store, &change.drop("weirs.comments")).await;
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

pub async fn a_retired_code_stays_in_its_rows_and_is_refused_for_new_values(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("size_code", 3)]).await;
    let plan = done(store, &nothing().retire("weirs.size_codes=3")).await;
    assert_eq!(plan.steps[0].rows, Some(1), "{plan:?}");
    let catalog = store.catalog().await.unwrap();
    let list = catalog.list("weirs.size_codes").unwrap();
    assert!(
        list.codes.iter().any(|c| c.retired),
        "marked in the catalogue"
    );
    assert_eq!(
        ask(store, &weirs()).await.of(1, "size"),
        Value::from("Large")
    );
    let e = refuse(store, ErrorKind::Invalid, vec![weir(2).set("size_code", 3)]).await;
    assert_eq!(e.field_name(), Some("size_code"));
    write(store, vec![weir(2)]).await;
    refuse(
        store,
        ErrorKind::Invalid,
        vec![update(2).set("size_code", 3)],
    )
    .await;
    // A row that has it may be written again as it is.
    write(
        store,
        vec![update(1).set("size_code", 3).set("height_m", 1)],
    )
    .await;
    // Codes written as rows, and a manifest that does not say it, leave it retired.
    let label = Operation::new(Relation::Codes("weirs.size_codes".into()), Action::Put)
        .set("code", 3)
        .set("name_en", "Grand");
    write(store, vec![label]).await;
    store.change_catalog(&manifest()).await.unwrap();
    refuse(
        store,
        ErrorKind::Invalid,
        vec![update(2).set("size_code", 3)],
    )
    .await;
    done(store, &nothing().serve("weirs.size_codes=3")).await;
    write(store, vec![update(2).set("size_code", 3)]).await;
    healthy(store).await;
}

pub async fn codes_are_added_changed_and_taken_back(store: &dyn Store) {
    furnish(store).await;
    let mut m = manifest();
    m.types.clear();
    m.sets.clear();
    m.lists.retain(|l| l.id == "weirs.size_codes");
    let mut codes = m.lists[0].codes.clone();
    codes[0].name.en = "Tiny".to_owned();
    let mut new = codes[0].clone();
    new.code = crate::catalog::CodeKey::Int(6);
    new.name.en = "Gigantic".to_owned();
    codes.push(new);
    m.lists[0] = m.lists[0].with_codes(codes);
    done(store, &CatalogChange::of(m)).await;
    write(
        store,
        vec![weir(1).set("size_code", 6), weir(2).set("size_code", 1)],
    )
    .await;
    let answer = ask(store, &weirs()).await;
    assert_eq!(
        (answer.of(1, "size"), answer.of(2, "size")),
        ("Gigantic".into(), "Tiny".into())
    );
    let e = refused(store, ErrorKind::Invalid, &CatalogChange::undo(None)).await;
    assert!(e.to_string().contains("retire"), "{e:?}");
    write(store, vec![update(1).set("size_code", 2)]).await;
    undo(store).await;
    assert_eq!(
        ask(store, &weirs()).await.of(2, "size"),
        Value::from("Small")
    );
    refuse(
        store,
        ErrorKind::Invalid,
        vec![update(1).set("size_code", 6)],
    )
    .await;
    healthy(store).await;
}

pub async fn an_attribute_set_is_added_changed_and_dropped(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("height_m", 2)]).await;
    let with = |names: [(&'static str, i32); 2], alias: Option<&str>| {
        let mut change = changed("weirs", |ft| {
            for (name, place) in names {
                let a = ft.attributes.iter_mut().find(|a| a.id == name).unwrap();
                a.sets.insert("field".to_owned(), place);
            }
        });
        if let crate::catalog::What::Declare(m) = &mut change.what {
            m.sets = vec![crate::catalog::AttributeSet {
                name: "field".to_owned(),
                column: "vw_field_order".to_owned(),
                aliases: alias.into_iter().map(str::to_owned).collect(),
                registered: false,
            }];
        }
        change
    };
    let mut query = weirs();
    query.select = crate::query::Selection::Set("field".to_owned());
    unanswered(store, ErrorKind::Invalid, &query).await;
    done(store, &with([("height_m", 1), ("weir_name_en", 2)], None)).await;
    let names = async |query: &FeatureQuery| -> Vec<String> {
        let answer = ask(store, query).await;
        let schema = answer.batches[0].batch.schema();
        schema.fields().iter().map(|f| f.name().clone()).collect()
    };
    assert_eq!(
        names(&query).await,
        ["cabd_id", "height_m", "weir_name_en", "geometry"]
    );
    done(
        store,
        &with([("weir_name_en", 1), ("height_m", 5)], Some("crew")),
    )
    .await;
    query.select = crate::query::Selection::Set("crew".to_owned());
    assert_eq!(
        names(&query).await,
        ["cabd_id", "weir_name_en", "height_m", "geometry"]
    );
    healthy(store).await;
    done(store, &nothing().drop("set:field")).await;
    unanswered(store, ErrorKind::Invalid, &query).await;
    undo(store).await;
    assert_eq!(
        names(&query).await,
        ["cabd_id", "weir_name_en", "height_m", "geometry"]
    );
    healthy(store).await;
}

pub async fn a_type_is_dropped_and_comes_back_with_its_rows(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            shape("reaches", 1, "LINESTRING(0 0,1 1)"),
            site(2),
            structure(3, 2, true, 1),
        ],
    )
    .await;
    let needed = refused(store, ErrorKind::Invalid, &nothing().drop("weirs")).await;
    assert!(needed.to_string().contains("member"), "{needed:?}");
    done(store, &nothing().drop("reaches")).await;
    let error = unanswered(store, ErrorKind::NotFound, &FeatureQuery::of("reaches")).await;
    assert!(error.next_step().is_some());
    healthy(store).await;
    // The name is free meanwhile.
    done(store, &changed("reaches", |_| {})).await;
    assert!(found(store, &FeatureQuery::of("reaches")).await.is_empty());
    let history = store.catalog_history().await.unwrap();
    done(
        store,
        &CatalogChange::undo(Some(history[history.len() - 2].commit)),
    )
    .await;
    assert_eq!(found(store, &FeatureQuery::of("reaches")).await, [1]);
    let mut q = FeatureQuery::of("reaches");
    q.bbox = Some("0.4,0.4,0.6,0.6".parse().unwrap());
    assert_eq!(found(store, &q).await, [1]);
    write(store, vec![shape("reaches", 5, "LINESTRING(2 2,3 3)")]).await;
    healthy(store).await;
}

pub async fn parts_and_links_are_added_and_dropped(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![ladder(1), species(1, "eel", true), weir(2)]).await;
    let change = changed("weirs", |ft| {
        let part = r#"{"id": "gates", "key": "gate_id", "parent": "weir_id", "primary": "is_main", "order": "number"}"#;
        ft.parts.push(serde_json::from_str(part).unwrap());
        let mut a = ft.attribute("in_use").unwrap().clone();
        a.id = "gate_width_m".to_owned();
        a.data_type = DataType::Double;
        a.name = crate::Text::new("Gate Width", "Largeur de la vanne");
        a.tracked = false;
        a.part = Some("gates".to_owned());
        ft.attributes.push(a);
    });
    let plan = done(store, &change).await;
    assert!(plan.words().iter().any(|w| w.contains("gates")), "{plan:?}");
    let gate = Operation::new(Relation::part("weirs", "gates"), Action::Insert)
        .set("gate_id", id(7))
        .set("weir_id", id(2))
        .set("is_main", true)
        .set("gate_width_m", 1.5);
    write(store, vec![gate]).await;
    assert_eq!(
        ask(store, &weirs()).await.of(2, "gate_width_m"),
        Value::from(1.5)
    );
    healthy(store).await;
    let without = changed("weirs", |_| {})
        .drop("weirs.gates")
        .drop("weirs.gate_width_m");
    let e = store.evolve(&without).await.err();
    if let Some(e) = e {
        // The attribute goes with its part.
        assert_eq!(e.kind(), ErrorKind::Invalid, "{e:?}");
        done(store, &changed("weirs", |_| {}).drop("weirs.gates")).await;
    }
    healthy(store).await;
    undo(store).await;
    assert_eq!(
        ask(store, &weirs()).await.of(2, "gate_width_m"),
        Value::from(1.5)
    );
    // A link, with what shows it.
    let change = changed("ladders", |ft| {
        ft.attributes.retain(|a| a.values_of.is_none());
        ft.links.clear();
    });
    refused(store, ErrorKind::Unsupported, &change).await;
    done(store, &change.drop("ladders.species")).await;
    healthy(store).await;
    undo(store).await;
    assert_eq!(
        all(store, Relation::link("ladders", "species")).await.len(),
        1
    );
    healthy(store).await;
}

pub async fn a_type_joins_and_leaves_a_super_type(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), model(2)]).await;
    assert_eq!(found(store, &FeatureQuery::of("obstacles")).await, [1]);
    let change = changed("obstacles", |ft| {
        ft.members.push(Member {
            feature_type: "models".to_owned(),
            columns: Default::default(),
            hidden_by: None,
        });
    });
    let plan = done(store, &change).await;
    assert!(
        plan.words()[0].contains("models joins super type obstacles"),
        "{plan:?}"
    );
    assert_eq!(found(store, &FeatureQuery::of("obstacles")).await, [1, 2]);
    healthy(store).await;
    undo(store).await;
    assert_eq!(found(store, &FeatureQuery::of("obstacles")).await, [1]);
    healthy(store).await;
}

/// A type of a geometry class with an array and a label.
fn unknown_type(id: &str, kind: &str) -> String {
    format!(
        r#"
        [type]
        id = "{id}"
        name = {{ en = "{id}", fr = "{id} (fr)" }}
        sources = "attributes"
        [geometry]
        kind = "{kind}"
        [[parts]]
        id = "visits"
        table = "{id}_visits"
        key = "visit_id"
        parent = "{id}_id"
        primary = "is_last"
        order = "number"
        [[attributes]]
        id = "cabd_id"
        type = "uuid"
        [[attributes]]
        id = "name_en"
        type = "varchar(40)"
        name_search = true
        tracked = true
        sets = {{ all = 1 }}
        [[attributes]]
        id = "marks"
        type = "array(integer)"
        [[attributes]]
        id = "size_code"
        type = "integer"
        codes = "weirs.size_codes"
        [[attributes]]
        id = "size"
        type = "varchar(32)"
        label_of = "size_code"
        [[attributes]]
        id = "seen_on"
        type = "date"
        part = "visits"
        [[attributes]]
        id = "geometry"
        type = "geometry({kind})"
        "#
    )
}

pub async fn new_types_of_every_geometry_are_at_once_everywhere(store: &dyn Store) {
    furnish(store).await;
    for (n, kind, wkt, inside) in [
        (1, "point", "POINT(1 1)", "0.5,0.5,1.5,1.5"),
        (
            2,
            "linestring",
            "LINESTRING(10 10,12 12)",
            "10.9,10.9,11.1,11.1",
        ),
        (
            3,
            "polygon",
            "POLYGON((20 20,22 20,22 22,20 22,20 20))",
            "21,21,21.1,21.1",
        ),
        (
            4,
            "multipolygon",
            "MULTIPOLYGON(((30 30,31 30,31 31,30 30)))",
            "30.5,30.1,30.9,30.4",
        ),
    ] {
        let name = format!("kind{n}");
        let m = Manifest::from_toml("new.toml", &unknown_type(&name, kind)).unwrap();
        let plan = done(store, &CatalogChange::of(m)).await;
        assert_eq!(plan.steps.len(), 1, "{plan:?}");
        write(
            store,
            vec![
                shape(&name, n, wkt)
                    .set("name_en", "Élan")
                    .set("marks", "1;2")
                    .set("size_code", 2),
                Operation::new(Relation::part(&name, "visits"), Action::Insert)
                    .set("visit_id", id(100 + n))
                    .set(&format!("{name}_id"), id(n))
                    .set("is_last", true)
                    .set("seen_on", "2024-05-06"),
            ],
        )
        .await;
        let mut q = FeatureQuery::of(&name);
        q.bbox = Some(inside.parse().unwrap());
        q.names = vec![crate::query::parse_name_filter("like:elan").unwrap()];
        q.filter = Some(crate::query::parse_filter("marks:eq:2").unwrap());
        let answer = ask(store, &in_french(q)).await;
        assert_eq!(answer.of(n, "size"), Value::from("Moyen"), "{kind}");
        assert_eq!(answer.of(n, "seen_on").to_json(), "2024-05-06", "{kind}");
        assert_eq!(store.info().await.unwrap().features[&name], 1);
    }
    let both = r#"
        [type]
        id = "kinds"
        name = { en = "Kinds", fr = "Genres" }
        [[members]]
        type = "kind1"
        [[members]]
        type = "kind2"
        [[attributes]]
        id = "cabd_id"
        type = "uuid"
        [[attributes]]
        id = "feature_type"
        type = "text"
        computed = "feature_type"
        [[attributes]]
        id = "name_en"
        type = "varchar(40)"
        [[attributes]]
        id = "geometry"
        type = "geometry"
    "#;
    done(
        store,
        &CatalogChange::of(Manifest::from_toml("kinds.toml", both).unwrap()),
    )
    .await;
    let answer = ask(store, &sorted("kinds", &["feature_type"])).await;
    assert_eq!(answer.ids(), [1, 2]);
    assert_eq!(
        answer.column("feature_type"),
        ["kind1".into(), "kind2".into()]
    );
    healthy(store).await;
}

pub async fn several_changes_are_undone_together(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir(1)
                .set("comments", "kept")
                .set("height_m", 2)
                .set("built_year", 1900),
        ],
    )
    .await;
    let before = store.catalog().await.unwrap().to_manifest();
    let rows = all(store, Relation::feature("weirs")).await;
    done(store, &nothing().rename("weirs.comments", "remarks")).await;
    let first = store
        .catalog_history()
        .await
        .unwrap()
        .last()
        .unwrap()
        .commit;
    done(store, &nothing().rename("weirs.remarks", "words")).await;
    done(
        store,
        &nothing()
            .drop("weirs.words")
            .rename("weirs.height_m", "tall"),
    )
    .await;
    done(store, &nothing().retire("weirs.built_year")).await;
    healthy(store).await;
    done(store, &CatalogChange::undo(Some(first))).await;
    let after = store.catalog().await.unwrap().to_manifest();
    assert_eq!(after.types, before.types);
    let mut now = all(store, Relation::feature("weirs")).await;
    now.truncate(1);
    for (column, value) in rows[0].fields.iter().zip(&rows[0].values) {
        assert_eq!(now[0].get(column), value, "{column}");
    }
    healthy(store).await;
    // The undoing is a change like others, and can be undone.
    undo(store).await;
    assert!(has(store, "weirs", "tall").await && !has(store, "weirs", "comments").await);
    undo(store).await;
    assert_eq!(
        ask(store, &weirs()).await.of(1, "comments"),
        Value::from("kept")
    );
    healthy(store).await;
    let unknown = CatalogChange::undo(Some(999_999));
    refused(store, ErrorKind::NotFound, &unknown).await;
}

pub async fn an_undo_that_would_lose_new_values_needs_to_be_told(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let change = changed("weirs", |ft| {
        let mut a = ft.attribute("comments").unwrap().clone();
        a.id = "colour".to_owned();
        a.name = crate::Text::new("Colour", "Couleur");
        ft.attributes.push(a);
    });
    done(store, &change).await;
    undo(store).await;
    done(store, &change).await;
    write(store, vec![update(1).set("colour", "red")]).await;
    let e = refused(store, ErrorKind::Unsupported, &CatalogChange::undo(None)).await;
    assert!(
        e.next_step().unwrap().contains("--drop weirs.colour"),
        "{e:?}"
    );
    done(store, &CatalogChange::undo(None).drop("weirs.colour")).await;
    assert!(!has(store, "weirs", "colour").await);
    undo(store).await;
    assert_eq!(
        ask(store, &weirs()).await.of(1, "colour"),
        Value::from("red")
    );
    healthy(store).await;
}

pub async fn what_never_changes_is_refused(store: &dyn Store) {
    furnish(store).await;
    let line = changed("weirs", |ft| {
        ft.geometry.as_mut().unwrap().kind = "linestring".parse().unwrap();
    });
    let view = changed("weirs", |ft| {
        ft.head.view = Some("cabd.other_view".to_owned())
    });
    let key = retyped("weirs", "cabd_id", "text");
    for (change, kind) in [
        (line, ErrorKind::Unsupported),
        (view, ErrorKind::Unsupported),
        (key, ErrorKind::Invalid),
        (
            nothing().rename("weirs.cabd_id", "id"),
            ErrorKind::Unsupported,
        ),
        (
            nothing().rename("weirs.no_such", "name"),
            ErrorKind::Invalid,
        ),
        (nothing().retire("weirs.size"), ErrorKind::Invalid),
        (
            nothing().retire("weirs.size_codes=1000"),
            ErrorKind::NotFound,
        ),
        (CatalogChange::undo(Some(-1)), ErrorKind::NotFound),
    ] {
        let e = refused(store, kind, &change).await;
        assert!(
            e.next_step().is_some() || e.expectation().is_some() || e.place().is_some(),
            "{e:?}"
        );
    }
}

pub async fn a_refused_change_leaves_the_store_as_it_was(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("comments", "kept").set("built_year", 1900)],
    )
    .await;
    // The first step could be done, the second not.
    let change = changed("weirs", |ft| {
        for a in &mut ft.attributes {
            if a.id == "built_year" {
                a.data_type = DataType::Text(None);
            }
            if a.id == "comments" {
                a.data_type = DataType::Boolean;
            }
        }
    })
    .narrow("weirs.comments");
    refused(store, ErrorKind::Invalid, &change).await;
    let answer = ask(store, &weirs()).await;
    assert_eq!(answer.of(1, "built_year"), Value::from(1900));
    let query = RecordQuery::of(Relation::feature("weirs")).only(&["comments"]);
    assert_eq!(
        asked(store, &query).await[0].get("comments"),
        &Value::from("kept")
    );
    write(store, vec![update(1).set("comments", "still")]).await;
    healthy(store).await;
}
