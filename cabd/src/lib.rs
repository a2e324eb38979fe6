//! Spatial inventories that can be trusted, in one SpatiaLite file or on PostGIS.
//!
//! An inventory holds *features* (dams, waterfalls, stream crossings) of *types* that a catalogue declares. The crate
//! gives one [`Store`] over three back-ends that answer alike; which one is behind it is told by a location.
//!
//! | location | store | cargo feature |
//! |---|---|---|
//! | `inventory.sqlite`, any path | one SpatiaLite file; needs nothing else | `sqlite`, on by default |
//! | `postgres://USER@HOST/DATABASE` | PostGIS | `pg` |
//! | `memory:` | gone with the value | – |
//!
//! # Open
//!
//! [`open`] opens what exists, [`create`] makes it. A new store has an empty catalogue; [`shipped`] is the one of this
//! project. Code without `async` uses [`blocking`].
//!
//! ```
//! use cabd::{FeatureStore, Store};
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("inventory.sqlite");
//!
//! let store = cabd::create(&file.to_string_lossy()).await?;
//! store.change_catalog(&cabd::shipped()?).await?;
//! assert_eq!(store.info().await?.features["dams"], 0);
//! store.close().await?;
//! # Ok::<(), cabd::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Change
//!
//! All writing goes through [`apply`](FeatureStore::apply): a [`ChangeHead`] that says who and why, and a stream of
//! [`Operation`]s. All of them happen in one commit, or none. Values are checked against the catalogue.
//!
//! ```
//! use cabd::{ChangeHead, ErrorKind, FeatureStoreExt, Geometry, Operation, id};
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = cabd::create("memory:").await?;
//! store.change_catalog(&cabd::shipped()?).await?;
//!
//! let dam = id::new_id();
//! let insert = Operation::insert_feature("dams", dam)
//!     .set("dam_name_en", "Mill Dam")
//!     .set("size_class_code", 1)
//!     .set("geometry", Geometry::point(-75.5, 45.4));
//! let applied = store.apply_all(&ChangeHead::default(), vec![insert]).await?;
//! assert!(applied.commit.is_some());
//!
//! let wrong = Operation::update_feature("dams", dam).set("size_class_code", 77);
//! let error = store.apply_all(&ChangeHead::default(), vec![wrong]).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Invalid);
//! assert_eq!(error.field_name(), Some("size_class_code"));
//! # Ok::<(), cabd::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Ask
//!
//! A [`FeatureQuery`] names a type or a super type (`barriers` is dams, waterfalls and crossings together) and what must
//! hold. The answer is a stream of [`FeatureBatch`]es: Arrow record batches with GeoArrow geometry and labels beside codes.
//! [`arrow`] is re-exported, so that versions agree.
//!
//! ```
//! use cabd::arrow::array::AsArray;
//! use cabd::query::{Selection, parse_filter};
//! use cabd::{ChangeHead, FeatureQuery, FeatureStore, FeatureStoreExt, Geometry, Lang, Operation, Value, id};
//! use futures::TryStreamExt;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! # let store = cabd::create("memory:").await?;
//! # store.change_catalog(&cabd::shipped()?).await?;
//! # let dams = (0..10).map(|i| Operation::insert_feature("dams", id::new_id())
//! #     .set("height_m", i).set("size_class_code", 1).set("geometry", Geometry::point(-75.5, 45.4)));
//! # store.apply_all(&ChangeHead::default(), dams.collect()).await?;
//! let mut query = FeatureQuery::of("dams");
//! query.filter = Some(parse_filter("height_m:gte:5")?);
//! query.bbox = Some("-80,44,-70,48".parse()?);
//! query.select = Selection::Attributes(vec!["height_m".into(), "size_class".into()]);
//! query.lang = Lang::Fr;
//!
//! let mut answer = store.features(&query).await?;
//! let mut rows = 0;
//! while let Some(batch) = answer.batches.try_next().await? {
//!     assert_eq!(batch.value(0, "size_class"), Value::from("Petit"));
//!     assert!(batch.batch.column_by_name("geometry").is_some());
//!     rows += batch.rows();
//! }
//! assert_eq!(rows, 5);
//! # Ok::<(), cabd::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`FeatureStoreExt`] has the easy forms: one feature, the nearest, a search by name, a whole answer at once.
//!
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod blocking;
mod open;
mod shipped;

pub use arrow;
#[cfg(feature = "synth")]
pub use cabd_core::synth;
pub use cabd_core::{
    catalog, dictionary, edit, error, feature, format, geometry, id, lang, load, memory, page,
    query, store, tile, time, value,
};

pub use catalog::{Catalog, FeatureType, Manifest};
pub use error::{Error, ErrorKind, Result};
pub use feature::{Applied, ChangeHead, FeatureBatch, Operation};
pub use geometry::{Bbox, Geometry};
pub use id::{CommitNumber, Uuid};
pub use lang::{Lang, Text};
pub use open::{create, open, open_at_once, open_telling, without_password};
pub use query::FeatureQuery;
pub use shipped::{shipped, shipped_mapping, shipped_mappings};
pub use store::{FeatureStore, FeatureStoreExt, Store, StoreExt};
pub use value::{DataType, Value};

/// The Rust code of README.md, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
