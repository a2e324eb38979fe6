//! Derived values in a database: rows of psql, a role that may only read, the shipped types, and what it costs.

use cabd_core::Value;
use cabd_core::conformance::derived::{furnish_zones, gauge, value};
use cabd_core::conformance::elsewhere::{self, Edit, Elsewhere, Given};
use cabd_core::conformance::world::{id, write};
use cabd_core::store::DeriveExt;
use cabd_store_pg::PgStore;
use tokio_postgres::Client;

use crate::server;

fn run<F: Future<Output = ()>>(case: F) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(case);
}

struct Psql(Client);

impl Psql {
    async fn run(&self, sql: &str) {
        self.0.batch_execute(sql).await.unwrap();
    }
}

fn sql(given: &Given) -> String {
    match given {
        Given::Text(t) => format!("'{t}'"),
        Given::Number(n) => n.to_string(),
        Given::Point(x, y) => format!("ST_SetSRID(ST_MakePoint({x}, {y}), 4617)"),
    }
}

#[async_trait::async_trait]
impl Elsewhere for Psql {
    async fn edit(&self, table: &str, edit: Edit, values: &[(&str, Given)]) {
        let names: Vec<&str> = values.iter().map(|(n, _)| *n).collect();
        let all: Vec<String> = values.iter().map(|(_, v)| sql(v)).collect();
        let sets: Vec<String> = names
            .iter()
            .zip(&all)
            .map(|(n, v)| format!("{n} = {v}"))
            .collect();
        self.run(&match edit {
            Edit::Insert => format!(
                "INSERT INTO gauges.{table} ({}) VALUES ({})",
                names.join(", "),
                all.join(", ")
            ),
            Edit::Update(id) => format!(
                "UPDATE gauges.{table} SET {} WHERE cabd_id = '{id}'",
                sets.join(", ")
            ),
            Edit::Delete(id) => format!("DELETE FROM gauges.{table} WHERE cabd_id = '{id}'"),
        })
        .await;
    }
}

#[test]
fn what_psql_writes_is_derived_at_the_next_look() {
    run(async {
        let Some(url) = server::bare().await else {
            return;
        };
        let store = PgStore::connect(&url).await.unwrap();
        let psql = Psql(server::psql(&url).await);
        elsewhere::what_other_programs_write_is_derived_at_the_next_look(&store, &psql).await;
        let sql = "SELECT kind, reason FROM cabd.changeset ORDER BY revision DESC LIMIT 1";
        let row = psql.0.query_one(sql, &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "derive");
        assert_eq!(
            row.get::<_, &str>(1),
            "derived values of rows that other programs wrote"
        );
    });
}

#[test]
fn what_cannot_be_derived_is_told() {
    run(async {
        let Some(url) = server::bare().await else {
            return;
        };
        let store = PgStore::connect(&url).await.unwrap();
        let psql = Psql(server::psql(&url).await);
        elsewhere::what_cannot_be_derived_is_told(&store, &psql).await;
    });
}

#[test]
fn a_role_that_may_only_read_leaves_rows_of_others_as_they_are() {
    run(async {
        let Some(url) = server::bare().await else {
            return;
        };
        let store = PgStore::connect(&url).await.unwrap();
        furnish_zones(&store).await;
        write(&store, vec![gauge(1, -76.0, 45.0)]).await;
        let psql = Psql(server::psql(&url).await);
        psql.edit(
            "gauges",
            Edit::Update(id(1)),
            &[("geometry", Given::Point(-62.0, 47.0))],
        )
        .await;
        let reading = format!("{url}?options=-c%20default_transaction_read_only%3Don");
        let reader = PgStore::connect(&reading).await.unwrap();
        assert_eq!(reader.derive_foreign().await.unwrap().commit, None);
        assert_eq!(value(&store, 1, "zone_code").await, Value::from("aa"));
        assert!(store.derive_foreign().await.unwrap().commit.is_some());
        assert_eq!(value(&store, 1, "zone_code").await, Value::from("bb"));
    });
}

#[test]
fn the_shipped_types_derive() {
    run(async {
        let Some((store, _)) = server::with_catalog().await else {
            return;
        };
        elsewhere::the_shipped_types_derive(&store).await;
    });
}

#[test]
#[ignore = "a measurement: cargo test -p cabd-store-pg --test it what_ten_thousand -- --ignored --nocapture"]
fn what_ten_thousand_rows_cost() {
    run(async {
        let Some(url) = server::bare().await else {
            return;
        };
        let store = PgStore::connect(&url).await.unwrap();
        elsewhere::measure(&store).await;
    });
}
