//! Files that the spatialite shell or GDAL made, edited through our functions.

use rusqlite::Connection;

use super::{World, edit_here, ogr, shell};
use crate::{rtree, spatial};

#[test]
fn a_file_of_the_shell_is_left_as_it_is_and_can_be_edited_here() {
    let world = World::new();
    shell(
        &world.file,
        "CREATE TABLE sites (id INTEGER PRIMARY KEY, name TEXT); SELECT AddGeometryColumn('sites', 'geom', 4617, 'POINT', 'XY');
         SELECT CreateSpatialIndex('sites', 'geom'); INSERT INTO sites (geom) VALUES (MakePoint(-75, 45, 4617));",
    );
    foreign_file_is_edited(&world, "sites", "id", "geom");
}

#[test]
fn a_file_of_gdal_is_left_as_it_is_and_can_be_edited_here() {
    let world = World::new();
    let source = world.beside("sites.csv");
    std::fs::write(&source, "name,WKT\na,POINT (-75 45)\nb,POINT (-76 46)\n").unwrap();
    ogr(
        "ogr2ogr",
        &[
            "-f",
            "SQLite",
            "-dsco",
            "SPATIALITE=YES",
            "-a_srs",
            "EPSG:4617",
            "-nln",
            "sites",
            "-nlt",
            "POINT",
            world.path(),
            &source,
        ],
    );
    foreign_file_is_edited(&world, "sites", "ogc_fid", "GEOMETRY");
}

fn foreign_file_is_edited(world: &World, table: &str, key: &str, geometry: &str) {
    let conn = world.open();
    assert!(spatial::is_spatialite(&conn).unwrap());
    let text = "SELECT group_concat(name || coalesce(sql, '')) FROM sqlite_master";
    let before: String = conn.query_row(text, [], |row| row.get(0)).unwrap();
    spatial::initialise(&conn).unwrap();
    assert_eq!(
        conn.query_row(text, [], |row| row.get::<_, String>(0))
            .unwrap(),
        before
    );
    edit_here(&conn, table, key, geometry);
    drop(conn);
    let checks = format!(
        "SELECT CheckSpatialIndex('{table}', '{geometry}'), UpdateLayerStatistics('{table}', '{geometry}'), CheckSpatialMetaData();"
    );
    assert_eq!(shell(&world.file, &checks), "1|1|3");

    let conn = world.open();
    let known = spatial::layer(&conn, table, geometry).unwrap().unwrap();
    assert_eq!(
        (
            known.geometry_type,
            known.dimension,
            known.srid,
            known.index
        ),
        (1, 2, 4617, true)
    );
    conn.execute_batch("BEGIN").unwrap();
    spatial::drop_layer_triggers(&conn, table, geometry).unwrap();
    conn.execute_batch(&format!("DELETE FROM {}", known.index_table()))
        .unwrap();
    rtree::build_from_table(&conn, table, geometry, &known.index_table()).unwrap();
    spatial::create_layer_triggers(&conn, &known).unwrap();
    conn.execute_batch("COMMIT").unwrap();
    edit_here(&conn, table, key, geometry);
    spatial::update_statistics(&conn, table, geometry).unwrap();
    drop(conn);
    let statistics = "SELECT row_count, extent_min_x, extent_min_y, extent_max_x, extent_max_y FROM geometry_columns_statistics WHERE f_table_name = 'sites';";
    let ours = shell(&world.file, statistics);
    assert_eq!(
        shell(
            &world.file,
            &format!("SELECT CheckSpatialIndex(), UpdateLayerStatistics('{table}', '{geometry}');")
        ),
        "1|1"
    );
    assert_eq!(shell(&world.file, statistics), ours);
}

#[test]
fn our_metadata_has_the_columns_of_a_genuine_file() {
    let (ours, theirs) = (World::ours(), World::new());
    shell(&theirs.file, "SELECT 1;");
    let columns = |world: &World, table: &str| -> Vec<(String, String, bool, i64)> {
        let conn = Connection::open(&world.file).unwrap();
        let mut select = conn
            .prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1)")
            .unwrap();
        select
            .query_map([table], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    let names: Vec<String> = Connection::open(&ours.file)
        .unwrap()
        .prepare(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND rootpage IS NOT 0 AND name NOT LIKE 'idx_%'
             AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'dams%' AND name NOT IN ('rivers', 'lakes')
             UNION SELECT name FROM sqlite_master WHERE type = 'view' AND name NOT LIKE 'dams%'",
        )
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(names.len(), 22, "{names:?}");
    for name in names {
        let (mine, genuine) = (columns(&ours, &name), columns(&theirs, &name));
        assert!(!genuine.is_empty(), "{name} is no table of SpatiaLite");
        assert_eq!(mine, genuine, "{name}");
    }
}
