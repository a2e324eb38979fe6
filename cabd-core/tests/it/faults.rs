//! The suite can fail: each planted fault is caught by the cases that must catch it, and by those the sound store passes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cabd_core::Store;
use cabd_core::conformance::faults::{FAULTS, Fault, Faulty};
use cabd_core::conformance::{Case, cases, random};
use cabd_core::memory::MemoryStore;

fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(case);
}

fn passes(case: &Case, store: &dyn Store) -> bool {
    catch_unwind(AssertUnwindSafe(|| run((case.run)(store)))).is_ok()
}

#[test]
fn each_fault_is_caught_by_the_cases_that_must_catch_it() {
    let all = cases();
    let mut missed = vec![];
    for (fault, caught_by) in FAULTS {
        for name in caught_by {
            let (file, sentence) = name.split_once("::").unwrap();
            let case = all.iter().find(|c| c.file == file && c.name == sentence);
            let case = case.unwrap_or_else(|| panic!("there is no case {name}"));
            if !passes(case, &MemoryStore::new()) {
                missed.push(format!("{name} fails on the sound store"));
            }
            if passes(case, &Faulty::new(fault)) {
                missed.push(format!("{name} does not notice {fault:?}"));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn the_random_layer_finds_faults_on_its_own() {
    let mut missed = vec![];
    for fault in [
        Fault::NegationForgetsNulls,
        Fault::LimitOffByOne,
        Fault::NullsFirst,
        Fault::BoxOfBounds,
        Fault::NearByDegrees,
        Fault::CursorRepeatsItsRow,
        Fault::CountHeedsLimit,
        Fault::LowerCaseOfAsciiOnly,
        Fault::AlwaysEnglish,
        Fault::NamesEscapeOtherConditions,
        Fault::TextTrimmed,
        Fault::SinglePrecision,
        Fault::RowsBeforeAnErrorStay,
        Fault::ChildrenStay,
    ] {
        let played = |seed| {
            catch_unwind(AssertUnwindSafe(|| {
                run(random::play(
                    &MemoryStore::new(),
                    &Faulty::new(fault),
                    seed,
                    250,
                ));
            }))
        };
        if (0..3).all(|seed| played(seed).is_ok()) {
            missed.push(fault);
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
