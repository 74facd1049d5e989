//! Sleeping on a word until another thread wakes it: the kernel's futex.
//!
//! [`wait`] sleeps only if the word still has the expected value when the kernel looks, so a wake between the caller's
//! look and its sleep is never lost. Spurious returns are possible, and callers look again. `sync::wait::park`, the
//! only user, decides which threads sleep, how long and how often. In the model a mutex and condition variables of the
//! checker stand for the kernel's table, and time-outs never come.

use super::atomic::AtomicU32;

/// Whether a word is used by the threads of one process or by several processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In memory that only this process sees.
    Private,
    /// In memory that several processes see.
    Shared,
}

/// What the kernel puts into a word of a robust list in the place of the number of a thread that has ended.
pub const ENDED: u32 = 1 << 30;

/// On how many words a thread can sleep with [`wait_any`], and two more beside them: the kernel's limit is 128.
pub const MOST_WORDS: usize = 126;

/// A word beside which a thread sleeps as well, and what it says until then.
pub type Beside<'a> = Option<(&'a AtomicU32, u32)>;

/// Why a [`wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Another thread woke the word, or nothing did: look again.
    Woken,
    /// The word did not have the expected value.
    Changed,
    /// The deadline came.
    TimedOut,
    /// A signal handler ran.
    Interrupted,
}

#[cfg(not(manyhands_model))]
mod kernel {
    use super::{Beside, MOST_WORDS, Scope, Wake};
    use crate::platform::{
        Deadline,
        atomic::{AtomicBool, AtomicU32, Ordering},
    };
    use rustix::thread::futex::{self, Flags};
    use std::num::NonZeroU32;

    const ANY: NonZeroU32 = NonZeroU32::MAX;

    fn flags(scope: Scope) -> Flags {
        match scope {
            Scope::Private => Flags::PRIVATE,
            Scope::Shared => Flags::empty(),
        }
    }

    /// Sleeps while `word` has the value `expected`, until a [`wake`], a signal or `deadline`.
    pub fn wait(word: &AtomicU32, expected: u32, deadline: Option<Deadline>, scope: Scope) -> Wake {
        let until = deadline.map(timespec);
        // The bitset form takes an absolute point of CLOCK_MONOTONIC; the plain one takes a duration.
        match futex::wait_bitset(word, flags(scope), expected, until.as_ref(), ANY) {
            Ok(()) => Wake::Woken,
            Err(rustix::io::Errno::AGAIN) => Wake::Changed,
            Err(rustix::io::Errno::TIMEDOUT) => Wake::TimedOut,
            Err(rustix::io::Errno::INTR) => Wake::Interrupted,
            Err(error) => unreachable!("futex wait on a valid, aligned word failed: {error}"),
        }
    }

    /// Whether the kernel refused to wait for several words: it is older than Linux 5.16, or a filter keeps it from it.
    static REFUSED: AtomicBool = AtomicBool::new(false);

    /// Whether it is worth while to ask for [`wait_beside`] or [`wait_any`].
    pub fn waits_beside() -> bool {
        !REFUSED.load(Ordering::Relaxed)
    }

    /// As [`wait`] on a word that several processes see, and also until a thread wakes one of `beside`, other such
    /// words. `None` when the kernel does not offer that.
    pub fn wait_beside(
        word: &AtomicU32,
        expected: u32,
        beside: [Beside<'_>; 2],
        deadline: Option<Deadline>,
    ) -> Option<Wake> {
        let all = [Some((word, expected)), beside[0], beside[1]];
        let words = all.into_iter().flatten().map(|(word, expected)| (word, expected, Scope::Shared));
        wait_for_some::<3>(words, deadline)
    }

    /// As [`wait`] on the first [`MOST_WORDS`] of `words`, and as [`wait_beside`], until a thread wakes one of them.
    /// `None` when the kernel does not offer that.
    pub fn wait_any(
        words: &[(&AtomicU32, u32, Scope)],
        beside: [Beside<'_>; 2],
        deadline: Option<Deadline>,
    ) -> Option<Wake> {
        let beside = beside.into_iter().flatten().map(|(word, expected)| (word, expected, Scope::Shared));
        wait_for_some::<{ MOST_WORDS + 2 }>(words.iter().copied().take(MOST_WORDS).chain(beside), deadline)
    }

    fn wait_for_some<'a, const MOST: usize>(
        words: impl Iterator<Item = (&'a AtomicU32, u32, Scope)>,
        deadline: Option<Deadline>,
    ) -> Option<Wake> {
        let until = deadline.map(timespec);
        let mut waits = [const { futex::Wait::new() }; MOST];
        let mut count = 0;
        for (wait, (word, expected, scope)) in waits.iter_mut().zip(words) {
            wait.val = u64::from(expected);
            wait.uaddr = futex::WaitPtr::new(word.as_ptr().cast());
            wait.flags = match scope {
                Scope::Private => futex::WaitFlags::SIZE_U32 | futex::WaitFlags::PRIVATE,
                Scope::Shared => futex::WaitFlags::SIZE_U32,
            };
            count += 1;
        }
        let clock = rustix::time::ClockId::Monotonic;
        match futex::waitv(&waits[..count], futex::WaitvFlags::empty(), until.as_ref(), clock) {
            Ok(_) => Some(Wake::Woken),
            Err(rustix::io::Errno::AGAIN) => Some(Wake::Changed),
            Err(rustix::io::Errno::TIMEDOUT) => Some(Wake::TimedOut),
            Err(rustix::io::Errno::INTR) => Some(Wake::Interrupted),
            Err(_) => {
                REFUSED.store(true, Ordering::Relaxed);
                None
            }
        }
    }

    fn timespec(deadline: Deadline) -> rustix::time::Timespec {
        rustix::time::Timespec {
            tv_sec: (deadline.as_nanos() / 1_000_000_000) as i64,
            tv_nsec: (deadline.as_nanos() % 1_000_000_000) as _,
        }
    }

    /// Wakes at most `count` sleepers of `word`, and says how many there were.
    pub fn wake(word: &AtomicU32, count: u32, scope: Scope) -> u32 {
        // The kernel reads the count as a signed number.
        let count = count.min(i32::MAX as u32);
        futex::wake(word, flags(scope), count).map_or(0, |woken| woken as u32)
    }
}

#[cfg(not(manyhands_model))]
pub use kernel::{wait, wait_any, wait_beside, waits_beside, wake};

#[cfg(manyhands_model)]
mod model {
    use super::{Beside, Scope, Wake};
    use crate::platform::{
        Deadline,
        atomic::{AtomicU32, Ordering},
    };
    use loom::sync::{Condvar, Mutex};
    use std::collections::HashMap;
    use std::sync::Arc;

    struct Sleepers {
        count: u32,
        tickets: u32,
        condition: Arc<Condvar>,
        /// The conditions of those that sleep on another word as well.
        beside: Vec<Arc<Condvar>>,
    }

    impl Sleepers {
        fn none() -> Sleepers {
            Sleepers { count: 0, tickets: 0, condition: Arc::new(Condvar::new()), beside: Vec::new() }
        }
    }

    fn key(word: &AtomicU32) -> usize {
        std::ptr::from_ref(word) as usize
    }

    loom::lazy_static! {
        static ref TABLE: Mutex<HashMap<usize, Sleepers>> = Mutex::new(HashMap::new());
    }

    /// Sleeps while `word` has the value `expected` until a [`wake`]; deadlines never come.
    pub fn wait(word: &AtomicU32, expected: u32, _deadline: Option<Deadline>, _scope: Scope) -> Wake {
        let mut table = TABLE.lock().unwrap();
        if word.load(Ordering::SeqCst) != expected {
            return Wake::Changed;
        }
        let key = key(word);
        let sleepers = table.entry(key).or_insert_with(Sleepers::none);
        sleepers.count += 1;
        let condition = Arc::clone(&sleepers.condition);
        loop {
            table = condition.wait(table).unwrap();
            let sleepers = table.get_mut(&key).expect("a sleeper's entry stays");
            if sleepers.tickets > 0 {
                sleepers.tickets -= 1;
                sleepers.count -= 1;
                return Wake::Woken;
            }
        }
    }

    /// Wakes at most `count` sleepers of `word`, and says how many there were.
    pub fn wake(word: &AtomicU32, count: u32, _scope: Scope) -> u32 {
        let mut table = TABLE.lock().unwrap();
        let Some(sleepers) = table.get_mut(&key(word)) else {
            return 0;
        };
        let woken = count.min(sleepers.count - sleepers.tickets);
        sleepers.tickets += woken;
        if woken > 0 {
            sleepers.condition.notify_all();
            sleepers.beside.iter().for_each(|condition| condition.notify_all());
        }
        woken
    }

    /// The model's kernel always offers [`wait_beside`].
    pub fn waits_beside() -> bool {
        true
    }

    /// As [`wait`], and also until one of `beside` is woken.
    pub fn wait_beside(
        word: &AtomicU32,
        expected: u32,
        beside: [Beside<'_>; 2],
        deadline: Option<Deadline>,
    ) -> Option<Wake> {
        wait_any(&[(word, expected, Scope::Shared)], beside, deadline)
    }

    /// As [`wait`] on each of `words` and of `beside`, until one of them is woken.
    pub fn wait_any(
        words: &[(&AtomicU32, u32, Scope)],
        beside: [Beside<'_>; 2],
        _deadline: Option<Deadline>,
    ) -> Option<Wake> {
        let mut table = TABLE.lock().unwrap();
        let beside = beside.into_iter().flatten();
        let words: Vec<(&AtomicU32, u32)> =
            words.iter().map(|(word, expected, _)| (*word, *expected)).chain(beside).collect();
        if words.iter().any(|(word, expected)| word.load(Ordering::SeqCst) != *expected) {
            return Some(Wake::Changed);
        }
        let keys: Vec<usize> = words.into_iter().map(|(word, _)| key(word)).collect();
        let condition = Arc::new(Condvar::new());
        for key in &keys {
            let sleepers = table.entry(*key).or_insert_with(Sleepers::none);
            sleepers.count += 1;
            sleepers.beside.push(Arc::clone(&condition));
        }
        loop {
            table = condition.wait(table).unwrap();
            let Some(woken) = keys.iter().position(|key| table[key].tickets > 0) else { continue };
            for (at, key) in keys.iter().enumerate() {
                let sleepers = table.get_mut(key).expect("a sleeper's entry stays");
                sleepers.count -= 1;
                sleepers.tickets = (sleepers.tickets - u32::from(at == woken)).min(sleepers.count);
                sleepers.beside.retain(|other| !Arc::ptr_eq(other, &condition));
            }
            return Some(Wake::Woken);
        }
    }
}

#[cfg(manyhands_model)]
pub use model::{wait, wait_any, wait_beside, waits_beside, wake};
