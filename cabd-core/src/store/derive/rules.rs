//! The derivations of a table, with columns in place of names.

use std::sync::Arc;

use crate::catalog::{Catalog, CodeKey, Column, Derived, Origin, Relation, Table};
use crate::error::{Error, Result};
use crate::geometry::GeometryKind;
use crate::value::Value;

/// What is derived in one table.
pub(in crate::store) struct Rules {
    pub feature_type: Arc<str>,
    /// By reference table.
    pub areas: Vec<FromArea>,
    pub completeness: Vec<Levels>,
    pub last_modified: Vec<usize>,
    /// The effective geometry, and what it is the first of.
    pub spatial: Option<usize>,
    pub origins: Vec<usize>,
    /// The columns of the snapped and of the original point.
    pub snap: Option<(usize, usize)>,
}

/// Columns that follow from the polygons of one reference table.
pub(in crate::store) struct FromArea {
    pub table: Arc<Table>,
    /// What is read of a polygon's row, its key first.
    pub columns: Vec<usize>,
    pub targets: Vec<Target>,
}

/// A column that a polygon's column is copied to.
pub(in crate::store) struct Target {
    pub column: usize,
    /// Place in [`FromArea::columns`].
    pub pick: usize,
    /// The attribute source table's column that may name a source of its own.
    pub source: Option<usize>,
}

/// A code by the share of filled columns.
pub(in crate::store) struct Levels {
    pub column: usize,
    pub source: Option<usize>,
    /// Counted columns, with the values that say nothing.
    pub of: Vec<(usize, Vec<Value>)>,
    pub levels: Vec<(f64, Value)>,
}

/// Whether the column's values may follow from others.
pub(in crate::store) fn is_derived(catalog: &Catalog, relation: &Relation, c: &Column) -> bool {
    let (Relation::Feature(t) | Relation::Part(t, _)) = relation else {
        return false;
    };
    let (Ok(ft), Some(a)) = (catalog.feature_type(t), &c.attribute) else {
        return false;
    };
    ft.attribute(a).is_some_and(|a| a.derived.is_some())
}

impl Rules {
    /// The derivations of a relation's table; none where nothing is derived and nothing can be snapped.
    pub fn of(catalog: &Catalog, relation: &Relation) -> Result<Option<Rules>> {
        let (id, part) = match relation {
            Relation::Feature(t) => (t, None),
            Relation::Part(t, p) => (t, Some(&**p)),
            _ => return Ok(None),
        };
        let ft = catalog.feature_type(id)?;
        let table = catalog.table(relation)?;
        let sources = match (part, ft.has_attribute_source()) {
            (None, true) => Some(catalog.table(&Relation::AttributeSource(id.clone()))?),
            _ => None,
        };
        let source = |attribute: &str| sources?.position(&format!("{attribute}_ds"));
        let place = |t: &Table, column: &str| {
            t.position(column)
                .ok_or_else(|| Error::internal(format!("{} has no {column}", t.qualified())))
        };
        let mut out = Rules {
            feature_type: id.clone(),
            areas: vec![],
            completeness: vec![],
            last_modified: vec![],
            spatial: table.spatial,
            origins: table
                .effective
                .iter()
                .flat_map(|e| e.from.clone())
                .collect(),
            snap: None,
        };
        for a in &ft.attributes {
            let (Some(derived), Origin::Column { part: of, column }) = (&a.derived, a.origin())
            else {
                continue;
            };
            if of != part {
                continue;
            }
            let column = place(table, column)?;
            match derived {
                Derived::LastModified => out.last_modified.push(column),
                Derived::Contains(c) => {
                    let list = catalog.table(&Relation::Codes(c.list.as_str().into()))?;
                    let picked = match &c.column {
                        Some(name) => place(list, name)?,
                        None => 0,
                    };
                    out.target(list, column, picked, source(&a.id));
                }
                Derived::Completeness(c) => {
                    let counted = |id: &String| {
                        let counted = ft.require("derived.of", id)?;
                        let column = counted.column.as_deref().unwrap_or(&counted.id);
                        let unknown = c.unknown.get(id).into_iter().flatten();
                        Ok((
                            place(table, column)?,
                            unknown.map(CodeKey::to_value).collect(),
                        ))
                    };
                    out.completeness.push(Levels {
                        column,
                        source: source(&a.id),
                        of: c.of.iter().map(counted).collect::<Result<_>>()?,
                        levels: c
                            .levels
                            .iter()
                            .map(|l| (l.at_least, l.code.to_value()))
                            .collect(),
                    });
                }
            }
        }
        let is_point = ft
            .geometry
            .as_ref()
            .is_some_and(|g| g.kind == GeometryKind::Point && g.is_derived());
        if let (true, None, [snapped, .., original]) = (is_point, part, out.origins.as_slice()) {
            out.snap = Some((*snapped, *original));
        }
        Ok(Some(out))
    }

    fn target(&mut self, list: &Arc<Table>, column: usize, picked: usize, source: Option<usize>) {
        let at = match self
            .areas
            .iter()
            .position(|a| a.table.relation == list.relation)
        {
            Some(at) => at,
            None => {
                self.areas.push(FromArea {
                    table: list.clone(),
                    columns: vec![0],
                    targets: vec![],
                });
                self.areas.len() - 1
            }
        };
        let area = &mut self.areas[at];
        let pick = match area.columns.iter().position(|c| *c == picked) {
            Some(pick) => pick,
            None => {
                area.columns.push(picked);
                area.columns.len() - 1
            }
        };
        area.targets.push(Target {
            column,
            pick,
            source,
        });
    }

    /// Whether anything is to be done for rows that are written; `snaps` says whether points are snapped.
    pub fn is_idle(&self, snaps: bool) -> bool {
        self.areas.is_empty()
            && self.completeness.is_empty()
            && self.last_modified.is_empty()
            && !(snaps && self.snap.is_some())
    }

    /// Whether one of the named columns, or the geometry itself, says where the feature is.
    pub fn names_place(&self, columns: &[usize]) -> bool {
        self.spatial
            .iter()
            .chain(&self.origins)
            .any(|c| columns.contains(c))
    }
}
