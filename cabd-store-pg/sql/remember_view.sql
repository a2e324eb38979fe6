-- Keeps the hash of a view just generated.
INSERT INTO cabd.generated_views (view_schema, view_name, definition_md5)
SELECT n.nspname, c.relname, md5(pg_get_viewdef(c.oid))
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relname = $2::text AND c.relkind = 'v'
ON CONFLICT (view_schema, view_name) DO UPDATE SET definition_md5 = excluded.definition_md5
