//! Name filters: folded, alternatives of one another, never of the other conditions.

use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::Operation;
use crate::geometry::Bbox;
use crate::lang::Lang;
use crate::query::{FeatureQuery, Operator};
use crate::store::names::Names;
use crate::store::{FeatureStoreExt, Store};

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

/// Everything that is known of names, as of now.
async fn known(store: &dyn Store, names: &Names) {
    let (head, catalog) = store.moment().await.unwrap();
    names.follow(store, &catalog, head).await.unwrap();
    for ft in catalog.types() {
        names.prepare(store, &catalog, ft).await.unwrap();
    }
}

/// Asks with what is known and without, and demands the same; tells whether anything was known.
async fn same(store: &dyn Store, names: &Names, q: &FeatureQuery) -> bool {
    let catalog = store.catalog().await.unwrap();
    let Some(found) = names.find(&catalog, q) else {
        return false;
    };
    let narrow = found.narrow(q);
    let (whole, count) = (store.collect(q).await, store.count(q).await);
    let (part, fewer) = (store.collect(&narrow).await, store.count(&narrow).await);
    let (whole, part) = (whole.unwrap(), part.unwrap());
    assert_eq!(ids_of(&whole, q), ids_of(&part, q), "{q:#?}");
    let count = count.unwrap();
    let counted = found.count(q);
    assert!(
        counted.is_none_or(|n| n == count),
        "{counted:?}, {count}: {q:#?}"
    );
    // A page is named feature by feature: its count is the page's.
    if q.limit.is_none() {
        assert_eq!(fewer.unwrap(), count, "{q:#?}");
    }
    true
}

fn ids_of(batches: &[crate::feature::FeatureBatch], q: &FeatureQuery) -> Vec<crate::Uuid> {
    let rows = batches
        .iter()
        .flat_map(|b| (0..b.rows()).map(move |r| b.value(r, "cabd_id")));
    let mut ids: Vec<crate::Uuid> = rows.filter_map(|v| v.as_uuid()).collect();
    if !q.is_ordered() {
        ids.sort_unstable();
    }
    ids
}

pub async fn names_in_memory_give_the_answers_of_the_store(store: &dyn Store) {
    let names = Names::new(usize::MAX);
    named(store).await;
    known(store, &names).await;
    let questions = || {
        let mut out = vec![];
        for ft in ["weirs", "falls", "sites", "obstacles", "everything"] {
            for text in [
                "like:eleve",
                "like:ÉLEVÉ",
                "like:coeur",
                "like:mill",
                "like:MILL_",
                "like:%",
                "like:e",
                "eq:MILL WEIR",
                "eq:mill",
                "in:seuil eleve,lonely",
                "like:brook",
                "eq:mill falls",
                "like:nobody",
            ] {
                for lang in Lang::ALL {
                    let mut q = FeatureQuery::of(ft);
                    q.lang = lang;
                    q.names = vec![name(text)];
                    out.push(q);
                }
            }
        }
        let mut more = vec![];
        for q in &out {
            let limited = |limit, offset| FeatureQuery {
                limit: Some(limit),
                offset,
                ..q.clone()
            };
            let mut both = q.clone();
            both.names.push(name("eq:lonely"));
            let mut placed = q.clone();
            placed.bbox = Some(Bbox::new(-75.0, 45.0, -75.0, 45.0 + 2.0 / 64.0).unwrap());
            let mut of = q.clone();
            of.ids = Some(vec![id(2), id(4), id(99)]);
            more.extend([
                limited(0, 0),
                limited(2, 0),
                limited(2, 1),
                limited(9, 50),
                both,
                placed,
                of,
            ]);
        }
        out.extend(more);
        out
    };
    for q in questions() {
        assert!(same(store, &names, &q).await, "{q:#?}");
    }
    // What names do not tell is left to the store.
    let catalog = store.catalog().await.unwrap();
    for text in ["neq:mill", "notin:mill,a", "isnull:", "notnull:"] {
        let mut q = weirs();
        q.names = vec![name(text)];
        assert_eq!(names.find(&catalog, &q), None, "{text}");
    }
    let mut q = weirs();
    q.names = vec![name("like:mill")];
    q.as_of = Some(store.head().await.unwrap());
    assert_eq!(names.find(&catalog, &q), None);
    assert_eq!(names.find(&catalog, &FeatureQuery::of("models")), None);
    // In step with what is written.
    let rename = |n, en: &str| Operation::update_feature("weirs", id(n)).set("weir_name_en", en);
    for change in [
        vec![rename(1, "Mill"), rename(5, "Brook É")],
        vec![
            Operation::delete_feature("weirs", id(2)),
            weir(7).set("weir_name_fr", "Élevé"),
            site(30).set("stream_name", "Brook"),
        ],
        vec![Operation::update_feature("weirs", id(4)).set("weir_name_en", crate::Value::Null)],
        vec![Operation::delete_feature("falls", id(6)), rename(7, "mill")],
    ] {
        write(store, change).await;
        known(store, &names).await;
        for q in questions() {
            assert!(same(store, &names, &q).await, "{q:#?}");
        }
    }
    assert!(names.bytes() > 0);
    // Where there is no room nothing is kept, and the store is asked.
    let none = Names::new(1);
    known(store, &none).await;
    let catalog = store.catalog().await.unwrap();
    let mut q = weirs();
    q.names = vec![name("like:mill")];
    assert_eq!(none.find(&catalog, &q), None);
    assert!(none.knows(&catalog, catalog.feature_type("weirs").unwrap()) && none.bytes() == 0);
}
