//! Integration tests of cabd-core, with all its features.
#![cfg(all(feature = "conformance", feature = "synth"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod faults;
mod format;
mod load;
mod load_again;
mod load_real;
mod memory;
mod random;
mod shipped;
mod synth;
