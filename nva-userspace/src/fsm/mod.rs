//! fsm.
