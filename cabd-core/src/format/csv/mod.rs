//! Comma-separated values (RFC 4180).

mod reader;
mod writer;

pub use reader::CsvReader;
pub use writer::CsvWriter;
