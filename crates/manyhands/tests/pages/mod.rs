//! Blocks whose pages are touched, and how many pages that took.

use manyhands::arena::{Arena, Block};

pub const MIB: usize = 1 << 20;

/// How often this process found a page missing so far.
pub fn faults() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel fills in a record of that size, whose fields are numbers.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    usage.ru_minflt
}

pub fn claim(length: usize) -> Block {
    let mut block = Arena::get().unwrap().claim_block(length).unwrap();
    block.fill(1);
    block
}
