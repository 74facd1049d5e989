//! An arena that is small, since files may not be long: what was freed in one size has to be found by others.
//!
//! One test after the other, in one process, since they share the arena.

mod until;
mod witness;

use manyhands::arena::{Arena, ArenaError, Block};
use manyhands::{Process, Queue};
use serde_bytes::ByteBuf;
use until::until;

const MIB: usize = 1 << 20;
const ARENA: usize = 512 * MIB;
const BACKLOG: usize = 200 * MIB;
const SIZES: [usize; 8] = [3000, 300_000, 1_100_000, 300, 10_000_000, 30_000, 100_000_000, 3_000_000];

/// Blocks of one size, as many as are a backlog, each filled with something of its own at both ends.
fn fill(arena: &'static Arena, size: usize, tag: u8) -> Vec<Block> {
    let count = BACKLOG / size.next_power_of_two();
    let claim = |number| {
        let mut block =
            arena.claim_block(size).unwrap_or_else(|error| panic!("block {number} of {size}: {error}"));
        block[0] = tag;
        block[size - 1] = number as u8;
        block
    };
    (0..count).map(claim).collect()
}

fn check(blocks: Vec<Block>, tag: u8) {
    for (number, block) in blocks.iter().enumerate() {
        assert_eq!((block[0], block[block.len() - 1]), (tag, number as u8));
    }
}

fn phases(arena: &'static Arena) {
    for (tag, size) in SIZES.into_iter().cycle().take(2 * SIZES.len()).enumerate() {
        check(fill(arena, size, tag as u8), tag as u8);
    }
}

fn queues() {
    for size in SIZES.into_iter().filter(|size| *size >= 3000) {
        let queue = Queue::growing().unwrap();
        let count = BACKLOG / size.next_power_of_two() / 2;
        (0..count).for_each(|_| queue.put(&ByteBuf::from(vec![size as u8; size])).unwrap());
        assert!((0..count).all(|_| queue.get().unwrap().iter().all(|byte| *byte == size as u8)));
    }
}

/// Claims and frees blocks of all sizes until it is killed; what it claims is nobody else's, or it says so.
fn churn((seed, wrong): (u64, Queue<String>)) {
    let arena = Arena::get().unwrap();
    let mut held: Vec<(Block, u64)> = Vec::new();
    let mut random = seed;
    loop {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let size = SIZES[(random >> 33) as usize % SIZES.len()];
        let most = if random >> 60 == 0 { 0 } else { (20 * MIB / size).clamp(1, 400) };
        while held.len() > most {
            let (block, mark) = held.swap_remove((random >> 40) as usize % held.len());
            let ends = [&block[..8], &block[block.len() - 8..]];
            if ends.iter().any(|end| **end != mark.to_le_bytes()) {
                wrong.put(&format!("a block of {} bytes was somebody else's, too", block.len())).unwrap();
            }
        }
        match arena.claim_block(size) {
            Ok(mut block) => {
                let end = size - 8;
                block[..8].copy_from_slice(&random.to_le_bytes());
                block[end..].copy_from_slice(&random.to_le_bytes());
                held.push((block, random));
            }
            Err(ArenaError::OutOfMemory { .. }) => held.clear(),
            Err(error) => wrong.put(&error.to_string()).unwrap(),
        }
        if random >> 52 == 0 {
            // A pass, in the middle of all that.
            drop(arena.claim_block(ARENA / 2));
        }
    }
}

fn kills(arena: &'static Arena) {
    let wrong = Queue::growing().unwrap();
    let before = arena.blocks_held();
    let start = |seed: u64| Process::builder().daemon(true).spawn(churn, (seed, wrong.clone())).unwrap();
    let mut children: Vec<Process> = (0..3).map(start).collect();
    for round in 0..60_u64 {
        // As long as another one takes to start.
        children.push(start(100 + round));
        let child = children.swap_remove(round as usize % children.len());
        child.kill().unwrap();
        child.join().unwrap_err();
    }
    for child in children {
        child.kill().unwrap();
        child.join().unwrap_err();
    }
    assert_eq!(wrong.try_get().ok(), None);
    until("what the killed held is free", || arena.blocks_held() <= before);
}

#[test]
fn all_sizes_find_what_others_have_freed() {
    let limit = libc::rlimit { rlim_cur: ARENA as u64, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: sets a limit of this process from one record.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
    let arena = Arena::get().unwrap();
    assert_eq!(arena.size(), ARENA);
    phases(arena);
    queues();
    kills(arena);
    // Nothing was lost.
    phases(arena);
}
