//! The HTTP API over any store: lists, features, types and data sources as the clients of the original know them.
//!
//! [`router`] makes the endpoints over an `Arc<dyn Store>`; [`Service::serve`] answers on a port until it is told to end.
//! [`Settings`] is all that can be set. Answers stream: memory is flat, and a client that goes ends its query.
//! `docs/http.md` describes the endpoints; `openapi.json` below the prefix is the same for programs.

// The description of the API is one JSON text.
#![recursion_limit = "256"]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod answer;
mod apart;
mod app;
mod french;
mod french_edits;
mod front;
mod kept;
mod layers;
mod lists;
mod metrics;
mod names;
mod ogc;
mod openapi;
mod openapi_edits;
mod openapi_past;
mod page;
mod problem;
mod ranges;
mod recent;
mod refused;
mod request;
mod routes;
mod sealing;
mod server;
mod settings;
mod stream;
mod summary;
mod tiles;
mod urls;
mod writers;

pub use server::{Service, router};
pub use settings::{ENVIRONMENT, LogForm, LogLevel, Settings};
