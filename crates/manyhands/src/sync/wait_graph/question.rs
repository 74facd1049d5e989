//! What a waiting thread waits for, as other threads of its process can ask.
//!
//! A wait brings a question, which stands where the waiter keeps it: is it there, and who has it? The thread's record
//! leads there while the wait lasts. Another thread that wants to ask *pins* the record first. While it is pinned the
//! waiter does not get beyond the end of its wait, so what the question looks at, which the waiter borrows, still
//! exists. Either the waiter sees the pin, or the thread that pins sees the end of the wait: both raise their word,
//! then fence, then look at the other's. No published algorithm; Dekker's idea. The README beside this names the races.

use crate::platform::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use crate::platform::thread::yield_now;

/// What a wait waits for: asked by other threads, also while the waiter sleeps, so it must be quick and may not wait.
pub(crate) trait Question: Sync {
    /// What is waited for.
    const WANTED: Wanted;

    /// What stands in the way now.
    fn answer(&self) -> Answer;
}

/// Whether something is there that any thread may bring.
impl<F: Fn() -> bool + Sync> Question for F {
    const WANTED: Wanted = Wanted::News;

    fn answer(&self) -> Answer {
        Answer::News { is_there: self() }
    }
}

/// The question of a wait for what other processes bring as well: nobody asks it, since no look at the threads of this
/// process tells whether the wait can end.
pub(crate) struct Outside;

impl Question for Outside {
    const WANTED: Wanted = Wanted::Outside;

    fn answer(&self) -> Answer {
        Answer::News { is_there: false }
    }
}

/// What a wait is for, as far as deadlocks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What any thread may bring.
    News,
    /// A lock, which the thread that has it releases.
    Lock,
    /// The end of a thread.
    End,
    /// What comes from outside of this process.
    Outside,
}

/// What stands in the way of a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It waits for what any thread may bring. Once that is there, the waiter is about to go on.
    News { is_there: bool },
    /// It waits for a lock.
    Lock(Held),
    /// It waits for the end of the thread with this number.
    End { thread: u32 },
}

/// A lock of this process as a waiter finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The number of the thread that has it; 0: none, at this moment.
    pub(in crate::sync) owner: u32,
    /// Whether only that one can release it.
    pub(in crate::sync) certain: bool,
    /// Whether the language itself sees to that: a guard in Rust cannot be left by another thread, a `with` in Python
    /// can.
    pub(in crate::sync) is_by_rust: bool,
    /// Whether its holder may take it again.
    pub(in crate::sync) is_re_entrant: bool,
    /// Where it was taken, as a raw `Site`.
    pub(in crate::sync) taken_at: usize,
    /// Where it was made, as a raw `Site`.
    pub(in crate::sync) made_at: usize,
}

impl Answer {
    /// The thread that can end the wait; 0: no particular one.
    pub(in crate::sync) fn owner(&self) -> u32 {
        match *self {
            Answer::News { .. } => 0,
            Answer::Lock(Held { owner, .. }) => owner,
            Answer::End { thread } => thread,
        }
    }

    /// Whether only the owner can end the wait.
    pub(in crate::sync) fn is_certain(&self) -> bool {
        match *self {
            Answer::News { .. } => false,
            Answer::Lock(Held { certain, .. }) => certain,
            Answer::End { .. } => true,
        }
    }

    /// Whether no other thread can end the wait by the rules of Rust.
    pub(in crate::sync) fn is_by_rust(&self) -> bool {
        matches!(self, Answer::Lock(Held { is_by_rust: true, .. }))
    }

    /// Whether any thread may end the wait.
    pub(in crate::sync) fn is_news(&self) -> bool {
        matches!(self, Answer::News { .. })
    }

    /// Whether a lock is waited for.
    pub(in crate::sync) fn is_lock(&self) -> bool {
        matches!(self, Answer::Lock(_))
    }
}

/// The way to a question: its address, and the function that asks it.
#[derive(Clone, Copy)]
pub(in crate::sync) struct Ask {
    pub(in crate::sync) wanted: Wanted,
    question: usize,
    ask: unsafe fn(usize) -> Answer,
}

impl Ask {
    pub(in crate::sync) fn of<Q: Question>(question: &Q) -> Ask {
        Ask { wanted: Q::WANTED, question: std::ptr::from_ref(question) as usize, ask: ask::<Q> }
    }
}

/// Asks the `Q` at an address.
///
/// # Safety
/// One stands there, and stays meanwhile.
unsafe fn ask<Q: Question>(address: usize) -> Answer {
    // SAFETY: the caller's promise; any thread may ask it, since it is `Sync`.
    unsafe { &*(address as *const Q) }.answer()
}

/// A thread's open question. Zeroed memory is that of a thread that waits for nothing.
#[derive(Debug, Default)]
pub(in crate::sync) struct OpenQuestion {
    /// Raised at the beginning and at the end of each wait: odd while the thread waits.
    waits: AtomicU64,
    /// The two halves of an [`Ask`].
    question: AtomicUsize,
    ask: AtomicUsize,
    /// How many others are asking just now.
    pins: AtomicU32,
    /// Where the wait is, as a raw `Site`.
    wanted_at: AtomicUsize,
}

/// One look at an open question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Look {
    /// How many waits of the thread had begun and ended, so that a later wait is not taken for this one.
    pub(in crate::sync) waits: u64,
    /// The address of the question: it tells apart two things that get the same answer.
    pub(in crate::sync) question: usize,
    pub(in crate::sync) wanted_at: usize,
    pub(in crate::sync) answer: Answer,
}

impl OpenQuestion {
    /// The calling thread, whose record this is, waits from now on; later walks see that.
    ///
    /// What `ask` leads to stays until the question is [closed](OpenQuestion::close).
    pub(in crate::sync) fn open(&self, ask: Ask, wanted_at: usize) {
        self.question.store(ask.question, Ordering::Relaxed);
        self.ask.store(ask.ask as usize, Ordering::Relaxed);
        self.wanted_at.store(wanted_at, Ordering::Relaxed);
        let waits = self.waits.load(Ordering::Relaxed);
        debug_assert!(waits & 1 == 0, "a wait began within a wait");
        self.waits.store(waits + 1, Ordering::Release);
        // If two begin to wait for one another, the later in the order of fences sees the other's question.
        fence(Ordering::SeqCst);
    }

    /// The wait is over; returns only when no thread is asking any more.
    pub(in crate::sync) fn close(&self) {
        let waits = self.waits.load(Ordering::Relaxed);
        self.waits.store(waits + 1, Ordering::Release);
        fence(Ordering::SeqCst);
        while self.pins.load(Ordering::Acquire) != 0 {
            yield_now();
        }
    }

    /// In a fork's child, where nobody is left to unpin: no thread asks, and the record's thread does not wait.
    pub(in crate::sync) fn reset(&self) {
        self.pins.store(0, Ordering::Relaxed);
        let waits = self.waits.load(Ordering::Relaxed);
        self.waits.store(waits + (waits & 1), Ordering::Release);
    }

    /// Asks; `None` when the thread does not wait.
    pub(in crate::sync) fn look(&self) -> Option<Look> {
        self.pins.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let waits = self.waits.load(Ordering::Acquire);
        let look = (waits & 1 == 1).then(|| self.follow(waits));
        // Release: the waiter goes on only after the reads above.
        self.pins.fetch_sub(1, Ordering::Release);
        look
    }

    fn follow(&self, waits: u64) -> Look {
        let question = self.question.load(Ordering::Relaxed);
        let function = self.ask.load(Ordering::Relaxed);
        // SAFETY: only `open` writes it, from such a function, and it has been called: the count of waits is odd.
        let ask = unsafe { std::mem::transmute::<usize, unsafe fn(usize) -> Answer>(function) };
        // SAFETY: the question is the one that `open` was given with this function. The waiter keeps it until `close`
        // returns, which waits for the pin: that the pin stands and the count is odd were both found after the fence.
        let answer = unsafe { ask(question) };
        Look { waits, question, wanted_at: self.wanted_at.load(Ordering::Relaxed), answer }
    }
}
