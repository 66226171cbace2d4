//! xdp.
