//! Queries about seals and what they prove.

/// Ends a statement with what every row of the log is read from.
macro_rules! rows {
    ($from:literal) => {
        concat!(
            "SELECT r.revision, c.revision, r.datetime, r.username, r.schemaname, r.tablename, r.action, r.cabd_id, \
             r.datasource_id, r.id_pk, array_to_json(r.row_key)::text, r.oldvalues::text, r.newvalues::text, \
             s.revision IS NOT NULL, s.digests, encode(s.salt, 'hex') FROM ",
            $from,
            " ORDER BY c.revision, r.revision"
        )
    };
}

/// Those of commits after $1 up to $2, none of which has a lower number than $3.
pub(crate) const OF_COMMITS: &str = rows!(
    "cabd.changeset c JOIN cabd.audit_record r ON r.changeset = c.id AND r.revision >= $3 \
     LEFT JOIN cabd.seal_salt s ON s.revision = r.revision WHERE c.revision > $1 AND c.revision <= $2"
);

/// All, those without a changeset last.
const ALL: &str = rows!(
    "cabd.audit_record r LEFT JOIN cabd.changeset c ON c.id = r.changeset \
     LEFT JOIN cabd.seal_salt s ON s.revision = r.revision WHERE c.revision IS NULL OR (c.revision > $1 AND c.revision <= $2)"
);

/// Those after a commit.
const SINCE: &str = rows!(
    "cabd.changeset c JOIN cabd.audit_record r ON r.changeset = c.id AND r.revision >= \
     (SELECT coalesce(min(coalesce(f.log_from, 0)), 0) FROM cabd.changeset f WHERE f.revision > $1 AND f.revision <= $2) \
     LEFT JOIN cabd.seal_salt s ON s.revision = r.revision WHERE c.revision > $1 AND c.revision <= $2"
);

/// Those of contacts and suggested updates.
const PEOPLE: &str = rows!(
    "cabd.changeset c JOIN cabd.audit_record r ON r.changeset = c.id \
     LEFT JOIN cabd.seal_salt s ON s.revision = r.revision WHERE c.revision > $1 AND c.revision <= $2 \
     AND r.schemaname = 'cabd' AND r.tablename IN ('contacts', 'user_feature_updates')"
);

pub(crate) fn rows(after: i64, only_people: bool) -> &'static str {
    match (only_people, after) {
        (true, _) => PEOPLE,
        (false, 0) => ALL,
        (false, _) => SINCE,
    }
}

/// The newest commit without a seal is newer than the newest seal.
pub(crate) const BEHIND: &str = "SELECT coalesce((SELECT max(revision) FROM cabd.changeset), 0) > \
     coalesce((SELECT max(commit_number) FROM cabd.seal), 0)";

pub(crate) const LAST: &str =
    "SELECT commit_number, chain FROM cabd.seal ORDER BY commit_number DESC LIMIT 1";

pub(crate) const NEWEST: &str = "SELECT commit_number, datetime, digest, chain, log_rows, marks, salt FROM cabd.seal \
     WHERE commit_number <= $1 ORDER BY commit_number DESC LIMIT 1";

pub(crate) const SEALS: &str = "SELECT commit_number, datetime, digest, chain, log_rows, marks, salt FROM cabd.seal \
     WHERE commit_number > $1 ORDER BY commit_number";

pub(crate) const SALTS: &str =
    "INSERT INTO cabd.seal_salt (revision, salt) SELECT * FROM unnest($1::int8[], $2::bytea[])";

pub(crate) const ERASE: &str = "UPDATE cabd.audit_record SET oldvalues = $2::text::jsonb, newvalues = $3::text::jsonb WHERE revision = $1";

pub(crate) const ERASED: &str = "INSERT INTO cabd.seal_salt (revision, digests) VALUES ($1, $2) \
     ON CONFLICT (revision) DO UPDATE SET salt = NULL, digests = excluded.digests";
