//! Tests of the SpatiaLite store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod conformance;
mod derived;
mod documented;
mod evolution;
mod foreign;
mod logged;
mod proof;
mod random;
mod releases;
mod shipped;
#[path = "../../../tests/tampering.rs"]
mod tampering;
