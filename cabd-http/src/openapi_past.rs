//! Earlier states, history, feed and differences, for the description of the API.

use serde_json::{Map, Value, json};

use crate::openapi::{Operation, operation};
use crate::request::Form;
use crate::routes::past;

const WHEN: &str = "a commit number, an instant, a day (its end, UTC) or the name of a release";

/// A parameter of what has been.
pub(crate) fn parameter(name: &str) -> Option<Value> {
    let text = json!({"type": "string"});
    let (name, description, schema) = match name {
        "as-of" => (
            name,
            format!("The state of then: {WHEN}. Types, codes and labels are those of today."),
            text,
        ),
        "since" => (
            name,
            format!(
                "After this: {WHEN}, or what an answer gave as next. From the beginning without it."
            ),
            text,
        ),
        "from" => (
            name,
            format!("The one state: {WHEN}. The newest release without it, or the beginning."),
            text,
        ),
        "to" => (
            name,
            format!("The other state: {WHEN}. The newest without it."),
            text,
        ),
        "attribute" => (
            name,
            "Only rows of which one of these attributes has changed, with commas.".to_owned(),
            text,
        ),
        "changed-in" => (
            "bbox",
            "Only features that were in xmin,ymin,xmax,ymax before or after the change.".to_owned(),
            text,
        ),
        "most-changes" => (
            "max-results",
            "At most so many changes; 1000 without it.".to_owned(),
            json!({"type": "integer", "minimum": 1, "maximum": 10000}),
        ),
        _ => return None,
    };
    Some(json!({"name": name, "in": "query", "description": description, "schema": schema}))
}

/// The paths.
pub(crate) fn paths() -> Map<String, Value> {
    let all = [
        (
            "/features/{type}/{uuid}/history",
            Operation {
                id: "getHistory",
                summary: "What has changed of a feature, when and why, attribute by attribute. Who did, to administrators",
                parameters: &["type", "uuid"],
                forms: &[Form::Json],
                schema: "History",
                list: false,
                statuses: &[400, 404, 406, 503],
            },
        ),
        (
            "/changes",
            Operation {
                id: "listChanges",
                summary: "Every change since a commit, in commit order; asking again from next misses nothing. Never rows about people",
                parameters: &["since", "types", "changed-in", "attribute", "most-changes"],
                forms: &past::FORMS,
                schema: "Changes",
                list: false,
                statuses: &[400, 406, 503],
            },
        ),
        (
            "/diff",
            Operation {
                id: "compareStates",
                summary: "The features that differ between two states, with what has changed",
                parameters: &["from", "to", "types"],
                forms: &past::FORMS,
                schema: "Differences",
                list: false,
                statuses: &[400, 406, 503],
            },
        ),
        (
            "/releases",
            Operation {
                id: "listReleases",
                summary: "The released data versions: names of commits, for good",
                parameters: &[],
                forms: &[Form::Json],
                schema: "ReleaseList",
                list: false,
                statuses: &[400, 406, 503],
            },
        ),
    ];
    all.iter()
        .map(|(path, o)| ((*path).to_owned(), operation(o, "What has been")))
        .collect()
}

/// The shapes of their answers.
pub(crate) fn schemas() -> Value {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    let text_or_null = json!({"type": ["string", "null"]});
    let row = json!({
        "type": "object",
        "required": ["relation", "action", "values"],
        "properties": {
            "relation": text, "action": {"enum": ["INSERT", "UPDATE", "DELETE"]}, "key": {"type": "array"}, "key_label": text,
            "values": {"type": "array", "items": {
                "type": "object",
                "required": ["attribute", "name", "from", "to"],
                "properties": {"attribute": text, "name": text, "from": {}, "to": {}, "from_label": text, "to_label": text,
                    "source": {"type": "object", "properties": {"id": text, "name": text_or_null}}}
            }}
        }
    });
    let mut change = row.clone();
    for (name, schema) in [
        ("commit", &number),
        ("revision", &number),
        ("datetime", &text),
        ("author", &text),
        ("reason", &text_or_null),
        ("kind", &text),
        ("type", &text_or_null),
        ("cabd_id", &text_or_null),
    ] {
        change["properties"][name] = schema.clone();
    }
    let state = json!({"type": "object", "required": ["commit"], "properties": {
        "commit": number, "datetime": text_or_null, "release": text_or_null}});
    let rows = json!({"type": "array", "items": row});
    json!({
        "History": {"type": "object", "required": ["type", "cabd_id", "history"], "properties": {
            "type": text, "cabd_id": text, "history": {"type": "array", "items": {
                "type": "object",
                "required": ["commit", "datetime", "kind", "rows"],
                "properties": {"commit": number, "datetime": text, "kind": text, "reason": text_or_null, "author": text,
                    "reviewer": text, "client": text, "data_source": text_or_null, "rows": rows}}}}},
        "Changes": {"type": "object", "required": ["changes", "next", "complete", "head"], "properties": {
            "changes": {"type": "array", "items": change}, "next": text, "complete": {"type": "boolean"}, "head": number}},
        "Differences": {"type": "object", "required": ["from", "to", "features"], "properties": {
            "from": state, "to": state, "features": {"type": "array", "items": {
                "type": "object",
                "required": ["type", "cabd_id", "change", "rows"],
                "properties": {"type": text, "cabd_id": text, "change": {"enum": ["added", "removed", "changed"]}, "rows": rows}}}}},
        "ReleaseList": {"type": "array", "items": {"type": "object", "required": ["name", "commit", "datetime"], "properties": {
            "name": text, "commit": number, "datetime": text, "note": text_or_null, "author": text_or_null}}}
    })
}
