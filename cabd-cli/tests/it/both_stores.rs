//! The same questions to SpatiaLite and to PostGIS, compared answer by answer.

use serde_json::Value;

use crate::support::{Database, Desk, root, sample};

const QUESTIONS: &[&[&str]] = &[
    &["dams"],
    &["waterfalls", "--lang", "fr"],
    &["fishways", "--sort", "structure_name_en"],
    &["barriers", "--sort", "name_en,-cabd_id"],
    &[
        "barriers",
        "--types",
        "waterfalls",
        "--attributes",
        "simple",
    ],
    &["all_features", "--bbox", "-80,43,-72,47"],
    &["barriers", "--point", "-73.56,45.5", "--limit", "25"],
    &[
        "dams",
        "--point",
        "-123.1,49.3",
        "--within",
        "150000",
        "--limit",
        "100",
    ],
    &[
        "dams",
        "--filter",
        "height_m:gte:50",
        "--sort=-height_m,dam_name_en",
        "--limit",
        "30",
    ],
    &[
        "dams",
        "--filter",
        "height_m:isnull:",
        "--filter",
        "dam_use:in:Hydroelectricity,Irrigation",
    ],
    &["dams", "--filter", "dam_name_en:like:É", "--lang", "fr"],
    &[
        "dams",
        "--filter",
        "construction_year:notin:1950,1960",
        "--sort",
        "construction_year",
    ],
    &[
        "dams",
        "--filter",
        "province_territory_code:neq:qc",
        "--offset",
        "10",
        "--limit",
        "10",
        "--sort",
        "dam_name_fr",
    ],
    &[
        "dams",
        "--namefilter",
        "like:riviere",
        "--namefilter",
        "like:lac",
    ],
    &["barriers", "--namefilter", "like:chute", "--lang", "fr"],
    &["fishways", "--filter", "known_use:eq:Chinook salmon"],
    &[
        "dams",
        "--select",
        "dam_name_en,height_m,use_code,dam_use",
        "--sort",
        "dam_use,-height_m",
    ],
    &["stream_crossings"],
];

/// The sample with identifiers of its own, the same in every store: rows by `name.csv`, mapping by `name.toml`.
fn write_sample(desk: &Desk, number: usize, set: &str) {
    let rows = std::fs::read_to_string(sample(&format!("{set}.csv"))).unwrap();
    let mut text = String::new();
    for (line, row) in rows.lines().enumerate() {
        let cell = match line {
            0 => "cabd_id".to_owned(),
            _ => format!("{number:08x}-0000-4000-8000-{line:012x}"),
        };
        text.push_str(&format!("{row},{cell}\n"));
    }
    desk.write(&format!("{set}.csv"), text);
    let mapping = root().join(format!("catalog/mappings/sample-{set}.toml"));
    let mapping = std::fs::read_to_string(mapping).unwrap();
    let rule = "\n[[fields]]\nto = \"cabd_id\"\nfrom = [\"cabd_id\"]\n";
    desk.write(&format!("{set}.toml"), mapping + rule);
}

#[test]
fn both_stores_give_the_same_answers() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    let stores = ["inventory.sqlite", database.url.as_str()];
    for store in stores {
        desk.ok(["init", store]);
    }
    for (number, set) in ["dams", "waterfalls", "fishways"].into_iter().enumerate() {
        write_sample(&desk, number, set);
        let (mapping, file) = (format!("{set}.toml"), format!("{set}.csv"));
        let reports =
            stores.map(|store| desk.json(["load", store, "--mapping", &mapping, "--json", &file]));
        assert_eq!(reports[0], reports[1], "{set}");
        assert_eq!(reports[0]["rejected"], 0, "{set}");
    }
    for question in QUESTIONS {
        let answers = stores.map(|store| ask(&desk, store, question));
        let place = answers[0].iter().zip(&answers[1]).position(|(a, b)| a != b);
        if let Some(place) = place {
            panic!(
                "{question:?}, feature {place}:\n{}\n{}",
                answers[0][place], answers[1][place]
            );
        }
        assert_eq!(answers[0].len(), answers[1].len(), "{question:?}");
        let counts = stores.map(|store| {
            let line = ["query", store].into_iter().chain(question.iter().copied());
            desk.ok(line.chain(["--count"]))
        });
        assert_eq!(counts[0], counts[1], "{question:?}");
    }
    for set in ["dams", "fishways", "barriers"] {
        let files = stores.map(|store| {
            let export = ["export", store, "--type", set, "--format", "csv", "-o", "-"];
            desk.ok(export.into_iter().chain(["--sort", "cabd_id"]))
        });
        assert!(files[0] == files[1], "the exports of {set} differ");
    }
}

#[test]
fn matches_by_name_look_ups_and_shared_tables_are_the_same_in_both_stores() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    desk.write(
        "plants.csv",
        "Facility Name,Owner Name (Company),Latitude,Longitude,State / Province / Territory\n\
         Manic-5,Someone,50.641,-68.727,Québec\n\
         Manic-5-PA,Someone,50.641,-68.727,Québec\n\
         Manic-6,Someone,50.641,-68.727,Québec\n",
    );
    desk.write(
        "sources.csv",
        "name,full_name\ncabd sample: dams,Renamed\nother,Other\n",
    );
    let stores = ["inventory.sqlite", database.url.as_str()];
    for store in stores {
        desk.ok(["init", store]);
    }
    for (mapping, file, counts) in [
        ("sample-dams", sample("dams.csv"), [264, 0, 0]),
        ("sample-fishways", sample("fishways.csv"), [43, 0, 0]),
        ("hydro-plants-canada", "plants.csv".to_owned(), [0, 1, 2]),
        (
            "cabd-reference-data-sources",
            "sources.csv".to_owned(),
            [1, 1, 0],
        ),
    ] {
        for store in stores {
            let load = ["load", store, "--mapping", mapping, "--json", &file];
            let report = desk.json(load);
            let got = ["inserted", "updated", "rejected"].map(|key| report[key].as_u64());
            assert_eq!(got, counts.map(Some), "{mapping} into {store}: {report}");
            let again = desk.json(load);
            assert_eq!(again["commit"], Value::Null, "{mapping} into {store}");
        }
    }
    for (question, expected) in [
        (
            &["fishways", "--filter", "dam_id:notnull:", "--count"],
            "30",
        ),
        (
            &["dams", "--filter", "facility_name_fr:eq:Manic-5", "--count"],
            "1",
        ),
    ] {
        for store in stores {
            let line = ["query", store].into_iter().chain(question.iter().copied());
            assert_eq!(desk.ok(line).trim(), expected, "{question:?} of {store}");
        }
    }
}

/// A load reads the store while it writes to it, and must not wait for its own locks.
#[test]
fn large_loads_into_an_empty_store_match_and_name_sources_as_they_go() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    let mut rows = "cabd_id,longitude,latitude,dam_name_en,book,page\n".to_owned();
    for n in 0..4_000 {
        let book = if n < 2_500 {
            "First book"
        } else {
            "Second book"
        };
        let (x, y) = (
            -70.0 - f64::from(n % 80) / 10.0,
            45.0 + f64::from(n / 80) / 10.0,
        );
        rows.push_str(&format!(
            "00000000-0000-4000-8000-{n:012x},{x},{y},Dam {n},{book},{n}\n"
        ));
    }
    desk.write("rows.csv", rows);
    desk.write(
        "books.toml",
        "type = \"dams\"\n[source]\ncolumn = \"book\"\nid = [\"page\"]\n\
         [[fields]]\nto = \"dam_name_en\"\nfrom = [\"dam_name_en\"]\n\
         [point]\ncrs = \"EPSG:4617\"\nx = \"longitude\"\ny = \"latitude\"\n",
    );
    let one: &[&str] = &["--type", "dams", "--source", "One", "--match", "cabd_id"];
    for (name, how) in [("one", one), ("books", &["--mapping", "books.toml"])] {
        let file = format!("{name}.sqlite");
        let own = Database::new();
        let url = own.as_ref().map_or(&database.url, |d| &d.url);
        for store in [file.as_str(), url.as_str()] {
            desk.ok(["init", store]);
            let line = ["load", store, "--json"]
                .into_iter()
                .chain(how.iter().copied());
            let line: Vec<&str> = line.chain(["rows.csv"]).collect();
            let report = desk.json(&line);
            assert_eq!(report["inserted"], 4_000, "{name} into {store}: {report}");
            if name == "one" {
                assert_eq!(desk.json(&line)["unchanged"], 4_000, "again into {store}");
            }
        }
    }
}

#[test]
fn the_same_mistakes_are_refused_alike_by_both_stores() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    let stores = ["inventory.sqlite", database.url.as_str()];
    for store in stores {
        desk.ok(["init", store]);
    }
    for question in [
        &["damz"][..],
        &["dams", "--filter", "height_m:gt:tall"],
        &["dams", "--filter", "cabd_id:like:1"],
        &["dams", "--select", "colour"],
        &["dams", "--attributes", "some"],
        &["barriers", "--types", "fishways"],
        &["dams", "--sort", "geometry"],
    ] {
        let ends = stores.map(|store| {
            let line = ["query", store].into_iter().chain(question.iter().copied());
            let done = desk.run(line);
            // The order in which names are listed is each store's own.
            let mut words: Vec<String> = done
                .err
                .split(' ')
                .map(|w| w.replace([',', ')', '\n'], ""))
                .collect();
            words.sort();
            (done.code, words)
        });
        assert_ne!(ends[0].0, Some(0), "{question:?}");
        assert_eq!(ends[0], ends[1], "{question:?}");
    }
}

/// The features of an answer, one text each; sorted where the order is the store's own.
fn ask(desk: &Desk, store: &str, question: &[&str]) -> Vec<String> {
    let line = ["query", store].into_iter().chain(question.iter().copied());
    let answer: Value = desk.json(line.chain(["--json"]));
    let features = answer["features"].as_array().unwrap();
    let mut texts: Vec<String> = features.iter().map(ToString::to_string).collect();
    let is_ordered = ["--sort", "--point", "--limit"];
    if !question
        .iter()
        .any(|word| is_ordered.iter().any(|o| word.starts_with(o)))
    {
        texts.sort();
    }
    texts
}
