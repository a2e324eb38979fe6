-- The changes of the catalogue, oldest first: changeset, body, commit, time, author.
SELECT h.changeset, h.body::text, c.revision,
    coalesce(to_char(c.datetime AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), ''), c.author
FROM cabd.manifest_history h
LEFT JOIN cabd.changeset c ON c.id = h.changeset
ORDER BY c.revision NULLS LAST, h.changeset
