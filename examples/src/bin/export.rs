//! Writes features to a GeoJSON and a CSV file, batch by batch.

use std::fs::File;
use std::io::BufWriter;

use cabd::format::{Format, WriteOptions, write_features};
use cabd::query::{FeatureQuery, Selection};
use cabd::{ChangeHead, FeatureStoreExt, Geometry, Lang, Operation, id};

#[tokio::main]
async fn main() -> cabd::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("inventory.sqlite");
    let store = cabd::create(&file.to_string_lossy()).await?;
    store.change_catalog(&cabd::shipped()?).await?;
    let falls = (1..=1000).map(|i| {
        Operation::insert_feature("waterfalls", id::new_id())
            .set("fall_name_fr", format!("Chute n° {i}"))
            .set("fall_height_m", i % 40)
            .set("passability_status_code", 1)
            .set(
                "geometry",
                Geometry::point(-72.0, 46.0 + f64::from(i) / 1000.0),
            )
    });
    store
        .apply_all(&ChangeHead::default(), falls.collect())
        .await?;

    let mut query = FeatureQuery::of("waterfalls");
    query.lang = Lang::Fr;
    query.select = Selection::Set("simple".to_owned());
    for format in [Format::GeoJson, Format::Csv] {
        let path = folder.path().join(format!("chutes.{}", format.extension()));
        let answer = store.features(&query).await?;
        let out = BufWriter::new(File::create(&path)?);
        let mut writer = format.writer(&answer.schema, out, WriteOptions::default())?;
        let rows = write_features(answer.batches, writer.as_mut()).await?;
        let bytes = std::fs::metadata(&path)?.len();
        println!("{}: {rows} features, {bytes} bytes", format.media_type());
    }

    let csv = std::fs::read_to_string(folder.path().join("chutes.csv"))?;
    for line in csv.lines().take(3) {
        println!("{line}");
    }
    store.close().await
}
