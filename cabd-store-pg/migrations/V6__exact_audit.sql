-- Exact content of the log. Rows are in cabd.audit_record; cabd.audit_log shows them with the values of bulk loads, which
-- follow from the row and its later changes.

ALTER TABLE cabd.audit_log RENAME TO audit_record;
COMMENT ON TABLE cabd.audit_record IS 'One row per changed row, read through cabd.audit_log. A row that a bulk load inserted has no values here.';
ALTER TABLE cabd.audit_record ALTER COLUMN username DROP DEFAULT;

-- The role that somebody works as, also inside functions that run as the owner.
CREATE FUNCTION cabd.role_name() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(nullif(current_setting('role', true), 'none'), ''), session_user)
$$;
ALTER TABLE cabd.audit_record ALTER COLUMN username SET DEFAULT cabd.role_name();
-- Rows that belong to no feature are looked up by themselves.
CREATE INDEX audit_record_other_idx ON cabd.audit_record (schemaname, tablename) WHERE cabd_id IS NULL;

CREATE TABLE cabd.audit_table (
    schemaname text NOT NULL,
    tablename text NOT NULL,
    present text NOT NULL,
    PRIMARY KEY (schemaname, tablename)
);
COMMENT ON TABLE cabd.audit_table IS 'The audited tables, and the query that gives the present values of the row of a log row ($1).';

-- The present values of the row of a log row, by the queries of cabd.audit_table: made anew at the end of a transaction that
-- changes these, so that their plans are kept.
CREATE FUNCTION cabd.make_present_values() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    branches text;
BEGIN
    IF current_setting('cabd.present_made', true) = pg_current_xact_id()::text THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(format(E'WHEN %L THEN RETURN (%s);\n', schemaname || '.' || tablename, present), '')
    INTO branches FROM cabd.audit_table;
    EXECUTE format('CREATE OR REPLACE FUNCTION cabd.present_values(r cabd.audit_record) RETURNS jsonb LANGUAGE plpgsql STABLE AS %L',
        CASE WHEN branches IS NULL THEN 'BEGIN RETURN NULL; END'
        ELSE 'BEGIN CASE r.schemaname || ''.'' || r.tablename ' || branches || 'ELSE RETURN NULL; END CASE; END' END);
    PERFORM set_config('cabd.present_made', pg_current_xact_id()::text, true);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER make_present_values AFTER INSERT OR UPDATE OR DELETE ON cabd.audit_table
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cabd.make_present_values();
CREATE FUNCTION cabd.present_values(r cabd.audit_record) RETURNS jsonb LANGUAGE plpgsql STABLE AS 'BEGIN RETURN NULL; END';

-- What a bulk load inserted: what is there, under what later changes have replaced, nulls left out.
CREATE FUNCTION cabd.inserted_values(r cabd.audit_record) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    was jsonb := '{}';
    l record;
BEGIN
    IF r.cabd_id IS NULL THEN
        FOR l IN
            SELECT a.action, a.oldvalues FROM cabd.audit_record a
            WHERE a.cabd_id IS NULL AND a.schemaname = r.schemaname AND a.tablename = r.tablename
                AND a.revision > r.revision AND a.datasource_id IS NOT DISTINCT FROM r.datasource_id
                AND a.id_pk IS NOT DISTINCT FROM r.id_pk AND a.row_key IS NOT DISTINCT FROM r.row_key
            ORDER BY a.revision
        LOOP
            was := coalesce(l.oldvalues, '{}') || was;
            IF l.action = 'DELETE' THEN
                RETURN jsonb_strip_nulls(was);
            END IF;
        END LOOP;
    ELSE
        FOR l IN
            SELECT a.action, a.oldvalues FROM cabd.audit_record a
            WHERE a.cabd_id = r.cabd_id AND a.schemaname = r.schemaname AND a.tablename = r.tablename
                AND a.revision > r.revision AND a.datasource_id IS NOT DISTINCT FROM r.datasource_id
                AND a.id_pk IS NOT DISTINCT FROM r.id_pk AND a.row_key IS NOT DISTINCT FROM r.row_key
            ORDER BY a.revision
        LOOP
            was := coalesce(l.oldvalues, '{}') || was;
            IF l.action = 'DELETE' THEN
                RETURN jsonb_strip_nulls(was);
            END IF;
        END LOOP;
    END IF;
    IF was = '{}' THEN
        RETURN coalesce(cabd.present_values(r), '{}');
    END IF;
    RETURN jsonb_strip_nulls(coalesce(cabd.present_values(r), '{}') || was);
END
$$;

CREATE VIEW cabd.audit_log AS
SELECT r.revision, r.datetime, r.username, r.schemaname, r.tablename, r.action, r.cabd_id, r.datasource_id, r.id_pk,
    r.oldvalues,
    CASE WHEN r.action = 'INSERT' AND r.newvalues IS NULL THEN cabd.inserted_values(r) ELSE r.newvalues END AS newvalues,
    r.row_key, r.changeset
FROM cabd.audit_record r;
COMMENT ON VIEW cabd.audit_log IS 'One row per changed row: an UPDATE''s changed values, what an INSERT brought and a DELETE took, nulls left out.';
COMMENT ON COLUMN cabd.audit_log.row_key IS 'The key''s values that cabd_id, datasource_id and id_pk do not hold.';

-- Changesets of other programs are a kind like the others.
DROP INDEX cabd.changeset_external_idx;
UPDATE cabd.changeset SET kind = 'external' WHERE kind IS NULL;
ALTER TABLE cabd.changeset ALTER COLUMN kind SET DEFAULT 'external', ALTER COLUMN kind SET NOT NULL;
CREATE INDEX changeset_external_idx ON cabd.changeset (revision) WHERE kind = 'external';

-- These run as the owner: who may change a table has it logged, with no right on the log.
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
    INSERT INTO cabd.changeset (author, reason, kind, client, reviewer, data_source)
    VALUES (
        coalesce(head ->> 'author', nullif(current_setting('cabd.author', true), ''), cabd.role_name()),
        coalesce(head ->> 'reason', nullif(current_setting('cabd.reason', true), '')),
        coalesce(head ->> 'kind', 'external'),
        coalesce(head ->> 'client', nullif(current_setting('application_name', true), '')),
        head ->> 'reviewer', (head ->> 'data_source')::uuid)
    RETURNING id INTO new_id;
    PERFORM set_config('cabd.changeset', new_id::text, true);
    RETURN new_id;
END
$$;
ALTER FUNCTION cabd.number_changeset() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION cabd.catalog_changed() SECURITY DEFINER SET search_path = pg_catalog, pg_temp;

-- Whoever may not change the log cannot switch it off either.
CREATE FUNCTION cabd.logged() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF coalesce(current_setting('cabd.unlogged', true), '') <> 'on' THEN
        RETURN true;
    END IF;
    RETURN NOT (SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class
        WHERE oid = 'cabd.audit_record'::regclass);
END
$$;
