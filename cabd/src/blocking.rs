//! The same store without `async`: each call waits for its answer on a runtime of the store's own.
//!
//! ```
//! use cabd::{FeatureQuery, Geometry, Operation, ChangeHead, blocking, id};
//!
//! let store = blocking::create("memory:")?;
//! store.change_catalog(&cabd::shipped()?)?;
//! let dam = Operation::insert_feature("dams", id::new_id())
//!     .set("dam_name_en", "Mill Dam")
//!     .set("geometry", Geometry::point(-75.5, 45.4));
//! store.apply(&ChangeHead::default(), [dam])?;
//!
//! for batch in store.query(&FeatureQuery::of("dams"))? {
//!     let batch = batch?;
//!     for row in 0..batch.rows() {
//!         assert_eq!(batch.value(row, "dam_name_en").as_str(), Some("Mill Dam"));
//!     }
//! }
//! # Ok::<(), cabd::Error>(())
//! ```
//!
//! Async code uses [`cabd::open`](crate::open) instead: called from inside a runtime, every call here is refused.

use std::future::Future;
use std::io::Write;
use std::sync::Arc;

use futures::StreamExt;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::catalog::{Catalog, CatalogChange, CatalogPlan, Manifest};
use crate::error::{Error, Result};
use crate::feature::{Applied, ChangeHead, FeatureBatch, Operation};
use crate::format::{Format, WriteOptions, write_features};
use crate::id::{CommitNumber, Uuid};
use crate::lang::Lang;
use crate::load::{Input, LoadOptions, LoadReport, RejectSink, load};
use crate::page::Near;
use crate::query::FeatureQuery;
use crate::store::{
    Act, Capabilities, DeriveExt, Erased, FeatureStoreExt, FeatureStream, Finding, HistoryExt,
    ProofExt, Record, RecordQuery, Release, StoreInfo, Verified, Verify,
};

/// Opens a store that exists; see [`cabd::open`](crate::open).
///
/// # Errors
/// As [`cabd::open`](crate::open), and [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) inside async code.
pub fn open(location: &str) -> Result<Store> {
    Store::start(crate::open(location))
}

/// Opens a store, or makes it where there is none; see [`cabd::create`](crate::create).
///
/// # Errors
/// As [`cabd::create`](crate::create), and [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) inside async code.
pub fn create(location: &str) -> Result<Store> {
    Store::start(crate::create(location))
}

/// A store with a runtime of its own. Threads may share it.
pub struct Store {
    store: Arc<dyn crate::Store>,
    runtime: Option<Runtime>,
}

impl Store {
    fn start(opening: impl Future<Output = Result<Arc<dyn crate::Store>>>) -> Result<Self> {
        outside_async()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cabd")
            .enable_all()
            .build()
            .map_err(|e| Error::internal("the runtime did not start").because(e))?;
        let store = runtime.block_on(opening)?;
        Ok(Self {
            store,
            runtime: Some(runtime),
        })
    }

    fn wait<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        outside_async()?;
        match &self.runtime {
            Some(runtime) => runtime.block_on(future),
            None => Err(Error::internal("the store was closed")),
        }
    }

    /// The store itself, for what this module does not offer.
    pub fn inner(&self) -> &Arc<dyn crate::Store> {
        &self.store
    }

    /// `memory`, `sqlite` or `pg`.
    pub fn name(&self) -> &'static str {
        self.store.name()
    }

    /// What it can do.
    pub fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    /// The present catalogue.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn catalog(&self) -> Result<Arc<Catalog>> {
        self.wait(self.store.catalog())
    }

    /// Makes what the manifest declares; see [`change_catalog`](crate::store::CatalogStore::change_catalog).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a manifest that does not check;
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a change that would drop or narrow a value.
    pub fn change_catalog(&self, manifest: &Manifest) -> Result<CatalogPlan> {
        self.wait(self.store.change_catalog(manifest))
    }

    /// What [`Store::evolve`] would do; nothing is changed.
    ///
    /// # Errors
    /// As [`evolve`](crate::store::CatalogStore::evolve).
    pub fn plan(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        self.wait(self.store.plan(change))
    }

    /// Changes the catalogue, or takes changes back; see [`evolve`](crate::store::CatalogStore::evolve).
    ///
    /// ```
    /// use cabd::catalog::CatalogChange;
    /// let store = cabd::blocking::create("memory:")?;
    /// store.change_catalog(&cabd::shipped()?)?;
    /// store.evolve(&CatalogChange::of(Default::default()).retire("dams.comments"))?;
    /// store.evolve(&CatalogChange::undo(None))?;
    /// assert!(store.catalog()?.feature_type("dams")?.attribute("comments").is_some());
    /// # Ok::<(), cabd::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a step that needs to be named, [`ErrorKind::Invalid`](crate::ErrorKind::Invalid)
    /// for stored values that do not fit.
    pub fn evolve(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        self.wait(self.store.evolve(change))
    }

    /// The features that pass, batch by batch; nothing but the present batch is held.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) or [`ErrorKind::NotFound`](crate::ErrorKind::NotFound), naming
    /// field, value and expectation; each batch may fail in its turn.
    pub fn query(&self, query: &FeatureQuery) -> Result<Batches<'_>> {
        let stream = self.wait(self.store.features(query))?;
        Ok(Batches {
            store: self,
            stream,
        })
    }

    /// How many features pass; limit, offset and cursor do not matter.
    ///
    /// # Errors
    /// As [`Store::query`].
    pub fn count(&self, query: &FeatureQuery) -> Result<u64> {
        self.wait(self.store.count(query))
    }

    /// The feature, as a batch of one row.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when the type has no such feature.
    pub fn feature(&self, feature_type: &str, id: Uuid) -> Result<FeatureBatch> {
        self.wait(self.store.feature(feature_type, id))
    }

    /// The nearest features, nearest first.
    ///
    /// # Errors
    /// As [`Store::query`].
    pub fn nearest(&self, feature_type: &str, near: Near, limit: u64) -> Result<Vec<FeatureBatch>> {
        self.wait(self.store.nearest(feature_type, near, limit))
    }

    /// The rows of one small relation: data sources, codes, the sources of a feature.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when the catalogue has no such relation.
    pub fn records(&self, query: &RecordQuery) -> Result<Vec<Record>> {
        self.wait(self.store.all_records(query))
    }

    /// The only way to write: all operations or none, one commit. The operations are taken as they are needed.
    ///
    /// # Errors
    /// See [`apply`](crate::store::FeatureStore::apply); the store is then as it was before.
    pub fn apply<I>(&self, head: &ChangeHead, operations: I) -> Result<Applied>
    where
        I: IntoIterator<Item = Operation, IntoIter: Send + 'static>,
    {
        self.wait(self.store.apply(head, crate::store::operations(operations)))
    }

    /// Computes derived values anew, of all types when none is named; see [`DeriveExt::derive_all`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type.
    pub fn derive_all(&self, head: &ChangeHead, types: &[String]) -> Result<Applied> {
        self.wait(self.store.derive_all(head, types))
    }

    /// Loads files as one change, and says what became of their rows; see [`load`](mod@crate::load).
    ///
    /// ```
    /// use cabd::load::{Input, LoadOptions};
    /// let store = cabd::blocking::create("memory:")?;
    /// store.change_catalog(&cabd::shipped()?)?;
    /// let file = "fall_name_en,lon,lat\nLong Falls,-75.5,45.4\n";
    /// let options = LoadOptions {
    ///     feature_type: Some("waterfalls".to_owned()),
    ///     no_source: Some("an example".to_owned()),
    ///     ..LoadOptions::default()
    /// };
    /// let inputs = vec![Input::new("falls.csv", file.as_bytes())];
    /// let report = store.load(inputs, options, Box::new(()))?;
    /// assert_eq!((report.inserted, report.rejected), (1, 0));
    /// # Ok::<(), cabd::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a fault of a file, with the place, or of the mapping; what
    /// [`Store::apply`] and the sink answer. The store is then as it was before.
    pub fn load(
        &self,
        inputs: Vec<Input>,
        options: LoadOptions,
        rejects: Box<dyn RejectSink + '_>,
    ) -> Result<LoadReport> {
        self.wait(load(self.store.as_ref(), inputs, options, rejects))
    }

    /// Writes the answer to a question in a format, and says how many features it had. Memory does not grow with it.
    ///
    /// ```
    /// use cabd::format::{Format, WriteOptions};
    /// use cabd::{FeatureQuery, blocking};
    /// let store = blocking::create("memory:")?;
    /// store.change_catalog(&cabd::shipped()?)?;
    /// let mut file = vec![];
    /// let rows = store.export(
    ///     &FeatureQuery::of("dams"),
    ///     Format::GeoJson,
    ///     &mut file,
    ///     WriteOptions::default(),
    /// )?;
    /// assert_eq!(rows, 0);
    /// assert!(file.starts_with(b"{\"type\":\"FeatureCollection\""));
    /// # Ok::<(), cabd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::query`], and when the sink fails; what was written until then is not a complete file.
    pub fn export(
        &self,
        query: &FeatureQuery,
        format: Format,
        out: impl Write + Send,
        options: WriteOptions,
    ) -> Result<u64> {
        self.wait(async {
            let answer = self.store.features(query).await?;
            let mut writer = format.writer(&answer.schema, out, options)?;
            write_features(answer.batches, writer.as_mut()).await
        })
    }

    /// The newest commit that a text means; see [`commit_of`](HistoryExt::commit_of).
    ///
    /// ```
    /// use cabd::FeatureQuery;
    /// use cabd::store::Release;
    /// let store = cabd::blocking::create("memory:")?;
    /// store.release(&Release::new("v0", store.commit_of("0")?)?)?;
    /// store.change_catalog(&cabd::shipped()?)?;
    /// let mut then = FeatureQuery::of("dams");
    /// then.as_of = Some(store.commit_of("v0")?);
    /// assert_eq!(store.count(&then)?, 0);
    /// # Ok::<(), cabd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`commit_of`](HistoryExt::commit_of).
    pub fn commit_of(&self, text: &str) -> Result<CommitNumber> {
        self.wait(self.store.commit_of(text))
    }

    /// The history of a feature; see [`history`](HistoryExt::history).
    ///
    /// # Errors
    /// As [`history`](HistoryExt::history).
    pub fn history(&self, feature_type: &str, id: Uuid, lang: Lang) -> Result<Vec<Act>> {
        self.wait(self.store.history(feature_type, id, lang))
    }

    /// Names a commit; see [`release`](crate::store::AuditStore::release).
    ///
    /// # Errors
    /// As [`release`](crate::store::AuditStore::release).
    pub fn release(&self, release: &Release) -> Result<()> {
        self.wait(self.store.release(release))
    }

    /// The releases, in the order of their commits.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn releases(&self) -> Result<Vec<Release>> {
        self.wait(self.store.releases())
    }

    /// What the store is and what it holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn info(&self) -> Result<StoreInfo> {
        self.wait(self.store.info())
    }

    /// Looks for damage, drift and missing pieces; nothing found means healthy.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn doctor(&self) -> Result<Vec<Finding>> {
        self.wait(self.store.doctor())
    }
}

impl Store {
    /// Compares log and seals; see [`verify`](ProofExt::verify).
    ///
    /// ```
    /// let store = cabd::blocking::create("memory:")?;
    /// store.change_catalog(&cabd::shipped()?)?;
    /// let verified = store.verify(&cabd::store::Verify::default())?;
    /// assert!(verified.is_whole() && verified.head.is_some());
    /// # Ok::<(), cabd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`verify`](ProofExt::verify).
    pub fn verify(&self, what: &Verify) -> Result<Verified> {
        self.wait(self.store.verify(what))
    }

    /// Erases a person; see [`erase`](ProofExt::erase).
    ///
    /// # Errors
    /// As [`erase`](ProofExt::erase).
    pub fn erase(&self, head: &ChangeHead, contact: &str, lang: Lang) -> Result<Erased> {
        self.wait(self.store.erase(head, contact, lang))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // A runtime that is dropped inside async code panics; one that is sent away does not.
        if let Some(runtime) = self.runtime.take() {
            if Handle::try_current().is_err() {
                runtime.block_on(self.store.close()).ok();
            }
            runtime.shutdown_background();
        }
    }
}

fn outside_async() -> Result<()> {
    if Handle::try_current().is_ok() {
        return Err(Error::invalid("cabd::blocking was called from async code")
            .hint("use cabd::open and await its answers"));
    }
    Ok(())
}

/// The batches of an answer, read as they are asked for. Dropped, it ends the query.
pub struct Batches<'a> {
    store: &'a Store,
    stream: FeatureStream,
}

impl Batches<'_> {
    /// The Arrow schema of every batch.
    pub fn schema(&self) -> &arrow::datatypes::SchemaRef {
        &self.stream.schema
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<FeatureBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.store
            .wait(async { Ok(self.stream.batches.next().await) })
            .unwrap_or_else(|error| Some(Err(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, Geometry, id};

    fn store_with_dams(count: usize) -> Store {
        let store = create("memory:").unwrap();
        store.change_catalog(&crate::shipped().unwrap()).unwrap();
        let dams = (0..count).map(|i| {
            Operation::insert_feature("dams", id::new_id())
                .set("dam_name_en", format!("Dam {i}"))
                .set("geometry", Geometry::point(-75.0, 45.0 + i as f64 / 100.0))
        });
        let applied = store
            .apply(&ChangeHead::default(), dams.collect::<Vec<_>>())
            .unwrap();
        assert!(applied.commit.is_some());
        store
    }

    #[test]
    fn batches_are_read_one_by_one() {
        let store = store_with_dams(7);
        let mut query = FeatureQuery::of("dams");
        query.batch_rows = 3;
        let rows: Vec<usize> = store
            .query(&query)
            .unwrap()
            .map(|batch| batch.unwrap().rows())
            .collect();
        assert_eq!(rows, [3, 3, 1]);
        assert_eq!(store.count(&query).unwrap(), 7);
    }

    #[test]
    fn the_nearest_feature_comes_first() {
        let store = store_with_dams(5);
        let near = Near::new(-75.0, 45.04).unwrap();
        let batches = store.nearest("dams", near, 1).unwrap();
        assert_eq!(batches[0].value(0, "dam_name_en").as_str(), Some("Dam 4"));
    }

    #[test]
    fn a_call_from_async_code_is_refused_and_does_not_panic() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let inside = store_with_dams(1);
        runtime.block_on(async move {
            assert_eq!(create("memory:").err().unwrap().kind(), ErrorKind::Invalid);
            assert_eq!(inside.info().unwrap_err().kind(), ErrorKind::Invalid);
            drop(inside);
        });
    }

    #[test]
    fn threads_share_a_store() {
        let store = store_with_dams(3);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    assert_eq!(store.count(&FeatureQuery::of("dams")).unwrap(), 3);
                });
            }
        });
    }
}
