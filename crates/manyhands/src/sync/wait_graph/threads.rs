//! The threads of this process, by the number that stands in the words of private locks.
//!
//! A number is a record's index and its generation, so a word that names a thread which is gone leads nowhere. A thread
//! takes a record when it first needs a number, and gives it back when it ends. Records go round, so that a number
//! comes back only after some eight million threads. A fork's child has the records of its parent's threads as well:
//! they carry another token than its own, and lead nowhere either.

use super::question::OpenQuestion;
use crate::arena::{read_text, write_text};
use crate::platform::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::platform::process::getpid;
use crate::platform::thread::{self, gettid};
use crate::platform::wipe;

/// How many threads of a process can have a number at a time, plus one.
const THREADS: u32 = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 16;
const GENERATION: u32 = (1 << (29 - INDEX_BITS)) - 1;
const PIECE: usize = 1024;
const NAME_WORDS: usize = 4;

/// Which word of the page that is wiped in a fork's child holds this process's token.
const TOKEN_WORD: usize = 2;

/// What is known of one thread of this process.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct ThreadRecord {
    /// The thread's number; 0 when the record is free.
    number: AtomicU32,
    /// The next thread's generation.
    generation: AtomicU32,
    /// The token of the process whose thread it is.
    token: AtomicU32,
    tid: AtomicU32,
    /// Whether it is a thread of the engine's, which ends no wait of the program's: 1, or 0.
    serves: AtomicU32,
    pub(super) question: OpenQuestion,
    name: [AtomicU64; NAME_WORDS],
}

/// Made when first needed, without a lock that a fork could copy while it is held, and never unmade.
static PIECES: [AtomicPtr<[ThreadRecord; PIECE]>; THREADS as usize / PIECE] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; THREADS as usize / PIECE];
/// How many pieces are in use.
static USED: AtomicU32 = AtomicU32::new(1);
static CURSOR: AtomicU32 = AtomicU32::new(0);
/// How many have a number; in a fork's child perhaps more than there are.
static NUMBERED: AtomicU32 = AtomicU32::new(0);
static TOKENS: AtomicU32 = AtomicU32::new(0);

fn record_at(index: u32) -> &'static ThreadRecord {
    let place = &PIECES[index as usize / PIECE];
    // SAFETY: a pointer that is not null came from `Box::into_raw` in `make`, and is never freed.
    let piece = unsafe { place.load(Ordering::Acquire).as_ref() }.unwrap_or_else(|| make(place));
    &piece[index as usize % PIECE]
}

#[cold]
fn make(place: &AtomicPtr<[ThreadRecord; PIECE]>) -> &'static [ThreadRecord; PIECE] {
    let mut records = Vec::new();
    records.resize_with(PIECE, ThreadRecord::default);
    let records: Box<[ThreadRecord; PIECE]> =
        records.into_boxed_slice().try_into().expect("as many as were asked for");
    let fresh = Box::into_raw(records);
    let null = std::ptr::null_mut();
    match place.compare_exchange(null, fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: from `Box::into_raw`, never freed from now on.
        Ok(_) => unsafe { &*fresh },
        Err(earlier) => {
            // SAFETY: from `Box::into_raw`, and nobody else knows it.
            drop(unsafe { Box::from_raw(fresh) });
            // SAFETY: as in `record_at`.
            unsafe { &*earlier }
        }
    }
}

/// What distinguishes this process from those it was forked from: never 0, greater than its parent's.
pub(in crate::sync) fn token() -> u32 {
    if wipe::word(TOKEN_WORD).is_none() {
        let _ = wipe::prepare();
    }
    // Without such a page (kernels before 4.14) a fork's child takes its parent's threads for its own.
    let Some(word) = wipe::word(TOKEN_WORD) else { return 1 };
    match word.load(Ordering::Acquire) {
        0 => {
            let fresh = TOKENS.fetch_add(1, Ordering::Relaxed) + 1;
            word.compare_exchange(0, fresh, Ordering::AcqRel, Ordering::Acquire).map_or_else(|t| t, |_| fresh)
        }
        token => token,
    }
}

/// A number for the calling thread: never 0, 29 bits.
///
/// # Panics
/// When 65,535 threads of this process have one already.
pub(in crate::sync) fn claim_number() -> u32 {
    loop {
        let used = USED.load(Ordering::Acquire);
        let reach = used * PIECE as u32;
        for _ in 0..reach {
            let index = CURSOR.fetch_add(1, Ordering::Relaxed) % reach;
            let record = record_at(index);
            // Index 0 is nobody's, so that no number is 0.
            if index == 0 || record.number.load(Ordering::Relaxed) != 0 {
                continue;
            }
            let generation = record.generation.load(Ordering::Relaxed);
            let number = (generation & GENERATION) << INDEX_BITS | index;
            if record.number.compare_exchange(0, number, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                record.generation.store(generation.wrapping_add(1), Ordering::Relaxed);
                record.name.iter().for_each(|word| word.store(0, Ordering::Relaxed));
                record.serves.store(0, Ordering::Relaxed);
                record.settle(token());
                NUMBERED.fetch_add(1, Ordering::Relaxed);
                return number;
            }
        }
        assert!(
            reach < THREADS,
            "more than 65535 threads of this process use locks: let some of them end first"
        );
        let _ = USED.compare_exchange(used, used + 1, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// The calling thread is the one that a number was claimed for by another.
pub(in crate::sync) fn settle_number(number: u32) {
    record_at(number & (THREADS - 1)).settle(token());
}

/// Gives a number back when its thread ends.
pub(in crate::sync) fn give_number_back(number: u32) {
    let record = record_at(number & (THREADS - 1));
    if record.number.compare_exchange(number, 0, Ordering::Release, Ordering::Relaxed).is_ok() {
        NUMBERED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many threads of this process have a number, at most.
#[inline]
pub(in crate::sync) fn numbered() -> u32 {
    NUMBERED.load(Ordering::Relaxed)
}

/// The record of a thread that lives in this process; `None` when it is gone, or the parent's.
pub(super) fn record_of(number: u32) -> Option<&'static ThreadRecord> {
    let record = record_at(number & (THREADS - 1));
    let is_here =
        record.number.load(Ordering::Acquire) == number && record.token.load(Ordering::Acquire) == token();
    is_here.then_some(record)
}

/// The open question of a thread that lives in this process.
pub(super) fn find(number: u32) -> Option<&'static OpenQuestion> {
    record_of(number).map(|record| &record.question)
}

/// The calling thread's own record, put right if this is a fork's child; `None` while the thread is being torn down and
/// has given its record back.
pub(super) fn own_record(number: u32) -> Option<&'static ThreadRecord> {
    let record = record_at(number & (THREADS - 1));
    if record.number.load(Ordering::Relaxed) != number {
        return None;
    }
    let token = token();
    if record.token.load(Ordering::Relaxed) != token {
        record.question.reset();
        record.settle(token);
    }
    Some(record)
}

/// Whether the thread with this number is in a wait of the engine that has no limit.
pub fn is_waiting(number: u32) -> bool {
    record_of(number).is_some_and(|record| record.question.look().is_some())
}

/// All threads of this process that have a number.
pub(super) fn records() -> impl Iterator<Item = (u32, &'static ThreadRecord)> {
    let reach = USED.load(Ordering::Acquire) * PIECE as u32;
    (1..reach).filter_map(|index| {
        let number = record_at(index).number.load(Ordering::Acquire);
        Some((number, record_of(number)?))
    })
}

impl ThreadRecord {
    /// Whether it is the process's first thread, in which Python runs the handlers of signals.
    pub(super) fn is_main(&self) -> bool {
        self.tid.load(Ordering::Relaxed) == getpid()
    }

    /// Whether it is a thread of the engine's that ends no wait of the program's.
    pub(super) fn serves(&self) -> bool {
        self.serves.load(Ordering::Relaxed) != 0
    }

    /// Says so of the calling thread.
    pub(super) fn set_serves(&self) {
        self.serves.store(1, Ordering::Relaxed);
    }

    fn settle(&self, token: u32) {
        self.tid.store(gettid(), Ordering::Relaxed);
        self.token.store(token, Ordering::Release);
    }

    /// Gives the thread a name, of which the first 32 bytes are kept.
    pub(super) fn set_name(&self, name: &str) {
        write_text(&self.name, name);
    }

    /// What to call the thread: the name it was given, or the kernel's.
    pub(super) fn name(&self) -> String {
        let given = read_text(&self.name);
        if !given.is_empty() {
            return given;
        }
        let tid = self.tid.load(Ordering::Relaxed);
        thread::name_of(tid).unwrap_or_else(|| format!("thread {tid}"))
    }
}
