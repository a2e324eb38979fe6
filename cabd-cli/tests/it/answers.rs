//! `query`: tables for people, JSON for programs.

use crate::support::{Desk, sample};

/// The sample's dams and waterfalls.
fn desk() -> Desk {
    let desk = Desk::with_inventory();
    for (mapping, file) in [
        ("sample-dams", "dams.csv"),
        ("sample-waterfalls", "waterfalls.csv"),
    ] {
        desk.ok([
            "load",
            "inventory.sqlite",
            "--mapping",
            mapping,
            &sample(file),
        ]);
    }
    desk
}

#[test]
fn the_table_shows_twenty_rows_the_columns_that_fit_and_what_is_left_out() {
    let desk = desk();
    let done = desk.run(["query", "inventory.sqlite", "dams"]);
    assert_eq!(done.out.lines().count(), 21, "{}", done.out);
    assert!(done.out.starts_with("cabd_id"), "{}", done.out);
    assert!(
        done.out.lines().all(|line| line.chars().count() <= 120),
        "{}",
        done.out
    );
    assert!(done.err.contains("20 of 264; use --limit"), "{}", done.err);
    assert!(done.err.contains("more columns"), "{}", done.err);
}

#[test]
fn the_highest_dams_come_first_when_asked_so() {
    let desk = desk();
    let answer = desk.json([
        "query",
        "inventory.sqlite",
        "dams",
        "--filter",
        "height_m:gte:150",
        "--sort=-height_m",
        "--select",
        "dam_name_en,height_m",
        "--json",
    ]);
    let heights: Vec<f64> = answer["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dam| dam["height_m"].as_f64().unwrap())
        .collect();
    assert!(
        heights.len() > 3 && heights.iter().all(|h| *h >= 150.0),
        "{heights:?}"
    );
    assert!(heights.is_sorted_by(|a, b| a >= b), "{heights:?}");
    assert_eq!(answer["type"], "dams");
    assert_eq!(answer["next"], serde_json::Value::Null);
}

#[test]
fn the_nearest_come_first_with_their_distance() {
    let desk = desk();
    let ask = [
        "query",
        "inventory.sqlite",
        "barriers",
        "--point",
        "-71.15,46.89",
        "--limit",
        "3",
    ];
    let answer = desk.json(ask.into_iter().chain(["--json"]));
    let first = &answer["features"][0];
    assert_eq!(first["name_en"], "Montmorency Falls");
    assert!(first["distance_m"].as_f64().unwrap() < 500.0, "{first}");
    let table = desk.ok(ask);
    assert!(
        table.lines().next().unwrap().contains("distance_m"),
        "{table}"
    );
    assert!(
        table.lines().nth(1).unwrap().contains("Montmorency"),
        "{table}"
    );
    let within = ["--within", "20000", "--count"];
    assert_eq!(
        desk.ok(ask.into_iter().chain(within))
            .trim()
            .parse::<u32>()
            .unwrap(),
        1 + 1
    );
}

#[test]
fn pages_by_cursor_give_every_feature_once() {
    let desk = desk();
    let mut names = vec![];
    let mut cursor: Option<String> = None;
    loop {
        let mut ask = vec![
            "query",
            "inventory.sqlite",
            "waterfalls",
            "--sort",
            "fall_name_en",
        ];
        ask.extend(["--select", "fall_name_en", "--limit", "50", "--json"]);
        if let Some(cursor) = &cursor {
            ask.extend(["--cursor", cursor]);
        }
        let page = desk.json(ask);
        for fall in page["features"].as_array().unwrap() {
            names.push(fall["fall_name_en"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(names.len(), 120);
    assert!(names.is_sorted());
}

#[test]
fn labels_come_in_french_when_asked_for() {
    let desk = desk();
    let name = "like:daniel-johnson";
    let ask = [
        "query",
        "inventory.sqlite",
        "dams",
        "--namefilter",
        name,
        "--lang",
        "fr",
    ];
    let answer = desk.json(
        ask.into_iter()
            .chain(["--select", "dam_name_fr,dam_use", "--json"]),
    );
    assert_eq!(answer["features"][0]["dam_use"], "Hydroélectricité");
    let table = desk.ok(ask);
    assert!(
        table.contains("dam_name_fr") && !table.contains("dam_name_en"),
        "{table}"
    );
}

#[test]
fn a_count_is_a_bare_number_or_the_same_shape_of_json() {
    let desk = desk();
    let ask = [
        "query",
        "inventory.sqlite",
        "barriers",
        "--types",
        "waterfalls",
        "--count",
    ];
    assert_eq!(desk.ok(ask), "120\n");
    let answer = desk.json(ask.into_iter().chain(["--json"]));
    assert_eq!(answer["count"], 120);
    assert_eq!(answer["features"], serde_json::json!([]));
}

#[test]
fn every_attribute_and_the_geometry_are_in_the_json() {
    let desk = desk();
    let answer = desk.json([
        "query",
        "inventory.sqlite",
        "dams",
        "--limit",
        "1",
        "--json",
    ]);
    let dam = answer["features"][0].as_object().unwrap();
    assert_eq!(dam["geometry"]["type"], "Point");
    assert!(dam.len() > 100, "{}", dam.len());
    assert!(answer["next"].is_string());
    let alone = [
        "query",
        "inventory.sqlite",
        "dams",
        "--json",
        "--id",
        dam["cabd_id"].as_str().unwrap(),
    ];
    assert_eq!(desk.json(alone)["features"][0], answer["features"][0]);
}

#[test]
fn a_reader_who_leaves_ends_the_command_quietly() {
    let desk = desk();
    let mut child = desk
        .command(["query", "inventory.sqlite", "dams", "--json"])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn an_answer_without_features_says_so() {
    let desk = desk();
    let done = desk.run(["query", "inventory.sqlite", "fishways"]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), ""));
    assert_eq!(done.err, "no feature passes\n");
    let answer = desk.json(["query", "inventory.sqlite", "fishways", "--json"]);
    assert_eq!(answer["features"], serde_json::json!([]));
}
