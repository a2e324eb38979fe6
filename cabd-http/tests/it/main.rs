//! The API as its clients see it, without a socket: the same cases over every store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod datasources;
mod described;
mod edits;
mod flow;
mod fuzz;
mod limits;
mod names;
mod ogc;
mod openapi;
mod page;
mod past;
mod recent;
mod refusals;
mod same;
mod shapes;
mod support;
mod tiles;
