//! Pools of processes that run Python functions: the compiled half of `multiprocessing.Pool`.
//!
//! ```text
//! base      what a program's pools and executors are made of: they have workers, and take calls
//! core      the pool itself: takes calls and maps, is closed, terminated, joined
//! shared    what it and its results have in common: the engine's pool, who starts its workers
//! renewal   a template made anew from the program as it is now
//! submit    calls and maps on their way
//! function  functions that pickle by reference: sent once, then named by a number
//! call      a call's arguments as bytes
//! result    AsyncResult: the answer of a call, or of a map's
//! parts     what a map's calls have come to so far, where threads run them
//! worker    the loop that a worker runs
//! ```
//!
//! Submitting is one call into here: plain arguments go as they are, the rest is pickled by `manyhands._pickling`.
//! A result is unpickled by the thread that asks for it.

mod base;
mod call;
mod core;
mod function;
mod parts;
mod renewal;
mod result;
mod shared;
mod submit;
mod worker;

pub use base::{ExecutorBase, HasWorkers, PoolBase};
pub use call::unpacked_ints;
pub use core::PoolCore;
pub use function::Called;
pub use result::{AsyncResult, MapResult, ResultCallbacks};
pub use shared::{Shared, emptied, locked};
pub use submit::arguments_of;
pub use worker::Worker;
