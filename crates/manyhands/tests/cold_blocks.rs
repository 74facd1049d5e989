//! Large blocks after a backlog of them. In a program of its own, since what is free is everybody's.

mod pages;

use manyhands::arena::Block;
use pages::{MIB, claim, faults};

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
