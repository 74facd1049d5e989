//! Claiming a block: one that was freed, or fresh memory.
//!
//! The block that this process freed last comes first, then what a short search finds, then fresh memory, and at last
//! any free block there is. Structures come from where every process has them mapped (see [`super::carve`]), as long as
//! there is room; so blocks of the two parts do not take one another's places.

use super::block::{Block, freed};
use super::block_entry::{BlockId, CLASSES, ENTRIES_PER_CHUNK, PUNCH_SIZE, SMALLEST};
use super::block_word::{BlockState, Entry, NoEntry, Word};
use super::carve::Part;
use super::current::this_process;
use super::error::ArenaError;
use super::owner::ProcessId;
use super::region::Arena;
use super::trim::Room;
use crate::platform::atomic::Ordering;
use crate::platform::thread::yield_now;

/// How many entries a claim looks at before it takes fresh memory.
const PROBES: u64 = 64;

/// How often a claim looks for room while others take or make it.
const ATTEMPTS: usize = 1000;

/// The class of blocks for so many bytes; [`CLASSES`] or more when there is none.
fn class_of(length: usize) -> usize {
    (length.max(SMALLEST).next_power_of_two() / SMALLEST).trailing_zeros() as usize
}

impl Arena {
    /// The block of an entry that this process has just become the holder of.
    fn block_of(
        &'static self,
        id: BlockId,
        entry: &'static Entry,
        length: usize,
    ) -> Result<Block, ArenaError> {
        match self.pin(entry.offset.load(Ordering::Acquire), length) {
            Ok((address, pin)) => Ok(Block::new(id, address, length, pin)),
            Err(error) => {
                let word = entry.load();
                let _ = self.release_entry(id, entry, word);
                Err(error)
            }
        }
    }

    /// Claims a block for `length` bytes, whose content is whatever stood there before.
    ///
    /// # Errors
    /// When the arena's end is reached and no block of the size is free, or this process has no address space left for
    /// it.
    pub fn claim_block(&'static self, length: usize) -> Result<Block, ArenaError> {
        let class = class_of(length);
        let claimed = self.claim_in(class, length, Part::Chunks);
        self.or_any_free(class, length, claimed)
    }

    /// As [`Arena::claim_block`], for what processes work with for long: as far as there is room, where all have it
    /// mapped.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn claim_structure(&'static self, length: usize) -> Result<Block, ArenaError> {
        let class = class_of(length);
        if Part::of_structure(SMALLEST << class) == Part::Tables {
            match self.claim_in(class, length, Part::Tables) {
                Err(ArenaError::OutOfMemory { .. }) => {}
                claimed => return claimed,
            }
        }
        self.claim_block(length)
    }

    /// As [`Arena::claim_structure`], for what every process must see at any time: there is no error to be returned
    /// where it looks. It stands where all have it mapped.
    ///
    /// # Errors
    /// When there is no room left there.
    pub(crate) fn claim_lasting(&'static self, length: usize) -> Result<Block, ArenaError> {
        let class = class_of(length);
        let block = match self.claim_in(class, length, Part::Tables) {
            Err(ArenaError::OutOfMemory { .. }) if class < CLASSES => {
                let carve = |size| self.carve_spare(size, size.min(4096));
                self.claim_fresh(class, length, this_process()?, carve)?
            }
            claimed => claimed?,
        };
        let id = block.id();
        if self.is_entry_in_tables(id.class(), id.index()) {
            return Ok(block);
        }
        Err(ArenaError::OutOfMemory { wanted: length, limit: self.size() })
    }

    /// What was claimed, or, where there was no room, any free block of the class; or one in a chunk that was taken
    /// back from others.
    fn or_any_free(
        &'static self,
        class: usize,
        length: usize,
        mut claimed: Result<Block, ArenaError>,
    ) -> Result<Block, ArenaError> {
        // Others may take what one made room for, or be making room just now.
        for _ in 0..ATTEMPTS {
            if class >= CLASSES || !matches!(claimed, Err(ArenaError::OutOfMemory { .. })) {
                break;
            }
            if let Some(block) = self.search(class, length, this_process()?, u64::MAX, None)? {
                return Ok(block);
            }
            match self.make_room()? {
                Room::Made => {}
                Room::UnderWay => yield_now(),
                Room::None => break,
            }
            claimed = self.claim_in(class, length, Part::Chunks);
        }
        claimed
    }

    fn claim_in(&'static self, class: usize, length: usize, part: Part) -> Result<Block, ArenaError> {
        if class >= CLASSES {
            return Err(ArenaError::OutOfMemory { wanted: length, limit: self.size() });
        }
        let me = this_process()?;
        let freed = freed(part, class).swap(0, Ordering::Relaxed);
        if freed != 0
            && let Some(block) = self.try_claim(class, u64::from(freed) - 1, length, me, Some(part), true)?
        {
            return Ok(block);
        }
        let table = &self.directory().classes[class];
        if table.free.load(Ordering::Relaxed) > 0
            && let Some(block) = self.search(class, length, me, PROBES, Some(part))?
        {
            return Ok(block);
        }
        let size = SMALLEST << class;
        if !self.may_carve(size, part) {
            return Err(ArenaError::OutOfMemory { wanted: length, limit: self.size() });
        }
        self.claim_fresh(class, length, me, |size| self.carve(size, size.min(4096), part))
    }

    /// Looks at so many entries for a free block, in one part or in any; for one that has its pages first.
    fn search(
        &'static self,
        class: usize,
        length: usize,
        me: ProcessId,
        probes: u64,
        part: Option<Part>,
    ) -> Result<Option<Block>, ArenaError> {
        let table = &self.directory().classes[class];
        let count = table.count();
        // A division would be felt: who sends to another process comes here for each message.
        let wrapped = |index| if index < count { index } else { 0 };
        let looks: &[bool] = if SMALLEST << class >= PUNCH_SIZE { &[false, true] } else { &[true] };
        for cold in looks {
            let mut index = wrapped(table.hint.load(Ordering::Relaxed));
            for _ in 0..probes.min(count) {
                let next = wrapped(index + 1);
                if let Some(block) = self.try_claim(class, index, length, me, part, *cold)? {
                    table.hint.store(next, Ordering::Relaxed);
                    return Ok(Some(block));
                }
                index = next;
            }
        }
        if probes >= count && part.is_none() {
            table.free.store(0, Ordering::Relaxed);
        }
        Ok(None)
    }

    fn try_claim(
        &'static self,
        class: usize,
        index: u64,
        length: usize,
        me: ProcessId,
        part: Option<Part>,
        cold: bool,
    ) -> Result<Option<Block>, ArenaError> {
        let entry = match self.entry_at(class, index) {
            Ok(entry) => entry,
            // Counted, and not carved yet.
            Err(NoEntry::Stale) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let word = entry.load();
        let table = &self.directory().classes[class];
        if word.state != BlockState::Free
            || (word.cold && !cold)
            || part.is_some_and(|part| part != Part::of(entry.offset.load(Ordering::Acquire)))
            || !entry.exchange(word, Word { state: BlockState::Held, owner: me.raw(), cold: false, ..word })
        {
            return Ok(None);
        }
        table.free.fetch_sub(1, Ordering::Relaxed);
        let id = BlockId::new(class, index, word.generation);
        if id.capacity() >= PUNCH_SIZE && !word.cold {
            self.directory().kept.fetch_sub(id.capacity() as i64, Ordering::Relaxed);
        }
        self.block_of(id, entry, length).map(Some)
    }

    fn claim_fresh(
        &'static self,
        class: usize,
        length: usize,
        me: ProcessId,
        carve: impl FnOnce(usize) -> Result<u64, ArenaError>,
    ) -> Result<Block, ArenaError> {
        let (index, entry, carving) = self.empty_entry(class, length, me)?;
        let place = match carve(SMALLEST << class) {
            Ok(place) => place,
            Err(error) => {
                entry.exchange(carving, Word { state: BlockState::Empty, owner: 0, ..carving });
                self.directory().classes[class].empty.fetch_min(index, Ordering::Relaxed);
                return Err(error);
            }
        };
        entry.offset.store(place, Ordering::Release);
        entry.exchange(carving, Word { state: BlockState::Held, ..carving });
        self.block_of(BlockId::new(class, index, carving.generation), entry, length)
    }

    /// An entry without memory, which is this process's now: one that was emptied, or a fresh one.
    fn empty_entry(
        &'static self,
        class: usize,
        length: usize,
        me: ProcessId,
    ) -> Result<(u64, &'static Entry, Word), ArenaError> {
        let table = &self.directory().classes[class];
        let carving = |word| Word { state: BlockState::Carving, owner: me.raw(), ..word };
        loop {
            let start = table.empty.load(Ordering::Relaxed);
            let count = table.count();
            let mut found = None;
            for index in start..count {
                match self.entry_at(class, index) {
                    Ok(entry) => {
                        let word = entry.load();
                        if word.state == BlockState::Empty && entry.exchange(word, carving(word)) {
                            found = Some((index, entry, carving(word)));
                            break;
                        }
                    }
                    Err(NoEntry::Stale) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            // Unless entries below were emptied meanwhile.
            let next = found.as_ref().map_or(count, |(index, ..)| index + 1);
            let _ = table.empty.compare_exchange(start, next, Ordering::Relaxed, Ordering::Relaxed);
            if let Some(found) = found {
                table.emptied.fetch_sub(1, Ordering::Relaxed);
                return Ok(found);
            }
            let (index, entry) = self.fresh_entry(class, length)?;
            let word = entry.load();
            // Else another process has found it to be empty.
            if word.state == BlockState::Empty && entry.exchange(word, carving(word)) {
                return Ok((index, entry, carving(word)));
            }
        }
    }

    /// One more entry of a class.
    fn fresh_entry(&'static self, class: usize, length: usize) -> Result<(u64, &'static Entry), ArenaError> {
        let table = &self.directory().classes[class];
        let index = table.count.fetch_add(1, Ordering::AcqRel);
        let undo = |error| {
            let _ = table.count.compare_exchange(
                index.wrapping_add(1),
                index,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            error
        };
        let chunk = table
            .chunks
            .get(index as usize / ENTRIES_PER_CHUNK)
            .ok_or(ArenaError::OutOfMemory { wanted: length, limit: self.size() })
            .map_err(undo)?;
        if chunk.load(Ordering::Acquire) == 0 {
            let bytes = ENTRIES_PER_CHUNK * size_of::<Entry>();
            let mut carved = self.carve(bytes, 64, Part::Tables);
            if carved.is_err() && index < ENTRIES_PER_CHUNK as u64 {
                // The first ones of each class are seen everywhere.
                carved = self.carve_spare(bytes, 64);
            }
            let carved = carved.or_else(|_| self.carve_lasting(bytes, 64));
            let place = carved.map_err(undo)?;
            // The loser of a race leaves 64 KiB of address space unused.
            let _ = chunk.compare_exchange(0, place, Ordering::AcqRel, Ordering::Acquire);
        }
        let entry = self.entry_at(class, index).map_err(|error| undo(error.into()))?;
        Ok((index, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_do_not_take_one_anothers_places() {
        let arena = Arena::get().unwrap();
        let part_of =
            |block: &Block| Part::of(arena.entry(block.id()).unwrap().offset.load(Ordering::Acquire));
        for length in [100, 5000, 200_000] {
            for _ in 0..3 {
                let (structure, payload) =
                    (arena.claim_structure(length).unwrap(), arena.claim_block(length).unwrap());
                assert_eq!((part_of(&structure), part_of(&payload)), (Part::Tables, Part::Chunks));
                drop(structure);
                assert_eq!(part_of(&arena.claim_block(length).unwrap()), Part::Chunks);
                drop(payload);
                assert_eq!(part_of(&arena.claim_structure(length).unwrap()), Part::Tables);
            }
        }
        assert_eq!(
            part_of(&arena.claim_structure(1 << 20).unwrap()),
            Part::Chunks,
            "too long to stand there"
        );
    }
}
