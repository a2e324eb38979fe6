//! Which features a store's log names since a commit, for what is remembered of them.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt;
use uuid::Uuid;

use super::{ChangeQuery, Store};
use crate::catalog::{Catalog, Relation};
use crate::error::Result;
use crate::id::CommitNumber;

/// The most features of a change that are followed one by one.
const MOST: usize = 20_000;
/// Features that are read again in one question.
pub(super) const TOGETHER: usize = 2_000;

/// The features that the log names, by base type; those of a table that may name any type under `None`.
pub(super) struct Touched(HashMap<Option<String>, HashSet<Uuid>>);

impl Touched {
    /// `None` where there are more than are followed.
    pub(super) async fn read(
        store: &dyn Store,
        catalog: &Catalog,
        after: CommitNumber,
    ) -> Result<Option<Self>> {
        let mut bases: HashMap<(String, String), (Option<String>, Option<String>)> = HashMap::new();
        for t in catalog.tables() {
            let base = match &t.relation {
                Relation::Feature(ft) | Relation::Part(ft, _) | Relation::Link(ft, _) => {
                    Some(ft.to_string())
                }
                Relation::FeatureUpdate => None,
                // What says where values come from is in no tile.
                _ => continue,
            };
            let parent = t.parent.as_ref().map(|(at, _)| t.columns[*at].name.clone());
            bases.insert((t.schema.clone(), t.name.clone()), (base, parent));
        }
        let mut out: HashMap<Option<String>, HashSet<Uuid>> = HashMap::new();
        let mut n = 0;
        let which = ChangeQuery {
            values: false,
            ..ChangeQuery::since(after)
        };
        let mut log = store.changes(&which).await?;
        while let Some(entry) = log.try_next().await? {
            let of_table = bases.get(&(entry.schema, entry.table));
            let (Some(id), Some((base, parent))) = (entry.cabd_id, of_table) else {
                continue;
            };
            // A row that went to another feature has changed the one it left as well.
            let left = parent.as_ref().and_then(|p| entry.old.get(p)?.as_uuid());
            let of_base = match out.get_mut(base) {
                Some(of_base) => of_base,
                None => out.entry(base.clone()).or_default(),
            };
            for id in [Some(id), left].into_iter().flatten() {
                n += usize::from(of_base.insert(id));
            }
            if n > MOST {
                return Ok(None);
            }
        }
        Ok(Some(Self(out)))
    }

    /// Those of a base type, in the order of their identifiers.
    pub(super) fn of(&self, base: &str) -> Vec<Uuid> {
        let own = self.0.get(&Some(base.to_owned()));
        let any = self.0.get(&None);
        let mut all: Vec<Uuid> = own.into_iter().chain(any).flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
