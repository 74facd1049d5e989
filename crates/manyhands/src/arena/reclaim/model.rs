//! A pass under every schedule, beside one who claims a free block of the chunk and one who carves from it: nobody has
//! a place that another one has, and afterwards every place belongs to one entry or to a free chunk. Also when the pass
//! stops for ever at any step, and is swept.

use super::*;
use crate::platform::atomic::{AtomicU64, Ordering};
use crate::platform::model::spawn;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use std::sync::atomic::{AtomicUsize as Plain, Ordering::Relaxed};

/// One chunk of two places, 1 and 2; a cursor at 3 is at its end.
const CHUNK: usize = 1;
const END: u64 = 3;
const PASS: u32 = 7;
const OTHER_PASS: u32 = 6;
const CLAIMER: u32 = 8;
const CARVER: u32 = 9;

struct World {
    entries: [Entry; 2],
    chunk: Chunk,
    cursor: AtomicU64,
    /// Written by whoever has the place.
    cells: [UnsafeCell<u32>; 2],
    /// How many more steps the pass lives.
    steps: Plain,
}

// SAFETY: the cells are what the model watches; the rest is atomic.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

fn word(state: BlockState, owner: u32, generation: u32) -> Word {
    Word { state, owner, carrying: false, dropping: false, cold: false, generation }
}

impl World {
    /// The first entry's block is free at place 1; the second has none, and the cursor is at place 2.
    fn new(steps: usize) -> Arc<World> {
        let entries = [Entry::empty(), Entry::empty()];
        entries[0].offset.store(1, Ordering::Relaxed);
        entries[0].exchange(word(BlockState::Empty, 0, 0), word(BlockState::Free, 0, 0));
        Arc::new(World {
            entries,
            chunk: Chunk::new(),
            cursor: AtomicU64::new(2),
            cells: [UnsafeCell::new(0), UnsafeCell::new(0)],
            steps: Plain::new(steps),
        })
    }

    fn uses(&self, place: u64) {
        self.cells[place as usize - 1].with_mut(|_| {});
    }

    /// Claims the first entry's block, if it is free, uses it and frees it.
    fn claims(&self) {
        let (entry, seen) = (&self.entries[0], self.entries[0].load());
        let held = word(BlockState::Held, CLAIMER, seen.generation);
        if seen.state == BlockState::Free && entry.exchange(seen, held) {
            self.uses(entry.offset.load(Ordering::Acquire));
            assert!(
                entry.exchange(held, word(BlockState::Free, 0, seen.generation + 1)),
                "nobody takes what is held"
            );
        }
    }

    /// Carves a block for the second entry, as `claim_fresh` and `carve` do.
    fn carves(&self) {
        let (entry, carving) = (&self.entries[1], word(BlockState::Carving, CARVER, 0));
        assert!(entry.exchange(word(BlockState::Empty, 0, 0), carving));
        let Some(place) = self.take_place() else {
            assert!(entry.exchange(carving, word(BlockState::Empty, 0, 0)));
            return;
        };
        entry.offset.store(place, Ordering::Release);
        let held = word(BlockState::Held, CARVER, 0);
        assert!(entry.exchange(carving, held));
        self.uses(place);
        assert!(entry.exchange(held, word(BlockState::Free, 0, 1)), "nobody takes what is held");
    }

    fn take_place(&self) -> Option<u64> {
        let seen = self.cursor.load(Ordering::Relaxed);
        let exchange =
            |from, to| self.cursor.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if seen < END && exchange(seen, seen + 1) {
            return Some(seen);
        }
        let taken = ChunkState::Taken(CARVER);
        if !self.chunk.exchange(ChunkState::Free, taken) {
            return None;
        }
        assert!(exchange(END, 2), "nobody else brings a chunk");
        assert!(self.chunk.exchange(taken, ChunkState::Used));
        Some(1)
    }

    fn passes(&self) {
        self.passes_as(PASS);
    }

    fn other_passes(&self) {
        self.passes_as(OTHER_PASS);
    }

    fn passes_as(&self, me: u32) {
        let mut wanted = Set::EMPTY;
        wanted.insert(CHUNK);
        if !busy(self).is_none_or(|busy| busy.has(CHUNK)) {
            reclaim(self, me, &wanted);
        }
    }

    fn sweeps(&self) {
        self.each(&mut |seen| {
            if seen.word.state == BlockState::Clearing && seen.word.owner == PASS {
                settle(self, PASS, seen);
            }
        });
        settle_chunks(self, PASS, std::iter::once(CHUNK));
    }

    /// At rest: each place has one owner at most, and a free chunk's have none.
    fn check(&self) {
        let places = self.entries.each_ref().map(|entry| entry.offset.load(Ordering::Acquire));
        for (entry, place) in self.entries.iter().zip(places) {
            let state = entry.load().state;
            assert!(matches!(state, BlockState::Free | BlockState::Empty), "something was left half done");
            assert_eq!(state == BlockState::Free, place != 0);
        }
        assert!(places[0] == 0 || places[0] != places[1], "two entries have one place");
        let in_chunk = places.iter().any(|place| *place != 0);
        match self.chunk.load() {
            ChunkState::Free => assert!(!in_chunk && self.cursor.load(Ordering::Acquire) == END),
            state => assert_eq!(state, ChunkState::Used),
        }
    }
}

impl Blocks for World {
    fn each(&self, visit: &mut dyn FnMut(Seen<'_>)) -> bool {
        for (class, entry) in self.entries.iter().enumerate() {
            let word = entry.load();
            let has_place = entry.place().is_ok();
            let chunks = if has_place { CHUNK..CHUNK + 1 } else { 0..0 };
            visit(Seen { entry, word, has_place, chunks, class });
        }
        true
    }

    fn chunk(&self, _number: usize) -> &Chunk {
        &self.chunk
    }

    fn detach(&self, chunks: &Set) {
        let mut seen = self.cursor.load(Ordering::Acquire);
        while seen < END && chunks.has(CHUNK) {
            match self.cursor.compare_exchange(seen, END, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
    }

    fn emptied(&self, _class: usize, _cold: bool) {}

    fn give_back(&self, _number: usize) {
        self.cells.iter().for_each(|cell| cell.with_mut(|_| {}));
    }

    fn lives(&self) -> bool {
        self.steps.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

fn run(steps: usize, others: &'static [fn(&World)]) {
    loom::model(move || {
        let world = World::new(steps);
        let others: Vec<_> = others.iter().map(|other| spawn(&world, *other)).collect();
        world.passes();
        // Whoever sees the death sweeps while the others go on.
        world.sweeps();
        others.into_iter().for_each(|other| other.join().unwrap());
        world.check();
    });
}

#[test]
fn model_reclaim_a_free_block_is_claimed_or_taken_back() {
    run(usize::MAX, &[World::claims]);
}

#[test]
fn model_reclaim_what_is_being_carved_is_not_taken_back() {
    run(usize::MAX, &[World::carves]);
}

#[test]
fn model_reclaim_nobody_gets_a_place_twice() {
    run(usize::MAX, &[World::claims, World::carves]);
}

#[test]
fn model_reclaim_two_passes_do_not_take_the_same() {
    run(usize::MAX, &[World::other_passes]);
    run(usize::MAX, &[World::other_passes, World::carves]);
}

#[test]
fn model_reclaim_a_pass_that_stops_anywhere_is_undone_or_finished() {
    for steps in 0..8 {
        run(steps, &[World::claims]);
        run(steps, &[World::carves]);
    }
}

#[test]
fn model_reclaim_what_is_all_free_is_taken_back() {
    loom::model(|| {
        let world = World::new(usize::MAX);
        world.passes();
        world.check();
        assert_eq!(world.chunk.load(), ChunkState::Free);
        world.carves();
        assert_eq!(world.entries[1].offset.load(Ordering::Acquire), 1);
    });
}

/// A block of two chunks, 1 and 2, which is free.
struct Long {
    entry: Entry,
    chunks: [Chunk; 2],
    steps: Plain,
}

impl Blocks for Long {
    fn each(&self, visit: &mut dyn FnMut(Seen<'_>)) -> bool {
        let word = self.entry.load();
        let has_place = self.entry.place().is_ok();
        let chunks = if has_place { 1..3 } else { 0..0 };
        visit(Seen { entry: &self.entry, word, has_place, chunks, class: 0 });
        true
    }

    fn chunk(&self, number: usize) -> &Chunk {
        &self.chunks[number - 1]
    }

    fn detach(&self, _chunks: &Set) {}

    fn emptied(&self, _class: usize, _cold: bool) {}

    fn give_back(&self, _number: usize) {}

    fn lives(&self) -> bool {
        self.steps.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl Long {
    fn claims(&self) -> bool {
        let seen = self.entry.load();
        seen.state == BlockState::Free
            && self.entry.exchange(seen, word(BlockState::Held, CLAIMER, seen.generation))
    }

    fn sweeps(&self) {
        self.each(&mut |seen| {
            if seen.word.state == BlockState::Clearing && seen.word.owner == PASS {
                settle(self, PASS, seen);
            }
        });
        settle_chunks(self, PASS, 1..3);
    }
}

#[test]
fn model_reclaim_a_long_block_goes_with_all_its_chunks_or_stays() {
    for steps in 0..9 {
        loom::model(move || {
            let entry = Entry::empty();
            entry.offset.store(1, Ordering::Relaxed);
            entry.exchange(word(BlockState::Empty, 0, 0), word(BlockState::Free, 0, 0));
            let chunks = [Chunk::new(), Chunk::new()];
            let long = Arc::new(Long { entry, chunks, steps: Plain::new(steps) });
            let claimer = spawn(&long, |long| long.claims());
            let mut wanted = Set::EMPTY;
            (1..3).for_each(|number| wanted.insert(number));
            reclaim(&*long, PASS, &wanted);
            // Swept by one who dies before the last step, and by the next.
            long.sweeps();
            long.sweeps();
            let claimed = claimer.join().unwrap();
            let chunks = long.chunks.each_ref().map(Chunk::load);
            match long.entry.load().state {
                BlockState::Empty => assert!(!claimed && chunks == [ChunkState::Free; 2]),
                BlockState::Held => assert!(claimed && chunks == [ChunkState::Used; 2]),
                BlockState::Free => assert!(!claimed && chunks == [ChunkState::Used; 2]),
                _ => panic!("something was left half done"),
            }
        });
    }
}
