-- Released data versions: names of commits, for good.
CREATE TABLE cabd.release (
    name text PRIMARY KEY CHECK (name <> ''),
    revision bigint NOT NULL,
    datetime timestamptz NOT NULL DEFAULT now(),
    author text,
    note text
);
CREATE UNIQUE INDEX release_name_idx ON cabd.release (lower(name));
COMMENT ON TABLE cabd.release IS 'Released data versions: a name for the commit whose changeset has this revision. A release never moves.';

CREATE FUNCTION cabd.release_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a release never moves'
        USING ERRCODE = 'feature_not_supported', HINT = 'release the other commit under a new name';
END
$$;
CREATE TRIGGER release_stays BEFORE UPDATE OR DELETE ON cabd.release FOR EACH ROW EXECUTE FUNCTION cabd.release_stays();
CREATE TRIGGER release_stays_whole BEFORE TRUNCATE ON cabd.release FOR EACH STATEMENT EXECUTE FUNCTION cabd.release_stays();
