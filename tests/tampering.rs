//! The log altered behind the store's back, by SQL: each way is found and named. Part of the tests of both SQL stores.

use cabd_core::catalog::Relation;
use cabd_core::conformance::proof::whole;
use cabd_core::conformance::world::*;
use cabd_core::feature::{Action, Operation};
use cabd_core::id::CommitNumber;
use cabd_core::store::{Finding, ProofExt, Store, Verified, Verify};

/// How a store's tables are named in SQL.
pub struct Names {
    /// The log's records.
    pub log: &'static str,
    /// The changesets.
    pub changeset: &'static str,
    /// The column of the commit number in it.
    pub number: &'static str,
    /// The seals.
    pub seal: &'static str,
    /// The salts of people.
    pub salt: &'static str,
    /// Thirty-two zero bytes.
    pub zeros: &'static str,
    /// What lets the number of a log row be changed.
    pub free_numbers: &'static str,
    /// Statements that spoil a trigger of `weirs.weirs`: dropped, altered, switched off.
    pub triggers: &'static [&'static str],
}

/// Somebody at the database of a store.
#[async_trait::async_trait]
pub trait Hand: Send + Sync {
    /// Runs statements.
    async fn run(&self, sql: &str);
}

/// The commits of a small inventory: people and features, a change, more features.
async fn commits(store: &dyn Store) -> [i64; 3] {
    furnish(store).await;
    let ann = Operation::new(Relation::Contact, Action::Insert)
        .set("id", id(10))
        .set("email", "ann@example.org")
        .set("name", "Ann");
    let all = [
        vec![ann, weir(1).set("height_m", 1.5), weir(2)],
        vec![update(1).set("height_m", 2.5)],
        vec![weir(3), weir(4), weir(5)],
    ];
    let mut out = [0; 3];
    for (n, operations) in all.into_iter().enumerate() {
        out[n] = write(store, operations).await.commit.unwrap().0;
    }
    out
}

/// What an alteration is, in SQL, and what must be said of it: about which object, in which words.
fn alterations(n: &Names, [first, second, third]: [i64; 3]) -> Vec<(String, String, &'static str)> {
    let Names {
        log,
        changeset,
        number,
        seal,
        salt,
        zeros,
        ..
    } = n;
    let id_of = |c: i64| format!("(SELECT id FROM {changeset} WHERE {number} = {c})");
    let of = |c: i64| format!("changeset = {}", id_of(c));
    let place = |c: i64| format!("commit {c}");
    let row = |set: &str| {
        (
            format!("UPDATE {log} SET {set} WHERE {}", of(second)),
            place(second),
            "1 rows were altered or added, the first of weirs.weirs 00000000-",
        )
    };
    let head = |set: &str| {
        (
            format!("UPDATE {changeset} SET {set} WHERE {number} = {second}"),
            place(second),
            "the changeset was altered",
        )
    };
    let sealed = |set: &str, c: i64, words| {
        let sql = format!("UPDATE {seal} SET {set} WHERE commit_number = {c}");
        (sql, place(c), words)
    };
    let last = format!("(SELECT max(revision) FROM {log})");
    let lost = format!("DELETE FROM {log} WHERE {}", of(third));
    vec![
        row("newvalues = '{\"height_m\": 9.5}'"),
        row("oldvalues = '{}'"),
        row("datetime = '2001-01-01T00:00:00.000Z'"),
        row("username = 'mallory'"),
        row("action = 'DELETE'"),
        row("datasource_id = '00000000-0000-4000-8000-000000000001'"),
        (
            format!(
                "UPDATE {log} SET cabd_id = '00000000-0000-4000-8000-000000000077' WHERE {}",
                of(second)
            ),
            place(second),
            "the first of weirs.weirs 00000000-0000-4000-8000-000000000077, revision",
        ),
        head("author = 'mallory'"),
        head("datetime = '2001-01-01T00:00:00.000Z'"),
        head("reason = 'nothing'"),
        head("kind = 'review'"),
        head("reviewer = 'mallory'"),
        (
            format!("UPDATE {changeset} SET {number} = 99 WHERE {number} = {second}"),
            place(second),
            "is not there",
        ),
        (
            format!("DELETE FROM {log} WHERE revision = {last}"),
            place(third),
            "1 of 3 sealed rows were altered or removed, the first after revision",
        ),
        (
            format!(
                "INSERT INTO {log} (changeset, schemaname, tablename, action, cabd_id) VALUES \
                 ({}, 'weirs', 'weirs', 'DELETE', '00000000-0000-4000-8000-000000000001')",
                id_of(third)
            ),
            place(third),
            "1 rows were altered or added",
        ),
        (
            format!(
                "INSERT INTO {log} (changeset, schemaname, tablename, action) VALUES (-5, 'weirs', 'weirs', 'DELETE')"
            ),
            String::new(),
            "1 rows",
        ),
        (
            format!(
                "{free} UPDATE {log} SET revision = -1 WHERE revision = {last}; \
                 UPDATE {log} SET revision = {last} + 1 WHERE revision = {last}; \
                 UPDATE {log} SET revision = {last} - 1 WHERE revision = -1",
                free = n.free_numbers
            ),
            place(third),
            "2 rows were altered or added",
        ),
        (
            format!("{lost}; DELETE FROM {changeset} WHERE {number} = {third}"),
            place(third),
            "was sealed with 3 rows, but is not there",
        ),
        (
            format!(
                "DELETE FROM {log} WHERE {}; DELETE FROM {changeset} WHERE {number} = {second}",
                of(second)
            ),
            place(second),
            "was sealed with 1 rows, but is not there",
        ),
        sealed(&format!("digest = {zeros}"), second, "its seal was altered"),
        sealed(&format!("chain = {zeros}"), second, "does not follow"),
        sealed(
            "datetime = '2001-01-01T00:00:00Z'",
            second,
            "its seal was altered",
        ),
        sealed("log_rows = 7", second, "its seal was altered"),
        (
            format!("DELETE FROM {seal} WHERE commit_number = {second}"),
            place(second),
            "the commit has no seal",
        ),
        (
            format!("DELETE FROM {seal} WHERE commit_number = {first}"),
            place(second),
            "does not follow",
        ),
        (
            format!("UPDATE {salt} SET salt = NULL"),
            place(first),
            "the first of cabd.contacts",
        ),
        (
            format!(
                "UPDATE {log} SET newvalues = replace(CAST(newvalues AS text), 'ann@', 'bob@'){} WHERE tablename = 'contacts'",
                if n.number == "revision" {
                    "::jsonb"
                } else {
                    ""
                }
            ),
            place(first),
            "the first of cabd.contacts",
        ),
    ]
}

/// A fresh store and who tampers with it, for each alteration: every one is found.
pub async fn every_alteration_is_found<S: Store, H: Hand, G>(
    names: &Names,
    fresh: impl AsyncFn() -> Option<(S, H, G)>,
) {
    let all = |c| alterations(names, c);
    for n in 0..all([1, 2, 3]).len() {
        let Some((store, hand, _guard)) = fresh().await else {
            return;
        };
        let made = commits(&store).await;
        whole(&store).await;
        let (sql, object, words) = all(made).swap_remove(n);
        hand.run(&sql).await;
        let verified = store.verify(&Verify::default()).await.unwrap();
        assert!(!verified.is_whole(), "{sql}");
        let said =
            |f: &Finding| (object.is_empty() || f.object == object) && f.message.contains(words);
        assert!(
            verified.findings.iter().any(said),
            "{sql}: {object}: {words}: {:#?}",
            verified.findings
        );
        let doctor = store.doctor().await.unwrap();
        assert!(doctor.iter().any(|f| f.check == "proof"), "{sql}");
        store.close().await.unwrap();
    }
}

/// A commit that was removed with its seal leaves a chain that is whole: only a head that was noted tells.
pub async fn a_commit_that_went_with_its_seal_is_missed_by_who_noted_the_head(
    names: &Names,
    store: &dyn Store,
    hand: &dyn Hand,
) {
    let [.., third] = commits(store).await;
    let noted = whole(store).await.head.unwrap();
    let Names {
        log,
        changeset,
        number,
        seal,
        ..
    } = names;
    hand.run(&format!(
        "DELETE FROM {log} WHERE changeset = (SELECT id FROM {changeset} WHERE {number} = {third}); \
         DELETE FROM {changeset} WHERE {number} = {third}; DELETE FROM {seal} WHERE commit_number = {third}"
    ))
    .await;
    let found = |verified: Verified| verified.findings.into_iter().map(|f| f.message);
    let blind = store.verify(&Verify::default()).await.unwrap();
    assert!(blind.is_whole(), "{blind:#?}");
    let what = Verify {
        expect: Some(noted.hash),
        ..Verify::default()
    };
    let told: Vec<String> = found(store.verify(&what).await.unwrap()).collect();
    assert!(told[0].contains("was noted"), "{told:?}");
    assert_eq!(noted.commit, CommitNumber(third));
}

/// A trigger that is missing, altered or switched off is found.
pub async fn every_spoilt_trigger_is_found<S: Store, H: Hand, G>(
    names: &Names,
    fresh: impl AsyncFn() -> Option<(S, H, G)>,
) {
    for sql in names.triggers {
        let Some((store, hand, _guard)) = fresh().await else {
            return;
        };
        commits(&store).await;
        hand.run(sql).await;
        let verified = store.verify(&Verify::default()).await.unwrap();
        let is_named = |f: &Finding| f.check == "trigger" && f.object.contains("weirs");
        assert!(verified.findings.iter().any(is_named), "{sql}");
        assert!(!verified.is_whole());
        store.close().await.unwrap();
    }
}

/// Commits of before seals were kept are sealed when the store is next opened or sealed.
pub async fn what_was_never_sealed_is_sealed_later(
    names: &Names,
    store: &dyn Store,
    hand: &dyn Hand,
) {
    commits(store).await;
    let sealed = whole(store).await;
    hand.run(&format!(
        "DELETE FROM {}; DELETE FROM {}",
        names.seal, names.salt
    ))
    .await;
    assert_eq!(store.seal().await.unwrap(), sealed.commits);
    let again = whole(store).await;
    assert_eq!(again.commits, sealed.commits);
    assert_ne!(again.head, sealed.head, "times and salts are others");
}
