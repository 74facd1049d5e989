//! The numbers of this process's threads, as they stand in the words of private locks.
//!
//! Each thread gets a number when it first needs one. A fork copies the forking thread's number with its memory, so in
//! the child that thread still holds what it held, which is what a private lock copied by `fork` needs. The numbers
//! mean nothing outside the process; arena locks carry `arena::ThreadId`s instead. A number comes back only after
//! 536,870,911 other threads were started.

use std::cell::Cell;

use super::lock_word::OWNER;
use crate::platform::atomic::{AtomicU32, Ordering};

static LAST: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// The calling thread's number: never 0, fits a lock word's owner.
#[inline]
pub(super) fn thread_number() -> u32 {
    match NUMBER.get() {
        0 => assign(),
        number => number,
    }
}

#[cold]
fn assign() -> u32 {
    loop {
        let number = LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & OWNER;
        if number != 0 {
            NUMBER.set(number);
            return number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_number_and_shares_it_with_nobody() {
        let mine = thread_number();
        assert_eq!(mine, thread_number());
        assert_ne!(mine, std::thread::spawn(thread_number).join().unwrap());
    }
}
