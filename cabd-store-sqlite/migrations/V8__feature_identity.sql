-- What has become of features that were merged, split or withdrawn. Successors are type/cabd_id, as JSON.
CREATE TABLE cabd_feature_identity (
  cabd_id TEXT PRIMARY KEY NOT NULL,
  cabd_type TEXT NOT NULL,
  act TEXT NOT NULL CHECK (act IN ('merge', 'split', 'withdraw')),
  successors TEXT,
  reason TEXT,
  datetime DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
