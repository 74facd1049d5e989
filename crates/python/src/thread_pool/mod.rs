//! Pools of threads: one queue of calls and one loop of workers, under two classes of the standard library.
//!
//! ```text
//! calls     the queue, the loop of the threads that take calls from it, and where each answer goes
//! executor  `ThreadPoolExecutor`: it hands calls in and starts a thread when no idle one is left
//! core      `multiprocessing`'s `ThreadPool`: single calls, and maps in chunks
//! ```
//!
//! Nothing is pickled: results and exceptions are the very objects. The Python package starts the threads, since they
//! are Python's.

mod calls;
mod core;
mod executor;

pub use calls::ThreadWorker;
pub use core::ThreadPoolCore;
pub use executor::ThreadPool;
