//! fib.
