//! Futures and thread pools, as Python's `concurrent.futures` builds on them.
//!
//! `future` is the answer of one call, for whoever runs it, and `change` what happens to it; `remote` is the call
//! behind it when a worker process runs that, `fetch` how its answer comes here; `thread_pool` the queue of calls that
//! threads of this process run, and those threads' loop.

mod change;
mod fetch;
mod future;
mod remote;
mod thread_pool;

pub use future::Future;
pub use remote::Remote;
pub use thread_pool::{ThreadPool, ThreadWorker};
