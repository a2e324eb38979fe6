//! Super types: what their members show through them.

use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::feature::Operation;
use crate::query::FeatureQuery;
use crate::store::Store;
use crate::value::Value;

async fn obstacles(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir(1)
                .set("weir_name_en", "Mill Weir")
                .set("weir_name_fr", "Seuil du moulin")
                .set("height_m", 2.0)
                .set("built_year", 1900)
                .set("passability_code", 1)
                .set("region_code", "on")
                .set("in_use", true)
                .set("tags", "a;b")
                .set("owner_id", id(70)),
            weir(2)
                .set("comments", "a comment")
                .set("weir_name_fr", "Seuil"),
            weir(3).set("weir_name_fr", "Seuil"),
            fall(4)
                .set("fall_name_en", "Mill Falls")
                .set("fall_name_fr", "Chute")
                .set("fall_height_m", 9.0)
                .set("passability_code", 1),
            fall(5),
        ],
    )
    .await;
}

pub async fn renamed_constant_and_first_values_come_from_each_member(store: &dyn Store) {
    obstacles(store).await;
    let answer = ask(store, &FeatureQuery::of("obstacles")).await;
    let expected: [(&str, [Value; 5]); 12] = [
        (
            "feature_type",
            ["weirs", "weirs", "weirs", "falls", "falls"].map(Value::from),
        ),
        (
            "name_en",
            [
                "Mill Weir".into(),
                Value::Null,
                Value::Null,
                "Mill Falls".into(),
                Value::Null,
            ],
        ),
        (
            "name_fr",
            [
                "Seuil du moulin".into(),
                "Seuil".into(),
                "Seuil".into(),
                "Chute".into(),
                Value::Null,
            ],
        ),
        (
            "height_m",
            [
                2.0.into(),
                Value::Null,
                Value::Null,
                9.0.into(),
                Value::Null,
            ],
        ),
        (
            "year",
            [
                1900.into(),
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
            ],
        ),
        (
            "kind",
            ["built", "built", "built", "natural", "natural"].map(Value::from),
        ),
        ("rank", [1, 1, 1, 2, 2].map(Value::from)),
        (
            "natural",
            [false, false, false, true, true].map(Value::from),
        ),
        ("weight", [1.5, 1.5, 1.5, 2.5, 2.5].map(Value::from)),
        (
            "note",
            [
                "Seuil du moulin".into(),
                "a comment".into(),
                "Seuil".into(),
                "Chute".into(),
                Value::Null,
            ],
        ),
        (
            "passability_code",
            [1.into(), 4.into(), 4.into(), 1.into(), Value::Null],
        ),
        (
            "is_blocked",
            [true, false, false, true, false].map(Value::from),
        ),
    ];
    for (attribute, values) in expected {
        for (value, n) in values.into_iter().zip(1..) {
            assert_eq!(answer.of(n, attribute), value, "{attribute} of {n}");
        }
    }
    assert_eq!(answer.of(2, "passability"), Value::from("Unknown"));
    assert_eq!(answer.of(1, "region"), Value::from("Ontario"));
    assert_eq!(
        answer.of(1, "tags"),
        Value::List(vec!["a".into(), "b".into()])
    );
    assert_eq!(answer.of(4, "tags"), Value::Null);
    assert_eq!(answer.of(4, "latitude"), Value::from(45.0625));
}

pub async fn what_a_super_type_shows_can_be_filtered(store: &dyn Store) {
    obstacles(store).await;
    for (filter, expected) in [
        ("kind:eq:NATURAL", vec![4, 5]),
        ("kind:like:uil", vec![1, 2, 3]),
        ("rank:gt:1", vec![4, 5]),
        ("rank:in:1,3", vec![1, 2, 3]),
        ("natural:neq:true", vec![1, 2, 3]),
        ("weight:lte:1.5", vec![1, 2, 3]),
        ("year:eq:1900", vec![1]),
        ("year:isnull:", vec![2, 3, 4, 5]),
        ("year:lt:1900", vec![]),
        ("year:notnull:", vec![1]),
        ("in_use:eq:true", vec![1]),
        ("in_use:isnull:", vec![2, 3, 4, 5]),
        ("assessed_on:isnull:", vec![1, 2, 3, 4, 5]),
        ("owner_id:eq:00000000-0000-0000-0000-000000000046", vec![1]),
        ("tags:eq:a", vec![1]),
        ("tags:isnull:", vec![2, 3, 4, 5]),
        ("height_m:gte:2", vec![1, 4]),
        ("note:eq:seuil", vec![3]),
        ("note:isnull:", vec![5]),
        ("passability_code:eq:4", vec![2, 3]),
        ("passability:eq:unknown", vec![2, 3]),
        ("passability:isnull:", vec![5]),
        ("is_blocked:eq:true", vec![1, 4]),
        ("feature_type:in:falls,ladders", vec![4, 5]),
        ("latitude:gt:45.04", vec![3, 4, 5]),
        ("region:eq:ontario", vec![1]),
    ] {
        assert_eq!(
            found(store, &filtered("obstacles", filter)).await,
            expected,
            "{filter}"
        );
    }
    // A value that fits no member is refused, even where a member has no such attribute.
    let bad = filtered("obstacles", "year:eq:old");
    unanswered(store, crate::ErrorKind::Invalid, &bad).await;
}

pub async fn a_super_type_may_be_narrowed_to_some_members(store: &dyn Store) {
    obstacles(store).await;
    write(store, vec![ladder(6), site(7), model(8)]).await;
    let mut q = FeatureQuery::of("everything");
    for (types, expected) in [
        (vec![], vec![1, 2, 3, 4, 5, 6, 7, 8]),
        (vec!["falls"], vec![4, 5]),
        (vec!["obstacles"], vec![1, 2, 3, 4, 5]),
        (vec!["obstacles", "weirs", "models"], vec![1, 2, 3, 4, 5, 8]),
        (vec!["ladders", "falls"], vec![4, 5, 6]),
    ] {
        q.types = types.into_iter().map(str::to_owned).collect();
        assert_eq!(found(store, &q).await, expected, "{:?}", q.types);
    }
    let mut q = weirs();
    q.types = vec!["weirs".to_owned()];
    assert_eq!(found(store, &q).await, [1, 2, 3]);
}

pub async fn a_super_type_of_a_super_type_shows_what_its_members_show(store: &dyn Store) {
    obstacles(store).await;
    write(
        store,
        vec![
            ladder(6).set("ladder_name_en", "Mill Ladder"),
            species(6, "eel", true),
            site(7).set("stream_name", "Brook"),
            structure(71, 7, true, 1).set("passability_code", 2),
            model(8)
                .set("stream_name_1", "Creek")
                .set("passability_code", 3),
        ],
    )
    .await;
    let answer = ask(store, &FeatureQuery::of("everything")).await;
    assert_eq!(answer.rows(), 8);
    for (n, attribute, value) in [
        (1, "title_en", Value::from("Mill Weir")),
        (4, "title_en", "Mill Falls".into()),
        (6, "title_en", "Mill Ladder".into()),
        (7, "title_en", Value::Null),
        (1, "note", "Seuil du moulin".into()),
        (7, "note", "Brook".into()),
        (8, "note", "Creek".into()),
        (1, "kind", "built".into()),
        (6, "kind", Value::Null),
        (1, "year", 1900.into()),
        (3, "passability", "Unknown".into()),
        (7, "passability", "Partial Barrier".into()),
        (8, "passability_code", 3.into()),
        (6, "passability", Value::Null),
        (6, "feature_type", "ladders".into()),
        (6, "known_use", Value::List(vec!["American Eel".into()])),
        (1, "known_use", Value::Null),
    ] {
        assert_eq!(answer.of(n, attribute), value, "{attribute} of {n}");
    }
    let french = ask(store, &in_french(FeatureQuery::of("everything"))).await;
    assert_eq!(french.of(7, "passability"), Value::from("Obstacle partiel"));
    assert_eq!(
        french.of(6, "known_use"),
        Value::List(vec!["Anguille d’Amérique".into()])
    );
    for (filter, expected) in [
        ("note:like:cree", vec![8]),
        ("known_use:eq:american eel", vec![6]),
        ("known_use:isnull:", vec![1, 2, 3, 4, 5, 7, 8]),
        ("passability:eq:partial barrier", vec![7]),
        ("kind:notnull:", vec![1, 2, 3, 4, 5]),
    ] {
        assert_eq!(
            found(store, &filtered("everything", filter)).await,
            expected,
            "{filter}"
        );
    }
    let mut q = FeatureQuery::of("everything");
    q.names = vec![name("like:mill")];
    assert_eq!(found(store, &q).await, [1, 4, 6]);
}

pub async fn a_feature_named_by_another_is_not_shown_twice(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            model(1),
            model(2),
            model(3),
            site(4).set("modelled_id", id(2)),
            site(5).set("modelled_id", id(99)),
            site(6),
        ],
    )
    .await;
    let everything = FeatureQuery::of("everything");
    assert_eq!(found(store, &everything).await, [1, 3, 4, 5, 6]);
    assert_eq!(
        found(store, &FeatureQuery::of("models")).await,
        [1, 2, 3],
        "its own type shows it"
    );
    let mut q = everything.clone();
    q.ids = Some(vec![id(2), id(3)]);
    assert_eq!(found(store, &q).await, [3]);
    q.types = vec!["models".to_owned()];
    q.ids = None;
    assert_eq!(found(store, &q).await, [1, 3]);
    write(
        store,
        vec![
            Operation::update_feature("sites", id(4)).set("modelled_id", id(3)),
            Operation::delete_feature("sites", id(5)),
        ],
    )
    .await;
    assert_eq!(found(store, &everything).await, [1, 2, 4, 6]);
    write(store, vec![Operation::delete_feature("sites", id(4))]).await;
    assert_eq!(found(store, &everything).await, [1, 2, 3, 6]);
}

pub async fn a_super_type_stores_nothing_itself(store: &dyn Store) {
    obstacles(store).await;
    let op = Operation::update_feature("obstacles", id(1)).set("name_en", "x");
    refuse(store, crate::ErrorKind::NotFound, vec![op]).await;
    let catalog = store.catalog().await.unwrap();
    assert!(catalog.table(&Relation::feature("obstacles")).is_err());
    let info = store.info().await.unwrap();
    assert!(!info.features.contains_key("obstacles"), "{info:?}");
}

pub async fn names_of_members_are_searched_through_the_super_type(store: &dyn Store) {
    obstacles(store).await;
    let mut q = FeatureQuery::of("obstacles");
    for (text, expected) in [
        ("like:mill", vec![1, 4]),
        ("like:chute", vec![4]),
        ("eq:seuil", vec![2, 3]),
        ("isnull:", vec![2, 3, 5]),
    ] {
        q.names = vec![name(text)];
        assert_eq!(found(store, &q).await, expected, "{text}");
    }
}
