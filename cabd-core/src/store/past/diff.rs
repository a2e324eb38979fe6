//! What leads from one state of the inventory to another.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use uuid::Uuid;

use super::acts::{RowAct, Teller};
use super::rows::{around, states};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::store::release::no_such_commit;
use crate::store::{ChangeQuery, Key, Row, Store, key_of};

/// Features that are compared together.
const TOGETHER: usize = 500;

/// Which states are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiffQuery {
    /// The one.
    pub from: CommitNumber,
    /// The other; may be the earlier.
    pub to: CommitNumber,
    /// Only features of these types; of every type where it is empty.
    pub types: Vec<String>,
    /// Language of names and labels.
    pub lang: Lang,
}

/// A feature that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureDiff {
    /// Its base type.
    #[serde(rename = "type")]
    pub feature_type: String,
    /// The feature.
    pub cabd_id: Uuid,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// What leads from the one state to the other, row by row: the feature's own first.
    pub rows: Vec<RowAct>,
}

/// The tables around a base type, with the column that names the feature.
type Around = Arc<Vec<(Arc<Table>, usize)>>;

struct Diff<'a, S: ?Sized> {
    store: &'a S,
    teller: Teller,
    query: DiffQuery,
    /// Features that may differ, by base type.
    left: VecDeque<(String, Around, Vec<Uuid>)>,
}

pub(in crate::store) async fn diff<S: Store + ?Sized>(
    store: &S,
    query: DiffQuery,
) -> Result<BoxStream<'_, Result<FeatureDiff>>> {
    let head = store.head().await?;
    for (field, at) in [("from", query.from), ("to", query.to)] {
        if at > head || at.0 < 0 {
            return Err(no_such_commit(field, at, head));
        }
    }
    let teller = Teller::new(store, query.lang).await?;
    let catalog = &teller.catalog;
    let mut bases = vec![];
    for name in &query.types {
        bases.extend(catalog.base_types(catalog.feature_type(name)?)?);
    }
    if query.types.is_empty() {
        bases.extend(catalog.types().filter(|t| !t.is_super()).cloned());
    }
    bases.sort_by(|a, b| a.id().cmp(b.id()));
    bases.dedup_by(|a, b| a.id() == b.id());
    let mut left = VecDeque::new();
    for base in bases {
        let tables: Around = Arc::new(around(catalog, base.id()));
        let changes = ChangeQuery {
            until: Some(query.from.max(query.to)),
            relations: tables.iter().map(|(t, _)| t.relation.clone()).collect(),
            values: false,
            ..ChangeQuery::since(query.from.min(query.to))
        };
        if changes.relations.is_empty() {
            continue;
        }
        let mut touched = HashSet::new();
        let mut log = store.changes(&changes).await?;
        while let Some(e) = log.try_next().await? {
            touched.extend(e.cabd_id);
        }
        let mut touched: Vec<Uuid> = touched.into_iter().collect();
        touched.sort_unstable();
        for some in touched.chunks(TOGETHER) {
            left.push_back((base.id().to_owned(), tables.clone(), some.to_vec()));
        }
    }
    let diff = Diff {
        store,
        teller,
        query,
        left,
    };
    let chunks = stream::try_unfold(diff, |mut diff| async move {
        let next = diff.next().await?;
        Ok::<_, Error>(next.map(|all| (stream::iter(all.into_iter().map(Ok)), diff)))
    });
    Ok(chunks.try_flatten().boxed())
}

impl<S: Store + ?Sized> Diff<'_, S> {
    async fn next(&mut self) -> Result<Option<Vec<FeatureDiff>>> {
        while let Some((base, tables, ids)) = self.left.pop_front() {
            let old = states(self.store, &tables, &ids, self.query.from).await?;
            let new = states(self.store, &tables, &ids, self.query.to).await?;
            let mut of: BTreeMap<Uuid, FeatureDiff> = BTreeMap::new();
            for (((table, column), old), new) in tables.iter().zip(old).zip(new) {
                let mut rows: BTreeMap<Key, (Option<Row>, Option<Row>)> = BTreeMap::new();
                for row in old {
                    let key = key_of(&row[..table.key]);
                    rows.entry(key).or_default().0 = Some(row);
                }
                for row in new {
                    let key = key_of(&row[..table.key]);
                    rows.entry(key).or_default().1 = Some(row);
                }
                for (old, new) in rows.into_values() {
                    self.compare(&base, table, *column, (old, new), &mut of);
                }
            }
            if !of.is_empty() {
                return Ok(Some(of.into_values().collect()));
            }
        }
        Ok(None)
    }

    fn compare(
        &self,
        base: &str,
        table: &Table,
        column: usize,
        (old, new): (Option<Row>, Option<Row>),
        of: &mut BTreeMap<Uuid, FeatureDiff>,
    ) {
        let owner = |row: &Option<Row>| row.as_ref().and_then(|r| r[column].as_uuid());
        let pairs = match (owner(&old), owner(&new)) {
            // A row that has moved went from one feature and came to another.
            (Some(a), Some(b)) if a != b => vec![(a, old, None), (b, None, new)],
            (Some(a), _) => vec![(a, old, new)],
            (None, Some(b)) => vec![(b, None, new)],
            (None, None) => vec![],
        };
        let is_own = table.parent.is_none();
        for (id, old, new) in pairs {
            let change = match (is_own, &old, &new) {
                (true, None, _) => "added",
                (true, _, None) => "removed",
                _ => "changed",
            };
            let Some(act) = self.teller.between(table, old.as_ref(), new.as_ref()) else {
                continue;
            };
            let diff = of.entry(id).or_insert_with(|| FeatureDiff {
                feature_type: base.to_owned(),
                cabd_id: id,
                change,
                rows: vec![],
            });
            diff.rows.push(act);
        }
    }
}
