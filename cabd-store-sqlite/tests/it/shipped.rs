//! The shipped catalogue in a file.

use cabd_core::catalog::Relation;
use cabd_core::conformance::shipped::manifest;
use cabd_core::feature::Operation;
use cabd_core::query::{FeatureQuery, parse_filter, parse_name_filter};
use cabd_core::store::{
    AuditStore, CatalogStore, FeatureStore, FeatureStoreExt, RecordQuery, Store,
};
use cabd_core::{ChangeHead, Geometry, Uuid, Value};
use cabd_store_sqlite::SqliteStore;

pub fn run<F: Future>(f: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(f)
}

#[test]
fn a_dam_survives_closing_and_opening() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        let store = SqliteStore::create(&path).unwrap();
        let t = std::time::Instant::now();
        let plan = store.change_catalog(&manifest()).await.unwrap();
        println!("{} steps in {:?}", plan.steps.len(), t.elapsed());
        let id = Uuid::from_u128(1);
        let op = Operation::insert_feature("dams", id)
            .set("dam_name_en", "Élevé Dam")
            .set("height_m", 12.5)
            .set("size_class_code", 2)
            .set("geometry", Geometry::point(-75.5, 45.4));
        store
            .apply_all(&ChangeHead::default(), vec![op])
            .await
            .unwrap();
        store.close().await.unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.catalog().await.unwrap().to_manifest().types.len(), 7);
        for t in ["dams", "barriers", "all_features"] {
            let mut q = FeatureQuery::of(t);
            q.names = vec![parse_name_filter("like:eleve").unwrap()];
            q.filter = Some(parse_filter("province_territory:isnull:").unwrap());
            q.bbox = Some("-76,45,-75,46".parse().unwrap());
            assert_eq!(store.count(&q).await.unwrap(), 1, "{t}");
            let b = store.collect(&q).await.unwrap();
            assert_eq!(b[0].value(0, "feature_type"), Value::from("dams"));
        }
        let b = store.feature("dams", id).await.unwrap();
        assert_eq!(b.value(0, "size_class"), Value::from("Medium"));
        assert_eq!(b.value(0, "latitude"), Value::from(45.4));
        assert_eq!(store.head().await.unwrap().0, 2);
        let r = store
            .all_records(&RecordQuery::of(Relation::feature("dams")))
            .await
            .unwrap();
        assert_eq!(r.len(), 1);
        assert_eq!(store.doctor().await.unwrap(), vec![]);
        assert!(
            store
                .change_catalog(&manifest())
                .await
                .unwrap()
                .steps
                .is_empty()
        );
    });
}
