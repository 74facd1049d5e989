//! Pools of processes that run Python functions: the compiled half of `multiprocessing.Pool`.
//!
//! ```text
//! base      what a program's pools and executors are made of: they have a crew, and take calls
//! core      the pool itself: takes calls and maps, is closed, terminated, joined
//! shared    what it and its results have in common: the engine's pool, who starts its workers
//! renewal   a template made anew from the program as it is now
//! submit    calls and maps on their way          told      who is told of their results
//! function  functions that pickle by reference: sent once, then named by a number
//! call      a call's arguments as bytes         outcome   an answer's bytes as a result or an exception
//! result    AsyncResult: one call's, or a map's   calls     the calls of a result, and what they make
//! worker    the loop that a worker runs
//! ```
//!
//! Submitting is one call into here: plain arguments go as they are, the rest is pickled by `manyhands._pickling`.
//! Results are unpickled by whoever asks for them.

mod base;
mod call;
mod calls;
mod core;
mod function;
mod outcome;
mod renewal;
mod result;
mod shared;
mod submit;
mod told;
mod worker;

pub use base::{Crewed, ExecutorBase, PoolBase};
pub use core::PoolCore;
pub use function::Called;
pub use outcome::{Reading, Unread, begin_reading, broken, of_failure};
pub use result::{AsyncResult, MapResult};
pub use shared::Shared;
pub use worker::Worker;
