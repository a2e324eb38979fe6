//! Changes: a head that says who and why, and a stream of operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::catalog::{ID, Relation};
use crate::error::{Error, Result};
use crate::id::CommitNumber;
use crate::value::Value;

/// Who makes a change, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeHead {
    /// The person or program.
    pub author: Option<String>,
    /// The reason.
    pub reason: Option<String>,
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// The data source the change was taken from.
    pub data_source: Option<Uuid>,
    /// Who approved it.
    pub reviewer: Option<String>,
    /// The program that sent it.
    pub client: Option<String>,
    /// Check and count everything, then leave the store as it was.
    pub dry_run: bool,
    /// The operations come from reading the same store while it takes them: it keeps its tables open to readers.
    pub reads_along: bool,
    /// When features were read from which the change was made.
    pub bases: Vec<Base>,
    /// When rows were read that belong to no feature (data sources, codes): their relations, and the commit. They are compared as
    /// those of features are.
    pub rows_read: Option<(CommitNumber, Vec<Relation>)>,
    /// Values that follow from others are taken as given: none is computed.
    pub as_given: bool,
}

impl ChangeHead {
    /// Says in the reason why the values have no data source.
    ///
    /// ```
    /// let mut head = cabd_core::ChangeHead { reason: Some("field visit".into()), ..Default::default() };
    /// head.without_source("measured on site")?;
    /// assert_eq!(head.reason.as_deref(), Some("field visit (no source: measured on site)"));
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a blank reason.
    pub fn without_source(&mut self, why: &str) -> Result<()> {
        let why = why.trim();
        if why.is_empty() {
            return Err(Error::invalid("blank")
                .field("no_source")
                .value(why)
                .expected("why there is no data source"));
        }
        let reason = self.reason.take().filter(|r| !r.trim().is_empty());
        self.reason = Some(match reason {
            Some(reason) => format!("{reason} (no source: {why})"),
            None => format!("no source: {why}"),
        });
        Ok(())
    }
}

/// A feature, and the commit at which it was read. What others have changed of the feature, or around it, since then stays;
/// the change is refused where it sets a value that they have set otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The feature's type.
    pub feature_type: Arc<str>,
    /// The feature.
    pub id: Uuid,
    /// The commit.
    pub commit: CommitNumber,
    /// Whether any later change of the feature refuses this one.
    pub exact: bool,
    /// Where it was named, for errors.
    pub place: Option<Arc<str>>,
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChangeKind {
    /// Made by hand or by a program, one by one.
    #[default]
    Edit,
    /// A file was loaded.
    Load,
    /// A decision on a proposal.
    Review,
    /// Offline edits came back.
    Sync,
    /// An earlier change was undone.
    Revert,
    /// Derived values were computed, beside the changes that compute them on their way.
    Derive,
    /// The catalogue was changed.
    Catalog,
}

impl ChangeKind {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            ChangeKind::Edit => "edit",
            ChangeKind::Load => "load",
            ChangeKind::Review => "review",
            ChangeKind::Sync => "sync",
            ChangeKind::Revert => "revert",
            ChangeKind::Derive => "derive",
            ChangeKind::Catalog => "catalog",
        }
    }
}

/// The names of a record's values, shared by many records of one shape.
pub type Fields = Arc<[String]>;

/// What happens to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The row must be new.
    Insert,
    /// The row must exist; only the named values change.
    Update,
    /// The row is inserted, or its named values are changed.
    Put,
    /// The row must exist; the rows that belong to it go with it.
    Delete,
}

/// One change of one row.
///
/// Values are named by column: for a feature, attribute identifiers of stored attributes, `geometry`, or one of the
/// type's geometry columns.
///
/// ```
/// use cabd_core::{Geometry, Value, feature::Operation, id};
/// let op = Operation::insert_feature("dams", id::new_id())
///     .set("dam_name_en", "Mill Dam")
///     .set("geometry", Geometry::point(-75.5, 45.4));
/// assert_eq!(op.fields.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The relation.
    pub relation: Relation,
    /// What happens.
    pub action: Action,
    /// Names of the values; the key's columns among them.
    pub fields: Fields,
    /// The values.
    pub values: Vec<Value>,
    /// Where the operation came from (file and line), for errors.
    pub place: Option<Arc<str>>,
}

impl Operation {
    /// An operation on `relation` without values yet.
    pub fn new(relation: Relation, action: Action) -> Self {
        Self {
            relation,
            action,
            fields: Arc::new([]),
            values: vec![],
            place: None,
        }
    }

    /// An operation whose names are shared with others of its shape.
    pub fn with_fields(
        relation: Relation,
        action: Action,
        fields: Fields,
        values: Vec<Value>,
    ) -> Self {
        Self {
            relation,
            action,
            fields,
            values,
            place: None,
        }
    }

    /// A new feature.
    pub fn insert_feature(feature_type: &str, id: Uuid) -> Self {
        Self::new(Relation::feature(feature_type), Action::Insert).set(ID, id)
    }

    /// A change of a feature's named values.
    pub fn update_feature(feature_type: &str, id: Uuid) -> Self {
        Self::new(Relation::feature(feature_type), Action::Update).set(ID, id)
    }

    /// The end of a feature and of the rows that belong to it.
    pub fn delete_feature(feature_type: &str, id: Uuid) -> Self {
        Self::new(Relation::feature(feature_type), Action::Delete).set(ID, id)
    }

    /// Adds a value.
    #[must_use]
    pub fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        let mut names = self.fields.to_vec();
        names.push(field.to_owned());
        self.fields = names.into();
        self.values.push(value.into());
        self
    }

    /// Says where the operation came from.
    #[must_use]
    pub fn at(mut self, place: impl Into<Arc<str>>) -> Self {
        self.place = Some(place.into());
        self
    }
}

/// How many rows of a relation a change touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// New rows.
    pub inserted: u64,
    /// Rows whose values changed.
    pub updated: u64,
    /// Rows that were as asked already.
    pub unchanged: u64,
    /// Rows removed.
    pub deleted: u64,
}

impl Counts {
    /// Whether a row was written.
    pub fn changed(&self) -> bool {
        self.inserted + self.updated + self.deleted > 0
    }
}

/// What a change did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The commit's number; none where nothing was written, or on a dry run.
    pub commit: Option<CommitNumber>,
    /// Rows by relation.
    pub counts: BTreeMap<Relation, Counts>,
}

impl Applied {
    /// The counts of one relation, zero where it was not touched.
    pub fn of(&self, relation: &Relation) -> Counts {
        self.counts.get(relation).copied().unwrap_or_default()
    }
}
