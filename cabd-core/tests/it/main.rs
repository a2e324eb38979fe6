//! Integration tests of cabd-core.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod catalogue_lists;
mod catalogue_texts;
#[cfg(feature = "conformance")]
mod faults;
mod format;
mod load;
mod load_mappings;
mod load_real;
mod load_rules;
#[cfg(feature = "conformance")]
mod memory;
#[cfg(feature = "conformance")]
mod random;
mod shipped;
#[cfg(feature = "synth")]
mod synth;
