//! A load that is killed or interrupted leaves the store as it was.

use std::fmt::Write;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::{Database, Desk};

/// Enough rows for a load of some seconds.
const ROWS: usize = 200_000;

fn write_rows(desk: &Desk) {
    let mut text = "ref,dam_name_en,height_m,lon,lat\n".to_owned();
    for i in 0..ROWS {
        let (x, y) = (
            -80.0 + (i % 1000) as f64 / 500.0,
            45.0 + (i / 1000) as f64 / 500.0,
        );
        writeln!(text, "{i},Dam {i},{},{x},{y}", i % 60).unwrap();
    }
    desk.write("many.csv", text);
    desk.write(
        "many.toml",
        "type = \"dams\"\n[source]\nname = \"Many\"\nid = [\"ref\"]\n[point]\ncrs = \"EPSG:4617\"\nx = \"lon\"\ny = \"lat\"\n\
         [[fields]]\nto = \"dam_name_en\"\nfrom = [\"dam_name_en\"]\n[[fields]]\nto = \"height_m\"\nfrom = [\"height_m\"]\n",
    );
}

fn begin_to_load(desk: &Desk, store: &str) -> Child {
    desk.command(["load", store, "--mapping", "many.toml", "many.csv"])
        .spawn()
        .unwrap()
}

/// Waits until a file of the desk has grown beyond what it was.
fn wait_until_written(desk: &Desk, child: &mut Child) {
    let size = || {
        let names = desk.files();
        let inside = names
            .iter()
            .filter(|name| name.starts_with("inventory.sqlite"));
        inside
            .map(|name| std::fs::metadata(desk.path(name)).map_or(0, |m| m.len()))
            .sum::<u64>()
    };
    let (before, begun) = (size(), Instant::now());
    while size() < before + 1_000_000 {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the load ended before it could be killed"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "the load writes nothing"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_load_killed_in_the_middle_leaves_the_file_as_it_was() {
    let desk = Desk::with_inventory();
    write_rows(&desk);
    let before = desk.json(["info", "inventory.sqlite", "--json"]);
    let mut child = begin_to_load(&desk, "inventory.sqlite");
    wait_until_written(&desk, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(desk.json(["info", "inventory.sqlite", "--json"]), before);
    assert!(desk.ok(["doctor", "inventory.sqlite"]).contains("healthy"));
    assert_eq!(desk.count("inventory.sqlite", "dams"), 0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_load_and_the_file_is_as_it_was() {
    let desk = Desk::with_inventory();
    write_rows(&desk);
    let before = desk.json(["info", "inventory.sqlite", "--json"]);
    let mut child = begin_to_load(&desk, "inventory.sqlite");
    wait_until_written(&desk, &mut child);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(desk.json(["info", "inventory.sqlite", "--json"]), before);
    assert!(desk.ok(["doctor", "inventory.sqlite"]).contains("healthy"));
}

#[test]
fn a_load_into_postgis_killed_in_the_middle_leaves_the_database_as_it_was() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    desk.ok(["init", &database.url]);
    write_rows(&desk);
    let mut before = desk.json(["info", &database.url, "--json"]);
    let mut child = begin_to_load(&desk, &database.url);
    std::thread::sleep(Duration::from_millis(1500));
    assert!(
        child.try_wait().unwrap().is_none(),
        "the load ended before it could be killed"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let mut after = desk.json(["info", &database.url, "--json"]);
    for info in [&mut before, &mut after] {
        info.as_object_mut().unwrap().remove("engine");
    }
    assert_eq!(after, before);
    assert_eq!(desk.count(&database.url, "dams"), 0);
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let sent = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}
