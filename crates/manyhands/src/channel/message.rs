//! What a slot of a byte queue carries: a tag and up to 104 bytes, or a tag and the number of a block.
//!
//! | word | inline | block |
//! |---|---|---|
//! | 0 | tag (bits 0-31), length in bytes (32-63) | tag (0-31), all ones (32-63) |
//! | 1 | - | the block's number |
//! | 2 | bytes 0-7 | length in bytes |
//! | 3-14 | the other bytes | - |
//!
//! Sweeps look at words 0 and 1 at any time; from word 2 on the slot is its claimer's alone. A sender stays the owner
//! of a block until the receiver takes it, which it does before it frees the slot. So one of the three (the sender, the
//! slot, the receiver) always answers for it, whichever is killed and when.

use super::ring::Payload;
use crate::arena::{Arena, ArenaError, Block, BlockId, Handle};
use crate::platform::atomic::Ordering;
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ops::Deref;

/// Words of a payload.
pub(super) const WORDS: usize = 15;
/// The most bytes that stand in the slot itself.
pub const INLINE: usize = (WORDS - BYTES) * 8;
const _: () = assert!(INLINE <= 128, "what `copy` can do");
/// The word with which the bytes begin.
const BYTES: usize = 2;

const IN_BLOCK: u32 = u32::MAX;

/// What was taken out of a byte queue.
#[derive(Debug)]
pub struct Message<'b> {
    /// The number that the sender gave with it.
    pub tag: u32,
    /// Its bytes.
    pub content: Content<'b>,
}

/// What a message carries.
#[derive(Debug)]
pub enum Content<'b> {
    /// A small message, copied into the taker's [`Buffer`].
    Inline(&'b [u8]),
    /// A large message's block, which is the holder's now.
    Block(Block),
}

impl Deref for Content<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Content::Inline(bytes) => bytes,
            Content::Block(block) => block,
        }
    }
}

/// A message on its way into a slot.
pub(super) enum Outgoing<'a> {
    /// At most [`INLINE`] bytes.
    Small(&'a [u8]),
    Large(Block),
}

impl<'a> Outgoing<'a> {
    /// A message of `parts`; small ones are gathered in `room`, unless there is only one.
    #[inline]
    pub(super) fn new(parts: &[&'a [u8]], room: &'a mut Room) -> Result<Outgoing<'a>, ArenaError> {
        if let [part] = parts
            && part.len() <= INLINE
        {
            return Ok(Outgoing::Small(part));
        }
        let length = parts.iter().map(|part| part.len()).sum();
        if length <= INLINE {
            let room = &mut room.0[..length];
            join(parts, room);
            return Ok(Outgoing::Small(room));
        }
        let mut block = Arena::get()?.claim_block(length)?;
        join(parts, &mut block);
        Ok(Outgoing::Large(block))
    }

    /// A message that keeps the objects of `handles` alive on its way.
    pub(super) fn carrying(parts: &[&[u8]], handles: &[Handle]) -> Result<Outgoing<'a>, ArenaError> {
        let length = parts.iter().map(|part| part.len()).sum();
        let mut block = Arena::get()?.claim_carrying_block(length, handles)?;
        join(parts, &mut block);
        Ok(Outgoing::Large(block))
    }

    /// For the time between claim and publish.
    ///
    /// # Safety
    /// The caller has claimed the slot for writing.
    #[inline(always)]
    pub(super) unsafe fn write(&self, tag: u32, payload: &Payload<WORDS>) {
        match self {
            // SAFETY: the caller's promise; at most INLINE bytes, as the variant says.
            Outgoing::Small(bytes) => unsafe { write_small(bytes, tag, payload) },
            Outgoing::Large(block) => {
                payload[0].store(u64::from(IN_BLOCK) << 32 | u64::from(tag), Ordering::Relaxed);
                payload[1].store(block.id().raw(), Ordering::Relaxed);
                payload[2].store(block.len() as u64, Ordering::Relaxed);
            }
        }
    }

    /// After the message was put: its block is the receiver's to take.
    #[inline]
    pub(super) fn sent(self) {
        if let Outgoing::Large(block) = self {
            let _ = block.into_id();
        }
    }
}

/// Writes a message of at most [`INLINE`] bytes.
///
/// # Safety
/// The caller has claimed the slot for writing, and `bytes` are not more than [`INLINE`].
#[inline(always)]
pub(super) unsafe fn write_small(bytes: &[u8], tag: u32, payload: &Payload<WORDS>) {
    payload[0].store((bytes.len() as u64) << 32 | u64::from(tag), Ordering::Relaxed);
    let place = payload[BYTES..].as_ptr().cast_mut().cast::<u8>();
    // SAFETY: at most INLINE bytes, and that many are there. They are atomics, so a shared reference allows writes.
    // From word BYTES on only the claimer reads or writes, and the caller is the claimer.
    unsafe { copy(bytes.as_ptr(), place, bytes.len()) };
}

/// Copies a few bytes without a call: two overlapping pieces where one does not fit.
///
/// # Safety
/// As [`std::ptr::copy_nonoverlapping`].
#[inline(always)]
unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    /// Copies the first and the last `size_of::<T>()` bytes.
    ///
    /// # Safety
    /// As [`copy`]; there are as many.
    #[inline(always)]
    unsafe fn both_ends<T>(from: *const u8, to: *mut u8, length: usize) {
        let last = length - size_of::<T>();
        // SAFETY: `length` bytes may be read and written, and `last` leaves room for one T, of any alignment.
        unsafe {
            let (head, tail) =
                (from.cast::<T>().read_unaligned(), from.add(last).cast::<T>().read_unaligned());
            to.cast::<T>().write_unaligned(head);
            to.add(last).cast::<T>().write_unaligned(tail);
        }
    }
    // SAFETY: the caller's promise, passed on; each step stays within `length`.
    unsafe {
        match length {
            0 => {}
            1..4 => {
                *to.add(length / 2) = *from.add(length / 2);
                both_ends::<u8>(from, to, length);
            }
            4..8 => both_ends::<u32>(from, to, length),
            8..16 => both_ends::<u64>(from, to, length),
            16..32 => both_ends::<[u64; 2]>(from, to, length),
            32..=64 => both_ends::<[u64; 4]>(from, to, length),
            _ => {
                both_ends::<[u64; 4]>(from, to, 64);
                both_ends::<[u64; 4]>(from.add(length - 64), to.add(length - 64), 64);
            }
        }
    }
}

/// Where the parts of a small message are put together.
pub(super) struct Room([u8; INLINE]);

impl Room {
    pub(super) fn new() -> Room {
        Room([0; INLINE])
    }
}

fn join(parts: &[&[u8]], mut room: &mut [u8]) {
    for part in parts {
        let (here, rest) = room.split_at_mut(part.len());
        here.copy_from_slice(part);
        room = rest;
    }
}

/// Where small messages are copied to before their slot is freed. One serves any number of takes, one after the other.
pub struct Buffer(UnsafeCell<[MaybeUninit<u8>; INLINE]>);

impl Buffer {
    /// An empty buffer.
    #[inline(always)]
    pub const fn new() -> Buffer {
        Buffer(UnsafeCell::new([MaybeUninit::uninit(); INLINE]))
    }
}

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer::new()
    }
}

/// Takes one message out of one slot, in two steps: [`Receiver::read`] while the slot is claimed, [`Receiver::message`]
/// after it was freed. In between goes a single word, which costs the layers in the middle nothing to pass on.
pub(super) struct Receiver<'b> {
    arena: &'static Arena,
    buffer: &'b Buffer,
    block: Cell<Option<Result<Block, ArenaError>>>,
}

impl<'b> Receiver<'b> {
    #[inline(always)]
    pub(super) fn new(arena: &'static Arena, buffer: &'b mut Buffer) -> Receiver<'b> {
        Receiver { arena, buffer, block: Cell::new(None) }
    }

    /// Copies a small message into the buffer, or makes a large one's block this process's. Returns word 0; nothing
    /// when this process has no address space left for the block.
    ///
    /// # Safety
    /// The caller has claimed the slot for reading. Nothing was read by this receiver before.
    #[inline(always)]
    pub(super) unsafe fn read(&self, payload: &Payload<WORDS>) -> Option<u64> {
        let head = payload[0].load(Ordering::Relaxed);
        let length = (head >> 32) as usize;
        if length > INLINE {
            return self.take_block(payload).then_some(head);
        }
        let bytes = payload[BYTES..].as_ptr().cast::<u8>();
        // SAFETY: so many bytes are in the slot, which only its claimer writes, and that is the caller. The buffer has
        // as many, was borrowed exclusively, and nothing was lent of it yet.
        unsafe { copy(bytes, self.buffer.0.get().cast::<u8>(), length) };
        Some(head)
    }

    #[cold]
    fn take_block(&self, payload: &Payload<WORDS>) -> bool {
        let id = BlockId::from_raw(payload[1].load(Ordering::Relaxed));
        let length = payload[2].load(Ordering::Relaxed) as usize;
        let taken = self.arena.take_block(id, length);
        let leave = matches!(taken, Err(ArenaError::AddressSpace { .. }));
        self.block.set(Some(taken));
        !leave
    }

    /// Why the message was left where it was, if it was.
    pub(super) fn refusal(self) -> Option<ArenaError> {
        self.block.into_inner()?.err()
    }

    /// The message whose word 0 is `head`.
    ///
    /// # Safety
    /// `head` is what [`Receiver::read`] returned.
    #[inline(always)]
    pub(super) unsafe fn message(self, head: u64) -> Result<Message<'b>, ArenaError> {
        let length = (head >> 32) as usize;
        let content = if length > INLINE {
            Content::Block(self.block.into_inner().expect("the block of a large message was taken")?)
        } else {
            // Nothing is in it; this spares the look.
            std::mem::forget(self.block);
            // SAFETY: so many bytes of the buffer were written by `read`, and it is borrowed for as long as these live.
            Content::Inline(unsafe { std::slice::from_raw_parts(self.buffer.0.get().cast::<u8>(), length) })
        };
        Ok(Message { tag: head as u32, content })
    }
}

/// The block that a payload names, if it names one. What it says holds only if the slot did not change meanwhile.
pub(super) fn block(payload: &Payload<WORDS>) -> Option<BlockId> {
    let in_block = (payload[0].load(Ordering::Relaxed) >> 32) as u32 == IN_BLOCK;
    in_block.then(|| BlockId::from_raw(payload[1].load(Ordering::Relaxed)))
}
