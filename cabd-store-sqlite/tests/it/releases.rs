//! Releases in the file: what other programs may do with them, and files of before.

use cabd_core::CommitNumber;
use cabd_core::store::{AuditStore, Release, Store};
use cabd_store_sqlite::SqliteStore;
use rusqlite::Connection;

#[tokio::test]
async fn a_release_stays_whoever_writes_and_goes_with_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("a.sqlite"),
        folder.path().join("b.sqlite"),
    );
    let store = SqliteStore::create(&path).unwrap();
    let release = Release::new("v1", CommitNumber(0)).unwrap();
    store.release(&release).await.unwrap();
    store.close().await.unwrap();
    let other = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE cabd_release SET revision = 7",
        "DELETE FROM cabd_release",
    ] {
        let e = other.execute(sql, []).unwrap_err().to_string();
        assert!(e.contains("never moves"), "{e}");
    }
    let target = copy.display().to_string();
    other.execute("VACUUM INTO ?", [&target]).unwrap();
    let again = SqliteStore::open(&copy).unwrap();
    assert_eq!(again.releases().await.unwrap(), [release]);
    again.close().await.unwrap();
}

#[tokio::test]
async fn a_file_of_before_releases_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    SqliteStore::create(&path).unwrap().close().await.unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "DROP TABLE cabd_release; DROP TABLE cabd_feature_identity; DROP TABLE cabd_seal; DROP TABLE cabd_seal_salt; DELETE FROM cabd_schema_history WHERE version >= 7;",
        )
        .unwrap();
    drop(other);
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.releases().await.unwrap().is_empty());
    assert!(store.doctor().await.unwrap().is_empty());
    store.close().await.unwrap();
}
