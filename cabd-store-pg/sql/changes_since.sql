-- The log after a commit: commits in their order, rows in the order they were written.
SELECT c.revision, c.author, l.schemaname, l.tablename, l.action, l.cabd_id
FROM cabd.changeset c
JOIN cabd.audit_log l ON l.changeset = c.id
WHERE c.revision > $1
ORDER BY c.revision, l.revision
