//! Abilities: what is declared works, what is not declared is refused by name.

use async_trait::async_trait;

use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::feature::ChangeHead;
use crate::id::CommitNumber;
use crate::store::{Store, operations};
use crate::value::Value;

/// What reaches a store from outside: other processes and other programs. See
/// [`capability_suite!`](crate::capability_suite).
#[async_trait]
pub trait Outside: Send + Sync {
    /// The same inventory, as another process opens it; none where the store is gone with its process.
    async fn again(&self) -> Option<Box<dyn Store>>;

    /// Sets `height_m` of every weir to 7 with another program; false where there is none that could.
    async fn edit_elsewhere(&self) -> bool;

    /// Takes the spatial index of the weirs away; false where there is none.
    async fn drop_spatial_index(&self) -> bool;
}

pub async fn what_is_written_is_found_again_where_the_store_is_durable(
    store: &dyn Store,
    outside: &dyn Outside,
) {
    furnish(store).await;
    write(store, vec![weir(1).set("height_m", 2.5)]).await;
    let before = contents(store).await;
    store.close().await.unwrap();
    let again = outside.again().await;
    assert_eq!(again.is_some(), store.capabilities().durable);
    if let Some(again) = again {
        assert_eq!(contents(&*again).await, before);
        again.close().await.unwrap();
    }
}

pub async fn others_write_at_the_same_time_where_there_may_be_many_writers(
    store: &dyn Store,
    outside: &dyn Outside,
) {
    furnish(store).await;
    let head = ChangeHead::default();
    let Some(other) = outside.again().await else {
        assert!(!store.capabilities().many_writers);
        return;
    };
    let one = store.apply(&head, operations((1..=300).map(weir).collect::<Vec<_>>()));
    let two = other.apply(&head, operations((301..=600).map(weir).collect::<Vec<_>>()));
    let (one, two) = futures::join!(one, two);
    if store.capabilities().many_writers {
        assert_ne!(one.unwrap().commit, two.unwrap().commit);
        assert_eq!(store.count(&weirs()).await.unwrap(), 600);
        assert_eq!(other.head().await.unwrap(), store.head().await.unwrap());
    } else {
        let refused = [one, two].into_iter().find_map(|r| r.err());
        let refused = refused.expect("one of the two is refused");
        assert_eq!(refused.kind(), ErrorKind::Busy, "{refused:?}");
    }
    other.close().await.unwrap();
}

pub async fn what_another_program_changes_is_logged_where_declared(
    store: &dyn Store,
    outside: &dyn Outside,
) {
    furnish(store).await;
    write(store, vec![weir(1), weir(2)]).await;
    let head = store.head().await.unwrap();
    let edited = outside.edit_elsewhere().await;
    let log = log_after(store, head).await;
    if !store.capabilities().logs_foreign_changes {
        assert!(log.is_empty(), "{log:?}");
        return;
    }
    assert!(
        edited,
        "another program can write where its changes are logged"
    );
    let rows: Vec<_> = log
        .iter()
        .map(|e| (e.table.as_str(), e.action.as_str()))
        .collect();
    assert_eq!(rows, [("weirs", "UPDATE"); 2]);
    super::proof::whole(store).await;
    assert!(store.head().await.unwrap() > head);
    assert_eq!(
        found(store, &filtered("weirs", "height_m:eq:7")).await,
        [1, 2]
    );
}

pub async fn a_missing_spatial_index_is_found_where_there_should_be_one(
    store: &dyn Store,
    outside: &dyn Outside,
) {
    furnish(store).await;
    write(store, vec![weir(1)]).await;
    let about_indexes = async || {
        let findings = store.doctor().await.unwrap();
        findings.iter().filter(|f| f.check == "index").count()
    };
    assert_eq!(about_indexes().await, 0);
    let dropped = outside.drop_spatial_index().await;
    assert_eq!(dropped, store.capabilities().spatial_index);
    assert_eq!(about_indexes().await > 0, dropped);
}

pub async fn an_earlier_state_is_read_or_refused_as_unsupported(store: &dyn Store) {
    furnish(store).await;
    let first = write(store, vec![weir(1).set("height_m", 1.0), weir(2)])
        .await
        .commit
        .unwrap();
    write(
        store,
        vec![update(1).set("height_m", 2.0), delete(2), weir(3)],
    )
    .await;
    let mut q = weirs();
    q.as_of = Some(first);
    if store.capabilities().as_of {
        assert_eq!(found(store, &q).await, [1, 2]);
        assert_eq!(ask(store, &q).await.of(1, "height_m"), Value::from(1.0));
        q.as_of = Some(store.head().await.unwrap());
        assert_eq!(found(store, &q).await, [1, 3]);
    } else {
        let e = unanswered(store, ErrorKind::Unsupported, &q).await;
        assert_eq!(e.field_name(), Some("as_of"), "{e:?}");
        assert_eq!(
            store.count(&q).await.unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        q.as_of = Some(CommitNumber(0));
        unanswered(store, ErrorKind::Unsupported, &q).await;
    }
}

pub async fn every_flag_has_a_name_and_a_store_that_writes_is_named(store: &dyn Store) {
    let flags = store.capabilities().flags();
    let mut names: Vec<&str> = flags.iter().map(|(n, _)| *n).collect();
    names.dedup();
    assert_eq!(names.len(), flags.len());
    let name = store.name();
    assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()));
}

pub async fn a_store_with_many_writers_or_triggers_is_durable(store: &dyn Store) {
    let c = store.capabilities();
    assert!(
        c.durable || !(c.many_writers || c.logs_foreign_changes),
        "{c:?}"
    );
}

pub async fn a_durable_store_says_where_it_is(store: &dyn Store) {
    furnish(store).await;
    let info = store.info().await.unwrap();
    if store.capabilities().durable {
        assert!(info.schema_version > 0, "{info:?}");
        assert!(!info.engine.is_empty(), "{info:?}");
    } else {
        assert!(!info.location.is_empty());
    }
}
