//! The storage traits: few required methods, each taking a request and giving a value or a stream.

mod derive;
mod ext;
mod history;
mod identity;
mod log;
pub mod names;
pub mod past;
pub(crate) mod plain;
pub(crate) mod proof;
mod records;
mod release;
mod revert;
mod shown;
mod sources;
pub mod tiles;
mod touched;
mod write;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::Stream;
use serde::Serialize;

pub use derive::{
    DeriveExt, DeriveStream, ForeignChange, ForeignChanges, Hooks, Position, Rederive, Snapper,
    Written,
};
pub use ext::{FeatureStoreExt, StoreExt, operations};
pub use history::HistoryExt;
pub use identity::{Fate, FeatureName, IdentityExt};
pub use log::{ChangeQuery, Changeset, LogEntry, LogReader, LogValues};
pub use past::{
    Act, Change, DiffQuery, FeatureDiff, FeedPlace, FeedQuery, RowAct, ValueAct, ValueSource,
    change_batch, change_batches, change_schema,
};
pub use proof::{
    ChainHead, ERASED, Erased, Erasure, Hash, Personal, ProofExt, ProofStore, Salt, Seal, Sealer,
    StoredRow, StoredRows, Verified, Verify, is_erased,
};
pub use records::{Record, RecordQuery};
pub use release::Release;
pub use revert::{Revert, RevertExt, Reverted};
pub use shown::{PreviewExt, ShownRow, ShownValue};
pub use sources::{
    DataSource, SourceShare, SourceValue, SourceValueStream, SourcesExt, TypeSources,
    source_value_batch, source_value_schema, source_values_csv, with_named_sources,
};
pub(crate) use write::{Key, key_of, key_part};
pub use write::{Row, RowChange, WriteTransaction, apply_operations, derive_features};

use crate::catalog::{Catalog, CatalogChange, CatalogCommit, Manifest, Table};
use crate::error::Result;
use crate::feature::{Applied, ChangeHead, FeatureBatch, Operation};
use crate::id::CommitNumber;
use crate::query::FeatureQuery;

/// A stream of results that can be sent between threads.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T>> + Send>>;

/// Operations on their way into a store. An error in the stream ends the change and leaves the store as it was.
pub type OperationStream = BoxStream<Operation>;

/// Records of one relation.
pub type RecordStream = BoxStream<Record>;

/// Features on their way out: batches of one Arrow schema, read at one moment.
pub struct FeatureStream {
    /// The schema of every batch.
    pub schema: SchemaRef,
    /// The batches. Dropping the stream ends the query.
    pub batches: BoxStream<FeatureBatch>,
}

/// What a store can do beyond the required; each flag is asked both ways by the behaviour suite.
///
/// `as_of` is a question that a store without it refuses with
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported); the other flags say how the store is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Changes survive the end of the process.
    pub durable: bool,
    /// Other processes can write at the same time.
    pub many_writers: bool,
    /// Changes made by other programs are logged by the database's own triggers.
    pub logs_foreign_changes: bool,
    /// Spatial queries use an index.
    pub spatial_index: bool,
    /// `as_of` is answered.
    pub as_of: bool,
}

impl Capabilities {
    /// What a store over a spatial database offers.
    pub const DATABASE: Self = Self {
        durable: true,
        many_writers: true,
        logs_foreign_changes: true,
        spatial_index: true,
        as_of: true,
    };

    /// Every flag with its name.
    pub fn flags(&self) -> [(&'static str, bool); 5] {
        [
            ("durable", self.durable),
            ("many_writers", self.many_writers),
            ("logs_foreign_changes", self.logs_foreign_changes),
            ("spatial_index", self.spatial_index),
            ("as_of", self.as_of),
        ]
    }
}

/// Types, attributes, code lists, attribute sets.
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// The present catalogue. Cheap when nothing changed: a store looks at the version only.
    async fn catalog(&self) -> Result<Arc<Catalog>>;

    /// What [`CatalogStore::evolve`] would do: the steps in words and SQL, the rows they touch, and what they need. Nothing
    /// is changed.
    ///
    /// # Errors
    /// As [`Catalog::evolve`].
    async fn plan(&self, change: &CatalogChange) -> Result<CatalogPlan>;

    /// Changes the catalogue, and tables, views, metadata, codes and triggers with it, in one transaction that is one commit.
    /// What exists and agrees is left alone.
    ///
    /// # Errors
    /// As [`Catalog::evolve`] and [`Evolution::permitted`](crate::catalog::Evolution::permitted): nothing is dropped or narrowed
    /// unless it is named, and no value is lost in a change of type. [`ErrorKind::Busy`](crate::ErrorKind::Busy) where
    /// others hold the tables.
    async fn evolve(&self, change: &CatalogChange) -> Result<CatalogPlan>;

    /// The changes of the catalogue, oldest first.
    async fn catalog_history(&self) -> Result<Vec<CatalogCommit>>;

    /// A manifest for a type that was registered by SQL alone, made from the database.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type, [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported)
    /// for one that has a manifest, and where no table behind the view is known.
    async fn adopt(&self, feature_type: &str) -> Result<Adopted>;

    /// What [`CatalogStore::change_catalog`] would do.
    async fn plan_catalog(&self, manifest: &Manifest) -> Result<CatalogPlan> {
        self.plan(&CatalogChange::of(manifest.clone())).await
    }

    /// Makes what the manifest declares: [`CatalogStore::evolve`] without leave to drop or narrow anything.
    async fn change_catalog(&self, manifest: &Manifest) -> Result<CatalogPlan> {
        self.evolve(&CatalogChange::of(manifest.clone())).await
    }
}

/// A manifest made from the database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Adopted {
    /// The type, and the code lists it uses that no manifest declares.
    pub manifest: Manifest,
    /// What could not be taken over, a sentence each.
    pub notes: Vec<String>,
}

pub use crate::catalog::CatalogPlan;

/// Features and the rows around them.
#[async_trait]
pub trait FeatureStore: Send + Sync {
    /// The features that pass, as a stream of Arrow batches read at one moment.
    async fn features(&self, query: &FeatureQuery) -> Result<FeatureStream>;

    /// How many features pass; limit, offset and cursor do not matter.
    async fn count(&self, query: &FeatureQuery) -> Result<u64>;

    /// The rows of one relation, as typed records in key order.
    async fn records(&self, query: &RecordQuery) -> Result<RecordStream>;

    /// The only way to write: all operations or none, one commit.
    ///
    /// A row may name rows of the same change (its feature, its data source, a code). Put those before it: operations
    /// are checked and written some thousands at a time, and what a portion names must be there or be in it. A feature
    /// and the rows around it may come in any order as long as they come together.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a value that does not fit, [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an update or deletion of a row
    /// that is not there, [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) for an insert of one that is, and for the deletion of a data source or
    /// code that other rows still name. The store is as it was before.
    async fn apply(&self, head: &ChangeHead, operations: OperationStream) -> Result<Applied>;

    /// Computes derived values of features anew, as one change; a feature that is gone is passed over.
    ///
    /// [`FeatureStore::apply`] does this for what it writes. This is for what others wrote and for reference polygons
    /// that came later: see [`DeriveExt`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a value of a reference table that does not fit the attribute it is for.
    async fn derive(&self, head: &ChangeHead, features: DeriveStream) -> Result<Applied>;
}

/// The log of changes.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// The newest commit number, 0 in a store nobody has written to.
    async fn head(&self) -> Result<CommitNumber>;

    /// Entries of the log: commits in their order, the rows of one in the order they were written.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for a relation that the catalogue does not have.
    async fn changes(&self, query: &ChangeQuery) -> Result<BoxStream<LogEntry>>;

    /// The changesets after a commit, up to another where one is named, oldest first.
    async fn changesets(
        &self,
        after: CommitNumber,
        until: Option<CommitNumber>,
    ) -> Result<BoxStream<Changeset>>;

    /// The changes after a commit, oldest first, one entry a row.
    async fn changes_since(&self, after: CommitNumber) -> Result<BoxStream<LogEntry>> {
        self.changes(&ChangeQuery::since(after)).await
    }

    /// The newest commit that touched a feature or rows around it, 0 for none. Costs a look-up.
    async fn last_change(&self, feature: uuid::Uuid) -> Result<CommitNumber>;

    /// Names a commit: a released data version. A release never moves, and its name is unique whatever its letter case.
    ///
    /// # Errors
    /// As [`Release::check`].
    async fn release(&self, release: &Release) -> Result<()>;

    /// The releases, in the order of their commits.
    async fn releases(&self) -> Result<Vec<Release>>;

    /// What other programs have changed of features, or around them, since [`AuditStore::looked_at`] was told last: rows of
    /// these tables. `None` where there is nothing, where nobody else can write, and where this store cannot.
    async fn foreign_changes(&self, tables: &[Arc<Table>]) -> Result<Option<ForeignChanges>> {
        let _ = tables;
        Ok(None)
    }

    /// Remembers how far the changes of other programs have been looked at.
    async fn looked_at(&self, until: i64) -> Result<()> {
        let _ = until;
        Ok(())
    }
}

/// The sum of what a store is.
#[async_trait]
pub trait Store: CatalogStore + FeatureStore + AuditStore + ProofStore {
    /// `memory`, `sqlite` or `pg`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// What the program that opened it has added to it.
    fn hooks(&self) -> &Hooks;

    /// How many streams can be read at once, where that is limited: one more waits until another has ended.
    fn reads_at_once(&self) -> Option<usize> {
        None
    }

    /// The newest commit and the catalogue, asked for together: what was committed before the call is in both.
    async fn moment(&self) -> Result<(CommitNumber, Arc<Catalog>)> {
        let head = self.head().await?;
        Ok((head, self.catalog().await?))
    }

    /// The newest commit and the version of the catalogue, where the store can tell at once that nobody has written since it was
    /// asked last: for those who ask often. `None` says nothing.
    fn unmoved(&self) -> Option<(CommitNumber, i64)> {
        None
    }

    /// What it is and what it holds.
    async fn info(&self) -> Result<StoreInfo>;

    /// Looks for damage, drift and missing pieces. An empty answer means healthy.
    async fn doctor(&self) -> Result<Vec<Finding>>;

    /// Ends work in progress and closes the store; a SpatiaLite file is then one file.
    async fn close(&self) -> Result<()>;
}

/// What a store is and what it holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StoreInfo {
    /// [`Store::name`].
    pub store: String,
    /// File or server, without password.
    pub location: String,
    /// Version of the schema (the newest migration).
    pub schema_version: i64,
    /// Version of the catalogue.
    pub catalog_version: i64,
    /// The newest commit.
    pub head: i64,
    /// Programs and versions below: SQLite, SpatiaLite layout, PostgreSQL, PostGIS.
    pub engine: BTreeMap<String, String>,
    /// Features by base type.
    pub features: BTreeMap<String, u64>,
    /// Data sources.
    pub data_sources: u64,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Answers are right, but slower or less complete than they could be.
    Warning,
    /// Answers may be wrong, or a change may fail.
    Error,
}

/// Something the doctor found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// A short stable word: `schema`, `version`, `index`, `orphan`, `view`, `metadata`, `value`, `trigger`, `proof`.
    pub check: &'static str,
    /// The table, view or column.
    pub object: String,
    /// What is wrong.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}
