//! Suggested updates from a file: the key, the feature's type and the contact that a row does not give itself.

use std::collections::{BTreeSet, HashMap};

use super::convert::Refusal;
use super::mapper::MappedRow;
use super::mapping::ContactRule;
use super::matching::Refused;
use super::target::Target;
use crate::catalog::{Catalog, ID, Relation};
use crate::error::Result;
use crate::feature::{Action, Operation};
use crate::id::Uuid;
use crate::store::{FeatureStoreExt, RecordQuery, Store};
use crate::value::Value;

/// What a load adds to a row, in this order, where no rule gives it.
pub(super) const ADDED: [&str; 2] = ["cabd_type", "contact_id"];

/// The key of a row: the same whenever it is loaded.
fn key(source: Uuid, own: &str) -> Uuid {
    Uuid::new_v5(&source, format!("user_feature_updates:{own}").as_bytes())
}

/// The contact behind the rows, and the operation that makes it where the store does not know it.
pub(super) async fn contact(
    store: &dyn Store,
    rule: &ContactRule,
    source: Option<Uuid>,
) -> Result<(Uuid, Option<Operation>)> {
    let email = rule.email.trim().to_lowercase();
    let query = RecordQuery::of(Relation::Contact)
        .only(&["id"])
        .with("email", [email.as_str().into()]);
    let known = store.all_records(&query).await?;
    if let Some(id) = known.first().and_then(|r| r.get("id").as_uuid()) {
        return Ok((id, None));
    }
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("mailto:{email}").as_bytes());
    let operation = Operation::new(Relation::Contact, Action::Put)
        .set("id", id)
        .set("email", email)
        .set("name", rule.name.as_str())
        .set("organization", rule.organization.as_deref())
        .set("datasource_id", source);
    Ok((id, Some(operation)))
}

/// Completes rows whose feature the store has; the others are refused.
pub(super) async fn complete(
    store: &dyn Store,
    catalog: &Catalog,
    target: &Target,
    rows: Vec<MappedRow>,
    source: impl Fn(&MappedRow) -> Option<Uuid>,
    contact: Option<Uuid>,
    refused: &mut Vec<Refused>,
) -> Result<Vec<MappedRow>> {
    let main = &target.main;
    let rule = |column: &str| {
        let at = main.table.position(column)?;
        main.rules.iter().position(|r| r.column == at)
    };
    let (id_at, type_at) = (rule(ID), rule(ADDED[0]));
    let id_of = |row: &MappedRow| id_at.and_then(|at| row.main[at].as_uuid());
    let ids: BTreeSet<Uuid> = rows.iter().filter_map(id_of).collect();
    let types = types_of(store, catalog, &ids).await?;
    let mut out = Vec::with_capacity(rows.len());
    for mut row in rows {
        let found = match id_of(&row) {
            None => Err(Refusal::new(
                ID,
                "",
                "the row names no feature, and a suggested update is about one",
            )),
            Some(id) => types
                .get(&id)
                .ok_or_else(|| Refusal::new(ID, id, "no feature of the store has this identifier")),
        };
        let told = type_at.and_then(|at| row.main[at].as_str());
        let found = found.and_then(|is| match told {
            Some(told) if told != is => Err(Refusal::new(
                ADDED[0],
                told,
                format!("the feature is of {is}"),
            )),
            _ => Ok(is),
        });
        let own = match (target.id_by_source, source(&row), &row.source_id) {
            (true, Some(source), Some(own)) => Some(key(source, own)),
            _ => None,
        };
        match found {
            Err(why) => refused.push((row.input, row.line, why)),
            Ok(is) => {
                let is = Value::from(is.as_str());
                match type_at {
                    Some(at) => row.main[at] = is,
                    None => row.main.push(is),
                }
                if rule(ADDED[1]).is_none() {
                    row.main.push(contact.into());
                }
                if target.id_by_source {
                    row.main.insert(0, own.into());
                }
                out.push(row);
            }
        }
    }
    Ok(out)
}

/// The types of features, by identifier.
async fn types_of(
    store: &dyn Store,
    catalog: &Catalog,
    ids: &BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, String>> {
    let mut out = HashMap::new();
    for ft in catalog
        .types()
        .filter(|t| !t.is_super() && !t.is_registered())
    {
        let query = RecordQuery::of(Relation::feature(ft.id()))
            .only(&[ID])
            .with(ID, ids.iter().map(|id| Value::Uuid(*id)));
        for record in store.all_records(&query).await? {
            if let Some(id) = record.get(ID).as_uuid() {
                out.insert(id, ft.id().to_owned());
            }
        }
    }
    Ok(out)
}
