//! The description of the API for programs: OpenAPI 3.1.

use cabd_core::tile::MAX_ZOOM;
use serde_json::{Map, Value, json};

use crate::request::Form;
use crate::routes::{docs, features, sources, tiles};
use crate::{openapi_edits, openapi_past};

/// The parameters of the API, by name.
fn parameter(name: &str) -> Value {
    let query = |description: &str, schema: Value| json!({"name": name, "in": "query", "description": description, "schema": schema});
    let many = |description: &str, item: Value| {
        let schema = json!({"type": "array", "items": item});
        json!({"name": name, "in": "query", "description": description, "schema": schema, "style": "form", "explode": true})
    };
    let list = |description: &str, item: Value, more: Value| {
        let mut schema = json!({"type": "array", "items": item});
        if let (Some(schema), Some(more)) = (schema.as_object_mut(), more.as_object()) {
            schema.extend(more.clone());
        }
        json!({"name": name, "in": "query", "description": description, "schema": schema, "style": "form", "explode": false})
    };
    match name {
        "bbox" => list(
            "Only features that meet the box: xmin,ymin,xmax,ymax in degrees, longitude first. Ignored beside point.",
            json!({"type": "number"}),
            json!({"minItems": 4, "maxItems": 4}),
        ),
        "area" => query(
            "Only features that share a point with the outline: a POLYGON or MULTIPOLYGON in WKT, in degrees, longitude first.",
            json!({"type": "string"}),
        ),
        "point" => list(
            "Nearest to lon,lat first; needs max-results. It wins over bbox.",
            json!({"type": "number"}),
            json!({"minItems": 2, "maxItems": 2}),
        ),
        "max-results" => query(
            "At most so many features. 0 gives an empty collection and the total in Content-Range.",
            json!({"type": "integer", "minimum": 0}),
        ),
        "types" => list(
            "Only these feature types.",
            json!({"type": "string"}),
            json!({}),
        ),
        "filter" => many(
            "attribute:operator:value[,value]; several must all pass. Operators: in, notin, eq, neq, lt, lte, gt, gte, like, isnull, notnull; of the value's data source: from (its name or identifier), nosource, hassource.",
            json!({"type": "string"}),
        ),
        "namefilter" => many(
            "operator:value[,value] on the names of a feature, accents and case ignored; of several one must pass. Operators: in, notin, eq, neq, like, isnull, notnull.",
            json!({"type": "string"}),
        ),
        "attributes" => query(
            "The attributes of a set: all, simple (or limited), mobile, vectortile, and others of the inventory. All attributes without it.",
            json!({"type": "string"}),
        ),
        "sources" => query(
            "With the data source of each value, where it is tracked: a member sources beside properties, or columns named <attribute>_ds.",
            json!({"type": "boolean"}),
        ),
        "sort" => list(
            "Attributes to sort by, with - before one for largest first; what has no value comes last.",
            json!({"type": "string"}),
            json!({}),
        ),
        "offset" => query(
            "So many features of the order are left out first. Beside it max-results gives the next part of a list.",
            json!({"type": "integer", "minimum": 0}),
        ),
        "by" => list(
            "Attributes whose values are counted, at most twelve: codes, words, yes and no; of numbers and dates the answer has equal steps.",
            json!({"type": "string"}),
            json!({"maxItems": 12}),
        ),
        "options" => list(
            "Only this: ds for the data sources, types for every type, or names of feature types. Everything without it.",
            json!({"type": "string"}),
            json!({}),
        ),
        "fields" => query(
            "all: with date and version of each source.",
            json!({"type": "string", "enum": ["all"]}),
        ),
        "lang" => query(
            "Language of labels and errors; goes before Accept-Language.",
            json!({"type": "string", "enum": ["en", "fr"]}),
        ),
        "z" | "x" | "y" => {
            let most = if name == "z" {
                u32::from(MAX_ZOOM)
            } else {
                (1 << MAX_ZOOM) - 1
            };
            let what = "Place of the tile in the grid: zoom z, column x from the west, row y from the north, each less than 2^z.";
            json!({"name": name, "in": "path", "required": true, "description": what,
            "schema": {"type": "integer", "minimum": 0, "maximum": most}})
        }
        "type" => {
            json!({"name": name, "in": "path", "required": true, "description": "A feature type, any case.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_]+$"}})
        }
        "uuid" => {
            json!({"name": name, "in": "path", "required": true, "description": "The identifier (cabd_id) of a feature.",
            "schema": {"type": "string", "format": "uuid"}})
        }
        "source" => {
            json!({"name": "uuid", "in": "path", "required": true, "description": "The identifier of a data source.",
            "schema": {"type": "string", "format": "uuid"}})
        }
        _ => openapi_past::parameter(name)
            .unwrap_or_else(|| json!({"name": name, "in": "query", "schema": {"type": "string"}})),
    }
}

fn format(forms: &[Form]) -> Value {
    let names: Vec<&str> = forms.iter().map(|f| f.name()).collect();
    json!({"name": "format", "in": "query", "description": "The form of the answer; goes before Accept.",
        "schema": {"type": "string", "enum": names}})
}

/// What a path answers with.
pub(crate) struct Operation<'a> {
    pub(crate) id: &'a str,
    pub(crate) summary: &'a str,
    pub(crate) parameters: &'a [&'a str],
    pub(crate) forms: &'a [Form],
    pub(crate) schema: &'a str,
    pub(crate) list: bool,
    pub(crate) statuses: &'a [u16],
}

const LIST: [&str; 11] = [
    "bbox",
    "area",
    "point",
    "max-results",
    "sort",
    "offset",
    "filter",
    "namefilter",
    "attributes",
    "sources",
    "as-of",
];

/// The group that a path is shown in.
fn tag(path: &str) -> &'static str {
    let known = [
        ("/features/types", "Feature types"),
        ("/features/datasources", "Data sources"),
        ("/datasources", "Data sources"),
        ("/features", "Features"),
        ("/tiles", "Tiles"),
        ("/clustertile", "Tiles"),
    ];
    let found = known.iter().find(|(start, _)| path.starts_with(start));
    found.map_or("Documentation", |(_, tag)| tag)
}

pub(crate) fn operation(o: &Operation<'_>, tag: &str) -> Value {
    let mut parameters: Vec<Value> = o.parameters.iter().map(|n| parameter(n)).collect();
    if !o.forms.is_empty() {
        parameters.push(parameter("lang"));
        parameters.push(format(o.forms));
    }
    let header =
        |description: &str| json!({"description": description, "schema": {"type": "string"}});
    let mut headers = Map::new();
    headers.insert(
        "ETag".to_owned(),
        header("Tag of the answer, for If-None-Match."),
    );
    headers.insert("Content-Language".to_owned(), header("en or fr."));
    if o.list {
        headers.insert(
            "Content-Range".to_owned(),
            header("features <offset>-<offset and those given>/<all that match>"),
        );
    }
    let mut content = Map::new();
    for form in o.forms {
        let (media, schema) = match form {
            Form::Csv | Form::Html | Form::Markdown | Form::Lines => {
                (form.essence(), json!({"type": "string"}))
            }
            _ => (
                form.media_type(),
                json!({"$ref": format!("#/components/schemas/{}", o.schema)}),
            ),
        };
        content.insert(media.to_owned(), json!({"schema": schema}));
    }
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({"description": "OK", "headers": headers, "content": content}),
    );
    responses.insert(
        "304".to_owned(),
        json!({"description": "The client has this answer already."}),
    );
    for status in o.statuses {
        let name = format!("#/components/responses/{status}");
        responses.insert(status.to_string(), json!({"$ref": name}));
    }
    json!({"get": {"tags": [tag], "operationId": o.id, "summary": o.summary, "parameters": parameters, "responses": responses}})
}

/// The paths of tiles.
fn tiles() -> impl Iterator<Item = (String, Value)> {
    let roots = [
        ("tiles", "Tile", "Features as a vector tile"),
        (
            "clustertile",
            "ClusterTile",
            "Features near each other as one point of a vector tile, with feature_count",
        ),
    ];
    let of = [
        ("", "", "of every type"),
        ("/{type}", "OfType", "of one type"),
    ];
    roots.into_iter().flat_map(move |(root, id, summary)| {
        of.into_iter().flat_map(move |(part, suffix, which)| {
            let (tile_id, json_id) = (format!("get{id}{suffix}"), format!("describe{id}s{suffix}"));
            let typed = !part.is_empty();
            let mut parameters = vec!["z", "x", "y", "lang", "as-of"];
            if typed {
                parameters.extend(["type", "bbox", "area", "types", "filter", "namefilter"]);
            }
            let parameters: Vec<Value> = parameters.into_iter().map(parameter).collect();
            let problems: &[u16] = if typed { &[400, 404, 503] } else { &[400, 503] };
            let mut responses = Map::new();
            responses.insert(
                "200".to_owned(),
                json!({"description": "The tile (MVT 2.1).", "content": {tiles::MEDIA_TYPE: {}}}),
            );
            responses.insert("204".to_owned(), json!({"description": "Nothing is there."}));
            responses.insert(
                "304".to_owned(),
                json!({"description": "The client has this tile already."}),
            );
            for status in problems {
                let name = format!("#/components/responses/{status}");
                responses.insert(status.to_string(), json!({"$ref": name}));
            }
            let tile = json!({"get": {"tags": [tag(&format!("/{root}"))], "operationId": tile_id, "summary": format!("{summary}, {which}"),
                "parameters": parameters, "responses": responses}});
            let description = operation(&Operation {
                id: &json_id,
                summary: &format!("What these tiles are, {which}: TileJSON 3.0"),
                parameters: if typed { &["type", "as-of"] } else { &["as-of"] },
                forms: &[Form::Json],
                schema: "TileJson",
                list: false,
                statuses: if typed { &[400, 404, 406, 503] } else { &[400, 406, 503] },
            }, tag(&format!("/{root}")));
            [
                (format!("/{root}{part}/{{z}}/{{x}}/{{y}}.mvt"), tile),
                (format!("/{root}{part}/tilejson.json"), description),
            ]
        })
    })
}

/// The description, for a service at `root`.
pub(crate) fn document(root: &str, most: u64) -> Value {
    let with = |first: &[&'static str]| [first, &LIST].concat();
    let (every, of_type) = (with(&["types"]), with(&["type"]));
    let json_only = [Form::Json];
    let paths = [
        (
            "/features",
            Operation {
                id: "listFeatures",
                summary: "Features of every type, with the attributes they share",
                parameters: &every,
                forms: &features::FORMS,
                schema: "FeatureCollection",
                list: true,
                statuses: &[400, 403, 404, 406, 503],
            },
        ),
        (
            "/features/{type}",
            Operation {
                id: "listFeaturesOfType",
                summary: "Features of one type. With a feature's identifier in the place of the type: that feature",
                parameters: &of_type,
                forms: &features::FORMS,
                schema: "FeatureCollectionOrFeature",
                list: true,
                statuses: &[308, 400, 403, 404, 406, 410, 503],
            },
        ),
        (
            "/features/{type}/{uuid}",
            Operation {
                id: "getFeatureOfType",
                summary: "One feature",
                parameters: &["type", "uuid", "sources", "as-of"],
                forms: &features::FORMS,
                schema: "Feature",
                list: false,
                statuses: &[308, 400, 404, 406, 410, 503],
            },
        ),
        (
            "/features/types",
            Operation {
                id: "listTypes",
                summary: "The feature types",
                parameters: &[],
                forms: &json_only,
                schema: "TypeList",
                list: false,
                statuses: &[400, 406, 503],
            },
        ),
        (
            "/features/types/{type}",
            Operation {
                id: "describeType",
                summary: "What the attributes of a type are, and their values",
                parameters: &["type"],
                forms: &json_only,
                schema: "TypeDescription",
                list: false,
                statuses: &[400, 404, 406, 503],
            },
        ),
        (
            "/features/summary/{type}",
            Operation {
                id: "countByValue",
                summary: "How many features have each value",
                parameters: &[
                    "type",
                    "by",
                    "bbox",
                    "area",
                    "filter",
                    "namefilter",
                    "as-of",
                ],
                forms: &json_only,
                schema: "Summary",
                list: false,
                statuses: &[400, 404, 406, 503],
            },
        ),
        (
            "/features/datasources",
            Operation {
                id: "listDataSources",
                summary: "The data sources, and the attribution that their owners ask for",
                parameters: &[],
                forms: &json_only,
                schema: "DataSourceList",
                list: false,
                statuses: &[400, 406, 503],
            },
        ),
        (
            "/datasources",
            Operation {
                id: "listSources",
                summary: "The data sources; the same as /features/datasources",
                parameters: &[],
                forms: &json_only,
                schema: "DataSourceList",
                list: false,
                statuses: &[400, 406, 503],
            },
        ),
        (
            "/datasources/{uuid}",
            Operation {
                id: "getSource",
                summary: "One data source",
                parameters: &["source"],
                forms: &json_only,
                schema: "DataSource",
                list: false,
                statuses: &[400, 404, 406, 503],
            },
        ),
        (
            "/features/datasources/{uuid}",
            Operation {
                id: "getDataSources",
                summary: "Where a feature and each of its values come from",
                parameters: &["uuid", "fields"],
                forms: &sources::FORMS,
                schema: "DataSources",
                list: false,
                statuses: &[400, 404, 406, 503],
            },
        ),
        (
            "/docs",
            Operation {
                id: "getDictionary",
                summary: "The data dictionary: types, attributes, codes, data sources",
                parameters: &["options"],
                forms: &docs::FORMS,
                schema: "Description",
                list: false,
                statuses: &[400, 406, 503],
            },
        ),
        (
            "/openapi.json",
            Operation {
                id: "getDescription",
                summary: "This description",
                parameters: &[],
                forms: &json_only,
                schema: "Description",
                list: false,
                statuses: &[400, 406, 503],
            },
        ),
    ];
    let mut paths: Map<String, Value> = paths
        .iter()
        .map(|(path, o)| ((*path).to_owned(), operation(o, tag(path))))
        .chain(tiles())
        .chain(openapi_past::paths())
        .collect();
    for (path, method, operation) in openapi_edits::operations() {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "cabd",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("Features of a spatial inventory. Coordinates are longitude and latitude (EPSG:4617). An answer has at most {most} features."),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}
        },
        "servers": [{"url": root}],
        "paths": paths,
        "components": {"schemas": merged(merged(schemas(), more_schemas()), openapi_past::schemas()), "responses": responses(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
    })
}

fn responses() -> Value {
    let problems = [
        (
            400,
            "A value of the request cannot be accepted; `errors` points at it.",
        ),
        (
            403,
            "The answer would have more features than are given at once.",
        ),
        (404, "There is no such type or feature."),
        (
            410,
            "The feature was withdrawn, split or deleted; `successors` says what is there instead.",
        ),
        (406, "The answer is not offered in that form."),
        (
            503,
            "The service is busy, the answer took too long, or the inventory cannot be read; try again later.",
        ),
    ];
    let moved = json!({"description": "The feature was merged with another, at the address of `Location`.",
        "headers": {"Location": {"description": "The other feature.", "schema": {"type": "string", "format": "uri"}}}});
    problems
        .iter()
        .chain(&openapi_edits::RESPONSES)
        .map(|(status, text)| (status.to_string(), openapi_edits::response(text)))
        .chain([("308".to_owned(), moved)])
        .collect::<Map<_, _>>()
        .into()
}

fn merged(mut all: Value, more: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all
}

/// Those of types, summaries and the list of sources.
fn more_schemas() -> Value {
    let text = json!({"type": "string"});
    let text_or_null = json!({"type": ["string", "null"]});
    json!({
        "TypeList": {"type": "array", "items": {
            "type": "object",
            "required": ["type", "name", "metadata", "features", "data_version"],
            "properties": {"type": text, "name": text, "description": text, "members": {"type": "array", "items": text},
                "metadata": text, "features": text, "data_version": text_or_null}
        }},
        "TypeDescription": {
            "type": "object",
            "required": ["type", "attributes", "views"],
            "properties": {
                "type": text, "name": text, "description": text, "data_version": text_or_null,
                "members": {"type": "array", "items": text}, "name_attribute": text_or_null,
                "attributes": {"type": "array", "items": {
                    "type": "object",
                    "required": ["id", "name", "description", "type"],
                    "properties": {
                        "id": text, "name": text, "description": text_or_null, "type": text,
                        "group": text_or_null, "unit": text_or_null, "label_of": text_or_null,
                        "min_value": {"type": ["number", "string", "null"]},
                        "max_value": {"type": ["number", "string", "null"]},
                        "values": {"type": "array", "items": {"type": "object", "required": ["value", "name"], "properties": {
                            "value": {"type": ["integer", "string"]}, "name": text, "description": text,
                            "bbox": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}}}}
                    }
                }},
                "views": {"type": "object", "additionalProperties": {
                    "type": "object", "required": ["attribute_order"],
                    "properties": {"attribute_order": {"type": "array", "items": text}}}}
            }
        },
        "Summary": {
            "type": "object",
            "required": ["type", "total", "summaries"],
            "properties": {"type": text, "total": {"type": "integer"}, "summaries": {"type": "array", "items": {
                "type": "object",
                "required": ["attribute", "missing"],
                "properties": {
                    "attribute": text, "missing": {"type": "integer"}, "more": {"type": "integer"},
                    "values": {"type": "array", "items": {"type": "object", "required": ["value", "count"], "properties": {
                        "value": {"type": ["string", "integer", "boolean"]}, "count": {"type": "integer"}}}},
                    "bins": {"type": "array", "items": {"type": "object", "required": ["from", "to", "count"], "properties": {
                        "from": {"type": ["number", "string"]}, "to": {"type": ["number", "string"]}, "count": {"type": "integer"}}}},
                    "min": {"type": ["number", "string", "null"]}, "max": {"type": ["number", "string", "null"]}
                }
            }}}
        },
        "DataSourceList": {"type": "array", "items": {"$ref": "#/components/schemas/DataSource"}}
    })
}

fn schemas() -> Value {
    let text = json!({"type": "string"});
    let text_or_null = json!({"type": ["string", "null"]});
    let mut all = json!({
        "Problem": {
            "type": "object",
            "description": "RFC 9457, with the keys timestamp, message, statusCode and statusMessage of earlier services.",
            "required": ["type", "title", "status", "detail", "instance", "timestamp", "message", "statusCode", "statusMessage"],
            "properties": {
                "type": text, "title": text, "status": {"type": "integer"}, "detail": text, "instance": text,
                "request_id": text, "hint": text, "timestamp": text, "message": text,
                "statusCode": {"type": "integer"}, "statusMessage": text,
                "errors": {"type": "array", "items": {"type": "object", "required": ["in", "parameter", "pointer", "detail"], "properties": {
                    "in": {"enum": ["query", "path", "body"]}, "parameter": text, "pointer": text, "detail": text,
                    "attribute": text, "value": text, "expected": text, "hint": text,
                    "conflict": {"$ref": "#/components/schemas/Conflict"}}}},
                "successors": {"type": "array", "items": {"type": "string", "format": "uri"}}
            }
        },
        "Feature": {
            "type": "object",
            "required": ["type", "geometry", "properties"],
            "properties": {
                "type": {"const": "Feature"},
                "geometry": {"type": ["object", "null"], "properties": {"type": text}},
                "properties": {"type": "object", "required": ["cabd_id"], "properties": {"cabd_id": {"type": "string", "format": "uuid"}}},
                "sources": {"type": "object", "description": "With sources=true: by attribute, where its value comes from.", "additionalProperties": {"type": "object", "required": ["id", "name"], "properties": {
                    "id": {"type": "string", "format": "uuid"}, "name": text_or_null}}}
            }
        },
        "FeatureCollection": {
            "type": "object",
            "required": ["type", "metadata", "features"],
            "properties": {
                "type": {"const": "FeatureCollection"},
                "metadata": {"type": "object", "required": ["download_datetime", "data_srid"], "properties": {
                    "download_datetime": {"type": "string", "format": "date-time"}, "data_licence": text,
                    "as_of": {"type": "object", "properties": {"commit": {"type": "integer"}, "datetime": text, "release": text}},
                    "data_version": {"type": "object", "additionalProperties": text}, "data_srid": {"type": "integer"}}},
                "features": {"type": "array", "items": {"$ref": "#/components/schemas/Feature"}}
            }
        },
        "FeatureCollectionOrFeature": {"oneOf": [
            {"$ref": "#/components/schemas/FeatureCollection"}, {"$ref": "#/components/schemas/Feature"}]},
        "DataSources": {
            "type": "object",
            "required": ["cabd_id", "feature_name", "data_sources", "attribute_data_sources"],
            "properties": {
                "cabd_id": {"type": "string", "format": "uuid"}, "feature_name": text_or_null,
                "data_sources": {"type": "array", "items": {"type": "object", "required": ["name", "type"], "properties": {
                    "name": text, "type": text, "datasource_feature_id": text,
                    "version_date": text_or_null, "version_number": text_or_null}}},
                "attribute_data_sources": {"type": "object", "additionalProperties": text}
            }
        },
        "TileJson": {
            "type": "object",
            "required": ["tilejson", "tiles", "vector_layers", "minzoom", "maxzoom", "bounds"],
            "properties": {
                "tilejson": text, "name": text, "description": text, "attribution": text, "scheme": text,
                "tiles": {"type": "array", "items": text},
                "minzoom": {"type": "integer"}, "maxzoom": {"type": "integer"},
                "bounds": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
                "vector_layers": {"type": "array", "items": {"type": "object", "required": ["id", "fields"], "properties": {
                    "id": text, "description": text, "minzoom": {"type": "integer"}, "maxzoom": {"type": "integer"},
                    "fields": {"type": "object", "additionalProperties": text}}}}
            }
        },
        "Description": {"type": "object", "required": ["openapi", "info", "paths"]}
    });
    for (name, schema) in openapi_edits::schemas() {
        all[name] = schema;
    }
    all
}
