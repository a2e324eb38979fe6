//! Easy forms over the required methods.

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use uuid::Uuid;

use super::{FeatureStore, OperationStream, Record, RecordQuery, Store};
use crate::catalog::Relation;
use crate::error::{Error, Result};
use crate::feature::{Applied, ChangeHead, FeatureBatch, Operation};
use crate::page::Near;
use crate::query::{FeatureQuery, NameFilter, Operator};
use crate::value::Value;

/// Operations held in memory, as a stream.
pub fn operations(
    all: impl IntoIterator<Item = Operation, IntoIter: Send + 'static>,
) -> OperationStream {
    futures::stream::iter(all.into_iter().map(Ok)).boxed()
}

/// Easy forms of [`FeatureStore`].
#[async_trait]
pub trait FeatureStoreExt: FeatureStore {
    /// All batches of an answer. For answers known to be small; lists are read with [`FeatureStore::features`].
    async fn collect(&self, query: &FeatureQuery) -> Result<Vec<FeatureBatch>> {
        self.features(query).await?.batches.try_collect().await
    }

    /// The feature, as a batch of one row.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when the type has no such feature.
    async fn feature(&self, feature_type: &str, id: Uuid) -> Result<FeatureBatch> {
        let mut query = FeatureQuery::of(feature_type);
        query.ids = Some(vec![id]);
        let batches = self.collect(&query).await?;
        batches.into_iter().find(|b| b.rows() > 0).ok_or_else(|| {
            Error::not_found(format!("{feature_type} has no feature with this id"))
                .field("cabd_id")
                .value(id)
        })
    }

    /// The nearest features.
    async fn nearest(
        &self,
        feature_type: &str,
        near: Near,
        limit: u64,
    ) -> Result<Vec<FeatureBatch>> {
        let mut query = FeatureQuery::of(feature_type);
        query.near = Some(near);
        query.limit = Some(limit);
        self.collect(&query).await
    }

    /// Features one of whose names contains the text, accents and case ignored.
    async fn name_search(
        &self,
        feature_type: &str,
        text: &str,
        limit: u64,
    ) -> Result<Vec<FeatureBatch>> {
        let mut query = FeatureQuery::of(feature_type);
        query.names = vec![NameFilter {
            operator: Operator::Like,
            values: vec![text.to_owned()],
        }];
        query.limit = Some(limit);
        self.collect(&query).await
    }

    /// Applies operations held in memory.
    async fn apply_all(&self, head: &ChangeHead, all: Vec<Operation>) -> Result<Applied> {
        self.apply(head, operations(all)).await
    }

    /// All records of a small relation or look-up.
    async fn all_records(&self, query: &RecordQuery) -> Result<Vec<Record>> {
        self.records(query).await?.try_collect().await
    }
}

impl<T: FeatureStore + ?Sized> FeatureStoreExt for T {}

/// Easy forms of [`Store`].
#[async_trait]
pub trait StoreExt: Store {
    /// The data sources.
    async fn data_sources(&self) -> Result<Vec<Record>> {
        self.all_records(&RecordQuery::of(Relation::DataSource))
            .await
    }

    /// The data source of that name.
    async fn data_source_by_name(&self, name: &str) -> Result<Option<Uuid>> {
        let query = RecordQuery::of(Relation::DataSource)
            .only(&["id"])
            .with("name", [Value::from(name)]);
        Ok(self
            .all_records(&query)
            .await?
            .first()
            .and_then(|r| r.get("id").as_uuid()))
    }
}

impl<T: Store + ?Sized> StoreExt for T {}
