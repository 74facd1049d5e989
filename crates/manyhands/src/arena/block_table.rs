//! The directory of blocks, as this process sees it: finding the entry of a block, and visiting all.
//!
//! The directory grows by chunks of entries, which are never given back, so that an entry's place never changes. Most
//! stand where every process has them mapped; of a great many blocks, some entries stand behind that.

use super::block_entry::{BlockId, CLASSES, Directory, ENTRIES_PER_CHUNK};
use super::block_word::{Entry, NoEntry, Word};
use super::carve::Part;
use super::error::ArenaError;
use super::header::BLOCK_DIRECTORY;
use super::region::Arena;
use super::shared::Offset;
use crate::platform::atomic::Ordering;

impl Arena {
    pub(super) fn directory(&self) -> &'static Directory {
        self.at(Offset::new(BLOCK_DIRECTORY))
    }

    /// An entry of the directory. Entries stand among the structures, which are mapped always, unless there are many
    /// hundreds of thousands of blocks.
    #[inline]
    pub(super) fn entry_at(&self, class: usize, index: u64) -> Result<&'static Entry, NoEntry> {
        let chunk = self.directory().classes.get(class);
        let chunk = chunk.and_then(|class| class.chunks.get(index as usize / ENTRIES_PER_CHUNK));
        let place = chunk.map_or(0, |chunk| chunk.load(Ordering::Acquire));
        if place == 0 {
            return Err(NoEntry::Stale);
        }
        let entries: &'static [Entry] =
            self.structure(Offset::new(place), ENTRIES_PER_CHUNK).map_err(|error| match error {
                ArenaError::Damaged { .. } => NoEntry::Stale,
                _ => NoEntry::Unreachable,
            })?;
        Ok(&entries[index as usize % ENTRIES_PER_CHUNK])
    }

    /// Whether every process can see an entry at any time.
    pub(super) fn is_entry_in_tables(&self, class: usize, index: u64) -> bool {
        let chunk = self.directory().classes[class].chunks.get(index as usize / ENTRIES_PER_CHUNK);
        chunk.is_some_and(|chunk| Part::of(chunk.load(Ordering::Acquire)) == Part::Tables)
    }

    #[inline]
    pub(super) fn entry(&self, id: BlockId) -> Result<&'static Entry, NoEntry> {
        self.entry_at(id.class(), id.index())
    }

    /// Visits all entries that this process can see; says whether these are all there are.
    pub(super) fn each_entry(
        &self,
        mut visit: impl FnMut(BlockId, &'static Entry, Word),
    ) -> Result<(), ArenaError> {
        let mut all = Ok(());
        for class in 0..CLASSES {
            let count = self.directory().classes[class].count();
            let mut index = 0;
            while index < count {
                match self.entry_at(class, index) {
                    Ok(entry) => {
                        let word = entry.load();
                        visit(BlockId::new(class, index, word.generation), entry, word);
                        index += 1;
                        continue;
                    }
                    // Counted, and not carved yet.
                    Err(NoEntry::Stale) => {}
                    Err(error) => all = Err(error.into()),
                }
                // As it is with one entry of a chunk, so it is with all.
                index = (index + 1).next_multiple_of(ENTRIES_PER_CHUNK as u64);
            }
        }
        all
    }
}
