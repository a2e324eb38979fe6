//! Questions: selections, sets, types, identifiers, counts.

use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::query::{FeatureQuery, Filter, Operator, Selection};
use crate::store::{FeatureStoreExt, Store};
use crate::value::Value;

fn names(answer: &Answer) -> Vec<String> {
    let schema = answer.batches[0].batch.schema();
    schema.fields().iter().map(|f| f.name().clone()).collect()
}

pub async fn an_answer_has_every_attribute_in_its_order_and_the_geometry(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let catalog = store.catalog().await.unwrap();
    let ft = catalog.feature_type("weirs").unwrap();
    let declared: Vec<&str> = ft.attributes.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(names(&ask(store, &weirs()).await), declared);
}

pub async fn an_attribute_set_answers_in_its_own_order(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("size_code", 1)]).await;
    let mut q = weirs();
    for (set, expected) in [
        (
            "simple",
            vec!["cabd_id", "weir_name_en", "size", "geometry"],
        ),
        (
            "limited",
            vec!["cabd_id", "weir_name_en", "size", "geometry"],
        ),
        (
            "all",
            vec![
                "cabd_id",
                "feature_type",
                "weir_name_en",
                "weir_name_fr",
                "region",
                "size",
                "size_code",
                "geometry",
            ],
        ),
        (
            "vectortile",
            vec!["cabd_id", "weir_name_en", "size", "height_m", "geometry"],
        ),
    ] {
        q.select = Selection::Set(set.to_owned());
        let answer = ask(store, &q).await;
        assert_eq!(names(&answer), expected, "{set}");
        assert_eq!(answer.of(1, "size"), Value::from("Small"));
    }
}

pub async fn chosen_attributes_come_in_the_chosen_order_each_once(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let mut q = only(weirs(), &["Height_M", "size", "height_m", "geometry"]);
    assert_eq!(
        names(&ask(store, &q).await),
        ["cabd_id", "height_m", "size", "geometry"]
    );
    q.geometry = false;
    assert_eq!(
        names(&ask(store, &q).await),
        ["cabd_id", "height_m", "size"]
    );
    let q = only(weirs(), &[]);
    assert_eq!(names(&ask(store, &q).await), ["cabd_id", "geometry"]);
}

pub async fn an_unknown_name_is_refused_with_the_next_step(store: &dyn Store) {
    furnish(store).await;
    let e = unanswered(store, ErrorKind::NotFound, &FeatureQuery::of("wiers")).await;
    assert!(e.next_step().unwrap().contains("weirs"), "{e:?}");
    assert_eq!(
        store
            .count(&FeatureQuery::of("wiers"))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::NotFound
    );
    let e = unanswered(store, ErrorKind::Invalid, &only(weirs(), &["hieght_m"])).await;
    assert_eq!(e.field_name(), Some("attributes"));
    assert!(e.next_step().unwrap().contains("height_m"), "{e:?}");
    let e = unanswered(
        store,
        ErrorKind::Invalid,
        &filtered("weirs", "heigth_m:eq:1"),
    )
    .await;
    assert_eq!(e.field_name(), Some("filter"));
    assert!(e.next_step().unwrap().contains("height_m"), "{e:?}");
    let e = unanswered(
        store,
        ErrorKind::Invalid,
        &sorted("weirs", &["nothing_like_it"]),
    )
    .await;
    assert_eq!(e.field_name(), Some("sort"));
    assert!(e.next_step().is_some());
    let mut q = weirs();
    q.select = Selection::Set("everything".to_owned());
    let e = unanswered(store, ErrorKind::Invalid, &q).await;
    assert_eq!(e.field_name(), Some("attributes"));
    assert!(
        e.expectation().unwrap().contains("simple, vectortile"),
        "{e:?}"
    );
    let mut q = FeatureQuery::of("obstacles");
    q.types = vec!["ladders".to_owned()];
    let e = unanswered(store, ErrorKind::Invalid, &q).await;
    explains(&e, "types");
    q.types = vec!["nothing".to_owned()];
    explains(&unanswered(store, ErrorKind::Invalid, &q).await, "types");
}

pub async fn types_and_attributes_are_named_in_any_case(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1).set("height_m", 2.0), weir(2)]).await;
    let mut q = filtered("WEIRS", "HEIGHT_M:GTE:1");
    assert_eq!(found(store, &q).await, [1]);
    q.feature_type = "Everything".to_owned();
    q.filter = None;
    q.types = vec!["Weirs".to_owned()];
    assert_eq!(found(store, &q).await, [1, 2]);
}

pub async fn features_are_found_by_identifier(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1), weir(2), weir(3), fall(4)]).await;
    let mut q = weirs();
    q.ids = Some(vec![id(3), id(1), id(3), id(4), id(99)]);
    assert_eq!(found(store, &q).await, [1, 3]);
    q.filter = filtered("weirs", "cabd_id:in:00000000-0000-0000-0000-000000000003").filter;
    assert_eq!(found(store, &q).await, [3]);
    q.filter = None;
    q.ids = Some(vec![]);
    assert_eq!(found(store, &q).await, []);
    let one = store.feature("weirs", id(2)).await.unwrap();
    assert_eq!(one.value(0, "cabd_id"), Value::Uuid(id(2)));
    let e = store.feature("weirs", id(4)).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound);
    let many: Vec<_> = (0..3_000u128).map(id).collect();
    q.ids = Some(many);
    assert_eq!(found(store, &q).await, [1, 2, 3]);
}

pub async fn a_count_does_not_care_for_limit_offset_order_and_cursor(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        (1..=20)
            .map(|n| weir(n).set("height_m", n as f64))
            .collect(),
    )
    .await;
    let mut q = filtered("weirs", "height_m:gt:5");
    q.limit = Some(3);
    q.offset = 2;
    q.sort = sorted("weirs", &["-height_m"]).sort;
    let answer = ask(store, &q).await;
    assert_eq!(answer.ids(), [18, 17, 16]);
    q.after = answer.next();
    assert_eq!(store.count(&q).await.unwrap(), 15);
    q.limit = Some(0);
    assert_eq!(store.count(&q).await.unwrap(), 15);
}

pub async fn conditions_nest_and_negate(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir(1).set("height_m", 1.0).set("in_use", true),
            weir(2).set("height_m", 2.0).set("in_use", false),
            weir(3).set("height_m", 3.0),
            weir(4),
        ],
    )
    .await;
    let test = |a: &str, o, v: Value| Filter::test(a, o, [v]);
    let tall = test("height_m", Operator::Gte, 2.into());
    let used = test("in_use", Operator::Eq, true.into());
    let not = |f: &Filter| Filter::Not(Box::new(f.clone()));
    let or = |all: &[Filter]| Filter::Or(all.to_vec());
    let and = |all: &[Filter]| Filter::And(all.to_vec());
    for (filter, expected) in [
        (tall.clone(), vec![2, 3]),
        (not(&tall), vec![1, 4]),
        (not(&not(&tall)), vec![2, 3]),
        (or(&[tall.clone(), used.clone()]), vec![1, 2, 3]),
        (not(&or(&[tall.clone(), used.clone()])), vec![4]),
        (and(&[tall.clone(), not(&used)]), vec![2, 3]),
        (and(&[not(&tall), not(&used)]), vec![4]),
        (not(&and(&[not(&tall), not(&used)])), vec![1, 2, 3]),
        (
            or(&[and(&[tall.clone(), used.clone()]), not(&tall)]),
            vec![1, 4],
        ),
        (and(&[]), vec![1, 2, 3, 4]),
        (or(&[]), vec![]),
        (not(&or(&[])), vec![1, 2, 3, 4]),
    ] {
        let mut q = weirs();
        q.filter = Some(filter);
        assert_eq!(found(store, &q).await, expected, "{q:?}");
    }
    let mut deep = tall;
    for _ in 0..40 {
        deep = and(&[deep, or(&[])]);
        deep = not(&deep);
    }
    let mut q = weirs();
    q.filter = Some(deep.clone());
    unanswered(store, ErrorKind::Invalid, &q).await;
}

pub async fn a_filter_may_test_what_the_answer_does_not_carry(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("tags", "x").set("size_code", 2), weir(2)],
    )
    .await;
    let mut q = only(filtered("weirs", "size:eq:medium"), &["height_m"]);
    q.geometry = false;
    q.sort = sorted("weirs", &["region", "-built_year"]).sort;
    assert_eq!(found(store, &q).await, [1]);
}

pub async fn computed_attributes_are_filtered_and_sorted_like_stored_ones(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir_at(1, -75.0, 45.0).set("size_code", 4),
            weir_at(2, -76.0, 47.0).set("size_code", 1),
            weir_at(3, -74.0, 46.0),
        ],
    )
    .await;
    for (filter, expected) in [
        ("latitude:gte:46", vec![2, 3]),
        ("longitude:lt:-74.5", vec![1, 2]),
        ("feature_type:eq:weirs", vec![1, 2, 3]),
        ("feature_type:neq:weirs", vec![]),
        ("is_large:eq:true", vec![1]),
        ("is_large:neq:true", vec![2, 3]),
        ("is_large:isnull:", vec![]),
        ("is_snapped:eq:false", vec![1, 2, 3]),
        ("updates_pending:eq:true", vec![]),
        ("datasource_url:like:0000-000000000002", vec![2]),
        ("datasource_url:isnull:", vec![]),
        ("geometry:notnull:", vec![1, 2, 3]),
    ] {
        assert_eq!(
            found(store, &filtered("weirs", filter)).await,
            expected,
            "{filter}"
        );
    }
    assert_eq!(
        found(store, &sorted("weirs", &["latitude"])).await,
        [1, 3, 2]
    );
    assert_eq!(
        found(store, &sorted("weirs", &["-longitude"])).await,
        [3, 1, 2]
    );
    assert_eq!(
        found(store, &sorted("weirs", &["-is_large", "longitude"])).await,
        [1, 2, 3]
    );
    assert_eq!(
        found(store, &sorted("weirs", &["-datasource_url"])).await,
        [3, 2, 1]
    );
    assert_eq!(found(store, &sorted("weirs", &["size"])).await, [1, 2, 3]);
}
