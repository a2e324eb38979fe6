//! The built `cabd` command, as people and programs use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod basemap;
mod both_stores;
mod derive;
mod edits;
mod exports;
mod interruptions;
mod loads;
mod new_types;
mod past;
mod proof;
mod real_data;
mod refusals;
mod serves;
mod sources;
mod stores;
mod support;
mod tiles;
mod types;
