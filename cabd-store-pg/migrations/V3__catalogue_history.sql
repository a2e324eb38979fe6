-- The changes of the catalogue: what was before and after, and what was set aside. One row a commit that changed it.
CREATE TABLE cabd.manifest_history (
    changeset bigint PRIMARY KEY,
    body json NOT NULL
);
COMMENT ON TABLE cabd.manifest_history IS 'The changes of the catalogue, so that they can be undone; the commit is cabd.changeset.revision.';
