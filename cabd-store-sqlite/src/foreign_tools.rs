//! Files of ours in the hands of the spatialite shell and GDAL, and their files in ours. The programs must be installed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::spatial::{self, Layer};
use crate::{codec, functions};

mod theirs;

/// Runs a program and gives what it printed; a missing program or one that fails is a failed test.
fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            panic!(
                "`{program}` is needed for this test: install the packages spatialite-bin and gdal-bin"
            )
        }
        Err(e) => panic!("`{program}` cannot be started: {e}"),
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{out}\n{err}",
        output.status
    );
    assert!(!err.contains("ERROR"), "{program} {arguments:?}: {err}");
    out.into_owned()
}

/// The spatialite shell's answer to SQL, rows separated by spaces. An SQL error fails the test.
fn shell(file: &Path, sql: &str) -> String {
    let script = format!("PRAGMA foreign_keys = ON;\n{sql}\n");
    run(
        "spatialite",
        &["-silent", "-bail", file.to_str().unwrap()],
        &script,
    )
    .split_whitespace()
    .collect::<Vec<_>>()
    .join(" ")
}

fn ogr(program: &str, arguments: &[&str]) -> String {
    run(program, arguments, "")
}

struct World {
    _folder: TempDir,
    file: PathBuf,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        World {
            file: folder.path().join("world.sqlite"),
            _folder: folder,
        }
    }

    fn beside(&self, name: &str) -> String {
        self.file.with_file_name(name).to_str().unwrap().to_owned()
    }

    fn path(&self) -> &str {
        self.file.to_str().unwrap()
    }

    fn open(&self) -> Connection {
        let conn = Connection::open(&self.file).unwrap();
        functions::register(&conn).unwrap();
        conn
    }

    /// A file of ours: 1,000 packed points, lines with Z, a polygon with a hole, and a view on the points.
    fn ours() -> Self {
        let world = World::new();
        let conn = world.open();
        conn.execute_batch("BEGIN").unwrap();
        spatial::initialise(&conn).unwrap();
        conn.execute_batch(
            "CREATE TABLE dams (id INTEGER PRIMARY KEY, name TEXT, height DOUBLE, since DATE, geom POINT);
             CREATE TABLE rivers (id INTEGER PRIMARY KEY, geom MULTILINESTRING);
             CREATE TABLE lakes (id INTEGER PRIMARY KEY, geom POLYGON);
             CREATE VIEW dams_view_en AS SELECT id AS ogc_id, name, geom FROM dams;",
        )
        .unwrap();
        for id in 0..1000 {
            let (x, y) = (
                f64::from(id) * 0.0713 - 140.0 + 1e-7,
                f64::from(id % 37) * 1.1 + 42.3,
            );
            let values = (id, format!("dam {id}"), codec::encode_point(x, y, 4617));
            conn.execute(
                "INSERT INTO dams (id, name, geom) VALUES (?1, ?2, ?3)",
                values,
            )
            .unwrap();
        }
        for layer in [
            layer("dams", 1, 2),
            layer("rivers", 1005, 3),
            layer("lakes", 3, 2),
        ] {
            spatial::add_layer(&conn, &layer).unwrap();
        }
        spatial::add_view_layer(&conn, "dams_view_en", "geom", "ogc_id", "dams", "geom").unwrap();
        for (table, golden) in [
            ("rivers", "plain MULTILINESTRING Z"),
            ("lakes", "plain POLYGON"),
        ] {
            conn.execute(
                &format!("INSERT INTO {table} (geom) VALUES (?1)"),
                [golden_blob(golden)],
            )
            .unwrap();
        }
        spatial::update_statistics(&conn, "dams", "geom").unwrap();
        conn.execute_batch("COMMIT").unwrap();
        world
    }
}

fn layer(table: &str, geometry_type: u32, dimension: u8) -> Layer {
    Layer {
        table: table.into(),
        column: "geom".into(),
        geometry_type,
        dimension,
        srid: 4617,
        index: true,
    }
}

fn golden_blob(name: &str) -> Vec<u8> {
    let line = include_str!("codec/golden.txt")
        .lines()
        .find(|line| line.split(" | ").next() == Some(name))
        .unwrap();
    let hex = line.split(" | ").nth(1).unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

/// Thousands of inserts, changes and deletions through the file's own triggers.
fn edit_here(conn: &Connection, table: &str, key: &str, geometry: &str) {
    conn.execute_batch("BEGIN").unwrap();
    let mut insert = conn
        .prepare(&format!(
            "INSERT INTO {table} ({geometry}) VALUES (MakePoint(?1, ?2, 4617))"
        ))
        .unwrap();
    for i in 0..3000 {
        insert
            .execute([
                f64::from(i) * 0.0317 - 141.0,
                f64::from(i % 53) * 0.77 + 41.9,
            ])
            .unwrap();
    }
    conn.execute_batch(&format!(
        "UPDATE {table} SET {geometry} = MakePoint(ST_X({geometry}) + 0.123, ST_Y({geometry}) - 0.1, 4617) WHERE {key} % 7 = 0;
         UPDATE {table} SET {geometry} = NULL WHERE {key} % 101 = 5;
         DELETE FROM {table} WHERE {key} % 11 = 3;
         COMMIT"
    ))
    .unwrap();
    for bad in [
        "MakePoint(1, 2, 4326)",
        "x'00FF'",
        "GeomFromWKB(x'010200000001000000000000000000F03F0000000000000040', 4617)",
    ] {
        let error = conn
            .execute(
                &format!("INSERT INTO {table} ({geometry}) VALUES ({bad})"),
                [],
            )
            .unwrap_err();
        assert!(
            error.to_string().contains("violates Geometry constraint"),
            "{error}"
        );
    }
    let verdict: String = conn
        .query_row(
            &format!("SELECT rtreecheck('idx_{table}_{geometry}')"),
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(verdict, "ok");
}

#[test]
fn the_shell_takes_our_file_for_its_own() {
    let world = World::ours();
    assert_eq!(shell(&world.file, "SELECT CheckSpatialMetaData();"), "3");
    assert_eq!(
        shell(
            &world.file,
            "SELECT CheckSpatialIndex('dams', 'geom'), CheckSpatialIndex('rivers', 'geom'), CheckSpatialIndex();"
        ),
        "1|1|1"
    );
    assert_eq!(
        shell(
            &world.file,
            "SELECT count(*), min(ST_IsValid(geom)) FROM dams;"
        ),
        "1000|1"
    );
    assert_eq!(
        shell(
            &world.file,
            "SELECT ST_NumInteriorRing(geom), ST_IsValid(geom) FROM lakes;"
        ),
        "1|1"
    );
    assert_eq!(
        shell(&world.file, "SELECT CoordDimension(geom) FROM rivers;"),
        "XYZ"
    );
    assert_eq!(
        shell(
            &world.file,
            "SELECT round(ST_X(ST_Transform(MakePoint(-95, 49, 4617), 3978)), 3) + 0;"
        ),
        "0.0"
    );
    assert_eq!(
        shell(
            &world.file,
            "PRAGMA integrity_check; PRAGMA foreign_key_check;"
        ),
        "ok"
    );
}

#[test]
fn the_shells_spatial_index_and_nearest_neighbour_tables_work_on_our_file() {
    let world = World::ours();
    let found = "SELECT count(*) FROM dams WHERE ROWID IN
        (SELECT ROWID FROM SpatialIndex WHERE f_table_name = 'dams' AND search_frame = BuildMbr(-120, 40, -100, 60));";
    let exact = world.open().query_row(
        "SELECT count(*) FROM dams WHERE cabd_intersects(geom, -120, 40, -100, 60)",
        [],
        |row| row.get::<_, i64>(0),
    );
    assert_eq!(shell(&world.file, found), exact.unwrap().to_string());
    let nearest = "SELECT fid FROM KNN WHERE f_table_name = 'dams' AND ref_geometry = MakePoint(-132.87, 71.2, 4617) AND max_items = 1;";
    assert_eq!(shell(&world.file, nearest), "100");
    assert_eq!(
        shell(
            &world.file,
            "SELECT count(*) FROM ElementaryGeometries WHERE f_table_name = 'rivers' AND origin_rowid = 1;"
        ),
        "2"
    );
}

#[test]
fn edits_in_the_shell_keep_our_index_and_our_rules() {
    let world = World::ours();
    let edits = "INSERT INTO dams (name, geom) SELECT 'new', MakePoint(-70.0 - id * 0.01, 50.0, 4617) FROM dams WHERE id < 200;
        UPDATE dams SET geom = MakePoint(ST_X(geom) + 1.0, ST_Y(geom), 4617) WHERE id % 5 = 0;
        UPDATE dams SET geom = NULL WHERE id = 7; UPDATE dams SET name = 'renamed' WHERE id = 8;
        DELETE FROM dams WHERE id % 3 = 1;
        INSERT INTO lakes (geom) VALUES (GeomFromText('POLYGON((0 0, 1 0, 1 1, 0 0))', 4617));
        SELECT CheckSpatialIndex();";
    assert_eq!(shell(&world.file, edits), "1");
    for refused in [
        "MakePoint(1, 2, 4326)",
        "GeomFromText('LINESTRING(0 0, 1 1)', 4617)",
        "MakePointZ(1, 2, 3, 4617)",
        "x'00'",
    ] {
        let sql = format!("INSERT INTO dams (geom) VALUES ({refused});\n");
        let output = Command::new("spatialite")
            .args(["-silent", world.path(), &sql])
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("violates Geometry constraint"),
            "{refused}: {said}"
        );
    }
    let conn = world.open();
    let (rows, indexed, verdict): (i64, i64, String) = conn
        .query_row(
            "SELECT (SELECT count(*) FROM dams WHERE geom IS NOT NULL), (SELECT count(*) FROM idx_dams_geom), rtreecheck('idx_dams_geom')",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!((rows, verdict.as_str()), (indexed, "ok"));
    edit_here(&conn, "dams", "id", "geom");
    drop(conn);
    assert_eq!(shell(&world.file, "SELECT CheckSpatialIndex();"), "1");
}

#[test]
fn the_shells_housekeeping_works_on_our_file_and_ours_after_it() {
    let world = World::ours();
    let extent = "SELECT row_count, extent_min_x, extent_max_y FROM vector_layers_statistics WHERE table_name = 'dams';";
    let ours = shell(&world.file, extent);
    assert_eq!(
        shell(
            &world.file,
            "SELECT UpdateLayerStatistics('dams', 'geom'), UpdateLayerStatistics();"
        ),
        "1|1"
    );
    assert_eq!(shell(&world.file, extent), ours);
    assert_eq!(
        shell(
            &world.file,
            "SELECT RecoverSpatialIndex('dams', 'geom'), RecoverSpatialIndex('dams', 'geom', 1);"
        ),
        "1|1"
    );
    assert_eq!(
        shell(&world.file, "SELECT DisableSpatialIndex('dams', 'geom');"),
        "1"
    );
    shell(&world.file, "DROP TABLE idx_dams_geom;");
    assert_eq!(
        shell(
            &world.file,
            "SELECT CreateSpatialIndex('dams', 'geom'), CheckSpatialIndex('dams', 'geom');"
        ),
        "1|1"
    );
    let added = "CREATE TABLE new (id INTEGER PRIMARY KEY); SELECT AddGeometryColumn('new', 'geom', 4326, 'POINT', 'XY'),
        CreateSpatialIndex('new', 'geom');";
    assert_eq!(shell(&world.file, added), "1|1");
    let conn = world.open();
    let theirs: i64 = conn
        .query_row(
            "SELECT count(*) FROM sqlite_master WHERE sql LIKE '%RAISE(ROLLBACK%geom-type%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(
        theirs >= 4,
        "the shell has replaced our trigger texts by its own"
    );
    edit_here(&conn, "dams", "id", "geom");
    spatial::add_layer(&conn, &layer("dams", 1, 2)).unwrap();
    edit_here(&conn, "dams", "id", "geom");
    drop(conn);
    assert_eq!(shell(&world.file, "SELECT CheckSpatialIndex();"), "1");
}

#[test]
fn gdal_lists_our_layers_with_class_count_extent_and_reference_system() {
    let world = World::ours();
    let list = ogr("ogrinfo", &["-ro", world.path()]);
    for wanted in [
        "dams (Point)",
        "rivers (3D Multi Line String)",
        "lakes (Polygon)",
        "dams_view_en (Point)",
    ] {
        assert!(list.contains(wanted), "{wanted} is not in\n{list}");
    }
    let dams = ogr("ogrinfo", &["-ro", "-so", world.path(), "dams"]);
    for wanted in [
        "Feature Count: 1000",
        "Extent: (-140.0",
        "ID[\"EPSG\",4617]",
        "FID Column = id",
        "Geometry Column = geom",
        "since: Date",
    ] {
        assert!(dams.contains(wanted), "{wanted} is not in\n{dams}");
    }
    let lake = ogr("ogrinfo", &["-ro", "-al", "-q", world.path(), "lakes"]);
    assert!(
        lake.contains("POLYGON ((0 0,10 0,10 10,0 10,0 0),(2 2,2 4,4 4,4 2,2 2))"),
        "{lake}"
    );
    let view = ogr("ogrinfo", &["-ro", "-so", world.path(), "dams_view_en"]);
    assert!(
        view.contains("Feature Count: 1000") && view.contains("name: String"),
        "{view}"
    );
    let window = ogr(
        "ogrinfo",
        &[
            "-ro",
            "-so",
            "-spat",
            "-120",
            "40",
            "-100",
            "60",
            world.path(),
            "dams",
        ],
    );
    assert!(
        !window.contains("Feature Count: 1000") && !window.contains("Feature Count: 0"),
        "{window}"
    );
}

#[test]
fn gdal_appends_to_our_file_and_the_index_follows() {
    let world = World::ours();
    let source = world.beside("more.geojson");
    let feature = |i: i32| {
        format!(
            r#"{{"type":"Feature","properties":{{"name":"appended {i}"}},"geometry":{{"type":"Point","coordinates":[{},{}]}}}}"#,
            f64::from(i) * 0.01 - 100.0,
            f64::from(i % 9) + 50.0
        )
    };
    let features: Vec<String> = (0..500).map(feature).collect();
    std::fs::write(
        &source,
        format!(
            r#"{{"type":"FeatureCollection","features":[{}]}}"#,
            features.join(",")
        ),
    )
    .unwrap();
    ogr(
        "ogr2ogr",
        &[
            "-append",
            "-nln",
            "dams",
            "-a_srs",
            "EPSG:4617",
            world.path(),
            &source,
        ],
    );
    ogr(
        "ogrinfo",
        &[
            world.path(),
            "-sql",
            "UPDATE dams SET geom = MakePoint(-99, 55, 4617) WHERE name = 'appended 3'",
        ],
    );
    ogr(
        "ogrinfo",
        &[world.path(), "-sql", "DELETE FROM dams WHERE id < 100"],
    );
    assert_eq!(
        shell(
            &world.file,
            "SELECT count(*), CheckSpatialIndex('dams', 'geom'), CheckSpatialIndex() FROM dams;"
        ),
        "1400|1|1"
    );
    let conn = world.open();
    let verdict: String = conn
        .query_row("SELECT rtreecheck('idx_dams_geom')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
    edit_here(&conn, "dams", "id", "geom");
    drop(conn);
    assert_eq!(shell(&world.file, "SELECT CheckSpatialIndex();"), "1");
}

#[test]
fn the_shell_reads_every_blob_we_write_as_the_same_geometry() {
    let world = World::ours();
    let conn = world.open();
    conn.execute_batch("CREATE TABLE golden (name TEXT, blob BLOB, wkb BLOB)")
        .unwrap();
    for line in include_str!("codec/golden.txt")
        .lines()
        .filter(|line| line.starts_with("plain"))
    {
        let name = line.split(" | ").next().unwrap();
        let mut wkb = Vec::new();
        codec::decode(&golden_blob(name), &mut wkb).unwrap();
        conn.execute(
            "INSERT INTO golden VALUES (?1, ?2, ?3)",
            (name, codec::encode(&wkb, 4617).unwrap(), wkb),
        )
        .unwrap();
    }
    drop(conn);
    let same = "SELECT count(*), min(AsBinary(blob) = wkb), min(ST_SRID(blob) = 4617), min(blob = GeomFromWKB(wkb, 4617)) FROM golden;";
    assert_eq!(shell(&world.file, same), "28|1|1|1");
}
