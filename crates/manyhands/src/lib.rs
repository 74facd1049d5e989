//! manyhands runs many things at once on one machine, threads and processes, and says what is wrong when that goes
//! wrong.
//!
//! The engine is built in layers, a folder each; each uses only those listed before it:
//!
//! ```text
//! platform   the only place that calls the operating system or names a raw atomic
//! arena      memory that several processes see: objects, references, owners, blocks, sweeping
//! encoding   values as bytes that another process of the program reads
//! sync       the one place where threads sleep, and what is made of it: locks, semaphores, events, conditions,
//!            barriers, bankers
//! channel    the ring that survives a kill, and queues on it
//! spawn      processes: how they start, how their end is noticed
//! executor   calls, futures, workers, pools
//! manager    values that live in one process and are used from others
//! ```
//!
//! What a program uses: [`Process`], [`Pool`] with its [`Future`], [`Hosted`] values, [`Queue`] whole or as [`Sender`]
//! and [`Receiver`], [`Select`] for several of them, [`Pipe`] and [`BytesPipe`]. For threads there are [`Lock`],
//! [`RLock`], [`Semaphore`], [`Event`], [`Condition`], [`Barrier`] and [`Banker`]; [`shared`] has the same for
//! processes, and [`shared::Value`] and [`shared::Array`], which they change together. Nothing is asked of a program's
//! `main`:
//!
//! ```
//! use manyhands::{Pool, Process, Queue};
//!
//! fn count(text: String) -> usize {
//!     text.split_whitespace().count()
//! }
//!
//! fn walk((names, queue): (Vec<String>, Queue<String>)) {
//!     for name in names {
//!         queue.put(&name).unwrap();
//!     }
//!     queue.close();
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let queue = Queue::bounded(2)?;
//!     let names = ["one two", "three", "four five six"].map(str::to_owned).to_vec();
//!     let walker = Process::spawn(walk, (names, queue.clone()))?;
//!     let pool = Pool::new(2)?;
//!     let mut calls = Vec::new();
//!     while let Ok(text) = queue.get() {
//!         calls.push(pool.submit(count, text)?);
//!     }
//!     let counts: Result<Vec<usize>, _> = calls.into_iter().map(|call| call.get()).collect();
//!     assert_eq!(counts?, [2, 1, 3]);
//!     walker.join()?;
//!     Ok(())
//! }
//! ```
//!
//! This file is the map: it lists the layers, what of them is public, and who undoes what a dead process held.

#[allow(dead_code, reason = "in the model only what the model tests use is used")]
#[doc(hidden)]
pub mod platform;

#[cfg(not(manyhands_model))]
#[doc(hidden)]
pub mod arena;

/// In the model the arena is what needs no memory of several processes.
#[cfg(manyhands_model)]
#[allow(dead_code, reason = "in the model only what the model tests use is used")]
mod arena {
    mod block_word;
    mod chunk_word;
    mod free_bits;
    mod once;
    mod reclaim;
    mod window;

    /// What is waited for, of which the model writes nothing down.
    #[derive(Clone, Copy)]
    pub(crate) struct Kind;

    impl Kind {
        pub(crate) const BANKER: Kind = Kind;
        pub(crate) const CALL: Kind = Kind;
        pub(crate) const DOOR: Kind = Kind;
        pub(crate) const QUEUE: Kind = Kind;
        pub(crate) const WORK: Kind = Kind;
    }
}

#[cfg(not(manyhands_model))]
mod encoding;

#[allow(dead_code, reason = "in the model only what the model tests use is used")]
pub mod sync;

#[allow(dead_code, reason = "in the model only what the model tests use is used")]
#[doc(hidden)]
pub mod channel;

#[cfg(not(manyhands_model))]
pub use channel::{
    BytesPipe, GetError, InProcess, NotPut, Pipe, PutError, Queue, QueueStatistics, Receiver, Select,
    SelectError, Selectable, Sender,
};

#[cfg(not(manyhands_model))]
pub use sync::{
    Banker, BankerError, Barrier, Condition, Deadlock, DeadlockStep, Event, Lock, LockGuard, RLock,
    RLockGuard, Semaphore, WaitError, shared,
};

#[cfg(not(manyhands_model))]
pub mod spawn;

#[cfg(not(manyhands_model))]
pub use spawn::{
    NewThread, Process, ProcessError, StartError, StartMethod, Thread, ThreadError, ThreadState,
};

/// What the layers do when a process has ended: the arena knows that something is to be done, and not what.
#[cfg(not(manyhands_model))]
impl arena::Registered for arena::Arena {
    const LAYERS: &'static [arena::Layer] =
        &[arena::LAYER, sync::LAYER, channel::LAYER, spawn::LAYER, executor::LAYER];

    const REPLACE_REAPER: fn(&'static arena::Arena) = |arena| {
        let _ = spawn::reaper::ensure(arena);
    };
}

/// Looks for processes of this arena that have ended, and undoes what they held.
#[cfg(not(manyhands_model))]
#[doc(hidden)]
pub fn sweep_the_dead() {
    if let Some(arena) = arena::Arena::current() {
        arena::sweep_the_dead(arena);
    }
}

/// How a supervisor learns what a pool wants: the executor's answer.
#[cfg(not(manyhands_model))]
#[doc(hidden)]
pub static MAKE_SUPERVISED: spawn::MakeSupervised = executor::supervised;

#[allow(dead_code, reason = "in the model only what the model tests use is used")]
pub mod executor;

#[cfg(not(manyhands_model))]
pub use executor::{Future, Pool, Processes, Threads, Until, as_completed, wait};

#[cfg(not(manyhands_model))]
pub mod manager;

#[cfg(not(manyhands_model))]
pub use manager::{Hosted, HostedError};

#[cfg(not(manyhands_model))]
mod statistics;

#[cfg(not(manyhands_model))]
pub use statistics::{Statistics, statistics};
