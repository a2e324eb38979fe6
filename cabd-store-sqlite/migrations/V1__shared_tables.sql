-- Shared relations of the inventory. Names: schema cabd, table x -> cabd_x.

CREATE TABLE cabd_feature_types (
  type TEXT PRIMARY KEY NOT NULL,
  data_view TEXT NOT NULL,
  name_en TEXT NOT NULL,
  name_fr TEXT,
  attribute_source_table TEXT,
  default_featurename_field TEXT,
  feature_source_table TEXT,
  data_version TEXT,
  description TEXT,
  data_table TEXT,
  community_data_type TEXT,
  community_data_photo_fields TEXT
);

CREATE TABLE cabd_feature_type_version_history (
  type TEXT NOT NULL REFERENCES cabd_feature_types (type),
  version TEXT NOT NULL,
  start_date DATE,
  end_date DATE,
  PRIMARY KEY (type, version)
);

CREATE TABLE cabd_attribute_set (
  name TEXT PRIMARY KEY NOT NULL CHECK (name <> 'vectortile'),
  ft_metadata_col TEXT NOT NULL
);

CREATE TABLE cabd_feature_type_metadata (
  view_name TEXT NOT NULL,
  field_name TEXT NOT NULL,
  name_en TEXT,
  name_fr TEXT,
  description_en TEXT,
  description_fr TEXT,
  is_link BOOLEAN NOT NULL DEFAULT 0,
  data_type TEXT NOT NULL,
  vw_simple_order INTEGER,
  vw_all_order INTEGER,
  vw_mobile_order INTEGER,
  include_vector_tile BOOLEAN NOT NULL DEFAULT 0,
  value_options_reference TEXT,
  is_name_search BOOLEAN NOT NULL DEFAULT 0,
  shape_field_name VARCHAR(10),
  PRIMARY KEY (view_name, field_name)
);

-- What the documented tables do not say: where attributes come from. One row a type, code list or attribute set.
CREATE TABLE cabd_manifest (
  kind TEXT NOT NULL CHECK (kind IN ('type', 'list', 'set')),
  id TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (kind, id)
);

CREATE TABLE cabd_generated (
  object TEXT PRIMARY KEY NOT NULL,
  definition TEXT NOT NULL
);

CREATE TABLE cabd_catalog_state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL
);
INSERT INTO cabd_catalog_state VALUES (1, 0);

CREATE TABLE cabd_data_source (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  version_date DATE,
  version_number TEXT,
  source TEXT,
  comments TEXT,
  source_type TEXT,
  full_name TEXT,
  organization_name TEXT,
  data_source_category TEXT,
  geographic_coverage TEXT,
  source_id_field TEXT,
  licence TEXT,
  attribution TEXT,
  province_territory_code TEXT
);
CREATE INDEX cabd_data_source_name ON cabd_data_source (name);

CREATE TABLE cabd_contacts (
  id TEXT PRIMARY KEY NOT NULL,
  email TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  organization TEXT,
  datasource_id TEXT REFERENCES cabd_data_source (id),
  mailing_list BOOLEAN NOT NULL DEFAULT 0
);

CREATE TABLE cabd_user_feature_updates (
  id TEXT PRIMARY KEY NOT NULL,
  datetime DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  contact_id TEXT NOT NULL REFERENCES cabd_contacts (id),
  cabd_id TEXT NOT NULL,
  cabd_type TEXT NOT NULL,
  user_description TEXT,
  user_data_source TEXT,
  status TEXT NOT NULL DEFAULT 'needs_review' CHECK (status IN ('needs_review', 'done'))
);
CREATE INDEX cabd_user_feature_updates_feature ON cabd_user_feature_updates (cabd_id);

CREATE TABLE cabd_community_contact (
  user_id TEXT PRIMARY KEY NOT NULL,
  username TEXT NOT NULL UNIQUE
);

CREATE TABLE cabd_community_data_raw (
  id TEXT PRIMARY KEY NOT NULL,
  cabd_id TEXT,
  user_id TEXT REFERENCES cabd_community_contact (user_id),
  uploaded_datetime DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  data TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'NEW' CHECK (status IN ('NEW', 'PROCESSING', 'DONE', 'DONE_WARN')),
  status_message TEXT,
  warnings TEXT
);

CREATE TABLE cabd_community_attribute_mapping (
  attribute_name TEXT NOT NULL,
  attribute_value TEXT NOT NULL,
  code_value INTEGER,
  PRIMARY KEY (attribute_name, attribute_value)
);

-- Redefined whenever a type with a staging table is added.
CREATE VIEW cabd_updates_pending AS
SELECT DISTINCT cabd_id FROM cabd_user_feature_updates WHERE status = 'needs_review';

CREATE TRIGGER cabd_feature_types_i AFTER INSERT ON cabd_feature_types BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_feature_types_u AFTER UPDATE ON cabd_feature_types BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_feature_types_d AFTER DELETE ON cabd_feature_types BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_attribute_set_i AFTER INSERT ON cabd_attribute_set BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_attribute_set_u AFTER UPDATE ON cabd_attribute_set BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_attribute_set_d AFTER DELETE ON cabd_attribute_set BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_feature_type_metadata_i AFTER INSERT ON cabd_feature_type_metadata BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_feature_type_metadata_u AFTER UPDATE ON cabd_feature_type_metadata BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_feature_type_metadata_d AFTER DELETE ON cabd_feature_type_metadata BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_manifest_i AFTER INSERT ON cabd_manifest BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_manifest_u AFTER UPDATE ON cabd_manifest BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
CREATE TRIGGER cabd_manifest_d AFTER DELETE ON cabd_manifest BEGIN UPDATE cabd_catalog_state SET version = version + 1; END;
