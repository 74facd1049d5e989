//! Barriers: how many have arrived, and whether it is broken.

use manyhands::platform::Deadline;
use manyhands::sync::{Blocking, RawBarrier};
use std::time::Duration;

use super::play::{Answer, Play};

fn wait(barrier: &RawBarrier, deadline: Option<Deadline>, good: bool) -> Answer {
    barrier.wait(deadline, &Blocking, || good).map_err(|error| error.to_string())
}

pub fn play(play: &mut Play, barrier: &'static RawBarrier, parties: usize) {
    let mut is_broken = false;
    while play.goes_on() {
        let choice = play.below(16);
        let arrived = play.blocked().len();
        let Some(actor) = play.idle() else { unreachable!("there are more actors than parties") };
        match choice {
            0..11 => {
                let order = move || wait(barrier, None, choice != 10);
                if is_broken {
                    let got = play.ask(actor, order);
                    play.expect("wait at a broken barrier", got.is_err(), true);
                } else if arrived + 1 < parties {
                    play.block(actor, || barrier.statistics().waiters as usize, order);
                } else {
                    complete(play, actor, order, choice != 10);
                    is_broken = choice == 10;
                }
            }
            11 => {
                // In no time: breaks the barrier, unless it is the last.
                let at_once = Deadline::after(Duration::ZERO);
                let order = move || wait(barrier, at_once, true);
                if !is_broken && arrived + 1 == parties {
                    complete(play, actor, order, true);
                } else {
                    let got = play.ask_beside_waiters(actor, order);
                    play.expect("wait in no time", got.is_err(), true);
                    is_broken = true;
                    fail(play);
                }
            }
            12 => {
                barrier.abort();
                is_broken = true;
                fail(play);
            }
            13 | 14 => {
                barrier.reset();
                is_broken = false;
                fail(play);
            }
            _ => {
                let seen = barrier.statistics();
                play.expect("statistics", (seen.waiters as usize, seen.broken), (arrived, is_broken));
            }
        }
    }
    barrier.abort();
    fail(play);
}

/// The last party arrives: all go on, each with a place of its own, or all fail.
fn complete(play: &mut Play, actor: usize, order: impl FnOnce() -> Answer + Send + 'static, good: bool) {
    let arrived = play.blocked().len();
    let mut places: Vec<Answer> = vec![play.ask_beside_waiters(actor, order)];
    places.extend(play.released(arrived).into_iter().map(|(_, answer)| answer));
    if good {
        places.sort();
        let expected: Vec<Answer> = (0..=arrived as u32).map(Ok).collect();
        play.expect("a full barrier", places, expected);
    } else {
        play.check(places.iter().all(Result::is_err), "a failed action let somebody through");
    }
}

/// All that are blocked fail.
fn fail(play: &mut Play) {
    let blocked = play.blocked().len();
    for (_, answer) in play.released(blocked) {
        play.check(answer.is_err(), format_args!("a wait at a broken barrier gave {answer:?}"));
    }
}
