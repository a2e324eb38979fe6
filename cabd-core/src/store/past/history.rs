//! The history of a feature: who, when, why, attribute by attribute, with the source of each.

use std::collections::{BTreeSet, HashMap};

use futures::TryStreamExt;
use serde::Serialize;
use uuid::Uuid;

use super::acts::{RowAct, Teller, ValueSource};
use super::rows::around;
use crate::catalog::{Relation, Table};
use crate::error::{Error, Result};
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::store::{ChangeQuery, Changeset, LogEntry, RecordQuery, Store};
use crate::time::format_instant;
use crate::value::Value;

/// What one commit did to a feature and the rows around it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Act {
    /// The commit.
    pub commit: i64,
    /// When, ISO 8601 in UTC.
    pub datetime: String,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What kind of change.
    pub kind: String,
    /// The program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Who approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewer: Option<String>,
    /// The data source it was taken from.
    pub data_source: Option<Uuid>,
    /// The rows.
    pub rows: Vec<RowAct>,
}

impl Act {
    /// The act without the names of people and of what they worked with.
    ///
    /// ```
    /// let act = cabd_core::store::Act { author: Some("zoe".into()), commit: 7, ..Default::default() };
    /// let shown = act.without_people();
    /// assert_eq!((shown.author, shown.commit), (None, 7));
    /// ```
    #[must_use]
    pub fn without_people(mut self) -> Self {
        (self.author, self.reviewer, self.client) = (None, None, None);
        self
    }

    pub(super) fn of(set: &Changeset) -> Self {
        Self {
            commit: set.commit.0,
            datetime: format_instant(set.datetime),
            author: set.author.clone(),
            reason: set.reason.clone(),
            kind: set.kind.clone(),
            client: set.client.clone(),
            reviewer: set.reviewer.clone(),
            data_source: set.data_source,
            rows: vec![],
        }
    }
}

pub(in crate::store) async fn history<S: Store + ?Sized>(
    store: &S,
    feature_type: &str,
    id: Uuid,
    lang: Lang,
) -> Result<Vec<Act>> {
    let teller = Teller::new(store, lang).await?;
    let ft = teller.catalog.feature_type(feature_type)?.clone();
    let mut query = ChangeQuery::since(CommitNumber::default());
    query.features = Some(vec![id]);
    for base in teller.catalog.base_types(&ft)? {
        let tables = around(&teller.catalog, base.id());
        query
            .relations
            .extend(tables.into_iter().map(|(t, _)| t.relation.clone()));
    }
    // Types that were registered by SQL have no tables of their own.
    let log: Vec<LogEntry> = match query.relations.is_empty() {
        true => vec![],
        false => store.changes(&query).await?.try_collect().await?,
    };
    let mut told = Told::default();
    let mut acts: Vec<Act> = vec![];
    for of_commit in log.chunk_by(|a, b| a.commit == b.commit) {
        acts.push(told.act(store, &teller, of_commit).await?);
    }
    if acts.is_empty() {
        return Err(Error::not_found(format!(
            "nothing is known of a feature of {} with this id",
            ft.id()
        ))
        .field("cabd_id")
        .value(id));
    }
    told.name(store, &mut acts).await?;
    Ok(acts)
}

/// What has been told of a feature so far.
#[derive(Default)]
struct Told {
    /// The data source of each attribute.
    sources: HashMap<String, Uuid>,
}

impl Told {
    async fn act<S: Store + ?Sized>(
        &mut self,
        store: &S,
        teller: &Teller,
        entries: &[LogEntry],
    ) -> Result<Act> {
        let first = &entries[0];
        let before = CommitNumber(first.commit.0 - 1);
        let mut sets = store.changesets(before, Some(first.commit)).await?;
        let set = sets.try_next().await?.unwrap_or_else(|| Changeset {
            commit: first.commit,
            datetime: first.datetime,
            author: first.author.clone(),
            ..Changeset::default()
        });
        let mut act = Act::of(&set);
        let table = |e: &LogEntry| -> Option<&Table> {
            let table = teller.catalog.table_named(&e.schema, &e.table);
            table.map(|t| &**t)
        };
        for e in entries {
            let relation = table(e).map(|t| &t.relation);
            if !matches!(relation, Some(Relation::AttributeSource(_))) {
                continue;
            }
            for value in teller.entry(e).into_iter().flat_map(|row| row.values) {
                match value.to.as_str().and_then(|t| t.parse().ok()) {
                    Some(id) => self.sources.insert(value.attribute, id),
                    None => self.sources.remove(&value.attribute),
                };
            }
        }
        for e in entries {
            let Some(mut row) = teller.entry(e) else {
                continue;
            };
            let relation = table(e).map(|t| &t.relation);
            if matches!(relation, Some(Relation::Feature(_) | Relation::Part(..))) {
                for value in row.values.iter_mut().filter(|v| !v.to.is_null()) {
                    let id = self.sources.get(&value.attribute).copied();
                    value.source = id.map(|id| ValueSource { id, name: None });
                }
            }
            act.rows.push(row);
        }
        Ok(act)
    }

    /// Gives the sources their names.
    async fn name<S: Store + ?Sized>(&self, store: &S, acts: &mut [Act]) -> Result<()> {
        let values = acts
            .iter_mut()
            .flat_map(|a| &mut a.rows)
            .flat_map(|r| &mut r.values);
        let mut sources: Vec<&mut ValueSource> = values.filter_map(|v| v.source.as_mut()).collect();
        let ids: BTreeSet<Uuid> = sources.iter().map(|s| s.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let query = RecordQuery::of(Relation::DataSource)
            .only(&["id", "name"])
            .with("id", ids.into_iter().map(Value::from));
        let mut names = HashMap::new();
        let mut records = store.records(&query).await?;
        while let Some(r) = records.try_next().await? {
            if let (Some(id), Some(name)) = (r.get("id").as_uuid(), r.get("name").as_str()) {
                names.insert(id, name.to_owned());
            }
        }
        for source in &mut sources {
            source.name = names.get(&source.id).cloned();
        }
        Ok(())
    }
}
