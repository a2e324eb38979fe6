//! The log of a SpatiaLite file.

use std::time::{Duration, Instant};

use cabd_benches::report;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{CHANGED, ROUNDS, Updates, at_most_four, columns, compare};

pub async fn run(features: u64) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.sqlite");
    let store = crate::inventory(path.to_str().unwrap()).await;
    let time = crate::load(&*store, features, 1).await;
    let ours = report("SpatiaLite: load with its log", features, time);
    let columns = columns(&store.catalog().await.unwrap());
    store.close().await.unwrap();

    let bare = crate::sqlite::bare_load(&path, &folder.path().join("bare.sqlite"), features);
    let kept = at_most_four(&ours, &bare);

    let rows = (features / 10).clamp(1, 20_000);
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -200000;",
    )
    .unwrap();
    let ids: Vec<String> = conn
        .prepare("SELECT cabd_id FROM dams ORDER BY fid LIMIT ?")
        .unwrap()
        .query_map([i64::try_from(rows).unwrap()], |r| r.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut round = 0;
    // Pages are in memory for all of them.
    updates(&conn, &columns, &ids, &mut round, "before");
    let logged = updates(&conn, &columns, &ids, &mut round, "our log");
    let triggers: Vec<String> = conn
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'dams' AND name GLOB 'cabd_a?_dams'",
        )
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(triggers.len() >= 6, "{triggers:?}");
    for name in triggers {
        conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    let none = updates(&conn, &columns, &ids, &mut round, "no log");
    whole_rows(&conn);
    let whole = updates(&conn, &columns, &ids, &mut round, "a log of whole rows");
    compare("SpatiaLite", rows, &none, &logged, &whole) && kept
}

/// One transaction of single-row updates for each number of columns; every value changes.
fn updates(
    conn: &Connection,
    columns: &[(String, bool)],
    ids: &[String],
    round: &mut usize,
    what: &'static str,
) -> Updates {
    let times = CHANGED.map(|n| {
        let sets: Vec<String> = columns[..n]
            .iter()
            .map(|(c, _)| format!("{c} = ?"))
            .collect();
        let text = format!("UPDATE dams SET {} WHERE cabd_id = ?", sets.join(", "));
        let mut update = conn.prepare(&text).unwrap();
        let times = (0..ROUNDS).map(|_| {
            *round += 1;
            conn.execute_batch("BEGIN IMMEDIATE").unwrap();
            let start = Instant::now();
            for id in ids {
                let values = columns[..n].iter().map(|(_, number)| match number {
                    true => Value::Real(*round as f64 + 0.25),
                    false => Value::Text(format!("round {round}")),
                });
                let values = values.chain([Value::Text(id.clone())]);
                assert_eq!(update.execute(params_from_iter(values)).unwrap(), 1);
            }
            conn.execute_batch("COMMIT").unwrap();
            start.elapsed()
        });
        times.min().unwrap_or(Duration::ZERO)
    });
    Updates {
        what,
        times: times.to_vec(),
    }
}

/// A plain trigger that writes both rows whole into a table with the columns and indexes of ours.
fn whole_rows(conn: &Connection) {
    let names: Vec<(String, bool)> = conn
        .prepare("SELECT name, type FROM pragma_table_info('dams')")
        .unwrap()
        .query_map([], |r| {
            let name: String = r.get(0)?;
            let kind: String = r.get::<_, String>(1)?.to_uppercase();
            let is_blob = ["POINT", "GEOM", "BLOB"].iter().any(|k| kind.contains(k));
            Ok((name, is_blob))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let object = |row: &str| {
        let pairs: Vec<String> = names
            .iter()
            .map(|(n, is_blob)| match is_blob {
                true => format!("'\"{n}\":\"' || COALESCE(hex({row}.{n}), '') || '\"'"),
                false => format!("'\"{n}\":' || json_quote({row}.{n})"),
            })
            .collect();
        format!("'{{' || {} || '}}'", pairs.join(" || ',' || "))
    };
    let ddl: String = conn
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'cabd_audit_record'",
            [],
            |r| r.get(0),
        )
        .unwrap();
    let indexes: Vec<String> = conn
        .prepare(
            "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'cabd_audit_record' AND sql IS NOT NULL",
        )
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let renamed = |sql: &str| sql.replace("audit_record", "whole_record");
    conn.execute_batch(&renamed(&ddl)).unwrap();
    for (n, sql) in indexes.iter().enumerate() {
        let (head, rest) = sql.split_once(" ON ").unwrap();
        let unique = if head.contains("UNIQUE") {
            "UNIQUE "
        } else {
            ""
        };
        conn.execute_batch(&format!(
            "CREATE {unique}INDEX whole_{n} ON {}",
            renamed(rest)
        ))
        .unwrap();
    }
    conn.execute_batch(&format!(
        "CREATE TRIGGER whole_rows AFTER UPDATE ON dams BEGIN \
         INSERT INTO cabd_whole_record (changeset, datetime, username, schemaname, tablename, action, cabd_id, oldvalues, newvalues) \
         VALUES ((SELECT changeset FROM cabd_audit_actor), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), \
         (SELECT author FROM cabd_audit_actor), 'dams', 'dams', 'UPDATE', NEW.cabd_id, {}, {}); END",
        object("OLD"),
        object("NEW")
    ))
    .unwrap();
}
