//! What a slot of a byte queue carries: a tag and up to 112 bytes, or a tag and the number of a block.
//!
//! | word | inline | block |
//! |---|---|---|
//! | 0 | tag (bits 0-31), length in bytes (32-63) | tag (0-31), all ones (32-63) |
//! | 1 | bytes 0-7 | the block's number |
//! | 2 | bytes 8-15 | length in bytes |
//! | 3-14 | the rest | - |
//!
//! A sender stays the owner of a block until the receiver takes it, which it does before it frees the slot. So one of
//! the three (the sender, the slot, the receiver) always answers for it, whoever is killed when.

use super::ring::Payload;
use crate::arena::{Arena, ArenaError, Block, BlockId, Handle};
use crate::platform::atomic::Ordering;
use std::ops::Deref;

/// Words of a payload.
pub(super) const WORDS: usize = 15;
/// The most bytes that stand in the slot itself.
pub const INLINE: usize = (WORDS - 1) * 8;

const IN_BLOCK: u32 = u32::MAX;

/// What a message carries.
#[derive(Debug)]
pub enum Content {
    /// A copy of a small message.
    Inline(Inline),
    /// A large message's block, which is the holder's now.
    Block(Block),
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Content::Inline(bytes) => bytes,
            Content::Block(block) => block,
        }
    }
}

/// The bytes of a small message.
#[derive(Clone, Copy)]
pub struct Inline {
    length: u32,
    words: [u64; WORDS - 1],
}

impl Inline {
    /// Gathers the parts, which are at most [`INLINE`] bytes together.
    #[inline]
    fn gather(parts: &[&[u8]]) -> Inline {
        let mut inline = Inline { length: 0, words: [0; WORDS - 1] };
        let room: &mut [u8] = bytemuck::cast_slice_mut(&mut inline.words);
        let mut length = 0;
        for part in parts {
            room[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        }
        inline.length = length as u32;
        inline
    }
}

impl Deref for Inline {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length as usize]
    }
}

impl std::fmt::Debug for Inline {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Inline").field(&&**self).finish()
    }
}

/// A message on its way into a slot.
pub(super) enum Outgoing {
    Inline(Inline),
    Block(Block),
}

impl Outgoing {
    #[inline]
    pub(super) fn new(parts: &[&[u8]]) -> Result<Outgoing, ArenaError> {
        let length = parts.iter().map(|part| part.len()).sum();
        if length <= INLINE {
            return Ok(Outgoing::Inline(Inline::gather(parts)));
        }
        Ok(Outgoing::Block(filled(Arena::get()?.claim_block(length)?, parts)))
    }

    /// A message that keeps the objects of `handles` alive on its way.
    pub(super) fn carrying(parts: &[&[u8]], handles: &[Handle]) -> Result<Outgoing, ArenaError> {
        let length = parts.iter().map(|part| part.len()).sum();
        Ok(Outgoing::Block(filled(Arena::get()?.claim_carrying_block(length, handles)?, parts)))
    }

    #[inline(always)]
    pub(super) fn write(&self, tag: u32, payload: &Payload<WORDS>) {
        match self {
            Outgoing::Inline(inline) => {
                payload[0].store(u64::from(inline.length) << 32 | u64::from(tag), Ordering::Relaxed);
                let count = inline.length.div_ceil(8) as usize;
                for (place, word) in payload[1..].iter().zip(&inline.words[..count]) {
                    place.store(*word, Ordering::Relaxed);
                }
            }
            Outgoing::Block(block) => {
                payload[0].store(u64::from(IN_BLOCK) << 32 | u64::from(tag), Ordering::Relaxed);
                payload[1].store(block.id().raw(), Ordering::Relaxed);
                payload[2].store(block.len() as u64, Ordering::Relaxed);
            }
        }
    }

    /// After the message was put: its block is the receiver's to take.
    #[inline]
    pub(super) fn sent(self) {
        if let Outgoing::Block(block) = self {
            let _ = block.into_id();
        }
    }
}

fn filled(mut block: Block, parts: &[&[u8]]) -> Block {
    let mut room = &mut block[..];
    for part in parts {
        let (here, rest) = room.split_at_mut(part.len());
        here.copy_from_slice(part);
        room = rest;
    }
    block
}

/// Copies a message out of a slot and makes its block this process's. For the time between claim and release.
#[inline(always)]
pub(super) fn read(arena: &'static Arena, payload: &Payload<WORDS>) -> Result<(u32, Content), ArenaError> {
    let head = payload[0].load(Ordering::Relaxed);
    let (tag, length) = (head as u32, (head >> 32) as u32);
    if length == IN_BLOCK {
        let id = BlockId::from_raw(payload[1].load(Ordering::Relaxed));
        let length = payload[2].load(Ordering::Relaxed) as usize;
        return Ok((tag, Content::Block(arena.take_block(id, length)?)));
    }
    let mut inline = Inline { length: length.min(INLINE as u32), words: [0; WORDS - 1] };
    let count = inline.length.div_ceil(8) as usize;
    for (place, word) in payload[1..].iter().zip(&mut inline.words[..count]) {
        *word = place.load(Ordering::Relaxed);
    }
    Ok((tag, Content::Inline(inline)))
}

/// The block that a payload names, if it names one. What it says holds only if the slot did not change meanwhile.
pub(super) fn block(payload: &Payload<WORDS>) -> Option<BlockId> {
    let in_block = (payload[0].load(Ordering::Relaxed) >> 32) as u32 == IN_BLOCK;
    in_block.then(|| BlockId::from_raw(payload[1].load(Ordering::Relaxed)))
}
