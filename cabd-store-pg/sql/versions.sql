-- What runs below: server, PostGIS, GEOS, the database's collation.
SELECT current_setting('server_version'), postgis_lib_version(), coalesce(postgis_geos_version(), ''),
    (SELECT coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale', d.datcollate)::text
     FROM pg_database d WHERE d.datname = current_database())
