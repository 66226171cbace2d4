//! rib.
