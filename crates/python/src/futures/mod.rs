//! Futures and thread pools, as Python's `concurrent.futures` builds on them.
//!
//! `future` is the answer of one call, for whoever runs it; `thread_pool` the queue of calls that threads of this process
//! run, and those threads' loop.

mod future;
mod thread_pool;

pub use future::Future;
pub use thread_pool::{ThreadPool, ThreadWorker};
