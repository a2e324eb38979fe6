//! The shipped inventory definition and mappings, embedded in the program.

use crate::catalog::Manifest;
use crate::error::Result;

/// The files of the folder `catalog/` that declare types, code lists and attribute sets.
const CATALOG: &[(&str, &str)] = &[
    (
        "inventory.toml",
        include_str!("../../catalog/inventory.toml"),
    ),
    (
        "codes/cabd.toml",
        include_str!("../../catalog/codes/cabd.toml"),
    ),
    (
        "codes/dams.toml",
        include_str!("../../catalog/codes/dams.toml"),
    ),
    (
        "codes/fishways.toml",
        include_str!("../../catalog/codes/fishways.toml"),
    ),
    (
        "codes/modelled_crossings.toml",
        include_str!("../../catalog/codes/modelled_crossings.toml"),
    ),
    (
        "codes/reference.toml",
        include_str!("../../catalog/codes/reference.toml"),
    ),
    (
        "codes/stream_crossings.toml",
        include_str!("../../catalog/codes/stream_crossings.toml"),
    ),
    (
        "codes/waterfalls.toml",
        include_str!("../../catalog/codes/waterfalls.toml"),
    ),
    (
        "types/all_features.toml",
        include_str!("../../catalog/types/all_features.toml"),
    ),
    (
        "types/barriers.toml",
        include_str!("../../catalog/types/barriers.toml"),
    ),
    (
        "types/dams.toml",
        include_str!("../../catalog/types/dams.toml"),
    ),
    (
        "types/fishways.toml",
        include_str!("../../catalog/types/fishways.toml"),
    ),
    (
        "types/modelled_crossings.toml",
        include_str!("../../catalog/types/modelled_crossings.toml"),
    ),
    (
        "types/stream_crossings.toml",
        include_str!("../../catalog/types/stream_crossings.toml"),
    ),
    (
        "types/waterfalls.toml",
        include_str!("../../catalog/types/waterfalls.toml"),
    ),
];

/// The files of the folder `catalog/mappings/`, named without `.toml`.
const MAPPINGS: &[(&str, &str)] = &[
    (
        "bcfishpass-reviews-exclusions",
        include_str!("../../catalog/mappings/bcfishpass-reviews-exclusions.toml"),
    ),
    (
        "bcfishpass-reviews-passability",
        include_str!("../../catalog/mappings/bcfishpass-reviews-passability.toml"),
    ),
    (
        "bcfishpass-reviews-streams",
        include_str!("../../catalog/mappings/bcfishpass-reviews-streams.toml"),
    ),
    (
        "boundaries-statcan-provinces",
        include_str!("../../catalog/mappings/boundaries-statcan-provinces.toml"),
    ),
    (
        "boundaries-statcan-subdivisions",
        include_str!("../../catalog/mappings/boundaries-statcan-subdivisions.toml"),
    ),
    (
        "cabd-reference-data-sources",
        include_str!("../../catalog/mappings/cabd-reference-data-sources.toml"),
    ),
    (
        "cabd-reference-fish-species",
        include_str!("../../catalog/mappings/cabd-reference-fish-species.toml"),
    ),
    (
        "cabd-reference-nhn",
        include_str!("../../catalog/mappings/cabd-reference-nhn.toml"),
    ),
    (
        "crossings-pscis-2022-all",
        include_str!("../../catalog/mappings/crossings-pscis-2022-all.toml"),
    ),
    (
        "crossings-pscis-2023",
        include_str!("../../catalog/mappings/crossings-pscis-2023.toml"),
    ),
    (
        "crossings-pscis-2024",
        include_str!("../../catalog/mappings/crossings-pscis-2024.toml"),
    ),
    (
        "crossings-pscis-obstacles",
        include_str!("../../catalog/mappings/crossings-pscis-obstacles.toml"),
    ),
    (
        "dams-bc",
        include_str!("../../catalog/mappings/dams-bc.toml"),
    ),
    (
        "dams-nid",
        include_str!("../../catalog/mappings/dams-nid.toml"),
    ),
    (
        "hydro-plants-canada",
        include_str!("../../catalog/mappings/hydro-plants-canada.toml"),
    ),
    (
        "sample-dams",
        include_str!("../../catalog/mappings/sample-dams.toml"),
    ),
    (
        "sample-fishways",
        include_str!("../../catalog/mappings/sample-fishways.toml"),
    ),
    (
        "sample-waterfalls",
        include_str!("../../catalog/mappings/sample-waterfalls.toml"),
    ),
    (
        "waterfalls-bc-fiss",
        include_str!("../../catalog/mappings/waterfalls-bc-fiss.toml"),
    ),
    (
        "watersheds-bc-catchments",
        include_str!("../../catalog/mappings/watersheds-bc-catchments.toml"),
    ),
    (
        "watersheds-bc-groups",
        include_str!("../../catalog/mappings/watersheds-bc-groups.toml"),
    ),
    (
        "watersheds-bc-precincts",
        include_str!("../../catalog/mappings/watersheds-bc-precincts.toml"),
    ),
];

/// The whole shipped catalogue: every feature type, code list and attribute set, in English and French.
///
/// ```
/// let manifest = cabd::shipped()?;
/// assert!(manifest.types.iter().any(|t| t.id() == "dams"));
/// # Ok::<(), cabd::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if a shipped file cannot be read; a test of this crate holds that none is.
pub fn shipped() -> Result<Manifest> {
    Manifest::from_files(CATALOG.iter().copied())
}

/// The text of a shipped mapping, by its name without `.toml`.
///
/// ```
/// use cabd::load::Mapping;
/// let text = cabd::shipped_mapping("dams-bc").unwrap_or_default();
/// assert_eq!(Mapping::from_toml(text)?.feature_type.as_deref(), Some("dams"));
/// assert!(cabd::shipped_mapping("no-such-mapping").is_none());
/// # Ok::<(), cabd::Error>(())
/// ```
pub fn shipped_mapping(name: &str) -> Option<&'static str> {
    MAPPINGS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// The names of the shipped mappings, sorted.
pub fn shipped_mappings() -> impl Iterator<Item = &'static str> {
    MAPPINGS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::check;
    use crate::load::Mapping;

    /// The `.toml` files of a folder of `catalog/`, as the lists name them.
    fn folder(sub: &str) -> Vec<String> {
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../catalog/");
        let mut names: Vec<String> = std::fs::read_dir(format!("{place}{sub}"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".toml"))
            .map(|name| format!("{sub}{name}"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn every_file_of_the_catalogue_is_embedded() {
        let embedded: Vec<&str> = CATALOG.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            embedded,
            [folder(""), folder("codes/"), folder("types/")].concat()
        );
    }

    #[test]
    fn every_mapping_is_embedded_and_can_be_read() {
        let embedded: Vec<String> = shipped_mappings()
            .map(|name| format!("mappings/{name}.toml"))
            .collect();
        assert_eq!(embedded, folder("mappings/"));
        for (name, text) in MAPPINGS {
            Mapping::from_toml(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }

    #[test]
    fn the_embedded_catalogue_has_no_problem() {
        let problems: Vec<String> = check(&shipped().unwrap())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }
}
