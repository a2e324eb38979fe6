-- The proof: a seal for each commit, chained, and the salts of log rows that tell of people.
CREATE TABLE cabd.seal (
    commit_number bigint PRIMARY KEY,
    datetime timestamptz NOT NULL,
    digest bytea NOT NULL,
    chain bytea NOT NULL,
    log_rows bigint NOT NULL,
    marks bytea NOT NULL,
    salt bytea NOT NULL
);
ALTER TABLE cabd.seal ALTER COLUMN marks SET STORAGE EXTERNAL;
COMMENT ON TABLE cabd.seal IS 'One row a commit: digest of its changeset and log rows, and the hash chain up to it. commit_number is cabd.changeset.revision.';

CREATE TABLE cabd.seal_salt (
    revision bigint PRIMARY KEY,
    salt bytea,
    digests text
);
COMMENT ON TABLE cabd.seal_salt IS 'Salts of log rows that tell of people; when a person is erased the salt goes, and the digests stay.';

ALTER TABLE cabd.release ADD COLUMN chain bytea;
COMMENT ON COLUMN cabd.release.chain IS 'The hash chain after the commit, when the release was named.';

-- No log row of a changeset has a lower number: its rows are found without a scan.
ALTER TABLE cabd.changeset ADD COLUMN log_from bigint;

CREATE OR REPLACE FUNCTION cabd.current_changeset() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made text := nullif(current_setting('cabd.changeset', true), '');
    head jsonb;
    new_id bigint;
BEGIN
    IF made IS NOT NULL THEN
        RETURN made::bigint;
    END IF;
    head := coalesce(nullif(current_setting('cabd.head', true), ''), '{}')::jsonb;
    INSERT INTO cabd.changeset (author, reason, kind, client, reviewer, data_source, log_from)
    VALUES (
        coalesce(head ->> 'author', nullif(current_setting('cabd.author', true), ''), cabd.role_name()),
        coalesce(head ->> 'reason', nullif(current_setting('cabd.reason', true), '')),
        coalesce(head ->> 'kind', 'external'),
        coalesce(head ->> 'client', nullif(current_setting('application_name', true), '')),
        head ->> 'reviewer', (head ->> 'data_source')::uuid,
        (SELECT last_value FROM cabd.audit_log_revision_seq))
    RETURNING id INTO new_id;
    PERFORM set_config('cabd.changeset', new_id::text, true);
    RETURN new_id;
END
$$;
