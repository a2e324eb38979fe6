//! Loading: foreign files become operations, by a mapping.
//!
//! A load is one change: all of it or nothing. Files are read on a thread of their own ([`Input`]); rows are mapped,
//! looked up and written while the next are read, so that a million rows cost the memory of a few thousand.
//!
//! What is wrong with one row rejects that row; what is wrong with a file (it ends early, its bytes are no text, it is
//! of another format) ends the load with the place of the fault, and the store stays as it was.
//!
//! # What happens to features that are there
//!
//! * Mapped attributes follow the file, so that a second load of the same file changes nothing. An attribute whose attribute source
//!   names another data source stays and is counted as kept. A null in the file clears only what the same data
//!   source had given.
//! * A feature that also comes from another data source keeps its place, and its attributes that are not tracked.
//! * Found by nearness ([`Match::Near`], [`Match::NearName`]), a feature is only completed: attributes that are null and
//!   of no source are filled.
//! * Link rows are added, never removed: a link does not tell where it came from.
//! * A place that is the one the feature is shown at changes nothing, though it be the snapped one: an export can be loaded again.
//! * Values of a part go to the part row that loads of this kind made; where the row carries a `cabd_id`, to the one
//!   that the feature is shown with.
//! * With [`SourceRule::keep_newer`] a row that is older than what the same source gave before changes nothing.
//! * A row that finds none is a new feature, unless the mapping says otherwise ([`Otherwise`]).
//! * A row without a place updates the attributes of a feature that is there; it makes no new one.

mod clean;
mod convert;
mod crs;
mod feed;
mod implicit;
mod lookup;
mod mapper;
mod mapping;
mod matching;
mod names;
mod operations;
mod place;
mod report;
mod run;
mod sources;
mod target;
mod updates;

pub use crs::{Crs, Transformer, UTM_ZONES};
pub use feed::Input;
pub use mapping::{
    Clean, ContactRule, Encoding, FieldRule, IdRule, LookupRule, Mapping, MatchRule, Otherwise,
    PointRule, SourceRule, Unknown,
};
pub use matching::Match;
pub use report::{CsvRejects, LoadReport, Note, NoteKind, RejectSink, Rejected, Touched};
pub use run::{LoadOptions, Progress, load};
pub use sources::source_id;
