//! The log: whoever writes, with whatever program, in commit order.

use cabd_core::catalog::Relation;
use cabd_core::feature::{ChangeKind, Operation};
use cabd_core::query::FeatureQuery;
use cabd_core::store::{AuditStore, FeatureStoreExt, LogEntry, RecordQuery, Store};
use cabd_core::{ChangeHead, CommitNumber, Geometry, Uuid, Value};
use cabd_store_pg::PgStore;
use futures::TryStreamExt;

use crate::server;

async fn log(store: &PgStore, after: i64) -> Vec<LogEntry> {
    let entries = store.changes_since(CommitNumber(after)).await.unwrap();
    entries.try_collect().await.unwrap()
}

fn dam(n: u128) -> Operation {
    Operation::insert_feature("dams", Uuid::from_u128(n))
        .set("geometry", Geometry::point(-75.0, 45.0))
}

fn head(author: &str) -> ChangeHead {
    ChangeHead {
        author: Some(author.into()),
        reason: Some("field visit".into()),
        kind: ChangeKind::Review,
        reviewer: Some("rev".into()),
        client: Some("test".into()),
        ..ChangeHead::default()
    }
}

#[tokio::test]
async fn a_change_is_logged_with_its_head_and_only_what_changed() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let first = store
        .apply_all(&head("ann"), vec![dam(1), dam(2)])
        .await
        .unwrap();
    let op = Operation::update_feature("dams", Uuid::from_u128(1))
        .set("height_m", 7.5)
        .set("dam_name_en", Value::Null);
    let second = store.apply_all(&head("bob"), vec![op]).await.unwrap();
    assert_eq!(
        (first.commit, second.commit),
        (Some(CommitNumber(2)), Some(CommitNumber(3)))
    );
    assert_eq!(store.head().await.unwrap(), CommitNumber(3));
    let entries = log(&store, 0).await;
    let seen: Vec<_> = entries
        .iter()
        .map(|e| {
            (
                e.commit.0,
                e.author.as_deref().unwrap(),
                e.table.as_str(),
                e.action.as_str(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (2, "ann", "dams", "INSERT"),
            (2, "ann", "dams", "INSERT"),
            (3, "bob", "dams", "UPDATE")
        ]
    );
    let client = server::psql(&url).await;
    let row = client
        .query_one(
            "SELECT l.oldvalues::text, l.newvalues::text, c.reason, c.kind, c.reviewer, c.client, l.cabd_id \
             FROM cabd.audit_log l JOIN cabd.changeset c ON c.id = l.changeset WHERE l.action = 'UPDATE'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), r#"{"height_m": null}"#);
    assert_eq!(row.get::<_, &str>(1), r#"{"height_m": 7.5}"#);
    let words: Vec<&str> = (2..6).map(|i| row.get(i)).collect();
    assert_eq!(words, ["field visit", "review", "rev", "test"]);
    assert_eq!(row.get::<_, Uuid>(6), Uuid::from_u128(1));
}

#[tokio::test]
async fn nothing_is_logged_for_a_dry_run_or_values_that_are_as_asked() {
    let Some((store, _)) = server::with_catalog().await else {
        return;
    };
    let dry = ChangeHead {
        dry_run: true,
        ..head("ann")
    };
    let applied = store.apply_all(&dry, vec![dam(1)]).await.unwrap();
    assert_eq!(
        (
            applied.commit,
            applied.of(&Relation::feature("dams")).inserted
        ),
        (None, 1)
    );
    assert_eq!(store.head().await.unwrap(), CommitNumber(1));
    store
        .apply_all(&head("ann"), vec![dam(1).set("height_m", 3)])
        .await
        .unwrap();
    let same = Operation::update_feature("dams", Uuid::from_u128(1)).set("height_m", 3);
    let applied = store.apply_all(&head("ann"), vec![same]).await.unwrap();
    assert_eq!(
        (
            applied.commit,
            applied.of(&Relation::feature("dams")).unchanged
        ),
        (None, 1)
    );
    assert_eq!(log(&store, 0).await.len(), 1);
}

#[tokio::test]
async fn edits_of_a_foreign_program_are_logged_with_its_role_and_get_a_commit_number() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let client = server::psql(&url).await;
    client
        .batch_execute(
            "INSERT INTO dams.dams (original_point) VALUES (ST_SetSRID(ST_MakePoint(-75, 45), 4617)); \
             UPDATE dams.dams SET dam_name_en = 'By hand'; \
             INSERT INTO dams.dams_feature_source SELECT d.cabd_id, s.id, '7' FROM dams.dams d, cabd.data_source s; \
             INSERT INTO cabd.data_source (name) VALUES ('src'); \
             UPDATE dams.size_codes SET name_fr = 'Menue' WHERE code = 1; \
             DELETE FROM dams.dams",
        )
        .await
        .unwrap();
    let seen: Vec<_> = log(&store, 0)
        .await
        .into_iter()
        .map(|e| (e.author, e.schema + "." + &e.table, e.action))
        .collect();
    let seen: Vec<_> = seen
        .iter()
        .map(|(a, t, x)| (a.as_deref(), t.as_str(), x.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (Some("postgres"), "dams.dams", "INSERT"),
            (Some("postgres"), "dams.dams", "UPDATE"),
            (Some("postgres"), "cabd.data_source", "INSERT"),
            (Some("postgres"), "dams.size_codes", "UPDATE"),
            (Some("postgres"), "dams.dams", "DELETE"),
        ]
    );
    assert_eq!(store.head().await.unwrap(), CommitNumber(2));
    let row = client
        .query_one("SELECT oldvalues ->> 'dam_name_en', oldvalues ? 'height_m', oldvalues ->> 'geometry' FROM cabd.audit_log WHERE action = 'DELETE'", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "By hand");
    assert!(!row.get::<_, bool>(1), "nulls are left out");
    assert!(row.get::<_, &str>(2).starts_with("0101000020"));
    let row = client
        .query_one(
            "SELECT row_key FROM cabd.audit_log WHERE tablename = 'size_codes'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, Vec<String>>(0), ["1"]);
}

#[tokio::test]
async fn every_column_of_a_data_source_is_logged() {
    let Some((_store, url)) = server::with_catalog().await else {
        return;
    };
    let client = server::psql(&url).await;
    client
        .batch_execute(
            "INSERT INTO cabd.data_source (name) VALUES ('src'); \
             UPDATE cabd.data_source SET province_territory_code = '{qc,on}'",
        )
        .await
        .unwrap();
    let row = client
        .query_one(
            "SELECT oldvalues::text, newvalues::text FROM cabd.audit_log WHERE action = 'UPDATE'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(
        row.get::<_, &str>(0),
        r#"{"province_territory_code": null}"#
    );
    assert_eq!(
        row.get::<_, &str>(1),
        r#"{"province_territory_code": ["qc", "on"]}"#
    );
}

#[tokio::test]
async fn truncate_is_refused_or_logged_row_by_row() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let named = dam(2).set("dam_name_en", "Two");
    store
        .apply_all(&head("ann"), vec![dam(1), named])
        .await
        .unwrap();
    let client = server::psql(&url).await;
    let e = client
        .batch_execute("TRUNCATE dams.dams CASCADE")
        .await
        .unwrap_err();
    assert!(e.as_db_error().unwrap().message().contains("refused"));
    let before = store.head().await.unwrap();
    client
        .batch_execute(
            "BEGIN; SET LOCAL cabd.allow_truncate = 'on'; TRUNCATE dams.dams CASCADE; COMMIT",
        )
        .await
        .unwrap();
    let gone = log(&store, before.0).await;
    let mut seen: Vec<_> = gone
        .iter()
        .map(|e| {
            (
                e.action.as_str(),
                e.cabd_id.unwrap().as_u128(),
                e.old.get("dam_name_en"),
            )
        })
        .collect();
    seen.sort_by_key(|e| e.1);
    assert_eq!(
        seen,
        [
            ("DELETE", 1, None),
            ("DELETE", 2, Some(&Value::from("Two")))
        ]
    );
}

#[tokio::test]
async fn a_role_with_no_right_on_the_log_is_logged_and_cannot_switch_it_off() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    store.apply_all(&head("ann"), vec![dam(1)]).await.unwrap();
    let before = store.head().await.unwrap();
    let client = server::psql(&url).await;
    let role = format!("editor_{}", Uuid::now_v7().simple());
    client
        .batch_execute(&format!(
            "CREATE ROLE {role}; GRANT USAGE ON SCHEMA dams, cabd TO {role}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dams TO {role}"
        ))
        .await
        .unwrap();
    client
        .batch_execute(&format!(
            "SET ROLE {role}; SET cabd.unlogged = 'on'; UPDATE dams.dams SET height_m = 2; \
             INSERT INTO dams.dams (original_point) SELECT original_point FROM dams.dams; \
             DELETE FROM dams.dams WHERE height_m = 2; UPDATE dams.size_codes SET name_fr = 'x' WHERE code = 1"
        ))
        .await
        .unwrap();
    for denied in [
        "SELECT 1 FROM cabd.audit_log",
        "SELECT 1 FROM cabd.audit_record",
        "DELETE FROM cabd.changeset",
    ] {
        assert!(client.batch_execute(denied).await.is_err(), "{denied}");
    }
    client
        .batch_execute(&format!(
            "RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}"
        ))
        .await
        .unwrap();
    let seen = log(&store, before.0).await;
    let actions: Vec<_> = seen.iter().map(|e| e.action.as_str()).collect();
    assert_eq!(actions, ["UPDATE", "INSERT", "DELETE", "UPDATE"]);
    assert!(
        seen.iter()
            .all(|e| e.author.as_deref() == Some(role.as_str()))
    );
}

/// Action, feature, and values of a row of the log.
type Seen = (String, u128, Option<String>, Option<String>, Option<bool>);

#[tokio::test]
async fn what_psql_reads_is_what_happened() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let all = (1..=200)
        .map(|n| dam(n).set("height_m", n as f64 / 3.0))
        .collect();
    store.apply_all(&head("ann"), all).await.unwrap();
    let client = server::psql(&url).await;
    client
        .batch_execute(
            "UPDATE dams.dams SET height_m = NULL, dam_name_en = 'One' WHERE cabd_id = '00000000-0000-0000-0000-000000000001'; \
             UPDATE dams.dams SET height_m = height_m; \
             UPDATE dams.dams SET cabd_id = '00000000-0000-0000-0000-00000000ffff' WHERE dam_name_en = 'One'",
        )
        .await
        .unwrap();
    let rows = client
        .query(
            "SELECT action, cabd_id, oldvalues ->> 'height_m', newvalues ->> 'height_m', newvalues ? 'dam_name_en' \
             FROM cabd.audit_log WHERE cabd_id IN ('00000000-0000-0000-0000-000000000001', \
             '00000000-0000-0000-0000-00000000ffff') ORDER BY revision",
            &[],
        )
        .await
        .unwrap();
    let seen: Vec<Seen> = rows
        .iter()
        .map(|r| {
            (
                r.get(0),
                r.get::<_, Uuid>(1).as_u128(),
                r.get(2),
                r.get(3),
                r.get(4),
            )
        })
        .collect();
    let third = Some("0.3333333333333333".to_owned());
    let row = |a: &str, n, old, new, named| (a.to_owned(), n, old, new, named);
    assert_eq!(
        seen,
        [
            row("INSERT", 1, None, third.clone(), Some(false)),
            row("UPDATE", 1, third, None, Some(true)),
            row("DELETE", 1, None, None, None),
            row("INSERT", 0xffff, None, None, Some(true)),
        ]
    );
}

#[tokio::test]
async fn commit_numbers_are_in_commit_order_not_in_the_order_of_the_writes() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let (a, b) = (server::psql(&url).await, server::psql(&url).await);
    let write = |name: &str| {
        format!(
            "BEGIN; SET LOCAL cabd.author = '{name}'; INSERT INTO cabd.data_source (name) VALUES ('{name}')"
        )
    };
    a.batch_execute(&write("early")).await.unwrap();
    b.batch_execute(&write("late")).await.unwrap();
    b.batch_execute("COMMIT").await.unwrap();
    let seen = log(&store, 0).await;
    assert_eq!(seen[0].author.as_deref(), Some("late"));
    let cursor = store.head().await.unwrap();
    a.batch_execute("COMMIT").await.unwrap();
    let seen = log(&store, cursor.0).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].author.as_deref(), Some("early"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_follows_the_head_misses_no_change_of_many_writers() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let mut writers = vec![];
    for w in 0..4u128 {
        let url = url.clone();
        writers.push(tokio::spawn(async move {
            let store = PgStore::connect(&url).await.unwrap();
            for n in 0..25 {
                store
                    .apply_all(&head("w"), vec![dam(w * 1000 + n + 1)])
                    .await
                    .unwrap();
            }
        }));
    }
    let (mut cursor, mut seen) = (0, std::collections::HashSet::new());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while seen.len() < 100 && std::time::Instant::now() < deadline {
        for e in log(&store, cursor).await {
            assert!(e.commit.0 >= cursor);
            cursor = e.commit.0;
            assert!(seen.insert(e.cabd_id.unwrap()));
        }
    }
    for w in writers {
        w.await.unwrap();
    }
    assert_eq!(seen.len(), 100);
    assert_eq!(store.head().await.unwrap().0, 101);
}

#[tokio::test]
async fn the_effective_point_follows_its_origins_whoever_writes_them() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let client = server::psql(&url).await;
    let points = async || -> Vec<Option<String>> {
        let row = client
            .query_one("SELECT ST_AsText(geometry), ST_AsText(snapped_point), ST_AsText(original_point) FROM dams.dams", &[])
            .await
            .unwrap();
        (0..3).map(|i| row.get(i)).collect()
    };
    let p = |x: i32| Some(format!("POINT({x} 45)"));
    let run = async |sql: &str| client.batch_execute(sql).await.unwrap();
    run("CREATE FUNCTION pt(x int) RETURNS geometry LANGUAGE sql AS 'SELECT ST_SetSRID(ST_MakePoint(x, 45), 4617)'").await;

    run("INSERT INTO dams.dams (geometry) VALUES (pt(-1))").await;
    assert_eq!(points().await, [p(-1), None, p(-1)]);
    run("UPDATE dams.dams SET snapped_point = pt(-2)").await;
    assert_eq!(points().await, [p(-2), p(-2), p(-1)]);
    run("UPDATE dams.dams SET geometry = pt(-3)").await;
    assert_eq!(points().await, [p(-3), p(-3), p(-1)]);
    run("UPDATE dams.dams SET snapped_point = NULL").await;
    assert_eq!(points().await, [p(-1), None, p(-1)]);
    run("DELETE FROM dams.dams; INSERT INTO dams.dams (original_point, snapped_point) VALUES (pt(-5), pt(-6))").await;
    assert_eq!(points().await, [p(-6), p(-6), p(-5)]);

    let id = store
        .all_records(&RecordQuery::of(Relation::feature("dams")))
        .await
        .unwrap()[0]
        .get("cabd_id")
        .as_uuid()
        .unwrap();
    let op = Operation::update_feature("dams", id).set("snapped_point", Value::Null);
    store
        .apply_all(&ChangeHead::default(), vec![op])
        .await
        .unwrap();
    assert_eq!(points().await, [p(-5), None, p(-5)]);
    let found = store.collect(&FeatureQuery::of("dams")).await.unwrap();
    assert_eq!(found[0].value(0, "longitude"), Value::Double(-5.0));
}

#[tokio::test]
async fn a_suggested_update_marks_its_feature_until_it_is_done() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    store
        .apply_all(&ChangeHead::default(), vec![dam(1), dam(2)])
        .await
        .unwrap();
    let client = server::psql(&url).await;
    client
        .batch_execute(
            "INSERT INTO dams.dams_community_staging (cabd_id, data) VALUES ('00000000-0000-0000-0000-000000000001', '{}'); \
             INSERT INTO dams.dams_community_staging (cabd_id, data) VALUES ('00000000-0000-0000-0000-000000000001', '{}'); \
             INSERT INTO cabd.contacts (email, name) VALUES ('a@b.c', 'A'); \
             INSERT INTO cabd.user_feature_updates (contact_id, cabd_id, cabd_type) \
             SELECT id, '00000000-0000-0000-0000-000000000001', 'dams' FROM cabd.contacts",
        )
        .await
        .unwrap();
    let mut q = FeatureQuery::of("barriers");
    q.limit = Some(10);
    let pending = |b: &[cabd_core::FeatureBatch]| -> Vec<Value> {
        (0..2).map(|r| b[0].value(r, "updates_pending")).collect()
    };
    let found = store
        .collect(&FeatureQuery {
            feature_type: "dams".into(),
            ..q.clone()
        })
        .await
        .unwrap();
    assert_eq!(pending(&found), [Value::Bool(true), Value::Bool(false)]);
    client
        .batch_execute("UPDATE dams.dams_community_staging SET status = 'REVIEWED'; UPDATE cabd.user_feature_updates SET status = 'done'")
        .await
        .unwrap();
    let found = store
        .collect(&FeatureQuery {
            feature_type: "dams".into(),
            ..q
        })
        .await
        .unwrap();
    assert_eq!(pending(&found), [Value::Bool(false), Value::Bool(false)]);
    assert!(store.capabilities().logs_foreign_changes);
}
