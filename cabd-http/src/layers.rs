//! What surrounds every request: its number, its line in the log, limits, and problems in the client's language.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_LENGTH, CONTENT_RANGE,
    HeaderName, HeaderValue, VARY,
};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use cabd_core::Lang;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::answer::Range;
use crate::app::App;
use crate::metrics;
use crate::problem::Problem;
use crate::recent::Of;
use crate::request::{Slot, accepted_language};
use crate::routes::tiles;
use crate::writers;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers that pages of other origins may read.
const EXPOSED: &str = "cabd-commit,cabd-next,content-disposition,content-language,content-range,etag,location,retry-after,x-request-id";

/// The number of a request.
#[derive(Clone)]
struct RequestId(String);

/// Puts everything around the routes.
pub(crate) fn surround(routes: Router, app: &Arc<App>) -> Router {
    // Tiles are packed once, where they are kept.
    let others = DefaultPredicate::new().and(NotForContentType::const_new(tiles::MEDIA_TYPE));
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .gzip(app.settings.compress)
        .br(app.settings.compress)
        .zstd(app.settings.compress)
        .compress_when(others);
    routes
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), guard))
        .layer(compression)
        .layer(cors(app))
        .layer(from_fn_with_state(app.clone(), options))
        .layer(from_fn_with_state(app.clone(), observe))
}

/// The headers that are set around other answers, for one that goes out before.
pub(crate) fn beside(response: &mut Response<Body>, asked: &HeaderMap) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    if let Ok(id) = HeaderValue::from_str(&number(asked)) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The line of the log of such an answer.
pub(crate) fn say(response: &Response<Body>, uri: &Uri, took: Duration, bytes: u64) {
    let id = response.headers().get(REQUEST_ID);
    tracing::info!(
        request_id = id.and_then(|id| id.to_str().ok()).unwrap_or_default(),
        method = "GET",
        target = uri.path_and_query().map_or("", |p| p.as_str()),
        status = response.status().as_u16(),
        bytes,
        milliseconds = took.as_micros() as f64 / 1000.0,
        whole = true,
        "answered"
    );
}

fn cors(app: &App) -> CorsLayer {
    let origins = &app.settings.cors_origins;
    let allowed = if app.settings.allows_any_origin() {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|o| o.parse().ok()))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        // `*` would not mean Authorization.
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(Duration::from_secs(24 * 3600))
        .expose_headers(
            EXPOSED
                .split(',')
                .filter_map(|h| h.parse::<HeaderName>().ok())
                .collect::<Vec<_>>(),
        )
}

/// Which methods an address takes from the caller.
async fn options(State(app): State<Arc<App>>, request: Request, next: Next) -> Response<Body> {
    if !writers::asks_for_options(request.method(), request.headers()) {
        return next.run(request).await;
    }
    writers::options(&app.settings, request.uri().path(), request.headers())
}

fn panicked(reason: Box<dyn Any + Send>) -> Response<Body> {
    let text = reason.downcast_ref::<&str>().map(|t| (*t).to_owned());
    let text = text.or_else(|| reason.downcast_ref::<String>().cloned());
    let e = cabd_core::Error::internal(text.unwrap_or_else(|| "a panic".to_owned()));
    Problem::of(&e).into_response()
}

/// The client's number for the request where it is a plain word, else a new one.
fn number(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|v| v.to_str().ok());
    let plain = |t: &&str| {
        (1..=64).contains(&t.len())
            && t.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    given
        .filter(plain)
        .map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

/// Numbers, counts and logs.
async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response<Body> {
    let begun = Instant::now();
    let id = number(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "none".to_owned(), |p| p.as_str().to_owned());
    let method = metrics::method(request.method().as_str());
    let target: String = request
        .uri()
        .path_and_query()
        .map_or("", |p| p.as_str())
        .chars()
        .take(2000)
        .collect();
    app.metrics.begin();
    let mut line = Line {
        app,
        id,
        route,
        method,
        target,
        status: 0,
        begun,
        bytes: 0,
        ended: false,
    };
    let mut response = next.run(request).await;
    line.status = response.status().as_u16();
    if let Ok(id) = HeaderValue::from_str(&line.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(of) = response.extensions_mut().get_mut::<Of>() {
        line.route.clone_into(&mut of.route);
    }
    if let Some(range) = response.extensions_mut().remove::<Range>() {
        response.headers_mut().insert(CONTENT_RANGE, range.0);
    }
    // Without a body to send nobody will ask for its end.
    line.ended = response.body().is_end_stream() || method == "HEAD";
    response.map(|body| Body::new(Observed { body, line }))
}

/// What is said about a request when its answer ends, however it ends.
struct Line {
    app: Arc<App>,
    id: String,
    route: String,
    method: &'static str,
    target: String,
    status: u16,
    begun: Instant,
    bytes: u64,
    ended: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        // 499: the client went before there was an answer.
        let status = if self.status == 0 { 499 } else { self.status };
        self.app.metrics.end(
            &self.route,
            self.method,
            status,
            took,
            self.bytes,
            self.ended,
        );
        tracing::info!(
            request_id = self.id,
            method = self.method,
            target = self.target,
            status,
            bytes = self.bytes,
            milliseconds = took.as_micros() as f64 / 1000.0,
            whole = self.ended,
            "answered"
        );
    }
}

struct Observed {
    body: Body,
    line: Line,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.line.bytes += frame.data_ref().map_or(0, |d| d.len() as u64);
                self.line.ended = self.body.is_end_stream();
            }
            Poll::Ready(None) => self.line.ended = true,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Keeps a place in the queue until the answer is at its end.
struct Held {
    body: Body,
    _slot: Slot,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Limits, and problems in words.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response<Body> {
    let lang = language(&request);
    let path = request.uri().path().to_owned();
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = limited(&app, request, next).await;
    if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() {
        let id = id.map(|i| i.0).unwrap_or_default();
        if let Some(fault) = &problem.fault {
            tracing::error!(request_id = id, fault, "the request failed");
        }
        response = problem.respond(lang, &path, &id);
        response
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("accept, accept-language"));
    }
    response
}

/// The language of a problem: a `lang` that is none is a problem itself, told in the header's language.
fn language(request: &Request) -> Lang {
    let query = request.uri().query().unwrap_or_default();
    let named = query.split('&').find_map(|p| p.strip_prefix("lang="));
    named
        .and_then(|n| n.parse().ok())
        .unwrap_or_else(|| accepted_language(request.headers()))
}

async fn limited(app: &Arc<App>, mut request: Request, next: Next) -> Response<Body> {
    if let Some(problem) = too_large(app, &request) {
        return problem.into_response();
    }
    // Health and counts are told whatever else waits.
    if request.uri().path().starts_with("/health/") || request.uri().path() == "/metrics" {
        return next.run(request).await;
    }
    let slot = match turn(app, &app.slots).await {
        Ok(place) => Slot::new(place),
        Err(busy) => return busy.into_response(),
    };
    request.extensions_mut().insert(slot.clone());
    match tokio::time::timeout(app.settings.answer_time(), next.run(request)).await {
        Ok(response) => response.map(|body| Body::new(Held { body, _slot: slot })),
        Err(_) => slow(app.settings.answer_seconds).into_response(),
    }
}

/// A place among those who are answered at once.
pub(crate) async fn turn(
    app: &App,
    places: &Arc<Semaphore>,
) -> Result<OwnedSemaphorePermit, Box<Problem>> {
    let longest = Duration::from_secs(app.settings.queue_seconds);
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Ok(place);
    }
    match tokio::time::timeout(longest, places.clone().acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(Box::new(busy())),
    }
}

fn too_large(app: &App, request: &Request) -> Option<Problem> {
    let s = &app.settings;
    let refuse = |status, word, en: &str, fr: &str, most: u64| {
        let (en, fr) = (
            format!("{en} is longer than {most} bytes"),
            format!("{fr} dépasse {most} octets"),
        );
        Some(Problem::new(status, word, en, fr))
    };
    let uri = request
        .uri()
        .path_and_query()
        .map_or(0, |p| p.as_str().len());
    if uri > s.max_uri_bytes {
        let status = StatusCode::URI_TOO_LONG;
        return refuse(
            status,
            "uri-too-long",
            "the path with its query",
            "le chemin avec sa requête",
            s.max_uri_bytes as u64,
        );
    }
    let headers: usize = request
        .headers()
        .iter()
        .map(|(n, v)| n.as_str().len() + v.len())
        .sum();
    if headers > s.max_header_bytes {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return refuse(
            status,
            "header-too-large",
            "the header",
            "l’en-tête",
            s.max_header_bytes as u64,
        );
    }
    let declared = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let body = declared.unwrap_or_else(|| request.body().size_hint().lower());
    if body > s.max_body_bytes {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return refuse(
            status,
            "body-too-large",
            "the body",
            "le corps",
            s.max_body_bytes,
        );
    }
    None
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "too many answers are in progress",
        "trop de réponses sont en cours",
    )
    .retry(5)
}

fn slow(seconds: u64) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too-slow",
        format!("the answer did not begin within {seconds} s"),
        format!("la réponse n’a pas commencé en {seconds} s"),
    )
    .hint(
        "narrow it with bbox, filter or max-results",
        "restreignez-la par bbox, filter ou max-results",
    )
    .retry(5)
}
