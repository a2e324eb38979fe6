//! cabd
