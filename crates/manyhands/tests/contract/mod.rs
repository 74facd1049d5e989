//! What each primitive does, stated once, for whatever backend runs the parties: threads or processes.
//!
//! A backend makes the objects and runs a party beside the caller. Parties share the objects and a row of numbers,
//! nothing else. Nobody waits for time to pass: limits are zero, or there only to end a test that would not end.

mod bad_input;
mod deposits;
mod locks;
mod waits;

pub use bad_input::*;
pub use deposits::*;
pub use locks::*;
pub use waits::*;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use manyhands::platform::Deadline;
use manyhands::sync::{RawBarrier, RawCondition, RawEvent, RawLock, RawRLock, RawSemaphore};

/// Where the parties run, and where what they share stands.
pub trait Backend {
    /// How many parties of how many deposits each.
    const DEPOSITS: (u64, u64);

    /// What a test holds while it runs, where tests must take turns.
    type Turn;

    fn turn() -> Self::Turn;

    fn lock() -> RawLock;
    fn rlock() -> RawRLock;
    fn semaphore(permits: u32, maximum: u32) -> RawSemaphore;
    fn event() -> RawEvent;
    fn condition() -> RawCondition;
    fn barrier(parties: u32) -> RawBarrier;

    /// Runs a party beside the caller.
    fn beside(party: impl FnOnce() -> bool + Send + 'static) -> Party;
}

/// A party that runs; gives, when it has ended, whether it said that all was well.
#[must_use = "a party is waited for"]
pub struct Party(pub Box<dyn FnOnce() -> bool>);

impl Party {
    pub fn was_content(self) -> bool {
        (self.0)()
    }
}

/// What lives until the program ends, so that every party can see it.
pub fn lasting<T>(object: T) -> &'static T {
    Box::leak(Box::new(object))
}

/// Numbers that all parties see, zero at first.
pub fn numbers() -> &'static [AtomicU64; 8] {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    let size = size_of::<[AtomicU64; 8]>();
    // SAFETY: a fresh anonymous map of that size, zeroed, page-aligned and never unmapped; zeros are such numbers.
    unsafe {
        let memory = libc::mmap(std::ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert_ne!(memory, libc::MAP_FAILED, "no memory for the numbers");
        &*memory.cast()
    }
}

/// Reads and writes in two steps, so that who is not kept apart loses some.
pub fn deposit(balance: &AtomicU64) {
    let seen = balance.load(Ordering::Relaxed);
    if seen.is_multiple_of(16) {
        std::thread::yield_now();
    }
    balance.store(seen + 1, Ordering::Relaxed);
}

/// A limit that is over.
pub fn at_once() -> Option<Deadline> {
    Deadline::after(Duration::ZERO)
}

/// A limit that is not, for tests of limits that are not reached.
pub fn in_a_minute() -> Option<Deadline> {
    Deadline::after(Duration::from_secs(60))
}

pub fn in_turn<B: Backend>(test: fn()) {
    let _turn = B::turn();
    test();
}

/// The whole contract for one backend.
#[macro_export]
macro_rules! contract {
    ($backend:ty: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                contract::in_turn::<$backend>(contract::$name::<$backend>);
            }
        )*
    };
    ($backend:ty) => {
        contract!($backend:
            deposits_under_a_lock
            deposits_under_a_re_entrant_lock
            deposits_under_a_semaphore_of_one
            deposits_under_a_condition
            a_held_lock_is_had_by_nobody_else
            anybody_releases_a_lock
            a_re_entrant_lock_is_its_holders_until_the_last_release
            statistics_tell_holder_and_waiters
            a_semaphore_has_as_many_permits_as_it_says
            a_bounded_semaphore_takes_no_more_back_than_it_had
            an_event_lets_all_through_while_it_is_set
            an_event_that_is_set_and_cleared_at_once_wakes_who_waited
            notifications_go_to_those_who_have_waited_longest
            a_wait_at_a_condition_gives_up_the_lock_and_has_it_again
            a_wait_gives_up_a_re_entrant_lock_altogether
            a_notification_that_nobody_waits_for_is_gone
            a_barrier_holds_all_until_the_last_who_acts
            a_barrier_is_broken_by_impatience_and_whole_after_a_reset
            an_aborted_barrier_fails_for_all
            a_failed_action_breaks_the_barrier
            what_is_not_held_is_not_released
            what_another_holds_is_not_released
            a_condition_without_its_lock_is_not_waited_at
            a_barrier_needs_parties
            a_semaphore_beyond_its_maximum_changes_nothing
        );
    };
}
