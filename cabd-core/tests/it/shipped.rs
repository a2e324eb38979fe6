//! The shipped catalogue is read, checked, and works on the reference store.

use cabd_core::catalog::check;
use cabd_core::conformance::shipped::manifest as shipped;
use cabd_core::feature::Operation;
use cabd_core::memory::MemoryStore;
use cabd_core::query::{FeatureQuery, Selection, parse_filter, parse_name_filter};
use cabd_core::store::{CatalogStore, FeatureStore, FeatureStoreExt};
use cabd_core::{ChangeHead, Geometry, Uuid, Value};

#[test]
fn the_shipped_catalogue_has_no_problem() {
    let problems: Vec<String> = check(&shipped()).iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn a_dam_is_written_and_found_through_every_type_that_shows_it() {
    let rt = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    rt.block_on(async {
        let store = MemoryStore::new();
        store.change_catalog(&shipped()).await.unwrap();
        let id = Uuid::from_u128(1);
        let op = Operation::insert_feature("dams", id)
            .set("dam_name_en", "Élevé Dam")
            .set("height_m", 12.5)
            .set("size_class_code", 2)
            .set("geometry", Geometry::point(-75.5, 45.4));
        let applied = store
            .apply_all(&ChangeHead::default(), vec![op])
            .await
            .unwrap();
        assert_eq!(applied.commit.unwrap().0, 2);
        for t in ["dams", "barriers", "all_features"] {
            let mut q = FeatureQuery::of(t);
            q.names = vec![parse_name_filter("like:eleve").unwrap()];
            assert_eq!(store.count(&q).await.unwrap(), 1, "{t}");
            let b = store.collect(&q).await.unwrap();
            assert_eq!(b[0].value(0, "feature_type"), Value::from("dams"));
        }
        let mut q = FeatureQuery::of("dams");
        q.filter = Some(parse_filter("size_class:eq:medium").unwrap());
        q.select = Selection::Set("limited".into());
        let b = store.collect(&q).await.unwrap();
        assert_eq!(b[0].value(0, "latitude"), Value::from(45.4));
        assert_eq!(b[0].value(0, "size_class"), Value::from("Medium"));
    });
}
