//! OGC API – Features, part 1 (core, GeoJSON, OpenAPI 3.0): the types as collections, for GIS clients such as QGIS, GDAL and
//! OWSLib. The lists below `/features` are the same features in the form of the original's clients.

mod api;
mod items;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header::CONTENT_TYPE};
use cabd_core::catalog::{Catalog, FeatureType};
use cabd_core::{Bbox, Lang};
use serde_json::{Value, json};

use crate::answer::{self, Head};
use crate::app::{App, is_committed};
use crate::problem::Problem;
use crate::request::{Asked, Form};
use crate::routes::{Answer, handler};
use crate::tiles::{self, Moment};

/// Below the API's prefix.
pub(crate) const ROOT: &str = "/ogc";
const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";
const GEOJSON: &str = "application/geo+json";
const JSON: &str = "application/json";
const DESCRIPTION: &str = "application/vnd.oai.openapi+json;version=3.0";
const CONFORMS: [&str; 3] = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
];

/// Adds the routes.
pub(crate) fn add(mut router: Router<Arc<App>>, prefix: &str) -> Router<Arc<App>> {
    for slash in ["", "/"] {
        let path = |end: &str| format!("{prefix}{ROOT}{end}{slash}");
        router = router
            .route(&path(""), handler(landing))
            .route(&path("/api"), handler(description))
            .route(&path("/conformance"), handler(conformance))
            .route(&path("/collections"), handler(collections))
            .route(&path("/collections/{id}"), handler(collection))
            .route(&path("/collections/{id}/items"), handler(items::list))
            .route(
                &path("/collections/{id}/items/{feature}"),
                handler(items::one),
            );
    }
    router
}

fn link(href: impl Into<String>, rel: &str, media: &str, title: &str) -> Value {
    json!({"href": href.into(), "rel": rel, "type": media, "title": title})
}

/// What every resource but the items takes.
fn plain(asked: &Asked) -> Result<Form, Box<Problem>> {
    known_only(asked, |_| false)?;
    asked.form(&[Form::Json])
}

/// Refuses a parameter that is neither `lang` nor known.
fn known_only(asked: &Asked, is_known: impl Fn(&str) -> bool) -> Result<(), Box<Problem>> {
    match asked.query.names().find(|n| *n != "lang" && !is_known(n)) {
        None => Ok(()),
        Some(name) => {
            let value = asked.query.all(name).next().unwrap_or_default();
            let (en, fr) = (
                "there is no such parameter",
                "il n’y a pas de tel paramètre",
            );
            Err(Box::new(Problem::parameter(name, value, en, fr).hint(
                "the description at the link service-desc lists the parameters",
                "la description au lien service-desc énumère les paramètres",
            )))
        }
    }
}

async fn landing(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = plain(&asked)?;
    let head = app.store.head().await?;
    let catalog = app.store.catalog().await?;
    let answer = Head::new(form, Some(app.tag(head, &catalog, &asked, form)));
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let root = format!("{}{ROOT}", asked.root);
    let (title, text) = match asked.lang {
        Lang::En => (
            "Inventory",
            "Features of a spatial inventory, a collection for each type.",
        ),
        Lang::Fr => (
            "Inventaire",
            "Éléments d’un inventaire spatial, une collection par type.",
        ),
    };
    let body = json!({
        "title": title,
        "description": text,
        "attribution": app.settings.licence,
        "links": [
            link(&root, "self", JSON, title),
            link(format!("{root}/api"), "service-desc", DESCRIPTION, "OpenAPI 3.0"),
            link(format!("{}/api-docs/", asked.root), "service-doc", "text/html", "API"),
            link(format!("{root}/conformance"), "conformance", JSON, "Conformance"),
            link(format!("{root}/collections"), "data", JSON, "Collections"),
        ],
    });
    Ok(answer.answer(&app, &asked, answer::json(&body)))
}

async fn conformance(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = plain(&asked)?;
    let body = answer::json(&json!({"conformsTo": CONFORMS}));
    Ok(Head::new(form, None).answer(&app, &asked, body))
}

async fn description(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    known_only(&asked, |_| false)?;
    let head = app.store.head().await?;
    let catalog = app.store.catalog().await?;
    let answer = Head::new(
        Form::Json,
        Some(app.tag(head, &catalog, &asked, Form::Json)),
    );
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let root = format!("{}{ROOT}", asked.root);
    let body = answer::json(&api::document(&root, &catalog, asked.lang));
    let mut response: Response<Body> = answer.answer(&app, &asked, body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(DESCRIPTION));
    Ok(response)
}

async fn collections(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = plain(&asked)?;
    let moment = tiles::present(&app).await.map_err(|e| Problem::of(&e))?;
    let catalog = &moment.catalog;
    let answer = Head::new(form, Some(app.tag(moment.head, catalog, &asked, form)));
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let mut all = vec![];
    for ft in catalog.types() {
        all.push(described(&app, &asked, &moment, ft).await?);
    }
    let at = format!("{}{ROOT}/collections", asked.root);
    let body = json!({"links": [link(at, "self", JSON, "Collections")], "collections": all});
    Ok(answer.answer(&app, &asked, answer::json(&body)))
}

async fn collection(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    let form = plain(&asked)?;
    let moment = tiles::present(&app).await.map_err(|e| Problem::of(&e))?;
    let catalog = &moment.catalog;
    let ft = collection_of(catalog, &path)?;
    let tag = is_committed(catalog, ft)?.then(|| app.tag(moment.head, catalog, &asked, form));
    let answer = Head::new(form, tag);
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let body = described(&app, &asked, &moment, ft).await?;
    Ok(answer.answer(&app, &asked, answer::json(&body)))
}

fn collection_of<'a>(
    catalog: &'a Catalog,
    path: &[String],
) -> Result<&'a FeatureType, Box<Problem>> {
    let name = path.first().map(String::as_str).unwrap_or_default();
    Ok(catalog.feature_type(name)?)
}

/// What a collection is. Its extent is the box of its features where that is known without reading them, else the world.
async fn described(
    app: &Arc<App>,
    asked: &Asked,
    moment: &Moment,
    ft: &FeatureType,
) -> Result<Value, Box<Problem>> {
    let view = moment.view(ft.id())?.clone();
    let known = match view.is_kept {
        true => tiles::bounds(app, vec![view]).await?.map(|r| r.bbox()),
        false => None,
    };
    let b = known.unwrap_or(Bbox {
        west: -180.0,
        south: -90.0,
        east: 180.0,
        north: 90.0,
    });
    let at = format!("{}{ROOT}/collections/{}", asked.root, ft.id());
    let title = ft.head.name.get(asked.lang);
    Ok(json!({
        "id": ft.id(),
        "title": title,
        "description": ft.head.description.get(asked.lang),
        "itemType": "feature",
        "crs": [CRS84],
        "extent": {"spatial": {"bbox": [[b.west, b.south, b.east, b.north]], "crs": CRS84}},
        "links": [
            link(&at, "self", JSON, title),
            link(format!("{at}/items"), "items", GEOJSON, title),
        ],
    }))
}
