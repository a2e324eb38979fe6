//! Features: Arrow batches for lists, typed records and operations for changes.

mod batch;
mod change;
mod columns;

pub use batch::{
    BatchBuilder, FeatureBatch, Layout, Output, OutputColumn, PhysicalRows, Places, SOURCE_OF,
    geoarrow_metadata,
};
pub use change::{Action, Applied, Base, ChangeHead, ChangeKind, Counts, Fields, Operation};
pub use columns::{ColumnBuilder, value_at};
