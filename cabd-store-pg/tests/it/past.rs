//! Releases, feed and earlier states after a dump and its restoration; releases stay whoever writes.

use std::path::Path;
use std::process::{Command, Stdio};

use cabd_core::feature::Operation;
use cabd_core::query::FeatureQuery;
use cabd_core::store::{
    AuditStore, Change, FeatureStoreExt, FeedQuery, HistoryExt, Release, Store,
};
use cabd_core::{ChangeHead, Geometry, Uuid, Value};
use cabd_store_pg::PgStore;
use futures::TryStreamExt;

use crate::server;

fn program(name: &str) -> Command {
    match std::env::var("CABD_PG_BINDIR") {
        Ok(folder) => Command::new(Path::new(&folder).join(name)),
        Err(_) => Command::new(name),
    }
}

async fn told(store: &PgStore) -> Vec<Change> {
    let (_, feed) = store.feed(FeedQuery::default()).await.unwrap();
    feed.try_collect().await.unwrap()
}

async fn height(store: &PgStore, id: Uuid, at: &str) -> Value {
    let mut q = FeatureQuery::of("dams");
    q.ids = Some(vec![id]);
    q.as_of = Some(store.commit_of(at).await.unwrap());
    store.collect(&q).await.unwrap()[0].value(0, "height_m")
}

#[tokio::test]
async fn the_past_survives_a_dump_and_its_restoration() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let id = Uuid::from_u128(1);
    let dam = Operation::insert_feature("dams", id)
        .set("geometry", Geometry::point(-75.0, 45.0))
        .set("height_m", 2.5);
    let head = ChangeHead::default();
    store.apply_all(&head, vec![dam]).await.unwrap();
    let release = Release::new("v1", store.head().await.unwrap()).unwrap();
    store.release(&release).await.unwrap();
    let higher = Operation::update_feature("dams", id).set("height_m", 7.0);
    store.apply_all(&head, vec![higher]).await.unwrap();
    let (feed, newest) = (told(&store).await, store.head().await.unwrap());
    let released = store.releases().await.unwrap();
    assert!(released[0].chain.is_some() && released[0].name == release.name);

    let other = server::psql(&url).await;
    for sql in [
        "UPDATE cabd.release SET revision = 1",
        "DELETE FROM cabd.release",
        "TRUNCATE cabd.release",
    ] {
        let e = other.batch_execute(sql).await.unwrap_err();
        let said = e.as_db_error().unwrap().message().to_owned();
        assert!(said.contains("never moves"), "{sql}: {said}");
    }
    drop(other);
    store.close().await.unwrap();

    let copy = server::nothing().await.unwrap();
    let mut dump = program("pg_dump")
        .args(["--no-owner", &url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let restored = program("psql")
        .args(["--quiet", "--set", "ON_ERROR_STOP=1", &copy])
        .stdin(dump.stdout.take().unwrap())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(dump.wait().unwrap().success() && restored.success());
    let store = PgStore::connect(&copy).await.unwrap();
    assert_eq!(store.releases().await.unwrap(), released);
    assert_eq!(store.head().await.unwrap(), newest);
    assert_eq!(told(&store).await, feed);
    assert_eq!(height(&store, id, "v1").await, Value::from(2.5));
    // What is written now comes after.
    let lower = Operation::update_feature("dams", id).set("height_m", 1.0);
    let done = store.apply_all(&head, vec![lower]).await.unwrap();
    assert!(done.commit.unwrap() > newest);
    assert_eq!(told(&store).await[..feed.len()], feed);
    assert_eq!(
        height(&store, id, &newest.to_string()).await,
        Value::from(7.0)
    );
    store.close().await.unwrap();
}
