-- Exact content of the log. Rows are in cabd_audit_record; cabd_audit_log (a view made with the tables) shows them with
-- the values of bulk loads, which follow from the row and its later changes.

DROP INDEX cabd_audit_log_changeset;
DROP INDEX cabd_audit_log_feature;

-- A row without a changeset was written by another program; cabd gathers such rows in one when it next opens or writes.
CREATE TABLE cabd_audit_record (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  changeset INTEGER,
  datetime DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  username TEXT,
  schemaname TEXT NOT NULL,
  tablename TEXT NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('INSERT', 'UPDATE', 'DELETE')),
  cabd_id TEXT,
  datasource_id TEXT,
  id_pk TEXT,
  row_key TEXT,
  oldvalues TEXT,
  newvalues TEXT
);
INSERT INTO cabd_audit_record
  SELECT revision, changeset, datetime, username, schemaname, tablename, action, cabd_id, datasource_id, id_pk, NULL, oldvalues, newvalues
  FROM cabd_audit_log;
DROP TABLE cabd_audit_log;
CREATE INDEX cabd_audit_log_changeset ON cabd_audit_record (changeset);
CREATE INDEX cabd_audit_log_feature ON cabd_audit_record (cabd_id) WHERE cabd_id IS NOT NULL;
CREATE INDEX cabd_audit_log_other ON cabd_audit_record (schemaname, tablename) WHERE cabd_id IS NULL;
CREATE INDEX cabd_audit_log_open ON cabd_audit_record (revision) WHERE changeset IS NULL;

-- Rows that an INSERT OR REPLACE is about to take away: SQLite does not call triggers for those.
CREATE TABLE cabd_audit_replaced (
  tablename TEXT NOT NULL,
  row TEXT NOT NULL,
  cabd_id TEXT,
  datasource_id TEXT,
  id_pk TEXT,
  row_key TEXT,
  oldvalues TEXT NOT NULL
);
