//! Makes an inventory in a SpatiaLite file, opens it again, and shows what it is.

use cabd::StoreExt;

#[tokio::main]
async fn main() -> cabd::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("inventory.sqlite");
    let location = file.to_string_lossy();

    // A new store knows no type; the shipped catalogue brings dams, waterfalls, fishways, crossings and barriers.
    let store = cabd::create(&location).await?;
    let plan = store.change_catalog(&cabd::shipped()?).await?;
    println!(
        "{} steps, the first: {}",
        plan.steps.len(),
        plan.steps[0].words
    );
    store.close().await?;

    let store = cabd::open(&location).await?;
    let info = store.info().await?;
    println!(
        "{}, schema {}, {:?}",
        info.store, info.schema_version, info.engine
    );
    for feature_type in store.catalog().await?.types() {
        let name = &feature_type.head.name;
        println!("{:20} {} / {}", feature_type.id(), name.en, name.fr);
    }
    println!("{} data sources", store.data_sources().await?.len());

    // Errors have a kind to act on, and say the next step.
    if let Err(error) = cabd::open("missing.sqlite").await {
        println!(
            "{:?}: {error}; {}",
            error.kind(),
            error.next_step().unwrap_or_default()
        );
    }
    store.close().await
}
