//! Integration tests of cabd-core.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "conformance")]
mod faults;
mod format;
mod load;
#[cfg(feature = "synth")]
mod load_again;
mod load_real;
#[cfg(feature = "conformance")]
mod memory;
#[cfg(feature = "conformance")]
mod random;
mod shipped;
#[cfg(feature = "synth")]
mod synth;
