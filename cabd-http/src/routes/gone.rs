//! Identifiers of features that are not there any more: where they lead, or why they end.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderValue, Response, StatusCode};
use cabd_core::store::{Fate, FeatureName, IdentityExt};
use cabd_core::time::format_instant;
use cabd_core::{Uuid, id};

use super::Answer;
use crate::app::App;
use crate::problem::Problem;
use crate::request::Asked;

/// An answer; where no feature has the identifier, that of its successor (308), or what became of it (410).
pub(super) async fn or_fate(
    app: &App,
    asked: &Asked,
    id: &str,
    answer: Answer,
    address: Address,
) -> Answer {
    let missing = match answer {
        Err(problem) if problem.status == StatusCode::NOT_FOUND => problem,
        answer => return answer,
    };
    // What was not there then is no question of today.
    if asked.query.has("as-of") {
        return Err(missing);
    }
    let Ok(id) = id::parse("uuid", id) else {
        return Err(missing);
    };
    match app.store.fate(id).await? {
        None => Err(missing),
        Some(Fate::Merged { into }) => Ok(moved(asked, &into, address)),
        Some(fate) => Err(Box::new(ended(asked, id, fate, address))),
    }
}

/// The address of an answer about a feature.
type Address = fn(&Asked, &FeatureName) -> String;

/// The feature itself.
pub(super) fn feature(asked: &Asked, feature: &FeatureName) -> String {
    let FeatureName { feature_type, id } = feature;
    format!("{}/features/{feature_type}/{id}", asked.root)
}

/// Where its values come from.
pub(super) fn data_sources(asked: &Asked, feature: &FeatureName) -> String {
    format!("{}/features/datasources/{}", asked.root, feature.id)
}

fn moved(asked: &Asked, into: &FeatureName, address: Address) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let address = format!("{}{}", address(asked, into), asked.query.again());
    let headers = response.headers_mut();
    if let Ok(address) = HeaderValue::from_str(&address) {
        headers.insert(LOCATION, address);
    }
    // A merge may be undone.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn ended(asked: &Asked, id: Uuid, fate: Fate, address: Address) -> Problem {
    let because = |reason: &Option<String>| match reason {
        Some(reason) => format!(": {reason}"),
        None => String::new(),
    };
    let gone = |en: String, fr: String| Problem::new(StatusCode::GONE, "gone", en, fr);
    match fate {
        Fate::Split { into, reason, .. } => {
            let links = into.iter().map(|f| address(asked, f)).collect();
            let because = because(&reason);
            gone(
                format!("the feature was split into several{because}"),
                format!("l’élément a été divisé en plusieurs{because}"),
            )
            .successors(links)
        }
        Fate::Deleted { commit, datetime } => {
            let when = format_instant(datetime);
            gone(
                format!("the feature was deleted by commit {commit}, {when}"),
                format!("l’élément a été supprimé par le commit {commit}, {when}"),
            )
        }
        Fate::Withdrawn { reason, .. } => {
            let because = because(&reason);
            gone(
                format!("the feature was withdrawn{because}"),
                format!("l’élément a été retiré{because}"),
            )
        }
        // Told by a redirection, before.
        Fate::Merged { into } => gone(
            format!("the feature {id} was merged with {}", into.id),
            format!("l’élément {id} a été fusionné avec {}", into.id),
        ),
    }
}
