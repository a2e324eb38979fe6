//! Random changes and questions on a SpatiaLite file and on the reference store: the same answers.

use cabd_core::conformance::random::{evolve, play};
use cabd_core::memory::MemoryStore;
use cabd_store_sqlite::SqliteStore;

use crate::shipped::run;

#[test]
fn random_changes_and_questions_have_the_answers_of_the_reference_store() {
    for seed in 1..=4 {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::create(folder.path().join("random.sqlite")).unwrap();
            play(&MemoryStore::new(), &store, seed, 120).await;
        });
    }
}

#[test]
fn random_catalogues_are_changed_as_in_the_reference_and_undone() {
    for seed in 1..=4 {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::create(folder.path().join("random.sqlite")).unwrap();
            evolve(&MemoryStore::new(), &store, seed, 15).await;
        });
    }
}
