//! Derivations as manifests declare them, and the shipped ones on the reference store.

use cabd_core::catalog::{Derived, Manifest, check};
use cabd_core::conformance::{derived, elsewhere};
use cabd_core::memory::MemoryStore;

/// The problems of the suite's own types with the declaration of one attribute replaced.
fn problems(attribute: &str, derived: &str) -> Vec<String> {
    let mut manifest = derived::manifest();
    let text = format!("derived = {derived}");
    #[derive(serde::Deserialize)]
    struct One {
        derived: Derived,
    }
    let one: One = toml::from_str(&text).unwrap();
    let gauges = manifest.types.iter_mut().find(|t| t.id() == "gauges");
    let a = gauges
        .unwrap()
        .attributes
        .iter_mut()
        .find(|a| a.id == attribute);
    a.unwrap().derived = Some(one.derived);
    let all = check(&manifest);
    for e in &all {
        assert!(e.place().is_some_and(|p| p.contains(attribute)), "{e:?}");
    }
    all.iter()
        .map(|e| {
            format!(
                "{e} [{}] {}",
                e.field_name().unwrap_or_default(),
                e.expectation().or(e.next_step()).unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn a_derivation_that_cannot_be_is_refused_with_field_value_and_what_would_do() {
    for (attribute, declared, words) in [
        (
            "zone_code",
            r#"{ from = "contains", list = "cabd.zones" }"#,
            "unknown reference table",
        ),
        (
            "zone_code",
            r#"{ from = "contains", list = "cabd.species" }"#,
            "has no extents",
        ),
        (
            "zone_code",
            r#"{ from = "contains", list = "cabd.zone_codes", column = "name" }"#,
            "has no such column",
        ),
        (
            "zone_code",
            r#"{ from = "contains", list = "cabd.zone_codes", column = "geometry" }"#,
            "has no such column",
        ),
        (
            "zone_code",
            r#"{ from = "contains", list = "cabd.zone_codes", column = "name_en" }"#,
            "no code of the attribute's list",
        ),
        (
            "range_m",
            r#"{ from = "contains", list = "cabd.zone_codes" }"#,
            "is of another type",
        ),
        (
            "zone",
            r#"{ from = "contains", list = "cabd.zone_codes" }"#,
            "only a stored attribute",
        ),
        (
            "sensor_kind",
            r#"{ from = "contains", list = "cabd.zone_codes" }"#,
            "an attribute of a part",
        ),
        (
            "gauge_name",
            r#""last_modified""#,
            "last_modified is no value of this type",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = [], levels = [{ at_least = 0, code = 1 }] }"#,
            "no attribute to count",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["range"], levels = [{ at_least = 0, code = 1 }] }"#,
            "gauges has no such attribute",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["zone"], levels = [{ at_least = 0, code = 1 }] }"#,
            "cannot be counted",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["level_code"], levels = [{ at_least = 0, code = 1 }] }"#,
            "cannot be counted",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["range_m", "range_m"], levels = [{ at_least = 0, code = 1 }] }"#,
            "counted twice",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["range_m"], unknown = { owner_code = [99] }, levels = [{ at_least = 0, code = 1 }] }"#,
            "is not counted",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["range_m"], levels = [] }"#,
            "no level",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["range_m"], levels = [{ at_least = 0.5, code = 1 }, { at_least = 0.5, code = 2 }] }"#,
            "shares that do not grow",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["range_m"], levels = [{ at_least = 2, code = 1 }] }"#,
            "shares that do not grow",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["range_m"], levels = [{ at_least = 0, code = 7 }] }"#,
            "not a code of the attribute",
        ),
        (
            "level_code",
            r#"{ from = "completeness", of = ["range_m"], levels = [{ at_least = 0, code = "x" }] }"#,
            "not a code of the attribute",
        ),
    ] {
        let found = problems(attribute, declared);
        assert_eq!(found.len(), 1, "{declared}: {found:#?}");
        assert!(found[0].contains(words), "{declared}: {found:#?}");
    }
    let near = &problems(
        "level_code",
        r#"{ from = "completeness", of = ["rang_m"], levels = [{ at_least = 0, code = 1 }] }"#,
    )[0];
    assert!(near.contains("range_m"), "{near}");
}

#[test]
fn a_super_type_derives_nothing() {
    let mut manifest = cabd_core::conformance::shipped::manifest();
    let barriers = manifest.types.iter_mut().find(|t| t.id() == "barriers");
    barriers.unwrap().attributes[0].derived = Some(Derived::LastModified);
    let all = check(&manifest);
    assert!(
        all.iter()
            .any(|e| e.to_string().contains("a super type derives nothing")),
        "{all:?}"
    );
}

#[test]
fn a_derivation_of_another_form_is_refused_with_the_forms_there_are() {
    let manifest = |derived: &str| {
        let text = format!(
            "[type]\nid = \"a\"\n[[attributes]]\nid = \"b\"\ntype = \"text\"\nderived = {derived}\n"
        );
        Manifest::from_toml("a.toml", &text)
            .unwrap_err()
            .to_string()
    };
    for (derived, words) in [
        ("\"area\"", "\"last_modified\""),
        ("7", "\"last_modified\""),
        ("{ from = \"within\", list = \"a.b\" }", "contains"),
        ("{ from = \"contains\", table = \"a.b\" }", "table"),
        ("{ from = \"contains\" }", "list"),
        ("{ list = \"a.b\" }", "from"),
    ] {
        let error = manifest(derived);
        assert!(error.contains(words), "{derived}: {error}");
    }
}

#[test]
fn declarations_survive_the_forms_they_are_kept_in() {
    for ft in derived::manifest().types {
        let json = serde_json::to_string(&ft).unwrap();
        assert_eq!(
            serde_json::from_str::<cabd_core::catalog::FeatureType>(&json).unwrap(),
            ft
        );
        let toml = toml::to_string(&ft).unwrap();
        assert_eq!(
            toml::from_str::<cabd_core::catalog::FeatureType>(&toml).unwrap(),
            ft
        );
    }
}

fn run(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(case);
}

#[test]
fn the_shipped_types_derive() {
    run(async { elsewhere::the_shipped_types_derive(&MemoryStore::new()).await });
}

#[test]
#[ignore = "a measurement: cargo test -p cabd-core --all-features --test it what_ten_thousand -- --ignored --nocapture"]
fn what_ten_thousand_rows_cost() {
    run(async { elsewhere::measure(&MemoryStore::new()).await });
}
