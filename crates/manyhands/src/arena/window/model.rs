//! The table of maps under every schedule: what somebody holds is mapped, in one piece, until it is given back; nothing
//! is unmapped while it is used or before its use is over; and no map is left that the table does not know.

use super::*;
use crate::platform::model::{check, spawn};
use loom::cell::UnsafeCell;
use std::sync::atomic::{AtomicUsize as Plain, Ordering::Relaxed};

const MAPS: usize = 8;

/// Maps that are made once each. Who uses one reads its cell; who takes it away writes it, which the model lets nobody
/// do at the same time.
struct Kernel {
    cells: Vec<UnsafeCell<u32>>,
    made: Plain,
    /// How many chunks are mapped at each address; 0 again when they were taken away.
    counts: Vec<Plain>,
    idle: usize,
    room: usize,
}

// SAFETY: the cells are what the model watches; the rest is atomic.
unsafe impl Send for Kernel {}
// SAFETY: as above.
unsafe impl Sync for Kernel {}

impl Kernel {
    fn new(idle: usize, room: usize) -> Kernel {
        Kernel {
            cells: (0..MAPS).map(|_| UnsafeCell::new(0)).collect(),
            made: Plain::new(0),
            counts: (0..MAPS).map(|_| Plain::new(0)).collect(),
            idle,
            room,
        }
    }

    fn mapped(&self) -> usize {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    fn uses(&self, address: u64, count: usize) {
        let map = (address >> 12) as usize - 1;
        assert!(self.counts[map].load(Relaxed) >= count, "it is mapped, and long enough");
        self.cells[map].with(|_| {});
    }
}

impl Maps for Kernel {
    fn map(&self, _first: usize, count: usize) -> Option<u64> {
        if self.mapped() + count > self.room {
            return None;
        }
        let map = self.made.fetch_add(1, Relaxed);
        self.counts[map].store(count, Relaxed);
        Some((map as u64 + 1) << 12)
    }

    fn unmap(&self, address: u64, count: usize) {
        let map = (address >> 12) as usize - 1;
        assert_eq!(self.counts[map].swap(0, Relaxed), count, "what is mapped there, once");
        self.cells[map].with_mut(|_| {});
    }

    fn idle_limit(&self) -> usize {
        self.idle
    }

    fn is_limited(&self) -> bool {
        false
    }
}

struct Process {
    kernel: Kernel,
    window: Window<2>,
}

impl Process {
    fn new(idle: usize, room: usize) -> Process {
        Process { kernel: Kernel::new(idle, room), window: Window::new() }
    }

    fn uses(&self, first: usize, count: usize) -> bool {
        let Some(address) = self.window.hold(&self.kernel, first, count, Need::Pin) else { return false };
        self.kernel.uses(address, count);
        self.window.unpin(&self.kernel, first);
        true
    }

    fn keeps(&self, first: usize, count: usize) {
        let address = self.window.hold(&self.kernel, first, count, Need::Keep).expect("there is room");
        self.kernel.uses(address, count);
        assert!(self.window.kept(first, count).is_some());
    }

    fn assert_nothing_is_left(&self) {
        self.window.unmap_all_idle(&self.kernel);
        assert_eq!(self.kernel.mapped(), 0, "a map was forgotten");
        assert_eq!(self.window.passing.load(Ordering::Relaxed), 0);
    }
}

fn roomy() -> Process {
    Process::new(8, 8)
}

#[test]
fn model_window_two_map_one_chunk_at_once() {
    check(3, roomy, |process| {
        let other = spawn(process, |process| process.uses(0, 1));
        assert!(process.uses(0, 1) && other.join().unwrap());
        assert_eq!(process.kernel.mapped(), 1, "the loser took its own away");
        process.assert_nothing_is_left();
    });
}

#[test]
fn model_window_an_idle_chunk_goes_while_others_use_it() {
    check(3, roomy, |process| {
        assert!(process.uses(0, 1));
        let user = spawn(process, |process| process.uses(0, 1));
        let cleaner = spawn(process, |process| process.window.unmap_all_idle(&process.kernel));
        assert!(process.uses(0, 1) && user.join().unwrap());
        cleaner.join().unwrap();
        process.assert_nothing_is_left();
    });
}

#[test]
fn model_window_one_makes_room_for_another() {
    check(
        3,
        || Process::new(1, 1),
        |process| {
            // So little room that the second chunk needs the first one's; the loser may find none.
            let other = spawn(process, |process| process.uses(1, 1));
            let mine = process.uses(0, 1);
            assert!(mine | other.join().unwrap(), "somebody had room");
            process.assert_nothing_is_left();
        },
    );
}

#[test]
fn model_window_a_longer_piece_beside_a_shorter_one() {
    check(3, roomy, |process| {
        let long = spawn(process, |process| process.uses(0, 2));
        assert!(process.uses(0, 1) && long.join().unwrap());
        process.window.unmap_all_idle(&process.kernel);
        // The short one may have been left to its user, with the long one kept in its place.
        let kept = process.window.kept(0, 2).is_some();
        assert_eq!(process.kernel.mapped(), if kept { 3 } else { 0 });
    });
}

#[test]
fn model_window_one_keeps_what_others_use() {
    check(3, roomy, |process| {
        let supervisor = spawn(process, |process| process.keeps(0, 1));
        let cleaner = spawn(process, |process| process.window.unmap_all_idle(&process.kernel));
        assert!(process.uses(0, 1));
        supervisor.join().unwrap();
        cleaner.join().unwrap();
        process.window.unmap_all_idle(&process.kernel);
        assert!(process.window.kept(0, 1).is_some());
        assert_eq!(process.kernel.mapped(), 1);
        assert_eq!(process.window.passing.load(Ordering::Relaxed), 0);
    });
}
