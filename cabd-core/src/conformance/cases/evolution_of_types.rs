//! Codes, sets, parts, types and super types of a live inventory come and go, and changes are undone.

use super::evolution::{
    changed, done, has, healthy, nothing, refused, retyped, undo, without_notes,
};
use crate::catalog::{CatalogChange, Manifest, Member, Relation};
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, Operation};
use crate::query::FeatureQuery;
use crate::store::{RecordQuery, Store};
use crate::value::{DataType, Value};

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
    done(store, &nothing().drop("shapes").drop("reaches")).await;
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
    new_types_are_at_once_in_the_other_handle(store, store).await;
}

/// The same with a second handle on the store, which was open before the types were made.
pub async fn new_types_are_at_once_in_the_other_handle(store: &dyn Store, other: &dyn Store) {
    furnish(store).await;
    assert!(ask(other, &weirs()).await.ids().is_empty());
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
        let counted = other.count(&q).await.unwrap();
        assert_eq!(counted, 1, "{kind}");
        let answer = ask(other, &in_french(q)).await;
        assert_eq!(answer.of(n, "size"), Value::from("Moyen"), "{kind}");
        assert_eq!(answer.of(n, "seen_on").to_json(), "2024-05-06", "{kind}");
        assert_eq!(other.info().await.unwrap().features[&name], 1);
        let catalog = other.catalog().await.unwrap();
        let ft = catalog.feature_type(&name).unwrap();
        let class = DataType::Geometry(ft.geometry.as_ref().unwrap().kind);
        assert_eq!(class.to_string(), format!("geometry({kind})"));
        assert!(ft.part("visits").is_some() && ft.attribute("marks").is_some());
        assert!(catalog.list("weirs.size_codes").is_some());
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
    let answer = ask(other, &sorted("kinds", &["feature_type"])).await;
    assert_eq!(answer.ids(), [1, 2]);
    assert_eq!(
        answer.column("feature_type"),
        ["kind1".into(), "kind2".into()]
    );
    let members = other.catalog().await.unwrap();
    let members = members.feature_type("kinds").unwrap().members.len();
    assert_eq!(members, 2);
    healthy(other).await;
}

pub async fn a_change_of_the_catalogue_logs_no_rows(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("comments", "7").set("size_code", 2)],
    )
    .await;
    let before = store.head().await.unwrap();
    let mut all = manifest();
    all.types.clear();
    all.sets.clear();
    all.lists.retain(|l| l.id == "weirs.size_codes");
    let mut codes = all.lists[0].codes.clone();
    codes[0].name.en = "Another label".to_owned();
    codes.push(crate::catalog::Code {
        code: crate::catalog::CodeKey::Int(77),
        ..codes[0].clone()
    });
    all.lists[0] = all.lists[0].with_codes(codes);
    done(store, &CatalogChange::of(all)).await;
    done(store, &nothing().rename("weirs.comments", "remarks")).await;
    done(store, &CatalogChange::undo(Some(before.0 + 1))).await;
    assert_eq!(log_after(store, before).await, []);
    // And edits are logged as before.
    let code = Operation::new(Relation::Codes("weirs.size_codes".into()), Action::Update);
    write(store, vec![code.set("code", 2).set("name_en", "Middling")]).await;
    assert_eq!(log_after(store, before).await.len(), 1);
}

pub async fn a_plan_shows_the_rows_of_metadata_and_codes(store: &dyn Store) {
    furnish(store).await;
    let mut all = manifest();
    all.sets.clear();
    all.lists.retain(|l| l.id == "weirs.size_codes");
    let mut codes = all.lists[0].codes.clone();
    codes[0].name.en = "Another code's label".to_owned();
    all.lists[0] = all.lists[0].with_codes(codes);
    all.types.retain(|t| t.id() == "weirs");
    let a = all.types[0].attributes.iter_mut();
    a.last().unwrap().name.fr = "Une autre étiquette".to_owned();
    let plan = store.plan(&CatalogChange::of(all)).await.unwrap();
    let sql: Vec<&String> = plan.steps.iter().flat_map(|s| &s.sql).collect();
    if store.name() == "memory" {
        assert!(sql.is_empty());
        return;
    }
    for (text, table) in [
        ("Another code''s label", "size_codes"),
        ("Une autre étiquette", "feature_type_metadata"),
    ] {
        let found = sql.iter().filter(|s| s.contains(text)).count();
        assert_eq!(found, 1, "{text}: {sql:#?}");
        assert!(sql.iter().any(|s| s.contains(text) && s.contains(table)));
    }
    assert_eq!(sql.len(), 2, "only what changes: {sql:#?}");
}

pub async fn a_further_column_of_a_list_that_was_edited_is_drift(store: &dyn Store) {
    furnish(store).await;
    let eel = Operation::new(Relation::Codes("cabd.species".into()), Action::Update);
    let eel = eel.set("id", "eel").set("family", "Edited");
    write(store, vec![eel]).await;
    let family = || async {
        let rows = all(store, Relation::Codes("cabd.species".into())).await;
        rows[0].get("family").clone()
    };
    let drift = store.catalog().await.unwrap().drift();
    let told: Vec<_> = drift
        .iter()
        .map(|d| (d.object.as_str(), d.field.as_str(), d.present.as_str()))
        .collect();
    assert_eq!(told, [("cabd.species=eel", "family", "Edited")]);
    done(store, &CatalogChange::of(manifest())).await;
    assert_eq!(family().await, Value::from("Edited"), "left alone");
    done(store, &CatalogChange::of(manifest()).overwrite_drift()).await;
    assert_eq!(family().await, Value::from("Anguillidae"));
    assert_eq!(store.catalog().await.unwrap().drift(), []);
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
    done(store, &CatalogChange::undo(None).drop("weirs.comments")).await;
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
    without_notes(store).await;
    // The first step could be done, the second not.
    let change = changed("weirs", |ft| {
        for a in &mut ft.attributes {
            if a.id == "assessed_at" {
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
