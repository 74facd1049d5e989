//! The permits under every schedule: none is lost and none is made, also when a taker stops for ever at any of its
//! stores and two sweepers recover at once.

use crate::platform::model::{check, spawn};

use super::*;
use crate::sync::wait::mortal::model::dies_after;

struct Semaphore {
    state: AtomicU64,
    records: [AtomicU64; 2],
}

impl Semaphore {
    fn new(count: u64) -> Self {
        Semaphore { state: AtomicU64::new(count), records: [AtomicU64::new(0), AtomicU64::new(0)] }
    }

    fn permits(&self) -> Permits<'_> {
        Permits { state: &self.state, records: &self.records, maximum: 9 }
    }

    fn pass_through(&self, owner: u32) -> bool {
        match self.permits().take_for(owner) {
            Some(TakenFor::Record(index)) => {
                assert!(self.permits().give_back(index, owner), "a living owner's permit was taken away");
                true
            }
            Some(TakenFor::Nobody) => self.permits().give(1),
            None => false,
        }
    }

    fn check_at_rest(&self, count: u32) {
        self.permits().settled();
        assert_eq!((self.permits().count(), self.permits().held()), (count, 0));
    }
}

#[test]
fn model_permits_two_takers_of_one() {
    check(
        3,
        || Semaphore::new(1),
        |semaphore| {
            let other = spawn(semaphore, |semaphore| semaphore.pass_through(1));
            semaphore.pass_through(2);
            other.join().unwrap();
            semaphore.check_at_rest(1);
        },
    );
}

#[test]
fn model_permits_dead_taker_is_recovered() {
    for points in 0..8 {
        for sweeper_points in 0..4 {
            // The second sweeper's part is the smaller one: fewer switches are enough for it.
            let preemptions = if sweeper_points == 0 { 2 } else { 1 };
            check(
                preemptions,
                || Semaphore::new(1),
                move |semaphore| {
                    let mortal = spawn(semaphore, move |semaphore| {
                        if dies_after(points, || semaphore.pass_through(1)).is_none() {
                            dies_after(sweeper_points, || semaphore.permits().recover(1));
                            semaphore.permits().recover(1);
                        }
                    });
                    semaphore.pass_through(2);
                    mortal.join().unwrap();
                    semaphore.check_at_rest(1);
                },
            );
        }
    }
}
