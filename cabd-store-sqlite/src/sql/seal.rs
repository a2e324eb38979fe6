//! Statements about seals.

/// Rows of the log as they are stored, with their salts.
macro_rules! rows {
    ($condition:literal) => {
        concat!(
            "SELECT r.revision, r.changeset, r.datetime, r.username, r.schemaname, r.tablename, r.action, r.cabd_id, \
             r.datasource_id, r.id_pk, r.row_key, r.oldvalues, r.newvalues, s.revision IS NOT NULL, s.salt, s.digests \
             FROM cabd_audit_record AS r LEFT JOIN cabd_seal_salt AS s ON s.revision = r.revision WHERE ",
            $condition,
            " ORDER BY r.changeset, r.revision"
        )
    };
}

pub(crate) const LAST: &str =
    "SELECT commit_number, chain FROM cabd_seal ORDER BY commit_number DESC LIMIT 1";

pub(crate) const NEWEST: &str = "SELECT commit_number, datetime, digest, chain, log_rows, marks, salt FROM cabd_seal \
     WHERE commit_number <= ? ORDER BY commit_number DESC LIMIT 1";

pub(crate) const SEALS: &str = "SELECT commit_number, datetime, digest, chain, log_rows, marks, salt FROM cabd_seal \
     WHERE commit_number > ? ORDER BY commit_number";

/// Whether the newest commit has no seal: later ones have none either.
pub(crate) const BEHIND: &str = "SELECT COALESCE((SELECT max(id) FROM cabd_changeset), 0) > \
     COALESCE((SELECT max(commit_number) FROM cabd_seal), 0)";

pub(crate) const KEEP: &str = "INSERT INTO cabd_seal (commit_number, datetime, digest, chain, log_rows, marks, salt) \
     VALUES (?, ?, ?, ?, ?, ?, ?)";

pub(crate) const SALT: &str = "INSERT INTO cabd_seal_salt (revision, salt) VALUES (?, ?)";

pub(crate) const OF_COMMIT: &str = rows!("r.changeset = ?");

pub(crate) const ERASE: &str =
    "UPDATE cabd_audit_record SET oldvalues = ?, newvalues = ? WHERE revision = ?";

pub(crate) const ERASED: &str = "INSERT INTO cabd_seal_salt (revision, digests) VALUES (?, ?) \
     ON CONFLICT (revision) DO UPDATE SET salt = NULL, digests = excluded.digests";

pub(crate) fn rows(only_people: bool) -> String {
    match only_people {
        true => rows!(
            "r.changeset > ?1 AND r.changeset <= ?2 AND r.schemaname = 'cabd' \
             AND r.tablename IN ('contacts', 'user_feature_updates')"
        ),
        false => rows!("r.changeset > ?1 AND r.changeset <= ?2"),
    }
    .to_owned()
}
