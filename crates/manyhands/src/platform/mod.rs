//! The only place that calls the operating system or names a raw atomic.
//!
//! Everything above asks this layer for a futex wait, a memory file, a pidfd, a clone, a clock, and never for a system
//! call or a file of `/proc`. It knows no arena, no lock and no process of ours: a word here is only a word, a pid only
//! a number. Under `cfg(manyhands_model)` atomics and futexes are replaced by ones that the model checker schedules;
//! nothing else of this layer exists then.
//!
//! ```text
//! atomic, cache, clock, futex, thread, turn   words, caches, time, sleeping, this thread, one at a time
//! memory, maps, image, numbers                memory files, what is mapped, the program itself, numbers in values
//! fork, exec, orphan, process, signal         copies, other programs, nobody's children, pids, signals
//! standing, privilege, needs, wipe            what a child has by birth, more rights, what must be there, zeroed words
//! pidfd, stat, robust, census, poll           who has ended, how, words that change with an end, who is there, waiting
//! message, descriptor, doorbell, lasting      what is sent, handed over, rung, and kept though a program may close it
//! socket_file                                 sockets with a name
//! ```
//!
//! Another operating system is another folder with these modules. Each says below what it must offer, and to which
//! layer. Three things hold for all of them. Nothing here waits for a lock of ours or calls back while one is held. An
//! error is the system's own, with nothing half done. And what is marked *bare* also runs in a process that was cloned
//! out of one with threads. There any lock may be held for ever, so bare code allocates nothing, locks nothing and
//! touches no environment.

use cfg_if::cfg_if;

/// Words that threads and processes change at once. Everybody, holding anything.
pub mod atomic;
/// Hints, which may do nothing.
pub(crate) mod cache;
/// One monotonic clock for all processes. Everybody; bare.
pub mod clock;
/// A sleep that begins only if a word still has a value, so that no wake is lost between the look and the sleep;
/// between processes, too. `sync::wait` alone sleeps here, holding none of the standard library's locks; any thread may
/// wake. Bare.
pub mod futex;
/// The calling thread's number, as robust words and reports need it; how many threads there are.
pub mod thread;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        /// Every process that exists from the beginning of the count to its end. The sweep of lost copies, in any
        /// process; bare.
        pub(crate) mod census;
        /// Descriptors by which `spawn` passes on what a child has.
        pub(crate) mod descriptor;
        /// A bell in one process that another one's [`poll`] hears; rings add up, and nobody waits for room. Bare.
        pub(crate) mod doorbell;
        /// Another program as a child, with exactly the descriptors that are named. `spawn`, in a process with any
        /// threads.
        pub(crate) mod exec;
        /// Hooks around the program's own forks, which the arena sets once. A copy of the calling process, for
        /// supervisors, which have one thread and hold no lock; and a copy that becomes the caller's sibling.
        pub mod fork;
        /// Where the program stands in memory and which build it is, so that a function's address means the same in
        /// another process of it; a way to run before `main`.
        pub(crate) mod image;
        /// Descriptors that are ours only as long as their numbers stand for the same file.
        pub(crate) mod lasting;
        /// Whether another process still has the arena mapped: gone, there, or unknown. For the arena, which takes an
        /// exec for an end; bare.
        pub(crate) mod maps;
        /// Shared memory without a name, which vanishes with its last user; a private copy of a part of it; giving
        /// pages back. The arena, under its lock while it is made. Mapping more of it is bare.
        pub mod memory;
        /// Messages with descriptors over a socket pair, which end when the other process does.
        pub(crate) mod message;
        /// What the system lacks, asked once before anything is made.
        pub(crate) mod needs;
        /// Calls nothing: looks into values of any type, which takes unsafe code.
        pub(crate) mod numbers;
        /// A process that is nobody's child, or whose end no wait of the program sees: the reaper. Made at any time,
        /// whatever other threads hold; what runs in it is bare.
        pub(crate) mod orphan;
        /// A descriptor that stays one process's though its number comes back, and says whether it has ended; signals
        /// through it. Everybody, and the reaper: bare.
        pub mod pidfd;
        /// Waiting for several descriptors. Supervisors and the reaper, in which no thread of the program waits; bare.
        pub(crate) mod poll;
        /// Whether what comes from outside may be believed.
        pub(crate) mod privilege;
        /// Numbers, names and limits of the calling process.
        pub mod process;
        /// Words that the system changes when a thread ends, however it ends. The reaper's life; bare. Where there is
        /// none, waiters look for themselves.
        pub(crate) mod robust;
        /// What is blocked, ignored and handled. Between a clone and an exec, too: bare.
        pub(crate) mod signal;
        /// Whether anybody listens at a socket with a name, and removing that name. The end of the last process that
        /// had it: bare.
        pub(crate) mod socket_file;
        /// What a child has of its parent by birth, so that `spawn` can make one elsewhere that looks the same.
        pub(crate) mod standing;
        /// How a process ended that is not ours to reap, if the system says so. For the sweep; bare.
        pub mod stat;
        /// One copy of the engine in a process at a time, across their statics. The arena, while it is made.
        pub(crate) mod turn;
        /// Words that a fork's child finds zeroed, whichever code forked.
        pub(crate) mod wipe;
    }
}

pub use clock::Deadline;
pub use futex::{Scope, Wake};

#[cfg(all(test, manyhands_model))]
pub(crate) mod model;
#[cfg(all(test, not(manyhands_model)))]
#[path = "../../tests/until/mod.rs"]
pub(crate) mod until;
