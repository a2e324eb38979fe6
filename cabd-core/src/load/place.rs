//! Where a row is: the file's geometry, WKT, or columns of coordinates.

use super::convert::Refusal;
use super::crs::{Crs, Transformer};
use super::mapping::PointRule;
use crate::catalog::GEOMETRY;
use crate::error::Result;
use crate::format::{RawValue, SourceRow};
use crate::geometry::{Geometry, GeometryKind};
use crate::value::{DataType, Value};

/// One way to find the place; the first that is not blank counts.
pub(super) enum Place {
    /// The geometry of the file.
    File(Crs),
    /// Well-known text in a column.
    Wkt(Crs, Column),
    /// Coordinates in columns.
    Columns {
        crs: Crs,
        x: Column,
        y: Column,
        zone: Option<Column>,
    },
}

/// A column by name, and its place in the file at hand.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) place: Option<usize>,
}

impl Column {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            place: None,
        }
    }

    /// Whether the row's value, trimmed and in lower case, is one of `wanted`.
    pub(super) fn holds_one_of(&self, row: &SourceRow, wanted: &[String]) -> bool {
        wanted.contains(&self.of(row).to_string().trim().to_lowercase())
    }

    pub(super) fn of<'a>(&self, row: &'a SourceRow) -> &'a RawValue {
        row.cell(self.place.unwrap_or(usize::MAX))
    }
}

/// The ways that a rule and its alternatives describe.
pub(super) fn places(rule: &PointRule) -> Result<Vec<Place>> {
    let mut out = vec![];
    let mut next = Some(rule);
    while let Some(rule) = next {
        let crs: Crs = rule.crs.parse::<Crs>().map_err(|e| e.at("mapping"))?;
        out.push(match (&rule.x, &rule.y) {
            (Some(x), Some(y)) => Place::Columns {
                crs,
                x: Column::new(x),
                y: Column::new(y),
                zone: rule.zone.as_deref().map(Column::new),
            },
            _ => Place::File(crs),
        });
        next = rule.otherwise.as_deref();
    }
    Ok(out)
}

impl Place {
    pub(super) fn columns_mut(&mut self) -> Vec<&mut Column> {
        match self {
            Self::File(_) => vec![],
            Self::Wkt(_, column) => vec![column],
            Self::Columns { x, y, zone, .. } => {
                let mut all = vec![x, y];
                all.extend(zone.as_mut());
                all
            }
        }
    }

    pub(super) fn columns(&self) -> Vec<&str> {
        match self {
            Self::File(_) => vec![],
            Self::Wkt(_, column) => vec![&column.name],
            Self::Columns { x, y, zone, .. } => {
                let mut all = vec![x.name.as_str(), &y.name];
                all.extend(zone.as_ref().map(|z| z.name.as_str()));
                all
            }
        }
    }

    /// The geometry in degrees; none where this way is blank.
    pub(super) fn read(
        &self,
        row: &SourceRow,
        transformer: &mut Transformer,
    ) -> Result<Option<Geometry>, Refusal> {
        match self {
            Self::File(crs) => row
                .geometry
                .as_ref()
                .map(|g| {
                    transformer
                        .geometry(*crs, g)
                        .map_err(|e| Refusal::of(&e, GEOMETRY, e.shown_value().unwrap_or_default()))
                })
                .transpose(),
            Self::Wkt(crs, column) => {
                let raw = column.of(row);
                if raw.is_blank() {
                    return Ok(None);
                }
                let text = raw.to_string();
                let refused = |e: &crate::error::Error| Refusal::of(e, &column.name, text.as_str());
                let geometry = Geometry::from_wkt(text.trim()).map_err(|e| refused(&e))?;
                let moved = transformer.geometry(*crs, &geometry);
                moved.map(Some).map_err(|e| refused(&e))
            }
            Self::Columns { crs, x, y, zone } => {
                let (rx, ry) = (x.of(row), y.of(row));
                let rz = zone.as_ref().map(|z| (z, z.of(row)));
                if rx.is_blank() || ry.is_blank() || rz.is_some_and(|(_, z)| z.is_blank()) {
                    return Ok(None);
                }
                let crs = match (crs, rz) {
                    (Crs::UtmByColumn, Some((zone, raw))) => Crs::Utm(utm_zone(&zone.name, raw)?),
                    (crs, _) => *crs,
                };
                let (east, north) = (coordinate(&x.name, rx)?, coordinate(&y.name, ry)?);
                let (longitude, latitude) = transformer
                    .degrees(crs, east, north)
                    .map_err(|e| Refusal::of(&e, "", format!("{rx} {ry}")))
                    .map_err(|r| Refusal {
                        field: x.name.clone(),
                        ..r
                    })?;
                Ok(Some(Geometry::point(longitude, latitude)))
            }
        }
    }
}

fn coordinate(column: &str, raw: &RawValue) -> Result<f64, Refusal> {
    let number = match raw {
        RawValue::Int(i) => Some(*i as f64),
        RawValue::Double(d) => Some(*d),
        RawValue::Text(t) => t.trim().parse().ok(),
        _ => None,
    };
    number
        .filter(|v: &f64| v.is_finite())
        .ok_or_else(|| Refusal::new(column, raw, "not a coordinate; expected a finite number"))
}

fn utm_zone(column: &str, raw: &RawValue) -> Result<u8, Refusal> {
    let text = raw.to_string();
    let digits = text
        .trim()
        .trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let zone = digits.parse::<f64>().ok().filter(|z| z.fract() == 0.0);
    zone.map(|z| z as u8)
        .filter(|z| super::crs::UTM_ZONES.contains(z))
        .ok_or_else(|| Refusal::new(column, raw, "not a UTM zone of Canada; expected 7 to 22"))
}

/// The geometry as the table's class; a single one where the table holds several becomes one of several.
pub(super) fn of_class(geometry: Geometry, kind: GeometryKind) -> Result<Geometry, Refusal> {
    use geo_types::Geometry as G;
    let promoted = match (geometry.kind(), kind) {
        (Some(GeometryKind::Polygon), GeometryKind::MultiPolygon)
        | (Some(GeometryKind::LineString), GeometryKind::MultiLineString)
        | (Some(GeometryKind::Point), GeometryKind::MultiPoint) => match geometry.to_geo() {
            Ok(G::Polygon(p)) => Geometry::from_geo(&G::MultiPolygon(vec![p].into())).ok(),
            Ok(G::LineString(l)) => {
                let several = geo_types::MultiLineString(vec![l]);
                Geometry::from_geo(&G::MultiLineString(several)).ok()
            }
            Ok(G::Point(p)) => Geometry::from_geo(&G::MultiPoint(vec![p].into())).ok(),
            _ => None,
        },
        _ => None,
    };
    let geometry = promoted.unwrap_or(geometry);
    let checked = Value::Geometry(geometry).coerce(GEOMETRY, &DataType::Geometry(kind));
    match checked {
        Ok(Value::Geometry(g)) => Ok(g),
        Ok(_) => Err(Refusal::new(GEOMETRY, "", "no geometry")),
        Err(e) => Err(Refusal::of(
            &e,
            GEOMETRY,
            e.shown_value().unwrap_or_default(),
        )),
    }
}
