//! The same questions to SpatiaLite and to PostGIS, compared answer by answer.

use serde_json::Value;

use crate::support::{Database, Desk, sample};

const QUESTIONS: &[&[&str]] = &[
    &["dams"],
    &["waterfalls", "--lang", "fr"],
    &["fishways", "--sort", "structure_name_en"],
    &["barriers", "--sort", "name_en,-cabd_id"],
    &["barriers", "--types", "waterfalls", "--attributes", "simple"],
    &["all_features", "--bbox", "-80,43,-72,47"],
    &["barriers", "--point", "-73.56,45.5", "--limit", "25"],
    &["dams", "--point", "-123.1,49.3", "--within", "150000", "--limit", "100"],
    &["dams", "--filter", "height_m:gte:50", "--sort=-height_m,dam_name_en", "--limit", "30"],
    &["dams", "--filter", "height_m:isnull:", "--filter", "dam_use:in:Hydroelectricity,Irrigation"],
    &["dams", "--filter", "dam_name_en:like:É", "--lang", "fr"],
    &["dams", "--filter", "construction_year:notin:1950,1960", "--sort", "construction_year"],
    &["dams", "--filter", "province_territory_code:neq:qc", "--offset", "10", "--limit", "10", "--sort", "dam_name_fr"],
    &["dams", "--namefilter", "like:riviere", "--namefilter", "like:lac"],
    &["barriers", "--namefilter", "like:chute", "--lang", "fr"],
    &["fishways", "--filter", "known_use:eq:Chinook salmon"],
    &["dams", "--select", "dam_name_en,height_m,use_code,dam_use", "--sort", "dam_use,-height_m"],
    &["stream_crossings"],
];

#[test]
fn both_stores_give_the_same_answers() {
    let Some(database) = Database::new() else { return };
    let desk = Desk::new();
    let stores = ["inventory.sqlite", database.url.as_str()];
    desk.ok(["init", stores[0]]);
    desk.ok(["init", stores[1]]);
    for set in ["dams", "waterfalls", "fishways"] {
        let (mapping, file) = (format!("sample-{set}"), sample(&format!("{set}.csv")));
        let reports = stores.map(|store| {
            desk.json(["load", store, "--mapping", &mapping, "--json", &file])
        });
        for key in ["inserted", "updated", "unchanged", "rejected"] {
            assert_eq!(reports[0][key], reports[1][key], "{set}: {key}");
        }
    }
    // Features got identifiers of their own in each store: the PostGIS one takes over those of the file.
    for set in ["dams", "waterfalls", "fishways"] {
        let ids = stores.map(|store| ask(&desk, store, &[set, "--sort", "cabd_id"]).len());
        assert_eq!(ids[0], ids[1], "{set}");
    }
    for question in QUESTIONS {
        let answers = stores.map(|store| ask(&desk, store, question));
        let place = answers[0].iter().zip(&answers[1]).position(|(a, b)| a != b);
        if let Some(place) = place {
            panic!("{question:?}, feature {place}:\n{}\n{}", answers[0][place], answers[1][place]);
        }
        assert_eq!(answers[0].len(), answers[1].len(), "{question:?}");
        let counts = stores.map(|store| {
            desk.ok(["query", store].into_iter().chain(question.iter().copied()).chain(["--count"]))
        });
        assert_eq!(counts[0], counts[1], "{question:?}");
    }
    for set in ["dams", "fishways"] {
        for format in ["geojson", "csv"] {
            let files = stores.map(|store| {
                let file = format!("{set}.{format}");
                let export = ["export", store, "--type", set, "--format", format, "-o", &file];
                desk.ok(export.into_iter().chain(["--select", "dam_id", "--limit", "0"]).take(8));
                desk.read(&file).len()
            });
            assert_eq!(files[0], files[1], "{set}.{format}");
        }
    }
}

/// The features of an answer, one text each; sorted where the order is the store's own.
fn ask(desk: &Desk, store: &str, question: &[&str]) -> Vec<String> {
    let line = ["query", store].into_iter().chain(question.iter().copied());
    let answer: Value = desk.json(line.chain(["--json"]));
    let features = answer["features"].as_array().unwrap();
    let mut texts: Vec<String> = features.iter().map(ToString::to_string).collect();
    let is_ordered = ["--sort", "--point", "--limit"];
    if !question.iter().any(|word| is_ordered.iter().any(|o| word.starts_with(o))) {
        texts.sort();
    }
    texts
}
