-- The changes of the catalogue: what was before and after, and what was set aside. One row a commit that changed it.
CREATE TABLE cabd_manifest_history (
  changeset INTEGER PRIMARY KEY NOT NULL,
  body TEXT NOT NULL
);
