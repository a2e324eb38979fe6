-- The number of this transaction's commit.
SELECT revision FROM cabd.changeset WHERE id = nullif(current_setting('cabd.changeset', true), '')::bigint
