-- Views whose definition is no longer the generated one.
SELECT g.view_schema || '.' || g.view_name
FROM cabd.generated_views g
JOIN pg_namespace n ON n.nspname = g.view_schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = g.view_name AND c.relkind = 'v'
WHERE md5(pg_get_viewdef(c.oid)) <> g.definition_md5
ORDER BY 1
