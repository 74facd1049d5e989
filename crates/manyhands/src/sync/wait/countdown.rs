//! A count of what is out, and a place to sleep until all of it is back.
//!
//! It may rise again after it was zero; a waiter returns for a zero that stood at some moment of its wait. It then sees
//! what was done before each thing came back. The count is shared by reference counting, since the last one to come
//! back still touches it when the waiter has already gone on. It does not know what is out.

use super::gate::Gate;
use super::park::Wait;
use crate::platform::Scope;
use crate::platform::atomic::{AtomicUsize, Ordering};

/// How many are out.
///
/// | word | leaves by |
/// |---|---|
/// | 0 | `lend`: 1 |
/// | n | `lend`: n + 1; `give_back`: n - 1, and wakes those who wait if that is 0 |
#[derive(Debug, Default)]
pub(crate) struct Countdown {
    out: AtomicUsize,
    gate: Gate,
}

impl Countdown {
    /// One more is out.
    #[inline]
    pub(crate) fn lend(&self) {
        self.out.fetch_add(1, Ordering::Relaxed);
    }

    /// One is back.
    #[inline]
    pub(crate) fn give_back(&self) {
        if self.out.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.gate.notify_all(Scope::Private);
        }
    }

    /// Whether all are back.
    pub(crate) fn are_back(&self) -> bool {
        self.out.load(Ordering::Acquire) == 0
    }

    /// Waits until all are back.
    pub(crate) fn wait(&self, wait: &Wait<'_>) {
        let ready = || self.are_back().then_some(());
        // Without a deadline, and with nothing to interrupt it, the wait ends only with the last one.
        while self.gate.wait_until(wait, ready, || true).is_err() {}
    }
}

#[cfg(all(test, manyhands_model))]
mod model {
    use super::*;
    use crate::platform::atomic::AtomicU32;
    use crate::platform::model::spawn;
    use crate::sync::wait::park::Blocking;
    use loom::sync::Arc;

    #[test]
    fn model_who_waits_for_all_to_be_back_sees_what_each_has_done() {
        loom::model(|| {
            let shared = Arc::new((Countdown::default(), AtomicU32::new(0), AtomicU32::new(0)));
            let threads = [0, 1].map(|which| {
                shared.0.lend();
                spawn(&shared, move |shared| {
                    let done = if which == 0 { &shared.1 } else { &shared.2 };
                    done.store(1, Ordering::Relaxed);
                    shared.0.give_back();
                })
            });
            shared.0.wait(&Wait::private(None, &Blocking));
            let seen = (shared.1.load(Ordering::Relaxed), shared.2.load(Ordering::Relaxed));
            assert_eq!(seen, (1, 1), "something was out still");
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
}
