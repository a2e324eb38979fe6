-- What every store shares: types, metadata, sources, contacts, community data, the declarations behind the catalogue.

CREATE SCHEMA IF NOT EXISTS cabd;

-- Names as they are searched: lower case, NFKD, no marks U+0300 to U+036F, œ as oe, æ as ae.
CREATE FUNCTION cabd.fold_name(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(name) = char_length(name)
        THEN lower(name COLLATE "und-x-icu")
        ELSE replace(replace(regexp_replace(normalize(lower(name COLLATE "und-x-icu"), NFKD),
            U&'[\0300-\036F]', '', 'g'), U&'\0153', 'oe'), U&'\00E6', 'ae')
    END
$$;

-- Great-circle distance in metres (haversine, mean Earth radius R1), rounded to the millimetre.
CREATE FUNCTION cabd.distance_m(lon1 float8, lat1 float8, lon2 float8, lat2 float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT floor(1000.0::float8 * (2.0::float8 * 6371008.7714::float8 * asin(least(sqrt(
        sin(radians(lat2 - lat1) / 2.0::float8) * sin(radians(lat2 - lat1) / 2.0::float8)
        + cos(radians(lat1)) * cos(radians(lat2))
        * (sin(radians(lon2 - lon1) / 2.0::float8) * sin(radians(lon2 - lon1) / 2.0::float8))
    ), 1.0::float8))) + 0.5::float8) / 1000.0::float8
$$;

CREATE TABLE cabd.catalog_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL
);
COMMENT ON TABLE cabd.catalog_state IS 'Grows with each change of types, metadata, attribute sets, declarations or codes.';
INSERT INTO cabd.catalog_state (version) VALUES (0);

CREATE FUNCTION cabd.catalog_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cabd.catalog_state SET version = version + 1;
    RETURN NULL;
END
$$;

CREATE TABLE cabd.manifest (
    kind text NOT NULL CHECK (kind IN ('type', 'list', 'set')),
    id text NOT NULL,
    position integer NOT NULL,
    definition json NOT NULL,
    PRIMARY KEY (kind, id)
);
COMMENT ON TABLE cabd.manifest IS 'The declarations that the tables, views and triggers were generated from; codes and metadata are in their own tables.';

CREATE TABLE cabd.generated_views (
    view_schema text NOT NULL,
    view_name text NOT NULL,
    definition_md5 text NOT NULL,
    PRIMARY KEY (view_schema, view_name)
);
COMMENT ON TABLE cabd.generated_views IS 'Hash of each generated view, to see when somebody replaced it.';

CREATE TABLE cabd.feature_types (
    type varchar(32) PRIMARY KEY,
    name_en varchar(256) NOT NULL,
    name_fr varchar(256),
    data_view text NOT NULL,
    attribute_source_table text,
    feature_source_table text,
    default_featurename_field varchar(128),
    description text,
    data_version text,
    data_table text[],
    community_data_type text,
    community_data_photo_fields text[]
);

CREATE TABLE cabd.attribute_set (
    name text PRIMARY KEY CHECK (name <> 'vectortile'),
    ft_metadata_col text NOT NULL
);

CREATE TABLE cabd.feature_type_metadata (
    view_name text NOT NULL,
    field_name text NOT NULL,
    name_en text,
    name_fr text,
    description_en text,
    description_fr text,
    is_link boolean NOT NULL DEFAULT false,
    data_type varchar(32) NOT NULL,
    vw_all_order integer,
    vw_simple_order integer,
    vw_mobile_order integer,
    include_vector_tile boolean DEFAULT false,
    value_options_reference text,
    is_name_search boolean DEFAULT false,
    shape_field_name varchar(10),
    PRIMARY KEY (view_name, field_name)
);

CREATE TABLE cabd.feature_type_version_history (
    type varchar(32) NOT NULL REFERENCES cabd.feature_types (type) ON DELETE CASCADE,
    version text NOT NULL,
    start_date date,
    end_date date,
    PRIMARY KEY (type, version)
);

CREATE TABLE cabd.data_source (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    version_date date,
    version_number text,
    source text,
    comments text,
    source_type text,
    full_name text,
    organization_name text,
    data_source_category text,
    geographic_coverage text,
    source_id_field text,
    licence text,
    attribution text,
    province_territory_code text[]
);
CREATE INDEX data_source_name_idx ON cabd.data_source (name);

CREATE TABLE cabd.contacts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL,
    name text NOT NULL,
    organization text,
    datasource_id uuid REFERENCES cabd.data_source (id),
    mailing_list boolean DEFAULT false
);

CREATE TABLE cabd.user_feature_updates (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    datetime timestamptz NOT NULL DEFAULT now(),
    contact_id uuid NOT NULL REFERENCES cabd.contacts (id),
    cabd_id uuid NOT NULL,
    cabd_type varchar(32) NOT NULL,
    user_description text,
    user_data_source text,
    status text NOT NULL DEFAULT 'needs_review' CHECK (status IN ('needs_review', 'done'))
);
CREATE INDEX user_feature_updates_open_idx ON cabd.user_feature_updates (cabd_id) WHERE status = 'needs_review';

CREATE TABLE cabd.community_contact (
    user_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username text NOT NULL
);
CREATE INDEX community_contact_username_idx ON cabd.community_contact (username);

CREATE TABLE cabd.community_data_raw (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    cabd_id uuid,
    user_id uuid REFERENCES cabd.community_contact (user_id),
    uploaded_datetime timestamptz NOT NULL DEFAULT now(),
    data text NOT NULL,
    status varchar(16) NOT NULL DEFAULT 'NEW' CHECK (status IN ('NEW', 'PROCESSING', 'DONE', 'DONE_WARN')),
    status_message text,
    warnings text[]
);

CREATE TABLE cabd.community_attribute_mapping (
    attribute_name text NOT NULL,
    attribute_value text NOT NULL,
    code_value integer,
    PRIMARY KEY (attribute_name, attribute_value)
);

-- Made anew when a type takes community data; see the generated text.
CREATE VIEW cabd.updates_pending AS
    SELECT DISTINCT cabd_id FROM cabd.user_feature_updates WHERE status = 'needs_review';

CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cabd.manifest
    FOR EACH STATEMENT EXECUTE FUNCTION cabd.catalog_changed();
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cabd.feature_types
    FOR EACH STATEMENT EXECUTE FUNCTION cabd.catalog_changed();
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cabd.attribute_set
    FOR EACH STATEMENT EXECUTE FUNCTION cabd.catalog_changed();
CREATE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cabd.feature_type_metadata
    FOR EACH STATEMENT EXECUTE FUNCTION cabd.catalog_changed();
