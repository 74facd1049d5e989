//! How waiters hear that the reaper has ended.
//!
//! A waiter sleeps on two words, its own and the reaper's life. In the second the kernel notes the reaper's end and
//! wakes one sleeper, whichever that is. Perhaps that one has just got what it waited for, and leaves. So each thread
//! that slept beside a life and finds it over wakes all the others, and each that is about to sleep and finds it over
//! has the reaper replaced first. The kernel lets no thread fall asleep beside a life that is no longer what was seen.
//! So all waiters either have learned of the end or see it before they sleep. There is one exception: a waiter that is
//! killed between the kernel's wake-up and its own.

use crate::platform::atomic::{AtomicU32, Ordering};
use crate::platform::futex::{self, ENDED, Scope};

/// Beside which life to sleep, and what it says; none when there is no reaper. One that has ended is replaced first.
pub(in crate::sync) fn beside(
    life: &'static AtomicU32,
    replace: impl FnOnce(),
) -> Option<(&'static AtomicU32, u32)> {
    let seen = life.load(Ordering::Acquire);
    if seen & ENDED != 0 {
        replace();
        return None;
    }
    (seen != 0).then_some((life, seen))
}

/// After a sleep beside a life: if that is over, the others are to hear of it, too.
pub(super) fn pass_on((life, seen): (&AtomicU32, u32)) {
    if life.load(Ordering::Acquire) != seen {
        futex::wake(life, u32::MAX, Scope::Shared);
    }
}

#[cfg(all(test, manyhands_model))]
mod model {
    //! The end of the reaper under every schedule. A killed process may have done something without waking its waiters;
    //! they go on, since one of them makes another reaper, which wakes all.

    use super::*;
    use crate::platform::model::{check, spawn};
    use crate::sync::event::word::EventWord;
    use crate::sync::wait::mortal::model::dies_after;
    use crate::sync::wait::park::{Blocking, Ticking, Turn, Wait};
    use loom::sync::Arc;
    use loom::thread;
    use std::time::Duration;

    const FIRST: u32 = 1;
    const NEXT: u32 = 2;

    struct Place {
        event: EventWord,
        life: &'static AtomicU32,
    }

    struct Beside(Arc<Place>);

    impl Ticking for Beside {
        fn before_sleep(&self, _is_long: bool) -> Turn {
            let Place { life, event } = &*self.0;
            // What a new reaper does first: its number, then the sweep of the dead.
            let replace = || {
                if life.compare_exchange(ENDED, NEXT, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                    event.recover(Scope::Shared);
                }
            };
            Turn { period: Duration::MAX, elected: false, beside: beside(life, replace) }
        }

        fn after_sleep(&self, turn: Turn, _timed_out: bool) {
            turn.beside.map(pass_on);
        }
    }

    /// As the kernel does it.
    fn kill_the_reaper(life: &AtomicU32) {
        if life.compare_exchange(FIRST, ENDED, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            futex::wake(life, 1, Scope::Shared);
        }
    }

    fn place() -> Place {
        let life = Box::leak(Box::new(AtomicU32::new(FIRST)));
        Place { event: EventWord::default(), life }
    }

    fn waiter(place: &Arc<Place>) -> thread::JoinHandle<()> {
        let ticking = Beside(place.clone());
        spawn(place, move |place| {
            let wait = Wait::shared(None, &Blocking, &ticking);
            place.event.wait(place.event.mark(), &wait).unwrap();
        })
    }

    #[test]
    fn model_life_a_killed_setter_and_a_killed_reaper_leave_nobody_asleep() {
        check(2, place, |place| {
            let waiters = [waiter(&place), waiter(&place)];
            dies_after(0, || place.event.set(Scope::Shared));
            kill_the_reaper(place.life);
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
    }

    /// The kernel's one wake-up may go to a waiter that has just got what it waits for.
    #[test]
    fn model_life_who_leaves_passes_it_on() {
        check(2, place, |place| {
            let other = Arc::new(Place { event: EventWord::default(), life: place.life });
            let waiters = [waiter(&place), waiter(&other)];
            dies_after(0, || place.event.set(Scope::Shared));
            let killer = thread::spawn({
                let life = place.life;
                move || kill_the_reaper(life)
            });
            other.event.set(Scope::Shared);
            killer.join().unwrap();
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
    }
}
