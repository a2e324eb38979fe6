//! Integration tests of cabd-core.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "conformance")]
mod memory;
mod shipped;
#[cfg(feature = "synth")]
mod synth;
