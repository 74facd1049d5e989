//! What keeps an object alive: a record per process.
//!
//! Each object has one bit per process slot. A process sets its own when it gets its first reference, which it can only
//! get from one that has a reference; a starter sets its child's before the child exists. A drop clears the own bit
//! only, a sweep the dead one's. An object is unmade when all bits are clear. Seeing that takes care, as they stand in
//! several words: a process that clears a bit first raises the object's version. A scan may have missed a bit that was
//! set behind it while it met the giver's bit already cleared; the giver's clearing would then have raised the version
//! meanwhile. Objects that were sent in messages are kept by those as well: see `travel`. A process whose address space
//! is used up may be unable to see those. Then the bit stays that was to be cleared last. The process tries again at
//! its ticks, and the one that sweeps it, when it has ended, clears it.

use super::counts::CLOSING;
use super::current::this_process;
use super::error::ArenaError;
use super::handle::Handle;
use super::object_word::{ObjectState, Word};
use super::owner::ProcessId;
use super::region::Arena;
use super::travel::SENT;
use crate::platform::atomic::{Ordering, fence};
use crate::platform::thread::yield_now;

fn bit(process: ProcessId) -> (usize, u64) {
    (process.index() / 64, 1 << (process.index() % 64))
}

impl Arena {
    pub(super) fn add_reference(&self, index: u32, process: ProcessId) {
        let (word, bit) = bit(process);
        self.record(index).references[word].fetch_or(bit, Ordering::AcqRel);
    }

    fn has_reference(&self, index: u32, process: ProcessId) -> bool {
        let (word, bit) = bit(process);
        self.record(index).references[word].load(Ordering::Acquire) & bit != 0
    }

    /// Takes a process's record away; unmakes the object, in that process's name, when it was the last one.
    ///
    /// # Errors
    /// When this process cannot see whether a message carries the object, or cannot unmake it. The record, or the
    /// unmaking, then stays in the name of `process`, and is found by the sweep of that.
    pub(super) fn remove_reference(&'static self, index: u32, process: ProcessId) -> Result<(), ArenaError> {
        let (word, bit) = bit(process);
        let record = self.record(index);
        loop {
            let object = self.word_of(index).load(Ordering::Acquire);
            record.version.fetch_add(1, Ordering::AcqRel);
            if record.references[word].fetch_and(!bit, Ordering::AcqRel) & bit == 0 {
                return Ok(());
            }
            match self.is_unreferenced(index) {
                Ok(true) => return self.unmake(index, process),
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.add_reference(index, process);
                    if self.word_of(index).load(Ordering::Acquire) == object {
                        return Err(error);
                    }
                    // Somebody who could see has unmade it meanwhile, and the bit keeps another object alive: take it
                    // away again.
                }
            }
        }
    }

    /// Whether no process refers to the object and no message carries it.
    ///
    /// # Errors
    /// When no process does, and this one cannot see whether a message carries it.
    pub(super) fn is_unreferenced(&'static self, index: u32) -> Result<bool, ArenaError> {
        let record = self.record(index);
        loop {
            let version = record.version.load(Ordering::Acquire);
            fence(Ordering::SeqCst);
            // Messages first: a sender that lets one go after this look clears its own bit after that.
            let sent = record.references[0].load(Ordering::Acquire) & SENT != 0;
            let carried = if sent { self.is_carried(index) } else { Ok(false) };
            if matches!(carried, Ok(true)) {
                return Ok(false);
            }
            let [first, rest @ ..] = &record.references;
            let held = first.load(Ordering::Acquire) & !SENT != 0
                || rest.iter().any(|word| word.load(Ordering::Acquire) != 0);
            if held {
                return Ok(false);
            }
            carried?;
            fence(Ordering::SeqCst);
            if record.version.load(Ordering::Acquire) == version {
                return Ok(true);
            }
        }
    }

    /// Whether the calling process refers to the object once, no other does, and no message carries it, so far as can
    /// be seen from here.
    pub(super) fn is_referenced_once(&'static self, handle: Handle, process: ProcessId) -> bool {
        let (record, (own_word, own)) = (self.record(handle.index()), bit(process));
        let is_free_of_others = || {
            record.references.iter().enumerate().all(|(index, word)| {
                let own = if index == own_word { own } else { 0 };
                let sent = if index == 0 { SENT } else { 0 };
                word.load(Ordering::Acquire) & !(own | sent) == 0
            })
        };
        let version = record.version.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        // Messages before processes, and the version around both, as in `is_unreferenced`.
        self.local.of(handle.index()).load(Ordering::Acquire) == 1
            && is_free_of_others()
            && (record.references[0].load(Ordering::Acquire) & SENT == 0
                || matches!(self.is_carried(handle.index()), Ok(false)))
            && is_free_of_others()
            && record.version.load(Ordering::Acquire) == version
    }

    pub(super) fn clear_references(&self, index: u32) {
        for word in &self.record(index).references {
            word.store(0, Ordering::Release);
        }
    }

    pub(super) fn attach_reference(&self, index: u32, process: ProcessId) {
        let count = self.local.of(index);
        let mut seen = count.load(Ordering::Acquire);
        loop {
            if seen == CLOSING {
                yield_now();
                seen = count.load(Ordering::Acquire);
                continue;
            }
            if seen == 0 {
                // Before the count, so that a thread that finds the count above 0 finds the record, too.
                self.add_reference(index, process);
            }
            match count.compare_exchange_weak(seen, seen + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    pub(super) fn detach_reference(&'static self, handle: Handle, process: ProcessId) {
        let count = self.local.of(handle.index());
        let mut seen = count.load(Ordering::Acquire);
        loop {
            debug_assert!(seen != 0 && seen != CLOSING, "as many drops as references");
            let less = if seen == 1 { CLOSING } else { seen - 1 };
            match count.compare_exchange_weak(seen, less, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        if seen == 1 {
            if self.remove_reference(handle.index(), process).is_err() {
                self.unsettled.note(handle.index());
            }
            count.store(0, Ordering::Release);
        }
    }

    /// At a tick: what this process has let go and could not see to unmake, once more.
    pub(super) fn settle_references(&'static self) {
        let Ok(process) = this_process() else { return };
        self.unsettled.take(|index| {
            let count = self.local.of(index);
            // Else it has a reference again, whose drop sees to it.
            if count.compare_exchange(0, CLOSING, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                if self.remove_reference(index, process).is_err() {
                    self.unsettled.note(index);
                }
                count.store(0, Ordering::Release);
            }
        });
    }

    /// Gives a child, before it exists, a record for everything that the calling process holds; for a fork, which
    /// copies the holders.
    pub(crate) fn share_all_with(&self, child: ProcessId) {
        for index in self.numbers_seen() {
            if !matches!(self.local.of(index).load(Ordering::Acquire), 0 | CLOSING) {
                self.add_reference(index, child);
            }
        }
    }

    /// Gives a child, before it exists, records for these objects, which the calling process holds.
    pub fn share_with(&self, child: ProcessId, handles: &[Handle]) {
        let is_seen = |handle: &&Handle| handle.is_possible() && self.try_record(handle.index()).is_ok();
        for handle in handles.iter().filter(is_seen) {
            self.add_reference(handle.index(), child);
        }
    }

    /// In a fork's child: what other threads of the parent were about when it was copied is put right.
    pub(super) fn reconcile_references(&'static self) {
        let Ok(process) = this_process() else { return };
        // What this process cannot map it does not refer to, and its record there goes when it has ended.
        let _ = self.record_numbers();
        for index in self.numbers_seen() {
            let count = self.local.of(index);
            if count.load(Ordering::Relaxed) == CLOSING {
                count.store(0, Ordering::Relaxed);
            }
            let held = count.load(Ordering::Relaxed) > 0;
            match (held, self.has_reference(index, process)) {
                (true, false) => self.add_reference(index, process),
                // Otherwise it is done when this process has ended.
                (false, true) => drop(self.remove_reference(index, process)),
                _ => {}
            }
        }
    }

    /// Gives up the record that the calling process was started with and did not use; for a child that was given
    /// handles which it dropped unopened.
    pub(crate) fn drop_unused_references(&'static self) {
        self.reconcile_references();
    }

    /// Part of a sweep: a dead process keeps nothing alive. Fails when that could not be seen from here of all objects.
    pub(super) fn drop_references_of(&'static self, dead: ProcessId) -> Result<(), ArenaError> {
        let mut all = Ok(());
        for index in self.record_numbers()? {
            let word = Word::unpack(self.word_of(index).load(Ordering::Acquire));
            if word.state == ObjectState::Live && self.has_reference(index, dead) {
                all = self.remove_reference(index, dead).and(all);
            }
        }
        all
    }
}
