//! How a process comes to its arena: it makes the first, shares another copy's, or is given one.
//!
//! Made at the first use in a process that inherited none, and in which no other copy of the engine has one. An exec'd
//! process is given the descriptor and [`Arena::adopt`]s it, after it has checked that it is of the same making. A
//! process has one arena at most, which is never dropped.

use super::chunk_word::ChunkState;
use super::error::ArenaError;
use super::header::{
    FIRST_BLOCKS, FIRST_BLOCKS_END, FIRST_CHUNK, FORMAT, LAYOUT, MAGIC, STRUCTURES_END, STRUCTURES_START,
    TABLES_END,
};
use super::owner::{ProcessId, known_process};
use super::region::{Arena, file_name};
use super::window::{CHUNK, CHUNKS};
use super::{fork, neighbour};
use crate::platform::atomic::Ordering;
use crate::platform::turn::Turn;
use crate::platform::{clock, doorbell, memory, needs, process};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

const LARGEST: u64 = CHUNKS as u64 * CHUNK;

impl Arena {
    /// The calling process's arena, made now if it has none.
    ///
    /// # Errors
    /// When the operating system gives no memory file, no address space or no descriptors.
    #[inline]
    pub fn get() -> Result<&'static Arena, ArenaError> {
        match Arena::current() {
            Some(arena) => Ok(arena),
            None => Arena::make(),
        }
    }

    #[cold]
    fn make() -> Result<&'static Arena, ArenaError> {
        static MAKING: Mutex<()> = Mutex::new(());
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arena) = Arena::current() {
            return Ok(arena);
        }
        let _turn = Turn::take();
        let arena = match neighbour::find()? {
            Some((memory, doorbell)) => Arena::adopt_memory(memory, doorbell)?,
            None => Arena::make_first()?,
        };
        // The next copy asks the slot for the doorbell.
        if known_process().is_none() {
            arena.join()?;
        }
        Ok(arena)
    }

    fn make_first() -> Result<&'static Arena, ArenaError> {
        if let Some(missing) = needs::missing() {
            return Err(ArenaError::missing(missing));
        }
        let limit = memory::file_size_limit().map_or(LARGEST, |limit| LARGEST.min(limit));
        // Without a chunk there are no large blocks, and without all segments fewer objects.
        let unit = if limit < FIRST_CHUNK { 4096 } else { CHUNK };
        let size = limit / unit * unit;
        if size < TABLES_END {
            return Err(ArenaError::FileSize { wanted: TABLES_END, limit });
        }
        let made_at = clock::boot_ns();
        let memfd = memory::memory_file(&file_name(made_at), size).map_err(|error| {
            needs::missing_memory_file(error)
                .map_or_else(ArenaError::system("a memory file"), ArenaError::missing)
        })?;
        let doorbell = doorbell::doorbell().map_err(ArenaError::system("an event descriptor"))?;
        let mut arena = Arena::map(memfd, doorbell, size)?;
        arena.remember_name(made_at);
        let header = arena.header();
        header.made_at.store(made_at, Ordering::Relaxed);
        header.format.store(FORMAT, Ordering::Relaxed);
        header.layout.store(LAYOUT, Ordering::Relaxed);
        header.pid_namespace.store(process::pid_namespace(), Ordering::Relaxed);
        header.size.store(size, Ordering::Relaxed);
        header.frontier.store(FIRST_CHUNK, Ordering::Relaxed);
        header.structures.store(STRUCTURES_START, Ordering::Relaxed);
        header.spare.store(STRUCTURES_END, Ordering::Relaxed);
        header.small.store(FIRST_BLOCKS, Ordering::Relaxed);
        header.large.store(FIRST_BLOCKS_END, Ordering::Relaxed);
        header.entries.store(FIRST_BLOCKS_END, Ordering::Relaxed);
        header.process_high.store(1, Ordering::Relaxed);
        header.thread_high.store(1, Ordering::Relaxed);
        header.object_high.store(1, Ordering::Relaxed);
        arena.chunk(0).exchange(ChunkState::Fresh, ChunkState::Used);
        header.magic.store(MAGIC, Ordering::Release);
        Arena::install(arena)
    }

    /// Makes an inherited arena the calling process's own, and takes the slot that its parent claimed for it.
    /// Rings the doorbell.
    ///
    /// # Errors
    /// When the memory is no arena, or one of another version, build or pid namespace; when the process has another
    /// arena already; when the slot was given up.
    ///
    /// # Safety
    /// If the memory says that it is an arena, then it is one, which only members of it write.
    pub unsafe fn adopt(
        memfd: OwnedFd,
        doorbell: OwnedFd,
        slot: ProcessId,
    ) -> Result<&'static Arena, ArenaError> {
        let arena = Arena::adopt_memory(memfd, doorbell)?;
        arena.adopt_slot(slot)?;
        Ok(arena)
    }

    fn adopt_memory(memfd: OwnedFd, doorbell: OwnedFd) -> Result<&'static Arena, ArenaError> {
        let foreign = |reason: &str| ArenaError::Foreign { reason: reason.to_owned() };
        let (inode, size) =
            memory::inode_and_size(&memfd).map_err(ArenaError::system("a look at the arena's descriptor"))?;
        if let Some(present) = Arena::current() {
            return if present.inode == inode {
                Ok(present)
            } else {
                Err(foreign("this process uses another one already"))
            };
        }
        if !(TABLES_END..=LARGEST).contains(&size) || !size.is_multiple_of(4096) {
            return Err(foreign("the memory is not as long as one"));
        }
        if !memory::cannot_shrink(&memfd).map_err(|_| foreign("it is no memory file"))? {
            return Err(foreign("its size is not sealed"));
        }
        let mut arena = Arena::map(memfd, doorbell, size)?;
        let header = arena.header();
        if header.magic.load(Ordering::Acquire) != MAGIC {
            return Err(foreign("it does not begin with the magic number"));
        }
        let format = header.format.load(Ordering::Relaxed);
        if format != FORMAT {
            return Err(ArenaError::Foreign {
                reason: format!("its format is version {format}, this engine's is version {FORMAT}"),
            });
        }
        if header.layout.load(Ordering::Relaxed) != LAYOUT || header.size.load(Ordering::Relaxed) != size {
            return Err(foreign("it was made by another build of the engine"));
        }
        if header.pid_namespace.load(Ordering::Relaxed) != process::pid_namespace() {
            return Err(foreign("it belongs to another pid namespace (container)"));
        }
        arena.remember_name(header.made_at.load(Ordering::Relaxed));
        Arena::install(arena)
    }

    fn install(arena: Arena) -> Result<&'static Arena, ArenaError> {
        // Before anybody can use the arena. They do nothing as long as there is none, so it may be tried again.
        static HOOKED: Mutex<bool> = Mutex::new(false);
        let mut hooked = HOOKED.lock().unwrap_or_else(PoisonError::into_inner);
        if !*hooked {
            fork::install_hooks().map_err(ArenaError::system("fork handlers"))?;
            *hooked = true;
        }
        drop(hooked);
        Ok(arena.publish())
    }
}

#[cfg(test)]
mod tests {
    use super::super::current::this_process;
    use super::*;

    #[test]
    fn a_stranger_is_refused() {
        let arena = Arena::get().unwrap();
        let me = this_process().unwrap();
        let doorbell = || arena.doorbell().unwrap().try_clone_to_owned().unwrap();
        let pipe = rustix::pipe::pipe().unwrap().0;
        // SAFETY: nobody writes it.
        assert!(unsafe { Arena::adopt(pipe, doorbell(), me) }.is_err());
        let other = memory::memory_file("stranger", 1 << 30).unwrap();
        // SAFETY: it does not say so.
        let error = unsafe { Arena::adopt(other, doorbell(), me) }.unwrap_err();
        assert!(matches!(error, ArenaError::Foreign { .. }), "{error}");
    }
}
