-- The look-up indexes of the log, as migration V2 makes them.
CREATE INDEX audit_log_changeset_idx ON cabd.audit_log (changeset);
CREATE INDEX audit_log_cabd_id_idx ON cabd.audit_log (cabd_id);
