//! `/api-docs/`: Swagger UI over the description of the API, from this origin alone.

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    LOCATION, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use flate2::read::GzDecoder;

use crate::app::App;
use crate::page::packings;

const PAGE: &str = include_str!("swagger.html");
const START: &str =
    "SwaggerUIBundle({url: '../openapi.json', dom_id: '#swagger-ui', deepLinking: true});\n";
/// The interface styles its own elements; pictures of its style sheet are within it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Its files, packed with gzip.
const STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));
const BUNDLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));

/// Adds the pages. Every address in them is relative, so that they work behind any prefix.
pub(super) fn add(router: Router<Arc<App>>, prefix: &str) -> Router<Arc<App>> {
    let script = "text/javascript; charset=utf-8";
    router
        .route(&format!("{prefix}/api-docs"), get(async || moved()))
        .route(
            &format!("{prefix}/api-docs/"),
            get(async || plain("text/html; charset=utf-8", Body::from(PAGE))),
        )
        .route(
            &format!("{prefix}/api-docs/start.js"),
            get(async move || plain(script, Body::from(START))),
        )
        .route(
            &format!("{prefix}/api-docs/swagger-ui.css"),
            get(async |headers: HeaderMap| file("text/css; charset=utf-8", STYLE, &headers)),
        )
        .route(
            &format!("{prefix}/api-docs/swagger-ui-bundle.js"),
            get(async move |headers: HeaderMap| file(script, BUNDLE, &headers)),
        )
}

fn moved() -> Response<Body> {
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    response
        .headers_mut()
        .insert(LOCATION, HeaderValue::from_static("api-docs/"));
    response
}

fn plain(media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    for (name, value) in [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A file that changes with the program alone.
fn file(media_type: &'static str, packed: &'static [u8], headers: &HeaderMap) -> Response<Body> {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok());
    let is_packed = packings(accepted.unwrap_or_default()).any(|(name, _)| name == "gzip");
    let mut plain_bytes = vec![];
    let mut response = if is_packed {
        let mut response = plain(media_type, Body::from(packed));
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(CONTENT_ENCODING, gzip);
        response
    } else if GzDecoder::new(packed).read_to_end(&mut plain_bytes).is_ok() {
        plain(media_type, Body::from(plain_bytes))
    } else {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=86400"),
    );
    response
}
