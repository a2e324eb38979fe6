//! What is hashed, and how commits are sealed one after the other.
//!
//! Every field is one byte, 0 for none and 1 for a value, then the length of its bytes in eight (most significant first), then the bytes.
//!
//! * a changeset: `changeset`, commit, time, kind, reason, data source, then author, reviewer and client as digests of a person;
//! * a row: `row`, revision, time, schema, table, action, `cabd_id`, `datasource_id`, `id_pk`, `row_key`, the values before and
//!   after, then the database user as digest of a person. Values are the text that the store keeps. Of contacts and suggested updates
//!   it is a JSON object in order of names without the fields of the person, and these follow as place, name and digest;
//! * a digest of a person: `SHA-256(salt, name of the field, 0, value)`; nothing for no value;
//! * a commit: `commit`, time of sealing (microseconds), number of rows, hash of the changeset, hash of the rows' hashes one after another.
//!
//! Numbers are decimal text; instants are UTC as [`format_instant`] writes them, those of a file as they are written there.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Hash, Personal, Seal, StoredRow, is_erased};
use crate::id::CommitNumber;
use crate::store::Changeset;
use crate::time::{Timestamp, format_instant, to_micros};

/// Random bytes that go before a value of a person.
pub type Salt = [u8; 16];

/// Rows of a commit that a seal marks, at most: four bytes each.
const MARKED: usize = 1 << 20;

/// The fields of a person in a relation.
pub(crate) fn personal(schema: &str, table: &str) -> &'static [&'static str] {
    match (schema, table) {
        ("cabd", "contacts") => &["email", "name", "organization"],
        ("cabd", "user_feature_updates") => &["user_data_source", "user_description"],
        _ => &[],
    }
}

/// Fields on their way into a hash.
struct Fields(Sha256);

impl Fields {
    fn new(what: &str) -> Self {
        let mut f = Self(Sha256::new());
        f.put(Some(what.as_bytes()));
        f
    }

    fn put(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.0.update([0]),
            Some(bytes) => {
                self.0.update([1]);
                self.0.update((bytes.len() as u64).to_be_bytes());
                self.0.update(bytes);
            }
        }
    }

    fn text(&mut self, value: Option<&str>) {
        self.put(value.map(str::as_bytes));
    }

    fn end(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The digest of a field of a person.
pub(super) fn person(salt: &Salt, field: &str, value: &str) -> [u8; 32] {
    let mut h = Sha256::new();
    h.update(salt);
    h.update(field.as_bytes());
    h.update([0]);
    h.update(value.as_bytes());
    h.finalize().into()
}

fn optional(salt: &Salt, field: &str, value: Option<&str>) -> Option<[u8; 32]> {
    value.map(|v| person(salt, field, v))
}

fn changeset_hash(c: &Changeset, salt: &Salt) -> [u8; 32] {
    let mut f = Fields::new("changeset");
    f.text(Some(&c.commit.0.to_string()));
    f.text(Some(&format_instant(c.datetime)));
    f.text(Some(&c.kind));
    f.text(c.reason.as_deref());
    f.text(c.data_source.map(|d| d.to_string()).as_deref());
    for (field, value) in [
        ("author", &c.author),
        ("reviewer", &c.reviewer),
        ("client", &c.client),
    ] {
        let digest = optional(salt, field, value.as_deref());
        f.put(digest.as_ref().map(|d| &d[..]));
    }
    f.end()
}

/// A JSON object taken apart.
pub(super) type Object = BTreeMap<String, Json>;

/// Values that are a JSON object.
pub(super) fn object(text: Option<&str>) -> Option<Object> {
    serde_json::from_str(text?).ok()
}

/// Whether a row has values of a person.
fn tells(row: &StoredRow) -> bool {
    let fields = personal(&row.schema, &row.table);
    !fields.is_empty()
        && [&row.old, &row.new].into_iter().any(|text| {
            object(text.as_deref()).is_some_and(|o| {
                let value = |f: &&str| o.get(*f).is_some_and(|v| !v.is_null());
                fields.iter().any(value)
            })
        })
}

/// The digests of the fields of a person in values, by place and name.
pub(super) fn digests(
    place: &str,
    values: &Object,
    fields: &[&str],
    personal: &Personal,
) -> BTreeMap<String, [u8; 32]> {
    let kept: BTreeMap<String, String> = personal
        .digests
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let mut out = BTreeMap::new();
    for field in fields {
        let Some(value) = values.get(*field).filter(|v| !v.is_null()) else {
            continue;
        };
        let name = format!("{place}.{field}");
        let left = kept.get(&name).and_then(|text| text.parse::<Hash>().ok());
        let digest = match (left, personal.salt) {
            (Some(left), _) if value.as_str().is_some_and(is_erased) => left.0,
            (_, Some(salt)) => person(&salt, &name, &value.to_string()),
            // Neither salt nor erased: no hash that was ever sealed.
            (_, None) => person(&[0; 16], &name, &value.to_string()),
        };
        out.insert(name, digest);
    }
    out
}

fn put_values(f: &mut Fields, place: &str, text: Option<&str>, row: &StoredRow) {
    let fields = personal(&row.schema, &row.table);
    let values = (!fields.is_empty()).then(|| object(text)).flatten();
    let Some(mut values) = values else {
        return f.text(text);
    };
    let none = Personal::default();
    let of_person = digests(
        place,
        &values,
        fields,
        row.personal.as_ref().unwrap_or(&none),
    );
    values.retain(|name, v| v.is_null() || !fields.contains(&name.as_str()));
    let rest: Vec<String> = values
        .iter()
        .map(|(name, v)| format!("{}:{v}", Json::from(name.as_str())))
        .collect();
    f.text(Some(&format!("{{{}}}", rest.join(","))));
    for (name, digest) in &of_person {
        f.text(Some(name));
        f.put(Some(digest));
    }
}

/// A commit whose rows are being hashed.
pub(super) struct Sealing {
    commit: CommitNumber,
    datetime: Timestamp,
    salt: Salt,
    changeset: [u8; 32],
    rows: Sha256,
    count: u64,
    marks: Vec<u8>,
    /// The last database user, and its digest.
    user: Option<(String, [u8; 32])>,
}

impl Sealing {
    pub(super) fn begin(c: &Changeset, datetime: Timestamp, salt: Salt) -> Self {
        let changeset = changeset_hash(c, &salt);
        Self {
            commit: c.commit,
            datetime,
            salt,
            changeset,
            rows: Sha256::new(),
            count: 0,
            marks: changeset[..4].to_vec(),
            user: None,
        }
    }

    /// Takes the next row; its mark.
    pub(super) fn row(&mut self, row: &StoredRow) -> [u8; 4] {
        if let Some(name) = &row.username
            && self.user.as_ref().is_none_or(|(known, _)| known != name)
        {
            self.user = Some((name.clone(), person(&self.salt, "username", name)));
        }
        let mut f = Fields::new("row");
        f.text(Some(&row.revision.to_string()));
        f.text(Some(&row.datetime));
        f.text(Some(&row.schema));
        f.text(Some(&row.table));
        f.text(Some(&row.action));
        f.text(row.cabd_id.as_deref());
        f.text(row.datasource_id.as_deref());
        f.text(row.id_pk.as_deref());
        f.text(row.row_key.as_deref());
        put_values(&mut f, "old", row.old.as_deref(), row);
        put_values(&mut f, "new", row.new.as_deref(), row);
        let user = self.user.as_ref().filter(|_| row.username.is_some());
        f.put(user.map(|(_, digest)| &digest[..]));
        let hash = f.end();
        self.rows.update(hash);
        self.count += 1;
        if self.marks.len() <= 4 * MARKED {
            self.marks.extend(&hash[..4]);
        }
        [hash[0], hash[1], hash[2], hash[3]]
    }

    pub(super) fn finish(self, before: &Hash) -> Seal {
        let mut f = Fields::new("commit");
        f.text(Some(&self.datetime.as_microsecond().to_string()));
        f.text(Some(&self.count.to_string()));
        f.put(Some(&self.changeset));
        let rows: [u8; 32] = self.rows.finalize().into();
        f.put(Some(&rows));
        let digest = Hash(f.end());
        Seal {
            commit: self.commit,
            datetime: self.datetime,
            digest,
            chain: before.then(self.commit, &digest),
            rows: self.count,
            marks: self.marks,
            salt: self.salt,
        }
    }
}

/// Seals commits in their order: a changeset, its rows, the next changeset.
///
/// ```
/// use cabd_core::CommitNumber;
/// use cabd_core::store::{Changeset, Hash, Sealer};
/// let mut sealer = Sealer::new(Hash::default());
/// let first = Changeset { commit: CommitNumber(1), ..Changeset::default() };
/// assert!(sealer.changeset(&first).is_none(), "its rows come first");
/// let seal = sealer.end().ok_or_else(|| cabd_core::Error::internal("no seal"))?;
/// assert_eq!(seal.chain, Hash::default().then(CommitNumber(1), &seal.digest));
/// # Ok::<(), cabd_core::Error>(())
/// ```
pub struct Sealer {
    chain: Hash,
    open: Option<Sealing>,
}

impl Sealer {
    /// After a chain: the last seal's, or zeros.
    pub fn new(chain: Hash) -> Self {
        Self { chain, open: None }
    }

    /// Begins a commit; gives the seal of the one before.
    pub fn changeset(&mut self, c: &Changeset) -> Option<Seal> {
        let now = to_micros(Timestamp::now());
        let next = Sealing::begin(c, now, Uuid::new_v4().into_bytes());
        self.open.replace(next).map(|done| self.close(done))
    }

    /// Takes a row of the commit. Where it tells of a person this is the salt to be kept with it.
    pub fn row(&mut self, mut row: StoredRow) -> Option<Salt> {
        let mut new = None;
        if row.personal.is_none() && tells(&row) {
            new = Some(Uuid::new_v4().into_bytes());
            row.personal = Some(Personal {
                salt: new,
                digests: None,
            });
        }
        if let Some(open) = &mut self.open {
            open.row(&row);
        }
        new
    }

    /// The seal of the last commit.
    pub fn end(mut self) -> Option<Seal> {
        let last = self.open.take()?;
        Some(self.close(last))
    }

    fn close(&mut self, done: Sealing) -> Seal {
        let seal = done.finish(&self.chain);
        self.chain = seal.chain;
        seal
    }
}
