//! Threads that wait for one another: conditions (ping-pong, hand-over of items) and semaphores, free and contended.
//!
//! Neither std nor parking_lot has a semaphore; theirs here is what one writes: a number, a lock and a condition. Two
//! contenders are two threads.

use std::sync::{Condvar, Mutex};

use crate::lock::{both, timed};
use crate::placement::Placement;

/// A number under a lock, with a condition for its changes.
trait Monitor: Sync {
    fn new(number: u64) -> Self;

    /// Waits while the number is `bad`, changes it, and wakes one waiter if it says so.
    fn change(&self, bad: impl Fn(u64) -> bool, change: impl FnOnce(&mut u64) -> bool);
}

struct Manyhands(manyhands::Lock<u64>, manyhands::Condition);
struct Std(Mutex<u64>, Condvar);
struct ParkingLot(parking_lot::Mutex<u64>, parking_lot::Condvar);

/// The change where a wait takes a guard and gives one back: ours and std's.
macro_rules! change_by_guards {
    () => {
        fn change(&self, bad: impl Fn(u64) -> bool, change: impl FnOnce(&mut u64) -> bool) {
            let number = self.0.lock().expect("no deadlock, and nobody panicked");
            let mut number =
                self.1.wait_while(number, |number| bad(*number)).expect("no deadlock, and nobody panicked");
            let wake = change(&mut number);
            drop(number);
            if wake {
                self.1.notify_one();
            }
        }
    };
}

/// Measures with the monitor, or what else stands for it, of the subject that is named; `None` if that has none.
macro_rules! seconds_of {
    ($subject:expr, $measure:ident::<$ours:ty>($($argument:expr),*)) => {
        match $subject {
            "manyhands" => $measure::<$ours>($($argument),*),
            "std" => $measure::<Std>($($argument),*),
            "parking_lot" => $measure::<ParkingLot>($($argument),*),
            _ => return None,
        }
    };
}

impl Monitor for Manyhands {
    fn new(number: u64) -> Self {
        Manyhands(manyhands::Lock::new(number), manyhands::Condition::new())
    }

    change_by_guards!();
}

impl Monitor for Std {
    fn new(number: u64) -> Self {
        Std(Mutex::new(number), Condvar::new())
    }

    change_by_guards!();
}

impl Monitor for ParkingLot {
    fn new(number: u64) -> Self {
        ParkingLot(parking_lot::Mutex::new(number), parking_lot::Condvar::new())
    }

    fn change(&self, bad: impl Fn(u64) -> bool, change: impl FnOnce(&mut u64) -> bool) {
        let mut number = self.0.lock();
        self.1.wait_while(&mut number, |number| bad(*number));
        let wake = change(&mut number);
        drop(number);
        if wake {
            self.1.notify_one();
        }
    }
}

/// Two threads raise a number by turns, the one from even to odd, the other from odd to even; microseconds there and
/// back.
pub fn ping_pong(subject: &str, count: u64, placement: Placement) -> Option<f64> {
    fn play<M: Monitor>(count: u64, placement: Placement) -> f64 {
        let monitor = M::new(0);
        both(placement, |end| {
            timed(count, || {
                monitor.change(
                    |number| number % 2 != end,
                    |number| {
                        *number += 1;
                        true
                    },
                );
            })
        })
    }
    let seconds = seconds_of!(subject, play::<Manyhands>(count, placement));
    Some(seconds * 1e6 / count as f64)
}

/// One thread puts `count` items, at most 16 ahead of the other, which takes them; millions a second.
pub fn hand_over(subject: &str, count: u64, placement: Placement) -> Option<f64> {
    fn play<M: Monitor>(count: u64, placement: Placement) -> f64 {
        const ROOM: u64 = 16;
        let monitor = M::new(0);
        both(placement, |end| {
            timed(count, || match end {
                0 => monitor.change(
                    |items| items == ROOM,
                    |items| {
                        *items += 1;
                        true
                    },
                ),
                _ => monitor.change(
                    |items| items == 0,
                    |items| {
                        *items -= 1;
                        true
                    },
                ),
            })
        })
    }
    let seconds = seconds_of!(subject, play::<Manyhands>(count, placement));
    Some(count as f64 / seconds / 1e6)
}

/// Something with permits.
trait Semaphore: Sync {
    fn new(permits: u64) -> Self;
    fn pass(&self);
}

impl Semaphore for manyhands::Semaphore {
    fn new(permits: u64) -> Self {
        manyhands::Semaphore::new(permits as u32)
    }

    fn pass(&self) {
        drop(self.acquire());
    }
}

impl<M: Monitor> Semaphore for M {
    fn new(permits: u64) -> Self {
        M::new(permits)
    }

    fn pass(&self) {
        self.change(
            |permits| permits == 0,
            |permits| {
                *permits -= 1;
                false
            },
        );
        self.change(
            |_| false,
            |permits| {
                *permits += 1;
                true
            },
        );
    }
}

/// Takes a permit and gives it back `count` times, with nobody else there; nanoseconds.
pub fn free_semaphore(subject: &str, count: u64) -> Option<f64> {
    fn pass<S: Semaphore>(count: u64) -> f64 {
        let semaphore = S::new(1);
        timed(count, || semaphore.pass())
    }
    let seconds = seconds_of!(subject, pass::<manyhands::Semaphore>(count));
    Some(seconds * 1e9 / count as f64)
}

/// Two threads take the only permit and give it back, `count` times each; millions a second.
pub fn contended_semaphore(subject: &str, count: u64, placement: Placement) -> Option<f64> {
    fn pass<S: Semaphore>(count: u64, placement: Placement) -> f64 {
        let semaphore = S::new(1);
        both(placement, |_| timed(count, || semaphore.pass()))
    }
    let seconds = seconds_of!(subject, pass::<manyhands::Semaphore>(count, placement));
    Some(2.0 * count as f64 / seconds / 1e6)
}

/// Something that happens, and may be taken back.
trait Event: Sync {
    fn new() -> Self;
    fn set_wait_and_clear(&self);
}

impl Event for manyhands::Event {
    fn new() -> Self {
        manyhands::Event::new()
    }

    fn set_wait_and_clear(&self) {
        self.set();
        self.wait();
        self.clear();
    }
}

impl<M: Monitor> Event for M {
    fn new() -> Self {
        M::new(0)
    }

    fn set_wait_and_clear(&self) {
        let changed_to = |to: u64| {
            move |is_set: &mut u64| {
                *is_set = to;
                to == 1
            }
        };
        self.change(|_| false, changed_to(1));
        self.change(|is_set| is_set == 0, |_| false);
        self.change(|_| false, changed_to(0));
    }
}

/// Sets an event, waits for it and clears it, `count` times, with nobody else there; nanoseconds.
pub fn free_event(subject: &str, count: u64) -> Option<f64> {
    fn pass<E: Event>(count: u64) -> f64 {
        let event = E::new();
        timed(count, || event.set_wait_and_clear())
    }
    let seconds = seconds_of!(subject, pass::<manyhands::Event>(count));
    Some(seconds * 1e9 / count as f64)
}
