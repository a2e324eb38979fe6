//! `/status`: what an administrator looks at first. Served only where the setting `status` is on; names of people never.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::body::Body;
use cabd_core::catalog::{Catalog, Relation};
use cabd_core::store::{ChangeQuery, RecordQuery};
use cabd_core::time::format_instant;
use cabd_core::{CommitNumber, Store, StoreExt, Uuid};
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::Answer;
use crate::answer::{self, Head};
use crate::app::App;
use crate::request::{Asked, Form};

/// Commits that are told.
const COMMITS: i64 = 12;
/// Entries of the log that are read for them.
const ENTRIES: usize = 500_000;

/// `/status`
pub(super) async fn status(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let head = app.store.head().await?;
    let catalog = app.store.catalog().await?;
    let answer = Head::new(form, Some(app.tag(head, &catalog, &asked, form)));
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let compute = async {
        let info = app.store.info().await?;
        let body = json!({
            "store": info.store,
            "commit": info.head,
            "features": info.features,
            "changes": changes(app.store.as_ref(), head).await?,
            "sources": sources(app.store.as_ref(), &catalog).await?,
        });
        Ok::<_, cabd_core::Error>(format!("{body}\n"))
    };
    let text = app.summaries.of("status", Some(head), compute).await?;
    Ok(answer.answer(&app, &asked, Body::from(text)))
}

/// Rows by table and action, of the last commits, newest first.
async fn changes(store: &dyn Store, head: CommitNumber) -> cabd_core::Result<Vec<Value>> {
    let after = CommitNumber((head.0 - COMMITS).max(0));
    let mut found: BTreeMap<i64, BTreeMap<String, [u64; 3]>> = BTreeMap::new();
    let which = ChangeQuery {
        values: false,
        ..ChangeQuery::since(after)
    };
    let mut entries = store.changes(&which).await?;
    let mut read = 0;
    while let Some(entry) = entries.try_next().await? {
        let tables = found.entry(entry.commit.0).or_default();
        let counts = match tables.get_mut(&entry.table) {
            Some(counts) => counts,
            None => tables.entry(entry.table).or_default(),
        };
        counts[match entry.action.as_str() {
            "INSERT" => 0,
            "UPDATE" => 1,
            _ => 2,
        }] += 1;
        read += 1;
        if read == ENTRIES {
            break;
        }
    }
    let mut when = HashMap::new();
    let mut sets = store.changesets(after, Some(head)).await?;
    while let Some(set) = sets.try_next().await? {
        when.insert(set.commit.0, (set.datetime, set.kind, set.reason));
    }
    let commits = found.into_iter().rev().map(|(commit, tables)| {
        let set = when.get(&commit);
        let rows = tables.into_iter().map(|(table, [inserted, updated, deleted])| {
            json!({"table": table, "inserted": inserted, "updated": updated, "deleted": deleted})
        });
        json!({"commit": commit, "datetime": set.map(|s| format_instant(s.0)), "kind": set.map(|s| &s.1),
            "reason": set.and_then(|s| s.2.as_ref()), "rows": rows.collect::<Vec<_>>()})
    });
    Ok(commits.collect())
}

/// How many features each data source holds, by type.
async fn sources(store: &dyn Store, catalog: &Catalog) -> cabd_core::Result<Vec<Value>> {
    let names: BTreeMap<Uuid, String> = store
        .data_sources()
        .await?
        .iter()
        .filter_map(|r| Some((r.get("id").as_uuid()?, r.get("name").as_str()?.to_owned())))
        .collect();
    let mut out = vec![];
    for ft in catalog.types().filter(|t| t.has_feature_source()) {
        let relation = Relation::FeatureSource(ft.id().into());
        let mut counts: BTreeMap<Uuid, u64> = BTreeMap::new();
        let mut rows = store
            .records(&RecordQuery::of(relation).only(&["datasource_id"]))
            .await?;
        while let Some(row) = rows.try_next().await? {
            if let Some(id) = row.get("datasource_id").as_uuid() {
                *counts.entry(id).or_default() += 1;
            }
        }
        let mut counts: Vec<(Uuid, u64)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        out.extend(counts.into_iter().map(|(id, n)| {
            json!({"type": ft.id(), "name": names.get(&id).cloned().unwrap_or_default(), "features": n})
        }));
    }
    Ok(out)
}

/// `/status/findings`
pub(super) async fn findings(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let found = app.store.doctor().await?;
    let body = answer::json(&json!(found));
    Ok(Head::new(form, None).answer(&app, &asked, body))
}
