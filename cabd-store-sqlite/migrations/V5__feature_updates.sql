-- Suggested updates are written like other relations; a contact that one names is found without a scan.
CREATE INDEX cabd_user_feature_updates_contact ON cabd_user_feature_updates (contact_id);
