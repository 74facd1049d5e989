//! Futures and thread pools, as Python's `concurrent.futures` builds on them.
//!
//! `future` is the answer of one call, for whoever runs it, and `change` what happens to it; `thread_pool` is the queue
//! of calls that threads of this process run, and those threads' loop.

mod change;
mod future;
mod thread_pool;

pub use future::Future;
pub use thread_pool::{ThreadPool, ThreadWorker};
