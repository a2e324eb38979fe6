//! Making a tile: what it shows, from what is remembered of places or from the store; then its attributes, then its bytes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cabd_core::store::tiles::{TileView, fill, only, places_around};
use cabd_core::tile::{
    Cluster, Draft, Member, Places, Reach, Thinned, Tile, View, clusters, draw, draw_clusters,
};
use cabd_core::{CommitNumber, Error, FeatureQuery, Lang, Result};

use super::cache::{Flight, Found, Key, Made, Outcome, Subject};
use super::gate::{Moment, now};
use super::views;
use crate::apart::apart;
use crate::app::App;
use crate::names;

/// From this zoom on a tile does not wait until all places are read: it asks for those around it.
const NEAR_ZOOM: u8 = 10;
/// How often a tile is made again because somebody wrote meanwhile.
const ATTEMPTS: usize = 4;

/// A tile that is kept.
pub(crate) fn kept(app: &App, key: &Key) -> Option<Arc<Made>> {
    let made = app.tiles.cache.ready(key)?;
    app.tiles.hits.fetch_add(1, Ordering::Relaxed);
    Some(made)
}

/// A tile of a moment.
pub(crate) async fn find(app: &Arc<App>, moment: &Arc<Moment>, key: Key) -> Outcome {
    let tiles = &app.tiles;
    if let Some(made) = kept(app, &key) {
        return Ok(made);
    }
    tiles.misses.fetch_add(1, Ordering::Relaxed);
    let all = views(moment, &key.subject)?;
    if key.as_of.is_none() && !all.iter().all(|v| v.is_kept) {
        // What changes without a commit is made for each request.
        let (bytes, _) = make(app, moment, &key).await.map_err(Arc::new)?;
        return Ok(Arc::new(Made::new(bytes)));
    }
    match tiles.cache.find(&key) {
        Found::Made(made) => Ok(made),
        Found::Flight(flight) => flight.wait().await,
        Found::Begun(flight) => {
            // A client that goes does not take the tile from the others.
            tokio::spawn(fly(app.clone(), moment.clone(), key, flight.clone()));
            flight.wait().await
        }
    }
}

/// Ends a flight, also where making the tile panics.
struct Landing {
    app: Arc<App>,
    key: Key,
    flight: Arc<Flight>,
    outcome: Outcome,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let lost = || Err(Arc::new(Error::internal("the tile was not made")));
        let outcome = std::mem::replace(&mut self.outcome, lost());
        self.app.tiles.cache.land(&self.key, &self.flight, outcome);
    }
}

async fn fly(app: Arc<App>, moment: Arc<Moment>, key: Key, flight: Arc<Flight>) {
    let mut landing = Landing {
        app: app.clone(),
        key: key.clone(),
        flight: flight.clone(),
        outcome: Err(Arc::new(Error::internal("the tile was not made"))),
    };
    landing.outcome = made(&app, moment, &key, &flight).await;
}

async fn made(app: &Arc<App>, mut moment: Arc<Moment>, key: &Key, flight: &Arc<Flight>) -> Outcome {
    let lost = |e| Arc::new(Error::internal("the service ends").because(e));
    let _turn = app.tiles.makers.acquire().await.map_err(lost)?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (bytes, whole) = make(app, &moment, key).await?;
        let made = Arc::new(Made::new(bytes));
        // What was committed before this look and concerns the tile makes the flight stale.
        moment = now(app).await?;
        if whole && app.tiles.cache.keep(key, flight, &made) || attempt == ATTEMPTS {
            return Ok(made);
        }
        app.tiles.cache.again(key, flight);
    }
}

/// The bytes, and whether every feature was still there.
async fn make(app: &Arc<App>, moment: &Arc<Moment>, key: &Key) -> Result<(Vec<u8>, bool)> {
    let tile = key.tile;
    let all = views(moment, &key.subject)?;
    if let Some((commit, _)) = key.as_of {
        return Ok((earlier(app, key, &all, commit).await?, true));
    }
    match &key.subject {
        Subject::AllClusters | Subject::Clusters(_) => {
            let found = together(app, moment, &all, tile).await?;
            Ok((draw_clusters(tile, &found), true))
        }
        Subject::All | Subject::Type(_) => {
            let mut drafts = vec![];
            for view in all {
                let name = layer_name(app, view);
                let question = view.question();
                let thinned = choose(app, moment, view, &question, tile, move |v| {
                    Thinned::new(v, tile)
                })
                .await?;
                let mut draft = Draft::new(name, thinned);
                let store = app.store.as_ref();
                fill(store, &mut draft, &view.feature_type, key.lang, None).await?;
                drafts.push(draft);
            }
            let whole = drafts.iter().all(|d| d.wanted().len() == 0);
            Ok((apart(move || draw(&drafts)).await?, whole))
        }
    }
}

/// A tile of an earlier state: nothing of it is remembered but the tile.
async fn earlier(
    app: &Arc<App>,
    key: &Key,
    all: &[&Arc<TileView>],
    commit: CommitNumber,
) -> Result<Vec<u8>> {
    let (store, tile) = (app.store.as_ref(), key.tile);
    let mut read: Vec<Places> = vec![];
    for view in all {
        let question = FeatureQuery {
            as_of: Some(commit),
            ..view.question()
        };
        read.push(places_around(store, view, &question, tile).await?);
    }
    if let Subject::AllClusters | Subject::Clusters(_) = key.subject {
        return apart(move || draw_clusters(tile, &clusters(&joined(&read), tile))).await;
    }
    let mut drafts = vec![];
    for (view, places) in all.iter().zip(read) {
        let thinned = apart(move || Thinned::new(&only(&places), tile)).await?;
        let mut draft = Draft::new(layer_name(app, view), thinned);
        fill(
            store,
            &mut draft,
            &view.feature_type,
            key.lang,
            Some(commit),
        )
        .await?;
        drafts.push(draft);
    }
    apart(move || draw(&drafts)).await
}

/// One view of all these places.
fn joined(read: &[Places]) -> View<'_> {
    let members = read.iter().map(|places| Member {
        places,
        hidden: vec![],
    });
    View {
        members: members.collect(),
    }
}

fn layer_name(app: &App, view: &TileView) -> String {
    match app.settings.tile_layer.as_str() {
        "" => view.feature_type.clone(),
        one => one.to_owned(),
    }
}

/// Clusters of several views: what they have in common lies in the same cells.
async fn together(
    app: &Arc<App>,
    moment: &Arc<Moment>,
    all: &[&Arc<TileView>],
    tile: Tile,
) -> Result<Vec<Cluster>> {
    let known = |app: Arc<App>, all: Vec<Arc<TileView>>| {
        apart(move || {
            app.tiles
                .atlas
                .with_all(all.iter().map(|v| &**v), |v| clusters(v, tile))
        })
    };
    let views: Vec<Arc<TileView>> = all.iter().map(|v| (*v).clone()).collect();
    if views.iter().all(|v| v.is_committed) {
        if let Some(found) = known(app.clone(), views.clone()).await? {
            return Ok(found);
        }
        if tile.z() < NEAR_ZOOM || views.iter().any(|v| !v.are_points) {
            for view in &views {
                prepared(app, moment, view).await?;
            }
            now(app).await.map_err(unshared)?;
            if let Some(found) = known(app.clone(), views.clone()).await? {
                return Ok(found);
            }
        }
    }
    let mut read: Vec<Places> = vec![];
    for view in &views {
        read.push(places_around(app.store.as_ref(), view, &view.question(), tile).await?);
    }
    apart(move || clusters(&joined(&read), tile)).await
}

/// Asks of what is remembered of a view, or of what the store says about the tile.
async fn choose<T: Send + 'static>(
    app: &Arc<App>,
    moment: &Arc<Moment>,
    view: &Arc<TileView>,
    question: &FeatureQuery,
    tile: Tile,
    ask: impl Fn(&View<'_>) -> T + Clone + Send + 'static,
) -> Result<T> {
    let known = || {
        let (app, view, ask) = (app.clone(), view.clone(), ask.clone());
        apart(move || app.tiles.atlas.with(&view, |v| ask(v)))
    };
    if view.is_committed {
        if let Some(found) = known().await? {
            return Ok(found);
        }
        if tile.z() < NEAR_ZOOM || !view.are_points {
            prepared(app, moment, view).await?;
            now(app).await.map_err(unshared)?;
            if let Some(found) = known().await? {
                return Ok(found);
            }
        } else if let Ok(turn) = app.tiles.reading.try_lock() {
            drop(turn);
            let (app, moment, view) = (app.clone(), moment.clone(), view.clone());
            tokio::spawn(async move {
                if let Err(e) = prepared(&app, &moment, &view).await {
                    tracing::warn!(error = ?e, "the places of features cannot be read");
                }
            });
        }
    }
    let read = places_around(app.store.as_ref(), view, question, tile).await?;
    apart(move || ask(&only(&read))).await
}

/// Reads the places of a view, unless they are known.
pub(crate) async fn prepared(
    app: &Arc<App>,
    moment: &Arc<Moment>,
    view: &Arc<TileView>,
) -> Result<()> {
    let (app, moment, view) = (app.clone(), moment.clone(), view.clone());
    let reading = async move {
        let _turn = app.tiles.reading.lock().await;
        let store = app.store.as_ref();
        app.tiles.atlas.prepare(store, &moment.catalog, &view).await
    };
    // On its own: who waits may go.
    let done = tokio::spawn(reading).await;
    done.unwrap_or_else(|e| Err(Error::internal("the places were not read").because(e)))
}

/// The box of what views show, where their places are known.
pub(crate) async fn bounds(app: &Arc<App>, views: Vec<Arc<TileView>>) -> Result<Option<Reach>> {
    let app = app.clone();
    let found = apart(move || {
        let all = views.iter().map(|v| &**v);
        app.tiles.atlas.with_all(all, |v| v.bounds())
    });
    Ok(found.await?.flatten())
}

/// A tile of the features of a type that pass the question's filters.
pub(crate) async fn filtered(
    app: &Arc<App>,
    view: &TileView,
    question: &FeatureQuery,
    lang: Lang,
    tile: Tile,
    as_clusters: bool,
) -> Result<Made> {
    let store = app.store.as_ref();
    let catalog = store.catalog().await?;
    let ft = catalog.feature_type(&view.feature_type)?;
    let named = names::found(app, ft, question).await?;
    let question = &names::narrowed(named.as_ref(), question);
    let found = places_around(store, view, question, tile).await?;
    if as_clusters {
        let bytes = apart(move || draw_clusters(tile, &clusters(&only(&found), tile))).await?;
        return Ok(Made::new(bytes));
    }
    let thinned = apart(move || Thinned::new(&only(&found), tile)).await?;
    let mut draft = Draft::new(layer_name(app, view), thinned);
    let ft = &view.feature_type;
    fill(store, &mut draft, ft, lang, question.as_of).await?;
    Ok(Made::new(apart(move || draw(&[draft])).await?))
}

/// An error that others were told as well.
pub(crate) fn unshared(e: Arc<Error>) -> Error {
    Arc::try_unwrap(e).unwrap_or_else(|e| Error::new(e.kind(), e.message().to_owned()))
}
