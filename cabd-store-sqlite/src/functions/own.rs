//! cabd's own functions. SQLite refuses them in triggers and views (DIRECTONLY), so no file comes to depend on them.

use cabd_core::geometry::{Outline, great_circle_m};
use geo::{
    Closest, ClosestPoint, CoordsIter, Distance, Euclidean, Geometry, Intersects, Line, Point,
    Rect, coord,
};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

use super::shape;
use crate::codec;

pub(super) fn register(conn: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    conn.create_scalar_function("cabd_lower", 1, flags, |ctx| Ok(lower(ctx.get_raw(0))))?;
    conn.create_scalar_function("cabd_fold", 1, flags, |ctx| {
        Ok(ctx
            .get_raw(0)
            .as_str()
            .ok()
            .map(cabd_core::value::fold_name))
    })?;
    conn.create_scalar_function("cabd_micros", 1, flags, |ctx| {
        Ok(ctx.get_raw(0).as_str().ok().and_then(micros))
    })?;
    conn.create_scalar_function("cabd_intersects", 5, flags, |ctx| {
        let [minx, miny, maxx, maxy] = [1, 2, 3, 4].map(|place| number(ctx, place));
        let (Ok(blob), Some(minx), Some(miny), Some(maxx), Some(maxy)) =
            (ctx.get_raw(0).as_blob(), minx, miny, maxx, maxy)
        else {
            return Ok(None);
        };
        Ok(intersects(blob, [minx, miny, maxx, maxy]))
    })?;
    conn.create_scalar_function("cabd_meets", 2, flags, |ctx| {
        // The outline is the same for every row: SQLite keeps it with the statement.
        let outline = ctx.get_or_create_aux(1, |value| match value.as_blob() {
            Ok(wkb) => Outline::new(cabd_core::Geometry::from_wkb(wkb)?),
            Err(_) => Err(cabd_core::Error::invalid("not an outline")),
        });
        let (Ok(blob), Ok(outline)) = (ctx.get_raw(0).as_blob(), outline) else {
            return Ok(None);
        };
        Ok(shape::geometry(blob).map(|g| outline.shape().intersects(&g)))
    })?;
    conn.create_scalar_function("cabd_distance", 3, flags, |ctx| {
        let (Ok(blob), Some(lon), Some(lat)) =
            (ctx.get_raw(0).as_blob(), number(ctx, 1), number(ctx, 2))
        else {
            return Ok(None);
        };
        Ok(distance(blob, lon, lat))
    })
}

fn number(ctx: &Context<'_>, place: usize) -> Option<f64> {
    match ctx.get_raw(place) {
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Real(number) => Some(number),
        _ => None,
    }
}

/// Text in lower case; anything else as it is.
fn lower(value: ValueRef<'_>) -> Value {
    match value.as_str() {
        Ok(text) => Value::Text(text.to_lowercase()),
        Err(_) => Value::try_from(value).unwrap_or(Value::Null),
    }
}

/// Microseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DD` or `YYYY-MM-DD HH:MM[:SS[.f]]`, with a space or T between and Z, an offset or
/// nothing (UTC) at the end; spaces around do not matter. A finer fraction is cut toward 1970. `None` for all else.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let text = text.trim_ascii();
    if text.as_bytes().get(4) != Some(&b'-') || text.contains('[') {
        return None;
    }
    let instant = text
        .parse::<Timestamp>()
        .or_else(|_| Offset::UTC.to_timestamp(text.parse::<DateTime>()?))
        .ok()?;
    Some(instant.as_microsecond())
}

/// Whether geometry and box (minx, miny, maxx, maxy) have a point in common, boundaries included. `None` for bytes that are no geometry;
/// no geometry meets a box whose minimum is above its maximum.
pub(super) fn intersects(blob: &[u8], [minx, miny, maxx, maxy]: [f64; 4]) -> Option<bool> {
    let head = codec::head(blob).ok()?;
    if minx > maxx || miny > maxy {
        return Some(false);
    }
    if head.class % 1000 == 1 {
        let (x, y) = codec::point_xy(blob)?;
        return Some(minx <= x && x <= maxx && miny <= y && y <= maxy);
    }
    let geometry = shape::geometry(blob)?;
    let (low, high) = (coord! { x: minx, y: miny }, coord! { x: maxx, y: maxy });
    Some(if low == high {
        geometry.intersects(&low)
    } else if minx == maxx || miny == maxy {
        geometry.intersects(&Line::new(low, high))
    } else {
        geometry.intersects(&Rect::new(low, high))
    })
}

/// Metres along a great circle from a position in degrees to the point of the geometry that is nearest in the plane of degrees; 0 inside a polygon.
///
/// Haversine formula as [`great_circle_m`], rounded to the millimetre. `None` for bytes that are no geometry and for geometries without
/// vertices.
pub(super) fn distance(blob: &[u8], lon: f64, lat: f64) -> Option<f64> {
    let here = Point::new(lon, lat);
    let nearest = match codec::head(blob).ok()?.class % 1000 {
        1 => codec::point_xy(blob).map(Point::from)?,
        _ => nearest(&shape::geometry(blob)?, here)?,
    };
    let metres = great_circle_m(lon, lat, nearest.x(), nearest.y());
    Some((metres * 1000.0).round() / 1000.0)
}

fn nearest(geometry: &Geometry, here: Point) -> Option<Point> {
    match geometry.closest_point(&here) {
        Closest::Intersection(point) | Closest::SinglePoint(point) => Some(point),
        // Only lines without length are left: any nearest vertex will do.
        Closest::Indeterminate => geometry.coords_iter().map(Point::from).min_by(|a, b| {
            Euclidean
                .distance(here, *a)
                .total_cmp(&Euclidean.distance(here, *b))
        }),
    }
}
