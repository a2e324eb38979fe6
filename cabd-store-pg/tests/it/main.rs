//! The PostGIS store against a running server, named by CABD_TEST_PG.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod catalog;
mod conformance;
mod derived;
mod doctor;
mod evolution;
mod features;
mod load;
mod logged;
mod past;
mod proof;
mod server;
#[path = "../../../tests/tampering.rs"]
mod tampering;
mod waits;
