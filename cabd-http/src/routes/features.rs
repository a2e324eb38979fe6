//! `/features`: lists, and one feature.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use cabd_core::catalog::{Catalog, FeatureType};
use cabd_core::format::{Format, Metadata, SourceNames, WriteOptions};
use cabd_core::query::Selection;
use cabd_core::store::{HistoryExt, SourcesExt};
use cabd_core::time::Timestamp;
use cabd_core::{CommitNumber, FeatureQuery, FeatureStoreExt, Uuid, Value, id};

use super::{Answer, gone, past};
use crate::answer::Head;
use crate::app::{App, counted, is_committed};
use crate::layers;
use crate::lists::{self, List};
use crate::names;
use crate::problem::Problem;
use crate::request::{Asked, Form};
use crate::stream;
use crate::tiles::present;
use crate::urls::{Urls, type_attribute};

/// The forms of lists and features, the default first.
pub(crate) const FORMS: [Form; 3] = [Form::Json, Form::GeoJson, Form::Csv];
/// More features than this are read while the client reads them.
const LONG: u64 = 512;
/// How often a question is asked again because somebody wrote between counting and reading.
const ATTEMPTS: usize = 4;

/// `/features`
pub(super) async fn every(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    list(&app, &asked, None).await
}

fn without_all(name: &str) -> Box<Problem> {
    Box::new(
        Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("the inventory has no type {name:?} that holds the features of every type"),
            format!(
                "l’inventaire n’a pas de type « {name} » qui réunit les éléments de tous les types"
            ),
        )
        .hint(
            "ask for one type: /features/{type}",
            "demandez un seul type : /features/{type}",
        ),
    )
}

/// `/features/{type}` and `/features/{uuid}`
pub(super) async fn type_or_feature(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    let name = path.first().map(String::as_str).unwrap_or_default();
    if let Ok(id) = id::parse("uuid", name) {
        let at = past::as_of(&app, &asked).await?;
        let catalog = present(&app).await?.catalog.clone();
        let found = match find_type(&app, &catalog, id, at).await {
            Ok(ft) => one(&app, &asked, &catalog, &ft, id).await,
            Err(problem) => Err(problem),
        };
        return gone::or_fate(&app, &asked, name, found, gone::feature).await;
    }
    list(&app, &asked, Some(name)).await
}

/// `/features/{type}/{uuid}`
pub(super) async fn of_type(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    let [name, text] = path.as_slice() else {
        return Err(missing(""));
    };
    let catalog = present(&app).await?.catalog.clone();
    let ft = catalog.feature_type(name)?;
    let id = id::parse("uuid", text).map_err(|_| missing(text))?;
    let found = one(&app, &asked, &catalog, ft, id).await;
    gone::or_fate(&app, &asked, text, found, gone::feature).await
}

pub(crate) fn missing(id: &str) -> Box<Problem> {
    let (en, fr) = (
        "no feature has this identifier",
        "aucun élément n’a cet identifiant",
    );
    Box::new(Problem::missing("uuid", id, en, fr))
}

/// The base type of a feature that the super type of all shows.
pub(super) async fn find_type(
    app: &App,
    catalog: &Catalog,
    id: Uuid,
    at: Option<CommitNumber>,
) -> Result<Arc<FeatureType>, Box<Problem>> {
    let name = &app.settings.all_features_type;
    let all = catalog.feature_type(name).map_err(|_| without_all(name))?;
    let mut query = FeatureQuery::of(all.id());
    query.ids = Some(vec![id]);
    query.as_of = at;
    query.geometry = false;
    let candidates: Vec<Arc<FeatureType>> = match type_attribute(all) {
        Some(attribute) if all.is_super() => {
            query.select = Selection::Attributes(vec![attribute.id.clone()]);
            let batches = app.store.collect(&query).await?;
            let row = batches.iter().find(|b| b.rows() > 0);
            match row.map(|b| b.value(0, &attribute.id)) {
                Some(Value::Text(ft)) => return Ok(catalog.feature_type(&ft)?.clone()),
                _ => return Err(missing(&id.to_string())),
            }
        }
        _ => catalog.base_types(all)?,
    };
    query.select = Selection::Attributes(vec![]);
    for ft in candidates {
        query.feature_type = ft.id().to_owned();
        if app.store.count(&query).await? > 0 {
            return Ok(ft);
        }
    }
    Err(missing(&id.to_string()))
}

pub(super) async fn one(
    app: &App,
    asked: &Asked,
    catalog: &Catalog,
    ft: &FeatureType,
    id: Uuid,
) -> Answer {
    let form = asked.form(&FORMS)?;
    let head = app.store.head().await?;
    let at = past::as_of(app, asked).await?;
    let committed = is_committed(catalog, ft)?;
    let tag = match (at, committed) {
        // No condition for a change: it is not what is there.
        (Some(at), _) => Some(app.tag(at, catalog, asked, form)),
        (None, true) => {
            let last = app.store.last_change(id).await?;
            Some(app.feature_tag(last, head, catalog, asked, form))
        }
        (None, false) => None,
    };
    let mut answer = Head::new(form, tag);
    let mut query = FeatureQuery::of(ft.id());
    query.ids = Some(vec![id]);
    query.as_of = at;
    query.lang = asked.lang;
    query.sources = lists::with_sources(asked)?;
    let options = WriteOptions {
        lang: asked.lang,
        metadata: None,
        service_root: Some(asked.root.clone()),
        sources: names(app, &query).await?,
        ..WriteOptions::default()
    };
    // A feature of JSON has no `url`; a table has the columns of the list.
    let (format, urls) = match form {
        Form::Csv => (
            Format::Csv,
            Some(Urls::new(&asked.root, ft, &mut query.select, &[])),
        ),
        _ => (Format::GeoJsonSeq, None),
    };
    let features = app.store.features(&query).await?;
    let (bytes, rows) = stream::whole(features, format, options, urls).await?;
    if rows == 0 {
        return Err(missing(&id.to_string()));
    }
    if answer.is_known(asked) {
        return Ok(answer.not_modified(app, asked));
    }
    if form == Form::Csv {
        answer = answer.with("content-disposition", file_name(ft));
    }
    Ok(answer.answer(app, asked, Body::from(bytes)))
}

/// The feature as it is served, to be compared with what a client sends back.
pub(super) async fn served(
    app: &App,
    asked: &Asked,
    ft: &FeatureType,
    id: Uuid,
) -> Result<serde_json::Value, Box<Problem>> {
    let mut query = FeatureQuery::of(ft.id());
    query.ids = Some(vec![id]);
    query.lang = asked.lang;
    let options = WriteOptions {
        lang: asked.lang,
        metadata: None,
        service_root: Some(asked.root.clone()),
        ..WriteOptions::default()
    };
    let features = app.store.features(&query).await?;
    let (bytes, rows) = stream::whole(features, Format::GeoJsonSeq, options, None).await?;
    if rows == 0 {
        return Err(missing(&id.to_string()));
    }
    serde_json::from_slice(&bytes).map_err(|e| {
        let e = cabd_core::Error::internal("a feature was written that is not JSON").because(e);
        Box::new(Problem::of(&e))
    })
}

/// A list of a type, or of all where none is named.
async fn list(app: &Arc<App>, asked: &Asked, name: Option<&str>) -> Answer {
    let form = asked.form(&FORMS)?;
    let at = past::as_of(app, asked).await?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let moment = present(app).await?;
        let (head, catalog) = (moment.head, &moment.catalog);
        let ft = match name {
            Some(name) => catalog.feature_type(name)?,
            None => {
                let all = &app.settings.all_features_type;
                catalog.feature_type(all).map_err(|_| without_all(all))?
            }
        };
        let mut list = lists::read(asked, catalog, ft)?;
        list.query.as_of = at;
        let urls = Urls::new(&asked.root, ft, &mut list.query.select, &list.shown);
        let committed = is_committed(catalog, ft)?;
        let (question, key) = counted(&list.query);
        let tag = committed.then(|| app.tag(at.unwrap_or(head), catalog, asked, form));
        // Looked at after the commit was read: what is written meanwhile is seen below.
        let named = names::found(app, ft, &list.query).await?;
        let narrow = names::narrowed(named.as_ref(), &question);
        let total = match named.as_ref().and_then(|n| n.count(&question)) {
            Some(total) => total,
            None => app.total(&narrow, &key, committed.then_some(head)).await?,
        };
        let rest = total.saturating_sub(list.offset);
        let returned = list.most.map_or(rest, |most| most.min(rest));
        if returned > app.settings.max_features {
            return Err(too_many(app.settings.max_features));
        }
        let mut answer = Head::new(form, tag);
        if answer.is_known(asked) {
            return Ok(answer.not_modified(app, asked));
        }
        // Without a limit the rows come in the store's own order, the first at once. A short answer to who set one comes in
        // order, also where it holds everything.
        let ordered = list.most.is_some() && returned <= LONG;
        let limited = returned < total || list.query.near.is_some() || ordered;
        list.query.limit = limited.then_some(returned);
        list.query.offset = list.offset;
        // An earlier state is read from several streams.
        let place = match returned > LONG || at.is_some() {
            // A client may read it for as long as it likes: others are answered meanwhile.
            true => {
                asked.slot.give_back();
                Some(layers::turn(app, &app.long).await?)
            }
            false => None,
        };
        let narrow = names::narrowed(named.as_ref(), &list.query);
        // Asked before: who holds a stream asks for no other.
        let options = WriteOptions {
            lang: asked.lang,
            metadata: Some(metadata(app, catalog, ft, &list).await?),
            service_root: Some(asked.root.clone()),
            sources: names(app, &list.query).await?,
            ..WriteOptions::default()
        };
        let features = app.store.features(&narrow).await?;
        // An earlier state stays as it is.
        let unchanged = at.is_some() || is_head(app, head).await?;
        if !unchanged && attempt < ATTEMPTS {
            continue;
        }
        if !unchanged {
            answer.tag = None;
        }
        answer = answer.range(list.offset, returned, total);
        if form == Form::Csv {
            answer = answer.with("content-disposition", file_name(ft));
        }
        let format = match form {
            Form::Csv => Format::Csv,
            _ => Format::GeoJson,
        };
        let stalled = app.settings.stalled_time();
        let body = stream::body(features, format, options, urls, stalled, place).await?;
        return Ok(answer.answer(app, asked, body));
    }
}

/// Whether a commit is still the newest. Who asks may hold a stream: to follow the changes could need another, and wait for ever.
async fn is_head(app: &App, head: CommitNumber) -> cabd_core::Result<bool> {
    Ok(match app.store.unmoved() {
        Some((newest, _)) => newest == head,
        None => app.store.head().await? == head,
    })
}

/// The names of data sources, where they are shown.
async fn names(app: &App, query: &FeatureQuery) -> cabd_core::Result<SourceNames> {
    match query.sources {
        true => app.store.source_names().await,
        false => Ok(SourceNames::default()),
    }
}

fn too_many(most: u64) -> Box<Problem> {
    Box::new(
        Problem::new(
            StatusCode::FORBIDDEN,
            "too-many-features",
            format!(
                "the answer would have more than {most} features, the most that are given at once"
            ),
            format!("la réponse aurait plus de {most} éléments, le plus qui soit donné à la fois"),
        )
        .hint(
            format!("narrow it with bbox, filter or types, or give max-results of {most} or less"),
            format!(
                "restreignez-la par bbox, filter ou types, ou donnez max-results de {most} ou moins"
            ),
        ),
    )
}

/// The head of a collection: the version of each type's data that it can hold.
async fn metadata(
    app: &App,
    catalog: &Catalog,
    ft: &FeatureType,
    list: &List,
) -> cabd_core::Result<Metadata> {
    let mut bases = vec![];
    for name in &list.query.types {
        bases.extend(catalog.base_types(catalog.feature_type(name)?)?);
    }
    if bases.is_empty() {
        bases = catalog.base_types(ft)?;
    }
    let versions = bases.into_iter().filter_map(|t| {
        let version = t.head.data_version.clone()?;
        Some((t.id().to_owned(), version))
    });
    let state = match list.query.as_of {
        Some(commit) => Some(app.store.stamp(commit).await?),
        None => None,
    };
    Ok(Metadata {
        state,
        licence: Some(app.settings.licence.clone()).filter(|l| !l.is_empty()),
        data_version: versions.collect::<BTreeMap<_, _>>(),
        downloaded: Some(Timestamp::now()),
        ..Metadata::default()
    })
}

/// `cabd-dams.v1.0-20261122-010203.csv`; without a version where types are mixed.
fn file_name(ft: &FeatureType) -> String {
    let time = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let name = match &ft.head.data_version {
        Some(version) if !ft.is_super() => {
            let plain = |c: &char| c.is_ascii_alphanumeric() || ".-_".contains(*c);
            let version: String = version.chars().filter(plain).collect();
            format!("cabd-{}.v{version}-{time}.csv", ft.id())
        }
        _ if ft.is_super() => format!("cabd-features-{time}.csv"),
        _ => format!("cabd-{}-{time}.csv", ft.id()),
    };
    format!("attachment; filename=\"{name}\"")
}
