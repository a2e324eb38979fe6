-- Triggers: table, name, whether it works, when it is called (bits of tgtype), function, definition.
SELECT n.nspname || '.' || c.relname, t.tgname::text, t.tgenabled IN ('O', 'A'), t.tgtype::int4,
    pn.nspname || '.' || p.proname, pg_get_triggerdef(t.oid)
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_namespace pn ON pn.oid = p.pronamespace
WHERE NOT t.tgisinternal
