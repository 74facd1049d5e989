//! Where a queue's stream stands in the arena: the object's body, a block with the two ends, a block per ring.
//!
//! Ring `k` has `first << k` slots. A ring is linked by one compare-and-swap of its block's number into the body, and
//! from then on belongs to the object. Until then it belongs to the process that made it, whose sweep frees it. All
//! blocks go back when the object is unmade, the ends last. A [`View`] keeps the addresses that this process has looked
//! up. The rest of the layer works with views; a view keeps nothing alive.

use super::chain::{Chain, Ends, Link, RINGS_MAX, Rings};
use super::ring::{Ring, Slot};
use crate::arena::{Arena, ArenaError, BODY, BlockId, KeptBlock, Object, ProcessId, Shared};
use crate::platform::Scope;
use crate::platform::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::sync::Gate;

const CLOSED: u32 = 1;
/// With CLOSED: nobody is left on the side with this bit.
pub(super) const NO_SENDERS: u32 = 2;
pub(super) const NO_RECEIVERS: u32 = 4;

/// A queue's body. All fields except `state` and `rings` are written before any other process sees it.
#[repr(C)]
pub(super) struct Body {
    /// The block of [`Lines`].
    lines: KeptBlock,
    /// The most messages that may wait; 0 for as many as the arena holds.
    limit: AtomicU64,
    state: AtomicU32,
    /// Bits 0-7: logarithm of the first ring's slots; 8-15: words of a payload; 16: it grows.
    shape: AtomicU32,
    /// The blocks of the rings; sealed where no ring will ever be.
    rings: [KeptBlock; RINGS_MAX],
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Body {}

const _: () = assert!(size_of::<Body>() <= BODY);

/// What changes with every message, each part on a cache line of its own.
#[repr(C)]
pub(super) struct Lines {
    pub(super) ends: Ends,
    pub(super) items: Line,
    pub(super) space: Line,
}

// SAFETY: repr(C), atomics only.
unsafe impl Shared for Lines {}

impl Lines {
    /// Wakes all who sleep, on both sides.
    pub(super) fn notify_all(&self) {
        self.items.gate.notify_all(Scope::Shared);
        self.space.gate.notify_all(Scope::Shared);
    }
}

/// A gate, on a cache line of its own.
#[repr(C, align(64))]
pub(super) struct Line {
    pub(super) gate: Gate,
    /// In the gate for room: the position that the last one to go to sleep there could not write.
    pub(super) wanted: AtomicU64,
    /// In the gate for room: when the last take from the full queue was, in nanoseconds.
    pub(super) last_take: AtomicU64,
}

// SAFETY: repr(C), atomics only.
unsafe impl<const W: usize> Shared for Slot<W> {}

/// How a stream is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The most messages that may wait; 0 for as many as the arena holds.
    pub(super) limit: u64,
    first_log: u32,
    words: u32,
    grows: bool,
}

/// A ring larger than this is not made at once but grown into.
const LARGEST_FIRST: usize = 128 << 10;

impl Shape {
    /// For payloads of `words` words, with room for `limit` messages (`None`: as many as the arena holds).
    pub(super) fn new(words: usize, limit: Option<u64>) -> Shape {
        let slot = 8 + words * 8;
        let whole = limit.and_then(|limit| limit.checked_next_power_of_two());
        match whole.filter(|slots| *slots <= (LARGEST_FIRST / slot) as u64) {
            Some(slots) => Shape {
                limit: limit.unwrap_or(0),
                first_log: slots.trailing_zeros(),
                words: words as u32,
                grows: false,
            },
            None => Shape {
                limit: limit.unwrap_or(0),
                first_log: (8192 / slot).ilog2(),
                words: words as u32,
                grows: true,
            },
        }
    }

    pub(super) fn words(self) -> usize {
        self.words as usize
    }

    fn slots(self, ring: usize) -> usize {
        1 << (self.first_log as usize + ring)
    }

    /// The bound that the chain has to count for: a ring that is as large as the limit needs none.
    fn counted_limit(self) -> u64 {
        if !self.grows && self.limit == self.slots(0) as u64 { 0 } else { self.limit }
    }

    fn load(body: &Body) -> Shape {
        let packed = body.shape.load(Ordering::Relaxed);
        Shape {
            limit: body.limit.load(Ordering::Relaxed),
            // More is no ring that there could be; so many slots are counted without an overflow.
            first_log: (packed & 0xff).min(32),
            words: packed >> 8 & 0xff,
            grows: packed >> 16 & 1 != 0,
        }
    }

    fn store(self, body: &Body) {
        body.limit.store(self.limit, Ordering::Relaxed);
        let packed = self.first_log | self.words << 8 | u32::from(self.grows) << 16;
        body.shape.store(packed, Ordering::Relaxed);
    }
}

impl Body {
    /// Fills the body of a new queue: its ends and its first ring.
    pub(super) fn init<const W: usize>(&self, arena: &'static Arena, shape: Shape) -> Result<(), ArenaError> {
        debug_assert_eq!(shape.words(), W);
        let mut lines = arena.claim_structure(size_of::<Lines>())?;
        lines.fill(0);
        let ring = arena.claim_structure(shape.slots(0) * size_of::<Slot<W>>())?;
        prepare::<W>(arena, ring.id(), shape.slots(0), 0)?;
        shape.store(self);
        // The blocks stay this process's until the object lives: killed before, its sweep frees them.
        self.rings[0].give(ring);
        self.lines.give(lines);
        Ok(())
    }

    pub(super) fn shape(&self) -> Shape {
        Shape::load(self)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Closes the queue: because a program asked for it (0), or because a side is gone.
    pub(super) fn set_closed(&self, gone: u32) {
        // What closed it first counts.
        let _ = self.state.compare_exchange(0, CLOSED | gone, Ordering::AcqRel, Ordering::Acquire);
        // Nobody is left to take what is there, which is not the same as that no more comes.
        if gone == NO_RECEIVERS {
            self.state.fetch_or(NO_RECEIVERS, Ordering::AcqRel);
        }
    }

    /// Whether it was closed because a side of it is gone.
    pub(super) fn is_disconnected(&self) -> bool {
        self.state.load(Ordering::Acquire) & (NO_SENDERS | NO_RECEIVERS) != 0
    }

    /// What changes with every message, which every process has mapped unless there are very many queues.
    pub(super) fn lines(&self, arena: &Arena) -> Result<&'static Lines, ArenaError> {
        let lines = self.lines.records(arena, 1)?;
        Ok(lines.first().expect("a queue's body is filled before it is seen"))
    }

    pub(super) fn lines_block(&self) -> Option<BlockId> {
        self.lines.id()
    }

    /// The blocks of the rings, in order.
    pub(super) fn ring_blocks(&self) -> impl Iterator<Item = BlockId> {
        self.rings.iter().map_while(KeptBlock::id)
    }

    /// Makes all blocks of the queue that `holder` still holds the object's own.
    pub(super) fn adopt_blocks(&self, arena: &Arena, holder: ProcessId) {
        std::iter::once(&self.lines).chain(&self.rings).for_each(|kept| kept.settle(arena, holder));
    }
}

/// Makes a block that no other process sees yet a ring for the positions from `base` on.
fn prepare<const W: usize>(arena: &Arena, id: BlockId, slots: usize, base: u64) -> Result<(), ArenaError> {
    let ring: &[Slot<W>] = arena.block_records(id, slots)?;
    for position in base..base + slots as u64 {
        ring[position as usize & (slots - 1)].prepare(position);
    }
    Ok(())
}

/// A queue's stream as this process sees it. Valid while the object lives, which its user sees to.
pub(super) struct View<const W: usize> {
    pub(super) body: &'static Body,
    pub(super) lines: &'static Lines,
    pub(super) shape: Shape,
    /// How many rings are looked at, whatever else is linked.
    visible: usize,
    rings: [AtomicPtr<Slot<W>>; RINGS_MAX],
}

impl<const W: usize> View<W> {
    /// The stream of a body that was filled by [`Body::init`], or the `visible` oldest rings of it. All that there are
    /// now are mapped.
    ///
    /// # Errors
    /// When this process has no address space left for them.
    pub(super) fn new(
        arena: &'static Arena,
        body: &'static Body,
        visible: usize,
    ) -> Result<View<W>, ArenaError> {
        let view = View::around(body, body.lines(arena)?, visible);
        if view.chain().is_whole() { Ok(view) } else { Err(view.unreachable(None)) }
    }

    pub(super) fn of(object: &Object) -> Result<View<W>, ArenaError> {
        View::new(Arena::current().expect("an object was made in it"), object.body(), RINGS_MAX)
    }

    /// Why this process cannot go on: for this reason, or since it cannot map a ring, of as many bytes as the first one
    /// at least.
    #[cold]
    pub(super) fn unreachable(&self, why: Option<ArenaError>) -> ArenaError {
        why.unwrap_or(ArenaError::AddressSpace { wanted: self.shape.slots(0) * size_of::<Slot<W>>() })
    }

    /// The same view once more.
    pub(super) fn again(&self) -> View<W> {
        View::around(self.body, self.lines, self.visible)
    }

    fn around(body: &'static Body, lines: &'static Lines, visible: usize) -> View<W> {
        let rings = [const { AtomicPtr::new(std::ptr::null_mut()) }; RINGS_MAX];
        View { body, lines, shape: body.shape(), visible, rings }
    }

    /// Frees the visible rings, the youngest first. The queue is not used any more.
    ///
    /// # Errors
    /// When this process has no address space left to free one of them; the older ones are left as well.
    pub(super) fn free_rings(&self, arena: &'static Arena) -> Result<(), ArenaError> {
        let rings = self.body.rings[..self.visible].iter().rev();
        rings.into_iter().try_for_each(|ring| ring.free(arena))
    }

    #[inline(always)]
    pub(super) fn chain(&self) -> Chain<'_, &View<W>, W> {
        Chain::new(&self.lines.ends, self, self.shape.counted_limit())
    }

    #[cold]
    fn look_up(&self, number: usize) -> Link<'_, W> {
        let Some(kept) = self.body.rings[..self.visible].get(number) else { return Link::Open };
        if kept.is_sealed() {
            return Link::End;
        }
        let Some(id) = kept.id() else { return Link::Open };
        let arena = Arena::current().expect("the view was made in it");
        let Ok(slots) = arena.block_records::<Slot<W>>(id, self.shape.slots(number)) else {
            return Link::Unreachable;
        };
        self.rings[number].store(slots.as_ptr().cast_mut(), Ordering::Release);
        Link::Ring(Ring::new(slots, self.shape.grows))
    }
}

impl<const W: usize> Rings<W> for &View<W> {
    type Error = ArenaError;

    #[inline(always)]
    fn ring(&self, number: usize) -> Link<'_, W> {
        let known = self.rings.get(number).map_or(std::ptr::null_mut(), |ring| ring.load(Ordering::Acquire));
        if known.is_null() {
            return self.look_up(number);
        }
        // SAFETY: `look_up` noted the address of this ring's slots, as many as its number says, in the arena's map,
        // which stays. The ring is the queue's until the object is unmade, and the view's user keeps that.
        let slots = unsafe { std::slice::from_raw_parts(known, self.shape.slots(number)) };
        Link::Ring(Ring::new(slots, self.shape.grows))
    }

    #[cold]
    fn link(&self, number: usize, base: u64) -> Result<(), ArenaError> {
        let arena = Arena::get()?;
        let slots = self.shape.slots(number);
        let Some(place) = self.body.rings.get(number) else {
            return Err(ArenaError::OutOfMemory {
                wanted: slots * size_of::<Slot<W>>(),
                limit: arena.size(),
            });
        };
        if !self.shape.grows {
            // Such a ring is sealed only when the queue was closed.
            self.end(number);
            return Ok(());
        }
        let ring = arena.claim_structure(slots * size_of::<Slot<W>>())?;
        prepare::<W>(arena, ring.id(), slots, base)?;
        // Killed when it is named and before it is the queue's, this process leaves that to the queue's sweep.
        place.offer(arena, ring)
    }

    fn end(&self, number: usize) {
        if let Some(place) = self.body.rings.get(number) {
            place.seal();
        }
    }
}
