-- The key and the look-up index of the log, as migration V2 makes them.
ALTER TABLE cabd.audit_record ADD CONSTRAINT audit_log_pkey PRIMARY KEY (revision);
CREATE INDEX audit_log_cabd_id_idx ON cabd.audit_record (cabd_id);
