//! The table of maps, step by step: what is mapped when, with an address space that ends. What happens under every
//! schedule is in `model.rs`.

use super::*;
use std::cell::RefCell;
use std::collections::HashMap;

/// As much address space as `left` chunks, given out once.
struct Kernel {
    left: RefCell<usize>,
    idle: usize,
    maps: RefCell<HashMap<u64, usize>>,
    made: RefCell<u64>,
}

impl Kernel {
    fn new(left: usize, idle: usize) -> Kernel {
        Kernel { left: RefCell::new(left), idle, maps: RefCell::new(HashMap::new()), made: RefCell::new(0) }
    }

    fn mapped(&self) -> usize {
        self.maps.borrow().values().sum()
    }
}

impl Maps for Kernel {
    fn map(&self, _first: usize, count: usize) -> Option<u64> {
        let left = self.left.borrow().checked_sub(count)?;
        *self.left.borrow_mut() = left;
        *self.made.borrow_mut() += 1;
        let address = *self.made.borrow() << 40;
        self.maps.borrow_mut().insert(address, count);
        Some(address)
    }

    fn unmap(&self, address: u64, count: usize) {
        assert_eq!(self.maps.borrow_mut().remove(&address), Some(count), "what is mapped there");
        *self.left.borrow_mut() += count;
    }

    fn idle_limit(&self) -> usize {
        self.idle
    }

    fn is_limited(&self) -> bool {
        false
    }
}

#[test]
fn a_chunk_is_mapped_once_and_stays_while_it_is_pinned() {
    let (kernel, window) = (Kernel::new(2, 8), Window::<16>::new());
    let address = window.hold(&kernel, 3, 1, Need::Pin).unwrap();
    assert_eq!(window.hold(&kernel, 3, 1, Need::Pin), Some(address));
    assert!(window.hold(&kernel, 4, 1, Need::Pin).is_some());
    assert_eq!(window.hold(&kernel, 5, 1, Need::Pin), None, "there is no address space");
    window.unpin(&kernel, 3);
    assert_eq!(window.hold(&kernel, 5, 1, Need::Pin), None, "the other pin is still there");
    window.unpin(&kernel, 3);
    assert!(window.hold(&kernel, 5, 1, Need::Pin).is_some(), "an idle one makes room");
    assert_eq!(window.hold(&kernel, 3, 1, Need::Pin), None);
    assert_eq!(kernel.mapped(), 2);
}

/// How much stays mapped when all goes that is merely passing.
fn left_mapped(kernel: &Kernel, window: &Window<16>) -> usize {
    window.unmap_all_idle(kernel);
    assert_eq!(window.passing.load(Ordering::Relaxed), 0);
    kernel.mapped()
}

#[test]
fn what_is_kept_stays() {
    let (kernel, window) = (Kernel::new(9, 1), Window::<16>::new());
    let pinned = window.hold(&kernel, 1, 1, Need::Pin).unwrap();
    assert_eq!(window.kept(1, 1), None);
    assert_eq!(window.hold(&kernel, 1, 1, Need::Keep), Some(pinned));
    window.unpin(&kernel, 1);
    window.unmap_all_idle(&kernel);
    assert_eq!(window.kept(1, 1), Some(pinned));
    assert_eq!(window.hold(&kernel, 1, 1, Need::Pin), Some(pinned));
    window.unpin(&kernel, 1);
    assert_eq!(left_mapped(&kernel, &window), 1);
    assert_eq!(window.kept(1, 1), Some(pinned));
}

#[test]
fn idle_chunks_are_few() {
    let (kernel, window) = (Kernel::new(99, 3), Window::<16>::new());
    for first in 0..16 {
        window.hold(&kernel, first, 1, Need::Pin).unwrap();
        window.unpin(&kernel, first);
        assert!(kernel.mapped() <= 3);
    }
    let passing = window.passing.load(Ordering::Relaxed);
    assert_eq!((kernel.mapped(), passing), (3, 3));
    // One that is longer than all idle ones may be does not stay at all.
    window.hold(&kernel, 0, 8, Need::Pin).unwrap();
    assert_eq!(kernel.mapped(), 8);
    window.unpin(&kernel, 0);
    assert_eq!(kernel.mapped(), 0);
    window.hold(&kernel, 0, 2, Need::Pin).unwrap();
    window.unpin(&kernel, 0);
    assert_eq!(kernel.mapped(), 2);
    assert_eq!(left_mapped(&kernel, &window), 0);
}

#[test]
fn the_first_chunks_of_small_blocks_are_kept() {
    let (kernel, window) = (Kernel::new(99, 8), Window::<16>::new());
    for first in 0..4 {
        let address = window.hold(&kernel, first, 1, Need::Small).unwrap();
        assert_eq!(window.kept(first, 1).is_some(), first < LASTING, "chunk {first}");
        assert_eq!(window.hold(&kernel, first, 1, Need::Small), Some(address));
        window.unpin(&kernel, first);
        window.unpin(&kernel, first);
    }
    assert_eq!(left_mapped(&kernel, &window), LASTING);
}

#[test]
fn a_longer_piece_takes_the_place_of_a_shorter_one() {
    let (kernel, window) = (Kernel::new(99, 8), Window::<16>::new());
    let short = window.hold(&kernel, 2, 1, Need::Pin).unwrap();
    window.unpin(&kernel, 2);
    let long = window.hold(&kernel, 2, 4, Need::Pin).unwrap();
    assert_eq!((short != long, kernel.mapped()), (true, 4), "the idle one went");
    assert_eq!(window.hold(&kernel, 2, 3, Need::Pin), Some(long), "a part of it is there");
    window.unpin(&kernel, 2);
    // A pinned one is left to whoever has it.
    let longer = window.hold(&kernel, 2, 6, Need::Pin).unwrap();
    assert_eq!((longer != long, kernel.mapped()), (true, 10));
    window.unpin(&kernel, 2);
    window.unpin(&kernel, 2);
    assert_eq!(left_mapped(&kernel, &window), 10);
    assert_eq!(window.kept(2, 6), Some(longer));
}

#[test]
fn a_copy_of_the_process_keeps_what_it_uses() {
    let (kernel, window) = (Kernel::new(99, 8), Window::<16>::new());
    window.hold(&kernel, 0, 1, Need::Pin).unwrap();
    window.hold(&kernel, 1, 1, Need::Keep).unwrap();
    window.hold(&kernel, 2, 2, Need::Pin).unwrap();
    window.unpin(&kernel, 2);
    // A thread that the copy does not have was just mapping something.
    window.passing.fetch_add(5, Ordering::Relaxed);
    window.begin_in_child(&kernel);
    assert_eq!((kernel.mapped(), window.passing.load(Ordering::Relaxed)), (2, 1));
}

#[test]
fn more_pins_than_can_be_counted_keep_a_chunk() {
    let (kernel, window) = (Kernel::new(9, 8), Window::<2>::new());
    for _ in 0..MOST_PINS {
        window.hold(&kernel, 0, 1, Need::Pin).unwrap();
    }
    assert_eq!(window.kept(0, 1), None);
    let address = window.hold(&kernel, 0, 1, Need::Pin).unwrap();
    assert_eq!(window.kept(0, 1), Some(address));
    for _ in 0..=MOST_PINS {
        window.unpin(&kernel, 0);
    }
    window.unmap_all_idle(&kernel);
    assert_eq!(window.kept(0, 1), Some(address));
}

#[test]
fn a_word_holds_what_it_is_made_of() {
    let word = Word::fresh((1 << 48) - 4096, CHUNKS, false);
    assert_eq!((word.address(), word.count(), word.pins()), ((1 << 48) - 4096, CHUNKS, 1));
    assert!(word.is_mapped() && !word.is_kept() && !word.is_idle() && word.unpinned().is_idle());
    let kept = word.pinned().kept();
    assert_eq!((kept.address(), kept.count(), kept.pins()), ((1 << 48) - 4096, CHUNKS, 0));
    assert!(kept.is_kept() && kept.pinned() == kept && !kept.is_idle());
}
