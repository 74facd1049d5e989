//! Objects of the arena: a header, references, and a body whose meaning is its kind's.
//!
//! An [`Object`] is a reference that keeps its object alive, and has a [`Handle`] for those who want one, too. The
//! first reference comes from [`Object::create`], each other from one that is there. What the arena keeps of an object
//! stands in [`super::object_word`], and how references are counted in [`super::reference`].

use super::current::this_process;
use super::error::ArenaError;
use super::handle::Handle;
use super::header::{FREE_TABLE, Free, OBJECT_WORDS};
use super::kind::Kind;
use super::layer::numbered;
use super::object_word::{BODY, OBJECTS, ObjectState, Word};
use super::owner::{ProcessId, known_process};
use super::region::Arena;
use super::shared::{Offset, Shared};
use crate::platform::atomic::{AtomicU64, Ordering};

/// A reference to an object; while a process has one, the object lives. Clones count privately to the process; the
/// last one's drop takes away the process's record, and the last process's drop unmakes the object.
#[derive(Debug)]
pub struct Object {
    handle: Handle,
    process: ProcessId,
}

impl Object {
    /// Makes an object. `init` sees a zeroed body and fills it; no other sees it before that returns.
    ///
    /// # Errors
    /// What `init` returns, or when 262,143 objects live.
    pub(crate) fn create<T: Shared>(
        kind: Kind,
        init: impl FnOnce(&'static Arena, &'static T) -> Result<(), ArenaError>,
    ) -> Result<Object, ArenaError> {
        const { assert!(size_of::<T>() <= BODY && align_of::<T>() <= 64) };
        debug_assert!(kind.has_body::<T>(), "a {kind} has another body");
        let arena = Arena::get()?;
        let process = this_process()?;
        let (index, word) = arena.claim_record(kind, process)?;
        let record = arena.record(index);
        for cell in &record.body {
            cell.store(0, Ordering::Relaxed);
        }
        if let Err(error) = init(arena, arena.body(index)) {
            arena.free_record(index, word);
            return Err(error);
        }
        // Counted as an attachment is: another thread may just be counting the last reference to the object that had
        // this number before, or one to it that came too late. The bit once more, as that thread may have set it, and
        // lost it.
        arena.attach_reference(index, process);
        arena.add_reference(index, process);
        arena
            .word_of(index)
            .store(Word { state: ObjectState::Live, owner: 0, ..word }.pack(), Ordering::Release);
        Ok(Object { handle: Handle::new(index, word.generation), process })
    }

    /// A reference to an object that another reference, or this process's record, keeps alive now.
    ///
    /// # Errors
    /// When the object is gone or is of another kind.
    pub fn attach(handle: Handle, kind: Kind) -> Result<Object, ArenaError> {
        let arena = Arena::get()?;
        let process = this_process()?;
        if !handle.is_possible() || handle.index() as usize >= arena.most_objects() {
            return Err(ArenaError::Stale { handle, kind });
        }
        arena.check(handle, kind)?;
        arena.try_record(handle.index())?;
        arena.attach_reference(handle.index(), process);
        let object = Object { handle, process };
        // It may have been unmade before our record stood there; then the drop takes the record away again.
        arena.check(handle, kind)?;
        Ok(object)
    }

    /// What names the object to others.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// The object's body.
    ///
    /// # Panics
    /// When `T` does not fit a body.
    pub(crate) fn body<T: Shared>(&self) -> &'static T {
        Arena::current().expect("an object was made in it").body(self.handle.index())
    }

    /// Whether this value is the only reference to the object: no other is in this process or another one, and none is
    /// under way. Then nobody gets one either, unless from this value.
    pub(crate) fn is_only_reference(&self) -> bool {
        let arena = Arena::current().expect("an object was made in it");
        known_process().is_some_and(|process| arena.is_referenced_once(self.handle, process))
    }

    /// Whether the object is still what the handle says: it is, as long as this process does not use a copy of another
    /// process's reference.
    ///
    /// # Errors
    /// When it is gone.
    pub fn check(&self, kind: Kind) -> Result<(), ArenaError> {
        Arena::get()?.check(self.handle, kind)
    }
}

impl Clone for Object {
    fn clone(&self) -> Object {
        let arena = Arena::current().expect("an object was made in it");
        let process = known_process().unwrap_or(self.process);
        arena.attach_reference(self.handle.index(), process);
        Object { handle: self.handle, process }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let arena = Arena::current().expect("an object was made in it");
        // In a fork's child the count was copied with this value, and the record was made by the fork's hooks.
        if let Some(process) = known_process() {
            arena.detach_reference(self.handle, process);
        }
    }
}

impl Arena {
    pub(super) fn free(&self) -> &'static Free {
        self.at(Offset::new(FREE_TABLE))
    }

    /// The word of an object's header. These stand apart from the rest, one beside the other, since a sweep looks at
    /// all of them.
    pub(super) fn word_of(&self, index: u32) -> &'static AtomicU64 {
        let words: &'static [AtomicU64] = self.slice(Offset::new(OBJECT_WORDS), OBJECTS);
        &words[index as usize]
    }

    /// The body of the object of this number; for sweeps, which work with numbers.
    pub(crate) fn body<T: Shared>(&self, index: u32) -> &'static T {
        let record = self.record(index);
        let body = std::ptr::from_ref(&record.body).cast::<T>();
        // SAFETY: the body is as large and as aligned as any `T` that `create` admits, and `Shared` allows any bytes.
        unsafe { &*body }
    }

    /// A record for the caller to make an object of: one that was given back, then a fresh one. Once all have been
    /// used, and a killed process may have taken some of the bits with it, any that is free.
    fn claim_record(&self, kind: Kind, owner: ProcessId) -> Result<(u32, Word), ArenaError> {
        let given_back = std::iter::from_fn(|| self.free().objects.take());
        let fresh = std::iter::from_fn(|| self.fresh_record());
        let any = 1..self.most_objects();
        given_back
            .chain(fresh)
            .chain(any)
            .find_map(|index| self.try_claim_record(index as u32, kind, owner))
            .unwrap_or(Err(ArenaError::OutOfSlots { what: "shared object", limit: self.most_objects() - 1 }))
    }

    /// A record that was never used. Counted before it is claimed, so that the sweep of a process killed in between
    /// sees it.
    fn fresh_record(&self) -> Option<usize> {
        let next = |high| ((high as usize) < self.most_objects()).then_some(high + 1);
        let high = &self.header().object_high;
        high.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok().map(|high| high as usize)
    }

    fn try_claim_record(
        &self,
        index: u32,
        kind: Kind,
        owner: ProcessId,
    ) -> Option<Result<(u32, Word), ArenaError>> {
        let header = self.word_of(index);
        let seen = header.load(Ordering::Acquire);
        let free = Word::unpack(seen);
        if free.state != ObjectState::Free {
            return None;
        }
        let word = Word { state: ObjectState::Claimed, kind: kind.number(), owner: owner.raw(), ..free };
        let claimed = header.compare_exchange(seen, word.pack(), Ordering::AcqRel, Ordering::Acquire);
        claimed.ok()?;
        if let Err(error) = self.try_record(index) {
            self.free_record(index, word);
            return Some(Err(error));
        }
        Some(Ok((index, word)))
    }

    /// The last step with a record that `word` says the caller, or a dead process, makes or unmakes.
    fn free_record(&self, index: u32, word: Word) {
        let freed = self.word_of(index).compare_exchange(
            word.pack(),
            word.free_next(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if freed.is_ok() {
            self.free().objects.put(index as usize);
        }
    }

    pub(super) fn check(&self, handle: Handle, kind: Kind) -> Result<(), ArenaError> {
        let word = Word::unpack(self.word_of(handle.index()).load(Ordering::Acquire));
        if word.state != ObjectState::Live || word.generation != handle.generation() & Word::GENERATIONS {
            return Err(ArenaError::Stale { handle, kind });
        }
        if word.kind == kind.number() {
            return Ok(());
        }
        match numbered(word.kind) {
            Some((found, _)) => Err(ArenaError::WrongKind { handle, wanted: kind, found }),
            None => Err(ArenaError::Stale { handle, kind }),
        }
    }

    /// All live objects of a kind, for sweeps.
    ///
    /// # Errors
    /// When this process has no address space left to see them all.
    pub(crate) fn objects<T: Shared>(
        &self,
        kind: Kind,
    ) -> Result<impl Iterator<Item = (Handle, &'static T)> + use<'_, T>, ArenaError> {
        debug_assert!(kind.has_body::<T>(), "a {kind} has another body");
        let numbers = self.record_numbers()?;
        Ok(numbers.filter_map(move |index| {
            let word = Word::unpack(self.word_of(index).load(Ordering::Acquire));
            // One that is being unmade still holds what a sweep looks for.
            let there =
                matches!(word.state, ObjectState::Live | ObjectState::Freeing) && word.kind == kind.number();
            there.then(|| (Handle::new(index, word.generation), self.body(index)))
        }))
    }

    /// Unmakes a live object in the name of `by`, if nobody has begun to.
    ///
    /// # Errors
    /// When not all that it holds could be given back from here; the sweep of `by` does that.
    pub(super) fn unmake(&'static self, index: u32, by: ProcessId) -> Result<(), ArenaError> {
        let header = self.word_of(index);
        let seen = header.load(Ordering::Acquire);
        let word = Word::unpack(seen);
        if word.state != ObjectState::Live {
            return Ok(());
        }
        let freeing = Word { state: ObjectState::Freeing, owner: by.raw(), ..word };
        match header.compare_exchange(seen, freeing.pack(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => self.finish_unmaking(index, freeing),
            Err(_) => Ok(()),
        }
    }

    fn finish_unmaking(&'static self, index: u32, word: Word) -> Result<(), ArenaError> {
        if let Some((kind, layer)) = numbered(word.kind) {
            // What cannot be done from here is done by the sweep of the process whose name is in the word.
            layer.sweep.release(self, kind, Handle::new(index, word.generation))?;
        }
        self.clear_references(index);
        self.free_record(index, word);
        Ok(())
    }

    /// Part of a sweep: what the dead process was making is undone, what was being unmade in its name is finished.
    /// Fails when some of it could not be from here.
    pub(super) fn settle_records_of(&'static self, dead: ProcessId) -> Result<(), ArenaError> {
        let mut all = Ok(());
        for index in self.record_numbers()? {
            let word = Word::unpack(self.word_of(index).load(Ordering::Acquire));
            // It may have been killed between a record and the bit that says that it is free.
            if word.state == ObjectState::Free && !self.free().objects.has(index as usize) {
                self.free().objects.put(index as usize);
            }
            if word.owner != dead.raw() {
                continue;
            }
            match word.state {
                ObjectState::Claimed => {
                    self.clear_references(index);
                    self.free_record(index, word);
                }
                // It keeps the dead one's name, so that the process that takes this sweep over finds it again.
                ObjectState::Freeing => all = self.finish_unmaking(index, word).and(all),
                ObjectState::Free | ObjectState::Live => {}
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
