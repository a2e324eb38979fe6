//! The proof: sealed after every commit, whole while nobody tampers, whole after an erasure.

use futures::{TryStreamExt, future};

use super::evolution::{done, healthy, nothing, retyped, undo, without_notes};
use crate::catalog::{CatalogChange, Relation};
use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::{Action, ChangeHead, Operation};
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::store::{
    ERASED, Erased, Hash, ProofExt, Release, Revert, RevertExt, Seal, Store, StoredRow, StoredRows,
    Verified, Verify, is_erased, operations,
};
use crate::value::Value;

/// Everything is sealed and as it was sealed.
pub async fn whole(store: &dyn Store) -> Verified {
    let verified = store.verify(&Verify::default()).await.unwrap();
    assert_eq!(verified.findings, [], "{verified:#?}");
    assert_eq!(verified.unsealed, 0);
    let head = store.head().await.unwrap();
    assert_eq!(verified.head.map(|h| h.commit), Some(head));
    verified
}

async fn seals(store: &dyn Store) -> Vec<Seal> {
    let all = store.seals(CommitNumber::default()).await.unwrap();
    all.try_collect().await.unwrap()
}

async fn stored(store: &dyn Store, only_people: bool) -> Vec<StoredRow> {
    let query = StoredRows {
        only_people,
        ..StoredRows::default()
    };
    let rows = store.stored_rows(&query).await.unwrap();
    rows.try_collect().await.unwrap()
}

pub async fn a_store_verifies_after_every_way_of_writing(store: &dyn Store) {
    let empty = store.verify(&Verify::default()).await.unwrap();
    assert!(empty.is_whole());
    furnish(store).await;
    write(store, vec![weir(1).set("height_m", 0.1 + 0.2), weir(2)]).await;
    let noted = whole(store).await.head.unwrap();
    write(
        store,
        vec![update(1).set("comments", "é\n\"1\""), delete(2)],
    )
    .await;
    write(store, (10..400).map(weir).collect()).await;
    let around = vec![
        data_source(9, "a"),
        feature_source("weirs", 1, 9, "k"),
        site(500),
        structure(20, 500, true, 1),
    ];
    write(store, around).await;
    let back = Revert::of(CommitNumber(noted.commit.0 + 1));
    store
        .revert(&ChangeHead::default(), &back, Lang::En)
        .await
        .unwrap();
    let verified = whole(store).await;
    assert_eq!(verified.commits, seals(store).await.len() as u64);
    assert_eq!(verified.rows, stored(store, false).await.len() as u64);
    healthy(store).await;
    // A hash that was noted is found as long as the log has it.
    let expect = |hash| Verify {
        expect: Some(hash),
        ..Verify::default()
    };
    let found = store.verify(&expect(noted.hash)).await.unwrap();
    assert_eq!(
        (found.is_whole(), found.expected_at),
        (true, Some(noted.commit))
    );
    let other = store.verify(&expect(Hash([7; 32]))).await.unwrap();
    assert!(!other.is_whole() && other.expected_at.is_none());
    let from = Verify {
        from: noted.commit,
        expect: Some(noted.hash),
    };
    let later = store.verify(&from).await.unwrap();
    assert!(later.is_whole() && later.commits + 1 < verified.commits + 1);
    assert_eq!(later.head, verified.head);
    assert_eq!(later.expected_at, Some(noted.commit));
}

pub async fn commits_of_many_writers_are_sealed_in_order(store: &dyn Store) {
    furnish(store).await;
    let head = ChangeHead::default();
    let writers = (1..=6u128).map(|k| {
        let head = &head;
        async move {
            for n in 0..4 {
                let one = operations([weir(k * 1_000 + n)]);
                store.apply(head, one).await.unwrap();
            }
        }
    });
    let readers = async {
        for _ in 0..3 {
            let seen = store.verify(&Verify::default()).await.unwrap();
            assert!(seen.is_whole(), "{seen:#?}");
        }
    };
    future::join(future::join_all(writers), readers).await;
    whole(store).await;
    let mut chain = Hash::default();
    let mut last = CommitNumber::default();
    for seal in seals(store).await {
        assert!(seal.commit > last);
        last = seal.commit;
        chain = chain.then(seal.commit, &seal.digest);
        assert_eq!(seal.chain, chain);
    }
}

pub async fn changes_of_the_catalogue_keep_the_proof(store: &dyn Store) {
    furnish(store).await;
    without_notes(store).await;
    let filled = (1..=300).map(|n| weir(n).set("comments", n.to_string()).set("height_m", 1.5));
    write(store, filled.collect()).await;
    write(store, vec![update(1).set("comments", "7")]).await;
    whole(store).await;
    done(store, &nothing().rename("weirs.comments", "remarks")).await;
    whole(store).await;
    undo(store).await;
    whole(store).await;
    done(
        store,
        &retyped("weirs", "comments", "integer").narrow("weirs.comments"),
    )
    .await;
    whole(store).await;
    done(store, &nothing().drop("weirs.comments")).await;
    whole(store).await;
    done(store, &CatalogChange::purge(None)).await;
    write(store, vec![update(2).set("height_m", 2.0), delete(3)]).await;
    whole(store).await;
}

pub async fn a_release_is_stamped_with_the_chain(store: &dyn Store) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let head = whole(store).await.head.unwrap();
    write(store, vec![weir(2)]).await;
    let release = Release::new("v1", head.commit).unwrap();
    store.release(&release).await.unwrap();
    let releases = store.releases().await.unwrap();
    assert_eq!(releases[0].chain, Some(head.hash));
    whole(store).await;
}

fn contact(n: u128, email: &str) -> Operation {
    Operation::new(Relation::Contact, Action::Insert)
        .set("id", id(n))
        .set("email", email)
        .set("name", "Ann Author")
        .set("organization", "Clean Streams")
}

fn about(n: u128, contact: u128, words: &str) -> Operation {
    Operation::new(Relation::FeatureUpdate, Action::Insert)
        .set("id", id(n))
        .set("contact_id", id(contact))
        .set("cabd_type", "weirs")
        .set("cabd_id", id(1))
        .set("user_description", words)
}

/// Two people and what they suggested; the commit that changed the name of the first.
async fn people(store: &dyn Store) -> CommitNumber {
    furnish(store).await;
    let all = vec![
        weir(1),
        contact(10, "ann@example.org"),
        contact(11, "bob@example.org"),
        about(20, 10, "Ann saw it"),
        about(21, 11, "Bob saw it"),
    ];
    write(store, all).await;
    let renamed = Operation::new(Relation::Contact, Action::Update)
        .set("id", id(10))
        .set("name", "Ann Other");
    let commit = write(store, vec![renamed]).await.commit.unwrap();
    let words = Operation::new(Relation::FeatureUpdate, Action::Update)
        .set("id", id(20))
        .set("user_data_source", "Ann's diary");
    write(store, vec![words]).await;
    commit
}

async fn erase(store: &dyn Store, contact: &str, dry_run: bool) -> Erased {
    let head = ChangeHead {
        author: Some("registrar".into()),
        reason: Some("asked for".into()),
        dry_run,
        ..ChangeHead::default()
    };
    store.erase(&head, contact, Lang::En).await.unwrap()
}

/// The whole text of the log.
async fn log_text(store: &dyn Store) -> String {
    let rows = stored(store, true).await;
    let texts = rows.iter().flat_map(|r| [&r.old, &r.new]);
    texts.flatten().cloned().collect::<Vec<_>>().join("\n")
}

pub async fn an_erased_person_leaves_the_proof_whole(store: &dyn Store) {
    people(store).await;
    let before = whole(store).await;
    let log = log_text(store).await;
    assert!(log.contains("ann@example.org") && log.contains("Ann's diary"));
    let start = contents(store).await;
    let preview = erase(store, "ann@example.org", true).await;
    assert_eq!((preview.applied.commit, preview.rows.len()), (None, 2));
    assert_eq!(preview.logged, 4);
    assert_eq!(contents(store).await, start);

    let erased = erase(store, "ann@example.org", false).await;
    assert_eq!(erased.contact, id(10));
    assert_eq!(erased.logged, 6, "the two of the erasure as well");
    let commit = erased.applied.commit.unwrap();
    let log = log_text(store).await;
    for word in ["ann@", "Ann", "Streams\"", "diary"] {
        let left: Vec<&str> = log.lines().filter(|l| l.contains(word)).collect();
        assert!(left.iter().all(|l| l.contains("bob@")), "{word}: {left:?}");
    }
    assert!(log.contains("bob@example.org") && log.contains("Bob saw it"));
    let after = store
        .verify(&Verify {
            expect: before.head.map(|h| h.hash),
            ..Verify::default()
        })
        .await
        .unwrap();
    assert_eq!(after.findings, [], "the chain is the same as before");
    let rows = all(store, Relation::Contact).await;
    let ann = rows.iter().find(|r| r.get("id") == &Value::from(id(10)));
    let ann = ann.unwrap();
    assert_eq!(ann.get("name"), &Value::from(ERASED));
    assert!(ann.get("email").as_str().is_some_and(is_erased));
    let sets: Vec<_> = store
        .changesets(CommitNumber(commit.0 - 1), Some(commit))
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(sets[0].author.as_deref(), Some("registrar"));
    assert_eq!(sets[0].reason.as_deref(), Some("asked for"));
    // The salts of the person are gone, those of others are not.
    for row in stored(store, true).await {
        let of_ann = [10, 20].map(|n| id(n).to_string());
        let is_hers = row.id_pk.as_ref().is_some_and(|id| of_ann.contains(id));
        let personal = row.personal.unwrap_or_default();
        assert_eq!(
            personal.salt.is_none(),
            is_hers,
            "revision {}",
            row.revision
        );
    }
    // Once more, by identifier, changes nothing.
    let again = erase(store, &id(10).to_string(), false).await;
    assert_eq!((again.applied.commit, again.logged), (None, 0));
    let e = store
        .erase(&ChangeHead::default(), "ann@example.org", Lang::En)
        .await
        .unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound);
    write(store, vec![update(1).set("height_m", 3.0)]).await;
    whole(store).await;
}

pub async fn what_was_erased_is_not_brought_back(store: &dyn Store) {
    let renamed = people(store).await;
    let commit = erase(store, &id(10).to_string(), false)
        .await
        .applied
        .commit;
    let erased = contents(store).await.records;
    for commit in [renamed, commit.unwrap()] {
        let back = Revert::of(commit);
        let e = store
            .revert(&ChangeHead::default(), &back, Lang::En)
            .await
            .unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Conflict, "{e:?}");
        assert!(format!("{e:?}").contains("was erased"), "{e:?}");
        assert_eq!(contents(store).await.records, erased);
    }
    // The feature's own history goes on.
    let mut then = weirs();
    then.as_of = Some(renamed);
    assert_eq!(found(store, &then).await, [1]);
    whole(store).await;
}
