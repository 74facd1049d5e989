//! The robust ring: a fixed array of slots through which messages pass in order, between processes that may be
//! killed at any instruction.
//!
//! A claim is one compare-and-swap on the slot, which takes position, state and owner at once; claims are
//! contiguous in position. The payload is complete before it is published, and nothing else runs in between.
//! Where to look first comes from outside (`chain.rs`) and is only ever a hint. `sweep` undoes what a dead owner
//! was at, each step one compare-and-swap away from its id. Everything here is atomics over borrowed memory: no
//! waiting, no system call, no allocation. README.md beside this file names the races. After Vyukov's bounded
//! queue, with the owner in the word.

use super::word::{SlotState, Word};
use crate::platform::atomic::{AtomicU64, Ordering, fence};
use crate::platform::cache;
use crate::sync::may_die;

/// The lines of a slot are asked for this many slots before their turn.
const AHEAD: u64 = 6;

/// In a ring of fewer slots that would be a slot that another is at.
const SMALL: u64 = 4 * AHEAD;

/// What a slot carries: `W` words of 64 bits, which only the claimer of the slot writes.
pub(crate) type Payload<const W: usize> = [AtomicU64; W];

/// One place for one message: its word and its payload, `8 + 8 * W` bytes.
#[repr(C)]
pub(crate) struct Slot<const W: usize> {
    word: AtomicU64,
    payload: Payload<W>,
}

impl<const W: usize> Slot<W> {
    /// Makes the slot ready for `position`. Only for memory that no other process can see yet.
    pub(crate) fn prepare(&self, position: u64) {
        self.word.store(Word::new(position, SlotState::Empty, 0).0, Ordering::Relaxed);
    }

    #[cfg(manyhands_model)]
    pub(crate) fn new() -> Slot<W> {
        Slot { word: AtomicU64::new(0), payload: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

/// How an attempt to put ended. The position is where the next attempt should look first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// Done; `true` when a consumer may sleep until this message comes, so that it has to be woken.
    Done(u64, bool),
    Full(u64),
    /// The ring ends here: this position belongs to the next one.
    Sealed(u64),
}

/// How an attempt to take ended. The position is where the next attempt should look first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Take<R> {
    Got(u64, R),
    Empty(u64),
    /// The ring ends here: this position belongs to the next one.
    Sealed(u64),
}

/// What a consumer that found nothing may do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Await {
    /// Sleep: the next put will say that there is a sleeper to wake.
    Noted,
    /// Sleep but shortly: the next message is being written, by a producer that does not know of the sleeper.
    Writing,
    /// Look again: there is something.
    Something,
    /// The ring ends here: this position belongs to the next one.
    Sealed(u64),
}

/// What a look for a message that a dead producer left half-written came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Freed {
    /// There is none.
    Nothing,
    /// Look again: its slot is free, or there is something.
    Something,
    /// The ring ends here: this position belongs to the next one.
    Sealed(u64),
}

/// A ring over borrowed slots, a power of two of them. Copying it copies the borrow.
pub(crate) struct Ring<'a, const W: usize> {
    slots: &'a [Slot<W>],
    /// Keep one slot free to seal the ring with, so that it never is full.
    grows: bool,
}

impl<const W: usize> Clone for Ring<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<const W: usize> Copy for Ring<'_, W> {}

impl<'a, const W: usize> Ring<'a, W> {
    #[inline(always)]
    pub(crate) fn new(slots: &'a [Slot<W>], grows: bool) -> Self {
        debug_assert!(slots.len().is_power_of_two() && (!grows || slots.len() > 1));
        Ring { slots, grows }
    }

    #[inline(always)]
    fn length(&self) -> u64 {
        self.slots.len() as u64
    }

    #[inline(always)]
    fn slot(&self, position: u64) -> &'a Slot<W> {
        &self.slots[(position & (self.length() - 1)) as usize]
    }

    /// Writes one message at `position`, if that is the first unclaimed one, no consumer waits for it, and the ring
    /// need not be sealed. That is what a put finds most of the time.
    ///
    /// The claim goes by what the slot holds then, without a look: that would fetch the line twice, once to read it
    /// and once to write it.
    #[inline(always)]
    pub(crate) fn put_here(&self, position: u64, owner: u32, fill: impl FnOnce(&Payload<W>)) -> bool {
        if self.grows && !self.is_free(position + 1) {
            return false;
        }
        self.write(position, Word::new(position, SlotState::Empty, 0), owner, fill)
    }

    /// Writes one message at the first unclaimed position, looking from `position` on.
    ///
    /// `room` may refuse a position (then `Full`); `fill` writes the payload and must neither wait nor fail.
    pub(crate) fn put(
        &self,
        mut position: u64,
        owner: u32,
        room: impl Fn(u64) -> bool,
        fill: impl Fn(&Payload<W>),
    ) -> Put {
        loop {
            let slot = self.slot(position);
            let word = Word(slot.word.load(Ordering::Acquire));
            match (word.ahead_of(position), word.state()) {
                (0, state @ (SlotState::Empty | SlotState::Awaited)) => {
                    if self.grows && !self.is_free(position + 1) {
                        let sealed = word.with(SlotState::Sealed, 0);
                        let _ = self.step(slot, word, sealed);
                        continue;
                    }
                    if !room(position) {
                        return Put::Full(position);
                    }
                    if self.write(position, word, owner, &fill) {
                        return Put::Done(position + 1, state == SlotState::Awaited);
                    }
                }
                (0, SlotState::Sealed) => return Put::Sealed(position),
                (0, _) => position += 1,
                (ahead, _) if ahead < 0 => return Put::Full(position),
                (ahead, state) => position = self.last_claimed(position, ahead, state) + 1,
            }
        }
    }

    /// Takes the message at `position` if that is the first untaken one and complete. As `put_here`, without a look.
    #[inline(always)]
    pub(crate) fn take_here<R>(
        &self,
        position: u64,
        owner: u32,
        read: impl FnOnce(&Payload<W>) -> Option<R>,
    ) -> Option<Option<R>> {
        let (slot, word) = (self.slot(position), Word::new(position, SlotState::Full, 0));
        self.step(slot, word, word.with(SlotState::Reading, owner)).ok()?;
        self.will_take(position + AHEAD);
        Some(self.read(slot, word, read))
    }

    /// Takes the message at the first untaken position, looking from `position` on.
    ///
    /// `read` copies the payload out and must not wait. If the process dies in it, or it gives nothing, the message is
    /// delivered again; in the latter case the caller then has the consumers look for it.
    pub(crate) fn take<R>(
        &self,
        mut position: u64,
        owner: u32,
        read: impl FnOnce(&Payload<W>) -> Option<R>,
    ) -> Take<Option<R>> {
        loop {
            let slot = self.slot(position);
            let word = Word(slot.word.load(Ordering::Acquire));
            match (word.ahead_of(position), word.state()) {
                (0, SlotState::Full) => {
                    if self.step(slot, word, word.with(SlotState::Reading, owner)).is_ok() {
                        return Take::Got(position + 1, self.read(slot, word, read));
                    }
                }
                // Returned messages are found by `take_returned`; in passing they count as taken.
                (0, SlotState::Reading | SlotState::Returned) => position += 1,
                (0, SlotState::Sealed) => return Take::Sealed(position),
                (0, SlotState::Empty | SlotState::Awaited | SlotState::Writing) => {
                    return Take::Empty(position);
                }
                (ahead, _) if ahead < 0 => return Take::Empty(position),
                (ahead, state) => position = self.after_taken(position, ahead, state),
            }
        }
    }

    /// Takes the first of the messages that were returned, wherever they are.
    pub(crate) fn take_returned<R>(
        &self,
        owner: u32,
        read: impl FnOnce(&Payload<W>) -> Option<R>,
    ) -> Option<Option<R>> {
        loop {
            let (slot, word) = self.first_returned()?;
            if self.step(slot, word, word.with(SlotState::Reading, owner)).is_ok() {
                return Some(self.read(slot, word, read));
            }
            // Another consumer has it: look again.
        }
    }

    /// Whether a message was returned that nobody has taken since.
    pub(crate) fn has_returned(&self) -> bool {
        self.first_returned().is_some()
    }

    fn first_returned(&self) -> Option<(&'a Slot<W>, Word)> {
        let words = self.slots.iter().map(|slot| (slot, Word(slot.word.load(Ordering::Acquire))));
        words
            .filter(|(_, word)| word.state() == SlotState::Returned)
            .reduce(|first, other| if other.1.is_before(first.1) { other } else { first })
    }

    /// The first position from `position` on that no consumer has taken, or the one where the ring ends.
    pub(crate) fn first_untaken(&self, mut position: u64) -> Take<()> {
        loop {
            let word = Word(self.slot(position).word.load(Ordering::Acquire));
            match (word.ahead_of(position), word.state()) {
                (0, SlotState::Reading | SlotState::Returned) => position += 1,
                (0, SlotState::Sealed) => return Take::Sealed(position),
                (0, SlotState::Full) => return Take::Got(position, ()),
                (ahead, _) if ahead <= 0 => return Take::Empty(position),
                (ahead, state) => position = self.after_taken(position, ahead, state),
            }
        }
    }

    /// The first position from `position` on that no producer has claimed, or the one where the ring ends.
    pub(crate) fn first_unclaimed(&self, mut position: u64) -> Put {
        loop {
            let word = Word(self.slot(position).word.load(Ordering::Acquire));
            match (word.ahead_of(position), word.state()) {
                (0, SlotState::Empty | SlotState::Awaited) => return Put::Done(position, false),
                (0, SlotState::Sealed) => return Put::Sealed(position),
                (0, _) => position += 1,
                (ahead, _) if ahead < 0 => return Put::Full(position),
                (ahead, state) => position = self.last_claimed(position, ahead, state) + 1,
            }
        }
    }

    /// Ends the ring at `position` if that is not claimed yet; the caller looks again for the outcome.
    pub(crate) fn seal(&self, position: u64) {
        let slot = self.slot(position);
        let word = Word::new(position, SlotState::Empty, 0);
        if let Err(now) = self.step(slot, word, word.with(SlotState::Sealed, 0))
            && now == word.with(SlotState::Awaited, 0)
        {
            let _ = self.step(slot, now, word.with(SlotState::Sealed, 0));
        }
    }

    /// Leaves a mark for the producer that will claim the first untaken position, looking from `position` on: a
    /// consumer waits for it.
    pub(crate) fn await_next(&self, mut position: u64) -> Await {
        loop {
            let slot = self.slot(position);
            let word = Word(slot.word.load(Ordering::Acquire));
            match (word.ahead_of(position), word.state()) {
                (0, SlotState::Awaited) => return Await::Noted,
                (0, SlotState::Empty) => {
                    if self.step(slot, word, word.with(SlotState::Awaited, 0)).is_ok() {
                        return Await::Noted;
                    }
                }
                (0, SlotState::Writing) => return Await::Writing,
                (0, SlotState::Full) => return Await::Something,
                (0, SlotState::Reading | SlotState::Returned) => position += 1,
                (0, SlotState::Sealed) => return Await::Sealed(position),
                // Its last message is being taken, or a sweep is about to say that it can be taken again.
                (ahead, _) if ahead < 0 => return Await::Writing,
                (ahead, state) => position = self.after_taken(position, ahead, state),
            }
        }
    }

    /// Undoes what `dead` was at: its half-written message vanishes, its half-read one is returned.
    ///
    /// May be stopped anywhere and started again, by several at once. The caller then has the consumers look for
    /// returned messages, whatever this found: an earlier sweeper may have died before it could.
    pub(crate) fn sweep(&self, dead: u32) {
        for slot in self.slots {
            let word = Word(slot.word.load(Ordering::Acquire));
            if word.owner() != dead {
                continue;
            }
            let _ = match word.state() {
                SlotState::Writing => self.step(slot, word, word.freed(self.length())),
                SlotState::Reading => self.step(slot, word, word.with(SlotState::Returned, 0)),
                _ => Ok(()),
            };
        }
    }

    /// Frees the slot of the first untaken position, looking from `position` on, if a dead producer was writing it.
    /// This is the sweep's step; what is behind the slot may be complete and need not wait for the sweep.
    pub(crate) fn free_dead(&self, position: u64, is_dead: impl Fn(u32) -> bool) -> Freed {
        let position = match self.first_untaken(position) {
            Take::Empty(position) => position,
            Take::Got(..) => return Freed::Something,
            Take::Sealed(position) => return Freed::Sealed(position),
        };
        let slot = self.slot(position);
        let word = Word(slot.word.load(Ordering::Acquire));
        match (word.ahead_of(position), word.state()) {
            (0, SlotState::Writing) if is_dead(word.owner()) => {
                // If another was faster, it is free all the same.
                let _ = self.step(slot, word, word.freed(self.length()));
                Freed::Something
            }
            (0, SlotState::Empty | SlotState::Awaited | SlotState::Writing) => Freed::Nothing,
            (ahead, _) if ahead < 0 => Freed::Nothing,
            // Since the first look it was completed, or freed.
            _ => Freed::Something,
        }
    }

    /// How many returned messages wait before `position`.
    pub(crate) fn returned_before(&self, position: u64) -> u64 {
        let is_returned = |slot: &&Slot<W>| {
            let word = Word(slot.word.load(Ordering::Acquire));
            word.state() == SlotState::Returned && word.ahead_of(position) < 0
        };
        self.slots.iter().filter(is_returned).count() as u64
    }

    /// Shows `look` the payload of each message that is complete or being taken.
    ///
    /// The slot may change meanwhile: what `look` makes of the payload is returned only if it did not.
    pub(crate) fn each_message<R>(&self, look: impl Fn(&Payload<W>) -> R, mut found: impl FnMut(R)) {
        for slot in self.slots {
            let before = slot.word.load(Ordering::Acquire);
            if !matches!(Word(before).state(), SlotState::Full | SlotState::Reading | SlotState::Returned) {
                continue;
            }
            let value = look(&slot.payload);
            fence(Ordering::Acquire);
            if slot.word.load(Ordering::Relaxed) == before {
                found(value);
            }
        }
    }

    /// Claims `position` from `word`, unless its slot holds another by now, and publishes what `fill` writes.
    #[inline(always)]
    fn write(&self, position: u64, word: Word, owner: u32, fill: impl FnOnce(&Payload<W>)) -> bool {
        let slot = self.slot(position);
        if self.step(slot, word, word.with(SlotState::Writing, owner)).is_err() {
            return false;
        }
        self.will_write(position + AHEAD);
        // The sweep of another process reads payloads and checks the word afterwards: the claim has to be seen before
        // anything that is written under it.
        fence(Ordering::Release);
        fill(&slot.payload);
        slot.word.store(word.with(SlotState::Full, 0).0, Ordering::Release);
        may_die();
        true
    }

    #[inline(always)]
    fn read<R>(&self, slot: &Slot<W>, word: Word, read: impl FnOnce(&Payload<W>) -> Option<R>) -> Option<R> {
        let value = read(&slot.payload);
        let next =
            if value.is_some() { word.freed(self.length()) } else { word.with(SlotState::Returned, 0) };
        slot.word.store(next.0, Ordering::Release);
        may_die();
        value
    }

    /// One step of a slot. If another made one first it fails, with what is there now.
    #[inline(always)]
    fn step(&self, slot: &Slot<W>, from: Word, to: Word) -> Result<(), Word> {
        let done = slot.word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire);
        may_die();
        done.map(drop).map_err(Word)
    }

    /// Gets the lines of the slot of `position`, which will soon be written.
    #[inline(always)]
    fn will_write(&self, position: u64) {
        if self.length() < SMALL {
            return;
        }
        let slot = self.slot(position);
        cache::will_write(&slot.word);
        if size_of::<Slot<W>>() > 64 {
            cache::will_write(&slot.payload[W / 2]);
        }
    }

    /// Gets the lines of the slot of `position`, which will soon be taken.
    #[inline(always)]
    fn will_take(&self, position: u64) {
        if self.length() < SMALL {
            return;
        }
        let slot = self.slot(position);
        cache::will_write(&slot.word);
        if size_of::<Slot<W>>() > 64 {
            cache::will_read(&slot.payload[W / 2]);
        }
    }

    #[inline(always)]
    fn is_free(&self, position: u64) -> bool {
        let word = Word(self.slot(position).word.load(Ordering::Acquire));
        word.ahead_of(position) == 0 && matches!(word.state(), SlotState::Empty | SlotState::Awaited)
    }

    /// The last position that was surely claimed, from a word that is `ahead` of `position`.
    #[inline(always)]
    fn last_claimed(&self, position: u64, ahead: i64, state: SlotState) -> u64 {
        let seen = position + ahead as u64;
        match state {
            SlotState::Empty | SlotState::Awaited => seen - self.length(),
            SlotState::Sealed => seen - 1,
            _ => seen,
        }
    }

    /// A position up to which surely everything was taken, from a word that is `ahead` of `position`.
    ///
    /// A claim of `p` needs the slot of `p` to be free, and so, claims being contiguous, those of all before it.
    #[inline(always)]
    fn after_taken(&self, position: u64, ahead: i64, state: SlotState) -> u64 {
        let freed = (self.last_claimed(position, ahead, state) + 1).saturating_sub(self.length());
        freed.max(position + 1)
    }
}
