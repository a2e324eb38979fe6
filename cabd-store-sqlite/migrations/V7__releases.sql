-- Released data versions: names of commits, for good.
CREATE TABLE cabd_release (
  name TEXT PRIMARY KEY NOT NULL COLLATE NOCASE CHECK (name <> ''),
  revision INTEGER NOT NULL,
  datetime DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  author TEXT,
  note TEXT
);
CREATE TRIGGER cabd_release_stays BEFORE UPDATE ON cabd_release
BEGIN SELECT RAISE(ABORT, 'a release never moves: release the other commit under a new name'); END;
CREATE TRIGGER cabd_release_remains BEFORE DELETE ON cabd_release
BEGIN SELECT RAISE(ABORT, 'a release never moves: release the other commit under a new name'); END;
