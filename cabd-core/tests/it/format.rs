//! Formats: what is written is valid, and reads back as it was.

use cabd_core::format::{Format, Metadata, WriteOptions, write_features};
use cabd_core::load::{Input, LoadOptions, load};
use cabd_core::memory::MemoryStore;
use cabd_core::store::{FeatureStore, FeatureStoreExt};
use cabd_core::{ChangeHead, FeatureBatch, FeatureQuery, Geometry, Operation, Uuid, Value};
use proptest::prelude::*;

use crate::load::{inventory, run};

async fn written(
    store: &MemoryStore,
    q: &FeatureQuery,
    format: Format,
    options: WriteOptions,
) -> Vec<u8> {
    let answer = store.features(q).await.unwrap();
    let mut out = vec![];
    let mut writer = format.writer(&answer.schema, &mut out, options).unwrap();
    write_features(answer.batches, writer.as_mut())
        .await
        .unwrap();
    drop(writer);
    out
}

fn all_of(feature_type: &str) -> FeatureQuery {
    let mut q = FeatureQuery::of(feature_type);
    q.limit = Some(u64::MAX); // in the order of the identifiers
    q
}

fn values(batches: &[FeatureBatch]) -> Vec<Vec<Value>> {
    let mut out = vec![];
    for b in batches {
        let schema = b.batch.schema();
        for row in 0..b.rows() {
            out.push(
                schema
                    .fields()
                    .iter()
                    .map(|f| b.value(row, f.name()))
                    .collect(),
            );
        }
    }
    out
}

/// One dam with values that are hard to write.
fn dam(n: u128, name: &str, height: Option<f64>, year: Option<i64>) -> Operation {
    let op = Operation::insert_feature("dams", Uuid::from_u128(n))
        .set("dam_name_en", name)
        .set("size_class_code", 2)
        .set("use_analysis", n.is_multiple_of(2))
        .set("geometry", Geometry::point(-75.5 + n as f64 / 1e6, 45.4));
    let op = match height {
        Some(h) => op.set("height_m", h),
        None => op,
    };
    match year {
        Some(y) => op.set("construction_year", y),
        None => op,
    }
}

async fn reloaded(store: &MemoryStore, format: Format) {
    let q = all_of("dams");
    let bytes = written(store, &q, format, WriteOptions::default()).await;
    let other = inventory().await;
    let name = format!("dams.{}", format.extension());
    let input = Input::new(name, std::io::Cursor::new(bytes.clone()));
    let options = LoadOptions {
        feature_type: Some("dams".into()),
        no_source: Some("a test".into()),
        ..LoadOptions::default()
    };
    let report = load(&other, vec![input], options, Box::new(()))
        .await
        .unwrap();
    assert_eq!(
        report.rejected,
        0,
        "{:?}\n{}",
        report.first_rejected,
        String::from_utf8_lossy(&bytes)
    );
    let before = values(&store.collect(&q).await.unwrap());
    let after = values(&other.collect(&q).await.unwrap());
    assert_eq!(before, after);
}

#[test]
fn a_collection_has_the_documented_shape() {
    run(async {
        let store = inventory().await;
        let op = dam(1, "Mill \"Dam\"\n\u{1}é", Some(4.2), None).set(
            "maintenance_last",
            Value::Date("2019-05-01".parse().unwrap()),
        );
        store
            .apply_all(&ChangeHead::default(), vec![op])
            .await
            .unwrap();
        let options = WriteOptions {
            metadata: Some(Metadata {
                licence: Some("https://example.org/licence".into()),
                data_version: [("dams".to_owned(), "1.0".to_owned())].into(),
                downloaded: Some("2026-11-22T01:02:03.456Z".parse().unwrap()),
                ..Metadata::default()
            }),
            service_root: Some("https://example.org/cabd-api/".into()),
            ..WriteOptions::default()
        };
        let bytes = written(
            &store,
            &FeatureQuery::of("dams"),
            Format::GeoJson,
            options.clone(),
        )
        .await;
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            json["metadata"],
            serde_json::json!({"download_datetime": "2026-11-22T01:02:03.456000Z",
                "data_licence": "https://example.org/licence", "data_version": {"dams": "1.0"}, "data_srid": 4617})
        );
        let f = &json["features"][0];
        assert_eq!(
            f["geometry"],
            serde_json::json!({"type": "Point", "coordinates": [-75.499999, 45.4]})
        );
        let p = &f["properties"];
        assert_eq!(p["dam_name_en"], "Mill \"Dam\"\n\u{1}é");
        assert_eq!(
            (&p["size_class_code"], &p["size_class"]),
            (&2.into(), &"Medium".into())
        );
        assert_eq!(p["maintenance_last"], "2019-05-01");
        assert_eq!(p["reservoir_present"], serde_json::Value::Null);
        assert_eq!(
            p["datasource_url"],
            "https://example.org/cabd-api/features/datasources/00000000-0000-0000-0000-000000000001"
        );
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("\"cabd_id\":").count(), 1);

        let mut none = FeatureQuery::of("dams");
        none.limit = Some(0);
        let empty = written(&store, &none, Format::GeoJson, options).await;
        let json: serde_json::Value = serde_json::from_slice(&empty).unwrap();
        assert_eq!(json["features"], serde_json::json!([]));
        assert_eq!(json["metadata"].get("data_version"), None);
    });
}

#[test]
fn a_feature_without_geometry_has_null() {
    run(async {
        let store = inventory().await;
        let ops = vec![dam(1, "a", None, None)];
        store.apply_all(&ChangeHead::default(), ops).await.unwrap();
        let mut q = FeatureQuery::of("dams");
        q.geometry = false;
        let bytes = written(&store, &q, Format::GeoJson, WriteOptions::default()).await;
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["features"][0]["geometry"], serde_json::Value::Null);
        let csv = written(&store, &q, Format::Csv, WriteOptions::default()).await;
        assert!(!String::from_utf8(csv).unwrap().contains("Geometry (WKT)"));
    });
}

#[test]
fn labels_are_written_in_the_language_of_the_question() {
    run(async {
        let store = inventory().await;
        store
            .apply_all(&ChangeHead::default(), vec![dam(1, "a", None, None)])
            .await
            .unwrap();
        let mut q = FeatureQuery::of("dams");
        q.lang = cabd_core::Lang::Fr;
        let bytes = written(&store, &q, Format::GeoJson, WriteOptions::default()).await;
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["features"][0]["properties"]["size_class"], "Moyen");
    });
}

#[test]
fn arrays_are_joined_in_csv_and_arrays_in_geojson() {
    run(async {
        let store = inventory().await;
        let id = Uuid::from_u128(5);
        let fishway =
            Operation::insert_feature("fishways", id).set("geometry", Geometry::point(-75.0, 45.0));
        let species = |code: &str| {
            Operation::new(
                cabd_core::catalog::Relation::link("fishways", "species"),
                cabd_core::feature::Action::Insert,
            )
            .set("fishway_id", id)
            .set("species_id", code)
            .set("known_to_use", true)
        };
        let ops = vec![
            fishway,
            species("alosa_sapidissima"),
            species("alosa_pseudoharengus"),
        ];
        store.apply_all(&ChangeHead::default(), ops).await.unwrap();
        let q = FeatureQuery::of("fishways");
        let bytes = written(&store, &q, Format::GeoJson, WriteOptions::default()).await;
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let properties = json["features"][0]["properties"].as_object().unwrap();
        let expected = serde_json::json!(["Alewife", "American shad"]);
        assert!(
            properties.values().any(|v| *v == expected),
            "{properties:?}"
        );
        let csv = written(&store, &q, Format::Csv, WriteOptions::default()).await;
        assert!(
            String::from_utf8(csv)
                .unwrap()
                .contains(",Alewife;American shad,")
        );
    });
}

#[test]
fn csv_quotes_what_needs_it_and_alters_nothing() {
    run(async {
        let store = inventory().await;
        let ops = vec![
            dam(1, "=1+1,\"x\"", Some(1.5), Some(1900)),
            dam(2, "two\r\nlines", None, None),
        ];
        store.apply_all(&ChangeHead::default(), ops).await.unwrap();
        let csv = written(
            &store,
            &all_of("dams"),
            Format::Csv,
            WriteOptions::default(),
        )
        .await;
        let mut rows = csv::Reader::from_reader(csv.as_slice());
        let header = rows.headers().unwrap().clone();
        assert_eq!(
            (&header[0], &header[header.len() - 1]),
            ("cabd_id", "Geometry (WKT)")
        );
        let at = header.iter().position(|h| h == "dam_name_en").unwrap();
        let names: Vec<String> = rows.records().map(|r| r.unwrap()[at].to_owned()).collect();
        assert_eq!(names, ["=1+1,\"x\"", "two\r\nlines"]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_is_written_reads_back_equal(
        rows in prop::collection::vec(
            ("[ -~éß😀\u{2028}\"\\\\,;\n\r\t]{0,40}", prop::option::of(-1e6..1e6f64), prop::option::of(1500..2100i64)),
            1..20,
        )
    ) {
        run(async {
            let store = inventory().await;
            let ops = rows.iter().enumerate().map(|(i, (name, height, year))| {
                // A load trims texts, and a blank one is none.
                let name = name.trim();
                let name = if name.is_empty() { "x" } else { name };
                dam(i as u128 + 1, name, *height, *year)
            });
            store.apply_all(&ChangeHead::default(), ops.collect()).await.unwrap();
            for format in Format::ALL {
                reloaded(&store, format).await;
            }
        });
    }
}
