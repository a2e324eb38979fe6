//! Rows that other programs wrote: found in the log, looked at once, as a change of its own.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use uuid::Uuid;

use super::{DeriveStream, Rederive, Rules, Written, every_feature};
use crate::catalog::{Catalog, ID, Relation, Table};
use crate::error::{ErrorKind, Result};
use crate::feature::{Applied, ChangeHead, ChangeKind};
use crate::store::{BoxStream, Finding, Severity, Store};

/// A logged change by another program.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignChange {
    /// Schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub action: String,
    /// The feature.
    pub cabd_id: Uuid,
    /// Columns that an update changed.
    pub columns: Vec<String>,
    /// When.
    pub at: Timestamp,
}

/// What other programs have changed since somebody looked.
pub struct ForeignChanges {
    /// Up to where this looks, for [`AuditStore::looked_at`](crate::store::AuditStore::looked_at).
    pub until: i64,
    /// The changes, those of one feature together, in the order they were made.
    pub changes: BoxStream<ForeignChange>,
}

impl std::fmt::Debug for ForeignChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForeignChanges")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// Derived values, over any store.
#[async_trait]
pub trait DeriveExt: Store {
    /// Looks at the rows that other programs have written since the last look, and fills in what follows from them, as a
    /// change of kind `derive`. Costs one question where there are none.
    ///
    /// `cabd::open` does this, and a SpatiaLite file before each change. It is safe to do at any time, and again.
    ///
    /// # Errors
    /// As [`FeatureStore::derive`](crate::store::FeatureStore::derive).
    async fn derive_foreign(&self) -> Result<Applied> {
        let catalog = self.catalog().await?;
        let tables = derived_tables(&catalog)?;
        if tables.is_empty() {
            return Ok(Applied::default());
        }
        let Some(found) = self.foreign_changes(&tables).await? else {
            return Ok(Applied::default());
        };
        let head = ChangeHead {
            reason: Some("derived values of rows that other programs wrote".to_owned()),
            kind: ChangeKind::Derive,
            client: Some(concat!("cabd ", env!("CARGO_PKG_VERSION")).to_owned()),
            ..ChangeHead::default()
        };
        let applied = self
            .derive(&head, by_feature(catalog, found.changes))
            .await?;
        self.looked_at(found.until).await?;
        Ok(applied)
    }

    /// Why values cannot be derived for rows that other programs have written, where that is so.
    async fn underived(&self) -> Result<Option<Finding>> {
        let catalog = self.catalog().await?;
        let tables = derived_tables(&catalog)?;
        if tables.is_empty() {
            return Ok(None);
        }
        let Some(found) = self.foreign_changes(&tables).await? else {
            return Ok(None);
        };
        let head = ChangeHead {
            dry_run: true,
            kind: ChangeKind::Derive,
            ..ChangeHead::default()
        };
        let tried = self.derive(&head, by_feature(catalog, found.changes)).await;
        let e = match tried {
            Err(e) if e.kind() != ErrorKind::Denied => e,
            _ => return Ok(None),
        };
        let hint = e.next_step();
        let hint = hint.unwrap_or("correct the value, then open the store again");
        Ok(Some(Finding {
            severity: Severity::Warning,
            check: "derived",
            object: "derived values".to_owned(),
            message: format!("values cannot be derived for rows that other programs wrote: {e}"),
            hint: Some(hint.to_owned()),
        }))
    }

    /// Computes the derived values of every feature of these types anew, of all types that derive any when none is named,
    /// as one change. Values that have a source of their own stay.
    ///
    /// ```
    /// use cabd_core::memory::MemoryStore;
    /// use cabd_core::{ChangeHead, store::DeriveExt};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let done = MemoryStore::new().derive_all(&ChangeHead::default(), &[]).await?;
    /// assert_eq!(done.commit, None, "an empty store has nothing to derive");
    /// # Ok::<(), cabd_core::Error>(()) })?;
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type; as
    /// [`FeatureStore::derive`](crate::store::FeatureStore::derive).
    async fn derive_all(&self, head: &ChangeHead, types: &[String]) -> Result<Applied> {
        let catalog = self.catalog().await?;
        let mut wanted: Vec<String> = vec![];
        if types.is_empty() {
            wanted.extend(catalog.types().map(|t| t.id().to_owned()));
        }
        for t in types {
            let ft = catalog.feature_type(t)?;
            let base = catalog.base_types(ft)?;
            wanted.extend(base.iter().map(|t| t.id().to_owned()));
        }
        wanted.retain(|t| {
            catalog
                .feature_type(t)
                .is_ok_and(|t| !t.is_super() && t.attributes.iter().any(|a| a.derived.is_some()))
        });
        wanted.sort();
        wanted.dedup();
        let mut all: Vec<DeriveStream> = vec![];
        for t in &wanted {
            all.push(every_feature(self, t).await?);
        }
        self.derive(head, stream::iter(all).flatten().boxed()).await
    }
}

impl<T: Store + ?Sized> DeriveExt for T {}

/// The tables of types that derive anything.
fn derived_tables(catalog: &Catalog) -> Result<Vec<Arc<Table>>> {
    let mut out = vec![];
    for table in catalog.tables() {
        if let Some(t) = feature_type_of(&table)
            && Rules::of(catalog, &Relation::Feature(t.clone()))?.is_some_and(|r| !r.is_idle(false))
        {
            out.push(table);
        }
    }
    Ok(out)
}

fn feature_type_of(table: &Table) -> Option<&Arc<str>> {
    match &table.relation {
        Relation::Feature(t)
        | Relation::Part(t, _)
        | Relation::Link(t, _)
        | Relation::FeatureSource(t)
        | Relation::AttributeSource(t) => Some(t),
        Relation::DataSource
        | Relation::Contact
        | Relation::FeatureUpdate
        | Relation::Identity
        | Relation::Codes(_) => None,
    }
}

/// The changes of each feature as one.
fn by_feature(catalog: Arc<Catalog>, changes: BoxStream<ForeignChange>) -> DeriveStream {
    let state = (changes.fuse(), None::<Rederive>, catalog);
    stream::try_unfold(state, |(mut changes, mut open, catalog)| async move {
        loop {
            let Some(change) = changes.try_next().await? else {
                return Ok(open.map(|done| (done, (changes, None, catalog))));
            };
            let Some(next) = read(&catalog, change) else {
                continue;
            };
            match &mut open {
                Some(same) if same.id == next.id && same.feature_type == next.feature_type => {
                    add(same, next);
                }
                None => open = Some(next),
                Some(_) => {
                    let done = open.replace(next);
                    return Ok(done.map(|done| (done, (changes, open, catalog))));
                }
            }
        }
    })
    .boxed()
}

fn read(catalog: &Catalog, change: ForeignChange) -> Option<Rederive> {
    let table = catalog
        .tables()
        .into_iter()
        .find(|t| t.schema == change.schema && t.name == change.table)?;
    let feature_type = feature_type_of(&table)?.clone();
    let written = match (&table.relation, change.action.as_str()) {
        (Relation::Feature(_), "DELETE") => return None,
        (Relation::Feature(_), "INSERT") => Written::New,
        // SpatiaLite gives a new row its identifier in an update of its own.
        (Relation::Feature(_), _) if change.columns.iter().any(|c| c == ID) => Written::New,
        (Relation::Feature(_), _) => Written::Columns(change.columns),
        _ => Written::Around,
    };
    Some(Rederive {
        feature_type,
        id: change.cabd_id,
        written,
        at: Some(change.at),
    })
}

fn add(to: &mut Rederive, more: Rederive) {
    to.at = to.at.max(more.at);
    match (&mut to.written, more.written) {
        (Written::New, _) | (_, Written::Around) => {}
        (Written::Columns(all), Written::Columns(columns)) => all.extend(columns),
        (written, new) => *written = new,
    }
}
