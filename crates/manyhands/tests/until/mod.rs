//! Waiting for a condition, in all tests: unit tests, and programs of their own.
//!
//! The limit is there only to end a test that would not; nobody fails for being slow.

use std::thread;
use std::time::{Duration, Instant};

/// Looks until `condition` holds; `what` is said when it does not for a minute.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited a minute in vain: {what}");
        thread::yield_now();
    }
}
