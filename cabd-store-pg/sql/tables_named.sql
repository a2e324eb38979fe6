-- The tables that the foreign keys of a table name.
SELECT DISTINCT format('%I.%I', n.nspname, c.relname)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.confrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid = $1::text::regclass AND k.confrelid <> k.conrelid
