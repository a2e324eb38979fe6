//! Answers: their headers, and the client that has them already.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use crate::app::{App, Tag};
use crate::request::{Asked, Form};

/// The value of `Content-Range`, which becomes a header when the body is packed: what counts features would be taken for
/// a part of the bytes, and not be packed.
#[derive(Clone)]
pub(crate) struct Range(pub(crate) HeaderValue);

/// The head of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) form: Form,
    pub(crate) tag: Option<Tag>,
    range: Option<String>,
    more: Vec<(HeaderName, String)>,
}

impl Head {
    pub(crate) fn new(form: Form, tag: Option<Tag>) -> Self {
        Self {
            form,
            tag,
            range: None,
            more: vec![],
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.more.push((HeaderName::from_static(name), value));
        self
    }

    /// Says how many features were left out, after how many the answer ends, and how many match.
    pub(crate) fn range(mut self, left_out: u64, returned: u64, total: u64) -> Self {
        let until = left_out.saturating_add(returned);
        self.range = Some(format!("features {left_out}-{until}/{total}"));
        self
    }

    /// Whether the client named the tag: then it has the answer.
    pub(crate) fn is_known(&self, asked: &Asked) -> bool {
        let (Some(tag), Some(known)) = (&self.tag, &asked.if_none_match) else {
            return false;
        };
        names(known, &tag.text)
    }

    /// The answer with its body.
    pub(crate) fn answer(self, app: &App, asked: &Asked, body: Body) -> Response<Body> {
        self.build(app, asked, StatusCode::OK, body)
    }

    /// The answer to a client that has it.
    pub(crate) fn not_modified(self, app: &App, asked: &Asked) -> Response<Body> {
        self.build(app, asked, StatusCode::NOT_MODIFIED, Body::empty())
    }

    fn build(self, app: &App, asked: &Asked, status: StatusCode, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if status == StatusCode::OK {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static(self.form.media_type()),
            );
        }
        headers.insert(
            CONTENT_LANGUAGE,
            HeaderValue::from_static(asked.lang.code()),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(
            VARY,
            HeaderValue::from_static(if app.settings.trust_forwarded {
                "accept, accept-language, x-forwarded-host, x-forwarded-prefix, x-forwarded-proto"
            } else {
                "accept, accept-language"
            }),
        );
        let range = self.range.and_then(|r| HeaderValue::from_str(&r).ok());
        let of = self.tag.as_ref().map(|t| t.of.clone());
        let tag = self.tag.map(|t| (ETAG, t.text));
        for (name, value) in self.more.into_iter().chain(tag) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        if let Some(of) = of.filter(|_| status == StatusCode::OK) {
            response.extensions_mut().insert(of);
        }
        if let Some(range) = range {
            response.extensions_mut().insert(Range(range));
        }
        response
    }
}

/// Whether the value of `If-None-Match` names a tag.
pub(crate) fn names(known: &str, tag: &str) -> bool {
    let bare = |t: &str| t.trim().trim_start_matches("W/").to_owned();
    let tag = bare(tag);
    known.trim() == "*" || known.split(',').any(|k| bare(k) == tag)
}

/// A JSON value as the body.
pub(crate) fn json(value: &Value) -> Body {
    let mut text = value.to_string();
    text.push('\n');
    Body::from(text)
}
