//! Whether a watcher's bell is to ring: raised when something is there, and silent again when a taker finds nothing.
//!
//! The bell and this word change together under a lock of the caller's. But takers come by without it, so that one that
//! has taken the last thing and the watcher that has just seen it may pass each other. Each changes something, fences,
//! and then looks at what the other changes: one of them sees the other. No published algorithm; Dekker's idea.

use crate::platform::atomic::{AtomicU32, Ordering, fence};

/// The watcher looks for something; the bell is silent.
const WATCHING: u32 = 0;
/// The bell has been rung, or is about to be.
const RAISED: u32 = 1;
/// The watcher is to end.
const ENDING: u32 = 2;

/// The state of one bell. Zero is a silent one.
#[derive(Debug, Default)]
pub(crate) struct Alarm(AtomicU32);

impl Alarm {
    /// For the watcher, which has seen something, with the lock held: has the bell rung, unless it is gone by now.
    pub(crate) fn raise(&self, is_there: impl Fn() -> bool, ring: impl FnOnce()) {
        if !self.step(WATCHING, RAISED) {
            return;
        }
        fence(Ordering::SeqCst); // raised before it looks; pairs with the fence of takers
        if is_there() {
            ring();
        } else {
            self.step(RAISED, WATCHING);
        }
    }

    /// For a taker, after it has taken something or found nothing: whether the bell may have to be silenced.
    pub(crate) fn may_be_raised(&self) -> bool {
        fence(Ordering::SeqCst); // took before it looks
        self.0.load(Ordering::Relaxed) == RAISED
    }

    /// For one that has found nothing, with the lock held: has the bell silenced. The watcher has to look once more.
    pub(crate) fn silence(&self, drain: impl FnOnce()) {
        if self.step(RAISED, WATCHING) {
            drain();
        }
    }

    /// The watcher is to end.
    pub(crate) fn end(&self) {
        self.0.store(ENDING, Ordering::Release);
    }

    /// Whether the watcher is to end.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.load(Ordering::Acquire) == ENDING
    }

    /// Whether the watcher has nothing to do until a taker has looked.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire) == RAISED
    }

    fn step(&self, from: u32, to: u32) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(all(test, manyhands_model))]
mod model {
    //! A bell that has come to rest says what is there.

    use super::*;
    use crate::platform::model::{check, spawn};
    use loom::sync::Mutex;

    #[derive(Default)]
    struct Place {
        things: AtomicU32,
        alarm: Alarm,
        /// Whether it can be heard.
        bell: Mutex<bool>,
    }

    impl Place {
        fn is_there(&self) -> bool {
            self.things.load(Ordering::Acquire) > 0
        }

        /// The watcher's step, whenever it is woken: it has seen something or not.
        fn watch(&self) {
            if self.is_there() {
                let mut bell = self.bell.lock().unwrap();
                self.alarm.raise(|| self.is_there(), || *bell = true);
            }
        }

        fn take(&self) {
            let seen = self.things.load(Ordering::Acquire);
            if seen > 0 {
                let _ = self.things.compare_exchange(seen, seen - 1, Ordering::AcqRel, Ordering::Acquire);
            }
            self.refresh();
        }

        /// As a taker does; the watcher's next step follows.
        fn refresh(&self) {
            if self.alarm.may_be_raised() && !self.is_there() {
                let mut bell = self.bell.lock().unwrap();
                self.alarm.silence(|| *bell = false);
                drop(bell);
                self.watch();
            }
        }

        fn says_what_is_there(&self) {
            assert_eq!(*self.bell.lock().unwrap(), self.is_there());
            assert_eq!(self.alarm.is_raised(), self.is_there());
        }
    }

    #[test]
    fn model_alarm_a_taker_and_the_watcher_pass_each_other() {
        check(3, Place::default, |place| {
            place.things.store(1, Ordering::Release);
            let watcher = spawn(place, |place| place.watch());
            place.take();
            watcher.join().unwrap();
            place.says_what_is_there();
        });
    }

    #[test]
    fn model_alarm_something_comes_while_it_is_silenced() {
        check(2, Place::default, |place| {
            place.things.store(1, Ordering::Release);
            place.watch();
            let taker = spawn(place, |place| place.take());
            // The one that puts wakes the watcher.
            place.things.fetch_add(1, Ordering::AcqRel);
            place.watch();
            taker.join().unwrap();
            place.says_what_is_there();
        });
    }

    #[test]
    fn model_alarm_two_takers() {
        check(2, Place::default, |place| {
            place.things.store(2, Ordering::Release);
            place.watch();
            let taker = spawn(place, |place| place.take());
            place.take();
            taker.join().unwrap();
            // One of them may have been too late for a thing, and takes none.
            place.refresh();
            place.says_what_is_there();
        });
    }
}
