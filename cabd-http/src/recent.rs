//! Short answers of the newest commit, given again to the same question without asking anew.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_ENCODING,
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST, HeaderName, IF_NONE_MATCH,
    TRANSFER_ENCODING,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use cabd_core::CommitNumber;
use hyper::body::{Frame, SizeHint};

use crate::answer::names;
use crate::app::App;
use crate::layers;
use crate::tiles;

/// The longest answer that is kept, in bytes as they are sent.
const LONGEST: usize = 256 * 1024;
/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 2048;

/// What an answer depends on beside its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Of {
    pub(crate) head: CommitNumber,
    pub(crate) catalog_version: i64,
    /// For the counts; told by who counts.
    pub(crate) route: String,
}

/// The parts of a request that an answer may depend on.
const ASKED: [HeaderName; 7] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    HOST,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-proto"),
];

#[derive(Debug)]
struct Given {
    of: Of,
    headers: HeaderMap,
    body: Bytes,
}

/// The answers, by question.
pub(crate) struct Recent(moka::sync::Cache<String, Arc<Given>>);

impl Recent {
    pub(crate) fn new(most_mb: u64) -> Self {
        let weight = |key: &String, given: &Arc<Given>| {
            let bytes = key.len() + given.body.len() + ENTRY_BYTES;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let cache = moka::sync::Cache::builder()
            .max_capacity(most_mb.saturating_mul(1_000_000))
            .weigher(weight);
        Self(cache.build())
    }
}

/// A question whose answer may be kept, as a text.
pub(crate) struct Question(String);

/// The kept answer. It is given while a look at the store, begun after the request came, says that the newest commit is the same.
///
/// # Errors
/// The question where there is none, to keep the answer that is made; nothing where it is not to be kept.
pub(crate) async fn again(
    app: &Arc<App>,
    request: &Parts,
) -> Result<Response<Body>, Option<Question>> {
    let headers = &request.headers;
    let plain = request.method == Method::GET
        && request.uri.path().starts_with(&app.settings.prefix)
        && !headers.contains_key(AUTHORIZATION)
        && app.settings.allows_any_origin();
    if !plain {
        return Err(None);
    }
    let begun = Instant::now();
    let key = key(&request.uri, headers);
    if let Some(given) = app.recent.0.get(&key)
        && let Ok(now) = tiles::present(app).await
        && given.of.head == now.head
        && given.of.catalog_version == now.catalog.version
    {
        return Ok(repeated(app, &given, request, begun));
    }
    Err(Some(Question(key)))
}

/// Keeps an answer when it has come to its end, if it says what it is of ([`Of`]): then every change of it is a commit.
pub(crate) fn keep(
    app: Arc<App>,
    question: Question,
    mut response: Response<Body>,
) -> Response<Body> {
    let of = response.extensions_mut().remove::<Of>();
    let short = response.body().size_hint().lower() <= LONGEST as u64;
    match of {
        Some(of) if response.status() == StatusCode::OK && short => {
            let mut headers = response.headers().clone();
            headers.remove(TRANSFER_ENCODING);
            let given = Given {
                of,
                headers,
                body: Bytes::new(),
            };
            response.map(|body| {
                Body::new(Copied {
                    body,
                    copy: Some((app, question.0, given, vec![])),
                })
            })
        }
        _ => response,
    }
}

fn key(uri: &Uri, headers: &HeaderMap) -> String {
    let target = uri.path_and_query().map_or("", |p| p.as_str());
    let mut key = String::with_capacity(target.len() + 128);
    key.push_str(target);
    for name in &ASKED {
        // A header cannot hold these signs.
        key.push('\n');
        for value in headers.get_all(name) {
            key.push('\r');
            key.extend(value.as_bytes().iter().map(|b| char::from(*b)));
        }
    }
    key
}

fn repeated(app: &App, given: &Given, request: &Parts, begun: Instant) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = given.headers.clone();
    layers::beside(&mut response, &request.headers);
    let tag = given.headers.get(ETAG).and_then(|t| t.to_str().ok());
    let known = request.headers.get_all(IF_NONE_MATCH).iter();
    let known = known
        .filter_map(|v| v.to_str().ok())
        .any(|list| tag.is_some_and(|tag| names(list, tag)));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        for name in [
            CONTENT_TYPE,
            CONTENT_LENGTH,
            CONTENT_ENCODING,
            CONTENT_RANGE,
            CONTENT_DISPOSITION,
        ] {
            response.headers_mut().remove(name);
        }
    } else {
        *response.body_mut() = Body::from(given.body.clone());
    }
    let bytes = if known { 0 } else { given.body.len() as u64 };
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    app.metrics.begin();
    app.metrics
        .end(&given.of.route, "GET", status, took, bytes, true);
    layers::say(&response, &request.uri, took, bytes);
    response
}

/// A body of which a copy is kept when it has come to its end.
struct Copied {
    body: Body,
    copy: Option<(Arc<App>, String, Given, Vec<u8>)>,
}

impl HttpBody for Copied {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let data = frame.data_ref().map_or(&[][..], |d| d);
                match &mut self.copy {
                    Some((.., bytes)) if bytes.len() + data.len() <= LONGEST => {
                        bytes.extend_from_slice(data);
                    }
                    _ => self.copy = None,
                }
            }
            Poll::Ready(Some(Err(_))) => self.copy = None,
            _ => {}
        }
        let ended = match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            _ => false,
        };
        if ended && let Some((app, key, mut given, bytes)) = self.copy.take() {
            given.body = bytes.into();
            app.recent.0.insert(key, Arc::new(given));
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
