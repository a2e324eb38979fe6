//! Errors on their way to clients: problem details (RFC 9457) with the original's keys beside them.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, Response, StatusCode};
use cabd_core::{Clash, Error, ErrorKind, Lang};
use serde_json::{Map, Value, json};

use crate::french;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, to be told to a client.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// The short stable word at the end of the type's address.
    word: &'static str,
    /// The sentence in each language.
    detail: [String; 2],
    /// Where in the request: `query` or `path`, and the name.
    place: Option<(&'static str, String)>,
    value: Option<String>,
    expected: Option<[String; 2]>,
    hint: Option<[String; 2]>,
    attribute: Option<String>,
    /// What the log alone says.
    pub(crate) fault: Option<String>,
    retry_seconds: Option<u64>,
    allow: Option<&'static str>,
    /// Addresses of what is there instead.
    successors: Vec<String>,
    /// What is wrong with a body, in the place of `place`.
    errors: Vec<Pointed>,
}

/// One thing that is wrong, and where.
#[derive(Debug)]
pub(crate) struct Pointed {
    /// `query`, `path` or `body`.
    pub(crate) inside: &'static str,
    /// The parameter or member.
    pub(crate) name: String,
    /// A JSON pointer as a fragment.
    pub(crate) pointer: String,
    pub(crate) detail: [String; 2],
    pub(crate) value: Option<String>,
    pub(crate) expected: Option<[String; 2]>,
    pub(crate) hint: Option<[String; 2]>,
    /// The two changes that do not go together.
    pub(crate) clash: Option<Clash>,
}

impl Pointed {
    fn body(&self, attribute: Option<&str>, lang: Lang) -> Value {
        let pick = |t: &[String; 2]| t[usize::from(lang == Lang::Fr)].clone();
        let mut one = Map::new();
        one.insert("in".to_owned(), json!(self.inside));
        one.insert("parameter".to_owned(), json!(self.name));
        one.insert("pointer".to_owned(), json!(self.pointer));
        one.insert("detail".to_owned(), json!(pick(&self.detail)));
        for (key, text) in [("value", self.value.as_deref()), ("attribute", attribute)] {
            if let Some(text) = text {
                one.insert(key.to_owned(), json!(text));
            }
        }
        if let Some(clash) = &self.clash {
            one.insert("conflict".to_owned(), json!(clash));
        }
        for (key, text) in [("expected", &self.expected), ("hint", &self.hint)] {
            if let Some(text) = text {
                one.insert(key.to_owned(), json!(pick(text)));
            }
        }
        Value::Object(one)
    }
}

/// The status of an error by its kind: the only place.
pub(crate) fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Busy | ErrorKind::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Full => StatusCode::INSUFFICIENT_STORAGE,
        // Reading needs no right of the client's: the service itself is set up wrongly, or at fault.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The parameters of the query by which an error of the core may be named.
const PARAMETERS: [&str; 17] = [
    "area",
    "attribute",
    "since",
    "from",
    "to",
    "options",
    "bbox",
    "point",
    "max-results",
    "types",
    "filter",
    "namefilter",
    "attributes",
    "sort",
    "by",
    "format",
    "lang",
];

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        word: &'static str,
        en: impl Into<String>,
        fr: impl Into<String>,
    ) -> Self {
        Self {
            status,
            word,
            detail: [en.into(), fr.into()],
            place: None,
            value: None,
            expected: None,
            hint: None,
            attribute: None,
            fault: None,
            retry_seconds: None,
            allow: None,
            successors: vec![],
            errors: vec![],
        }
    }

    /// A value of the query that cannot be accepted.
    pub(crate) fn parameter(name: &str, value: &str, en: &str, fr: &str) -> Self {
        let mut p = Self::new(StatusCode::BAD_REQUEST, "invalid-parameter", en, fr);
        p.place = Some(("query", name.to_owned()));
        p.value = Some(cut(value));
        p
    }

    /// A part of the path that cannot be accepted.
    pub(crate) fn in_path(place: &str, value: &str, en: &str, fr: &str) -> Self {
        let mut p = Self::parameter(place, value, en, fr);
        p.place = Some(("path", place.to_owned()));
        p
    }

    /// A part of the path that names nothing.
    pub(crate) fn missing(place: &str, value: &str, en: &str, fr: &str) -> Self {
        let mut p = Self::new(StatusCode::NOT_FOUND, "not-found", en, fr);
        p.place = Some(("path", place.to_owned()));
        p.value = Some(cut(value));
        p
    }

    /// Says what would have been accepted.
    pub(crate) fn expected(mut self, en: impl Into<String>, fr: impl Into<String>) -> Self {
        self.expected = Some([en.into(), fr.into()]);
        self
    }

    /// Says the next step.
    pub(crate) fn hint(mut self, en: impl Into<String>, fr: impl Into<String>) -> Self {
        self.hint = Some([en.into(), fr.into()]);
        self
    }

    /// With another status.
    pub(crate) fn with(mut self, status: StatusCode, word: &'static str) -> Self {
        self.status = status;
        self.word = word;
        self
    }

    pub(crate) fn errors(mut self, errors: Vec<Pointed>) -> Self {
        self.errors = errors;
        self
    }

    /// Says where to look instead.
    pub(crate) fn successors(mut self, addresses: Vec<String>) -> Self {
        self.successors = addresses;
        self
    }

    pub(crate) fn retry(mut self, seconds: u64) -> Self {
        self.retry_seconds = Some(seconds);
        self
    }

    pub(crate) fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// An error of the core while the query was read or answered.
    pub(crate) fn of(e: &Error) -> Self {
        let status = status(e.kind());
        if status.is_server_error() {
            let mut p = match e.kind() {
                ErrorKind::Busy | ErrorKind::Unreachable => Self::new(
                    status,
                    "unavailable",
                    "the inventory cannot be read at the moment",
                    "l’inventaire ne peut pas être lu en ce moment",
                )
                .retry(5),
                ErrorKind::Unsupported => Self::new(
                    status,
                    "not-offered",
                    "this inventory does not offer that",
                    "cet inventaire n’offre pas cela",
                ),
                _ => Self::new(
                    status,
                    "fault",
                    "the service failed to answer; its log has the reason under the request's number",
                    "le service n’a pas pu répondre; son journal en donne la raison sous le numéro de la requête",
                ),
            };
            p.fault = Some(format!("{e:?}"));
            return p;
        }
        let word = match e.kind() {
            ErrorKind::NotFound => "not-found",
            ErrorKind::Conflict => "conflict",
            _ => "invalid-parameter",
        };
        let mut p = Self::new(status, word, e.message(), french::message(e));
        match e.field_name() {
            Some("type") => p.place = Some(("path", "type".to_owned())),
            Some("cabd_id") if e.kind() == ErrorKind::NotFound => {
                p.place = Some(("path", "uuid".to_owned()));
            }
            Some("as_of") => p.place = Some(("query", "as-of".to_owned())),
            Some(name) if PARAMETERS.contains(&name) => p.place = Some(("query", name.to_owned())),
            // Otherwise the core names the attribute whose value a filter gives.
            Some(attribute) => {
                p.place = Some(("query", "filter".to_owned()));
                p.attribute = Some(attribute.to_owned());
            }
            None => {}
        }
        p.value = e.shown_value().map(str::to_owned);
        p.expected = e
            .expectation()
            .map(|x| [x.to_owned(), french::expectation(x)]);
        // Next steps of the command line do not help here.
        p.hint = e
            .next_step()
            .filter(|h| !h.contains("`cabd"))
            .map(|h| [h.to_owned(), french::hint(h)]);
        p
    }

    /// The answer.
    pub(crate) fn respond(&self, lang: Lang, path: &str, request: &str) -> Response<Body> {
        let body = self.body(lang, path, request).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(lang.code()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(methods) = self.allow {
            headers.insert("allow", HeaderValue::from_static(methods));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn body(&self, lang: Lang, path: &str, request: &str) -> Value {
        let pick = |t: &[String; 2]| t[usize::from(lang == Lang::Fr)].clone();
        let reason = self.status.canonical_reason().unwrap_or("Error");
        let detail = match &self.value {
            Some(value) if self.place.is_some() => match lang {
                Lang::En => format!("{}: {value:?}", pick(&self.detail)),
                Lang::Fr => format!("{} : « {value} »", pick(&self.detail)),
            },
            _ => pick(&self.detail),
        };
        let mut body = Map::new();
        body.insert(
            "type".to_owned(),
            json!(format!("urn:cabd:problem:{}", self.word)),
        );
        body.insert("title".to_owned(), json!(french::title(self.status, lang)));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("detail".to_owned(), json!(detail));
        body.insert("instance".to_owned(), json!(path));
        body.insert("request_id".to_owned(), json!(request));
        if !self.errors.is_empty() {
            let errors = self.errors.iter().map(|e| e.body(None, lang));
            body.insert("errors".to_owned(), errors.collect());
        } else if let Some((inside, name)) = &self.place {
            let one = Pointed {
                inside,
                name: name.clone(),
                pointer: format!("#/{inside}/{name}"),
                detail: self.detail.clone(),
                value: self.value.clone(),
                expected: self.expected.clone(),
                hint: self.hint.clone(),
                clash: None,
            };
            let one = one.body(self.attribute.as_deref(), lang);
            body.insert("errors".to_owned(), json!([one]));
        } else if let Some(hint) = &self.hint {
            body.insert("hint".to_owned(), json!(pick(hint)));
        }
        if !self.successors.is_empty() {
            body.insert("successors".to_owned(), json!(self.successors));
        }
        // The keys that the original's clients read.
        body.insert("timestamp".to_owned(), json!(now()));
        body.insert("message".to_owned(), json!(detail));
        body.insert("statusCode".to_owned(), json!(self.status.as_u16()));
        body.insert("statusMessage".to_owned(), json!(reason));
        Value::Object(body)
    }
}

fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// A value short enough to be repeated.
fn cut(value: &str) -> String {
    match value.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

impl From<Error> for Problem {
    fn from(e: Error) -> Self {
        Self::of(&e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_a_status_and_no_fault_tells_its_inside() {
        for kind in ErrorKind::ALL {
            let p = Problem::of(&Error::new(kind, "secret words"));
            assert_eq!(p.status, status(kind));
            let shown = p.body(Lang::En, "/", "r").to_string();
            assert_eq!(
                shown.contains("secret"),
                !p.status.is_server_error(),
                "{kind:?}"
            );
            assert_eq!(p.fault.is_some(), p.status.is_server_error(), "{kind:?}");
        }
    }

    #[test]
    fn a_bad_value_is_pointed_at_and_the_old_keys_are_there() {
        let e = "1,2,3".parse::<cabd_core::Bbox>().unwrap_err();
        let body = Problem::of(&e).body(Lang::En, "/cabd-api/features", "r");
        assert_eq!(body["errors"][0]["pointer"], "#/query/bbox");
        assert_eq!(body["errors"][0]["value"], "1,2,3");
        assert_eq!(body["statusCode"], 400);
        assert_eq!(body["statusMessage"], "Bad Request");
        assert_eq!(body["message"], body["detail"]);
    }
}
