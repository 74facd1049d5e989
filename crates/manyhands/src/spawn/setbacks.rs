//! When to try again what the system has refused: no process can be made now, no memory is left.
//!
//! Such refusals come in series and end by themselves, so the start is tried again: after 10 ms, then after twice as
//! long each time, at most 1.28 s. It is also known when a series is so long that a caller that depends on it alone
//! should get an error. Nothing here says that a process is dead.

use crate::platform::Deadline;
use std::time::Duration;

/// After this many refusals in a row, half a minute, a caller that can go on only if one more try succeeds waits no
/// longer.
const HOPELESS: u32 = 30;

/// The refusals in a row of one undertaking.
#[derive(Debug, Default)]
pub struct Setbacks {
    times: u32,
    not_before: Option<Deadline>,
}

impl Setbacks {
    /// It was refused once more.
    pub fn note(&mut self) {
        self.times = self.times.saturating_add(1);
        self.not_before = Deadline::after(Duration::from_millis(5 << self.times.min(8)));
    }

    /// It has succeeded.
    pub fn clear(&mut self) {
        *self = Setbacks::default();
    }

    /// How often it was refused since it last succeeded.
    pub fn times(&self) -> u32 {
        self.times
    }

    /// Whether it was refused so often that a caller that can only wait for it should get an error.
    pub fn are_hopeless(&self) -> bool {
        self.times >= HOPELESS
    }

    /// Until when to wait before the next try; `None` when it may be tried now.
    pub fn rest(&self) -> Option<Deadline> {
        self.not_before.filter(|time| !time.is_past())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_long_before_it_is_hopeless_and_a_success_ends_it() {
        let mut setbacks = Setbacks::default();
        assert!(setbacks.rest().is_none());
        let mut longest = Duration::ZERO;
        let mut all = Duration::ZERO;
        while !setbacks.are_hopeless() {
            setbacks.note();
            let rest = setbacks.rest().map_or(Duration::ZERO, Deadline::remaining);
            longest = longest.max(rest);
            all += rest;
        }
        assert!(longest <= Duration::from_millis(1280), "{longest:?}");
        assert!(all > Duration::from_secs(20), "{all:?}");
        setbacks.clear();
        assert!(setbacks.rest().is_none() && setbacks.times() == 0 && !setbacks.are_hopeless());
    }
}
