//! The behaviour suite: what every store must do, as cases that run on any of them.
//!
//! A case is an `async fn a_sentence(store: &dyn Store)` that panics when the store does not hold to it.
//! [`conformance_suite!`](crate::conformance_suite) makes one test of each; a store's whole test file is two functions
//! and that line:
//!
//! ```
//! use std::future::Future;
//! use cabd_core::memory::MemoryStore;
//!
//! fn run(case: impl Future<Output = ()>) {
//!     let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//!     runtime.block_on(case);
//! }
//!
//! /// An empty store, and what keeps it alive until the case ends (a temporary folder, a database).
//! async fn fresh() -> (Box<MemoryStore>, ()) {
//!     (Box::new(MemoryStore::new()), ())
//! }
//!
//! cabd_core::conformance_suite!(run, fresh);
//! ```
//!
//! Where making the tables of a catalogue is slow, a third function may give a store that has the catalogue of
//! [`world::manifest`] already (a copy of a template); cases that need an empty store still use `fresh`.
//!
//! Beside the cases, [`random::play`] plays random changes and questions on two stores and demands equal answers, and
//! [`faults`] holds stores with one planted fault each, which prove that the cases can fail.

// A case says what it wants by panicking, and its name is its documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

pub mod by_hand;
mod cases;
pub mod elsewhere;
pub mod faults;
pub mod random;
pub mod shipped;
pub mod world;

pub use crate::tile::strict as mvt;

use futures::future::BoxFuture;

pub use cases::{
    arrow, audit, bad_input, capabilities, catalogue, concurrency, derived, editing, evolution,
    evolution_of_types, feed, filters, followed, identity, labels, logged, merging, names,
    outlines, paging, parts, past, proof, queries, reverting, sourced, space, supers, survival,
    tiles, updates, values, writing,
};

use crate::store::Store;

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    /// The file it stands in.
    pub file: &'static str,
    /// Its name, a sentence.
    pub name: &'static str,
    /// Runs it; panics when the store does not hold to it.
    pub run: for<'a> fn(&'a dyn Store) -> BoxFuture<'a, ()>,
}

macro_rules! table {
    ({} $($file:ident { $($case:ident)* })*) => {
        /// Every case, for programs that choose themselves which to run.
        pub fn cases() -> Vec<Case> {
            vec![$($(Case {
                file: stringify!($file),
                name: stringify!($case),
                run: |store| Box::pin($file::$case(store)),
            },)*)*]
        }
    };
}

crate::__conformance_cases!((table) {});

/// Makes one `#[test]` of each case.
///
/// `run` drives a future to its end on whatever the store needs. `fresh` is an async function that gives an empty store
/// in a `Box` or an `Arc` and a guard that is dropped after the case. See [`conformance`](crate::conformance).
#[macro_export]
macro_rules! conformance_suite {
    ($run:expr, $fresh:expr) => {
        $crate::conformance_suite!($run, $fresh, $fresh);
    };
    ($run:expr, $fresh:expr, $furnished:expr) => {
        $crate::__conformance_cases!(($crate::__conformance_tests) { ($run) ($fresh) ($furnished) super });
    };
}

/// Makes one `#[test]` of each case about what a store says it is able to do, in a module `capabilities_outside`.
///
/// `run` is as for [`conformance_suite!`](crate::conformance_suite); `fresh` is an async function that gives an empty store and its
/// [`Outside`](capabilities::Outside).
#[macro_export]
macro_rules! capability_suite {
    ($run:expr, $fresh:expr) => {
        $crate::capability_suite!(@tests ($run) ($fresh)
            what_is_written_is_found_again_where_the_store_is_durable
            others_write_at_the_same_time_where_there_may_be_many_writers
            what_another_program_changes_is_logged_where_declared
            a_missing_spatial_index_is_found_where_there_should_be_one
        );
    };
    (@tests $run:tt $fresh:tt $($case:ident)*) => {
        mod capabilities_outside {
            use super::*;
            $(
                #[test]
                fn $case() {
                    $run(async {
                        let (store, outside) = $fresh().await;
                        $crate::conformance::capabilities::$case(&*store, &outside).await;
                    });
                }
            )*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ({ $run:tt $fresh:tt $furnished:tt $around:tt } $($file:ident { $($case:ident)* })*) => {
        $($crate::__conformance_tests!(@file $run $fresh $furnished $around $file { $($case)* });)*
    };
    // Cases that begin with an empty store.
    (@file $run:tt $fresh:tt $furnished:tt $around:tt catalogue { $($case:ident)* }) => {
        $crate::__conformance_tests!(@tests $run $fresh $around catalogue { $($case)* });
    };
    (@file $run:tt $fresh:tt $furnished:tt $around:tt $file:ident { $($case:ident)* }) => {
        $crate::__conformance_tests!(@tests $run $furnished $around $file { $($case)* });
    };
    (@tests $run:tt $fresh:tt $around:tt $file:ident { $($case:ident)* }) => {
        mod $file {
            // The module that names `run` and `fresh`.
            use $around::*;
            $crate::__conformance_tests!(@each $run $fresh $file $($case)*);
        }
    };
    (@each $run:tt $fresh:tt $file:ident $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $run(async {
                    let (store, _guard) = $fresh().await;
                    $crate::conformance::$file::$case(&*store).await;
                    $crate::Store::close(&*store).await.expect("the store closes");
                });
            }
        )*
    };
}
