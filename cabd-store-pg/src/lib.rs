//! cabd-store-pg
