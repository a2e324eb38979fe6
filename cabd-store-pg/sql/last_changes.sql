-- The newest commit that touched each of these features, or rows around them.
SELECT l.cabd_id, max(c.revision)
FROM cabd.audit_record l
JOIN cabd.changeset c ON c.id = l.changeset
WHERE l.cabd_id = ANY ($1) AND c.revision IS NOT NULL
GROUP BY l.cabd_id
