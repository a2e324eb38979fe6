//! What a program may add to a store: where features are snapped to.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use crate::error::Result;

/// A position: longitude and latitude in degrees.
pub type Position = (f64, f64);

/// Finds the snapped point of a feature, on a stream network for example.
///
/// A type whose geometry is the first of several columns (`from = ["snapped_point", "original_point"]`) has a snapped
/// point in the first and the original one in the last. Where an original point is new or has moved and no snapped point
/// is given with it, the store asks; no answer leaves the snapped point as it is.
///
/// A closure will do where an answer needs no waiting:
///
/// ```
/// use std::sync::Arc;
/// use cabd_core::{ChangeHead, Geometry, Manifest, feature::Operation, id, memory::MemoryStore};
/// use cabd_core::store::{CatalogStore, FeatureStoreExt, Store};
/// # let manifest = Manifest::from_toml("weirs.toml", r#"
/// #     [type]
/// #     id = "weirs"
/// #     name = { en = "Weirs", fr = "Seuils" }
/// #     [geometry]
/// #     kind = "point"
/// #     from = ["snapped_point", "original_point"]
/// #     [[attributes]]
/// #     id = "cabd_id"
/// #     type = "uuid"
/// #     name = { en = "Identifier", fr = "Identifiant" }
/// #     [[attributes]]
/// #     id = "geometry"
/// #     type = "geometry(point)"
/// #     name = { en = "Location", fr = "Emplacement" }
/// # "#)?;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// store.change_catalog(&manifest).await?;
/// // A river along the 45th parallel.
/// store.hooks().set_snapper(Some(Arc::new(|feature_type: &str, x: f64, y: f64| {
///     (feature_type == "weirs" && (y - 45.0).abs() < 0.01).then_some((x, 45.0))
/// })));
/// let weir = id::new_id();
/// let new = Operation::insert_feature("weirs", weir).set("geometry", Geometry::point(-75.0, 45.003));
/// store.apply_all(&ChangeHead::default(), vec![new]).await?;
/// let found = store.feature("weirs", weir).await?;
/// assert_eq!(found.value(0, "geometry"), Geometry::point(-75.0, 45.0).into());
/// # Ok::<(), cabd_core::Error>(()) })?;
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[async_trait]
pub trait Snapper: Send + Sync {
    /// The snapped points of original points of one type, in their order.
    ///
    /// # Errors
    /// Whatever ends the change and leaves the store as it was.
    async fn snap(
        &self,
        feature_type: &str,
        originals: &[Position],
    ) -> Result<Vec<Option<Position>>>;
}

#[async_trait]
impl<F: Fn(&str, f64, f64) -> Option<Position> + Send + Sync> Snapper for F {
    async fn snap(
        &self,
        feature_type: &str,
        originals: &[Position],
    ) -> Result<Vec<Option<Position>>> {
        let one = |(x, y): &Position| self(feature_type, *x, *y);
        Ok(originals.iter().map(one).collect())
    }
}

/// What a program has added to a store it has open; nothing by default, and nothing of it is stored.
#[derive(Default)]
pub struct Hooks {
    snapper: RwLock<Option<Arc<dyn Snapper>>>,
}

impl Hooks {
    /// Sets or takes away what snaps points, for the changes that begin from now on.
    pub fn set_snapper(&self, snapper: Option<Arc<dyn Snapper>>) {
        *self.snapper.write().unwrap_or_else(PoisonError::into_inner) = snapper;
    }

    /// What snaps points.
    pub fn snapper(&self) -> Option<Arc<dyn Snapper>> {
        self.snapper
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("snapper", &self.snapper().is_some())
            .finish()
    }
}
