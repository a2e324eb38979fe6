//! Identifiers that a file gives by the key of another data source.

use std::collections::{BTreeSet, HashMap};

use super::convert::{Refusal, Rule};
use super::mapper::MappedRow;
use super::mapping::{LookupRule, Unknown};
use super::matching::Refused;
use super::target::Target;
use crate::catalog::Relation;
use crate::error::Result;
use crate::id::Uuid;
use crate::store::{FeatureStoreExt, RecordQuery, Store, StoreExt};
use crate::value::Value;

/// Turns the keys of looked-up fields into identifiers. Rows whose key finds none are taken out or lose the value, as
/// the field says; `dropped` is told of the latter.
pub(super) async fn resolve(
    store: &dyn Store,
    target: &Target,
    rows: Vec<MappedRow>,
    refused: &mut Vec<Refused>,
    dropped: &mut (dyn FnMut(usize, u64, Refusal) + Send),
) -> Result<Vec<MappedRow>> {
    let mut rows = rows;
    for (part, at, rule) in wanted(target) {
        let Some(lookup) = &rule.lookup else { continue };
        let slot = |row: &mut MappedRow| -> Value {
            let values = match part {
                Some(p) => &mut row.parts[p],
                None => &mut row.main,
            };
            std::mem::take(&mut values[at])
        };
        let keys: Vec<Value> = rows.iter_mut().map(slot).collect();
        let texts: BTreeSet<&str> = keys.iter().filter_map(Value::as_str).collect();
        let known = find(store, lookup, &texts).await?;
        let mut kept = Vec::with_capacity(rows.len());
        for (mut row, key) in rows.into_iter().zip(&keys) {
            let Some(key) = key.as_str() else {
                kept.push(row);
                continue;
            };
            let reason = match known.get(key) {
                Some(Some(id)) => {
                    let values = match part {
                        Some(p) => &mut row.parts[p],
                        None => &mut row.main,
                    };
                    values[at] = Value::Uuid(*id);
                    kept.push(row);
                    continue;
                }
                Some(None) => "several",
                None => "none",
            };
            let why = Refusal::new(
                &rule.to,
                key,
                format!(
                    "{reason} of the features of {} has this key in the data source {:?}",
                    lookup.feature_type, lookup.source
                ),
            );
            if rule.unknown_becomes() == Unknown::Null {
                dropped(row.input, row.line, why);
                kept.push(row);
            } else {
                refused.push((row.input, row.line, why));
            }
        }
        rows = kept;
    }
    Ok(rows)
}

/// Whether a row of the target names something that must be looked up.
pub(super) fn is_needed(target: &Target) -> bool {
    wanted(target).next().is_some()
}

fn wanted(target: &Target) -> impl Iterator<Item = (Option<usize>, usize, &Rule)> {
    let main = target.main.rules.iter().enumerate();
    let parts = target.parts.iter().enumerate().flat_map(|(p, part)| {
        let rules = part.rules.rules.iter().enumerate();
        rules.map(move |(at, rule)| (Some(p), at, rule))
    });
    main.map(|(at, rule)| (None, at, rule))
        .chain(parts)
        .filter(|(_, _, rule)| rule.lookup.is_some())
}

/// Key to feature; none where several features have the key.
async fn find(
    store: &dyn Store,
    lookup: &LookupRule,
    keys: &BTreeSet<&str>,
) -> Result<HashMap<String, Option<Uuid>>> {
    let mut out: HashMap<String, Option<Uuid>> = HashMap::new();
    if keys.is_empty() {
        return Ok(out);
    }
    let Some(source) = store.data_source_by_name(&lookup.source).await? else {
        return Ok(out);
    };
    let relation = Relation::FeatureSource(lookup.feature_type.as_str().into());
    let query = RecordQuery::of(relation)
        .only(&["cabd_id", "datasource_feature_id"])
        .with("datasource_id", [Value::Uuid(source)])
        .with(
            "datasource_feature_id",
            keys.iter().map(|k| Value::from(*k)),
        );
    for record in store.all_records(&query).await? {
        let key = record.get("datasource_feature_id").as_str();
        let (Some(key), Some(id)) = (key, record.get("cabd_id").as_uuid()) else {
            continue;
        };
        match out.get(key) {
            Some(Some(other)) if *other != id => {
                out.insert(key.to_owned(), None);
            }
            Some(_) => {}
            None => {
                out.insert(key.to_owned(), Some(id));
            }
        }
    }
    Ok(out)
}
