-- Changesets after a commit, up to another: commit, time, author, reason, kind, client, reviewer, data source.
SELECT revision, datetime, author, reason, kind, client, reviewer, data_source
FROM cabd.changeset
WHERE revision > $1 AND ($2::int8 IS NULL OR revision <= $2)
ORDER BY revision
