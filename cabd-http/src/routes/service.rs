//! What the operator asks: is it alive, is it ready, how much does it do. And the description of the API.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use super::{Answer, tiles};
use crate::answer::{self, Head};
use crate::app::App;
use crate::metrics;
use crate::openapi;
use crate::problem::Problem;
use crate::request::{Asked, Form};

/// How long the store may take to answer that it is there.
const READY: Duration = Duration::from_secs(5);

fn plain(media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `/health/live`: the process answers.
pub(super) async fn live() -> Response<Body> {
    plain(
        Form::Json.media_type(),
        answer::json(&json!({"status": "live"})),
    )
}

/// `/health/ready`: the store answers and the process is not about to end.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Answer {
    let unready = |en: &str, fr: &str| {
        Box::new(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", en, fr).retry(5))
    };
    if app.is_draining() {
        return Err(unready(
            "the service is about to end",
            "le service va s’arrêter",
        ));
    }
    match tokio::time::timeout(READY, app.store.head()).await {
        Ok(Ok(head)) => Ok(plain(
            Form::Json.media_type(),
            answer::json(&json!({"status": "ready", "commit": head})),
        )),
        Ok(Err(e)) => {
            tracing::warn!(error = ?e, "the inventory does not answer");
            Err(unready(
                "the inventory cannot be read",
                "l’inventaire ne peut pas être lu",
            ))
        }
        Err(_) => Err(unready(
            "the inventory does not answer in time",
            "l’inventaire ne répond pas à temps",
        )),
    }
}

/// `/metrics`
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    let head = tokio::time::timeout(READY, app.store.head()).await;
    let head = head.ok().and_then(Result::ok).map(|n| n.0);
    let routes = tiles::ROOTS.map(|root| format!("{}{root}{{*tile}}", app.settings.prefix));
    let (tiles, names) = (app.tiles.counts(), app.names.bytes());
    let text = app.metrics.text(head, &tiles, names, &routes);
    plain(metrics::MEDIA_TYPE, Body::from(text))
}

/// `/openapi.json`
pub(super) async fn description(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let body = answer::json(&openapi::document(&asked.root, app.settings.max_features));
    Ok(Head::new(form, None).answer(&app, &asked, body))
}
