//! Asks a question and computes on the Arrow batches of the answer.

use cabd::arrow::array::AsArray;
use cabd::arrow::compute::{max, sum};
use cabd::arrow::datatypes::Float64Type;
use cabd::query::{FeatureQuery, Selection, parse_filter};
use cabd::{ChangeHead, FeatureStoreExt, Geometry, Operation, id};
use futures::TryStreamExt;

#[tokio::main]
async fn main() -> cabd::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("inventory.sqlite");
    let store = cabd::create(&file.to_string_lossy()).await?;
    store.change_catalog(&cabd::shipped()?).await?;
    let dams = (0..10_000).map(|i| {
        Operation::insert_feature("dams", id::new_id())
            .set("dam_name_en", format!("Dam {i}"))
            .set("height_m", f64::from(i % 100))
            .set("size_class_code", i64::from(i % 3 + 1))
            .set(
                "geometry",
                Geometry::point(-80.0 + f64::from(i) / 1000.0, 45.0),
            )
    });
    store
        .apply_all(&ChangeHead::default(), dams.collect())
        .await?;

    let mut query = FeatureQuery::of("dams");
    query.filter = Some(parse_filter("height_m:gte:50")?);
    query.bbox = Some("-79,44,-75,46".parse()?);
    let named = ["cabd_id", "height_m", "size_class", "size_class_code"];
    query.select = Selection::Attributes(named.map(String::from).to_vec());

    // The answer is read as it is asked for: a million rows cost the memory of one batch.
    let mut answer = store.features(&query).await?;
    for field in answer.schema.fields() {
        println!("{:16} {}", field.name(), field.data_type());
    }
    let (mut rows, mut total, mut highest) = (0, 0.0, None);
    while let Some(batch) = answer.batches.try_next().await? {
        let Some(heights) = batch.batch.column_by_name("height_m") else {
            continue;
        };
        let heights = heights.as_primitive::<Float64Type>();
        rows += batch.rows();
        total += sum(heights).unwrap_or_default();
        highest = highest.max(max(heights).map(f64::round).map(|m| m as i64));
    }
    println!(
        "{rows} dams, {:.1} m on average, at most {highest:?} m",
        total / rows as f64
    );
    store.close().await
}
