//! The SpatiaLite back-end of cabd: one file, no system library.
//!
//! The file is genuine: the `spatialite` shell, ogr2ogr and QGIS open it, edit it and keep its spatial index right, and files
//! they made can be edited here. Nothing in the file needs a function of ours; `cabd_*` functions serve our own queries only.

mod audit;
mod bulk;
mod catalog;
mod codec;
mod derive;
mod doctor;
mod error;
mod evolve;
mod features;
#[cfg(test)]
mod foreign_tools;
mod functions;
mod migrate;
mod pool;
mod registered;
mod rtree;
mod seal;
mod spatial;
mod sql;
mod store;
mod transaction;
mod types;

pub use store::SqliteStore;
