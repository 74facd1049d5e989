//! Memory that was freed is used again. In a program of its own, since what is free is everybody's.

mod pages;

use manyhands::arena::{Arena, Block};
use pages::{MIB, claim, faults};
use std::sync::Mutex;

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
