-- The primary key and the foreign keys of a table, its indexes that no constraint needs, and those of its triggers that
-- $2 names.
SELECT k.contype::text, k.conname::text, pg_get_constraintdef(k.oid)
FROM pg_constraint k
WHERE k.conrelid = $1::text::regclass AND k.contype IN ('p', 'f')
UNION ALL
SELECT 'i', c.relname::text, pg_get_indexdef(i.indexrelid)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1::text::regclass AND NOT i.indisprimary
    AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 't', t.tgname::text, pg_get_triggerdef(t.oid)
FROM pg_trigger t
WHERE t.tgrelid = $1::text::regclass AND t.tgname = ANY ($2::text[]) AND t.tgenabled = 'O'
