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

/// A test for each primitive: what is played, under which name, on what, and what its model must know of it.
macro_rules! do_as_their_models {
    ($($test:ident: $play:path, $name:literal, $primitive:expr $(, $known:expr)*;)*) => {$(
        #[test]
        fn $test() {
            $play(&mut Play::new($name), lasting($primitive) $(, $known)*);
        }
    )*};
}

do_as_their_models! {
    locks_do_as_their_model: locks::play, "Lock", RawLock::private();
    re_entrant_locks_do_as_their_model: locks::play_re_entrant, "RLock", RawRLock::private();
    semaphores_do_as_their_model: semaphores::play, "Semaphore", RawSemaphore::private(1, 1_000), 1, 1_000;
    bounded_semaphores_do_as_their_model: semaphores::play, "bounded Semaphore", RawSemaphore::private(2, 2), 2, 2;
    events_do_as_their_model: events::play, "Event", RawEvent::private();
    conditions_do_as_their_model: conditions::play, "Condition", RawCondition::private();
    barriers_do_as_their_model: barriers::play, "Barrier", RawBarrier::private(3), 3;
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
