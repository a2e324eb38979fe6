-- The SpatiaLite 5 metadata tables, with the columns and constraint names that libspatialite, GDAL and QGIS look for.
--
-- Every statement is a no-op where the object exists already, so the script completes a partly initialised file and leaves a
-- complete one alone. The three virtual-table entries (SpatialIndex, ElementaryGeometries, KNN) cannot be created without
-- their modules; spatial.rs writes them into the schema table.

-- reference systems ---------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS spatial_ref_sys (
    srid INTEGER NOT NULL PRIMARY KEY,
    auth_name TEXT NOT NULL,
    auth_srid INTEGER NOT NULL,
    ref_sys_name TEXT NOT NULL DEFAULT 'Unknown',
    proj4text TEXT NOT NULL,
    srtext TEXT NOT NULL DEFAULT 'Undefined');
CREATE UNIQUE INDEX IF NOT EXISTS idx_spatial_ref_sys ON spatial_ref_sys (auth_srid, auth_name);

CREATE TABLE IF NOT EXISTS spatial_ref_sys_aux (
    srid INTEGER NOT NULL PRIMARY KEY,
    is_geographic INTEGER,
    has_flipped_axes INTEGER,
    spheroid TEXT,
    prime_meridian TEXT,
    datum TEXT,
    projection TEXT,
    unit TEXT,
    axis_1_name TEXT,
    axis_1_orientation TEXT,
    axis_2_name TEXT,
    axis_2_orientation TEXT,
    CONSTRAINT fk_sprefsys FOREIGN KEY (srid) REFERENCES spatial_ref_sys (srid));

CREATE VIEW IF NOT EXISTS spatial_ref_sys_all AS
SELECT a.srid AS srid, a.auth_name AS auth_name, a.auth_srid AS auth_srid, a.ref_sys_name AS ref_sys_name,
    b.is_geographic AS is_geographic, b.has_flipped_axes AS has_flipped_axes, b.spheroid AS spheroid,
    b.prime_meridian AS prime_meridian, b.datum AS datum, b.projection AS projection, b.unit AS unit,
    b.axis_1_name AS axis_1_name, b.axis_1_orientation AS axis_1_orientation,
    b.axis_2_name AS axis_2_name, b.axis_2_orientation AS axis_2_orientation,
    a.proj4text AS proj4text, a.srtext AS srtext
FROM spatial_ref_sys AS a LEFT JOIN spatial_ref_sys_aux AS b ON a.srid = b.srid;

CREATE TABLE IF NOT EXISTS spatialite_history (
    event_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    table_name TEXT NOT NULL,
    geometry_column TEXT,
    event TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    ver_sqlite TEXT NOT NULL,
    ver_splite TEXT NOT NULL);

-- geometry columns of tables --------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS geometry_columns (
    f_table_name TEXT NOT NULL,
    f_geometry_column TEXT NOT NULL,
    geometry_type INTEGER NOT NULL,
    coord_dimension INTEGER NOT NULL,
    srid INTEGER NOT NULL,
    spatial_index_enabled INTEGER NOT NULL,
    CONSTRAINT pk_geom_cols PRIMARY KEY (f_table_name, f_geometry_column),
    CONSTRAINT fk_gc_srs FOREIGN KEY (srid) REFERENCES spatial_ref_sys (srid),
    CONSTRAINT ck_gc_rtree CHECK (spatial_index_enabled IN (0, 1, 2)));
CREATE INDEX IF NOT EXISTS idx_srid_geocols ON geometry_columns (srid);

CREATE VIEW IF NOT EXISTS geom_cols_ref_sys AS
SELECT f_table_name, f_geometry_column, geometry_type, coord_dimension, spatial_ref_sys.srid AS srid,
    auth_name, auth_srid, ref_sys_name, proj4text, srtext
FROM geometry_columns, spatial_ref_sys
WHERE geometry_columns.srid = spatial_ref_sys.srid;

CREATE TABLE IF NOT EXISTS geometry_columns_statistics (
    f_table_name TEXT NOT NULL,
    f_geometry_column TEXT NOT NULL,
    last_verified TIMESTAMP,
    row_count INTEGER,
    extent_min_x DOUBLE,
    extent_min_y DOUBLE,
    extent_max_x DOUBLE,
    extent_max_y DOUBLE,
    CONSTRAINT pk_gc_statistics PRIMARY KEY (f_table_name, f_geometry_column),
    CONSTRAINT fk_gc_statistics FOREIGN KEY (f_table_name, f_geometry_column)
        REFERENCES geometry_columns (f_table_name, f_geometry_column) ON DELETE CASCADE);

CREATE TABLE IF NOT EXISTS geometry_columns_time (
    f_table_name TEXT NOT NULL,
    f_geometry_column TEXT NOT NULL,
    last_insert TIMESTAMP NOT NULL DEFAULT '0000-01-01T00:00:00.000Z',
    last_update TIMESTAMP NOT NULL DEFAULT '0000-01-01T00:00:00.000Z',
    last_delete TIMESTAMP NOT NULL DEFAULT '0000-01-01T00:00:00.000Z',
    CONSTRAINT pk_gc_time PRIMARY KEY (f_table_name, f_geometry_column),
    CONSTRAINT fk_gc_time FOREIGN KEY (f_table_name, f_geometry_column)
        REFERENCES geometry_columns (f_table_name, f_geometry_column) ON DELETE CASCADE);

CREATE TABLE IF NOT EXISTS geometry_columns_auth (
    f_table_name TEXT NOT NULL,
    f_geometry_column TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    CONSTRAINT pk_gc_auth PRIMARY KEY (f_table_name, f_geometry_column),
    CONSTRAINT fk_gc_auth FOREIGN KEY (f_table_name, f_geometry_column)
        REFERENCES geometry_columns (f_table_name, f_geometry_column) ON DELETE CASCADE,
    CONSTRAINT ck_gc_ronly CHECK (read_only IN (0, 1)),
    CONSTRAINT ck_gc_hidden CHECK (hidden IN (0, 1)));

CREATE TABLE IF NOT EXISTS geometry_columns_field_infos (
    f_table_name TEXT NOT NULL,
    f_geometry_column TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    column_name TEXT NOT NULL,
    null_values INTEGER NOT NULL,
    integer_values INTEGER NOT NULL,
    double_values INTEGER NOT NULL,
    text_values INTEGER NOT NULL,
    blob_values INTEGER NOT NULL,
    max_size INTEGER,
    integer_min INTEGER,
    integer_max INTEGER,
    double_min DOUBLE,
    double_max DOUBLE,
    CONSTRAINT pk_gcfld_infos PRIMARY KEY (f_table_name, f_geometry_column, ordinal, column_name),
    CONSTRAINT fk_gcfld_infos FOREIGN KEY (f_table_name, f_geometry_column)
        REFERENCES geometry_columns (f_table_name, f_geometry_column) ON DELETE CASCADE);

-- geometry columns of views ----------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS views_geometry_columns (
    view_name TEXT NOT NULL,
    view_geometry TEXT NOT NULL,
    view_rowid TEXT NOT NULL,
    f_table_name TEXT NOT NULL,
    f_geometry_column TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    CONSTRAINT pk_geom_cols_views PRIMARY KEY (view_name, view_geometry),
    CONSTRAINT fk_views_geom_cols FOREIGN KEY (f_table_name, f_geometry_column)
        REFERENCES geometry_columns (f_table_name, f_geometry_column) ON DELETE CASCADE,
    CONSTRAINT ck_vw_rdonly CHECK (read_only IN (0, 1)));
CREATE INDEX IF NOT EXISTS idx_viewsjoin ON views_geometry_columns (f_table_name, f_geometry_column);

CREATE TABLE IF NOT EXISTS views_geometry_columns_statistics (
    view_name TEXT NOT NULL,
    view_geometry TEXT NOT NULL,
    last_verified TIMESTAMP,
    row_count INTEGER,
    extent_min_x DOUBLE,
    extent_min_y DOUBLE,
    extent_max_x DOUBLE,
    extent_max_y DOUBLE,
    CONSTRAINT pk_vwgc_statistics PRIMARY KEY (view_name, view_geometry),
    CONSTRAINT fk_vwgc_statistics FOREIGN KEY (view_name, view_geometry)
        REFERENCES views_geometry_columns (view_name, view_geometry) ON DELETE CASCADE);

CREATE TABLE IF NOT EXISTS views_geometry_columns_auth (
    view_name TEXT NOT NULL,
    view_geometry TEXT NOT NULL,
    hidden INTEGER NOT NULL,
    CONSTRAINT pk_vwgc_auth PRIMARY KEY (view_name, view_geometry),
    CONSTRAINT fk_vwgc_auth FOREIGN KEY (view_name, view_geometry)
        REFERENCES views_geometry_columns (view_name, view_geometry) ON DELETE CASCADE,
    CONSTRAINT ck_vwgc_hidden CHECK (hidden IN (0, 1)));

CREATE TABLE IF NOT EXISTS views_geometry_columns_field_infos (
    view_name TEXT NOT NULL,
    view_geometry TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    column_name TEXT NOT NULL,
    null_values INTEGER NOT NULL,
    integer_values INTEGER NOT NULL,
    double_values INTEGER NOT NULL,
    text_values INTEGER NOT NULL,
    blob_values INTEGER NOT NULL,
    max_size INTEGER,
    integer_min INTEGER,
    integer_max INTEGER,
    double_min DOUBLE,
    double_max DOUBLE,
    CONSTRAINT pk_vwgcfld_infos PRIMARY KEY (view_name, view_geometry, ordinal, column_name),
    CONSTRAINT fk_vwgcfld_infos FOREIGN KEY (view_name, view_geometry)
        REFERENCES views_geometry_columns (view_name, view_geometry) ON DELETE CASCADE);

-- geometry columns of virtual tables -----------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS virts_geometry_columns (
    virt_name TEXT NOT NULL,
    virt_geometry TEXT NOT NULL,
    geometry_type INTEGER NOT NULL,
    coord_dimension INTEGER NOT NULL,
    srid INTEGER NOT NULL,
    CONSTRAINT pk_geom_cols_virts PRIMARY KEY (virt_name, virt_geometry),
    CONSTRAINT fk_vgc_srid FOREIGN KEY (srid) REFERENCES spatial_ref_sys (srid));
CREATE INDEX IF NOT EXISTS idx_virtssrid ON virts_geometry_columns (srid);

CREATE TABLE IF NOT EXISTS virts_geometry_columns_statistics (
    virt_name TEXT NOT NULL,
    virt_geometry TEXT NOT NULL,
    last_verified TIMESTAMP,
    row_count INTEGER,
    extent_min_x DOUBLE,
    extent_min_y DOUBLE,
    extent_max_x DOUBLE,
    extent_max_y DOUBLE,
    CONSTRAINT pk_vrtgc_statistics PRIMARY KEY (virt_name, virt_geometry),
    CONSTRAINT fk_vrtgc_statistics FOREIGN KEY (virt_name, virt_geometry)
        REFERENCES virts_geometry_columns (virt_name, virt_geometry) ON DELETE CASCADE);

CREATE TABLE IF NOT EXISTS virts_geometry_columns_auth (
    virt_name TEXT NOT NULL,
    virt_geometry TEXT NOT NULL,
    hidden INTEGER NOT NULL,
    CONSTRAINT pk_vrtgc_auth PRIMARY KEY (virt_name, virt_geometry),
    CONSTRAINT fk_vrtgc_auth FOREIGN KEY (virt_name, virt_geometry)
        REFERENCES virts_geometry_columns (virt_name, virt_geometry) ON DELETE CASCADE,
    CONSTRAINT ck_vrtgc_hidden CHECK (hidden IN (0, 1)));

CREATE TABLE IF NOT EXISTS virts_geometry_columns_field_infos (
    virt_name TEXT NOT NULL,
    virt_geometry TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    column_name TEXT NOT NULL,
    null_values INTEGER NOT NULL,
    integer_values INTEGER NOT NULL,
    double_values INTEGER NOT NULL,
    text_values INTEGER NOT NULL,
    blob_values INTEGER NOT NULL,
    max_size INTEGER,
    integer_min INTEGER,
    integer_max INTEGER,
    double_min DOUBLE,
    double_max DOUBLE,
    CONSTRAINT pk_vrtgcfld_infos PRIMARY KEY (virt_name, virt_geometry, ordinal, column_name),
    CONSTRAINT fk_vrtgcfld_infos FOREIGN KEY (virt_name, virt_geometry)
        REFERENCES virts_geometry_columns (virt_name, virt_geometry) ON DELETE CASCADE);

-- all layers -------------------------------------------------------------------------------------------------------------------

CREATE VIEW IF NOT EXISTS vector_layers AS
SELECT 'SpatialTable' AS layer_type, f_table_name AS table_name, f_geometry_column AS geometry_column,
    geometry_type AS geometry_type, coord_dimension AS coord_dimension, srid AS srid,
    spatial_index_enabled AS spatial_index_enabled
FROM geometry_columns
UNION
SELECT 'SpatialView', a.view_name, a.view_geometry, b.geometry_type, b.coord_dimension, b.srid, b.spatial_index_enabled
FROM views_geometry_columns AS a
LEFT JOIN geometry_columns AS b
    ON Upper(a.f_table_name) = Upper(b.f_table_name) AND Upper(a.f_geometry_column) = Upper(b.f_geometry_column)
UNION
SELECT 'VirtualShape', virt_name, virt_geometry, geometry_type, coord_dimension, srid, 0
FROM virts_geometry_columns;

CREATE VIEW IF NOT EXISTS vector_layers_auth AS
SELECT 'SpatialTable' AS layer_type, f_table_name AS table_name, f_geometry_column AS geometry_column,
    read_only AS read_only, hidden AS hidden
FROM geometry_columns_auth
UNION
SELECT 'SpatialView', a.view_name, a.view_geometry, b.read_only, a.hidden
FROM views_geometry_columns_auth AS a
JOIN views_geometry_columns AS b
    ON Upper(a.view_name) = Upper(b.view_name) AND Upper(a.view_geometry) = Upper(b.view_geometry)
UNION
SELECT 'VirtualShape', virt_name, virt_geometry, 1, hidden
FROM virts_geometry_columns_auth;

CREATE VIEW IF NOT EXISTS vector_layers_statistics AS
SELECT 'SpatialTable' AS layer_type, f_table_name AS table_name, f_geometry_column AS geometry_column,
    last_verified AS last_verified, row_count AS row_count, extent_min_x AS extent_min_x, extent_min_y AS extent_min_y,
    extent_max_x AS extent_max_x, extent_max_y AS extent_max_y
FROM geometry_columns_statistics
UNION
SELECT 'SpatialView', view_name, view_geometry,
    last_verified, row_count, extent_min_x, extent_min_y, extent_max_x, extent_max_y
FROM views_geometry_columns_statistics
UNION
SELECT 'VirtualShape', virt_name, virt_geometry,
    last_verified, row_count, extent_min_x, extent_min_y, extent_max_x, extent_max_y
FROM virts_geometry_columns_statistics;

CREATE VIEW IF NOT EXISTS vector_layers_field_infos AS
SELECT 'SpatialTable' AS layer_type, f_table_name AS table_name, f_geometry_column AS geometry_column,
    ordinal AS ordinal, column_name AS column_name, null_values AS null_values, integer_values AS integer_values,
    double_values AS double_values, text_values AS text_values, blob_values AS blob_values, max_size AS max_size,
    integer_min AS integer_min, integer_max AS integer_max, double_min AS double_min, double_max AS double_max
FROM geometry_columns_field_infos
UNION
SELECT 'SpatialView', view_name, view_geometry,
    ordinal, column_name, null_values, integer_values, double_values, text_values, blob_values,
    max_size, integer_min, integer_max, double_min, double_max
FROM views_geometry_columns_field_infos
UNION
SELECT 'VirtualShape', virt_name, virt_geometry,
    ordinal, column_name, null_values, integer_values, double_values, text_values, blob_values,
    max_size, integer_min, integer_max, double_min, double_max
FROM virts_geometry_columns_field_infos;

-- the reference systems of Canadian inventories -----------------------------------------------------------------------------

INSERT OR IGNORE INTO spatial_ref_sys (srid, auth_name, auth_srid, ref_sys_name, proj4text, srtext) VALUES
(-1, 'NONE', -1, 'Undefined - Cartesian',
    '',
    'Undefined'),
(0, 'NONE', 0, 'Undefined - Geographic Long/Lat',
    '',
    'Undefined'),
(3005, 'epsg', 3005, 'NAD83 / BC Albers',
    '+proj=aea +lat_1=50 +lat_2=58.5 +lat_0=45 +lon_0=-126 +x_0=1000000 +y_0=0 +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +units=m +no_defs',
    'PROJCS["NAD83 / BC Albers",GEOGCS["NAD83",DATUM["North_American_Datum_1983",SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6269"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4269"]],PROJECTION["Albers_Conic_Equal_Area"],PARAMETER["latitude_of_center",45],PARAMETER["longitude_of_center",-126],PARAMETER["standard_parallel_1",50],PARAMETER["standard_parallel_2",58.5],PARAMETER["false_easting",1000000],PARAMETER["false_northing",0],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","3005"]]'),
(3347, 'epsg', 3347, 'NAD83 / Statistics Canada Lambert',
    '+proj=lcc +lat_1=49 +lat_2=77 +lat_0=63.390675 +lon_0=-91.86666666666666 +x_0=6200000 +y_0=3000000 +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +units=m +no_defs',
    'PROJCS["NAD83 / Statistics Canada Lambert",GEOGCS["NAD83",DATUM["North_American_Datum_1983",SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6269"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4269"]],PROJECTION["Lambert_Conformal_Conic_2SP"],PARAMETER["latitude_of_origin",63.390675],PARAMETER["central_meridian",-91.8666666666667],PARAMETER["standard_parallel_1",49],PARAMETER["standard_parallel_2",77],PARAMETER["false_easting",6200000],PARAMETER["false_northing",3000000],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","3347"]]'),
(3857, 'epsg', 3857, 'WGS 84 / Pseudo-Mercator',
    '+proj=merc +a=6378137 +b=6378137 +lat_ts=0.0 +lon_0=0.0 +x_0=0.0 +y_0=0 +k=1.0 +units=m +nadgrids=@null +wktext +no_defs',
    'PROJCS["WGS 84 / Pseudo-Mercator",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]],PROJECTION["Mercator_1SP"],PARAMETER["central_meridian",0],PARAMETER["scale_factor",1],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],EXTENSION["PROJ4","+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +wktext +no_defs"],AUTHORITY["EPSG","3857"]]'),
(3978, 'epsg', 3978, 'NAD83 / Canada Atlas Lambert',
    '+proj=lcc +lat_1=49 +lat_2=77 +lat_0=49 +lon_0=-95 +x_0=0 +y_0=0 +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +units=m +no_defs',
    'PROJCS["NAD83 / Canada Atlas Lambert",GEOGCS["NAD83",DATUM["North_American_Datum_1983",SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6269"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4269"]],PROJECTION["Lambert_Conformal_Conic_2SP"],PARAMETER["latitude_of_origin",49],PARAMETER["central_meridian",-95],PARAMETER["standard_parallel_1",49],PARAMETER["standard_parallel_2",77],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","3978"]]'),
(3979, 'epsg', 3979, 'NAD83(CSRS) / Canada Atlas Lambert',
    '+proj=lcc +lat_1=49 +lat_2=77 +lat_0=49 +lon_0=-95 +x_0=0 +y_0=0 +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +units=m +no_defs',
    'PROJCS["NAD83(CSRS) / Canada Atlas Lambert",GEOGCS["NAD83(CSRS)",DATUM["NAD83_Canadian_Spatial_Reference_System",SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6140"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4617"]],PROJECTION["Lambert_Conformal_Conic_2SP"],PARAMETER["latitude_of_origin",49],PARAMETER["central_meridian",-95],PARAMETER["standard_parallel_1",49],PARAMETER["standard_parallel_2",77],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","3979"]]'),
(4269, 'epsg', 4269, 'NAD83',
    '+proj=longlat +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +no_defs',
    'GEOGCS["NAD83",DATUM["North_American_Datum_1983",SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6269"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4269"]]'),
(4326, 'epsg', 4326, 'WGS 84',
    '+proj=longlat +datum=WGS84 +no_defs',
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]'),
(4617, 'epsg', 4617, 'NAD83(CSRS)',
    '+proj=longlat +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +no_defs',
    'GEOGCS["NAD83(CSRS)",DATUM["NAD83_Canadian_Spatial_Reference_System",SPHEROID["GRS 1980",6378137,298.257222101,AUTHORITY["EPSG","7019"]],AUTHORITY["EPSG","6140"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4617"]]');

INSERT OR IGNORE INTO spatial_ref_sys_aux (srid, is_geographic, has_flipped_axes, spheroid, prime_meridian, datum, projection, unit,
    axis_1_name, axis_1_orientation, axis_2_name, axis_2_orientation) VALUES
(3005, 0, 0, 'GRS 1980', 'Greenwich', 'North_American_Datum_1983', 'Albers_Conic_Equal_Area', 'metre', 'Easting', 'East', 'Northing', 'North'),
(3347, 0, 0, 'GRS 1980', 'Greenwich', 'North_American_Datum_1983', 'Lambert_Conformal_Conic_2SP', 'metre', 'Easting', 'East', 'Northing', 'North'),
(3857, 0, 0, 'WGS 84', 'Greenwich', 'WGS_1984', 'Mercator_1SP', 'metre', 'Easting', 'East', 'Northing', 'North'),
(3978, 0, 0, 'GRS 1980', 'Greenwich', 'North_American_Datum_1983', 'Lambert_Conformal_Conic_2SP', 'metre', 'Easting', 'East', 'Northing', 'North'),
(3979, 0, 0, 'GRS 1980', 'Greenwich', 'NAD83_Canadian_Spatial_Reference_System', 'Lambert_Conformal_Conic_2SP', 'metre', 'Easting', 'East', 'Northing', 'North'),
(4269, 1, 1, 'GRS 1980', 'Greenwich', 'North_American_Datum_1983', 'none', 'degree', 'Geodetic latitude', 'North', 'Geodetic longitude', 'East'),
(4326, 1, 1, 'WGS 84', 'Greenwich', 'WGS_1984', 'none', 'degree', 'Geodetic latitude', 'North', 'Geodetic longitude', 'East'),
(4617, 1, 1, 'GRS 1980', 'Greenwich', 'NAD83_Canadian_Spatial_Reference_System', 'none', 'degree', 'Geodetic latitude', 'North', 'Geodetic longitude', 'East');
