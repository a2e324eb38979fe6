-- Commits and the log of rows. A changeset's id is the commit number: SQLite has one writer, so ids follow commits.

CREATE TABLE cabd_changeset (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  datetime DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  author TEXT,
  reason TEXT,
  kind TEXT NOT NULL DEFAULT 'external',
  client TEXT,
  reviewer TEXT,
  datasource_id TEXT
);

-- The changeset of the transaction that is writing, if cabd writes it; no row outside one.
CREATE TABLE cabd_audit_actor (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  changeset INTEGER NOT NULL,
  author TEXT
);

CREATE TABLE cabd_audit_log (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  changeset INTEGER NOT NULL,
  datetime DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  username TEXT,
  schemaname TEXT NOT NULL,
  tablename TEXT NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('INSERT', 'UPDATE', 'DELETE')),
  cabd_id TEXT,
  datasource_id TEXT,
  id_pk TEXT,
  oldvalues TEXT,
  newvalues TEXT
);
CREATE INDEX cabd_audit_log_changeset ON cabd_audit_log (changeset);
CREATE INDEX cabd_audit_log_feature ON cabd_audit_log (cabd_id) WHERE cabd_id IS NOT NULL;
