//! Large blocks after a backlog of them. In a program of its own, since what is free is everybody's.

use manyhands::arena::{Arena, Block};

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

#[test]
fn after_a_backlog_large_blocks_have_their_pages() {
    // More than keeps its pages.
    let backlog: Vec<Block> = (0..250).map(|_| claim(4 * MIB)).collect();
    drop(backlog);
    drop(claim(4 * MIB));
    let before = faults();
    (0..100).for_each(|_| drop(claim(4 * MIB)));
    let found_missing = faults() - before;
    assert!(found_missing < 5000, "{found_missing} pages were missing for 100 blocks of 1024 pages");
}
