//! SQL functions of our connections: those of SpatiaLite that triggers of layers call, and cabd's own, which only our queries call.
//!
//! A file must never depend on the second kind: they are registered so that SQLite refuses them in triggers and views.

pub(crate) mod own;
mod shape;
mod spatialite;

use rusqlite::Connection;

/// Registers every function on a connection. Again is harmless.
///
/// | function | answer |
/// |---|---|
/// | `GeometryConstraints(geom, type, srid [, dimensions])` | 1 geometry fits or is NULL, 0 it does not, -1 it or another argument is unusable |
/// | `RTreeAlign(index, id, geom)` | inserts the box of `geom` into the R*Tree: 1 done or nothing to do, 0 not possible, -1 unusable argument |
/// | `MbrMinX MbrMinY MbrMaxX MbrMaxY`, `ST_MinX` ... (geom) | a side of the bounding box |
/// | `ST_X`, `X`, `ST_Y`, `Y` (geom) | the coordinate of a single point |
/// | `ST_SRID`, `SRID` (geom) | spatial reference id |
/// | `ST_GeometryType`, `GeometryType` (geom) | `POINT`, `LINESTRING Z`, ... |
/// | `MakePoint`, `ST_Point` (x, y [, srid]) | a point, of SRID 0 if not told |
/// | `AsBinary`, `ST_AsBinary` (geom) | ISO WKB |
/// | `GeomFromWKB`, `ST_GeomFromWKB` (wkb [, srid]) | a geometry, of SRID 0 if not told |
/// | `cabd_lower(text)` | lower case in every script, where SQLite's `lower` knows ASCII only |
/// | `cabd_fold(text)` | a name folded for search, as `cabd_core::value::fold_name` |
/// | `cabd_micros(text)` | a date or date-time as microseconds since 1970 in UTC |
/// | `cabd_intersects(geom, minx, miny, maxx, maxy)` | 1 if geometry and box share a point, boundaries included, else 0 |
/// | `cabd_meets(geom, wkb)` | the same with polygons as WKB instead of a box |
/// | `cabd_distance(geom, lon, lat)` | great-circle metres from the position to the geometry, whole millimetres |
///
/// What an argument does not allow is NULL, as in SpatiaLite.
///
/// # Errors
///
/// Those of SQLite, when statements are running on the connection.
pub fn register(conn: &Connection) -> rusqlite::Result<()> {
    spatialite::register(conn)?;
    own::register(conn)
}

#[cfg(test)]
mod tests;
