-- The proof: a seal for each commit, chained, and the salts of log rows that tell of people.
CREATE TABLE cabd_seal (
  commit_number INTEGER PRIMARY KEY NOT NULL,
  datetime DATETIME NOT NULL,
  digest BLOB NOT NULL,
  chain BLOB NOT NULL,
  log_rows INTEGER NOT NULL,
  marks BLOB NOT NULL,
  salt BLOB NOT NULL
);

-- When a person is erased the salt goes, and the digests stay.
CREATE TABLE cabd_seal_salt (
  revision INTEGER PRIMARY KEY NOT NULL,
  salt BLOB,
  digests TEXT
);

ALTER TABLE cabd_release ADD COLUMN chain BLOB;
