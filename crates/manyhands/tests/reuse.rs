//! Memory that was freed is used again. In a program of its own, since what is free is everybody's.

use manyhands::arena::{Arena, Block};
use std::sync::Mutex;

const MIB: usize = 1 << 20;

/// How often this process found a page missing so far.
fn faults() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills in a record of that size, whose fields are numbers.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    usage.ru_minflt
}

fn claim(length: usize) -> Block {
    let mut block = Arena::get().unwrap().claim_block(length).unwrap();
    block.fill(1);
    block
}

/// How many bytes of the arena have pages.
fn resident() -> u64 {
    let file = Arena::get().unwrap().memfd().unwrap();
    rustix::fs::fstat(file).unwrap().st_blocks as u64 * 512
}

/// The tests take turns.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn after_storms_of_small_blocks_their_pages_are_given_back() {
    let _turn = TURN.lock();
    // Not in the order in which they were claimed, as they come back from several processes.
    for size in [30_000, 3000, 30_000] {
        let mut backlog: Vec<Block> = (0..1200 * MIB / size).map(|_| claim(size)).collect();
        let most = resident();
        assert!(most > 1000 * MIB as u64, "{most} bytes");
        while backlog.len() > 1000 {
            let one = backlog.len() - 1000 + backlog.len() % 997;
            drop(backlog.swap_remove(one));
        }
        drop(backlog);
        let left = resident();
        assert!(left < 800 * MIB as u64, "{left} bytes have pages after blocks of {size}");
    }
}

#[test]
fn a_message_now_and_then_does_not_look_for_what_to_give_back() {
    let _turn = TURN.lock();
    // One of each megabyte stays, so that next to nothing can be given back.
    let mut backlog: Vec<Block> = (0..1000 * MIB / 32_768).map(|_| claim(30_000)).collect();
    let mut number = 0;
    backlog.retain(|_| {
        number += 1;
        number % 32 == 0
    });
    let before = faults();
    for _ in 0..100_000 {
        drop(Arena::get().unwrap().claim_block(30_000).unwrap());
    }
    assert!(faults() - before < 2000, "{} pages were missing", faults() - before);
}
