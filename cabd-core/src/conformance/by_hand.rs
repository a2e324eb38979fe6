//! What administrators do to a live database by SQL alone: types, attribute sets and views of their own. Each function is
//! handed what the database does, in its own dialect, and holds what must follow.

use super::cases::evolution::{done, healthy, refused};
use super::world::*;
use crate::catalog::{CatalogChange, Manifest};
use crate::error::ErrorKind;
use crate::feature::{ChangeHead, Operation};
use crate::lang::Lang;
use crate::query::{FeatureQuery, Selection, parse_filter, parse_name_filter};
use crate::store::{Store, operations};
use crate::value::Value;

const LODGES: &str = r#"
    [type]
    id = "lodges"
    name = { en = "Lodges", fr = "Huttes" }
    [[members]]
    type = "weirs"
    [[members]]
    type = "beaver_dams"
    [[attributes]]
    id = "cabd_id"
    type = "uuid"
    [[attributes]]
    id = "feature_type"
    type = "text"
    computed = "feature_type"
    [[attributes]]
    id = "lodges"
    type = "integer"
    [[attributes]]
    id = "geometry"
    type = "geometry(point)"
"#;

/// The comments of weirs as another type, without what the super type shows of them.
pub fn comments_to(data_type: &str) -> CatalogChange {
    let mut all = manifest();
    all.types
        .retain(|t| t.id() == "weirs" || t.id() == "obstacles");
    all.lists.clear();
    all.sets.clear();
    for ft in &mut all.types {
        ft.attributes.retain(|a| a.id != "note");
        for m in &mut ft.members {
            m.columns.remove("note");
        }
        for a in &mut ft.attributes {
            if a.id == "comments" {
                a.data_type = data_type.parse().unwrap();
            }
        }
    }
    CatalogChange::of(all).narrow("weirs.comments")
}

/// A type `beaver_dams` that `register` makes of the weirs is served read-only, and adopted: its view has labels of
/// `size_code` as `size`, and computes `beavers`, twice the `lodges`.
pub async fn a_type_registered_by_sql_alone_is_served_read_only_and_adopted(
    store: &dyn Store,
    register: impl Future<Output = ()>,
) {
    write(store, vec![weir(1), weir(2)]).await;
    register.await;
    let mut q = FeatureQuery::of("beaver_dams");
    q.filter = Some(parse_filter("beavers:gte:4").unwrap());
    q.bbox = Some("-76,44,-74,46".parse().unwrap());
    q.names = vec![parse_name_filter("like:lodge").unwrap()];
    let answer = ask(store, &q).await;
    assert_eq!(answer.ids(), [2]);
    assert_eq!(answer.of(2, "size"), Value::from("Medium"));
    q.lang = Lang::Fr;
    assert_eq!(ask(store, &q).await.of(2, "size"), Value::from("Moyen"));
    q.select = Selection::Set("all".to_owned());
    assert_eq!(ask(store, &q).await.of(2, "lodges"), Value::Int(2));
    assert_eq!(store.info().await.unwrap().features["beaver_dams"], 2);
    healthy(store).await;
    let op = Operation::update_feature("beaver_dams", id(1)).set("lodges", 9);
    let head = ChangeHead::default();
    let e = store.apply(&head, operations(vec![op])).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unsupported);
    assert!(e.next_step().unwrap().contains("cabd type adopt"), "{e:?}");

    // Other changes leave it as it is.
    let change = CatalogChange::of(Manifest::default()).rename("weirs.comments", "remarks");
    done(store, &change).await;
    assert_eq!(found(store, &FeatureQuery::of("beaver_dams")).await, [1, 2]);

    // It may be a member of a super type.
    let lodges = Manifest::from_toml("lodges.toml", LODGES).unwrap();
    done(store, &CatalogChange::of(lodges)).await;
    assert_eq!(store.count(&FeatureQuery::of("lodges")).await.unwrap(), 4);
    let mut of_beavers = FeatureQuery::of("lodges");
    of_beavers.types = vec!["beaver_dams".to_owned()];
    assert_eq!(ask(store, &of_beavers).await.of(2, "lodges"), Value::Int(2));
    healthy(store).await;

    let adopted = store.adopt("beaver_dams").await.unwrap();
    let notes = &adopted.notes;
    assert!(notes.iter().any(|n| n.starts_with("beavers:")), "{notes:?}");
    let text = adopted.manifest.to_toml().unwrap();
    let m = Manifest::from_toml("beavers.toml", &text).unwrap();
    let size = m.types[0].attribute("size").unwrap();
    assert_eq!(size.label_of.as_deref(), Some("size_code"));
    done(store, &CatalogChange::of(m)).await;
    let op = Operation::update_feature("beaver_dams", id(1)).set("lodges", 9);
    write(store, vec![op]).await;
    let answer = ask(store, &FeatureQuery::of("beaver_dams")).await;
    let values = (answer.of(1, "lodges"), answer.of(1, "size"));
    assert_eq!(values, (Value::Int(9), "Medium".into()));
    let again = store.adopt("beaver_dams").await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Unsupported);
}

/// Views of the weirs that `replace` puts in the place of the generated ones, with a further column `double_height_m`, are
/// noticed at once; `register` adds the column's row to the metadata and calls the height `Tallness`.
pub async fn a_replaced_view_is_read_and_drift_is_overwritten_only_when_told(
    store: &dyn Store,
    replace: impl Future<Output = ()>,
    register: impl Future<Output = ()>,
) {
    write(store, vec![weir(1).set("height_m", 2)]).await;
    let drift = async || store.catalog().await.unwrap().drift();
    assert_eq!(drift().await, []);
    replace.await;
    let by_hand = drift().await;
    assert!(
        by_hand.iter().any(|d| d.field == "definition"),
        "{by_hand:?}"
    );
    register.await;
    let mut q = weirs();
    q.filter = Some(parse_filter("double_height_m:eq:4").unwrap());
    let double = async |q| ask(store, q).await.of(1, "double_height_m");
    assert_eq!(double(&q).await, Value::from(4.0));
    write(store, vec![update(1).set("height_m", 3)]).await;
    assert_eq!(double(&weirs()).await, Value::from(6.0));
    healthy(store).await;
    let renamed = drift().await;
    let tall = renamed.iter().find(|d| d.object == "weirs.height_m");
    assert_eq!(tall.map(|d| d.present.as_str()), Some("Tallness"));

    let plan = store.change_catalog(&manifest()).await.unwrap();
    assert!(plan.is_empty(), "{plan:?}");
    assert!(plan.drift.iter().any(|d| d.object == "weirs.height_m"));
    done(store, &CatalogChange::of(manifest()).overwrite_drift()).await;
    assert_eq!(drift().await, []);
    let catalog = store.catalog().await.unwrap();
    let ft = catalog.feature_type("weirs").unwrap();
    assert_eq!(ft.attribute("height_m").unwrap().name.en, "Height");
    healthy(store).await;
}

/// An attribute set `crew` of the heights, which `register` makes, is served and belongs to whoever made it.
pub async fn a_set_registered_by_sql_alone_is_served(
    store: &dyn Store,
    register: impl Future<Output = ()>,
) {
    write(store, vec![weir(1).set("height_m", 2)]).await;
    register.await;
    let mut q = weirs();
    q.select = Selection::Set("crew".to_owned());
    let answer = ask(store, &q).await;
    assert_eq!(answer.of(1, "height_m"), Value::from(2.0));
    assert_eq!(answer.batches[0].batch.num_columns(), 3);
    let drop = CatalogChange::of(Manifest::default()).drop("set:crew");
    refused(store, ErrorKind::Unsupported, &drop).await;
    store.change_catalog(&manifest()).await.unwrap();
    assert_eq!(ask(store, &q).await.of(1, "height_m"), Value::from(2.0));
}
