-- What has become of features that were merged, split or withdrawn.
CREATE TABLE cabd.feature_identity (
    cabd_id uuid PRIMARY KEY,
    cabd_type varchar(32) NOT NULL,
    act text NOT NULL CHECK (act IN ('merge', 'split', 'withdraw')),
    successors text[],
    reason text,
    datetime timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE cabd.feature_identity IS 'What has become of features that were merged, split or withdrawn. Successors are type/cabd_id.';
