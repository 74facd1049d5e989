//! What one thread waits for, so that others can follow it.
//!
//! A note is written by its thread alone. Another thread that wants to follow it to the lock *pins* the note first.
//! While it is pinned the waiter does not get beyond the end of its wait, so the lock, which the waiter borrows, still
//! exists. Either the waiter sees the pin, or the thread that pins sees the end of the wait: both raise their word,
//! then fence, then look at the other's. No published algorithm; Dekker's idea.

use crate::platform::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use crate::platform::thread::yield_now;
use crate::sync::lock::word::{LockWord, Seen};

/// The part of a private lock that the wait graph reads.
#[derive(Debug, Default)]
pub(in crate::sync) struct LockFace {
    /// The holder.
    pub(in crate::sync) word: LockWord,
    /// Where its holder took it, as a raw `Site`.
    pub(in crate::sync) taken_at: AtomicUsize,
    /// Where it was made, as the holder of the face keeps it.
    #[cfg(not(manyhands_model))]
    pub(in crate::sync) made_at: crate::sync::wait::site::Site,
    /// Whether its holder may take it again, and no other thread can ever release it.
    pub(in crate::sync) only_by_holder: bool,
    #[cfg(all(test, manyhands_model))]
    pub(in crate::sync) alive: super::model::Alive,
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug)]
pub(in crate::sync) enum Wanted {
    /// A lock; the address of its face.
    Lock(usize),
    /// The end of a thread; its number.
    Thread(u32),
    /// What any thread may bring: an address, for the function that asks there whether it was brought.
    News(usize, IsThere),
}

/// By the numbers alone: two addresses of one function would still be of two different waits.
impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Wanted::Lock(one), Wanted::Lock(other)) | (Wanted::News(one, _), Wanted::News(other, _)) => {
                one == other
            }
            (Wanted::Thread(one), Wanted::Thread(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Wanted {}

/// Whether what is waited for is there already, so that the waiter is about to go on; gets the address of what it asks,
/// which must stand there still.
pub(in crate::sync) type IsThere = unsafe fn(usize) -> bool;

const LOCK: usize = 0;
const THREAD: usize = 1;

/// A thread's note. Zeroed memory is one of a thread that waits for nothing.
#[derive(Debug, Default)]
pub(in crate::sync) struct WaitNote {
    /// Raised at the begin and at the end of each wait: odd while the thread waits without a limit.
    waits: AtomicU64,
    /// The address of the lock or of the news, or the thread's number.
    wanted: AtomicUsize,
    /// 0 a lock, 1 a thread, else the address of the function that asks for the news.
    kind: AtomicUsize,
    /// How many others are following this note just now.
    pins: AtomicU32,
    /// Where the wait is, as a raw `Site`.
    wanted_at: AtomicUsize,
}

/// One look at a note and at what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Look {
    pub(in crate::sync) waits: u64,
    pub(in crate::sync) wanted: Wanted,
    pub(in crate::sync) wanted_at: usize,
    /// The thread that can end the wait; 0 = no particular one.
    pub(in crate::sync) owner: u32,
    /// Whether only that one can.
    pub(in crate::sync) certain: bool,
    /// Whether the language itself sees to that: a guard in Rust cannot be left by another thread, a `with` in Python
    /// can.
    pub(in crate::sync) is_by_rust: bool,
    pub(in crate::sync) taken_at: usize,
    /// Where the lock was made, as a raw `Site`.
    pub(in crate::sync) made_at: usize,
    /// Whether it is a lock that its holder may take again.
    pub(in crate::sync) is_re_entrant: bool,
    /// Whether the waiter is about to go on.
    pub(in crate::sync) is_there: bool,
}

impl LockFace {
    #[cfg(not(manyhands_model))]
    fn made_at_raw(&self) -> usize {
        self.made_at.to_raw()
    }

    #[cfg(manyhands_model)]
    fn made_at_raw(&self) -> usize {
        0
    }
}

/// Whether this is a place in a Rust program.
#[cfg(not(manyhands_model))]
fn is_by_rust(taken_at: usize) -> bool {
    matches!(crate::sync::wait::site::Site::from_raw(taken_at), crate::sync::wait::site::Site::Rust(_))
}

/// The model has no places.
#[cfg(manyhands_model)]
fn is_by_rust(_: usize) -> bool {
    true
}

impl WaitNote {
    /// Writes down that the calling thread, whose note this is, waits from now on, and makes that visible to later
    /// walks.
    pub(in crate::sync) fn begin(&self, wanted: Wanted, wanted_at: usize) {
        let (what, kind) = match wanted {
            Wanted::Lock(address) => (address, LOCK),
            Wanted::Thread(number) => (number as usize, THREAD),
            Wanted::News(address, is_there) => (address, is_there as usize),
        };
        self.wanted.store(what, Ordering::Relaxed);
        self.kind.store(kind, Ordering::Relaxed);
        self.wanted_at.store(wanted_at, Ordering::Relaxed);
        let waits = self.waits.load(Ordering::Relaxed);
        debug_assert!(waits & 1 == 0, "a wait began within a wait");
        self.waits.store(waits + 1, Ordering::Release);
        // If two begin to wait for one another, the later in the order of fences sees the other's note.
        fence(Ordering::SeqCst);
    }

    /// Ends the wait, and returns only when no thread is following the note any more.
    pub(in crate::sync) fn end(&self) {
        let waits = self.waits.load(Ordering::Relaxed);
        self.waits.store(waits + 1, Ordering::Release);
        fence(Ordering::SeqCst);
        while self.pins.load(Ordering::Acquire) != 0 {
            yield_now();
        }
    }

    /// In a fork's child, where nobody is left to unpin: no thread follows the note, and its thread does not wait.
    pub(in crate::sync) fn reset(&self) {
        self.pins.store(0, Ordering::Relaxed);
        let waits = self.waits.load(Ordering::Relaxed);
        self.waits.store(waits + (waits & 1), Ordering::Release);
    }

    /// Follows the note to what its thread waits for; `None` when it does not wait.
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
        let what = self.wanted.load(Ordering::Relaxed);
        let nothing = Look {
            waits,
            wanted: Wanted::Thread(0),
            wanted_at: self.wanted_at.load(Ordering::Relaxed),
            owner: 0,
            certain: false,
            is_by_rust: false,
            taken_at: 0,
            made_at: 0,
            is_re_entrant: false,
            is_there: false,
        };
        match self.kind.load(Ordering::Relaxed) {
            LOCK => {}
            THREAD => {
                let owner = what as u32;
                return Look { wanted: Wanted::Thread(owner), owner, certain: true, ..nothing };
            }
            function => {
                // SAFETY: of the kinds, only the addresses of such functions are neither of the two numbers.
                let is_there: IsThere = unsafe { std::mem::transmute::<usize, IsThere>(function) };
                // SAFETY: it stands on the stack of the waiter, which stays in its wait while the note is pinned and
                // says so.
                let is_there_now = unsafe { is_there(what) };
                return Look { wanted: Wanted::News(what, is_there), is_there: is_there_now, ..nothing };
            }
        }
        // SAFETY: the note leads to the face of the lock that its thread waits for and thereby borrows. The thread
        // stays in that wait while the note is pinned and says so, and both were found after the fence.
        let face = unsafe { &*(what as *const LockFace) };
        #[cfg(all(test, manyhands_model))]
        face.alive.look();
        let Seen { owner, guarded, .. } = face.word.seen();
        let (certain, taken_at) = (guarded || face.only_by_holder, face.taken_at.load(Ordering::Relaxed));
        Look {
            wanted: Wanted::Lock(what),
            owner,
            certain,
            is_by_rust: certain && is_by_rust(taken_at),
            taken_at,
            made_at: face.made_at_raw(),
            is_re_entrant: face.only_by_holder,
            ..nothing
        }
    }
}
