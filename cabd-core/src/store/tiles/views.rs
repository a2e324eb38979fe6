//! Which base types a type shows, and which of their features others hide.

use std::sync::Arc;

use crate::catalog::{
    Attribute, Catalog, Computed, FeatureType, HiddenBy, ID, Origin, Relation, Served, TILE_SET,
};
use crate::error::Result;
use crate::geometry::GeometryKind;
use crate::query::FeatureQuery;

/// The rows that hide features of another type: a column of their table names these.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Hider {
    pub(super) base: String,
    pub(super) relation: Relation,
    /// The column that holds the feature of a row.
    pub(super) owner: String,
    pub(super) column: String,
}

/// A type as tiles show it: its base types, each with those that hide some of its features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileView {
    /// The type.
    pub feature_type: String,
    /// Whether every change of where its features are is a commit.
    pub is_committed: bool,
    /// Whether every change of what its tiles carry is a commit. A suggestion that is written by SQL alone is none.
    pub is_kept: bool,
    /// Whether all its features are points.
    pub are_points: bool,
    pub(super) members: Vec<(String, Vec<Hider>)>,
    /// The super type that says what is hidden, where that is not the type itself.
    within: Option<String>,
}

impl TileView {
    /// The view of a type.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where a member is not known.
    pub fn of(catalog: &Catalog, ft: &FeatureType) -> Result<Self> {
        let mut out = Self {
            feature_type: ft.id().to_owned(),
            is_committed: ft.served == Served::Tables,
            is_kept: false,
            are_points: true,
            members: vec![],
            within: None,
        };
        out.add(catalog, ft, &[])?;
        let of_suggestions = |a: &Attribute| a.computed == Some(Computed::UpdatesPending);
        let follows = !ft.set(TILE_SET).into_iter().any(of_suggestions);
        out.is_kept = out.is_committed && follows;
        Ok(out)
    }

    fn add(&mut self, catalog: &Catalog, ft: &FeatureType, hiders: &[Hider]) -> Result<()> {
        if !ft.is_super() {
            // As in a query, the first way to a base type counts.
            if !self.members.iter().any(|(id, _)| id == ft.id()) {
                self.is_committed &= ft.served == Served::Tables;
                let kind = ft.geometry.as_ref().map(|g| g.kind);
                self.are_points &= kind == Some(GeometryKind::Point);
                self.members.push((ft.id().to_owned(), hiders.to_vec()));
            }
            return Ok(());
        }
        for m in &ft.members {
            let mut all = hiders.to_vec();
            if let Some(h) = &m.hidden_by {
                self.is_committed &=
                    catalog.feature_type(&h.feature_type)?.served == Served::Tables;
                all.extend(hider(catalog, h)?);
            }
            self.add(catalog, catalog.feature_type(&m.feature_type)?, &all)?;
        }
        Ok(())
    }

    /// The base types.
    pub fn base_types(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(id, _)| id.as_str())
    }

    /// The question for where its features are.
    pub fn question(&self) -> FeatureQuery {
        match &self.within {
            None => FeatureQuery::of(&self.feature_type),
            Some(all) => FeatureQuery {
                types: vec![self.feature_type.clone()],
                ..FeatureQuery::of(all)
            },
        }
    }
}

fn hider(catalog: &Catalog, h: &HiddenBy) -> Result<Option<Hider>> {
    let other = catalog.feature_type(&h.feature_type)?;
    let Some(Origin::Column { part, column }) = other.attribute(&h.attribute).map(|a| a.origin())
    else {
        return Ok(None);
    };
    let (relation, owner) = match part.and_then(|p| other.part(p)) {
        Some(p) => (Relation::part(other.id(), &p.id), p.parent.clone()),
        None => (Relation::feature(other.id()), ID.to_owned()),
    };
    Ok(Some(Hider {
        base: other.id().to_owned(),
        relation,
        owner,
        column: column.to_owned(),
    }))
}

/// The layers of a tile of everything: each base type once. What the super type `all` hides is hidden; base types that it does not show
/// are shown whole.
///
/// # Errors
/// As [`TileView::of`].
pub fn tile_views(catalog: &Catalog, all: &str) -> Result<Vec<TileView>> {
    let whole = match catalog.types().find(|t| t.id() == all && t.is_super()) {
        Some(ft) => Some(TileView::of(catalog, ft)?),
        None => None,
    };
    let bases = catalog.types().filter(|t| !t.is_super());
    bases
        .map(|ft: &Arc<FeatureType>| {
            let mut own = TileView::of(catalog, ft)?;
            let members = whole.iter().flat_map(|w| &w.members);
            let hiders = members.filter(|(id, _)| id == ft.id());
            for (_, hiders) in hiders.filter(|(_, hiders)| !hiders.is_empty()) {
                own.members = vec![(ft.id().to_owned(), hiders.clone())];
                own.within = Some(all.to_owned());
                own.is_committed &= whole.as_ref().is_some_and(|w| w.is_committed);
                own.is_kept &= own.is_committed;
            }
            Ok(own)
        })
        .collect()
}
