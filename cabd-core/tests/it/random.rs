//! The random layer on the reference store twice: it must agree with itself, and be able to disagree.

use cabd_core::conformance::{random, world};
use cabd_core::memory::MemoryStore;

fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(case);
}

#[test]
fn the_reference_agrees_with_itself() {
    for seed in 0..6 {
        run(random::play(
            &MemoryStore::new(),
            &MemoryStore::new(),
            seed,
            250,
        ));
    }
}

#[test]
fn random_catalogues_are_changed_alike_and_undone() {
    for seed in 0..24 {
        let (a, b) = (MemoryStore::new(), MemoryStore::new());
        run(random::evolve(&a, &b, seed, 25));
    }
}

#[test]
fn random_changes_are_undone_in_random_order() {
    for seed in 0..12 {
        run(random::back(&MemoryStore::new(), seed, 10, 30));
    }
}

#[test]
#[should_panic(expected = "rows of weirs")]
fn one_row_more_is_found() {
    run(async {
        let (a, b) = (MemoryStore::new(), MemoryStore::new());
        world::furnish(&a).await;
        world::furnish(&b).await;
        let extra = |n| vec![world::weir(n)];
        world::write(&a, [extra(1 << 90), extra(2 << 90)].concat()).await;
        world::write(&b, extra(1 << 90)).await;
        random::play(&a, &b, 1, 0).await;
    });
}
