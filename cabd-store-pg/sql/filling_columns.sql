-- Columns whose name begins as that of a column that is being filled.
SELECT n.nspname || '.' || c.relname, a.attname::text
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE starts_with(a.attname::text, $1::text) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, 2
