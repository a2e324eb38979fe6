//! The page at `/`: embedded assets, and what each request writes into its head.
//!
//! The assets come from `web/` (`make page`). Without them the service is built all the same, and says so at `/`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, get_service};
use cabd_core::Lang;
use rust_embed::{EmbeddedFile, RustEmbed};
use serde_json::json;
use tower_http::services::ServeFile;

use crate::app::App;
use crate::request::Asked;
use crate::routes::{self, Answer, features};
use crate::settings::Settings;

#[derive(RustEmbed)]
#[folder = "web/dist/page/"]
#[allow_missing = true]
struct Built;

/// Whether questions take `as-of`, and features have a history: the page shows both.
const PAST: bool = true;
/// Path of the base map.
const BASEMAP: &str = "/basemap.pmtiles";
/// Hashed names: what they hold never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// Adds the page's routes.
pub(crate) fn add(router: Router<Arc<App>>, settings: &Settings) -> Router<Arc<App>> {
    let mut router = router
        .route("/", routes::handler(index))
        .route("/feature/{uuid}", routes::handler(index))
        .route("/assets/{*file}", get(asset));
    for file in ["sw.js", "manifest.webmanifest", "icon.svg", "licences.txt"] {
        let answer = move |State(app): State<Arc<App>>, headers: HeaderMap| async move {
            file_of(&app, file, &headers, ASK_AGAIN)
        };
        router = router.route(&format!("/{file}"), get(answer));
    }
    if !settings.basemap.is_empty() {
        let media_type = "application/vnd.pmtiles".parse().ok();
        let file = match media_type {
            Some(media_type) => ServeFile::new_with_mime(&settings.basemap, &media_type),
            None => ServeFile::new(&settings.basemap),
        };
        router = router.route(BASEMAP, get_service(file));
    }
    router
}

async fn asset(
    State(app): State<Arc<App>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    file_of(&app, &format!("assets/{file}"), &headers, FOR_EVER)
}

fn media_type(file: &str) -> &'static str {
    match file.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// A file as it was built, packed where the client accepts it.
fn file_of(app: &App, file: &str, headers: &HeaderMap, kept: &'static str) -> Response<Body> {
    let Some(plain) = Built::get(file)
        .filter(|_| !file.contains("..") && !file.ends_with(".br") && !file.ends_with(".gz"))
    else {
        return routes::nowhere().into_response();
    };
    let tag = tag(&plain);
    let mut response = Response::new(Body::empty());
    let known = headers.get(IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    if known.is_some_and(|k| k.split(',').any(|t| t.trim() == tag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let accepted = headers.get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok());
        let packed = packings(
            accepted
                .filter(|_| app.settings.compress)
                .unwrap_or_default(),
        )
        .find_map(|(name, end)| Some((name, Built::get(&format!("{file}.{end}"))?)));
        let (packing, bytes) = match packed {
            Some((name, packed)) => (Some(name), packed.data),
            None => (None, plain.data),
        };
        *response.body_mut() = body(bytes);
        let h = response.headers_mut();
        h.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(file)));
        if let Some(name) = packing {
            h.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        }
    }
    let h = response.headers_mut();
    h.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    h.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        h.insert(ETAG, tag);
    }
    protect(h, &app.settings);
    response
}

fn body(bytes: Cow<'static, [u8]>) -> Body {
    match bytes {
        Cow::Borrowed(b) => Body::from(b),
        Cow::Owned(b) => Body::from(b),
    }
}

fn tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex = hash.iter().take(12).map(|b| format!("{b:02x}"));
    format!("\"{}\"", hex.collect::<String>())
}

/// The packings that files have and the client accepts, the smaller first.
pub(crate) fn packings(accepted: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let accepts = move |name: &str| {
        accepted.split(',').any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next() == Some(name);
            named && !parts.any(|p| matches!(p, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    };
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(move |(name, _)| accepts(name))
}

/// Nothing but this origin, and that of a configured style, is asked for anything, and nothing of a value can run.
fn protect(headers: &mut HeaderMap, settings: &Settings) {
    let elsewhere = match settings.style_url.split_once("://") {
        None => String::new(),
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            format!(" {scheme}://{host}")
        }
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:{elsewhere}; \
         connect-src 'self'{elsewhere}; worker-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; \
         frame-ancestors 'self'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("permissions-policy"),
            "geolocation=(self), camera=(), microphone=()",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// `/` and the pages of features.
async fn index(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let root = asked.root.strip_suffix(app.settings.prefix.as_str());
    let base = format!("{}/", root.unwrap_or(&asked.root));
    let text = match Built::get("index.html") {
        Some(built) => filled(
            &String::from_utf8_lossy(&built.data),
            &app,
            asked.lang,
            &base,
        ),
        None => unbuilt(asked.lang).to_owned(),
    };
    let mut response = Response::new(Body::from(text));
    let h = response.headers_mut();
    h.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(media_type("index.html")),
    );
    h.insert(
        CONTENT_LANGUAGE,
        HeaderValue::from_static(asked.lang.code()),
    );
    h.insert(CACHE_CONTROL, HeaderValue::from_static(ASK_AGAIN));
    h.insert(
        VARY,
        HeaderValue::from_static("accept-language, accept-encoding"),
    );
    protect(h, &app.settings);
    Ok(response)
}

/// The built page with language, address and settings.
fn filled(built: &str, app: &App, lang: Lang, base: &str) -> String {
    let s = &app.settings;
    let formats: Vec<&str> = features::FORMS.iter().map(|f| f.name()).collect();
    let config = json!({
        "api": s.prefix.trim_matches('/'),
        "all": s.all_features_type,
        "maxFeatures": s.max_features,
        "licence": s.licence,
        "formats": formats,
        "basemap": !s.basemap.is_empty(),
        "styleUrl": s.style_url,
        "admin": s.status,
        "past": PAST,
        "version": env!("CARGO_PKG_VERSION"),
    });
    // Nothing in it can end the element that it stands in.
    let config = config.to_string().replace('<', "\\u003c");
    built
        .replacen("lang=\"en\"", &format!("lang=\"{}\"", lang.code()), 1)
        .replacen("<base href=\"/\"", &format!("<base href=\"{base}\""), 1)
        .replacen("{\"cabd\":0}", &config, 1)
}

/// What is said where the page was left out of the build.
fn unbuilt(lang: Lang) -> &'static str {
    match lang {
        Lang::En => {
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>cabd</title>\
             <h1>The page was not built</h1>\
             <p>This cabd was built without its map page. The API works. To have the page: <code>make page</code>, then build \
             again (<code>make build</code> does both). The setting <code>page = false</code> takes this note away.</p></html>\n"
        }
        Lang::Fr => {
            "<!doctype html><html lang=\"fr\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>cabd</title>\
             <h1>La page n’a pas été construite</h1>\
             <p>Ce cabd a été construit sans sa page de carte. L’API fonctionne. Pour avoir la page : <code>make page</code>, \
             puis construire de nouveau (<code>make build</code> fait les deux). Le réglage <code>page = false</code> retire \
             cette note.</p></html>\n"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packings_follow_what_is_accepted() {
        let names = |t: &str| packings(t).map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(names("gzip, br;q=1.0"), ["br", "gzip"]);
        assert_eq!(names("gzip, br;q=0"), ["gzip"]);
        assert!(names("identity").is_empty());
    }
}
