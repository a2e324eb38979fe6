//! Changes as JSON documents: what the web API and the command take becomes a head and operations.
//!
//! Reading a document refuses its shape only. Values are given to the store as they are, so that it tells everything
//! that is wrong with them at once.

mod data_source;
mod document;
mod sources;

pub use data_source::{SourceChange, data_source};
pub use document::{Draft, changeset, create, merge, replace};
pub use sources::{Sourcing, with_sources};
