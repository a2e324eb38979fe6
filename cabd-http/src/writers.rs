//! Who may write, and who may see the names of people: whoever has one of the tokens of the settings.

use axum::body::Body;
use axum::http::header::{ALLOW, AUTHORIZATION};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use cabd_core::{Error, Result, id};
use subtle::ConstantTimeEq;

use crate::problem::Problem;
use crate::settings::Settings;

/// Fewest characters of a secret.
const SECRET: usize = 16;

/// The name and the secret of a token, `name:secret`.
fn parts(token: &str) -> Option<(&str, &str)> {
    let (name, secret) = token.split_once(':')?;
    let visible = |c: char| c.is_ascii_graphic();
    let good = !name.trim().is_empty() && secret.len() >= SECRET && secret.chars().all(visible);
    good.then_some((name.trim(), secret))
}

/// Refuses a token that is none, without showing it.
pub(crate) fn check(setting: &str, tokens: &[String]) -> Result<()> {
    match tokens.iter().position(|t| parts(t).is_none()) {
        None => Ok(()),
        Some(at) => Err(Error::invalid(format!("token {} does not fit", at + 1))
            .field(setting)
            .expected(format!(
                "name:secret, the secret of {SECRET} visible characters or more"
            ))),
    }
}

/// The tokens as they may be shown.
pub(crate) fn shown(tokens: &[String]) -> Vec<String> {
    let name = |t: &String| parts(t).map_or(String::new(), |(name, _)| name.to_owned());
    tokens.iter().map(|t| format!("{}:…", name(t))).collect()
}

/// The author whose token the request carries.
pub(crate) fn author(
    settings: &Settings,
    headers: &HeaderMap,
) -> std::result::Result<String, Box<Problem>> {
    if settings.write_tokens.is_empty() {
        return Err(Box::new(read_only()));
    }
    let Some(secret) = secret(headers) else {
        return Err(Box::new(unknown(
            "a write needs a token",
            "une écriture demande un jeton",
        )));
    };
    owner(&settings.write_tokens, secret).ok_or_else(|| {
        Box::new(unknown(
            "the token is not known",
            "le jeton n’est pas connu",
        ))
    })
}

/// Whether the request carries the token of an administrator.
pub(crate) fn is_admin(settings: &Settings, headers: &HeaderMap) -> bool {
    secret(headers).is_some_and(|secret| owner(&settings.admin_tokens, secret).is_some())
}

/// The secret that a request carries; empty where it carries something else.
fn secret(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let bearer = given
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Some(bearer.map_or("", |(_, secret)| secret.trim()))
}

/// The name of the token with this secret. Every token is compared, whichever fits.
fn owner(tokens: &[String], secret: &str) -> Option<String> {
    let mut found = None;
    for (name, own) in tokens.iter().filter_map(|t| parts(t)) {
        if bool::from(own.as_bytes().ct_eq(secret.as_bytes())) {
            found = Some(name.to_owned());
        }
    }
    found
}

fn unknown(en: &str, fr: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", en, fr).hint(
        "send Authorization: Bearer and a secret of the service's write_tokens",
        "envoyez Authorization: Bearer et un secret de write_tokens du service",
    )
}

fn read_only() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "read-only",
        "this service is read only",
        "ce service est en lecture seule",
    )
    .hint(
        "its administrator can allow writing with the setting write_tokens",
        "son administrateur peut permettre l’écriture par le réglage write_tokens",
    )
    .allow(READING)
}

const READING: &str = "GET, HEAD, OPTIONS";

/// The methods that an address answers to whoever asks.
pub(crate) fn options(settings: &Settings, path: &str, headers: &HeaderMap) -> Response<Body> {
    let below = path.strip_prefix(&settings.prefix).unwrap_or_default();
    let steps: Vec<&str> = below.split('/').filter(|s| !s.is_empty()).collect();
    let may_write = author(settings, headers).is_ok();
    let listed = |name: &&str| !matches!(*name, "types" | "datasources" | "summary");
    let methods = match steps.as_slice() {
        ["changesets"] if may_write => "POST, OPTIONS",
        ["changesets"] => "OPTIONS",
        ["changesets", _, "revert"] if may_write => "POST, OPTIONS",
        ["changesets", _, "revert"] => "OPTIONS",
        ["datasources"] if may_write => "GET, HEAD, POST, OPTIONS",
        ["datasources", _] if may_write => "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
        ["features", name] if may_write && listed(name) && id::parse("", name).is_err() => {
            "GET, HEAD, POST, OPTIONS"
        }
        ["features", name, _] if may_write && listed(name) => {
            "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
        }
        [
            "features",
            name,
            _,
            "merge" | "split" | "withdraw" | "restore",
        ] if listed(name) => match may_write {
            true => "POST, OPTIONS",
            false => "OPTIONS",
        },
        _ => READING,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// Whether it is a question for the methods of an address, and not a browser's before a request.
pub(crate) fn asks_for_options(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && !headers.contains_key("access-control-request-method")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(token: &str) -> HeaderMap {
        [(AUTHORIZATION, token.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn only_a_known_secret_has_an_author() {
        let settings = Settings {
            write_tokens: vec![
                "ann:0123456789abcdef".to_owned(),
                "load:fedcba9876543210".to_owned(),
            ],
            ..Settings::default()
        };
        assert!(check("write_tokens", &settings.write_tokens).is_ok());
        let of = |t: &str| author(&settings, &with(t)).ok();
        assert_eq!(of("Bearer fedcba9876543210").as_deref(), Some("load"));
        assert_eq!(of("bearer 0123456789abcdef").as_deref(), Some("ann"));
        for wrong in [
            "Bearer",
            "Bearer ",
            "Basic 0123456789abcdef",
            "Bearer ann:0123456789abcdef",
            "Bearer x",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert!(author(&Settings::default(), &with("Bearer ")).is_err());
        assert_eq!(shown(&settings.write_tokens), ["ann:…", "load:…"]);
    }

    #[test]
    fn a_short_secret_is_refused_and_not_shown() {
        for token in [
            "short:123",
            ":0123456789abcdef",
            "0123456789abcdef",
            "a:0123456789 abcdef",
        ] {
            let e = check("write_tokens", &[token.to_owned()]).unwrap_err();
            assert!(!e.to_string().contains("123"), "{e}");
        }
    }
}
