//! Very much at once, and peers that mean harm. A test here takes a whole machine and says what is on time, so that each
//! has a [`turn`] of its own.

#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod hostile;
mod routes;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits until no other test of this program runs, and holds them back.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed is over, too.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
