//! Taking back chunks all of whose blocks are free, for blocks of any size.
//!
//! One pass looks through the entries of all blocks, so it is made rarely: when there is no room for a block, and when
//! very much is free. It marks the chunks that look free and takes all blocks in them as a claim would. Only if it got
//! every one is a chunk emptied: its entries name no place any more and are free for other blocks, and the chunk is
//! free.
//!
//! ```text
//! chunk:  Used --------> Clearing(me) ----------------------> Emptying(me) ----------------------------> Free
//! entry:         Free ----------------> Clearing(me) -----------------------> Empty, without a place
//! ```
//!
//! What is being carved has no visible place yet. So a process that carves makes its entry Carving *before* it takes a
//! place from a cursor, a free chunk or the frontier. A pass that has marked its chunks, and taken the cursors away
//! from them, gives all of them up when it meets an entry that is Carving without a place. A place that was taken
//! before the mark is seen, since its taker and the pass met at that word; after the mark none can be taken.
//!
//! Killed anywhere: the step from Clearing to Emptying, of the first chunk of a block, decides. Before it the sweep
//! makes entries Free and chunks Used again, after it goes on to the end.

use super::block_word::{BlockState, Entry, Word};
use super::chunk_word::{Chunk, ChunkState, Set};
use std::ops::Range;

/// An entry that a pass comes by.
pub(super) struct Seen<'a> {
    pub(super) entry: &'a Entry,
    pub(super) word: Word,
    /// Whether its block has a place; read once, after the word.
    pub(super) has_place: bool,
    /// The chunks that this is in.
    pub(super) chunks: Range<usize>,
    /// The class of its block.
    pub(super) class: usize,
}

impl Seen<'_> {
    fn takes(&self, state: BlockState, owner: u32) -> bool {
        self.entry.exchange(self.word, Word { state, owner, ..self.word })
    }
}

/// What a pass is made over: the arena, and something small in model tests.
pub(super) trait Blocks {
    /// Visits all entries; says whether these are all there are. Which it has visited once it visits again.
    fn each(&self, visit: &mut dyn FnMut(Seen<'_>)) -> bool;

    fn chunk(&self, number: usize) -> &Chunk;

    /// Nothing is carved any more from where the cursors are in these chunks. Acquires what all that have carved did.
    fn detach(&self, chunks: &Set);

    /// An entry of that class was emptied, which had counted as free.
    fn emptied(&self, class: usize, cold: bool);

    /// Before a chunk is free: its pages go, if that is wanted.
    fn give_back(&self, number: usize);

    /// Whether this process lives on: a model may let it die at any step.
    fn lives(&self) -> bool {
        true
    }
}

/// The chunks in which a block is not free; `None` when not all blocks could be seen.
pub(super) fn busy(blocks: &impl Blocks) -> Option<Set> {
    let mut busy = Set::EMPTY;
    let all = blocks.each(&mut |seen| {
        if seen.word.state != BlockState::Free {
            seen.chunks.for_each(|number| busy.insert(number));
        }
    });
    all.then_some(busy)
}

/// Takes back those of the chunks all of whose blocks are free, in the name of `me`, which makes one pass at a time.
/// Returns how many these were.
pub(super) fn reclaim(blocks: &impl Blocks, me: u32, wanted: &Set) -> usize {
    let (clearing, emptying) = (ChunkState::Clearing(me), ChunkState::Emptying(me));
    let mut marked = Set::EMPTY;
    for number in wanted.numbers() {
        if blocks.lives() && blocks.chunk(number).exchange(ChunkState::Used, clearing) {
            marked.insert(number);
        }
    }
    blocks.detach(&marked);

    let mut kept = Set::EMPTY;
    let all = blocks.each(&mut |seen| {
        if seen.word.state == BlockState::Carving && !seen.has_place {
            kept = Set::ALL;
        }
        if !seen.chunks.clone().any(|number| marked.has(number)) {
            return;
        }
        let taken = seen.chunks.clone().all(|number| marked.has(number))
            && seen.word.state == BlockState::Free
            && blocks.lives()
            && seen.takes(BlockState::Clearing, me);
        if !taken {
            seen.chunks.for_each(|number| kept.insert(number));
        }
    });
    if !all {
        kept = Set::ALL;
    }

    // A block's first chunk comes first.
    for number in marked.numbers().filter(|number| !kept.has(*number)) {
        if blocks.lives() {
            blocks.chunk(number).exchange(clearing, emptying);
        }
    }
    blocks.each(&mut |seen| {
        if seen.word.state == BlockState::Clearing && seen.word.owner == me && blocks.lives() {
            settle(blocks, me, seen);
        }
    });
    let mut freed = 0;
    for number in marked.numbers().filter(|_| blocks.lives()) {
        if kept.has(number) {
            blocks.chunk(number).exchange(clearing, ChunkState::Used);
        } else {
            blocks.give_back(number);
            freed += usize::from(blocks.chunk(number).exchange(emptying, ChunkState::Free));
        }
    }
    freed
}

/// The last step with an entry that `owner`, a dead process perhaps, has taken: emptied, if its chunk is, or free as it
/// was.
pub(super) fn settle(blocks: &impl Blocks, owner: u32, seen: Seen<'_>) {
    let is_emptying = |number| blocks.chunk(number).load() == ChunkState::Emptying(owner);
    if seen.has_place && !seen.chunks.clone().next().is_some_and(is_emptying) {
        seen.takes(BlockState::Free, 0);
        return;
    }
    // Killed right after the decision, it may have left the others of a long block behind.
    for number in seen.chunks.clone() {
        blocks.chunk(number).exchange(ChunkState::Clearing(owner), ChunkState::Emptying(owner));
    }
    seen.entry.forget_place();
    if seen.entry.exchange(seen.word, Word { state: BlockState::Empty, owner: 0, cold: false, ..seen.word }) {
        blocks.emptied(seen.class, seen.word.cold);
    }
}

/// Part of a sweep, after all entries of the dead process were settled.
pub(super) fn settle_chunks(blocks: &impl Blocks, dead: u32, numbers: impl Iterator<Item = usize>) {
    for number in numbers {
        let chunk = blocks.chunk(number);
        // It may have a cursor already.
        chunk.exchange(ChunkState::Taken(dead), ChunkState::Used);
        chunk.exchange(ChunkState::Clearing(dead), ChunkState::Used);
        chunk.exchange(ChunkState::Emptying(dead), ChunkState::Free);
    }
}

#[cfg(all(test, manyhands_model))]
mod model;
