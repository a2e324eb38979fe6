//! Where values come from: asked in filters, given beside values, counted, and as a table.

use futures::TryStreamExt;
use serde_json::json;

use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::edit::{SourceChange, data_source as data_source_document};
use crate::error::ErrorKind;
use crate::feature::{Action, Operation, SOURCE_OF};
use crate::query::{FeatureQuery, Filter, Operator};
use crate::store::{SourceValue, SourcesExt, Store, operations, source_value_batch};
use crate::value::Value;

/// Sources of a weir's attributes.
fn came(n: u128, from: &[(&str, Option<u128>)]) -> Operation {
    came_of("weirs", n, from)
}

fn came_of(feature_type: &str, n: u128, from: &[(&str, Option<u128>)]) -> Operation {
    let relation = Relation::AttributeSource(feature_type.into());
    let mut op = Operation::new(relation, Action::Put).set("cabd_id", id(n));
    for (attribute, source) in from {
        let source = source.map_or(Value::Null, |s| Value::Uuid(id(s)));
        op = op.set(&format!("{attribute}_ds"), source);
    }
    op
}

/// Two sources, four weirs, a site whose row of sources is there, a fall, whose type tracks nothing.
async fn sourced(store: &dyn Store) {
    furnish(store).await;
    let first = data_source(901, "Register: dams, of 2019")
        .set("source_type", "spatial")
        .set("version_date", "2019-05-01")
        .set("version_number", "3");
    let second = data_source(902, "Field notes").set("version_date", "2023-08-15");
    write(
        store,
        vec![
            first,
            second,
            data_source(903, "Unused"),
            weir(1)
                .set("height_m", 1.5)
                .set("weir_name_en", "Mill")
                .set("size_code", 1),
            came(
                1,
                &[
                    ("height_m", Some(901)),
                    ("weir_name_en", Some(902)),
                    ("size_code", Some(902)),
                ],
            ),
            weir(2).set("height_m", 2.5).set("passability_code", 1),
            came(
                2,
                &[("height_m", Some(902)), ("passability_code", Some(901))],
            ),
            weir(3).set("height_m", 3.5),
            came(3, &[("length_m", None)]),
            weir(4),
            site(5),
            came_of("sites", 5, &[("stream_name", Some(902))]),
            fall(6),
            feature_source("weirs", 1, 901, "a"),
            feature_source("weirs", 1, 901, "b"),
            feature_source("weirs", 2, 902, "a"),
        ],
    )
    .await;
}

async fn those(store: &dyn Store, feature_type: &str, filter: &str) -> Vec<u128> {
    found(store, &filtered(feature_type, filter)).await
}

pub async fn a_filter_asks_where_a_value_comes_from(store: &dyn Store) {
    sourced(store).await;
    let ask = |filter: &'static str| those(store, "weirs", filter);
    assert_eq!(ask("height_m:from:Register: dams, of 2019").await, [1]);
    assert_eq!(ask("HEIGHT_M:From: field NOTES ").await, [2]);
    assert_eq!(
        ask("height_m:from:00000000-0000-0000-0000-000000000385").await,
        [1]
    );
    assert_eq!(ask("height_m:from:Unused").await, [] as [u128; 0]);
    assert_eq!(ask("height_m:nosource:").await, [3, 4]);
    assert_eq!(ask("height_m:hassource:").await, [1, 2]);
    // A label comes from where its code does, and so does a test of a code.
    assert_eq!(ask("size:from:Field notes").await, [1]);
    assert_eq!(ask("size_code:hassource:").await, [1]);
    // Several sources, the opposite, and beside other conditions; an identifier needs no look.
    let from = |ids: &[u128]| {
        let values = ids.iter().map(|n| Value::Uuid(id(*n)));
        Filter::test("height_m", Operator::From, values)
    };
    let mut q = weirs();
    q.filter = Some(from(&[901, 902]));
    assert_eq!(found(store, &q).await, [1, 2]);
    q.filter = Some(Filter::Not(Box::new(from(&[901]))));
    assert_eq!(found(store, &q).await, [2, 3, 4]);
    q.filter = Some(from(&[901, 902]).and(Filter::test("height_m", Operator::Gt, [2.0.into()])));
    assert_eq!(found(store, &q).await, [2]);
    q.filter = Some(from(&[77]));
    assert_eq!(found(store, &q).await, [] as [u128; 0]);
    // Several sources of one name are all meant.
    write(store, vec![data_source(904, "FIELD NOTES")]).await;
    write(store, vec![came(3, &[("height_m", Some(904))])]).await;
    assert_eq!(ask("height_m:from:field notes").await, [2, 3]);
    assert_eq!(ask("height_m:from:Field notes").await, [2]);
    let q = sorted("weirs", &["-height_m"]);
    let mut q = FeatureQuery {
        limit: Some(1),
        ..q
    };
    q.filter = filtered("weirs", "height_m:hassource:").filter;
    assert_eq!(found(store, &q).await, [3]);
}

pub async fn an_untracked_attribute_or_an_unknown_source_is_refused(store: &dyn Store) {
    sourced(store).await;
    for (feature_type, filter) in [
        ("weirs", "owner_id:nosource:"),
        ("weirs", "geometry:hassource:"),
        ("falls", "fall_height_m:from:Field notes"),
        ("everything", "feature_type:from:Field notes"),
    ] {
        let q = filtered(feature_type, filter);
        let e = unanswered(store, ErrorKind::Invalid, &q).await;
        assert_eq!(e.field_name(), Some("filter"), "{e:?}");
        assert!(e.to_string().contains("not tracked"), "{e}");
        assert_eq!(
            store.count(&q).await.unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }
    for filter in [
        "height_m:from:Nobody",
        "height_m:from:",
        "height_m:from:00000000-0000-0000-0000-00000000ffff",
    ] {
        let q = filtered("weirs", filter);
        let e = unanswered(store, ErrorKind::Invalid, &q).await;
        explains(&e, "filter");
        assert!(e.to_string().contains("no such data source"), "{e}");
    }
    let e = unanswered(
        store,
        ErrorKind::Invalid,
        &filtered("weirs", "height_m:from:notes"),
    )
    .await;
    assert!(
        e.next_step().is_some_and(|h| h.contains("Field notes")),
        "{e:?}"
    );
    let mut q = weirs();
    q.filter = Some(Filter::test("height_m", Operator::From, []));
    unanswered(store, ErrorKind::Invalid, &q).await;
    q.filter = Some(Filter::test("height_m", Operator::NoSource, [1.into()]));
    unanswered(store, ErrorKind::Invalid, &q).await;
}

pub async fn sources_are_asked_through_super_types(store: &dyn Store) {
    sourced(store).await;
    let ask = |t: &'static str, filter: &'static str| those(store, t, filter);
    assert_eq!(ask("obstacles", "name_en:from:Field notes").await, [1]);
    assert_eq!(ask("obstacles", "name_en:nosource:").await, [2, 3, 4, 6]);
    assert_eq!(ask("obstacles", "height_m:from:Field notes").await, [2]);
    // The first value that is there has the source; a constant in its place has none.
    assert_eq!(
        ask("obstacles", "passability_code:from:Register: dams, of 2019").await,
        [2]
    );
    assert_eq!(ask("obstacles", "passability:hassource:").await, [2]);
    assert_eq!(ask("obstacles", "is_blocked:hassource:").await, [2]);
    write(
        store,
        vec![
            update(2).set("passability_code", Value::Null),
            update(3).set("weir_name_fr", "Moulin"),
            came(3, &[("weir_name_fr", Some(901))]),
        ],
    )
    .await;
    assert_eq!(
        ask("obstacles", "passability_code:hassource:").await,
        [] as [u128; 0]
    );
    assert_eq!(ask("weirs", "passability_code:hassource:").await, [2]);
    assert_eq!(
        ask("obstacles", "note:from:Register: dams, of 2019").await,
        [3]
    );
    let mut q = filtered("obstacles", "height_m:nosource:");
    q.types = vec!["falls".to_owned()];
    let e = unanswered(store, ErrorKind::Invalid, &q).await;
    assert!(e.to_string().contains("not tracked"), "{e}");
}

pub async fn sources_come_beside_values(store: &dyn Store) {
    sourced(store).await;
    let mut q = only(
        weirs(),
        &["height_m", "size", "size_code", "owner_id", "weir_name_en"],
    );
    q.sources = true;
    let answer = ask(store, &q).await;
    let schema = answer.batches[0].batch.schema();
    let columns: Vec<(&str, &str)> = schema
        .fields()
        .iter()
        .filter_map(|f| Some((f.name().as_str(), f.metadata().get(SOURCE_OF)?.as_str())))
        .collect();
    assert_eq!(
        columns,
        [
            ("height_m_ds", "height_m"),
            ("size_code_ds", "size_code"),
            ("weir_name_en_ds", "weir_name_en"),
        ]
    );
    assert_eq!(answer.of(1, "height_m_ds"), id(901).into());
    assert_eq!(answer.of(1, "size_code_ds"), id(902).into());
    assert_eq!(answer.of(2, "height_m_ds"), id(902).into());
    assert_eq!(answer.of(3, "height_m_ds"), Value::Null);
    assert_eq!(answer.of(4, "weir_name_en_ds"), Value::Null);
    assert_eq!(answer.of(2, "height_m"), 2.5.into());
    // A label alone has its code's source.
    let mut label = only(weirs(), &["size"]);
    label.sources = true;
    assert_eq!(ask(store, &label).await.of(1, "size_ds"), id(902).into());
    let mut all = FeatureQuery::of("obstacles");
    all.sources = true;
    let answer = ask(store, &all).await;
    assert_eq!(answer.of(1, "name_en_ds"), id(902).into());
    assert_eq!(answer.of(6, "name_en_ds"), Value::Null);
    assert_eq!(answer.of(2, "passability_code_ds"), id(901).into());
    // What is tracked by nobody has no column; a page of an order keeps the sources in step.
    let mut none = FeatureQuery::of("falls");
    none.sources = true;
    assert!(
        ask(store, &none).await.batches[0]
            .batch
            .schema()
            .fields()
            .iter()
            .all(|f| !f.name().ends_with("_ds"))
    );
    let mut page = sorted("weirs", &["-height_m"]);
    (page.sources, page.limit) = (true, Some(2));
    let first = ask(store, &page).await;
    page.after = first.next();
    let second = ask(store, &page).await;
    assert_eq!((first.ids(), second.ids()), (vec![3, 2], vec![1, 4]));
    assert_eq!(second.of(1, "height_m_ds"), id(901).into());
}

pub async fn sources_of_then_are_those_of_then(store: &dyn Store) {
    sourced(store).await;
    let then = store.head().await.unwrap();
    write(
        store,
        vec![
            came(1, &[("height_m", Some(902)), ("weir_name_en", None)]),
            came(4, &[("height_m", Some(901))]),
        ],
    )
    .await;
    let gone = Operation::new(Relation::AttributeSource("weirs".into()), Action::Delete)
        .set("cabd_id", id(2));
    write(store, vec![gone, delete(3)]).await;
    let of_then = |filter: &str| {
        let mut q = filtered("weirs", filter);
        q.as_of = Some(then);
        q
    };
    let register = "height_m:from:Register: dams, of 2019";
    assert_eq!(those(store, "weirs", register).await, [4]);
    assert_eq!(found(store, &of_then(register)).await, [1]);
    assert_eq!(
        found(store, &of_then("height_m:from:Field notes")).await,
        [2]
    );
    assert_eq!(found(store, &of_then("height_m:nosource:")).await, [3, 4]);
    assert_eq!(those(store, "weirs", "height_m:nosource:").await, [2]);
    let mut q = weirs();
    (q.sources, q.as_of) = (true, Some(then));
    let answer = ask(store, &q).await;
    assert_eq!(answer.of(1, "height_m_ds"), id(901).into());
    assert_eq!(answer.of(1, "weir_name_en_ds"), id(902).into());
    assert_eq!(answer.of(2, "passability_code_ds"), id(901).into());
    // A source that has gone since is asked for by its identifier.
    let unused = Operation::new(Relation::DataSource, Action::Delete).set("id", id(903));
    write(store, vec![unused]).await;
    let by_id = "height_m:from:00000000-0000-0000-0000-000000000387";
    assert_eq!(found(store, &of_then(by_id)).await, [] as [u128; 0]);
    unanswered(store, ErrorKind::Invalid, &filtered("weirs", by_id)).await;
}

pub async fn shares_say_how_much_comes_from_which_source(store: &dyn Store) {
    sourced(store).await;
    let all = store.source_shares(None).await.unwrap();
    let weirs = all.iter().find(|t| t.feature_type == "weirs").unwrap();
    assert_eq!((weirs.features, weirs.values), (4, 6));
    assert_eq!(weirs.oldest, Some("2019-05-01".parse().unwrap()));
    assert_eq!(weirs.newest, Some("2023-08-15".parse().unwrap()));
    let shares: Vec<(Option<&str>, u64, u64)> = weirs
        .shares
        .iter()
        .map(|s| {
            (
                s.source.as_ref().map(|s| s.name.as_str()),
                s.features,
                s.values,
            )
        })
        .collect();
    assert_eq!(
        shares,
        [
            (Some("Field notes"), 1, 3),
            (Some("Register: dams, of 2019"), 1, 2),
            (None, 0, 1),
        ]
    );
    let field = &weirs.shares[0].attributes;
    assert_eq!(field.get("height_m"), Some(&1));
    assert_eq!(field.get("size_code"), Some(&1));
    assert_eq!(weirs.shares[2].attributes.get("height_m"), Some(&1));
    let one = store.source_shares(Some("obstacles")).await.unwrap();
    assert!(one.iter().any(|t| t.feature_type == "weirs"));
    assert!(one.iter().all(|t| t.feature_type != "sites"));
    let e = store.source_shares(Some("nothing")).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound);
}

pub async fn each_value_is_a_row_with_its_source(store: &dyn Store) {
    sourced(store).await;
    let rows = async |q: &FeatureQuery| -> Vec<SourceValue> {
        let stream = store.source_values(q).await.unwrap();
        let mut rows: Vec<SourceValue> = stream.try_collect::<Vec<_>>().await.unwrap().concat();
        rows.sort_by(|a, b| (a.cabd_id, &a.attribute).cmp(&(b.cabd_id, &b.attribute)));
        rows
    };
    let said = |rows: &[SourceValue]| -> Vec<(u128, String, Option<String>, Option<String>)> {
        rows.iter()
            .map(|r| {
                let source = r.source.as_ref().map(|s| s.name.clone());
                (r.cabd_id.as_u128(), r.attribute.clone(), r.text(), source)
            })
            .collect()
    };
    let of = |n: u128, a: &str, v: &str, s: Option<&str>| {
        (n, a.to_owned(), Some(v.to_owned()), s.map(str::to_owned))
    };
    let notes = Some("Field notes");
    let all = rows(&weirs()).await;
    assert_eq!(
        said(&all),
        [
            of(1, "height_m", "1.5", Some("Register: dams, of 2019")),
            of(1, "size_code", "1", notes),
            of(1, "weir_name_en", "Mill", notes),
            of(2, "height_m", "2.5", notes),
            of(2, "passability_code", "1", Some("Register: dams, of 2019")),
            of(3, "height_m", "3.5", None),
        ]
    );
    assert!(all.iter().all(|r| r.feature_type == "weirs"));
    let batch = source_value_batch(&all).unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (6, 9));
    let mut some = only(filtered("obstacles", "height_m:nosource:"), &["height_m"]);
    some.types = vec!["weirs".to_owned()];
    let some = rows(&some).await;
    assert_eq!(said(&some), [of(3, "height_m", "3.5", None)]);
    assert_eq!(some[0].feature_type, "weirs");
    let e = store.source_values(&FeatureQuery::of("falls")).await;
    assert_eq!(e.err().unwrap().kind(), ErrorKind::Invalid);
}

pub async fn a_data_source_is_kept_by_what_names_it(store: &dyn Store) {
    sourced(store).await;
    let drop = |n: u128| Operation::new(Relation::DataSource, Action::Delete).set("id", id(n));
    refuse(store, ErrorKind::Conflict, vec![drop(901)]).await;
    // Of an attribute alone.
    refuse(store, ErrorKind::Conflict, vec![drop(902)]).await;
    let refused = Operation::new(Relation::DataSource, Action::Update)
        .set("id", id(901))
        .set("source_type", "hearsay");
    let e = store
        .apply(
            &crate::feature::ChangeHead::default(),
            operations(vec![refused]),
        )
        .await
        .unwrap_err();
    assert_eq!(
        (e.kind(), e.field_name()),
        (ErrorKind::Invalid, Some("source_type"))
    );
    write(store, vec![drop(903)]).await;
    assert_eq!(store.source_named("field notes").await.unwrap(), id(902));
    let e = store.source_named("Unused").await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound);
}

pub async fn a_data_source_is_written_as_a_document(store: &dyn Store) {
    furnish(store).await;
    let catalog = store.catalog().await.unwrap();
    let change = async |document: serde_json::Value, how: SourceChange| {
        let draft = data_source_document(&catalog, id(901), &document, how)?;
        let all = operations(draft.operations);
        store.apply(&draft.head, all).await
    };
    let shown = async || all(store, Relation::DataSource).await.remove(0);
    let new = json!({"name": "Register", "source_type": "spatial", "version_date": "2019-05-01",
        "organization_name": "The Office", "province_territory_code": ["qc", "on"]});
    change(new, SourceChange::Create).await.unwrap();
    let record = shown().await;
    assert_eq!(
        record.get("version_date"),
        &Value::Date("2019-05-01".parse().unwrap())
    );
    let provinces = Value::List(vec!["qc".into(), "on".into()]);
    assert_eq!(record.get("province_territory_code"), &provinces);
    let patch = json!({"version_date": null, "licence": "CC0-1.0"});
    change(patch, SourceChange::Merge).await.unwrap();
    let record = shown().await;
    assert_eq!(record.get("version_date"), &Value::Null);
    assert_eq!(record.get("licence"), &"CC0-1.0".into());
    assert_eq!(record.get("organization_name"), &"The Office".into());
    let whole = json!({"id": id(901), "name": "Register of 2019", "source_type": "non-spatial"});
    change(whole, SourceChange::Replace).await.unwrap();
    let record = shown().await;
    assert_eq!(record.get("name"), &"Register of 2019".into());
    assert_eq!(record.get("licence"), &Value::Null);
    for (wrong, field) in [
        (json!({"colour": "red"}), "colour"),
        (json!({"id": id(902)}), "id"),
        (json!({"source_type": "hearsay"}), "source_type"),
        (json!({"version_date": "May"}), "version_date"),
        (json!({"name": null}), "name"),
    ] {
        let e = change(wrong, SourceChange::Merge).await.unwrap_err();
        assert_eq!(
            (e.kind(), e.field_name()),
            (ErrorKind::Invalid, Some(field))
        );
    }
    let again = change(json!({"name": "x"}), SourceChange::Create).await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(shown().await, record);
}
