//! `/datasources`: the data sources of the inventory, read and written.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, Response, StatusCode};
use cabd_core::catalog::Relation;
use cabd_core::edit::{self, Draft, SourceChange};
use cabd_core::feature::{Action, Operation};
use cabd_core::store::{Record, RecordQuery, Store};
use cabd_core::{CommitNumber, FeatureStoreExt, StoreExt, Uuid, Value, id};
use serde_json::{Map, Value as Json};

use super::Answer;
use super::edits::{Edit, commit_header};
use crate::answer::{self, Head};
use crate::app::{App, Tag};
use crate::problem::Problem;
use crate::refused::of_source;
use crate::request::{Asked, Form};

/// A data source as it is served: every column.
fn shown(record: &Record) -> Json {
    let values = record.fields.iter().zip(&record.values);
    let members: Map<String, Json> = values.map(|(f, v)| (f.clone(), v.to_json())).collect();
    Json::Object(members)
}

/// `/datasources`, and `/features/datasources`: the sources, and what their owners ask for.
pub(super) async fn every(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let head = app.store.head().await?;
    let catalog = app.store.catalog().await?;
    let answer = Head::new(form, Some(app.tag(head, &catalog, &asked, form)));
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let mut sources = app.store.data_sources().await?;
    let key = |r: &Record| (r.get("name").to_string(), r.get("id").as_uuid());
    sources.sort_by_key(key);
    let body = answer::json(&Json::Array(sources.iter().map(shown).collect()));
    Ok(answer.answer(&app, &asked, body))
}

fn missing(text: &str) -> Box<Problem> {
    let (en, fr) = (
        "no data source has this identifier",
        "aucune source de données n’a cet identifiant",
    );
    Box::new(Problem::missing("uuid", text, en, fr))
}

fn named(path: &[String]) -> Result<Uuid, Box<Problem>> {
    let text = path.first().map(String::as_str).unwrap_or_default();
    id::parse("uuid", text).map_err(|_| missing(text))
}

async fn read(store: &dyn Store, id: Uuid) -> Result<Json, Box<Problem>> {
    let query = RecordQuery::of(Relation::DataSource).with("id", [Value::Uuid(id)]);
    let records = store.all_records(&query).await?;
    let record = records.first().ok_or_else(|| missing(&id.to_string()))?;
    Ok(shown(record))
}

/// The strong tag of a data source: made of what it is, and a condition for its change.
fn tag(source: &Json) -> String {
    let mut hasher = DefaultHasher::new();
    source.to_string().hash(&mut hasher);
    format!("\"d{:016x}\"", hasher.finish())
}

async fn answered(app: &App, asked: &Asked, id: Uuid) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let head = app.store.head().await?;
    let catalog = app.store.catalog().await?;
    let source = read(app.store.as_ref(), id).await?;
    let answer = Head::new(form, Some(Tag::new(tag(&source), head, &catalog)));
    if answer.is_known(asked) {
        return Ok(answer.not_modified(app, asked));
    }
    Ok(answer.answer(app, asked, answer::json(&source)))
}

/// `/datasources/{uuid}`
pub(super) async fn one(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    answered(&app, &asked, named(&path)?).await
}

/// Applies a change that was made from the state at a commit.
async fn apply(
    app: &App,
    edit: &Edit,
    mut draft: Draft,
    read: Option<CommitNumber>,
) -> Result<Option<CommitNumber>, Box<Problem>> {
    draft.head.reason = edit.asked.query.one("reason")?.map(str::to_owned);
    draft.head.rows_read = read.map(|commit| (commit, vec![Relation::DataSource]));
    let applied = edit.apply(app, draft).await;
    applied.map(|a| a.commit).map_err(|e| of_source(&e))
}

/// The newest commit, after which the client's condition held.
async fn unchanged(app: &App, edit: &Edit, id: Uuid) -> Result<CommitNumber, Box<Problem>> {
    let head = app.store.head().await?;
    let source = read(app.store.as_ref(), id).await?;
    let Some(tags) = &edit.if_match else {
        return Err(Box::new(
            Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition-required",
                "the change does not say which state of the data source it is made from",
                "le changement ne dit pas de quel état de la source de données il part",
            )
            .hint(
                "send If-Match with the ETag of the data source as you read it",
                "envoyez If-Match avec l’ETag de la source de données telle que vous l’avez lue",
            ),
        ));
    };
    if !answer::names(tags, &tag(&source)) {
        return Err(Box::new(
            Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "changed",
                "the data source has changed since it was read",
                "la source de données a changé depuis qu’elle a été lue",
            )
            .hint(
                "read it again, and make the change from there",
                "relisez-la, et refaites le changement à partir de là",
            ),
        ));
    }
    Ok(head)
}

/// POST `/datasources`
pub(super) async fn create(app: Arc<App>, edit: Edit, _: Vec<String>) -> Answer {
    let catalog = app.store.catalog().await?;
    let id = match edit.document.get("id").and_then(Json::as_str) {
        Some(text) => id::parse("id", text).map_err(|e| of_source(&e))?,
        None => id::new_id(),
    };
    let draft = edit::data_source(&catalog, id, &edit.document, SourceChange::Create)
        .map_err(|e| of_source(&e))?;
    let commit = apply(&app, &edit, draft, None).await?;
    let mut response = answered(&app, &edit.asked, id).await?;
    *response.status_mut() = StatusCode::CREATED;
    let address = format!("{}/datasources/{id}", edit.asked.root);
    if let Ok(address) = HeaderValue::from_str(&address) {
        response.headers_mut().insert(LOCATION, address);
    }
    commit_header(&mut response, commit);
    Ok(response)
}

async fn change(app: &App, edit: &Edit, path: &[String], how: SourceChange) -> Answer {
    let id = named(path)?;
    let head = unchanged(app, edit, id).await?;
    let catalog = app.store.catalog().await?;
    let draft = edit::data_source(&catalog, id, &edit.document, how).map_err(|e| of_source(&e))?;
    let commit = apply(app, edit, draft, Some(head)).await?;
    let mut response = answered(app, &edit.asked, id).await?;
    commit_header(&mut response, commit);
    Ok(response)
}

/// PATCH `/datasources/{uuid}`: JSON Merge Patch.
pub(super) async fn merge(app: Arc<App>, edit: Edit, path: Vec<String>) -> Answer {
    change(&app, &edit, &path, SourceChange::Merge).await
}

/// PUT `/datasources/{uuid}`: the whole data source.
pub(super) async fn replace(app: Arc<App>, edit: Edit, path: Vec<String>) -> Answer {
    change(&app, &edit, &path, SourceChange::Replace).await
}

/// DELETE `/datasources/{uuid}`: refused while anything names it.
pub(super) async fn delete(app: Arc<App>, edit: Edit, path: Vec<String>) -> Answer {
    let id = named(&path)?;
    let head = unchanged(&app, &edit, id).await?;
    let operation = Operation::new(Relation::DataSource, Action::Delete).set("id", id);
    let draft = Draft {
        operations: vec![operation],
        ..Draft::default()
    };
    let commit = apply(&app, &edit, draft, Some(head)).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    commit_header(&mut response, commit);
    Ok(response)
}
