//! Changes that are refused: every error with a pointer into what was sent.

use axum::http::StatusCode;
use cabd_core::catalog::Relation;
use cabd_core::{Clash, Error, ErrorKind};

use crate::french;
use crate::problem::{Pointed, Problem};

/// The place of a base that came as a condition of the request.
pub(crate) const IF_MATCH_PLACE: &str = "If-Match";

/// Members of a changeset, and of one of its operations, that are no values.
const OF_CHANGESET: [&str; 4] = ["reason", "data_source", "no_source", "operations"];
const OF_OPERATION: [&str; 4] = ["action", "relation", "base", "values"];
const OF_FEATURE: [&str; 5] = ["type", "properties", "geometry", "reason", "into"];
const OF_QUERY: [&str; 2] = ["data_source", "no_source"];

/// The feature is not as the client has seen it.
pub(crate) fn moved_on(e: Option<&Error>) -> Box<Problem> {
    let (en, fr) = match e {
        Some(e) => (e.message().to_owned(), french::message(e)),
        None => (
            "If-Match names no state of a feature".to_owned(),
            "If-Match ne nomme aucun état d’un élément".to_owned(),
        ),
    };
    let problem = Problem::new(StatusCode::PRECONDITION_FAILED, "changed", en, fr).hint(
        "read the feature again, and make the change from there",
        "relisez l’élément, et refaites le changement à partir de là",
    );
    let clashes = e.into_iter().flat_map(Error::each);
    let clashes = clashes.filter(|e| e.clashes().is_some());
    let errors = clashes.map(|e| {
        let (inside, pointer) = in_feature(e);
        pointed(e, inside, pointer)
    });
    Box::new(problem.errors(errors.collect()))
}

/// Where in the request for a change of one feature something is wrong.
fn in_feature(e: &Error) -> (&'static str, String) {
    let field = e.field_name().unwrap_or_default();
    if OF_QUERY.contains(&field) {
        ("query", format!("#/query/{field}"))
    } else if field.is_empty() {
        ("body", "#".to_owned())
    } else if OF_FEATURE.contains(&field) {
        ("body", format!("#/{field}"))
    } else {
        ("body", format!("#/properties/{}", escaped(field)))
    }
}

/// A change of one feature that is refused.
pub(crate) fn of_feature(e: &Error) -> Box<Problem> {
    if e.place() == Some(IF_MATCH_PLACE) {
        return moved_on(Some(e));
    }
    let status = match e.kind() {
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Unsupported => {
            return Box::new(
                Problem::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "not-written",
                    "features of this type are read only",
                    "les éléments de ce type sont en lecture seule",
                )
                .allow("GET, HEAD, OPTIONS"),
            );
        }
        _ => return Box::new(Problem::of(e)),
    };
    list(e, status, in_feature)
}

/// A change of a data source that is refused.
pub(crate) fn of_source(e: &Error) -> Box<Problem> {
    let status = match e.kind() {
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        _ => return Box::new(Problem::of(e)),
    };
    list(e, status, |e| match e.field_name() {
        None => ("body", "#".to_owned()),
        Some(field) => ("body", format!("#/{}", escaped(field))),
    })
}

/// A changeset that is refused.
pub(crate) fn of_changeset(e: &Error) -> Box<Problem> {
    let conflict = e.each().all(|e| e.kind() == ErrorKind::Conflict);
    let status = match conflict {
        true => StatusCode::CONFLICT,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    list(e, status, |e| {
        let place = e.place().unwrap_or_default();
        let pointer = match e.field_name() {
            None => format!("#{place}"),
            Some(field) if OF_CHANGESET.contains(&field) => format!("#/{field}"),
            Some(field) if place.is_empty() => format!("#/{}", escaped(field)),
            Some(field) if OF_OPERATION.contains(&field) => format!("#{place}/{field}"),
            Some(field) => format!("#{place}/values/{}", escaped(field)),
        };
        ("body", pointer)
    })
}

/// An undoing that is refused.
pub(crate) fn of_undoing(e: &Error) -> Box<Problem> {
    let conflict = e.each().any(|e| e.kind() == ErrorKind::Conflict);
    let status = match conflict {
        true => StatusCode::CONFLICT,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    list(e, status, |_| ("path", "#/path/commit".to_owned()))
}

fn list(
    e: &Error,
    status: StatusCode,
    place: impl Fn(&Error) -> (&'static str, String),
) -> Box<Problem> {
    let errors: Vec<Pointed> = e
        .each()
        .map(|e| {
            let (inside, pointer) = place(e);
            pointed(e, inside, pointer)
        })
        .collect();
    let word = if status == StatusCode::CONFLICT {
        "conflict"
    } else {
        "invalid-change"
    };
    let n = errors.len();
    let (en, fr) = match n {
        1 => (e.message().to_owned(), french::message(e)),
        _ => (
            format!("{n} things are wrong; nothing was changed"),
            format!("{n} erreurs; rien n’a été changé"),
        ),
    };
    Box::new(Problem::new(status, word, en, fr).errors(errors))
}

/// Whether a relation holds what people said of themselves, which is not shown.
pub(crate) fn is_private(relation: &str) -> bool {
    [Relation::Contact, Relation::FeatureUpdate]
        .iter()
        .any(|r| r.to_string() == relation)
}

/// The value at fault and the two changes, where they may be shown.
pub(crate) fn details(e: &Error) -> (Option<&str>, Option<&Clash>) {
    match e.clashes() {
        Some(clash) if is_private(&clash.relation) => (None, None),
        clash => (e.shown_value(), clash),
    }
}

fn pointed(e: &Error, inside: &'static str, pointer: String) -> Pointed {
    let (value, clash) = details(e);
    Pointed {
        inside,
        name: e.field_name().unwrap_or_default().to_owned(),
        pointer,
        detail: [e.message().to_owned(), french::message(e)],
        value: value.map(str::to_owned),
        expected: e
            .expectation()
            .map(|x| [x.to_owned(), french::expectation(x)]),
        hint: e
            .next_step()
            .filter(|h| !h.contains("`cabd"))
            .map(|h| [h.to_owned(), french::hint(h)]),
        clash: clash.cloned(),
    }
}

/// A name as a step of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
