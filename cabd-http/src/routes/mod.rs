//! The endpoints: one table for the router and for the description of the API.

mod datasources;
pub(crate) mod docs;
mod edits;
pub(crate) mod features;
mod gone;
mod identity;
pub(crate) mod past;
mod service;
pub(crate) mod sources;
mod status;
mod summary;
mod swagger;
pub(crate) mod tiles;
mod types;
mod undo;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, get};

use crate::app::App;
use crate::problem::Problem;
use crate::request::Asked;
use crate::{ogc, page};
use edits::editor;

/// What a handler gives.
pub(crate) type Answer = Result<Response<Body>, Box<Problem>>;

impl From<cabd_core::Error> for Box<Problem> {
    fn from(e: cabd_core::Error) -> Self {
        Box::new(Problem::of(&e))
    }
}

impl From<Arc<cabd_core::Error>> for Box<Problem> {
    fn from(e: Arc<cabd_core::Error>) -> Self {
        Box::new(Problem::of(&e))
    }
}

impl IntoResponse for Problem {
    /// A bare answer that carries the problem; it is written where language and number of the request are known.
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl IntoResponse for Box<Problem> {
    fn into_response(self) -> Response<Body> {
        (*self).into_response()
    }
}

/// The routes, without the layers around them.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    let prefix = &app.settings.prefix;
    let path = |end: &str| format!("{prefix}{end}");
    let mut router = Router::new()
        .route("/health/live", get(service::live))
        .route("/health/ready", get(service::ready))
        .route("/metrics", get(service::metrics))
        .route(&path("/openapi.json"), handler(service::description));
    router = swagger::add(router, prefix);
    router = ogc::add(router, prefix);
    for root in tiles::ROOTS {
        router = router.route(&path(&format!("{root}{{*tile}}")), get(tiles::answer));
    }
    // The original's lists end in a slash, its other paths do not; each is found either way.
    for slash in ["", "/"] {
        let path = |end: &str| format!("{prefix}{end}{slash}");
        router = router
            .route(&path("/docs"), handler(docs::dictionary))
            .route(&path("/features"), handler(features::every))
            .route(&path("/features/types"), handler(types::every))
            .route(&path("/features/types/{type}"), handler(types::one))
            .route(&path("/features/datasources"), handler(datasources::every))
            .route(&path("/features/datasources/{uuid}"), handler(sources::one))
            .route(
                &path("/datasources"),
                handler(datasources::every).merge(editor(MethodFilter::POST, datasources::create)),
            )
            .route(
                &path("/datasources/{uuid}"),
                handler(datasources::one)
                    .merge(editor(MethodFilter::PATCH, datasources::merge))
                    .merge(editor(MethodFilter::PUT, datasources::replace))
                    .merge(editor(MethodFilter::DELETE, datasources::delete)),
            )
            .route(&path("/features/summary/{type}"), handler(summary::of_type))
            .route(
                &path("/features/{type}"),
                handler(features::type_or_feature).merge(editor(MethodFilter::POST, edits::create)),
            )
            .route(
                &path("/features/{type}/{uuid}"),
                handler(features::of_type)
                    .merge(editor(MethodFilter::PATCH, edits::merge))
                    .merge(editor(MethodFilter::PUT, edits::replace))
                    .merge(editor(MethodFilter::DELETE, edits::delete)),
            )
            .route(
                &path("/features/{type}/{uuid}/{act}"),
                editor(MethodFilter::POST, identity::act),
            )
            .route(
                &path("/features/{type}/{uuid}/history"),
                handler(past::history),
            )
            .route(&path("/changes"), handler(past::changes))
            .route(&path("/diff"), handler(past::diff))
            .route(&path("/releases"), handler(past::releases))
            .route(
                &path("/changesets"),
                editor(MethodFilter::POST, edits::changeset),
            )
            .route(
                &path("/changesets/{commit}/revert"),
                editor(MethodFilter::POST, undo::revert),
            );
    }
    if app.settings.status {
        router = router
            .route(&path("/status"), handler(status::status))
            .route(&path("/status/findings"), handler(status::findings));
    }
    if app.settings.page {
        router = page::add(router, &app.settings);
    }
    router
        .fallback(|| async { nowhere() })
        .method_not_allowed_fallback(|| async { wrong_method() })
        .with_state(app.clone())
}

/// Reads what is asked and gives it to `answer`, with the parts of the path.
pub(crate) fn handler<F, R>(answer: F) -> axum::routing::MethodRouter<Arc<App>>
where
    F: Fn(Arc<App>, Asked, Vec<String>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    get(
        move |State(app): State<Arc<App>>, path: Result<RawPathParams, _>, request: Request| {
            let answer = answer.clone();
            async move {
                let path: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection> =
                    path;
                let Ok(path) = path else {
                    return Err(Box::new(nowhere()));
                };
                let path = path.iter().map(|(_, part)| part.to_owned()).collect();
                let (parts, _) = request.into_parts();
                let asked = Asked::read(&parts, &app.settings)?;
                answer(app, asked, path).await
            }
        },
    )
}

pub(crate) fn nowhere() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "there is nothing at this address",
        "il n’y a rien à cette adresse",
    )
    .hint(
        "the API's description is openapi.json below its prefix",
        "la description de l’API est openapi.json sous son préfixe",
    )
}

fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "this address does not take that method",
        "cette adresse n’accepte pas cette méthode",
    )
    .allow("GET, HEAD, OPTIONS")
}
