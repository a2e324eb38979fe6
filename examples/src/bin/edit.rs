//! Changes features: all operations of a change happen, or none.

use cabd::{ChangeHead, ErrorKind, FeatureQuery, FeatureStoreExt, Geometry, Operation, id};

#[tokio::main]
async fn main() -> cabd::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("inventory.sqlite");
    let store = cabd::create(&file.to_string_lossy()).await?;
    store.change_catalog(&cabd::shipped()?).await?;

    // Who and why belong to every change.
    let head = ChangeHead {
        author: Some("Ann".to_owned()),
        reason: Some("survey of 2024".to_owned()),
        ..ChangeHead::default()
    };
    let dam = id::new_id();
    let insert = Operation::insert_feature("dams", dam)
        .set("dam_name_en", "Mill Dam")
        .set("size_class_code", 1)
        .set("geometry", Geometry::point(-75.5, 45.4));
    let applied = store.apply_all(&head, vec![insert]).await?;
    println!("commit {:?}: {:?}", applied.commit, applied.counts);

    let update = Operation::update_feature("dams", dam).set("height_m", 4.2);
    store.apply_all(&head, vec![update]).await?;
    let batch = store.feature("dams", dam).await?;
    let (height, size) = (batch.value(0, "height_m"), batch.value(0, "size_class"));
    println!("{height:?}, {size:?}");

    // A wrong code in the second operation: the first is not kept either.
    let good = Operation::update_feature("dams", dam).set("height_m", 9.9);
    let wrong = Operation::update_feature("dams", dam).set("size_class_code", 77);
    let refused = store.apply_all(&head, vec![good, wrong]).await.err();
    println!("refused: {refused:?}");
    assert_eq!(refused.map(|e| e.kind()), Some(ErrorKind::Invalid));
    let batch = store.feature("dams", dam).await?;
    assert_eq!(batch.value(0, "height_m").as_f64(), Some(4.2));

    let delete = Operation::delete_feature("dams", dam);
    store.apply_all(&head, vec![delete]).await?;
    let left = store.count(&FeatureQuery::of("dams")).await?;
    println!("{left} dams are left, at commit {}", store.head().await?);
    store.close().await
}
