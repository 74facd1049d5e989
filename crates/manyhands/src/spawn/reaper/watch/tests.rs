//! Reapers that meet.

use super::*;
use crate::platform::Deadline;
use crate::spawn::reaper::ensure;
use std::time::Duration;

/// The process in the office, once it has begun.
fn present(arena: &'static Arena) -> (ProcessId, PidFd) {
    loop {
        ensure(arena).unwrap();
        let present = ProcessId::from_raw(arena.reaper().load(Ordering::Acquire));
        let begun = present.filter(|present| arena.process_state(*present) == Some(ProcessState::Alive));
        if let Some(present) = begun
            && let Ok(Some(pidfd)) = arena.process(present).pidfd()
        {
            return (present, pidfd);
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_reaper_in_whose_place_there_is_another_ends() {
    let arena = Arena::get().unwrap();
    let (first, first_pidfd) = present(arena);
    // As if it had been given up before it began.
    let word = arena.reaper();
    let _ = word.compare_exchange(first.raw(), 0, Ordering::AcqRel, Ordering::Acquire);
    let (next, next_pidfd) = present(arena);
    if next == first {
        // It has taken the office again before there was another.
        return;
    }
    assert!(first_pidfd.wait_dead(Deadline::after(Duration::from_secs(60))).unwrap(), "there are two");
    assert!(!next_pidfd.is_dead() || present(arena).0 != first);
}
