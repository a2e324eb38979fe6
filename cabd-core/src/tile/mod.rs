//! Vector tiles: the grid, which features a tile shows, and its bytes (Mapbox Vector Tile 2.1).
//!
//! A tile is a function of the features and nothing else: not of the store, the other tiles, or the order of rows.
//!
//! * **Grid.** Web Mercator, 4096 units a tile, and 256 units of the neighbours around it. Positions are whole numbers, 2³² of
//!   them around the Earth ([`Place`]), so that every tile sees the same ones.
//! * **Thinning.** Each sixteenth of a tile (a *block*, 4 by 4 a tile) shows every feature where it has at most 128. A fuller
//!   one shows one feature for each of its 64 cells: points the one of lowest rank, lines and areas the largest. Blocks, cells and
//!   ranks are the same for every tile, so that what is shown at a zoom is shown at every further one, and on both sides
//!   of a tile's edge. `feature_count` says how many features a shown one stands for, itself included.
//! * **Size.** No tile is larger than [`MOST_BYTES`]: see [`draw`].
//! * **Identifiers.** [`feature_number`]: a number of 53 bits made of `cabd_id`, the same on every zoom. Where two features of a
//!   layer share one (1 in 18,000 inventories of a million features has such a pair) the one with the greater `cabd_id` has none.

mod draft;
mod encode;
mod grid;
mod ground;
mod places;
mod shape;
#[cfg(any(test, feature = "conformance"))]
pub mod strict;
mod thin;

pub use draft::{Draft, draw, draw_clusters};
pub use grid::{BUFFER, EXTENT, MAX_ZOOM, Place, Reach, Tile};
pub use ground::{Ground, draw_ground};
pub use places::{Gathered, Places, Spot};
pub use thin::{Cluster, Kept, Member, Thinned, View, clusters};

use uuid::Uuid;

/// The most bytes of a tile.
pub const MOST_BYTES: usize = 500_000;

/// The layer of a cluster tile.
pub const CLUSTER_LAYER: &str = "cabd_cluster_point";

/// The property that says how many features one stands for.
pub const COUNT: &str = "feature_count";

/// The number of a feature in its layer: 53 bits, exact in JavaScript, made of the identifier alone.
///
/// ```
/// use cabd_core::{Uuid, tile::feature_number};
/// assert_eq!(feature_number(Uuid::from_u128(1)), feature_number(Uuid::from_u128(1)));
/// assert!(feature_number(Uuid::max()) < 1 << 53);
/// ```
pub fn feature_number(id: Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    mix(mix(high).wrapping_add(low)) >> 11
}

/// The finalizer of splitmix64: every bit of the result hangs on every bit given.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
