-- Suggested updates are written like other relations; a contact that one names is found without a scan.
CREATE INDEX user_feature_updates_contact_idx ON cabd.user_feature_updates (contact_id);
