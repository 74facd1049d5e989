//! The arena itself: one memory file, which every process of a tree has mapped as far as it uses it.
//!
//! How a process comes to it stands in [`super::making`]; a fork's child inherits the maps. The memory is sized once
//! and sparse, whatever a process may map of it: its tables are mapped here, the rest when it is used (`place`). All
//! processes on one arena are one trust domain.

use super::counts::{LocalCounts, Unsettled};
use super::error::ArenaError;
use super::header::{Counters, Header, OBJECT_TABLE, TABLES_END};
use super::owner::ProcessId;
use super::records::Records;
use super::shared::Offset;
use super::window::Window;
use crate::platform::atomic::AtomicU32;
use crate::platform::lasting::{self, Identity, Lasting};
use crate::platform::maps::FileMap;
use crate::platform::robust::{WORDS, Word};
use crate::platform::{doorbell, memory, wipe};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::OnceLock;

const NAME: usize = 64;

/// How the name of an arena begins in the kernel's list of a process's maps.
pub(super) const LISTED_PREFIX: &[u8] = b"/memfd:manyhands-";

/// The name of the memory file of the arena made at that time. A process that executes another program, and has an
/// arena in that as well, makes it later: so it never has two of one name in its life.
pub(super) fn file_name(made_at: u64) -> String {
    format!("manyhands-{made_at:x}")
}

/// A memory that several processes see. There is at most one per process.
pub struct Arena {
    pub(super) tables: NonNull<u8>,
    pub(super) size: u64,
    memfd: Lasting,
    doorbell: Lasting,
    pub(super) inode: u64,
    /// What the kernel calls the memory file in a process's list of maps, up to a zero. It stands here and not on the
    /// heap, which the reaper forgets.
    listed_as: [u8; NAME],
    pub(super) records: Records,
    pub(super) local: LocalCounts,
    pub(super) unsettled: Unsettled,
    /// What else of the memory file is mapped here. It stands here as well, for the same reason.
    pub(super) window: Window,
}

// SAFETY: the tables are a map that lives as long as the process; everything in it is reached through atomics or
// owned blocks, whatever the thread.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

/// Of one that was not installed, because something was refused or it is a stranger's: that of a process is never
/// dropped. Left mapped it would be taken for another copy's, and none could be made any more.
impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the map of that length that `map` made, with the page behind it, which nobody but this value knows.
        unsafe { memory::unmap_apart(self.tables, TABLES_END as usize) };
    }
}

static ARENA: OnceLock<Arena> = OnceLock::new();

impl Arena {
    /// The calling process's arena, if it has one.
    #[inline]
    pub fn current() -> Option<&'static Arena> {
        ARENA.get()
    }

    /// Makes this the calling process's arena, unless it has one; gives the one that it has now.
    pub(super) fn publish(self) -> &'static Arena {
        ARENA.get_or_init(|| self)
    }

    /// The arena in this memory, mapped as far as its tables go.
    pub(super) fn map(memfd: OwnedFd, doorbell: OwnedFd, size: u64) -> Result<Arena, ArenaError> {
        let (inode, _) =
            memory::inode_and_size(&memfd).map_err(ArenaError::system("a look at the arena's descriptor"))?;
        let local = LocalCounts::new().map_err(ArenaError::system("address space"))?;
        wipe::prepare().map_err(ArenaError::system("a page that children find cleared"))?;
        let [memfd, doorbell] = [memfd, doorbell].map(Lasting::new);
        let looked = |error| ArenaError::system("a look at the arena's descriptors")(error);
        let (memfd, doorbell) = match (memfd, doorbell) {
            (Ok(memfd), Ok(doorbell)) => (memfd, doorbell),
            (Err(error), _) | (_, Err(error)) => return Err(looked(error)),
        };
        // Last: from here on it is found in the list of this process's maps, and taken away again only by the drop.
        let tables =
            memory::map_shared_apart(memfd.get().ok_or_else(|| looked(closed()))?, TABLES_END as usize)
                .map_err(ArenaError::system("the arena's address space"))?;
        let listed_as = [0; NAME];
        // SAFETY: the tables are mapped as far as the end of that segment, for as long as the arena is there.
        let records = unsafe { Records::new(tables.add(OBJECT_TABLE as usize).cast()) };
        let (unsettled, window) = (Unsettled::new(), Window::new());
        Ok(Arena { tables, size, memfd, doorbell, inode, listed_as, records, local, unsettled, window })
    }

    pub(super) fn remember_name(&mut self, made_at: u64) {
        let name = format!("/memfd:{} (deleted)", file_name(made_at));
        self.listed_as[..name.len()].copy_from_slice(name.as_bytes());
    }

    /// The arena's tables as the kernel lists them among what a process has mapped, if they stand at `start` there.
    pub(super) fn as_listed(&self, start: u64) -> FileMap<'_> {
        let end = self.listed_as.iter().position(|byte| *byte == 0).unwrap_or(NAME);
        FileMap { start, size: TABLES_END, name: &self.listed_as[..end], inode: self.inode }
    }

    /// Where the arena's tables stand in the calling process's memory.
    pub(super) fn base(&self) -> u64 {
        self.tables.as_ptr() as u64
    }

    /// The arena's memory file, for passing on to a process that is exec'd. Where the program has closed the
    /// descriptor, another process of the arena still has one.
    ///
    /// # Errors
    /// EBADF when the program has closed it, and it cannot be had again.
    pub fn memfd(&self) -> io::Result<BorrowedFd<'_>> {
        let again = |identity| self.open_elsewhere(identity).or_else(|| self.open_own_map());
        self.memfd.renewed(again).ok_or_else(closed)
    }

    /// The pipe on which the reaper listens for new processes. Where no process has it any more, a new one.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn doorbell(&self) -> io::Result<BorrowedFd<'_>> {
        if self.doorbell.renewed(|identity| self.open_elsewhere(identity)).is_none() {
            self.doorbell.replace(doorbell::doorbell()?)?;
        }
        self.doorbell.get().ok_or_else(closed)
    }

    fn open_elsewhere(&self, identity: Identity) -> Option<OwnedFd> {
        self.processes().find_map(|(_, slot)| identity.open_in(slot.pid()))
    }

    /// The memory file as what is mapped here, which the kernel lets only the privileged open.
    fn open_own_map(&self) -> Option<OwnedFd> {
        let (start, end) = (self.base(), self.base() + TABLES_END);
        lasting::open_mapped(start, end)
    }

    /// The arena's memory file, if the program has not closed it.
    pub(super) fn memfd_if_open(&self) -> Option<BorrowedFd<'_>> {
        self.memfd.get()
    }

    /// The numbers that the two descriptors have in this process, if the program has not closed them.
    pub(crate) fn memfd_number(&self) -> Option<RawFd> {
        self.memfd.get().map(|memfd| memfd.as_raw_fd())
    }

    /// The doorbell, if the program has not closed it.
    pub(crate) fn doorbell_if_open(&self) -> Option<BorrowedFd<'_>> {
        self.doorbell.get()
    }

    /// As [`Arena::memfd_number`].
    pub(crate) fn doorbell_number(&self) -> Option<RawFd> {
        self.doorbell.get().map(|doorbell| doorbell.as_raw_fd())
    }

    /// Has the reaper look at the table of processes. One that cannot hear looks by itself, later.
    pub fn ring_doorbell(&self) {
        if let Some(doorbell) = self.doorbell.get() {
            doorbell::ring(doorbell);
        }
    }

    /// Hears all rings so far; says whether there were any.
    pub(crate) fn drain_doorbell(&self) -> bool {
        self.doorbell.get().is_some_and(doorbell::drain)
    }

    /// What the engine did in this arena.
    pub fn counters(&self) -> &'static Counters {
        &self.header().counters
    }

    /// Which process is the arena's reaper (a raw [`ProcessId`]; 0 for none).
    pub(crate) fn reaper(&self) -> &'static AtomicU32 {
        &self.header().reaper
    }

    /// Words that the kernel changes when the reaper ends, and on which waiters sleep to hear of that.
    pub(crate) fn life(&self) -> &'static [Word; WORDS] {
        &self.header().life
    }

    pub(super) fn header(&self) -> &'static Header {
        self.at(Offset::new(0))
    }

    /// How many bytes the arena has.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// A line on what a process and a thread are called, for messages: `name (pid N)`.
    pub fn describe(&self, process: ProcessId) -> String {
        let slot = self.process(process);
        let name = slot.name();
        if name.is_empty() { format!("pid {}", slot.pid()) } else { format!("{name} (pid {})", slot.pid()) }
    }
}

fn closed() -> io::Error {
    io::Error::other(
        "the program has closed the engine's descriptors, and no other process has them that this process's user may open anew",
    )
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Arena")
            .field("size", &self.size)
            .field("used", &self.used())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::maps;

    #[test]
    fn nothing_stands_right_behind_the_tables() {
        let start = Arena::get().unwrap().base() as usize;
        let end = start + TABLES_END as usize;
        let (mut tables, mut guard) = (None, None);
        maps::for_each_here(|line| {
            let Some(line) = maps::Line::read(line) else { return };
            if line.start == start {
                tables = Some(line.end);
            } else if line.start == end {
                guard = Some(line.access.to_vec());
            }
        })
        .unwrap();
        assert_eq!((tables, guard.as_deref()), (Some(end), Some(&b"---p"[..])));
    }
}
