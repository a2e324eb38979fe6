//! The data dictionary says everything that the catalogue says, and its page is sound.

use std::collections::BTreeSet;

use cabd_core::catalog::{Catalog, Code, CodeKey};
use cabd_core::dictionary::{Dictionary, Form, Languages};
use cabd_core::{ErrorKind, Lang, Text};

use cabd_core::conformance::shipped::manifest as shipped;

fn catalog() -> Catalog {
    Catalog::new(1, shipped()).unwrap()
}

fn source(name: &str, licence: &str) -> cabd_core::store::Record {
    cabd_core::store::Record {
        fields: vec![
            "name".to_owned(),
            "source_type".to_owned(),
            "licence".to_owned(),
        ]
        .into(),
        values: vec![name.into(), "spatial".into(), licence.into()],
    }
}

/// What stands between `before` and `after`, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|p| p.split(after).next()).collect()
}

#[test]
fn the_csv_has_every_cell_of_the_catalogue_in_both_languages() {
    let catalog = catalog();
    let text = Dictionary::new(&catalog, vec![])
        .write(Form::Csv, Languages::Both)
        .unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().unwrap().clone();
    let at = |row: &csv::StringRecord, column: &str| {
        row[head.iter().position(|h| h == column).unwrap()].to_owned()
    };
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let find = |kind: &str, of: &str, id: &str| {
        let fits = |r: &&csv::StringRecord| {
            at(r, "kind") == kind && at(r, "of") == of && at(r, "id") == id
        };
        let mut found = rows.iter().filter(fits);
        let row = found.next().unwrap_or_else(|| panic!("{kind} {of} {id}"));
        assert!(found.next().is_none(), "{kind} {of} {id} twice");
        row
    };
    let says = |row: &csv::StringRecord, column: &str, text: &Text| {
        for lang in Lang::ALL {
            assert_eq!(at(row, &format!("{column}_{lang}")), text.get(lang));
        }
    };
    let mut expected = catalog.sets().len();
    for ft in catalog.types() {
        says(
            find("type", "", ft.id()),
            "description",
            &ft.head.description,
        );
        for a in &ft.attributes {
            let row = find("attribute", ft.id(), &a.id);
            says(row, "name", &a.name);
            says(row, "description", &a.description);
            says(row, "group", &a.group);
            assert_eq!(at(row, "data_type"), a.data_type.to_string());
            assert_eq!(at(row, "unit"), a.unit.clone().unwrap_or_default());
            let smallest = a.plausible.map(|p| p[0].to_string());
            assert_eq!(at(row, "smallest"), smallest.unwrap_or_default());
            for (set, place) in &a.sets {
                assert!(at(row, "sets").contains(&format!("{set} {place}")));
            }
        }
        expected += 1 + ft.attributes.len();
    }
    for list in catalog.lists() {
        says(find("code_list", "", &list.id), "name", &list.title);
        for c in &list.codes {
            let row = find("code", &list.id, &c.code.to_string());
            says(row, "name", &c.name);
            says(row, "description", &c.description);
        }
        expected += 1 + list.codes.len();
    }
    assert_eq!(rows.len(), expected);
}

#[test]
fn the_page_has_every_attribute_and_code_and_all_its_links_lead_somewhere() {
    let catalog = catalog();
    let sources = vec![source("a source", "https://example.org/licence")];
    let page = Dictionary::new(&catalog, sources)
        .write(Form::Html, Languages::Both)
        .unwrap();
    let all = between(&page, " id=\"", "\"");
    let ids: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(ids.len(), all.len(), "an identifier twice");
    for before in ["", "fr-"] {
        for ft in catalog.types() {
            assert!(ids.contains(&*format!("{before}ft_{}", ft.id())));
            for a in &ft.attributes {
                assert!(ids.contains(&*format!("{before}{}_{}", ft.id(), a.id)));
            }
        }
        for list in catalog.lists() {
            assert!(ids.contains(&*format!("{before}list_{}", list.id)));
        }
        assert!(ids.contains(&*format!("{before}ds_a_source")));
    }
    let links = between(&page, "href=\"", "\"");
    for link in &links {
        match link.strip_prefix('#') {
            Some(id) => assert!(ids.contains(id), "{link}"),
            None => assert_eq!(*link, "https://example.org/licence"),
        }
    }
    assert!(links.len() > 200);
    for fetched in [" src=", "@import", "url(", "<link", "<img"] {
        assert!(!page.contains(fetched), "{fetched}");
    }
}

#[test]
fn what_people_wrote_is_text_and_never_markup() {
    let mut manifest = shipped();
    let evil = "</td><script>alert(1)</script> | *x* \"q\" & `c`";
    let list = manifest
        .lists
        .iter_mut()
        .find(|l| l.id == "dams.dam_use_codes")
        .unwrap();
    let mut codes = list.codes.clone();
    codes.push(Code {
        code: CodeKey::Int(9999),
        name: Text::new(evil, evil),
        description: Text::default(),
        more: Default::default(),
        retired: true,
    });
    *list = list.with_codes(codes);
    let catalog = Catalog::new(1, manifest).unwrap();
    let dictionary = Dictionary::new(
        &catalog,
        vec![source("javascript:alert(1)", "javascript:alert(2)")],
    );
    let english = Languages::One {
        lang: Lang::En,
        other: None,
    };
    let page = dictionary.write(Form::Html, english).unwrap();
    assert!(!page.contains("<script"));
    assert!(!page.contains("href=\"javascript"));
    assert!(page.contains("(retired)"));
    let text = dictionary.write(Form::Markdown, english).unwrap();
    assert!(!text.contains("<script"));
    let row = text.lines().find(|l| l.starts_with("| `9999` ")).unwrap();
    assert_eq!(row.replace("\\|", "").matches('|').count(), 4, "{row}");
}

#[test]
fn long_lists_are_counted_on_the_page_and_whole_in_the_csv() {
    let mut manifest = shipped();
    let list = manifest
        .lists
        .iter_mut()
        .find(|l| l.id == "cabd.nhn_workunit")
        .unwrap();
    let codes = (0..1500).map(|i| Code {
        code: CodeKey::Text(format!("{i:07}")),
        name: Text::new(format!("Unit {i}"), format!("Unité {i}")),
        description: Text::default(),
        more: Default::default(),
        retired: false,
    });
    *list = list.with_codes(codes.collect());
    let catalog = Catalog::new(1, manifest).unwrap();
    let dictionary = Dictionary::new(&catalog, vec![]);
    let page = dictionary.write(Form::Html, Languages::Both).unwrap();
    assert!(page.contains("1500 codes: too many") && !page.contains("Unit 7<"));
    let text = dictionary.write(Form::Csv, Languages::Both).unwrap();
    assert!(text.contains("Unit 1499,"));
}

#[test]
fn parts_are_chosen_by_name_and_others_refused() {
    let catalog = catalog();
    let csv = |options: &[&str]| {
        let d = Dictionary::new(&catalog, vec![source("s", "l")]);
        let d = d.only(options.iter().copied())?;
        d.write(
            Form::Csv,
            Languages::One {
                lang: Lang::Fr,
                other: None,
            },
        )
    };
    let kinds = |text: &str| -> BTreeSet<String> {
        let rows = text.lines().skip(1).filter_map(|l| l.split(',').next());
        rows.map(str::to_owned).collect()
    };
    let all = [
        "attribute",
        "attribute_set",
        "code",
        "code_list",
        "data_source",
        "type",
    ];
    assert_eq!(kinds(&csv(&[]).unwrap()), all.map(str::to_owned).into());
    assert_eq!(
        kinds(&csv(&["ds"]).unwrap()),
        ["data_source".to_owned()].into()
    );
    let falls = csv(&["Waterfalls"]).unwrap();
    assert_eq!(kinds(&falls).len(), 4);
    assert!(
        falls.contains("cabd.passability_status_codes") && !falls.contains("dams.dam_use_codes")
    );
    let refused = csv(&["waterfall"]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert_eq!(refused.field_name(), Some("options"));
}
