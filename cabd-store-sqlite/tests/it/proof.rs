//! The log of a file, altered with plain SQL.

use std::path::PathBuf;

use crate::tampering::{self, Hand, Names};
use cabd_core::conformance::world::{furnish, weir, write};
use cabd_core::store::{ProofExt, ProofStore, Store, Verify};
use cabd_core::{CommitNumber, ErrorKind};
use cabd_store_sqlite::SqliteStore;
use rusqlite::Connection;

const NAMES: Names = Names {
    log: "cabd_audit_record",
    changeset: "cabd_changeset",
    number: "id",
    seal: "cabd_seal",
    salt: "cabd_seal_salt",
    zeros: "zeroblob(32)",
    free_numbers: "",
    triggers: &[
        "DROP TRIGGER cabd_ad_weirs",
        "DROP TRIGGER cabd_ai_weirs; CREATE TRIGGER cabd_ai_weirs AFTER INSERT ON weirs BEGIN SELECT 1; END",
    ],
};

struct Shell(PathBuf);

#[async_trait::async_trait]
impl Hand for Shell {
    async fn run(&self, sql: &str) {
        // Whoever tampers does not mind keys.
        let all = format!("PRAGMA foreign_keys = off; {sql}");
        let conn = Connection::open(&self.0).unwrap();
        conn.execute_batch(&all)
            .unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

async fn fresh() -> Option<(SqliteStore, Shell, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let store = SqliteStore::create(&path).unwrap();
    Some((store, Shell(path), folder))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alteration_is_found() {
    tampering::every_alteration_is_found(&NAMES, fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_went_with_its_seal_is_missed_by_who_noted_the_head() {
    let (store, hand, _folder) = fresh().await.unwrap();
    tampering::a_commit_that_went_with_its_seal_is_missed_by_who_noted_the_head(
        &NAMES, &store, &hand,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spoilt_trigger_is_found() {
    tampering::every_spoilt_trigger_is_found(&NAMES, fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_sealed_is_sealed_later() {
    let (store, hand, _folder) = fresh().await.unwrap();
    tampering::what_was_never_sealed_is_sealed_later(&NAMES, &store, &hand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_does_not_wait_for_a_writer_and_a_file_that_is_only_read_says_what_is_unsealed() {
    let (store, hand, folder) = fresh().await.unwrap();
    furnish(&store).await;
    write(&store, vec![weir(1)]).await;
    let path = folder.path().join("a.sqlite");
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("DELETE FROM cabd_seal; BEGIN IMMEDIATE")
        .unwrap();
    // Somebody writes: the file opens all the same, unsealed.
    let begun = std::time::Instant::now();
    let other = SqliteStore::open(&path).unwrap();
    assert_eq!(other.seal_of(CommitNumber(i64::MAX)).await.unwrap(), None);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    writer.execute_batch("ROLLBACK").unwrap();
    drop(other);
    store.close().await.unwrap();
    hand.run("DELETE FROM cabd_seal").await;
    let mut rights = std::fs::metadata(&path).unwrap().permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&path, rights).unwrap();
    let read = SqliteStore::open(&path).unwrap();
    // Whoever runs this as root may write whatever the file's rights say.
    if let Err(e) = read.seal().await {
        assert_eq!(e.kind(), ErrorKind::Denied);
        let verified = read.verify(&Verify::default()).await.unwrap();
        assert!(verified.is_whole() && verified.unsealed > 0);
        assert!(
            verified
                .findings
                .iter()
                .any(|f| f.message.contains("not sealed yet"))
        );
    }
    read.close().await.unwrap();
}
