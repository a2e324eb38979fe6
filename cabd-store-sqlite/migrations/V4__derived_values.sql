-- How far the rows of other programs have been looked at for derived values, and the changesets of other programs.

CREATE TABLE cabd_derived_mark (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  changeset INTEGER NOT NULL
);
INSERT INTO cabd_derived_mark VALUES (1, 0);
CREATE INDEX cabd_changeset_external ON cabd_changeset (id) WHERE kind = 'external';
