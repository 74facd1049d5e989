//! Slots that nobody has claimed: what a member of the arena can write who does not keep to its rules.
//!
//! The places are those of `arena/process_slot.rs`, which a test checks before it leans on them.

use manyhands::arena::{Arena, ProcessId, Role};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const ROLE: usize = 8;
const PARENT: usize = 12;
const MAPPED_AT: usize = 24;
const REGISTERED: usize = 40;
const ALIVE: u64 = 2;

/// A slot's fields as they can be written by force.
pub struct Slot(*const u8);

impl Slot {
    /// The slot of a process.
    pub fn of(process: ProcessId) -> Slot {
        Slot(std::ptr::from_ref(Arena::get().unwrap().process(process)).cast())
    }

    fn word64(&self, at: usize) -> &AtomicU64 {
        // SAFETY: inside a slot, which is made of atomics and stays mapped.
        unsafe { &*self.0.add(at).cast() }
    }

    fn word32(&self, at: usize) -> &AtomicU32 {
        // SAFETY: as above.
        unsafe { &*self.0.add(at).cast() }
    }

    /// Says that the slot's process has another number.
    pub fn set_pid(&self, pid: u32) {
        let others = self.word64(0).load(Ordering::Relaxed) & !(0x3f_ffff << 18);
        self.word64(0).store(others | u64::from(pid) << 18, Ordering::Release);
    }
}

/// Checks that the fields stand where this module takes them to be.
pub fn check_places() {
    let me = manyhands::arena::this_process().unwrap();
    let (slot, mine) = (Arena::get().unwrap().process(me), Slot::of(me));
    let word = mine.word64(0).load(Ordering::Relaxed);
    assert_eq!((word & 0xf, (word >> 18) as u32 & 0x3f_ffff), (ALIVE, slot.pid()));
    assert_eq!(mine.word32(ROLE).load(Ordering::Relaxed), slot.role() as u32);
    assert_eq!(mine.word32(PARENT).load(Ordering::Relaxed), slot.parent().map_or(0, ProcessId::raw));
    assert_ne!(mine.word64(MAPPED_AT).load(Ordering::Relaxed), 0);
    assert_ne!(mine.word64(REGISTERED).load(Ordering::Relaxed), 0);
}

/// Makes a slot of process `pid` up, whose parent is dead, and has the reaper look at it.
pub fn plant(pid: u32, role: Role, mapped_at: u64) -> ProcessId {
    check_places();
    let arena = Arena::get().unwrap();
    let claimed = arena.claim_process("", role).unwrap();
    let (index, slot) = (claimed.index() as u32, Slot::of(claimed));
    let generation = (slot.word64(0).load(Ordering::Relaxed) >> 4) as u32 & 0x3fff;
    // Somebody of that number there was in another life of the slot, or will be.
    let dead = ((generation + 77) & 0x3fff) << 10 | index;
    slot.word32(ROLE).store(role as u32, Ordering::Relaxed);
    slot.word32(PARENT).store(dead, Ordering::Relaxed);
    slot.word64(MAPPED_AT).store(mapped_at, Ordering::Relaxed);
    slot.word64(REGISTERED).store(u64::MAX >> 1, Ordering::Relaxed);
    let word = ALIVE | u64::from(generation) << 4 | u64::from(pid) << 18;
    slot.word64(0).store(word, Ordering::Release);
    arena.ring_doorbell();
    claimed
}

/// Where this process has mapped the arena.
pub fn mapped_at() -> u64 {
    Slot::of(manyhands::arena::this_process().unwrap()).word64(MAPPED_AT).load(Ordering::Relaxed)
}
