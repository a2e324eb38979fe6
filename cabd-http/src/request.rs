//! What a request asks beside its path: parameters, language, form, and the address it came to.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::{ACCEPT, ACCEPT_LANGUAGE, HOST, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use cabd_core::Lang;
use cabd_core::format::Format;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::sync::OwnedSemaphorePermit;

use crate::problem::Problem;
use crate::settings::Settings;
use crate::writers;

type Result<T> = std::result::Result<T, Box<Problem>>;

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// GeoJSON, or plain JSON for what is no feature, as `application/json`.
    Json,
    /// GeoJSON as `application/geo+json`.
    GeoJson,
    /// Comma-separated values.
    Csv,
    /// A web page.
    Html,
    /// Markdown.
    Markdown,
    /// JSON values, one a line.
    Lines,
}

impl Form {
    /// The value of `format`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Form::Json => "json",
            Form::GeoJson => "geojson",
            Form::Csv => "csv",
            Form::Html => "html",
            Form::Markdown => "md",
            Form::Lines => "ndjson",
        }
    }

    /// The media type of an answer.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::GeoJson => Format::GeoJson.media_type(),
            Form::Csv => Format::Csv.media_type(),
            Form::Html => "text/html; charset=utf-8",
            Form::Markdown => "text/markdown; charset=utf-8",
            Form::Lines => Format::GeoJsonSeq.media_type(),
        }
    }

    /// The media type without its parameters.
    pub(crate) fn essence(self) -> &'static str {
        self.media_type().split(';').next().unwrap_or_default()
    }
}

/// The query, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    fn read(text: &str) -> Result<Self> {
        let decode = |part: &str| -> Result<String> {
            let spaced: Cow<'_, str> = if part.contains('+') {
                part.replace('+', " ").into()
            } else {
                part.into()
            };
            let decoded = percent_decode_str(&spaced)
                .decode_utf8()
                .map(Cow::into_owned);
            decoded.map_err(|_| {
                Box::new(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "invalid-parameter",
                    "the query is not UTF-8",
                    "la requête n’est pas en UTF-8",
                ))
            })
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        Ok(Self(pairs.collect::<Result<_>>()?))
    }

    /// Whether a parameter is given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The names of the parameters, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(n, _)| n.as_str())
    }

    /// The query of a link to the same.
    pub(crate) fn text(&self) -> String {
        self.link(self.0.iter())
    }

    fn link<'a>(&self, pairs: impl Iterator<Item = &'a (String, String)>) -> String {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pairs: Vec<String> = pairs
            .map(|(n, v)| format!("{}={}", encode(n), encode(v)))
            .collect();
        match pairs.is_empty() {
            true => String::new(),
            false => format!("?{}", pairs.join("&")),
        }
    }

    /// Every value of a parameter, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// The same query as the address of a link, with another value of a parameter.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(n, _)| n != name);
        self.link(others.chain([&(name.to_owned(), value.to_owned())]))
    }

    /// The same query, for an address.
    pub(crate) fn again(&self) -> String {
        match self.0.split_last() {
            Some(((name, value), rest)) => Self(rest.to_vec()).with(name, value),
            None => String::new(),
        }
    }

    /// The only value of a parameter.
    pub(crate) fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>> {
        let mut all = self.all(name);
        let first = all.next();
        match all.next() {
            None => Ok(first),
            Some(second) => Err(Box::new(
                Problem::parameter(
                    name,
                    second,
                    "given more than once",
                    "donné plus d’une fois",
                )
                .expected("one value", "une valeur"),
            )),
        }
    }
}

/// What a request asks, read once.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) lang: Lang,
    pub(crate) query: Query,
    /// Address of the API, prefix included, without a slash at the end.
    pub(crate) root: String,
    accept: Option<String>,
    /// The condition of the client: the tags it has.
    pub(crate) if_none_match: Option<String>,
    /// Whether the caller is an administrator, who may see the names of people.
    pub(crate) is_admin: bool,
    /// The request's place among those that are answered at once.
    pub(crate) slot: Slot,
}

/// A place among those who are answered at once, held until the answer is at its end or somebody gives it back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Slot {
    pub(crate) fn new(place: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Mutex::new(Some(place))))
    }

    /// Leaves the place to others.
    pub(crate) fn give_back(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Asked {
    pub(crate) fn read(parts: &Parts, settings: &Settings) -> Result<Self> {
        let query = Query::read(parts.uri.query().unwrap_or_default())?;
        let lang = match query.one("lang")? {
            Some(text) => text
                .parse()
                .map_err(|e: cabd_core::Error| Box::new(Problem::of(&e)))?,
            None => accepted_language(&parts.headers),
        };
        Ok(Self {
            lang,
            query,
            root: root(&parts.headers, settings),
            accept: joined(&parts.headers, &ACCEPT),
            if_none_match: joined(&parts.headers, &axum::http::header::IF_NONE_MATCH),
            is_admin: writers::is_admin(settings, &parts.headers),
            slot: parts.extensions.get::<Slot>().cloned().unwrap_or_default(),
        })
    }

    /// The form of the answer: `format`, else what `Accept` likes best, else the first that is offered.
    pub(crate) fn form(&self, offered: &[Form]) -> Result<Form> {
        let names: Vec<&str> = offered.iter().map(|f| f.name()).collect();
        if let Some(name) = self.query.one("format")? {
            let lower = name.to_ascii_lowercase();
            return offered
                .iter()
                .copied()
                .find(|f| f.name() == lower)
                .ok_or_else(|| {
                    Box::new(
                        Problem::parameter(
                            "format",
                            name,
                            "not a format of this answer",
                            "pas un format de cette réponse",
                        )
                        .expected(names.join(", "), names.join(", "))
                        .with(StatusCode::NOT_ACCEPTABLE, "not-acceptable"),
                    )
                });
        }
        let first = offered.first().copied().unwrap_or(Form::Json);
        let Some(accept) = &self.accept else {
            return Ok(first);
        };
        best(accept, offered).ok_or_else(|| {
            let types: Vec<&str> = offered.iter().map(|f| f.essence()).collect();
            Box::new(
                Problem::new(
                    StatusCode::NOT_ACCEPTABLE,
                    "not-acceptable",
                    format!("Accept names no form of this answer: {}", types.join(", ")),
                    format!(
                        "Accept ne nomme aucune forme de cette réponse : {}",
                        types.join(", ")
                    ),
                )
                .hint(
                    "or use the parameter format",
                    "ou employez le paramètre format",
                ),
            )
        })
    }
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let all: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .collect();
    (!all.is_empty()).then(|| all.join(","))
}

/// Items of a list with their quality, `q=0` included.
pub(crate) fn weighted(list: &str) -> impl Iterator<Item = (&str, f32)> {
    list.split(',').map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts
            .filter_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")))
            .find_map(|q| q.trim().parse::<f32>().ok());
        (name, quality.unwrap_or(1.0))
    })
}

fn best(accept: &str, offered: &[Form]) -> Option<Form> {
    let quality = |form: &Form| {
        let essence = form.essence();
        let family = essence.split('/').next().unwrap_or_default();
        // The most exact range that fits counts.
        let fit = |range: &str| {
            if range.eq_ignore_ascii_case(essence) {
                Some(3)
            } else if range
                .strip_suffix("/*")
                .is_some_and(|r| r.eq_ignore_ascii_case(family))
            {
                Some(2)
            } else {
                (range == "*/*" || range == "*").then_some(1)
            }
        };
        let fits = weighted(accept).filter_map(|(range, q)| Some((fit(range)?, q)));
        fits.fold(None, |found: Option<(i32, f32)>, next| match found {
            Some(f) if f.0 >= next.0 => Some(f),
            _ => Some(next),
        })
        .map_or(0.0, |(_, q)| q)
    };
    let mut found: Option<(Form, f32)> = None;
    for form in offered {
        let q = quality(form);
        if q > 0.0 && found.is_none_or(|(_, f)| q > f) {
            found = Some((*form, q));
        }
    }
    found.map(|(form, _)| form)
}

/// The language that `Accept-Language` likes best: French or, whatever else it says, English.
pub(crate) fn accepted_language(headers: &HeaderMap) -> Lang {
    let Some(list) = joined(headers, &ACCEPT_LANGUAGE) else {
        return Lang::En;
    };
    let mut found = (Lang::En, 0.0);
    for (range, quality) in weighted(&list) {
        let primary = range.split('-').next().unwrap_or_default();
        if let Ok(lang) = primary.parse::<Lang>()
            && quality > found.1
        {
            found = (lang, quality);
        }
    }
    found.0
}

fn root(headers: &HeaderMap, settings: &Settings) -> String {
    let prefix = &settings.prefix;
    if !settings.public_url.is_empty() {
        return format!("{}{prefix}", settings.public_url.trim_end_matches('/'));
    }
    let is_host = |h: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        !h.is_empty() && h.len() <= 255 && h.chars().all(plain)
    };
    // Of a chain of proxies, the first entry is what the client used.
    let forwarded = |name: &'static str| {
        let value = headers.get(name).filter(|_| settings.trust_forwarded)?;
        value.to_str().ok()?.split(',').next().map(str::trim)
    };
    let scheme = forwarded("x-forwarded-proto")
        .filter(|s| matches!(*s, "http" | "https"))
        .unwrap_or("http");
    let own = || {
        headers
            .get(HOST)
            .and_then(|h| h.to_str().ok())
            .filter(is_host)
    };
    let host = forwarded("x-forwarded-host").filter(is_host).or_else(own);
    let before = forwarded("x-forwarded-prefix")
        .filter(|p| p.starts_with('/') && !p.starts_with("//"))
        .filter(|p| {
            p.chars()
                .all(|c| c.is_ascii_alphanumeric() || "/-._~%".contains(c))
        })
        .unwrap_or_default()
        .trim_end_matches('/');
    let host = host.map_or_else(|| settings.listen.to_string(), str::to_owned);
    format!("{scheme}://{host}{before}{prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter()
            .map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_better_liked_language_wins_and_others_are_english() {
        for (list, lang) in [
            ("fr", Lang::Fr),
            ("fr-CA,fr;q=0.9,en;q=0.8", Lang::Fr),
            ("en;q=0.5, fr-CA;q=0.9", Lang::Fr),
            ("en, fr", Lang::En),
            ("de, *", Lang::En),
            ("fr;q=0", Lang::En),
            ("", Lang::En),
        ] {
            assert_eq!(
                accepted_language(&headers(&[("accept-language", list)])),
                lang,
                "{list}"
            );
        }
    }

    #[test]
    fn accept_is_weighed() {
        let all = [Form::Json, Form::GeoJson, Form::Csv];
        for (accept, form) in [
            ("*/*", Some(Form::Json)),
            ("application/geo+json", Some(Form::GeoJson)),
            (
                "text/html,application/xml;q=0.9,*/*;q=0.8",
                Some(Form::Json),
            ),
            ("text/*, application/json;q=0.3", Some(Form::Csv)),
            ("text/csv;q=0.2, application/json;q=0.1", Some(Form::Csv)),
            ("*/*, application/json;q=0", Some(Form::GeoJson)),
            ("text/html", None),
        ] {
            assert_eq!(best(accept, &all), form, "{accept}");
        }
    }

    #[test]
    fn forwarded_headers_count_only_where_they_are_trusted() {
        let h = headers(&[
            ("host", "inner:8080"),
            ("x-forwarded-host", "example.org"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/data/"),
        ]);
        let mut s = Settings::default();
        assert_eq!(root(&h, &s), "http://inner:8080/cabd-api");
        s.trust_forwarded = true;
        assert_eq!(root(&h, &s), "https://example.org/data/cabd-api");
        s.public_url = "https://fixed.example/x/".to_owned();
        assert_eq!(root(&h, &s), "https://fixed.example/x/cabd-api");
    }

    #[test]
    fn a_host_that_is_none_is_not_repeated() {
        let h = headers(&[("host", "a\"onload=x")]);
        assert_eq!(
            root(&h, &Settings::default()),
            "http://127.0.0.1:8080/cabd-api"
        );
    }

    #[test]
    fn a_query_is_decoded_once() {
        let q = Query::read("filter=a%3Aeq%3Ax+y%2B&filter=b&lang").unwrap();
        assert_eq!(q.all("filter").collect::<Vec<_>>(), ["a:eq:x y+", "b"]);
        assert_eq!(q.one("lang").unwrap(), Some(""));
        assert!(q.one("filter").is_err());
        assert!(Query::read("filter=%E9").is_err());
        let q = Query::read("options=a%22b&lang=en").unwrap();
        assert_eq!(q.with("lang", "fr"), "?options=a%22b&lang=fr");
    }
}
