//! The Arrow shape of an answer.

use arrow::datatypes::{DataType as ArrowType, Field, TimeUnit};

use crate::conformance::world::*;
use crate::query::FeatureQuery;
use crate::store::Store;
use crate::value::Value;

fn list(t: ArrowType) -> ArrowType {
    ArrowType::List(std::sync::Arc::new(Field::new("item", t, true)))
}

pub async fn every_data_type_has_its_arrow_type(store: &dyn Store) {
    furnish(store).await;
    let stream = store.features(&weirs()).await.unwrap();
    for (attribute, expected) in [
        ("cabd_id", ArrowType::FixedSizeBinary(16)),
        ("feature_type", ArrowType::Utf8),
        ("datasource_url", ArrowType::Utf8),
        ("latitude", ArrowType::Float64),
        ("weir_name_en", ArrowType::Utf8),
        ("region_code", ArrowType::Utf8),
        ("size_code", ArrowType::Int64),
        ("height_m", ArrowType::Float64),
        ("length_m", ArrowType::Float64),
        ("built_year", ArrowType::Int64),
        ("in_use", ArrowType::Boolean),
        ("assessed_on", ArrowType::Date32),
        (
            "assessed_at",
            ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ),
        ("owner_id", ArrowType::FixedSizeBinary(16)),
        ("tags", list(ArrowType::Utf8)),
        ("steps", list(ArrowType::Int64)),
        ("readings", list(ArrowType::Float64)),
        ("is_large", ArrowType::Boolean),
        ("geometry", ArrowType::Binary),
    ] {
        let field = stream.schema.field_with_name(attribute).unwrap();
        assert_eq!(field.data_type(), &expected, "{attribute}");
        assert!(field.is_nullable(), "{attribute}");
    }
}

pub async fn fields_carry_name_unit_and_data_type(store: &dyn Store) {
    furnish(store).await;
    let stream = store.features(&in_french(weirs())).await.unwrap();
    let metadata = |a: &str| stream.schema.field_with_name(a).unwrap().metadata().clone();
    let height = metadata("height_m");
    assert_eq!(height["cabd:name"], "Hauteur");
    assert_eq!(height["cabd:unit"], "m");
    assert_eq!(height["cabd:data_type"], "double");
    assert_eq!(metadata("weir_name_en")["cabd:data_type"], "varchar(40)");
    assert_eq!(metadata("datasource_url")["cabd:is_link"], "true");
}

pub async fn geometry_and_identifiers_say_what_they_are(store: &dyn Store) {
    furnish(store).await;
    for t in ["weirs", "reaches", "basins", "shapes", "everything"] {
        let stream = store.features(&FeatureQuery::of(t)).await.unwrap();
        let geometry = stream
            .schema
            .field_with_name("geometry")
            .unwrap()
            .metadata();
        assert_eq!(geometry["ARROW:extension:name"], "geoarrow.wkb");
        let crs: serde_json::Value =
            serde_json::from_str(&geometry["ARROW:extension:metadata"]).unwrap();
        assert_eq!(crs["crs"], "EPSG:4617");
        assert_eq!(crs["crs_type"], "authority_code");
        let uuid = stream.schema.field_with_name("cabd_id").unwrap().metadata();
        assert_eq!(uuid["ARROW:extension:name"], "arrow.uuid");
    }
}

pub async fn batches_have_the_schema_of_the_stream_and_no_more_rows_than_asked(store: &dyn Store) {
    use futures::TryStreamExt;
    furnish(store).await;
    write(store, (1..=100).map(weir).collect()).await;
    for (rows, limit) in [
        (1, Some(5)),
        (7, None),
        (33, Some(70)),
        (100, None),
        (5_000, None),
    ] {
        let mut q = weirs();
        q.batch_rows = rows;
        q.limit = limit;
        let stream = store.features(&q).await.unwrap();
        let schema = stream.schema.clone();
        let batches: Vec<_> = stream.batches.try_collect().await.unwrap();
        let total: usize = batches.iter().map(crate::FeatureBatch::rows).sum();
        assert_eq!(total as u64, limit.unwrap_or(100));
        for b in &batches {
            assert_eq!(b.batch.schema(), schema);
            assert!(
                b.rows() <= rows && b.rows() > 0,
                "{} of at most {rows}",
                b.rows()
            );
        }
    }
    let mut q = weirs();
    q.batch_rows = 0;
    assert_eq!(ask(store, &q).await.rows(), 100);
}

pub async fn an_empty_answer_has_a_schema(store: &dyn Store) {
    furnish(store).await;
    let of_an_empty_store = store.features(&weirs()).await.unwrap().schema;
    assert!(of_an_empty_store.field_with_name("height_m").is_ok());
    write(store, vec![weir(1)]).await;
    let full = ask(store, &weirs()).await.batches[0].batch.schema();
    assert_eq!(of_an_empty_store, full);
    let mut none = weirs();
    none.limit = Some(0);
    for q in [none, filtered("weirs", "height_m:gt:1")] {
        let stream = store.features(&q).await.unwrap();
        assert_eq!(stream.schema, full);
        assert_eq!(ask(store, &q).await.rows(), 0);
    }
    let supers = store
        .features(&FeatureQuery::of("everything"))
        .await
        .unwrap();
    assert!(supers.schema.field_with_name("title_en").is_ok());
}

pub async fn points_are_little_endian_wkb_longitude_first(store: &dyn Store) {
    use arrow::array::AsArray;
    furnish(store).await;
    write(store, vec![weir_at(1, -75.5, 45.25)]).await;
    let answer = ask(store, &weirs()).await;
    let column = answer.batches[0].batch.column_by_name("geometry").unwrap();
    let wkb = column.as_binary::<i32>().value(0);
    assert_eq!(wkb, crate::geometry::point_wkb(-75.5, 45.25));
    assert_eq!(answer.of(1, "longitude"), Value::from(-75.5));
}

pub async fn a_stream_may_be_dropped_half_read(store: &dyn Store) {
    use futures::StreamExt;
    furnish(store).await;
    write(store, (1..=500).map(weir).collect()).await;
    let mut q = weirs();
    q.batch_rows = 10;
    for _ in 0..30 {
        let mut stream = store.features(&q).await.unwrap();
        assert_eq!(stream.batches.next().await.unwrap().unwrap().rows(), 10);
    }
    write(store, vec![weir(501)]).await;
    assert_eq!(store.count(&weirs()).await.unwrap(), 501);
}
