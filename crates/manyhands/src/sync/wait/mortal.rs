//! Where the model lets a participant stop for ever, as a process killed by SIGKILL does.
//!
//! Lock-free code that must survive a killed participant calls [`may_die`] after each of its stores
//! (and before each of its wake-ups). Outside the model that is nothing at all. In the model,
//! [`dies_after`] runs a participant that unwinds at the n-th such point: everything it stored stays,
//! nothing it would have done next happens. Code between two points must run no destructor that
//! stores, or the dead would tidy up. No published algorithm; the usual crash-point injection.

/// A point at which a process may be killed.
#[cfg(not(manyhands_model))]
#[inline(always)]
pub(crate) fn may_die() {}

#[cfg(manyhands_model)]
pub(crate) use model::may_die;

#[cfg(manyhands_model)]
#[allow(dead_code, reason = "used by the model tests alone")]
pub(crate) mod model {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    loom::thread_local! {
        static POINTS_LEFT: Cell<u32> = Cell::new(u32::MAX);
    }

    struct Died;

    pub(crate) fn may_die() {
        let died = POINTS_LEFT.with(|left| {
            let now = left.get();
            if now == u32::MAX {
                return false;
            }
            left.set(now.wrapping_sub(1));
            now == 0
        });
        if died {
            resume_unwind(Box::new(Died));
        }
    }

    /// Runs `life`, which stops for ever at its point number `points`; `None` when it did.
    pub(crate) fn dies_after<R>(points: u32, life: impl FnOnce() -> R) -> Option<R> {
        POINTS_LEFT.with(|left| left.set(points));
        let result = catch_unwind(AssertUnwindSafe(life));
        POINTS_LEFT.with(|left| left.set(u32::MAX));
        match result {
            Ok(result) => Some(result),
            Err(cause) if cause.is::<Died>() => None,
            Err(cause) => resume_unwind(cause),
        }
    }
}
