//! A door through which only so many threads of a process are at a time, on their way to something that one of them
//! gets.
//!
//! Python's threads all want the interpreter lock when they wake, and each that waits for it wakes 200 times a second
//! to ask for it. When one event wakes thousands, they would do little else. So they come to that lock through a door,
//! a few dozen at a time, and the others sleep. It sets no order and guards nothing: a thread that is let in does what
//! it would do without. In a fork's child nobody is inside, even if threads of the parent were. The places are counted
//! in one word; a thread that finds none sleeps at a gate, and a thread that leaves a full door has the next one look.

use super::wait::gate::Gate;
use super::wait::park::Blocking;
use super::wait::subject::Subject;
use super::wait_for::wait_for;
use crate::arena::Kind;
use crate::platform::atomic::{AtomicU64, Ordering};

/// A door, with nobody inside.
///
/// | bits of the word | meaning |
/// |---|---|
/// | 0..=31 | how many are inside |
/// | 32..=63 | the token of the process that they are of; another's are not here |
#[derive(Debug)]
pub struct Door {
    inside: AtomicU64,
    gate: Gate,
    most: u32,
}

fn count_of(seen: u64, token: u32) -> u32 {
    if (seen >> 32) as u32 == token { seen as u32 } else { 0 }
}

fn word_of(count: u32, token: u32) -> u64 {
    u64::from(token) << 32 | u64::from(count)
}

impl Door {
    /// A door with room for `most` at a time.
    #[cfg(not(manyhands_model))]
    pub const fn new(most: u32) -> Door {
        Door { inside: AtomicU64::new(0), gate: Gate::new(), most }
    }

    /// Goes in, asleep until there is room, and says whether the caller is to [leave](Door::leave). It is not when the
    /// process has so few threads that they are not counted.
    #[cfg(not(manyhands_model))]
    #[inline]
    #[must_use = "whoever went in takes a place until it leaves"]
    pub fn enter(&self) -> bool {
        let is_counted = crate::sync::wait_graph::numbered_threads() > self.most;
        if is_counted {
            self.enter_as(crate::sync::wait_graph::process_token());
        }
        is_counted
    }

    /// Goes out, after an [`enter`](Door::enter) that asked for it.
    #[cfg(not(manyhands_model))]
    #[inline]
    pub fn leave(&self) {
        self.leave_as(crate::sync::wait_graph::process_token());
    }

    #[inline]
    fn enter_as(&self, token: u32) {
        if self.try_enter(token).is_none() {
            self.wait(token);
        }
    }

    fn try_enter(&self, token: u32) -> Option<()> {
        let more = |seen| {
            let count = count_of(seen, token);
            (count < self.most).then(|| word_of(count + 1, token))
        };
        self.inside.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).ok().map(drop)
    }

    #[cold]
    fn wait(&self, token: u32) {
        let has_room = || count_of(self.inside.load(Ordering::Relaxed), token) < self.most;
        wait_for(Subject::private(Kind::DOOR, self), &has_room, None, &Blocking, |wait| {
            // Without a deadline, and with nothing to interrupt it, the wait ends inside.
            while self.gate.wait_until(wait, || self.try_enter(token), has_room).is_err() {}
        });
    }

    #[inline]
    fn leave_as(&self, token: u32) {
        let less = |seen| Some(word_of(count_of(seen, token).checked_sub(1)?, token));
        let before = self.inside.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
        // The one waiter that is woken passes on what room there is when it has come in.
        if before.is_ok_and(|before| count_of(before, token) >= self.most) {
            self.gate.notify_one(crate::platform::Scope::Private);
        }
    }
}

#[cfg(all(test, not(manyhands_model)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn never_more_than_so_many_are_inside_and_all_come_through() {
        static DOOR: Door = Door::new(3);
        static INSIDE: AtomicU32 = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        DOOR.enter_as(1);
                        assert!(INSIDE.fetch_add(1, Ordering::Relaxed) < 3);
                        std::thread::yield_now();
                        INSIDE.fetch_sub(1, Ordering::Relaxed);
                        DOOR.leave_as(1);
                    }
                });
            }
        });
        assert_eq!(DOOR.inside.load(Ordering::Relaxed) as u32, 0);
    }

    #[test]
    fn who_was_inside_in_the_parent_takes_no_room_in_a_forks_child() {
        let door = Door::new(1);
        door.enter_as(7);
        door.enter_as(8);
        assert!(door.try_enter(8).is_none());
        // The parent's thread, of which the child has a copy, cannot leave here.
        door.leave_as(7);
        assert!(door.try_enter(8).is_none());
        door.leave_as(8);
        assert!(door.try_enter(8).is_some());
    }
}

#[cfg(all(test, manyhands_model))]
mod model {
    //! The door under every schedule: never too many are inside, and a waiter comes in when a thread leaves.

    use super::*;
    use crate::platform::atomic::AtomicU32;
    use crate::platform::model::{check, spawn};

    fn pass((door, inside): &(Door, AtomicU32)) {
        door.enter_as(1);
        assert!(inside.fetch_add(1, Ordering::Relaxed) < door.most);
        inside.fetch_sub(1, Ordering::Relaxed);
        door.leave_as(1);
    }

    fn all_come_through(most: u32, others: usize) {
        let new = move || (Door { inside: AtomicU64::new(0), gate: Gate::new(), most }, AtomicU32::new(0));
        check(2, new, move |shared| {
            let threads: Vec<_> = (0..others).map(|_| spawn(shared, pass)).collect();
            pass(shared);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }

    #[test]
    fn model_door_for_one() {
        all_come_through(1, 2);
    }

    #[test]
    fn model_door_for_two() {
        all_come_through(2, 2);
    }
}
