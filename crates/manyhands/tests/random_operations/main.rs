//! Random operations of each primitive, one at a time, beside a sequential model that says what each must do.
//!
//! Some operations block their thread, and the model says which of the blocked go on, and when. A failure names the
//! seed and the step: `MANYHANDS_SEED` repeats it, `MANYHANDS_OPERATIONS` says how many there are of each primitive
//! (10,000 unless told; the full measure is a million). A model never waits for time to pass.

mod barriers;
mod conditions;
mod events;
mod locks;
mod play;
mod semaphores;

use manyhands::sync::{RawBarrier, RawCondition, RawEvent, RawLock, RawRLock, RawSemaphore};
use play::{Play, lasting};

#[test]
fn locks_do_as_their_model() {
    locks::play(&mut Play::new("Lock"), lasting(RawLock::private()));
}

#[test]
fn re_entrant_locks_do_as_their_model() {
    locks::play_re_entrant(&mut Play::new("RLock"), lasting(RawRLock::private()));
}

#[test]
fn semaphores_do_as_their_model() {
    semaphores::play(&mut Play::new("Semaphore"), lasting(RawSemaphore::private(1, 1_000)), 1, 1_000);
}

#[test]
fn bounded_semaphores_do_as_their_model() {
    semaphores::play(&mut Play::new("bounded Semaphore"), lasting(RawSemaphore::private(2, 2)), 2, 2);
}

#[test]
fn events_do_as_their_model() {
    events::play(&mut Play::new("Event"), lasting(RawEvent::private()));
}

#[test]
fn conditions_do_as_their_model() {
    conditions::play(&mut Play::new("Condition"), lasting(RawCondition::private()));
}

#[test]
fn barriers_do_as_their_model() {
    barriers::play(&mut Play::new("Barrier"), lasting(RawBarrier::private(3)), 3);
}

/// The same words in the arena, where threads of one process stand for those of several.
#[test]
fn the_shared_ones_do_as_their_models() {
    locks::play(&mut Play::new("shared Lock"), lasting(RawLock::shared().unwrap()));
    locks::play_re_entrant(&mut Play::new("shared RLock"), lasting(RawRLock::shared().unwrap()));
    let semaphore = lasting(RawSemaphore::shared(2, 3).unwrap());
    semaphores::play(&mut Play::new("shared Semaphore"), semaphore, 2, 3);
    events::play(&mut Play::new("shared Event"), lasting(RawEvent::shared().unwrap()));
    conditions::play(&mut Play::new("shared Condition"), lasting(RawCondition::shared().unwrap()));
    barriers::play(&mut Play::new("shared Barrier"), lasting(RawBarrier::shared(3).unwrap()), 3);
}
