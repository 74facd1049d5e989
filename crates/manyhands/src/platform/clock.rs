//! Points in time on the monotonic clock, as waits need them.
//!
//! A time-out is turned into a [`Deadline`] once, when a wait begins. Every sleep inside that wait uses the same one,
//! so wake-ups without news do not lengthen it. The clock is CLOCK_MONOTONIC, which is one clock for all processes of
//! the machine. Nothing here decides that a process is dead.

use std::time::Duration;

/// A point in time, in nanoseconds of CLOCK_MONOTONIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(u64);

impl Deadline {
    /// The point that lies `duration` from now; `None` when that is further away than the clock counts (584
    /// years), which a wait takes for "never".
    pub fn after(duration: Duration) -> Option<Deadline> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        now_ns().checked_add(nanos).map(Deadline)
    }

    /// The point at this time of the monotonic clock.
    pub fn at(nanos: u64) -> Deadline {
        Deadline(nanos)
    }

    /// The point itself, in nanoseconds of CLOCK_MONOTONIC.
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whether the point has been reached.
    pub fn is_past(self) -> bool {
        now_ns() >= self.0
    }

    /// How long it is until then; zero when it is past.
    pub fn remaining(self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(now_ns()))
    }

    /// The earlier of this point and another, where `None` means never.
    #[must_use]
    pub fn earlier(self, other: Option<Deadline>) -> Deadline {
        other.map_or(self, |other| self.min(other))
    }
}

/// The monotonic clock in nanoseconds.
#[cfg(not(manyhands_model))]
pub fn now_ns() -> u64 {
    nanos(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic))
}

/// The clock that goes on while the machine sleeps, in nanoseconds since it was started.
#[cfg(not(manyhands_model))]
pub fn boot_ns() -> u64 {
    nanos(rustix::time::clock_gettime(rustix::time::ClockId::Boottime))
}

#[cfg(not(manyhands_model))]
fn nanos(time: rustix::time::Timespec) -> u64 {
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}

/// In the model time stands still: no deadline ever comes.
#[cfg(manyhands_model)]
pub fn now_ns() -> u64 {
    0
}
