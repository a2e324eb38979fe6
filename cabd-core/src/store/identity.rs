//! What becomes of a feature's identifier: merge, split, withdraw and restore, as recorded acts.

use async_trait::async_trait;
use futures::TryStreamExt;
use serde::Serialize;
use uuid::Uuid;

use super::{
    ChangeQuery, FeatureStoreExt, Record, RecordQuery, Revert, RevertExt, Reverted, Store,
};
use crate::catalog::{Catalog, ID, Relation, Table};
use crate::error::{Error, Result};
use crate::feature::{Action, Applied, Base, ChangeHead, Operation};
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::time::Timestamp;
use crate::value::Value;

/// Merges that are followed from an old identifier to the feature of today.
const HOPS: usize = 64;

/// A feature by type and identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct FeatureName {
    /// The type that holds it.
    pub feature_type: String,
    /// The feature.
    pub id: Uuid,
}

impl FeatureName {
    /// A feature of a type.
    pub fn new(feature_type: &str, id: Uuid) -> Self {
        Self {
            feature_type: feature_type.to_owned(),
            id,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (feature_type, id) = text.split_once('/')?;
        Some(Self::new(feature_type, id.parse().ok()?))
    }

    fn written(&self) -> String {
        format!("{}/{}", self.feature_type, self.id)
    }
}

/// What has become of a feature that is not there any more.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "act", rename_all = "lowercase")]
pub enum Fate {
    /// It was the same as another.
    Merged {
        /// The feature of today.
        into: FeatureName,
    },
    /// It was several features.
    Split {
        /// The features.
        into: Vec<FeatureName>,
        /// Why.
        reason: Option<String>,
        /// When.
        datetime: Option<Timestamp>,
    },
    /// It does not belong into the inventory.
    Withdrawn {
        /// Why.
        reason: Option<String>,
        /// When.
        datetime: Option<Timestamp>,
    },
    /// It was deleted.
    Deleted {
        /// By which commit.
        commit: CommitNumber,
        /// When.
        datetime: Timestamp,
    },
}

/// The acts, the same over every store. Each is one commit; the log has it, and it can be undone.
#[async_trait]
pub trait IdentityExt: Store {
    /// What has become of an identifier; `None` where there never was such a feature. Merges are followed to their end.
    ///
    /// ```
    /// use cabd_core::memory::MemoryStore;
    /// use cabd_core::{id, store::IdentityExt};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let store = MemoryStore::new();
    /// assert_eq!(store.fate(id::new_id()).await?, None);
    /// # Ok::<(), cabd_core::Error>(()) })?;
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    async fn fate(&self, id: Uuid) -> Result<Option<Fate>> {
        let mut at = id;
        let mut merged: Option<FeatureName> = None;
        for _ in 0..HOPS {
            if let Some(into) = &merged
                && is_there(self, into).await?
            {
                return Ok(Some(Fate::Merged { into: into.clone() }));
            }
            let query = RecordQuery::of(Relation::Identity).with(ID, [at.into()]);
            let Some(row) = self.all_records(&query).await?.into_iter().next() else {
                return deleted(self, at).await;
            };
            let mut into = successors(&row);
            let text = |name: &str| row.get(name).as_str().map(str::to_owned);
            let datetime = match row.get("datetime") {
                Value::Timestamp(t) => Some(*t),
                _ => None,
            };
            match row.get("act").as_str() {
                Some("merge") if !into.is_empty() => {
                    let next = into.remove(0);
                    at = next.id;
                    merged = Some(next);
                }
                Some("split") => {
                    return Ok(Some(Fate::Split {
                        into,
                        reason: text("reason"),
                        datetime,
                    }));
                }
                _ => {
                    return Ok(Some(Fate::Withdrawn {
                        reason: text("reason"),
                        datetime,
                    }));
                }
            }
        }
        Err(Error::corrupt("merges lead in a circle")
            .field(ID)
            .value(id)
            .hint("look at the rows of cabd.feature_identity"))
    }

    /// Ends a feature that is the same as another: its identifier leads there from now on, and so do its data sources and the
    /// updates that were suggested for it. Its values go; set what is worth keeping before.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where one of the two is not there, [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where they are one.
    async fn merge(
        &self,
        head: &ChangeHead,
        from: &FeatureName,
        into: &FeatureName,
    ) -> Result<Applied> {
        if from.id == into.id {
            return Err(Error::invalid("a feature is not merged with itself")
                .field(ID)
                .value(into.id)
                .expected("another feature"));
        }
        let (catalog, seen) = (self.catalog().await?, self.head().await?);
        for feature in [from, into] {
            must_be_there(self, feature).await?;
        }
        let mut all = vec![ended(from, "merge", std::slice::from_ref(into), head)];
        all.extend(sources(self, &catalog, from, into).await?);
        all.extend(suggestions(self, &catalog, from, into).await?);
        all.push(Operation::delete_feature(&from.feature_type, from.id));
        let head = seen_at(head, seen, &[from, into]);
        self.apply_all(&head, all).await
    }

    /// Ends a feature that is several: those are there, or are made by `new`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where a feature is not there, [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for fewer than two successors, and as
    /// [`FeatureStore::apply`](super::FeatureStore::apply) for what is wrong with new ones.
    async fn split(
        &self,
        head: &ChangeHead,
        of: &FeatureName,
        into: &[FeatureName],
        new: Vec<Operation>,
    ) -> Result<Applied> {
        let mut names: Vec<Uuid> = into
            .iter()
            .map(|f| f.id)
            .filter(|id| *id != of.id)
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.len() < 2 || names.len() != into.len() {
            return Err(Error::invalid("a feature is split into several others")
                .field("into")
                .value(into.len())
                .expected("two or more features, each once"));
        }
        let seen = self.head().await?;
        must_be_there(self, of).await?;
        let made = |f: &FeatureName| {
            let key = Value::from(f.id);
            new.iter().any(|o| {
                o.relation == Relation::feature(&f.feature_type) && o.values.first() == Some(&key)
            })
        };
        for feature in into.iter().filter(|f| !made(f)) {
            must_be_there(self, feature).await?;
        }
        let mut all = new;
        all.push(ended(of, "split", into, head));
        all.push(Operation::delete_feature(&of.feature_type, of.id));
        self.apply_all(&seen_at(head, seen, &[of]), all).await
    }

    /// Ends a feature that does not belong into the inventory. The reason is shown to everybody who asks for it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where it is not there, [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) without a reason.
    async fn withdraw(&self, head: &ChangeHead, of: &FeatureName) -> Result<Applied> {
        if head.reason.as_deref().is_none_or(|r| r.trim().is_empty()) {
            return Err(Error::invalid("a withdrawal needs a reason")
                .field("reason")
                .expected("why the feature does not belong into the inventory"));
        }
        let seen = self.head().await?;
        must_be_there(self, of).await?;
        let all = vec![
            ended(of, "withdraw", &[], head),
            Operation::delete_feature(&of.feature_type, of.id),
        ];
        self.apply_all(&seen_at(head, seen, &[of]), all).await
    }

    /// Brings back a feature that was withdrawn, merged, split or deleted, with the rows around it, as it was before.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) where it is there, [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where it never was, and as [`RevertExt::revert`]
    /// where what it names has gone.
    async fn restore(&self, head: &ChangeHead, of: &FeatureName) -> Result<Reverted> {
        let catalog = self.catalog().await?;
        table(&catalog, of)?;
        if is_there(self, of).await? {
            return Err(Error::conflict("the feature is there")
                .field(ID)
                .value(of.id));
        }
        let Some((_, commit, _)) = end(self, of.id).await? else {
            return Err(nothing_known(of));
        };
        let what = Revert {
            features: vec![of.id],
            ..Revert::of(commit)
        };
        self.revert(head, &what, Lang::En).await
    }
}

impl<T: Store + ?Sized> IdentityExt for T {}

fn successors(row: &Record) -> Vec<FeatureName> {
    match row.get("successors") {
        Value::List(all) => {
            let texts = all.iter().filter_map(Value::as_str);
            texts.filter_map(FeatureName::read).collect()
        }
        _ => vec![],
    }
}

fn table<'c>(catalog: &'c Catalog, feature: &FeatureName) -> Result<&'c Table> {
    let ft = catalog.feature_type(&feature.feature_type)?;
    Ok(catalog.table(&Relation::feature(ft.id()))?)
}

async fn is_there<S: Store + ?Sized>(store: &S, feature: &FeatureName) -> Result<bool> {
    let catalog = store.catalog().await?;
    let Ok(table) = table(&catalog, feature) else {
        return Ok(false);
    };
    let query = RecordQuery::of(table.relation.clone())
        .only(&[ID])
        .with(ID, [feature.id.into()]);
    Ok(!store.all_records(&query).await?.is_empty())
}

async fn must_be_there<S: Store + ?Sized>(store: &S, feature: &FeatureName) -> Result<()> {
    table(&*store.catalog().await?, feature)?;
    match is_there(store, feature).await? {
        true => Ok(()),
        false => Err(Error::not_found(format!(
            "{} has no feature with this id",
            feature.feature_type
        ))
        .field(ID)
        .value(feature.id)),
    }
}

fn nothing_known(feature: &FeatureName) -> Error {
    Error::not_found(format!(
        "nothing is known of a feature of {} with this id",
        feature.feature_type
    ))
    .field(ID)
    .value(feature.id)
}

/// The head, with features that must be as they were read.
fn seen_at(head: &ChangeHead, seen: CommitNumber, features: &[&FeatureName]) -> ChangeHead {
    let mut head = head.clone();
    let bases = features.iter().map(|f| Base {
        feature_type: f.feature_type.as_str().into(),
        id: f.id,
        commit: seen,
        exact: true,
        place: None,
    });
    head.bases.extend(bases);
    head
}

/// The row that says what has become of a feature.
fn ended(of: &FeatureName, act: &str, into: &[FeatureName], head: &ChangeHead) -> Operation {
    let into: Vec<Value> = into.iter().map(|f| Value::from(f.written())).collect();
    Operation::new(Relation::Identity, Action::Put)
        .set(ID, of.id)
        .set("cabd_type", of.feature_type.as_str())
        .set("act", act)
        .set(
            "successors",
            if into.is_empty() {
                Value::Null
            } else {
                Value::List(into)
            },
        )
        .set(
            "reason",
            head.reason.clone().map_or(Value::Null, Value::from),
        )
}

/// The data sources that hold the one hold the other as well.
async fn sources<S: Store + ?Sized>(
    store: &S,
    catalog: &Catalog,
    from: &FeatureName,
    into: &FeatureName,
) -> Result<Vec<Operation>> {
    let of = |f: &FeatureName| -> Option<Relation> {
        let ft = catalog.feature_type(&f.feature_type).ok()?;
        let relation = Relation::FeatureSource(ft.id().into());
        catalog.table(&relation).is_ok().then_some(relation)
    };
    let (Some(old), Some(new)) = (of(from), of(into)) else {
        return Ok(vec![]);
    };
    let query = |relation: &Relation, f: &FeatureName| {
        RecordQuery::of(relation.clone()).with(ID, [f.id.into()])
    };
    let rest = |r: &Record| {
        [
            r.get("datasource_id").clone(),
            r.get("datasource_feature_id").clone(),
        ]
    };
    let known = store.all_records(&query(&new, into)).await?;
    let known: Vec<_> = known.iter().map(rest).collect();
    let rows = store.all_records(&query(&old, from)).await?;
    let missing = rows.iter().map(rest).filter(|r| !known.contains(r));
    Ok(missing
        .map(|[source, key]| {
            Operation::new(new.clone(), Action::Insert)
                .set(ID, into.id)
                .set("datasource_id", source)
                .set("datasource_feature_id", key)
        })
        .collect())
}

/// What was suggested for the one is about the other.
async fn suggestions<S: Store + ?Sized>(
    store: &S,
    catalog: &Catalog,
    from: &FeatureName,
    into: &FeatureName,
) -> Result<Vec<Operation>> {
    let into_type = catalog.feature_type(&into.feature_type)?.id();
    let query = RecordQuery::of(Relation::FeatureUpdate)
        .only(&["id"])
        .with(ID, [from.id.into()]);
    let rows = store.all_records(&query).await?;
    Ok(rows
        .iter()
        .map(|r| {
            Operation::new(Relation::FeatureUpdate, Action::Update)
                .set("id", r.get("id").clone())
                .set(ID, into.id)
                .set("cabd_type", into_type)
        })
        .collect())
}

/// The newest deletion of a feature: its type, the commit and when.
async fn end<S: Store + ?Sized>(
    store: &S,
    id: Uuid,
) -> Result<Option<(String, CommitNumber, Timestamp)>> {
    let catalog = store.catalog().await?;
    let query = ChangeQuery {
        features: Some(vec![id]),
        values: false,
        ..ChangeQuery::since(CommitNumber(0))
    };
    let mut log = store.changes(&query).await?;
    let mut found = None;
    while let Some(e) = log.try_next().await? {
        let table = catalog.table_named(&e.schema, &e.table);
        if let Some(Relation::Feature(t)) = table.map(|t| &t.relation) {
            let gone = e.action == "DELETE";
            found = gone.then(|| (t.to_string(), e.commit, e.datetime));
        }
    }
    Ok(found)
}

async fn deleted<S: Store + ?Sized>(store: &S, id: Uuid) -> Result<Option<Fate>> {
    if store.last_change(id).await? == CommitNumber(0) {
        return Ok(None);
    }
    let end = end(store, id).await?;
    Ok(end.map(|(_, commit, datetime)| Fate::Deleted { commit, datetime }))
}
