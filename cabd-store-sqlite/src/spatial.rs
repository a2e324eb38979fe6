//! The SpatiaLite metadata of a file, and its layers: what makes the spatialite shell, GDAL and QGIS take the file for their own.
//!
//! Nothing here needs functions of ours on the connection, except that rows of a layer can be written only where `GeometryConstraints` and
//! `RTreeAlign` exist: in every SpatiaLite program, and after [`crate::functions::register`].

mod layer;
mod text;

use rusqlite::{Connection, OptionalExtension};

pub use layer::{
    Layer, add_layer, add_view_layer, create_layer_triggers, drop_layer, drop_layer_triggers,
    drop_view_layer, layer, update_statistics,
};
pub(crate) use text::{atomically, identifier, literal, refused};

const METADATA: &str = include_str!("../sql/spatial_metadata.sql");

const VIRTUAL_TABLES: [(&str, &str); 3] = [
    ("SpatialIndex", "VirtualSpatialIndex"),
    ("ElementaryGeometries", "VirtualElementary"),
    ("KNN", "VirtualKNN"),
];

/// Whether the file has the metadata of SpatiaLite 4 or 5. A GeoPackage, a file of the older layouts and an ordinary database have not.
///
/// # Errors
///
/// Those of reading the schema.
pub fn is_spatialite(conn: &Connection) -> rusqlite::Result<bool> {
    Ok(has_column(conn, "geometry_columns", "geometry_type")?
        && has_column(conn, "geometry_columns", "spatial_index_enabled")?
        && has_column(conn, "spatial_ref_sys", "srtext")?
        && has_column(conn, "spatial_ref_sys", "ref_sys_name")?)
}

/// Makes the file a SpatiaLite 5 file: the metadata tables and views, the three virtual-table entries and ten reference systems (-1, 0, 3005,
/// 3347, 3857, 3978, 3979, 4269, 4326, 4617).
///
/// What exists is left as it is, so a file initialised by the spatialite shell, GDAL or QGIS gains no more than missing reference systems.
/// All or nothing, inside an open transaction too. The virtual tables can be used where their modules are (in SpatiaLite programs); a
/// connection of ours that touches one gets "no such module".
///
/// # Errors
///
/// Those of SQLite, and a refusal of metadata of another layout (SpatiaLite before 4, FDO-OGR, a GeoPackage), which would be left broken.
/// A connection in defensive mode cannot write the virtual-table entries.
pub fn initialise(conn: &Connection) -> rusqlite::Result<()> {
    let present = |table| Ok::<_, rusqlite::Error>(!columns(conn, table)?.is_empty());
    if (present("geometry_columns")? || present("spatial_ref_sys")?) && !is_spatialite(conn)? {
        return Err(refused(
            "the geometry metadata of this file is not of SpatiaLite 4 or 5; convert the file with a SpatiaLite program first",
        ));
    }
    atomically(conn, "cabd_initialise", || {
        conn.execute_batch(METADATA)?;
        add_virtual_tables(conn)
    })
}

/// CREATE VIRTUAL TABLE needs the module, so the entries are written into the schema table.
fn add_virtual_tables(conn: &Connection) -> rusqlite::Result<()> {
    let mut missing = Vec::new();
    for (table, module) in VIRTUAL_TABLES {
        if !exists(conn, "table", table)? {
            missing.push((table, module));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let version: i64 = conn.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
    conn.execute_batch("PRAGMA writable_schema = ON")?;
    let written = missing.iter().try_for_each(|(table, module)| {
        conn.execute(
            "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', ?1, ?1, 0, ?2)",
            (table, format!("CREATE VIRTUAL TABLE {table} USING {module}()")),
        )
        .map(drop)
    });
    let told = written
        .and_then(|()| conn.execute_batch(&format!("PRAGMA schema_version = {}", version + 1)));
    conn.execute_batch("PRAGMA writable_schema = RESET")?;
    told
}

fn exists(conn: &Connection, kind: &str, name: &str) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT 1 FROM sqlite_master WHERE type = ?1 AND name = ?2 COLLATE NOCASE",
        (kind, name),
        |_| Ok(()),
    )
    .optional()
    .map(|found| found.is_some())
}

/// Names of a table's or view's columns; none when it does not exist.
fn columns(conn: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

fn has_column(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    Ok(columns(conn, table)?
        .iter()
        .any(|name| name.eq_ignore_ascii_case(column)))
}

#[cfg(test)]
mod tests;
