//! What the log holds: exactly what changed, by value, and who and why.

use futures::TryStreamExt;

use super::derived::{furnish_gauges, gauge, sensor};
use crate::catalog::Relation;
use crate::conformance::world::*;
use crate::feature::{Action, ChangeHead, ChangeKind, Operation};
use crate::geometry::Geometry;
use crate::id::CommitNumber;
use crate::store::{ChangeQuery, Changeset, LogEntry, LogValues, Store, operations};
use crate::time::{Timestamp, parse_date, parse_instant, to_micros};
use crate::value::Value;

fn values<const N: usize>(all: [(&str, Value); N]) -> LogValues {
    all.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()
}

fn texts(all: &[&str]) -> Value {
    Value::List(all.iter().map(|t| Value::from(*t)).collect())
}

/// Values of every type, the doubles with all their digits.
fn every_type() -> LogValues {
    values([
        (
            "weir_name_en",
            Value::from("O'Neil \"weir\"\\ \u{e9}\u{1f41f}\n"),
        ),
        ("size_code", Value::from(2)),
        ("height_m", Value::from(0.1 + 0.2)),
        ("length_metres", Value::from(1e300 / 3.0)),
        ("built_year", Value::from(9_007_199_254_740_993_i64)),
        ("in_use", Value::from(false)),
        ("assessed_on", parse_date("", "2024-02-29").unwrap().into()),
        (
            "assessed_at",
            parse_instant("", "2024-02-29T23:59:59.123456Z")
                .unwrap()
                .into(),
        ),
        ("owner_id", id(77).into()),
        ("comments", Value::from("")),
        ("tags", texts(&["a\"b", "", "{c},d"])),
        ("steps", Value::List(vec![Value::from(3), Value::from(-1)])),
        (
            "readings",
            Value::List(vec![Value::from(0.1), Value::from(2.5e-17)]),
        ),
    ])
}

/// Sets values that are named by column.
fn with(op: Operation, values: &LogValues) -> Operation {
    values.iter().fold(op, |op, (n, v)| {
        let attribute = if n == "length_metres" { "length_m" } else { n };
        op.set(attribute, v.clone())
    })
}

async fn last(store: &dyn Store) -> LogEntry {
    log_after(store, CommitNumber(0))
        .await
        .pop()
        .expect("the log has an entry")
}

pub async fn a_new_row_logs_its_values_and_a_deleted_one_what_was_there(store: &dyn Store) {
    furnish(store).await;
    let place = Geometry::point(-73.123_456_789_012_35, 45.1);
    let new = Operation::insert_feature("weirs", id(1)).set("snapped_point", place.clone());
    write(store, vec![with(new, &every_type())]).await;
    let mut expected = every_type();
    expected.insert("cabd_id".into(), id(1).into());
    expected.insert("snapped_point".into(), place.clone().into());
    expected.insert("geometry".into(), place.into());
    let e = last(store).await;
    assert_eq!((e.action.as_str(), &e.old), ("INSERT", &LogValues::new()));
    assert_eq!(e.new, expected);
    write(store, vec![delete(1)]).await;
    let e = last(store).await;
    assert_eq!((e.action.as_str(), &e.new), ("DELETE", &LogValues::new()));
    assert_eq!(e.old, expected);
}

pub async fn an_update_logs_what_changed_and_nothing_else(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![with(weir(1), &every_type())]).await;
    let head = store.head().await.unwrap();
    let new = values([
        ("height_m", Value::from(0.3)),
        ("in_use", Value::from(true)),
        ("comments", Value::Null),
        ("tags", texts(&["a\"b", "", "{c},d", "e"])),
        ("steps", Value::List(vec![Value::from(-1), Value::from(3)])),
        ("readings", Value::List(vec![])),
        ("region_code", Value::from("on")),
    ]);
    let same = values([
        ("size_code", Value::from(2)),
        ("owner_id", id(77).into()),
        ("length_metres", Value::from(1e300 / 3.0)),
    ]);
    write(store, vec![with(with(update(1), &new), &same)]).await;
    let log = log_after(store, head).await;
    assert_eq!(log.len(), 1);
    let mut old: LogValues = every_type();
    old.retain(|n, _| new.contains_key(n));
    old.insert("region_code".into(), Value::Null);
    assert_eq!(log[0].old, old);
    assert_eq!(log[0].new, new);
}

pub async fn a_move_is_logged_with_every_digit(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir_at(1, -75.0, 45.0)]).await;
    let head = store.head().await.unwrap();
    let to = Geometry::point(-75.00000000000001, 45.0);
    write(store, vec![update(1).set("original_point", to.clone())]).await;
    let from = Value::from(Geometry::point(-75.0, 45.0));
    let log = log_after(store, head).await;
    let (mut old, mut new) = (LogValues::new(), LogValues::new());
    for e in log {
        assert_eq!(e.action, "UPDATE");
        old.extend(e.old);
        new.extend(e.new);
    }
    for column in ["original_point", "geometry"] {
        assert_eq!(old.get(column), Some(&from), "{column}");
        assert_eq!(new.get(column), Some(&to.clone().into()), "{column}");
    }
    assert_eq!(new.len(), 2);
    // A place that was not there, and is taken away again.
    for snapped in [Value::from(to.clone()), Value::Null] {
        let head = store.head().await.unwrap();
        write(store, vec![update(1).set("snapped_point", snapped.clone())]).await;
        let log = log_after(store, head).await;
        let set = log.iter().find_map(|e| {
            let was = e.old.get("snapped_point")?;
            Some((was.is_null(), e.new.get("snapped_point")?.clone()))
        });
        assert_eq!(set, Some((!snapped.is_null(), snapped)));
    }
}

pub async fn a_change_of_the_last_instant_alone_is_not_logged(store: &dyn Store) {
    furnish_gauges(store).await;
    write(store, vec![gauge(1, -76.0, 45.0), sensor(9, 1)]).await;
    let head = store.head().await.unwrap();
    let set = |at: &str| {
        Operation::update_feature("gauges", id(1))
            .set("last_modified", parse_instant("", at).unwrap())
    };
    let done = write(store, vec![set("2020-01-01T00:00:00Z")]).await;
    assert_eq!(done.commit, Some(CommitNumber(head.0 + 1)));
    assert_eq!(log_after(store, head).await, []);
    let renamed = set("2021-01-01T00:00:00Z").set("gauge_name", "G");
    write(store, vec![renamed]).await;
    let e = last(store).await;
    assert_eq!(
        e.old.get("last_modified"),
        Some(&parse_instant("", "2020-01-01T00:00:00Z").unwrap().into())
    );
    assert_eq!(e.new.get("gauge_name"), Some(&Value::from("G")));
    let head = store.head().await.unwrap();
    let op = Operation::new(Relation::part("gauges", "sensors"), Action::Update)
        .set("sensor_id", id(9))
        .set("sensor_kind", "radar");
    write(store, vec![op]).await;
    let log = log_after(store, head).await;
    let tables: Vec<&str> = log.iter().map(|e| e.table.as_str()).collect();
    assert_eq!(tables, ["sensors"]);
}

pub async fn many_rows_at_once_are_logged_like_single_ones(store: &dyn Store) {
    furnish(store).await;
    let name = |n: u128| format!("Weir {n}");
    let all: Vec<Operation> = (1..=400)
        .map(|n| {
            weir(n)
                .set("weir_name_en", name(n))
                .set("height_m", n as f64 / 3.0)
        })
        .chain((1..=400).map(|n| {
            Operation::new(Relation::AttributeSource("weirs".into()), Action::Insert)
                .set("cabd_id", id(n))
                .set("height_m_ds", id(9))
        }))
        .collect();
    let sources = vec![data_source(9, "a")];
    write(store, sources).await;
    let start = store.head().await.unwrap();
    write(store, all).await;
    let expected = log_after(store, start).await;
    assert_eq!(expected.len(), 800);
    for e in &expected {
        let n = e.cabd_id.unwrap().as_u128();
        assert_eq!(e.new.get("cabd_id"), Some(&id(n).into()));
        if e.table == "weirs" {
            assert_eq!(e.new.get("height_m"), Some(&Value::from(n as f64 / 3.0)));
            assert_eq!(e.new.get("geometry"), e.new.get("original_point"));
            assert!(matches!(e.new.get("geometry"), Some(Value::Geometry(_))));
            assert_eq!(e.new.get("comments"), None);
        } else {
            assert_eq!(
                e.new,
                values([("cabd_id", id(n).into()), ("height_m_ds", id(9).into())])
            );
        }
    }
    // What comes later changes nothing of what was.
    write(
        store,
        vec![
            update(7).set("height_m", 0.5).set("comments", "new"),
            delete(8),
        ],
    )
    .await;
    write(
        store,
        vec![
            update(7).set("height_m", Value::Null),
            weir(8).set("comments", "again"),
        ],
    )
    .await;
    write(store, vec![delete(7)]).await;
    // More of them, into a table that has some.
    write(store, (500..900).map(weir).collect()).await;
    let q = ChangeQuery {
        until: Some(CommitNumber(start.0 + 1)),
        ..ChangeQuery::since(start)
    };
    let again: Vec<LogEntry> = store
        .changes(&q)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(again, expected);
    let more = log_after(store, CommitNumber(start.0 + 4)).await;
    assert_eq!(more.len(), 400);
    assert!(more.iter().all(|e| e.new.contains_key("original_point")));
}

pub async fn entries_name_their_rows(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    let code = Operation::new(Relation::Codes("weirs.size_codes".into()), Action::Insert)
        .set("code", 50)
        .set("name_en", "Fifty");
    let contact = Operation::new(Relation::Contact, Action::Insert)
        .set("id", id(40))
        .set("email", "a@example.org")
        .set("name", "A");
    write(
        store,
        vec![
            code,
            contact,
            data_source(9, "a"),
            site(1),
            structure(11, 1, true, 1),
            feature_source("sites", 1, 9, "k, \"1\""),
            ladder(2),
            species(2, "eel", true),
        ],
    )
    .await;
    let catalog = store.catalog().await.unwrap();
    let mut keys = vec![];
    for e in log_after(store, start).await {
        let table = catalog.table_named(&e.schema, &e.table).unwrap();
        let key = e
            .key(table)
            .unwrap_or_else(|| panic!("{e:?} names its row"));
        let values: Vec<Value> = table.columns[..table.key]
            .iter()
            .map(|c| e.new[&c.name].clone())
            .collect();
        assert_eq!(key, values, "{e:?}");
        keys.push(e.table.clone());
    }
    assert_eq!(keys.len(), 8);
}

pub async fn changes_are_asked_by_relation_feature_and_commit(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![data_source(9, "a"), weir(1), weir(2)]).await;
    let first = store.head().await.unwrap();
    write(
        store,
        vec![
            update(1).set("height_m", 1.0),
            feature_source("weirs", 2, 9, "x"),
        ],
    )
    .await;
    write(store, vec![update(2).set("height_m", 1.0)]).await;
    let ask = async |q: ChangeQuery| -> Vec<(String, Option<u128>)> {
        let found: Vec<LogEntry> = store
            .changes(&q)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        found
            .into_iter()
            .map(|e| (e.table, e.cabd_id.map(|i| i.as_u128())))
            .collect()
    };
    let row = |t: &str, n: u128| (t.to_owned(), Some(n));
    let all = ChangeQuery::since(CommitNumber(0));
    let q = ChangeQuery {
        features: Some(vec![id(2)]),
        ..all.clone()
    };
    assert_eq!(
        ask(q).await,
        [
            row("weirs", 2),
            row("weirs_feature_source", 2),
            row("weirs", 2)
        ]
    );
    let q = ChangeQuery {
        relations: vec![Relation::feature("weirs")],
        ..ChangeQuery::since(first)
    };
    assert_eq!(ask(q).await, [row("weirs", 1), row("weirs", 2)]);
    let q = ChangeQuery {
        until: Some(first),
        features: Some(vec![id(1)]),
        values: false,
        ..all.clone()
    };
    assert_eq!(ask(q).await, [row("weirs", 1)]);
    let q = ChangeQuery {
        relations: vec![Relation::feature("wiers")],
        ..all
    };
    assert!(store.changes(&q).await.is_err());
}

pub async fn a_changeset_says_who_when_and_why(store: &dyn Store) {
    furnish(store).await;
    let start = store.head().await.unwrap();
    let before = to_micros(Timestamp::now());
    write(store, vec![data_source(9, "a")]).await;
    let head = ChangeHead {
        author: Some("Zoë".into()),
        reason: Some("field visit".into()),
        kind: ChangeKind::Review,
        data_source: Some(id(9)),
        reviewer: Some("Émile".into()),
        client: Some("suite".into()),
        ..ChangeHead::default()
    };
    store.apply(&head, operations(vec![weir(1)])).await.unwrap();
    let found: Vec<Changeset> = store
        .changesets(start, None)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let commits: Vec<i64> = found.iter().map(|c| c.commit.0 - start.0).collect();
    assert_eq!(commits, [1, 2]);
    let c = &found[1];
    assert_eq!(c.author.as_deref(), Some("Zoë"));
    assert_eq!(c.reason.as_deref(), Some("field visit"));
    assert_eq!(c.kind, "review");
    assert_eq!(c.data_source, Some(id(9)));
    assert_eq!(c.reviewer.as_deref(), Some("Émile"));
    assert_eq!(c.client.as_deref(), Some("suite"));
    // Another machine's clock may give the time, and SQLite's has milliseconds.
    let second = 1_000_000;
    assert!(c.datetime.as_microsecond() > before.as_microsecond() - second);
    assert!(found[0].datetime <= c.datetime);
    let all: Vec<Changeset> = store
        .changesets(CommitNumber(0), Some(start))
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(all.len() as i64, start.0);
    assert_eq!(all.last().map(|c| c.kind.as_str()), Some("catalog"));
}
