//! The operations that write, for the description of the API.

use serde_json::{Map, Value, json};

use crate::problem;

const SOURCES: [&str; 3] = ["reason", "data_source", "no_source"];

fn parameter(name: &str) -> Value {
    let (place, required, description, schema) = match name {
        "type" => (
            "path",
            true,
            "A feature type, any case.",
            json!({"type": "string", "pattern": "^[A-Za-z0-9_]+$"}),
        ),
        "uuid" => (
            "path",
            true,
            "The identifier (cabd_id) of a feature.",
            json!({"type": "string", "format": "uuid"}),
        ),
        "source" => (
            "path",
            true,
            "The identifier of a data source.",
            json!({"type": "string", "format": "uuid"}),
        ),
        "If-Match" => (
            "header",
            false,
            "The ETag of what is changed as it was read, or *: any later change of it refuses this one (412). Of a feature needed unless base is given.",
            json!({"type": "string"}),
        ),
        "data_source" => (
            "query",
            false,
            "The data source of the values, needed where their source is tracked.",
            json!({"type": "string", "format": "uuid"}),
        ),
        "no_source" => (
            "query",
            false,
            "Why there is no data source.",
            json!({"type": "string"}),
        ),
        "base" => (
            "query",
            false,
            "The commit at which the feature was read: different changes go together, one value set in two ways is refused (409). Not used beside If-Match.",
            json!({"type": "integer"}),
        ),
        "act" => (
            "path",
            true,
            "What becomes of the feature.",
            json!({"enum": ["merge", "split", "withdraw", "restore"]}),
        ),
        "commit" => (
            "path",
            true,
            "The number of a commit.",
            json!({"type": "integer"}),
        ),
        "preview" => (
            "query",
            false,
            "Show what would be undone, and change nothing.",
            json!({"type": "boolean"}),
        ),
        "dry_run" => (
            "query",
            false,
            "Check and count, and change nothing.",
            json!({"type": "boolean"}),
        ),
        _ => (
            "query",
            false,
            "Why the change is made.",
            json!({"type": "string"}),
        ),
    };
    let name = if name == "source" { "uuid" } else { name };
    json!({"name": name, "in": place, "required": required, "description": description, "schema": schema})
}

struct Change<'a> {
    id: &'a str,
    summary: &'a str,
    parameters: &'a [&'a str],
    /// Media type and schema of what is sent.
    body: Option<(&'a str, &'a str)>,
    /// Status, words and schema of a good answer.
    good: (u16, &'a str, Option<&'a str>),
    statuses: &'a [u16],
}

fn operation(c: &Change<'_>) -> Value {
    let parameters: Vec<Value> = c.parameters.iter().map(|n| parameter(n)).collect();
    let (status, words, schema) = c.good;
    let header = |words: &str| json!({"description": words, "schema": {"type": "string"}});
    let mut good = json!({"description": words, "headers": {
        "Cabd-Commit": header("The number of the commit."),
    }});
    if let Some(schema) = schema {
        good["content"] = json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}});
    }
    let mut responses = Map::new();
    responses.insert(status.to_string(), good);
    for status in c.statuses {
        let name = format!("#/components/responses/{status}");
        responses.insert(status.to_string(), json!({"$ref": name}));
    }
    let mut operation = json!({"operationId": c.id, "summary": c.summary, "parameters": parameters,
        "responses": responses, "security": [{"token": []}]});
    if let Some((media, schema)) = c.body {
        operation["requestBody"] = json!({"required": true, "content": {
            media: {"schema": {"$ref": format!("#/components/schemas/{schema}")}}}});
    }
    operation
}

/// The operations that write, by path and method.
pub(crate) fn operations() -> Vec<(&'static str, &'static str, Value)> {
    let with = |first: &[&'static str]| [first, &SOURCES].concat();
    let (on_type, on_one) = (with(&["type"]), with(&["type", "uuid", "If-Match", "base"]));
    let on_feature = [400, 401, 404, 405, 409, 412, 413, 415, 422, 428, 503];
    let feature = Some("Feature");
    let (source, on_source) = (Some("DataSource"), ["source", "If-Match", "reason"]);
    vec![
        (
            "/features/{type}",
            "post",
            operation(&Change {
                id: "createFeature",
                summary: "A new feature",
                parameters: &on_type,
                body: Some(("application/geo+json", "NewFeature")),
                good: (201, "Created", feature),
                statuses: &[400, 401, 404, 405, 409, 413, 415, 422, 503],
            }),
        ),
        (
            "/features/{type}/{uuid}",
            "put",
            operation(&Change {
                id: "replaceFeature",
                summary: "The whole feature: stored attributes that are left out lose their values",
                parameters: &on_one,
                body: Some(("application/geo+json", "NewFeature")),
                good: (200, "Changed", feature),
                statuses: &on_feature,
            }),
        ),
        (
            "/features/{type}/{uuid}",
            "patch",
            operation(&Change {
                id: "changeFeature",
                summary: "A change of what is named, as JSON Merge Patch",
                parameters: &on_one,
                body: Some(("application/merge-patch+json", "NewFeature")),
                good: (200, "Changed", feature),
                statuses: &on_feature,
            }),
        ),
        (
            "/features/{type}/{uuid}",
            "delete",
            operation(&Change {
                id: "deleteFeature",
                summary: "The feature goes, and the rows around it",
                parameters: &["type", "uuid", "If-Match", "base", "reason"],
                body: None,
                good: (204, "Deleted", None),
                statuses: &[400, 401, 404, 405, 409, 412, 428, 503],
            }),
        ),
        (
            "/features/{type}/{uuid}/{act}",
            "post",
            operation(&Change {
                id: "endFeature",
                summary: "The feature is merged with another, split into several that are there, withdrawn, or restored",
                parameters: &["type", "uuid", "act", "If-Match", "base"],
                body: Some(("application/json", "Act")),
                good: (200, "Done", Some("Applied")),
                statuses: &[400, 401, 404, 405, 409, 412, 413, 415, 422, 428, 503],
            }),
        ),
        (
            "/datasources",
            "post",
            operation(&Change {
                id: "createSource",
                summary: "A new data source",
                parameters: &["reason"],
                body: Some(("application/json", "NewDataSource")),
                good: (201, "Created", source),
                statuses: &[400, 401, 405, 409, 413, 415, 422, 503],
            }),
        ),
        (
            "/datasources/{uuid}",
            "put",
            operation(&Change {
                id: "replaceSource",
                summary: "The whole data source: what is left out loses its value",
                parameters: &on_source,
                body: Some(("application/json", "NewDataSource")),
                good: (200, "Changed", source),
                statuses: &on_feature,
            }),
        ),
        (
            "/datasources/{uuid}",
            "patch",
            operation(&Change {
                id: "changeSource",
                summary: "A change of what is named, as JSON Merge Patch",
                parameters: &on_source,
                body: Some(("application/merge-patch+json", "NewDataSource")),
                good: (200, "Changed", source),
                statuses: &on_feature,
            }),
        ),
        (
            "/datasources/{uuid}",
            "delete",
            operation(&Change {
                id: "deleteSource",
                summary: "The data source goes; refused while anything names it",
                parameters: &on_source,
                body: None,
                good: (204, "Deleted", None),
                statuses: &[400, 401, 404, 405, 409, 412, 428, 503],
            }),
        ),
        (
            "/changesets",
            "post",
            operation(&Change {
                id: "applyChangeset",
                summary: "Operations on several relations, all or none",
                parameters: &["dry_run"],
                body: Some(("application/json", "Changeset")),
                good: (200, "Applied", Some("Applied")),
                statuses: &[400, 401, 405, 409, 413, 415, 422, 503],
            }),
        ),
        (
            "/changesets/{commit}/revert",
            "post",
            operation(&Change {
                id: "revertChangeset",
                summary: "What a commit did is undone by a new one; what has changed since is a conflict",
                parameters: &["commit", "preview"],
                body: Some(("application/json", "Undoing")),
                good: (200, "Undone, or shown", Some("Undone")),
                statuses: &[400, 401, 404, 405, 409, 413, 415, 422, 503],
            }),
        ),
    ]
}

/// Descriptions of the problems of changes, by status.
pub(crate) const RESPONSES: [(u16, &str); 9] = [
    (401, "A token is needed."),
    (405, "The service, or the type, is read only."),
    (409, "The change contradicts what is stored."),
    (412, "The feature has changed since it was read."),
    (413, "The body is too large."),
    (415, "The body is of another type."),
    (
        422,
        "The change is refused; `errors` points at everything that is wrong with it.",
    ),
    (428, "If-Match and base are missing."),
    (507, "No room is left on the service's disk."),
];

/// Schemas of what is sent, and of what comes back.
pub(crate) fn schemas() -> Vec<(&'static str, Value)> {
    let text = json!({"type": "string"});
    let text_or_null = json!({"type": ["string", "null"]});
    let counts = json!({"type": "object", "properties": {
        "inserted": {"type": "integer"}, "updated": {"type": "integer"},
        "unchanged": {"type": "integer"}, "deleted": {"type": "integer"}}});
    vec![
        (
            "NewFeature",
            json!({"type": "object", "description": "A GeoJSON feature with stored attributes.", "properties": {
                "type": {"const": "Feature"},
                "geometry": {"type": ["object", "null"]},
                "properties": {"type": ["object", "null"]}}}),
        ),
        (
            "DataSource",
            json!({"type": "object", "required": ["id", "name"], "properties": {
                "id": {"type": "string", "format": "uuid"}, "name": text, "full_name": text_or_null,
                "organization_name": text_or_null, "source_type": {"enum": ["spatial", "non-spatial", null]},
                "version_date": {"type": ["string", "null"], "format": "date"}, "version_number": text_or_null,
                "licence": text_or_null, "attribution": text_or_null, "data_source_category": text_or_null,
                "geographic_coverage": text_or_null, "source": text_or_null, "source_id_field": text_or_null,
                "comments": text_or_null,
                "province_territory_code": {"type": ["array", "null"], "items": text}}}),
        ),
        (
            "NewDataSource",
            json!({"type": "object", "description": "The members of a data source; id may be left out."}),
        ),
        (
            "Changeset",
            json!({"type": "object", "required": ["operations"], "additionalProperties": false, "properties": {
                "reason": text_or_null,
                "data_source": {"type": ["string", "null"], "format": "uuid"},
                "no_source": text_or_null,
                "operations": {"type": "array", "items": {
                    "type": "object", "required": ["action", "relation"], "additionalProperties": false, "properties": {
                        "action": {"enum": ["insert", "update", "put", "delete"]},
                        "relation": text,
                        "base": {"type": ["integer", "null"], "description": "The commit at which the feature was read."},
                        "values": {"type": "object"}}}}}}),
        ),
        (
            "Act",
            json!({"type": "object", "additionalProperties": false, "properties": {
                "reason": {"type": ["string", "null"], "description": "Needed for withdraw, where it is shown to everybody."},
                "into": {"type": "array", "items": {"type": "string", "format": "uuid"},
                    "description": "The other feature of a merge, the others of a split."}}}),
        ),
        (
            "Undoing",
            json!({"type": "object", "additionalProperties": false, "properties": {
                "reason": text_or_null,
                "features": {"type": "array", "items": {"type": "string", "format": "uuid"}},
                "attributes": {"type": "array", "items": text},
                "only_clean": {"type": "boolean", "description": "Leave what has changed since as it is."}}}),
        ),
        (
            "Undone",
            json!({"type": "object", "required": ["commit", "preview", "changes", "rows", "unchanged", "conflicts"], "properties": {
                "commit": {"type": ["integer", "null"]}, "preview": {"type": "boolean"},
                "changes": {"type": "object", "additionalProperties": counts},
                "rows": {"type": "array", "items": {"type": "object", "required": ["relation", "action", "key", "values"], "properties": {
                    "relation": text, "action": {"enum": ["insert", "update", "delete"]}, "cabd_id": text, "key": {"type": "array"},
                    "values": {"type": "array", "items": {"type": "object", "required": ["attribute", "name", "from", "to"], "properties": {
                        "attribute": text, "name": text, "from": {}, "to": {}, "from_label": text, "to_label": text}}}}}},
                "unchanged": {"type": "integer", "description": "Rows that are as they were already."},
                "conflicts": {"type": "array", "items": {"type": "object", "required": ["row", "detail"], "properties": {
                    "row": text_or_null, "detail": text, "attribute": text, "value": text,
                    "conflict": {"$ref": "#/components/schemas/Conflict"}}}}}}),
        ),
        (
            "Conflict",
            json!({"type": "object", "required": ["relation", "key", "commit"], "description": "A state is missing where there is no row.", "properties": {
                "relation": text, "key": {"type": "array"}, "attribute": text, "commit": {"type": "integer"},
                "base": {"description": "What was there when the change was begun."},
                "theirs": {"description": "What is there now."},
                "mine": {"description": "What the change asks for."}}}),
        ),
        (
            "Applied",
            json!({"type": "object", "required": ["commit", "dry_run", "changes"], "properties": {
                "commit": {"type": ["integer", "null"]}, "dry_run": {"type": "boolean"},
                "changes": {"type": "object", "additionalProperties": counts}}}),
        ),
    ]
}

/// A problem's answer.
pub(crate) fn response(description: &str) -> Value {
    json!({"description": description,
        "content": {problem::MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}})
}
