//! GeoJSON (RFC 7946): feature collections, single features, and one feature a line.

mod coordinates;
mod feature;
mod reader;
mod scan;
mod writer;

pub use reader::GeoJsonReader;
pub use writer::GeoJsonWriter;
