//! A queue's stream of messages, laid over one ring or over several of doubling size, one after the other.
//!
//! Positions run on from ring to ring. The two ends of the stream are hints, each one word that names ring and position
//! together. Any process may push them forward, and one that was pushed back costs steps, never a message. A ring that
//! would become full is sealed at the first unclaimed position, and the stream goes on in the next ring, which the
//! first to arrive there links. Rings stay until the queue goes: each is as large as all before it, so the unused ones
//! at most double what the queue needed at its peak. This module does not know where rings come from, who waits or what
//! a payload means.

use super::ring::{Await, Freed, Payload, Put, Ring, Take};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::may_die;

const RING_SHIFT: u32 = 58;
/// The most rings that a stream can have: the last has a million times the slots of the first.
pub(crate) const RINGS_MAX: usize = 21;

/// Ring (6 bits) and position (58 bits) in one word; a later one is a larger number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor(u64);

impl Cursor {
    fn new(ring: usize, position: u64) -> Cursor {
        Cursor((ring as u64) << RING_SHIFT | position)
    }

    fn ring(self) -> usize {
        (self.0 >> RING_SHIFT) as usize
    }

    fn position(self) -> u64 {
        self.0 & ((1 << RING_SHIFT) - 1)
    }
}

/// The producers' end, on a cache line of its own.
#[repr(C, align(64))]
pub(crate) struct Tail {
    hint: AtomicU64,
    /// All before this position were taken: spares the producers a look at the other end.
    known_head: AtomicU64,
}

/// The consumers' end, on a cache line of its own.
#[repr(C, align(64))]
pub(crate) struct Head {
    hint: AtomicU64,
    /// Counts the sweeps that may have returned messages ...
    returned: AtomicU32,
    /// ... and up to which of them a search has found no more. Search while they differ.
    searched: AtomicU32,
}

/// Both ends of a stream. All zero is a stream that has not begun.
#[repr(C)]
pub(crate) struct Ends {
    tail: Tail,
    head: Head,
}

#[cfg(manyhands_model)]
impl Ends {
    pub(crate) fn new() -> Ends {
        Ends {
            tail: Tail { hint: AtomicU64::new(0), known_head: AtomicU64::new(0) },
            head: Head { hint: AtomicU64::new(0), returned: AtomicU32::new(0), searched: AtomicU32::new(0) },
        }
    }
}

/// What follows a ring.
pub(crate) enum Link<'a, const W: usize> {
    Ring(Ring<'a, W>),
    /// Nothing yet.
    Open,
    /// Nothing ever: the queue was closed and its end was reached.
    End,
    /// A ring that this process has no address space for.
    Unreachable,
}

/// Where a chain gets its rings from. Number 0 is always there.
pub(crate) trait Rings<const W: usize> {
    /// Why no ring could be linked.
    type Error;

    fn ring(&self, number: usize) -> Link<'_, W>;

    /// Links a ring whose slots are ready for `base` and the positions after it, unless one is linked already or
    /// the chain was ended; afterwards `ring(number)` is not `Open`.
    fn link(&self, number: usize, base: u64) -> Result<(), Self::Error>;

    /// Makes `ring(number)` the end, unless a ring is linked there.
    fn end(&self, number: usize);
}

/// Why a message was not put.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused<E> {
    Full,
    Ended,
    NoRing(E),
    /// The stream goes on in a ring that this process cannot map.
    Unreachable,
}

/// Why no message was taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    Yet,
    Ever,
    /// The stream goes on in a ring that this process cannot map.
    Unreachable,
    /// There is a message, which this process could not take; any other may take it.
    Left,
}

/// A stream of messages: two ends and the rings between them, all borrowed.
pub(crate) struct Chain<'a, R, const W: usize> {
    ends: &'a Ends,
    rings: R,
    /// At most so many messages wait, 0: the rings alone decide.
    limit: u64,
}

impl<'a, R: Rings<W>, const W: usize> Chain<'a, R, W> {
    #[inline(always)]
    pub(crate) fn new(ends: &'a Ends, rings: R, limit: u64) -> Self {
        Chain { ends, rings, limit }
    }

    /// Puts one message; `fill` writes its payload and must neither wait nor fail.
    ///
    /// `is_awaited` is set when a consumer may sleep that has to be woken now, however the attempt ends.
    #[inline(always)]
    pub(crate) fn put(
        &self,
        owner: u32,
        is_awaited: &mut bool,
        fill: impl Fn(&Payload<W>),
    ) -> Result<(), Refused<R::Error>> {
        let cursor = Cursor(self.ends.tail.hint.load(Ordering::Acquire));
        if let Link::Ring(ring) = self.rings.ring(cursor.ring())
            && self.has_room(cursor.position())
            && ring.put_here(cursor.position(), owner, &fill)
        {
            push_forward(&self.ends.tail.hint, Cursor(cursor.0 + 1));
            return Ok(());
        }
        self.put_from(cursor, owner, is_awaited, fill)
    }

    #[cold]
    fn put_from(
        &self,
        mut cursor: Cursor,
        owner: u32,
        is_awaited: &mut bool,
        fill: impl Fn(&Payload<W>),
    ) -> Result<(), Refused<R::Error>> {
        loop {
            let ring = match self.rings.ring(cursor.ring()) {
                Link::Ring(ring) => ring,
                Link::End => return Err(Refused::Ended),
                Link::Unreachable => return Err(Refused::Unreachable),
                Link::Open => {
                    self.rings.link(cursor.ring(), cursor.position()).map_err(Refused::NoRing)?;
                    continue;
                }
            };
            match ring.put(cursor.position(), owner, |position| self.has_room(position), &fill) {
                Put::Done(next, awaited) => {
                    push_forward(&self.ends.tail.hint, Cursor::new(cursor.ring(), next));
                    *is_awaited |= awaited;
                    return Ok(());
                }
                Put::Full(position) => {
                    push_forward(&self.ends.tail.hint, Cursor::new(cursor.ring(), position));
                    return Err(Refused::Full);
                }
                Put::Sealed(position) => {
                    // No other producer has notified a consumer that slept for this position, or for the ring to come.
                    *is_awaited = true;
                    cursor = Cursor::new(cursor.ring() + 1, position);
                }
            }
        }
    }

    /// Takes one message; `read` copies its payload out and must not wait. If it cannot, any consumer may take the
    /// message.
    #[inline(always)]
    pub(crate) fn take<T>(&self, owner: u32, read: impl Fn(&Payload<W>) -> Option<T>) -> Result<T, Nothing> {
        let head = &self.ends.head;
        let cursor = Cursor(head.hint.load(Ordering::Acquire));
        if head.returned.load(Ordering::Acquire) == head.searched.load(Ordering::Relaxed)
            && let Link::Ring(ring) = self.rings.ring(cursor.ring())
            && let Some(taken) = ring.take_here(cursor.position(), owner, &read)
        {
            push_forward(&head.hint, Cursor(cursor.0 + 1));
            return taken.ok_or_else(|| self.left());
        }
        self.take_slowly(owner, read)
    }

    #[cold]
    fn take_slowly<T>(&self, owner: u32, read: impl Fn(&Payload<W>) -> Option<T>) -> Result<T, Nothing> {
        let head = &self.ends.head;
        let returned = head.returned.load(Ordering::Acquire);
        if returned != head.searched.load(Ordering::Relaxed) {
            if let Some(taken) = self.take_returned(owner, &read) {
                return taken.ok_or_else(|| self.left());
            }
            head.searched.store(returned, Ordering::Relaxed);
            may_die();
        }
        let mut cursor = Cursor(head.hint.load(Ordering::Acquire));
        loop {
            let ring = match self.rings.ring(cursor.ring()) {
                Link::Ring(ring) => ring,
                Link::Open => return Err(Nothing::Yet),
                Link::End => return Err(Nothing::Ever),
                Link::Unreachable => return Err(Nothing::Unreachable),
            };
            match ring.take(cursor.position(), owner, &read) {
                Take::Got(next, taken) => {
                    push_forward(&head.hint, Cursor::new(cursor.ring(), next));
                    return taken.ok_or_else(|| self.left());
                }
                Take::Empty(position) => {
                    push_forward(&head.hint, Cursor::new(cursor.ring(), position));
                    return Err(Nothing::Yet);
                }
                Take::Sealed(position) => cursor = Cursor::new(cursor.ring() + 1, position),
            }
        }
    }

    #[cold]
    fn take_returned<T>(&self, owner: u32, read: &impl Fn(&Payload<W>) -> Option<T>) -> Option<Option<T>> {
        self.linked().find_map(|ring| ring.take_returned(owner, read))
    }

    /// After a message was put back: has consumers search for it.
    #[cold]
    fn left(&self) -> Nothing {
        self.ends.head.returned.fetch_add(1, Ordering::AcqRel);
        may_die();
        Nothing::Left
    }

    /// The rings that are linked, the oldest first.
    fn linked(&self) -> impl Iterator<Item = Ring<'_, W>> {
        (0..RINGS_MAX).map_while(|number| match self.rings.ring(number) {
            Link::Ring(ring) => Some(ring),
            Link::Open | Link::End | Link::Unreachable => None,
        })
    }

    /// Whether this process can see all rings that are linked.
    pub(crate) fn is_whole(&self) -> bool {
        !(0..RINGS_MAX).any(|number| matches!(self.rings.ring(number), Link::Unreachable))
    }

    /// Undoes what `dead` was at, in all rings. May be stopped anywhere, repeated, and run by several at once.
    pub(crate) fn sweep(&self, dead: u32) {
        for ring in self.linked() {
            ring.sweep(dead);
        }
        self.ends.head.returned.fetch_add(1, Ordering::AcqRel);
        may_die();
    }

    /// Makes an end where the last message is, once and for all: what was put stays to be taken, what comes later is
    /// refused. Returns without success while a producer is between claim and publish there.
    pub(crate) fn end(&self) {
        let mut cursor = Cursor(self.ends.tail.hint.load(Ordering::Acquire));
        while let Link::Ring(ring) = self.rings.ring(cursor.ring()) {
            match ring.first_unclaimed(cursor.position()) {
                Put::Full(_) => return,
                Put::Done(position, _) => {
                    ring.seal(position);
                    cursor = Cursor::new(cursor.ring(), position);
                }
                Put::Sealed(position) => {
                    cursor = Cursor::new(cursor.ring() + 1, position);
                    self.rings.end(cursor.ring());
                }
            }
        }
    }

    /// How many messages were ever put, give or take those that are being put.
    pub(crate) fn put_so_far(&self) -> u64 {
        let mut cursor = Cursor(self.ends.tail.hint.load(Ordering::Acquire));
        while let Link::Ring(ring) = self.rings.ring(cursor.ring()) {
            match ring.first_unclaimed(cursor.position()) {
                Put::Done(position, _) | Put::Full(position) => return position,
                Put::Sealed(position) => cursor = Cursor::new(cursor.ring() + 1, position),
            }
        }
        cursor.position()
    }

    /// About how many messages were put, without a look at any slot: never more than were.
    pub(crate) fn put_at_least(&self) -> u64 {
        Cursor(self.ends.tail.hint.load(Ordering::Relaxed)).position()
    }

    /// About how many messages were taken, without a look at any slot: never more than were.
    pub(crate) fn taken_at_least(&self) -> u64 {
        Cursor(self.ends.head.hint.load(Ordering::Relaxed)).position()
    }

    /// About how many messages wait, from the hints alone.
    pub(crate) fn len_hint(&self) -> u64 {
        self.put_at_least().saturating_sub(self.taken_at_least())
    }

    /// For one that looks and takes nothing: whether a sweep has returned a message. Finds out, if that was not known.
    pub(crate) fn has_returned(&self) -> bool {
        let head = &self.ends.head;
        let returned = head.returned.load(Ordering::Acquire);
        if returned == head.searched.load(Ordering::Relaxed) {
            return false;
        }
        if self.linked().any(|ring| ring.has_returned()) {
            return true;
        }
        head.searched.store(returned, Ordering::Relaxed);
        may_die();
        false
    }

    /// For a consumer that found nothing and is about to sleep: what it may do. After `Noted`, the next put learns from
    /// `put` that it has to wake a consumer.
    pub(crate) fn await_next(&self) -> Await {
        let head = &self.ends.head;
        if head.returned.load(Ordering::Acquire) != head.searched.load(Ordering::Relaxed) {
            return Await::Something;
        }
        let mut cursor = Cursor(head.hint.load(Ordering::Acquire));
        loop {
            match self.rings.ring(cursor.ring()) {
                Link::Ring(ring) => match ring.await_next(cursor.position()) {
                    Await::Sealed(position) => cursor = Cursor::new(cursor.ring() + 1, position),
                    what => return what,
                },
                // The producer that goes on to this ring wakes the consumers.
                Link::Open => return Await::Noted,
                Link::End | Link::Unreachable => return Await::Something,
            }
        }
    }

    /// For a consumer that found nothing: whether it should look again, since a message stood in its way that a dead
    /// producer had not completed, and does so no more.
    #[cold]
    pub(crate) fn free_dead(&self, is_dead: impl Fn(u32) -> bool) -> bool {
        let mut cursor = Cursor(self.ends.head.hint.load(Ordering::Acquire));
        while let Link::Ring(ring) = self.rings.ring(cursor.ring()) {
            match ring.free_dead(cursor.position(), &is_dead) {
                Freed::Nothing => return false,
                Freed::Something => return true,
                Freed::Sealed(position) => cursor = Cursor::new(cursor.ring() + 1, position),
            }
        }
        false
    }

    /// How many messages wait. Exact while no other thread puts or takes; a half-written one counts.
    pub(crate) fn len(&self) -> u64 {
        let head = self.head();
        let waiting = self.put_so_far().saturating_sub(head);
        if self.ends.head.returned.load(Ordering::Acquire) == self.ends.head.searched.load(Ordering::Relaxed)
        {
            return waiting;
        }
        waiting + self.linked().map(|ring| ring.returned_before(head)).sum::<u64>()
    }

    /// Shows `look` the payload of every message that is complete or being taken; its result is passed to `found`
    /// unless the slot changed meanwhile.
    pub(crate) fn each_message<T>(&self, look: impl Fn(&Payload<W>) -> T, mut found: impl FnMut(T)) {
        for ring in self.linked() {
            ring.each_message(&look, &mut found);
        }
    }

    /// The first position that no consumer has taken. Pushes the hint there.
    fn head(&self) -> u64 {
        let mut cursor = Cursor(self.ends.head.hint.load(Ordering::Acquire));
        while let Link::Ring(ring) = self.rings.ring(cursor.ring()) {
            match ring.first_untaken(cursor.position()) {
                Take::Got(position, ()) | Take::Empty(position) => {
                    push_forward(&self.ends.head.hint, Cursor::new(cursor.ring(), position));
                    return position;
                }
                Take::Sealed(position) => cursor = Cursor::new(cursor.ring() + 1, position),
            }
        }
        cursor.position()
    }

    #[inline(always)]
    fn has_room(&self, position: u64) -> bool {
        self.limit == 0 || {
            let known = self.ends.tail.known_head.load(Ordering::Relaxed);
            position.wrapping_sub(known) < self.limit || self.has_room_after_all(position)
        }
    }

    #[cold]
    fn has_room_after_all(&self, position: u64) -> bool {
        let head = self.head();
        self.ends.tail.known_head.store(head, Ordering::Relaxed);
        may_die();
        // Taken already: then so was the position, and the caller's claim will fail.
        head > position || position - head < self.limit
    }
}

/// Pushes a hint forward. Two who do so at once may leave the earlier place: it is a hint.
#[inline(always)]
fn push_forward(hint: &AtomicU64, cursor: Cursor) {
    if hint.load(Ordering::Relaxed) < cursor.0 {
        hint.store(cursor.0, Ordering::Release);
        may_die();
    }
}
