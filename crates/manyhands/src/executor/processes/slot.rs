//! A call's slot: 256 bytes in the arena, four cache lines.
//!
//! Written by the requester before the call is submitted, by the worker before it answers, and by a process that
//! answers in its place, each ordered by the call's word. The arguments stay until the call is released, so that a call
//! can be run again; the result has an area of its own. Either lies in the slot, when it is small, or in a block. The
//! bytes are kept in atomic words, so no process can be made to read torn memory by a kill or a mistake of another.
//!
//! ```text
//!   0  word         see word             32  arguments: length and tag, place
//!   4  latch        who is told, 0: none 48  result: length and tag, place
//!   8  number       counts a pool's calls 64  arguments, up to 96 bytes
//!  16  function     see below           160  result, up to 96 bytes
//!  24  retries      see below
//! ```
//!
//! Up to 8 bytes stand in the place itself, so that a tiny call moves one cache line between two processors and not
//! three.

use super::word::CallWord;
use crate::arena::{Arena, ArenaError, Block, BlockId, Handle, ProcessId, shared_record};
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};

/// How many bytes of arguments, or of a result, fit into the slot itself.
pub const INLINE: usize = 96;
const WORDS: usize = INLINE / 8;

shared_record! {
    /// Where some bytes are, how many, and of what kind.
    ///
    /// ```text
    /// head   63 .. 40: tag   39: in a block   38 .. 0: length
    /// place  the block, or up to 8 bytes; longer ones that are in no block are in the slot's words
    /// ```
    pub(super) struct Content [] {
        head: AtomicU64,
        place: AtomicU64,
    }
}

const TAG_SHIFT: u32 = 40;
const IN_BLOCK: u64 = 1 << 39;
const LENGTH: u64 = IN_BLOCK - 1;
/// The largest tag stands for `u32::MAX`.
const LARGEST_TAG: u32 = (1 << 24) - 1;

shared_record! {
    /// The slot of a call.
    pub(super) struct CallSlot [align(64)] {
        word: AtomicU32,
        /// The number of the latch that is notified of the answer.
        pub(super) latch: AtomicU32,
        pub(super) number: AtomicU64,
        /// What to run. A link while the slot is free: nobody but the requester touches this word then, while a sweep
        /// that is late may still count a retry.
        pub(super) function: AtomicU64,
        /// How often the call may still be run again (low half), and for which dead worker that was counted last (high
        /// half), so that a sweep which is done twice counts once.
        retries: AtomicU64,
        arguments: Content,
        result: Content,
        arguments_words: [AtomicU64; WORDS],
        result_words: [AtomicU64; WORDS],
    }
}

const _: () = assert!(size_of::<CallSlot>() == 256);

/// Bytes that somebody takes out of a slot: a copy of small ones, the block of large ones.
#[derive(Debug)]
pub enum Bytes {
    /// They were in the slot.
    Inline([u8; INLINE], usize),
    /// They were in this block, which is now the caller's.
    Block(Block),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Inline(bytes, length) => &bytes[..*length],
            Bytes::Block(block) => block,
        }
    }
}

/// One side of a slot: the arguments or the result.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    content: &'a Content,
    words: &'a [AtomicU64; WORDS],
}

impl CallSlot {
    pub(super) fn word(&self) -> CallWord<'_> {
        CallWord(&self.word)
    }

    pub(super) fn futex(&self) -> &AtomicU32 {
        &self.word
    }

    pub(super) fn arguments(&self) -> Side<'_> {
        Side { content: &self.arguments, words: &self.arguments_words }
    }

    pub(super) fn result(&self) -> Side<'_> {
        Side { content: &self.result, words: &self.result_words }
    }

    /// While the slot is free: its link in the list of free slots.
    pub(super) fn link(&self) -> &AtomicU64 {
        &self.function
    }

    pub(super) fn allow_retries(&self, times: u32) {
        self.retries.store(u64::from(times), Ordering::Relaxed);
    }

    /// Whether the call may be run again should its worker die.
    pub(super) fn may_be_retried(&self) -> bool {
        self.retries.load(Ordering::Acquire) as u32 > 0
    }

    /// Whether the call may be run again after `dead` did not finish it; counts that once per dead worker.
    pub(super) fn count_retry(&self, dead: ProcessId) -> bool {
        let seen = self.retries.load(Ordering::Acquire);
        if (seen >> 32) as u32 == dead.raw() {
            return true;
        }
        let left = seen as u32;
        let counted = u64::from(dead.raw()) << 32 | u64::from(left.wrapping_sub(1));
        left > 0 && self.retries.compare_exchange(seen, counted, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl Side<'_> {
    /// Writes what `parts` make together. Large contents go into a block, held by this process, and so do contents that
    /// name objects, which the block keeps.
    #[inline]
    pub(super) fn write(
        &self,
        arena: &'static Arena,
        tag: u32,
        parts: &[&[u8]],
        objects: &[Handle],
    ) -> Result<(), ArenaError> {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        if length > INLINE || !objects.is_empty() {
            return self.write_block(arena, tag, length, parts, objects);
        }
        match parts {
            [part] => self.store(part),
            parts => {
                let mut bytes = [0; INLINE];
                gather(parts, &mut bytes);
                self.store(&bytes[..length]);
            }
        }
        self.set_head(tag, length as u64);
        Ok(())
    }

    #[cold]
    fn write_block(
        &self,
        arena: &'static Arena,
        tag: u32,
        length: usize,
        parts: &[&[u8]],
        objects: &[Handle],
    ) -> Result<(), ArenaError> {
        let mut block = match objects {
            [] => arena.claim_block(length)?,
            objects => arena.claim_carrying_block(length, objects)?,
        };
        gather(parts, &mut block);
        self.content.place.store(block.into_id().raw(), Ordering::Relaxed);
        self.set_head(tag, IN_BLOCK | length as u64);
        Ok(())
    }

    /// Writes bytes that fit into the slot.
    #[inline]
    fn store(&self, bytes: &[u8]) {
        if bytes.len() <= 8 {
            self.content.place.store(word_of(bytes), Ordering::Relaxed);
            return;
        }
        for (word, eight) in self.words.iter().zip(bytes.chunks(8)) {
            word.store(word_of(eight), Ordering::Relaxed);
        }
    }

    #[inline]
    fn set_head(&self, tag: u32, rest: u64) {
        let tag = u64::from(tag.min(LARGEST_TAG));
        self.content.head.store(tag << TAG_SHIFT | rest, Ordering::Relaxed);
    }

    fn head(&self) -> u64 {
        self.content.head.load(Ordering::Relaxed)
    }

    /// Writes nothing, which needs no memory.
    #[inline]
    pub(super) fn write_nothing(&self, tag: u32) {
        self.set_head(tag, 0);
    }

    /// What kind of bytes there are: what was written, or `u32::MAX` for what does not fit 24 bits.
    pub(super) fn tag(&self) -> u32 {
        match (self.head() >> TAG_SHIFT) as u32 {
            LARGEST_TAG => u32::MAX,
            tag => tag,
        }
    }

    pub(super) fn len(&self) -> usize {
        (self.head() & LENGTH) as usize
    }

    /// The block in which the bytes stand, if they do not stand in the slot.
    #[inline]
    pub(super) fn block(&self) -> Option<BlockId> {
        let in_block = self.head() & IN_BLOCK != 0;
        in_block.then(|| BlockId::from_raw(self.content.place.load(Ordering::Relaxed)))
    }

    /// Copies bytes out that stand in the slot; how many.
    #[inline]
    pub(super) fn copy_inline(&self, bytes: &mut [u8; INLINE]) -> usize {
        let length = self.len().min(INLINE);
        if length <= 8 {
            bytes[..8].copy_from_slice(&self.content.place.load(Ordering::Relaxed).to_le_bytes());
            return length;
        }
        for (word, eight) in self.words.iter().zip(bytes[..length.next_multiple_of(8)].chunks_exact_mut(8)) {
            eight.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        length
    }

    /// Takes the bytes: copies small ones, becomes the holder of a block.
    pub(super) fn take(&self, arena: &'static Arena) -> Result<Bytes, ArenaError> {
        match self.block() {
            None => {
                let mut bytes = [0; INLINE];
                let length = self.copy_inline(&mut bytes);
                Ok(Bytes::Inline(bytes, length))
            }
            Some(id) => {
                let block = arena.take_block(id, self.len())?;
                self.forget_block();
                Ok(Bytes::Block(block))
            }
        }
    }

    /// Frees the block, if there is one and somebody holds it still.
    ///
    /// # Errors
    /// When this process has no address space left to do so; the slot names it still.
    #[inline]
    pub(super) fn discard(&self, arena: &'static Arena) -> Result<(), ArenaError> {
        if let Some(id) = self.block() {
            arena.free_block(id)?;
            self.forget_block();
        }
        Ok(())
    }

    /// The block is somebody else's business from here on.
    pub(super) fn forget_block(&self) {
        self.content.head.store(0, Ordering::Relaxed);
    }

    /// Part of a sweep: a dead holder's block outlives it.
    pub(super) fn keep_block_of(&self, arena: &'static Arena, dead: ProcessId) {
        if let Some(id) = self.block() {
            arena.block_in_flight(id, dead);
        }
    }
}

/// Up to eight bytes as a word.
#[inline]
fn word_of(bytes: &[u8]) -> u64 {
    let mut eight = [0; 8];
    eight[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(eight)
}

fn gather(parts: &[&[u8]], mut into: &mut [u8]) {
    for part in parts {
        let (here, rest) = into.split_at_mut(part.len());
        here.copy_from_slice(part);
        into = rest;
    }
}
