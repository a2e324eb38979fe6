//! The reference store: everything in memory, plain loops, the meaning of `query::eval`.

mod evolve;
mod proof;
mod transaction;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use futures::StreamExt;

use crate::catalog::{Catalog, CatalogChange, CatalogCommit, Relation};
use crate::error::{Error, Result};
use crate::feature::{Applied, ChangeHead, Counts};
use crate::id::{CommitNumber, Uuid};
use crate::query::{FeatureQuery, plan, plan_count};
use crate::store::plain::{self, Held, Tables};
use crate::store::{
    Adopted, AuditStore, BoxStream, Capabilities, CatalogPlan, CatalogStore, ChangeQuery,
    Changeset, DeriveStream, FeatureStore, FeatureStream, Finding, Hooks, LogEntry,
    OperationStream, Personal, ProofExt, RecordQuery, RecordStream, Release, Seal, Store,
    StoreInfo, apply_operations, derive_features, past, with_named_sources,
};
use transaction::Transaction;

/// Everything the store holds; cheap to clone, tables are shared until written.
#[derive(Debug, Clone, Default)]
struct State {
    catalog: Arc<Catalog>,
    tables: Tables,
    history: Arc<Vec<CatalogCommit>>,
    attic: Arc<evolve::Attic>,
    log: Arc<Vec<LogEntry>>,
    commits: Arc<Vec<Changeset>>,
    releases: Arc<Vec<Release>>,
    seals: Arc<Vec<Seal>>,
    people: Arc<BTreeMap<i64, Personal>>,
    head: CommitNumber,
}

impl State {
    fn held(&self) -> Held<'_> {
        Held {
            catalog: &self.catalog,
            tables: &self.tables,
        }
    }

    fn last_change(&self, feature: Uuid) -> CommitNumber {
        let of_it = self.log.iter().filter(|e| e.cabd_id == Some(feature));
        of_it.map(|e| e.commit).max().unwrap_or_default()
    }

    fn changes(&self, query: &ChangeQuery) -> Result<Vec<LogEntry>> {
        let mut tables = vec![];
        for relation in &query.relations {
            tables.push(self.catalog.table(relation)?.clone());
        }
        let wanted = |e: &&LogEntry| {
            e.commit > query.after
                && query
                    .read
                    .is_none_or(|(commit, to)| e.commit != commit || e.revision > to)
                && query.until.is_none_or(|c| e.commit <= c)
                && (tables.is_empty()
                    || tables
                        .iter()
                        .any(|t| t.schema == e.schema && t.name == e.table))
                && query
                    .features
                    .as_ref()
                    .is_none_or(|ids| e.cabd_id.is_some_and(|id| ids.contains(&id)))
        };
        let most = query.limit.and_then(|n| usize::try_from(n).ok());
        let entries = self.log.iter().filter(wanted);
        let entries = entries.take(most.unwrap_or(usize::MAX)).cloned();
        Ok(entries
            .map(|mut e| {
                if !query.values && e.action == "INSERT" {
                    e.new.clear();
                }
                e
            })
            .collect())
    }
}

/// A store in memory: the reference for the others, and for tests and small inventories.
///
/// ```
/// use cabd_core::{memory::MemoryStore, store::Store};
/// assert_eq!(MemoryStore::new().name(), "memory");
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<Arc<State>>,
    writer: futures::lock::Mutex<()>,
    hooks: Hooks,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> Arc<State> {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn replace(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    fn begin(&self, head: &ChangeHead) -> (Arc<Catalog>, Transaction) {
        let old = self.state();
        let transaction = Transaction::new((*old).clone(), head);
        (old.catalog.clone(), transaction)
    }

    fn end(
        &self,
        head: &ChangeHead,
        transaction: Transaction,
        counts: BTreeMap<Relation, Counts>,
    ) -> Result<Applied> {
        let changed = counts.values().any(Counts::changed);
        let mut commit = None;
        if changed && !head.dry_run {
            let mut state = transaction.finish()?;
            state.seal();
            commit = Some(state.head);
            self.replace(state);
        }
        Ok(Applied { commit, counts })
    }
}

#[async_trait]
impl CatalogStore for MemoryStore {
    async fn catalog(&self) -> Result<Arc<Catalog>> {
        Ok(self.state().catalog.clone())
    }

    async fn plan(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        Ok(self.state().plan(change)?.plan)
    }

    async fn evolve(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        let _writer = self.writer.lock().await;
        let old = self.state();
        let evolution = old.plan(change)?;
        evolution.permitted()?;
        let plan = evolution.plan.clone();
        if !evolution.is_empty() {
            let mut state = (*old).clone();
            state.evolve(evolution, change)?;
            state.seal();
            self.replace(state);
        }
        Ok(plan)
    }

    async fn catalog_history(&self) -> Result<Vec<CatalogCommit>> {
        Ok((*self.state().history).clone())
    }

    async fn adopt(&self, feature_type: &str) -> Result<Adopted> {
        self.state().catalog.feature_type(feature_type)?;
        Err(Error::unsupported("memory", "types registered by SQL"))
    }
}

#[async_trait]
impl FeatureStore for MemoryStore {
    async fn features(&self, query: &FeatureQuery) -> Result<FeatureStream> {
        let query = with_named_sources(self, query).await?;
        let query = query.as_ref();
        if query.as_of.is_some() {
            return past::features(self, query).await;
        }
        let state = self.state();
        let plan = plan(&state.catalog, query)?;
        let schema = plan.layout.schema().clone();
        let batches = plain::batches(state.held(), &plan)?;
        Ok(FeatureStream {
            schema,
            batches: futures::stream::iter(batches.into_iter().map(Ok)).boxed(),
        })
    }

    async fn count(&self, query: &FeatureQuery) -> Result<u64> {
        let query = with_named_sources(self, query).await?;
        let query = query.as_ref();
        if query.as_of.is_some() {
            return past::count(self, query).await;
        }
        let state = self.state();
        plain::count(state.held(), &plan_count(&state.catalog, query)?)
    }

    async fn records(&self, query: &RecordQuery) -> Result<RecordStream> {
        let state = self.state();
        let records = plain::records(state.held(), query)?;
        Ok(futures::stream::iter(records.into_iter().map(Ok)).boxed())
    }

    async fn apply(&self, head: &ChangeHead, operations: OperationStream) -> Result<Applied> {
        let _writer = self.writer.lock().await;
        let (catalog, mut transaction) = self.begin(head);
        let counts =
            apply_operations(&catalog, &mut transaction, &self.hooks, head, operations).await?;
        self.end(head, transaction, counts)
    }

    async fn derive(&self, head: &ChangeHead, features: DeriveStream) -> Result<Applied> {
        let _writer = self.writer.lock().await;
        let (catalog, mut transaction) = self.begin(head);
        let counts = derive_features(&catalog, &mut transaction, &self.hooks, features).await?;
        self.end(head, transaction, counts)
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn head(&self) -> Result<CommitNumber> {
        Ok(self.state().head)
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<BoxStream<LogEntry>> {
        let entries = self.state().changes(query)?;
        Ok(futures::stream::iter(entries.into_iter().map(Ok)).boxed())
    }

    async fn changesets(
        &self,
        after: CommitNumber,
        until: Option<CommitNumber>,
    ) -> Result<BoxStream<Changeset>> {
        let state = self.state();
        let wanted = |c: &&Changeset| c.commit > after && until.is_none_or(|u| c.commit <= u);
        let found: Vec<_> = state
            .commits
            .iter()
            .filter(wanted)
            .cloned()
            .map(Ok)
            .collect();
        Ok(futures::stream::iter(found).boxed())
    }

    async fn release(&self, release: &Release) -> Result<()> {
        let _writer = self.writer.lock().await;
        let mut state = (*self.state()).clone();
        release.check(state.head, &state.releases)?;
        let chain = state.seal_of(release.commit).map(|s| s.chain);
        let all = Arc::make_mut(&mut state.releases);
        all.push(Release {
            chain,
            ..release.clone()
        });
        all.sort_by_key(|r| (r.commit, r.datetime));
        self.replace(state);
        Ok(())
    }

    async fn releases(&self) -> Result<Vec<Release>> {
        Ok(self.state().releases.to_vec())
    }

    async fn last_change(&self, feature: Uuid) -> Result<CommitNumber> {
        Ok(self.state().last_change(feature))
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            as_of: true,
            ..Capabilities::default()
        }
    }

    fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    async fn info(&self) -> Result<StoreInfo> {
        let state = self.state();
        let rows = |r: &Relation| state.tables.get(r).map_or(0, |t| t.len() as u64);
        let features = state
            .catalog
            .types()
            .filter(|t| !t.is_super())
            .map(|t| (t.id().to_owned(), rows(&Relation::feature(t.id()))))
            .collect();
        Ok(StoreInfo {
            store: self.name().to_owned(),
            location: "memory:".to_owned(),
            schema_version: 0,
            catalog_version: state.catalog.version,
            head: state.head.0,
            engine: BTreeMap::new(),
            features,
            data_sources: rows(&Relation::DataSource),
        })
    }

    async fn doctor(&self) -> Result<Vec<Finding>> {
        let problems = self.state().catalog.problems();
        let problems = problems.into_iter();
        let mut found: Vec<Finding> = problems
            .map(|e| Finding {
                severity: crate::store::Severity::Error,
                check: "metadata",
                object: e.place().unwrap_or_default().to_owned(),
                message: e.to_string(),
                hint: e.next_step().map(str::to_owned),
            })
            .collect();
        found.extend(self.verify_newest().await?.findings);
        Ok(found)
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
