//! Labels: dictionaries beside their codes, French with fallback, arrays of labels.

use arrow::datatypes::DataType as ArrowType;

use crate::conformance::world::*;
use crate::query::FeatureQuery;
use crate::store::Store;
use crate::value::Value;

pub async fn a_label_stands_beside_its_code_in_the_language_asked_for(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir(1).set("size_code", 1).set("region_code", "qc"),
            weir(2).set("size_code", 3),
            weir(3).set("size_code", 5),
            weir(4),
        ],
    )
    .await;
    let english = ask(store, &weirs()).await;
    let french = ask(store, &in_french(weirs())).await;
    for (n, en, fr) in [
        (1, "Small", "Petit"),
        (2, "Large", "Grand"),
        (3, "Large", "Énorme"),
    ] {
        assert_eq!(english.of(n, "size"), Value::from(en));
        assert_eq!(french.of(n, "size"), Value::from(fr));
        assert_eq!(english.of(n, "size_code"), french.of(n, "size_code"));
    }
    assert_eq!(english.of(1, "region"), Value::from("Quebec"));
    assert_eq!(french.of(1, "region"), Value::from("Québec"));
    assert_eq!(english.of(4, "size"), Value::Null);
    assert_eq!(english.of(4, "region"), Value::Null);
}

pub async fn a_blank_french_label_falls_back_to_english(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![weir(1).set("size_code", 4).set("region_code", "zz")],
    )
    .await;
    let french = ask(store, &in_french(weirs())).await;
    assert_eq!(french.of(1, "size"), Value::from("Huge"));
    assert_eq!(french.of(1, "region"), Value::from("Elsewhere"));
    assert_eq!(
        found(store, &in_french(filtered("weirs", "region:eq:elsewhere"))).await,
        [1]
    );
}

pub async fn a_code_without_an_entry_has_no_label(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            fall(1).set("unit_id", "none"),
            fall(2).set("unit_id", "02AB000"),
            fall(3),
        ],
    )
    .await;
    let answer = ask(store, &FeatureQuery::of("falls")).await;
    assert_eq!(answer.of(1, "unit_id"), Value::from("none"));
    assert_eq!(answer.of(1, "unit_name"), Value::Null);
    assert_eq!(answer.of(2, "unit_name"), Value::from("Upper Water"));
    for (filter, expected) in [
        ("unit_name:isnull:", vec![1, 3]),
        ("unit_name:notnull:", vec![2]),
        ("unit_name:neq:x", vec![2]),
        ("unit_id:notnull:", vec![1, 2]),
    ] {
        assert_eq!(
            found(store, &filtered("falls", filter)).await,
            expected,
            "{filter}"
        );
    }
    assert_eq!(
        found(store, &sorted("falls", &["-unit_name"])).await,
        [2, 1, 3]
    );
}

pub async fn labels_are_dictionary_encoded(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        (1..=50)
            .map(|n| weir(n).set("size_code", 1 + (n as i64 % 5)))
            .collect(),
    )
    .await;
    let answer = ask(store, &weirs()).await;
    let schema = answer.batches[0].batch.schema();
    let field = schema.field_with_name("size").unwrap();
    let dictionary = ArrowType::Dictionary(Box::new(ArrowType::Int32), Box::new(ArrowType::Utf8));
    assert_eq!(field.data_type(), &dictionary);
    assert_eq!(field.metadata()["cabd:label_of"], "size_code");
    let code = schema.field_with_name("size_code").unwrap();
    assert_eq!(code.data_type(), &ArrowType::Int64);
    assert_eq!(code.metadata()["cabd:codes"], "weirs.size_codes");
}

async fn ladders(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            ladder(1),
            species(1, "sucker", true),
            species(1, "pike", true),
            species(1, "eel", true),
            species(1, "salmon", false),
            ladder(2),
            species(2, "eel", false),
            ladder(3),
            ladder(4),
            species(4, "pike", Value::Null),
        ],
    )
    .await;
}

fn texts(all: &[&str]) -> Value {
    Value::List(all.iter().map(|t| Value::from(*t)).collect())
}

pub async fn linked_labels_come_sorted_and_an_array_without_any_is_empty(store: &dyn Store) {
    ladders(store).await;
    let english = ask(store, &FeatureQuery::of("ladders")).await;
    let french = ask(store, &in_french(FeatureQuery::of("ladders"))).await;
    assert_eq!(
        english.of(1, "known_use"),
        texts(&["American Eel", "Northern Pike", "White Sucker"])
    );
    assert_eq!(
        french.of(1, "known_use"),
        texts(&["Anguille d’Amérique", "Grand brochet", "White Sucker"])
    );
    assert_eq!(english.of(1, "known_notuse"), texts(&["Atlantic Salmon"]));
    assert_eq!(
        english.of(1, "every_species").clone(),
        texts(&[
            "American Eel",
            "Atlantic Salmon",
            "Northern Pike",
            "White Sucker"
        ])
    );
    assert_eq!(english.of(2, "known_use"), texts(&[]));
    assert_eq!(english.of(2, "known_notuse"), texts(&["American Eel"]));
    assert_eq!(english.of(3, "known_use"), texts(&[]));
    assert_eq!(
        english.of(4, "known_use"),
        texts(&[]),
        "not known is neither"
    );
    assert_eq!(english.of(4, "known_notuse"), texts(&[]));
    assert_eq!(english.of(4, "every_species"), texts(&["Northern Pike"]));
}

pub async fn linked_labels_are_filtered_in_the_language_of_the_question(store: &dyn Store) {
    ladders(store).await;
    for (filter, english, french) in [
        ("known_use:eq:NORTHERN pike", vec![1], vec![]),
        ("known_use:eq:grand brochet", vec![], vec![1]),
        ("known_use:like:anguille", vec![], vec![1]),
        ("known_use:like:eel", vec![1], vec![]),
        ("known_notuse:like:eel", vec![2], vec![]),
        ("known_use:in:white sucker,x", vec![1], vec![1]),
        (
            "known_use:neq:american eel",
            vec![2, 3, 4],
            vec![1, 2, 3, 4],
        ),
        (
            "known_use:notin:american eel,x",
            vec![2, 3, 4],
            vec![1, 2, 3, 4],
        ),
        ("known_use:isnull:", vec![], vec![]),
        ("known_use:notnull:", vec![1, 2, 3, 4], vec![1, 2, 3, 4]),
        ("every_species:like:pike", vec![1, 4], vec![]),
    ] {
        let q = filtered("ladders", filter);
        assert_eq!(found(store, &q).await, english, "{filter}");
        assert_eq!(
            found(store, &in_french(q)).await,
            french,
            "{filter} in French"
        );
    }
}

pub async fn a_link_that_changes_shows_at_once(store: &dyn Store) {
    ladders(store).await;
    let mut op = species(1, "eel", false);
    op.action = crate::feature::Action::Update;
    let mut gone = species(1, "pike", true);
    gone.action = crate::feature::Action::Delete;
    write(store, vec![op, gone]).await;
    let answer = ask(store, &FeatureQuery::of("ladders")).await;
    assert_eq!(answer.of(1, "known_use"), texts(&["White Sucker"]));
    assert_eq!(
        answer.of(1, "known_notuse"),
        texts(&["American Eel", "Atlantic Salmon"])
    );
}
