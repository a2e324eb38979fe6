//! The one error type of the library: a kind, what was wrong, where, and the next step.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Two changes that do not go together: of one value, or of one row as a whole.
///
/// A state is `None` where there is no row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Clash {
    /// The relation, as it is named in changes.
    pub relation: String,
    /// The row's key.
    pub key: Vec<Json>,
    /// The attribute, or the column where no attribute shows it; none for the row as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The commit that changed it last.
    pub commit: i64,
    /// What was there when the change was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Json>,
    /// What is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs: Option<Json>,
    /// What the change asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mine: Option<Json>,
}

/// What went wrong, in the terms a caller can act on.
///
/// Programs branch on the kind only; texts may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value, name or request that cannot be accepted as it is.
    Invalid,
    /// The thing named does not exist.
    NotFound,
    /// The change contradicts what is stored (a key that exists, a row that moved on).
    Conflict,
    /// This store or version does not offer the operation.
    Unsupported,
    /// The file or database is not a cabd store.
    NotAStore,
    /// The store was written by a newer program.
    NewerStore,
    /// Stored data is damaged.
    Corrupt,
    /// Another process holds the store longer than the waiting time.
    Busy,
    /// No room is left on the disk.
    Full,
    /// The server cannot be reached, or refused the login.
    Unreachable,
    /// The store was opened read-only, or the role may not do this.
    Denied,
    /// Reading or writing a file failed.
    Io,
    /// A fault of the library or of a driver.
    Internal,
}

impl ErrorKind {
    /// Every kind, for tables that must not forget one.
    pub const ALL: [ErrorKind; 13] = [
        Self::Invalid,
        Self::NotFound,
        Self::Conflict,
        Self::Unsupported,
        Self::NotAStore,
        Self::NewerStore,
        Self::Corrupt,
        Self::Busy,
        Self::Full,
        Self::Unreachable,
        Self::Denied,
        Self::Io,
        Self::Internal,
    ];
}

type Source = Box<dyn StdError + Send + Sync + 'static>;

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    place: Option<String>,
    field: Option<String>,
    value: Option<String>,
    expected: Option<String>,
    hint: Option<Cow<'static, str>>,
    source: Option<Source>,
    clash: Option<Clash>,
    others: Vec<Error>,
}

/// An error: kind, message, and where known the field, the value, what was expected and the next step.
///
/// ```
/// use cabd_core::{Error, ErrorKind};
/// let error = Error::invalid("not a number").field("height_m").value("tall").expected("a number in metres");
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert_eq!(error.to_string(), "height_m: not a number (got \"tall\"; expected a number in metres)");
/// ```
pub struct Error(Box<Inner>);

/// Longest value repeated in a message, in characters.
const SHOWN_VALUE: usize = 80;

impl Error {
    /// A new error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            place: None,
            field: None,
            value: None,
            expected: None,
            hint: None,
            source: None,
            clash: None,
            others: vec![],
        }))
    }

    /// [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// [`ErrorKind::Conflict`].
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// [`ErrorKind::Unsupported`], naming store and operation.
    pub fn unsupported(store: &str, operation: &str) -> Self {
        Self::new(
            ErrorKind::Unsupported,
            format!("the {store} store does not offer {operation}"),
        )
    }

    /// [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// [`ErrorKind::Corrupt`].
    pub fn corrupt(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Names the attribute, column or parameter at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Shows the value at fault, cut to 80 characters.
    #[must_use]
    pub fn value(mut self, value: impl fmt::Display) -> Self {
        let text = value.to_string();
        let shown = match text.char_indices().nth(SHOWN_VALUE) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        self.0.value = Some(shown);
        self
    }

    /// Says what would have been accepted.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    /// Says the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says where: a file and line, a row, a table.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// Several errors of one request as one: the first, which knows the others. `None` for none.
    ///
    /// ```
    /// use cabd_core::Error;
    /// let both = Error::all(vec![Error::invalid("too high"), Error::invalid("no such code")]);
    /// let both = both.into_iter().next().ok_or("none")?;
    /// assert_eq!(both.each().count(), 2);
    /// assert_eq!(both.to_string(), "too high (and 1 more)");
    /// # Ok::<(), &str>(())
    /// ```
    pub fn all(errors: Vec<Error>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        first.0.others.extend(errors);
        Some(first)
    }

    /// Says which two changes do not go together.
    #[must_use]
    pub fn clash(mut self, clash: Clash) -> Self {
        self.0.clash = Some(clash);
        self
    }

    /// Which two changes do not go together, where that is what is wrong.
    pub fn clashes(&self) -> Option<&Clash> {
        self.0.clash.as_ref()
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone, without place, field, value and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The attribute, column or parameter at fault.
    pub fn field_name(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The value at fault, as shown.
    pub fn shown_value(&self) -> Option<&str> {
        self.0.value.as_deref()
    }

    /// What would have been accepted.
    pub fn expectation(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }

    /// The next step.
    pub fn next_step(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// This error and those that were found beside it.
    pub fn each(&self) -> impl Iterator<Item = &Error> {
        std::iter::once(self).chain(&self.0.others)
    }

    /// This error and those that were found beside it, one by one.
    pub fn apart(mut self) -> Vec<Error> {
        let others = std::mem::take(&mut self.0.others);
        let mut all = vec![self];
        all.extend(others);
        all
    }

    /// The text of this error without a word about those beside it.
    pub fn alone(&self) -> impl fmt::Display {
        Alone(&self.0)
    }

    /// Where it happened.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }
}

/// An error without those found beside it.
struct Alone<'a>(&'a Inner);

impl fmt::Display for Alone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = self.0;
        if let Some(place) = &e.place {
            write!(f, "{place}: ")?;
        }
        if let Some(field) = &e.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&e.message)?;
        match (&e.value, &e.expected) {
            (Some(v), Some(x)) => write!(f, " (got {v:?}; expected {x})"),
            (Some(v), None) => write!(f, " (got {v:?})"),
            (None, Some(x)) => write!(f, " (expected {x})"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Alone(&self.0).fmt(f)?;
        match self.0.others.len() {
            0 => Ok(()),
            n => write!(f, " (and {n} more)"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        if let Some(hint) = &self.0.hint {
            write!(f, " [hint: {hint}]")?;
        }
        let mut cause = self.source();
        while let Some(c) = cause {
            write!(f, " <- {c}")?;
            cause = c.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        let kind = match e.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::StorageFull => ErrorKind::Full,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                ErrorKind::Denied
            }
            // The bytes are at fault, not the disk.
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                ErrorKind::Invalid
            }
            _ => ErrorKind::Io,
        };
        let error = Self::new(kind, e.to_string());
        match kind {
            ErrorKind::Invalid => error.hint("is it the right file, and whole? Fetch it again"),
            _ => error,
        }
        .because(e)
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(e: arrow::error::ArrowError) -> Self {
        Self::internal(e.to_string()).because(e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_in_the_message() {
        let e = Error::invalid("too long").value("x".repeat(1000));
        assert!(e.to_string().len() < 150);
    }

    #[test]
    fn a_full_disk_keeps_its_kind() {
        let e: Error = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
        assert_eq!(e.kind(), ErrorKind::Full);
    }

    #[test]
    fn bytes_that_break_off_or_are_none_are_invalid() {
        for kind in [
            std::io::ErrorKind::UnexpectedEof,
            std::io::ErrorKind::InvalidData,
        ] {
            let e: Error = std::io::Error::from(kind).into();
            assert_eq!(e.kind(), ErrorKind::Invalid);
        }
    }
}
