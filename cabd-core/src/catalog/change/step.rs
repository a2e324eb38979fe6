//! The typed steps of a change, and what they do to tables.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::convert::Conversion;
use crate::catalog::attribute::AttributeSet;
use crate::catalog::code_list::CodeList;
use crate::catalog::feature_type::FeatureType;
use crate::catalog::physical::{Column, Table};
use crate::value::Value;

/// What kind of change a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// A type or super type that is new.
    AddType,
    /// The head of a type: name, description, data version and the like.
    ChangeType,
    /// A type that goes, its tables set aside.
    DropType,
    /// A new attribute, or one that comes back.
    AddAttribute,
    /// The same values under another name.
    RenameAttribute,
    /// Another data type, code list or obligation.
    RetypeAttribute,
    /// Texts, unit, group, flags, origin, places in sets.
    ChangeAttribute,
    /// Another order of the attributes.
    OrderAttributes,
    /// Kept, but not served.
    RetireAttribute,
    /// A retired attribute that is served again.
    ServeAttribute,
    /// An attribute that goes, its values set aside.
    DropAttribute,
    /// A further column or table of a type: part, link, flag, geometry, provenance.
    AddTable,
    /// One that goes, its values set aside.
    DropTable,
    /// A new code list.
    AddList,
    /// Title, further columns or openness of a code list.
    ChangeList,
    /// A code list that goes, its table set aside.
    DropList,
    /// New codes.
    AddCodes,
    /// New labels or descriptions of codes.
    ChangeCodes,
    /// Codes that are refused for new values.
    RetireCodes,
    /// Codes that are accepted again.
    ServeCodes,
    /// Codes that go; no row names them.
    RemoveCodes,
    /// A new attribute set.
    AddSet,
    /// Another column or other names of a set.
    ChangeSet,
    /// A set that goes.
    DropSet,
    /// A type that becomes a member of a super type.
    JoinSuperType,
    /// A member that leaves a super type.
    LeaveSuperType,
    /// How a member's values become the super type's.
    ChangeMember,
    /// What the tables say differently is overwritten.
    OverwriteDrift,
    /// Values set aside by earlier changes are deleted for good.
    Purge,
}

/// What a step does to values that are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    #[default]
    None,
    /// They stay, but fewer values will be accepted, or some are no longer served.
    Narrows,
    /// They are set aside, or deleted.
    Loses,
}

/// One step of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What kind.
    pub kind: StepKind,
    /// What it is about: `dams`, `dams.height_m`, a list, a set.
    pub name: String,
    /// One sentence.
    pub words: String,
    /// The statements that alter tables and views, and those that write metadata and codes; empty for a store without SQL.
    /// Triggers and indexes follow.
    pub sql: Vec<String>,
    /// How many rows or values it touches, where it touches any that are stored.
    pub rows: Option<u64>,
    /// What it does to values that are there.
    pub effect: Effect,
    /// The option that must be given before it is done, where it was not given.
    pub needs: Option<String>,
    /// Why it cannot be done with the values that are there.
    pub problem: Option<String>,
    /// Whether the option is needed only where rows have a value.
    #[serde(skip)]
    pub lenient: bool,
    /// What a store must find out.
    #[serde(skip)]
    pub questions: Vec<Question>,
    /// What a store does to its tables.
    #[serde(skip)]
    pub actions: Vec<Action>,
}

impl Step {
    pub(super) fn new(kind: StepKind, name: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            words: words.into(),
            sql: vec![],
            rows: None,
            effect: Effect::None,
            needs: None,
            problem: None,
            lenient: false,
            questions: vec![],
            actions: vec![],
        }
    }

    pub(super) fn and(&mut self, words: impl AsRef<str>) {
        if !self.words.is_empty() {
            self.words.push_str("; ");
        }
        self.words.push_str(words.as_ref());
    }
}

/// Something a plan must know about stored rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// How many rows there are.
    Rows(Arc<Table>),
    /// How many rows have a value in a column.
    Values(Arc<Table>, usize),
    /// How many rows have this value in a column.
    Equal(Arc<Table>, usize, Value),
    /// The same, but there must be none.
    Unnamed(Arc<Table>, usize, Value),
    /// How many rows there are; there must be none, since the named column would be null in them.
    Empty(Arc<Table>, String),
    /// How many rows have a value in a column; each must convert ([`Conversion::convert`]), nulls too.
    Fit(Arc<Table>, usize, Arc<Conversion>),
    /// How many rows have a value in a column that was set aside.
    Kept(Kept),
}

/// What was set aside by a change, so that it can be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Schema of the table.
    pub schema: String,
    /// The table as it was named.
    pub table: String,
    /// The column as it was named; the whole table where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// `kept_<number>`: begins the name that it has now.
    pub tag: String,
    /// The column's name in the state that an undoing restores, where it was renamed before it was set aside.
    #[serde(skip)]
    pub(super) as_named: Option<String>,
}

impl Kept {
    /// The name of the column now.
    pub fn column_name(&self) -> String {
        let full = format!(
            "{}_{}",
            self.tag,
            self.column.as_deref().unwrap_or_default()
        );
        full.chars().take(60).collect()
    }

    /// What it is, for people.
    pub fn what(&self) -> String {
        match &self.column {
            Some(c) => format!("{}.{}.{c}", self.schema, self.table),
            None => format!("{}.{}", self.schema, self.table),
        }
    }
}

/// What a store does to its tables, in this order. Triggers, indexes, keys, views, metadata and codes follow from the
/// catalogues before and after.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Makes a table.
    Create(Arc<Table>),
    /// Sets a table aside.
    Shelve(Arc<Table>, Kept),
    /// Brings a table back; it has the columns it had.
    Unshelve(Arc<Table>, Kept),
    /// Adds a column of the table as it will be.
    Add(Arc<Table>, usize),
    /// Renames a column.
    Rename {
        /// The table as it will be.
        table: Arc<Table>,
        /// The column as it is.
        from: String,
        /// Its place among the new columns.
        column: usize,
    },
    /// Sets a column of the table as it is aside.
    Keep(Arc<Table>, usize, Kept),
    /// Brings a column back, named as the table will have it.
    Restore(Arc<Table>, usize, Kept),
    /// Gives a column another type. The values are converted by the core and the old ones set aside.
    Retype {
        /// The table as it will be.
        table: Arc<Table>,
        /// The column, named as it will be.
        column: usize,
        /// The column as it is, under its new name.
        from: Box<Column>,
        /// Converts the values.
        conversion: Arc<Conversion>,
        /// Where the present values go.
        kept: Kept,
        /// Values of the new type from before, where a change is undone: they count for rows that have not changed since.
        restore: Option<Kept>,
    },
    /// Gives a text column more room; no value changes.
    Widen(Arc<Table>, usize),
    /// A column may be null.
    Relax(Arc<Table>, usize),
    /// A column must not be null any more.
    Require(Arc<Table>, usize),
    /// Deletes for good what was set aside.
    Purge(Kept),
}

impl Action {
    /// The table, as it is or as it will be.
    pub fn table(&self) -> Option<&Arc<Table>> {
        match self {
            Action::Create(t)
            | Action::Shelve(t, _)
            | Action::Unshelve(t, _)
            | Action::Add(t, _)
            | Action::Keep(t, ..)
            | Action::Restore(t, ..)
            | Action::Widen(t, _)
            | Action::Relax(t, _)
            | Action::Require(t, _)
            | Action::Rename { table: t, .. }
            | Action::Retype { table: t, .. } => Some(t),
            Action::Purge(_) => None,
        }
    }
}

/// What a change does.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CatalogPlan {
    /// The steps.
    pub steps: Vec<Step>,
    /// Where the tables say otherwise than the declarations, and are left as they are.
    pub drift: Vec<Drift>,
    /// What else is to be known, a sentence each: nothing is refused for it.
    pub warnings: Vec<String>,
}

impl CatalogPlan {
    /// One sentence a step.
    pub fn words(&self) -> Vec<String> {
        self.steps.iter().map(|s| s.words.clone()).collect()
    }

    /// The step that says what happens to a type, attribute, list or set: its own, or else the last of what it belongs to.
    pub fn step_about(&mut self, object: &str) -> Option<&mut Step> {
        let head = |name: &str| {
            name.split(['.', ':', '=']).next() == Some(object.split('.').next().unwrap_or(object))
        };
        let at = self.steps.iter().rposition(|s| s.name == object);
        let at = at.or_else(|| self.steps.iter().rposition(|s| head(&s.name)))?;
        self.steps.get_mut(at)
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// A difference between the declarations and what the tables say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// What: `dams.height_m`, `dams.size_codes 3`, a view.
    pub object: String,
    /// Which part of it: `name.fr`, `sets.simple`, `definition`.
    pub field: String,
    /// What the declaration says.
    pub declared: String,
    /// What the tables say; this counts.
    pub present: String,
}

/// One element of a catalogue before and after a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Element<T> {
    /// `None` where the change made it.
    pub before: Option<T>,
    /// What was declared before, where the tables said otherwise.
    pub declared: Option<T>,
    /// `None` where the change removed it.
    pub after: Option<T>,
}

/// An attribute's old and new name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    /// The type.
    #[serde(rename = "type")]
    pub feature_type: String,
    /// Old identifier.
    pub from: String,
    /// New identifier.
    pub to: String,
}

/// A change of the catalogue as it is remembered: enough to return to the state before it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogCommit {
    /// The commit, given by the store.
    #[serde(default)]
    pub commit: i64,
    /// The store's own key of the entry.
    #[serde(skip)]
    pub key: i64,
    /// When, given by the store: ISO 8601.
    #[serde(default)]
    pub datetime: String,
    /// Who.
    #[serde(default)]
    pub author: Option<String>,
    /// The commits that it undid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undid: Vec<i64>,
    /// One sentence a step.
    pub words: Vec<String>,
    /// Types.
    #[serde(default)]
    pub types: Vec<Element<FeatureType>>,
    /// Code lists; of their codes only those that the change touched.
    #[serde(default)]
    pub lists: Vec<Element<CodeList>>,
    /// Attribute sets.
    #[serde(default)]
    pub sets: Vec<Element<AttributeSet>>,
    /// Renamed attributes.
    #[serde(default)]
    pub renames: Vec<Renamed>,
    /// What it set aside and is still there.
    #[serde(default)]
    pub kept: Vec<Kept>,
}
