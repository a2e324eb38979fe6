//! `/tiles` and `/clustertile`: tiles, and what describes them (TileJSON 3.0).

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use cabd_core::catalog::{FeatureType, GEOMETRY, ID, TILE_SET};
use cabd_core::store::tiles::TileView;
use cabd_core::tile::{CLUSTER_LAYER, COUNT, MAX_ZOOM, Tile};
use cabd_core::{Bbox, CommitNumber, DataType, Lang};
use serde_json::{Map, Value, json};

use super::{Answer, nowhere, past};
use crate::answer::{self, Head};
use crate::app::App;
use crate::layers;
use crate::lists;
use crate::problem::Problem;
use crate::request::{Asked, Form, accepted_language, weighted};
use crate::tiles::{self, Key, Made, Moment, Subject, filtered, find, now, prepared, present};

/// The media type of a tile.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.mapbox-vector-tile";
/// Below the prefix.
pub(super) const ROOTS: [&str; 2] = ["/tiles/", "/clustertile/"];
/// The deepest zoom at which something new is to be seen; maps draw further ones from it.
const USEFUL_ZOOM: u8 = 16;
/// The parameters that choose features of a tile.
const CONDITIONS: [&str; 5] = ["filter", "namefilter", "bbox", "area", "types"];
const DESCRIPTION: &str = "tilejson.json";
/// A request with more headers goes the whole way, where their sizes are checked.
const PLAIN_HEADERS: usize = 40;
/// A smaller tile is not packed.
const PACK_BYTES: usize = 512;
/// The world as far as the grid goes.
const WORLD: Bbox = Bbox {
    west: -180.0,
    south: -85.051_129,
    east: 180.0,
    north: 85.051_129,
};

/// What is asked for, as the path says.
struct Wanted<'a> {
    clusters: bool,
    feature_type: Option<&'a str>,
    what: What,
}

enum What {
    Description,
    Tile(Tile),
}

/// Answers below both roots.
pub(super) async fn answer(State(app): State<Arc<App>>, request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path();
    let path = path.strip_prefix(&app.settings.prefix).unwrap_or(path);
    let wanted = read(path)?;
    let tile = match wanted.what {
        What::Tile(tile) => tile,
        What::Description => {
            let asked = Asked::read(&parts, &app.settings)?;
            return describe(&app, &asked, &wanted).await;
        }
    };
    // Most requests have no query; what it may ask is read only where there is one.
    let asked = match parts.uri.query() {
        None | Some("") => None,
        Some(_) => Some(Asked::read(&parts, &app.settings)?),
    };
    let lang = asked
        .as_ref()
        .map_or_else(|| accepted_language(&parts.headers), |a| a.lang);
    let moment = present(&app).await.map_err(|e| Problem::of(&e))?;
    let as_of = match &asked {
        Some(asked) => past::as_of(&app, asked).await?,
        None => None,
    };
    // The state of a commit that is named by its number stays as it is.
    let lasting = asked.as_ref().is_some_and(past::names_commit);
    if let Some(asked) = asked.filter(|a| {
        CONDITIONS.iter().any(|name| {
            // A tile of every type has a layer for each, and is always whole.
            let narrows =
                !["bbox", "area", "types"].contains(name) || wanted.feature_type.is_some();
            narrows && a.query.has(name)
        })
    }) {
        let view = wanted.feature_type.map(|ft| moment.view(ft)).transpose()?;
        let made = of_filter(&app, &asked, view, tile, wanted.clusters, as_of).await?;
        return Ok(respond(&app, &parts.headers, lang, &made, lasting));
    }
    let mut key = wanted.key(&moment, tile, lang)?;
    key.as_of = as_of.map(|commit| (commit, moment.catalog.version));
    let made = find(&app, &moment, key)
        .await
        .map_err(|e| Problem::of(&e))?;
    Ok(respond(&app, &parts.headers, lang, &made, lasting))
}

/// A tile that is kept. Whatever this does not know goes the whole way.
pub(crate) async fn kept(app: &Arc<App>, request: &Parts) -> Option<Response<Body>> {
    let (uri, headers) = (&request.uri, &request.headers);
    let path = uri.path().strip_prefix(&app.settings.prefix)?;
    if request.method != Method::GET || !ROOTS.iter().any(|r| path.starts_with(r)) {
        return None;
    }
    let begun = Instant::now();
    let plain = headers.len() <= PLAIN_HEADERS && app.settings.allows_any_origin();
    let wanted = read(path).ok().filter(|_| plain)?;
    let What::Tile(tile) = wanted.what else {
        return None;
    };
    let lang = match uri.query() {
        None => accepted_language(headers),
        Some(query) => query.strip_prefix("lang=")?.parse().ok()?,
    };
    let moment = present(app).await.ok()?;
    let made = tiles::kept(app, &wanted.key(&moment, tile, lang).ok()?)?;
    let mut response = respond(app, headers, lang, &made, false);
    layers::beside(&mut response, headers);
    let route = usize::from(wanted.clusters);
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    let bytes = response.body().size_hint().exact().unwrap_or(0);
    app.metrics.tile(route, status, took, bytes);
    layers::say(&response, uri, took, bytes);
    Some(response)
}

impl Wanted<'_> {
    fn key(&self, moment: &Moment, tile: Tile, lang: Lang) -> cabd_core::Result<Key> {
        let name = match self.feature_type {
            Some(name) => Some(Arc::from(moment.view(name)?.feature_type.as_str())),
            None => None,
        };
        let subject = match (name, self.clusters) {
            (Some(name), false) => Subject::Type(name),
            (None, false) => Subject::All,
            (Some(name), true) => Subject::Clusters(name),
            (None, true) => Subject::AllClusters,
        };
        Ok(Key {
            subject,
            // Clusters have no words.
            lang: if self.clusters { Lang::En } else { lang },
            tile,
            as_of: None,
        })
    }
}

fn read(path: &str) -> Result<Wanted<'_>, Box<Problem>> {
    let found = ROOTS.iter().zip([false, true]);
    let mut found = found.filter_map(|(root, clusters)| Some((path.strip_prefix(root)?, clusters)));
    let (rest, clusters) = found.next().ok_or_else(nowhere)?;
    let parts: Vec<&str> = rest.split('/').collect();
    let (feature_type, what) = match parts.as_slice() {
        [DESCRIPTION] => (None, What::Description),
        [name, DESCRIPTION] => (Some(*name), What::Description),
        [z, x, y] => (None, What::Tile(address(z, x, y)?)),
        [name, z, x, y] => (Some(*name), What::Tile(address(z, x, y)?)),
        _ => return Err(Box::new(nowhere())),
    };
    Ok(Wanted {
        clusters,
        feature_type,
        what,
    })
}

fn address(z: &str, x: &str, last: &str) -> Result<Tile, Box<Problem>> {
    let (y, suffix) = last.rsplit_once('.').unwrap_or((last, ""));
    if !suffix.eq_ignore_ascii_case("mvt") {
        let (en, fr) = ("not a form of tiles", "pas une forme de tuile");
        return Err(Box::new(
            Problem::in_path("format", suffix, en, fr)
                .expected("mvt: {z}/{x}/{y}.mvt", "mvt : {z}/{x}/{y}.mvt"),
        ));
    }
    let number = |name: &str, text: &str, most: u64| {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let value = text.parse::<u64>().ok().filter(|v| plain && *v <= most);
        value.ok_or_else(|| {
            let (en, fr) = ("outside the grid of tiles", "hors de la grille des tuiles");
            Box::new(Problem::in_path(name, text, en, fr).expected(
                format!("a whole number from 0 to {most}"),
                format!("un nombre entier de 0 à {most}"),
            ))
        })
    };
    let z = number("z", z, MAX_ZOOM.into())?;
    let last = (1 << z) - 1;
    Ok(Tile::new(z, number("x", x, last)?, number("y", y, last)?)?)
}

async fn of_filter(
    app: &Arc<App>,
    asked: &Asked,
    view: Option<&Arc<TileView>>,
    tile: Tile,
    clusters: bool,
    as_of: Option<CommitNumber>,
) -> Result<Made, Box<Problem>> {
    let Some(view) = view else {
        let given = CONDITIONS.iter().find(|name| asked.query.has(name));
        let name = given.copied().unwrap_or("filter");
        let value = asked.query.all(name).next().unwrap_or_default();
        let (en, fr) = (
            "only the tiles of one type are filtered",
            "seules les tuiles d’un type sont filtrées",
        );
        return Err(Box::new(Problem::parameter(name, value, en, fr).hint(
            "ask for one type: /tiles/{type}/{z}/{x}/{y}.mvt",
            "demandez un seul type : /tiles/{type}/{z}/{x}/{y}.mvt",
        )));
    };
    let mut question = view.question();
    question.lang = asked.lang;
    question.as_of = as_of;
    lists::conditions(asked, &mut question)?;
    let catalog = app.store.catalog().await?;
    let ft = catalog.feature_type(&view.feature_type)?;
    lists::part(asked, ft, &mut question)?;
    Ok(filtered(app, view, &question, asked.lang, tile, clusters).await?)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let all = headers.get_all(ACCEPT_ENCODING).iter();
    let all = all.filter_map(|v| v.to_str().ok()).flat_map(weighted);
    let gzip = |name: &str| name.eq_ignore_ascii_case("gzip");
    let mut named = all.filter(|(name, _)| gzip(name) || *name == "*");
    named.next().is_some_and(|(_, quality)| quality > 0.0)
}

/// How long a tile of an earlier state may be kept by others: only a change of the catalogue makes it another.
const LASTING: &str = "public, max-age=86400, immutable";

fn respond(
    app: &App,
    headers: &HeaderMap,
    lang: Lang,
    made: &Made,
    lasting: bool,
) -> Response<Body> {
    let packed = (app.settings.compress && made.bytes.len() >= PACK_BYTES && accepts_gzip(headers))
        .then(|| made.packed())
        .flatten();
    let (bytes, tag) = packed.map_or((&made.bytes, &made.tag), |(b, t)| (b, t));
    let known = headers.get_all(IF_NONE_MATCH).iter();
    let known = known.filter_map(|v| v.to_str().ok()).any(|list| {
        let bare = |t: &str| t.trim().trim_start_matches("W/").to_owned();
        list.trim() == "*"
            || list
                .split(',')
                .any(|t| bare(t).as_bytes() == tag.as_bytes())
    });
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    let caching = if lasting { LASTING } else { "no-cache" };
    out.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    out.insert(
        VARY,
        HeaderValue::from_static("accept-encoding, accept-language"),
    );
    out.insert(CONTENT_LANGUAGE, HeaderValue::from_static(lang.code()));
    if bytes.is_empty() {
        *response.status_mut() = StatusCode::NO_CONTENT;
        return response;
    }
    out.insert(ETAG, tag.clone());
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    out.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if packed.is_some() {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    *response.body_mut() = Body::from(bytes.clone());
    response
}

/// TileJSON.
async fn describe(app: &Arc<App>, asked: &Asked, wanted: &Wanted<'_>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let moment = now(app).await.map_err(|e| Problem::of(&e))?;
    let (views, ft): (Vec<&Arc<TileView>>, Option<&Arc<FeatureType>>) = match wanted.feature_type {
        Some(name) => {
            let ft = moment.catalog.feature_type(name)?;
            (vec![moment.view(ft.id())?], Some(ft))
        }
        None => (moment.layers.iter().collect(), None),
    };
    let committed = views.iter().all(|v| v.is_committed);
    let tag = committed.then(|| app.tag(moment.head, &moment.catalog, asked, form));
    let head = Head::new(form, tag);
    if head.is_known(asked) {
        return Ok(head.not_modified(app, asked));
    }
    let bounds = bounds(app, &moment, &views).await?;
    let root = if wanted.clusters { ROOTS[1] } else { ROOTS[0] };
    let of_type = ft.map(|ft| format!("{}/", ft.id())).unwrap_or_default();
    let as_of = past::as_of(app, asked).await?;
    let as_of = as_of.map(|commit| format!("&as-of={commit}"));
    let (lang, all) = (asked.lang, app.settings.all_features_type.as_str());
    let named = ft.or_else(|| moment.catalog.feature_type(all).ok());
    let mut layers: Vec<Value> = vec![];
    if wanted.clusters {
        layers.push(
            json!({"id": CLUSTER_LAYER, "minzoom": 0, "maxzoom": USEFUL_ZOOM,
            "fields": {COUNT: "Number"}}),
        );
    } else {
        for view in &views {
            let ft = moment.catalog.feature_type(&view.feature_type)?;
            layers.push(layer(app, ft, lang));
        }
    }
    let body = json!({
        "tilejson": "3.0.0",
        "tiles": [format!("{}{root}{of_type}{{z}}/{{x}}/{{y}}.mvt?lang={}{}", asked.root, lang.code(), as_of.unwrap_or_default())],
        "vector_layers": merged(layers),
        "name": named.map_or("cabd", |ft| ft.head.name.get(lang)),
        "description": named.map_or("", |ft| ft.head.description.get(lang)),
        "attribution": app.settings.licence,
        "scheme": "xyz",
        "minzoom": 0,
        "maxzoom": USEFUL_ZOOM,
        "bounds": [bounds.west, bounds.south, bounds.east, bounds.north],
    });
    Ok(head.answer(app, asked, answer::json(&body)))
}

fn layer(app: &App, ft: &FeatureType, lang: Lang) -> Value {
    let mut fields = Map::new();
    fields.insert(ID.to_owned(), json!("String"));
    fields.insert(COUNT.to_owned(), json!("Number"));
    for a in ft.set(TILE_SET) {
        let kind = match &a.data_type {
            DataType::Integer | DataType::Double | DataType::Numeric => "Number",
            DataType::Boolean => "Boolean",
            _ => "String",
        };
        if a.id != GEOMETRY && a.id != ID {
            fields.insert(a.id.clone(), json!(kind));
        }
    }
    let id = match app.settings.tile_layer.as_str() {
        "" => ft.id(),
        one => one,
    };
    json!({"id": id, "description": ft.head.name.get(lang), "minzoom": 0, "maxzoom": USEFUL_ZOOM,
        "fields": fields})
}

/// Layers of one name as one.
fn merged(layers: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = vec![];
    for layer in layers {
        match out.iter_mut().find(|l| l["id"] == layer["id"]) {
            None => out.push(layer),
            Some(known) => {
                let more = layer["fields"].as_object().cloned().unwrap_or_default();
                if let Some(fields) = known["fields"].as_object_mut() {
                    fields.extend(more);
                }
            }
        }
    }
    out
}

/// The box of the features; the whole grid where that is not known, or there are none.
async fn bounds(
    app: &Arc<App>,
    moment: &Arc<Moment>,
    views: &[&Arc<TileView>],
) -> Result<Bbox, Box<Problem>> {
    if !views.iter().all(|v| v.is_committed) {
        return Ok(WORLD);
    }
    for view in views {
        prepared(app, moment, view).await?;
    }
    now(app).await.map_err(|e| Problem::of(&e))?;
    let views = views.iter().map(|v| (*v).clone()).collect();
    let found = tiles::bounds(app, views).await?;
    Ok(found.map_or(WORLD, |reach| reach.bbox()))
}
