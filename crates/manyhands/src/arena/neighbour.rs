//! Another copy of the engine in the same process, and its arena.
//!
//! A program may hold the engine twice: as a crate of its own and inside a library that it loads, such as the Python
//! extension. Each copy has its own statics, and would make an arena of its own, whose locks the other one's processes
//! do not see. So before one is made the kernel's list of this process's maps is looked through. An arena that stands
//! there is the other copy's, and this one uses it, too, if it is of the same making. Looking and making are one turn
//! (`platform::turn`), so two copies that need one in the same instant do not miss each other. Each copy then has a
//! slot, as if it were a process of its own, so that the references of one are not the other's to drop. What cannot be
//! shared is an error, never a second arena.

use super::error::ArenaError;
use super::header::{FORMAT, Header, LAYOUT, MAGIC, PROCESS_TABLE};
use super::process_slot::{PROCESSES, ProcessSlot, ProcessState};
use crate::platform::atomic::Ordering;
use crate::platform::{lasting, maps, memory, process};
use std::os::fd::OwnedFd;

/// The arena of another copy, as it stands in this process's memory.
struct Neighbour {
    start: usize,
    inode: u64,
    name: String,
}

/// The memory and the doorbell of the arena that another copy of the engine in this process has; `None` when there is
/// none.
///
/// # Errors
/// When there is one, and it cannot be shared.
pub(super) fn find() -> Result<Option<(OwnedFd, OwnedFd)>, ArenaError> {
    let Some(neighbour) = mapped() else { return Ok(None) };
    let doorbell = neighbour.doorbell()?;
    let memory = neighbour.memory().ok_or_else(|| refused("its descriptors are closed"))?;
    Ok(Some((memory, doorbell)))
}

fn refused(reason: &str) -> ArenaError {
    ArenaError::Foreign {
        reason: format!("another copy of the engine in this process has one already, and {reason}"),
    }
}

fn mapped() -> Option<Neighbour> {
    let mut found = None;
    // Where there is no /proc, nothing can be found.
    let _ = maps::for_each_here(|line| {
        if let Some(line) = maps::Line::read(line)
            && line.access == b"rw-s"
            && line.offset == 0
            && line.name.starts_with(super::region::LISTED_PREFIX)
            && found.is_none()
        {
            let name = String::from_utf8_lossy(line.name).into_owned();
            found = Some(Neighbour { start: line.start, inode: line.inode, name });
        }
    });
    found
}

impl Neighbour {
    /// The doorbell, as the other copy noted it in the slot that it has for this process.
    fn doorbell(&self) -> Result<OwnedFd, ArenaError> {
        // SAFETY: an arena is never unmapped, and begins with a header, all of atomics; one in the making reads as
        // zeros.
        let header = unsafe { &*(self.start as *const Header) };
        let same = header.format.load(Ordering::Acquire) == FORMAT
            && header.layout.load(Ordering::Acquire) == LAYOUT;
        if header.magic.load(Ordering::Acquire) != MAGIC {
            return Err(refused("it is just being made; try again"));
        }
        if !same {
            return Err(refused("it is of another build; use one build of the engine in a process"));
        }
        // SAFETY: the layout is this copy's, whose table of that many slots, all of atomics, stands there.
        let slots = unsafe {
            std::slice::from_raw_parts((self.start + PROCESS_TABLE as usize) as *const ProcessSlot, PROCESSES)
        };
        let me = process::getpid();
        let mine = slots.iter().find(|slot| {
            slot.state() == ProcessState::Alive
                && slot.pid() == me
                && slot.mapped_at() == Some(self.start as u64)
        });
        let number = mine.and_then(ProcessSlot::doorbell).ok_or_else(|| refused("it has not used it yet"))?;
        let name = lasting::name_of(number).unwrap_or_default();
        if !name.as_os_str().as_encoded_bytes().starts_with(b"pipe:") {
            return Err(refused("its descriptors are closed"));
        }
        memory::duplicate(number).ok_or_else(|| refused("descriptors have run out"))
    }

    fn memory(&self) -> Option<OwnedFd> {
        lasting::numbers().find_map(|number| {
            let name = lasting::name_of(number)?;
            let memory = (name.as_os_str() == self.name.as_str()).then(|| memory::duplicate(number))??;
            (memory::inode_and_size(&memory).ok()?.0 == self.inode).then_some(memory)
        })
    }
}
