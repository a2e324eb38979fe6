//! Integration tests of cabd-core, with all its features.
#![cfg(all(feature = "conformance", feature = "synth"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod catalogue_lists;
mod catalogue_texts;
mod derived;
mod dictionary;
mod faults;
mod format;
mod load;
mod load_again;
mod load_mappings;
mod load_real;
mod load_rules;
mod memory;
mod random;
mod shipped;
mod synth;
mod tile;
