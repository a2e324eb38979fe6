//! The real sets beside the checkout, through the shipped mappings.

use std::path::Path;

use cabd_core::catalog::Relation;
use cabd_core::store::{FeatureStore, FeatureStoreExt, RecordQuery, StoreExt};
use cabd_core::{FeatureQuery, Geometry, Value};

use crate::load::*;

#[test]
fn the_dams_of_british_columbia_are_loaded_whole_and_again_without_a_change() {
    let Some(path) = real("dams-bc/dams_bc.geojson") else {
        return;
    };
    run(async {
        let store = inventory().await;
        let (report, rejected) = twice(&store, &path, "dams-bc").await;
        assert_eq!((report.read, report.inserted), (2890, 2890), "{rejected:?}");
    });
}

#[test]
fn waterfalls_without_a_zone_or_with_a_sentinel_are_rejected() {
    let Some(path) = real("waterfalls-bc-fiss/fiss_obstacles.csv.gz") else {
        return;
    };
    run(async {
        let store = inventory().await;
        let (report, rejected) = twice(&store, &path, "waterfalls-bc-fiss").await;
        assert_eq!(
            (report.read, report.skipped, report.rejected),
            (2997, 134, 540)
        );
        assert_eq!(report.inserted, 2323);
        let sentinels = rejected
            .iter()
            .filter(|r| r.value == "999999 9999999")
            .count();
        let without = rejected
            .iter()
            .filter(|r| r.reason == "the row has no place")
            .count();
        assert!(
            sentinels > 0 && sentinels + without == 540,
            "{sentinels} {without}"
        );
    });
}

#[test]
fn every_crossing_assessment_is_loaded() {
    let files = [
        (
            "crossings-pscis/peace_2022_pscis_all.csv",
            "crossings-pscis-2022-all",
        ),
        ("crossings-pscis/skeena_2023.csv", "crossings-pscis-2023"),
        ("crossings-pscis/nechako_2023.csv", "crossings-pscis-2023"),
        ("crossings-pscis/skeena_2024.csv", "crossings-pscis-2024"),
        ("crossings-pscis/peace_2024.csv", "crossings-pscis-2024"),
    ];
    run(async {
        let store = inventory().await;
        let mut rows = 0;
        for (path, name) in files {
            let Some(path) = real(path) else { return };
            let (report, rejected) = twice(&store, &path, name).await;
            assert_eq!(report.rejected, 0, "{rejected:?}");
            rows += report.read;
        }
        assert_eq!(rows, 218);
    });
}

#[test]
fn reference_tables_are_filled_with_names_and_polygons() {
    run(async {
        let store = inventory().await;
        for (path, name, rows) in [
            (
                "cabd-reference/nhn_workunit_names.csv",
                "cabd-reference-nhn",
                1341,
            ),
            (
                "boundaries-statcan/prov.geojson.gz",
                "boundaries-statcan-provinces",
                13,
            ),
            (
                "boundaries-statcan/csd.geojson.gz",
                "boundaries-statcan-subdivisions",
                5161,
            ),
        ] {
            let Some(path) = real(path) else { return };
            let (report, rejected) = twice(&store, &path, name).await;
            assert_eq!((report.read, report.rejected), (rows, 0), "{rejected:?}");
        }
    });
}

#[test]
fn the_shipped_sample_is_loaded_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/sample");
    run(async {
        let store = inventory().await;
        for (name, rows) in [("dams", 264), ("waterfalls", 120), ("fishways", 43)] {
            let path = root.join(format!("{name}.csv"));
            let (report, rejected) = twice(&store, &path, &format!("sample-{name}")).await;
            assert_eq!(report.inserted, rows, "{rejected:?}");
        }
    });
}

#[test]
fn known_values_of_the_real_files_arrive() {
    let Some(dams) = real("dams-bc/dams_bc.geojson") else {
        return;
    };
    let Some(falls) = real("waterfalls-bc-fiss/fiss_obstacles.csv.gz") else {
        return;
    };
    run(async {
        let store = inventory().await;
        loaded(&store, vec![file(&dams)], with("dams-bc"))
            .await
            .unwrap();
        let sources = store.data_sources().await.unwrap();
        let names: Vec<_> = sources
            .iter()
            .filter_map(|s| s.get("name").as_str())
            .collect();
        assert!(
            names.iter().all(|n| n.starts_with("BC dams 2020 / ")),
            "{names:?}"
        );
        let source = store
            .data_source_by_name("BC dams 2020 / CanVec_Manmade_Features")
            .await
            .unwrap();
        let query = RecordQuery::of(Relation::FeatureSource("dams".into()))
            .with("datasource_id", [source.unwrap().into()])
            .with("datasource_feature_id", ["711".into()]);
        let rows = store.all_records(&query).await.unwrap();
        let id = rows[0].get("cabd_id").as_uuid().unwrap();
        let dam = store.feature("dams", id).await.unwrap();
        assert_eq!(
            dam.value(0, "geometry"),
            Geometry::point(-118.566_224_2, 52.075_455_4).into()
        );
        assert_eq!(dam.value(0, "passability_status"), Value::from("Barrier"));
        assert_eq!(
            dam.value(0, "province_territory"),
            Value::from("British Columbia")
        );
        let mut q = FeatureQuery::of("dams");
        q.filter =
            Some(cabd_core::query::parse_filter("dam_name_en:eq:W.A.C. Bennett Dam").unwrap());
        assert_eq!(
            store.count(&q).await.unwrap(),
            4,
            "names in capitals become title case"
        );
        q.filter = Some(cabd_core::query::parse_filter("owner:eq:BC HYDRO & POWER").unwrap());
        assert!(
            store.count(&q).await.unwrap() > 0,
            "entities become characters"
        );
        loaded(&store, vec![file(&falls)], with("waterfalls-bc-fiss"))
            .await
            .unwrap();
        let mut q = FeatureQuery::of("waterfalls");
        q.bbox = Some("-140,47,-113,61".parse().unwrap());
        assert_eq!(
            store.count(&q).await.unwrap(),
            2323,
            "every fall lies in British Columbia's box"
        );
        let mut high = FeatureQuery::of("waterfalls");
        high.filter = Some(cabd_core::query::parse_filter("fall_height_m:gt:900").unwrap());
        assert_eq!(store.count(&high).await.unwrap(), 0);
    });
}
