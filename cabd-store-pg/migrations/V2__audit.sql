-- The log of changes. Row triggers write it (generated with each table); commit numbers are given in commit order.

CREATE SEQUENCE cabd.commit_number;

CREATE TABLE cabd.changeset (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    revision bigint UNIQUE,
    datetime timestamptz NOT NULL DEFAULT now(),
    author text,
    reason text,
    kind text,
    client text,
    reviewer text,
    data_source uuid
);
COMMENT ON TABLE cabd.changeset IS 'One row per transaction that changed an audited table; revision is the commit number.';

CREATE TABLE cabd.audit_log (
    revision bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    datetime timestamptz NOT NULL DEFAULT now(),
    username text NOT NULL DEFAULT session_user,
    schemaname text NOT NULL,
    tablename text NOT NULL,
    action text NOT NULL,
    cabd_id uuid,
    datasource_id uuid,
    id_pk uuid,
    row_key text[],
    oldvalues jsonb,
    newvalues jsonb,
    changeset bigint NOT NULL
);
COMMENT ON TABLE cabd.audit_log IS 'One row per changed row. An UPDATE keeps what changed, a DELETE the whole row, an INSERT nothing: the values at creation follow by undoing later changes.';
COMMENT ON COLUMN cabd.audit_log.row_key IS 'The key''s values that cabd_id, datasource_id and id_pk do not hold.';
-- The rows of a changeset lie together.
CREATE INDEX audit_log_changeset_idx ON cabd.audit_log USING brin (changeset) WITH (pages_per_range = 32);
CREATE INDEX audit_log_cabd_id_idx ON cabd.audit_log (cabd_id);

-- The transaction's changeset, made at its first logged change. cabd says who changes what in the setting `cabd.head`
-- (JSON); whoever writes SQL may set `cabd.author` and `cabd.reason`. A setting reads as '' after its transaction.
CREATE FUNCTION cabd.current_changeset() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made text := nullif(current_setting('cabd.changeset', true), '');
    head jsonb;
    new_id bigint;
BEGIN
    IF made IS NOT NULL THEN
        RETURN made::bigint;
    END IF;
    head := coalesce(nullif(current_setting('cabd.head', true), ''), '{}')::jsonb;
    INSERT INTO cabd.changeset (author, reason, kind, client, reviewer, data_source)
    VALUES (
        coalesce(head ->> 'author', nullif(current_setting('cabd.author', true), '')),
        coalesce(head ->> 'reason', nullif(current_setting('cabd.reason', true), '')),
        head ->> 'kind', head ->> 'client', head ->> 'reviewer', (head ->> 'data_source')::uuid)
    RETURNING id INTO new_id;
    PERFORM set_config('cabd.changeset', new_id::text, true);
    RETURN new_id;
END
$$;

-- At commit: the lock, then the number. The lock is held until the commit is visible, so numbers are in commit order.
CREATE FUNCTION cabd.number_changeset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4617, 1);
    UPDATE cabd.changeset SET revision = nextval('cabd.commit_number'), datetime = clock_timestamp()
    WHERE id = new.id AND revision IS NULL;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER number_changeset AFTER INSERT ON cabd.changeset
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cabd.number_changeset();

CREATE FUNCTION cabd.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of %.% is refused: it would not be logged', tg_table_schema, tg_table_name
        USING ERRCODE = 'feature_not_supported', HINT = 'DELETE the rows instead';
END
$$;
