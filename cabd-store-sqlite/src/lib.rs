//! cabd-store-sqlite
#![allow(dead_code, unused_imports)] // until the store calls these rooms

mod codec;
#[cfg(test)]
mod foreign_tools;
mod functions;
mod rtree;
mod spatial;
