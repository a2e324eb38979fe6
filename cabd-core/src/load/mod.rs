//! Loading: foreign files become operations, by a mapping.

mod mapping;

pub use mapping::{Clean, Encoding, FieldRule, IdRule, Mapping, PointRule, SourceRule, Unknown};
