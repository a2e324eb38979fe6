//! Layers: rows in the metadata, the eight triggers under SpatiaLite's names, the R*Tree.

use rusqlite::{Connection, OptionalExtension, params};

use super::{atomically, columns, has_column, identifier, literal, refused};
use crate::{codec, rtree};

/// A geometry column of a table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layer {
    /// The table, a rowid table with a declared INTEGER PRIMARY KEY (else VACUUM may renumber the rows that the index points at).
    pub table: String,
    /// The geometry column.
    pub column: String,
    /// The only class that is let in: 1 to 7, plus 1000 for Z, 2000 for M, 3000 for ZM; 0, 1000, 2000 and 3000 let in every class.
    pub geometry_type: u32,
    /// Numbers per vertex: 2, 3 or 4, as the class implies.
    pub dimension: u8,
    /// The only spatial reference id that is let in; it must be in `spatial_ref_sys`.
    pub srid: i32,
    /// Whether the column has an R*Tree, named `idx_<table>_<column>`.
    pub index: bool,
}

impl Layer {
    /// The name of the layer's R*Tree, whether or not there is one.
    #[must_use]
    pub fn index_table(&self) -> String {
        index_table(&self.table, &self.column)
    }
}

fn index_table(table: &str, column: &str) -> String {
    format!("idx_{table}_{column}")
}

const TRIGGERS: [&str; 8] = ["ggi", "ggu", "gii", "giu", "gid", "tmi", "tmu", "tmd"];

/// The layer as the metadata has it, with the names as given; `None` when no such layer is registered.
///
/// # Errors
///
/// Those of reading the metadata.
pub fn layer(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<Option<Layer>> {
    conn.query_row(
        "SELECT geometry_type, coord_dimension, srid, spatial_index_enabled FROM geometry_columns
         WHERE lower(f_table_name) = lower(?1) AND lower(f_geometry_column) = lower(?2)",
        [table, column],
        |row| {
            Ok(Layer {
                table: table.to_owned(),
                column: column.to_owned(),
                geometry_type: row.get(0)?,
                dimension: row.get(1)?,
                srid: row.get(2)?,
                index: row.get::<_, i64>(3)? == 1,
            })
        },
    )
    .optional()
}

/// Registers an existing column as a layer, with its triggers and, if asked for, an R*Tree of the rows that are there.
///
/// Again with other properties it changes the layer. The rows themselves are not checked against class and SRID.
///
/// # Errors
///
/// Those of SQLite (a foreign key error for an unknown SRID), and a refusal of a missing column, an unknown class or a dimension that does
/// not go with the class. Nothing is changed then.
pub fn add_layer(conn: &Connection, layer: &Layer) -> rusqlite::Result<()> {
    let Layer {
        table,
        column,
        geometry_type,
        dimension,
        srid,
        index,
    } = layer;
    let implied = match geometry_type / 1000 {
        0 => 2,
        1 | 2 => 3,
        _ => 4,
    };
    if *geometry_type > 3007 || geometry_type % 1000 > 7 || *dimension != implied {
        return Err(refused(format!(
            "{table}.{column}: geometry type {geometry_type} with {dimension} dimensions is unknown to SpatiaLite"
        )));
    }
    if !has_column(conn, table, column)? {
        return Err(refused(format!(
            "{table}.{column}: there is no such column to make a layer of"
        )));
    }
    atomically(conn, "cabd_add_layer", || {
        conn.execute(
            "INSERT INTO geometry_columns
                 (f_table_name, f_geometry_column, geometry_type, coord_dimension, srid, spatial_index_enabled)
             VALUES (lower(?1), lower(?2), ?3, ?4, ?5, ?6)
             ON CONFLICT (f_table_name, f_geometry_column) DO UPDATE SET
                 geometry_type = excluded.geometry_type, coord_dimension = excluded.coord_dimension, srid = excluded.srid,
                 spatial_index_enabled = excluded.spatial_index_enabled",
            params![table, column, geometry_type, dimension, srid, index],
        )?;
        for rows in [
            "geometry_columns_statistics (f_table_name, f_geometry_column) VALUES (lower(?1), lower(?2))",
            "geometry_columns_time (f_table_name, f_geometry_column) VALUES (lower(?1), lower(?2))",
            "geometry_columns_auth (f_table_name, f_geometry_column, read_only, hidden) VALUES (lower(?1), lower(?2), 0, 0)",
        ] {
            conn.execute(&format!("INSERT OR IGNORE INTO {rows}"), [table, column])?;
        }
        let tree = layer.index_table();
        conn.execute_batch(&format!("DROP TABLE IF EXISTS {}", identifier(&tree)))?;
        if *index {
            conn.execute_batch(&format!(
                "CREATE VIRTUAL TABLE {} USING rtree(pkid, xmin, xmax, ymin, ymax)",
                identifier(&tree)
            ))?;
            rtree::build_from_table(conn, table, column, &tree)?;
        }
        create_layer_triggers(conn, layer)
    })
}

/// Makes the layer's triggers, in place of those there are: class and SRID are checked, the R*Tree follows, the times of the last changes are noted.
///
/// Unlike SpatiaLite's own, the check aborts the statement, not the transaction, and holds class and SRID as constants.
///
/// # Errors
///
/// Those of SQLite; nothing is changed then.
pub fn create_layer_triggers(conn: &Connection, layer: &Layer) -> rusqlite::Result<()> {
    atomically(conn, "cabd_triggers", || {
        drop_layer_triggers(conn, &layer.table, &layer.column)?;
        conn.execute_batch(&trigger_text(layer))
    })
}

/// Drops the eight triggers, for a bulk load: fill the table, build the R*Tree with [`rtree::build_from_table`], then call
/// [`create_layer_triggers`], all in one transaction.
///
/// # Errors
///
/// Those of SQLite.
pub fn drop_layer_triggers(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<()> {
    let drops: String = TRIGGERS
        .iter()
        .map(|kind| {
            format!(
                "DROP TRIGGER IF EXISTS {};\n",
                identifier(&format!("{kind}_{table}_{column}"))
            )
        })
        .collect();
    conn.execute_batch(&drops)
}

fn trigger_text(layer: &Layer) -> String {
    let Layer {
        table,
        column,
        geometry_type,
        srid,
        ..
    } = layer;
    let (on, geometry) = (identifier(table), identifier(column));
    let trigger = |kind: &str, event: &str, body: &str| {
        let name = identifier(&format!("{kind}_{table}_{column}"));
        format!("CREATE TRIGGER {name} {event} ON {on}\nFOR EACH ROW BEGIN\n{body}END;\n")
    };
    let message = literal(&format!(
        "{table}.{column} violates Geometry constraint [geom-type or SRID not allowed]"
    ));
    let check = format!(
        "SELECT RAISE(ABORT, {message})\nWHERE GeometryConstraints(NEW.{geometry}, {geometry_type}, {srid}) <> 1;\n"
    );
    let note = |what: &str| {
        format!(
            "UPDATE geometry_columns_time SET {what} = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')\n\
             WHERE f_table_name = {} AND f_geometry_column = {};\n",
            literal(&table.to_ascii_lowercase()),
            literal(&column.to_ascii_lowercase()),
        )
    };
    let mut text = trigger("ggi", "BEFORE INSERT", &check)
        + &trigger("ggu", &format!("BEFORE UPDATE OF {geometry}"), &check)
        + &trigger("tmi", "AFTER INSERT", &note("last_insert"))
        + &trigger("tmu", "AFTER UPDATE", &note("last_update"))
        + &trigger("tmd", "AFTER DELETE", &note("last_delete"));
    if layer.index {
        let tree = layer.index_table();
        let delete = |row: &str| {
            format!(
                "DELETE FROM {} WHERE pkid = {row}.ROWID;\n",
                identifier(&tree)
            )
        };
        let align = delete("NEW")
            + &format!(
                "SELECT RTreeAlign({}, NEW.ROWID, NEW.{geometry});\n",
                literal(&tree)
            );
        text += &trigger("gii", "AFTER INSERT", &align);
        text += &trigger("giu", &format!("AFTER UPDATE OF {geometry}"), &align);
        text += &trigger("gid", "AFTER DELETE", &delete("OLD"));
    }
    text
}

/// Registers a view that shows a layer's geometry, read-only. The layer must be registered; `rowid_column` names the view's column that
/// carries the table's rowid.
///
/// # Errors
///
/// Those of SQLite (a foreign key error for an unknown layer), and a refusal of columns that the view does not have.
pub fn add_view_layer(
    conn: &Connection,
    view: &str,
    geometry_column: &str,
    rowid_column: &str,
    f_table: &str,
    f_geometry: &str,
) -> rusqlite::Result<()> {
    let found = columns(conn, view)?;
    for wanted in [geometry_column, rowid_column] {
        if !found.iter().any(|name| name.eq_ignore_ascii_case(wanted)) {
            return Err(refused(format!(
                "{view}.{wanted}: there is no such column to make a layer of"
            )));
        }
    }
    atomically(conn, "cabd_add_view", || {
        conn.execute(
            "INSERT INTO views_geometry_columns (view_name, view_geometry, view_rowid, f_table_name, f_geometry_column, read_only)
             VALUES (lower(?1), lower(?2), lower(?3), lower(?4), lower(?5), 1)
             ON CONFLICT (view_name, view_geometry) DO UPDATE SET view_rowid = excluded.view_rowid,
                 f_table_name = excluded.f_table_name, f_geometry_column = excluded.f_geometry_column, read_only = 1",
            [view, geometry_column, rowid_column, f_table, f_geometry],
        )?;
        for rows in [
            "views_geometry_columns_statistics (view_name, view_geometry) VALUES (lower(?1), lower(?2))",
            "views_geometry_columns_auth (view_name, view_geometry, hidden) VALUES (lower(?1), lower(?2), 0)",
        ] {
            conn.execute(
                &format!("INSERT OR IGNORE INTO {rows}"),
                [view, geometry_column],
            )?;
        }
        Ok(())
    })
}

/// Forgets a view layer; the view stays. An unknown one is no error.
///
/// # Errors
///
/// Those of SQLite.
pub fn drop_view_layer(conn: &Connection, view: &str) -> rusqlite::Result<()> {
    atomically(conn, "cabd_drop_view", || {
        for about in ["_statistics", "_auth", "_field_infos", ""] {
            conn.execute(
                &format!("DELETE FROM views_geometry_columns{about} WHERE view_name = lower(?1)"),
                [view],
            )?;
        }
        Ok(())
    })
}

/// Forgets a layer, its views, triggers and R*Tree; the table stays. An unknown one is no error.
///
/// # Errors
///
/// Those of SQLite; nothing is changed then.
pub fn drop_layer(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<()> {
    atomically(conn, "cabd_drop_layer", || {
        drop_layer_triggers(conn, table, column)?;
        conn.execute_batch(&format!(
            "DROP TABLE IF EXISTS {}",
            identifier(&index_table(table, column))
        ))?;
        let views: Vec<String> = conn
            .prepare("SELECT view_name FROM views_geometry_columns WHERE f_table_name = lower(?1) AND f_geometry_column = lower(?2)")?
            .query_map([table, column], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        views
            .iter()
            .try_for_each(|view| drop_view_layer(conn, view))?;
        for about in ["_statistics", "_time", "_auth", "_field_infos", ""] {
            conn.execute(
                &format!("DELETE FROM geometry_columns{about} WHERE f_table_name = lower(?1) AND f_geometry_column = lower(?2)"),
                [table, column],
            )?;
        }
        Ok(())
    })
}

/// Writes row count, extent and time of a layer into `geometry_columns_statistics`, which GDAL and QGIS read instead of the table.
///
/// Rows without a readable geometry count, and do not widen the extent; a layer without any has a NULL extent. Reads every row.
///
/// # Errors
///
/// Those of SQLite (a foreign key error for an unknown layer).
pub fn update_statistics(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<()> {
    let mut rows = 0_i64;
    let mut extent: Option<[f64; 4]> = None;
    let mut select = conn.prepare(&format!(
        "SELECT {} FROM {}",
        identifier(column),
        identifier(table)
    ))?;
    let mut cursor = select.query([])?;
    while let Some(row) = cursor.next()? {
        rows += 1;
        if let Some(Ok(head)) = row.get_ref(0)?.as_blob().ok().map(codec::head) {
            let [a, b, c, d] = extent.unwrap_or(head.mbr);
            let [minx, miny, maxx, maxy] = head.mbr;
            extent = Some([a.min(minx), b.min(miny), c.max(maxx), d.max(maxy)]);
        }
    }
    conn.execute(
        "INSERT INTO geometry_columns_statistics
             (f_table_name, f_geometry_column, last_verified, row_count, extent_min_x, extent_min_y, extent_max_x, extent_max_y)
         VALUES (lower(?1), lower(?2), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (f_table_name, f_geometry_column) DO UPDATE SET last_verified = excluded.last_verified,
             row_count = excluded.row_count, extent_min_x = excluded.extent_min_x, extent_min_y = excluded.extent_min_y,
             extent_max_x = excluded.extent_max_x, extent_max_y = excluded.extent_max_y",
        params![table, column, rows, extent.map(|e| e[0]), extent.map(|e| e[1]), extent.map(|e| e[2]), extent.map(|e| e[3])],
    )
    .map(drop)
}
