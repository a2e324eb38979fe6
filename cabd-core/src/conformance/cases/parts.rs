//! Parts: a feature shows the values of its primary row.

use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, Operation};
use crate::query::FeatureQuery;
use crate::store::Store;
use crate::value::Value;

fn sites() -> FeatureQuery {
    FeatureQuery::of("sites")
}

fn change(n: u128) -> Operation {
    Operation::new(Relation::part("sites", "structures"), Action::Update).set("structure_id", id(n))
}

pub async fn the_primary_row_is_shown_and_of_several_the_lowest(store: &dyn Store) {
    furnish(store).await;
    let width = |op: Operation, w: f64| op.set("width_m", w);
    write(
        store,
        vec![
            site(1),
            width(structure(11, 1, false, 1), 1.1),
            width(structure(12, 1, true, 2), 1.2),
            site(2),
            width(structure(21, 2, true, 3), 2.1),
            width(structure(22, 2, true, 2), 2.2),
            width(structure(23, 2, true, Value::Null), 2.3),
            site(3),
            width(structure(31, 3, false, 1), 3.1),
            width(structure(32, 3, Value::Null, 1), 3.2),
            site(4),
            site(5),
            width(structure(52, 5, true, 7), 5.2),
            width(structure(51, 5, true, 7), 5.1),
            site(6),
            structure(62, 6, true, Value::Null),
            structure(61, 6, true, Value::Null),
        ],
    )
    .await;
    let answer = ask(store, &sites()).await;
    assert_eq!(answer.rows(), 6, "a site is shown once");
    for (n, structure, width) in [
        (1, Value::Uuid(id(12)), Value::from(1.2)),
        (2, Value::Uuid(id(22)), 2.2.into()),
        (3, Value::Null, Value::Null),
        (4, Value::Null, Value::Null),
        (5, Value::Uuid(id(51)), 5.1.into()),
        (6, Value::Uuid(id(61)), Value::Null),
    ] {
        assert_eq!(answer.of(n, "structure_id"), structure, "{n}");
        assert_eq!(answer.of(n, "width_m"), width, "{n}");
    }
    assert_eq!(found(store, &sites()).await, [1, 2, 3, 4, 5, 6]);
}

pub async fn values_of_the_primary_row_are_filtered_sorted_and_labelled(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            site(1).set("stream_name", "Brook"),
            structure(11, 1, true, 1)
                .set("width_m", 3.0)
                .set("passability_code", 1)
                .set("remarks", "wide"),
            structure(12, 1, false, 2)
                .set("width_m", 99.0)
                .set("passability_code", 3),
            site(2),
            structure(21, 2, true, 1)
                .set("width_m", 1.0)
                .set("passability_code", 2)
                .set("materials", "1;7"),
            site(3),
        ],
    )
    .await;
    for (filter, expected) in [
        ("width_m:gt:2", vec![1]),
        ("width_m:eq:99", vec![]),
        ("width_m:isnull:", vec![3]),
        ("width_m:neq:3", vec![2]),
        ("passability:eq:barrier", vec![1]),
        ("passability:isnull:", vec![3]),
        ("passability_code:in:1,2", vec![1, 2]),
        ("materials:eq:7", vec![2]),
        ("remarks:like:WID", vec![1]),
        ("structure_number:eq:1", vec![1, 2]),
        ("structure_id:notnull:", vec![1, 2]),
    ] {
        assert_eq!(
            found(store, &filtered("sites", filter)).await,
            expected,
            "{filter}"
        );
    }
    assert_eq!(
        found(store, &sorted("sites", &["width_m"])).await,
        [2, 1, 3]
    );
    assert_eq!(
        found(store, &sorted("sites", &["-passability"])).await,
        [2, 1, 3]
    );
    let french = ask(store, &in_french(sites())).await;
    assert_eq!(french.of(2, "passability"), Value::from("Obstacle partiel"));
    assert_eq!(french.of(1, "remarks"), Value::from("wide"));
}

pub async fn another_primary_row_shows_at_once(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            site(1),
            structure(11, 1, true, 1).set("width_m", 1.0),
            structure(12, 1, false, 2).set("width_m", 2.0),
        ],
    )
    .await;
    let width = async || ask(store, &sites()).await.of(1, "width_m");
    assert_eq!(width().await, Value::from(1.0));
    write(
        store,
        vec![
            change(11).set("primary_structure", false),
            change(12).set("primary_structure", true),
        ],
    )
    .await;
    assert_eq!(width().await, Value::from(2.0));
    write(store, vec![change(12).set("width_m", 2.5)]).await;
    assert_eq!(width().await, Value::from(2.5));
    let gone = Operation::new(Relation::part("sites", "structures"), Action::Delete)
        .set("structure_id", id(12));
    write(store, vec![gone]).await;
    assert_eq!(width().await, Value::Null);
    assert_eq!(
        all(store, Relation::part("sites", "structures"))
            .await
            .len(),
        1
    );
}

pub async fn a_part_moves_to_another_feature(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            site(1),
            site(2),
            structure(11, 1, true, 1).set("width_m", 1.0),
        ],
    )
    .await;
    write(store, vec![change(11).set("site_id", id(2))]).await;
    let answer = ask(store, &sites()).await;
    assert_eq!(answer.of(1, "width_m"), Value::Null);
    assert_eq!(answer.of(2, "width_m"), Value::from(1.0));
    refuse(
        store,
        ErrorKind::Invalid,
        vec![change(11).set("site_id", id(99))],
    )
    .await;
    refuse(
        store,
        ErrorKind::Invalid,
        vec![change(11).set("site_id", Value::Null)],
    )
    .await;
}

pub async fn a_part_is_written_in_its_own_relation_only(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![site(1), structure(11, 1, true, 1)]).await;
    let through_the_site = Operation::update_feature("sites", id(1)).set("width_m", 2.0);
    let e = refuse(store, ErrorKind::Invalid, vec![through_the_site]).await;
    assert_eq!(e.field_name(), Some("width_m"));
    write(store, vec![change(11).set("notes", "by column")]).await;
    assert_eq!(
        ask(store, &sites()).await.of(1, "remarks"),
        Value::from("by column")
    );
}
