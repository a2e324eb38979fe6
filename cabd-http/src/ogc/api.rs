//! The description of these resources, as OpenAPI 3.0: clients look there for the largest page and the parameters.

use cabd_core::catalog::{Catalog, FeatureType};
use cabd_core::{DataType, Lang};
use serde_json::{Map, Value, json};

use super::items::{LIMIT, MOST, queryables};
use super::{GEOJSON, JSON};

/// The document, for resources at `root`.
pub(super) fn document(root: &str, catalog: &Catalog, lang: Lang) -> Value {
    let mut paths = Map::new();
    for (path, id, summary) in [
        ("/", "getLandingPage", "Where everything is"),
        (
            "/conformance",
            "getConformance",
            "The standards that are kept",
        ),
        ("/collections", "listCollections", "The collections"),
    ] {
        paths.insert(
            path.to_owned(),
            get(id, summary, &[lang_parameter()], JSON, &[]),
        );
    }
    for ft in catalog.types() {
        let at = format!("/collections/{}", ft.id());
        let name = ft.head.name.get(lang);
        let own = |verb: &str| format!("{verb}.{}", ft.id());
        paths.insert(
            at.clone(),
            get(&own("describe"), name, &[lang_parameter()], JSON, &["404"]),
        );
        paths.insert(
            format!("{at}/items"),
            get(&own("list"), name, &parameters(ft, lang), GEOJSON, &["404"]),
        );
        let id = json!({"name": "featureId", "in": "path", "required": true,
            "schema": {"type": "string", "format": "uuid"}});
        paths.insert(
            format!("{at}/items/{{featureId}}"),
            get(
                &own("get"),
                name,
                &[id, lang_parameter()],
                GEOJSON,
                &["404"],
            ),
        );
    }
    json!({
        "openapi": "3.0.3",
        "info": {"title": "cabd: OGC API - Features", "version": env!("CARGO_PKG_VERSION")},
        "servers": [{"url": root}],
        "paths": paths,
        "components": {"schemas": {"problem": {"type": "object", "required": ["type", "title", "status", "detail"],
            "properties": {"type": {"type": "string"}, "title": {"type": "string"},
                "status": {"type": "integer"}, "detail": {"type": "string"}}}}},
    })
}

fn lang_parameter() -> Value {
    json!({"name": "lang", "in": "query", "description": "Language of texts and labels; goes before Accept-Language.",
        "schema": {"type": "string", "enum": ["en", "fr"]}})
}

fn get(id: &str, summary: &str, parameters: &[Value], media: &str, more: &[&str]) -> Value {
    let problem = json!({"description": "A problem (RFC 9457).", "content": {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}});
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({"description": "OK", "content": {media: {"schema": {"type": "object"}}}}),
    );
    for status in ["400", "406", "503"].iter().chain(more) {
        responses.insert((*status).to_owned(), problem.clone());
    }
    json!({"get": {"operationId": id, "summary": summary, "parameters": parameters, "responses": responses}})
}

/// The parameters of a collection's items: as the standard writes them, and an attribute each.
fn parameters(ft: &FeatureType, lang: Lang) -> Vec<Value> {
    let mut all = vec![
        json!({"name": "limit", "in": "query", "description": "Features of a page.", "style": "form", "explode": false,
            "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT}}),
        json!({"name": "bbox", "in": "query", "description": "Only features that meet the box: longitude and latitude of two corners.",
            "style": "form", "explode": false,
            "schema": {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}}),
        json!({"name": "datetime", "in": "query", "description": "An instant or interval. The features have no time: all are given.",
            "style": "form", "explode": false, "schema": {"type": "string"}}),
        json!({"name": "after", "in": "query", "description": "Where the page before ended: see its link next.",
            "schema": {"type": "string"}}),
        lang_parameter(),
    ];
    all.extend(queryables(ft).map(|a| {
        let kind = match &a.data_type {
            DataType::Integer => "integer",
            DataType::Double | DataType::Numeric => "number",
            DataType::Boolean => "boolean",
            _ => "string",
        };
        json!({"name": a.id, "in": "query", "description": a.name.get(lang), "schema": {"type": kind}})
    }));
    all
}
