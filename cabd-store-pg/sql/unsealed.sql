-- The oldest commits without a seal: as in changesets.sql, and the lowest number that their log rows may have.
SELECT revision, datetime, author, reason, kind, client, reviewer, data_source, coalesce(log_from, 0)
FROM cabd.changeset
WHERE revision > $1
ORDER BY revision
LIMIT 1000
