//! Tiles of a store: which features a type shows, where they are, and what of them a tile carries.

mod atlas;
mod follow;
mod views;

use futures::TryStreamExt;
use uuid::Uuid;

pub use atlas::Atlas;
pub use follow::{Changes, Stale};
pub use views::{TileView, tile_views};

use super::{FeatureStore, Store};
use crate::catalog::TILE_SET;
use crate::error::Result;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::query::{FeatureQuery, Selection};
use crate::tile::{
    Draft, Gathered, Member, Places, Reach, Thinned, Tile, View, clusters, draw, draw_clusters,
};

/// How often a tile is read again because a feature went while it was made.
const ATTEMPTS: usize = 4;

/// Where the features of a question are; attributes, order and limits of the question do not matter.
///
/// # Errors
/// As [`FeatureStore::features`].
pub async fn places(store: &dyn FeatureStore, question: &FeatureQuery) -> Result<Places> {
    let query = FeatureQuery {
        select: Selection::Attributes(vec![]),
        geometry: true,
        sort: vec![],
        near: None,
        limit: None,
        offset: 0,
        after: None,
        ..question.clone()
    };
    let mut gathered = Gathered::default();
    let mut batches = store.features(&query).await?.batches;
    while let Some(batch) = batches.try_next().await? {
        gathered.read(&batch)?;
    }
    Ok(gathered.sort())
}

/// Reads what the layer shows of each feature of a type or super type, in the state of a commit where one is named. Features that are no more stay wanted.
///
/// # Errors
/// As [`FeatureStore::features`].
pub async fn fill(
    store: &dyn FeatureStore,
    draft: &mut Draft,
    feature_type: &str,
    lang: Lang,
    as_of: Option<CommitNumber>,
) -> Result<()> {
    if draft.wanted().len() == 0 {
        return Ok(());
    }
    let mut query = FeatureQuery::of(feature_type);
    query.select = Selection::Set(TILE_SET.to_owned());
    query.lang = lang;
    query.as_of = as_of;
    query.geometry = draft.needs_geometry();
    let mut ids: Vec<Uuid> = draft.wanted().collect();
    ids.sort_unstable();
    query.ids = Some(ids);
    let mut batches = store.features(&query).await?.batches;
    while let Some(batch) = batches.try_next().await? {
        draft.add(&batch)?;
    }
    Ok(())
}

/// The places that decide what a tile shows of a question: the blocks around it for points, everything for lines and areas, whose
/// thinning needs those that lie elsewhere.
///
/// # Errors
/// As [`FeatureStore::features`].
pub async fn places_around(
    store: &dyn FeatureStore,
    view: &TileView,
    question: &FeatureQuery,
    tile: Tile,
) -> Result<Places> {
    let mut question = question.clone();
    if view.are_points {
        let around = Reach::of_blocks(tile).bbox();
        question.bbox = match question.bbox.map(|asked| asked.common(&around)) {
            None => Some(around),
            Some(Some(both)) => Some(both),
            Some(None) => return Ok(Places::new(vec![])),
        };
    }
    places(store, &question).await
}

/// A tile of what a question finds, made without anything remembered: the same bytes as those of a service.
///
/// The question's type, filters and language count. Its attributes are those of the set for tiles.
///
/// # Errors
/// As [`FeatureStore::features`].
pub async fn tile(store: &dyn Store, question: &FeatureQuery, tile: Tile) -> Result<Vec<u8>> {
    let catalog = store.catalog().await?;
    let ft = catalog.feature_type(&question.feature_type)?;
    let view = TileView::of(&catalog, ft)?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let places = places_around(store, &view, question, tile).await?;
        let mut draft = Draft::new(ft.id(), Thinned::new(&only(&places), tile));
        fill(store, &mut draft, ft.id(), question.lang, question.as_of).await?;
        if draft.wanted().len() == 0 || attempt == ATTEMPTS {
            return Ok(draw(&[draft]));
        }
    }
}

/// A tile of clusters of what a question finds, as [`tile()`].
///
/// # Errors
/// As [`FeatureStore::features`].
pub async fn cluster_tile(
    store: &dyn Store,
    question: &FeatureQuery,
    tile: Tile,
) -> Result<Vec<u8>> {
    let catalog = store.catalog().await?;
    let view = TileView::of(&catalog, catalog.feature_type(&question.feature_type)?)?;
    let places = places_around(store, &view, question, tile).await?;
    Ok(draw_clusters(tile, &clusters(&only(&places), tile)))
}

/// The view of places that were read for it.
pub fn only(places: &Places) -> View<'_> {
    View {
        members: vec![Member {
            places,
            hidden: vec![],
        }],
    }
}
