//! What is refused, and that nothing is left behind.

use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, Operation};
use crate::geometry::Geometry;
use crate::store::Store;
use crate::value::Value;

pub async fn a_value_that_does_not_fit_is_refused_with_field_value_and_expectation(
    store: &dyn Store,
) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let list = |v: Vec<Value>| Value::List(v);
    for (field, bad) in [
        ("height_m", Value::from("tall")),
        ("height_m", f64::NAN.into()),
        ("height_m", f64::INFINITY.into()),
        ("height_m", "1e999".into()),
        ("height_m", true.into()),
        ("length_m", f64::NEG_INFINITY.into()),
        ("built_year", 1968.5.into()),
        ("built_year", "9223372036854775808".into()),
        ("in_use", "perhaps".into()),
        ("in_use", 2.into()),
        ("assessed_on", "2019-02-30".into()),
        ("assessed_on", 20190501.into()),
        ("assessed_at", "noon".into()),
        ("owner_id", "17".into()),
        ("owner_id", 17.into()),
        ("comments", list(vec![])),
        ("steps", list(vec!["one".into()])),
        ("readings", list(vec![f64::NAN.into()])),
        ("weir_name_en", "x".repeat(41).into()),
        ("weir_name_en", "é".repeat(41).into()),
        ("size_code", 6.into()),
        ("size_code", "Small".into()),
        ("region_code", "on ".into()),
        ("region_code", "ON".into()),
        ("passability_code", 0.into()),
        ("geometry", "POINT(1".into()),
        ("geometry", 1.into()),
        ("geometry", Geometry::point(181.0, 0.0).into()),
        ("geometry", Geometry::point(0.0, -90.000_001).into()),
        ("geometry", Geometry::point(45.0, -75.0).into()),
        ("snapped_point", Geometry::point(f64::NAN, 0.0).into()),
        ("other_point", Geometry::point(0.0, f64::INFINITY).into()),
        (
            "geometry",
            Geometry::from_wkt("LINESTRING(0 0,1 1)").unwrap().into(),
        ),
    ] {
        if matches!(&bad, Value::Geometry(g) if g.as_point() == Some((45.0, -75.0))) {
            continue; // on Earth, though not in Canada
        }
        let e = refuse(
            store,
            ErrorKind::Invalid,
            vec![update(1).set(field, bad.clone())],
        )
        .await;
        assert_eq!(e.field_name(), Some(field), "{e:?}");
        assert!(
            e.expectation().is_some() || e.shown_value().is_some(),
            "{e:?}"
        );
    }
}

pub async fn a_text_with_a_nul_character_is_refused(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    refuse(
        store,
        ErrorKind::Invalid,
        vec![update(1).set("comments", "a\0b")],
    )
    .await;
    let tags = Value::List(vec!["a\0".into()]);
    refuse(store, ErrorKind::Invalid, vec![update(1).set("tags", tags)]).await;
    refuse(store, ErrorKind::Invalid, vec![data_source(2, "\0")]).await;
}

pub async fn a_list_with_a_null_is_refused(store: &dyn Store) {
    furnish(store).await;
    for field in ["tags", "steps", "readings"] {
        let e = refuse(
            store,
            ErrorKind::Invalid,
            vec![weir(1).set(field, Value::List(vec![Value::Null]))],
        )
        .await;
        assert_eq!(e.field_name(), Some(field));
    }
}

pub async fn a_geometry_of_another_class_or_without_positions_is_refused(store: &dyn Store) {
    furnish(store).await;
    for (t, wkt) in [
        ("reaches", "POINT(0 0)"),
        ("reaches", "POLYGON((0 0,1 0,1 1,0 0))"),
        ("basins", "LINESTRING(0 0,1 1)"),
        ("basins", "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"),
        ("weirs", "MULTIPOINT(0 0,1 1)"),
        ("reaches", "LINESTRING(0 0,200 1)"),
        ("reaches", "LINESTRING EMPTY"),
        ("basins", "POLYGON EMPTY"),
    ] {
        let e = refuse(store, ErrorKind::Invalid, vec![shape(t, 1, wkt)]).await;
        assert_eq!(e.field_name(), Some("geometry"), "{t} {wkt}: {e:?}");
    }
}

pub async fn a_feature_without_a_place_is_refused(store: &dyn Store) {
    furnish(store).await;
    for op in [
        Operation::insert_feature("weirs", id(1)),
        Operation::insert_feature("weirs", id(1)).set("geometry", Value::Null),
        Operation::insert_feature("weirs", id(1)).set("other_point", Geometry::point(0.0, 0.0)),
        Operation::insert_feature("reaches", id(1)).set("reaches_name", "x"),
    ] {
        let e = refuse(store, ErrorKind::Invalid, vec![op.clone()]).await;
        assert!(e.next_step().is_some(), "{e:?}");
        let mut put = op;
        put.action = Action::Put;
        refuse(store, ErrorKind::Invalid, vec![put]).await;
    }
}

pub async fn a_required_value_cannot_be_missing(store: &dyn Store) {
    furnish(store).await;
    let without = placed("falls", 1, 0.0, 0.0);
    let e = refuse(store, ErrorKind::Invalid, vec![without.clone()]).await;
    assert_eq!(e.field_name(), Some("fall_class"));
    refuse(
        store,
        ErrorKind::Invalid,
        vec![without.set("fall_class", Value::Null)],
    )
    .await;
    write(store, vec![fall(1)]).await;
    let op = Operation::update_feature("falls", id(1)).set("fall_class", Value::Null);
    refuse(store, ErrorKind::Invalid, vec![op]).await;
    let source = Operation::new(Relation::DataSource, Action::Insert).set("id", id(5));
    refuse(store, ErrorKind::Invalid, vec![source]).await;
}

pub async fn a_missing_or_bad_key_is_refused(store: &dyn Store) {
    furnish(store).await;
    let point = || Geometry::point(0.0, 0.0);
    for op in [
        Operation::new(Relation::feature("weirs"), Action::Insert).set("geometry", point()),
        Operation::new(Relation::feature("weirs"), Action::Insert)
            .set("cabd_id", Value::Null)
            .set("geometry", point()),
        Operation::new(Relation::feature("weirs"), Action::Insert)
            .set("cabd_id", "17")
            .set("geometry", point()),
        Operation::new(Relation::feature("weirs"), Action::Delete),
        Operation::new(Relation::link("ladders", "species"), Action::Put).set("species_id", "eel"),
    ] {
        refuse(store, ErrorKind::Invalid, vec![op]).await;
    }
    let mut lame = weir(1);
    lame.values.pop();
    refuse(store, ErrorKind::Invalid, vec![lame]).await;
}

pub async fn a_value_given_twice_is_refused(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let point = Geometry::point(0.0, 0.0);
    for op in [
        update(1).set("height_m", 1.0).set("height_m", 2.0),
        update(1).set("length_m", 1.0).set("length_metres", 2.0),
        update(1)
            .set("geometry", point.clone())
            .set("original_point", point),
        update(1).set("cabd_id", id(1)),
    ] {
        refuse(store, ErrorKind::Invalid, vec![op]).await;
    }
}

pub async fn an_unknown_relation_or_value_name_is_refused(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    for relation in [
        Relation::feature("ponds"),
        Relation::part("weirs", "structures"),
        Relation::link("ladders", "nothing"),
        Relation::Codes("weirs.nothing".into()),
        Relation::AttributeSource("falls".into()),
        Relation::FeatureSource("ladders".into()),
    ] {
        let op = Operation::new(relation, Action::Insert).set("cabd_id", id(1));
        refuse(store, ErrorKind::NotFound, vec![op]).await;
    }
    for field in [
        "nothing",
        "size",
        "latitude",
        "is_large",
        "feature_type",
        "updates_pending",
        "datasource_url",
    ] {
        let e = refuse(store, ErrorKind::Invalid, vec![update(1).set(field, "x")]).await;
        assert_eq!(e.field_name(), Some(field));
    }
}

pub async fn a_row_that_is_there_is_not_inserted_and_one_that_is_not_is_not_changed(
    store: &dyn Store,
) {
    furnish(store).await;
    write(
        store,
        vec![
            weir(1),
            ladder(3),
            species(3, "eel", true),
            data_source(4, "a"),
        ],
    )
    .await;
    for op in [weir(1), species(3, "eel", false), data_source(4, "b")] {
        refuse(store, ErrorKind::Conflict, vec![op]).await;
    }
    let e = refuse(store, ErrorKind::Conflict, vec![weir(2), weir(2)]).await;
    let named = format!("(got {:?}", id(2).to_string());
    assert!(e.to_string().contains(&named), "quoted once: {e}");
    let gone = |relation, key: &str| Operation::new(relation, Action::Delete).set(key, id(99));
    for op in [
        update(2).set("height_m", 1.0),
        update(2),
        delete(2),
        gone(Relation::DataSource, "id"),
        gone(Relation::part("sites", "structures"), "structure_id"),
        gone(Relation::AttributeSource("weirs".into()), "cabd_id"),
    ] {
        refuse(store, ErrorKind::NotFound, vec![op]).await;
    }
}

pub async fn a_reference_to_a_row_that_is_not_there_is_refused(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), data_source(9, "a"), ladder(3)]).await;
    let by_attribute = |n| {
        Operation::new(Relation::AttributeSource("weirs".into()), Action::Put)
            .set("cabd_id", id(n))
            .set("height_m_ds", id(8))
    };
    let contact = Operation::new(Relation::Contact, Action::Insert)
        .set("id", id(1))
        .set("email", "a@example.org")
        .set("name", "A")
        .set("datasource_id", id(8));
    for (op, field) in [
        (feature_source("weirs", 1, 8, "a"), "datasource_id"),
        (feature_source("weirs", 2, 9, "a"), "cabd_id"),
        (by_attribute(1), "height_m_ds"),
        (species(4, "eel", true), "ladder_id"),
        (species(3, "shark", true), "species_id"),
        (structure(5, 4, true, 1), "site_id"),
        (contact, "datasource_id"),
    ] {
        let e = refuse(store, ErrorKind::Invalid, vec![op]).await;
        assert_eq!(e.field_name(), Some(field), "{e:?}");
        assert!(e.shown_value().is_some(), "{e:?}");
    }
    // A parent that goes in the same change is not there either.
    let ops = vec![delete(1), feature_source("weirs", 1, 9, "a")];
    refuse(store, ErrorKind::Invalid, ops).await;
}

pub async fn a_row_that_others_name_is_not_deleted(store: &dyn Store) {
    furnish(store).await;
    let by_attribute = Operation::new(Relation::AttributeSource("weirs".into()), Action::Insert)
        .set("cabd_id", id(1))
        .set("height_m_ds", id(8));
    write(
        store,
        vec![
            weir(1).set("size_code", 2),
            data_source(7, "a"),
            data_source(8, "b"),
            data_source(9, "c"),
            feature_source("weirs", 1, 7, "x"),
            by_attribute,
            ladder(3),
            species(3, "eel", true),
        ],
    )
    .await;
    let source = |n| Operation::new(Relation::DataSource, Action::Delete).set("id", id(n));
    let code = |list: &str, key: &str, code: Value| {
        Operation::new(Relation::Codes(list.into()), Action::Delete).set(key, code)
    };
    for op in [
        source(7),
        source(8),
        code("weirs.size_codes", "code", 2.into()),
        code("cabd.species", "id", "eel".into()),
    ] {
        refuse(store, ErrorKind::Conflict, vec![op]).await;
    }
    write(store, vec![source(9)]).await;
    // Once nobody names them they may go, also in one change.
    write(
        store,
        vec![
            delete(1),
            source(7),
            source(8),
            code("weirs.size_codes", "code", 2.into()),
        ],
    )
    .await;
    assert!(all(store, Relation::DataSource).await.is_empty());
}

pub async fn an_error_says_where_the_operation_came_from(store: &dyn Store) {
    furnish(store).await;
    for (op, kind) in [
        (weir(1).set("height_m", "tall"), ErrorKind::Invalid),
        (weir(1).set("nothing", 1), ErrorKind::Invalid),
        (update(1).set("height_m", 1), ErrorKind::NotFound),
        (delete(1), ErrorKind::NotFound),
        (feature_source("weirs", 1, 2, "a"), ErrorKind::Invalid),
        (
            Operation::insert_feature("weirs", id(1)),
            ErrorKind::Invalid,
        ),
    ] {
        let e = refuse(store, kind, vec![weir(5), op.at("dams.csv:17")]).await;
        assert_eq!(e.place(), Some("dams.csv:17"), "{e:?}");
    }
}

/// Values, keys, references and rows alike, before and after a deletion; what follows from a refused row is not told.
pub async fn every_error_of_a_change_is_told_at_once(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), weir(2)]).await;
    let change = vec![
        weir(10)
            .set("height_m", "tall")
            .set("size_code", 97)
            .at("/0"),
        feature_source("weirs", 10, 70, "a").at("/1"),
        weir(11).at("/2"),
        Operation::insert_feature("weirs", id(12)).at("/3"),
        weir(1).at("/4"),
        update(13).set("height_m", 1).at("/5"),
        update(2).set("nothing", 1).at("/6"),
        delete(14).at("/7"),
        delete(2).at("/8"),
        update(2).set("height_m", 3.0).at("/9"),
        update(11).set("height_m", 3.0).at("/10"),
        weir(11).at("/11"),
        update(10).set("size_code", 98).at("/12"),
    ];
    let e = refuse(store, ErrorKind::Invalid, change).await;
    let mut told: Vec<(String, Option<&str>)> = e
        .each()
        .map(|e| (e.place().unwrap_or("").to_owned(), e.field_name()))
        .collect();
    told.sort_by_key(|(place, _)| place[1..].parse::<u32>().ok());
    let told: Vec<(&str, Option<&str>)> = told.iter().map(|(p, f)| (p.as_str(), *f)).collect();
    assert_eq!(
        told,
        [
            ("/0", Some("height_m")),
            ("/0", Some("size_code")),
            ("/1", Some("datasource_id")),
            ("/3", Some("geometry")),
            ("/4", Some("cabd_id")),
            ("/5", Some("cabd_id")),
            ("/6", Some("nothing")),
            ("/7", Some("cabd_id")),
            ("/9", Some("cabd_id")),
            ("/11", Some("cabd_id")),
            ("/12", Some("size_code")),
        ],
        "{e:?}"
    );
    let many = (100..300).map(|n| weir(n).set("height_m", "tall"));
    let e = refuse(store, ErrorKind::Invalid, many.collect()).await;
    assert_eq!(e.each().count(), 100);
}

pub async fn a_store_works_on_after_refusals(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    for n in 0..30 {
        refuse(store, ErrorKind::Conflict, vec![weir(100 + n), weir(1)]).await;
        unanswered(
            store,
            ErrorKind::Invalid,
            &filtered("weirs", "height_m:eq:x"),
        )
        .await;
    }
    write(store, vec![weir(2)]).await;
    assert_eq!(found(store, &weirs()).await, [1, 2]);
}
