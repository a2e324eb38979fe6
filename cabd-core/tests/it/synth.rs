//! Synthetic features are deterministic, fit every type of the shipped catalogue, and cluster.

use std::collections::HashMap;

use cabd_core::catalog::{Catalog, Relation};
use cabd_core::conformance::shipped::manifest as shipped;
use cabd_core::memory::MemoryStore;
use cabd_core::query::FeatureQuery;
use cabd_core::store::{CatalogStore, FeatureStore, Store, StoreExt};
use cabd_core::synth::Synth;
use cabd_core::{ChangeHead, ErrorKind, Operation, Value};

fn catalog() -> Catalog {
    Catalog::new(1, shipped()).unwrap()
}

fn operations(feature_type: &str, features: u64, seed: u64) -> Vec<Operation> {
    let synth = Synth::new(&catalog(), feature_type, features, seed).unwrap();
    synth.operations().collect()
}

#[test]
fn the_same_seed_gives_the_same_rows_and_another_seed_others() {
    let a = operations("dams", 50, 7);
    assert_eq!(a, operations("dams", 50, 7));
    let b = operations("dams", 50, 8);
    assert!(a.iter().zip(&b).all(|(a, b)| a != b));
    // A longer run begins like a shorter one.
    assert_eq!(a[..20], operations("dams", 500, 7)[..20]);
}

#[test]
fn every_row_passes_the_checks_of_a_store_for_every_shipped_type() {
    let rt = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    rt.block_on(async {
        let store = MemoryStore::new();
        store.change_catalog(&shipped()).await.unwrap();
        let catalog = store.catalog().await.unwrap();
        for ft in catalog.types().filter(|t| !t.is_super()) {
            let synth = Synth::new(&catalog, ft.id(), 600, 3).unwrap();
            let name = synth.source_name();
            assert!(name.contains("not real"), "{name}");
            let applied = store
                .apply(&ChangeHead::default(), synth.stream())
                .await
                .unwrap();
            assert_eq!(applied.of(&Relation::feature(ft.id())).inserted, 600);
            if ft.has_feature_source() {
                let sources = applied.of(&Relation::FeatureSource(ft.id().into()));
                assert_eq!(sources.inserted, 650, "one source each, some two");
            }
            assert_eq!(store.count(&FeatureQuery::of(ft.id())).await.unwrap(), 600);
            assert!(store.data_source_by_name(&name).await.unwrap().is_some());
        }
        assert!(store.doctor().await.unwrap().is_empty());
    });
}

#[test]
fn values_are_spread_as_in_an_inventory() {
    let rows = operations("dams", 4_000, 1);
    let dams: Vec<&Operation> = rows
        .iter()
        .filter(|o| o.relation == Relation::feature("dams"))
        .collect();
    let column = |name: &str| -> Vec<&Value> {
        let i = dams[0].fields.iter().position(|f| f == name).unwrap();
        dams.iter().map(|o| &o.values[i]).collect()
    };
    let ids = column("cabd_id");
    assert!(
        ids.windows(2).all(|w| w[0].as_uuid() < w[1].as_uuid()),
        "in order of time"
    );
    let mut heights: Vec<f64> = column("height_m")
        .iter()
        .filter_map(|v| v.as_f64())
        .collect();
    assert!((2_000..3_200).contains(&heights.len()), "{}", heights.len());
    heights.sort_by(f64::total_cmp);
    let median = heights[heights.len() / 2];
    assert!((3.0..5.0).contains(&median), "{median}");
    assert!(*heights.last().unwrap() > 25.0);
    assert!(
        column("comments")
            .iter()
            .all(|v| v.as_str().unwrap().starts_with("synthetic"))
    );
    let sizes: std::collections::HashSet<_> = column("size_class_code")
        .iter()
        .map(|v| v.as_i64())
        .collect();
    assert!(sizes.len() >= 4, "{sizes:?}");
    let sources: Vec<&Operation> = rows
        .iter()
        .filter(|o| o.relation == Relation::AttributeSource("dams".into()))
        .collect();
    let (mut given, mut all) = (0usize, 0usize);
    for o in &sources {
        all += o.values.len() - 1;
        given += o.values[1..].iter().filter(|v| !v.is_null()).count();
    }
    let share = given as f64 / all as f64;
    assert!((0.38..0.42).contains(&share), "{share}");
}

#[test]
fn places_cluster() {
    let mut cells: HashMap<(i64, i64), u64> = HashMap::new();
    let rows = operations("waterfalls", 20_000, 5);
    let mut features = 0u64;
    for o in rows
        .iter()
        .filter(|o| o.relation == Relation::feature("waterfalls"))
    {
        let i = o.fields.iter().position(|f| f == "original_point").unwrap();
        let Value::Geometry(g) = &o.values[i] else {
            panic!("a place")
        };
        let (x, y) = g.as_point().unwrap();
        assert!((-141.0..=-52.0).contains(&x) && (41.0..=83.0).contains(&y));
        *cells
            .entry(((x * 10.0) as i64, (y * 10.0) as i64))
            .or_default() += 1;
        features += 1;
    }
    let mut counts: Vec<u64> = cells.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let fullest: u64 = counts.iter().take(counts.len() / 10).sum();
    assert!(
        fullest * 5 > features * 2,
        "a tenth of the cells hold two fifths of the features: {fullest}"
    );
    assert!(
        counts.len() > 1_000,
        "and they are spread: {}",
        counts.len()
    );
}

#[test]
fn a_super_type_and_an_unknown_type_are_refused() {
    let kind = |t: &str| Synth::new(&catalog(), t, 1, 1).err().unwrap().kind();
    assert_eq!(kind("barriers"), ErrorKind::Invalid);
    assert_eq!(kind("dmas"), ErrorKind::NotFound);
}

/// How fast: `cargo test --release --all-features --test it synth::speed -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn speed() {
    let synth = Synth::new(&catalog(), "dams", 400_000, 1).unwrap();
    let begun = std::time::Instant::now();
    let n = synth
        .operations()
        .filter(|o| o.relation == Relation::feature("dams"))
        .count();
    println!("{n} features with their sources in {:?}", begun.elapsed());
}
