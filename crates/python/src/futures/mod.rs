//! Futures, as Python's `concurrent.futures` builds on them.
//!
//! `future` is the answer of one call, whether a process, a thread or the program itself gives it; `change` is what
//! happens to it, and who hears of that.

mod change;
mod future;

pub use future::Future;
