//! The crate as its users see it, on a SpatiaLite file.

use cabd::format::{Format, WriteOptions};
use cabd::load::{Input, LoadOptions, Mapping};
use cabd::query::parse_filter;
use cabd::{ErrorKind, FeatureQuery, blocking};

#[test]
fn the_sample_is_loaded_asked_for_exported_and_still_there_in_a_file_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inventory.sqlite");
    let location = file.to_str().unwrap();

    let store = blocking::create(location).unwrap();
    store.change_catalog(&cabd::shipped().unwrap()).unwrap();
    let mapping = cabd::shipped_mapping("sample-dams").unwrap();
    let options = LoadOptions {
        mapping: Some(Mapping::from_toml(mapping).unwrap()),
        ..LoadOptions::default()
    };
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../catalog/sample/dams.csv");
    let inputs = vec![Input::new("dams.csv", std::fs::File::open(sample).unwrap())];
    let report = store.load(inputs, options, Box::new(())).unwrap();
    assert_eq!((report.inserted, report.rejected), (264, 0));
    drop(store);

    let store = blocking::open(&format!("sqlite:{location}")).unwrap();
    let mut query = FeatureQuery::of("barriers");
    assert_eq!(store.count(&query).unwrap(), 264);
    query.filter = Some(parse_filter("name_en:like:manic").unwrap());
    let rows: usize = store
        .query(&query)
        .unwrap()
        .map(|batch| batch.unwrap().rows())
        .sum();
    assert!(rows > 2, "{rows}");
    let mut out = vec![];
    let written = store
        .export(
            &query,
            Format::GeoJsonSeq,
            &mut out,
            WriteOptions::default(),
        )
        .unwrap();
    assert_eq!(written, rows as u64);
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), rows);
    assert!(store.doctor().unwrap().is_empty());
}

#[test]
fn a_file_of_another_program_is_no_store_and_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "notes about dams").unwrap();
    let location = file.to_str().unwrap();
    for opened in [blocking::open(location), blocking::create(location)] {
        assert_eq!(opened.err().unwrap().kind(), ErrorKind::NotAStore);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "notes about dams");
}
