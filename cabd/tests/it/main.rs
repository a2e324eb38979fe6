//! Tests of the whole: rules that hold across crates, and the crate `cabd` as its users see it.

#[cfg(test)]
mod arrows;
#[cfg(all(test, feature = "sqlite"))]
mod facade;
#[cfg(test)]
mod file_sizes;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod source;
#[cfg(test)]
mod words;
