//! Bad input: a clear error, the exit code of its kind, and the store as it was.

use std::fs;
use std::io::Write;

use crate::support::{Database, Desk, sample};

fn load<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let begin = ["load", "inventory.sqlite"];
    begin.into_iter().chain(more.iter().copied()).collect()
}

const DAMS: &str = "id,dam_name_en,height_m,lon,lat\n";

#[test]
fn a_wrong_question_names_field_value_and_next_step() {
    let desk = Desk::with_inventory();
    let ask = |code, more: &[&str]| {
        let line = ["query", "inventory.sqlite"]
            .into_iter()
            .chain(more.iter().copied());
        desk.refused(code, line)
    };
    assert!(ask(4, &["damz"]).contains("hint: did you mean \"dams\"?"));
    assert!(ask(3, &["dams", "--filter", "hieght_m:gt:1"]).contains("did you mean \"height_m\""));
    assert!(ask(3, &["dams", "--filter", "height_m"]).contains("<attribute>:<operator>"));
    assert!(ask(3, &["dams", "--filter", "height_m:above:1"]).contains("unknown operator"));
    assert!(ask(3, &["dams", "--filter", "height_m:gt:tall"]).contains("tall"));
    assert!(ask(3, &["dams", "--attributes", "some"]).contains("simple"));
    assert!(ask(3, &["dams", "--select", "colour"]).contains("colour"));
    assert!(ask(3, &["dams", "--bbox", "1,2,3"]).contains("bbox"));
    assert!(ask(3, &["dams", "--bbox", "-200,0,0,1"]).contains("200"));
    assert!(ask(3, &["dams", "--point", "NaN,1"]).contains("point"));
    assert!(ask(3, &["dams", "--lang", "de"]).contains("en or fr"));
    assert!(ask(3, &["dams", "--cursor", "zz"]).contains("cursor"));
    assert!(ask(3, &["dams", "--sort", "colour"]).contains("colour"));
    assert!(ask(3, &["barriers", "--types", "ponds"]).contains("ponds"));
}

#[test]
fn a_store_that_is_none_is_told_apart() {
    let desk = Desk::new();
    let err = desk.refused(4, ["query", "absent.sqlite", "dams"]);
    assert!(
        err.contains("hint: make it with `cabd init absent.sqlite`"),
        "{err}"
    );
    desk.write("notes.txt", "These are notes about dams, not a database.\n");
    desk.refused(8, ["query", "notes.txt", "dams"]);
    desk.refused(8, ["init", "notes.txt"]);
    assert_eq!(
        desk.read("notes.txt"),
        "These are notes about dams, not a database.\n"
    );
    desk.write(
        "half.sqlite",
        b"SQLite format 3\0 and then something else, for a while",
    );
    desk.refused(8, ["info", "half.sqlite"]);
    fs::create_dir(desk.path("folder")).unwrap();
    desk.refused(8, ["query", "folder", "dams"]);
    desk.refused(3, ["query", "mysql://root:secret@db/cabd", "dams"]);
}

#[test]
fn a_store_from_the_future_is_refused() {
    let desk = Desk::with_inventory();
    // What a newer cabd would leave: a copy of this file whose newest migration has a higher number.
    let shell = std::process::Command::new("spatialite")
        .args(["-silent", "inventory.sqlite"])
        .arg("INSERT INTO cabd_schema_history SELECT 9999, name, applied_on, checksum FROM cabd_schema_history LIMIT 1")
        .current_dir(desk.path(""))
        .output();
    let Ok(output) = shell else {
        panic!("the spatialite shell is needed: scripts/deps.sh test")
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let err = desk.refused(8, ["query", "inventory.sqlite", "dams"]);
    assert!(err.contains("newer"), "{err}");
}

#[test]
fn a_password_is_never_shown() {
    let desk = Desk::new();
    for store in [
        "postgres://ann:secret@127.0.0.1:1/db",
        "mysql://ann:secret@h/d",
        "host=h password=secret",
    ] {
        for command in [
            &["info", store][..],
            &["init", store],
            &["-v", "query", store, "dams"],
        ] {
            let done = desk.run(command);
            assert_ne!(done.code, Some(0));
            assert!(
                !format!("{}{}", done.out, done.err).contains("secret"),
                "{done:?}"
            );
        }
    }
    desk.refused(6, ["info", "postgres://ann:secret@127.0.0.1:1/db"]);
}

#[test]
fn a_database_without_an_inventory_says_how_to_make_one() {
    let Some(database) = Database::new() else {
        return;
    };
    let err = Desk::new().refused(8, ["query", &database.url, "dams"]);
    assert!(err.contains("cabd init"), "{err}");
}

#[test]
fn a_file_that_cannot_be_loaded_leaves_the_store_as_it_was() {
    let desk = Desk::with_inventory();
    desk.ok([
        "load",
        "inventory.sqlite",
        "--mapping",
        "sample-dams",
        &sample("dams.csv"),
    ]);
    let before = desk.json(["info", "inventory.sqlite", "--json"]);
    let good = "{\"type\":\"Feature\",\"properties\":{\"id\":\"1\",\"dam_name_en\":\"A\"},\"geometry\":{\"type\":\"Point\",\"coordinates\":[-75,45]}}";
    desk.write(
        "half.geojson",
        format!(
            "{{\"type\":\"FeatureCollection\",\"features\":[{good},{}",
            &good[..40]
        ),
    );
    desk.write(
        "broken.csv.gz",
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3, 4],
    );
    desk.write(
        "latin1.csv",
        [DAMS.as_bytes(), b"1,Barrage \xc9lev\xe9,2,-75,45\n"].concat(),
    );
    desk.write(
        "long.csv",
        format!("{DAMS}1,{},2,-75,45\n", "x".repeat(10_000_000)),
    );
    desk.write("long.geojson", "[".repeat(10_000_000));
    desk.write("nothing.csv", "");
    desk.write("nothing.geojson", "");
    let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    packer.write_all(DAMS.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    desk.write("early.csv.gz", &packed[..packed.len() - 6]);
    for name in ["page.csv", "page.geojson"] {
        desk.write(
            name,
            "<!DOCTYPE html>\n<html><body>Sign in, please</body></html>\n",
        );
    }
    for name in ["picture.csv", "picture.geojson"] {
        desk.write(name, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    }
    desk.write("bytes.csv", b"\x01\x02,\x03\n\x04\x05\n");
    desk.write("json.csv", format!("[{good}]"));
    desk.write("table.geojson", DAMS);
    desk.write("letter.csv", "Dear Ann,\nhere are the dams.\n");
    fs::create_dir(desk.path("folder.csv")).unwrap();
    for (code, file) in [
        (3, "half.geojson"),
        (3, "broken.csv.gz"),
        (3, "early.csv.gz"),
        (3, "page.csv"),
        (3, "page.geojson"),
        (3, "picture.csv"),
        (3, "picture.geojson"),
        (3, "bytes.csv"),
        (3, "json.csv"),
        (3, "table.geojson"),
        (3, "letter.csv"),
        (3, "nothing.geojson"),
        (3, "latin1.csv"),
        (3, "long.csv"),
        (3, "long.geojson"),
        (3, "nothing.csv"),
        (3, "folder.csv"),
        (4, "absent.csv"),
    ] {
        let err = desk.refused(code, load(&["--type", "dams", "--source", "S", file]));
        assert!(err.contains(file), "{err}");
        assert!(
            code == 4 || err.contains("expected") || err.contains("hint: "),
            "{err}"
        );
    }
    let dams = &sample("dams.csv");
    desk.refused(4, load(&["--type", "damz", dams]));
    desk.refused(3, load(&["--type", "barriers", dams]));
    desk.refused(4, load(&["--mapping", "no-such-mapping", dams]));
    desk.refused(
        3,
        load(&["--type", "waterfalls", "--mapping", "sample-dams", dams]),
    );
    desk.refused(3, load(&[dams]));
    let same = [
        "--mapping",
        "sample-dams",
        "--rejects",
        "inventory.sqlite",
        dams,
    ];
    desk.refused(3, load(&same));
    let after = desk.json(["info", "inventory.sqlite", "--json"]);
    assert_eq!(after["features"], before["features"]);
    assert_eq!(after["head"], before["head"]);
}

#[test]
fn a_mapping_with_a_wrong_word_names_it() {
    let desk = Desk::with_inventory();
    desk.write(
        "a.toml",
        "type = \"dams\"\n[[fields]]\nto = \"height_m\"\nform = [\"h\"]\n",
    );
    let err = desk.refused(
        3,
        [
            "load",
            "inventory.sqlite",
            "--mapping",
            "a.toml",
            &sample("dams.csv"),
        ],
    );
    assert!(err.contains("a.toml") && err.contains("form"), "{err}");
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_written_is_read_and_refuses_changes() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::with_inventory();
    desk.ok([
        "load",
        "inventory.sqlite",
        "--mapping",
        "sample-dams",
        &sample("dams.csv"),
    ]);
    fs::set_permissions(
        desk.path("inventory.sqlite"),
        fs::Permissions::from_mode(0o444),
    )
    .unwrap();
    if fs::File::options()
        .append(true)
        .open(desk.path("inventory.sqlite"))
        .is_ok()
    {
        eprintln!("this user may write anything: nothing to test");
        return;
    }
    assert_eq!(desk.count("inventory.sqlite", "dams"), 264);
    let load = [
        "load",
        "inventory.sqlite",
        "--mapping",
        "sample-waterfalls",
        &sample("waterfalls.csv"),
    ];
    desk.refused(7, load);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_of_the_disk() {
    let desk = Desk::with_inventory();
    desk.ok([
        "load",
        "inventory.sqlite",
        "--mapping",
        "sample-dams",
        &sample("dams.csv"),
    ]);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = desk
        .command([
            "export",
            "inventory.sqlite",
            "--type",
            "dams",
            "--format",
            "csv",
            "-o",
            "-",
        ])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: standard output: "));
}
