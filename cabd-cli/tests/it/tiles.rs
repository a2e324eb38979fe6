//! Tiles of the running service, as maps and other programs read them, while other programs write.

use std::io::Read;
use std::process::Command;

use serde_json::Value;

use crate::serves::Serving;
use crate::support::{Database, Desk, pg_program, sample};

/// Status, tag and body of a tile.
fn tile(serving: &Serving, path: &str) -> (u16, String, Vec<u8>) {
    let mut all = vec![];
    let path = format!("/cabd-api/{path}");
    serving.send(&path).read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let tag = head.lines().find_map(|l| l.strip_prefix("etag: "));
    (
        status,
        tag.unwrap_or_default().to_owned(),
        all[end + 4..].to_vec(),
    )
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|w| w == text.as_bytes())
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|e| {
        panic!("{command:?} is needed for this test (scripts/deps.sh test): {e}")
    });
    assert!(done.status.success(), "{command:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn filled(store: &str, desk: &Desk) {
    desk.ok(["init", store]);
    desk.ok([
        "load",
        store,
        "--mapping",
        "sample-dams",
        &sample("dams.csv"),
    ]);
    desk.ok([
        "load",
        store,
        "--mapping",
        "sample-waterfalls",
        &sample("waterfalls.csv"),
    ]);
}

/// The identifier and the position of a dam of the sample.
fn a_dam(desk: &Desk, store: &str) -> (String, f64, f64) {
    let text = desk.ok([
        "export",
        store,
        "--type",
        "dams",
        "--format",
        "geojsonseq",
        "--output",
        "-",
    ]);
    let json: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let at = &json["geometry"]["coordinates"];
    let id = json["properties"]["cabd_id"].as_str().unwrap();
    (
        id.to_owned(),
        at[0].as_f64().unwrap(),
        at[1].as_f64().unwrap(),
    )
}

fn address(z: u32, lon: f64, lat: f64) -> (u32, u32) {
    let n = f64::from(1u32 << z);
    let s = lat.to_radians().sin();
    let y = 0.5 - ((1.0 + s) / (1.0 - s)).ln() / (4.0 * std::f64::consts::PI);
    (((lon / 360.0 + 0.5) * n) as u32, (y * n) as u32)
}

/// A dam is renamed, moved and deleted by SQL while its tiles are kept.
fn sql_shows_in_the_next_tile(store: &str, desk: &Desk, table: &str, sql: impl Fn(&str)) {
    filled(store, desk);
    let (id, lon, lat) = a_dam(desk, store);
    let serving = Serving::start(desk, &[store]);
    // Further out a dam among many may stand behind another.
    let paths: Vec<String> = [6, 8, 11]
        .into_iter()
        .flat_map(|z| {
            let (x, y) = address(z, lon, lat);
            ["tiles/dams", "tiles/barriers", "tiles"].map(|t| format!("{t}/{z}/{x}/{y}.mvt"))
        })
        .collect();
    let far = {
        let (x, y) = address(9, -60.0, 50.0);
        format!("tiles/dams/9/{x}/{y}.mvt")
    };
    let before: Vec<_> = paths.iter().map(|p| tile(&serving, p)).collect();
    let far_before = tile(&serving, &far);
    for (path, (status, tag, body)) in paths.iter().zip(&before) {
        assert_eq!(*status, 200, "{path}");
        assert!(holds(body, &id), "{path}");
        assert_eq!(&tile(&serving, path).1, tag);
    }
    sql(&format!(
        "UPDATE {table} SET dam_name_en = 'Renamed by SQL' WHERE cabd_id = '{id}'"
    ));
    for path in &paths {
        assert!(holds(&tile(&serving, path).2, "Renamed by SQL"), "{path}");
    }
    let (x, y) = address(11, -60.0, 50.0);
    let there = format!("tiles/dams/11/{x}/{y}.mvt");
    assert_eq!(tile(&serving, &there).0, 204);
    sql(&format!(
        "UPDATE {table} SET original_point = ST_GeomFromText('POINT(-60 50)', 4617), snapped_point = NULL \
         WHERE cabd_id = '{id}'"
    ));
    assert!(holds(&tile(&serving, &there).2, &id));
    assert!(
        !holds(&tile(&serving, &paths[6]).2, &id),
        "gone from {}",
        paths[6]
    );
    assert_ne!(tile(&serving, &far), far_before);
    sql(&format!("DELETE FROM {table} WHERE cabd_id = '{id}'"));
    assert_eq!(tile(&serving, &there).0, 204);
    assert_eq!(tile(&serving, &far), far_before);
}

#[test]
fn a_row_changed_in_the_spatialite_shell_shows_in_the_next_tile() {
    let desk = Desk::new();
    let file = desk.path("inventory.sqlite");
    sql_shows_in_the_next_tile("inventory.sqlite", &desk, "dams", |sql| {
        let mut shell = Command::new("spatialite");
        output(shell.args(["-silent", "-bail"]).arg(&file).arg(sql));
    });
}

#[test]
fn a_row_changed_in_psql_shows_in_the_next_tile() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    sql_shows_in_the_next_tile(&database.url, &desk, "dams.dams", |sql| {
        let mut psql = pg_program("psql");
        output(psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-c", sql, &database.url]));
    });
}

#[test]
fn both_databases_give_the_same_tiles() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    filled("inventory.sqlite", &desk);
    desk.ok(["init", &database.url]);
    // Identifiers are made when a file is loaded: what is compared has the same ones.
    desk.ok([
        "export",
        "inventory.sqlite",
        "--type",
        "dams",
        "--output",
        "dams.geojson",
    ]);
    desk.ok([
        "load",
        &database.url,
        "--type",
        "dams",
        "--source",
        "the file",
        "dams.geojson",
    ]);
    let ours = Serving::start(&desk, &["inventory.sqlite"]);
    let theirs = Serving::start(&desk, &[&database.url]);
    let (_, lon, lat) = a_dam(&desk, "inventory.sqlite");
    for z in 0..=12 {
        let (x, y) = address(z, lon, lat);
        for path in ["tiles/dams", "clustertile/dams"] {
            let path = format!("{path}/{z}/{x}/{y}.mvt?lang=fr");
            let (a, b) = (tile(&ours, &path), tile(&theirs, &path));
            assert_eq!((a.0, &a.1), (200, &b.1), "{path}");
            assert!(a.2 == b.2, "{path}");
        }
    }
}

#[test]
fn the_library_of_map_clients_and_gdal_read_a_tile() {
    let desk = Desk::new();
    filled("inventory.sqlite", &desk);
    let (id, lon, lat) = a_dam(&desk, "inventory.sqlite");
    let serving = Serving::start(&desk, &["inventory.sqlite"]);
    let z = 12;
    let (x, y) = address(z, lon, lat);
    let (status, _, body) = tile(&serving, &format!("tiles/dams/{z}/{x}/{y}.mvt"));
    assert_eq!(status, 200);
    desk.write("tile.mvt", &body);

    let clients = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
    if !std::path::Path::new(clients).join("node_modules").exists() {
        output(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--prefix", clients]));
    }
    let script = format!("{clients}/tile.mjs");
    let place = [z, x, y].map(|n| n.to_string());
    let mut node = Command::new("node");
    let text = output(node.arg(script).arg(desk.path("tile.mvt")).args(&place));
    let layers: Value = serde_json::from_str(&text).unwrap();
    let layer = &layers[0];
    assert_eq!(
        (&layer["name"], &layer["version"], &layer["extent"]),
        (&"dams".into(), &2.into(), &4096.into())
    );
    let features = layer["features"].as_array().unwrap();
    let dam = features
        .iter()
        .find(|f| f["properties"]["cabd_id"] == id.as_str());
    let dam = dam.unwrap_or_else(|| panic!("{id} is in {text}"));
    assert!(dam["number"].as_u64().is_some_and(|n| n < 1 << 53));
    assert_eq!(dam["properties"]["feature_count"], 1);
    let at = &dam["geometry"]["coordinates"];
    // A unit of the tile is about 2e-5 degrees here.
    assert!((at[0].as_f64().unwrap() - lon).abs() < 3e-5, "{at} {lon}");
    assert!((at[1].as_f64().unwrap() - lat).abs() < 3e-5, "{at} {lat}");

    let mut ogrinfo = Command::new("ogrinfo");
    let name = format!("MVT:{}", desk.path("tile.mvt").display());
    let info = output(ogrinfo.args(["-al", "-ro", &name]));
    let count = format!("Feature Count: {}", features.len());
    for text in [
        "Layer name: dams",
        "Geometry: Point",
        "mvt_id: Integer64",
        &count,
        &id,
    ] {
        assert!(info.contains(text), "{text}: {info}");
    }
}

#[test]
fn two_services_of_one_database_agree_after_each_change() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    filled(&database.url, &desk);
    let (id, lon, lat) = a_dam(&desk, &database.url);
    // Each would name its own port in links.
    let public = ["--public-url", "https://example.org"];
    let both = [(); 2].map(|()| Serving::start(&desk, &[&database.url, public[0], public[1]]));
    let (x, y) = address(11, lon, lat);
    let paths = [
        format!("tiles/dams/11/{x}/{y}.mvt"),
        format!("features/dams/{id}"),
        "features/dams?attributes=simple&sort=cabd_id&format=csv".to_owned(),
    ];
    for name in ["First Name", "Second Name"] {
        let before: Vec<_> = paths.iter().map(|p| tile(&both[0], p).1).collect();
        let sql = format!("UPDATE dams.dams SET dam_name_en = '{name}' WHERE cabd_id = '{id}'");
        let mut psql = pg_program("psql");
        output(psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-c", &sql, &database.url]));
        for (path, before) in paths.iter().zip(before) {
            let [a, b] = [0, 1].map(|n| tile(&both[n], path));
            assert_eq!((a.0, &a.1), (200, &b.1), "{path}");
            assert_ne!(a.1, before, "{path}");
            assert!(holds(&a.2, name) && holds(&b.2, name), "{path}");
        }
    }
}
