//! The only place that calls the operating system or names a raw atomic.
//!
//! Everything above asks this layer for a futex wait, a memory file, a pidfd, a clone, a clock, and never for a system
//! call. It knows no arena, no lock and no process of ours: a word here is only a word, a pid only a number. Under
//! `cfg(manyhands_model)` atomics and futexes are replaced by ones that the model checker schedules; nothing else of
//! this layer exists then.
//!
//! ```text
//! atomic, cache, clock, futex, thread, turn   words, caches, time, sleeping, this thread, one at a time
//! memory, maps, image, numbers                memory files, what is mapped, the program itself, numbers in values
//! fork, exec, orphan, process, signal         copies, other programs, nobody's children, pids, signals
//! pidfd, stat, robust, census                 who has ended, how, words that change with an end, who is there
//! message, doorbell, lasting                  descriptors that are sent, that ring, that a program may close
//! needs, privilege, wipe                      what must be there, who has more rights, words zeroed by a fork
//! ```

pub mod atomic;
pub(crate) mod cache;
pub mod clock;
pub mod futex;
pub mod thread;

#[cfg(not(manyhands_model))]
pub(crate) mod census;
#[cfg(not(manyhands_model))]
pub(crate) mod doorbell;
#[cfg(not(manyhands_model))]
pub(crate) mod exec;
#[cfg(not(manyhands_model))]
pub mod fork;
#[cfg(not(manyhands_model))]
pub(crate) mod image;
#[cfg(not(manyhands_model))]
pub(crate) mod lasting;
#[cfg(not(manyhands_model))]
pub(crate) mod maps;
#[cfg(not(manyhands_model))]
pub mod memory;
#[cfg(not(manyhands_model))]
pub(crate) mod message;
#[cfg(not(manyhands_model))]
pub(crate) mod needs;
#[cfg(not(manyhands_model))]
pub(crate) mod numbers;
#[cfg(not(manyhands_model))]
pub(crate) mod orphan;
#[cfg(not(manyhands_model))]
pub mod pidfd;
#[cfg(not(manyhands_model))]
pub(crate) mod privilege;
#[cfg(not(manyhands_model))]
pub mod process;
#[cfg(not(manyhands_model))]
pub(crate) mod robust;
#[cfg(not(manyhands_model))]
pub(crate) mod signal;
#[cfg(not(manyhands_model))]
pub mod stat;
#[cfg(not(manyhands_model))]
pub(crate) mod turn;
#[cfg(not(manyhands_model))]
pub(crate) mod wipe;

pub use clock::Deadline;
pub use futex::{Scope, Wake};
