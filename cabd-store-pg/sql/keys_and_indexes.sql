-- The primary key and the foreign keys of a table, and its indexes that no constraint needs.
SELECT k.contype::text, k.conname::text, pg_get_constraintdef(k.oid)
FROM pg_constraint k
WHERE k.conrelid = $1::text::regclass AND k.contype IN ('p', 'f')
UNION ALL
SELECT 'i', c.relname::text, pg_get_indexdef(i.indexrelid)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1::text::regclass AND NOT i.indisprimary
    AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
