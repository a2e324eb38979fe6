-- Statements that validate the foreign keys of tables that were loaded in bulk.
SELECT format('ALTER TABLE %s VALIDATE CONSTRAINT %I', k.conrelid::regclass, k.conname)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND NOT k.convalidated AND n.nspname || '.' || c.relname = ANY ($1::text[])
ORDER BY 1
