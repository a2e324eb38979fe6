//! Abilities: what is declared works, what is not declared is refused by name.

use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::id::CommitNumber;
use crate::store::Store;
use crate::value::Value;

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
