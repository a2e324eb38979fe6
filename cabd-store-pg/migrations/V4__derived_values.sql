-- How far the rows of other programs have been looked at for derived values, and the changesets of other programs.

CREATE TABLE cabd.derived_mark (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL
);
COMMENT ON TABLE cabd.derived_mark IS 'The newest commit of another program whose rows have been looked at for derived values.';
INSERT INTO cabd.derived_mark (revision) VALUES (0);
CREATE INDEX changeset_external_idx ON cabd.changeset (revision) WHERE kind IS NULL;
