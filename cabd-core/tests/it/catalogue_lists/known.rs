//! Where the manifests knowingly differ from the documented lists, and why.

/// Cells in which the manifest knowingly differs: type, attribute, cell, the manifest's value, reason.
pub const DIFFERENT: &[(&str, &str, &str, &str, &str)] = &[
    (
        "*",
        "nhn_watershed_name",
        "shape_field_name",
        "nhnws_name",
        "the list has none, and an export needs one",
    ),
    (
        "*",
        "geometry",
        "shape_field_name",
        "",
        "a shape is no column of a shapefile",
    ),
    (
        "*",
        "geometry",
        "order_limited",
        "",
        "the geometry comes with every set",
    ),
    (
        "*",
        "geometry",
        "order_mobile",
        "",
        "the geometry comes with every set",
    ),
    (
        "*",
        "geometry",
        "in_vector_tile",
        "no",
        "the geometry comes with every tile",
    ),
    (
        "barriers",
        "passability_status",
        "order_all",
        "14",
        "its place is left free in the list",
    ),
    (
        "barriers",
        "passability_status",
        "shape_field_name",
        "pass_stat",
        "as in the other types",
    ),
    (
        "dams",
        "last_modified",
        "order_all",
        "96",
        "two attributes have the place 97; 96 is free",
    ),
    (
        "dams",
        "facility_name_en",
        "order_all",
        "101",
        "the list gives it no place",
    ),
    (
        "dams",
        "facility_name_en",
        "shape_field_name",
        "facname_en",
        "the list has none",
    ),
    (
        "dams",
        "facility_name_en",
        "is_name_search",
        "yes",
        "a name of the dam as good as its own",
    ),
    (
        "dams",
        "facility_name_fr",
        "order_all",
        "102",
        "the list gives it no place",
    ),
    (
        "dams",
        "facility_name_fr",
        "shape_field_name",
        "facname_fr",
        "the list has none",
    ),
    (
        "dams",
        "facility_name_fr",
        "is_name_search",
        "yes",
        "a name of the dam as good as its own",
    ),
    (
        "fishways",
        "feature_type",
        "order_all",
        "52",
        "three attributes have the place 51",
    ),
    (
        "fishways",
        "datasource_url",
        "order_all",
        "53",
        "three attributes have the place 51",
    ),
    (
        "fishways",
        "updates_pending",
        "order_all",
        "54",
        "follows the ones before",
    ),
    (
        "stream_crossings",
        "substrate_coverage",
        "shape_field_name",
        "st_ss_c",
        "its code has st_ss_c_c in the list too",
    ),
    (
        "stream_crossings",
        "passability_status",
        "order_limited",
        "3",
        "feature_type has the place 2",
    ),
    (
        "stream_crossings",
        "passability_status",
        "order_mobile",
        "3",
        "feature_type has the place 2",
    ),
    (
        "stream_crossings",
        "passability_status_code",
        "order_limited",
        "4",
        "follows the label",
    ),
    (
        "stream_crossings",
        "passability_status_code",
        "order_mobile",
        "4",
        "follows the label",
    ),
    (
        "(all features)",
        "datasource_url",
        "order_all",
        "17",
        "the list gives it no place",
    ),
    (
        "(all features)",
        "datasource_url",
        "shape_field_name",
        "data_src",
        "as in the other types",
    ),
    (
        "(all features)",
        "datasource_url",
        "is_link",
        "yes",
        "as in the other types",
    ),
    (
        "(all features)",
        "datasource_url",
        "data_type",
        "url",
        "as in the other types",
    ),
    (
        "*",
        "nhn_watershed_name",
        "code_table",
        "cabd.nhn_workunit;;name;description;geometry",
        "the list has none, and it is the label of nhn_watershed_id",
    ),
    (
        "barriers",
        "passability_status",
        "code_table",
        "cabd.passability_status_codes;;name;description",
        "the list has none, and it is the label of the code",
    ),
    (
        "dams",
        "dam_use",
        "code_table",
        "dams.dam_use_codes;;name;description",
        "the list has none, and it is the label of use_code",
    ),
    (
        "modelled_crossings",
        "nhn_watershed_id",
        "code_table",
        "cabd.nhn_workunit;id;name;description;geometry",
        "the list has none, and the other types have it",
    ),
    (
        "stream_crossings",
        "assessment_type_code",
        "code_table",
        "cabd.assessment_type_codes;code;name;description",
        "the list has none, and the codes are these",
    ),
    (
        "stream_crossings",
        "addressed_status_code",
        "code_table",
        "cabd.addressed_status_codes;code;name;description",
        "the list has none, and the codes are these",
    ),
    (
        "sites",
        "datasource_url",
        "data_type",
        "url",
        "as in the other types",
    ),
    (
        "sites",
        "structures_url",
        "data_type",
        "url",
        "as in the other types",
    ),
];

/// Texts that were bettered since the lists were drawn up: type, attribute, cell.
pub const BETTERED: &[(&str, &str, &str)] = &[
    ("dams", "hydro_peaking_system", "name_fr"),
    ("dams", "hydro_peaking_system", "description_fr"),
    ("dams", "upstream_linear_km", "name_fr"),
    ("dams", "reservoir_present", "name_fr"),
];

/// Fields of the lists of sites and structures under another name in `stream_crossings`, which shows both.
pub const RENAMED: &[(&str, &str, &str)] = &[
    ("sites", "scour_pool_name", "scour_pool_tailwater_name"),
    ("structures", "cabd_id", "structure_id"),
    ("structures", "last_modified", "structure_last_modified"),
    (
        "structures",
        "cabd_assessment_id",
        "structure_cabd_assessment_id",
    ),
    (
        "structures",
        "original_assessment_id",
        "structure_original_assessment_id",
    ),
    (
        "structures",
        "slope_to_channel",
        "structure_slope_to_channel",
    ),
];

/// Attributes of the manifests that the lists do not have.
pub const OWN: &[(&str, &str)] = &[
    // Arrays of codes, which the original keeps with the assessments.
    ("stream_crossings", "structure_material_code"),
    ("stream_crossings", "physical_blockages_code"),
    ("stream_crossings", "modelled_crossing_id"),
    ("stream_crossings", "structure_cabd_assessment_id"),
];

/// Labels whose spelling was put right or made readable; all others equal the list's in any case.
pub const RESPELT: &[(&str, &str, &str)] = &[
    ("cabd.blockage_type_codes", "4", "free fall (no specified)"),
    ("cabd.flowing_codes", "1", "no_dry"),
    ("cabd.flowing_codes", "2", "yes_standing"),
    ("cabd.flowing_codes", "3", "yes_moving"),
    (
        "modelled_crossings.addressed_status_codes",
        "1",
        "Decommissioned/ Removed",
    ),
    (
        "stream_crossings.armouring_codes",
        "99",
        "yes-extent unknown",
    ),
    (
        "stream_crossings.attribute_origin_codes",
        "c",
        "community / rapid assessment",
    ),
    ("stream_crossings.material_codes", "10", "fiberglass"),
    (
        "stream_crossings.obs_constriction_codes",
        "2",
        "no - strucutre is the same width as the stream",
    ),
    (
        "stream_crossings.scour_pool_codes",
        "99",
        "yes-extent unknown",
    ),
    (
        "stream_crossings.water_depth_matches_stream_codes",
        "2",
        "no-shallower",
    ),
    (
        "stream_crossings.water_depth_matches_stream_codes",
        "3",
        "no-deeper",
    ),
    (
        "stream_crossings.water_velocity_matches_stream_codes",
        "2",
        "no-faster",
    ),
    (
        "stream_crossings.water_velocity_matches_stream_codes",
        "3",
        "no-slower",
    ),
];
