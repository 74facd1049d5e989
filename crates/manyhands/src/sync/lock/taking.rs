//! How a lock is taken: where in the program, and whether as by a guard.
//!
//! A lock keeps both while it is held, for the wait graph and its reports. A guard stays in its thread, so only the
//! holder can release what was taken through one.

use super::word::GUARDED;
use crate::sync::wait::site::Site;
use crate::sync::wait_graph::thread_number;

/// How a lock is taken, for those that may get a deadlock as an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taking {
    /// Where in the program.
    pub site: Site,
    /// Whether only this thread will release it, as with a guard.
    pub guarded: bool,
}

impl Taking {
    /// Through a guard, at the caller's place.
    #[track_caller]
    #[inline]
    pub const fn guarded_here() -> Taking {
        Taking { site: Site::here(), guarded: true }
    }

    /// The calling thread's number as it stands in the word.
    #[inline]
    pub(super) fn me(self) -> u32 {
        if self.guarded { thread_number() | GUARDED } else { thread_number() }
    }
}
