//! When chunks are taken back (see [`super::reclaim`]): when there is no room for a block, and when very much is free.
//!
//! Freed blocks keep their pages, since used ones are several times faster than fresh ones. Of large blocks, 512 MiB
//! do, and each that is freed beyond that gives its own back at once. Small ones would cost a system call each. So a
//! thread that frees one looks now and then how much is free in small blocks. Beyond 512 MiB it gives the pages of free
//! chunks back until half of that is left. Then a pass is due when 256 MiB more are free than this one left. So what
//! cannot be given back, since every chunk has a block that is used, is not looked through again and again. A pass is
//! also due when hardly any block is used. There is no thread and no clock in this.

use super::block_entry::{BlockId, KEEP_FREE, PUNCH_SIZE, SMALLEST};
use super::block_word::{BlockState, Entry, Word};
use super::carve::end_of_chunk;
use super::chunk_table::{chunks_of_block, place_of_chunk};
use super::chunk_word::{Chunk, ChunkState, Set};
use super::current::this_process;
use super::error::ArenaError;
use super::owner::ProcessId;
use super::reclaim::{Blocks, Seen, busy, reclaim, settle, settle_chunks};
use super::region::Arena;
use super::window::CHUNK;
use crate::platform::atomic::{AtomicU32, AtomicU64, Ordering};

/// Looked at once for so many bytes of one class that become free.
const STRIDE: usize = 16 << 20;
/// So much more must be free before small blocks are looked through again.
const MORE: i64 = 256 << 20;

/// What a claim found that had no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Chunks are free now.
    Made,
    /// Another process or thread is at it.
    UnderWay,
    /// Nothing is free.
    None,
}

/// A pass over the arena by this process.
struct Pass {
    arena: &'static Arena,
    gives_back: bool,
}

fn seen(id: BlockId, entry: &Entry, word: Word) -> Seen<'_> {
    let place = entry.place().unwrap_or(0);
    Seen {
        entry,
        word,
        has_place: place != 0,
        chunks: chunks_of_block(place, id.capacity()),
        class: id.class(),
    }
}

impl Blocks for Pass {
    fn each(&self, visit: &mut dyn FnMut(Seen<'_>)) -> bool {
        let all = self.arena.each_entry(|id, entry, word| visit(seen(id, entry, word)));
        all.is_ok()
    }

    fn chunk(&self, number: usize) -> &Chunk {
        self.arena.chunk(number)
    }

    fn detach(&self, chunks: &Set) {
        for cursor in self.arena.block_cursors() {
            let mut seen = cursor.load(Ordering::Acquire);
            while chunk_of_cursor(seen).is_some_and(|number| chunks.has(number)) {
                let end = end_of_chunk(seen);
                match cursor.compare_exchange(seen, end, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => break,
                    Err(now) => seen = now,
                }
            }
        }
    }

    fn emptied(&self, class: usize, cold: bool) {
        let directory = self.arena.directory();
        let table = &directory.classes[class];
        table.free.fetch_sub(1, Ordering::Relaxed);
        table.empty.store(0, Ordering::Relaxed);
        table.emptied.fetch_add(1, Ordering::Relaxed);
        if SMALLEST << class >= PUNCH_SIZE && !cold {
            directory.kept.fetch_sub((SMALLEST << class) as i64, Ordering::Relaxed);
        }
    }

    fn give_back(&self, number: usize) {
        if self.gives_back {
            let place = place_of_chunk(number);
            self.arena.give_pages_back(place.start, (place.end - place.start) as usize);
        }
    }
}

/// The chunk that is carved from at a cursor; none at the end of one.
fn chunk_of_cursor(cursor: u64) -> Option<usize> {
    (cursor != end_of_chunk(cursor)).then(|| chunks_of_block(cursor, 1).next())?
}

/// The process of which a thread makes a pass now. A fork's copy names another process, and counts as none.
static PASSING: AtomicU32 = AtomicU32::new(0);

struct Turn;

impl Turn {
    fn take(me: ProcessId) -> Option<Turn> {
        let seen = PASSING.load(Ordering::Relaxed);
        let free = seen != me.raw()
            && PASSING.compare_exchange(seen, me.raw(), Ordering::AcqRel, Ordering::Relaxed).is_ok();
        free.then_some(Turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        PASSING.store(0, Ordering::Release);
    }
}

impl Arena {
    fn block_cursors(&self) -> [&'static AtomicU64; 2] {
        let header = self.header();
        [&header.small, &header.large]
    }

    /// The chunks that blocks are in, so far as they are used.
    fn chunks_of_blocks(&self) -> impl Iterator<Item = usize> {
        std::iter::once(0).chain(self.chunks_reached())
    }

    /// Takes back all chunks that are free, since a block has no room.
    pub(super) fn make_room(&'static self) -> Result<Room, ArenaError> {
        let me = this_process()?;
        let Some(_turn) = Turn::take(me) else { return Ok(Room::UnderWay) };
        let pass = Pass { arena: self, gives_back: false };
        let Some(busy) = busy(&pass) else { return Ok(Room::None) };
        let mut wanted = Set::EMPTY;
        self.chunks_of_blocks().filter(|number| !busy.has(*number)).for_each(|number| wanted.insert(number));
        if reclaim(&pass, me.raw(), &wanted) > 0 {
            return Ok(Room::Made);
        }
        let under_way =
            |number| matches!(self.chunk(number).load(), ChunkState::Clearing(_) | ChunkState::Emptying(_));
        Ok(if self.chunks_of_blocks().any(under_way) { Room::UnderWay } else { Room::None })
    }

    /// After a small block of that class was freed, of which so many are free now.
    #[inline]
    pub(super) fn trim_now_and_then(&'static self, class: usize, free: i64) {
        if free as usize & (((STRIDE / SMALLEST) >> class) - 1) == 0 {
            self.trim_if_much_is_free(class, free);
        }
    }

    /// How many bytes of small blocks are free, and how many are used.
    fn small_blocks(&self) -> (i64, i64) {
        let (mut free, mut used) = (0, 0);
        for (class, table) in self.directory().classes.iter().enumerate() {
            let size = (SMALLEST << class) as i64;
            if size >= PUNCH_SIZE as i64 {
                break;
            }
            let free_here = table.free.load(Ordering::Relaxed).max(0);
            let emptied = table.emptied.load(Ordering::Relaxed).max(0);
            free += free_here * size;
            used += (table.count() as i64 - free_here - emptied).max(0) * size;
        }
        (free, used)
    }

    #[cold]
    fn trim_if_much_is_free(&'static self, class: usize, count: i64) {
        let directory = self.directory();
        // One block that is claimed and freed again and again is no news.
        let seen = (class as u64) << 56 | count as u64;
        if directory.looked_at.swap(seen, Ordering::Relaxed) == seen {
            return;
        }
        let (free, used) = self.small_blocks();
        let due = directory.trim_at.load(Ordering::Relaxed).max(KEEP_FREE);
        if free + 2 * MORE <= due {
            directory.trim_at.store(0, Ordering::Relaxed);
        }
        if free <= KEEP_FREE || (free <= due && free / 8 < used) {
            return;
        }
        let Ok(me) = this_process() else { return };
        let Some(_turn) = Turn::take(me) else { return };
        // What cannot be seen from here is left to others.
        let _ = self.trim(me, free - KEEP_FREE / 2);
        directory.trim_at.store(self.small_blocks().0 + MORE, Ordering::Relaxed);
    }

    /// Gives back chunks of small blocks with so many free bytes in them, if there are so many.
    fn trim(&'static self, me: ProcessId, bytes: i64) -> Result<(), ArenaError> {
        let pass = Pass { arena: self, gives_back: true };
        let Some(busy) = busy(&pass) else { return Ok(()) };
        let carved_from = self.block_cursors().map(|cursor| chunk_of_cursor(cursor.load(Ordering::Acquire)));
        let mut small = Set::EMPTY;
        self.each_entry(|id, entry, word| {
            if word.state == BlockState::Free && id.capacity() < PUNCH_SIZE {
                let chunks = chunks_of_block(entry.offset.load(Ordering::Acquire), id.capacity());
                chunks.into_iter().for_each(|number| small.insert(number));
            }
        })?;
        let (mut wanted, mut left) = (Set::EMPTY, bytes);
        for number in self.chunks_of_blocks() {
            if left > 0 && small.has(number) && !busy.has(number) && !carved_from.contains(&Some(number)) {
                wanted.insert(number);
                let place = place_of_chunk(number);
                left -= (place.end - place.start) as i64;
            }
        }
        reclaim(&pass, me.raw(), &wanted);
        Ok(())
    }

    /// Part of a sweep: an entry that the dead process had taken in a pass.
    pub(super) fn settle_entry_of(&'static self, dead: ProcessId, id: BlockId, entry: &Entry, word: Word) {
        settle(&Pass { arena: self, gives_back: false }, dead.raw(), seen(id, entry, word));
    }

    /// Part of a sweep, after all its entries were settled.
    pub(super) fn settle_chunks_of(&'static self, dead: ProcessId) {
        // Some may lie behind the frontier still.
        let numbers = 0..(self.size() as u64 / CHUNK) as usize;
        settle_chunks(&Pass { arena: self, gives_back: false }, dead.raw(), numbers);
    }
}
