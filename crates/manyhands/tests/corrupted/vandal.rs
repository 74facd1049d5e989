//! A member of the arena that writes what it likes where it likes.

use super::Random;
use manyhands::arena::Arena;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Where things stand, as docs/memory.md has it.
const PROCESSES: u64 = 4096;
const PROCESS: u64 = 448;
const THREADS: u64 = PROCESSES + 1024 * PROCESS;
const DIRECTORY: u64 = THREADS + 8192 * 64;
const CLASS: u64 = 64 + 2048 * 8;
const WORDS: u64 = (DIRECTORY + 64 + 28 * CLASS).next_multiple_of(4096);
const FREE: u64 = WORDS + 262_144 * 8;
const NAMES: u64 = FREE + (36 << 10);
const STRUCTURES: u64 = NAMES + 2048 * 64 + 1024 * 256;
const BLOCKS: u64 = STRUCTURES + (20 << 20);
const OBJECTS: u64 = BLOCKS + (8 << 20);
const OBJECT: u64 = 384;
const CHUNKS: u64 = 192 << 20;

/// What the vandal is to do.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Plan {
    random: Random,
    bystander: u32,
    writes: u64,
    /// The longest pause between two writes.
    pause_us: u64,
    /// Whether it keeps to one part of the arena.
    part: Option<u64>,
}

impl Plan {
    pub fn new(random: &mut Random, bystander: u32) -> Plan {
        let writes = 1 << random.below(14);
        let pause_us = 1 << random.below(12);
        let part = if random.below(3) == 0 { None } else { Some(random.below(PARTS)) };
        Plan { random: Random::new(random.next()), bystander, writes, pause_us, part }
    }
}

const PARTS: u64 = 8;

struct Map {
    start: *mut u8,
    /// From where on in the arena.
    from: u64,
    size: u64,
}

impl Map {
    fn new(from: u64, size: u64) -> Map {
        let memory = Arena::get().unwrap().memfd().unwrap().as_fd().try_clone_to_owned().unwrap();
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let memory = std::os::fd::AsRawFd::as_raw_fd(&memory);
        // SAFETY: a fresh map of a part of the arena's file.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), size as usize, access, libc::MAP_SHARED, memory, from as i64)
        };
        assert_ne!(start, libc::MAP_FAILED);
        Map { start: start.cast(), from, size }
    }

    fn word64(&self, at: u64) -> &AtomicU64 {
        let at = (at - self.from).min(self.size - 8) / 8 * 8;
        // SAFETY: inside the map, and aligned.
        unsafe { &*self.start.add(at as usize).cast() }
    }

    fn word32(&self, at: u64) -> &AtomicU32 {
        let at = (at - self.from).min(self.size - 4) / 4 * 4;
        // SAFETY: as above.
        unsafe { &*self.start.add(at as usize).cast() }
    }

    fn byte(&self, at: u64) -> &AtomicU8 {
        let at = (at - self.from).min(self.size - 1);
        // SAFETY: as above.
        unsafe { &*self.start.add(at as usize).cast() }
    }
}

/// Scribbles over the arena.
pub fn scribble(plan: Plan) {
    let tables = Map::new(0, CHUNKS + (64 << 20));
    let mut random = plan.random;
    for _ in 0..plan.writes {
        let part = plan.part.filter(|_| random.below(8) != 0).unwrap_or_else(|| random.below(PARTS));
        if part == PARTS - 1 {
            plant(&tables, &mut random, plan.bystander);
        } else {
            let at = place(part, &mut random);
            // Where nothing stands yet there is nothing to be spoilt.
            if tables.word64(at).load(Ordering::Relaxed) != 0 || random.below(16) == 0 {
                write(&tables, at, &mut random, plan.bystander);
            }
        }
        if random.below(4) == 0 {
            std::thread::sleep(Duration::from_micros(random.below(plan.pause_us)));
        }
    }
}

fn place(part: u64, random: &mut Random) -> u64 {
    let few = 1 << random.below(7);
    match part {
        0 => random.below(few * 64),
        1 => PROCESSES + random.below(few + 1) * PROCESS + random.below(48),
        2 => THREADS + random.below(few + 1) * 64 + random.below(64),
        3 => DIRECTORY + 64 + random.below(28) * CLASS + random.below(128),
        4 if random.below(4) == 0 => WORDS + random.below(few * 8),
        4 => OBJECTS + random.below(few + 1) * OBJECT + random.below(OBJECT),
        5 if random.below(8) == 0 => FREE + random.below(few * 64),
        5 => STRUCTURES + random.below(few << 15),
        _ if random.below(4) == 0 => CHUNKS + random.below(few << 18),
        _ => BLOCKS + random.below(few << 15),
    }
}

fn write(map: &Map, at: u64, random: &mut Random, bystander: u32) {
    let word = map.word64(at);
    let seen = word.load(Ordering::Relaxed);
    match random.below(10) {
        0 => word.store(random.next(), Ordering::Relaxed),
        1 => word.store(u64::MAX, Ordering::Relaxed),
        2 => word.store(0, Ordering::Relaxed),
        3 => word.store(random.below(70), Ordering::Relaxed),
        4 => word.store(seen ^ 1 << random.below(64), Ordering::Relaxed),
        5 => word.store(seen.wrapping_add(random.below(5)).wrapping_sub(2), Ordering::Relaxed),
        6 => map.word32(at).store(random.next() as u32, Ordering::Relaxed),
        7 => map.word32(at).store(bystander, Ordering::Relaxed),
        8 => word.store(seen.rotate_left(random.below(64) as u32), Ordering::Relaxed),
        _ => map.byte(at).store(random.next() as u8, Ordering::Relaxed),
    }
}

/// Makes the bystander a process of the arena, or of one of its slots.
fn plant(tables: &Map, random: &mut Random, bystander: u32) {
    let slot = PROCESSES + (1 + random.below(12)) * PROCESS;
    let word = tables.word64(slot);
    let seen = word.load(Ordering::Relaxed);
    tables.word32(slot + 8).store(random.below(6) as u32, Ordering::Relaxed);
    let parent = (random.below(4) << 10 | random.below(12)) as u32;
    tables.word32(slot + 12).store(parent, Ordering::Relaxed);
    if random.below(2) == 0 {
        tables.word64(slot + 40).store(u64::MAX >> 1, Ordering::Relaxed);
    }
    let generation = seen & 0x3fff << 4;
    word.store(2 | generation | u64::from(bystander) << 18, Ordering::Relaxed);
}
