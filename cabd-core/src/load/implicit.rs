//! Without a mapping file: columns named like attributes are those attributes.

use std::sync::Arc;

use super::mapper::{Goal, position};
use super::mapping::{FieldRule, Mapping, PointRule};
use super::target::{Target, frames};
use crate::catalog::{Catalog, GEOMETRY, Origin, Relation};
use crate::error::Result;
use crate::geometry::SRID;

/// Columns of well-known text, and pairs of longitude and latitude, that are looked for.
const WKT: [&str; 4] = ["geometry", "Geometry (WKT)", "wkt", "the_geom"];
const PAIRS: [(&str, &str); 5] = [
    ("longitude", "latitude"),
    ("lon", "lat"),
    ("long", "lat"),
    ("lng", "lat"),
    ("x", "y"),
];

/// The target before any column is known.
pub(super) fn nothing(catalog: &Catalog, goal: &Goal) -> Result<Target> {
    match goal {
        Goal::Type(id) => Target::of_type(catalog, id, &Mapping::default()),
        Goal::Table(id) => {
            let key = catalog.list(id).map_or("id", |l| l.key.as_str());
            Target::of_table(catalog, id, &of_columns([(key, key)]))
        }
    }
}

/// The mapping that the columns of a file make.
pub(super) fn mapping(catalog: &Catalog, goal: &Goal, columns: &[Arc<str>]) -> Result<Mapping> {
    let found = |name: &str| position(columns, name).map(|at| &*columns[at]);
    let mut mapping = match goal {
        Goal::Type(id) => {
            let ft = catalog.feature_type(id)?;
            let stored = ft.attributes.iter().filter(|a| match a.origin() {
                Origin::Column {
                    part: Some(part),
                    column,
                } => !ft.part(part).is_some_and(|p| frames(p, column)),
                _ => a.is_stored(),
            });
            of_columns(stored.filter_map(|a| Some((a.id.as_str(), found(&a.id)?))))
        }
        Goal::Table(_) => {
            let target = nothing(catalog, goal)?;
            let columns = target.main.table.columns.iter().enumerate();
            let plain = columns.filter(|(i, _)| Some(*i) != target.main.table.geometry_input);
            let key = &target.main.table.columns[0].name;
            let by_name = target.main.relation == Relation::DataSource && found("name").is_some();
            of_columns(plain.filter_map(|(_, c)| {
                // The key is looked for even where it is missing, so that the rows are refused and not the file.
                let from =
                    found(&c.name).or((c.name == *key && !by_name).then_some(key.as_str()))?;
                Some((c.name.as_str(), from))
            }))
        }
    };
    if let Some(wkt) = WKT.iter().find_map(|name| found(name)) {
        mapping.fields.push(rule(GEOMETRY, wkt));
    }
    let pair = PAIRS.iter().find_map(|(x, y)| Some((found(x)?, found(y)?)));
    let file = PointRule {
        crs: format!("EPSG:{SRID}"),
        ..PointRule::default()
    };
    if let Some((x, y)) = pair {
        // The file's own geometry counts before its columns.
        mapping.point = Some(PointRule {
            otherwise: Some(Box::new(PointRule {
                x: Some(x.to_owned()),
                y: Some(y.to_owned()),
                ..file.clone()
            })),
            ..file
        });
    }
    Ok(mapping)
}

fn of_columns<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Mapping {
    Mapping {
        fields: pairs.into_iter().map(|(to, from)| rule(to, from)).collect(),
        ..Mapping::default()
    }
}

fn rule(to: &str, from: &str) -> FieldRule {
    FieldRule {
        to: to.to_owned(),
        from: vec![from.to_owned()],
        ..FieldRule::default()
    }
}
