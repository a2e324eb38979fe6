//! The log of a PostGIS database.

use std::time::{Duration, Instant};

use cabd_benches::report;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::{CHANGED, ROUNDS, Updates, at_most_four, columns, compare};
use crate::pg::{connect, copied, drop_database, new_database};

pub async fn run(features: u64) -> bool {
    let url = new_database().await;
    let store = crate::inventory(&url).await;
    let time = crate::load(&*store, features, 1).await;
    let ours = report("PostGIS: load with its log", features, time);
    let columns = columns(&store.catalog().await.unwrap());
    store.close().await.unwrap();
    let client = connect(&url).await;
    let bare = copied(&client, features).await;
    let kept = at_most_four(&ours, &bare);

    let rows = (features / 10).clamp(1, 20_000);
    let ids: Vec<String> = client
        .query(
            "SELECT cabd_id::text FROM dams.dams ORDER BY cabd_id LIMIT $1",
            &[&i64::try_from(rows).unwrap()],
        )
        .await
        .unwrap()
        .iter()
        .map(|r| r.get(0))
        .collect();
    let mut round = 0;
    updates(&client, &columns, &ids, &mut round, "before").await;
    let logged = updates(&client, &columns, &ids, &mut round, "our log").await;
    let triggers: Vec<String> = client
        .query(
            "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 'dams.dams'::regclass AND NOT tgisinternal \
             AND tgname LIKE '%audit%'",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|r| r.get(0))
        .collect();
    assert!(triggers.len() >= 2, "{triggers:?}");
    for name in triggers {
        let text = format!("ALTER TABLE dams.dams DISABLE TRIGGER {name}");
        client.batch_execute(&text).await.unwrap();
    }
    let none = updates(&client, &columns, &ids, &mut round, "no log").await;
    whole_rows(&client).await;
    let whole = updates(&client, &columns, &ids, &mut round, "a log of whole rows").await;
    drop(client);
    drop_database().await;
    compare("PostGIS", rows, &none, &logged, &whole) && kept
}

/// One transaction of single-row updates for each number of columns; every value changes.
async fn updates(
    client: &Client,
    columns: &[(String, bool)],
    ids: &[String],
    round: &mut usize,
    what: &'static str,
) -> Updates {
    let mut times = vec![];
    for n in CHANGED {
        let sets: Vec<String> = columns[..n]
            .iter()
            .enumerate()
            .map(|(i, (c, number))| match number {
                true => format!("{c} = ${}::text::float8", i + 1),
                false => format!("{c} = ${}::text", i + 1),
            })
            .collect();
        let text = format!(
            "UPDATE dams.dams SET {} WHERE cabd_id = ${}::text::uuid",
            sets.join(", "),
            n + 1
        );
        let update = client.prepare(&text).await.unwrap();
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            *round += 1;
            client.batch_execute("BEGIN").await.unwrap();
            let start = Instant::now();
            for id in ids {
                let values: Vec<String> = columns[..n]
                    .iter()
                    .map(|(_, number)| match number {
                        true => format!("{round}.25"),
                        false => format!("round {round}"),
                    })
                    .chain([id.clone()])
                    .collect();
                let values: Vec<&(dyn ToSql + Sync)> =
                    values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
                assert_eq!(client.execute(&update, &values).await.unwrap(), 1);
            }
            client.batch_execute("COMMIT").await.unwrap();
            best = best.min(start.elapsed());
            client.batch_execute("VACUUM dams.dams").await.unwrap();
        }
        times.push(best);
    }
    Updates { what, times }
}

/// A plain trigger that writes both rows whole into a table with the columns and indexes of ours.
async fn whole_rows(client: &Client) {
    client
        .batch_execute(
            "CREATE TABLE cabd.whole_record (LIKE cabd.audit_record INCLUDING ALL);
             CREATE FUNCTION cabd.whole_row() RETURNS trigger LANGUAGE plpgsql AS $body$
             BEGIN
                 INSERT INTO cabd.whole_record (schemaname, tablename, action, changeset, oldvalues, newvalues, cabd_id)
                 VALUES ('dams', 'dams', 'UPDATE', cabd.current_changeset(), to_jsonb(old), to_jsonb(new), new.cabd_id);
                 RETURN NULL;
             END $body$;
             CREATE TRIGGER whole_row AFTER UPDATE ON dams.dams FOR EACH ROW EXECUTE FUNCTION cabd.whole_row()",
        )
        .await
        .unwrap();
}
