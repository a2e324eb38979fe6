//! Changes: of one feature as GeoJSON, and changesets of many operations.

use std::future::Future;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{RawPathParams, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, IF_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::{MethodFilter, MethodRouter, on};
use cabd_core::catalog::{Catalog, FeatureType, ID};
use cabd_core::edit::{self, Draft, Sourcing};
use cabd_core::feature::{Applied, Base, Operation};
use cabd_core::store::operations;
use cabd_core::{CommitNumber, Error, ErrorKind, Uuid, id};
use serde_json::{Map, Value, json};

use super::{Answer, features, nowhere};
use crate::answer;
use crate::app::App;
use crate::problem::Problem;
use crate::refused::{IF_MATCH_PLACE, of_changeset, of_feature};
use crate::request::Asked;
use crate::writers;

/// The number of the commit that a change made.
const COMMIT: HeaderName = HeaderName::from_static("cabd-commit");
/// Media types of what is sent.
const MEDIA_TYPES: [&str; 3] = [
    "application/json",
    "application/geo+json",
    "application/merge-patch+json",
];

/// A change that a client asks for.
pub(super) struct Edit {
    pub(super) asked: Asked,
    pub(super) author: String,
    pub(super) document: Value,
    pub(super) if_match: Option<String>,
}

/// Reads what is asked and sent, after looking at who sends it, and gives it to `answer`.
pub(super) fn editor<F, R>(method: MethodFilter, answer: F) -> MethodRouter<Arc<App>>
where
    F: Fn(Arc<App>, Edit, Vec<String>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    let without_body = method == MethodFilter::DELETE;
    on(
        method,
        move |State(app): State<Arc<App>>, path: Result<RawPathParams, _>, request: Request| {
            let answer = answer.clone();
            async move {
                let path: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection> =
                    path;
                let path = path.map_err(|_| Box::new(nowhere()))?;
                let path = path.iter().map(|(_, part)| part.to_owned()).collect();
                let (parts, body) = request.into_parts();
                let author = writers::author(&app.settings, &parts.headers)?;
                let asked = Asked::read(&parts, &app.settings)?;
                let document = match without_body {
                    true => Value::Null,
                    false => document(&app, &parts.headers, body).await?,
                };
                let if_match = parts.headers.get(IF_MATCH).and_then(|v| v.to_str().ok());
                let edit = Edit {
                    asked,
                    author,
                    document,
                    if_match: if_match.map(str::to_owned),
                };
                answer(app, edit, path).await
            }
        },
    )
}

async fn document(app: &App, headers: &HeaderMap, body: Body) -> Result<Value, Box<Problem>> {
    let given = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = given.map(|t| t.split(';').next().unwrap_or_default().trim());
    if essence.is_some_and(|t| !MEDIA_TYPES.iter().any(|m| m.eq_ignore_ascii_case(t))) {
        let types = MEDIA_TYPES.join(", ");
        return Err(Box::new(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            format!("the body is not of a type that is taken: {types}"),
            format!("le corps n’est pas d’un type accepté : {types}"),
        )));
    }
    let most = app.settings.max_body_bytes;
    let bytes = to_bytes(body, usize::try_from(most).unwrap_or(usize::MAX))
        .await
        .map_err(|_| {
            Box::new(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                format!("the body is longer than {most} bytes, or broke off"),
                format!("le corps dépasse {most} octets, ou s’est interrompu"),
            ))
        })?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Box::new(
            Problem::new(
                StatusCode::BAD_REQUEST,
                "not-json",
                format!(
                    "the body is not JSON: line {}, column {}",
                    e.line(),
                    e.column()
                ),
                format!(
                    "le corps n’est pas du JSON : ligne {}, colonne {}",
                    e.line(),
                    e.column()
                ),
            )
            .hint(
                "send a GeoJSON feature, or a changeset",
                "envoyez un élément GeoJSON, ou un lot de changements",
            ),
        )
    })
}

impl Edit {
    /// What the query says of the source of the values.
    fn sourcing(&self) -> Result<Sourcing, Box<Problem>> {
        let one = |name| self.asked.query.one(name);
        Sourcing::read(one("data_source")?, one("no_source")?).map_err(|e| of_feature(&e))
    }

    /// The feature that the client has seen, and when: an ETag, which must be that of today, or the number of a commit, from
    /// which on different changes go together.
    pub(super) fn base(&self, ft: &FeatureType, id: Uuid) -> Result<Option<Base>, Box<Problem>> {
        let base = |commit, exact| Base {
            feature_type: ft.id().into(),
            id,
            commit,
            exact,
            place: exact.then(|| IF_MATCH_PLACE.into()),
        };
        if let Some(text) = self.asked.query.one("base")?
            && self.if_match.is_none()
        {
            let commit = text.parse().map_err(|_| {
                Problem::parameter("base", text, "not a commit", "pas un commit").expected(
                    "the number of the commit at which the feature was read",
                    "le numéro du commit auquel l’élément a été lu",
                )
            })?;
            return Ok(Some(base(CommitNumber(commit), false)));
        }
        let Some(tags) = &self.if_match else {
            return Err(Box::new(
                Problem::new(
                    StatusCode::PRECONDITION_REQUIRED,
                    "precondition-required",
                    "the change does not say which state of the feature it is made from",
                    "le changement ne dit pas de quel état de l’élément il part",
                )
                .hint(
                    "send If-Match with the ETag of the feature as you read it, or base with the number of that commit",
                    "envoyez If-Match avec l’ETag de l’élément tel que vous l’avez lu, ou base avec le numéro de ce commit",
                ),
            ));
        };
        if tags.trim() == "*" {
            return Ok(None);
        }
        let seen = tags.split(',').filter_map(crate::app::seen_commit).max();
        let commit = seen.ok_or_else(|| crate::refused::moved_on(None))?;
        Ok(Some(base(commit, true)))
    }

    /// A parameter that is true or false, which it is unless given.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Box<Problem>> {
        match self.asked.query.one(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Box::new(
                Problem::parameter(name, other, "not a yes or no", "ni oui ni non")
                    .expected("true or false", "true ou false"),
            )),
        }
    }

    pub(super) async fn apply(&self, app: &App, draft: Draft) -> cabd_core::Result<Applied> {
        let Draft {
            mut head,
            operations: all,
        } = draft;
        head.author = Some(self.author.clone());
        head.client = Some("http".to_owned());
        app.store.apply(&head, operations(all)).await
    }

    /// Applies a change of one feature.
    async fn change(
        &self,
        app: &App,
        mut draft: Draft,
        base: Option<Base>,
    ) -> Result<Option<CommitNumber>, Box<Problem>> {
        let reason = self.asked.query.one("reason")?.map(str::to_owned);
        draft.head.reason = match (reason, draft.head.reason.take()) {
            (Some(reason), Some(why)) => Some(format!("{reason} ({why})")),
            (reason, why) => reason.or(why),
        };
        draft.head.bases.extend(base);
        let applied = self.apply(app, draft).await;
        applied.map(|a| a.commit).map_err(|e| of_feature(&e))
    }
}

/// The type and the feature that an address names.
pub(super) fn named(
    catalog: &Catalog,
    path: &[String],
) -> Result<(Arc<FeatureType>, Uuid), Box<Problem>> {
    let [name, text] = path else {
        return Err(Box::new(nowhere()));
    };
    let ft = catalog.feature_type(name)?.clone();
    let id = id::parse("uuid", text).map_err(|_| features::missing(text))?;
    Ok((ft, id))
}

pub(super) fn commit_header(response: &mut Response<Body>, commit: Option<CommitNumber>) {
    if let Some(commit) = commit
        && let Ok(value) = HeaderValue::from_str(&commit.to_string())
    {
        response.headers_mut().insert(COMMIT, value);
    }
}

/// POST `/features/{type}`: a new feature.
pub(super) async fn create(app: Arc<App>, edit: Edit, path: Vec<String>) -> Answer {
    let catalog = app.store.catalog().await?;
    let name = path.first().map(String::as_str).unwrap_or_default();
    let ft = catalog.feature_type(name)?.clone();
    let given = edit.document.get("properties").and_then(|p| p.get(ID));
    let id = match given.and_then(Value::as_str) {
        Some(text) => id::parse(ID, text).map_err(|e| of_feature(&e))?,
        None => id::new_id(),
    };
    let draft = edit::create(&catalog, ft.id(), id, &edit.document, &edit.sourcing()?)
        .map_err(|e| of_feature(&e))?;
    let commit = edit.change(&app, draft, None).await?;
    let mut response = features::one(&app, &edit.asked, &catalog, &ft, id).await?;
    *response.status_mut() = StatusCode::CREATED;
    let address = format!("{}/features/{}/{id}", edit.asked.root, ft.id());
    if let Ok(address) = HeaderValue::from_str(&address) {
        response.headers_mut().insert(LOCATION, address);
    }
    commit_header(&mut response, commit);
    Ok(response)
}

/// PATCH `/features/{type}/{uuid}`: JSON Merge Patch.
pub(super) async fn merge(app: Arc<App>, edit: Edit, path: Vec<String>) -> Answer {
    let catalog = app.store.catalog().await?;
    let (ft, id) = named(&catalog, &path)?;
    let base = edit.base(&ft, id)?;
    let draft = edit::merge(&catalog, ft.id(), id, &edit.document, &edit.sourcing()?)
        .map_err(|e| of_feature(&e))?;
    let commit = edit.change(&app, draft, base).await?;
    let mut response = features::one(&app, &edit.asked, &catalog, &ft, id).await?;
    commit_header(&mut response, commit);
    Ok(response)
}

/// PUT `/features/{type}/{uuid}`: the whole feature.
pub(super) async fn replace(app: Arc<App>, edit: Edit, path: Vec<String>) -> Answer {
    let catalog = app.store.catalog().await?;
    let (ft, id) = named(&catalog, &path)?;
    let base = edit.base(&ft, id)?;
    let served = features::served(&app, &edit.asked, &ft, id).await?;
    let draft = edit::replace(
        &catalog,
        ft.id(),
        id,
        &edit.document,
        &served,
        &edit.sourcing()?,
    )
    .map_err(|e| of_feature(&e))?;
    let commit = edit.change(&app, draft, base).await?;
    let mut response = features::one(&app, &edit.asked, &catalog, &ft, id).await?;
    commit_header(&mut response, commit);
    Ok(response)
}

/// DELETE `/features/{type}/{uuid}`: the feature and the rows around it.
pub(super) async fn delete(app: Arc<App>, edit: Edit, path: Vec<String>) -> Answer {
    let catalog = app.store.catalog().await?;
    let (ft, id) = named(&catalog, &path)?;
    let base = edit.base(&ft, id)?;
    let draft = Draft {
        operations: vec![Operation::delete_feature(ft.id(), id)],
        ..Draft::default()
    };
    let commit = edit.change(&app, draft, base).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    commit_header(&mut response, commit);
    Ok(response)
}

/// How many rows of each relation a change touched.
pub(super) fn counts(applied: &Applied) -> Map<String, Value> {
    let counts = applied.counts.iter().map(|(relation, c)| {
        let counts = json!({"inserted": c.inserted, "updated": c.updated,
            "unchanged": c.unchanged, "deleted": c.deleted});
        (relation.to_string(), counts)
    });
    counts.collect()
}

/// POST `/changesets`: all operations or none.
pub(super) async fn changeset(app: Arc<App>, edit: Edit, _: Vec<String>) -> Answer {
    let dry_run = edit.flag("dry_run")?;
    // What a changeset names may have been added by another process a moment ago.
    let catalog = app.store.catalog().await?;
    let mut draft = edit::changeset(&catalog, &edit.document).map_err(|e| of_changeset(&e))?;
    draft.head.dry_run = dry_run;
    let applied = edit
        .apply(&app, draft)
        .await
        .map_err(|e: Error| match e.kind() {
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict => of_changeset(&e),
            _ => Box::new(Problem::of(&e)),
        })?;
    let body = json!({"commit": applied.commit, "dry_run": dry_run, "changes": counts(&applied)});
    let mut response = Response::new(answer::json(&body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    commit_header(&mut response, applied.commit);
    Ok(response)
}
