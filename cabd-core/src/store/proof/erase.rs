//! The end of a person's data: values and salts go, digests stay.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use serde_json::Value as Json;
use uuid::Uuid;

use super::digest::{Object, digests, object, personal};
use super::{Hash, Personal, StoredRow, StoredRows};
use crate::catalog::Relation;
use crate::error::{Error, ErrorKind, Result};
use crate::feature::{Action, Applied, ChangeHead, Operation};
use crate::lang::Lang;
use crate::store::{FeatureStoreExt, PreviewExt, RecordQuery, ShownRow, Store};
use crate::value::Value;

/// What stands in the place of an erased value.
pub const ERASED: &str = "(erased)";

/// Whether a text stands in the place of an erased value; an e-mail has the contact's identifier in it, since no two may be equal.
///
/// ```
/// use cabd_core::store::{ERASED, is_erased};
/// assert!(is_erased(ERASED) && !is_erased("ann@example.org"));
/// ```
pub fn is_erased(text: &str) -> bool {
    text.starts_with("(erased") && text.ends_with(')')
}

/// A row of the log without the values of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Number of the entry.
    pub revision: i64,
    /// Its values before, the person's replaced by [`ERASED`].
    pub old: Option<String>,
    /// Its values after, likewise.
    pub new: Option<String>,
    /// The digests of what was there, as JSON: kept in the place of the salt.
    pub digests: String,
}

/// What was erased, or would be.
#[derive(Debug, Default)]
pub struct Erased {
    /// The contact.
    pub contact: Uuid,
    /// The commit that erased the present values; none where they were erased before.
    pub applied: Applied,
    /// What became of the present rows.
    pub rows: Vec<ShownRow>,
    /// Rows of the log whose values went.
    pub logged: u64,
}

pub(super) async fn run<S: Store + ?Sized>(
    store: &S,
    head: &ChangeHead,
    contact: &str,
    lang: Lang,
) -> Result<Erased> {
    let contact = contact.trim();
    let id = find(store, contact).await?;
    let updates = updates(store, id).await?;
    let operations = operations(store, id, &updates).await?;
    let waiting = erasures(store, id, &updates).await?;
    if operations.is_empty() && waiting.is_empty() && !known(store, id).await? {
        return Err(nobody(contact));
    }
    let mut erased = Erased {
        contact: id,
        rows: store.preview(&operations, lang).await?,
        logged: waiting.len() as u64,
        ..Erased::default()
    };
    let mut head = head.clone();
    let reason = head.reason.take().filter(|r| !r.trim().is_empty());
    head.reason = reason.or_else(|| Some(format!("erasure of contact {id}")));
    if !operations.is_empty() {
        erased.applied = store.apply_all(&head, operations).await?;
    }
    if head.dry_run {
        return Ok(erased);
    }
    // What is not sealed has no digest that could stay.
    store.seal().await.map_err(|e| {
        e.hint("the present values are erased; erase the contact again by its identifier for those of the log")
    })?;
    let logged = erasures(store, id, &updates).await?;
    erased.logged = logged.len() as u64;
    if !logged.is_empty() {
        store.erase_stored(logged).await?;
    }
    Ok(erased)
}

fn nobody(contact: &str) -> Error {
    Error::not_found("neither the contacts nor the log know this person")
        .field("contact")
        .value(contact)
        .expected("the e-mail of a contact, or its identifier")
}

async fn find<S: Store + ?Sized>(store: &S, contact: &str) -> Result<Uuid> {
    if let Ok(id) = contact.parse() {
        return Ok(id);
    }
    let query = RecordQuery::of(Relation::Contact)
        .only(&["id"])
        .with("email", [Value::from(contact)]);
    let found = store.all_records(&query).await?;
    match &found[..] {
        [one] => one.get("id").as_uuid().ok_or_else(|| nobody(contact)),
        [] => Err(nobody(contact)),
        more => Err(
            Error::new(ErrorKind::Conflict, "several contacts have this e-mail")
                .field("contact")
                .value(contact)
                .hint(format!("erase {} contacts by identifier", more.len())),
        ),
    }
}

async fn people<S: Store + ?Sized>(store: &S) -> Result<super::BoxStream<StoredRow>> {
    let query = StoredRows {
        only_people: true,
        ..StoredRows::default()
    };
    store.stored_rows(&query).await
}

fn is(text: Option<&String>, id: Uuid) -> bool {
    text.and_then(|t| t.parse().ok()) == Some(id)
}

async fn known<S: Store + ?Sized>(store: &S, contact: Uuid) -> Result<bool> {
    let mut rows = people(store).await?;
    while let Some(row) = rows.try_next().await? {
        if row.table == "contacts" && is(row.id_pk.as_ref(), contact) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The suggested updates of a contact, those that are there and those that the log tells of.
async fn updates<S: Store + ?Sized>(store: &S, contact: Uuid) -> Result<BTreeSet<Uuid>> {
    let query = RecordQuery::of(Relation::FeatureUpdate)
        .only(&["id"])
        .with("contact_id", [Value::from(contact)]);
    let there = store.all_records(&query).await?;
    let mut ids: BTreeSet<Uuid> = there.iter().filter_map(|r| r.get("id").as_uuid()).collect();
    let mut rows = people(store).await?;
    while let Some(row) = rows.try_next().await? {
        let values = [&row.old, &row.new].map(|text| object(text.as_deref()));
        let of_contact = values.iter().flatten().any(|o| {
            o.get("contact_id")
                .and_then(Json::as_str)
                .and_then(|t| t.parse().ok())
                == Some(contact)
        });
        if row.table == "user_feature_updates" && of_contact {
            ids.extend(row.id_pk.and_then(|t| t.parse::<Uuid>().ok()));
        }
    }
    Ok(ids)
}

/// What erases the values that are there now.
async fn operations<S: Store + ?Sized>(
    store: &S,
    contact: Uuid,
    updates: &BTreeSet<Uuid>,
) -> Result<Vec<Operation>> {
    let mut all = vec![];
    let query = RecordQuery::of(Relation::Contact).with("id", [Value::from(contact)]);
    for record in store.all_records(&query).await? {
        let mut op = Operation::new(Relation::Contact, Action::Update).set("id", contact);
        for field in personal("cabd", "contacts") {
            let to = match *field {
                "email" => format!("(erased {contact})"),
                _ => ERASED.to_owned(),
            };
            if !record.get(field).is_null() && record.get(field).as_str() != Some(&to) {
                op = op.set(field, to);
            }
        }
        all.push(op);
    }
    let ids: Vec<Value> = updates.iter().map(|id| Value::from(*id)).collect();
    let query = RecordQuery::of(Relation::FeatureUpdate).with("id", ids.clone());
    let there = match ids.is_empty() {
        true => vec![],
        false => store.all_records(&query).await?,
    };
    for record in there {
        let Some(id) = record.get("id").as_uuid() else {
            continue;
        };
        let mut op = Operation::new(Relation::FeatureUpdate, Action::Update).set("id", id);
        for field in personal("cabd", "user_feature_updates") {
            if record.get(field).as_str().is_some_and(|t| t != ERASED) {
                op = op.set(field, ERASED);
            }
        }
        all.push(op);
    }
    all.retain(|op| op.values.len() > 1);
    Ok(all)
}

/// The rows of the log that still tell of the person.
async fn erasures<S: Store + ?Sized>(
    store: &S,
    contact: Uuid,
    updates: &BTreeSet<Uuid>,
) -> Result<Vec<Erasure>> {
    let mut out = vec![];
    let mut rows = people(store).await?;
    while let Some(row) = rows.try_next().await? {
        let id: Option<Uuid> = row.id_pk.as_ref().and_then(|t| t.parse().ok());
        let of_person = match row.table.as_str() {
            "contacts" => id == Some(contact),
            _ => id.is_some_and(|id| updates.contains(&id)),
        };
        if of_person && let Some(erasure) = erasure(&row) {
            out.push(erasure);
        }
    }
    Ok(out)
}

/// A row without the person's values; none where it has none.
fn erasure(row: &StoredRow) -> Option<Erasure> {
    let fields = personal(&row.schema, &row.table);
    let none = Personal::default();
    let kept = row.personal.as_ref().unwrap_or(&none);
    let mut all = BTreeMap::new();
    let mut told = false;
    let mut place = |name: &str, text: Option<&str>| -> Option<String> {
        let mut values: Object = object(text)?;
        for (of, digest) in digests(name, &values, fields, kept) {
            all.insert(of, Hash(digest).to_string());
        }
        for field in fields {
            if let Some(value) = values.get_mut(*field).filter(|v| !v.is_null())
                && !(kept.salt.is_none() && value.as_str().is_some_and(is_erased))
            {
                told |= !value.as_str().is_some_and(is_erased);
                *value = Json::from(ERASED);
            }
        }
        serde_json::to_string(&values).ok()
    };
    let old = place("old", row.old.as_deref());
    let new = place("new", row.new.as_deref());
    told.then(|| Erasure {
        revision: row.revision,
        old,
        new,
        digests: serde_json::to_string(&all).unwrap_or_default(),
    })
}
