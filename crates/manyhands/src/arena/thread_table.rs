//! The slots of the threads that use an arena.
//!
//! A slot, once taken, stays with its process until that ends; the process's later threads use it again with the next
//! generation. So a lock held by a thread that is gone still names it.

use super::error::ArenaError;
use super::free_bits::FreeBits;
use super::header::THREAD_TABLE;
use super::owner::{ProcessId, ThreadId};
use super::region::Arena;
use super::shared::Offset;
use super::thread_slot::{ENDED, FREE, RUNNING, THREADS, ThreadSlot, pack, unpack};
use crate::platform::atomic::{Ordering, fence};
use crate::platform::thread::gettid;

/// The slots of this process's threads that have ended. A hint, as all such bits: a fork's copy of it names slots of
/// the parent, whose words say so.
static ENDED_HERE: FreeBits<{ THREADS / 64 }, { THREADS / 4096 }> = FreeBits::new();

/// Objects that threads waited for when it was made, and perhaps others.
pub(crate) struct Waited([u64; Waited::WORDS]);

impl Waited {
    const WORDS: usize = 64;

    fn place(object: u64) -> (usize, u64) {
        (object as usize / 64 % Waited::WORDS, 1 << (object % 64))
    }

    /// Whether a thread may have waited for the object of this number.
    pub(crate) fn may_be_for(&self, object: u32) -> bool {
        let (word, bit) = Waited::place(u64::from(object));
        self.0[word] & bit != 0
    }
}

impl Arena {
    /// What threads wait for now. Each says so in its slot before it sleeps; only when there may be some that got none,
    /// it is anything.
    pub(crate) fn waited(&self) -> Waited {
        let high = self.thread_high();
        if high == THREADS {
            return Waited([u64::MAX; Waited::WORDS]);
        }
        let mut waited = Waited([0; Waited::WORDS]);
        fence(Ordering::SeqCst); // a note that is not seen here was written by a thread that looks after this
        for slot in &self.thread_slots()[..high] {
            let what = slot.waits_for();
            if what != 0 {
                let (word, bit) = Waited::place(what & u64::from(u32::MAX));
                waited.0[word] |= bit;
            }
        }
        waited
    }

    /// Whether there are so many slots that a thread may have one which owns nothing in the arena. The last quarter is
    /// kept for those that do.
    pub(super) fn has_slots_to_spare(&self) -> bool {
        self.thread_high() < THREADS / 4 * 3
    }

    /// One past the highest number ever used.
    fn thread_high(&self) -> usize {
        (self.header().thread_high.load(Ordering::Acquire) as usize).min(THREADS)
    }

    fn thread_slots(&self) -> &'static [ThreadSlot] {
        self.slice(Offset::new(THREAD_TABLE), THREADS)
    }

    /// The slot of a thread, which may have passed to another one since.
    pub fn thread(&self, thread: ThreadId) -> &'static ThreadSlot {
        &self.thread_slots()[thread.index()]
    }

    /// The process of a thread, also of one that has ended while its process lives; `None` when that is gone, too.
    pub fn process_of(&self, thread: ThreadId) -> Option<ProcessId> {
        let slot = self.thread(thread);
        let (state, generation, process) = unpack(slot.word.load(Ordering::Acquire));
        let age = generation.wrapping_sub(thread.generation()) & 0xffff;
        let span = generation.wrapping_sub(slot.first_generation.load(Ordering::Acquire)) & 0xffff;
        if state == FREE || age > span { None } else { ProcessId::from_raw(process) }
    }

    /// The threads that run now, each with its process.
    pub(crate) fn running_threads(&self) -> impl Iterator<Item = (ProcessId, &'static ThreadSlot)> {
        self.thread_slots()[..self.thread_high()].iter().filter_map(|slot| {
            let (state, _, process) = unpack(slot.word.load(Ordering::Acquire));
            (state == RUNNING).then(|| ProcessId::from_raw(process))?.map(|process| (process, slot))
        })
    }

    /// How many threads wait for what this word stands for.
    pub(crate) fn threads_waiting_for(&self, what: u64) -> usize {
        self.running_threads().filter(|(_, slot)| slot.waits_for() == what).count()
    }

    /// A slot for a thread of `process`: one of its own threads that have ended, one that was given back, then a fresh
    /// one. At last any that is free, as with the records of objects.
    pub(super) fn claim_thread(&self, process: ProcessId) -> Result<ThreadId, ArenaError> {
        let of_own = std::iter::from_fn(|| ENDED_HERE.take());
        let given_back = std::iter::from_fn(|| self.free().threads.take());
        let fresh = std::iter::from_fn(|| self.fresh_thread());
        let any = 1..THREADS;
        of_own
            .chain(given_back)
            .chain(fresh)
            .chain(any)
            .find_map(|index| self.try_claim_thread(index, process))
            .ok_or(ArenaError::OutOfSlots { what: "thread that uses shared objects", limit: THREADS - 1 })
    }

    fn fresh_thread(&self) -> Option<usize> {
        let next = |high| ((high as usize) < THREADS).then_some(high + 1);
        let high = &self.header().thread_high;
        high.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok().map(|high| high as usize)
    }

    fn try_claim_thread(&self, index: usize, process: ProcessId) -> Option<ThreadId> {
        let slot = &self.thread_slots()[index];
        let word = slot.word.load(Ordering::Acquire);
        let (state, generation, owner) = unpack(word);
        let generation = match state {
            ENDED if owner == process.raw() => generation.wrapping_add(1),
            FREE => generation,
            _ => return None,
        };
        let taken = pack(RUNNING, generation, process.raw());
        slot.word.compare_exchange(word, taken, Ordering::AcqRel, Ordering::Acquire).ok()?;
        if state == FREE {
            slot.first_generation.store(generation & 0xffff, Ordering::Release);
        }
        Some(self.settle(index, generation))
    }

    fn settle(&self, index: usize, generation: u32) -> ThreadId {
        let slot = &self.thread_slots()[index];
        slot.tid.store(gettid(), Ordering::Relaxed);
        slot.waits_for.store(0, Ordering::Relaxed);
        ThreadId::new(index, generation)
    }

    pub(super) fn end_thread(&self, thread: ThreadId) {
        let slot = self.thread(thread);
        let word = slot.word.load(Ordering::Acquire);
        let (state, generation, process) = unpack(word);
        if state == RUNNING && generation == thread.generation() {
            slot.waits_for.store(0, Ordering::Relaxed);
            let ended = pack(ENDED, generation, process);
            if slot.word.compare_exchange(word, ended, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                ENDED_HERE.put(thread.index());
            }
        }
    }

    /// Part of a sweep: the threads of a dead process are nobody's.
    pub(super) fn free_threads_of(&self, process: ProcessId) {
        let high = self.thread_high();
        for (index, slot) in self.thread_slots()[..high].iter().enumerate().skip(1) {
            let word = slot.word.load(Ordering::Acquire);
            let (state, generation, owner) = unpack(word);
            if state != FREE && owner == process.raw() {
                let free = pack(FREE, generation.wrapping_add(1), 0);
                let _ = slot.word.compare_exchange(word, free, Ordering::AcqRel, Ordering::Acquire);
            }
            // Also what a killed process has freed, or taken the bit of, and no more.
            let is_free = unpack(slot.word.load(Ordering::Acquire)).0 == FREE;
            if is_free && !self.free().threads.has(index) {
                self.free().threads.put(index);
            }
        }
    }
}
