//! The features of a collection, page by page, and one of them.

use std::sync::Arc;

use axum::body::Body;
use cabd_core::catalog::{Attribute, FeatureType, GEOMETRY};
use cabd_core::feature::FeatureBatch;
use cabd_core::format::{Format, WriteOptions};
use cabd_core::page::Cursor;
use cabd_core::query::{FeatureQuery, parse_filter};
use cabd_core::time::{Date, Timestamp};
use cabd_core::{Result as CoreResult, id};
use futures::StreamExt;
use serde_json::{Value, json};

use super::{GEOJSON, JSON, ROOT, collection_of, known_only, link};
use crate::answer::Head;
use crate::app::{App, counted, is_committed};
use crate::problem::Problem;
use crate::request::{Asked, Form};
use crate::routes::Answer;
use crate::routes::features::missing;

/// Features of a page that does not say how many, and the most.
pub(super) const LIMIT: u64 = 10;
pub(super) const MOST: u64 = 5000;
/// The parameters beside the attributes.
pub(super) const PARAMETERS: [&str; 4] = ["limit", "bbox", "datetime", "after"];

/// The attributes that are parameters: equal to a value.
pub(super) fn queryables(ft: &FeatureType) -> impl Iterator<Item = &Attribute> {
    let is_own = |a: &&Attribute| !PARAMETERS.contains(&a.id.as_str()) && a.id != "lang";
    ft.attributes
        .iter()
        .filter(|a| a.id != GEOMETRY)
        .filter(is_own)
}

/// `/collections/{id}/items`
pub(super) async fn list(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    let form = asked.form(&[Form::GeoJson])?;
    let catalog = app.store.catalog().await?;
    let ft = collection_of(&catalog, &path)?;
    known_only(&asked, |name| {
        PARAMETERS.contains(&name) || queryables(ft).any(|a| a.id == name)
    })?;
    let mut query = read(&asked, ft)?;
    let head = app.store.head().await?;
    let committed = is_committed(&catalog, ft)?;
    let tag = committed.then(|| app.tag(head, &catalog, &asked, form));
    let mut answer = Head::new(form, tag);
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let (question, key) = {
        let mut all = query.clone();
        all.after = None;
        counted(&all)
    };
    let total = app
        .total(&question, &key, committed.then_some(head))
        .await?;
    query.batch_rows = 1024;
    let page = page(&app, &asked, &query).await?;
    let unchanged = app.store.head().await? == head;
    if !unchanged {
        answer.tag = None;
    }
    let at = format!("{}{ROOT}/collections/{}", asked.root, ft.id());
    let title = ft.head.name.get(asked.lang);
    let mut links = vec![
        link(
            format!("{at}/items{}", asked.query.text()),
            "self",
            GEOJSON,
            title,
        ),
        link(&at, "collection", JSON, title),
    ];
    let full = query.limit.is_some_and(|limit| page.rows >= limit);
    if let Some(next) = page.next.filter(|_| full) {
        let with = asked.query.with("after", &next.to_string());
        links.push(link(format!("{at}/items{with}"), "next", GEOJSON, title));
    }
    let mut more = json!({
        "timeStamp": Timestamp::now().to_string(),
        "numberReturned": page.rows,
        "links": links,
    });
    if unchanged {
        more["numberMatched"] = json!(total);
    }
    Ok(answer.answer(&app, &asked, Body::from(with_members(page.bytes, &more))))
}

/// `/collections/{id}/items/{feature}`
pub(super) async fn one(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    let form = asked.form(&[Form::GeoJson])?;
    known_only(&asked, |_| false)?;
    let catalog = app.store.catalog().await?;
    let ft = collection_of(&catalog, &path)?;
    let text = path.get(1).map(String::as_str).unwrap_or_default();
    let id = id::parse("id", text).map_err(|_| missing(text))?;
    let head = app.store.head().await?;
    let tag = is_committed(&catalog, ft)?.then(|| app.tag(head, &catalog, &asked, form));
    let answer = Head::new(form, tag);
    let mut query = FeatureQuery::of(ft.id());
    query.ids = Some(vec![id]);
    query.lang = asked.lang;
    let options = options(&asked);
    let features = app.store.features(&query).await?;
    let (bytes, rows) = crate::stream::whole(features, Format::GeoJsonSeq, options, None).await?;
    if rows == 0 {
        return Err(missing(text));
    }
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let at = format!("{}{ROOT}/collections/{}", asked.root, ft.id());
    let title = ft.head.name.get(asked.lang);
    let more = json!({"links": [
        link(format!("{at}/items/{id}"), "self", GEOJSON, title),
        link(&at, "collection", JSON, title),
    ]});
    Ok(answer.answer(&app, &asked, Body::from(with_members(bytes, &more))))
}

fn options(asked: &Asked) -> WriteOptions {
    WriteOptions {
        lang: asked.lang,
        metadata: None,
        service_root: Some(asked.root.clone()),
        feature_id: true,
        ..WriteOptions::default()
    }
}

/// The members of `more` at the end of a JSON object.
fn with_members(mut object: Vec<u8>, more: &Value) -> Vec<u8> {
    while object.last().is_some_and(|b| b.is_ascii_whitespace()) {
        object.pop();
    }
    object.pop();
    object.push(b',');
    object.extend_from_slice(more.to_string().trim_start_matches('{').as_bytes());
    object.push(b'\n');
    object
}

struct Page {
    bytes: Vec<u8>,
    rows: u64,
    next: Option<Cursor>,
}

async fn page(app: &App, asked: &Asked, query: &FeatureQuery) -> CoreResult<Page> {
    let mut answer = app.store.features(query).await?;
    let mut bytes = vec![];
    let mut writer = Format::GeoJson.writer(&answer.schema, &mut bytes, options(asked))?;
    let (mut rows, mut next) = (0, None);
    while let Some(batch) = answer.batches.next().await {
        let batch: FeatureBatch = batch?;
        rows += batch.rows() as u64;
        writer.batch(&batch)?;
        next = batch.next.or(next);
    }
    writer.finish()?;
    drop(writer);
    Ok(Page { bytes, rows, next })
}

/// The question of a page.
fn read(asked: &Asked, ft: &FeatureType) -> Result<FeatureQuery, Box<Problem>> {
    let refuse = |e: cabd_core::Error| Box::new(Problem::of(&e));
    let mut query = FeatureQuery::of(ft.id());
    query.lang = asked.lang;
    query.limit = Some(limit(asked)?);
    if let Some(text) = asked.query.one("bbox")? {
        query.bbox = Some(flat(text).parse().map_err(refuse)?);
    }
    if let Some(text) = asked.query.one("datetime")? {
        check_datetime(text)?;
    }
    if let Some(text) = asked.query.one("after")? {
        query.after = Some(text.parse().map_err(|_| {
            let (en, fr) = ("not the end of a page", "pas la fin d’une page");
            let hint = (
                "follow the link next of the page before",
                "suivez le lien next de la page précédente",
            );
            Box::new(Problem::parameter("after", text, en, fr).hint(hint.0, hint.1))
        })?);
    }
    for a in queryables(ft) {
        for value in asked.query.all(&a.id) {
            let equal = parse_filter(&format!("{}:eq:{value}", a.id)).map_err(refuse)?;
            query.filter = Some(match query.filter.take() {
                Some(all) => all.and(equal),
                None => equal,
            });
        }
    }
    Ok(query)
}

/// A larger page than is given is not an error: the largest is given.
fn limit(asked: &Asked) -> Result<u64, Box<Problem>> {
    let Some(text) = asked.query.one("limit")? else {
        return Ok(LIMIT);
    };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = match text.parse::<u64>() {
        Ok(n) => Some(n),
        // Digits that are no number are too many.
        Err(_) if digits => Some(MOST),
        Err(_) => None,
    };
    number
        .filter(|n| *n > 0)
        .map(|n| n.min(MOST))
        .ok_or_else(|| {
            let (en, fr) = ("not a number of features", "pas un nombre d’éléments");
            Box::new(Problem::parameter("limit", text, en, fr).expected(
                format!("a whole number from 1 to {MOST}"),
                format!("un nombre entier de 1 à {MOST}"),
            ))
        })
}

/// A box of six numbers without its heights: features lie on the ground.
fn flat(text: &str) -> String {
    let all: Vec<&str> = text.split(',').collect();
    match all.as_slice() {
        [west, south, low, east, north, high]
            if [low, high].iter().all(|h| h.trim().parse::<f64>().is_ok()) =>
        {
            [*west, *south, *east, *north].join(",")
        }
        _ => text.to_owned(),
    }
}

/// Features have no time: every instant or interval holds all of them, as the standard asks.
fn check_datetime(text: &str) -> Result<(), Box<Problem>> {
    let parts: Vec<&str> = text.split('/').collect();
    // GDAL leaves the T of a date that it cuts short.
    let is_instant = |t: &str| {
        let t = t.strip_suffix('T').unwrap_or(t);
        t.parse::<Timestamp>().is_ok() || t.parse::<Date>().is_ok()
    };
    let is_open = |t: &str| t.is_empty() || t == "..";
    let right = match parts.as_slice() {
        [one] => is_instant(one),
        [from, to] => {
            (is_open(from) || is_instant(from)) && (is_open(to) || is_instant(to)) && text != "/"
        }
        _ => false,
    };
    match right {
        true => Ok(()),
        false => {
            let (en, fr) = (
                "neither an instant nor an interval",
                "ni un instant ni un intervalle",
            );
            Err(Box::new(
                Problem::parameter("datetime", text, en, fr).expected(
                    "2020-01-31, 2020-01-31T12:00:00Z, or two of them with / between; .. is open",
                    "2020-01-31, 2020-01-31T12:00:00Z, ou deux séparés par / ; .. est ouvert",
                ),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_put_at_the_end() {
        let all = with_members(b"{\"a\":[]}\n".to_vec(), &json!({"b": 1}));
        assert_eq!(all, b"{\"a\":[],\"b\":1}\n");
    }

    #[test]
    fn instants_and_intervals_are_read() {
        for text in [
            "2020-01-31",
            "2020-01-31T12:00:00Z",
            "../2020-01-31",
            "1950-01-01T/..",
            "2020-01-01/2021-01-01",
            "/2020-01-31",
        ] {
            assert!(check_datetime(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "/",
            "soon",
            "2020-13-01",
            "2020-01-01/2021-01-01/2022-01-01",
            "2020-01-31T25:00:00Z",
        ] {
            assert!(check_datetime(text).is_err(), "{text}");
        }
    }

    #[test]
    fn heights_of_a_box_are_left_out() {
        assert_eq!(flat("1,2,0,3,4,9"), "1,2,3,4");
        assert_eq!(flat("1,2,x,3,4,9"), "1,2,x,3,4,9");
    }
}
