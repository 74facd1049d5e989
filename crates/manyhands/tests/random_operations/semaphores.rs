//! Semaphores: a number of free permits, never more than the maximum, and nobody blocked while there is one.

use manyhands::platform::Deadline;
use manyhands::sync::{Blocking, RawSemaphore};
use std::time::Duration;

use super::play::{Play, ok};

pub fn play(play: &mut Play, semaphore: &'static RawSemaphore, permits: u32, maximum: u32) {
    let waiters = || semaphore.statistics().waiters;
    let mut free = permits;
    while let Some(step) = play.next(8) {
        match step {
            (0..3, Some(actor)) => {
                let order = || ok(semaphore.acquire(None, &Blocking));
                play.ask_or_block((actor, "acquire", free == 0), waiters, order);
                free = free.saturating_sub(1);
            }
            (3, _) => {
                play.expect("try_acquire", semaphore.try_acquire(), free > 0);
                free = free.saturating_sub(1);
            }
            (4, Some(actor)) => {
                let at_once = Deadline::after(Duration::ZERO);
                let got = play.ask(actor, move || ok(semaphore.acquire(at_once, &Blocking)));
                play.expect("acquire in no time", got.is_ok(), free > 0);
                free = free.saturating_sub(1);
            }
            (5, _) => play.expect("value", semaphore.value(), free),
            (6.., _) | (_, None) => {
                let count = 1 + play.below(3) as u32;
                let fits = free + count <= maximum;
                play.expect("release", semaphore.release(count).is_ok(), fits);
                if fits {
                    free += count;
                    let go_on = (free as usize).min(play.blocked().len());
                    for (_, answer) in play.released(go_on) {
                        play.expect("a wait", answer, Ok(0));
                    }
                    free -= go_on as u32;
                    play.wait_for_waiters(waiters);
                }
            }
        }
    }
    let left = play.blocked().len();
    for _ in 0..left {
        semaphore.release(1).unwrap();
        play.released(1);
    }
}
