//! Stores with one planted fault each: the proof that the suite can fail.
//!
//! Each is the reference store behind a wrapper that spoils questions, answers, changes or the log in one way that real
//! stores have got wrong. [`FAULTS`] says which cases must catch which.

mod spoil;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};

use crate::catalog::{Catalog, CatalogChange, CatalogCommit, Relation, What};
use crate::error::Result;
use crate::feature::{Action, Applied, ChangeHead, Operation};
use crate::id::{CommitNumber, Uuid};
use crate::memory::MemoryStore;
use crate::query::FeatureQuery;
use crate::store::{
    Adopted, AuditStore, BoxStream, Capabilities, CatalogPlan, CatalogStore, ChangeQuery,
    Changeset, DeriveStream, Erasure, FeatureStore, FeatureStoreExt, FeatureStream, Finding, Hooks,
    LogEntry, OperationStream, ProofStore, Record, RecordQuery, RecordStream, Release, Seal, Store,
    StoreInfo, StoredRow, StoredRows, operations,
};

/// One way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NegationForgetsNulls,
    LimitOffByOne,
    OffsetIgnored,
    NullsFirst,
    SortWithoutCase,
    BoxWithoutEdges,
    BoxOfBounds,
    /// An outline is taken for the box around it.
    OutlineOfBounds,
    /// An outline is not asked for beside a box.
    OutlineForgotten,
    NearByDegrees,
    CursorRepeatsItsRow,
    CountHeedsLimit,
    LowerCaseOfAsciiOnly,
    WildcardsInValues,
    BadFilterIgnored,
    NamesEscapeOtherConditions,
    AlwaysEnglish,
    NoFallbackFromFrench,
    SuperTypeForgetsMembers,
    BatchesTooLarge,
    EmptyAnswerWithoutSchema,
    WrongReferenceSystem,
    LaterRowsInAStream,
    EarlierStateIgnored,
    RowsBeforeAnErrorStay,
    DryRunWrites,
    SecondBatchLost,
    TextTrimmed,
    SinglePrecision,
    EmptyArrayIsNull,
    PutReplacesTheRow,
    ChildrenStay,
    ChildrenNotLogged,
    HeadMovesForNothing,
    AuthorLost,
    NewCodesUnseen,
    BasesIgnored,
    LastChangeOfOthers,
    LogRewritten,
}

/// Each fault with cases, as `file::name`, that must catch it.
pub const FAULTS: [(Fault, &[&str]); 39] = [
    (
        Fault::NegationForgetsNulls,
        &[
            "filters::every_operator_works_on_the_types_it_is_for",
            "filters::null_never_passes_a_comparison",
            "queries::conditions_nest_and_negate",
        ],
    ),
    (
        Fault::LimitOffByOne,
        &[
            "paging::limit_and_offset_cut_a_stable_order",
            "arrow::an_empty_answer_has_a_schema",
            "space::the_nearest_come_first_by_great_circle_not_by_degrees",
        ],
    ),
    (
        Fault::OffsetIgnored,
        &[
            "paging::limit_and_offset_cut_a_stable_order",
            "paging::pages_by_offset_agree_with_pages_by_cursor",
        ],
    ),
    (
        Fault::NullsFirst,
        &["paging::nulls_come_last_upwards_and_downwards"],
    ),
    (
        Fault::SortWithoutCase,
        &["paging::text_comes_in_order_of_code_points"],
    ),
    (
        Fault::BoxWithoutEdges,
        &[
            "space::a_box_holds_its_edges_and_corners",
            "space::the_whole_world_is_a_box",
        ],
    ),
    (
        Fault::BoxOfBounds,
        &[
            "space::a_line_is_in_a_box_only_where_it_passes",
            "space::a_box_in_the_hole_of_an_area_is_outside_it",
        ],
    ),
    (
        Fault::OutlineOfBounds,
        &["outlines::an_outline_holds_its_edges_and_corners"],
    ),
    (
        Fault::OutlineForgotten,
        &["outlines::an_outline_narrows_with_every_other_condition"],
    ),
    (
        Fault::NearByDegrees,
        &[
            "space::the_nearest_come_first_by_great_circle_not_by_degrees",
            "space::the_nearest_are_found_across_the_antimeridian",
            "space::the_nearest_are_found_around_a_pole",
        ],
    ),
    (
        Fault::CursorRepeatsItsRow,
        &[
            "paging::pages_by_cursor_hold_every_row_once_whatever_the_order",
            "paging::every_batch_says_how_to_go_on",
            "space::pages_of_the_nearest_follow_one_another",
        ],
    ),
    (
        Fault::CountHeedsLimit,
        &["queries::a_count_does_not_care_for_limit_offset_order_and_cursor"],
    ),
    (
        Fault::LowerCaseOfAsciiOnly,
        &["filters::text_is_compared_without_regard_to_case"],
    ),
    (
        Fault::WildcardsInValues,
        &["filters::wildcards_quotes_and_commas_in_a_value_are_ordinary_text"],
    ),
    (
        Fault::BadFilterIgnored,
        &[
            "filters::an_operator_of_another_type_is_refused",
            "filters::a_value_of_another_type_is_refused",
        ],
    ),
    (
        Fault::NamesEscapeOtherConditions,
        &["names::several_name_filters_are_alternatives_within_the_other_conditions"],
    ),
    (
        Fault::AlwaysEnglish,
        &[
            "labels::a_label_stands_beside_its_code_in_the_language_asked_for",
            "filters::a_label_is_filtered_in_the_language_of_the_question",
        ],
    ),
    (
        Fault::NoFallbackFromFrench,
        &["labels::a_blank_french_label_falls_back_to_english"],
    ),
    (
        Fault::SuperTypeForgetsMembers,
        &["supers::a_super_type_of_a_super_type_shows_what_its_members_show"],
    ),
    (
        Fault::BatchesTooLarge,
        &["arrow::batches_have_the_schema_of_the_stream_and_no_more_rows_than_asked"],
    ),
    (
        Fault::EmptyAnswerWithoutSchema,
        &["arrow::an_empty_answer_has_a_schema"],
    ),
    (
        Fault::WrongReferenceSystem,
        &["arrow::geometry_and_identifiers_say_what_they_are"],
    ),
    (
        Fault::LaterRowsInAStream,
        &["concurrency::a_stream_shows_the_moment_it_was_opened"],
    ),
    (
        Fault::EarlierStateIgnored,
        &["capabilities::an_earlier_state_is_read_or_refused_as_unsupported"],
    ),
    (
        Fault::RowsBeforeAnErrorStay,
        &[
            "writing::a_bad_operation_undoes_the_good_ones_before_it",
            "writing::an_error_in_the_stream_leaves_nothing",
            "bad_input::an_error_says_where_the_operation_came_from",
        ],
    ),
    (
        Fault::DryRunWrites,
        &[
            "writing::a_dry_run_counts_and_leaves_the_store_as_it_was",
            "audit::a_change_that_writes_nothing_is_no_commit",
        ],
    ),
    (
        Fault::SecondBatchLost,
        &["writing::many_rows_are_one_commit"],
    ),
    (Fault::TextTrimmed, &["values::texts_come_back_exactly"]),
    (
        Fault::SinglePrecision,
        &["values::numbers_come_back_bit_for_bit"],
    ),
    (
        Fault::EmptyArrayIsNull,
        &["values::an_empty_array_is_not_a_missing_one"],
    ),
    (
        Fault::PutReplacesTheRow,
        &["writing::the_effective_geometry_is_the_best_of_its_columns"],
    ),
    (
        Fault::ChildrenStay,
        &["writing::a_deleted_feature_takes_its_rows_with_it"],
    ),
    (
        Fault::ChildrenNotLogged,
        &["audit::a_deletion_logs_the_children_that_went_along"],
    ),
    (
        Fault::HeadMovesForNothing,
        &[
            "audit::a_change_that_writes_nothing_is_no_commit",
            "writing::a_change_that_changes_nothing_is_no_commit",
        ],
    ),
    (Fault::AuthorLost, &["audit::the_log_says_who"]),
    (
        Fault::NewCodesUnseen,
        &["catalogue::codes_written_as_rows_become_labels"],
    ),
    (
        Fault::BasesIgnored,
        &[
            "editing::a_feature_is_changed_only_where_nobody_has_changed_it_since",
            "editing::of_two_who_change_what_they_read_one_is_told",
        ],
    ),
    (
        Fault::LastChangeOfOthers,
        &["editing::a_feature_is_changed_only_where_nobody_has_changed_it_since"],
    ),
    (
        Fault::LogRewritten,
        &[
            "proof::a_store_verifies_after_every_way_of_writing",
            "proof::an_erased_person_leaves_the_proof_whole",
        ],
    ),
];

/// The reference store with a fault.
pub struct Faulty {
    fault: Fault,
    inner: Arc<MemoryStore>,
    orphans: Mutex<Vec<(Relation, Record)>>,
    extra_commits: AtomicI64,
    first_catalog: Mutex<Option<Arc<Catalog>>>,
}

impl Faulty {
    /// An empty store with one fault.
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            inner: Arc::new(MemoryStore::new()),
            orphans: Mutex::default(),
            extra_commits: AtomicI64::new(0),
            first_catalog: Mutex::default(),
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// Remembers the children of a feature that is about to be deleted.
    async fn keep_children(&self, op: &Operation) -> Result<()> {
        let catalog = self.inner.catalog().await?;
        if op.action != Action::Delete {
            return Ok(());
        }
        for table in catalog.tables() {
            let Some((column, parent)) = &table.parent else {
                continue;
            };
            if *parent != op.relation {
                continue;
            }
            let name = &table.columns[*column].name;
            let q = RecordQuery::of(table.relation.clone()).with(name, [op.values[0].clone()]);
            let rows = self.inner.all_records(&q).await?;
            let rows = rows.into_iter().map(|r| (table.relation.clone(), r));
            self.orphans
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(rows);
        }
        Ok(())
    }
}

#[async_trait]
impl CatalogStore for Faulty {
    async fn catalog(&self) -> Result<Arc<Catalog>> {
        let now = self.inner.catalog().await?;
        if !self.is(Fault::NewCodesUnseen) || now.types().count() == 0 {
            return Ok(now);
        }
        let mut first = self
            .first_catalog
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(first.get_or_insert(now).clone())
    }

    async fn plan(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        self.inner.plan(change).await
    }

    async fn catalog_history(&self) -> Result<Vec<CatalogCommit>> {
        self.inner.catalog_history().await
    }

    async fn adopt(&self, feature_type: &str) -> Result<Adopted> {
        self.inner.adopt(feature_type).await
    }

    async fn evolve(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        let mut change = change.clone();
        if self.is(Fault::NoFallbackFromFrench)
            && let What::Declare(manifest) = &mut change.what
        {
            for list in &mut manifest.lists {
                let mut codes = list.codes.clone();
                for code in codes.iter_mut().filter(|c| c.name.fr.is_empty()) {
                    code.name.fr = " ".to_owned();
                }
                *list = list.with_codes(codes);
            }
        }
        self.inner.evolve(&change).await
    }
}

#[async_trait]
impl FeatureStore for Faulty {
    async fn features(&self, query: &FeatureQuery) -> Result<FeatureStream> {
        if self.is(Fault::LaterRowsInAStream) {
            let schema = self.inner.features(query).await?.schema;
            let (store, q) = (self.inner.clone(), query.clone());
            let batches = stream::try_unfold(0, move |n| {
                let (store, q) = (store.clone(), q.clone());
                async move {
                    let all = store.collect(&q).await?;
                    Ok(all.into_iter().nth(n).map(|b| (b, n + 1)))
                }
            });
            return Ok(FeatureStream {
                schema,
                batches: batches.boxed(),
            });
        }
        let asked = spoil::query(self.fault, query);
        let answer = match self.inner.features(&asked).await {
            Err(_) if self.is(Fault::BadFilterIgnored) => {
                let unfiltered = FeatureQuery {
                    filter: None,
                    ..asked.clone()
                };
                self.inner.features(&unfiltered).await?
            }
            other => other?,
        };
        let mut schema = answer.schema;
        let mut batches: Vec<_> = answer.batches.try_collect().await?;
        if self.is(Fault::NamesEscapeOtherConditions) && query.names.len() > 1 {
            let mut escaped = FeatureQuery::of(&query.feature_type);
            escaped.names = query.names[1..].to_vec();
            let more = self.inner.collect(&escaped).await?;
            batches.extend(more);
            batches = spoil::each_once(batches)?;
        }
        let batches = spoil::answer(self.fault, query, &mut schema, batches)?;
        Ok(FeatureStream {
            schema,
            batches: stream::iter(batches.into_iter().map(Ok)).boxed(),
        })
    }

    async fn count(&self, query: &FeatureQuery) -> Result<u64> {
        if self.is(Fault::CountHeedsLimit) {
            let count = self.inner.count(query).await?;
            return Ok(query.limit.map_or(count, |l| l.min(count)));
        }
        let batches: Vec<_> = {
            let mut whole = query.clone();
            (whole.limit, whole.offset, whole.after) = (None, 0, None);
            whole.sort.clear();
            whole.geometry = true;
            self.inner.count(query).await.or_else(|e| {
                if self.is(Fault::BadFilterIgnored) {
                    Ok(0)
                } else {
                    Err(e)
                }
            })?;
            self.features(&whole).await?.batches.try_collect().await?
        };
        Ok(batches
            .iter()
            .map(|b: &crate::FeatureBatch| b.rows() as u64)
            .sum())
    }

    async fn records(&self, query: &RecordQuery) -> Result<RecordStream> {
        let found = self.inner.records(query).await?;
        let orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        let left: Vec<Result<Record>> = orphans
            .iter()
            .filter(|(r, _)| *r == query.relation)
            .map(|(_, r)| Ok(r.clone()))
            .collect();
        Ok(found.chain(stream::iter(left)).boxed())
    }

    async fn apply(&self, head: &ChangeHead, stream: OperationStream) -> Result<Applied> {
        let mut head = head.clone();
        if self.is(Fault::BasesIgnored) {
            head.bases.clear();
        }
        if !self.fault.spoils_changes() {
            return self.inner.apply(&head, stream).await;
        }
        if self.is(Fault::DryRunWrites) {
            head.dry_run = false;
        }
        let mut read = vec![];
        let mut stream = stream;
        let mut broken = None;
        while let Some(op) = stream.next().await {
            match op {
                Ok(op) => read.push(spoil::operation(self.fault, op)),
                Err(e) => {
                    broken = Some(e);
                    break;
                }
            }
        }
        if self.is(Fault::SecondBatchLost) {
            read.truncate(4_096);
        }
        for op in &read {
            if self.is(Fault::ChildrenStay) {
                self.keep_children(op).await?;
            }
        }
        let done = match broken {
            Some(e) => Err(e),
            None => self.inner.apply(&head, operations(read.clone())).await,
        };
        if done.is_err() && self.is(Fault::RowsBeforeAnErrorStay) {
            for op in read.into_iter().take(20) {
                if self.inner.apply(&head, operations([op])).await.is_err() {
                    break;
                }
            }
        }
        if self.is(Fault::HeadMovesForNothing) && done.as_ref().is_ok_and(|a| a.commit.is_none()) {
            self.extra_commits.fetch_add(1, Ordering::SeqCst);
        }
        done
    }

    async fn derive(&self, head: &ChangeHead, features: DeriveStream) -> Result<Applied> {
        self.inner.derive(head, features).await
    }
}

#[async_trait]
impl AuditStore for Faulty {
    async fn head(&self) -> Result<CommitNumber> {
        let head = self.inner.head().await?;
        Ok(CommitNumber(
            head.0 + self.extra_commits.load(Ordering::SeqCst),
        ))
    }

    async fn changesets(
        &self,
        after: CommitNumber,
        until: Option<CommitNumber>,
    ) -> Result<BoxStream<Changeset>> {
        self.inner.changesets(after, until).await
    }

    async fn changes(&self, query: &ChangeQuery) -> Result<BoxStream<LogEntry>> {
        let fault = self.fault;
        let entries = self.inner.changes(query).await?;
        let spoiled = entries.try_filter_map(move |e| async move { Ok(spoil::entry(fault, e)) });
        Ok(spoiled.boxed())
    }

    async fn release(&self, release: &Release) -> Result<()> {
        self.inner.release(release).await
    }

    async fn releases(&self) -> Result<Vec<Release>> {
        self.inner.releases().await
    }

    async fn last_change(&self, feature: Uuid) -> Result<CommitNumber> {
        let last = self.inner.last_change(feature).await?;
        if self.is(Fault::LastChangeOfOthers) {
            return self.inner.head().await;
        }
        Ok(last)
    }
}

#[async_trait]
impl ProofStore for Faulty {
    async fn seal(&self) -> Result<u64> {
        self.inner.seal().await
    }

    async fn seals(&self, after: CommitNumber) -> Result<BoxStream<Seal>> {
        self.inner.seals(after).await
    }

    async fn seal_of(&self, until: CommitNumber) -> Result<Option<Seal>> {
        self.inner.seal_of(until).await
    }

    async fn stored_rows(&self, query: &StoredRows) -> Result<BoxStream<StoredRow>> {
        let fault = self.fault;
        let rows = self.inner.stored_rows(query).await?;
        Ok(rows.map_ok(move |r| spoil::stored(fault, r)).boxed())
    }

    async fn erase_stored(&self, rows: Vec<Erasure>) -> Result<()> {
        self.inner.erase_stored(rows).await
    }

    async fn log_triggers(&self) -> Result<Vec<Finding>> {
        self.inner.log_triggers().await
    }
}

#[async_trait]
impl Store for Faulty {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn hooks(&self) -> &Hooks {
        self.inner.hooks()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn info(&self) -> Result<StoreInfo> {
        self.inner.info().await
    }

    async fn doctor(&self) -> Result<Vec<Finding>> {
        self.inner.doctor().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}
