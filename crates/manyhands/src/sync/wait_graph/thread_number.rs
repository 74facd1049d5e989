//! The numbers of this process's threads, as they stand in the words of private locks.
//!
//! Each thread gets a number, and a record of the wait graph with it, when it first needs one. A fork copies the
//! forking thread's number with its memory. So in the child that thread still holds what it held, which is what a
//! private lock copied by `fork` needs. The numbers mean nothing outside the process; arena locks carry
//! `arena::ThreadId`s instead.

use std::cell::Cell;

use super::threads::{claim_number, give_number_back, own_record, settle_number};

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
    /// Its drop gives the number back when the thread ends.
    static LEAVE: Cell<Option<Leave>> = const { Cell::new(None) };
}

struct Leave(u32);

impl Drop for Leave {
    fn drop(&mut self) {
        // The thread keeps its number: what is torn down later may still release what it holds.
        give_number_back(self.0);
    }
}

/// The calling thread's number: never 0, fits a lock word's owner.
#[inline]
pub(in crate::sync) fn thread_number() -> u32 {
    match NUMBER.get() {
        0 => assign(),
        number => number,
    }
}

/// The calling thread's number in the wait graph: its own as long as it lives, of no meaning to other processes.
pub fn this_thread_number() -> u32 {
    thread_number()
}

/// A number for a thread that does not exist yet, which it [adopts](adopt_number), or which is given back.
pub(crate) fn reserve_number() -> u32 {
    claim_number()
}

/// Gives a reserved number back when its thread could not be started.
pub(crate) fn return_number(reserved: u32) {
    give_number_back(reserved);
}

/// Makes a reserved number the calling thread's, which has none yet.
pub(crate) fn adopt_number(reserved: u32) {
    take(reserved);
    settle_number(reserved);
}

#[cold]
fn assign() -> u32 {
    take(claim_number())
}

fn take(number: u32) -> u32 {
    NUMBER.set(number);
    // While thread-locals are being torn down the record stays taken.
    let _ = LEAVE.try_with(|leave| leave.set(Some(Leave(number))));
    number
}

/// Gives the calling thread a name for reports, of which the first 32 bytes are kept; without one the kernel's is used.
pub fn name_this_thread(name: &str) {
    let Some(record) = own_record(thread_number()) else { return };
    record.set_name(name);
}

/// The calling thread is one of the engine's, and ends no wait of the program's: there is no hope in it.
pub(crate) fn serve() {
    let Some(record) = own_record(thread_number()) else { return };
    record.set_serves();
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
