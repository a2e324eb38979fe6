//! Name filters: folded, alternatives of one another, never of the other conditions.

use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::geometry::Bbox;
use crate::query::{FeatureQuery, Operator};
use crate::store::Store;

async fn named(store: &dyn Store) {
    furnish(store).await;
    let name = |n, en: &str, fr: &str| weir(n).set("weir_name_en", en).set("weir_name_fr", fr);
    write(
        store,
        vec![
            name(1, "Élevé Weir", "Seuil élevé"),
            name(2, "Mill Weir", "Seuil du Cœur"),
            name(3, "ŒUVRE 100%", "MILL_POND"),
            weir(4).set("weir_name_en", "Lonely"),
            weir(5),
            fall(6).set("fall_name_en", "Mill Falls"),
        ],
    )
    .await;
}

pub async fn names_are_found_without_accents_and_case_in_either_language(store: &dyn Store) {
    named(store).await;
    for (text, expected) in [
        ("like:eleve", vec![1]),
        ("like:ÉLEVÉ", vec![1]),
        ("like:coeur", vec![2]),
        ("like:CŒUR", vec![2]),
        ("like:oeuvre 100%", vec![3]),
        ("like:mill", vec![2, 3]),
        ("like:mill_", vec![3]),
        ("like:%", vec![3]),
        ("eq:MILL WEIR", vec![2]),
        ("eq:mill", vec![]),
        ("in:seuil eleve,lonely", vec![1, 4]),
        ("notnull:", vec![1, 2, 3, 4]),
        ("isnull:", vec![4, 5]),
        ("neq:lonely", vec![1, 2, 3]),
        ("notin:mill weir", vec![1, 2, 3, 4]),
    ] {
        let mut q = weirs();
        q.names = vec![name(text)];
        assert_eq!(found(store, &q).await, expected, "{text}");
    }
}

pub async fn several_name_filters_are_alternatives_within_the_other_conditions(store: &dyn Store) {
    named(store).await;
    let mut q = FeatureQuery::of("obstacles");
    q.names = vec![name("like:mill"), name("like:eleve"), name("eq:lonely")];
    assert_eq!(found(store, &q).await, [1, 2, 3, 4, 6]);
    q.types = vec!["weirs".to_owned()];
    assert_eq!(found(store, &q).await, [1, 2, 3, 4]);
    q.filter = filtered("obstacles", "name_fr:notnull:").filter;
    assert_eq!(found(store, &q).await, [1, 2, 3]);
    q.bbox = Some(Bbox::new(-75.0, 45.0, -75.0, 45.0 + 2.0 / 64.0).unwrap());
    assert_eq!(found(store, &q).await, [1, 2]);
    q.ids = Some(vec![id(2), id(4)]);
    assert_eq!(found(store, &q).await, [2]);
}

pub async fn a_type_without_names_refuses_a_name_filter(store: &dyn Store) {
    furnish(store).await;
    let mut q = FeatureQuery::of("models");
    q.names = vec![name("like:mill")];
    let e = unanswered(store, ErrorKind::Invalid, &q).await;
    assert_eq!(e.field_name(), Some("namefilter"));
    assert!(e.next_step().is_some());
    assert_eq!(
        store.count(&q).await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
    let mut q = weirs();
    q.names = vec![crate::query::NameFilter {
        operator: Operator::Lt,
        values: vec!["a".to_owned()],
    }];
    unanswered(store, ErrorKind::Invalid, &q).await;
}
